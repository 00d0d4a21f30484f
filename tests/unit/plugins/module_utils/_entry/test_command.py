# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command netns-fabric: its arguments, its attempts and its exit status."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError, Unavailable, Unfinished
from ansible_collections.netns.fabric.plugins.module_utils._entry import command
from ansible_collections.netns.fabric.plugins.module_utils._entry.boot_document import UnreadableDocument
from ansible_collections.netns.fabric.plugins.module_utils._entry.command_report import (
    DIFFERS,
    FAILED,
    OK,
    UNKNOWN,
    Report,
)


def act(monkeypatch: pytest.MonkeyPatch, *results: Any) -> list[str]:
    """Let `apply` have these results, one after the other; return the names that it is called with."""
    names: list[str] = []
    waiting = list(results)

    def apply(name: str) -> Report:
        names.append(name)
        result = waiting.pop(0)
        if isinstance(result, Exception):
            raise result
        return Report(name, result, "")

    monkeypatch.setitem(command._ACTIONS, "apply", apply)
    monkeypatch.setattr(command, "RETRY", 0.0)
    monkeypatch.setattr(command, "_peek", lambda _name: None)
    return names


@pytest.mark.parametrize(
    ("result", "status"),
    [
        (OK, OK),
        (DIFFERS, DIFFERS),
        (FabricError("refused"), FAILED),
        (Unfinished("refused", {"changed": True}), FAILED),
        (OSError(28, "No space left on device"), FAILED),
        (Unavailable("locked"), UNKNOWN),
        (UnreadableDocument("damaged"), UNKNOWN),
    ],
)
def test_exit_status(monkeypatch: pytest.MonkeyPatch, result: Any, status: int) -> None:
    act(monkeypatch, result)
    assert command.main(["apply", "lab"]) == status


def test_the_least_favourable_status_of_several(monkeypatch: pytest.MonkeyPatch) -> None:
    names = act(monkeypatch, FabricError("refused"), OK)
    assert command.main(["apply", "lab", "other"]) == FAILED
    assert names == ["lab", "other"]


def test_an_internal_error_is_reported_as_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    act(monkeypatch, ZeroDivisionError("a bug"))
    assert command.main(["apply", "lab"]) == FAILED
    printed = capsys.readouterr()
    assert "Internal error in netns.fabric" in printed.out
    assert "Traceback" in printed.err


def test_apply_waits_for_what_may_come(monkeypatch: pytest.MonkeyPatch) -> None:
    names = act(monkeypatch, FabricError("no NIC"), Unavailable("no answer"), OK)
    assert command.main(["apply", "--wait", "600", "lab"]) == OK
    assert len(names) == 3


def test_apply_does_not_wait_for_what_cannot_come(monkeypatch: pytest.MonkeyPatch) -> None:
    names = act(monkeypatch, UnreadableDocument("damaged"))
    assert command.main(["apply", "--wait", "600", "lab"]) == UNKNOWN
    assert len(names) == 1


@pytest.mark.parametrize("argv", [[], ["apply"], ["check"], ["delete"], ["repair", "lab"], ["status", "--wait", "1"]])
def test_wrong_usage(argv: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(argv)
    assert ended.value.code == UNKNOWN


def test_a_name_that_begins_with_a_hyphen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The units write `--` before every name."""
    names = act(monkeypatch, OK)
    assert command.main(["apply", "--wait", "0", "--", "-lab"]) == OK
    assert names == ["-lab"]
