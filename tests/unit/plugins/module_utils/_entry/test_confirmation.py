# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module confirmation: what it makes of the answer of the process that waits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core import confirmation
from ansible_collections.netns.fabric.plugins.module_utils._core.confirmation import Record
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError
from ansible_collections.netns.fabric.plugins.module_utils._entry import confirmation as entry

ROLLED_BACK = {"state": confirmation.ROLLED_BACK, "message": "no confirmation came", "complete": True}


@pytest.fixture(autouse=True)
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(confirmation, "SOCKET", str(tmp_path / "socket"))
    monkeypatch.setattr(confirmation, "RECORD", str(tmp_path / "record"))
    monkeypatch.setattr(entry, "require_root", lambda: None)


def decide(monkeypatch: pytest.MonkeyPatch, state: str, answer: Mapping[str, Any] | None) -> bool:
    monkeypatch.setattr(confirmation, "ask", lambda _request: answer)
    return entry.decide(state, "mine", check_mode=False)


def test_it_is_confirmed_or_rolled_back(monkeypatch: pytest.MonkeyPatch) -> None:
    assert decide(monkeypatch, "confirmed", {"state": "confirmed"})
    assert decide(monkeypatch, "rolled_back", ROLLED_BACK)
    assert not decide(monkeypatch, "rolled_back", None)


@pytest.mark.parametrize(
    ("state", "answer", "message"),
    [
        ("confirmed", {"error": "it is another one"}, "it is another one"),
        ("confirmed", ROLLED_BACK, "no confirmation came"),
        ("rolled_back", {**ROLLED_BACK, "complete": False, "message": "except for these"}, "except for these"),
        ("confirmed", None, "no run waits for a confirmation on this host"),
    ],
)
def test_it_fails(monkeypatch: pytest.MonkeyPatch, state: str, answer: Mapping[str, Any] | None, message: str) -> None:
    with pytest.raises(FabricError, match=message):
        decide(monkeypatch, state, answer)


def test_what_has_become_of_the_run_is_reported_once() -> None:
    confirmation.write_record(Record("mine", 30, confirmation.ROLLED_BACK, None, "no confirmation came within 30 s"))
    with pytest.raises(FabricError, match="no run waits"):
        entry.decide("confirmed", "another", check_mode=False)
    for check_mode in (True, False):
        with pytest.raises(FabricError, match=r"mine: no confirmation came within 30 s\. All of its changes"):
            entry.decide("confirmed", "mine", check_mode)
    with pytest.raises(FabricError, match="no run waits"):
        entry.decide("confirmed", "mine", check_mode=False)
