# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The contents of the artefact: all that a user needs, and nothing that only development needs."""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

# Everything else at the top of the clone is for development. A new entry there is added either here or to build_ignore
# in galaxy.yml.
SHIPPED = {
    "CHANGELOG.md",
    "CHANGELOG.rst",
    "CODE_OF_CONDUCT.md",
    "CONTRIBUTING.md",
    "COPYING",
    "FILES.json",
    "LICENSES",
    "MANIFEST.json",
    "README.md",
    "REUSE.toml",
    "TESTING.md",
    "changelogs",
    "docs",
    "extensions",
    "meta",
    "playbooks",
    "plugins",
    "roles",
}
# What ansible-core looks for, by the directories of the clone.
USED = ("meta", "playbooks", "plugins", "roles", "docs", "LICENSES")


@pytest.fixture(scope="module", name="files")
def fixture_files(artefact: Path) -> set[str]:
    """Return the paths of the files in the artefact."""
    with tarfile.open(artefact) as archive:
        return {member.name for member in archive.getmembers() if not member.isdir()}


@pytest.fixture(scope="module", name="in_git")
def fixture_in_git() -> set[str]:
    """Return the paths that git has, or would add."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=60)
    return {name for name in listed.stdout.split("\0") if (ROOT / name).is_file()}


def test_no_development_file_is_shipped(files: set[str]) -> None:
    assert {name.split("/")[0] for name in files} <= SHIPPED


def test_only_the_test_host_of_the_extensions_is_shipped(files: set[str]) -> None:
    assert {name for name in files if name.startswith("extensions/")} == {"extensions/test_host/own_host.py"}


def test_every_shipped_file_is_in_git(files: set[str], in_git: set[str]) -> None:
    assert files - in_git == {"MANIFEST.json", "FILES.json"}


def test_every_used_file_is_shipped(files: set[str], in_git: set[str]) -> None:
    wanted = {name for name in in_git if name.split("/")[0] in USED}
    assert len(wanted) > 50
    assert wanted <= files


def test_sanity_has_no_ignore_files(in_git: set[str]) -> None:
    assert not [name for name in in_git if name.startswith("tests/sanity/ignore-")]
