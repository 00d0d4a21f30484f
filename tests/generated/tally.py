# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the generated tests have run, for the summary at their end."""

from __future__ import annotations

from collections import Counter

#: The number of cases under "cases", and of each kind of damage under its name.
TRIED: Counter[str] = Counter()
