# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""All or nothing: the journal, and how a plan is applied and rolled back."""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import (
    InvalidEntries,
    OperationFailed,
    Unavailable,
)
from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._core.journal import Backend, BackendType, Journal
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Change, Entry, Operation, Phase, Plan


@dataclass(frozen=True)
class Step:
    name: str
    phase: Phase = Phase.SETTINGS
    backend: str = "kernel"

    def commands(self) -> Sequence[str]:
        return [f"do {self.name}"]


class Ledger(Backend):
    """A backend that writes down what it is asked for; it can be made to refuse, and to fail to undo."""

    def __init__(
        self,
        done: list[str],
        refuses: str = "",
        cannot_undo: str = "",
        breaks: str = "",
        fails: Callable[[Sequence[Operation]], Exception] | None = None,
    ) -> None:
        self.done = done
        self.batches: list[list[str]] = []
        self.refuses, self.cannot_undo, self.breaks, self.fails = refuses, cannot_undo, breaks, fails
        self.committed = self.forgotten = 0

    def execute(self, operations: Sequence[Operation], journal: Journal) -> None:
        steps = [operation for operation in operations if isinstance(operation, Step)]
        self.batches.append([step.name for step in steps])
        if self.fails:
            raise self.fails(operations)
        for step in steps:
            if step.name == self.refuses:
                raise OperationFailed(step, f"{step.name} was refused", errno.EPERM)
            if step.name == self.breaks:
                raise ZeroDivisionError("a bug")
            self.done.append(step.name)
            journal.record(f"undo {step.name}", lambda step=step: self.undo(step))  # type: ignore[misc]  # mypy has no type for a lambda's default

    def undo(self, step: Step) -> None:
        if step.name == self.cannot_undo:
            raise OSError(errno.EIO, "no way back")
        assert self.done[-1] == step.name  # the newest first
        self.done.pop()

    def commit(self) -> None:
        self.committed += 1

    def forget(self) -> None:
        self.forgotten += 1


def _identity(backend: Backend) -> Backend:
    return backend


def host_with(**backends: Backend) -> Host:
    types = [BackendType(name, partial(_identity, backend)) for name, backend in backends.items()]
    host = Host(types)
    for each in types:
        host.use(each)
    return host


def plan(*changes: tuple[str, list[Step]]) -> Plan:
    return Plan(
        tuple(Change(Entry(name, "things", i), name, {}, {}, tuple(own)) for i, (name, own) in enumerate(changes))
    )


def test_a_plan_is_applied_and_committed() -> None:
    kernel = Ledger([])
    host_with(kernel=kernel).apply(plan(("a", [Step("1")]), ("b", [Step("2"), Step("3", Phase.RELEASE)])))
    assert kernel.done == ["3", "1", "2"]
    assert kernel.batches == [["3"], ["1", "2"]]
    assert kernel.committed >= 1


def test_what_was_read_is_forgotten_once_something_was_written() -> None:
    kernel, firewall = Ledger([]), Ledger([])
    host = host_with(kernel=kernel, firewall=firewall)
    host.apply(Plan())
    assert (kernel.forgotten, firewall.forgotten) == (0, 0)
    host.apply(plan(("a", [Step("1")])))
    assert kernel.forgotten >= 1
    assert firewall.forgotten >= 1


def test_nothing_is_opened_for_an_empty_plan() -> None:
    opened: list[str] = []

    def open_it() -> Ledger:
        opened.append("kernel")
        return Ledger([])

    host = Host([BackendType("kernel", open_it)])
    host.apply(Plan())
    host.close()
    assert opened == []
    host.apply(plan(("a", [Step("1")]), ("b", [Step("2", Phase.RELEASE)])))
    assert opened == ["kernel"]


def test_only_a_declared_backend_can_be_used() -> None:
    with pytest.raises(KeyError):
        Host().use(BackendType("kernel", lambda: Ledger([])))


def test_a_backend_gets_the_options_of_each_call() -> None:
    given: list[Any] = []

    class Asked(Ledger):
        def begin_call(self, options: Mapping[str, Any]) -> None:
            given.append(options)

    host = host_with(kernel=Asked([]))
    host.begin_call({"timeout": 3})
    assert given == [{}, {"timeout": 3}]


def test_what_was_planned_in_check_mode_is_simulated_from_the_next_call_on() -> None:
    simulated: list[str] = []

    class Simulating(Ledger):
        def simulate(self, operations: Sequence[Operation], _host: Any) -> None:
            simulated.extend(operation.name for operation in operations if isinstance(operation, Step))

    host = host_with(kernel=Simulating([]))
    host.simulate(plan(("a", [Step("1"), Step("2")])))
    assert simulated == []
    host.begin_call({})
    host.begin_call({})
    assert simulated == ["1", "2"]


def test_what_the_host_is_sure_to_refuse_is_reported_once_for_each_cause() -> None:
    class Restricted(Ledger):
        def refusals(self, operations: Sequence[Operation]) -> list[tuple[Operation, str]]:
            causes = {"1": "no right", "2": "no right", "3": "read-only"}
            steps = [operation for operation in operations if isinstance(operation, Step)]
            return [(step, causes[step.name]) for step in steps if step.name in causes]

    kernel = Restricted([])
    host = host_with(kernel=kernel)
    host.require_writable(plan(("a", [Step("4")])))
    with pytest.raises(InvalidEntries) as caught:
        host.require_writable(plan(("a", [Step("1")]), ("b", [Step("2"), Step("3")])))
    assert str(caught.value).splitlines() == ["things[0] (a): no right", "things[1] (b): read-only"]
    assert kernel.done == []


def test_operations_of_one_phase_and_backend_go_together() -> None:
    done: list[str] = []
    kernel, files = Ledger(done), Ledger(done)
    steps = [Step("1"), Step("2"), Step("3", backend="files"), Step("4", backend="files"), Step("5")]
    host_with(kernel=kernel, files=files).apply(plan(("a", steps)))
    assert done == ["1", "2", "3", "4", "5"]
    assert (kernel.batches, files.batches) == ([["1", "2"], ["5"]], [["3", "4"]])


def test_a_refusal_rolls_back_what_was_done_in_every_backend() -> None:
    done: list[str] = []
    kernel, files = Ledger(done), Ledger(done, refuses="5")
    steps = [Step("1"), Step("2", backend="files"), Step("3"), Step("4", backend="files"), Step("5", backend="files")]
    with pytest.raises(OperationFailed) as caught:
        host_with(kernel=kernel, files=files).apply(plan(("fine", []), ("bad", steps)))
    assert done == []
    assert (kernel.committed, files.committed) == (0, 0)
    assert str(caught.value) == (
        "things[1] (bad): 5 was refused\nAll changes made by this call were rolled back; the host is unchanged."
    )


def test_what_was_written_to_and_is_gone_rolls_back_everything() -> None:
    class Gone(Ledger):
        def verify(self) -> None:
            raise OperationFailed(None, "it is gone")

    done: list[str] = []
    backend = Gone(done)
    with pytest.raises(OperationFailed, match="it is gone\nAll changes") as caught:
        host_with(kernel=backend).apply(plan(("a", [Step("1")])))
    assert caught.value.rolled_back
    assert (done, backend.committed) == ([], 0)


def test_the_entry_is_found_though_others_want_the_same() -> None:
    twins = Step("same"), Step("same")
    kernel = Ledger([], fails=lambda operations: OperationFailed(operations[1], "refused"))
    with pytest.raises(OperationFailed, match=r"^things\[1\] \(b\): refused"):
        host_with(kernel=kernel).apply(plan(("a", [twins[0]]), ("b", [twins[1]])))


def test_a_refusal_that_belongs_to_no_single_operation() -> None:
    kernel = Ledger([], fails=lambda _operations: OperationFailed(None, "the transaction was refused"))
    with pytest.raises(OperationFailed, match=r"^the transaction was refused\n"):
        host_with(kernel=kernel).apply(plan(("a", [Step("1")])))


def test_failed_undo_is_reported_and_the_rest_is_rolled_back() -> None:
    kernel = Ledger([], refuses="3", cannot_undo="2")
    with pytest.raises(OperationFailed) as caught:
        host_with(kernel=kernel).apply(plan(("a", [Step("2"), Step("3")])))
    assert "Rollback was incomplete. These changes could not be undone:\nundo 2: [Errno 5] no way back" in str(
        caught.value
    )
    assert "the host is unchanged" not in str(caught.value)


def test_a_bug_rolls_back_what_was_done() -> None:
    kernel = Ledger([], breaks="3")
    with pytest.raises(ZeroDivisionError):
        host_with(kernel=kernel).apply(plan(("a", [Step("1"), Step("2"), Step("3")])))
    assert kernel.done == []


def test_a_bug_and_no_way_back() -> None:
    kernel = Ledger([], breaks="3", cannot_undo="2")
    with pytest.raises(OperationFailed, match=r"ZeroDivisionError[\s\S]*undo 2"):
        host_with(kernel=kernel).apply(plan(("a", [Step("2"), Step("3")])))


def test_a_backend_that_cannot_be_had_rolls_back_what_others_did() -> None:
    kernel = Ledger([])
    lacking = Ledger([], fails=lambda _operations: Unavailable("not installed"))
    with pytest.raises(Unavailable):
        host_with(kernel=kernel, ovs=lacking).apply(plan(("a", [Step("1"), Step("2", backend="ovs")])))
    assert kernel.done == []


def test_the_journal() -> None:
    journal = Journal()
    undone: list[str] = []
    for name in ("first", "second", "third"):
        journal.record(name, lambda name=name: undone.append(name))  # type: ignore[misc]  # mypy has no type for a lambda's default
    assert len(journal) == 3
    assert journal.roll_back() == []
    assert undone == ["third", "second", "first"]
    assert len(journal) == 0
    assert journal.roll_back() == []
