# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What check mode assumes of an Open vSwitch that is not available, for bridges and ports alike."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call, Resource
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import Link
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.attachment import Attachments
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Switch
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_bridge import BridgeResource
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_bridge_model import BridgeState
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_planner import is_left_behind
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_port import PortResource
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_port_model import PortState

UNAVAILABLE = Switch(unavailable="it is not installed: install it", cause="it is not installed", running=False)
NOT_AVAILABLE = (
    "Check mode: Open vSwitch is not available (it is not installed); assuming an earlier task starts it, with no "
    "bridges"
)
NOT_RUNNING = "Check mode: ovs-vswitchd is not running; assuming an earlier task starts it"


def plan(resource: Resource[Any, Any], actual: object, **options: Any) -> Plan:
    wanted = resource.desired(Entry("x"), {"name": "x", "state": "present", **options})
    return resource.plan(actual, Call((wanted,), check_mode=True))


@pytest.mark.parametrize(("switch", "assumption"), [(UNAVAILABLE, NOT_AVAILABLE), (Switch(running=False), NOT_RUNNING)])
def test_check_mode_assumes_that_open_vswitch_is_started(switch: Switch, assumption: str) -> None:
    bridge = plan(BridgeResource(), BridgeState(switch))
    assert (bridge.changed, bridge.warnings) == (True, (assumption,))
    port = plan(PortResource(), PortState(switch), bridge="br", tx_checksum="keep")
    assert port.warnings == ("Check mode: assuming an earlier task creates bridge br, link host/x", assumption)


@pytest.mark.parametrize("running", [True, None])
def test_nothing_is_assumed_of_an_open_vswitch_that_is_running(running: bool | None) -> None:
    assert plan(BridgeResource(), BridgeState(Switch(running=running))).warnings == ()


def test_a_real_run_assumes_nothing() -> None:
    wanted = BridgeResource().desired(Entry("x"), {"name": "x", "state": "absent"})
    assert BridgeResource().plan(BridgeState(Switch(running=False)), Call((wanted,))).warnings == ()


@pytest.mark.parametrize(
    ("kind", "alias", "taps", "owner", "expected"),
    [
        ("tun", "netns.fabric:lab", frozenset(), "lab", True),
        ("tun", "netns.fabric:lab", None, "lab", True),
        ("tun", "netns.fabric:lab", frozenset({"br"}), "lab", False),
        ("tun", "netns.fabric:other", frozenset(), "lab", False),
        ("tun", "", frozenset(), None, False),
        ("veth", "netns.fabric:lab", frozenset(), "lab", False),
    ],
)
def test_a_device_is_left_behind_if_it_is_owned_and_nobody_has_it_open(
    kind: str, alias: str, taps: frozenset[str] | None, owner: str | None, expected: bool
) -> None:
    assert is_left_behind(Link(5, "br", kind, alias=alias), owner, Attachments(taps=taps)) == expected
