# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cleared host, options for the number of cases and the replay of one, and the count at the end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ansible_collections.netns.fabric.tests.generated.tally import TRIED
from ansible_collections.netns.fabric.tests.helpers.host import Host


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that follow `nox -s generated --`."""
    parser.addoption(
        "--cases",
        type=int,
        help="generate this number of new topologies, and new cases of the other tests in proportion; without it, "
        "always the same ones",
    )
    parser.addoption("--replay", default=None, help="replay the one case that a failure printed: VERSION:BLOB")


@pytest.fixture(name="host")
def fixture_host() -> Iterator[Host]:
    """Provide a cleared host."""
    host = Host()
    host.clear()
    yield host
    host.clear()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many cases were run, and how often each kind of damage was done."""
    cases = TRIED.pop("cases", 0)
    if cases:
        terminalreporter.write_line(f"{cases} cases, {sum(TRIED.values())} damages of {len(TRIED)} kinds:")
        for name, count in sorted(TRIED.items()):
            terminalreporter.write_line(f"  {count:5} {name}")
