# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module link against the kernel: links that something else has created, moved, addressed and reset."""

from __future__ import annotations

import time
from typing import Any

import pytest

from ansible_collections.netns.fabric.tests.helpers import snapshot
from ansible_collections.netns.fabric.tests.helpers.convergence import Run, converge, converge_and_paste, shell
from ansible_collections.netns.fabric.tests.helpers.host import Host

# A bridge with a veth pair to a namespace: the gateway's place in a topology.
BRIDGE = """
    netns add red
    -n red link set lo up
    link add br0 type bridge forward_delay 0
    link add name eth0 netns red type veth peer name red-tap
    link set red-tap master br0 up
    -n red link set eth0 up
    -n red addr add 192.0.2.1/24 dev eth0
"""
# A device that can be moved, as a physical one can.
DEVICE = """
    netns add red
    netns add blue
    tuntap add d0 mode tap
"""


def addresses(host: Host, namespace: str | None, link: str) -> list[str]:
    found = host.links(namespace)[link]["addr_info"]
    return [f"{address['local']}/{address['prefixlen']}" for address in found if address["scope"] != "link"]


def is_up(host: Host, namespace: str | None, link: str) -> bool:
    return "UP" in host.links(namespace)[link]["flags"]


# Settings


def test_the_gateway_address_of_a_bridge(host: Host, run_module: Run) -> None:
    options = {"name": "br0", "addresses": ["192.0.2.254/24", "2001:db8::1/64"], "enabled": True}
    converge_and_paste(host, run_module, lambda: shell(host, BRIDGE), "link", **options)
    assert host.pings("192.0.2.254", "red")
    assert host.pings("192.0.2.1")


def test_ipv6_addresses_can_be_used_at_once(host: Host, run_module: Run) -> None:
    """Not two seconds later: they are ours to vouch for. An IPv6 address is bound to only if it is not tentative."""
    shell(host, BRIDGE)
    result = run_module(
        "link",
        links=[
            {"name": "br0", "addresses": ["2001:db8::fe/64"], "enabled": True},
            {"name": "eth0", "namespace": "red", "addresses": ["192.0.2.1/24", "2001:db8::1/64"]},
        ],
    )
    assert not result.failed, result.message
    for namespace, link in ((None, "br0"), ("red", "eth0")):
        found = [entry for entry in host.links(namespace)[link]["addr_info"] if entry["local"].startswith("2001:")]
        assert [(entry.get("nodad"), entry.get("tentative")) for entry in found] == [(True, None)]
    bind = "import socket; socket.socket(socket.AF_INET6).bind(('2001:db8::1', 0))"
    host.in_namespace("red", "/usr/bin/python3", "-c", bind)


def test_address_with_a_failed_duplicate_detection_is_added_again(host: Host, run_module: Run) -> None:
    """Somebody else had it for a moment; the kernel never tries again, and the address carries nothing."""

    def prepare() -> None:
        shell(host, BRIDGE + "link set br0 up\naddr add 2001:db8::1/64 dev br0 nodad")
        shell(host, "-n red addr add 2001:db8::1/64 dev eth0")
        for _attempt in range(500):
            found = host.links("red")["eth0"]["addr_info"]
            if any(entry.get("dadfailed") for entry in found):
                break
            time.sleep(0.02)  # until duplicate address detection has ended
        else:
            raise AssertionError(found)
        shell(host, "addr del 2001:db8::1/64 dev br0\naddr add 2001:db8::fe/64 dev br0 nodad")

    addresses = ["192.0.2.1/24", "2001:db8::1/64"]
    result = converge_and_paste(host, run_module, prepare, "link", name="eth0", namespace="red", addresses=addresses)
    assert "2001:db8::1/64 dadfailed" in result.diff[0]["before"]
    assert host.pings("2001:db8::fe", "red")


def test_every_setting_of_a_link_is_changed(host: Host, run_module: Run) -> None:
    def prepare() -> None:
        shell(host, BRIDGE + "link set br0 up\naddr add 192.0.2.253/24 dev br0\naddr add 2001:db8::1/64 dev br0 nodad")

    options = {
        "name": "br0",
        "addresses": ["192.0.2.254/24"],
        "mac": "02:00:00:00:00:01",
        "mtu": 1400,
        "enabled": False,
    }
    result = converge_and_paste(host, run_module, prepare, "link", links=[options])
    assert "mtu: 1500\n" in result.diff[0]["before"]
    link = host.links()["br0"]
    assert (link["address"], link["mtu"], is_up(host, None, "br0")) == ("02:00:00:00:00:01", 1400, False)
    converge(host, run_module, "link", name="br0", enabled=True)
    assert host.pings("192.0.2.254", "red")


def test_what_is_not_named_is_not_touched(host: Host, run_module: Run) -> None:
    shell(host, BRIDGE + "link set br0 up mtu 1400\naddr add 192.0.2.254/24 dev br0\nlink set br0 alias mine")
    before = snapshot.take()
    result = run_module("link", name="br0")
    assert (result.failed, result.changed) == (False, False)
    snapshot.assert_unchanged(before)


def test_many_links_in_one_pass(host: Host, run_module: Run) -> None:
    def prepare() -> None:
        shell(host, BRIDGE)
        for number in range(5):
            shell(host, f"link add br{number + 1} type bridge")

    interfaces = [
        {"name": f"br{number}", "addresses": [f"10.0.{number}.1/24"], "enabled": True, "mtu": 1400}
        for number in range(6)
    ]
    result = converge_and_paste(host, run_module, prepare, "link", links=interfaces)
    assert len(result.diff) == 6


def test_an_ipv6_address_whose_link_has_too_small_an_mtu_so_far(host: Host, run_module: Run) -> None:
    """Below 1280 there is no IPv6 on a link: the MTU comes first."""
    shell(host, BRIDGE + "link set br0 up mtu 1000")
    converge(host, run_module, "link", name="br0", mtu=1500, addresses=["2001:db8::1/64"])
    assert addresses(host, None, "br0") == ["2001:db8::1/64"]


def test_the_loopback_of_a_namespace(host: Host, run_module: Run) -> None:
    """Its own addresses are the kernel's: not counted, not removed."""
    options = {"name": "lo", "namespace": "red", "enabled": True}

    def prepare() -> None:
        shell(host, "netns add red")

    converge_and_paste(host, run_module, prepare, "link", **options, addresses=["198.51.100.1/32"])
    assert host.pings("198.51.100.1", "red")
    assert host.pings("127.0.0.1", "red")
    converge(host, run_module, "link", **options, addresses=[])
    assert addresses(host, "red", "lo") == ["127.0.0.1/8", "::1/128"]
    listed = ["127.0.0.1/8", "127.0.0.2/8", "::1/128"]
    converge(host, run_module, "link", **options, addresses=listed)
    assert addresses(host, "red", "lo") == listed
    converge(host, run_module, "link", **options, addresses=[])
    assert addresses(host, "red", "lo") == ["127.0.0.1/8", "::1/128"]


def test_the_hosts_own_loopback(host: Host, run_module: Run) -> None:
    converge_and_paste(host, run_module, lambda: None, "link", name="lo", addresses=["198.51.100.1/32"])
    converge(host, run_module, "link", name="lo", state="absent", addresses=["198.51.100.1/32"])
    assert addresses(host, None, "lo") == ["127.0.0.1/8", "::1/128"]


# Moving


def test_a_link_is_moved_into_a_namespace_and_back(host: Host, run_module: Run) -> None:
    def prepare() -> None:
        shell(host, DEVICE + "link set d0 up\naddr add 198.51.100.1/24 dev d0")

    options = {"name": "d0", "addresses": ["192.0.2.1/24"]}
    result = converge_and_paste(host, run_module, prepare, "link", **options, namespace="red")
    assert "namespace: host\n" in result.diff[0]["before"]
    assert "d0" not in host.links()
    assert addresses(host, "red", "d0") == ["192.0.2.1/24"]
    assert is_up(host, "red", "d0")  # as it was before the move, which puts it down

    def prepare_moved() -> None:
        prepare()
        run_module("link", **options, namespace="red")

    host.clear()
    converge_and_paste(host, run_module, prepare_moved, "link", **options, namespace="red", state="absent")
    assert "d0" not in host.links("red")
    assert addresses(host, None, "d0") == []


def test_a_moved_link_that_was_down_stays_down(host: Host, run_module: Run) -> None:
    shell(host, DEVICE)
    converge(host, run_module, "link", name="d0", namespace="red")
    assert not is_up(host, "red", "d0")


def test_an_owners_link_is_found_wherever_it_is(host: Host, run_module: Run) -> None:
    shell(host, DEVICE)
    converge(host, run_module, "link", name="d0", namespace="red", owner="lab")
    converge(host, run_module, "link", name="d0", namespace="blue", owner="lab", enabled=True)
    assert is_up(host, "blue", "d0")
    converge(host, run_module, "link", name="d0", owner="lab")
    assert "d0" in host.links()


def test_one_link_cannot_be_in_two_places(host: Host, run_module: Run) -> None:
    shell(host, DEVICE)
    before = snapshot.take()
    result = run_module("link", links=[{"name": "d0", "namespace": "red"}, {"name": "d0", "namespace": "blue"}])
    assert result.failed
    assert "links[1] (d0): namespace: links[0] (d0) wants the same link, host/d0" in result.message
    snapshot.assert_unchanged(before)


def test_end_of_a_veth_pair_is_not_moved_into_a_namespace(host: Host, run_module: Run) -> None:
    """Its place is declared where the pair is."""
    shell(host, BRIDGE)
    before = snapshot.take()
    result = run_module("link", name="red-tap", namespace="red")
    assert result.failed
    assert "red-tap is an end of a veth pair on the host; move it into red with netns.fabric.veth" in result.message
    snapshot.assert_unchanged(before)


def test_a_link_that_the_kernel_does_not_let_go(host: Host, run_module: Run) -> None:
    """A bridge belongs to its namespace for good."""
    shell(host, BRIDGE + "addr add 192.0.2.254/24 dev br0\nlink set br0 up")
    before = snapshot.take()
    for check in (True, False):
        result = run_module("link", name="br0", namespace="red", addresses=["192.0.2.253/24"], _check=check)
        assert result.failed
        assert "br0: namespace: br0 is a link of the kind bridge, which the kernel does not move" in result.message
    snapshot.assert_unchanged(before)


# What is not there


def test_a_link_that_does_not_exist(host: Host, run_module: Run) -> None:
    shell(host, DEVICE)
    before = snapshot.take()
    for namespace in (None, "red"):
        checked = run_module("link", name="br7", namespace=namespace, addresses=["192.0.2.1/24"], _check=True)
        assert checked.changed
        assert checked.warnings == [f"Check mode: assuming an earlier task creates link {namespace or 'host'}/br7"]
        result = run_module("link", name="br7", namespace=namespace, addresses=["192.0.2.1/24"])
        assert result.failed
        assert "there is no link br7" in result.message
        assert "create it first" in result.message
    snapshot.assert_unchanged(before)


def test_check_mode_foretells_the_run_after_a_bridge_is_made(host: Host, run_module: Run) -> None:
    """Whether another link will have been down is not known before it exists, and so is not in the predicted alias."""
    options: dict[str, Any] = {"name": "br0", "addresses": ["192.0.2.254/24"], "enabled": True, "owner": "lab"}
    checked = run_module("link", **options, _check=True)
    host.ovs_vsctl("add-br", "br0", "--", "set", "Bridge", "br0", "datapath_type=netdev")
    applied = run_module("link", **options)
    assert (checked.changed, checked.diff, checked.commands) == (applied.changed, applied.diff, applied.commands)


def test_a_namespace_that_does_not_exist(host: Host, run_module: Run) -> None:
    shell(host, DEVICE)
    before = snapshot.take()
    result = run_module("link", name="d0", namespace="green")
    assert result.failed
    assert "the namespace green does not exist" in result.message
    assert not run_module("link", name="d0", namespace="green", _check=True).failed
    snapshot.assert_unchanged(before)


# Removing what is declared


def test_absent_removes_the_declared_addresses(host: Host, run_module: Run) -> None:
    def prepare() -> None:
        shell(host, BRIDGE + "link set br0 up\naddr add 203.0.113.1/24 dev br0")
        declared = ["192.0.2.254/24", "192.0.2.253/24", "2001:db8::1/64"]
        run_module("link", name="br0", addresses=[*declared, "203.0.113.1/24"], owner="lab")

    options = {"name": "br0", "addresses": ["192.0.2.254/24", "2001:db8::1/64"], "state": "absent", "owner": "lab"}
    converge_and_paste(host, run_module, prepare, "link", **options)
    # Not declared, and the secondary of one that is removed: both stay.
    assert sorted(addresses(host, None, "br0")) == ["192.0.2.253/24", "203.0.113.1/24"]
    assert "ifalias" not in host.links()["br0"]


@pytest.mark.parametrize("name", ["br0", "d7"])
def test_absent_with_nothing_to_remove(host: Host, run_module: Run, name: str) -> None:
    shell(host, BRIDGE)
    before = snapshot.take()
    result = run_module("link", name=name, state="absent", addresses=["192.0.2.254/24"])
    assert (result.failed, result.changed) == (False, False)
    snapshot.assert_unchanged(before)


# Owners


def test_prune_resets_only_the_links_of_the_owner(host: Host, run_module: Run) -> None:
    def prepare() -> None:
        shell(host, BRIDGE + "tuntap add d0 mode tap\ntuntap add lab-1 mode tap\nlink add lab type bridge")
        run_module(
            "link",
            links=[
                {"name": "br0", "addresses": ["192.0.2.254/24"]},
                {"name": "d0", "namespace": "red", "addresses": ["10.0.0.1/24"]},
                {"name": "lab", "addresses": ["10.0.1.1/24"]},
            ],
            owner="lab",
        )
        run_module("link", name="lab-1", addresses=["10.0.2.1/24"], owner="lab2")

    wanted = [{"name": "br0", "addresses": ["192.0.2.254/24"]}]
    result = converge_and_paste(host, run_module, prepare, "link", links=wanted, owner="lab", prune=True)
    assert sorted(diff["before_header"] for diff in result.diff) == ["link host/lab", "link red/d0"]
    assert addresses(host, None, "lab") == []
    assert addresses(host, None, "lab-1") == ["10.0.2.1/24"]
    assert addresses(host, None, "br0") == ["192.0.2.254/24"]
    assert "d0" in host.links()


def test_addresses_that_nobody_declared_stay(host: Host, run_module: Run) -> None:
    """As those of a NIC that DHCP configures, of which only the MTU was declared."""

    def prepare() -> None:
        shell(host, "tuntap add d0 mode tap\naddr add 10.0.0.1/24 dev d0")
        run_module("link", links=[{"name": "d0", "mtu": 1400}], owner="lab")
        shell(host, "addr add 10.0.1.1/24 dev d0")

    result = converge_and_paste(host, run_module, prepare, "link", links=[], owner="lab", prune=True)
    assert result.changed
    assert addresses(host, None, "d0") == ["10.0.0.1/24", "10.0.1.1/24"]
    assert host.links()["d0"]["mtu"] == 1500
    assert "ifalias" not in host.links()["d0"]


def test_addresses_that_are_declared_later_are_removed(host: Host, run_module: Run) -> None:
    shell(host, "tuntap add d0 mode tap\naddr add 10.0.0.1/24 dev d0")
    converge(host, run_module, "link", name="d0", mtu=1400, owner="lab")
    assert host.links()["d0"]["ifalias"] == "netns.fabric:lab keeps addresses was mtu 1500"
    converge(host, run_module, "link", name="d0", mtu=1400, addresses=["10.0.2.1/24"], owner="lab")
    assert host.links()["d0"]["ifalias"] == "netns.fabric:lab was mtu 1500"
    converge(host, run_module, "link", links=[], owner="lab", prune=True)
    assert addresses(host, None, "d0") == []


def test_a_bridge_of_two_owners_keeps_its_address_until_the_last_goes(host: Host, run_module: Run) -> None:
    shell(host, BRIDGE)
    wanted = [{"name": "br0", "addresses": ["192.0.2.254/24"], "enabled": True}]
    for owner in ("one", "two"):
        converge(host, run_module, "link", links=wanted, owner=owner)
    assert host.links()["br0"]["ifalias"] == "netns.fabric:one,two was down"
    result = converge(host, run_module, "link", name="br0", state="absent", owner="one")
    assert "is also owned by two" in result.warnings[0]
    assert host.pings("192.0.2.254", "red")
    assert host.links()["br0"]["ifalias"] == "netns.fabric:two was down"
    converge(host, run_module, "link", links=[], owner="two", prune=True)
    assert addresses(host, None, "br0") == []


@pytest.mark.parametrize("link", ["lo", "eth0"])
def test_address_on_a_loopback_or_a_veth_leaves_the_alias_alone(host: Host, run_module: Run, link: str) -> None:
    """The alias of `lo` marks the namespace, that of an end the pair: prune of netns or veth would remove them."""
    shell(host, BRIDGE)
    converge(host, run_module, "link", name=link, namespace="red", addresses=["10.0.0.1/24"], owner="lab")
    assert "ifalias" not in host.links("red")[link]
    run_module("netns", namespaces=[], owner="lab", prune=True)
    run_module("veth", pairs=[], owner="lab", prune=True)
    assert addresses(host, "red", link)[:1] in (["10.0.0.1/24"], ["127.0.0.1/8"])
    shell(host, f"-n red link set {link} alias netns.fabric:lab")
    converge(host, run_module, "link", name=link, namespace="red", addresses=[], state="absent", owner="lab")
    assert host.links("red")[link]["ifalias"] == "netns.fabric:lab"


def test_an_alias_of_somebody_elses_stays(host: Host, run_module: Run) -> None:
    shell(host, BRIDGE + "link set br0 alias 'the uplink'")
    converge(host, run_module, "link", name="br0", addresses=["192.0.2.254/24"], owner="lab")
    assert host.links()["br0"]["ifalias"] == "the uplink"
