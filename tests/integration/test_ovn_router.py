# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module ovn_router: the cycle, rows of others, gateways, rollback, refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netns.fabric.tests.helpers.northbound import (
    Northbound,
    converge,
    converge_and_paste,
    fail_after_commit,
)
from ansible_collections.netns.fabric.tests.integration.conftest import RunModule

INSIDE = {"name": "core-left", "mac": "02:00:00:00:10:FE", "networks": ["10.10.0.254/24", "fd00::fe/64"]}
ADVERTISED: dict[str, Any] = {"address_mode": "slaac", "mtu": 1442, "send_periodic": True}
OUTSIDE: dict[str, Any] = {
    "name": "core-world",
    "mac": "02:00:00:00:99:fe",
    "networks": ["198.51.100.1/24"],
    "gateway_chassis": ["host1", "host2"],
}
SNAT = {"type": "snat", "external_ip": "198.51.100.1", "logical_ip": "10.10.0.0/24"}
FLOATING = {"type": "dnat_and_snat", "external_ip": "198.51.100.10", "logical_ip": "10.10.0.1"}
WEB: dict[str, Any] = {
    "name": "web",
    "address": "198.51.100.1",
    "port": 80,
    "backends": [
        {"address": "10.10.0.1", "port": 8080, "logical_port": "red", "source": "10.10.0.250"},
        {"address": "10.10.0.2", "port": 8080, "logical_port": "blue", "source": "10.10.0.250"},
    ],
    "health_check": {"interval": 5},
}
ROUTER: dict[str, Any] = {
    "name": "core",
    "ports": [{**INSIDE, "ipv6_ra_configs": ADVERTISED}, OUTSIDE],
    "routes": [
        {"prefix": "0.0.0.0/0", "nexthop": "198.51.100.2"},
        {"prefix": "0.0.0.0/0", "nexthop": "198.51.100.3"},
        {"prefix": "10.99.0.0/16", "nexthop": "discard"},
    ],
    "policies": [
        {"priority": 200, "action": "drop", "from": ["10.10.0.0/24"], "protocol": "tcp", "ports": ["25", "100-200"]},
        {"priority": 100, "action": "reroute", "from": ["10.10.0.128/25"], "nexthops": ["198.51.100.3"]},
    ],
    "nat": [SNAT, FLOATING],
    "load_balancers": [WEB],
}


def gateways(northbound: Northbound, port: str = "core-world") -> dict[str, int]:
    found = northbound.row("Logical_Router_Port", port)["gateway_chassis"]
    return {row["chassis_name"]: row["priority"] for row in ([found] if isinstance(found, dict) else found)}


def matches(northbound: Northbound) -> dict[int, str]:
    return {row["priority"]: row["match"] for row in northbound.rows("Logical_Router_Policy")}


def test_a_router_is_created_changed_and_deleted(northbound: Northbound, run_module: RunModule) -> None:
    converge_and_paste(northbound, run_module, lambda: None, "ovn_router", **ROUTER, owner="lab")
    assert gateways(northbound) == {"host1": 100, "host2": 99}
    inside = northbound.row("Logical_Router_Port", "core-left")
    assert inside["mac"] == "02:00:00:00:10:fe"
    assert inside["ipv6_ra_configs"] == {"address_mode": "slaac", "mtu": "1442", "send_periodic": "true"}
    assert len(northbound.rows("Logical_Router_Static_Route")) == 3
    assert matches(northbound) == {
        200: "ip && ip4.src == {10.10.0.0/24} && tcp && (tcp.dst == {25} || 100 <= tcp.dst <= 200)",
        100: "ip && ip4.src == {10.10.0.128/25}",
    }
    (balancer,) = northbound.rows("Load_Balancer")
    assert balancer["vips"] == {"198.51.100.1:80": "10.10.0.1:8080,10.10.0.2:8080"}
    assert balancer["ip_port_mappings"] == {"10.10.0.1": "red:10.10.0.250", "10.10.0.2": "blue:10.10.0.250"}
    assert balancer["health_check"]["options"] == {"interval": "5"}
    converge(
        northbound,
        run_module,
        "ovn_router",
        name="core",
        ports=[INSIDE, {**OUTSIDE, "gateway_chassis": ["host3", "host1"]}],
        routes=[{"prefix": "0.0.0.0/0", "nexthop": "198.51.100.3", "output_port": "core-world"}],
        policies=[{"priority": 200, "action": "allow", "to": ["10.0.0.1"], "input_port": "core-left"}],
        nat=[{**FLOATING, "logical_port": "red", "external_mac": "02:00:00:00:77:01"}],
        load_balancers=[{**WEB, "backends": WEB["backends"][:1], "health_check": None}],
    )
    assert gateways(northbound) == {"host3": 100, "host1": 99}
    assert northbound.row("Logical_Router_Port", "core-left")["ipv6_ra_configs"] == {}
    assert matches(northbound) == {200: 'inport == "core-left" && ip && ip4.dst == {10.0.0.1}'}
    (balancer,) = northbound.rows("Load_Balancer")
    assert balancer["vips"] == {"198.51.100.1:80": "10.10.0.1:8080"}
    assert balancer["health_check"] == []
    converge(northbound, run_module, "ovn_router", name="core", routes=[], policies=[], nat=[], load_balancers=[])
    assert {name for name, rows in northbound.content().items() if rows} == {
        *("Logical_Router", "Logical_Router_Port", "Gateway_Chassis"),
    }
    converge(northbound, run_module, "ovn_router", **ROUTER)
    converge(northbound, run_module, "ovn_router", name="core", state="absent")
    assert northbound.content() == {}


@pytest.mark.parametrize("options", [{"state": "absent"}, {"load_balancers": []}], ids=["deleted", "emptied"])
def test_a_load_balancer_that_two_routers_give_up_is_deleted(
    northbound: Northbound, run_module: RunModule, tmp_path: Path, options: dict[str, Any]
) -> None:
    converge(northbound, run_module, "ovn_router", name="core", ports=[OUTSIDE], load_balancers=[WEB])
    northbound.ctl("lr-add", "edge", "--", "lr-lb-add", "edge", WEB["name"])
    before = northbound.content()
    routers = [{"name": name, **options} for name in ("core", "edge")]
    failed = run_module("ovn_router", routers=routers, _env=fail_after_commit(tmp_path))
    assert failed.message.endswith("the host is unchanged.")
    assert northbound.content() == before
    converge(northbound, run_module, "ovn_router", routers=routers)
    assert "Load_Balancer" not in northbound.content()


def test_a_load_balancer_that_one_router_gives_up_is_deleted_with_the_other(
    northbound: Northbound, run_module: RunModule
) -> None:
    giving_up = {"name": "core", "load_balancers": []}, {"name": "edge", "state": "absent"}

    def share() -> None:
        converge(northbound, run_module, "ovn_router", name="core", ports=[OUTSIDE], load_balancers=[WEB])
        northbound.ctl("lr-add", "edge", "--", "lr-lb-add", "edge", WEB["name"])

    share()
    converge(northbound, run_module, "ovn_router", routers=[*giving_up])
    assert "Load_Balancer" not in northbound.content()
    share()
    steps = [{"module": "ovn_router", "options": each} for each in giving_up]
    checked = run_module("sequence", steps=steps, _check=True)
    assert "Load_Balancer" in northbound.content()
    result = run_module("sequence", steps=steps)
    assert "Load_Balancer" not in northbound.content()
    assert (checked.diff, checked.commands) == (result.diff, result.commands)


def test_a_wrong_priority_is_repaired(northbound: Northbound, run_module: RunModule) -> None:
    converge(northbound, run_module, "ovn_router", **ROUTER)
    before = northbound.content()
    northbound.ctl("lrp-set-gateway-chassis", "core-world", "host2", "200")
    northbound.ctl("lrp-set-gateway-chassis", "core-world", "host9", "7")
    converge(northbound, run_module, "ovn_router", **ROUTER)
    assert northbound.content() == before


def test_rows_of_others_are_left_alone(northbound: Northbound, run_module: RunModule) -> None:
    northbound.ctl(
        *("lr-add", "theirs", "--", "lrp-add", "theirs", "t1", "02:00:00:00:00:01", "10.77.0.1/24"),
        *("--", "lr-nat-add", "theirs", "snat", "198.51.100.7", "10.77.0.0/24"),
        *("--", "lb-add", "web", "198.51.100.7:80", "10.77.0.2:80", "--", "lr-lb-add", "theirs", "web"),
    )
    theirs = northbound.content()
    converge(northbound, run_module, "ovn_router", **ROUTER, owner="lab")
    northbound.ctl("lb-add", "other", "198.51.100.8:80", "10.77.0.2:80", "--", "lr-lb-add", "core", "other")
    assert not run_module("ovn_router", **ROUTER, owner="lab").changed
    refused = run_module("ovn_router", name="core", ports=[{**INSIDE, "name": "t1"}])
    assert "ports[0].name: t1 is on theirs" in refused.message
    converge(northbound, run_module, "ovn_router", routers=[], owner="lab", prune=True)
    northbound.ctl("lb-del", "other")
    assert northbound.content() == theirs


CHANGES: dict[str, dict[str, Any]] = {
    "new": {**ROUTER, "name": "second", "ports": [{**OUTSIDE, "name": "second-world"}]},
    "changed": {"name": "core", "ports": [OUTSIDE], "nat": [SNAT], "routes": [], "load_balancers": [], "policies": []},
    "deleted": {"name": "core", "state": "absent"},
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_that_fails_is_rolled_back(
    northbound: Northbound, run_module: RunModule, tmp_path: Path, name: str
) -> None:
    converge(northbound, run_module, "ovn_router", **ROUTER)
    before = northbound.content()
    failed = run_module("ovn_router", **CHANGES[name], _env=fail_after_commit(tmp_path))
    assert failed.message.endswith("the host is unchanged.")
    assert northbound.content() == before


PORTS = {"ports": [OUTSIDE]}
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"ports": [{**INSIDE, "networks": []}]}, "ports[0].networks: a port of a router has an address"),
    (
        {"ports": [INSIDE, {**INSIDE, "name": "b"}]},
        "ports[1].networks: 10.10.0.0/24 overlaps 10.10.0.0/24 of",
    ),
    ({"ports": [INSIDE, INSIDE]}, "ports[1]: core-left is listed twice"),
    (
        {"ports": [{**INSIDE, "ipv6_ra_configs": {"address_mode": "SLAAC"}}]},
        "ports[0].ipv6_ra_configs: `address_mode` is 'SLAAC', and without one of slaac, dhcpv6_stateful,",
    ),
    (
        {"ports": [{**OUTSIDE, "gateway_chassis": ["a", "a"]}]},
        "ports[0].gateway_chassis[1]: a is listed twice",
    ),
    ({"routes": [{"prefix": "10.0.0.1/8", "nexthop": "10.0.0.1"}]}, "routes[0].prefix: '10.0.0.1/8' is an address"),
    ({"routes": [{"prefix": "10.0.0.0/8", "nexthop": "fd00::1"}]}, "routes[0].nexthop: fd00::1 is of another IP"),
    ({"policies": [{"priority": 1, "action": "reroute"}]}, "policies[0].nexthops: it is required"),
    ({"policies": [{"priority": 1, "action": "drop", "ports": [80]}]}, "policies[0].ports: only tcp, udp, sctp"),
    ({"policies": [{"priority": 1, "action": "drop", "from": []}]}, "policies[0].from: an empty list matches nothing"),
    ({"policies": [{"priority": 1, "action": "drop", "icmp_type": 8}]}, "policies[0].icmp_type: it is for ICMP"),
    (
        {"policies": [{"priority": 1, "action": "drop", "protocol": "icmp", "to": ["fd00::1"]}]},
        "policies[0].protocol: icmp is a protocol of IPv4",
    ),
    ({"nat": [SNAT]}, "nat: OVN ignores it on a router without a gateway"),
    ({**PORTS, "nat": [{**FLOATING, "logical_ip": "10.0.0.0/8"}]}, "nat[0].logical_ip: 10.0.0.0/8 is a network"),
    ({**PORTS, "nat": [{**SNAT, "external_ip": "fd00::1"}]}, "nat[0].logical_ip: 10.10.0.0/24 is of another IP"),
    ({**PORTS, "nat": [FLOATING, {**FLOATING, "logical_ip": "10.0.0.9"}]}, "198.51.100.10 is translated by nat[0]"),
    ({**PORTS, "nat": [{**FLOATING, "logical_port": "red"}]}, "nat[0].external_mac: it is required with"),
    ({**PORTS, "load_balancers": [WEB, {**WEB, "name": "b"}]}, "load_balancers[1].port: tcp 198.51.100.1:80 is publi"),
    ({**PORTS, "load_balancers": [{**WEB, "backends": []}]}, "load_balancers[0].backends: without a backend"),
    (
        {**PORTS, "load_balancers": [{**WEB, "backends": [{"address": "10.0.0.1", "port": 80}]}]},
        "load_balancers[0].backends[0].logical_port: it is required for a health check",
    ),
]


@pytest.mark.parametrize(("options", "message"), REFUSED)
def test_wrong_options_are_refused(
    northbound: Northbound, run_module: RunModule, options: dict[str, Any], message: str
) -> None:
    for check in (True, False):
        result = run_module("ovn_router", **{"name": "core", **options}, _check=check)
        assert result.failed
        assert message in result.message
    assert northbound.content() == {}


def test_all_wrong_entries_are_reported_at_once(northbound: Northbound, run_module: RunModule) -> None:
    northbound.ctl("lr-add", "a", "--", "--add-duplicate", "lr-add", "a")
    result = run_module("ovn_router", routers=[{"name": "a"}, {"name": "b", "nat": [SNAT]}])
    assert [error.split(": ")[:2] for error in result.message.splitlines()] == [
        ["routers[0] (a)", "name"],
        ["routers[1] (b)", "nat"],
    ]
