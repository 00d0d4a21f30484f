# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""TESTING.md: every path in it exists, and every folder of tests and every scenario is in its table."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "TESTING.md").read_text(encoding="utf-8")
#: Modules stand for MODULE in a path of the table.
MODULES = sorted(path.stem for path in ROOT.glob("plugins/modules/*.py"))
#: Folders whose files belong to the test beside them.
PARTS = {"files", "cases"}


def test_paths_exist() -> None:
    paths = re.findall(r"\b(?:tests|extensions|plugins)/[\w./-]+\w", GUIDE)
    assert len(paths) > 30
    missing = {path for path in paths if "MODULE" not in path and not (ROOT / path).exists()}
    assert missing == set()
    assert (ROOT / "tests/integration" / f"test_{MODULES[0]}.py").exists()


def test_every_test_folder_is_listed() -> None:
    folders = {path.parent for path in ROOT.glob("tests/**/*.py") if not PARTS & set(path.parts)}
    listed = set(re.findall(r"\btests/[\w/]+", GUIDE))
    missing = {folder for folder in folders if not any(_lists(path, folder) for path in listed)}
    assert missing == set()


def _lists(path: str, folder: Path) -> bool:
    place = ROOT / path
    return folder in (place, place.with_suffix(".py").parent)


def test_every_scenario_is_listed() -> None:
    scenarios = {path.parent.name for path in ROOT.glob("extensions/molecule/*/molecule.yml")}
    assert len(scenarios) > 10
    table = GUIDE[: GUIDE.index("## Run the tests")]
    assert {name for name in scenarios if f"`{name}`" not in table} == set()
