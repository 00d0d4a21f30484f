# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two machines with OVN on the kernel's datapath and systemd: `alpha` has the databases, both are chassis.

The tests build on each other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netns.fabric.tests.helpers.plays import Played
from ansible_collections.netns.fabric.tests.helpers.waiting import wait_until
from ansible_collections.netns.fabric.tests.vm.budget import Budget
from ansible_collections.netns.fabric.tests.vm.conftest import long
from ansible_collections.netns.fabric.tests.vm.images import Image
from ansible_collections.netns.fabric.tests.vm.lab import ENDPOINT, OUTSIDE, PATIENCE, SITE, TEARDOWN, Lab
from ansible_collections.netns.fabric.tests.vm.machine import NICS, WIRED_NIC, Machine, Wire

Pair = dict[str, Lab]

TUNNEL_ADDRESSES = {"alpha": "192.0.2.11", "beta": "192.0.2.12"}
#: By which the router of the logical network is seen outside.
ROUTER = "198.51.100.10"
ADDRESSES = {"web": "10.10.1.1", "app": "10.10.1.2"}
#: Bytes of the payload of ICMP that fill the MTU behind a tunnel, 1442.
FULL_SIZE = 1442 - 28
TOPOLOGY: dict[str, Any] = {
    "topology_hosts": list(TUNNEL_ADDRESSES),
    "topology_bridges": [{"name": "front", "engine": "ovn", "addresses": ["10.10.1.254/24"]}],
    "topology_namespaces": [
        {
            "name": name,
            "host": host,
            "interfaces": [{"name": "eth0", "bridge": "front", "addresses": [f"{address}/24"]}],
            "routes": [{"destination": "default", "gateway": "10.10.1.254"}],
        }
        for (name, address), host in zip(ADDRESSES.items(), TUNNEL_ADDRESSES)
    ],
    "topology_nat": [
        {
            "source": "10.10.1.0/24",
            "gateways": ["alpha"],
            "physical_network": "outside",
            "address": f"{ROUTER}/24",
        },
        {"publish": 8080, "to": "app", "to_port": 80},
    ],
    # Behind the gateway's NIC; the machines' own network has no way out.
    "topology_verify_outside": [OUTSIDE],
    "topology_boot": True,
}
CENTRAL = "ovn-ovsdb-server-nb ovn-ovsdb-server-sb ovn-northd"


@pytest.fixture(scope="module", name="pair")
def fixture_pair(image: Image, budget: Budget, running: list[Machine], tmp_path_factory: Any) -> Iterator[Pair]:
    """Boot two machines with a link between them, and make hosts of one inventory of them."""
    while running:
        running.pop().close()
    machines = [Machine(image, "full", budget, wire) for wire in Wire.make()]
    try:
        with ThreadPoolExecutor() as pool:
            list(pool.map(Machine.start, machines))
        pair = {name: Lab(machine, name) for name, machine in zip(TUNNEL_ADDRESSES, machines)}
        inventory = build_inventory(pair, tmp_path_factory.mktemp("pki"))
        for name, lab in pair.items():
            lab.write_inventory(inventory)
            lab.root(
                f"hostnamectl set-hostname {name}; echo 127.0.1.1 {name} >>/etc/hosts; "
                f"printf '[Match]\nName={WIRED_NIC}\n[Network]\nAddress={TUNNEL_ADDRESSES[name]}/24\n' "
                ">/etc/systemd/network/underlay.network; networkctl reload"
            )
        pair["alpha"].prepare_outside(uplink=False)
        yield pair
    finally:
        for machine in machines:
            machine.close()


def build_inventory(pair: Pair, pki: Path) -> dict[str, Any]:
    hosts = {
        name: {
            **lab.login(),
            "ovn_central_address": TUNNEL_ADDRESSES[name],
            "ovn_host_address": TUNNEL_ADDRESSES[name],
            "ovn_host_boot": True,
            # Of an emulated machine.
            "ovn_central_start_timeout": 300,
            "ovn_host_start_timeout": 300,
            "openvswitch_timeout": 60,
        }
        for name, lab in pair.items()
    }
    hosts["alpha"]["ovn_host_networks"] = [{"network": "outside", "bridge": "br-ex", "interface": NICS[0]}]
    return {
        "chassis": {"hosts": hosts, "vars": {"ovn_central_pki": str(pki)}},
        "ovn_central": {"hosts": {"alpha": {}}},
    }


def run_roles(pair: Pair, path: Path, *options: str, **variables: Any) -> Played:
    """Run both roles, the one of the databases first where they are built, and last where they are removed."""
    roles = [("ovn_central", "ovn_central"), ("chassis", "ovn_host")]
    if "ovn_host_state" in variables:
        roles.reverse()
    plays = [
        {
            "name": f"Run {role}",
            "hosts": group,
            "gather_facts": False,
            "become": True,
            "roles": [f"netns.fabric.{role}"],
        }
        for group, role in roles
    ]
    playbook = path / "ovn.yml"
    playbook.write_text(json.dumps(plays), encoding="utf-8")
    return pair["alpha"].play(playbook, *options, **variables)


def changes(played: Played) -> list[int]:
    return [played.count("changed", name) for name in TUNNEL_ADDRESSES]


def build(pair: Pair, playbook: str = SITE, *options: str) -> list[int]:
    return changes(pair["alpha"].play(playbook, *options, fabric_hosts="chassis", **TOPOLOGY))


def succeeds(lab: Lab, command: str) -> bool:
    return lab.machine.attempt(command).returncode == 0


def assert_traffic(pair: Pair) -> None:
    """Assert that packets of full size pass the tunnel, and TCP there, to the outside and from it."""
    alpha, beta = pair.values()
    for lab, start, to in ((alpha, "web", "app"), (beta, "app", "web")):
        command = f"sudo ip netns exec {start} ping -n -q -c 1 -W 5 -M do -s {FULL_SIZE} {ADDRESSES[to]}"
        wait_until(partial(succeeds, lab, command), PATIENCE, command)
        assert lab.seen_as(start, 60) == ROUTER
    alpha.root(f"ip netns exec web python3 -I {ENDPOINT} ask tcp {ADDRESSES['app']} 80 60")
    published = alpha.root(f"ip netns exec outside python3 -I {ENDPOINT} ask tcp {ROUTER} 8080 60")
    assert published.split() == ["app", "80", OUTSIDE]


def serve(lab: Lab) -> None:
    lab.machine.copy(Path(__file__).parents[1] / "helpers" / "traffic_endpoint.py", ENDPOINT)
    command = f"ip netns exec app python3 -I {ENDPOINT} serve app /run/app 80"
    lab.root(f"systemctl stop app 2>/dev/null || true; systemd-run --quiet --collect --unit app {command}")


@long
def test_check_mode_installs_nothing(pair: Pair, tmp_path: Path) -> None:
    before = [lab.root("dpkg-query --show") for lab in pair.values()]
    run_roles(pair, tmp_path, "--check")
    assert [lab.root("dpkg-query --show") for lab in pair.values()] == before


@long
def test_the_roles_install_and_start_everything(pair: Pair, tmp_path: Path) -> None:
    assert min(changes(run_roles(pair, tmp_path))) > 0
    assert changes(run_roles(pair, tmp_path, "--diff")) == [0, 0]
    assert pair["alpha"].root(f"systemctl is-active {CENTRAL} ovn-controller").split() == ["active"] * 4
    assert pair["alpha"].root("systemctl is-enabled ovn-central ovn-host").split() == ["enabled"] * 2
    for lab in pair.values():
        assert lab.root("ovs-vsctl get Bridge br-int datapath_type").strip() in ('""', "system")


@long
def test_a_topology_spans_both(pair: Pair) -> None:
    assert min(build(pair)) > 0
    serve(pair["beta"])
    assert_traffic(pair)
    assert build(pair) == [0, 0]
    for lab in pair.values():
        assert lab.root("ovs-dpctl dump-dps").strip() == "system@ovs-system"


@long
def test_both_machines_restart(pair: Pair, tmp_path: Path) -> None:
    """The databases, their listeners, the chassis and their namespaces come back without a run."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda lab: lab.machine.reboot(), pair.values()))
    pair["alpha"].prepare_outside(uplink=False)
    for lab in pair.values():
        lab.wait_for_unit()
    serve(pair["beta"])
    assert_traffic(pair)
    assert changes(run_roles(pair, tmp_path, "--diff")) == [0, 0]
    assert build(pair) == [0, 0]


@long
def test_nothing_is_left(pair: Pair, tmp_path: Path) -> None:
    # With a program in it, the role would refuse to delete the namespace.
    pair["beta"].root("systemctl stop app")
    build(pair, TEARDOWN)
    assert build(pair, TEARDOWN) == [0, 0]
    assert pair["alpha"].root("ovn-nbctl show") == ""
    run_roles(pair, tmp_path, ovn_host_state="absent", ovn_central_state="absent")
    for lab in pair.values():
        assert lab.root("ovs-vsctl list-br; ls -A /etc/ovn") == ""
        assert lab.root("find /etc /usr/local/sbin -path '*netns-fabric*' -not -type d") == ""
        assert "ovn" not in lab.root("ovs-vsctl get Open_vSwitch . external_ids")
        units = f"systemctl is-active {CENTRAL} ovn-controller || true"
        assert set(lab.root(units).split()) == {"inactive"}
    again = run_roles(pair, tmp_path, ovn_host_state="absent", ovn_central_state="absent")
    assert changes(again) == [0, 0]
