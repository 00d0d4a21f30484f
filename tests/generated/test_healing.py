# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every kind of damage, one run, and then traffic: ping and TCP, from and to every namespace.

Healing is judged by packets, not by listings: the worst damage is the one that no listing shows.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

import pytest

from ansible_collections.netns.fabric.tests.generated import converge as converge_module
from ansible_collections.netns.fabric.tests.generated.comparison import take_comparable
from ansible_collections.netns.fabric.tests.generated.converge import converge, run, steps
from ansible_collections.netns.fabric.tests.generated.damage import DAMAGES, places
from ansible_collections.netns.fabric.tests.helpers import traffic
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.module_runner import COLLECTIONS_PATH
from ansible_collections.netns.fabric.tests.helpers.snapshot import assert_equal, take, without_forwarding

NAMES = ("ns01", "ns02", "ns03")
GATEWAY = "192.168.100.254"
KILLS = 20
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(COLLECTIONS_PATH)}

#: Everything that damage is done to is declared: what is not declared is not healed.
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


@pytest.fixture(name="host")
def fixture_host(host: Host) -> Host:
    """Provide a cleared host with the topology on it."""
    converge(TOPOLOGY)
    return host


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_healed_by_one_run(host: Host, name: str) -> None:
    """The undamaged namespaces keep their links, and the next run changes nothing."""
    untouched = {space: host.links(space) for space in NAMES[1:]}
    wanted = take_comparable()
    DAMAGES[name](host, places(TOPOLOGY)[0])
    converge(TOPOLOGY)
    assert_traffic(host)
    assert_equal(take_comparable(), wanted, "healed as built")
    for space, links in untouched.items():
        kept = {link: shown["ifindex"] for link, shown in host.links(space).items()}
        assert kept == {link: shown["ifindex"] for link, shown in links.items()}, (
            f"{space} was not damaged, and its links were re-created"
        )
    assert converge(TOPOLOGY) == []


def test_teardown_deletes_the_device_that_a_dead_daemon_left(host: Host) -> None:
    DAMAGES["vswitchd killed, and the bridge deleted"](host, places(TOPOLOGY)[0])
    assert "int_br" in host.links()
    host.run("ip", "tuntap", "add", "somebodys", "mode", "tap")
    down = {**TOPOLOGY, "state": "absent"}
    predicted = run(steps(down), check=True)["commands"]
    assert converge(down) == predicted
    assert {"int_br", "somebodys"} & set(host.links()) == {"somebodys"}


def test_crossed_veth_pairs_are_healed(host: Host) -> None:
    """The veth pair of ns01 is at the port of ns02, and the other way round."""
    host.run("ip", "link", "set", "ns01_tap", "down")
    host.run("ip", "link", "set", "ns01_tap", "name", "crossing")
    host.run("ip", "link", "set", "ns02_tap", "down")
    host.run("ip", "link", "set", "ns02_tap", "name", "ns01_tap")
    host.run("ip", "link", "set", "crossing", "name", "ns02_tap")
    converge(TOPOLOGY)
    assert_traffic(host)
    assert converge(TOPOLOGY) == []


def test_duplicate_masquerade_rule_is_removed(host: Host) -> None:
    """A user has pasted the masquerade rule a second time."""
    rules = host.run("nft", "--stateless", "list", "table", "ip", "netns_fabric").stdout
    host.run("bash", "-c", f"nft -f - <<'END'\n{rules}\nEND")
    assert host.run("nft", "list", "ruleset").stdout.count("masquerade") == 2
    converge(TOPOLOGY)
    assert host.run("nft", "list", "ruleset").stdout.count("masquerade") == 1


@pytest.mark.parametrize("moment", range(1, KILLS + 1))
def test_killed_run_is_completed_by_the_next(moment: int) -> None:
    """A run is killed at one of twenty moments; the next run completes it, and the teardown removes everything."""
    host = Host()
    host.clear()
    before = without_forwarding(take())
    converge(TOPOLOGY)  # for the imports, which are not part of the measured time
    host.clear()
    started = time.monotonic()
    converge(TOPOLOGY)
    duration = time.monotonic() - started
    wanted = take_comparable()
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
        time.sleep(duration * moment / (KILLS + 1))  # the moments are spread over the time of a whole run
        process.kill()
    converge(TOPOLOGY)
    assert_traffic(host)
    assert_equal(take_comparable(), wanted, "healed as built")
    assert converge(TOPOLOGY) == []
    converge({**TOPOLOGY, "state": "absent"})
    assert_equal(without_forwarding(take()), before, "teardown leaves what was there before")


def assert_traffic(host: Host) -> None:
    """Assert that ping and TCP pass between the namespaces and the gateway, each way."""
    for number, name in enumerate(NAMES, 1):
        following = number % len(NAMES) + 1
        assert host.pings(f"192.168.100.{following}", name), f"{name} pings {NAMES[following - 1]}"
        assert host.pings(GATEWAY, name), f"{name} pings the gateway"
        assert host.pings(f"192.168.100.{number}"), f"the gateway pings {name}"
        traffic.exchange(name, NAMES[following - 1], f"192.168.100.{following}", size=200_000)
        traffic.exchange(name, None, GATEWAY, size=200_000)
