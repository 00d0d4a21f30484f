# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The summary of `make test`."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from ansible_collections.netns.fabric.tools import checks


def summary(
    monkeypatch: pytest.MonkeyPatch, directory: Path, capsys: pytest.CaptureFixture[str], count: dict[str, object]
) -> tuple[int, list[str]]:
    """Return the exit status and the last lines for a session ``vm`` that leaves this count."""

    def run(session: str) -> bool:
        (directory / f"{session}.json").write_text(json.dumps(count), encoding="utf-8")
        return not count["failed"]

    monkeypatch.setattr(checks, "RESULTS", directory)
    monkeypatch.setattr(checks, "chosen_sessions", lambda kinds: kinds)
    monkeypatch.setattr(checks, "run", run)
    status = checks.main(["vm"])
    return status, capsys.readouterr().out.splitlines()[1:]


def test_summary_lists_why_checks_were_skipped(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    count = {"passed": 2, "failed": 0, "skipped": 3, "reasons": {"no qemu": 2, "no time": 1}}
    assert summary(monkeypatch, tmp_path, capsys, count) == (
        0,
        [
            "vm  2 passed, 0 failed, 3 skipped in 0 s",
            "    skipped 2: no qemu",
            "    skipped 1: no time",
            "2 passed, 0 failed, 3 skipped",
        ],
    )


def test_summary_lists_what_failed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    count = {"passed": 2, "failed": 1, "skipped": 0, "failures": ["tests.unit.test_a::test_b: AssertionError"]}
    assert summary(monkeypatch, tmp_path, capsys, count) == (
        1,
        ["vm  2 passed, 1 failed in 0 s", "    FAILED tests.unit.test_a::test_b: AssertionError", "2 passed, 1 failed"],
    )


def test_a_session_that_checks_nothing_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, lines = summary(monkeypatch, tmp_path, capsys, {"passed": 0, "failed": 0, "skipped": 0})
    assert (status, lines[:2]) == (1, ["vm  0 passed, 1 failed in 0 s", "    FAILED nothing was checked"])


def test_a_session_without_a_result_fails_and_shows_its_last_lines(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "nox"
    program.write_text("#!/bin/sh\necho no space left on device\nexit 3\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setattr(checks, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(checks, "NOX", program)
    monkeypatch.setattr(checks, "chosen_sessions", lambda kinds: kinds)
    assert checks.main(["vm"]) == 1
    assert capsys.readouterr().out.splitlines()[-4:] == [
        "vm  0 passed, 1 failed in 0 s",
        "    FAILED ended without a result:",
        "    FAILED no space left on device",
        "0 passed, 1 failed",
    ]


def test_a_failure_cancels_no_other_session(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(session: str) -> bool:
        time.sleep(0.05)  # with all workers busy, the last ones have not begun when the first has failed
        count = {"passed": 1, "failed": 0, "skipped": 0}
        (tmp_path / f"{session}.json").write_text(json.dumps(count), encoding="utf-8")
        return session != "lint"

    sessions = ["lint", "types", "docs", "unit", "oldest", "vm"]
    monkeypatch.setattr(checks, "RESULTS", tmp_path)
    monkeypatch.setattr(checks, "chosen_sessions", lambda kinds: kinds)
    monkeypatch.setattr(checks, "run", run)
    assert checks.main(sessions) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "6 passed, 0 failed"
