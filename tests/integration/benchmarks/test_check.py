# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmark's check of what its rivals have built: none may be faster by doing less."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.netns.fabric.tests.benchmarks.check import (
    WrongStateError,
    check_gone,
    check_lab,
    wait_for_traffic,
    wait_until_gone,
)
from ansible_collections.netns.fabric.tests.benchmarks.lab import Lab
from ansible_collections.netns.fabric.tests.benchmarks.rivals.rival import Place
from ansible_collections.netns.fabric.tests.benchmarks.rivals.shell import Shell
from ansible_collections.netns.fabric.tests.helpers.host import Host

LAB = Lab(2)


@pytest.fixture(name="shell")
def fixture_shell(host: Host, tmp_path: Path) -> Shell:
    """Build a lab by hand."""
    shell = Shell(Place(tmp_path, limit=30, third_party=tmp_path))
    shell.prepare(LAB)
    shell.place.begin()
    shell.build(LAB)
    return shell


def test_complete_lab_passes(shell: Shell) -> None:
    wait_for_traffic(LAB, timeout=10)
    check_lab(LAB, tcp=True)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("ip -n ns0001 address del 10.10.0.1/16 dev veth-ns0001", "address of veth-ns0001"),
        ("ip -n ns0002 link set dev lo down", "links up in ns0002"),
        ("ip -n ns0001 route del default", "default route in ns0001"),
        ("ip link set dev ns0002_tap down", "ns0002_tap is up"),
        ("ip netns add another", "namespaces"),
        ("ovs-vsctl del-port ns0001_tap", "ports"),
        ("ip link set dev int_br down", "address of int_br"),
        ("iptables -t nat -F", "masquerading"),
        ("sysctl -w net.ipv4.ip_forward=0", "ip_forward"),
    ],
)
def test_incomplete_lab_fails(shell: Shell, host: Host, damage: str, message: str) -> None:
    host.run(*damage.split())
    with pytest.raises(WrongStateError, match=message):
        check_lab(LAB, tcp=False)


def test_lab_without_traffic_fails(shell: Shell, host: Host) -> None:
    host.run("ovs-vsctl", "set-fail-mode", "int_br", "secure")
    host.run("ovs-ofctl", "del-flows", "int_br")
    with pytest.raises(WrongStateError, match=r"no ping from ns0001 to 10\.10\.0\.2"):
        wait_for_traffic(LAB, timeout=1)


def test_incomplete_teardown_fails(shell: Shell, host: Host) -> None:
    with pytest.raises(WrongStateError, match="left after the teardown"):
        wait_until_gone(["lo"], timeout=0.1)
    with pytest.raises(WrongStateError, match="bridges"):
        check_gone()
