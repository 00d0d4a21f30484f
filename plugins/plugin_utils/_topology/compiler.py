# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The compiler of topologies: from the role's variables to one list per module.

Pure; runs on the controller, before the host is touched. Nothing here needs Ansible.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.validation import Interface
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.checks import check
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.forwards import targets
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.model import (
    Attachment,
    Bridge,
    End,
    Forward,
    Link,
    Namespace,
    Nat,
    Reader,
    Route,
    Topology,
)
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.probes import probes

Entry = dict[str, Any]

SUMMARY_MAX = 20
"""Entries of one kind that the summary spells out; a page is read, a thousand lines are not."""


class TopologyError(ValueError):
    """A topology with mistakes in it; the text lists all of them.

    :param name: the topology's name.
    :param mistakes: one line each.
    """

    def __init__(self, name: str, mistakes: Iterable[str]) -> None:
        self.mistakes = tuple(mistakes)
        count = "a mistake" if len(self.mistakes) == 1 else f"{len(self.mistakes)} mistakes"
        lines = "".join(f"\n  {number}. {mistake}" for number, mistake in enumerate(self.mistakes, 1))
        super().__init__(f"topology {name!r} has {count} in it; the host has not been touched:{lines}")


def compile_topology(variables: Any) -> dict[str, Any]:
    """Check a topology and give each module its list.

    :param variables: a dictionary with the role's variables, their names without ``topology_``.
    :returns: ``namespaces``, ``bridges``, ``pairs``, ``interfaces``, ``ports``, ``routes``, ``rules``, ``forwards``,
        ``probes``: each in the format of the module's bulk option; and ``summary``, a list of lines for a person.
    :raises TopologyError: with every mistake there is.
    """
    reader = Reader()
    topology = reader.topology(variables)
    check(topology, reader.mistakes)
    if len(reader.mistakes):
        raise TopologyError(topology.name, reader.mistakes)
    lists = _present(topology) if topology.state == "present" else _absent(topology)
    return {**lists, "summary": _summary(topology)}


# --- present -------------------------------------------------------------------------------------------------------


def _present(topology: Topology) -> dict[str, Any]:
    attachments = [attachment for namespace in topology.namespaces for attachment in namespace.interfaces]
    cabled = [attachment for attachment in attachments if attachment.bridge is not None]
    return {
        "namespaces": [{"name": namespace.name, **namespace.options} for namespace in topology.namespaces],
        # A type that works here, so that a bridge is healed that somebody has put on a datapath that does not.
        "bridges": [{"name": bridge.name, "datapath_type": "auto", **bridge.switch} for bridge in topology.bridges],
        "pairs": [_cable(attachment) for attachment in cabled] + [_link(link) for link in topology.links],
        "links": [_local(bridge) for bridge in topology.bridges]
        + [_end(attachment) for attachment in attachments if attachment.bridge is None],
        "ports": [_port(attachment) for attachment in cabled],
        "routes": [entry for namespace in topology.namespaces for entry in _routes(namespace)],
        "rules": [{"source": str(rule.source), **rule.options} for rule in topology.nat],
        "forwards": [entry for forward in topology.forwards for entry in _published(topology, forward)],
        "probes": probes(topology) if topology.verify else [],
    }


def _end(end: End) -> Entry:
    """An end or an existing link. It is up unless it was declared down, so that a run finds and heals one put down."""
    entry: Entry = {"name": end.name, "enabled": True, **end.options}
    if end.namespace is not None:
        entry["namespace"] = end.namespace
    if end.addresses is not None:
        entry["addresses"] = _listed(end.addresses)
    return entry


def _cable(attachment: Attachment) -> Entry:
    peer: Entry = {"name": attachment.peer, "enabled": True}
    if "mtu" in attachment.options:
        # A cable with two MTUs drops what is too long for the shorter one without a word.
        peer["mtu"] = attachment.options["mtu"]
    return {**_end(attachment), "peer": peer}


def _link(link: Link) -> Entry:
    return {**_end(link.near), "peer": _end(link.far)}


def _local(bridge: Bridge) -> Entry:
    entry: Entry = {"name": bridge.name, "enabled": bridge.enabled}
    if bridge.addresses is not None:
        entry["addresses"] = _listed(bridge.addresses)
    return entry


def _port(attachment: Attachment) -> Entry:
    entry: Entry = {
        "name": attachment.peer,
        "bridge": attachment.bridge,
        **attachment.port,
        "peer": {"name": attachment.name, "namespace": attachment.namespace},
    }
    if "tx_checksum" in attachment.options:
        entry["tx_checksum"] = "keep"  # The user has decided, and the module veth sees to it.
    return entry


def _routes(namespace: Namespace) -> Iterator[Entry]:
    if not namespace.routes:
        # Names the namespace, for the module's `exact`.
        yield {"namespace": namespace.name, "destination": "default", "state": "absent"}
    for route in namespace.routes:
        yield _route(namespace.name, route)


def _route(namespace: str, route: Route) -> Entry:
    entry: Entry = {"namespace": namespace, "destination": route.shown}
    for option in ("gateway", "source"):
        address = getattr(route, option)
        if address is not None:
            entry[option] = str(address)
    for option in ("device", "metric", "table"):
        if getattr(route, option) is not None:
            entry[option] = getattr(route, option)
    return entry


def _published(topology: Topology, forward: Forward) -> Iterator[Entry]:
    """An entry for each IP version; a neighbour of the target is to reach the port, too."""
    for target in targets(topology, forward):
        entry = {**_listener(forward, target), **forward.options}
        if target.network.num_addresses > 1:
            entry["hairpin"] = str(target.network)
        yield entry


def _listener(forward: Forward, target: Interface) -> Entry:
    entry: Entry = {"port": forward.ports, "protocol": forward.protocol, "to_address": str(target.ip)}
    if forward.address is not None:
        entry["address"] = str(forward.address)
    return entry


# --- absent --------------------------------------------------------------------------------------------------------


def _absent(topology: Topology) -> dict[str, Any]:
    attachments = [attachment for namespace in topology.namespaces for attachment in namespace.interfaces]
    cabled = [attachment for attachment in attachments if attachment.bridge is not None]
    ends = [*cabled, *(link.near for link in topology.links)]
    return {
        "namespaces": [_gone(name=namespace.name, **_force(namespace)) for namespace in topology.namespaces],
        "bridges": [_gone(name=bridge.name) for bridge in topology.bridges],
        "pairs": [_gone(name=end.name, namespace=end.namespace) for end in ends],
        # With their addresses: a bridge that somebody else has a use for stays, and our addresses on it are to go.
        "links": [_gone(name=bridge.name, addresses=_listed(bridge.addresses)) for bridge in topology.bridges]
        + [
            _gone(name=end.name, namespace=end.namespace, addresses=_listed(end.addresses))
            for end in attachments
            if end.bridge is None
        ],
        "ports": [_gone(name=attachment.peer, bridge=attachment.bridge) for attachment in cabled],
        "routes": [],
        "rules": [_gone(source=str(rule.source), **_way_out(rule)) for rule in topology.nat],
        "forwards": [
            _gone(**_listener(forward, target), **_way_in(forward))
            for forward in topology.forwards
            for target in targets(topology, forward)
        ],
        "probes": [],
    }


def _gone(**identity: Any) -> Entry:
    return {**{key: value for key, value in identity.items() if value is not None}, "state": "absent"}


def _listed(addresses: tuple[Interface, ...] | None) -> list[str] | None:
    return None if addresses is None else [str(address) for address in addresses]


def _force(namespace: Namespace) -> Entry:
    return {"force": namespace.options["force"]} if "force" in namespace.options else {}


def _way_out(rule: Nat) -> Entry:
    return {key: rule.options[key] for key in ("namespace", "out_interface") if key in rule.options}


def _way_in(forward: Forward) -> Entry:
    return {key: forward.options[key] for key in ("namespace", "in_interface") if key in forward.options}


# --- summary -------------------------------------------------------------------------------------------------------


def _summary(topology: Topology) -> list[str]:
    if topology.state == "absent":
        return [f"topology {topology.name}: absent"]
    ends: dict[str | None, list[End]] = {}
    for end in topology.ends():
        ends.setdefault(end.namespace, []).append(end)
    counts = (
        _count(topology.namespaces, "namespace"),
        _count(topology.bridges, "bridge"),
        _count(topology.links, "link"),
        _count(topology.nat, "NAT rule"),
        *([_count(topology.forwards, "published port")] if topology.forwards else []),
    )
    return [
        f"topology {topology.name}: {', '.join(counts)}",
        *_some(topology.namespaces, lambda namespace: _namespace_line(namespace, ends.get(namespace.name, []))),
        *_bridge_lines(topology),
        *_some(topology.links, _link_line),
        *_some(topology.nat, _nat_line),
        *_some(topology.forwards, lambda forward: _forward_line(topology, forward)),
    ]


def _count(entries: tuple[Any, ...], noun: str) -> str:
    return f"{len(entries) or 'no'} {noun}{'' if len(entries) == 1 else 's'}"


def _some(entries: tuple[Any, ...], line: Callable[[Any], str]) -> Iterator[str]:
    for entry in entries[:SUMMARY_MAX]:
        yield line(entry)
    if len(entries) > SUMMARY_MAX:
        yield f"  ... and {len(entries) - SUMMARY_MAX} more"


def _shown(addresses: tuple[Interface, ...] | None) -> str:
    return " ".join(str(address) for address in addresses) if addresses else "no address"


def _namespace_line(namespace: Namespace, ends: Iterable[End]) -> str:
    parts = [f"{end.name} {_shown(end.addresses)}" for end in ends]
    for route in namespace.routes:
        way = [f"via {route.gateway}"] if route.gateway else []
        way += [f"dev {route.device}"] if route.device else []
        parts.append(f"{route.shown} {' '.join(way)}")
    return f"  namespace {namespace.name}: {', '.join(parts) or 'empty'}"


def _bridge_lines(topology: Topology) -> Iterator[str]:
    ports: dict[str, list[str]] = {bridge.name: [] for bridge in topology.bridges}
    for namespace in topology.namespaces:
        for end in namespace.interfaces:
            if end.bridge is not None:
                tag = f" (VLAN {end.port['tag']})" if "tag" in end.port else ""
                ports[end.bridge].append(end.peer + tag)

    def line(bridge: Bridge) -> str:
        names = ports[bridge.name]
        shown = ", ".join(names[:SUMMARY_MAX]) + (
            f" and {len(names) - SUMMARY_MAX} more" if names[SUMMARY_MAX:] else ""
        )
        return f"  bridge {bridge.name}: {_shown(bridge.addresses)}, {f'ports {shown}' if names else 'no ports'}"

    yield from _some(topology.bridges, line)


def _link_line(link: Link) -> str:
    near, far = (f"{end.namespace or 'host'} {end.name} {_shown(end.addresses)}" for end in (link.near, link.far))
    return f"  link {near} <-> {far}"


def _nat_line(rule: Nat) -> str:
    out = f" by {rule.options['out_interface']}" if "out_interface" in rule.options else ""
    where = f"namespace {rule.namespace}" if rule.namespace else "the host"
    return f"  NAT {rule.source} leaves{out} with the address of {where}"


def _forward_line(topology: Topology, forward: Forward) -> str:
    at = f" at {forward.address}" if forward.address else ""
    by = f" by {forward.options['in_interface']}" if "in_interface" in forward.options else ""
    where = f"namespace {forward.namespace}" if forward.namespace else "the host"
    port = forward.options.get("to_port", forward.ports)
    to = " and ".join(str(target.ip) for target in targets(topology, forward))
    name = f" ({forward.to})" if isinstance(forward.to, str) else ""
    return f"  port {forward.ports}/{forward.protocol} of {where}{at}{by} leads to {to}{name} port {port}"
