# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the documentation installs the collection: what works before the first release comes first, on every page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ansible_collections.netns.fabric.tools import docsite

ROOT = Path(__file__).resolve().parents[3]
INSTALL = re.compile(r"ansible-galaxy collection install ([\w:/.+-]+)")


def installed_from(text: str) -> list[str]:
    """Return what the commands in a text install the collection from."""
    return INSTALL.findall(text)


@pytest.mark.parametrize(
    "page", ["README.md", "docs/docsite/rst/getting_started.rst", "docs/docsite/rst/troubleshooting.rst"]
)
def test_first_command_installs_from_the_repository(page: str) -> None:
    found = installed_from((ROOT / page).read_text(encoding="utf-8"))
    assert found[0] == f"git+{docsite.read_repository()}"


def test_every_page_of_a_plugin_installs_from_the_repository() -> None:
    settings = docsite.format_addresses("https://example.org/fabric")
    assert installed_from(settings) == ["git+https://example.org/fabric"]
    assert 'netns.fabric = "https://example.org/fabric"' in settings
