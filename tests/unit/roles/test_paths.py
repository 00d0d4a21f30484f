# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths on the controller in variables of the roles."""

from __future__ import annotations

from pathlib import Path

ROLES = Path(__file__).parents[3] / "roles"


def test_paths_on_the_controller_may_begin_with_the_home_directory() -> None:
    lines = [line for path in ROLES.rglob("*.yml") for line in path.read_text(encoding="utf-8").splitlines()]
    resolved = [line.strip() for line in lines if "ansible.builtin.realpath" in line]
    assert len(resolved) >= 3
    assert [line for line in resolved if "| ansible.builtin.expanduser | ansible.builtin.realpath" not in line] == []
