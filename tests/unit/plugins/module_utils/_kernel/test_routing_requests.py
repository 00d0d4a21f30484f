# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the requests about routes, rules and neighbours ask the kernel for, against pyroute2's encoding of the same."""

from __future__ import annotations

import socket
import struct
from ipaddress import ip_address, ip_network
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroute2.netlink.rtnl.fibmsg import fibmsg
from pyroute2.netlink.rtnl.ndmsg import ndmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from ansible_collections.netns.fabric.plugins.module_utils._kernel import messages, netlink, routing_messages, uapi
from ansible_collections.netns.fabric.plugins.module_utils._kernel import routing_operations as op
from ansible_collections.netns.fabric.plugins.module_utils._kernel import routing_requests as requests
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import Neighbour, NextHop, Route, Rule

#: By the numbers of linux/fib_rules.h.
ACTIONS = {"lookup": 1, "blackhole": 6, "unreachable": 7, "prohibit": 8}


def of_request(request: bytearray, header: struct.Struct) -> tuple[tuple[Any, ...], dict[int, bytes]]:
    """Return the fields and attributes of a request."""
    assert struct.unpack_from("=I", request)[0] == len(request)
    fields = header.unpack_from(request, uapi.HEADER.size)
    return fields, netlink.attributes_of(bytes(request), uapi.HEADER.size + header.size)


def attribute(number: int, value: bytes) -> bytes:
    return struct.pack("=HH", len(value) + 4, number) + value + b"\0" * (-len(value) % 4)


def encoded(message: Any, kind: int, attributes: list[tuple[str, Any]], **fields: Any) -> bytes:
    """Return a request as pyroute2 encodes it."""
    message["header"]["type"] = kind
    message["header"]["flags"] = uapi.NLM_F_REQUEST
    message["header"]["pid"] = message["header"]["sequence_number"] = 0
    for name, value in fields.items():
        message[name] = value
    message["attrs"] = attributes
    message.encode()
    return bytes(message.data)


def assert_same(ours: bytearray, theirs: bytes, header: struct.Struct) -> None:
    """Compare the header and the attributes, whose order means nothing."""
    assert of_request(ours, header) == of_request(bytearray(theirs), header)
    assert len(ours) == len(theirs)


# Routes


def next_hop(flags: int, index: int, gateway: bytes) -> bytes:
    inside = attribute(5, gateway)
    return struct.pack("=HBBi", 8 + len(inside), flags, 0, index) + inside


def test_a_restored_route_has_no_flags_that_cannot_be_set() -> None:
    def hops(first: int, second: int) -> bytes:
        return next_hop(first, 2, bytes([192, 0, 2, 1])) + next_hop(second, 3, bytes([192, 0, 2, 2]))

    destination = attribute(1, bytes([10, 0, 0, 0]))
    fields = (socket.AF_INET, 8, 0, 0, 254, 4, 0, 1, 0x15)
    dumped = bytes(16) + struct.pack("=BBBBBBBBI", *fields) + destination + attribute(9, hops(0x11, 0x14))
    request = requests.restore_route(dumped)
    kind, flags = struct.unpack_from("=HH", request, 4)
    assert kind == uapi.RTM_NEWROUTE
    assert flags == uapi.NLM_F_REQUEST | uapi.NLM_F_CREATE
    assert uapi.ROUTE_HEADER.unpack_from(request, 16) == (*fields[:-1], 0x4)
    assert netlink.attributes_of(bytes(request), 28) == {1: bytes([10, 0, 0, 0]), 9: hops(0, 0x4)}


@pytest.mark.parametrize(
    ("spec", "scope"),
    [
        (op.RouteSpec("10.0.0.0/8", "192.0.2.1"), 0),
        (op.RouteSpec("10.0.0.0/8", device="eth0"), 253),
        (op.RouteSpec("fd01::/64", device="eth0"), 0),
        (op.RouteSpec("0.0.0.0/0", "192.0.2.1", metric=0, table=1000, source="192.0.2.9", tos=16), 0),
        (op.RouteSpec("fd01::/64", "fd00::1", origin="fd00::/64", metric=7), 0),
    ],
)
def test_a_requested_route_is_read_back(spec: op.RouteSpec, scope: int) -> None:
    request = requests.route_request(uapi.RTM_NEWROUTE, 0, spec, {"eth0": 2})
    found = messages.parse_route(bytes(request))
    assert (found.destination, found.gateway, found.table) == (spec.destination, spec.gateway, spec.table)
    assert (found.metric, found.source, found.tos, found.origin) == (
        spec.metric or 0,
        spec.source,
        spec.tos,
        spec.origin,
    )
    assert found.device == (2 if spec.device else None)
    fields, _attributes = of_request(request, uapi.ROUTE_HEADER)
    assert (fields[5], fields[6], fields[7]) == (4, scope, 1)


def test_a_route_is_removed_whatever_its_protocol_scope_and_type() -> None:
    request = requests.route_request(uapi.RTM_DELROUTE, 0, op.RouteSpec("10.0.0.0/8"), {})
    fields, _attributes = of_request(request, uapi.ROUTE_HEADER)
    assert (fields[5], fields[6], fields[7]) == (0, 255, 0)


INDEXES = {"eth0": 2, "eth1": 3}
HOPS = st.lists(
    st.builds(
        op.NextHopSpec,
        gateway=st.sampled_from(["192.0.2.1", "198.51.100.1"]),
        device=st.sampled_from(["eth0", "eth1"]),
        weight=st.integers(1, 256),
        onlink=st.booleans(),
    ),
    min_size=2,
    max_size=4,
)


@given(HOPS, st.none() | st.integers(68, 65520))
def test_several_next_hops_are_encoded_as_by_pyroute2(hops: list[op.NextHopSpec], mtu: int | None) -> None:
    spec = op.RouteSpec("10.0.0.0/8", next_hops=tuple(hops), mtu=mtu, protocol=99)
    request = requests.route_request(uapi.RTM_NEWROUTE, 0, spec, INDEXES)
    multipath = [
        {
            "hops": hop.weight - 1,
            "oif": INDEXES[str(hop.device)],
            "flags": uapi.RTNH_F_ONLINK if hop.onlink else 0,
            "attrs": [("RTA_GATEWAY", hop.gateway)],
        }
        for hop in hops
    ]
    given_ = [("RTA_TABLE", 254), ("RTA_DST", "10.0.0.0"), ("RTA_MULTIPATH", multipath)]
    if mtu:
        given_.append(("RTA_METRICS", {"attrs": [("RTAX_MTU", mtu)]}))
    fields = {"family": socket.AF_INET, "dst_len": 8, "table": 254, "proto": 99, "type": 1}
    assert_same(request, encoded(rtmsg(), uapi.RTM_NEWROUTE, given_, **fields), uapi.ROUTE_HEADER)
    found = messages.parse_route(bytes(request))
    assert found.next_hops == tuple(
        NextHop(hop.gateway, INDEXES[str(hop.device)], hop.weight, hop.onlink) for hop in hops
    )
    assert (found.mtu, found.protocol) == (mtu, 99)


@pytest.mark.parametrize(("kind", "number"), [("blackhole", 6), ("unreachable", 7), ("prohibit", 8), ("throw", 9)])
@pytest.mark.parametrize("destination", ["10.0.0.0/8", "fd01::/64"])
def test_types_of_routes(kind: str, number: int, destination: str) -> None:
    request = requests.route_request(uapi.RTM_NEWROUTE, 0, op.RouteSpec(destination, kind=kind), {})
    assert of_request(request, uapi.ROUTE_HEADER)[0][6:] == (0, number, 0)
    found = messages.parse_route(bytes(request))
    assert (found.kind, found.special) == (kind, False)


def test_a_gateway_outside_of_all_subnets() -> None:
    spec = op.RouteSpec("10.0.0.0/8", "203.0.113.1", "eth0", onlink=True)
    assert messages.parse_route(bytes(requests.route_request(uapi.RTM_NEWROUTE, 0, spec, INDEXES))).onlink


def test_next_hops_on_links_alone() -> None:
    hops = (op.NextHopSpec(device="eth0"), op.NextHopSpec(device="eth1"))
    spec = op.RouteSpec("10.0.0.0/8", next_hops=hops)
    request = requests.route_request(uapi.RTM_NEWROUTE, 0, spec, INDEXES)
    assert of_request(request, uapi.ROUTE_HEADER)[0][6] == uapi.RT_SCOPE_UNIVERSE  # as by ip-route(8)
    assert messages.parse_route(bytes(request)) == Route("10.0.0.0/8", next_hops=(NextHop(None, 2), NextHop(None, 3)))


@pytest.mark.parametrize(("gateway", "replaces"), [("fd00::1", True), ("192.0.2.1", False)])
def test_a_restored_ipv6_route_replaces_the_next_hops_that_are_left(gateway: str, replaces: bool) -> None:
    spec = op.RouteSpec(
        "fd01::/64" if replaces else "10.0.0.0/8",
        next_hops=(op.NextHopSpec(gateway, "eth0"), op.NextHopSpec(gateway, "eth1")),
    )
    dumped = bytes(requests.route_request(uapi.RTM_NEWROUTE, 0, spec, INDEXES))
    flags = struct.unpack_from("=H", requests.restore_route(dumped), 6)[0]
    assert bool(flags & uapi.NLM_F_REPLACE) is replaces


# Rules


def networks(version: Literal[4, 6]) -> st.SearchStrategy[str | None]:
    lengths = st.integers(1, 32 if version == 4 else 128)
    return st.none() | st.builds(
        lambda address, length: str(ip_network((address, length), strict=False)), st.ip_addresses(v=version), lengths
    )


def rules(version: Literal[4, 6]) -> st.SearchStrategy[Rule]:
    result = st.one_of(
        st.fixed_dictionaries({"table": st.integers(1, 0xFFFFFFFF), "suppress_prefixlength": st.none() | st.just(0)}),
        st.just({"l3mdev": True}),
        st.builds(lambda action: {"action": action}, st.sampled_from(["blackhole", "unreachable", "prohibit"])),
    )
    ports = st.none() | st.tuples(st.integers(1, 1000), st.integers(1000, 65535))
    selector = st.fixed_dictionaries(
        {
            "source": networks(version),
            "destination": networks(version),
            "iif": st.none() | st.sampled_from(["eth0", "vrf-red"]),
            "oif": st.none() | st.just("eth1"),
            "mark": st.none() | st.tuples(st.integers(1, 255), st.integers(255, 0xFFFFFFFF)),
            "ip_protocol": st.none() | st.sampled_from([6, 17]),
            "source_ports": ports,
            "destination_ports": ports,
        }
    )
    return st.builds(
        lambda priority, chosen, outcome: Rule(version, priority, **chosen, **outcome),
        st.integers(0, 0xFFFFFFFF),
        selector,
        result,
    )


def attributes_of(rule: Rule) -> list[tuple[str, Any]]:
    """Return the attributes of a rule by the names that pyroute2 has for them."""
    ports = {
        name: f"{found[0]}:{found[1]}"
        for name, found in (("FRA_SPORT_RANGE", rule.source_ports), ("FRA_DPORT_RANGE", rule.destination_ports))
        if found
    }
    networks_ = {
        name: str(ip_network(network).network_address)
        for name, network in (("FRA_DST", rule.destination), ("FRA_SRC", rule.source))
        if network
    }
    values: dict[str, Any] = {
        "FRA_PRIORITY": rule.priority,
        "FRA_PROTOCOL": rule.protocol,
        "FRA_TABLE": rule.table,
        "FRA_L3MDEV": 1 if rule.l3mdev else None,
        "FRA_SUPPRESS_PREFIXLEN": rule.suppress_prefixlength,
        "FRA_FWMARK": rule.mark[0] if rule.mark else None,
        "FRA_FWMASK": rule.mark[1] if rule.mark else None,
        "FRA_IIFNAME": rule.iif,
        "FRA_OIFNAME": rule.oif,
        "FRA_IP_PROTO": rule.ip_protocol,
        **ports,
        **networks_,
    }
    return [(name, value) for name, value in values.items() if value is not None]


@given(st.one_of(rules(4), rules(6)))
def test_a_rule_is_encoded_as_by_pyroute2_and_read_back(rule: Rule) -> None:
    request = requests.rule_request(uapi.RTM_NEWRULE, 0, rule)
    fields = {
        "family": socket.AF_INET if rule.version == 4 else socket.AF_INET6,
        "table": rule.table if rule.table is not None and rule.table < 256 else 0,
        "action": ACTIONS[rule.action],
        "dst_len": ip_network(rule.destination).prefixlen if rule.destination else 0,
        "src_len": ip_network(rule.source).prefixlen if rule.source else 0,
    }
    theirs = encoded(fibmsg(), uapi.RTM_NEWRULE, attributes_of(rule), **fields)
    assert_same(request, theirs, uapi.RULE_HEADER)
    assert routing_messages.parse_rule(bytes(request)) == rule


def test_a_replayed_rule_has_no_flags_that_the_kernel_reports() -> None:
    dumped = bytearray(requests.rule_request(uapi.RTM_NEWRULE, 0, Rule(4, 7, table=9, iif="gone")))
    struct.pack_into("=I", dumped, 24, 0x8 | uapi.FIB_RULE_INVERT)  # the link does not exist; `not`
    request = requests.replay_rule(bytes(dumped), uapi.RTM_DELRULE, 0)
    assert struct.unpack_from("=I", request, 24)[0] == uapi.FIB_RULE_INVERT
    assert struct.unpack_from("=H", request, 4)[0] == uapi.RTM_DELRULE


# Neighbours


@given(
    st.ip_addresses(),
    st.none() | st.binary(min_size=6, max_size=6).map(lambda content: content.hex(":")),
    st.integers(1, 1 << 20),
)
def test_a_neighbour_is_encoded_as_by_pyroute2_and_read_back(address: Any, mac: str | None, index: int) -> None:
    spec = op.NeighbourSpec(str(address), "eth0", mac, proxy=mac is None)
    request = requests.neighbour_request(uapi.RTM_NEWNEIGH, 0, spec, index)
    given_: list[tuple[str, Any]] = [("NDA_DST", str(address)), ("NDA_PROTOCOL", uapi.RTPROT_STATIC)]
    if mac:
        given_.append(("NDA_LLADDR", mac))
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    flags = 0 if mac else uapi.NTF_PROXY
    fields = {"family": family, "ifindex": index, "state": uapi.NUD_PERMANENT, "flags": flags}
    assert_same(request, encoded(ndmsg(), uapi.RTM_NEWNEIGH, given_, **fields), uapi.NEIGHBOUR_HEADER)
    found = routing_messages.parse_neighbour(bytes(request))
    assert found == Neighbour(str(ip_address(address)), index, mac, "permanent" if mac else "", mac is None, 4)
    assert found is not None
    assert found.static


def test_a_replayed_proxy_is_permanent() -> None:
    """The kernel does not report it."""
    wanted = requests.neighbour_request(uapi.RTM_NEWNEIGH, 0, op.NeighbourSpec("fd00::9", "eth0", proxy=True), 2)
    dumped = bytearray(wanted)
    struct.pack_into("=H", dumped, 24, 0)
    assert requests.replay_neighbour(bytes(dumped), uapi.RTM_NEWNEIGH, 0) == wanted


def test_a_replayed_neighbour_has_what_was_set_alone() -> None:
    spec = op.NeighbourSpec("192.0.2.9", "eth0", "02:00:00:00:00:09")
    wanted = requests.neighbour_request(uapi.RTM_NEWNEIGH, 0, spec, 2)
    dumped = bytes(wanted) + attribute(3, bytes(16)) + attribute(4, bytes(4))  # NDA_CACHEINFO, NDA_PROBES
    assert requests.replay_neighbour(dumped, uapi.RTM_NEWNEIGH, 0) == wanted
