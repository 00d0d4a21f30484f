# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the module sequence runs: several state modules one after the other in one process, and then probes.

Starting a module costs half a second, most of it Ansible's and Python's, whatever the module does. What one step has
read from the kernel the next one need not read again.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.argspec import argument_spec, parse_call, without_unset
from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.confirmation import (
    confirmation_time,
    report_earlier_run,
    require_none_pending,
)
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError, InvalidEntries, Unfinished
from ansible_collections.netns.fabric.plugins.module_utils._core.execution import exclusive_access, make_plan, open_host
from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.runner import FabricModule, run_and_exit
from ansible_collections.netns.fabric.plugins.module_utils._core.secrets import find_notations, find_secrets
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import owner_name
from ansible_collections.netns.fabric.plugins.module_utils._entry.boot import BOOT, BootResource
from ansible_collections.netns.fabric.plugins.module_utils._entry.keeper import Confirmation, run_kept
from ansible_collections.netns.fabric.plugins.module_utils._entry.step_options import validate, validate_step
from ansible_collections.netns.fabric.plugins.module_utils._entry.steps import (
    Step,
    attribute,
    backends_of,
    merge_results,
    name_results,
    run_steps,
    simulate_steps,
)
from ansible_collections.netns.fabric.plugins.module_utils._firewall.backend import FIREWALL
from ansible_collections.netns.fabric.plugins.module_utils._kernel.access import KERNEL
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

#: The modules that a step can call.
MODULES = {**RESOURCES, BOOT: BootResource()}

ARGUMENT_SPEC: Mapping[str, Any] = {
    "steps": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "module": {"type": "str", "choices": sorted(MODULES), "required": True},
            "options": {"type": "dict", "required": True},
        },
    },
    "probes": {"type": "list", "elements": "dict", "default": []},
    "confirm": {
        "type": "dict",
        "options": {"seconds": {"type": "int", "required": True}, "id": {"type": "str"}},
    },
}

#: The backends of the probes.
PROBE_BACKENDS = (KERNEL, FIREWALL)

#: The state of the host where an internal error ends the call.
STEP_ROLLED_BACK = "Changes made by this step were rolled back; changes made by earlier steps remain."


def run() -> None:
    """Be the module's main()."""
    module = FabricModule(argument_spec=dict(ARGUMENT_SPEC), supports_check_mode=True)

    def action() -> dict[str, Any]:
        return converge(module.params["steps"], module.check_mode, module.params["probes"], module.params["confirm"])

    run_and_exit(module, action, STEP_ROLLED_BACK)


def converge(
    steps: Sequence[Mapping[str, Any]],
    check_mode: bool,
    probes: Sequence[Mapping[str, Any]] = (),
    confirm: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Plan all steps, run them in their order up to the first that fails, then the probes; return the module's result.

    Raises:
        FabricError: Nothing was written.
        Unfinished: A step failed and was rolled back, or a probe is not as expected; `result` has what remains.
    """
    wanted = _parse_confirmation(confirm, steps)
    run = _Run(*_parse_steps(steps, probes, check_mode))
    backends = (*backends_of(run.steps), *PROBE_BACKENDS)
    if wanted is not None and not check_mode:
        return run_kept(run, backends, wanted)
    with open_host(backends, check_mode) as host:
        with exclusive_access(host):
            require_none_pending()
            warnings = report_earlier_run(check_mode)
            result = run.simulate(host, is_kept=wanted is not None) if check_mode else run.carry_out(host)
        result["warnings"] = [*warnings, *result["warnings"]]
        # The lock is released first: probes can take a while, and need not keep others from changing the host.
        return {**result, **run.verify(host, result)}


class _Run:
    """The steps and the probes of a call."""

    def __init__(self, steps: Sequence[Step], probes: Sequence[Probe]) -> None:
        self.steps = steps
        self._probes = probes
        self._deferred: list[Plan] = []

    def simulate(self, host: Host, is_kept: bool) -> dict[str, Any]:
        """Plan all steps, and return the result of a check."""
        if is_kept:
            host.keep_journal()
        return self._result(simulate_steps(self.steps, host), host)

    def carry_out(self, host: Host) -> dict[str, Any]:
        """Apply all steps, and return the result."""
        return self._result(run_steps(self.steps, simulate_steps(self.steps, host), host), host)

    def apply(self, host: Host) -> dict[str, Any]:
        """Apply all steps but those that store the topology: a host that starts again is to have the confirmed one."""
        simulated = simulate_steps(self.steps, host)
        now = [number for number, step in enumerate(self.steps) if not isinstance(step.resource, BootResource)]
        done = run_steps([self.steps[number] for number in now], [simulated[number] for number in now], host)
        plans = dict(zip(now, done))
        for number, step in enumerate(self.steps):
            if number not in plans:
                plans[number] = make_plan(step.resource, step.call, host)
                # Complete with the archive: the package that it is built from does not outlive the module.
                self._deferred.append(plans[number])
        return self._result([plans[number] for number in range(len(self.steps))], host)

    def verify(self, host: Host, result: Mapping[str, Any]) -> dict[str, Any]:
        """Run the probes and return their part of the result."""
        return run_probes(host, self._probes, result) if self._probes else {}

    def complete(self, host: Host) -> None:
        """Store the topology."""
        for plan in self._deferred:
            host.apply(plan)

    def _result(self, plans: Sequence[Plan], host: Host) -> dict[str, Any]:
        return {**merge_results(plans, host), "steps": name_results(self.steps, plans)}


def _parse_confirmation(given: Mapping[str, Any] | None, steps: Sequence[Mapping[str, Any]]) -> Confirmation | None:
    """Return the confirmation that the call is to wait for; None for none.

    Raises:
        InvalidEntry: It is wrong.
    """
    if given is None:
        return None
    checks = Checks(Entry("the call"))
    seconds = checks.value("confirm.seconds", confirmation_time, given["seconds"])
    name = given["id"] if given["id"] is not None else os.urandom(8).hex()
    checks.value("confirm.id", owner_name, name)
    checks.done()
    if not seconds:
        return None
    return Confirmation(name, seconds, {each for secret in find_secrets(steps) for each in find_notations(secret)})


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


def _parse_steps(
    steps: Sequence[Mapping[str, Any]], probes: Sequence[Mapping[str, Any]], check_mode: bool
) -> tuple[list[Step], list[Probe]]:
    """Return the call of each step, by its module, and the probes.

    Raises:
        InvalidEntries: With every error in all of them.
    """
    parsed: list[Step] = []
    parsed_probes: list[Probe] = []
    errors: list[FabricError] = []
    earlier: list[Mapping[str, Any]] = []  # the validated steps so far, which the module boot stores
    for step in steps:
        name: str = step["module"]
        resource = MODULES[name]
        try:
            params = validate_step(resource, step["options"])
            if isinstance(resource, BootResource):
                resource = BootResource(tuple(earlier))
            else:
                earlier.append({"module": name, "options": without_unset(argument_spec(resource), params)})
            parsed.append(Step(name, resource, parse_call(resource, params, check_mode)))
        except FabricError as error:
            errors.extend(attribute(name, error))
    try:
        given = {"probes": list(probes)}
        parsed_probes = probe_options.probes_of(validate(probe_options.argument_spec(), given))
    except FabricError as error:
        errors.extend(attribute("reachability", error))
    if errors:
        raise InvalidEntries(errors)
    return parsed, parsed_probes
