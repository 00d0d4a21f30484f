# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a topology knows of the hosts' OVN."""

from __future__ import annotations

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.validation import namespace_name
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.logical_model import ROUTER, Ovn


def test_a_host_has_its_own_name_in_ovn_unless_names_are_given() -> None:
    assert Ovn().chassis_of("one") == "one"
    named = Ovn(chassis={"one": "c1", "two": ""})
    assert [named.chassis_of(host) for host in ("one", "two", "three")] == ["c1", "", ""]


def test_no_namespace_can_be_the_router() -> None:
    with pytest.raises(ValueError, match="/"):
        namespace_name(ROUTER)
