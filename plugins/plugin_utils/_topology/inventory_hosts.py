# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The namespaces of a topology as hosts of an inventory, for the inventory plugin.

Pure; runs on the controller.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.model import Attachment, End
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.reader import Reader

BECOME_METHOD = "netns.fabric.netns"

#: The variables by which a namespace is entered: its host's values of these are not inherited.
OWN_VARIABLES = frozenset(("ansible_become", "ansible_become_method", "ansible_become_user", "ansible_netns"))

Variables = dict[str, Any]


def namespace_hosts(variables: Mapping[str, Any], host: str) -> tuple[dict[str, Variables], list[str]]:
    """Return the variables of each namespace by its name, and the errors in the topology.

    Args:
        variables: The topology's variables, their names without ``topology_``.
        host: The host's name in the inventory.

    Returns:
        For each namespace of the host, in the order of the variables: ``ansible_netns`` and the other variables by
        which it is entered; ``netns_topology``; ``netns_interfaces``, a list of dictionaries with ``name``,
        ``addresses``, and as far as declared ``bridge``, ``tag``, ``trunks``, ``mac``, ``mtu``; and
        ``netns_addresses``, the addresses of all of them in order, without prefix lengths. Invalid entries are left
        out.
    """
    reader = Reader()
    topology = reader.read(variables)
    if topology.state != "present":
        return {}, list(reader.errors)
    return {
        namespace.name: {
            "ansible_become": True,
            "ansible_become_method": BECOME_METHOD,
            "ansible_netns": namespace.name,
            "netns_topology": topology.name,
            **_interface_variables([end for end in topology.ends() if end.namespace == namespace.name]),
        }
        for namespace in topology.namespaces
        if namespace.host in (None, host)
    }, list(reader.errors)


def connection_variables(host: str, variables: Mapping[str, Any]) -> Variables:
    """Return the variables by which a namespace is reached: references to those of its host.

    References and not copies: a template then keeps the meaning that it has for that host (its name, for example), and
    a secret stays there.

    Args:
        host: The host's name in the inventory.
        variables: The host's variables.
    """
    inherited = sorted(key for key in variables if key.startswith("ansible_") and key not in OWN_VARIABLES)
    references = {key: f"{{{{ hostvars[{host!r}][{key!r}] }}}}" for key in inherited}
    return {"ansible_host": host, **references, "netns_host": host}


def _interface_variables(ends: Sequence[End]) -> Variables:
    return {
        "netns_interfaces": [_describe_interface(end) for end in ends],
        "netns_addresses": [str(address.ip) for end in ends for address in end.addresses or ()],
    }


def _describe_interface(end: End) -> Variables:
    known: Variables = {"name": end.name, "addresses": [str(address) for address in end.addresses or ()]}
    known.update({key: end.options[key] for key in ("mac", "mtu") if key in end.options})
    if isinstance(end, Attachment) and end.bridge is not None:
        known["bridge"] = end.bridge
        known.update({key: end.port[key] for key in ("tag", "trunks") if key in end.port})
    return known
