# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reference topology beside other programs that manage the network: it works, and theirs is unchanged after it."""

from __future__ import annotations

from ansible_collections.netns.fabric.tests.vm.conftest import long
from ansible_collections.netns.fabric.tests.vm.lab import TEARDOWN, Lab

FIREWALLD = """
    for where in "" --permanent; do
        firewall-cmd $where --list-all-zones
        firewall-cmd $where --list-all-policies
    done
"""
OUR_FILES = "find /etc/udev/rules.d /etc/systemd/network -name '*netns.fabric*'"


@long
def test_firewalld_with_the_links_in_no_zone(lab: Lab) -> None:
    """It lets ssh in by its default zone, `public`."""
    lab.root("systemctl start firewalld; firewall-cmd --state")
    before = lab.root(FIREWALLD)
    lab.build()
    lab.assert_reference_works()
    lab.root("firewall-cmd --reload")
    lab.assert_reference_works()
    lab.root("systemctl restart firewalld; firewall-cmd --state")
    lab.assert_reference_works()
    lab.play(TEARDOWN)
    assert lab.root(FIREWALLD) == before


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
