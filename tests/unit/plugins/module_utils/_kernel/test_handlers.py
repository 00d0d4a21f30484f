# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The undo of an MTU, where that of another link limits it."""

from __future__ import annotations

import errno
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._kernel import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._kernel.handlers import HANDLERS
from ansible_collections.netns.fabric.plugins.module_utils._kernel.netlink import NetlinkError, Refusal
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import Link, NamespaceName


class Kernel:
    """One that refuses every request with one error, and the batch whose undo is asked for."""

    def __init__(self, number: int) -> None:
        self._number = number
        self.asked = 0
        self.undo: list[Callable[[], None]] = []

    def get(self, _namespace: NamespaceName) -> Any:
        return SimpleNamespace(created=set(), link=lambda name: SimpleNamespace(link=Link(2, name, mtu=9000)))

    def request(self, _namespace: NamespaceName, _request: bytearray, *ignored: int) -> None:
        self.asked += 1
        if self._number not in ignored:
            raise NetlinkError(Refusal(self._number, ""))

    def send_others(self, _namespace: NamespaceName) -> None:
        pass

    def dependants_of(self, _namespace: NamespaceName, _name: str) -> list[tuple[NamespaceName, Link]]:
        return [("red", Link(3, "eth0.5", mtu=9000))]

    def add(self, _operation: object, _namespace: NamespaceName, _request: bytearray, undo: Callable[[], None]) -> None:
        self.undo.append(undo)


# A macvlan gets EINVAL above the MTU of its parent (macvlan_change_mtu()), a VLAN ERANGE (vlan_dev_change_mtu()).
@pytest.mark.parametrize("number", [errno.ENODEV, errno.EINVAL, errno.ERANGE])
def test_a_mtu_that_the_undo_of_another_one_restores(number: int) -> None:
    kernel = Kernel(number)
    HANDLERS[op.SetMtu](kernel, op.SetMtu(None, "eth0", 1500), kernel)  # type: ignore[arg-type]  # all that is used
    kernel.undo[0]()
    assert kernel.asked == 2


def test_a_mtu_that_is_not_restored() -> None:
    kernel = Kernel(errno.EPERM)
    HANDLERS[op.SetMtu](kernel, op.SetMtu(None, "eth0", 1500), kernel)  # type: ignore[arg-type]  # all that is used
    with pytest.raises(NetlinkError):
        kernel.undo[0]()
