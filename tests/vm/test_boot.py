# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A topology that survives a reboot, a power cut and damage, without Ansible."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.netns.fabric.tests.helpers.waiting import wait_until
from ansible_collections.netns.fabric.tests.vm.conftest import long
from ansible_collections.netns.fabric.tests.vm.lab import SITE, TEARDOWN, UPLINK_ADDRESS, Lab

#: Seconds that an emulated machine may take to start Python, and to repair.
PATIENCE = 300
STORED: dict[str, Any] = {"topology_boot": True, "topology_heal": 20}
FORMER: dict[str, Any] = {
    "topology_bridges": [{"name": "former"}],
    "topology_namespaces": [
        {"name": "former", "interfaces": [{"name": "eth0", "bridge": "former", "addresses": ["10.9.0.1/24"]}]}
    ],
    "topology_nat": [],
}

#: What a boot leaves of a stored topology, by the commands that list it.
TRACES = (
    "ls -A /etc/netns-fabric /usr/local/sbin 2>/dev/null; find /etc/systemd/system -name 'netns-fabric*'; "
    "systemctl list-units --all --plain --no-legend 'netns-fabric*'"
)


@pytest.fixture(name="stored_once", scope="session")
def fixture_stored_once(built_once: Lab) -> Lab:
    """Store the reference topology once, for the snapshot `stored`."""
    built_once.machine.restore("built")
    built_once.play(SITE, **STORED)
    wait_for_unit(built_once)
    built_once.machine.save("stored")
    return built_once


@pytest.fixture(name="stored_lab")
def fixture_stored_lab(stored_once: Lab) -> Lab:
    """Provide a machine that has stored the reference topology."""
    stored_once.machine.restore("stored")
    return stored_once


def status(lab: Lab) -> int:
    return lab.machine.attempt("sudo /usr/local/sbin/netns-fabric status default", timeout=PATIENCE).returncode


def wait_for_unit(lab: Lab) -> None:
    """Wait until the unit that applies the topology has ended."""

    def ended() -> bool:
        return lab.machine.attempt("systemctl is-active netns-fabric@default").stdout.strip() in ("active", "failed")

    wait_until(ended, PATIENCE, "the unit does not end")
    assert lab.root("systemctl is-active netns-fabric@default").strip() == "active"


def assert_as_stored(lab: Lab) -> None:
    assert status(lab) == 0
    errors = lab.root("ovs-vsctl --timeout=20 --bare --columns=error list Interface").split()
    assert errors == []
    lab.prepare_outside()
    lab.assert_reference_works()


def test_a_reboot_brings_the_topology_back_and_the_next_run_changes_nothing(stored_lab: Lab) -> None:
    stored_lab.machine.reboot()
    wait_for_unit(stored_lab)
    assert_as_stored(stored_lab)
    assert stored_lab.play(SITE, **STORED).changed == 0


@long
def test_the_timer_repairs_and_writes_to_the_journal_what(stored_lab: Lab) -> None:
    stored_lab.root("ip netns delete ns02; ip -n ns01 link set dev veth-ns01 down")
    wait_until(lambda: status(stored_lab) == 0, PATIENCE, "nothing is repaired")
    stored_lab.assert_reference_works()
    journal = stored_lab.root("journalctl --no-pager -u netns-fabric-heal@default")
    assert "default: repaired: namespace ns02: missing" in journal
    assert "default: repaired: veth ns01/veth-ns01: enabled: false -> true" in journal


@long
def test_reload_applies_the_topology(stored_lab: Lab) -> None:
    stored_lab.root("systemctl stop netns-fabric-heal@default.timer; ip netns delete ns02")
    stored_lab.root("systemctl reload netns-fabric@default", timeout=PATIENCE)
    assert status(stored_lab) == 0


@long
@pytest.mark.parametrize(
    "remove",
    [
        lambda lab: lab.play(TEARDOWN),
        lambda lab: lab.play(SITE),
        lambda lab: lab.root("/usr/local/sbin/netns-fabric delete default", timeout=PATIENCE),
    ],
    ids=["teardown", "topology_boot: false", "delete"],
)
def test_nothing_is_left_of_a_removed_topology(stored_lab: Lab, remove: Callable[[Lab], object]) -> None:
    stored = stored_lab.root(TRACES)
    stored_lab.machine.restore("built")
    before = stored_lab.root(TRACES)
    assert stored != before
    stored_lab.machine.restore("stored")
    remove(stored_lab)
    assert stored_lab.root(TRACES) == before
    assert stored_lab.root("systemctl --failed --plain --no-legend") == ""


@pytest.fixture(name="former_once", scope="session")
def fixture_former_once(full_machine: Lab) -> Lab:
    """Store a topology once, for the snapshot `former`."""
    full_machine.machine.restore("booted")
    full_machine.build(**STORED, **FORMER)
    wait_for_unit(full_machine)
    full_machine.machine.save("former")
    return full_machine


@long
@pytest.mark.parametrize("seconds", [2, 5, 8, 11, 14, 17, 20, 25, 30, 40])
def test_power_cut_in_a_run(former_once: Lab, seconds: float, record_property: Callable[[str, object], None]) -> None:
    """What is stored then is the former topology or the new one, and a boot and a run bring either about."""
    lab = former_once
    lab.machine.restore("former")
    run = threading.Thread(target=lambda: lab.attempt(SITE, **STORED))
    run.start()
    run.join(seconds)
    lab.machine.kill()
    run.join()
    lab.machine.start()
    wait_for_unit(lab)
    assert status(lab) == 0
    record_property("namespaces after the boot", sorted(lab.namespaces()))
    lab.play(SITE, **STORED)
    assert lab.play(SITE, **STORED).changed == 0
    assert_as_stored(lab)


def many(number: int) -> dict[str, Any]:
    """Return the variables of a topology with this many namespaces, every other one in a VLAN."""
    vlan = [{"tag": 10, "addresses": [f"10.1.10.{host}/24"]} for host in range(1, number + 1)]
    routed = [{"addresses": [f"192.168.100.{host}/24"]} for host in range(1, number + 1)]
    namespaces = [
        {
            "name": f"n{host}",
            "interfaces": [{"name": "eth0", "bridge": "int_br", **(vlan if host % 2 else routed)[host - 1]}],
            "routes": [] if host % 2 else [{"destination": "default", "gateway": "192.168.100.254"}],
        }
        for host in range(1, number + 1)
    ]
    nat = [{"source": "192.168.100.0/24"}, {"publish": 8080, "to": "n2", "to_port": 80}]
    return {"topology_namespaces": namespaces, "topology_nat": nat}


@long
def test_reboot_with_100_namespaces(lab: Lab, record_property: Callable[[str, object], None]) -> None:
    variables = {"topology_boot": True, **many(100)}
    lab.play(SITE, **variables)
    wait_for_unit(lab)
    lab.machine.reboot()
    wait_for_unit(lab)
    times = "-p InactiveExitTimestampMonotonic -p ActiveEnterTimestampMonotonic"
    record_property("unit", lab.root(f"systemctl show {times} netns-fabric@default"))
    assert status(lab) == 0
    assert len(lab.namespaces()) == 100
    lab.prepare_outside()
    assert lab.pings("n1", "10.1.10.99")
    assert lab.pings("n2", "192.168.100.100")
    assert lab.seen_as("n100") == UPLINK_ADDRESS
    assert lab.play(SITE, **variables).changed == 0
