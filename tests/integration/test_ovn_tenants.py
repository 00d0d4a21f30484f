# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logical networks by a sequence: one transaction; two tenants on three hosts, by traffic, and their end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from ansible_collections.netns.fabric.tests.helpers import traffic_endpoint
from ansible_collections.netns.fabric.tests.helpers.convergence import assert_unchanged
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.northbound import Northbound, fail_after_commit
from ansible_collections.netns.fabric.tests.helpers.ovn_hosts import (
    OUTSIDE,
    OUTSIDE_ADDRESS,
    PHYSICAL_NETWORK,
    OvnHosts,
    ovn_hosts,
)
from ansible_collections.netns.fabric.tests.helpers.shell import inside
from ansible_collections.netns.fabric.tests.helpers.waiting import wait_until
from ansible_collections.netns.fabric.tests.integration.conftest import RunModule

SQL_PORT = 5432
#: The namespaces of each tenant: their host, and the last part of their address.
PLACES = {"web": (1, 1), "db": (3, 2)}


def mac(tenant: int, number: int) -> str:
    return f"02:00:00:0{tenant}:00:{number:02x}"


def floating(tenant: int) -> str:
    """Return the address outside of a tenant's web server."""
    return f"198.51.100.{20 + tenant}"


def tenant(number: int, **options: Any) -> list[dict[str, Any]]:
    """Return the steps of a tenant: all have the same addresses inside."""
    name = f"t{number}"
    ports = [
        {
            "name": f"{name}-{each}",
            "addresses": [f"{mac(number, last)} 10.10.0.{last}"],
            "port_security": [f"{mac(number, last)} 10.10.0.{last}"],
            "requested_chassis": f"host{host}",
        }
        for each, (host, last) in PLACES.items()
    ]
    ports.append({"name": f"{name}-core", "type": "router", "router_port": f"{name}-in"})
    world = {"name": f"{name}-phys", "type": "localnet", "network": PHYSICAL_NETWORK}
    switches = [
        {"name": name, "ports": ports},
        {
            "name": f"{name}-world",
            "ports": [world, {"name": f"{name}-up", "type": "router", "router_port": f"{name}-out"}],
        },
    ]
    outside = f"198.51.100.{10 + number}"
    router = {
        "name": name,
        "ports": [
            {"name": f"{name}-in", "mac": mac(number, 254), "networks": ["10.10.0.254/24"]},
            {
                "name": f"{name}-out",
                "mac": mac(number, 253),
                "networks": [f"{outside}/24"],
                "gateway_chassis": ["host1", "host2"],
            },
        ],
        "nat": [
            {"type": "snat", "external_ip": outside, "logical_ip": "10.10.0.0/24"},
            {"type": "dnat_and_snat", "external_ip": floating(number), "logical_ip": "10.10.0.1"},
        ],
    }
    groups = [
        {"name": f"{name}_web", "ports": [f"{name}-web"]},
        {
            "name": f"{name}_db",
            "ports": [f"{name}-db"],
            "incoming": "drop",
            "rules": [{"name": "sql", "from": [f"{name}_web"], "protocol": "tcp", "ports": [SQL_PORT]}],
        },
    ]
    lists = {"ovn_switch": ("switches", switches), "ovn_router": ("routers", [router]), "ovn_acl": ("groups", groups)}
    return [
        {"module": module, "options": {bulk: entries, "owner": name, "prune": True, **options}}
        for module, (bulk, entries) in lists.items()
    ]


def end_of(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the steps that remove everything, in the opposite order."""
    return [
        {**step, "options": {key: [] if isinstance(value, list) else value for key, value in step["options"].items()}}
        for step in reversed(steps)
    ]


def test_a_sequence_is_one_transaction(northbound: Northbound, run_module: RunModule, tmp_path: Path) -> None:
    steps = tenant(1)
    checked = run_module("sequence", steps=steps, _check=True)
    assert northbound.content() == {}
    failed = run_module("sequence", steps=steps, _env=fail_after_commit(tmp_path))
    assert failed.message.startswith("netns.fabric.ovn_switch, netns.fabric.ovn_router, netns.fabric.ovn_acl: ")
    assert failed.message.endswith("the host is unchanged.")
    assert northbound.content() == {}
    commits = count_commits()
    applied = run_module("sequence", steps=steps)
    assert not applied.failed, applied.message
    assert count_commits() == commits + 1
    assert (checked.diff, checked.commands) == (applied.diff, applied.commands)
    assert_unchanged(run_module("sequence", steps=steps))
    _assert_reported(run_module)
    changed = [*steps[:2], {**steps[2], "options": {"name": "t1_db", "rules": [], "incoming": "allow"}}]
    changed[0] = {**steps[0], "options": {"name": "t1-world", "state": "absent"}}
    commits = count_commits()
    assert not run_module("sequence", steps=changed).failed
    assert count_commits() == commits + 1
    assert not run_module("sequence", steps=end_of(steps)).failed
    assert northbound.content() == {}


def _assert_reported(run_module: RunModule) -> None:
    """topology_info reports the networks of the first tenant, by its name only, and where they cannot be read."""
    found = run_module("topology_info", gather_subset=["northbound"], owner="t1").returned["northbound"]
    names = {key: [each["name"] for each in value] for key, value in found.items() if isinstance(value, list)}
    assert names == {
        "switches": ["t1", "t1-world"],
        "routers": ["t1"],
        "port_groups": ["t1_db", "t1_web"],
        "address_sets": [],
    }
    assert [port["name"] for port in found["switches"][0]["columns"]["ports"]] == ["t1-core", "t1-db", "t1-web"]
    other = run_module("topology_info", gather_subset=["northbound"], owner="t2").returned["northbound"]
    assert (other["available"], other["switches"]) == (True, [])
    nowhere = {"database": "unix:/run/nowhere"}
    lost = run_module("topology_info", gather_subset=["northbound"], northbound=nowhere).returned["northbound"]
    assert not lost["available"]
    assert "unix:/run/nowhere is not reached" in lost["reason"]
    assert not run_module("topology_info").returned["northbound"]["available"]


def count_commits() -> int:
    """Return how many transactions the database's log has (ovsdb(5))."""
    log = subprocess.run(["ovsdb-tool", "show-log", "/run/ovn/ovnnb_db.db"], capture_output=True, text=True, check=True)
    return log.stdout.count("record ")


def _assert_floating(hosts: OvnHosts, number: int) -> None:
    """A tenant's web server is reached from outside at its own address there, and is known by it outside."""
    endpoint = (sys.executable, "-I", str(traffic_endpoint.__file__))
    ask = (*endpoint, "ask", "tcp", OUTSIDE_ADDRESS, "7000", "5")
    ping = [*inside(OUTSIDE), "ping", "-n", "-q", "-c", "1", "-W", "1", floating(number)]

    def is_reached() -> bool:
        return subprocess.run(ping, capture_output=True, check=False, timeout=10).returncode == 0

    def is_known() -> bool:
        answer = hosts[1].run(*ask, namespace=f"t{number}-web", check=False).stdout
        return answer.split() == ["o", "7000", floating(number)]

    with subprocess.Popen([*inside(OUTSIDE), *endpoint, "serve", "o", "/run/o.log", "7000"]) as server:
        try:
            wait_until(is_reached, 30, "the floating address does not answer")
            wait_until(is_known, 30, "outside, the web server has another address")
        finally:
            server.kill()


def test_two_tenants_on_three_hosts(host: Host, run_module: RunModule) -> None:
    with ovn_hosts(3) as hosts:
        reach: dict[str, Any] = {"database": hosts.northbound.database}
        for number in (1, 2):
            steps = tenant(number, **reach)
            applied = run_module("sequence", steps=steps)
            assert not applied.failed, applied.message
            for name, (place, last) in PLACES.items():
                hosts[place].plug(
                    f"t{number}-{name}", f"t{number}-{name}", mac(number, last), f"10.10.0.{last}/24", "10.10.0.254"
                )
        hosts.wait_for_ports([(place, f"t{n}-{name}") for n in (1, 2) for name, (place, _last) in PLACES.items()])
        for number in (1, 2):
            assert_unchanged(run_module("sequence", steps=tenant(number, **reach)))
        # Outside, by the gateway, from either host; ARP and answers pass a closed port.
        for number in (1, 2):
            for name, (place, _last) in PLACES.items():
                wait_until(lambda: hosts[place].pings(f"t{number}-{name}", OUTSIDE_ADDRESS), 60, f"{number} {name}")  # noqa: B023  # it is called at once
            _assert_floating(hosts, number)
        listener = hosts[3].listen("t1-db", SQL_PORT)
        other = hosts[3].listen("t1-db", SQL_PORT + 1)
        try:
            wait_until(lambda: hosts[1].connects("t1-web", "10.10.0.2", SQL_PORT), 30, "the open port")
            assert not hosts[1].connects("t1-web", "10.10.0.2", SQL_PORT + 1)
            assert not hosts[1].pings("t1-web", "10.10.0.2")
            # The other tenant has the same addresses, and nothing listens there.
            assert not hosts[1].connects("t2-web", "10.10.0.2", SQL_PORT)
            # A wrong rule is refused, and the port stays closed.
            wrong = run_module("ovn_acl", name="t1_db", rules=[{"name": "sql", "from": ["nobody"]}], **reach)
            assert wrong.failed
            assert not hosts[1].connects("t1-web", "10.10.0.2", SQL_PORT + 1)
            opened = run_module("ovn_acl", name="t1_db", rules=[], incoming="allow", **reach)
            assert not opened.failed, opened.message
            wait_until(lambda: hosts[1].connects("t1-web", "10.10.0.2", SQL_PORT + 1), 30, "after it was opened")
            assert hosts[1].pings("t1-web", "10.10.0.2")
        finally:
            for process in (listener, other):
                process.kill()
                process.wait(timeout=10)
        for number in (1, 2):
            ended = run_module("sequence", steps=end_of(tenant(number, **reach)))
            assert not ended.failed, ended.message
        assert {table for table, rows in hosts.northbound.content().items() if rows} == set()
    assert set(host.links()) == {"lo"}
