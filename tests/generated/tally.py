# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the property tests have tried, for the end of their run."""

from __future__ import annotations

from collections import Counter

#: The number of cases, and of each damage by its name.
TRIED: Counter[str] = Counter()
