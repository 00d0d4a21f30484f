# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Topologies on OVN by the role topology: two tenants with the same addresses, on three hosts.

The tests build on each other.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.netns.fabric.tests.helpers.hosts import NestedHost
from ansible_collections.netns.fabric.tests.helpers.plays import Played, Plays
from ansible_collections.netns.fabric.tests.helpers.shell import inside
from ansible_collections.netns.fabric.tests.helpers.waiting import wait_until
from ansible_collections.netns.fabric.tests.package.examples.collecting import collect

NAMES = ("host1", "host2", "host3")
INVENTORY = Path(__file__).parents[1] / "inventory" / "hosts.yml"
TENANTS = (1, 2)
WORLD, WORLD_ADDRESS = "world", "192.0.2.2"
#: Of each host, on the physical network.
OUTSIDE = "192.0.2.2{{ inventory_hostname[4:] }}/24"
#: The namespaces of each tenant: their host, bridge and address.
PLACES = {
    "web": ("host1", "front", "10.10.1.1"),
    "app": ("host2", "front", "10.10.1.2"),
    "db": ("host3", "back", "10.10.2.1"),
    "log": ("host1", "back", "10.10.2.2"),
}
#: Bytes of the underlay's packets less those of a Geneve tunnel.
MTU = 1442

Hosts = dict[str, NestedHost]


def topology(tenant: int, **changes: Any) -> dict[str, Any]:
    """Return the variables of a tenant."""
    namespaces = [
        {
            "name": f"t{tenant}{name}",
            "host": host,
            "force": True,  # the tests' servers are in it
            "interfaces": [{"name": "eth0", "bridge": bridge, "addresses": [f"{address}/24"]}],
            "routes": [{"destination": "default", "gateway": f"{address.rpartition('.')[0]}.254"}],
        }
        for name, (host, bridge, address) in PLACES.items()
    ]
    way = {
        "gateways": ["host2", "host3"],
        "physical_network": "outside",
        "address": f"192.0.2.{10 + tenant}/24",
    }
    return {
        "topology_name": f"t{tenant}",
        "topology_hosts": NAMES,
        "topology_bridges": [
            {"name": "front", "engine": "ovn", "addresses": ["10.10.1.254/24"]},
            {"name": "back", "engine": "ovn", "addresses": ["10.10.2.254/24"]},
        ],
        "topology_namespaces": namespaces,
        "topology_nat": [{"source": "10.10.1.0/24", **way}, {"publish": 8080, "to": f"t{tenant}web", "to_port": 80}],
        "topology_verify_outside": [WORLD_ADDRESS],
        # From here the published port is probed.
        "topology_host": {"interfaces": [{"name": "br-ex", "addresses": [OUTSIDE]}]} if tenant == 1 else {},
        **changes,
    }


def play(plays: Plays, playbook: str, tenant: int, *options: str, **changes: Any) -> Played:
    """Run a playbook of the collection for a tenant on the three hosts."""
    return plays.attempt(
        f"netns.fabric.{playbook}",
        f"--inventory={INVENTORY}",
        "--extra-vars=fabric_hosts=ovn_central",
        f"--extra-vars={json.dumps(topology(tenant, **changes))}",
        *options,
    )


def changes_of(played: Played) -> list[int]:
    """Return how many tasks have changed something on each host that the run was about."""
    assert played.status == 0, played.output
    return [played.count("changed", name) for name in NAMES if f"\n{name} " in played.output]


def nbctl(hosts: Hosts, *arguments: str) -> str:
    return hosts["host1"].run("ovn-nbctl", "--no-leader-only", "--timeout=20", *arguments).stdout


@pytest.fixture(scope="module", name="hosts")
def fixture_hosts() -> Iterator[Hosts]:
    """Return the hosts, with the outside world on their wires."""
    lines = [
        f"ip link add {WORLD} type bridge",
        *(f"ip link set wire{number} master {WORLD} up" for number in (1, 2, 3)),
        f"ip addr add {WORLD_ADDRESS}/24 dev {WORLD}",
        f"ip link set {WORLD} up",
        # The userspace datapath of the hosts computes no checksums.
        f"ethtool --offload {WORLD} tx off",
    ]
    for line in lines:
        subprocess.run(line.split(), check=True, capture_output=True, timeout=30)
    yield {name: NestedHost.find(name) for name in NAMES}
    subprocess.run(["ip", "link", "del", WORLD], check=False, capture_output=True, timeout=30)


def test_check_mode_writes_nothing(plays: Plays, hosts: Hosts) -> None:
    checked = play(plays, "site", 1, "--check")
    assert min(changes_of(checked)) > 0
    assert nbctl(hosts, "show") == ""


@pytest.mark.parametrize("tenant", TENANTS)
def test_one_run_builds_and_verifies_it(plays: Plays, hosts: Hosts, tenant: int) -> None:
    built = play(plays, "site", tenant)
    assert min(changes_of(built)) > 0
    # By each host, from outside.
    assert len(re.findall(r"tcp/8080 +192\.0\.2\.11", built.output)) == (3 if tenant == 1 else 0), built.output
    assert ("no link outside with an address in 192.0.2.0/24 is declared" in built.words) is (tenant == 2)
    assert changes_of(play(plays, "site", tenant)) == [0, 0, 0]
    assert changes_of(play(plays, "site", tenant, "--check", "--diff")) == [0, 0, 0]


@pytest.mark.parametrize("tenant", TENANTS)
def test_packets_of_full_size_pass_and_others_do_not(hosts: Hosts, tenant: int) -> None:
    for start, (host, bridge, _address) in PLACES.items():
        for to, (_host, far, address) in PLACES.items():
            if start != to:
                assert hosts[host].pings(address, f"t{tenant}{start}", MTU) is (bridge == far), (start, to)
        # Of the other bridge no network is translated.
        assert hosts[host].pings(WORLD_ADDRESS, f"t{tenant}{start}") is (bridge == "front")


def test_a_port_is_published_by_its_own_tenant(hosts: Hosts) -> None:
    server = subprocess.Popen(
        hosts["host1"].enter(
            "ip", "netns", "exec", "t1web", "python3", "-m", "http.server", "--directory", "/run/netns", "80"
        ),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def answers(tenant: int) -> bool:
        address = f"192.0.2.{10 + tenant}"
        connecting = ["timeout", "2", "bash", "-c", f"exec 3<>/dev/tcp/{address}/8080"]
        return subprocess.run(connecting, check=False, capture_output=True, timeout=30).returncode == 0

    try:
        wait_until(lambda: answers(1), 30, "the published port does not answer")
        assert not answers(2)
    finally:
        server.kill()
        server.wait(timeout=10)


def gateways(hosts: Hosts) -> list[str]:
    """Return the names in OVN of the hosts that may have the first tenant's way outside, the preferred one first."""
    found = nbctl(hosts, "lrp-get-gateway-chassis", "t1:outside:router")
    return re.findall(r"t1:outside:router-(\S+)", found)


def test_damage_heals_and_a_namespace_moves_in_one_run(plays: Plays, hosts: Hosts) -> None:
    """A row, a port and a veth pair are lost, a chassis is started again, another gateway is preferred."""
    wanted = gateways(hosts)
    nbctl(hosts, "lrp-set-gateway-chassis", "t1:outside:router", wanted[1], "200")
    assert gateways(hosts) == wanted[::-1]
    nbctl(hosts, "lsp-del", "t1/t1db/eth0")
    hosts["host1"].ovs_vsctl("del-port", "t1web-eth0")
    hosts["host1"].run("ip", "link", "del", "t1log-eth0")
    hosts["host3"].run("/usr/share/ovn/scripts/ovn-ctl", "restart_controller")
    moved = topology(1)["topology_namespaces"]
    next(each for each in moved if each["name"] == "t1app")["host"] = "host3"
    assert min(changes_of(play(plays, "site", 1, topology_namespaces=moved))) > 0
    assert gateways(hosts) == wanted
    assert hosts["host3"].pings("10.10.1.1", "t1app", MTU)
    assert hosts["host1"].pings("10.10.2.1", "t1log", MTU)
    assert "t1app" not in hosts["host2"].run("ip", "netns", "list").stdout


def test_a_run_goes_on_without_a_member_that_is_killed(plays: Plays, hosts: Hosts) -> None:
    """The namespace moves back, and one of three hosts loses its databases once the networks are written."""

    def is_written() -> bool:
        found = nbctl(hosts, "get", "Logical_Switch_Port", "t1/t1app/eth0", "options:requested-chassis")
        return found.strip() == before

    before, after = (hosts[name].ovs_vsctl("get", "Open_vSwitch", ".", "external_ids:system-id") for name in NAMES[1:])
    assert before != after
    with ThreadPoolExecutor() as pool:
        run = pool.submit(play, plays, "site", 1)
        wait_until(is_written, 300, "the run has not written the networks")
        for name in ("ovnnb_db", "ovnsb_db", "ovn-northd"):
            hosts["host3"].kill_daemon(f"/run/ovn/{name}.pid")
        assert not run.done()
        changes_of(run.result())
    assert hosts["host2"].pings("10.10.1.1", "t1app", MTU)
    assert changes_of(play(plays, "site", 1)) == [0, 0, 0]


def test_a_host_without_ovn_controller_is_named(plays: Plays, hosts: Hosts) -> None:
    hosts["host3"].run("/usr/share/ovn/scripts/ovn-ctl", "stop_controller")
    hosts["host3"].ovs_vsctl("del-port", "t2db-eth0")
    played = play(plays, "site", 2)
    assert played.status != 0
    assert "OVN has not connected t2db-eth0 of host3 to the topology's networks within 60 s" in played.words
    assert played.count("failed", "host1") == 0
    roles = plays.attempt(Path(__file__).parents[1] / "converge.yml", f"--inventory={INVENTORY}")
    assert roles.status == 0, roles.output
    assert changes_of(play(plays, "site", 2)) == [0, 0, 0]


def test_errors_come_before_anything_is_written(plays: Plays, hosts: Hosts) -> None:
    before = nbctl(hosts, "show")
    bridges = [{**topology(1)["topology_bridges"][0], "stp": True}]
    played = play(plays, "site", 1, topology_bridges=bridges, topology_nat=[{"source": "10.10.1.0/24"}])
    assert played.status != 0
    for message in (
        "stp: is for a bridge of Open vSwitch",
        "gateways: is missing",
        "'back' is not in `topology_bridges`",
    ):
        assert message in played.words
    assert nbctl(hosts, "show") == before


def test_networks_that_are_not_declared_any_more_are_deleted(plays: Plays, hosts: Hosts) -> None:
    """The last bridges of a topology leave OVN; the other tenant's stay."""
    before = nbctl(hosts, "show")
    changes = {
        "topology_bridges": [{**each, "engine": "ovs"} for each in topology(2)["topology_bridges"]],
        "topology_nat": [],
        "topology_verify": False,
    }
    checked = play(plays, "site", 2, "--check", "--diff", **changes)
    assert min(changes_of(checked)) > 0
    for what in ("logical switch t2/front", "logical switch t2:outside", "logical router t2"):
        assert f"--- before: {what}" in checked.words
    assert nbctl(hosts, "show") == before
    assert min(changes_of(play(plays, "site", 2, **changes))) > 0
    assert re.findall("t2[/:]", nbctl(hosts, "show")) == []
    assert nbctl(hosts, "ls-list").count("(t1") == nbctl(hosts, "ls-list").count("\n") == 3
    assert hosts["host1"].ovs_vsctl("port-to-br", "t2web-eth0") == "front"


def test_deletion_leaves_nothing(plays: Plays, hosts: Hosts) -> None:
    before = nbctl(hosts, "show")
    # One host leaves, and the others keep the network.
    assert changes_of(play(plays, "teardown", 1, "--limit=host3")) == [1]
    assert nbctl(hosts, "show") == before
    # One host cannot delete its part, which still needs the network.
    namespaces = [{**namespace, "force": False} for namespace in topology(1)["topology_namespaces"]]
    with subprocess.Popen(hosts["host1"].enter(*inside("t1web"), "sleep", "300")):
        failed = play(plays, "teardown", 1, topology_namespaces=namespaces)
        hosts["host1"].run("sh", "-c", "kill $(ip netns pids t1web)")
    assert (failed.count("failed", "host1"), failed.count("failed", "host2")) == (1, 0), failed.output
    assert nbctl(hosts, "show") == before
    for tenant in TENANTS:
        changes_of(play(plays, "teardown", tenant))
        assert changes_of(play(plays, "teardown", tenant)) == [0, 0, 0]
    assert nbctl(hosts, "show") == ""
    for host in hosts.values():
        assert host.run("ip", "netns", "list").stdout == ""
        assert [port for port in host.ovs_vsctl("list-ports", "br-int").split() if port.startswith("t")] == []


def test_the_guide_runs_as_it_stands(plays: Plays, hosts: Hosts, tmp_path: Path) -> None:
    """Its plays are those that have built these hosts; its topology is built, and probed, with their addresses."""
    guide = [example for example in collect() if "many_hosts_with_ovn.rst" in example.origin]
    roles = [[play["hosts"], *play["roles"]] for play in guide[1].data]
    converge = yaml.safe_load((INVENTORY.parents[1] / "converge.yml").read_text(encoding="utf-8"))
    assert roles == [[play["hosts"], *(each["role"] for each in play["roles"])] for play in converge]
    inventory = guide[0].data
    for number, (name, variables) in enumerate(inventory["ovn_central"]["hosts"].items(), 1):
        reached = {"ansible_connection": "local", "ansible_python_interpreter": f"/run/hosts/host{number}/python"}
        assert variables.keys() == {"ansible_host", "ovn_central_address", "ovn_host_address"}, name
        variables.update(dict.fromkeys(variables, f"10.0.0.{number}"), **reached)
    (topology,) = (
        example.data for example in guide if "topology_nat" in example.text and "topology_name" in example.text
    )
    inventory["ovn_central"]["vars"] = {**topology, "ovn_central_pki": "/run/ovn-pki"}
    path = tmp_path / "hosts.json"
    path.write_text(json.dumps(inventory), encoding="utf-8")
    where = (f"--inventory={path}", "--extra-vars=fabric_hosts=ovn_central")
    built = plays.attempt("netns.fabric.site", *where)
    assert built.status == 0, built.output
    # On the same bridge, and by the router.
    for host, start in (("host2", "proxy"), ("host3", "db")):
        assert hosts[host].pings("10.10.1.1", start, MTU), start
    deleted = plays.attempt("netns.fabric.teardown", *where)
    assert deleted.status == 0, deleted.output
    assert nbctl(hosts, "show") == ""
