# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A subnet that the host reaches by another link is refused before the first write, in check mode too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.netns.fabric.tests.helpers import snapshot
from ansible_collections.netns.fabric.tests.helpers.convergence import converge, shell
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.integration.conftest import RunModule

LAN = """
    link add lan0 type veth peer name lan1
    link set lan0 up
    link set lan1 up
    addr add 192.168.100.20/24 dev lan0
    addr add fd00:100::20/64 dev lan0 nodad
    route add default via 192.168.100.254
    route add 10.8.0.0/16 via 192.168.100.254
    route add 10.0.0.0/8 via 192.168.100.254
    link add br0 type bridge
"""

Refuse = Callable[..., str]


@pytest.fixture
def lan(host: Host) -> Host:
    shell(host, LAN)
    return host


@pytest.fixture
def refuse(lan: Host, run_module: RunModule) -> Refuse:  # on a host with a LAN
    """Run a module that refuses in check mode and in a real run, and return its message."""

    def run(module: str, **params: Any) -> str:
        before = snapshot.take()
        checked, failed = run_module(module, _check=True, **params), run_module(module, **params)
        assert checked.failed
        assert checked.message == failed.message
        snapshot.assert_unchanged(before, "the host after a refusal")
        return failed.message

    return run


@pytest.mark.parametrize(
    ("address", "taken"),
    [
        ("192.168.100.254/24", "192.168.100.0/24"),
        ("192.168.100.254/28", "192.168.100.0/24"),
        ("192.168.0.1/16", "192.168.100.0/24"),
        ("10.8.0.1/16", "10.8.0.0/16"),
        ("10.9.0.1/12", "10.8.0.0/16"),
        ("fd00:100::1/64", "fd00:100::/64"),
        ("fd00:100::1/48", "fd00:100::/64"),
    ],
)
def test_a_subnet_that_the_host_reaches_elsewhere(refuse: Refuse, address: str, taken: str) -> None:
    cause = f"on br0, and the host reaches {taken} by lan0 already: it would cut itself off"
    assert cause in refuse("link", name="br0", addresses=[address])
    end = {"name": "eth0", "addresses": [], "peer": {"name": "br1", "addresses": [address]}}
    message = refuse("veth", **end)
    assert "peer.addresses: " in message
    assert cause.replace("br0", "br1") in message


@pytest.mark.parametrize(
    "address", ["10.1.2.1/24", "172.16.0.1/24", "192.168.100.77/32", "fd00:200::1/64", "fe80::1/64"]
)
def test_a_subnet_within_a_less_specific_route(lan: Host, run_module: RunModule, address: str) -> None:
    assert converge(lan, run_module, "link", name="br0", addresses=[address]).changed


def test_a_vpn_is_a_default_route_in_two_halves(lan: Host, run_module: RunModule) -> None:
    shell(
        lan,
        "tuntap add dev tun0 mode tun\nlink set tun0 up\nroute add 0.0.0.0/1 dev tun0\nroute add 128.0.0.0/1 dev tun0",
    )
    assert converge(lan, run_module, "link", name="br0", addresses=["10.1.2.1/24"]).changed


def test_the_reference_topology_on_a_host_whose_lan_it_is(lan: Host, run_module: RunModule) -> None:
    steps = [
        {"module": "netns", "options": {"name": "ns01"}},
        {"module": "ovs_bridge", "options": {"name": "int_br", "datapath_type": "auto"}},
        {"module": "link", "options": {"name": "int_br", "addresses": ["192.168.100.254/24"]}},
    ]
    before = snapshot.take()
    cause = "the host reaches 192.168.100.0/24 by lan0 already"
    assert cause in run_module("sequence", _check=True, steps=steps).message
    snapshot.assert_unchanged(before, "the host after check mode")
    assert cause in run_module("sequence", steps=steps).message
    assert not any(
        each.get("local") == "192.168.100.254" for link in lan.links().values() for each in link["addr_info"]
    )


class TestOwnLinks:
    """What the same declaration moves, renumbers or replaces is not refused."""

    def test_renumbered_crosswise(self, host: Host, run_module: RunModule) -> None:
        shell(host, "link add br0 type bridge\nlink add br1 type bridge")
        first = [{"name": "br0", "addresses": ["10.1.0.1/24"]}, {"name": "br1", "addresses": ["10.2.0.1/24"]}]
        converge(host, run_module, "link", links=first)
        swapped = [{"name": "br0", "addresses": ["10.2.0.1/24"]}, {"name": "br1", "addresses": ["10.1.0.1/24"]}]
        converge(host, run_module, "link", links=swapped)

    def test_moved_to_a_link_of_the_same_owner(self, host: Host, run_module: RunModule) -> None:
        shell(host, "link add br0 type bridge\nlink add br1 type bridge")
        run_module("link", name="br0", addresses=["10.1.0.1/24"], owner="lab")
        links = [{"name": "br1", "addresses": ["10.1.0.1/24"]}]
        converge(host, run_module, "link", links=links, owner="lab", prune=True)
        assert [each["local"] for each in host.links()["br1"]["addr_info"]] == ["10.1.0.1"]

    def test_a_bridge_that_is_replaced(self, host: Host, run_module: RunModule) -> None:
        def steps(name: str) -> list[dict[str, Any]]:
            own = {"owner": "lab", "prune": True}
            return [
                {"module": "ovs_bridge", "options": {"bridges": [{"name": name, "datapath_type": "auto"}], **own}},
                {"module": "link", "options": {"links": [{"name": name, "addresses": ["10.1.0.1/24"]}], **own}},
            ]

        converge(host, run_module, "sequence", steps=steps("one"))
        converge(host, run_module, "sequence", steps=steps("two"))
        assert "one" not in host.links()

    def test_a_nic_that_leaves_the_host(self, host: Host, run_module: RunModule) -> None:
        shell(host, "netns add red\ntuntap add dev tap0 mode tap\nlink set tap0 up\naddr add 10.1.0.7/24 dev tap0")
        shell(host, "link add br0 type bridge")
        links = [{"name": "tap0", "namespace": "red"}, {"name": "br0", "addresses": ["10.1.0.1/24"]}]
        converge(host, run_module, "link", links=links)
