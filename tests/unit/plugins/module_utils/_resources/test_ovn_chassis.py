# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the host is converged as a chassis of OVN."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.rows import Row
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Bridge, Switch
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovn_chassis import ChassisResource, ChassisState
from ansible_collections.netns.fabric.plugins.module_utils._resources.things import ABridge, ALinkUp

NEW = {"remotes": ["tcp:192.0.2.9:6642"], "encap_ip": "192.0.2.1"}
KEYS = {
    "ovn-remote": "tcp:192.0.2.9:6642",
    "ovn-encap-type": "geneve",
    "ovn-encap-ip": "192.0.2.1",
    "ovn-bridge-datapath-type": "netdev",
}
OWNED = {**KEYS, "netns.fabric/lab": "owner"}


def state(
    keys: Mapping[str, str] | None = None,
    on: str = "br-phy",
    up: Iterable[str] = ("br-phy",),
    system_works: bool = False,
    bridges: Iterable[Bridge] = (Bridge("br-phy", "netdev"), Bridge("br-sys")),
) -> ChassisState:
    """Return a host whose link `on` has the tunnels' address, with these keys and its name in external_ids."""
    external_ids: Any = {"system-id": "me", **(keys or {})}
    root = Row("Open_vSwitch", "o", {"external_ids": external_ids})
    switch = Switch(tuple(bridges), root=root)
    return ChassisState(switch, system_works, {"192.0.2.1": (on,)} if on else {}, frozenset(up))


def plan(actual: ChassisState, *entries: dict[str, Any], **call: Any) -> Plan:
    resource = ChassisResource()
    given = ({"bridge": "br-int", "state": "present", **entry} for entry in entries)
    return resource.plan(actual, Call(tuple(resource.desired(Entry(each["bridge"]), each) for each in given), **call))


def test_a_new_chassis_has_defaults() -> None:
    result = plan(state(), NEW, owner="lab")
    assert result.changes[0].before is None
    assert result.changes[0].after == {
        "remotes": ["tcp:192.0.2.9:6642"],
        "encap_type": "geneve",
        "encap_ip": "192.0.2.1",
        "datapath_type": "netdev",
        "owners": ["lab"],
    }
    assert not plan(state(OWNED), NEW, owner="lab").changed
    assert not plan(state(OWNED), {"monitor_all": False, "bridge_mappings": []}, owner="lab").changed


def test_one_without_an_owner_is_used_and_never_owned() -> None:
    result = plan(state(KEYS), {**NEW, "encap_type": "vxlan"}, owner="lab")
    assert result.changes[0].after == {"encap_type": "vxlan"}
    assert plan(state(KEYS), {"state": "absent"}, owner="lab").notes != ()
    with pytest.raises(FabricError, match="the chassis is owned by lab, not by other"):
        plan(state(OWNED), NEW, owner="other")


@pytest.mark.parametrize(
    ("keys", "asked", "works", "expected"),
    [
        ({}, None, True, "system"),
        ({}, "auto", False, "netdev"),
        (KEYS, "auto", True, "netdev"),
        ({**KEYS, "ovn-bridge-datapath-type": "system"}, "auto", False, "netdev"),
        ({**KEYS, "ovn-bridge-datapath-type": "system"}, None, False, "system"),
        (KEYS, "system", True, "system"),
    ],
)
def test_the_datapath_that_works_is_chosen(keys: dict[str, str], asked: str | None, works: bool, expected: str) -> None:
    found = plan(state(keys, system_works=works), {**NEW, "datapath_type": asked}).changes
    after = found[0].after if found else None
    changed = after["datapath_type"] if after else keys["ovn-bridge-datapath-type"]
    assert changed == expected


@pytest.mark.parametrize(
    ("actual", "entry", "message"),
    [
        (state(), {}, "remotes: it is required for a new chassis"),
        (state(), {"remotes": NEW["remotes"]}, "encap_ip: it is required"),
        (state(), {**NEW, "remotes": []}, "remotes: a chassis needs the southbound database"),
        (state(), {**NEW, "remotes": ["ssl:192.0.2.9:6642"]}, "remotes: .* Open vSwitch has none; give `ssl`"),
        (state(), {**NEW, "datapath_type": "system"}, "datapath_type: the kernel has no"),
        (state(), {**NEW, "bridge_mappings": [{"network": "out", "bridge": "br-x"}]}, "the bridge br-x does not exist"),
        (state(), {**NEW, "bridge_mappings": [{"network": "a", "bridge": "b"}] * 2}, "a is listed twice"),
        (state(on=""), NEW, "encap_ip: no link of the host has the address 192.0.2.1"),
        (state(on="eth0"), NEW, "192.0.2.1 is on eth0, which is not a bridge of the userspace datapath"),
        (state(on="br-sys"), NEW, "192.0.2.1 is on br-sys"),
        (state(up=()), NEW, "the bridge br-phy, which has the address 192.0.2.1, is down"),
        (state(KEYS, on="eth0"), {}, "192.0.2.1 is on eth0"),
        (state({**KEYS, "ovn-encap-ip": "192.0.2.1,192.0.2.2"}), {}, "no link of the host has the address 192.0.2.2"),
        (state({**KEYS, "ovn-encap-ip": "none"}), {}, "encap_ip: the host has 'none' in `external_ids:ovn-encap-ip`"),
        (state(), {**NEW, "encap_ip": "192.0.2.1,x"}, "encap_ip: 'x'"),
        (ChassisState(Switch(root=Row("Open_vSwitch", "o"))), NEW, "no `system-id`"),
    ],
)
def test_what_would_carry_nothing_is_refused(actual: ChassisState, entry: dict[str, Any], message: str) -> None:
    with pytest.raises(FabricError, match=message):
        plan(actual, entry)


def test_a_host_with_several_addresses_of_tunnels() -> None:
    several = {**KEYS, "ovn-encap-ip": "192.0.2.1,192.0.2.1"}
    assert plan(state(several), {"monitor_all": True}).changes[0].after == {"monitor_all": True}
    assert plan(state(), {**NEW, "encap_ip": "192.0.2.1, 192.0.2.1"}).changes[0].after["encap_ip"] == (  # type: ignore[index]  # there is one
        "192.0.2.1,192.0.2.1"
    )


def test_the_kernels_datapath_needs_no_bridge() -> None:
    assert plan(state(on="eth0", system_works=True), NEW).changed


def test_what_an_earlier_step_ensures_counts() -> None:
    new = state(up=(), bridges=())
    assert plan(new, NEW, ensured=frozenset({ABridge("br-phy"), ALinkUp(None, "br-phy")})).changed
    with pytest.raises(FabricError, match="is down"):
        plan(new, NEW, ensured=frozenset({ABridge("br-phy")}))
    assert plan(state(on="eth0"), NEW, check_mode=True).assumed == ("the tunnels' address 192.0.2.1",)


def test_the_keys_are_removed_by_their_owner() -> None:
    for result in (plan(state(OWNED), {"state": "absent"}, owner="lab"), plan(state(OWNED), owner="lab", prune=True)):
        assert result.changes[0].after is None
        assert [line.split("external_ids ")[1] for line in " -- ".join(result.commands).split(" -- ")] == [
            "ovn-remote",
            "ovn-encap-type",
            "ovn-encap-ip",
            "ovn-bridge-datapath-type",
            "'\"netns.fabric/lab\"'",
        ]
    assert not plan(state(), {"state": "absent"}).changed
    assert not plan(state(KEYS), owner="lab", prune=True).changed
    assert not plan(state(KEYS), {"state": "absent", "bridge": "br-other"}).changed
    shared = plan(state({**OWNED, "netns.fabric/ops": "owner"}), {"state": "absent"}, owner="lab")
    assert shared.changes[0].after == {"owners": ["ops"]}


def test_another_bridge_in_the_same_call() -> None:
    result = plan(state(OWNED), {"state": "absent"}, {**NEW, "bridge": "br-new"}, owner="lab")
    assert [change.after for change in result.changes] == [{"bridge": "br-new"}]
    with pytest.raises(FabricError, match="the host is one chassis, with br-int already"):
        plan(state(), NEW, {**NEW, "bridge": "br-new"})


def test_the_keys_for_tls_come_in_the_same_call() -> None:
    secure = {**NEW, "remotes": ["ssl:192.0.2.9:6642"]}
    ssl = {"key": "/k", "certificate": "/c", "ca_certificate": "/a", "bootstrap": None}
    result = plan(state(), secure, options={"ssl": ssl})
    assert [change.target for change in result.changes] == ["chassis", "ssl"]
    with pytest.raises(FabricError, match=r"ssl\.key"):
        plan(state(), secure, options={"ssl": {**ssl, "key": "k"}})
