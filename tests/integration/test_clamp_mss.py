# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Segments of TCP that are limited to the path, as the ends of a connection see it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._firewall.kernel_support import has_target
from ansible_collections.netns.fabric.tests.helpers import firewalld
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.own_host import OUTSIDE_ADDRESS, UPLINK
from ansible_collections.netns.fabric.tests.integration.conftest import RunModule
from ansible_collections.netns.fabric.tests.integration.nat_world import (
    OUTSIDE6,
    PORT,
    SOURCE,
    SOURCE6,
    Cycle,
    World,
    clear_legacy,
    legacy_programs,
)

#: What a path of 1300 bytes takes: less than the headers of IP and TCP (RFC 9293, 3.7.1).
MTU, MSS, MSS6 = 1300, 1260, 1240
#: Prints what the client may send in one segment, as the server's offer says.
CLIENT = """
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=5) as connection:
    print(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG))
"""
#: Prints what the server may send in one segment, as the client's offer says.
SERVER = """
import socket
server = socket.create_server(("::", 7001), family=socket.AF_INET6, dualstack_ipv6=True)
while True:
    connection, peer = server.accept()
    with connection:
        connection.sendall(str(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)).encode())
"""
OFFERED = """
import socket, sys
with socket.create_connection((sys.argv[1], 7001), timeout=5) as connection:
    print(connection.recv(100).decode())
"""


class Path1300:
    """A way from ns01 to outside whose last link the host believes to take less than the ends do."""

    def __init__(self, host: Host) -> None:
        self._host = host
        host.run("ip", "link", "set", UPLINK, "mtu", str(MTU))
        host.start("/usr/bin/python3", "-c", SERVER, namespace="outside")
        for _attempt in range(100):
            if "7001" in host.in_namespace("outside", "ss", "-Hltn").stdout:
                return
            time.sleep(0.05)  # the server has no other sign that it listens
        raise AssertionError("the server outside does not listen")

    def segments(self, address: str) -> tuple[int, int]:
        """Return what the client and the server may send in one segment, without options."""
        found = [
            self._host.in_namespace("ns01", "/usr/bin/python3", "-c", program, address, str(PORT)).stdout
            for program in (CLIENT, OFFERED)
        ]
        # Timestamps take twelve bytes of each segment (RFC 7323, 3.2).
        return int(found[0]) + 12, int(found[1]) + 12


@pytest.fixture
def world(outside_world: Host) -> Iterator[World]:
    yield World(outside_world)
    for command in ("iptables-legacy", "ip6tables-legacy"):
        outside_world.run(command, "-w", "10", "-t", "mangle", "-F")
    clear_legacy(outside_world)
    outside_world.run("ip", "link", "set", UPLINK, "mtu", "1500")


@pytest.fixture
def path(world: World, outside_world: Host) -> Path1300:  # its namespaces come first
    return Path1300(outside_world)


@pytest.fixture(params=["nftables", "iptables-nft", "iptables-legacy"])
def masquerade(request: pytest.FixtureRequest, world: World, run_module: RunModule, tmp_path: Path) -> Cycle:
    """Give the module on a host that uses one of the three backends."""
    env = legacy_programs(tmp_path) if request.param == "iptables-legacy" else {}
    return Cycle(run_module, world, "nat_masquerade", env)


@pytest.fixture
def backend(request: pytest.FixtureRequest, masquerade: Cycle) -> str:  # with it comes its parameter
    return str(request.node.callspec.params["masquerade"]).partition("-")[0]


@pytest.fixture
def plain(world: World, run_module: RunModule) -> Cycle:
    return Cycle(run_module, world, "nat_masquerade")


def test_both_directions_and_families(
    world: World, path: Path1300, masquerade: Cycle, backend: str, outside_world: Host
) -> None:
    rules = [{"source": SOURCE}, {"source": SOURCE6, "out_interface": UPLINK}]
    masquerade(rules=rules, backend=backend, owner="lab")
    assert path.segments(OUTSIDE_ADDRESS) == (1460, 1460)
    clamped = [{**rule, "clamp_mss": True} for rule in rules]
    checked = masquerade.check(rules=clamped, backend=backend, owner="lab")
    shell = f"export PATH={masquerade.env['PATH']}\n" if masquerade.env else ""
    outside_world.run("sh", "-ec", shell + "\n".join(checked.commands))
    assert not masquerade.simply(rules=clamped, backend=backend, owner="lab").changed
    assert path.segments(OUTSIDE_ADDRESS) == (MSS, MSS)
    assert path.segments(OUTSIDE6) == (MSS6, MSS6)
    # Without it, and with it again; and what is pruned leaves nothing behind.
    assert masquerade(rules=rules, backend=backend, owner="lab").changed
    assert path.segments(OUTSIDE6) == (1440, 1440)
    assert masquerade(rules=clamped, backend=backend, owner="lab").changed
    masquerade(rules=[], owner="lab", prune=True)
    assert "netns" not in world.rules()


def test_altered_and_beside_isolation(
    path: Path1300, masquerade: Cycle, backend: str, outside_world: Host, run_module: RunModule
) -> None:
    isolation: dict[str, Any] = {
        "links": [{"link": "to-ns01", "networks": [SOURCE], "outbound": [{"source": SOURCE}]}],
        "backend": backend,
    }
    assert not run_module("isolation", _env=masquerade.env, **isolation).failed
    rule: dict[str, Any] = {"source": SOURCE, "clamp_mss": True}
    masquerade(rules=[rule], backend=backend)
    assert path.segments(OUTSIDE_ADDRESS) == (MSS, MSS)
    again = run_module("isolation", _env=masquerade.env, **isolation)
    assert (again.failed, again.changed) == (False, False), again.message
    # Somebody sets another size, in the place of ours.
    if backend == "nftables":
        listed = outside_world.run("nft", "-a", "list", "chain", "ip", "netns_fabric", "fabric-mss").stdout
        line = next(each for each in listed.splitlines() if "maxseg" in each)
        words = line.strip().partition(" # handle ")
        altered = words[0].replace("size set rt mtu", "size set 900")
        outside_world.run("nft", f"replace rule ip netns_fabric fabric-mss handle {words[2]} {altered}")
    else:
        program = "iptables-legacy" if masquerade.env else "iptables-nft"
        comment = ("-m", "comment", "--comment", "netns.fabric:")
        match = f"-s {SOURCE} ! -d {SOURCE} -p tcp -m tcp --tcp-flags SYN,RST SYN".split()
        for verb, target in (("-D", "--clamp-mss-to-pmtu"), ("-A", "--set-mss 900")):
            rule_words = (*match, *comment, "-j", "TCPMSS", *target.split())
            outside_world.run(program, "-w", "10", "-t", "mangle", verb, "FORWARD", *rule_words)
    assert path.segments(OUTSIDE_ADDRESS)[1] == 900
    assert masquerade(rules=[rule], backend=backend).changed
    assert path.segments(OUTSIDE_ADDRESS) == (MSS, MSS)
    assert not run_module("isolation", _env=masquerade.env, links=[], prune=True, owner="nobody").changed
    gone = run_module("isolation", _env=masquerade.env, links=[{"link": "to-ns01", "state": "absent"}])
    assert not gone.failed, gone.message


@pytest.mark.parametrize("backend", ["nftables", "iptables"])
def test_declarations_are_fed_back(plain: Cycle, run_module: RunModule, backend: str) -> None:
    rules: list[dict[str, Any]] = [
        {"source": SOURCE, "clamp_mss": True},
        {"source": SOURCE6, "out_interface": UPLINK, "clamp_mss": True, "to_source": "2001:db8:51::1"},
        {"source": "10.9.0.0/24"},
    ]
    plain(rules=rules, owner="lab", backend=backend)
    info = run_module("topology_info", owner="lab").returned
    defaults = {"ip_forward": True, "accept_forward": "auto"}
    by_source = {entry["source"]: entry for entry in info["declarations"]["rules"]}
    assert by_source == {rule["source"]: {**rule, **defaults} for rule in rules}
    assert info["undeclared"] == []
    assert not plain(rules=[*by_source.values()], owner="lab", prune=True, backend=backend).changed


@pytest.mark.skipif(
    shutil.which("firewall-cmd") is None,
    reason="firewalld is not installed, which `make setup-checks` does on Debian",
)
def test_beside_firewalld(path: Path1300, plain: Cycle) -> None:
    processes = firewalld.start()
    try:
        plain(source=SOURCE, clamp_mss=True)
        assert path.segments(OUTSIDE_ADDRESS) == (MSS, MSS)
        plain(source=SOURCE, state="absent")
    finally:
        firewalld.stop(processes)


def test_a_kernel_without_it(plain: Cycle, tmp_path: Path) -> None:
    """The kernel's refusal is in the answer of the program that asks it: this kernel has all of it."""
    script = tmp_path / "nft"
    error = "/dev/stdin:4:9-80: Error: Could not process rule: Operation not supported"
    refusal = f'case "$*" in *--check*) echo "{error}" >&2; exit 1;; esac'
    script.write_text(f'#!/bin/sh\n{refusal}\nexec /usr/sbin/nft "$@"\n', "ascii")
    script.chmod(0o755)
    plain.env = {"PATH": f"{tmp_path}:/usr/sbin:/usr/bin:/sbin:/bin"}
    message = plain.fails(rules=[{"source": "10.9.0.0/24"}, {"source": SOURCE, "clamp_mss": True}], backend="nftables")
    assert f"rules[1] ({SOURCE}): clamp_mss: the kernel of this host cannot do it by nftables" in message
    assert "use another kernel, or omit the option" in message
    plain(source=SOURCE, clamp_mss=True, backend="iptables")


@pytest.mark.usefixtures("host")
def test_the_kernel_is_asked_for_a_target() -> None:
    assert has_target("TCPMSS")
    assert not has_target("NOSUCHTARGET")
