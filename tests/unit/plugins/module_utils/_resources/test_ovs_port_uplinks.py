# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Links that become ports while the connection of the call comes in by their address."""

from __future__ import annotations

from ipaddress import ip_address, ip_interface
from typing import Any, cast

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._kernel.carriers import Carriers
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_port_uplinks import read_staying
from ansible_collections.netns.fabric.plugins.module_utils._resources.planned_addresses import LINK_ADDRESSES
from ansible_collections.netns.fabric.plugins.module_utils._system.connections import Connection

CONNECTION = Connection(ip_address("192.0.2.7"), 51820, ip_address("192.0.2.1"), 22)
CARRIERS = Carriers(CONNECTION, "eth0", frozenset({"192.0.2.1/24"}), frozenset({"eth0", "eth1"}))


class _Kernel:
    """A host whose connection comes in by eth0, which is on eth1."""

    def __init__(self, carriers: Carriers | None) -> None:
        self._carriers = carriers

    def carriers(self) -> Carriers | None:
        return self._carriers


class _Host:
    def __init__(self, is_kept: bool, carriers: Carriers | None, planned: dict[Any, Any]) -> None:
        self.is_kept = is_kept
        self.simulated = {LINK_ADDRESSES: planned}
        self._kernel = _Kernel(carriers)

    def use(self, _backend: object) -> _Kernel:
        return self._kernel


def staying(
    *new: str, is_kept: bool = True, carriers: Carriers | None = CARRIERS, planned: dict[Any, Any] | None = None
) -> list[str]:
    return sorted(read_staying(cast(Host, _Host(is_kept, carriers, planned or {})), set(new)))


@pytest.mark.parametrize("name", ["eth0", "eth1"])
def test_a_link_that_keeps_the_address_is_refused(name: str) -> None:
    assert staying(name, "eth7") == [name]
    assert staying(name, planned={(None, "eth0"): (ip_interface("192.0.2.1/24"),)}) == [name]


def test_a_link_whose_address_an_earlier_step_moves_is_not() -> None:
    assert staying("eth0", planned={(None, "eth0"): ()}) == []


def test_nothing_is_refused_that_cuts_nothing_or_is_refused_anyway() -> None:
    assert staying("eth7") == []
    assert staying() == []
    assert staying("eth0", carriers=None) == []
    assert staying("eth0", is_kept=False) == []
