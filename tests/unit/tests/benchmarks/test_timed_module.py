# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the time of a module's process is spent: every moment to one account, and every step to a row of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Change, Entry, Plan
from ansible_collections.netns.fabric.plugins.module_utils._entry import sequence
from ansible_collections.netns.fabric.plugins.module_utils._entry import steps as steps_module
from ansible_collections.netns.fabric.tests.benchmarks.records import ModuleRun, rows_of
from ansible_collections.netns.fabric.tests.benchmarks.rivals.timed_module import (
    PARTS_OF_A_STEP,
    Account,
    Ledger,
    Steps,
)


class Clock:
    """Time that passes only where a test lets it."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def work(self, seconds: float) -> None:
        self.now += seconds


def test_a_step_has_neither_the_imports_in_it_nor_what_is_around_it() -> None:
    clock = Clock()
    ledger = Ledger(clock)
    importing = ledger.imports(lambda: clock.work(5))

    def program(command: list[str]) -> None:
        clock.work(7)

    run = ledger.runs(program)

    def plan_and_apply() -> None:
        clock.work(1)
        importing()
        run(["/usr/bin/ovs-vsctl", "show"])
        run(["nft", "list", "ruleset"])

    step = ledger.step(plan_and_apply)
    clock.work(2)
    step()
    clock.work(3)
    step()
    clock.work(4)
    ledger.settle()
    assert ledger.seconds == {
        Account(0, "rest"): 9,
        Account(0, "imports"): 10,
        Account(1, "rest"): 8,
        Account(1, "ovs"): 7,
        Account(2, "rest"): 8,
        Account(2, "ovs"): 7,
    }
    assert sum(ledger.seconds.values()) == clock.now - 100


def test_an_import_within_an_import_is_counted_once() -> None:
    clock = Clock()
    ledger = Ledger(clock)
    inner = ledger.imports(lambda: clock.work(1))

    def outer() -> None:
        clock.work(1)
        inner()
        clock.work(1)

    ledger.imports(outer)()
    ledger.settle()
    assert ledger.seconds == {Account(0, "rest"): 0, Account(0, "imports"): 3}


def test_what_fails_is_closed_too() -> None:
    clock = Clock()
    ledger = Ledger(clock)

    def fail() -> None:
        clock.work(1)
        raise SystemExit

    with pytest.raises(SystemExit):
        ledger.step(fail)()
    clock.work(2)
    ledger.settle()
    assert ledger.seconds == {Account(0, "rest"): 2, Account(1, "rest"): 1}


def test_the_steps_of_the_real_sequence(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()

    @contextmanager
    def open_host(_backends: object, check_mode: bool) -> Iterator[object]:
        assert not check_mode
        clock.work(10)
        yield SimpleNamespace(simulate=lambda _plan: None, end_simulation=lambda: None, warnings=list)
        clock.work(5)

    @contextmanager
    def exclusive_access(_host: object) -> Iterator[None]:
        yield
        clock.work(15)

    def make_plan(resource: object, call: object, host: object) -> Plan:
        clock.work(1)
        return Plan((Change(Entry("red"), "red", None, None, ()),))

    def plan_and_apply(resource: object, call: object, host: object) -> Plan:
        clock.work(2)
        return Plan()

    def run_probes(host: object, probes: object, result: object) -> dict[str, Any]:
        clock.work(7)
        return {}

    # A real host, and the work on it, would take another time in every run.
    monkeypatch.setattr(sequence, "open_host", open_host)  # takes 15
    monkeypatch.setattr(sequence, "exclusive_access", exclusive_access)  # takes 15
    monkeypatch.setattr(steps_module, "make_plan", make_plan)  # takes 1
    monkeypatch.setattr(steps_module, "plan_and_apply", plan_and_apply)  # takes 2
    monkeypatch.setattr(sequence, "run_probes", run_probes)  # takes 7
    # So that it is undone: what is set below stays in the modules.
    for name in ("converge", *PARTS_OF_A_STEP["sequence"]):
        monkeypatch.setattr(sequence, name, getattr(sequence, name))
    for name in PARTS_OF_A_STEP["steps"]:
        monkeypatch.setattr(steps_module, name, getattr(steps_module, name))
    ledger = Ledger(clock)
    steps = Steps(sequence, steps_module, ledger)
    given = [
        {"module": "netns", "options": {"name": "red"}},
        {"module": "route", "options": {"destination": "default", "device": "lo"}},
        {"module": "netns", "options": {"name": "blue"}},
    ]
    sequence.converge(given, False, [{"to": "192.0.2.1"}])
    ledger.settle()
    assert steps.names == ["netns", "route", "netns", "reachability"]
    assert len(steps.peaks) == 4
    assert min(steps.peaks) > 1
    work = {Account(number, "rest"): 3 for number in (1, 2, 3)}
    assert ledger.seconds == {Account(0, "rest"): 30, **work, Account(4, "rest"): 7}


def test_the_rows_of_a_process_add_up_to_its_life() -> None:
    figures = [
        {"module": "sequence", "imports": 0.5, "ovs": 0.0, "rest": 0.25, "peak_mib": 40.0},
        {"module": "netns", "imports": 0.0, "ovs": 0.0, "rest": 1.0, "peak_mib": 30.0},
        {"module": "ovs_bridge", "imports": 0.0, "ovs": 2.0, "rest": 0.25, "peak_mib": 40.0},
    ]
    rows = rows_of(figures, 4.5)
    assert rows == [
        ModuleRun("sequence", 0.5, 0.5, 0.0, 0.25, 40.0),
        ModuleRun("netns", 0.0, 0.0, 0.0, 1.0, 30.0, within="sequence"),
        ModuleRun("ovs_bridge", 0.0, 0.0, 2.0, 0.25, 40.0, within="sequence"),
    ]
    assert sum(one.seconds for one in rows) == 4.5
