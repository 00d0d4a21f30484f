# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The namespaces of a topology as hosts of an inventory, for the inventory plugin.

Pure; runs on the controller.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.model import Attachment, End, Reader, Topology

BECOME_METHOD = "netns.fabric.netns"

OWN = frozenset(("ansible_become", "ansible_become_method", "ansible_become_user", "ansible_netns"))
"""The variables by which a namespace is entered: those of the host that it is on are not taken over."""

Variables = dict[str, Any]


def namespace_hosts(variables: Mapping[str, Any]) -> tuple[dict[str, Variables], list[str]]:
    """Return the variables of each namespace by its name, and the mistakes in the topology.

    :param variables: the topology's, their names without ``topology_``.
    :returns: for each namespace ``ansible_netns`` and how it is entered, ``netns_topology``, ``netns_interfaces`` (a
        list of
        dictionaries with ``name``, ``addresses``, and as far as declared ``bridge``, ``tag``, ``mac``, ``mtu``) and
        ``netns_addresses`` (the addresses of all of them in order, without prefix lengths); in the order of the
        variables.
        What has a mistake in it is left out.
    """
    reader = Reader()
    topology = reader.topology(variables)
    if topology.state != "present":
        return {}, list(reader.mistakes)
    return {
        namespace.name: {
            "ansible_become": True,
            "ansible_become_method": BECOME_METHOD,
            "ansible_netns": namespace.name,
            "netns_topology": topology.name,
            **_interfaces(_ends(topology, namespace.name)),
        }
        for namespace in topology.namespaces
    }, list(reader.mistakes)


def connection_variables(host: str, variables: Mapping[str, Any]) -> Variables:
    """Return by which variables a namespace is reached: those of the host that it is on, as references to them.

    References and not copies: what is a template there means that host, its name for instance, and a secret stays
    there.

    :param host: the host's name in the inventory.
    :param variables: its variables.
    """
    taken = sorted(key for key in variables if key.startswith("ansible_") and key not in OWN)
    references = {key: f"{{{{ hostvars[{host!r}][{key!r}] }}}}" for key in taken}
    return {"ansible_host": host, **references, "netns_host": host}


def _ends(topology: Topology, namespace: str) -> list[End]:
    return [end for end in topology.ends() if end.namespace == namespace]


def _interfaces(ends: Iterable[End]) -> Variables:
    listed = list(ends)
    return {
        "netns_interfaces": [_interface(end) for end in listed],
        "netns_addresses": [str(address.ip) for end in listed for address in end.addresses or ()],
    }


def _interface(end: End) -> Variables:
    known: Variables = {"name": end.name, "addresses": [str(address) for address in end.addresses or ()]}
    known.update({key: end.options[key] for key in ("mac", "mtu") if key in end.options})
    if isinstance(end, Attachment) and end.bridge is not None:
        known["bridge"] = end.bridge
        known.update({key: end.port[key] for key in ("tag", "trunks") if key in end.port})
    return known
