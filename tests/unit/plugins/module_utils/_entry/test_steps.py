# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Steps that are applied as one."""

from __future__ import annotations

from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call
from ansible_collections.netns.fabric.plugins.module_utils._entry import steps
from ansible_collections.netns.fabric.plugins.module_utils._entry.steps import Step
from ansible_collections.netns.fabric.plugins.module_utils._resources.registry import RESOURCES


def step(module: str, **options: Any) -> Step:
    return Step(module, RESOURCES[module], Call((), options=options))


def groups(*given: Step) -> list[list[str]]:
    return [[each.module for each in group] for group in steps._group_joint(given)]


def test_steps_of_different_modules_of_ovn_are_one() -> None:
    assert groups(step("ovn_switch"), step("ovn_router"), step("ovn_acl"), step("netns")) == [
        ["ovn_switch", "ovn_router", "ovn_acl"],
        ["netns"],
    ]


def test_others_are_not() -> None:
    """A second step of a module could create what the first one does; another database is another transaction."""
    assert groups(step("netns"), step("veth"), step("ovs_port"), step("ovs_qos")) == [
        *(["netns"], ["veth"], ["ovs_port"], ["ovs_qos"]),
    ]
    assert groups(step("ovn_switch"), step("ovn_switch")) == [["ovn_switch"], ["ovn_switch"]]
    assert groups(step("ovn_switch"), step("netns"), step("ovn_acl")) == [["ovn_switch"], ["netns"], ["ovn_acl"]]
    one, other = step("ovn_switch", database="unix:/a"), step("ovn_acl", database="unix:/b")
    assert groups(one, other) == [["ovn_switch"], ["ovn_acl"]]
