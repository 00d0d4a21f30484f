# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The run of a module under Ansible: its options, its result, and how it ends."""

from __future__ import annotations

import gc
import traceback
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.netns.fabric.plugins.module_utils._core import conditions
from ansible_collections.netns.fabric.plugins.module_utils._core.argspec import (
    argument_spec,
    mutually_exclusive,
    required_one_of,
)
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import (
    FabricError,
    InvalidEntries,
)
from ansible_collections.netns.fabric.plugins.module_utils._core.execution import converge
from ansible_collections.netns.fabric.plugins.module_utils._core.option_types import find_type_errors
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Resource
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
    except (OSError, MemoryError) as error:
        module.fail_json(msg=f"{conditions.explain(error)}. {crash_note}")
    except Exception as error:  # noqa: BLE001  # an internal error: a message and a report, never a bare traceback
        message = f"Internal error in netns.fabric (please report it): {error!r}. {crash_note}"
        module.fail_json(msg=message, exception=traceback.format_exc())
    module.exit_json(**_give_warnings(module, result))


def _give_warnings(module: FabricModule, result: Mapping[str, Any]) -> dict[str, Any]:
    """Give the result's warnings to Ansible, which no longer takes them from a result; return the rest."""
    for warning in result.get("warnings", ()):
        module.warn(printable(warning))
    return {name: value for name, value in result.items() if name != "warnings"}
