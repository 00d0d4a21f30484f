# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Isolated links of a host that forwards: two tenants, each with a bridge, and a neighbour on the LAN.

The neighbour has routes to the tenants' networks by the host, as an attacker would set them.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netns.fabric.tests.helpers import traffic
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.module_runner import ModuleResult
from ansible_collections.netns.fabric.tests.helpers.own_host import OUTSIDE_ADDRESS, UPLINK, UPLINK_ADDRESS
from ansible_collections.netns.fabric.tests.integration.conftest import RunModule
from ansible_collections.netns.fabric.tests.integration.nat_world import (
    clear_legacy,
    failing_program,
    legacy_programs,
)

OUTSIDE6, UPLINK6 = "2001:db8:51::2", "2001:db8:51::1"
PORT = "80"
#: By tenant: what is before the last number of its addresses.
NETS = {"a": ("10.1.0.", "fd00:1::"), "b": ("10.2.0.", "fd00:2::")}
#: What reaches the first network of the other tenant.
TO_B = {"destination": "10.2.0.0/24", "out_interface": "b_br"}
BACKENDS = ("nftables", "iptables", "legacy")

# Sends a UDP datagram with a source address that is not the sender's.
SPOOF = """
import socket, struct, sys
source, target = map(socket.inet_aton, sys.argv[1:3])
def total(data):
    data += bytes(len(data) % 2)
    found = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while found >> 16:
        found = (found & 0xFFFF) + (found >> 16)
    return ~found & 0xFFFF
with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
    udp = struct.pack("!HHHH", 5000, 80, 9, 0) + b"x"
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, source, target)
    raw.sendto(ip + udp, (sys.argv[2], 0))
"""


class Tenants:
    """Two bridges of the host with two namespaces each, `a1`, `a2`, `b1` and `b2`; every one has a server."""

    def __init__(self, host: Host) -> None:
        self._host = host
        for name in ("net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"):
            Path("/proc/sys", name).write_text("1", encoding="ascii")
        # As with bridges of Open vSwitch: traffic between neighbours does not pass the packet filter.
        for parameter in Path("/proc/sys/net/bridge").glob("bridge-nf-call-ip*tables"):
            parameter.write_text("0", encoding="ascii")
        for tenant in NETS:
            self._add_bridge(tenant)
        for tenant, (net, net6) in NETS.items():
            host.run("ip", "-n", "outside", "route", "add", f"{net}0/24", "via", UPLINK_ADDRESS)
            host.run("ip", "-n", "outside", "-6", "route", "add", f"{net6}/64", "via", UPLINK6)
            for number in (1, 2):
                self._serve(f"{tenant}{number}")
        self._serve("outside")
        for _attempt in range(100):
            if all(self.passes(source, target) for source, target in (("a1", "b2"), ("b1", "outside"), ("b1", "a2"))):
                return
            time.sleep(0.05)
        raise AssertionError("the servers do not answer")

    def _add_bridge(self, tenant: str) -> None:
        run, (net, net6) = self._host.run, NETS[tenant]
        bridge = f"{tenant}_br"
        run("ip", "link", "add", bridge, "type", "bridge")
        run("ip", "link", "set", bridge, "up")
        run("ip", "addr", "add", f"{net}254/24", "dev", bridge)
        run("ip", "addr", "add", f"{net6}254/64", "dev", bridge, "nodad")
        for number in (1, 2):
            name = f"{tenant}{number}"
            run("ip", "netns", "add", name)
            run("ip", "link", "add", "eth0", "netns", name, "type", "veth", "peer", "name", f"{name}_tap")
            run("ip", "link", "set", f"{name}_tap", "master", bridge, "up")
            run("ip", "-n", name, "link", "set", "lo", "up")
            run("ip", "-n", name, "link", "set", "eth0", "up")
            run("ip", "-n", name, "addr", "add", f"{net}{number}/24", "dev", "eth0")
            run("ip", "-n", name, "addr", "add", f"{net6}{number}/64", "dev", "eth0", "nodad")
            run("ip", "-n", name, "route", "add", "default", "via", f"{net}254")
            run("ip", "-n", name, "-6", "route", "add", "default", "via", f"{net6}254")

    def _serve(self, name: str) -> None:
        self._host.start(*traffic.ENDPOINT, "serve", name, f"/run/{name}.log", PORT, namespace=name)

    def addresses(self, name: str) -> tuple[str, str]:
        """Return the addresses of a namespace, IPv4 and IPv6."""
        if name == "outside":
            return OUTSIDE_ADDRESS, OUTSIDE6
        net, net6 = NETS[name[0]]
        return f"{net}{name[1]}", f"{net6}{name[1]}"

    def ask(self, source: str, address: str, protocol: str = "tcp", port: str = PORT, wait: float = 0.4) -> str:
        """Return the answer: the server's namespace, its port, the client's address; empty for none."""
        return traffic.ask(source, address, int(port), protocol, wait)

    def ping(self, source: str, address: str) -> bool:
        command = ("ping", "-n", "-q", "-c", "1", "-W", "1", address)
        return "1 received" in self._host.in_namespace(source, *command, check=False).stdout

    def answers(self, source: str, target: str) -> set[str]:
        """Return what a namespace gets answers to from another one."""
        attempts: dict[str, Future[Any]] = {}
        with ThreadPoolExecutor(6) as pool:
            for version, address in zip("46", self.addresses(target)):
                for protocol in ("tcp", "udp"):
                    attempts[protocol + version] = pool.submit(self.ask, source, address, protocol)
                attempts[f"icmp{version}"] = pool.submit(self.ping, source, address)
        return {name for name, attempt in attempts.items() if attempt.result()}

    def passes(self, source: str, target: str) -> bool:
        """Return whether everything is answered, at the second attempt at the latest: the machine may be busy."""
        return self.answers(source, target) == EVERYTHING or self.answers(source, target) == EVERYTHING

    def dropped(self, source: str, target: str) -> bool:
        """Return whether nothing is answered."""
        return self.answers(source, target) == set()

    def spoof(self, source: str, claimed: str, target: str) -> None:
        """Send a datagram with another source address."""
        self._host.in_namespace(source, sys.executable, "-I", "-c", SPOOF, claimed, self.addresses(target)[0])

    def recorded_after(self, last: str, name: str = "outside") -> str:
        """Return what a server has recorded once it has the packet that was sent last."""
        for _attempt in range(100):
            if f" {last}\n" in self.recorded(name):
                break
            time.sleep(0.1)
        return self.recorded(name)

    def recorded(self, name: str) -> str:
        return Path(f"/run/{name}.log").read_text(encoding="ascii")

    def tables(self, table: str, command: str) -> str:
        """Return what a variant of iptables prints of a table, without counters and times."""
        saved = self._host.run(f"{command}-save", "-t", table).stdout.splitlines()
        return "\n".join(line.partition(" [")[0] for line in saved if not line.startswith("#"))

    def rules(self) -> str:
        """Return the rules of the packet filter, of nft and of both variants of iptables, without counters."""
        printed = [self._host.run("nft", "-s", "list", "ruleset").stdout]
        for version, names in (("iptables", "ip_tables_names"), ("ip6tables", "ip6_tables_names")):
            tables = Path(f"/proc/net/{names}")
            if tables.exists() and tables.read_text(encoding="ascii").split():
                printed.append(self._host.run(f"{version}-legacy-save").stdout)
        lines = "\n".join(printed).splitlines()
        return "\n".join(line.partition(" [")[0] for line in lines if not line.startswith("#"))


EVERYTHING = {f"{protocol}{version}" for protocol in ("tcp", "udp", "icmp") for version in "46"}


@pytest.fixture
def tenants(outside_world: Host) -> Iterator[Tenants]:
    yield Tenants(outside_world)
    clear_legacy(outside_world)
    for command in ("iptables-legacy", "ip6tables-legacy"):
        outside_world.run(command, "-w", "10", "-t", "mangle", "-F")
        outside_world.run(command, "-w", "10", "-t", "mangle", "-X")


class Cycle:
    """Runs the module: check, apply, check, apply. Check mode reports the same as the run, and writes nothing."""

    def __init__(self, run_module: RunModule, tenants: Tenants, environment: dict[str, str]) -> None:
        self.run = run_module
        self._tenants = tenants
        self.environment = environment

    def __call__(self, **params: Any) -> ModuleResult:
        before = self._tenants.rules()
        checked = self.simply(_check=True, **params)
        assert self._tenants.rules() == before
        applied = self.simply(**params)
        for part in ("changed", "diff", "commands"):
            assert checked.returned[part] == applied.returned[part], part
        after = self._tenants.rules()
        for again in (self.simply(_check=True, **params), self.simply(**params)):
            assert (again.changed, again.diff, again.commands) == (False, [], [])
        assert self._tenants.rules() == after
        return applied

    def simply(self, **params: Any) -> ModuleResult:
        result = self.run("isolation", _env=self.environment, **params)
        assert not result.failed, result.message
        return result


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    """Give a packet filter."""
    return str(request.param)


@pytest.fixture
def isolate(run_module: RunModule, tenants: Tenants, backend: str, tmp_path: Path) -> Cycle:
    return Cycle(run_module, tenants, legacy_programs(tmp_path) if backend == "legacy" else {})


def option_of(backend: str) -> str:
    return "nftables" if backend == "nftables" else "iptables"


def link(tenant: str, **options: Any) -> dict[str, Any]:
    """Return the entry of a tenant whose networks may leave the host."""
    net, net6 = NETS[tenant]
    networks = [f"{net}0/24", f"{net6}/64"]
    return {
        "link": f"{tenant}_br",
        "networks": networks,
        "outbound": [{"source": network, "out_interface": UPLINK} for network in networks],
        **options,
    }


def test_created_modified_deleted(tenants: Tenants, isolate: Cycle, backend: str) -> None:
    """What is judged by traffic: TCP, UDP and ICMP, IPv4 and IPv6, before, during and after."""
    before = tenants.rules()
    option = option_of(backend)
    assert tenants.passes("outside", "a1")
    assert isolate(owner="lab", prune=True, links=[link("a"), link("b")], backend=option).changed
    for source, target in (("a1", "b1"), ("b2", "a2"), ("outside", "a1"), ("outside", "b2")):
        assert tenants.dropped(source, target), (source, target)
    for source, target in (("a1", "a2"), ("a1", "outside"), ("b1", "outside")):
        assert tenants.passes(source, target), (source, target)
    # Only one of the two may open connections to the other one, and only one leaves the host.
    opened = [link("a", reaches=[TO_B], outbound=[]), link("b")]
    assert isolate(owner="lab", prune=True, links=opened, backend=option).changed
    assert tenants.answers("a1", "b1") == {"tcp4", "udp4", "icmp4"}
    assert tenants.dropped("b1", "a1")
    assert tenants.dropped("a1", "outside")
    assert tenants.passes("b1", "outside")
    # Not listed: open, as far as the other one does not close it.
    assert isolate(owner="lab", prune=True, links=[link("b")], backend=option).changed
    assert tenants.passes("outside", "a1")
    assert tenants.dropped("a1", "b1")
    assert isolate(link="b_br", owner="lab", state="absent", backend=option).changed
    assert tenants.passes("a1", "b1")
    assert "fabric" not in tenants.rules()
    if backend == "nftables":  # iptables leaves its tables behind, empty
        assert tenants.rules() == before


def test_spoofed_sources_do_not_leave_the_host(tenants: Tenants, isolate: Cycle, backend: str) -> None:
    tenants.spoof("a1", "10.1.0.77", "outside")
    for claimed in ("10.2.0.1", "203.0.113.9"):
        tenants.spoof("a1", claimed, "outside")
    assert "203.0.113.9" in tenants.recorded_after("203.0.113.9")
    isolate.simply(links=[link("a"), link("b")], backend=option_of(backend))
    for claimed in ("10.2.0.2", "203.0.113.10", "10.1.0.78"):
        tenants.spoof("a1", claimed, "outside")
    recorded = tenants.recorded_after("10.1.0.78")
    assert "10.1.0.78" in recorded
    assert "10.2.0.2" not in recorded
    assert "203.0.113.10" not in recorded


def test_a_network_is_reached_by_its_link_only(tenants: Tenants, isolate: Cycle, backend: str) -> None:
    """A route of the host leads outside for a part of the network, where nothing is translated."""
    option, everything = option_of(backend), ("0.0.0.0/0", "::/0")
    for by, is_open in (({}, True), ({"out_interface": "b_br"}, False)):
        reaches = [{"destination": network, **by} for network in everything]
        links = [link("a", outbound=[], reaches=reaches), link("b")]
        assert isolate(owner="lab", prune=True, links=links, backend=option).changed
        assert tenants.passes("a1", "b1")
        assert (tenants.passes if is_open else tenants.dropped)("a1", "outside")


DAMAGE = (
    "delete the rules",
    "delete the last rule of a chain",
    "accept everything in a chain",
    "lead to the chain for what enters before the other one",
    "delete the table",
)


@pytest.mark.parametrize("damage", DAMAGE)
def test_repaired(host: Host, tenants: Tenants, isolate: Cycle, backend: str, damage: str) -> None:
    links = [link("a", reaches=[TO_B]), link("b")]
    option = option_of(backend)
    isolate.simply(owner="lab", links=links, backend=option)
    wanted = tenants.rules()
    do_damage(host, backend, damage)
    assert tenants.rules() != wanted
    isolate(owner="lab", links=links, backend=option)
    assert tenants.answers("a1", "b1") == {"tcp4", "udp4", "icmp4"}
    assert tenants.dropped("b1", "a1")
    assert tenants.dropped("outside", "a1")
    assert tenants.passes("a1", "outside")
    isolate(owner="lab", prune=True, links=[], backend=option)
    assert "10.1.0.0/24" not in tenants.rules()


def do_damage(host: Host, backend: str, damage: str) -> None:
    """Do to the rules what somebody may do by hand."""
    comment = "netns.fabric/isolation:lab b_br"
    if backend == "nftables":
        table = "ip netns_fabric"
        lines = {
            DAMAGE[0]: [f"flush chain {table} fabric-from-a_br"],
            DAMAGE[1]: [f"flush chain {table} fabric-to-a_br"],
            DAMAGE[2]: [f"insert rule {table} fabric-to-a_br accept"],
            DAMAGE[3]: [f'insert rule {table} forward oifname "b_br" jump fabric-to-b_br comment "{comment}"'],
            DAMAGE[4]: [f"delete table {table}"],
        }[damage]
        for line in lines:
            host.run("nft", line)
        return
    command = ["iptables-legacy" if backend == "legacy" else "iptables", "-w", "10", "-t", "mangle"]
    for arguments in {
        DAMAGE[0]: [["-F", "fabric-from-a_br"]],
        DAMAGE[1]: [["-F", "fabric-to-a_br"]],
        DAMAGE[2]: [["-I", "fabric-to-a_br", "-j", "ACCEPT"]],
        DAMAGE[3]: [["-I", "FORWARD", "-o", "b_br", "-m", "comment", "--comment", comment, "-j", "fabric-to-b_br"]],
        DAMAGE[4]: [["-F"], ["-X"]],
    }[damage]:
        host.run(*command, *arguments)


def test_two_owners_of_one_link(tenants: Tenants, isolate: Cycle, backend: str) -> None:
    """What passes is what one of them lets pass; the link is open again when the last one is gone."""
    option = option_of(backend)
    isolate(owner="one", links=[link("a", outbound=[])], backend=option)
    assert tenants.dropped("a1", "outside")
    isolate(owner="two", links=[link("a")], backend=option)
    assert tenants.passes("a1", "outside")
    assert tenants.dropped("outside", "a1")
    gone = isolate(owner="two", links=[], prune=True, backend=option)
    assert gone.changed
    assert tenants.dropped("a1", "outside")
    assert "still isolated by one" in str(
        isolate.simply(owner="two", link="a_br", state="absent", backend=option).warnings
    )
    isolate(owner="one", links=[], prune=True, backend=option)
    assert tenants.passes("outside", "a1")
    assert "fabric" not in tenants.rules()


def test_networks_of_every_address(tenants: Tenants, isolate: Cycle, backend: str) -> None:
    """iptables-save does not print a condition on 0.0.0.0/0, and a rule without any would end the chain."""

    def reach(source: str, target: str) -> list[bool]:
        return [bool(tenants.ask(source, address)) for address in tenants.addresses(target)]

    option, everything = option_of(backend), ["0.0.0.0/0", "::/0"]
    every_address = {
        "link": "b_br",
        "networks": everything,
        "outbound": [{"source": network, "out_interface": UPLINK} for network in everything],
    }
    reaches = [{"destination": network} for network in everything]
    links = [link("a", outbound=[], reaches=reaches), {**every_address, "reaches": [{"destination": "10.1.0.0/24"}]}]
    isolate(owner="one", links=links, backend=option)
    assert reach("a1", "b1") == [True, True]
    assert reach("b1", "a1") == [True, False]
    # What another owner adds comes before the end of the chain.
    other = {**every_address, "reaches": reaches, "owner": "two", "backend": option}
    assert isolate.simply(**other).changed
    assert reach("b1", "a1") == [True, True]
    assert not isolate.simply(**other).changed


def test_moves_from_one_backend_to_the_other(tenants: Tenants, run_module: RunModule) -> None:
    isolate = Cycle(run_module, tenants, {})
    for option in ("nftables", "iptables", "nftables"):
        isolate(owner="lab", links=[link("a")], backend=option)
        assert tenants.dropped("outside", "a1")
        assert tenants.passes("a1", "outside")
        assert ("netns_fabric" in tenants.rules()) == (option == "nftables")
        assert not isolate.simply(owner="lab", links=[link("a")]).changed
    isolate(owner="lab", prune=True, links=[])
    assert "fabric" not in tenants.rules()


@pytest.mark.parametrize("command", ["iptables", "iptables-legacy"])
def test_beside_the_rules_of_others(
    host: Host, tenants: Tenants, run_module: RunModule, command: str, tmp_path: Path
) -> None:
    """What Docker writes accepts a tenant's packets at the head of FORWARD; what ufw writes forbids some of them."""
    table = [command, "-w", "10"]
    for chain in ("DOCKER-USER", "ufw-before-forward"):
        host.run(*table, "-N", chain)
        host.run(*table, "-A", "FORWARD", "-j", chain)
    host.run(*table, "-A", "DOCKER-USER", "-s", "10.0.0.0/8", "-j", "ACCEPT")
    host.run(*table, "-I", "FORWARD", "-s", "10.1.0.2/32", "-o", UPLINK, "-j", "DROP")
    before = tenants.tables("filter", command)
    isolate = Cycle(run_module, tenants, legacy_programs(tmp_path) if command.endswith("legacy") else {})
    isolate(owner="lab", links=[link("a"), link("b")], backend="iptables")
    assert tenants.dropped("a1", "b1")
    assert tenants.passes("a1", "outside")
    assert tenants.answers("a2", "outside") == {"tcp6", "udp6", "icmp6"}
    isolate(owner="lab", prune=True, links=[], backend="iptables")
    assert tenants.tables("filter", command) == before
    assert "fabric" not in tenants.rules()


def test_with_nat_and_published_ports(host: Host, tenants: Tenants, isolate: Cycle, backend: str) -> None:
    """A published port is reached from outside, from the other tenant and from a neighbour; nothing else is."""
    option = option_of(backend)
    environment = isolate.environment
    for route in ("10.1.0.0/24", "10.2.0.0/24"):
        host.run("ip", "-n", "outside", "route", "del", route)
    links = [link(tenant, outbound=[{"source": f"{NETS[tenant][0]}0/24"}]) for tenant in NETS]
    isolate.simply(links=links, backend=option)
    run = isolate.run
    assert not run("nat_masquerade", _env=environment, rules=[{"source": "10.1.0.0/24"}], backend=option).failed
    rule = {"port": 8080, "to_address": "10.1.0.1", "to_port": 80, "hairpin": ["10.1.0.0/24"]}
    assert not run("nat_port_forward", _env=environment, rules=[rule], backend=option).failed
    assert tenants.ask("a1", OUTSIDE_ADDRESS, wait=5).endswith(UPLINK_ADDRESS)
    for source, router in (("outside", UPLINK_ADDRESS), ("b1", "10.2.0.254"), ("a2", "10.1.0.254")):
        assert tenants.ask(source, router, port="8080", wait=5).startswith("a1"), source
    assert tenants.dropped("b1", "a1")
    assert tenants.dropped("outside", "a2")
    assert not isolate.simply(links=links, backend=option).changed


def test_names_and_errors(host: Host, tenants: Tenants, run_module: RunModule) -> None:
    isolate = Cycle(run_module, tenants, {})
    for name in ("odd,name", "0123456789abcde", "a@b#c"):
        host.run("ip", "link", "add", "dev", name, "type", "bridge")
        for option in ("nftables", "iptables"):
            isolate(link=name, backend=option)
        isolate(link=name, state="absent")
    assert "fabric" not in tenants.rules()
    failed = run_module(
        "isolation",
        links=[
            {"link": "missing0", "networks": ["10.1.0.0/24"]},
            {"link": "a_br", "networks": ["10.1.0.1/24"], "outbound": [{"source": "10.3.0.0/24"}]},
        ],
    )
    assert failed.failed
    for part in ("networks[0]: ", "write 10.1.0.0/24", "10.3.0.0/24 is not within the `networks`"):
        assert part in failed.message, part
    failed = run_module("isolation", link="missing0")
    assert "there is no link missing0 on the host, which has" in failed.message


def test_failed_change_is_rolled_back(
    host: Host, tenants: Tenants, isolate: Cycle, backend: str, run_module: RunModule, tmp_path: Path
) -> None:
    """The program does its work, and fails; so do those that undo it, whose work counts as well."""
    option = option_of(backend)
    isolate.simply(owner="lab", links=[link("a")], backend=option)
    before = sorted(tenants.rules().splitlines())
    programs = {
        "nftables": "/usr/sbin/nft",
        "iptables": "/usr/sbin/iptables-nft-restore",
        "legacy": "/usr/sbin/iptables-legacy-restore",
    }
    environment = failing_program(
        tmp_path, programs[backend], "exit 1", isolate.environment or {"PATH": os.environ["PATH"]}
    )
    for entries in ([link("a", outbound=[]), link("b")], []):
        failed = run_module("isolation", _env=environment, owner="lab", prune=True, links=entries, backend=option)
        assert "rolled back; the host is unchanged" in failed.message, failed.message
        assert sorted(tenants.rules().splitlines()) == before
    assert not isolate.simply(owner="lab", links=[link("a")], backend=option).changed


def test_commands_can_be_pasted(host: Host, tenants: Tenants, isolate: Cycle, backend: str) -> None:
    option = option_of(backend)
    links = [link("a"), link("b", reaches=[{"destination": "10.1.0.0/24", "out_interface": "a_br"}])]
    built = isolate.simply(owner="lab", links=links, backend=option)
    wanted = sorted(tenants.rules().splitlines())
    isolate.simply(owner="lab", prune=True, links=[], backend=option)
    path = isolate.environment.get("PATH", "$PATH")
    paste = "\n".join(["set -eu", f'PATH="{path}"', *built.commands])
    host.run("sh", "-c", paste)
    assert sorted(tenants.rules().splitlines()) == wanted
    assert not isolate.simply(owner="lab", links=links, backend=option).changed
    removing = isolate.simply(owner="lab", prune=True, links=[], backend=option, _check=True)
    host.run("sh", "-c", "\n".join(["set -eu", f'PATH="{path}"', *removing.commands]))
    assert "fabric" not in tenants.rules()
