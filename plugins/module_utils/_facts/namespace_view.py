# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A namespace as the module returns it. Pure."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from ansible_collections.netns.fabric.plugins.module_utils._core.routing import IP_PROTOCOLS, PROTOCOLS
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import NAMESPACE_DIRECTORY
from ansible_collections.netns.fabric.plugins.module_utils._facts.firewall_view import firewall_view, nat_chains
from ansible_collections.netns.fabric.plugins.module_utils._facts.model import HostFacts
from ansible_collections.netns.fabric.plugins.module_utils._facts.view import FilteredFacts, namespace_owners
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import Ruleset
from ansible_collections.netns.fabric.plugins.module_utils._kernel.kinds import data_of, find_kind
from ansible_collections.netns.fabric.plugins.module_utils._kernel.qdisc_kinds import values_of
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import (
    Link,
    NamespaceName,
    NamespaceState,
    Qdisc,
    Route,
    Rule,
)

if TYPE_CHECKING:
    from ansible_collections.netns.fabric.plugins.module_utils._kernel.sockets import Socket
    from ansible_collections.netns.fabric.plugins.module_utils._system.processes import Process

#: Where the kernel keeps what follows from the addresses (RT_TABLE_LOCAL of linux/rtnetlink.h).
LOCAL_TABLE = 255


def namespace_view(facts: FilteredFacts, name: NamespaceName) -> dict[str, Any]:
    """Return a namespace, and in it what the filters admit."""
    host = facts.host
    state = host.kernel.namespace(name)
    identity = host.identities[name]
    inside = host.namespace(name)
    links = facts.links(name)
    named = name is not None and not name.startswith("/")
    #: The indexes of the links whose routes and neighbours are reported; None for all, those without a link too.
    devices = None if facts.filters.owner is None else {link.index for link in links}
    is_owned = devices is None or (name is not None and facts.owns_namespace(state))
    return {
        "name": host.label(name),
        "named": named,
        "inode": identity.inode,
        "nsid": None if name is None else identity.nsid,
        "path": "/proc/self/ns/net" if name is None else f"{NAMESPACE_DIRECTORY}/{name}" if named else name,
        "owners": list(namespace_owners(state)) if name is not None else [],
        "processes": [_process(process) for process in host.processes.get(identity.inode, ())],
        "links": [_link(host, state, link) for link in links],
        "routes": [
            _route(state, route)
            for route in state.routes
            if route.table != LOCAL_TABLE and (devices is None or _is_of(route, devices, is_owned))
        ],
        "rules": [_rule(rule) for rule in state.rules if is_owned],
        "neighbours": [
            {
                "address": neighbour.address,
                "mac": neighbour.mac,
                "device": name_at(state, neighbour.device),
                "state": neighbour.state,
                "proxy": neighbour.proxy,
            }
            for neighbour in state.neighbours
            if devices is None or neighbour.device in devices
        ],
        "sockets": [_socket(host, state, socket) for socket in sorted(inside.sockets, key=_socket_order)],
        "sysctls": dict(inside.sysctls),
        "firewall": _firewall(facts, name),
    }


def _link(host: HostFacts, state: NamespaceState, link: Link) -> dict[str, Any]:
    port = host.port_of(state.name, link)
    return {
        "name": link.name,
        "index": link.index,
        "kind": link.kind or ("loopback" if link.loopback else "physical"),
        "state": link.state,
        "enabled": link.up,
        "mac": link.mac or None,
        "mtu": link.mtu,
        "alias": link.alias,
        "owners": list(link.owners),
        "master": name_at(state, link.master),
        "peer": _peer(host, link),
        "parent": _parent(host, link),
        "options": _options(link),
        "bridge_port": {"bridge": port[0].name, "port": port[1].name, "tag": port[1].tag} if port else None,
        "tx_checksum": link.tx_checksum,
        "addresses": [
            {
                "address": str(address.interface),
                "peer": address.peer,
                "made_by_kernel": address.made_by_kernel,
            }
            for address in state.addresses_of(link)
        ],
        "qdiscs": [_qdisc(state, qdisc) for qdisc in state.qdiscs_of(link)],
        "counters": dict(sorted(link.counters.items())),
    }


def _qdisc(state: NamespaceState, qdisc: Qdisc) -> dict[str, Any]:
    place = "root" if qdisc.is_root else "ingress" if qdisc.is_ingress else f"{qdisc.parent >> 16:x}:"
    redirect = {"redirect": name_at(state, qdisc.redirect)} if qdisc.redirect else {}
    return {
        "kind": qdisc.kind,
        "parent": place if ":" not in place else f"{place}{qdisc.parent & 0xFFFF:x}",
        "handle": f"{qdisc.handle >> 16:x}:",
        "options": {**values_of(qdisc), **redirect},
    }


def _peer(host: HostFacts, link: Link) -> dict[str, Any] | None:
    if link.peer is None:
        return None
    far = host.kernel.far_end(link)
    return {
        "namespace": host.label(far[0]) if far else None,
        "name": far[1].name if far else None,
        "index": link.peer.index,
    }


def _parent(host: HostFacts, link: Link) -> dict[str, Any] | None:
    base = host.kernel.base_of(link)
    return {"namespace": host.label(base[0]), "name": base[1].name} if base else None


def _options(link: Link) -> dict[str, Any]:
    """Return the options of the link's kind that the kernel reports."""
    kind = find_kind(link.kind, link.information)
    return kind.report(kind.decode(data_of(link.information))) if kind else {}


def name_at(state: NamespaceState, index: int | None) -> str | None:
    """Return the name of the link with an index; None where there is no such link."""
    link = state.link_at(index) if index else None
    return link.name if link else None


def _process(process: Process) -> dict[str, Any]:
    return {"pid": process.pid, "command": process.command, "user": process.user}


def _route(state: NamespaceState, route: Route) -> dict[str, Any]:
    return {
        "destination": destination_of(route),
        "gateway": route.gateway,
        "device": name_at(state, route.device),
        "metric": route.metric,
        "table": route.table,
        "source": route.source,
        "protocol": PROTOCOLS.get(route.protocol, str(route.protocol)),
        "version": route.version,
        "type": route.kind,
        "nexthops": [
            {"gateway": hop.gateway, "device": name_at(state, hop.device), "weight": hop.weight, "onlink": hop.onlink}
            for hop in route.next_hops
        ],
        "onlink": route.onlink,
        "mtu": route.mtu,
        "special": route.special,
    }


def _is_of(route: Route, devices: Collection[int], is_owned: bool) -> bool:
    """Return whether a route uses one of these links, or no link, in a namespace that is reported."""
    return any(device in devices for device in route.devices) if route.devices else is_owned


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "priority": rule.priority,
        "version": rule.version,
        "action": rule.action,
        "table": rule.table,
        "l3mdev": rule.l3mdev,
        "suppress_prefixlength": rule.suppress_prefixlength,
        **rule_selector(rule),
        "protocol": PROTOCOLS.get(rule.protocol, str(rule.protocol)),
        "special": list(rule.special),
    }


def rule_selector(rule: Rule) -> dict[str, Any]:
    """Return which packets a rule is about, as options of the module rule."""
    mark, protocol = rule.mark, rule.ip_protocol
    return {
        "from": rule.source,
        "to": rule.destination,
        "iif": rule.iif,
        "oif": rule.oif,
        "fwmark": f"{mark[0]:#x}/{mark[1]:#x}" if mark else None,
        "ipproto": None if protocol is None else IP_PROTOCOLS.get(protocol, str(protocol)),
        "sport": _ports(rule.source_ports),
        "dport": _ports(rule.destination_ports),
    }


def _ports(ports: tuple[int, int] | None) -> str | None:
    if ports is None:
        return None
    first, last = ports
    return f"{first}-{last}" if last > first else str(first)


def destination_of(route: Route) -> str:
    """Return a route's destination in the words of ip-route(8)."""
    return "default" if route.destination in ("0.0.0.0/0", "::/0") else route.destination


def _socket(host: HostFacts, state: NamespaceState, socket: Socket) -> dict[str, Any]:
    return {
        "protocol": socket.protocol,
        "address": socket.address,
        "port": socket.port,
        "version": socket.version,
        "device": name_at(state, socket.device),
        "uid": socket.uid,
        "processes": [_process(process) for process in host.holders.get(socket.inode, ())],
    }


def _socket_order(socket: Socket) -> tuple[str, int, int, str]:
    return socket.protocol, socket.port, socket.version, socket.address


def _firewall(facts: FilteredFacts, name: NamespaceName) -> dict[str, Any]:
    ruleset = facts.host.rulesets.get(name) or Ruleset()
    tables = facts.host.namespace(name).tables
    rules = facts.owned_rules(name)
    if facts.filters.owner is None:
        return firewall_view(ruleset, tables, {chain.place for chain in nat_chains(ruleset)}, rules)
    places = {chain.place for chain, _rule in rules}
    with_rules = {(place.family, place.table) for place in places}
    return firewall_view(ruleset, [table for table in tables if table[1:] in with_rules], places, rules)
