# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What becomes of static routes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_interface, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError, InvalidEntries
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call
from ansible_collections.netns.fabric.plugins.module_utils._core.sysctl_names import in_full
from ansible_collections.netns.fabric.plugins.module_utils._kernel import routing_operations as op
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import (
    Address,
    KernelState,
    Link,
    NamespaceName,
    NamespaceState,
    NextHop,
    Route,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_sysctls import DISABLE_IPV6
from ansible_collections.netns.fabric.plugins.module_utils._resources.route import RouteResource
from ansible_collections.netns.fabric.plugins.module_utils._resources.route_model import WantedRoute
from ansible_collections.netns.fabric.plugins.module_utils._resources.things import (
    ALink,
    ALinkUp,
    AnAddress,
    ASubnet,
    AVrf,
)

RESOURCE = RouteResource()
LINKS = (Link(1, "lo", up=True), Link(2, "eth0", up=True), Link(3, "eth1", up=True), Link(4, "eth2"))
#: What the kernel makes of the addresses 192.0.2.1/24 and fd00::1/64 on eth0, and 203.0.113.1/24 on eth1.
DIRECT = (
    Route("192.0.2.0/24", device=2, protocol=2),
    Route("203.0.113.0/24", device=3, protocol=2),
    Route("fd00::/64", device=2, metric=256, protocol=2),
)
ADDRESSES = (
    Address(2, ip_interface("192.0.2.1/24")),
    Address(2, ip_interface("fd00::1/64")),
    Address(3, ip_interface("203.0.113.1/24")),
    Address(1, ip_interface("127.0.0.1/8"), made_by_kernel=True),
)


def state(*routes: Route, name: NamespaceName = "red", off: tuple[str, ...] = ()) -> KernelState:
    there = NamespaceState(name, LINKS, ADDRESSES, (*DIRECT, *routes))
    values = {
        in_full(link, DISABLE_IPV6): "1" if link in off else "0" for link in ("default", "lo", "eth0", "eth1", "eth2")
    }
    sysctls = {(place, key): value for place in ("red", name) for key, value in values.items()}
    return KernelState({None: NamespaceState(None), name: there}, sysctls=sysctls)


def desired(destination: str = "default", **options: Any) -> WantedRoute:
    defaults: Mapping[str, Any] = {"namespace": "red", "state": "present"}
    return RESOURCE.desired(Entry(destination), {"destination": destination, **defaults, **options})


def plan(there: KernelState, *wanted: WantedRoute, exact: bool = False, check_mode: bool = False) -> Plan:
    return RESOURCE.plan(there, Call(wanted, check_mode=check_mode, options={"exact": exact}))


VIA = Route("0.0.0.0/0", "192.0.2.254", 2)
GATEWAY = {"gateway": "192.0.2.254"}


# Present


def test_a_new_route() -> None:
    planned = plan(state(), desired(**GATEWAY, source="192.0.2.1", metric=5, table=100))
    assert planned.commands == [
        "ip -n red route add 0.0.0.0/0 via 192.0.2.254 src 192.0.2.1 metric 5 table 100 proto static"
    ]
    assert planned.diff == [
        {
            "before_header": "route red default",
            "after_header": "route red default",
            "before": "",
            "after": "routes: [default via 192.0.2.254 src 192.0.2.1 metric 5 table 100]\n",
        }
    ]


@pytest.mark.parametrize(
    ("there", "options", "changed"),
    [
        (VIA, GATEWAY, False),
        (VIA, {**GATEWAY, "device": "eth0", "metric": 0}, False),
        (Route("0.0.0.0/0", "192.0.2.254", 2, protocol=3), GATEWAY, False),
        (VIA, {"gateway": "203.0.113.7", "device": "eth1"}, True),
        (VIA, {**GATEWAY, "metric": 5}, True),
        (VIA, {**GATEWAY, "source": "192.0.2.1"}, True),
        (Route("0.0.0.0/0", "192.0.2.254", 2, source="192.0.2.1"), GATEWAY, False),
        (VIA, {**GATEWAY, "table": 100}, True),
        (Route("0.0.0.0/0", "192.0.2.254", 2, metric=5), GATEWAY, True),
        # A route without a gateway is another one.
        (VIA, {"device": "eth0"}, True),
        (Route("0.0.0.0/0", None, 2), {"device": "eth0"}, False),
        # A multipath route, one for a type of service, one for a source: none is what is wanted.
        (Route("0.0.0.0/0", next_hops=(NextHop("192.0.2.254", 2), NextHop("203.0.113.7", 3))), GATEWAY, True),
        (Route("0.0.0.0/0", "192.0.2.254", 2, special=True), GATEWAY, True),
        (Route("0.0.0.0/0", "192.0.2.254", 2, tos=16), GATEWAY, True),
        # IPv6 has no metric 0.
        (Route("::/0", "fd00::2", 2, metric=1024), {"gateway": "fd00::2"}, False),
        (Route("::/0", "fd00::2", 2, metric=1024), {"gateway": "fd00::2", "metric": 0}, False),
        (Route("::/0", "fd00::2", 2, metric=1024), {"gateway": "fd00::2", "metric": 1024}, False),
        (Route("::/0", "fd00::2", 2, metric=1024, origin="fd01::/64"), {"gateway": "fd00::2"}, True),
    ],
)
def test_what_is_as_wanted(there: Route, options: dict[str, Any], changed: bool) -> None:
    assert plan(state(there), desired(**options)).changed is changed


@pytest.mark.parametrize(
    ("there", "line"),
    [
        (Route("0.0.0.0/0", "192.0.2.253", 2), "0.0.0.0/0 via 192.0.2.253 dev eth0"),
        (Route("0.0.0.0/0", None, 3), "0.0.0.0/0 dev eth1"),
        (Route("0.0.0.0/0", None, None, special=True), "0.0.0.0/0"),
    ],
)
def test_another_in_its_place_is_replaced(there: Route, line: str) -> None:
    planned = plan(state(there), desired(**GATEWAY))
    assert planned.commands == [
        f"ip -n red route del {line}",
        "ip -n red route add 0.0.0.0/0 via 192.0.2.254 proto static",
    ]


@pytest.mark.parametrize(
    "beside",
    [
        Route("0.0.0.0/0", "192.0.2.253", 2, metric=5),
        Route("0.0.0.0/0", "192.0.2.253", 2, table=100),
        Route("0.0.0.0/0", "192.0.2.253", 2, tos=16),
        Route("::/0", "fd00::2", 2, metric=0),
    ],
)
def test_others_stay_beside_it(beside: Route) -> None:
    assert len(plan(state(beside), desired(**GATEWAY)).commands) == 1


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_daemons_route_in_its_place(check_mode: bool) -> None:
    with pytest.raises(FabricError, match=r"metric: `default via 192.0.2.253 dev eth0 proto dhcp` exists.*protocol 16"):
        plan(state(Route("0.0.0.0/0", "192.0.2.253", 2, protocol=16)), desired(**GATEWAY), check_mode=check_mode)


# What cannot be


@pytest.mark.parametrize(
    ("options", "said", "assumed"),
    [
        (
            {"device": "eth9"},
            "there is no link eth9 in the namespace red, which has eth0, eth1, eth2, lo",
            "link red/eth9",
        ),
        ({"device": "eth2"}, "eth2 is down", "link red/eth2 (up)"),
        (
            {"gateway": "198.51.100.1"},
            "(addresses here: 192.0.2.1/24, 203.0.113.1/24, fd00::1/64)",
            "in the subnet of the gateway",
        ),
        (
            {"gateway": "192.0.2.254", "device": "eth1"},
            "(addresses here: 203.0.113.1/24)",
            "in the subnet of the gateway 192.0.2.254",
        ),
        (
            {**GATEWAY, "source": "192.0.2.9"},
            "no link in the namespace red has the address 192.0.2.9 (addresses here: 192.0.2.1, 203.0.113.1, fd00::1)",
            "the address 192.0.2.9 in red",
        ),
        ({"gateway": "fd01::1"}, "no link that is up has an address whose network contains fd01::1", "fd01::1"),
    ],
)
def test_what_the_kernel_would_refuse(options: dict[str, Any], said: str, assumed: str) -> None:
    with pytest.raises(FabricError) as caught:
        plan(state(), desired(**options))
    assert said in str(caught.value)
    checked = plan(state(), desired(**options), check_mode=True)
    assert checked.changed
    assert assumed in checked.warnings[0]


@pytest.mark.parametrize(
    ("options", "ensured", "refusal"),
    [
        ({"device": "eth9"}, [ALink("red", "eth9"), ALinkUp("red", "eth9")], ""),
        ({"device": "eth9"}, [ALink("red", "eth9")], "eth9 is down"),
        ({"device": "eth9"}, [ALink("blue", "eth9"), ALinkUp("blue", "eth9")], "there is no link eth9"),
        ({"device": "eth2"}, [ALinkUp("red", "eth2")], ""),
        ({"gateway": "198.51.100.1"}, [ASubnet("red", "eth9", ip_network("198.51.100.0/24"))], ""),
        (
            {"gateway": "198.51.100.1", "device": "eth0"},
            [ASubnet("red", "eth1", ip_network("198.51.100.0/24"))],
            "eth0 has no address whose network contains 198.51.100.1",
        ),
        (
            {"gateway": "198.51.100.1", "device": "eth9"},
            [ALink("red", "eth9"), ALinkUp("red", "eth9"), ASubnet("red", "eth9", ip_network("192.0.2.0/24"))],
            "eth9 has no address whose network contains 198.51.100.1",
        ),
        ({**GATEWAY, "source": "192.0.2.9"}, [AnAddress("red", "192.0.2.9")], ""),
        ({**GATEWAY, "source": "192.0.2.9"}, [AnAddress("blue", "192.0.2.9")], "no link in the namespace red has"),
        # An address that the link has already, whose network is on it once it is up.
        ({"gateway": "198.51.100.1"}, [ALinkUp("red", "eth2")], ""),
    ],
)
def test_what_earlier_steps_ensure(options: dict[str, Any], ensured: list[object], refusal: str) -> None:
    there = NamespaceState("red", LINKS, (*ADDRESSES, Address(4, ip_interface("198.51.100.9/24"))), DIRECT)
    call = Call((desired(**options),), ensured=frozenset(ensured))
    if not refusal:
        assert RESOURCE.plan(KernelState({"red": there}), call).changed
    else:
        with pytest.raises(FabricError, match=refusal):
            RESOURCE.plan(KernelState({"red": there}), call)


def test_the_table_of_a_vrf_that_an_earlier_step_creates() -> None:
    there = state(Route("10.0.0.0/8", "192.0.2.253", 2, table=10))
    call = Call((desired("10.0.0.0/8", **GATEWAY, vrf="blue"),), ensured=frozenset({AVrf("red", "blue", 10)}))
    assert RESOURCE.plan(there, call).commands == [
        "ip -n red route del 10.0.0.0/8 via 192.0.2.253 dev eth0 table 10",
        "ip -n red route add 10.0.0.0/8 via 192.0.2.254 vrf blue proto static",
    ]
    with pytest.raises(FabricError, match="there is no VRF blue here"):
        RESOURCE.plan(there, Call((desired("10.0.0.0/8", **GATEWAY, vrf="blue"),)))


@pytest.mark.parametrize(
    ("need", "options", "option"),
    [
        ("multipath", {"nexthops": [{"gateway": "192.0.2.7"}, {"gateway": "192.0.2.8"}]}, "nexthops"),
        ("tables", {**GATEWAY, "table": 100}, "table"),
    ],
)
def test_what_the_kernel_lacks(need: str, options: dict[str, Any], option: str) -> None:
    there = replace(state(), refused_routing={need: "the kernel of this host has none"})
    with pytest.raises(FabricError, match=f"{option}: the kernel of this host has none"):
        plan(there, desired("10.0.0.0/8", **options), check_mode=True)
    assert plan(there, desired("10.0.0.0/8", **GATEWAY)).changed


@pytest.mark.parametrize(
    "options",
    [
        {"gateway": "fe80::1", "device": "eth0", "destination": "fd01::/64"},
        {"gateway": "203.0.113.7", "device": "eth1"},
        {"device": "eth0"},
    ],
)
def test_what_the_kernel_takes(options: dict[str, Any]) -> None:
    assert len(plan(state(), desired(**options)).commands) == 1


def test_a_gateway_behind_a_route_that_exists_or_is_declared() -> None:
    direct = desired("198.51.100.1/32", device="eth0")
    onward = desired(gateway="198.51.100.1")
    in_order = plan(state(), direct, onward).commands
    assert len(in_order) == 2
    assert plan(state(), onward, direct).commands == in_order
    assert len(plan(state(Route("198.51.100.1/32", None, 2)), onward).commands) == 1
    with pytest.raises(FabricError):
        plan(state(), direct, desired(gateway="198.51.100.1", device="eth1"))


@pytest.mark.parametrize(
    ("options", "off"),
    [
        ({"destination": "fd02::/64", "device": "eth0"}, ("eth0",)),
        ({"destination": "fd02::/64", "device": "eth7"}, ("default",)),
        ({"gateway": "fd00::1"}, ("lo", "eth0", "eth1", "eth2")),
    ],
)
def test_ipv6_that_is_off(options: dict[str, str], off: tuple[str, ...]) -> None:
    with pytest.raises(FabricError, match="IPv6 is off"):
        RESOURCE.plan(state(off=off), Call((desired(**options),), check_mode=True))


# Absent


ROUTES = (
    Route("10.0.0.0/8", "192.0.2.254", 2),
    Route("10.0.0.0/8", "192.0.2.254", 2, metric=5),
    Route("10.0.0.0/8", "203.0.113.254", 3, metric=6, source="203.0.113.1"),
    Route("10.0.0.0/8", "203.0.113.254", 3, metric=7, protocol=12),
    Route("10.0.0.0/8", "203.0.113.254", 3, table=100),
)


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({}, 3),
        ({"metric": 5}, 1),
        ({"metric": 7}, 0),
        ({"gateway": "203.0.113.254"}, 1),
        ({"device": "eth0"}, 2),
        ({"device": "eth9"}, 0),
        ({"source": "203.0.113.1"}, 1),
        ({"table": 100}, 1),
        ({"table": 101}, 0),
    ],
)
def test_absent_removes_the_routes_that_match_the_given_options(options: dict[str, Any], count: int) -> None:
    assert len(plan(state(*ROUTES), desired("10.0.0.0/8", state="absent", **options)).commands) == count


def test_absent_in_a_namespace_that_is_not_there() -> None:
    assert not plan(state(), desired(namespace="nowhere", state="absent")).changed
    with pytest.raises(FabricError, match="does not exist"):
        plan(state(), desired(namespace="nowhere", **GATEWAY))


# Exactly these


def test_exact() -> None:
    others = (
        Route("10.1.0.0/16", "192.0.2.254", 2),
        Route("10.2.0.0/16", special=True, protocol=3),
        Route("10.3.0.0/16", "192.0.2.254", 2, protocol=12),
        Route("10.4.0.0/16", "192.0.2.254", 2, table=100),
        Route("fd01::/64", "fd00::2", 2, metric=1024),
    )
    planned = plan(state(VIA, *others), desired(**GATEWAY), exact=True)
    assert planned.commands == [
        "ip -n red route del 10.1.0.0/16 via 192.0.2.254 dev eth0",
        "ip -n red route del 10.2.0.0/16",
        "ip -n red -6 route del fd01::/64 via fd00::2 dev eth0 metric 1024",
    ]


def test_exact_leaves_the_hosts_routes() -> None:
    there = state(Route("10.1.0.0/16", "192.0.2.254", 2), name=None)
    planned = plan(there, desired(namespace=None, **GATEWAY), exact=True)
    assert planned.commands == ["ip route add 0.0.0.0/0 via 192.0.2.254 proto static"]


def test_exact_by_an_entry_that_is_absent() -> None:
    there = state(VIA, Route("10.1.0.0/16", "192.0.2.254", 2))
    assert len(plan(there, desired(state="absent"), exact=True).commands) == 2


KERNEL_ROUTES = st.builds(
    Route,
    destination=st.sampled_from(["0.0.0.0/0", "10.0.0.0/8"]),
    gateway=st.sampled_from(["192.0.2.254", "192.0.2.253"]),
    device=st.just(2),
    metric=st.sampled_from([0, 5]),
    table=st.sampled_from([254, 100]),
)


@given(
    st.lists(KERNEL_ROUTES, max_size=6, unique_by=lambda route: (route.destination, route.metric, route.table)),
    st.lists(KERNEL_ROUTES, max_size=6, unique_by=lambda route: (route.destination, route.metric, route.table)),
    st.booleans(),
)
def test_one_run_leads_to_what_is_declared(there: list[Route], wanted: list[Route], exact: bool) -> None:
    """By a model of the kernel: one route for each destination, metric and table."""
    entries = [desired(each.destination, gateway=each.gateway, metric=each.metric, table=each.table) for each in wanted]
    held = {(each.destination, each.metric, each.table): each.gateway for each in there}
    for _entry, operation in plan(state(*there), *entries, exact=exact).operations:
        assert isinstance(operation, (op.AddRoute, op.RemoveRoute))
        key = operation.route.destination, operation.route.metric or 0, operation.route.table
        if isinstance(operation, op.AddRoute):
            assert key not in held, "EEXIST"
            held[key] = operation.route.gateway
        else:
            assert held.pop(key) == operation.route.gateway, "ESRCH"
    declared = {(each.destination, each.metric, each.table): each.gateway for each in wanted}
    assert {key: held.get(key) for key in declared} == declared
    tables = {each.table for each in wanted} if exact else set()
    untouched = {key for each in there if (key := (each.destination, each.metric, each.table))[2] not in tables}
    assert set(held) == set(declared) | untouched


# What an entry asks for


@pytest.mark.parametrize(
    ("options", "destination"),
    [
        ({"destination": "default", "gateway": "192.0.2.1"}, "0.0.0.0/0"),
        ({"destination": "default", "gateway": "fd00::1"}, "::/0"),
        ({"destination": "default", "device": "eth0", "source": "fd00::1"}, "::/0"),
        ({"destination": "default", "device": "eth0"}, "0.0.0.0/0"),
        ({"destination": "::/0", "device": "eth0"}, "::/0"),
        ({"destination": "FD00:0::/64", "device": "eth0"}, "fd00::/64"),
    ],
)
def test_destinations(options: dict[str, Any], destination: str) -> None:
    assert desired(**options).destination == destination


def test_the_default_route_has_one_name() -> None:
    assert RESOURCE.key(desired(**GATEWAY)) == RESOURCE.key(desired("0.0.0.0/0", device="eth0", metric=0))
    assert RESOURCE.key(desired(**GATEWAY)) != RESOURCE.key(desired(**GATEWAY, metric=5))
    assert RESOURCE.key(desired(**GATEWAY)) != RESOURCE.key(desired(**GATEWAY, table=5))


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({"destination": "192.0.2.1/24", "device": "eth0"}, "destination"),
        ({"destination": "10.0.0.0/8"}, "gateway"),
        ({"destination": "10.0.0.0/8", "gateway": "fd00::1"}, "gateway"),
        ({"destination": "10.0.0.0/8", "device": "eth0", "source": "fd00::1"}, "source"),
        ({"destination": "fd01::/64", "gateway": "fe80::1"}, "device"),
        ({"destination": "10.0.0.0/8", "device": "x" * 128}, "device"),
        ({"destination": "10.0.0.0/8", "device": "eth0", "metric": -1}, "metric"),
        ({"destination": "10.0.0.0/8", "device": "eth0", "metric": 1 << 32}, "metric"),
        ({"destination": "10.0.0.0/8", "device": "eth0", "table": 0}, "table"),
        ({"destination": "10.0.0.0/8", "device": "eth0", "namespace": "a/b"}, "namespace"),
    ],
)
def test_values_that_are_not_valid(options: dict[str, Any], option: str) -> None:
    with pytest.raises(InvalidEntries) as caught:
        desired(**options)
    assert f"{options['destination']}: {option}: " in str(caught.value)
