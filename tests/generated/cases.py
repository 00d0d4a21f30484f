# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many cases are generated, and how."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, settings

#: How many topologies test_convergence.py has by default: what the whole check has time for.
DEFAULT = 60


def generated(request: pytest.FixtureRequest, count: int = DEFAULT) -> settings:
    """Return the settings of a test that has `count` cases by default.

    With the option --cases, it has so many more or fewer as test_convergence.py then has.
    """
    cases = request.config.getoption("--cases")
    return settings(
        max_examples=max(1, count * (cases or DEFAULT) // DEFAULT),
        # The same cases every time: a failure comes from the change that is tested, not from chance.
        derandomize=cases is None,
        print_blob=True,
        database=None,
        # To shrink a case would take minutes, and it is small to begin with.
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
