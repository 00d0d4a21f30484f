# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several hosts on one machine."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from ansible_collections.netns.fabric.tests.helpers import hosts
from ansible_collections.netns.fabric.tests.helpers.hosts import NestedHost


@pytest.fixture(name="pair")
def fixture_pair() -> Iterator[list[NestedHost]]:
    started = hosts.start(["one", "two"])
    yield started
    hosts.end(started)


def test_hosts_are_apart_but_for_the_underlay(pair: list[NestedHost]) -> None:
    one, two = pair
    one.run("ip", "netns", "add", "red")
    one.ovs_vsctl("add-br", "lab")
    one.run("sh", "-c", "echo written > /etc/written")
    assert one.json("ip", "-json", "netns", "list") == [{"name": "red"}]
    assert not two.json("ip", "-json", "netns", "list")
    assert two.ovs_vsctl("list-br") == "br-phy"
    assert two.run("cat", "/etc/written", check=False).returncode
    assert one.pings("10.0.0.2", size=1500)
    assert NestedHost.find("two") == two


def test_the_interpreter_of_a_host_runs_inside(pair: list[NestedHost]) -> None:
    _one, two = pair
    script = "import os; print(os.readlink('/proc/self/ns/net'))"
    ran = subprocess.run(
        ["/run/hosts/two/python", "-c", script], capture_output=True, text=True, timeout=20, check=True
    )
    assert ran.stdout == two.run("readlink", "/proc/self/ns/net").stdout


def test_nothing_is_left_of_hosts_that_have_ended(pair: list[NestedHost]) -> None:
    hosts.end(pair)
    assert not any(host.is_running for host in pair)
    assert not list(hosts.PLACE.iterdir())
    pair[:] = hosts.start(["one"])
