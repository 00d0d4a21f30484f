# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a refused operation is reported as."""

from __future__ import annotations

import errno

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._kernel import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._kernel.batch import refusal_of
from ansible_collections.netns.fabric.plugins.module_utils._kernel.netlink import NetlinkError, Refusal


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (NetlinkError(Refusal(errno.EINVAL, "mtu too big")), "Invalid argument (EINVAL): mtu too big"),
        (OSError(errno.EINVAL, "Invalid argument", "/proc/sys/net/x"), "Invalid argument"),
    ],
)
def test_the_command_and_the_kernels_reason(error: OSError, reason: str) -> None:
    operation = op.SetMtu("red", "eth0", 70000)
    failure = refusal_of(operation, error)
    assert str(failure) == f"the kernel refused `ip -n red link set dev eth0 mtu 70000`: {reason}"
    assert failure.operation is operation
    assert failure.number == errno.EINVAL
