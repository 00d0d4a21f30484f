# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What entries of one module of OVN ensure and entries of others need: resources do not know each other. Pure.

Apart from things.py, which knows the kernel: a module ships only what it declares.
"""

from __future__ import annotations

from ansible_collections.netns.fabric.plugins.module_utils._core.things import Named


class ALogicalPort(Named):
    """A port of a logical switch."""

    what = "logical port"


class AGroup(Named):
    """A group of ports or of addresses."""

    what = "group"
