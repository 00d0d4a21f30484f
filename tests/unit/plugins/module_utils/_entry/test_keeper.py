# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The process that keeps a run: what it returns, and what becomes of the changes."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core import confirmation, execution, lock
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError
from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._entry import keeper
from ansible_collections.netns.fabric.plugins.module_utils._entry.confirmation_socket import CONFIRM, ROLL_BACK

SECRET = "hunter2"  # noqa: S105  # of nothing


class Run:
    """A run that writes a file; `fails` is the part of it that raises an error."""

    def __init__(self, directory: Path, fails: str = "", changed: bool = True) -> None:
        self.file = directory / "written"
        self._stored = directory / "stored"
        self._fails = fails
        self._changed = changed

    def apply(self, host: Host) -> dict[str, Any]:
        self.file.touch()
        assert host._kept is not None
        host._kept.record(f"write {SECRET}", self._undo)
        self._fail("apply")
        return {"changed": self._changed, "warnings": ["a warning"]}

    def _undo(self) -> None:
        self._fail("undo")
        self.file.unlink()

    def verify(self, host: Host, result: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG002  # as it is called
        self._fail("verify")
        return {"verified": True}

    def complete(self, host: Host) -> None:  # noqa: ARG002  # as it is called
        self._fail("complete")
        self._stored.touch()

    def _fail(self, part: str) -> None:
        if part == self._fails:
            raise FabricError(f"{part} failed with {SECRET}")


@pytest.fixture(autouse=True, name="log")
def fixture_log(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(confirmation, "SOCKET", str(tmp_path / "socket"))
    monkeypatch.setattr(confirmation, "RECORD", str(tmp_path / "record"))
    monkeypatch.setattr(lock, "LOCK_FILE", str(tmp_path / "lock"))
    for module in (keeper, execution):
        monkeypatch.setattr(module, "require_root", lambda: None)
    monkeypatch.setattr(keeper, "move_to_scope", lambda _description: None)
    log = tmp_path / "log"
    log.touch()

    def write(_priority: int, text: str) -> None:
        with log.open("a", encoding="utf-8") as file:
            file.write(f"{text}\n")

    monkeypatch.setattr(keeper, "_log", write)
    return log


def run(run_: Run, seconds: int = 60) -> dict[str, Any]:
    return keeper.run_kept(run_, (), keeper.Confirmation("mine", seconds, {SECRET}))


def wait_until_ended() -> None:
    deadline = time.monotonic() + 60
    while os.path.exists(confirmation.SOCKET):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_confirmed_run_stays(tmp_path: Path, log: Path) -> None:
    wanted = Run(tmp_path)
    expected = {"changed": True, "warnings": ["a warning"], "verified": True}
    assert run(wanted) == {**expected, "confirmation": {"id": "mine", "seconds": 60}}
    record = confirmation.read_record()
    assert record is not None
    assert record.state == confirmation.WAITING
    assert not (tmp_path / "stored").exists()
    assert confirmation.ask({"action": CONFIRM}) == {"state": "confirmed"}
    assert wanted.file.exists()
    assert (tmp_path / "stored").exists()
    assert confirmation.read_record() is None
    assert log.read_text(encoding="utf-8").splitlines() == [
        "mine: applied; rolled back in 60 s unless confirmed",
        "mine: confirmed",
    ]


def test_a_run_that_is_not_confirmed_is_undone(tmp_path: Path, log: Path) -> None:
    wanted = Run(tmp_path)
    run(wanted, seconds=1)
    wait_until_ended()
    assert not wanted.file.exists()
    record = confirmation.read_record()
    assert record is not None
    assert (record.state, record.failures) == (confirmation.ROLLED_BACK, ())
    assert log.read_text(encoding="utf-8").splitlines()[1:] == [
        "mine: no confirmation came within 1 s: rolling back",
        "mine: undone: write ********",
        "mine: rolled back",
    ]


def test_a_rollback_that_was_asked_for(tmp_path: Path) -> None:
    wanted = Run(tmp_path)
    run(wanted)
    answer = confirmation.ask({"action": ROLL_BACK})
    assert answer is not None
    assert (answer["state"], answer["complete"]) == (confirmation.ROLLED_BACK, True)
    assert not wanted.file.exists()
    assert confirmation.read_record() is None


def test_what_could_not_be_undone_is_stored_without_secrets(tmp_path: Path) -> None:
    run(Run(tmp_path, fails="undo"), seconds=1)
    wait_until_ended()
    record = confirmation.read_record()
    assert record is not None
    assert record.failures == ("write ********: undo failed with ********",)


@pytest.mark.parametrize("part", ["apply", "verify"])
def test_a_run_that_fails_is_undone_at_once(tmp_path: Path, part: str) -> None:
    wanted = Run(tmp_path, fails=part)
    with pytest.raises(FabricError, match=f"{part} failed with .*\nAll changes of this run were rolled back"):
        run(wanted)
    assert not wanted.file.exists()
    assert not os.path.exists(confirmation.SOCKET)
    assert confirmation.read_record() is None


def test_what_is_written_with_the_confirmation_fails(tmp_path: Path) -> None:
    wanted = Run(tmp_path, fails="complete")
    run(wanted)
    answer = confirmation.ask({"action": CONFIRM})
    assert answer is not None
    assert answer["state"] == confirmation.ROLLED_BACK
    assert answer["message"].startswith("what is written with the confirmation failed (complete failed with ")
    assert not wanted.file.exists()


def test_a_run_that_changes_nothing_waits_for_nothing(tmp_path: Path) -> None:
    assert "confirmation" not in run(Run(tmp_path, changed=False))
    assert not os.path.exists(confirmation.SOCKET)


def test_a_second_run_is_refused(tmp_path: Path) -> None:
    run(Run(tmp_path))
    with pytest.raises(FabricError, match="an earlier run"):
        run(Run(tmp_path))
    assert confirmation.ask({"action": ROLL_BACK}) is not None
