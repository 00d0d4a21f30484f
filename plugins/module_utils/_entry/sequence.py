# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the module sequence runs: several state modules one after the other in one process, and then probes.

Starting a module costs half a second, most of it Ansible's and Python's, whatever the module does. What one step has
read from the kernel the next one need not read again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.netns.fabric.plugins.module_utils._core.argspec import (
    argument_spec,
    mutually_exclusive,
    parse_call,
    required_one_of,
)
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError, InvalidEntries, Unfinished
from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._core.option_types import find_type_errors
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Plan, describe_assumptions
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call
from ansible_collections.netns.fabric.plugins.module_utils._core.runner import (
    FabricModule,
    exclusive_access,
    make_plan,
    open_host,
    plan_and_apply,
    run_and_exit,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.operations import MoveLink
from ansible_collections.netns.fabric.plugins.module_utils._probes import options as probe_options
from ansible_collections.netns.fabric.plugins.module_utils._probes.matrix import render_matrix
from ansible_collections.netns.fabric.plugins.module_utils._probes.model import Probe
from ansible_collections.netns.fabric.plugins.module_utils._probes.survey import survey
from ansible_collections.netns.fabric.plugins.module_utils._probes.verdict import (
    describe_failures,
    describe_refusals,
    describe_skipped,
    summarize,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.registry import RESOURCES
from ansible_collections.netns.fabric.plugins.module_utils._resources.things import ensure_link

ARGUMENT_SPEC: Mapping[str, Any] = {
    "steps": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "module": {"type": "str", "choices": sorted(RESOURCES), "required": True},
            "options": {"type": "dict", "required": True},
        },
    },
    "probes": {"type": "list", "elements": "dict", "default": []},
}

#: The backends that any step may use; only those that a step does use are opened.
BACKENDS = tuple(dict.fromkeys(backend for resource in RESOURCES.values() for backend in resource.backends))

#: The state of the host where an internal error ends the call.
STEP_ROLLED_BACK = "Changes made by this step were rolled back; changes made by earlier steps remain."


def run() -> None:
    """Be the module's main()."""
    module = FabricModule(argument_spec=dict(ARGUMENT_SPEC), supports_check_mode=True)

    def action() -> dict[str, Any]:
        return converge(module.params["steps"], module.check_mode, module.params["probes"])

    run_and_exit(module, action, STEP_ROLLED_BACK)


def converge(
    steps: Sequence[Mapping[str, Any]], check_mode: bool, probes: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """Plan all steps, run them in their order up to the first that fails, then the probes; return the module's result.

    Raises:
        FabricError: Nothing was written.
        Unfinished: A step failed and was rolled back, or a probe is not as expected; `result` has what remains.
    """
    calls, parsed_probes = _parse_steps(steps, probes, check_mode)
    with open_host(BACKENDS, check_mode) as host:
        with exclusive_access(host):
            plans = _simulate_steps(calls, host)
            if not check_mode:
                plans = _run_steps(calls, plans, host)
        named = [{"module": name, "changed": plan.changed, **plan.results} for (name, _call), plan in zip(calls, plans)]
        result = {**_merge_results(plans, host), "steps": named}
        # The lock is released first: probes can take a while, and need not keep others from changing the host.
        return {**result, **(run_probes(host, parsed_probes, result) if parsed_probes else {})}


def _simulate_steps(calls: Sequence[tuple[str, Call[Any]]], host: Host) -> list[Plan]:
    """Plan all steps, each as if the earlier ones had been applied: what one of them refuses changes nothing.

    After an error, later steps are planned all the same, so that all errors are reported at once.

    Raises:
        InvalidEntries: With the errors of all steps.
    """
    plans: list[Plan] = []
    errors: list[FabricError] = []
    ensured: frozenset[object] = frozenset()
    for name, call in calls:
        try:
            plans.append(_simulate_step(name, replace(call, ensured=ensured), host))
            ensured |= set(_moved_links(plans[-1]))
        except FabricError as error:
            errors.extend(_attribute(name, error))
        ensured |= {thing for wanted in call.entries for thing in RESOURCES[name].ensures(wanted)}
    if errors:
        raise InvalidEntries(errors)
    return plans


def _simulate_step(name: str, call: Call[Any], host: Host) -> Plan:
    plan = make_plan(RESOURCES[name], call, host)
    host.simulate(plan)
    return plan


def _attribute(module: str, error: FabricError) -> list[FabricError]:
    """Return the errors of a step, each with its module."""
    errors = error.errors if isinstance(error, InvalidEntries) else (error,)
    return [FabricError(f"netns.fabric.{module}: {each}") for each in errors]


def _moved_links(plan: Plan) -> Iterator[object]:
    """Yield the links that return to the host, or move elsewhere, without an entry that wants them there."""
    for _entry, operation in plan.operations:
        if isinstance(operation, MoveLink):
            yield from ensure_link(operation.to, operation.new_name, enabled=None, addresses=None)


def _run_steps(calls: Sequence[tuple[str, Call[Any]]], simulated: Sequence[Plan], host: Host) -> list[Plan]:
    """Apply the steps.

    Raises:
        Unfinished: A step failed and was rolled back; `result` has what the earlier ones changed.
    """
    host.end_simulation()
    done: list[Plan] = []
    for (name, call), plan in zip(calls, simulated):
        is_first = not any(earlier.changed for earlier in done)
        try:
            done.append(_run_step(name, call, host, plan if is_first else None))
        except FabricError as error:
            raise Unfinished(f"netns.fabric.{name}: {error}", _merge_results(done, host)) from error
    return done


def _run_step(name: str, call: Call[Any], host: Host, simulated: Plan | None) -> Plan:
    """Apply a step; `simulated` is its plan if no earlier step has changed anything: it was made for the real host."""
    if simulated is not None and not simulated.changed:
        return simulated
    return plan_and_apply(RESOURCES[name], call, host)


def run_probes(host: Host, probes: Sequence[Probe], result: Mapping[str, Any]) -> dict[str, Any]:
    """Run the probes and return their part of the module's result.

    Raises:
        Unfinished: A probe is not as expected; with `result`, which remains.
    """
    try:
        judged, context = survey(host, probes)
    except FabricError as error:
        raise Unfinished(f"netns.fabric.reachability: {error}", result) from error
    probed = {
        "matrix": render_matrix(judged),
        "summary": summarize(judged),
        "refused": describe_refusals(judged),
        "not_probed": describe_skipped(judged),
    }
    message = describe_failures(judged, context)
    if message:
        raise Unfinished(
            f"All steps were applied, but netns.fabric.reachability failed: {message}", {**result, **probed}
        )
    return probed


def _merge_results(plans: Sequence[Plan], host: Host) -> dict[str, Any]:
    """Return what was changed, in the order in which it was."""
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


def _parse_steps(
    steps: Sequence[Mapping[str, Any]], probes: Sequence[Mapping[str, Any]], check_mode: bool
) -> tuple[list[tuple[str, Call[Any]]], list[Probe]]:
    """Return the call of each step, by its module, and the probes.

    Raises:
        InvalidEntries: With every error in all of them.
    """
    calls: list[tuple[str, Call[Any]]] = []
    parsed_probes: list[Probe] = []
    errors: list[FabricError] = []
    for step in steps:
        name: str = step["module"]
        try:
            calls.append((name, parse_call(RESOURCES[name], _parameters(name, step["options"]), check_mode)))
        except FabricError as error:
            errors.extend(_attribute(name, error))
    try:
        given = {"probes": list(probes)}
        _check_types(probe_options.argument_spec(), given)
        parsed_probes = probe_options.probes_of(_validate(_PROBES, given))
    except FabricError as error:
        errors.extend(_attribute("reachability", error))
    if errors:
        raise InvalidEntries(errors)
    return calls, parsed_probes


def _parameters(name: str, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the parameters as Ansible would pass them to the module itself."""
    resource = RESOURCES[name]
    spec = argument_spec(resource)
    _check_types(spec, given)
    validator = ArgumentSpecValidator(
        spec,
        mutually_exclusive=mutually_exclusive(resource),
        required_one_of=required_one_of(resource),
    )
    return _validate(validator, given)


_PROBES = ArgumentSpecValidator(probe_options.argument_spec())


def _check_types(spec: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    errors = find_type_errors(spec, given)
    if errors:
        raise InvalidEntries(errors)


def _validate(validator: ArgumentSpecValidator, given: Mapping[str, Any]) -> Mapping[str, Any]:
    validated = validator.validate(dict(given))
    if validated.error_messages:
        raise FabricError("; ".join(validated.error_messages))
    parameters: Mapping[str, Any] = validated.validated_parameters
    return parameters
