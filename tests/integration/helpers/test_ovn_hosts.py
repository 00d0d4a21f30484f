# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts with OVN themselves: namespaces of two of them reach each other, and nothing is left at the end."""

from __future__ import annotations

import os
import subprocess

from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.northbound import serve
from ansible_collections.netns.fabric.tests.helpers.ovn_hosts import ovn_hosts
from ansible_collections.netns.fabric.tests.helpers.waiting import wait_until


def _processes() -> set[str]:
    return set(subprocess.run(["ps", "-eo", "comm="], capture_output=True, text=True, check=True).stdout.split())


def test_namespaces_of_two_hosts_reach_each_other(host: Host) -> None:
    links = set(host.links())
    with ovn_hosts(2) as hosts:
        northbound = hosts.northbound
        northbound.ctl("ls-add", "left")
        for number in (1, 2):
            mac, address = f"02:00:00:00:00:0{number}", f"192.0.2.{number}"
            northbound.ctl("lsp-add", "left", f"p{number}")
            northbound.ctl("lsp-set-addresses", f"p{number}", f"{mac} {address}")
            hosts[number].plug("red", f"p{number}", mac, f"{address}/24")
        hosts.wait_for_ports([(1, "red"), (2, "red")])
        wait_until(lambda: hosts[1].pings("red", "192.0.2.2", 1428), 30)
        hosts[2].unplug("red")
        assert not hosts[1].pings("red", "192.0.2.2")
    assert set(host.links()) == links
    assert host.namespaces() == []
    assert not {"ovn-northd", "ovn-controller"} & _processes()
    assert not os.path.exists("/run/ovn/ovnnb_db.sock")


def test_a_northbound_database_alone(host: Host) -> None:  # it is served in the host
    with serve() as northbound:
        assert northbound.content() == {}
        northbound.ctl("ls-add", "left", "--", "lsp-add", "left", "p 1")
        assert northbound.row("Logical_Switch", "left")["ports"]["name"] == "p 1"
        assert set(northbound.uuids("Logical_Switch")) == {"left"}
    assert "ovn-northd" not in _processes()
