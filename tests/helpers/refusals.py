# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Operations of a plan that fail in turn: a module is run in this process, with one handler or one request refused."""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.netns.fabric.plugins.module_utils._core.argspec import argument_spec
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import OperationFailed
from ansible_collections.netns.fabric.plugins.module_utils._core.execution import converge
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Operation
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Resource
from ansible_collections.netns.fabric.plugins.module_utils._kernel import handlers, requests
from ansible_collections.netns.fabric.plugins.module_utils._kernel.batch import Batch
from ansible_collections.netns.fabric.plugins.module_utils._system import files
from ansible_collections.netns.fabric.tests.helpers import snapshot


def run_inside(resource: Resource[Any, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Run a module in this process, where its handlers can be made to fail."""
    validator = ArgumentSpecValidator(argument_spec(resource))
    validated = validator.validate(dict(params))
    assert not validated.error_messages
    return converge(resource, validated.validated_parameters, check_mode=False)


def refusal_of(resource: Resource[Any, Any], params: Mapping[str, Any]) -> str | None:
    """Return the message of the failure; None where the call succeeded, and changed something."""
    try:
        assert run_inside(resource, params)["changed"]
    except OperationFailed as failure:
        return str(failure)
    return None


class Refusals:
    """Makes one operation of a plan fail, the first, the second, ... in the order in which they are executed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch
        self.count = 0
        self.at = -1

    def by_the_handler(self) -> None:
        """Refuse the operation before it is requested."""
        # Most operations of a healthy host cannot be made to fail from outside.
        for table in (handlers.HANDLERS, files._HANDLERS):
            for kind, handler in list(table.items()):
                self._patch.setitem(table, kind, self._failing(handler))  # type: ignore[arg-type]  # no other code changes these tables

    def by_the_kernel(self) -> None:
        """Have the kernel refuse one request among many that were sent, and execute those after it."""
        add = Batch.add

        def failing(batch: Any, operation: Operation, namespace: Any, request: bytearray, undo: Any) -> None:
            self.count += 1
            bad = requests.delete_link(0x7FFFFFFE)  # there is no such link: ENODEV
            add(batch, operation, namespace, bad if self.count - 1 == self.at else request, undo)

        self._patch.setattr(Batch, "add", failing)

    def _failing(self, handler: Callable[..., None]) -> Callable[..., None]:
        def failing(*arguments: Any) -> None:
            self.count += 1
            if self.count - 1 == self.at:
                raise OSError(errno.EIO, "refused for the test")
            handler(*arguments)

        return failing


def refuse_each(
    monkeypatch: pytest.MonkeyPatch, by: str, resource: Resource[Any, Any], params: Mapping[str, Any]
) -> int:
    """Run a module with its first operation refused, its second, ..., and at last with none; return how many it has.

    After each refusal the host has to be as it was. `by` is "the_handler" or "the_kernel".
    """
    before = snapshot.take()
    refusals = Refusals(monkeypatch)
    getattr(refusals, f"by_{by}")()
    while True:
        refusals.at += 1
        refusals.count = 0
        failure = refusal_of(resource, params)
        if failure is None:
            return refusals.at
        assert refusals.count > refusals.at, f"refused without being made to fail: {failure}"
        assert failure.endswith("the host is unchanged."), f"{refusals.at}: {failure}"
        snapshot.assert_unchanged(before, f"the host after {failure}")


def refuse_deletions(
    monkeypatch: pytest.MonkeyPatch, resource: Resource[Any, Any], params: Mapping[str, Any], before: int = 1
) -> None:
    """Run a module that deletes links; the kernel refuses those of all namespaces, but of so many `before` them."""
    sent: list[int] = []
    delete_group = requests.delete_group

    def refuse(group: int) -> bytearray:
        sent.append(group)
        return delete_group(group) if len(sent) <= before else requests.delete_link(1)  # the loopback: EOPNOTSUPP

    with monkeypatch.context() as patched:
        # Nothing makes the kernel refuse the deletion of one link after that of another.
        patched.setattr(requests, "delete_group", refuse)
        failure = refusal_of(resource, params)
    assert failure is not None
    assert failure.endswith("the host is unchanged."), failure
    assert len(sent) > before
