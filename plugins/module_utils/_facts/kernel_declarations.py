# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Namespaces, links, routes, rules and neighbours as declarations. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core import validation
from ansible_collections.netns.fabric.plugins.module_utils._facts.exporter import Declaration, Exporter, drop_unset
from ansible_collections.netns.fabric.plugins.module_utils._facts.model import SYSCTLS
from ansible_collections.netns.fabric.plugins.module_utils._facts.namespace_view import (
    destination_of,
    name_at,
    rule_selector,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel import sysctl
from ansible_collections.netns.fabric.plugins.module_utils._kernel.attributes import Kind
from ansible_collections.netns.fabric.plugins.module_utils._kernel.kinds import data_of, find_kind
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import (
    Link,
    NamespaceName,
    NamespaceState,
    NextHop,
    Route,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.attachment import OWN_DEVICES
from ansible_collections.netns.fabric.plugins.module_utils._resources import netns_resolver
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_settings import place
from ansible_collections.netns.fabric.plugins.module_utils._resources.netns import FALLBACK_LINKS
from ansible_collections.netns.fabric.plugins.module_utils._resources.netns_file_plan import is_managed
from ansible_collections.netns.fabric.plugins.module_utils._resources.route_model import IPV6_METRIC

# Namespaces


def namespaces(exporter: Exporter) -> Iterator[Declaration]:
    """Return the entries for netns."""
    for other in exporter.facts.names:
        if not exporter.is_named(other):
            exporter.skip(f"namespaces: {exporter.host.label(other)}", "it has no name, or is declared by another name")
    for name in exporter.namespaces:
        state = exporter.state(name)
        if name is None or not exporter.facts.owns_namespace(state):
            continue
        loopback = state.link("lo")
        if loopback is not None and not loopback.up and (exporter.owner is not None or _is_bare(state)):
            exporter.skip(f"namespaces: {name}", "its loopback is down, and netns.fabric.netns would bring it up")
            continue
        yield {"name": name, **_resolver(exporter, name), **_sysctls(exporter, name)}


def _is_bare(state: NamespaceState) -> bool:
    """Return whether nothing was added to a namespace, so that netns.fabric.netns would take it over."""
    links = [link for link in state.links if not link.loopback and link.name not in FALLBACK_LINKS]
    return not links and all(address.made_by_kernel for address in state.addresses)


def _resolver(exporter: Exporter, name: str) -> Declaration:
    """Return what the resolver's file has, where writing it again would not change it."""
    text = exporter.host.resolvers.get(name)
    if text is None or not is_managed(text):
        return {}
    lines = [line.split() for line in text.splitlines()]
    servers = tuple(words[1] for words in lines if words[:1] == ["nameserver"] and len(words) > 1)
    domains = tuple(domain for words in lines if words[:1] == ["search"] for domain in words[1:])
    again = netns_resolver.Wanted(servers or None, domains or None)
    if netns_resolver.plan(name, again, {netns_resolver.path(name): text}, exporter.owner).operations:
        return {}
    return drop_unset(nameservers=list(servers) or None, search=list(domains) or None)


def _sysctls(exporter: Exporter, name: str) -> Declaration:
    values = exporter.host.namespace(name).sysctls
    return drop_unset(sysctls={key: value for key, value in values.items() if value != SYSCTLS[key]} or None)


def host_sysctls(exporter: Exporter) -> Declaration:
    """Return the option `host_sysctls` of netns: the parameters of which it is recorded who has set them."""
    found: Declaration = {}
    if None not in exporter.namespaces:
        return found
    for key, (record, value) in sorted(exporter.host.host_sysctls.items()):
        if not exporter.facts.owns([record.owner]):
            continue
        if sysctl.same_value(value, record.set):
            found[key] = value
        else:
            exporter.skip(f"host_sysctls: {key}", f"{record.owner} has set {record.set}, and somebody else {value}")
    return found


# Links


def pairs(exporter: Exporter) -> Iterator[Declaration]:
    """Return the entries for veth."""
    done: set[frozenset[tuple[str, int]]] = set()
    for name in exporter.namespaces:
        for link in exporter.facts.links(name):
            if link.kind != "veth":
                continue
            far = exporter.host.kernel.far_end(link)
            if far is None or (far[0] or "").startswith("/"):
                exporter.skip(f"pairs: {place(name, link.name)}", "its peer is not in a namespace with a name")
                continue
            ends = [(name, link), (exporter.name_of(far[0]), far[1])]
            identity = frozenset((str(where), end.index) for where, end in ends)
            if identity not in done:
                done.add(identity)
                # The end in a namespace first, as a person would write it.
                ends.sort(key=lambda end: (end[0] is None, str(end[0]), end[1].name))
                yield {**_end(exporter, *ends[0]), "peer": _end(exporter, *ends[1])}


def _end(exporter: Exporter, name: NamespaceName, link: Link) -> Declaration:
    mac = _if_valid("mac", validation.mac_address, link.mac)
    return {**_settings(exporter, name, link), **mac, **drop_unset(tx_checksum=link.tx_checksum)}


def links(exporter: Exporter) -> Iterator[Declaration]:
    """Return the entries for link."""
    for name in exporter.namespaces:
        for link in exporter.facts.links(name):
            if link.kind != "veth" and link.name not in FALLBACK_LINKS | OWN_DEVICES:
                entry = {**_settings(exporter, name, link), **_kind(exporter, name, link)}
                if not link.loopback or not link.up or entry.get("addresses"):
                    yield entry


def _kind(exporter: Exporter, name: NamespaceName, link: Link) -> Declaration:
    """Return what creates the link: with an owner, only of what that one has created."""
    kind = find_kind(link.kind, link.information)
    if kind is None or (exporter.owner is not None and not link.created) or _is_of_switch(exporter, name, link):
        return {}
    base = exporter.host.kernel.base_of(link)
    if (link.base is not None and not link.base.known) or (base and (base[0] or "").startswith("/")):
        exporter.skip(f"the kind of {place(name, link.name)}", "what it is on is in a namespace without a name")
        return {}
    parent = drop_unset(name=base[1].name, namespace=exporter.name_of(base[0])) if base else None
    source = link.base.namespace if link.base and base is None else name
    underlay = drop_unset(namespace=exporter.name_of(source)) if source != name and kind.underlay else None
    values = _own_options(exporter, place(name, link.name), kind, kind.deviations(data_of(link.information))) or None
    return drop_unset(kind=kind.name, parent=parent, underlay=underlay, **{kind.name: values})


def _own_options(exporter: Exporter, what: str, kind: Kind, values: Mapping[str, Any]) -> Declaration:
    """Return the options of the kind without those that have a secret in them, which are left unchanged."""
    plain = {name: value for name, value in values.items() if not kind.has_secrets({name: value})}
    for name in values.keys() - plain.keys():
        exporter.skip(f"links: {what}: {kind.name}.{name}", "it is a secret, or has one in it")
    return kind.report(plain)


def _is_of_switch(exporter: Exporter, name: NamespaceName, link: Link) -> bool:
    """Return whether Open vSwitch has created the link."""
    port = exporter.host.port_of(name, link)
    return port is not None and (port[1].interface.type == "internal" or port[0].name == link.name)


def _settings(exporter: Exporter, name: NamespaceName, link: Link) -> Declaration:
    # Open vSwitch sets the MTU of its own links, see `bridges` and `ports`.
    of_switch = name is None and _is_internal(exporter, link.name)
    mtu = {} if link.loopback or of_switch else _if_valid("mtu", validation.mtu, link.mtu)
    named = drop_unset(name=link.name, namespace=name)
    master = exporter.state(name).link_at(link.master)
    of_kernel = master is not None and find_kind(master.kind, master.information) is not None
    member = {"master": master.name} if master is not None and of_kernel else {}
    if name is not None and link.origin and link.origin.moved and link.origin.name:
        named["nic"] = link.origin.name
    return {**named, **_addresses(exporter, name, link), **mtu, **member, "enabled": link.up}


def _is_internal(exporter: Exporter, link: str) -> bool:
    found = exporter.host.switch.port_with(link)
    return found is not None and (found[1].interface.type == "internal" or found[0].name == link)


def _addresses(exporter: Exporter, name: NamespaceName, link: Link) -> Declaration:
    # Those that an owner did not declare are somebody else's.
    if "addresses" not in exporter.host.wanted or (exporter.owner is not None and link.keeps_addresses):
        return {}
    found = [address for address in exporter.state(name).addresses_of(link) if not address.made_by_kernel]
    if any(address.peer is not None for address in found):
        exporter.skip(f"the addresses of {place(name, link.name)}", "one of them has a peer address")
        return {}
    return {"addresses": [str(address.interface) for address in found]}


def _if_valid(option: str, check: Callable[[Any], Any], value: Any) -> Declaration:
    """Return a setting unless only the kernel allows it: no hardware address, an MTU above Ethernet's."""
    try:
        return {option: check(value)}
    except ValueError:
        return {}


# Routes, rules and neighbours


def _routed_namespaces(exporter: Exporter) -> Iterator[tuple[NamespaceName, NamespaceState]]:
    """Yield the namespaces whose routes, rules and neighbours are the owner's."""
    for name in exporter.namespaces:
        state = exporter.state(name)
        if exporter.owner is None or (name is not None and exporter.facts.owns_namespace(state)):
            yield name, state


def routes(exporter: Exporter) -> Iterator[Declaration]:
    """Return the entries for route."""
    for name, state in _routed_namespaces(exporter):
        for route in state.routes:
            if route.static and not (route.special or route.tos or route.origin):
                yield _route(name, state, route)
            elif route.static:
                exporter.skip(
                    f"routes: {route.destination} in {name or 'the host'}",
                    "netns.fabric.route has no options for it (its type, encapsulation, type of service or source)",
                )


def _route(name: NamespaceName, state: NamespaceState, route: Route) -> Declaration:
    default_metric = IPV6_METRIC if route.version == 6 else 0
    # The word `default` needs one of these options to say the IP version.
    is_plain_ipv6 = route.version == 6 and not (route.gateway or route.source or route.next_hops)
    return drop_unset(
        namespace=name,
        destination=route.destination if is_plain_ipv6 else destination_of(route),
        type=None if route.kind == "unicast" else route.kind,
        gateway=route.gateway,
        device=name_at(state, route.device),
        onlink=route.onlink or None,
        nexthops=[_next_hop(state, hop) for hop in route.next_hops] or None,
        metric=None if route.metric == default_metric else route.metric,
        table=None if route.table == validation.MAIN_TABLE else route.table,
        source=route.source,
        mtu=route.mtu,
    )


def _next_hop(state: NamespaceState, hop: NextHop) -> Declaration:
    weight = hop.weight if hop.weight != 1 else None
    device = name_at(state, hop.device)
    return drop_unset(gateway=hop.gateway, device=device, weight=weight, onlink=hop.onlink or None)


def rules(exporter: Exporter) -> Iterator[Declaration]:
    """Return the entries for rule."""
    for name, state in _routed_namespaces(exporter):
        for rule in state.rules:
            if rule.static and rule.special:
                exporter.skip(
                    f"rules: {rule.priority} in {name or 'the host'}",
                    f"netns.fabric.rule has no options for it ({', '.join(rule.special)})",
                )
            elif rule.static:
                # Without a network, nothing else says the IP version.
                version = rule.version if not (rule.source or rule.destination) and rule.version == 6 else None
                yield drop_unset(
                    namespace=name,
                    priority=rule.priority,
                    version=version,
                    **rule_selector(rule),
                    action=None if rule.action == "lookup" else rule.action,
                    table=rule.table,
                    l3mdev=rule.l3mdev or None,
                    suppress_prefixlength=rule.suppress_prefixlength,
                )


def neighbours(exporter: Exporter) -> Iterator[Declaration]:
    """Return the entries for neighbour."""
    for name, state in _routed_namespaces(exporter):
        for each in state.neighbours:
            if each.static:
                device = name_at(state, each.device)
                proxy = each.proxy or None
                yield drop_unset(namespace=name, address=each.address, device=device, mac=each.mac, proxy=proxy)
