# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The targets of the Makefile that run a playbook, for an inventory of the user's."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def make(*arguments: str) -> str:
    """Run make in the clone, without its setup, and return the output; raise AssertionError if it fails."""
    ran = subprocess.run(
        ["make", "--old-file=setup", *arguments],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_inventory_decides_the_python_of_each_host(tmp_path: Path) -> None:
    used = tmp_path / "used"
    hosts = {}
    for name in ("first", "second"):
        python = tmp_path / name
        python.write_text(f'#!/bin/sh\necho {name} >>{used}\nexec {sys.executable} "$@"\n', encoding="utf-8")
        python.chmod(0o755)
        hosts[name] = {"ansible_connection": "local", "ansible_python_interpreter": str(python)}
    inventory = tmp_path / "hosts.json"
    inventory.write_text(json.dumps({"all": {"hosts": hosts}}), encoding="utf-8")
    make("show", f"INVENTORY={inventory}")
    assert set(used.read_text(encoding="utf-8").split()) == {"first", "second"}
