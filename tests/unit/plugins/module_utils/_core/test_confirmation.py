# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What other calls see of a run that waits for its confirmation."""

from __future__ import annotations

import json
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core import confirmation
from ansible_collections.netns.fabric.plugins.module_utils._core.confirmation import Record
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import Unavailable


@pytest.fixture(autouse=True, name="record")
def fixture_record(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(confirmation, "SOCKET", str(tmp_path / "socket"))
    monkeypatch.setattr(confirmation, "RECORD", str(tmp_path / "record"))
    return tmp_path / "record"


@pytest.fixture
def keeper(record: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(record.with_name("socket")))
        listening.listen()
        yield listening


@pytest.mark.parametrize(("given", "seconds"), [(0, 0), ("0", 0), (5, 5), ("60", 60), (300, 300)])
def test_the_time_to_confirm(given: object, seconds: int) -> None:
    assert confirmation.confirmation_time(given) == seconds


@pytest.mark.parametrize(
    ("given", "message"), [(4, "too few to connect again; give 0 for none, or at least 5"), (301, "300"), ("a", "a")]
)
def test_a_wrong_time_to_confirm(given: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        confirmation.confirmation_time(given)


def test_a_record_is_for_root_alone_and_comes_back_as_it_was(record: Path) -> None:
    written = Record("mine", 30, confirmation.ROLLED_BACK, 12.5, "no confirmation came", ("ip link set a up: no",))
    confirmation.write_record(written)
    assert stat.S_IMODE(record.stat().st_mode) == 0o600
    assert confirmation.read_record() == written
    confirmation.remove_record()
    assert confirmation.read_record() is None
    confirmation.remove_record()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"id": "mine"}', json.dumps({"failures": [], "more": 1})])
def test_a_damaged_record_is_none(record: Path, content: str) -> None:
    record.write_text(content, encoding="utf-8")
    assert confirmation.read_record() is None


def test_a_record_that_cannot_be_written(record: Path) -> None:
    record.with_name("record.new").mkdir()
    with pytest.raises(Unavailable, match="cannot store that a run waits"):
        confirmation.write_record(Record("mine", 30, confirmation.RUNNING))


def test_nobody_waits(record: Path) -> None:
    confirmation.require_none_pending()
    assert confirmation.ask({"action": "confirm"}) is None
    confirmation.write_record(Record("mine", 30, confirmation.WAITING, time.monotonic() + 30))
    confirmation.require_none_pending()
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(record.with_name("socket")))
    confirmation.require_none_pending()


@pytest.mark.usefixtures("keeper")
def test_another_run_is_refused_while_one_waits() -> None:
    with pytest.raises(confirmation.PendingConfirmation, match="an earlier run is still going on"):
        confirmation.require_none_pending()
    confirmation.write_record(Record("mine", 30, confirmation.WAITING, time.monotonic() + 29.9))
    with pytest.raises(confirmation.PendingConfirmation, match=r"\(mine\) waits .* rolled back in (30|29) s without"):
        confirmation.require_none_pending()


def test_what_has_become_of_the_earlier_run_is_reported_once(record: Path) -> None:
    assert confirmation.report_earlier_run(check_mode=False) == []
    confirmation.write_record(Record("mine", 30, confirmation.ROLLED_BACK, None, "no confirmation came", ("x: y",)))
    for check_mode in (True, False):
        [warning] = confirmation.report_earlier_run(check_mode)
        assert warning.endswith(
            "(mine) was not confirmed: no confirmation came. Its changes were rolled back, except for these, which "
            "could not be undone:\nx: y"
        )
    assert not record.exists()
    confirmation.write_record(Record("mine", 30, confirmation.WAITING, 1.0))
    [warning] = confirmation.report_earlier_run(check_mode=False)
    assert "(mine) was killed: the changes of that run were neither confirmed nor rolled back" in warning
