# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of Hypothesis for all tests."""

from __future__ import annotations

from hypothesis import settings

# How long an example takes says more about the machine, and what else it does, than about the code.
settings.register_profile("fabric", deadline=None)
settings.load_profile("fabric")
