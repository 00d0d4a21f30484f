# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two runs side by side, each with every other example, take half the time of one: `--part 1/2` and `--part 2/2`."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option `--part`."""
    parser.addoption("--part", default="1/1", metavar="N/M", help="every Mth test, from the Nth")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests of the selected part."""
    part, parts = (int(word) for word in config.getoption("--part").split("/"))
    chosen = items[part - 1 :: parts]
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = chosen
