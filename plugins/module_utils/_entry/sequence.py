# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the module sequence runs: several state modules one after the other in one process, and then probes.

Starting a module costs half a second, most of it Ansible's and Python's, whatever the module does. What one step has
read from the kernel the next one need not read again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.argspec import argument_spec, parse_call, without_unset
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError, InvalidEntries, Unfinished
from ansible_collections.netns.fabric.plugins.module_utils._core.execution import exclusive_access, open_host
from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._core.runner import FabricModule, run_and_exit
from ansible_collections.netns.fabric.plugins.module_utils._entry.boot import BOOT, BootResource
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
}

#: The backends of the probes.
PROBE_BACKENDS = (KERNEL, FIREWALL)

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
    parsed, parsed_probes = _parse_steps(steps, probes, check_mode)
    with open_host((*backends_of(parsed), *PROBE_BACKENDS), check_mode) as host:
        with exclusive_access(host):
            plans = simulate_steps(parsed, host)
            if not check_mode:
                plans = run_steps(parsed, plans, host)
        result = {**merge_results(plans, host), "steps": name_results(parsed, plans)}
        # The lock is released first: probes can take a while, and need not keep others from changing the host.
        return {**result, **(run_probes(host, parsed_probes, result) if parsed_probes else {})}


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
