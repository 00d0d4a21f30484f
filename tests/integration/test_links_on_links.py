# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Links that are on others, and members of others: created in their order, re-created, deleted, restored with them."""

from __future__ import annotations

import os
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._resources.link import LinkResource
from ansible_collections.netns.fabric.tests.helpers import snapshot
from ansible_collections.netns.fabric.tests.helpers.convergence import Run, converge, converge_and_paste, shell
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.refusals import refuse_deletions, refuse_each
from ansible_collections.netns.fabric.tests.helpers.waiting import wait_until

STAGE = """
    netns add red
    netns add blue
    link add name base0 type veth peer name base1
    link set base0 up
    link set base1 up
"""
MACVLAN = {"kind": "macvlan", "macvlan": {"mode": "bridge"}}


def master_of(host: Host, link: str, namespace: str | None = None) -> str | None:
    found: str | None = host.links(namespace)[link].get("master")
    return found


# Members


def test_bridge_with_members_in_any_order(host: Host, run_module: Run) -> None:
    links = [
        {"name": "tap0", "kind": "tap", "master": "br0"},
        {"name": "base0", "master": "br0"},
        {"name": "br0", "kind": "bridge", "addresses": ["192.0.2.1/24"]},
    ]
    converge_and_paste(host, run_module, lambda: shell(host, STAGE), "link", links=links, owner="lab")
    assert (master_of(host, "tap0"), master_of(host, "base0")) == ("br0", "br0")
    converge(host, run_module, "link", links=[{"name": "base0", "master": ""}])
    assert master_of(host, "base0") is None


def test_ends_of_a_veth_pair_are_members_and_carry_traffic(host: Host, run_module: Run) -> None:
    pairs = [
        {
            "name": "eth0",
            "namespace": name,
            "addresses": [f"192.0.2.{number}/24"],
            "peer": {"name": f"{name}-tap", "master": "br0"},
        }
        for number, name in ((1, "red"), (2, "blue"))
    ]

    def prepare() -> None:
        shell(host, "netns add red\nnetns add blue\nlink add name br0 type bridge forward_delay 0\nlink set br0 up")

    converge_and_paste(host, run_module, prepare, "veth", pairs=pairs, owner="lab")
    assert host.pings("192.0.2.2", "red")
    released = {"name": "eth0", "namespace": "red", "peer": {"name": "red-tap", "master": ""}}
    converge(host, run_module, "veth", pairs=[released])
    assert not host.pings("192.0.2.2", "red")


def test_masters_that_cannot_have_members(host: Host, run_module: Run) -> None:
    shell(host, STAGE)
    links = [
        {"name": "base0", "master": "none0"},
        {"name": "new0", "kind": "ifb", "master": "base0"},
        {"name": "br0", "kind": "bridge", "master": "br0"},
    ]
    result = run_module("link", links=links)
    for message in (
        "links[0] (base0): master: there is no link none0 in the host",
        "links[1] (new0): master: host/base0 is a link of the kind veth, which has no members; give one of: bond",
        "links[2] (br0): master: br0 cannot be a member of br0",
    ):
        assert message in result.message
    assert run_module("link", links=links[:1], _check=True).returned["warnings"]


# Links on links


def test_link_on_a_link_that_the_call_creates(host: Host, run_module: Run) -> None:
    links = [
        {"name": "mv0", "namespace": "red", "parent": {"name": "br0"}, "addresses": ["192.0.2.2/24"], **MACVLAN},
        {"name": "br0", "kind": "bridge", "addresses": ["192.0.2.1/24"]},
        {"name": "mv1", "namespace": "blue", "parent": {"name": "br0"}, "addresses": ["192.0.2.3/24"], **MACVLAN},
    ]
    converge_and_paste(host, run_module, lambda: shell(host, STAGE), "link", links=links, owner="lab")
    assert host.pings("192.0.2.3", "red")
    # Both go with the bridge, and before it.
    result = converge(host, run_module, "link", links=[], owner="lab", prune=True)
    assert len(result.diff) == 3
    assert not host.links("red").keys() & {"mv0"}


def test_deletion_of_a_parent_deletes_what_is_on_it_and_says_so(host: Host, run_module: Run) -> None:
    def prepare() -> None:
        shell(host, STAGE + "link add name br0 type bridge\nlink add link br0 name mv0 netns red type macvlan")

    converge_and_paste(host, run_module, prepare, "link", name="br0", kind="bridge", state="absent")


def test_recreation_that_would_delete_an_undeclared_link_is_refused(host: Host, run_module: Run) -> None:
    shell(host, STAGE)
    vxlan = {"name": "vx0", "kind": "vxlan", "vxlan": {"id": 5, "dstport": 4789}}
    assert run_module("link", links=[vxlan]).changed
    shell(host, "link add link vx0 name mv0 netns red type macvlan mode bridge")
    before = snapshot.take()
    changed = {**vxlan, "vxlan": {"id": 6}}
    assert "which would delete red/mv0; declare these in" in run_module("link", links=[changed]).message
    snapshot.assert_unchanged(before)
    on = {"name": "mv0", "namespace": "red", "parent": {"name": "vx0"}, **MACVLAN}
    converge(host, run_module, "link", links=[on, changed])
    assert host.links("red").keys() == {"lo", "mv0"}


def test_parent_in_another_namespace_than_the_host(host: Host, run_module: Run) -> None:
    parent = {"name": "eth0", "namespace": "red"}
    links: list[dict[str, Any]] = [
        {"name": "mv0", "namespace": "red", "parent": parent, **MACVLAN},
        {"name": "mv1", "namespace": "blue", "parent": parent, **MACVLAN},
        {"name": "mv2", "parent": parent, **MACVLAN},
    ]

    def prepare() -> None:
        shell(host, "netns add red\nnetns add blue\nlink add name eth0 netns red type veth peer name red-tap")

    converge_and_paste(host, run_module, prepare, "link", links=links, owner="lab")


NIC = """
    netns add red
    link add name nic0 type ifb
    link set nic0 up mtu 1400
"""


def on_nic(namespace: str | None = "red") -> list[dict[str, Any]]:
    """Return a device that moves into a namespace, and links on it."""
    parents = ({"name": "vx0", "namespace": "red"}, {"name": "nic0", "namespace": namespace})
    vxlan = {"kind": "vxlan", "vxlan": {"id": 5, "dstport": 4789}, "mtu": 1300}
    return [
        {"name": "mv1", "parent": parents[0], **MACVLAN},
        {**parents[0], "parent": parents[1], "addresses": ["192.0.2.1/24"], **vxlan},
        {"name": "mv2", "namespace": "red", "parent": parents[1], **MACVLAN},
        {"name": "nic0", "namespace": "red", "enabled": True},
    ]


def test_links_on_a_device_that_the_call_moves(host: Host, run_module: Run) -> None:
    """They are created when it is there, and again when its namespace was deleted by hand."""
    converge_and_paste(host, run_module, lambda: shell(host, NIC), "link", links=on_nic(), owner="lab")
    assert (host.links()["mv1"]["mtu"], host.links("red")["mv2"]["mtu"]) == (1300, 1400)
    host.clear()
    shell(host, NIC)
    assert run_module("link", links=on_nic(), owner="lab").changed
    # The kernel deletes what is on a device with the namespace, and returns the device to the host.
    shell(host, f"-n red link set nic0 netns {os.getpid()}\nnetns del red\nnetns add red")
    wait_until(lambda: "mv1" not in host.links())
    converge(host, run_module, "link", links=on_nic(), owner="lab")
    converge(host, run_module, "link", links=[], owner="lab", prune=True)
    assert host.links().keys() == {"lo", "nic0"}


@pytest.mark.parametrize("by", ["the_handler", "the_kernel"])
def test_rollback_of_links_on_a_device_that_the_call_moves(
    host: Host, run_module: Run, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    shell(host, NIC)
    assert refuse_each(monkeypatch, by, LinkResource(), {"links": on_nic(), "owner": "lab"}) >= 4


def test_links_on_a_device_where_it_is_no_longer_after_the_call_are_refused(host: Host, run_module: Run) -> None:
    shell(host, NIC)
    before = snapshot.take()
    for check in (True, False):
        message = run_module("link", links=on_nic(namespace=None), _check=check).message
        assert "links[2] (mv2): parent.namespace: links[3] (nic0) moves host/nic0 away" in message
        assert "give the parent `namespace: red`" in message
    large = [{**on_nic()[2], "mtu": 1500}, on_nic()[3]]
    assert (
        "links[0] (mv2): mtu: 1500 is above 1400, the MTU of its parent nic0" in run_module("link", links=large).message
    )
    snapshot.assert_unchanged(before)


@pytest.mark.parametrize("by", ["the_handler", "the_kernel"])
def test_rollback_restores_links_with_what_is_on_them_and_their_members(
    host: Host, run_module: Run, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    shell(host, STAGE)
    links: list[dict[str, Any]] = [
        {"name": "br0", "kind": "bridge", "bridge": {"stp_state": 1}, "addresses": ["192.0.2.1/24", "2001:db8::1/64"]},
        {"name": "mv0", "namespace": "red", "parent": {"name": "br0"}, "addresses": ["192.0.2.2/24"], **MACVLAN},
        {"name": "mv1", "namespace": "blue", "parent": {"name": "br0"}, **MACVLAN},
        {"name": "vx0", "kind": "vxlan", "vxlan": {"id": 5, "dstport": 4789}, "master": "br0"},
        {"name": "base0", "master": "br0"},
    ]
    result = run_module("link", links=links, owner="lab")
    assert not result.failed, result.message
    shell(host, "-n red route add default via 192.0.2.1\nlink set dev base0 type bridge_slave cost 33 isolated on")
    # The first is re-created with its place in the bridge; the rest is deleted, parents before what is on them.
    changed: dict[str, Any] = {**links[3], "vxlan": {"id": 6, "dstport": 4789}}
    absent = [{"name": "br0", "state": "absent"}, {"name": "mv1", "namespace": "blue", "state": "absent"}]
    params = {"links": [changed | {"master": ""}, *absent], "owner": "lab"}
    assert refuse_each(monkeypatch, by, LinkResource(), params) >= 3


def test_rollback_of_a_deletion_that_is_refused_half_way(
    host: Host, run_module: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is on the bridge of the host is deleted in one namespace; in the second one the kernel refuses it."""
    shell(host, STAGE)
    links: list[dict[str, Any]] = [
        {"name": "br0", "kind": "bridge", "bridge": {"stp_state": 1}, "addresses": ["192.0.2.1/24"]},
        {"name": "mv0", "namespace": "red", "parent": {"name": "br0"}, "addresses": ["192.0.2.2/24"], **MACVLAN},
        {"name": "mv1", "namespace": "blue", "parent": {"name": "br0"}, "addresses": ["192.0.2.3/24"], **MACVLAN},
        {"name": "br1", "namespace": "blue", "kind": "bridge"},
        {"name": "tap0", "kind": "tap", "tap": {"user": 1000}, "master": "br0"},
        {"name": "base0", "master": "br0"},
    ]
    result = run_module("link", links=links, owner="lab")
    assert not result.failed, result.message
    shell(host, "-n red route add default via 192.0.2.1\nlink set dev base0 type bridge_slave cost 33 isolated on")
    before = snapshot.take()
    absent = [{**each, "state": "absent"} for each in links if "kind" in each]
    refuse_deletions(monkeypatch, LinkResource(), {"links": absent, "owner": "lab"})
    snapshot.assert_unchanged(before)


def test_a_bridge_follows_its_ports_after_the_rollback_of_its_deletion(
    host: Host, run_module: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has the address of a port, or none any more, and is created without; one that was given to it stays.

    The kernel creates no bridge without an address: one that had lost it to its last port has a random one.
    """
    shell(host, STAGE)
    links = [{"name": "follows0", "kind": "bridge"}, {"name": "emptied0", "kind": "bridge"}]
    own = [{"name": "own0", "kind": "bridge", "mac": "02:00:00:00:00:77"}]
    last = [{"name": "last0", "namespace": "blue", "kind": "bridge"}]
    joins = [{"name": "base0", "master": "follows0"}, {"name": "base1", "master": "emptied0"}]
    assert not run_module("link", links=[*links, *own, *last, *joins], owner="lab").failed
    assert run_module("link", name="base1", master="").changed
    before = {name: link["address"] for name, link in host.links().items()}
    assert before["emptied0"] == "00:00:00:00:00:00"
    absent = [{**each, "state": "absent"} for each in (*links, *own, *last)]
    refuse_deletions(monkeypatch, LinkResource(), {"links": absent, "owner": "lab"})
    assert {**before, "emptied0": host.links()["emptied0"]["address"]} == {
        name: link["address"] for name, link in host.links().items()
    }
    shell(host, "link set dev base0 address 02:00:00:00:00:01\nlink set dev base1 address 02:00:00:00:00:02")
    shell(host, "link set dev base1 master emptied0\nlink set dev base1 nomaster\nlink set dev base1 master own0")
    addresses = {name: link["address"] for name, link in host.links().items()}
    assert (addresses["follows0"], addresses["own0"]) == ("02:00:00:00:00:01", "02:00:00:00:00:77")
    assert addresses["emptied0"] == "00:00:00:00:00:00"


# Wrong options


def test_wrong_options_are_refused_with_the_right_ones(host: Host, run_module: Run) -> None:
    shell(host, STAGE)
    before = snapshot.take()
    links = [
        {"name": "a0", "kind": "vxlan", "vxlan": {"id": 2**24, "dstport": 4789}},
        {"name": "a1", "kind": "vxlan", "macvlan": {"mode": "bridge"}, "parent": {"name": "base0"}},
        {"name": "a2", "kind": "macvlan"},
        {"name": "a3", "kind": "bridge", "parent": {"name": "base0"}, "underlay": {}},
        {"name": "a4", "vxlan": {"id": 5}},
        {"name": "a5", "kind": "gre", "underlay": {}},
        {"name": "a6", "namespace": "red", "kind": "gre", "parent": {"name": "base0"}},
        {"name": "a-name-that-is-too-long", "kind": "bridge"},
    ]
    message = run_module("link", links=links, _check=True).message
    for part in (
        "links[0] (a0): vxlan.id: 16777216 is not a valid number; give a whole number from 0 to 16777215",
        "links[1] (a1): macvlan: is for links of the kind macvlan, and this one is a vxlan; the options of a vxlan",
        "stand in `vxlan`: id, remote, local, dstport",
        "links[1] (a1): vxlan.id: is required for a vxlan",
        "links[2] (a2): parent: a macvlan is on another link; write for instance `parent: {name: eth0}`",
        "links[3] (a3): parent: a bridge is on no other link; leave it out",
        "links[3] (a3): underlay: is for tunnels, and a bridge sends no outer packets; leave it out",
        "links[4] (a4): vxlan: is for a link that is created; give its `kind` as well",
        "links[5] (a5): underlay: the outer packets of a gre travel in its own namespace; leave it out",
        "links[6] (a6): parent.namespace: a gre is on a link of its own namespace; give that, or no parent",
        "links[7] (a-name-that-is-too-long): name:",
    ):
        assert part in message
    unknown = run_module("link", links=[{"name": "a0", "kind": "vxlan", "vxlan": {"id": 5, "vni": 6}}], _check=True)
    assert "links[0] (a0): vxlan.vni: there is no such option; there are: id, remote, local" in unknown.message
    snapshot.assert_unchanged(before)


def test_what_the_kernel_would_refuse_is_refused_in_check_mode(host: Host, run_module: Run) -> None:
    shell(host, STAGE + "link add link base1 name old0 type macvlan mode bridge")
    links = [
        {"name": "a0", "kind": "macvlan", "parent": {"name": "base0"}, "mtu": 9000},
        {"name": "a1", "kind": "macvlan", "parent": {"name": "lo"}},
        {"name": "a2", "kind": "macvlan", "parent": {"name": "none0"}},
        {"name": "a3", "kind": "vxlan", "vxlan": {"id": 5, "remote": "239.0.0.1"}},
        {"name": "a4", "namespace": "green", "kind": "bridge"},
        {"name": "a5", "kind": "macvlan", "parent": {"name": "base0"}},
        {"name": "a6", "kind": "macvtap", "parent": {"name": "a5"}},
        {"name": "a7", "kind": "macvlan", "parent": {"name": "old0"}},
    ]
    before = snapshot.take()
    message = run_module("link", links=links).message
    for part in (
        "links[0] (a0): mtu: 9000 is above 1500, the MTU of its parent base0",
        "links[1] (a1): parent: no macvlan can be on the loopback",
        "links[2] (a2): parent: there is no link none0 in the host",
        "links[3] (a3): vxlan: the kernel refuses a link with these options: Invalid argument (EINVAL)",
        "links[4] (a4): namespace: the namespace green does not exist",
        "links[6] (a6): parent: a5 is a macvlan itself, and the kernel would put a macvtap on what that is on",
        "links[7] (a7): parent: old0 is a macvlan itself",
    ):
        assert part in message
    snapshot.assert_unchanged(before)


# Tunnels


TUNNEL = {"name": "vx0", "kind": "vxlan", "vxlan": {"id": 5, "remote": "192.0.2.9"}}


@pytest.mark.parametrize("ends", ["absent", "pruned", "moved"])
@pytest.mark.parametrize("number", [5, 6])
def test_a_tunnel_outlives_the_link_that_it_is_bound_to(host: Host, run_module: Run, ends: str, number: int) -> None:
    def prepare() -> None:
        shell(host, STAGE + "link add link base0 name nic0 type macvlan")
        links = [{"name": "br0", "kind": "bridge"}, {**TUNNEL, "parent": {"name": parent}}]
        assert run_module("link", links=links, owner="lab").changed

    parent = "nic0" if ends == "moved" else "br0"
    tunnel = {**TUNNEL, "vxlan": {"id": number, "remote": "192.0.2.9"}}
    more: dict[str, list[dict[str, Any]]] = {
        "absent": [{"name": "br0", "kind": "bridge", "state": "absent"}],
        "pruned": [],
        "moved": [{"name": "nic0", "namespace": "red"}, {"name": "br0", "kind": "bridge"}],
    }
    converge_and_paste(
        host, run_module, prepare, "link", links=[tunnel, *more[ends]], owner="lab", prune=ends == "pruned"
    )
    assert "link" not in host.links()["vx0"]["linkinfo"]["info_data"]


def test_a_tunnel_is_created_again_with_the_link_that_it_is_bound_to(
    host: Host, run_module: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = {"name": "mv0", "parent": {"name": "base0"}, "kind": "macvlan", "macvlan": {"mode": "bridge"}}
    other = {**base, "parent": {"name": "base1"}}
    changed = [
        TUNNEL,
        {**TUNNEL, "name": "vx1", "vxlan": {"id": 7, "dstport": 4790}},
        {**TUNNEL, "name": "vx2", "parent": {"name": "base0"}, "vxlan": {"id": 8, "remote": "192.0.2.9"}},
        other,
    ]

    def prepare() -> None:
        shell(host, STAGE)
        bound = {**TUNNEL, "parent": {"name": "mv0"}}
        more = [
            {**bound, "name": f"vx{number}", "vxlan": {"id": 5 + number, "dstport": 4789 + number}} for number in (1, 2)
        ]
        assert run_module("link", links=[base, bound, *more], owner="lab").changed

    converge_and_paste(host, run_module, prepare, "link", links=changed, owner="lab")
    bound_to = {name: host.links()[name]["linkinfo"]["info_data"]["link"] for name in ("vx0", "vx1", "vx2")}
    assert bound_to == {"vx0": "mv0", "vx1": "mv0", "vx2": "base0"}
    host.clear()
    prepare()
    addresses = {name: host.links()[name]["address"] for name in ("mv0", "vx0", "vx1", "vx2")}
    assert refuse_each(monkeypatch, "the_kernel", LinkResource(), {"links": changed, "owner": "lab"})
    assert {name: host.links()[name]["address"] for name in addresses} == addresses


@pytest.mark.parametrize("pruned", [True, False])
def test_a_tunnel_is_deleted_with_a_link_that_is_created_again(host: Host, run_module: Run, pruned: bool) -> None:
    def prepare() -> None:
        shell(host, STAGE)
        links = [{"name": "mv0", "parent": {"name": "base0"}, **MACVLAN}, {**TUNNEL, "parent": {"name": "mv0"}}]
        above = {"name": "mv1", "parent": {"name": "vx0"}, **MACVLAN}
        assert run_module("link", links=[*links, above], owner="lab").changed

    absent = [] if pruned else [{**TUNNEL, "state": "absent"}]
    links = [{"name": "mv0", "parent": {"name": "base1"}, **MACVLAN}, *absent]
    converge_and_paste(host, run_module, prepare, "link", links=links, owner="lab", prune=pruned)
    assert not {"vx0", "mv1"} & host.links().keys()
