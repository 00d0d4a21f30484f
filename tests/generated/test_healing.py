# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every kind of damage by its name, one run, and then traffic: ping and TCP, from and to every namespace.

Healed is judged by packets and not by listings: the worst damage is the one that no listing shows.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import testinfra

from ansible_collections.netns.fabric.tests.generated import converge as converge_module
from ansible_collections.netns.fabric.tests.generated.converge import converge
from ansible_collections.netns.fabric.tests.generated.damage import DAMAGES, places
from ansible_collections.netns.fabric.tests.generated.snapshot import assert_same, essence, exact
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.module_runner import COLLECTIONS_PATH
from ansible_collections.netns.fabric.tests.helpers.shell import Shell
from ansible_collections.netns.fabric.tests.helpers.traffic import Traffic

NAMES = ("ns01", "ns02", "ns03")
GATEWAY = "192.168.100.254"
KILLS = 20
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(COLLECTIONS_PATH)}

TOPOLOGY: Mapping[str, Any] = {
    "name": "default",
    "state": "present",
    "verify": False,
    "verify_outside": [],
    "bridges": [{"name": "int_br", "addresses": [f"{GATEWAY}/24"]}, {"name": "other_br"}],
    "namespaces": [
        {
            "name": name,
            "interfaces": [
                {
                    "name": f"veth-{name}",
                    "bridge": "int_br",
                    "peer": f"{name}_tap",
                    "addresses": [f"192.168.100.{number}/24"],
                    "mtu": 1400,
                    "mac": f"02:00:00:00:01:0{number}",
                    "tag": 0,
                }
            ],
            "routes": [{"destination": "default", "gateway": GATEWAY}],
        }
        for number, name in enumerate(NAMES, 1)
    ],
    "links": [],
    "nat": [{"source": "192.168.100.0/24"}],
}
"""Everything is declared that damage is done to: what is not declared is not ours to heal."""


@pytest.fixture(name="host")
def fixture_host() -> Iterator[Host]:
    """Give a cleared host with the topology on it."""
    host = Host()
    host.clear()
    converge(TOPOLOGY)
    yield host
    host.clear()


@pytest.mark.parametrize("name", DAMAGES)
def test_one_run_heals(host: Host, name: str) -> None:
    """Damage to ns01, one run, traffic; what was right already keeps its indexes; the next run changes nothing."""
    untouched = {space: host.links(space) for space in NAMES[1:]}
    wanted = essence(host)
    DAMAGES[name](host, places(TOPOLOGY)[0])
    converge(TOPOLOGY)
    assert_traffic(host)
    assert_same(essence(host), wanted, "healed is as built")
    for space, links in untouched.items():
        kept = {link: shown["ifindex"] for link, shown in host.links(space).items()}
        assert kept == {link: shown["ifindex"] for link, shown in links.items()}, f"{space} was not damaged"
    assert converge(TOPOLOGY) == []


def test_ends_that_were_crossed(host: Host) -> None:
    """The cable of ns01 is in the port of ns02, and the other way round."""
    host.run("ip", "link", "set", "ns01_tap", "down")
    host.run("ip", "link", "set", "ns01_tap", "name", "crossing")
    host.run("ip", "link", "set", "ns02_tap", "down")
    host.run("ip", "link", "set", "ns02_tap", "name", "ns01_tap")
    host.run("ip", "link", "set", "crossing", "name", "ns02_tap")
    converge(TOPOLOGY)
    assert_traffic(host)
    assert converge(TOPOLOGY) == []


def test_duplicated_rule(host: Host) -> None:
    """Somebody has pasted the masquerade rule a second time."""
    rules = host.run("nft", "--stateless", "list", "table", "ip", "netns_fabric").stdout
    host.run("bash", "-c", f"nft -f - <<'END'\n{rules}\nEND")
    assert host.run("nft", "list", "ruleset").stdout.count("masquerade") == 2
    converge(TOPOLOGY)
    assert host.run("nft", "list", "ruleset").stdout.count("masquerade") == 1


@pytest.mark.parametrize("moment", range(1, KILLS + 1))
def test_killed_run(moment: int) -> None:
    """A run killed at one of twenty moments leaves what the next run completes, and the teardown removes."""
    host = Host()
    host.clear()
    before = {**exact(host), "forwarding": None}
    converge(TOPOLOGY)  # for the imports, which are no part of the work
    host.clear()
    started = time.monotonic()
    converge(TOPOLOGY)
    duration = time.monotonic() - started
    wanted = essence(host)
    host.clear()
    command = [sys.executable, "-m", converge_module.__name__]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(TOPOLOGY))
        process.stdin.close()
        assert process.stdout.readline() == "ready\n"
        time.sleep(duration * moment / (KILLS + 1))  # the moments are spread over the time that the whole takes
        process.kill()
    converge(TOPOLOGY)
    assert_traffic(host)
    assert_same(essence(host), wanted, "healed is as built")
    assert converge(TOPOLOGY) == []
    converge({**TOPOLOGY, "state": "absent"})
    assert {**exact(host), "forwarding": None} == before


def assert_traffic(host: Host) -> None:
    """Ping and TCP between the namespaces and the gateway, each way."""
    traffic = Traffic(Shell(testinfra.get_host("local://")))
    for number, name in enumerate(NAMES, 1):
        following = number % len(NAMES) + 1
        assert host.pings(f"192.168.100.{following}", name), f"{name} pings {NAMES[following - 1]}"
        assert host.pings(GATEWAY, name), f"{name} pings the gateway"
        assert host.pings(f"192.168.100.{number}"), f"the gateway pings {name}"
        traffic.exchange(name, NAMES[following - 1], f"192.168.100.{following}", size=200_000)
        traffic.exchange(name, None, GATEWAY, size=200_000)
