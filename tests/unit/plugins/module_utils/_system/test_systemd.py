# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""systemctl: how it is called, and what a rollback asks for. A stand-in for it writes down its arguments."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import OperationFailed, Unavailable
from ansible_collections.netns.fabric.plugins.module_utils._core.journal import Journal
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Operation
from ansible_collections.netns.fabric.plugins.module_utils._system import programs, systemd
from ansible_collections.netns.fabric.plugins.module_utils._system import systemd_operations as op
from ansible_collections.netns.fabric.plugins.module_utils._system.systemd import Systemd


@pytest.fixture(name="calls")
def fixture_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the stand-in first in PATH; return the file with its calls."""
    calls = tmp_path / "calls"
    program = tmp_path / "systemctl"
    program.write_text(
        f'#!/bin/sh\necho "$*" >> {calls}\ncase "$*" in show*) printf "active\\n\\ninactive\\n";; '
        '*bad*) echo "Unit bad not found." >&2; exit 5;; esac\n',
        encoding="utf-8",
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return calls


def test_states(calls: Path) -> None:
    assert Systemd().states(["a.service", "b.timer"]) == {"a.service": "active", "b.timer": "inactive"}
    assert calls.read_text(encoding="utf-8") == "show --property=ActiveState --value a.service b.timer\n"


def test_a_rollback_has_systemd_read_its_units_after_all_else(calls: Path) -> None:
    journal = Journal()
    operations: list[Operation] = [op.BeforeReload(), op.StopUnit("a"), op.ReloadUnits(), op.StartUnit("b")]
    Systemd().execute(operations, journal)
    assert journal.roll_back() == []
    assert calls.read_text(encoding="utf-8").splitlines() == [
        "stop a",
        "daemon-reload",
        "start b",
        "stop b",
        "start --no-block a",
        "daemon-reload",
    ]


def test_a_rollback_does_not_start_what_did_not_run(calls: Path) -> None:
    journal = Journal()
    Systemd().execute([op.StopUnit("a", restart=False)], journal)
    assert journal.roll_back() == []
    assert calls.read_text(encoding="utf-8") == "stop a\n"


def test_a_refusal_has_the_operation_and_the_reason(calls: Path) -> None:
    refused = op.StartUnit("bad")
    with pytest.raises(OperationFailed, match=r"`systemctl start bad` failed: Unit bad not found") as caught:
        Systemd().execute([refused], Journal())
    assert caught.value.operation is refused
    assert calls.exists()


def test_a_unit_that_is_no_longer_loaded_has_nothing_to_forget(calls: Path) -> None:
    Systemd().execute([op.ResetUnit("bad")], Journal())
    assert calls.read_text(encoding="utf-8") == "reset-failed bad\n"


@pytest.fixture
def bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand for a host that runs systemd, and for busctl; return the file with its calls."""
    calls = tmp_path / "calls"
    monkeypatch.setattr(systemd, "BOOTED", str(tmp_path))
    monkeypatch.setattr(systemd, "BUS", str(tmp_path / "bus"))
    monkeypatch.setattr(programs, "find", lambda name: str(tmp_path / name))
    (tmp_path / "bus").touch()
    (tmp_path / "busctl").write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {calls}\n', encoding="utf-8")
    (tmp_path / "busctl").chmod(0o755)
    return calls


def test_a_process_moves_into_a_scope_of_its_own(bus: Path) -> None:
    systemd.move_to_scope("What waits")
    assert bus.read_text(encoding="utf-8").splitlines()[4:] == [
        *("StartTransientUnit", "ssa(sv)a(sa(sv))", f"netns-fabric-confirmation-{os.getpid()}.scope", "fail", "3"),
        *("Description", "s", "What waits", "CollectMode", "s", "inactive-or-failed"),
        *("PIDs", "au", "1", str(os.getpid()), "0"),
    ]


def test_a_scope_that_systemd_refuses(bus: Path) -> None:
    bus.with_name("busctl").write_text('#!/bin/sh\necho "Access denied" >&2\nexit 1\n', encoding="utf-8")
    with pytest.raises(Unavailable, match=r"netns-fabric-confirmation-\d+\.scope, .*: Access denied"):
        systemd.move_to_scope("What waits")


def test_no_scope_without_a_bus(bus: Path) -> None:
    bus.with_name("bus").unlink()
    systemd.move_to_scope("What waits")
    assert not bus.exists()
