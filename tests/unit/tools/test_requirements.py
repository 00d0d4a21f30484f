# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The requirements: the playbooks need little, and of that the checks have the same versions."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[3]
REQUIREMENTS = ROOT / "requirements"


def pins(name: str) -> dict[str, str]:
    """Return the pinned packages of a file in requirements, each with its version."""
    text = (REQUIREMENTS / name).read_text(encoding="utf-8")
    return dict(re.findall(r"^([\w.-]+)==(\S+)$", text, re.MULTILINE))


def test_playbooks_need_ansible_core_and_pyroute2_only() -> None:
    wanted = re.findall(r"^[a-z][\w.-]*", (REQUIREMENTS / "plays.in").read_text(encoding="utf-8"), re.MULTILINE)
    assert wanted == ["ansible-core", "pyroute2"]
    # With what ansible-core depends on.
    assert len(pins("plays.txt")) <= 12


def test_checks_have_the_versions_of_the_playbooks() -> None:
    assert pins("plays.txt").items() <= pins("checks.txt").items()


def test_oldest_environment_has_the_oldest_supported_versions() -> None:
    runtime = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text(encoding="utf-8"))
    supported = re.fullmatch(r">=(\d+\.\d+)\.0", runtime["requires_ansible"])
    assert supported
    oldest = supported[1]
    assert pins("oldest.txt")["ansible-core"].startswith(f"{oldest}.")
    assert pins("oldest.txt")["pyroute2"] == "0.7.2"
    for path in sorted(ROOT.glob("roles/*/meta/main.yml")):
        assert yaml.safe_load(path.read_text(encoding="utf-8"))["galaxy_info"]["min_ansible_version"] == oldest
    for name in ("README.md", "docs/docsite/rst/getting_started.rst"):
        assert re.search(rf"ansible-core \|? ?{re.escape(oldest)}\b", (ROOT / name).read_text(encoding="utf-8")), name
