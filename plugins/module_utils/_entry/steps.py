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
    for group in _group_joint(steps):
        is_first = not any(earlier.changed for earlier in done)
        planned = simulated[len(done) : len(done) + len(group)] if is_first else None
        try:
            done.extend(_run_group(group, host, planned))
        except FabricError as error:
            names = ", ".join(f"netns.fabric.{step.module}" for step in group)
            raise Unfinished(f"{names}: {error}", merge_results(done, host)) from error
    return done


def _group_joint(steps: Sequence[Step]) -> list[list[Step]]:
    """Return the steps in groups of those that are applied as one.

    Their modules are different ones, so that what one of them creates is not created by another one, too.
    """
    groups: list[list[Step]] = []
    for step in steps:
        last = groups[-1] if groups else []
        is_joint = bool(step.resource.joint) and all(
            (other.resource.joint, other.call.options) == (step.resource.joint, step.call.options)
            and other.module != step.module
            for other in last
        )
        if last and is_joint:
            last.append(step)
        else:
            groups.append([step])
    return groups


def _run_group(group: Sequence[Step], host: Host, simulated: Sequence[Plan] | None) -> list[Plan]:
    """Apply steps as one: all of them or none."""
    if len(group) == 1:
        return [_run_step(group[0], host, simulated[0] if simulated else None)]
    if simulated is not None and not any(plan.changed for plan in simulated):
        return list(simulated)
    plans = simulate_steps(group, host)
    host.end_simulation()
    # The backend undoes to what it has read last, which is the host as it is.
    host.begin_call(group[0].call.options)
    group[0].resource.read(host, group[0].call)
    host.apply(Plan(tuple(change for plan in plans for change in plan.changes)))
    return plans


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
