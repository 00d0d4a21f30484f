# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The run of a state module: read, plan and, unless in check mode, apply; and how every module ends."""

from __future__ import annotations

import gc
import os
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any, NoReturn

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.netns.fabric.plugins.module_utils._core import conditions
from ansible_collections.netns.fabric.plugins.module_utils._core.argspec import (
    argument_spec,
    mutually_exclusive,
    parse_call,
    required_one_of,
)
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import (
    FabricError,
    InvalidEntries,
    OperationFailed,
    Unavailable,
)
from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._core.journal import BackendType
from ansible_collections.netns.fabric.plugins.module_utils._core.option_types import find_type_errors
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call, Resource
from ansible_collections.netns.fabric.plugins.module_utils._core.secrets import find_notations, find_secrets
from ansible_collections.netns.fabric.plugins.module_utils._core.text import printable, printable_data

#: What has become of the host where an internal error ends the call of a module that changes it, or that only reads.
ROLLED_BACK = "All changes made by this call were rolled back."
NOTHING_CHANGED = "Nothing was changed."


class FabricModule(AnsibleModule):  # type: ignore[misc]  # ansible-core has no types
    """A module that hides the secrets in its options and in its result from all that it logs and returns.

    Ansible's own `no_log` is for a whole option; secrets here are keys of map options. Options of a wrong type are
    reported all at once, each with its entry.
    """

    params: dict[str, Any]

    def _set_internal_properties(self, *arguments: Any, **keywords: Any) -> None:
        """Check the options' types: the constructor calls this once it has them, and before it checks them itself."""
        super()._set_internal_properties(*arguments, **keywords)
        errors = find_type_errors(self.argument_spec, self.params)
        if errors:
            self.fail_json(msg=str(InvalidEntries(errors)))

    def _log_invocation(self) -> None:
        """Write the call to the host's log: the constructor does."""
        self._hide_secrets(self.params)
        super()._log_invocation()

    def exit_json(self, **result: Any) -> NoReturn:
        self._hide_secrets([self.params, result])
        self.params = printable_data(self.params)
        super().exit_json(**printable_data(result))
        raise AssertionError  # not reached

    def fail_json(self, msg: str, **result: Any) -> NoReturn:
        """End with an error; the constructor does too, where options are wrong."""
        self._hide_secrets([self.params, result])
        self.params = printable_data(self.params)
        super().fail_json(printable(msg), **printable_data(result))
        raise AssertionError  # not reached

    def _hide_secrets(self, data: Any) -> None:
        for secret in find_secrets(data):
            self.no_log_values.update(find_notations(secret))


def run(resource: Resource[Any, Any]) -> None:
    """Be a state module's main()."""
    module = FabricModule(
        argument_spec=argument_spec(resource),
        supports_check_mode=True,
        mutually_exclusive=mutually_exclusive(resource),
        required_one_of=required_one_of(resource),
    )
    run_and_exit(module, lambda: converge(resource, module.params, check_mode=module.check_mode))


def run_and_exit(module: FabricModule, action: Callable[[], dict[str, Any]], crash_note: str = ROLLED_BACK) -> None:
    """Run a module's action, and end the module with its result or its error.

    `crash_note` says what has become of the host where the system refuses something, or an internal error ends the
    call.
    """
    # The process ends with the call, and what it holds grows until then: to search it for garbage again and again takes
    # a tenth of the time where there is much, and finds none.
    gc.disable()
    try:
        result = action()
    except FabricError as error:
        module.fail_json(msg=str(error), **_give_warnings(module, error.result))
    except OSError as error:
        module.fail_json(msg=f"{conditions.describe(error)}. {crash_note}")
    except Exception as error:  # noqa: BLE001  # an internal error: a message and a report, never a bare traceback
        message = f"Internal error in netns.fabric (please report it): {error!r}. {crash_note}"
        module.fail_json(msg=message, exception=traceback.format_exc())
    module.exit_json(**_give_warnings(module, result))


def _give_warnings(module: FabricModule, result: Mapping[str, Any]) -> dict[str, Any]:
    """Give the result's warnings to Ansible, which no longer takes them from a result; return the rest."""
    for warning in result.get("warnings", ()):
        module.warn(printable(warning))
    return {name: value for name, value in result.items() if name != "warnings"}


def converge(resource: Resource[Any, Any], params: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    """Carry out a whole call and return the module's result.

    Raises:
        FabricError: With a message for the user; nothing of the call is left on the host.
    """
    call = parse_call(resource, params, check_mode)
    with exclusive_host(resource.backends, check_mode) as host:
        plan = plan_and_apply(resource, call, host)
        warnings = [*plan.warnings, *host.warnings()]
    return {
        "changed": plan.changed,
        "diff": plan.diff,
        "commands": plan.commands,
        "warnings": warnings,
        **plan.results,
    }


def require_root() -> None:
    """Raise Unavailable where the module does not run as root."""
    if os.geteuid() != 0:
        raise Unavailable("this needs root on the managed host: set `become: true` on the task or the play")


@contextmanager
def open_host(backends: Iterable[BackendType[Any]], check_mode: bool) -> Iterator[Host]:
    """Open the managed host, and close it at the end.

    Raises:
        Unavailable: Not as root.
    """
    require_root()
    with closing(Host(backends, check_mode)) as host:
        yield host


@contextmanager
def exclusive_host(backends: Iterable[BackendType[Any]], check_mode: bool) -> Iterator[Host]:
    """Open the managed host and keep other calls out until it is closed.

    Raises:
        Unavailable: Not as root, or another call has not ended in time.
    """
    with open_host(backends, check_mode) as host, exclusive_access(host):
        yield host


@contextmanager
def exclusive_access(host: Host) -> Iterator[None]:
    """Keep other calls out until what was done to the host has settled.

    Raises:
        Unavailable: Another call has not ended in time.
    """
    with host.locked():
        yield
        host.settle()


def make_plan(resource: Resource[Any, Any], call: Call[Any], host: Host) -> Plan:
    """Read and plan.

    Raises:
        FabricError: What is asked for cannot be on this host.
    """
    host.begin_call(call.options)
    plan = resource.plan(resource.read(host, call), call)
    host.require_writable(plan)
    return plan


def plan_and_apply(resource: Resource[Any, Any], call: Call[Any], host: Host) -> Plan:
    """Read, plan and, unless in check mode, apply.

    Raises:
        FabricError: Nothing of the call is left on the host.
    """
    plan = make_plan(resource, call, host)
    if call.check_mode:
        return plan
    try:
        host.apply(plan)
    except OperationFailed as failure:
        interference = _find_interference(resource, call, host, plan) if failure.rolled_back else None
        if interference is None:
            raise
        raise OperationFailed(failure.operation, f"{failure}\n{interference}", failure.number, True) from failure
    return plan


def _find_interference(resource: Resource[Any, Any], call: Call[Any], host: Host, plan: Plan) -> str | None:
    """Return what another program has changed during a call that was rolled back; None where nothing is found.

    The host is then as it was read, and the call would be planned as it was.
    """
    cause = "Another program has changed the host during this call"
    try:
        host.begin_call(call.options)
        now = resource.plan(resource.read(host, call), call)
    except FabricError as error:
        return f"{cause}: {error}"
    except OSError:  # the reason of the failure is reported, and no further one
        return None
    # Not the commands: a re-created row has another UUID in them, and a re-created rule another handle.
    return None if now.diff == plan.diff else f"{cause}, which now needs other changes; run it again."
