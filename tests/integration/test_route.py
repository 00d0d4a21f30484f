# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module route against the kernel: check -> apply -> check -> apply, replacement, exactness, and the traps."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.tests.helpers import snapshot
from ansible_collections.netns.fabric.tests.helpers.convergence import (
    Run,
    assert_unchanged,
    converge,
    converge_and_paste,
    shell,
)
from ansible_collections.netns.fabric.tests.helpers.host import Host

# red - router - blue: red needs a route to reach blue.
ROUTER = """
    netns add red
    netns add blue
    netns add router
    -n red link set lo up
    -n router link set lo up
    link add name eth0 netns red type veth peer name red0 netns router
    link add name eth1 netns red type veth peer name red1 netns router
    link add name eth0 netns blue type veth peer name blue0 netns router
    -n red link set eth0 up
    -n red link set eth1 up
    -n blue link set eth0 up
    -n router link set red0 up
    -n router link set red1 up
    -n router link set blue0 up
    -n red addr add 192.0.2.1/24 dev eth0
    -n red addr add 2001:db8:2::1/64 dev eth0 nodad
    -n red addr add 203.0.113.1/24 dev eth1
    -n router addr add 192.0.2.254/24 dev red0
    -n router addr add 203.0.113.254/24 dev red1
    -n router addr add 2001:db8:2::fe/64 dev red0 nodad
    -n router addr add 198.51.100.254/24 dev blue0
    -n blue addr add 198.51.100.1/24 dev eth0
    -n blue route add default via 198.51.100.254
    !ip netns exec router sysctl -qw net.ipv4.ip_forward=1
"""


@pytest.fixture(name="router")
def fixture_router(host: Host) -> Host:
    shell(host, ROUTER)
    return host


def routes(host: Host, namespace: str | None = "red", *selector: str, version: str = "-4") -> list[str]:
    """Return the routes that no kernel has made, as `ip route` prints them, in order."""
    where = ["-n", namespace] if namespace else []
    shown = host.run("ip", *where, version, "route", "show", *selector).stdout.splitlines()
    return sorted(" ".join(line.split()) for line in shown if "proto kernel" not in line and "fe80" not in line)


# Adding


def test_a_way_to_another_network(host: Host, run_module: Run) -> None:
    options = {"namespace": "red", "destination": "198.51.100.0/24", "gateway": "192.0.2.254"}
    converge_and_paste(host, run_module, lambda: shell(host, ROUTER), "route", **options)
    assert host.pings("198.51.100.1", "red")


def test_the_default_route(host: Host, run_module: Run) -> None:
    options = {"namespace": "red", "destination": "default", "gateway": "192.0.2.254"}
    result = converge_and_paste(host, run_module, lambda: shell(host, ROUTER), "route", **options)
    assert host.pings("198.51.100.1", "red")
    assert result.diff[0]["before_header"] == "route red default"
    assert routes(host) == ["default via 192.0.2.254 dev eth0 proto static"]


def test_many_kinds_of_routes_in_one_pass(host: Host, run_module: Run) -> None:
    wanted: list[dict[str, Any]] = [
        {"destination": "default", "gateway": "192.0.2.254"},
        {"destination": "default", "gateway": "203.0.113.254", "metric": 50},
        {"destination": "default", "gateway": "2001:db8:2::fe"},
        {"destination": "10.1.0.0/16", "device": "eth1"},
        {"destination": "10.2.0.0/16", "gateway": "192.0.2.254", "device": "eth0", "source": "192.0.2.1"},
        {"destination": "10.3.0.0/16", "gateway": "192.0.2.254", "metric": 7},
        {"destination": "10.3.0.0/16", "gateway": "192.0.2.254", "metric": 8},
        {"destination": "10.4.0.0/16", "gateway": "192.0.2.254", "table": 100},
        {"destination": "10.4.0.0/16", "gateway": "192.0.2.254", "table": 1000},
        {"destination": "2001:db8:9::/48", "gateway": "2001:db8:2::fe", "metric": 5},
        {"destination": "2001:db8:a::/48", "device": "eth0", "source": "2001:db8:2::1"},
        {"destination": "2001:db8:b::/48", "gateway": "fe80::1", "device": "eth0", "table": 1000},
        {"destination": "2001:db8:c::/48", "gateway": "2001:db8:2::fe", "metric": 0},
    ]
    entries = [{"namespace": "red", **route} for route in wanted]
    result = converge_and_paste(host, run_module, lambda: shell(host, ROUTER), "route", routes=entries)
    assert len(result.diff) == len(wanted)
    assert routes(host, "red", "table", "1000") == ["10.4.0.0/16 via 192.0.2.254 dev eth0 proto static"]
    assert "default via 203.0.113.254 dev eth1 proto static metric 50" in routes(host)


def test_a_route_of_the_host(host: Host, run_module: Run) -> None:
    def prepare() -> None:
        shell(host, "link add v0 type veth peer name v1\nlink set v0 up\nlink set v1 up\naddr add 192.0.2.1/24 dev v0")

    entry = {"destination": "198.51.100.0/24", "gateway": "192.0.2.254"}
    converge_and_paste(host, run_module, prepare, "route", **entry)
    converge(host, run_module, "route", **entry, state="absent")
    assert routes(host, None) == []


def test_a_route_by_a_route(router: Host, run_module: Run) -> None:
    """A gateway may be reached by another static route, and by one that is added before it in the same call."""
    entries = [
        {"namespace": "red", "destination": "172.16.0.1/32", "device": "eth1"},
        {"namespace": "red", "destination": "default", "gateway": "172.16.0.1"},
    ]
    converge(router, run_module, "route", routes=entries)
    assert "default via 172.16.0.1 dev eth1 proto static" in routes(router)


def test_a_route_by_a_route_that_is_listed_later(host: Host, run_module: Run) -> None:
    """The order of the list means nothing: the route to the gateway is added first."""
    entries = [
        {"namespace": "red", "destination": "default", "gateway": "172.16.0.1", "device": "eth1"},
        {"namespace": "red", "destination": "2001:db8:9::/48", "gateway": "fd00:9::1"},
        {"namespace": "red", "destination": "172.16.0.1/32", "device": "eth1"},
        {"namespace": "red", "destination": "fd00:9::1/128", "device": "eth1"},
    ]
    converge_and_paste(host, run_module, lambda: shell(host, ROUTER), "route", routes=entries)
    assert "default via 172.16.0.1 dev eth1 proto static" in routes(host)


def test_a_route_by_a_route_through_another_link(router: Host, run_module: Run) -> None:
    """The kernel looks for the gateway on the link that is given (fib_check_nh() in net/ipv4/fib_semantics.c)."""
    entries = [
        {"namespace": "red", "destination": "172.16.0.1/32", "device": "eth1"},
        {"namespace": "red", "destination": "default", "gateway": "172.16.0.1", "device": "eth0"},
    ]
    before = snapshot.take()
    result = run_module("route", routes=entries)
    assert "eth0 has no address whose network contains 172.16.0.1" in result.message
    snapshot.assert_unchanged(before)


def test_check_mode_where_nothing_exists_yet(host: Host, run_module: Run) -> None:
    entries = [
        {"namespace": "red", "destination": "198.51.100.0/24", "gateway": "192.0.2.254"},
        {"namespace": "red", "destination": "10.0.0.0/8", "device": "eth0"},
    ]
    checked = run_module("route", routes=entries, exact=True, _check=True)
    (warning,) = checked.warnings
    assert warning == (
        "Check mode: assuming an earlier task creates namespace red, link red/eth0, an address in red in the subnet of "
        "the gateway 192.0.2.254"
    )
    assert host.namespaces() == []
    shell(host, ROUTER)
    applied = run_module("route", routes=entries, exact=True)
    assert (checked.changed, checked.diff, checked.commands) == (applied.changed, applied.diff, applied.commands)


# Replacing


def test_a_second_default_gateway_takes_the_place_of_the_first(host: Host, run_module: Run) -> None:
    """To the kernel it is EEXIST."""

    def prepare() -> None:
        shell(host, ROUTER + "-n red route add default via 192.0.2.253")

    options = {"namespace": "red", "destination": "default", "gateway": "192.0.2.254"}
    result = converge_and_paste(host, run_module, prepare, "route", **options)
    assert "via 192.0.2.253" in result.diff[0]["before"]
    assert routes(host) == ["default via 192.0.2.254 dev eth0 proto static"]
    assert host.pings("198.51.100.1", "red")


@pytest.mark.parametrize(
    "present",
    [
        "198.51.100.0/24 dev eth1",
        "198.51.100.0/24 via 203.0.113.254 proto static",
        "198.51.100.0/24 via 192.0.2.254 src 203.0.113.1",
        "blackhole 198.51.100.0/24",
        "198.51.100.0/24 nexthop via 192.0.2.254 nexthop via 203.0.113.254",
    ],
)
def test_whatever_static_route_is_in_its_place(host: Host, run_module: Run, present: str) -> None:
    def prepare() -> None:
        shell(host, ROUTER + f"-n red route add {present}")

    wanted = {"destination": "198.51.100.0/24", "gateway": "192.0.2.254", "device": "eth0", "source": "192.0.2.1"}
    converge_and_paste(host, run_module, prepare, "route", namespace="red", **wanted)
    assert routes(host) == ["198.51.100.0/24 via 192.0.2.254 dev eth0 proto static src 192.0.2.1"]


@pytest.mark.parametrize(
    "present",
    ["2001:db8:9::/64 dev eth1", "blackhole 2001:db8:9::/64", "2001:db8:9::/64 via fe80::1 dev eth0 proto static"],
)
def test_whatever_static_ipv6_route_is_in_its_place(host: Host, run_module: Run, present: str) -> None:
    def prepare() -> None:
        shell(host, ROUTER + f"-n red -6 route add {present}")

    wanted = {"destination": "2001:db8:9::/64", "gateway": "2001:db8:2::fe"}
    converge_and_paste(host, run_module, prepare, "route", namespace="red", **wanted)
    assert len([line for line in routes(host, version="-6") if "2001:db8:9::/64" in line]) == 1


def test_routes_with_another_metric_or_type_of_service_stay(router: Host, run_module: Run) -> None:
    shell(
        router,
        """
        -n red route add default via 203.0.113.254 metric 10
        -n red route add default via 203.0.113.254 tos 0x10
        -n red route add default via 203.0.113.254 table 100
        """,
    )
    converge(router, run_module, "route", namespace="red", destination="default", gateway="192.0.2.254")
    assert len(routes(router)) == 3
    assert len(routes(router, "red", "table", "100")) == 1


def test_a_route_that_is_there_by_another_hand(router: Host, run_module: Run) -> None:
    """`ip route add` leaves the protocol `boot`: a person's route, and as wanted."""
    shell(router, "-n red route add default via 192.0.2.254")
    before = snapshot.take()
    assert_unchanged(run_module("route", namespace="red", destination="default", gateway="192.0.2.254"))
    assert_unchanged(
        run_module("route", namespace="red", destination="default", gateway="192.0.2.254", device="eth0", metric=0)
    )
    snapshot.assert_unchanged(before)


def test_a_routing_daemons_route_is_not_replaced(router: Host, run_module: Run) -> None:
    shell(router, "-n red route add 198.51.100.0/24 via 203.0.113.254 proto bird")
    before = snapshot.take()
    options = {"namespace": "red", "destination": "198.51.100.0/24", "gateway": "192.0.2.254"}
    for check in (True, False):
        result = run_module("route", **options, _check=check)
        assert result.failed
        assert "not a static route (protocol 12), so it stays; give this route another metric" in result.message
    assert_unchanged(run_module("route", **options, state="absent"))
    snapshot.assert_unchanged(before)
    converge(router, run_module, "route", **options, metric=5)


# Types, several next hops, settings


TYPES = ("blackhole", "unreachable", "prohibit", "throw")


@pytest.mark.parametrize("kind", TYPES)
def test_routes_that_refuse_packets(host: Host, run_module: Run, kind: str) -> None:
    def prepare() -> None:
        shell(host, ROUTER + "-n red route add default via 192.0.2.254")

    entries: list[dict[str, Any]] = [
        {"namespace": "red", "destination": "198.51.100.0/24", "type": kind},
        {"namespace": "red", "destination": "10.1.0.0/16", "type": kind, "table": 100, "metric": 7},
        {"namespace": "red", "destination": "2001:db8:9::/48", "type": kind},
        {"namespace": "red", "destination": "2001:db8:a::/48", "type": kind, "metric": 9, "protocol": "99"},
    ]
    converge_and_paste(host, run_module, prepare, "route", routes=entries)
    assert f"{kind} 198.51.100.0/24 proto static" in routes(host)
    assert not host.pings("198.51.100.1", "red")
    absent = [{**entry, "state": "absent"} for entry in entries]
    converge(host, run_module, "route", routes=absent)
    assert host.pings("198.51.100.1", "red")


@pytest.mark.parametrize(("version", "destination"), [("-4", "10.0.0.0/8"), ("-6", "2001:db8:9::/48")])
def test_a_type_changes(host: Host, run_module: Run, version: str, destination: str) -> None:
    shell(host, ROUTER)
    for kind in ("blackhole", "unreachable", "unicast", "prohibit"):
        way = {"device": "eth0"} if kind == "unicast" else {}
        converge(host, run_module, "route", namespace="red", destination=destination, type=kind, **way)
        shown = [line for line in routes(host, version=version) if destination in line]
        assert len(shown) == 1
        assert shown[0].startswith(destination if kind == "unicast" else kind)


HOPS = [{"gateway": "192.0.2.254", "weight": 3}, {"gateway": "203.0.113.254", "device": "eth1"}]
HOPS6 = [
    {"gateway": "2001:db8:2::fe", "device": "eth0", "weight": 256},
    {"gateway": "2001:db8:3::fe", "device": "eth1", "onlink": True},
    {"gateway": "fe80::7", "device": "eth1", "weight": 2},
]


def test_several_next_hops(host: Host, run_module: Run) -> None:
    entries = [
        {"namespace": "red", "destination": "198.51.100.0/24", "nexthops": HOPS, "mtu": 1300, "source": "192.0.2.1"},
        {"namespace": "red", "destination": "10.0.0.0/8", "nexthops": [{"device": "eth0"}, {"device": "eth1"}]},
        {"namespace": "red", "destination": "2001:db8:9::/48", "nexthops": HOPS6, "mtu": 1400},
    ]
    converge_and_paste(host, run_module, lambda: shell(host, ROUTER), "route", routes=entries)
    assert host.pings("198.51.100.1", "red")
    (shown,) = [line for line in host.run("ip", "-n", "red", "-o", "route").stdout.splitlines() if "198.51" in line]
    assert "mtu 1300" in shown
    assert "nexthop via 192.0.2.254 dev eth0 weight 3" in shown
    assert "nexthop via 203.0.113.254 dev eth1 weight 1" in shown


@pytest.mark.parametrize(("version", "destination", "hops"), [(4, "10.0.0.0/8", HOPS), (6, "2001:db8:9::/48", HOPS6)])
def test_next_hops_change(
    host: Host, run_module: Run, version: int, destination: str, hops: list[dict[str, Any]]
) -> None:
    shell(host, ROUTER)
    entry: dict[str, Any] = {"namespace": "red", "destination": destination}
    converge(host, run_module, "route", **entry, nexthops=hops)
    assert_unchanged(run_module("route", **entry, nexthops=hops[::-1]))  # the order means nothing
    lighter = [{**hops[0], "weight": 7}, *hops[1:]]
    converge(host, run_module, "route", **entry, nexthops=lighter)
    converge(host, run_module, "route", **entry, nexthops=lighter[:2])
    alone = {name: lighter[0][name] for name in ("gateway", "device") if name in lighter[0]}
    converge(host, run_module, "route", **entry, **alone)
    converge(host, run_module, "route", **entry, nexthops=hops)
    converge(host, run_module, "route", **entry, state="absent")
    assert destination not in host.run("ip", "-n", "red", f"-{version}", "route").stdout


def test_ipv6_routes_that_another_program_has_joined(host: Host, run_module: Run) -> None:
    """`ip -6 route append` makes one more next hop of it; the kernel removes them one by one, or all."""

    def prepare() -> None:
        shell(
            host,
            ROUTER
            + """
            -n red -6 route add 2001:db8:9::/48 via 2001:db8:2::fe
            -n red -6 route append 2001:db8:9::/48 via 2001:db8:2::fd
            -n red -6 route add 2001:db8:a::/48 dev eth0
            -n red -6 route append 2001:db8:a::/48 dev eth1
            """,
        )

    entries = [
        {"namespace": "red", "destination": "2001:db8:9::/48", "gateway": "2001:db8:2::fc"},
        {"namespace": "red", "destination": "2001:db8:a::/48", "type": "prohibit"},
    ]
    converge_and_paste(host, run_module, prepare, "route", routes=entries)
    assert len([line for line in routes(host, version="-6") if "2001:db8:9::" in line]) == 1


def test_onlink_mtu_and_protocol(host: Host, run_module: Run) -> None:
    entries = [
        {
            "namespace": "red",
            "destination": "10.0.0.0/8",
            "gateway": "10.99.0.1",
            "device": "eth0",
            "onlink": True,
            "mtu": 1300,
            "protocol": "bgp",
        },
        {
            "namespace": "red",
            "destination": "2001:db8:9::/48",
            "gateway": "2001:db8:77::1",
            "device": "eth0",
            "onlink": True,
            "protocol": "77",
        },
    ]
    converge_and_paste(host, run_module, lambda: shell(host, ROUTER), "route", routes=entries)
    assert "10.0.0.0/8 via 10.99.0.1 dev eth0 proto bgp onlink mtu 1300" in routes(host)
    # What is omitted is untouched, what is given differently is changed.
    converge(host, run_module, "route", **{**entries[0], "mtu": 1400})
    without = {name: value for name, value in entries[0].items() if name not in ("mtu", "onlink")}
    assert_unchanged(run_module("route", **without))
    # With `exact` a listed route has nothing else, and the protocol that is given is that of the routes to remove.
    shell(host, "-n red route add 10.77.0.0/16 dev eth0 proto bgp")
    exact = [{**entries[0], "mtu": None}]
    converge(host, run_module, "route", routes=exact, exact=True)
    assert "10.0.0.0/8 via 10.99.0.1 dev eth0 proto bgp onlink" in routes(host)
    assert not [line for line in routes(host) if "10.77" in line]
    assert [line for line in routes(host, version="-6") if "proto 77" in line]


def test_exact_removes_settings_that_are_not_declared(router: Host, run_module: Run) -> None:
    shell(router, "-n red route add default via 192.0.2.254 src 192.0.2.1 mtu 1300")
    entry = {"namespace": "red", "destination": "default", "gateway": "192.0.2.254"}
    assert_unchanged(run_module("route", **entry))
    converge(router, run_module, "route", routes=[entry], exact=True)
    assert routes(router) == ["default via 192.0.2.254 dev eth0 proto static"]


def test_two_wrong_next_hops_are_reported_at_once(router: Host, run_module: Run) -> None:
    hops = [{"gateway": "198.18.0.1"}, {"gateway": "192.0.2.254", "device": "eth7"}]
    before = snapshot.take()
    result = run_module("route", namespace="red", destination="10.0.0.0/8", nexthops=hops)
    assert "nexthops[0].gateway: no link that is up has an address whose network contains 198.18.0.1" in result.message
    assert "nexthops[1].device: there is no link eth7" in result.message
    snapshot.assert_unchanged(before)


def test_a_vrf_that_does_not_exist(router: Host, run_module: Run) -> None:
    """This kernel may have none; which table it has is not known without it."""
    entry = {"namespace": "red", "destination": "10.0.0.0/8", "device": "eth0", "vrf": "blue"}
    result = run_module("route", **entry)
    assert "vrf: there is no VRF blue here; correct the name, or create it first" in result.message
    assert "vrf: eth1 is a veth, not a VRF" in run_module("route", **{**entry, "vrf": "eth1"}).message
    checked = run_module("route", **entry, _check=True)
    assert checked.commands == ["ip -n red route add 10.0.0.0/8 dev eth0 vrf blue proto static"]


# Removing


@pytest.mark.parametrize(
    ("entry", "left"),
    [
        ({"destination": "10.0.0.0/8"}, 1),
        ({"destination": "10.0.0.0/8", "metric": 5}, 3),
        ({"destination": "10.0.0.0/8", "gateway": "203.0.113.254"}, 3),
        ({"destination": "10.0.0.0/8", "device": "eth0"}, 2),
        ({"destination": "10.0.0.0/8", "gateway": "192.0.2.77"}, 4),
        ({"destination": "default"}, 3),
    ],
)
def test_absent_removes_the_routes_that_match_the_given_options(
    host: Host, run_module: Run, entry: dict[str, Any], left: int
) -> None:
    def prepare() -> None:
        shell(
            host,
            ROUTER
            + """
            -n red route add 10.0.0.0/8 via 192.0.2.254
            -n red route add 10.0.0.0/8 via 192.0.2.254 metric 5
            -n red route add 10.0.0.0/8 via 203.0.113.254 metric 6
            -n red route add default via 192.0.2.254
            """,
        )

    result = converge_and_paste(host, run_module, prepare, "route", namespace="red", **entry, state="absent")
    assert len(result.diff) == 4 - left
    assert len(routes(host)) == left


@pytest.mark.parametrize("namespace", ["red", "missing"])
def test_absent_on_an_absent_route(router: Host, run_module: Run, namespace: str) -> None:
    before = snapshot.take()
    result = run_module("route", namespace=namespace, destination="10.0.0.0/8", state="absent")
    assert (result.failed, result.changed) == (False, False)
    snapshot.assert_unchanged(before)


# Exactly these


def test_exact_removes_other_static_routes_and_nothing_else(host: Host, run_module: Run) -> None:
    def prepare() -> None:
        shell(
            host,
            ROUTER
            + """
            -n red route add default via 192.0.2.254
            -n red route add 10.1.0.0/16 via 192.0.2.254 proto static
            -n red route add 10.2.0.0/16 via 192.0.2.254
            -n red route add blackhole 10.3.0.0/16
            -n red route add 10.4.0.0/16 nexthop via 192.0.2.254 nexthop via 203.0.113.254
            -n red route add 10.5.0.0/16 via 192.0.2.254 tos 0x10
            -n red route add 10.6.0.0/16 via 192.0.2.254 proto bird
            -n red route add 10.7.0.0/16 via 192.0.2.254 table 100
            -n red -6 route add 2001:db8:9::/48 via 2001:db8:2::fe
            -n red -6 route add 2001:db8:a::/48 from 2001:db8:2::/64 via 2001:db8:2::fe
            -n router route add 10.8.0.0/16 via 192.0.2.1
            """,
        )

    wanted = [
        {"namespace": "red", "destination": "default", "gateway": "192.0.2.254"},
        {"namespace": "red", "destination": "10.1.0.0/16", "gateway": "192.0.2.254"},
    ]
    result = converge_and_paste(host, run_module, prepare, "route", routes=wanted, exact=True)
    assert len(result.diff) == 6
    assert routes(host) == [
        "10.1.0.0/16 via 192.0.2.254 dev eth0 proto static",
        "10.6.0.0/16 via 192.0.2.254 dev eth0 proto bird",
        "default via 192.0.2.254 dev eth0",
    ]
    assert routes(host, "red", "table", "100") == ["10.7.0.0/16 via 192.0.2.254 dev eth0"]
    assert routes(host, "router") == ["10.8.0.0/16 via 192.0.2.1 dev red0"]
    assert host.pings("198.51.100.1", "red")


def test_exact_never_touches_the_hosts_own_routes(host: Host, run_module: Run) -> None:
    shell(host, "link add v0 type veth peer name v1\nlink set v0 up\nlink set v1 up\naddr add 192.0.2.1/24 dev v0")
    shell(host, "route add 10.0.0.0/8 via 192.0.2.254")
    converge(host, run_module, "route", routes=[{"destination": "10.1.0.0/16", "device": "v0"}], exact=True)
    assert "10.0.0.0/8 via 192.0.2.254 dev v0" in routes(host, None)


def test_exact_of_a_namespace_that_is_to_have_none(router: Host, run_module: Run) -> None:
    """An entry that is absent names the namespace."""
    shell(router, "-n red route add default via 192.0.2.254\n-n red route add 10.0.0.0/8 dev eth0")
    entry = {"namespace": "red", "destination": "default", "state": "absent"}
    converge(router, run_module, "route", routes=[entry], exact=True)
    assert routes(router) == []


# What cannot be


def test_a_default_route_while_the_link_is_down(router: Host, run_module: Run) -> None:
    """To the kernel it is ENETUNREACH, which says nothing of the cause."""
    shell(router, "-n red link set eth0 down")
    before = snapshot.take()
    result = run_module("route", namespace="red", destination="default", gateway="192.0.2.254")
    assert result.failed
    assert "no link that is up has an address whose network contains 192.0.2.254" in result.message
    result = run_module("route", namespace="red", destination="default", gateway="192.0.2.254", device="eth0")
    assert result.failed
    assert "eth0 is down" in result.message
    snapshot.assert_unchanged(before)


def test_a_gateway_that_nothing_reaches(router: Host, run_module: Run) -> None:
    before = snapshot.take()
    result = run_module("route", namespace="red", destination="default", gateway="198.51.100.254")
    assert result.failed
    assert "addresses here: 192.0.2.1/24, 2001:db8:2::1/64, 203.0.113.1/24" in result.message
    snapshot.assert_unchanged(before)


@pytest.mark.parametrize(
    ("destination", "source"),
    [("10.0.0.0/8", "192.0.2.9"), ("10.0.0.0/8", "192.0.2.255"), ("fd00::/64", "2001:db8:2::2")],
)
def test_a_source_that_no_link_has(router: Host, run_module: Run, destination: str, source: str) -> None:
    before = snapshot.take()
    result = run_module("route", namespace="red", destination=destination, device="eth0", source=source)
    assert result.failed
    assert f"source: no link in the namespace red has the address {source}" in result.message
    assert router.in_namespace(
        "red", "ip", "route", "add", destination, "dev", "eth0", "src", source, check=False
    ).stderr
    snapshot.assert_unchanged(before)


@pytest.mark.parametrize("source", ["127.0.0.9", "203.0.113.7"])
def test_a_source_of_a_local_route(router: Host, run_module: Run, source: str) -> None:
    router.in_namespace("red", "ip", "route", "add", "local", "203.0.113.0/24", "dev", "lo")
    converge(router, run_module, "route", namespace="red", destination="10.0.0.0/8", device="eth0", source=source)


def test_a_device_that_is_not_there(router: Host, run_module: Run) -> None:
    before = snapshot.take()
    result = run_module("route", namespace="red", destination="default", device="eth7")
    assert result.failed
    assert "there is no link eth7 in the namespace red, which has eth0, eth1, lo" in result.message
    snapshot.assert_unchanged(before)
