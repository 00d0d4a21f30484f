# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can be wrong with a topology as a whole, its single values being right.

Pure, and linear in the size of the topology.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Union

from ansible_collections.netns.fabric.plugins.module_utils._core.validation import IPV6_MTU_MIN, Address, Interface
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.forwards import check_forwards
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.model import (
    Attachment,
    End,
    Mistakes,
    Namespace,
    Nat,
    Route,
    Topology,
    UserProbe,
    did_you_mean,
)

Segment = tuple[str, Union[str, int], int]
"""What shares a broadcast domain: ``("bridge", NAME, VLAN)`` or ``("link", INDEX, 0)``."""


def check(topology: Topology, mistakes: Mistakes) -> None:
    """Note every mistake that concerns the topology as a whole."""
    _namespaces(topology, mistakes)
    _bridges(topology, mistakes)
    _names(topology, mistakes)
    _addresses(topology, mistakes)
    _mtus(topology, mistakes)
    _routes(topology, mistakes)
    _nat(topology, mistakes)
    _probes(topology, mistakes)
    check_forwards(topology, mistakes)


def segment_of(attachment: Attachment) -> Segment | None:
    """The broadcast domain that an interface's untagged frames are in; None if they are in none that can be told.

    VLAN modes as ovs-vswitchd.conf.db(5), table Port, has them: without a mode, a port with a tag is an access port and
    one without is a trunk; a trunk carries untagged frames as VLAN 0, and only if its list (where there is one) has it.
    A native-tagged port takes untagged frames and gives back tagged ones: nothing that a plain interface could answer.
    """
    if attachment.bridge is None:
        return None
    tag = attachment.port.get("tag", 0)
    mode = attachment.port.get("vlan_mode") or ("access" if "tag" in attachment.port else "trunk")
    if mode == "native-tagged":
        return None
    if mode == "trunk":
        trunks = attachment.port.get("trunks", [])
        return ("bridge", attachment.bridge, 0) if not trunks or 0 in trunks else None
    return ("bridge", attachment.bridge, tag)


def _where(namespace: str | None) -> str:
    return "on the host" if namespace is None else f"in namespace {namespace!r}"


def _namespaces(topology: Topology, mistakes: Mistakes) -> None:
    """Namespaces: no name twice, and none referred to that is not declared."""
    first: dict[str, str] = {}
    for namespace in topology.namespaces:
        seen = first.setdefault(namespace.name, namespace.path)
        if seen != namespace.path:
            mistakes.add(namespace.path, "name", f"{namespace.name!r} is also the name of {seen}; rename one of them")
    for path, name in _namespace_references(topology):
        if name not in first and "namespaces" not in topology.unread:
            mistakes.add(
                path,
                "namespace",
                f"{name!r} is not in `topology_namespaces`; {did_you_mean(name, first)} (without it: the host)",
            )


def _namespace_references(topology: Topology) -> Iterator[tuple[str, str]]:
    for link in topology.links:
        for end in (link.near, link.far):
            if end.namespace is not None:
                yield end.path, end.namespace
    for rule in topology.nat:
        if rule.namespace is not None:
            yield rule.path, rule.namespace
    for forward in topology.forwards:
        if forward.namespace is not None:
            yield forward.path, forward.namespace
    for probe in topology.probes:
        if probe.namespace is not None:
            yield probe.path, probe.namespace


def _bridges(topology: Topology, mistakes: Mistakes) -> None:
    """Every bridge that an interface names is declared."""
    if "bridges" in topology.unread:
        return
    declared = {bridge.name for bridge in topology.bridges}
    for namespace in topology.namespaces:
        for attachment in namespace.interfaces:
            if attachment.bridge is not None and attachment.bridge not in declared:
                mistakes.add(
                    attachment.path,
                    "bridge",
                    f"{attachment.bridge!r} is not in `topology_bridges`; {did_you_mean(attachment.bridge, declared)}",
                )


def _names(topology: Topology, mistakes: Mistakes) -> None:
    """Interface names: none twice in one namespace, none twice on the host."""
    first: dict[tuple[str | None, str], tuple[str, str]] = {}
    for path, option, namespace, name in _links(topology):
        if name == "lo":
            mistakes.add(path, option, "'lo' is the loopback interface, which is there already; choose another name")
            continue
        seen = first.setdefault((namespace, name), (path, option))
        if seen != (path, option):
            other = seen[0] if seen[1] == "name" else f"{seen[0]} ({seen[1]})"
            mistakes.add(path, option, f"{name!r} {_where(namespace)} is already {other}; rename one of them")
    for attachment in _existing(topology):
        on_host = first.get((None, attachment.name))
        if on_host is not None:
            mistakes.add(
                attachment.path,
                "name",
                f"{attachment.name!r} is a link that this topology itself makes on the host ({on_host[0]}), and "
                "without `bridge` an existing link moves into the namespace; add `bridge`, or give another name",
            )


def _links(topology: Topology) -> Iterator[tuple[str, str, str | None, str]]:
    """Every link that will be: path, option, namespace, name."""
    for bridge in topology.bridges:
        yield bridge.path, "name", None, bridge.name
    for end in topology.ends():
        if isinstance(end, Attachment) and end.bridge is None and end.name == "lo":
            continue
        yield end.path, "name", end.namespace, end.name
        if isinstance(end, Attachment) and end.peer:
            yield end.path, "peer", None, end.peer


def _existing(topology: Topology) -> Iterator[Attachment]:
    """The links that are to move into a namespace."""
    for namespace in topology.namespaces:
        for attachment in namespace.interfaces:
            if attachment.bridge is None and attachment.name != "lo":
                yield attachment


def _addresses(topology: Topology, mistakes: Mistakes) -> None:
    """Addresses: none twice within one namespace, on the host, or in one broadcast domain.

    The same address in two domains that do not see each other is no mistake: tenants overlap.
    """
    first: dict[tuple[object, Address], str] = {}
    for path, places, addresses in _placed(topology):
        for index, address in enumerate(addresses):
            here = f"{path} addresses[{index}]"
            for place, shown in places:
                seen = first.setdefault((place, address.ip), here)
                if seen != here:
                    mistakes.add(
                        path,
                        f"addresses[{index}]",
                        f"{address.ip} is already {shown}, at {seen}; give each interface an address of its own",
                    )
                    break


Places = list[tuple[object, str]]


def _placed(topology: Topology) -> Iterator[tuple[str, Places, Iterable[Interface]]]:
    """All interfaces with addresses: path, the places in which each address may be only once, addresses."""
    for bridge in topology.bridges:
        places: Places = [(None, "on the host"), (("bridge", bridge.name, 0), f"on bridge {bridge.name!r}")]
        yield bridge.path, places, bridge.addresses or ()
    for namespace in topology.namespaces:
        for attachment in namespace.interfaces:
            places = [(namespace.name, _where(namespace.name))]
            segment = segment_of(attachment)
            if segment is not None:
                places.append((segment, f"on bridge {attachment.bridge!r}"))
            yield attachment.path, places, attachment.addresses or ()
    for index, link in enumerate(topology.links):
        for end in (link.near, link.far):
            places = [(end.namespace, _where(end.namespace)), (("link", index, 0), "on this link")]
            yield end.path, places, end.addresses or ()


def _mtus(topology: Topology, mistakes: Mistakes) -> None:
    """An MTU that IPv6 does not work with, on an interface with an IPv6 address."""
    interfaces = [(end.path, end.options.get("mtu"), end.addresses) for end in topology.ends()]
    interfaces += [(bridge.path, bridge.switch.get("mtu"), bridge.addresses) for bridge in topology.bridges]
    for path, mtu, addresses in interfaces:
        if mtu is not None and mtu < IPV6_MTU_MIN and any(address.version == 6 for address in addresses or ()):
            mistakes.add(
                path,
                "mtu",
                f"{mtu} is too small for IPv6, and the interface has an IPv6 address; give at least {IPV6_MTU_MIN}",
            )


def _routes(topology: Topology, mistakes: Mistakes) -> None:
    """Routes: devices that are there, gateways and sources that can be, none twice."""
    ends: dict[str, list[End]] = {namespace.name: [] for namespace in topology.namespaces}
    for end in topology.ends():
        if end.namespace is not None and end.namespace in ends:
            ends[end.namespace].append(end)
    for namespace in topology.namespaces:
        _routes_twice(namespace, mistakes)
        for route in namespace.routes:
            _families(route, mistakes)
            if not (namespace.unsure or "links" in topology.unread):
                _device(route, namespace, ends[namespace.name], mistakes)
                _gateway(route, namespace, ends[namespace.name], mistakes)
                _source(route, namespace, ends[namespace.name], mistakes)


def _routes_twice(namespace: Namespace, mistakes: Mistakes) -> None:
    first: dict[tuple[object, ...], str] = {}
    for route in namespace.routes:
        everything = route.destination is None or route.destination.prefixlen == 0
        destination = "default" if everything else route.destination
        seen = first.setdefault((route.version, destination, route.metric, route.table), route.path)
        if seen != route.path:
            mistakes.add(
                route.path,
                "destination",
                f"{route.shown} is also the destination of {seen}; strike one out, or give another `metric` or `table`",
            )


def _device(route: Route, namespace: Namespace, ends: Iterable[End], mistakes: Mistakes) -> None:
    names = [end.name for end in ends]
    if route.device is not None and route.device != "lo" and route.device not in names:
        mistakes.add(
            route.path,
            "device",
            f"namespace {namespace.name!r} has no interface {route.device!r}; {did_you_mean(route.device, names)}",
        )


def _families(route: Route, mistakes: Mistakes) -> None:
    for option, address in (("gateway", route.gateway), ("source", route.source)):
        if address is not None and address.version != route.version:
            mistakes.add(
                route.path,
                option,
                f"{address} is an IPv{address.version} address, and the route is an IPv{route.version} one; "
                "give an address of the same family",
            )


def _gateway(route: Route, namespace: Namespace, ends: Iterable[End], mistakes: Mistakes) -> None:
    """A gateway has to be on one of the namespace's own subnets (the kernel: Nexthop has invalid gateway)."""
    gateway = route.gateway
    if gateway is None or gateway.version != route.version:
        return
    if gateway.version == 6 and gateway.is_link_local:
        if route.device is None:
            mistakes.add(
                route.path, "device", f"is missing; the link-local gateway {gateway} is only unique per interface"
            )
        return
    usable = [end for end in ends if route.device in (None, end.name)]
    if not usable and route.device is not None:
        return  # No such interface: said already.
    own = [address for end in usable for address in end.addresses or ()]
    if any(address.ip == gateway for address in own):
        mistakes.add(
            route.path, "gateway", f"{gateway} is the namespace's own address; give the address of the next router"
        )
        return
    unknown = any(_addresses_unknown(end) for end in usable)
    if unknown or _on_link(gateway, own, route, namespace):
        return
    subnets = ", ".join(sorted({str(address.network) for address in own if address.version == gateway.version}))
    through = f"interface {route.device!r}" if route.device else f"no interface of namespace {namespace.name!r}"
    mistakes.add(
        route.path,
        "gateway",
        f"{gateway} cannot be reached: {through} {'does not have' if route.device else 'has'} an address in its subnet "
        f"({f'there is {subnets}' if subnets else f'there is no IPv{gateway.version} address'}); correct it, or "
        "give an interface an address in its subnet",
    )


def _addresses_unknown(end: End) -> bool:
    """Whether an interface may have addresses that are not known here: one misspelt may, and an existing link."""
    if end.unsure:
        return True
    return end.addresses is None and isinstance(end, Attachment) and end.bridge is None and end.name != "lo"


def _on_link(gateway: Address, own: Iterable[Interface], route: Route, namespace: Namespace) -> bool:
    """Whether a subnet of the namespace, or a route without gateway in it, covers the gateway."""
    if any(gateway in address.network for address in own):
        return True
    direct = (other for other in namespace.routes if other.gateway is None and other.destination is not None)
    return any(
        other.destination is not None
        and gateway in other.destination
        and (route.device is None or other.device == route.device)
        for other in direct
    )


def _source(route: Route, namespace: Namespace, ends: Iterable[End], mistakes: Mistakes) -> None:
    """A route's source has to be an address of the namespace (the kernel: Invalid argument)."""
    if route.source is None or any(_addresses_unknown(end) for end in ends):
        return
    if not any(address.ip == route.source for end in ends for address in end.addresses or ()):
        mistakes.add(
            route.path,
            "source",
            f"{route.source} is not an address of namespace {namespace.name!r}; give one of its own, or leave it out",
        )


def _nat(topology: Topology, mistakes: Mistakes) -> None:
    """NAT sources: none twice, none within another, as far as the rules are for the same way out."""
    scopes: dict[tuple[str | None, int], list[Nat]] = {}
    for rule in topology.nat:
        scopes.setdefault((rule.namespace, rule.source.version), []).append(rule)
    order = {rule.path: index for index, rule in enumerate(topology.nat)}
    for rules in scopes.values():
        enclosing: list[Nat] = []
        # Sorted like this, a network comes right after those that contain it: no need to compare each with each.
        for rule in sorted(rules, key=lambda rule: (int(rule.source.network_address), rule.source.prefixlen)):
            while enclosing and rule.source.network_address not in enclosing[-1].source:
                enclosing.pop()
            for other in enclosing:
                if _same_way_out(rule, other):
                    first, second = sorted((rule, other), key=lambda either: order[either.path])
                    mistakes.add(second.path, "source", _overlap(first, second))
                    break
            enclosing.append(rule)


def _same_way_out(rule: Nat, other: Nat) -> bool:
    ways = {rule.options.get("out_interface"), other.options.get("out_interface")}
    return len(ways) == 1 or None in ways


def _overlap(first: Nat, second: Nat) -> str:
    if first.source == second.source:
        return f"{second.source} is also the source of {first.path}; strike one of them out"
    return (
        f"{second.source} overlaps with {first.source} of {first.path}; strike one of them out, or make them disjoint"
    )


def _probes(topology: Topology, mistakes: Mistakes) -> None:
    """The user's own probes: none that asks what another one asks and expects the contrary."""
    first: dict[tuple[object, ...], UserProbe] = {}
    for probe in topology.probes:
        seen = first.setdefault((probe.namespace, probe.to, probe.protocol, probe.port), probe)
        if seen.reachable != probe.reachable:
            mistakes.add(
                probe.path,
                "expect",
                f"is the contrary of what {seen.path} expects of the same leg; strike one of them out",
            )
