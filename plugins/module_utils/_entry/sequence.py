# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Several of the state modules one after the other in one process, and then probes of what they have made.

Starting a module costs half a second, most of it Ansible's and Python's, whatever the module has to do; and what one
has read of the kernel the next one need not read again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.netns.fabric.plugins.module_utils._core.argspec import (
    argument_spec,
    mutually_exclusive,
    parse_call,
    required_one_of,
)
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError, InvalidEntries, Unfinished
from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call
from ansible_collections.netns.fabric.plugins.module_utils._core.runner import (
    exclusive_access,
    open_host,
    plan_and_apply,
    run_and_exit,
)
from ansible_collections.netns.fabric.plugins.module_utils._probes import options as probe_options
from ansible_collections.netns.fabric.plugins.module_utils._probes.matrix import render_matrix
from ansible_collections.netns.fabric.plugins.module_utils._probes.model import Probe
from ansible_collections.netns.fabric.plugins.module_utils._probes.survey import survey
from ansible_collections.netns.fabric.plugins.module_utils._probes.verdict import describe_failures, summarize
from ansible_collections.netns.fabric.plugins.module_utils._resources.registry import RESOURCES

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


#: What any of the steps may use; only what one does use is opened.
BACKENDS = tuple(dict.fromkeys(backend for resource in RESOURCES.values() for backend in resource.backends))


def run() -> None:
    """The module's main()."""
    module = AnsibleModule(argument_spec=dict(ARGUMENT_SPEC), supports_check_mode=True)

    def work() -> dict[str, Any]:
        return converge(module.params["steps"], module.check_mode, module.params["probes"])

    run_and_exit(module, work, "What the step had done was taken back; what the steps before it have done stays.")


def converge(
    steps: Sequence[Mapping[str, Any]], check_mode: bool, probes: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """All steps in their order, up to the first that fails, then the probes.

    Raises:
        FabricError: Nothing has been written.
        Unfinished: A step, and what it had done itself was taken back; or a probe is not as expected.
    """
    calls, asked = _understood(steps, probes, check_mode)
    with open_host(BACKENDS, check_mode) as host:
        with exclusive_access(host):
            done = _carried_out(calls, host)
        named = [{"module": name, "changed": plan.changed, **plan.results} for (name, _call), plan in zip(calls, done)]
        result = {**_together(done), "steps": named}
        # Others may change the host again meanwhile: probes can take their time.
        return {**result, **(probed(host, asked, result) if asked else {})}


def _carried_out(calls: Sequence[tuple[str, Call[Any]]], host: Host) -> list[Plan]:
    _refuse_early(calls, host)
    done: list[Plan] = []
    for name, call in calls:
        try:
            done.append(plan_and_apply(RESOURCES[name], call, host))
        except FabricError as error:
            raise Unfinished(f"netns.fabric.{name}: {error}", _together(done)) from error
    return done


def _refuse_early(calls: Sequence[tuple[str, Call[Any]]], host: Host) -> None:
    """What a later step is sure to refuse is refused before the first one writes: half a teardown helps nobody.

    Raises:
        FabricError: Nothing has been written.
    """
    first: dict[str, Call[Any]] = {}
    for name, call in calls:
        first.setdefault(name, call)  # what a second one finds depends on what this one does
    for name, call in list(first.items())[1:]:  # the first of all refuses before it writes anyway
        resource = RESOURCES[name]
        if resource.preflight:
            host.begin_call(call.options)
            try:
                resource.plan(resource.read(host, call), call)
            except FabricError as error:
                raise FabricError(f"netns.fabric.{name}: {error}") from error


def probed(host: Host, probes: Sequence[Probe], result: Mapping[str, Any]) -> dict[str, Any]:
    """What the probes have shown.

    Raises:
        Unfinished: One is not as expected; with `result`, which stays.
    """
    try:
        judged, context = survey(host, probes)
    except FabricError as error:
        raise Unfinished(f"netns.fabric.reachability: {error}", result) from error
    shown = {"matrix": render_matrix(judged), "summary": summarize(judged)}
    message = describe_failures(judged, context)
    if message:
        raise Unfinished(f"All steps are done, but netns.fabric.reachability finds: {message}", {**result, **shown})
    return shown


def _together(plans: Sequence[Plan]) -> dict[str, Any]:
    """What was changed, in the order in which it was."""
    return {
        "invocation": {},  # Ansible would return all parameters once more.
        "changed": any(plan.changed for plan in plans),
        "diff": [difference for plan in plans for difference in plan.diff],
        "commands": [line for plan in plans for line in plan.commands],
        "warnings": [warning for plan in plans for warning in plan.warnings],
    }


def _understood(
    steps: Sequence[Mapping[str, Any]], probes: Sequence[Mapping[str, Any]], check_mode: bool
) -> tuple[list[tuple[str, Call[Any]]], list[Probe]]:
    """What each step asks for, and the probes; or every mistake in all of them."""
    calls: list[tuple[str, Call[Any]]] = []
    asked: list[Probe] = []
    mistakes: list[FabricError] = []
    for step in steps:
        name: str = step["module"]
        try:
            calls.append((name, parse_call(RESOURCES[name], _parameters(name, step["options"]), check_mode)))
        except FabricError as error:
            mistakes.append(FabricError(f"netns.fabric.{name}: {error}"))
    try:
        asked = probe_options.probes_of(_validated(_PROBES, {"probes": list(probes)}))
    except FabricError as error:
        mistakes.append(FabricError(f"netns.fabric.reachability: {error}"))
    if mistakes:
        raise InvalidEntries(mistakes)
    return calls, asked


def _parameters(name: str, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The parameters as the module itself would have had them from Ansible."""
    resource = RESOURCES[name]
    validator = ArgumentSpecValidator(
        argument_spec(resource),
        mutually_exclusive=mutually_exclusive(resource),
        required_one_of=required_one_of(resource),
    )
    return _validated(validator, given)


_PROBES = ArgumentSpecValidator(probe_options.argument_spec())


def _validated(validator: ArgumentSpecValidator, given: Mapping[str, Any]) -> Mapping[str, Any]:
    validated = validator.validate(dict(given))
    if validated.error_messages:
        raise FabricError("; ".join(validated.error_messages))
    parameters: Mapping[str, Any] = validated.validated_parameters
    return parameters
