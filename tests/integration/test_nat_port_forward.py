# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Port forwarding on a real kernel, verified by who reaches a service, and by the client address that it sees."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netns.fabric.tests.helpers import firewalld
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.own_host import (
    OUTSIDE_ADDRESS,
    UPLINK,
    UPLINK_ADDRESS,
)
from ansible_collections.netns.fabric.tests.integration.conftest import RunModule
from ansible_collections.netns.fabric.tests.integration.nat_services import (
    NS01,
    NS01_6,
    NS02,
    ROUTER,
    ROUTER_6,
    Services,
)
from ansible_collections.netns.fabric.tests.integration.nat_world import (
    IPTABLES_VARIANTS,
    OUTSIDE6,
    SOURCE,
    SOURCE6,
    UPLINK6,
    Cycle,
    clear_legacy,
    failing_program,
    legacy_programs,
    load_docker,
    programs,
)


@pytest.fixture
def world(outside_world: Host) -> Iterator[Services]:
    yield Services(outside_world)
    clear_legacy(outside_world)


@pytest.fixture(params=["nftables", "iptables-nft", "iptables-legacy"])
def forward(request: pytest.FixtureRequest, world: Services, run_module: RunModule, tmp_path: Path) -> Cycle:
    """Give the module on a host that uses one of the three backends."""
    if request.param == "iptables-legacy":
        return Cycle(run_module, world, "nat_port_forward", legacy_programs(tmp_path))
    return Cycle(run_module, world, "nat_port_forward")


@pytest.fixture
def backend(request: pytest.FixtureRequest, forward: Cycle) -> str:  # with it comes its parameter
    """Give the value of `backend` for it."""
    return str(request.node.callspec.params["forward"]).partition("-")[0]


@pytest.fixture
def plain(world: Services, run_module: RunModule) -> Cycle:
    """Give the module on a host with all programs."""
    return Cycle(run_module, world, "nat_port_forward")


def owned(rules: str) -> list[str]:
    """Return the lines with a comment of this collection."""
    return [line for line in rules.splitlines() if "netns.fabric" in line]


def entry(port: int | str = 8080, to_address: str = NS01, to_port: int | None = 80, **options: Any) -> dict[str, Any]:
    return {"port": str(port), "to_address": to_address, **({"to_port": to_port} if to_port else {}), **options}


class TestTraffic:
    @pytest.mark.parametrize("protocol", ["tcp", "udp"])
    def test_created_modified_deleted(self, world: Services, forward: Cycle, backend: str, protocol: str) -> None:
        assert world.silent(UPLINK_ADDRESS, 8080, protocol)
        before = world.rules()
        assert forward(rules=[entry(protocol=protocol)], backend=backend).changed
        assert world.ask(UPLINK_ADDRESS, 8080, protocol) == f"ns01 80 {OUTSIDE_ADDRESS}"
        assert forward(rules=[entry(protocol=protocol, to_port=81)], backend=backend).changed
        assert world.ask(UPLINK_ADDRESS, 8080, protocol) == f"ns01 81 {OUTSIDE_ADDRESS}"
        # The port of the other protocol is not published.
        assert world.silent(UPLINK_ADDRESS, 8080, "udp" if protocol == "tcp" else "tcp")
        assert forward(rules=[entry(protocol=protocol, state="absent")]).changed
        assert world.silent(UPLINK_ADDRESS, 8080, protocol)
        if backend == "nftables":  # iptables leaves its tables behind, empty
            assert world.rules() == before.replace("\n0\n", "\n1\n", 1)
        assert "netns" not in world.rules()

    def test_from_everywhere_in_both_families(self, world: Services, forward: Cycle, backend: str) -> None:
        rules = [
            entry(protocol=protocol, to_address=address, hairpin=[network])
            for protocol in ("tcp", "udp")
            for address, network in ((NS01, SOURCE), (NS01_6, SOURCE6))
        ]
        forward(rules=rules, backend=backend)
        for protocol in ("tcp", "udp"):
            assert world.ask(UPLINK_ADDRESS, 8080, protocol) == f"ns01 80 {OUTSIDE_ADDRESS}"
            assert world.ask(UPLINK6, 8080, protocol) == f"ns01 80 {OUTSIDE6}"
            # From the host itself, at any of its addresses; the answer comes from the same address.
            assert world.ask(UPLINK_ADDRESS, 8080, protocol, None) == f"ns01 80 {UPLINK_ADDRESS}"
            assert world.ask(ROUTER, 8080, protocol, None) == f"ns01 80 {ROUTER}"
            assert world.ask(ROUTER_6, 8080, protocol, None) == f"ns01 80 {ROUTER_6}"
            # Not at its loopback addresses.
            assert world.silent("127.0.0.1", 8080, protocol, None)
            assert world.silent("::1", 8080, protocol, None)
            # From a neighbour, and from the service's own namespace.
            for neighbour in ("ns02", "ns01"):
                assert world.ask(UPLINK_ADDRESS, 8080, protocol, neighbour) == f"ns01 80 {ROUTER}"
                assert world.ask(UPLINK6, 8080, protocol, neighbour) == f"ns01 80 {ROUTER_6}"
            # The same port of another host is not affected.
            assert world.silent(OUTSIDE_ADDRESS, 8080, protocol, None)

    def test_without_hairpin_a_neighbour_gets_no_answer(self, world: Services, plain: Cycle) -> None:
        plain(rules=[entry()])
        assert world.silent(UPLINK_ADDRESS, 8080, namespace="ns02")
        plain(rules=[entry(hairpin=[SOURCE])])
        assert world.ask(UPLINK_ADDRESS, 8080, namespace="ns02") == f"ns01 80 {ROUTER}"
        # Connected directly, neighbours see each other's address.
        assert world.ask(NS01, 80, namespace="ns02") == f"ns01 80 {NS02}"
        plain(rules=[entry()])
        assert world.silent(UPLINK_ADDRESS, 8080, namespace="ns02")

    def test_every_client_as_a_neighbour(self, world: Services, forward: Cycle, backend: str) -> None:
        """iptables-save does not print a condition on 0.0.0.0/0."""
        rules = [entry(hairpin=["0.0.0.0/0"]), entry(to_address=NS01_6, hairpin=["::/0"])]
        forward(rules=rules, backend=backend)
        assert world.ask(UPLINK_ADDRESS, 8080) == f"ns01 80 {ROUTER}"
        assert world.ask(UPLINK6, 8080, namespace="ns02") == f"ns01 80 {ROUTER_6}"

    def test_a_range_keeps_its_numbers(self, world: Services, forward: Cycle, backend: str) -> None:
        forward(rules=[entry("8000-8010", to_port=None)], backend=backend)
        assert world.ask(UPLINK_ADDRESS, 8003) == f"ns01 8003 {OUTSIDE_ADDRESS}"
        assert world.silent(UPLINK_ADDRESS, 80)

    def test_one_address_and_one_interface(self, world: Services, forward: Cycle, backend: str) -> None:
        rules = [
            entry(8081, address=UPLINK_ADDRESS),
            entry(8082, address=ROUTER, to_port=81),
            entry(8083, in_interface=UPLINK),
            entry(8084, in_interface="lan0"),
            entry(8085, to_address=NS01_6, address=UPLINK6, in_interface=UPLINK),
        ]
        forward(rules=rules, backend=backend)
        assert world.ask(UPLINK_ADDRESS, 8081) == f"ns01 80 {OUTSIDE_ADDRESS}"
        assert world.ask(UPLINK_ADDRESS, 8081, namespace=None) == f"ns01 80 {UPLINK_ADDRESS}"
        assert world.silent(ROUTER, 8081, namespace=None)
        assert world.ask(ROUTER, 8082, namespace=None) == f"ns01 81 {ROUTER}"
        assert world.silent(UPLINK_ADDRESS, 8082)
        assert world.ask(UPLINK_ADDRESS, 8083) == f"ns01 80 {OUTSIDE_ADDRESS}"
        assert world.silent(UPLINK_ADDRESS, 8083, namespace=None)
        assert world.silent(UPLINK_ADDRESS, 8084)
        assert world.ask(UPLINK6, 8085) == f"ns01 80 {OUTSIDE6}"

    def test_a_namespace_as_the_router(self, world: Services, outside_world: Host, plain: Cycle) -> None:
        run = outside_world.run
        run("ip", "netns", "add", "router")
        run("ip", "link", "add", "wan0", "netns", "router", "type", "veth", "peer", "name", "wan1", "netns", "outside")
        run("ip", "link", "add", "lan1", "netns", "router", "type", "veth", "peer", "name", "to-router")
        run("ip", "link", "set", "to-router", "master", "lan0", "up")
        for link, address in (("wan0", "203.0.113.1/24"), ("lan1", "192.168.100.253/24")):
            run("ip", "-n", "router", "link", "set", link, "up")
            run("ip", "-n", "router", "addr", "add", address, "dev", link)
        run("ip", "-n", "outside", "link", "set", "wan1", "up")
        run("ip", "-n", "outside", "addr", "add", "203.0.113.2/24", "dev", "wan1")
        run("ip", "-n", "ns01", "route", "replace", "default", "via", "192.168.100.253")
        before = world.rules()
        assert plain.simply(rules=[entry(namespace="router")]).changed
        assert not plain.simply(rules=[entry(namespace="router")]).changed
        assert world.ask("203.0.113.1", 8080) == "ns01 80 203.0.113.2"
        assert world.ask("203.0.113.1", 8080, namespace="router") == "ns01 80 203.0.113.1"
        assert world.rules() == before  # the host has none of it
        assert plain.simply(rules=[entry(namespace="router", state="absent")]).changed
        assert world.silent("203.0.113.1", 8080)
        assert "netns" not in outside_world.in_namespace("router", "nft", "list", "ruleset").stdout

    def test_the_commands_do_the_same(self, world: Services, forward: Cycle, backend: str, outside_world: Host) -> None:
        rules = [entry(hairpin=[SOURCE]), entry("8000-8010", NS01_6, None, protocol="udp", in_interface=UPLINK)]
        world.iptables("nft", "-P", "FORWARD", "DROP")
        for wanted in (rules, [{**each, "state": "absent"} for each in rules]):
            checked = forward.check(rules=wanted, backend=backend, owner="lab-a")
            assert checked.changed
            path = f"export PATH={forward.env['PATH']}\n" if forward.env else ""
            outside_world.run("sh", "-ec", path + "\n".join(checked.commands))
            assert not forward.simply(rules=wanted, backend=backend, owner="lab-a").changed


def test_a_step_changes_what_an_earlier_one_publishes(
    world: Services, run_module: RunModule, outside_world: Host
) -> None:
    sources = ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"]
    first = [entry(sources=sources, hairpin=["0.0.0.0/0"]), entry(8081), entry(8082)]
    second = [entry(sources=sources[1:]), entry(8081, to_port=81), entry(8082, state="absent")]
    steps = [{"module": "nat_port_forward", "options": {"rules": rules}} for rules in (first, second)]
    before = world.rules()
    checked = run_module("sequence", _check=True, steps=steps)
    assert checked.changed
    assert world.rules() == before
    outside_world.run("sh", "-ec", "\n".join(checked.commands))
    as_pasted = owned(world.rules())
    assert not run_module("nat_port_forward", rules=second).changed
    outside_world.run("nft", "delete", "table", "ip", "netns_fabric")
    outside_world.run("sysctl", "-w", "net.ipv4.ip_forward=0")
    result = run_module("sequence", steps=steps)
    assert result.changed
    assert owned(world.rules()) == as_pasted
    assert len(result.commands) == len(checked.commands)


class TestChainsThatDrop:
    @pytest.mark.parametrize("variant", IPTABLES_VARIANTS)
    def test_docker(self, world: Services, plain: Cycle, variant: str) -> None:
        load_docker(world._host, variant)
        before = world.save(variant)
        plain(rules=[entry(accept_forward="never")])
        assert world.silent(UPLINK_ADDRESS, 8080)
        plain(rules=[entry()])
        assert world.ask(UPLINK_ADDRESS, 8080) == f"ns01 80 {OUTSIDE_ADDRESS}"
        # Only forwarded connections are accepted.
        outside = ("ip", "-n", "outside", "route", "add", SOURCE, "via", UPLINK_ADDRESS)
        Host.run(world._host, *outside)  # the fixture's own host
        assert world.silent(NS01, 80)
        plain(rules=[entry(state="absent")])
        assert world.save(variant) == before

    def test_an_nft_chain(self, world: Services, plain: Cycle, outside_world: Host) -> None:
        outside_world.run("nft", "add table inet site")
        chain = "add chain inet site forward { type filter hook forward priority 0; policy drop; }"
        outside_world.run("nft", chain)
        before = world.rules()
        plain(rules=[entry(), entry(to_address=NS01_6, protocol="udp")])
        assert world.ask(UPLINK_ADDRESS, 8080) == f"ns01 80 {OUTSIDE_ADDRESS}"
        assert world.ask(UPLINK6, 8080, "udp") == f"ns01 80 {OUTSIDE6}"
        plain(rules=[entry(state="absent"), entry(to_address=NS01_6, protocol="udp", state="absent")])
        assert world.rules() == before.replace("\n0\n", "\n1\n")

    @pytest.mark.skipif(
        shutil.which("firewall-cmd") is None,
        reason="firewalld is not installed, which `make setup-checks` does on Debian",
    )
    def test_firewalld_accepts_it(self, world: Services, plain: Cycle) -> None:
        processes = firewalld.start()
        try:
            assert plain(rules=[entry(hairpin=[SOURCE])]).returned["blocked_by"] == []
            assert world.ask(UPLINK_ADDRESS, 8080) == f"ns01 80 {OUTSIDE_ADDRESS}"
            assert world.ask(UPLINK_ADDRESS, 8080, namespace="ns02") == f"ns01 80 {ROUTER}"
            assert world.ask(ROUTER, 8080, namespace=None) == f"ns01 80 {ROUTER}"
        finally:
            firewalld.stop(processes)


class TestWhateverIsFound:
    @pytest.mark.parametrize(
        "damage",
        [
            "nft flush ruleset",
            "nft flush chain ip netns_fabric prerouting",
            "nft delete table ip netns_fabric",
            "nft add table ip netns_fabric { flags dormant; }",
            "sysctl -w net.ipv4.ip_forward=0",
        ],
    )
    def test_damaged(self, world: Services, plain: Cycle, outside_world: Host, damage: str) -> None:
        plain.simply(rules=[entry()])
        outside_world.run(*damage.split())
        assert world.silent(UPLINK_ADDRESS, 8080)
        plain(rules=[entry()])
        assert world.ask(UPLINK_ADDRESS, 8080) == f"ns01 80 {OUTSIDE_ADDRESS}"

    def test_altered_and_twice(self, world: Services, plain: Cycle, outside_world: Host) -> None:
        plain.simply(rules=[entry()])
        before = world.rules()
        comment = 'comment "netns.fabric/port-forward: tcp4/8080"'
        for rule in (f"tcp dport 8080 dnat to {NS01}:81", f"tcp dport 8080 fib daddr type local dnat to {NS01}:80"):
            outside_world.run("nft", f"insert rule ip netns_fabric prerouting {rule} {comment}")
        plain(rules=[entry()])
        assert world.rules() == before
        assert world.ask(UPLINK_ADDRESS, 8080) == f"ns01 80 {OUTSIDE_ADDRESS}"

    def test_from_one_backend_to_the_others(self, world: Services, run_module: RunModule, tmp_path: Path) -> None:
        rules = [entry(hairpin=[SOURCE]), entry(protocol="udp")]
        legacy = legacy_programs(tmp_path)
        for backend, env, left in (
            ("iptables", legacy, "legacy"),
            ("iptables", {}, "nft"),
            ("nftables", {}, None),
            ("iptables", legacy, "legacy"),
        ):
            assert Cycle(run_module, world, "nat_port_forward", env)(rules=rules, backend=backend).changed
            assert world.ask(UPLINK_ADDRESS, 8080) == f"ns01 80 {OUTSIDE_ADDRESS}"
            for variant in IPTABLES_VARIANTS:
                assert world.count(variant, "port-forward") == (5 if variant == left else 0)
            assert ("netns_fabric" in world.rules()) == (left is None)


class TestOwners:
    def test_masquerading_and_port_forwarding_leave_each_other_alone(
        self, world: Services, forward: Cycle, backend: str, run_module: RunModule
    ) -> None:
        masquerade = Cycle(run_module, world, "nat_masquerade", forward.env)
        world.iptables("nft", "-P", "FORWARD", "DROP")
        masquerade(rules=[{"source": SOURCE}], owner="lab", prune=True, backend=backend)
        only_masquerade = owned(world.rules())
        forward(rules=[entry(hairpin=[SOURCE])], owner="lab", prune=True, backend=backend)
        assert world.ask(UPLINK_ADDRESS, 8080) == f"ns01 80 {OUTSIDE_ADDRESS}"
        assert not masquerade.check(rules=[{"source": SOURCE}], owner="lab", prune=True, backend=backend).changed
        forward(rules=[], owner="lab", prune=True)
        assert owned(world.rules()) == only_masquerade
        forward.simply(rules=[entry(hairpin=[SOURCE])], owner="lab", prune=True, backend=backend)
        masquerade(rules=[], owner="lab", prune=True)
        assert world.ask(UPLINK_ADDRESS, 8080) == f"ns01 80 {OUTSIDE_ADDRESS}"
        assert "MASQUERADE" not in world.save("nft") or "--ctstate DNAT" in world.save("nft")
        assert not forward.check(rules=[entry(hairpin=[SOURCE])], owner="lab", prune=True).changed
        forward(rules=[], owner="lab", prune=True)
        assert "netns" not in world.rules()

    def test_prune_and_other_owners(self, world: Services, plain: Cycle, outside_world: Host) -> None:
        world.iptables("nft", "-t", "nat", "-A", "PREROUTING", "-p", "tcp", "--dport", "99", "-j", "DNAT", "--to", NS01)
        outside_world.run("ip", "netns", "add", "router")
        foreign = world.rules()
        plain.simply(rules=[entry(8090)], owner="other")
        others = world.rules()
        plain.simply(rules=[entry(), entry(8081, NS01_6), entry(namespace="router")], owner="mine")
        plain(rules=[entry(8082)], owner="mine", prune=True)
        assert world.ask(UPLINK_ADDRESS, 8082) == f"ns01 80 {OUTSIDE_ADDRESS}"
        assert world.silent(UPLINK_ADDRESS, 8080)
        assert "netns" not in outside_world.in_namespace("router", "nft", "list", "ruleset").stdout
        plain(rules=[], owner="mine", prune=True)
        assert sorted(world.rules().split("\n")) == sorted(others.replace("\n0\n", "\n1\n").split("\n"))
        assert world.ask(UPLINK_ADDRESS, 8090) == f"ns01 80 {OUTSIDE_ADDRESS}"
        assert "still published by a rule owned by other, which is not owned by mine; left alone" in str(
            plain.simply(rules=[entry(8090, state="absent")], owner="mine").warnings
        )
        plain(rules=[entry(8090, state="absent")], owner="other")
        assert world.rules().split() == foreign.replace("\n0\n", "\n1\n").split()


class TestRefusals:
    """Errors are found before the first write."""

    @pytest.mark.parametrize(
        ("rules", "expected"),
        [
            ([entry(), entry(to_port=81)], "rules[2] (8080): port: is the same as rules[1] (8080)"),
            ([entry(), entry("8000-8090", to_port=None)], "is published by"),
            ([entry(), entry(address=UPLINK_ADDRESS, to_port=81)], "is published by"),
            ([entry(in_interface="eth9")], "in_interface: there is no link eth9 on the host, which has"),
            ([entry(namespace="gone")], "namespace: the namespace gone does not exist"),
            ([entry(70000)], "70000 is not a valid port; give a whole number from 1 to 65535"),
            ([entry(protocol="dccp")], "protocol: must be one of tcp, udp, sctp, not the string 'dccp'"),
            ([entry("8000-8010", to_port=80)], "the ports 8000-8010 keep their numbers"),
            ([entry("8010-8000", to_port=None)], "ends before it begins"),
            ([entry(address=UPLINK6)], "address: 2001:db8:51::1 is not IPv4"),
            ([entry(address="127.0.0.1")], "nothing can be published at 127.0.0.1"),
            ([entry(to_address="127.0.0.1")], "not an address that a router can forward to"),
            ([{"port": "80"}], "to_address: is required"),
        ],
    )
    def test_errors(self, plain: Cycle, rules: list[dict[str, Any]], expected: str) -> None:
        assert expected in plain.fails(rules=[entry(9000), *rules])

    def test_nft_is_rolled_back_where_iptables_refuses(self, world: Services, plain: Cycle, tmp_path: Path) -> None:
        plain.simply(rules=[entry(), entry(8081)], owner="lab-a")
        world.iptables("nft", "-P", "FORWARD", "DROP")
        script = tmp_path / "refuse.sh"
        script.write_text("#!/bin/sh\nexit 4\n", "ascii")
        script.chmod(0o755)
        plain.env = programs(tmp_path, iptables_restore=str(script))
        for rules in ([entry(to_port=81), entry(8082)], [entry(state="absent"), entry(8081)]):
            assert "rolled back; the host is unchanged" in plain.fails(rules=rules, owner="lab-a")

    @pytest.mark.parametrize(("backend", "program"), [("nftables", "nft"), ("iptables", "iptables-nft-restore")])
    def test_program_that_fails_after_its_commit(
        self, world: Services, plain: Cycle, tmp_path: Path, backend: str, program: str
    ) -> None:
        plain.simply(rules=[entry(), entry(8081)], owner="lab-a", backend=backend)
        world.iptables("nft", "-P", "FORWARD", "DROP")
        plain.env = failing_program(tmp_path, f"/usr/sbin/{program}", "kill -9 $$", {"PATH": os.environ["PATH"]})
        for rules in ([entry(to_port=81), entry(8082)], [entry(state="absent"), entry(8081, state="absent")]):
            message = plain.fails(rules=rules, owner="lab-a", backend=backend)
            assert "signal 9" in message
            assert "rolled back; the host is unchanged" in message


class TestPublishedTwice:
    def test_by_two_owners(self, plain: Cycle) -> None:
        plain(rules=[entry()], owner="one")
        assert "port: tcp port 8080 is already led elsewhere, by a rule owned by one; choose another port" in (
            plain.fails(rules=[entry(to_address=NS02)], owner="two")
        )
        # A range, a single address, and the same port of no owner.
        assert "by a rule owned by one" in plain.fails(rules=[entry("8000-8100", to_port=None)], owner="two")
        assert "by a rule owned by one" in plain.fails(rules=[entry(address=UPLINK_ADDRESS)], owner="two")
        assert "by a rule owned by one" in plain.fails(rules=[entry()])
        # Other packets, and its own rules.
        plain(rules=[entry(protocol="udp"), entry(8081)], owner="two")
        plain(rules=[entry(8080, to_address=NS01_6)], owner="two")
        plain(rules=[entry(to_port=81)], owner="one")
        plain(rules=[entry("8070-8080", to_port=None), entry(state="absent")], owner="one")

    def test_refused_in_check_mode_and_no_longer_after_the_removal(self, plain: Cycle, run_module: RunModule) -> None:
        plain(rules=[entry()], owner="one")
        checked = run_module("nat_port_forward", _check=True, rules=[entry()], owner="two")
        assert "is already led elsewhere" in checked.message
        plain(rules=[entry(state="absent")], owner="one")
        plain(rules=[entry()], owner="two")

    @pytest.mark.parametrize("variant", IPTABLES_VARIANTS)
    def test_by_docker(self, world: Services, plain: Cycle, variant: str) -> None:
        """The rules that Docker 20 to 28 adds for `-p 8080:80` and `-p 198.51.100.1:8081:80`."""
        world._host.run("ip", "link", "add", "docker0", "type", "bridge")
        for rule in (
            "-N DOCKER",
            "-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER",
            "-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER",
            "-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80",
            f"-A DOCKER -d {UPLINK_ADDRESS} ! -i docker0 -p tcp --dport 8081 -j DNAT --to-destination 172.17.0.3:80",
        ):
            world.iptables(variant, "-t", "nat", *rule.split())
        assert (
            "port: tcp port 8080 is already led elsewhere, by Docker's rule in iptables-"
            f"{variant} ip nat DOCKER (to 172.17.0.2:80); choose another port, remove that rule first, or give each"
        ) in plain.fails(rules=[entry()])
        assert "(to 172.17.0.3:80)" in plain.fails(rules=[entry(8081)])
        plain(rules=[entry(8081, address=ROUTER), entry(8080, protocol="udp"), entry(8080, in_interface="docker0")])

    def test_by_a_rule_of_nftables(self, world: Services, plain: Cycle) -> None:
        chain = "type nat hook prerouting priority dstnat; policy accept;"
        rules = (
            "tcp dport 8000-8100 dnat ip to 10.0.0.1",
            "meta nfproto ipv4 udp dport 53 dnat ip to 10.0.0.1:53",
            f"ip daddr {OUTSIDE_ADDRESS} dnat ip to 10.0.0.1",
            "ip saddr 10.0.0.0/8 tcp dport 9000 dnat ip to 10.0.0.1",
        )
        world._host.run("nft", "\n".join([f"table inet other {{ chain in {{ {chain}", *rules, "}", "}"]))
        assert "by a rule of another program in nftables inet other in (to 10.0.0.1)" in plain.fails(rules=[entry()])
        assert "(to 10.0.0.1:53)" in plain.fails(rules=[entry(53, protocol="udp")])
        # Another host's address, some senders only, and IPv6.
        plain(rules=[entry(9000), entry(8080, to_address=NS01_6)])

    def test_by_sets_patterns_and_redirections_of_nftables(self, world: Services, plain: Cycle) -> None:
        chain = "type nat hook prerouting priority dstnat; policy accept;"
        rules = (
            f"ip daddr {UPLINK_ADDRESS} tcp dport {{ 80, 443 }} dnat to 10.0.0.1",
            "tcp dport { 1080, 1443-1445 } dnat to 10.0.0.2",
            "tcp dport 3128 redirect to :3129",
            'iifname "uplink*" tcp dport 4000 dnat to 10.0.0.8-10.0.0.15',
            "ip saddr { 10.0.0.1, 10.0.0.2 } tcp dport 5000 dnat to 10.0.0.1",
        )
        world._host.run("nft", "\n".join([f"table ip other {{ chain in {{ {chain}", *rules, "}", "}"]))
        for given, target in (
            (entry(443, address=UPLINK_ADDRESS), "10.0.0.1"),
            (entry(1444), "10.0.0.2"),
            (entry(3128), "another port"),
            (entry(4000, in_interface=UPLINK), "10.0.0.8-10.0.0.15"),
        ):
            assert f"in nftables ip other in (to {target})" in plain.fails(rules=[given])
        others = [entry(22, address=UPLINK_ADDRESS), entry(443, address=ROUTER), entry(4000, in_interface="lan0")]
        plain(rules=[*others, entry(1446), entry(5000)])

    @pytest.mark.parametrize("variant", IPTABLES_VARIANTS)
    def test_by_protocols_patterns_and_redirections_of_iptables(
        self, world: Services, plain: Cycle, variant: str
    ) -> None:
        for rule in (
            f"-d {UPLINK_ADDRESS} -p udp -j DNAT --to-destination 10.0.0.1",
            f"-d {UPLINK_ADDRESS} -p gre -j DNAT --to-destination 10.0.0.2",
            "-p tcp -m multiport --dports 1080,1443:1445 -j DNAT --to-destination 10.0.0.3",
            "-p tcp --dport 3128 -j REDIRECT --to-ports 3129",
            "-i uplink+ -p tcp --dport 4000 -j DNAT --to-destination 10.0.0.4",
            "-p tcp -m iprange --src-range 10.0.0.1-10.0.0.9 --dport 5000 -j DNAT --to-destination 10.0.0.5",
        ):
            world.iptables(variant, "-t", "nat", "-A", "PREROUTING", *rule.split())
        for given, target in (
            (entry(53, protocol="udp", address=UPLINK_ADDRESS), "10.0.0.1"),
            (entry(1444), "10.0.0.3"),
            (entry(3128), "another port"),
            (entry(4000, in_interface=UPLINK), "10.0.0.4"),
        ):
            assert f"in iptables-{variant} ip nat PREROUTING (to {target})" in plain.fails(rules=[given])
        others = [entry(22, address=UPLINK_ADDRESS), entry(4000, in_interface="lan0")]
        plain(rules=[*others, entry(1446), entry(5000)])
