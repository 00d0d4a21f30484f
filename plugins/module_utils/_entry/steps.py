# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Steps: calls of state modules, planned together and carried out one after the other. Knows no Ansible."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError, InvalidEntries, Unfinished
from ansible_collections.netns.fabric.plugins.module_utils._core.execution import make_plan, plan_and_apply
from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._core.journal import BackendType
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Plan, describe_assumptions
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call, Resource
from ansible_collections.netns.fabric.plugins.module_utils._kernel.operations import MoveLink
from ansible_collections.netns.fabric.plugins.module_utils._resources.things import ensure_link


@dataclass(frozen=True)
class Step:
    """A call of a state module, by the module's name."""

    module: str
    resource: Resource[Any, Any]
    call: Call[Any]


def backends_of(steps: Iterable[Step]) -> tuple[BackendType[Any], ...]:
    """Return the backends that the steps may use; only those that a step does use are opened."""
    return tuple(dict.fromkeys(backend for step in steps for backend in step.resource.backends))


def simulate_steps(steps: Sequence[Step], host: Host) -> list[Plan]:
    """Plan all steps, each as if the earlier ones had been applied: what one of them refuses changes nothing.

    After an error, later steps are planned all the same, so that all errors are reported at once.

    Raises:
        InvalidEntries: With the errors of all steps.
    """
    plans: list[Plan] = []
    errors: list[FabricError] = []
    ensured: frozenset[object] = frozenset()
    for step in steps:
        try:
            plans.append(_simulate_step(replace(step, call=replace(step.call, ensured=ensured)), host))
            ensured |= set(_moved_links(plans[-1]))
        except FabricError as error:
            errors.extend(attribute(step.module, error))
        ensured |= {thing for wanted in step.call.entries for thing in step.resource.ensures(wanted)}
    if errors:
        raise InvalidEntries(errors)
    return plans


def _simulate_step(step: Step, host: Host) -> Plan:
    plan = make_plan(step.resource, step.call, host)
    host.simulate(plan)
    return plan


def attribute(module: str, error: FabricError) -> list[FabricError]:
    """Return the errors of a step, each with its module."""
    errors = error.errors if isinstance(error, InvalidEntries) else (error,)
    return [FabricError(f"netns.fabric.{module}: {each}") for each in errors]


def _moved_links(plan: Plan) -> Iterator[object]:
    """Yield the links that return to the host, or move elsewhere, without an entry that wants them there."""
    for _entry, operation in plan.operations:
        if isinstance(operation, MoveLink):
            yield from ensure_link(operation.to, operation.new_name, enabled=None, addresses=None)


def run_steps(steps: Sequence[Step], simulated: Sequence[Plan], host: Host) -> list[Plan]:
    """Apply the steps.

    Raises:
        Unfinished: A step failed and was rolled back; `result` has what the earlier ones changed.
    """
    host.end_simulation()
    done: list[Plan] = []
    for step, plan in zip(steps, simulated):
        is_first = not any(earlier.changed for earlier in done)
        try:
            done.append(_run_step(step, host, plan if is_first else None))
        except FabricError as error:
            raise Unfinished(f"netns.fabric.{step.module}: {error}", merge_results(done, host)) from error
    return done


def _run_step(step: Step, host: Host, simulated: Plan | None) -> Plan:
    """Apply a step; `simulated` is its plan if no earlier step has changed anything: it was made for the real host."""
    if simulated is not None and not simulated.changed:
        return simulated
    return plan_and_apply(step.resource, step.call, host)


def merge_results(plans: Sequence[Plan], host: Host) -> dict[str, Any]:
    """Return what was changed, in the order in which it was, and the warnings."""
    return {
        "invocation": {},  # Ansible would return all parameters once more.
        "changed": any(plan.changed for plan in plans),
        "diff": [difference for plan in plans for difference in plan.diff],
        "commands": [line for plan in plans for line in plan.commands],
        "warnings": [
            *describe_assumptions(dict.fromkeys(thing for plan in plans for thing in plan.assumed)),
            *dict.fromkeys(note for plan in plans for note in plan.notes),
            *host.warnings(),
        ],
    }


def name_results(steps: Sequence[Step], plans: Sequence[Plan]) -> list[Mapping[str, Any]]:
    """Return whether each step changed anything, and its further return values."""
    return [{"module": step.module, "changed": plan.changed, **plan.results} for step, plan in zip(steps, plans)]
