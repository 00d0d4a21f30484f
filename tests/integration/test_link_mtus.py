# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The MTU of links that the kernel bounds by another one: bridges with members, links on a parent, tunnels."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._resources.link import LinkResource
from ansible_collections.netns.fabric.tests.helpers import snapshot
from ansible_collections.netns.fabric.tests.helpers.convergence import Run, converge, converge_and_paste, shell
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.kinds import is_missing
from ansible_collections.netns.fabric.tests.helpers.refusals import refuse_deletions, refuse_each

Options = dict[str, Any]

STAGE = """
    netns add red
    link add name base0 type veth peer name base1
    link set base0 up
    link set base1 up
"""
MACVLAN = {"kind": "macvlan", "parent": {"name": "base0"}, "macvlan": {"mode": "bridge"}}
VXLAN = {"name": "vx0", "kind": "vxlan", "parent": {"name": "base0"}}


def mtu_of(host: Host, link: str, namespace: str | None = None) -> int:
    found: int = host.links(namespace)[link]["mtu"]
    return found


def need(kind: str) -> None:
    if is_missing(kind):
        pytest.skip(f"the kernel of this machine lacks the kind {kind}")


# Bridges


@pytest.mark.parametrize(("wanted", "of_member"), [(1400, 1500), (1500, 1400), (9000, 1500)])
def test_a_new_bridge_keeps_its_mtu_as_members_join(host: Host, run_module: Run, wanted: int, of_member: int) -> None:
    links = [
        {"name": "base0", "mtu": of_member, "master": "br0"},
        {"name": "br0", "kind": "bridge", "mtu": wanted},
    ]
    converge_and_paste(host, run_module, lambda: shell(host, STAGE), "link", links=links, owner="lab")
    assert mtu_of(host, "br0") == wanted
    pair = {"name": "eth0", "namespace": "red", "mtu": 1300, "peer": {"name": "tap0", "mtu": 1300, "master": "br0"}}
    converge(host, run_module, "veth", pairs=[pair], owner="lab")
    assert mtu_of(host, "br0") == wanted


@pytest.mark.parametrize("wanted", [1400, 1500])
@pytest.mark.parametrize("kind", [{"kind": "bridge"}, {}])
def test_a_bridge_that_exists_keeps_its_mtu(host: Host, run_module: Run, kind: Options, wanted: int) -> None:
    def prepare() -> None:
        shell(host, STAGE + "link add name br0 type bridge\nlink set base1 mtu 1300")

    links = [{"name": "br0", "mtu": wanted, **kind}, {"name": "base1", "master": "br0"}]
    converge_and_paste(host, run_module, prepare, "link", links=links)
    assert mtu_of(host, "br0") == wanted


def test_a_bridge_keeps_its_mtu_as_a_member_gets_another_one_or_leaves(host: Host, run_module: Run) -> None:
    shell(host, STAGE + "link add name br0 type bridge\nlink set base0 master br0\nlink set base1 master br0")
    links = [{"name": "br0", "mtu": 1500}, {"name": "base1", "mtu": 1300}]
    converge(host, run_module, "link", links=links)
    host.clear()
    shell(host, STAGE + "link add name br0 type bridge\nlink set base0 master br0\nlink set base1 mtu 1300 master br0")
    converge(host, run_module, "link", links=[{"name": "br0", "mtu": 1300}, {"name": "base1", "master": ""}])
    assert mtu_of(host, "br0") == 1300


def test_a_bridge_that_is_taken_over_keeps_its_mtu_as_a_later_step_adds_a_member(host: Host, run_module: Run) -> None:
    shell(host, STAGE + "link add name br0 type bridge\nlink set br0 up")
    pair = {"name": "eth0", "namespace": "red", "mtu": 1300, "peer": {"name": "tap0", "mtu": 1300, "master": "br0"}}
    steps = [
        {"module": "link", "options": {"links": [{"name": "br0", "kind": "bridge", "mtu": 1500}], "owner": "lab"}},
        {"module": "veth", "options": {"pairs": [pair], "owner": "lab"}},
    ]
    converge(host, run_module, "sequence", steps=steps)
    assert mtu_of(host, "br0") == 1500
    shell(host, "link set br0 alias 'of others'")
    assert not run_module("sequence", steps=steps).changed


def test_what_is_on_a_bridge_keeps_its_mtu_as_a_member_joins(host: Host, run_module: Run) -> None:
    shell(
        host, STAGE + "link add name br0 type bridge\nlink add link br0 name mv0 type macvlan\nlink set base1 mtu 1300"
    )
    links = [{"name": "br0", "mtu": 1500}, {"name": "mv0", "mtu": 1500}, {"name": "base1", "master": "br0"}]
    converge(host, run_module, "link", links=links)
    assert (mtu_of(host, "br0"), mtu_of(host, "mv0")) == (1500, 1500)


def test_a_bridge_without_a_declared_mtu_follows_its_members(host: Host, run_module: Run) -> None:
    links = [{"name": "br0", "kind": "bridge"}, {"name": "base0", "mtu": 1300, "master": "br0"}]
    converge_and_paste(host, run_module, lambda: shell(host, STAGE), "link", links=links, owner="lab")
    assert mtu_of(host, "br0") == 1300


@pytest.mark.parametrize("mtu", [1400, 1500])
def test_rollback_restores_the_mtu_of_a_bridge(
    host: Host, run_module: Run, monkeypatch: pytest.MonkeyPatch, mtu: int
) -> None:
    of_member = 1500 if mtu == 1400 else 1400
    shell(host, STAGE)
    last = {"name": "last0", "namespace": "red", "kind": "bridge"}
    bridge = {"name": "br0", "kind": "bridge", "mtu": mtu, "mac": "02:00:00:00:00:77"}
    converge(
        host,
        run_module,
        "link",
        links=[bridge, last, {"name": "base0", "mtu": of_member, "master": "br0"}],
        owner="lab",
    )
    before = snapshot.take()
    absent = [{"name": "br0", "kind": "bridge", "state": "absent"}, {**last, "state": "absent"}]
    refuse_deletions(monkeypatch, LinkResource(), {"links": absent, "owner": "lab"})
    snapshot.assert_unchanged(before)
    assert mtu_of(host, "br0") == mtu


# Links on a parent


@pytest.mark.parametrize("namespace", [None, "red"])
@pytest.mark.parametrize("kind", ["ipvlan", "macvlan", "vlan"])
def test_a_parent_and_what_is_on_it_get_a_larger_mtu_in_one_call(
    host: Host, run_module: Run, monkeypatch: pytest.MonkeyPatch, kind: str, namespace: str | None
) -> None:
    need(kind)
    place = {"namespace": namespace} if namespace else {}
    own = {"vlan": {"id": 5}} if kind == "vlan" else {}
    links = [
        {"name": "on0", "kind": kind, "parent": {"name": "base0"}, "mtu": 9000, **place, **own},
        {"name": "base0", "mtu": 9000},
        {**VXLAN, "mtu": 8950, "vxlan": {"id": 5, "dstport": 4789}},
    ]
    converge_and_paste(host, run_module, lambda: shell(host, STAGE), "link", links=links, owner="lab")
    smaller = [{**links[0], "mtu": 1450}, {**links[1], "mtu": 1450}, {**links[2], "mtu": 1400}]
    assert refuse_each(monkeypatch, "the_kernel", LinkResource(), {"links": smaller, "owner": "lab"})
    converge(host, run_module, "link", links=smaller, owner="lab")
    converge(host, run_module, "link", links=links, owner="lab")


def test_a_link_on_one_that_the_call_creates_gets_its_mtu(host: Host, run_module: Run) -> None:
    links = [
        {"name": "mv1", "mtu": 3000, **MACVLAN, "parent": {"name": "tap0"}},
        {"name": "tap0", "kind": "tap", "mtu": 4000},
        {"name": "mv2", "mtu": 2000, **MACVLAN, "parent": {"name": "br0"}},
        {"name": "br0", "kind": "bridge", "mtu": 2000},
    ]
    converge_and_paste(host, run_module, lambda: shell(host, STAGE), "link", links=links, owner="lab")
    smaller = [{**links[0], "mtu": 1500}, {**links[1], "mtu": 1400}]
    for check in (True, False):
        result = run_module("link", links=smaller, _check=check)
        assert "links[0] (mv1): mtu: 1500 is above 1400, the MTU of its parent tap0" in result.message


def test_an_earlier_step_raises_the_mtu_of_the_parent(host: Host, run_module: Run) -> None:
    shell(host, STAGE)
    steps = [
        {"module": "veth", "options": {"pairs": [{"name": "base0", "mtu": 9000, "peer": {"name": "base1"}}]}},
        {"module": "link", "options": {"links": [{"name": "mv0", "mtu": 9000, **MACVLAN}]}},
    ]
    converge(host, run_module, "sequence", steps=steps)
    assert mtu_of(host, "mv0") == 9000


def test_a_link_that_another_program_has_put_on_a_parent(host: Host, run_module: Run) -> None:
    shell(host, STAGE + "link add link base0 name mv0 type macvlan")
    for check in (True, False):
        result = run_module("link", name="mv0", mtu=1501, _check=check)
        assert "mtu: 1501 is above 1500, the MTU of its parent base0; lower it, or raise that" in result.message
    converge(host, run_module, "link", links=[{"name": "base0", "mtu": 1501}, {"name": "mv0", "mtu": 1501}])


def test_a_link_that_moves_to_a_parent_with_a_smaller_mtu(host: Host, run_module: Run) -> None:
    def prepare() -> None:
        shell(host, STAGE + "link set base0 mtu 9000")
        created = {"name": "mv0", "mtu": 9000, **MACVLAN, "mac": "02:00:00:00:00:77"}
        assert run_module("link", links=[created], owner="lab").changed

    moved = {"name": "mv0", **MACVLAN, "parent": {"name": "base1"}}
    converge_and_paste(host, run_module, prepare, "link", links=[moved], owner="lab")
    assert mtu_of(host, "mv0") == 1500


# Tunnels


@pytest.mark.parametrize(("remote", "headroom"), [("192.0.2.1", 50), ("2001:db8::1", 70), (None, 50)])
def test_the_outer_headers_of_a_vxlan(host: Host, run_module: Run, remote: str | None, headroom: int) -> None:
    shell(host, STAGE)
    largest = 1500 - headroom
    options = {"id": 5, "dstport": 4789, **({"remote": remote} if remote else {})}
    wanted = {**VXLAN, "mtu": largest, "vxlan": options}
    before = snapshot.take()
    for check in (True, False):
        result = run_module("link", links=[{**wanted, "mtu": largest + 1}], _check=check)
        assert (
            f"links[0] (vx0): mtu: {largest + 1} is above {largest}: the outer headers of this vxlan take {headroom} "
            "of the 1500 bytes of its parent base0; lower it, or raise the MTU of the parent"
        ) in result.message
    snapshot.assert_unchanged(before)
    converge(host, run_module, "link", links=[wanted])
    # What is there counts, where the entry says nothing of it.
    again = {"name": "vx0", "kind": "vxlan", "vxlan": {"id": 5}, "mtu": largest + 1}
    for entry in (again, {"name": "vx0", "mtu": largest + 1}):
        assert f"is above {largest}: the outer headers" in run_module("link", links=[entry]).message
    converge(host, run_module, "link", links=[{"name": "base0", "mtu": 1600}, {**again, "mtu": largest + 100}])


def test_a_vxlan_keeps_the_mtu_that_another_program_has_made_too_large(host: Host, run_module: Run) -> None:
    shell(host, STAGE)
    wanted = {**VXLAN, "mtu": 1450, "vxlan": {"id": 5, "dstport": 4789}}
    converge(host, run_module, "link", links=[wanted], owner="lab")
    shell(host, "link set base0 mtu 1400")
    assert not run_module("link", links=[wanted], owner="lab").changed
    for entry in ({**wanted, "mtu": 1440}, {**wanted, "vxlan": {"id": 6, "dstport": 4789}}):
        assert "is above 1350: the outer headers" in run_module("link", links=[entry], owner="lab").message


@pytest.mark.parametrize("namespace", [None, "red"])
def test_the_loopback_has_the_mtu_that_the_kernel_gives_it(host: Host, run_module: Run, namespace: str | None) -> None:
    place = {"name": "lo", **({"namespace": namespace} if namespace else {})}
    shell(host, STAGE)
    assert not run_module("link", **place, mtu=65536).changed
    converge(host, run_module, "link", **place, mtu=70000)
    converge(host, run_module, "link", **place, mtu=65536)
    refused = run_module("link", name="base0", mtu=65536)
    assert "mtu: 65536" in refused.message


@pytest.mark.parametrize("kind", ["geneve", "gre", "tap"])
def test_an_mtu_that_the_kernel_refuses_for_the_kind(host: Host, run_module: Run, kind: str) -> None:
    """Whatever bounds it: TUN's MAX_MTU is less by the header of a frame, that of a tunnel by the outer headers."""
    need(kind)
    own = {"gre": {"remote": "192.0.2.1"}, "geneve": {"id": 5, "remote": "192.0.2.1"}}
    link = {"name": "k0", "kind": kind, "mtu": 65535, **({kind: own[kind]} if kind in own else {})}
    refusal = "links[0] (k0): mtu: 65535: the kernel refuses this MTU for a link of this kind: "
    for check in (True, False):
        assert refusal in run_module("link", links=[link], _check=check).message
    converge(host, run_module, "link", links=[{**link, "mtu": 65000}], owner="lab")
    assert refusal in run_module("link", links=[link], _check=True).message


def test_a_parent_that_is_not_declared_gets_a_larger_mtu_first(host: Host, run_module: Run) -> None:
    def prepare() -> None:
        shell(host, STAGE + "link add link base0 name mv0 type macvlan")
        assert run_module("link", links=[{**VXLAN, "vxlan": {"id": 5}}]).changed

    links = [
        {"name": "mv0", "mtu": 9000},
        {"name": "vx0", "kind": "vxlan", "vxlan": {"id": 5}, "mtu": 8950},
        {"name": "base0", "mtu": 9000},
    ]
    converge_and_paste(host, run_module, prepare, "link", links=links)
    assert [mtu_of(host, name) for name in ("mv0", "vx0", "base0")] == [9000, 8950, 9000]


def test_what_a_new_link_is_on_has_the_mtu_of_its_own_parent(host: Host, run_module: Run) -> None:
    shell(host, STAGE + "link add link base0 name br0 type bridge\nlink set base0 mtu 9000")
    links = [
        {"name": "tap0", "kind": "tap"},
        {"name": "mv1", **MACVLAN, "parent": {"name": "tap0"}, "mtu": 9000},
        {"name": "br0", "mtu": 1400},
        {"name": "mv2", **MACVLAN, "parent": {"name": "br0"}, "mtu": 1500},
    ]
    for check in (True, False):
        message = run_module("link", links=links, _check=check).message
        assert "links[1] (mv1): mtu: 9000 is above 1500, the MTU of its parent tap0" in message
        assert "links[3] (mv2): mtu: 1500 is above 1400, the MTU of its parent br0" in message
