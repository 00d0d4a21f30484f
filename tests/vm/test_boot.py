# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A topology that survives a reboot, a power cut and damage, without Ansible."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.netns.fabric.tests.helpers.traffic import OUTSIDE_PORT
from ansible_collections.netns.fabric.tests.helpers.waiting import wait_until
from ansible_collections.netns.fabric.tests.vm.conftest import long
from ansible_collections.netns.fabric.tests.vm.lab import (
    ENDPOINT,
    OUTSIDE,
    PATIENCE,
    SITE,
    TEARDOWN,
    UPLINK_ADDRESS,
    Lab,
)

STORED: dict[str, Any] = {"topology_boot": True, "topology_heal": 20}
#: What is stored when the power is cut in the run that builds the reference topology.
FORMER: dict[str, Any] = {
    "topology_bridges": [{"name": "former"}],
    "topology_namespaces": [
        {"name": "former", "interfaces": [{"name": "eth0", "bridge": "former", "addresses": ["10.9.0.1/24"]}]}
    ],
    "topology_nat": [],
}
REFERENCE: dict[str, Any] = {"topology_boot": True}
#: What a boot leaves of a stored topology, by the commands that list it.
TRACES = (
    "ls -A /etc/netns-fabric /usr/local/sbin 2>/dev/null || true; find /etc/systemd/system -name 'netns-fabric*'; "
    "systemctl list-units --all --plain --no-legend 'netns-fabric*'"
)


@pytest.fixture(name="stored_once", scope="session")
def fixture_stored_once(built_once: Lab) -> Lab:
    """Store the reference topology once, for the snapshot `stored`."""
    built_once.once("stored", "built", lambda: store(built_once))
    return built_once


@pytest.fixture(name="stored_lab")
def fixture_stored_lab(stored_once: Lab) -> Lab:
    """Provide a machine that has stored the reference topology."""
    stored_once.machine.restore("stored")
    return stored_once


def store(lab: Lab, **variables: Any) -> None:
    """Build a topology and store it on the machine."""
    lab.play(SITE, **STORED, **variables)
    lab.wait_for_unit()


def assert_as_stored(lab: Lab) -> None:
    assert lab.status() == 0
    errors = lab.root("ovs-vsctl --timeout=20 --bare --columns=error list Interface").split()
    assert errors == []
    lab.prepare_outside()
    lab.assert_reference_works()


def test_a_reboot_brings_the_topology_back_and_the_next_run_changes_nothing(stored_lab: Lab) -> None:
    stored_lab.machine.reboot()
    stored_lab.wait_for_unit()
    assert_as_stored(stored_lab)
    assert stored_lab.play(SITE, **STORED).changed == 0


@long
def test_the_timer_repairs_and_writes_to_the_journal_what(stored_lab: Lab) -> None:
    stored_lab.root("ip netns delete ns02; ip -n ns01 link set dev veth-ns01 down")
    wait_until(lambda: stored_lab.status() == 0, PATIENCE, "nothing is repaired")
    stored_lab.assert_reference_works()
    journal = stored_lab.root("journalctl --no-pager -u netns-fabric-heal@default")
    assert "default: repaired: namespace ns02: missing" in journal
    assert "default: repaired: veth ns01/veth-ns01: enabled: false -> true" in journal


#: Damage that is still there after a reboot, rows of Open vSwitch and a file, and a bridge of somebody else.
LASTING = """
    systemctl stop netns-fabric-heal@default.timer
    ovs-vsctl set port ns01_tap tag=9 -- del-port ns02_tap
    rm /etc/netns/ns01/hosts
    ovs-vsctl add-br lasting
"""


@long
def test_a_reboot_repairs_what_outlives_it_and_the_timer_goes_on(stored_lab: Lab) -> None:
    lab = stored_lab
    lab.root(LASTING)
    lab.machine.reboot()
    lab.wait_for_unit()
    assert_as_stored(lab)
    assert "lasting" in lab.root("ovs-vsctl list-br").split()
    for damage in DAMAGE.values():
        lab.root(damage)
        wait_until(lambda: lab.status() == 0, PATIENCE, "nothing is repaired")
        lab.assert_reference_works()
    assert lab.play(SITE, **STORED).changed == 0


@long
def test_reload_applies_the_topology(stored_lab: Lab) -> None:
    stored_lab.root("systemctl stop netns-fabric-heal@default.timer; ip netns delete ns02")
    stored_lab.root("systemctl reload netns-fabric@default", timeout=PATIENCE)
    assert stored_lab.status() == 0


@long
@pytest.mark.parametrize(
    "remove",
    [
        lambda lab: lab.play(TEARDOWN),
        lambda lab: lab.play(SITE),
    ],
    ids=["teardown", "topology_boot: false"],
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
    """Store another topology once, for the snapshot `former`."""
    full_machine.once("former", "booted", lambda: store(full_machine, **FORMER))
    return full_machine


@pytest.fixture(name="seconds", scope="session")
def fixture_seconds(former_once: Lab) -> float:
    """Measure how long the run takes in which the power is cut."""
    former_once.machine.restore("former")
    start = time.monotonic()
    former_once.play(SITE, **REFERENCE)
    return time.monotonic() - start


@long
@pytest.mark.parametrize("percent", [97, 91, 83, 75, 68, 60, 52, 45, 35, 20])
def test_power_cut_in_a_run(
    former_once: Lab, seconds: float, percent: int, record_property: Callable[[str, object], None]
) -> None:
    """What is stored then is the former topology or the new one; a boot applies it, and a run the new one."""
    lab = former_once
    lab.machine.restore("former")
    run = threading.Thread(target=lambda: lab.attempt(SITE, **REFERENCE))
    run.start()
    run.join(seconds * percent / 100)
    lab.machine.kill()
    run.join()
    lab.machine.start()
    lab.wait_for_unit()
    found = lab.namespaces()
    record_property("namespaces after the boot", sorted(found))
    assert found in ({"former"}, {"ns01", "ns02"})
    changed = lab.play(SITE, **REFERENCE).changed
    if found == {"former"}:
        assert changed
        changed = lab.play(SITE, **REFERENCE).changed
    assert changed == 0
    assert_as_stored(lab)


def many(number: int) -> dict[str, Any]:
    """Return the variables of a topology: half of its namespaces in a VLAN, a published port, and a policy."""
    vlan = [{"tag": 10, "addresses": [f"10.1.10.{host}/24"]} for host in range(1, number + 1)]
    routed = [{"addresses": [f"192.168.100.{host}/24"]} for host in range(1, number + 1)]
    namespaces: list[dict[str, Any]] = [
        {
            "name": f"n{host}",
            "interfaces": [{"name": "eth0", "bridge": "int_br", **(vlan if host % 2 else routed)[host - 1]}],
            "routes": [] if host % 2 else [{"destination": "default", "gateway": "192.168.100.254"}],
        }
        for host in range(1, number + 1)
    ]
    namespaces[3]["incoming"] = "deny"
    policy = {"from": {"namespaces": ["n2"]}, "to": {"namespaces": ["n4"]}, "protocol": "tcp", "ports": ["80"]}
    return {
        "topology_namespaces": namespaces,
        "topology_nat": [{"source": "192.168.100.0/24"}, {"publish": 8080, "to": "n2", "to_port": 80}],
        "topology_policies": [{**policy, "action": "allow"}],
    }


#: What passes in that topology, and what does not, as the witness of a boot sees it.
SERVERS = "".join(
    f"systemd-run --quiet --unit server-{name} ip netns exec {name} python3 -I {ENDPOINT} serve {name} /run/{name} 80\n"
    for name in ("n2", "n4")
)
WITNESS = f"""
for server in outside:{OUTSIDE_PORT} n2:80 n4:80; do
    timeout 300 ip netns exec ${{server%:*}} sh -c "until ss -Hltn | grep -q :${{server#*:}}; do sleep 0.2; done"
done
ask() {{ ip netns exec $1 python3 -I {ENDPOINT} ask tcp $2 $3 $4 2>/dev/null || echo none; }}
ip netns exec n1 ping -n -q -c 3 -W 5 10.1.10.99 >/dev/null && echo n99
ip netns exec n2 ping -n -q -c 3 -W 5 192.168.100.100 >/dev/null && echo n100
ask n100 {OUTSIDE} {OUTSIDE_PORT} 20
ask outside {UPLINK_ADDRESS} 8080 20
ask n2 192.168.100.4 80 20
ask n6 192.168.100.4 80 4
"""
WITNESSED = [
    *("n99", "n100", f"outside {OUTSIDE_PORT} {UPLINK_ADDRESS}"),
    *(f"n2 80 {OUTSIDE}", "n4 80 192.168.100.2", "none"),
]


@long
def test_reboot_with_100_namespaces(lab: Lab, record_property: Callable[[str, object], None]) -> None:
    """Traffic passes before anybody can log in; VLANs, translated addresses, published ports and policies are there."""
    # The traffic below decides: on an emulated machine so many probes at a time are not answered in time.
    variables = {"topology_boot": True, "topology_verify": False, **many(100)}
    start = time.monotonic()
    lab.play(SITE, **variables)
    record_property("seconds of the run", round(time.monotonic() - start))
    lab.wait_for_unit()
    lab.witness(SERVERS + WITNESS)
    lab.machine.reboot()
    assert lab.root("cat /var/lib/witness").splitlines() == WITNESSED
    lab.wait_for_unit()
    times = lab.root(
        "systemctl show -P ExecMainStartTimestampMonotonic -P ExecMainExitTimestampMonotonic netns-fabric@default"
    )
    began, ended = map(int, times.split())
    record_property("seconds of the unit", (ended - began) // 1_000_000)
    assert lab.status() == 0
    assert lab.namespaces() == {"outside", *(f"n{host}" for host in range(1, 101))}
    again = lab.play(SITE, "--diff", **variables)
    assert again.changed == 0, again.output


#: What the timer repairs at a time, with the commands that do the damage.
DAMAGE = {
    "link, address, tag, rules, forwarding, names": "ip -n ns01 link set dev veth-ns01 down; "
    "ip -n ns02 addr del 192.168.100.2/24 dev veth-ns02; ovs-vsctl set port ns01_tap tag=9; "
    "nft flush ruleset; nft add table inet theirs; sysctl -q -w net.ipv4.ip_forward=0; rm /etc/netns/ns01/hosts",
    "namespace, route, port, address of the gateway": "ip netns delete ns02; ip -n ns01 route del default; "
    "ovs-vsctl del-port ns01_tap; ip addr flush dev int_br",
    "veth pair, bridge": "ip link delete dev ns01_tap; ovs-vsctl del-br int_br",
    "datapath": "ovs-dpctl del-dp system@ovs-system",
}
#: What others have on the machine, and how it is compared.
FOREIGN = """
    ip netns add theirs
    ip link add theirs0 type veth peer name theirs1 netns theirs
    ip addr add 203.0.113.9/24 dev theirs0
    ovs-vsctl add-br theirbr -- add-port theirbr theirs0 tag=7
    nft add table inet theirs
"""
THEIRS = """
    ip -o addr show dev theirs0; ip -o addr show dev ens3 | sed 's/valid_lft.*//'; ip -o -n theirs link show
    ip -o addr show dev ens4; ip -o -n outside addr show; nft list table inet theirs
    ovs-vsctl --columns=name,ports,external_ids,other_config,datapath_type list Bridge theirbr
    ovs-vsctl --columns=name,tag,external_ids list Port theirs0
"""
#: Does damage while no repair is under way, waits for the end of the next one, and prints the seconds until it began.
DAMAGED = """
    show() {{ systemctl show -P $1 netns-fabric-heal@default.service; }}
    while [ "$(show ActiveState)" = activating ]; do sleep 0.2; done
    {commands}
    now=$(awk '{{print int($1 * 1000000)}}' /proc/uptime) began=0 ended=0
    until ((began > now && ended >= began)); do
        sleep 0.5
        began=$(show ExecMainStartTimestampMonotonic) ended=$(show ExecMainExitTimestampMonotonic)
    done
    echo $(((began - now) / 1000000))
"""


@long
def test_the_timer_repairs_each_damage_and_leaves_what_others_have(stored_lab: Lab) -> None:
    lab = stored_lab
    lab.root(FOREIGN)
    before = lab.root(THEIRS)
    for name, commands in DAMAGE.items():
        waited = int(lab.root(DAMAGED.format(commands=commands), timeout=PATIENCE))
        assert waited <= STORED["topology_heal"] + 5, name  # with what a busy machine adds
        lab.assert_reference_works()
    assert lab.status() == 0
    assert lab.root(THEIRS) == before
