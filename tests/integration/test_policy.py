# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module policy, judged by traffic between neighbours on one bridge: TCP, UDP and ICMP, IPv4 and IPv6."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netns.fabric.tests.helpers.flow import UdpFlow
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.module_runner import ModuleResult
from ansible_collections.netns.fabric.tests.integration.conftest import RunModule
from ansible_collections.netns.fabric.tests.integration.nat_world import failing_program, legacy_programs
from ansible_collections.netns.fabric.tests.integration.policy_world import (
    BACKENDS,
    EVERYTHING,
    Neighbours,
    TcpConnection,
    neighbours,
    option_of,
    rule,
)

WEB = {"tcp4 80", "tcp6 80"}


@pytest.fixture(name="world")
def fixture_world(host: Host) -> Iterator[Neighbours]:
    yield from neighbours(host)


class Cycle:
    """Runs the module: check, apply, check, apply. Check mode reports the same as the run, and writes nothing."""

    def __init__(self, run_module: RunModule, world: Neighbours, backend: str, environment: dict[str, str]) -> None:
        self._run = run_module
        self._world = world
        self._backend = option_of(backend)
        self.environment = environment

    def __call__(self, **params: Any) -> ModuleResult:
        before = self._world.all_rules()
        checked = self.simply(_check=True, **params)
        assert self._world.all_rules() == before
        applied = self.simply(**params)
        for part in ("changed", "diff", "commands"):
            assert checked.returned[part] == applied.returned[part], part
        after = self._world.all_rules()
        for again in (self.simply(_check=True, **params), self.simply(**params)):
            assert (again.changed, again.diff, again.commands) == (False, [], [])
        assert self._world.all_rules() == after
        return applied

    def simply(self, **params: Any) -> ModuleResult:
        result = self.attempt(**params)
        assert not result.failed, result.message
        return result

    def attempt(self, **params: Any) -> ModuleResult:
        environment = params.pop("_env", self.environment)
        return self._run("policy", _env=environment, **{"backend": self._backend, **params})


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    """Give a packet filter."""
    return str(request.param)


@pytest.fixture
def policy(run_module: RunModule, world: Neighbours, backend: str, tmp_path: Path) -> Cycle:
    return Cycle(run_module, world, backend, legacy_programs(tmp_path) if backend == "legacy" else {})


def test_created_modified_deleted(world: Neighbours, policy: Cycle, backend: str) -> None:
    before = world.all_rules()
    web = rule("allow", protocol="tcp", ports=["80"])
    assert policy(owner="lab", prune=True, policies=[{"namespace": "a", "incoming": "deny", "rules": [web]}]).changed
    assert world.answers("b", "a") == WEB
    assert world.passes("a", "b")
    assert world.passes("b", "c")
    # One peer more, and one port less for all others; the other direction for another namespace.
    changed = [
        {
            "namespace": "a",
            "incoming": "deny",
            "rules": [
                rule("allow", peers=["10.9.0.2/32", "fd00:9::2/128"]),
                rule("allow", protocol="icmp", icmp_types=["echo-request"], priority=5),
            ],
        },
        {
            "namespace": "c",
            "outgoing": "deny",
            "rules": [rule("allow", direction="out", excluded_peers=["10.9.0.1/32", "fd00:9::/64"])],
        },
    ]
    assert policy(owner="lab", prune=True, policies=changed).changed
    assert world.passes("b", "a")
    assert world.answers("c", "a") == set()  # c itself does not send
    assert world.answers("c", "b") == {one for one in EVERYTHING if one[-1] == "4" or "4 " in one}
    assert policy(owner="lab", prune=True, policies=changed[:1]).changed
    assert world.answers("c", "a") == {"icmp4", "icmp6"}
    assert policy(namespace="a", owner="lab", state="absent").changed
    assert world.passes("c", "a")
    assert "fabric" not in "".join(world.all_rules().values())
    if backend == "nftables":  # iptables leaves its tables behind, empty
        assert world.all_rules() == before


def test_an_empty_list_opens_nothing(world: Neighbours, run_module: RunModule) -> None:
    assert run_module("policy", namespace="a", incoming="deny").changed
    before = world.all_rules()
    rules: list[dict[str, Any]] = [rule("allow", protocol="tcp", **{name: []}) for name in ("peers", "local", "ports")]
    message = run_module("policy", namespace="a", incoming="deny", rules=rules).message
    for expected in ("[0].peers: names nobody", "[1].local: names no address", "[2].ports: names no port"):
        assert expected in message
    assert world.all_rules() == before


def test_multicast_as_a_peer(world: Neighbours, policy: Cycle) -> None:
    peers = ["224.0.0.0/4", "ff00::/8"]
    assert policy(namespace="a", rules=[rule("drop", direction="out", peers=peers)]).changed
    assert world.passes("a", "b")


def test_the_commands_do_the_same(world: Neighbours, policy: Cycle) -> None:
    """What check mode prints, pasted into a shell, leaves the module nothing to do."""
    rules = [
        rule("allow", protocol="udp", ports=["80", "8080-8090"], peers=["10.9.0.0/24", "fd00:9::/64"], log=True),
        rule("reject", direction="out", protocol="tcp", excluded_peers=["10.9.0.2/32"]),
    ]
    entry = {"namespace": "a", "incoming": "deny", "rules": rules}
    path = f"PATH={policy.environment.get('PATH', os.environ['PATH'])}"
    for line in policy.simply(_check=True, owner="lab", policies=[entry]).commands:
        world.host.run("env", path, "sh", "-c", line)
    assert not policy.simply(owner="lab", policies=[entry]).changed


def test_the_commands_of_several_steps_do_the_same(world: Neighbours, run_module: RunModule, host: Host) -> None:
    web, ping = rule("allow", protocol="tcp", ports=["80"]), rule("allow", protocol="icmp")
    former = rule("allow", protocol="tcp", ports=["81"])
    options: list[dict[str, Any]] = [
        {"namespace": "a", "incoming": "deny", "rules": [each, ping]} for each in (former, web)
    ]
    steps = [{"module": "policy", "options": each} for each in options]
    host.run("sh", "-ec", "\n".join(run_module("sequence", _check=True, steps=steps).commands))
    assert world.answers("b", "a") == WEB | {"icmp4", "icmp6"}
    assert not run_module("policy", **options[1]).changed


def test_established_connections(world: Neighbours, policy: Cycle) -> None:
    """A change cuts the connections that it no longer allows, in either direction, and no others."""
    allowed = {"namespace": "a", "incoming": "deny", "rules": [rule("allow", peers=["10.9.0.0/24", "fd00:9::/64"])]}
    policy.simply(policies=[allowed])
    for version, length in ((0, 32), (1, 128)):
        address = world.addresses("a")[version]
        with ExitStack() as stack:
            from_b, from_c = (
                stack.enter_context(closing(TcpConnection(name, "a", address, port)))
                for name, port in (("b", 9000), ("c", 9001))
            )
            outward = stack.enter_context(closing(TcpConnection("a", "c", world.addresses("c")[version])))
            udp_b, udp_c = (stack.enter_context(UdpFlow(name, address, 80)) for name in "bc")
            assert all(one.carries() for one in (from_b, from_c, outward))
            assert all(one.ask() for one in (udp_b, udp_c))
            only_b = [rule("allow", peers=[f"{world.addresses('b')[version]}/{length}"])]
            policy.simply(policies=[{**allowed, "rules": only_b}])
            assert all(one.carries() for one in (from_b, outward))
            assert udp_b.ask()
            assert not from_c.carries(0.5)
            assert udp_c.is_silent()
            policy.simply(policies=[{**allowed, "outgoing": "deny", "rules": only_b}])
            assert from_b.carries()
            assert not outward.carries(0.5)
        policy.simply(policies=[allowed])


def test_what_always_passes(world: Neighbours, policy: Cycle) -> None:
    """ARP and neighbour discovery, path MTU errors and a namespace's own traffic pass although all is denied."""
    host = world.host
    policy.simply(policies=[{"namespace": name, "incoming": "deny"} for name in world.names])
    for name in world.names:
        for family in ("-4", "-6"):
            host.run("ip", "-n", name, family, "neigh", "flush", "all")
    assert world.answers("a", "b") == set()
    for family, address in zip(("-4", "-6"), world.addresses("b")):
        found = host.run("ip", "-n", "a", family, "neigh", "show", address).stdout
        assert "lladdr" in found, found
    assert world.passes("a", "a")
    # An error that a router sends: b limits what a may send by a route with a smaller MTU behind it.
    policy.simply(policies=[{"namespace": "b", "state": "absent"}])
    host.run("ip", "netns", "add", "far")
    host.run(
        "ip", "link", "add", "up0", "netns", "b", "mtu", "1300", "type", "veth", "peer", "name", "eth0", "netns", "far"
    )
    for name, link, addresses in (
        ("b", "up0", ("10.8.0.1/24", "fd00:8::1/64")),
        ("far", "eth0", ("10.8.0.2/24", "fd00:8::2/64")),
    ):
        host.run("ip", "-n", name, "link", "set", link, "up", "mtu", "1300")
        for address in addresses:
            host.run("ip", "-n", name, "addr", "add", address, "dev", link, *(["nodad"] if ":" in address else []))
    for key in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"):
        host.in_namespace("b", "sysctl", "-qw", f"{key}=1")
    for family, via, back in (("-4", "10.9.0.2", "10.8.0.1"), ("-6", "fd00:9::2", "fd00:8::1")):
        host.run(
            "ip", "-n", "a", family, "route", "add", "10.8.0.0/24" if family == "-4" else "fd00:8::/64", "via", via
        )
        host.run("ip", "-n", "far", family, "route", "add", "default", "via", back)
    for family, address in (("-4", "10.8.0.2"), ("-6", "fd00:8::2")):
        command = ("ping", family, "-n", "-q", "-M", "do", "-s", "1400", "-c", "2", "-W", "1", address)
        host.in_namespace("a", *command, check=False)
        found = host.run("ip", "-n", "a", family, "route", "get", address).stdout
        assert "mtu 1300" in found, found


def test_owners(world: Neighbours, policy: Cycle) -> None:
    entry = {"namespace": "a", "incoming": "deny"}
    policy.simply(owner="one", policies=[entry])
    refused = policy.attempt(owner="two", policies=[entry])
    assert refused.failed
    assert "namespace: the policy of a is owned by one, not by two" in refused.message
    assert not policy.simply(owner="two", prune=True, policies=[]).changed
    left = policy.simply(owner="two", namespace="a", state="absent")
    assert not left.changed
    assert "the policy of a is not owned by two; left alone" in str(left.returned["warnings"])
    # Without an owner a call changes it, and it keeps its owner.
    policy.simply(policies=[{**entry, "rules": [rule("allow", protocol="udp")]}])
    assert world.answers("b", "a") == {one for one in EVERYTHING if one.startswith("udp")}
    assert policy(owner="one", prune=True, policies=[]).changed
    assert world.passes("b", "a")


def test_others_keep_their_filter(world: Neighbours, policy: Cycle, backend: str) -> None:
    """The filter of a program in the namespace stays as it is, and keeps its say on what the policy allows."""
    command = {"nftables": "nft", "iptables": "iptables", "legacy": "iptables-legacy"}[backend]
    if backend == "nftables":
        own = "table inet own { chain in { type filter hook input priority 0; policy accept; tcp dport 80 drop; }; }"
        world.host.in_namespace("a", "nft", own)
    else:
        world.host.in_namespace("a", command, "-A", "INPUT", "-p", "tcp", "--dport", "80", "-j", "DROP")
    before = world.rules("a")
    entry = {"namespace": "a", "incoming": "deny", "rules": [rule("allow", protocol="tcp")]}
    assert policy(owner="lab", policies=[entry]).changed
    assert (
        world.answers("b", "a") == {"tcp4 8080", "tcp6 80", "tcp6 8080"}
        if backend != "nftables"
        else {
            "tcp4 8080",
            "tcp6 8080",
        }
    )
    assert policy(owner="lab", policies=[{**entry, "state": "absent"}]).changed
    after = world.rules("a")
    assert all(line in after for line in before.splitlines())
    assert "fabric" not in after


def test_repairs(world: Neighbours, policy: Cycle, backend: str) -> None:
    """What somebody has done to the rules is undone, and the namespace is closed again."""
    entry = {"namespace": "a", "incoming": "deny", "rules": [rule("allow", protocol="tcp", ports=["80"])]}
    policy.simply(owner="lab", policies=[entry])
    command = {"iptables": "iptables", "legacy": "iptables-legacy"}.get(backend)
    damages = (
        [
            ("nft", "insert rule ip netns_fabric fabric-policy-in accept"),
            ("nft", "flush chain ip netns_fabric fabric-policy-in"),
            ("nft", "add table ip netns_fabric { flags dormant; }"),
            ("nft", "delete table ip netns_fabric"),
        ]
        if command is None
        else [
            (command, "-I", "fabric-policy-in", "-j", "ACCEPT"),
            (command, "-F", "fabric-policy-in"),
            (command, "-I", "INPUT", "-j", "ACCEPT"),
            (command, "-F", "INPUT"),
            (command, "-F"),
        ]
    )
    for damage in damages:
        world.host.in_namespace("a", *damage)
        assert world.answers("b", "a") > WEB, damage
        assert policy(owner="lab", policies=[entry]).changed, damage
        assert world.answers("b", "a") == WEB, damage


def test_rolled_back(world: Neighbours, policy: Cycle, backend: str, tmp_path: Path) -> None:
    """A call that fails at the second IP version, or at the second namespace, leaves every rule as it was."""
    first = {"namespace": "a", "incoming": "deny", "rules": [rule("allow", protocol="tcp", ports=["80"])]}
    policy.simply(owner="lab", policies=[first])
    before = world.all_rules()
    programs = {"nftables": "nft", "iptables": "ip6tables-restore", "legacy": "ip6tables-legacy-restore"}
    program = f"/usr/sbin/{programs[backend]}"
    environment = failing_program(tmp_path, program, "exit 1", {"PATH": os.environ["PATH"], **policy.environment})
    changed = [{**first, "outgoing": "deny", "rules": []}, {"namespace": "b", "incoming": "deny"}]
    failed = policy.attempt(_env=environment, owner="lab", policies=changed)
    assert failed.failed
    assert "rolled back" in failed.message
    if backend == "nftables":
        assert world.all_rules() == before
    assert world.answers("c", "a") == WEB
    assert world.passes("a", "b")
