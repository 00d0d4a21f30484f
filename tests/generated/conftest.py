# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The number of cases, the replay of a single one, and the count at the end."""

from __future__ import annotations

import pytest

from ansible_collections.netns.fabric.tests.generated.tally import TRIED


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what `nox -s generated --` passes on."""
    parser.addoption("--cases", type=int, help="generate so many new cases; without it, the same 200 every time")
    parser.addoption("--replay", default=None, help="replay the one case that a failure printed: VERSION:BLOB")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many cases and damages were tried."""
    cases = TRIED.pop("cases", 0)
    if cases:
        terminalreporter.write_line(f"{cases} cases, {sum(TRIED.values())} damages of {len(TRIED)} kinds:")
        for name, count in sorted(TRIED.items()):
            terminalreporter.write_line(f"  {count:5} {name}")
