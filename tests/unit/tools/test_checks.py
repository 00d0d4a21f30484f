# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The summary of `make test`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.netns.fabric.tools import checks


def test_summary_lists_why_checks_were_skipped(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(session: str) -> bool:
        count = {"passed": 2, "failed": 0, "skipped": 3, "reasons": {"no qemu": 2, "no time": 1}}
        (tmp_path / f"{session}.json").write_text(json.dumps(count), encoding="utf-8")
        return True

    monkeypatch.setattr(checks, "RESULTS", tmp_path)
    monkeypatch.setattr(checks, "chosen_sessions", lambda kinds: kinds)
    monkeypatch.setattr(checks, "run", run)
    assert checks.main(["vm"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[-4:] == [
        "vm  2 passed, 0 failed, 3 skipped",
        "    skipped 2: no qemu",
        "    skipped 1: no time",
        "2 passed, 0 failed, 3 skipped",
    ]
