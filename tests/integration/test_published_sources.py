# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Published ports that are limited to some senders: who reaches the service, and what is read back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.compiler import compile_topology
from ansible_collections.netns.fabric.tests.generated.converge import steps
from ansible_collections.netns.fabric.tests.helpers import traffic
from ansible_collections.netns.fabric.tests.helpers.flow import UdpFlow
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.own_host import OUTSIDE_ADDRESS, UPLINK, UPLINK_ADDRESS
from ansible_collections.netns.fabric.tests.integration.conftest import RunModule
from ansible_collections.netns.fabric.tests.integration.nat_services import (
    NS01,
    NS01_6,
    ROUTER,
    Services,
)
from ansible_collections.netns.fabric.tests.integration.nat_world import (
    OUTSIDE6,
    SOURCE,
    UPLINK6,
    Cycle,
    clear_legacy,
    legacy_programs,
)

OUTSIDE_NETWORK, OUTSIDE_NETWORK6 = f"{OUTSIDE_ADDRESS}/32", "2001:db8:51::/64"


@pytest.fixture
def world(outside_world: Host) -> Iterator[Services]:
    yield Services(outside_world)
    clear_legacy(outside_world)


@pytest.fixture(params=["nftables", "iptables-nft", "iptables-legacy"])
def forward(request: pytest.FixtureRequest, world: Services, run_module: RunModule, tmp_path: Path) -> Cycle:
    """Give the module on a host that uses one of the three backends."""
    env = legacy_programs(tmp_path) if request.param == "iptables-legacy" else {}
    return Cycle(run_module, world, "nat_port_forward", env)


@pytest.fixture
def backend(request: pytest.FixtureRequest, forward: Cycle) -> str:  # with it comes its parameter
    return str(request.node.callspec.params["forward"]).partition("-")[0]


@pytest.fixture
def plain(world: Services, run_module: RunModule) -> Cycle:
    return Cycle(run_module, world, "nat_port_forward")


def entry(*sources: str, to_address: str = NS01, **options: Any) -> dict[str, Any]:
    limit = {"sources": list(sources)} if sources else {}
    return {"port": "8080", "to_address": to_address, "to_port": 80, **limit, **options}


class TestTraffic:
    @pytest.mark.parametrize("protocol", ["tcp", "udp"])
    def test_limited_widened_and_open(self, world: Services, forward: Cycle, backend: str, protocol: str) -> None:
        def publish(*sources: str) -> None:
            assert forward(rules=[entry(*sources, protocol=protocol, hairpin=[SOURCE])], backend=backend).changed

        publish(SOURCE, "203.0.113.0/24")
        assert world.silent(UPLINK_ADDRESS, 8080, protocol)
        assert world.ask(UPLINK_ADDRESS, 8080, protocol, "ns02") == f"ns01 80 {ROUTER}"
        # The router connects from the address that it connects to.
        assert world.silent(UPLINK_ADDRESS, 8080, protocol, None)
        assert world.ask(ROUTER, 8080, protocol, None) == f"ns01 80 {ROUTER}"
        publish(SOURCE, OUTSIDE_NETWORK)
        assert world.ask(UPLINK_ADDRESS, 8080, protocol) == f"ns01 80 {OUTSIDE_ADDRESS}"
        publish()
        assert world.ask(UPLINK_ADDRESS, 8080, protocol, None) == f"ns01 80 {UPLINK_ADDRESS}"
        publish("192.168.100.2/32")
        assert world.silent(UPLINK_ADDRESS, 8080, protocol)
        assert world.ask(UPLINK_ADDRESS, 8080, protocol, "ns02") == f"ns01 80 {ROUTER}"
        assert forward(rules=[entry("192.168.100.2/32", protocol=protocol, state="absent")]).changed
        assert "netns" not in world.rules()

    def test_ipv6_by_one_interface_through_chains_that_drop(
        self, world: Services, forward: Cycle, backend: str, outside_world: Host
    ) -> None:
        for command in ("iptables-nft", "ip6tables-nft"):
            outside_world.run(command, "-w", "10", "-P", "FORWARD", "DROP")
        rules = [entry(OUTSIDE_NETWORK6, to_address=NS01_6, in_interface=UPLINK), entry("203.0.113.0/24")]
        forward(rules=rules, backend=backend)
        assert world.ask(UPLINK6, 8080) == f"ns01 80 {OUTSIDE6}"
        assert world.silent(UPLINK_ADDRESS, 8080)
        forward(rules=[entry("2001:db8:52::/64", to_address=NS01_6, in_interface=UPLINK)], backend=backend)
        assert world.silent(UPLINK6, 8080)
        for each in (*rules, entry()):
            forward(rules=[{**each, "state": "absent"}])
        assert "netns" not in world.rules()

    def test_equal_limits_are_written_alike(self, world: Services, forward: Cycle, backend: str) -> None:
        """Order, overlaps and neighbours in the list make no other rules."""
        forward(rules=[entry("10.0.0.0/9", "10.128.0.0/9", "10.1.0.0/16", OUTSIDE_NETWORK)], backend=backend)
        before = world.rules()
        assert not forward(rules=[entry(OUTSIDE_NETWORK, "10.0.0.0/8")], backend=backend).changed
        assert world.rules() == before

    def test_commands_altered_rules_and_prune(
        self, world: Services, forward: Cycle, backend: str, outside_world: Host
    ) -> None:
        world.iptables("nft", "-P", "FORWARD", "DROP")
        rules = [entry(OUTSIDE_NETWORK, SOURCE, hairpin=[SOURCE])]
        path = f"export PATH={forward.env['PATH']}\n" if forward.env else ""
        checked = forward.check(rules=rules, backend=backend, owner="lab")
        outside_world.run("sh", "-ec", path + "\n".join(checked.commands))
        assert not forward.simply(rules=rules, backend=backend, owner="lab").changed
        # Somebody opens the port for everybody.
        comment = "netns.fabric/port-forward:lab tcp4/8080"
        if backend == "nftables":
            rule = f'tcp dport 8080 fib daddr type local dnat to {NS01}:80 comment "{comment}"'
            outside_world.run("nft", f"insert rule ip netns_fabric prerouting {rule}")
        else:
            match = f"-I PREROUTING -p tcp --dport 8080 -m addrtype --dst-type LOCAL -j DNAT --to-destination {NS01}:80"
            variant = "legacy" if forward.env else "nft"
            world.iptables(variant, "-t", "nat", *match.split(), "-m", "comment", "--comment", comment)
        assert world.ask(UPLINK_ADDRESS, 8080) == f"ns01 80 {OUTSIDE_ADDRESS}"
        limited = [entry(SOURCE, hairpin=[SOURCE])]
        forward(rules=limited, backend=backend, owner="lab", prune=True)
        assert world.silent(UPLINK_ADDRESS, 8080)
        forward(rules=[], owner="lab", prune=True)
        assert "netns" not in world.rules()

    def test_flows_of_who_may_no_longer_connect(
        self, world: Services, forward: Cycle, backend: str, outside_world: Host
    ) -> None:
        outside_world.start(*traffic.ENDPOINT, "serve", "host", "/run/contacts", "8003")
        world.ask(UPLINK_ADDRESS, 8003)
        options: dict[str, Any] = {"port": "8003", "to_port": None, "protocol": "udp", "take_over": True}
        forward(rules=[entry(**options)], backend=backend)
        with UdpFlow("outside", UPLINK_ADDRESS, 8003) as flow:
            assert flow.ask() == f"ns01 8003 {OUTSIDE_ADDRESS}"
            forward(rules=[entry(SOURCE, **options)], backend=backend)
            assert flow.ask() == f"host 8003 {OUTSIDE_ADDRESS}"
            forward(rules=[entry(OUTSIDE_NETWORK, **options)], backend=backend)
            assert flow.ask() == f"ns01 8003 {OUTSIDE_ADDRESS}"


class TestRefusals:
    @pytest.mark.parametrize(
        ("sources", "expected"),
        [
            ([], "sources: names nobody who may connect; name a network, or omit the option for everybody"),
            (["0.0.0.0/0"], "sources[0]: 0.0.0.0/0 contains every address, which is the default; omit the option"),
            ([SOURCE, "10.1.2.3/8"], "sources[1]: '10.1.2.3/8' is an address within a network, not a network"),
            (["224.0.0.0/4"], "sources[0]: nobody connects from 224.0.0.0/4; name the networks of the clients"),
            (["fd00::/64"], "sources[0]: fd00::/64 is not IPv4, which 192.168.100.1 is"),
        ],
    )
    def test_errors(self, plain: Cycle, sources: list[str], expected: str) -> None:
        assert expected in plain.fails(rules=[{**entry(), "sources": sources}])

    def test_a_hairpin_of_nobody(self, plain: Cycle) -> None:
        message = plain.fails(rules=[entry(OUTSIDE_NETWORK, hairpin=[SOURCE])])
        assert f"hairpin[0]: {SOURCE} is in none of the `sources`, so that nobody in it may connect" in message


class TestFacts:
    @pytest.mark.parametrize("backend", ["nftables", "iptables"])
    def test_declarations_are_fed_back(self, plain: Cycle, run_module: RunModule, backend: str) -> None:
        rules = [entry("203.0.113.0/24", SOURCE, hairpin=[SOURCE]), entry(OUTSIDE_NETWORK6, to_address=NS01_6)]
        plain(rules=rules, owner="lab", backend=backend)
        info = run_module("topology_info", owner="lab").returned
        declared = info["declarations"]["forwards"]
        assert [each["sources"] for each in declared] == [[SOURCE, "203.0.113.0/24"], [OUTSIDE_NETWORK6]]
        assert info["undeclared"] == []
        assert not plain(rules=declared, owner="lab", prune=True, backend=backend).changed

    def test_exposure(self, plain: Cycle, run_module: RunModule) -> None:
        def from_outside() -> tuple[str, list[str]]:
            found = run_module("topology_info", gather_subset=["exposure"]).returned["exposure"]
            services = next(each for each in found if each["namespace"] == "ns01")["services"]
            web = next(each for each in services if (each["protocol"], each["port"]) == ("tcp", 80))
            way = next(each for each in web["reached_from"] if each["namespaces"] == ["outside"])
            return way["verdict"], way["at"]

        plain(rules=[entry(SOURCE, "203.0.113.0/24")])
        assert from_outside() == ("closed", [])
        plain(rules=[entry(SOURCE, OUTSIDE_NETWORK)])
        assert from_outside() == ("open", [f"{UPLINK_ADDRESS}:8080"])


VARIABLES: dict[str, Any] = {
    "name": "lab",
    "state": "present",
    "bridges": [{"name": "br0", "addresses": ["10.0.0.254/24", "fd00::fe/64"]}],
    "namespaces": [
        {
            "name": name,
            "interfaces": [{"name": "eth0", "bridge": "br0", "addresses": [f"10.0.0.{n}/24", f"fd00::{n}/64"]}],
            "routes": [{"destination": "default", "gateway": "10.0.0.254"}],
        }
        for n, name in ((1, "web"), (2, "db"), (3, "app"))
    ],
    "nat": [
        {"publish": 8080, "to": "web", "to_port": 80, "from": ["10.0.0.3/32", "fd00::fe/128"]},
        {"publish": 5353, "protocol": "udp", "to": "web", "to_port": 53, "from": ["10.0.0.2/32", "10.0.0.254/32"]},
    ],
}


def test_the_role_probes_who_may_connect_and_who_may_not(host: Host, run_module: RunModule) -> None:
    compiled = compile_topology(VARIABLES)
    assert [(each["port"], each["to_address"], each["sources"]) for each in compiled["forwards"]] == [
        ("8080", "10.0.0.1", ["10.0.0.3/32"]),
        ("8080", "fd00::1", ["fd00::fe/128"]),
        ("5353", "10.0.0.1", ["10.0.0.2/32", "10.0.0.254/32"]),
    ]
    published = [
        (each.get("namespace"), each["to"], each["port"], each.get("expect", "reachable"))
        for each in compiled["probes"]
        if "forwarded_to" in each
    ]
    assert sorted(published, key=str) == sorted(
        [
            (None, "10.0.0.254", 8080, "unreachable"),
            ("app", "10.0.0.254", 8080, "reachable"),
            ("db", "10.0.0.254", 8080, "unreachable"),
            (None, "fd00::fe", 8080, "reachable"),
            ("db", "fd00::fe", 8080, "unreachable"),
            (None, "10.0.0.254", 5353, "reachable"),
            ("db", "10.0.0.254", 5353, "reachable"),
            ("app", "10.0.0.254", 5353, "unreachable"),
        ],
        key=str,
    )
    done = run_module("sequence", steps=steps(VARIABLES), probes=compiled["probes"])
    assert not done.failed, done.message
    # Somebody opens a port for everybody.
    rule = 'tcp dport 8080 dnat to 10.0.0.1:80 comment "netns.fabric/port-forward:lab tcp4/8080"'
    host.run("nft", f"insert rule ip netns_fabric prerouting {rule}")
    short = [{**each, "timeout": 1} for each in compiled["probes"] if each["to"] == "10.0.0.254"]
    assert "db -> 10.0.0.254 tcp/8080: " in run_module("sequence", steps=[], probes=short).message
    assert not run_module("sequence", steps=steps(VARIABLES), probes=short).failed
    clear_legacy(host)
