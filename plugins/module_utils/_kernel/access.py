# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kernel as a backend that a resource declares."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.netns.fabric.plugins.module_utils._core.journal import BackendType

if TYPE_CHECKING:
    from ansible_collections.netns.fabric.plugins.module_utils._kernel.backend import Kernel


def _open() -> Kernel:
    # Imported at first use: importing pyroute2 takes longer than a small task.
    from ansible_collections.netns.fabric.plugins.module_utils._kernel.backend import Kernel

    return Kernel()


KERNEL: BackendType[Kernel] = BackendType("kernel", _open)
