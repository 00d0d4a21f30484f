# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reference topology beside other programs that manage the network: it works, and theirs is unchanged after it."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.tests.vm.conftest import long
from ansible_collections.netns.fabric.tests.vm.lab import SITE, TEARDOWN, Lab
from ansible_collections.netns.fabric.tests.vm.machine import NICS

FIREWALLD = """
    for where in "" --permanent; do
        firewall-cmd $where --list-all-zones
        firewall-cmd $where --list-all-policies
    done
"""
#: Without comments and counters.
RULES = r"iptables-save | sed -E '/^#/d; s/ \[[0-9:]+\]$//'"
#: The uplink by name: the default route leads elsewhere, by the NIC of ssh.
TRANSLATED: dict[str, Any] = {"topology_nat": [{"source": "192.168.100.0/24", "out_interface": NICS[0]}]}
OUR_FILES = "find /etc/udev/rules.d /etc/systemd/network -name '*netns.fabric*'"
#: For links of the kinds that the topology has; of a NIC it would remove the address.
NETWORK_FILE = r"[Match]\nKind=veth openvswitch\n[Network]\nDHCP=yes\n"


@long
@pytest.mark.parametrize(
    "zones",
    ["", "firewall-cmd --permanent --zone=public --add-interface=ens4; firewall-cmd --reload"],
    ids=["links in no zone", "uplink in a zone"],
)
def test_firewalld(lab: Lab, zones: str) -> None:
    """It lets ssh in by the zone `public`, which is the default."""
    lab.root(f"systemctl start firewalld; firewall-cmd --state; {zones}")
    before = lab.root(FIREWALLD)
    lab.build()
    lab.assert_reference_works()
    lab.root("firewall-cmd --reload")
    lab.assert_reference_works()
    lab.root("systemctl restart firewalld; firewall-cmd --state")
    lab.assert_reference_works()
    lab.play(TEARDOWN)
    assert lab.root(FIREWALLD) == before


def build_around(lab: Lab, restart: str) -> None:
    """Build the topology, have the other program begin again, run once more, and delete the topology."""
    lab.build(**TRANSLATED)
    lab.assert_reference_works()
    lab.root(restart)
    lab.play(SITE, **TRANSLATED)
    lab.assert_reference_works()
    lab.play(TEARDOWN)


@long
def test_ufw(lab: Lab) -> None:
    # What it shows as allowed depends on forwarding, which stays on after teardown.
    lab.root("ufw allow 22/tcp; ufw --force enable; sysctl -q -w net.ipv4.ip_forward=1")
    theirs = f"ufw status verbose; {RULES}"
    before = lab.root(theirs)
    build_around(lab, "ufw reload")
    assert lab.root(theirs) == before


@long
def test_docker(lab: Lab) -> None:
    """It drops what is forwarded and not its own."""
    lab.root("systemctl start docker")
    theirs = f"ip -o link show dev docker0; {RULES}"
    before = lab.root(theirs)
    assert ":FORWARD DROP" in before
    build_around(lab, "systemctl restart docker")
    assert lab.root(theirs) == before


def test_network_manager(lab: Lab) -> None:
    lab.root("systemctl start NetworkManager")
    before = lab.root(f"nmcli --terse --fields DEVICE,STATE device; {OUR_FILES}")
    lab.build()
    # When it starts again it finds links that it has not seen appear.
    lab.root("systemctl restart NetworkManager; nm-online --quiet --timeout=60 || true")
    devices = set(lab.root("nmcli --terse --fields DEVICE,STATE device").splitlines())
    assert {"ns01_tap:unmanaged", "ns02_tap:unmanaged", "int_br:unmanaged"} <= devices
    lab.assert_reference_works()
    lab.build()
    lab.play(TEARDOWN)
    assert lab.root(f"nmcli --terse --fields DEVICE,STATE device; {OUR_FILES}") == before


@long
def test_systemd_networkd(lab: Lab) -> None:
    """A network file of the user's that matches our links does not configure them."""
    lab.root(f"printf '{NETWORK_FILE}' >/etc/systemd/network/zz-all.network; networkctl reload")
    before = lab.root(OUR_FILES)
    lab.build()
    lab.root("systemctl restart systemd-networkd; networkctl reload")
    lab.assert_reference_works()
    states = {line.split()[1]: line.split()[-1] for line in lab.root("networkctl list --no-legend").splitlines()}
    assert {states[name] for name in ("ns01_tap", "ns02_tap", "int_br")} == {"unmanaged"}
    lab.play(TEARDOWN)
    assert lab.root(OUR_FILES) == before
