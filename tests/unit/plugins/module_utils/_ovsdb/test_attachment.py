# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The devices that ovs-vswitchd has open."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.attachment import (
    Attachments,
    lost_taps,
    lost_vports,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Bridge, Interface, Port, Switch

# Lost devices


def internal(name: str, **attributes: Any) -> Port:
    return Port(name, (Interface(name, type="internal", ofport=1, **attributes),))


USERSPACE = Switch((Bridge("br", "netdev", ports=(internal("br"), internal("i1"), internal("i2"))),))


@pytest.mark.parametrize(
    ("taps", "lost"),
    [
        (None, set()),
        ({"ovs-netdev", "br", "i1", "i2"}, set()),
        ({"ovs-netdev", "br", "i1"}, {"i2"}),
        (set(), {"br", "i1", "i2"}),
        # One that was renamed within its namespace may be any that is missing.
        ({"br", "i1", "eth0"}, set()),
    ],
)
def test_a_tap_that_ovs_vswitchd_does_not_hold_is_lost(taps: set[str] | None, lost: set[str]) -> None:
    held = None if taps is None else frozenset(taps)
    assert lost_taps(USERSPACE, Attachments(taps=held)) == lost
    assert lost_vports(USERSPACE, Attachments(taps=held)) == frozenset()


def test_a_vport_that_the_kernel_does_not_list_is_lost() -> None:
    switch = Switch((Bridge("br", "system", ports=(internal("br"), internal("i1"))),))
    assert lost_vports(switch, Attachments(vports=frozenset({"ovs-system", "br"}))) == {"i1"}
    assert lost_vports(switch, Attachments()) == frozenset()


def test_what_never_worked_is_not_lost() -> None:
    port = Port("i1", (Interface("i1", type="internal", ofport=-1),))
    switch = Switch((Bridge("br", "netdev", ports=(port,)),))
    assert lost_taps(switch, Attachments(taps=frozenset())) == frozenset()
