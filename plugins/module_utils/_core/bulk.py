# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What all state modules share: the argument spec of single form and bulk list, and the run loop.

The loop is the life of a run: argument spec -> desired -> read -> plan -> apply.
"""

from __future__ import annotations

import gc
import os
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.netns.fabric.plugins.module_utils._core import validation
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import (
    FabricError,
    InvalidEntries,
    InvalidEntry,
    Unavailable,
)
from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry, Plan

Desired = TypeVar("Desired")
Actual = TypeVar("Actual")

STATE: Mapping[str, Any] = {"type": "str", "choices": ["present", "absent"], "default": "present"}
OWNER_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "owner": {"type": "str"},
    "prune": {"type": "bool", "default": False},
}


@dataclass(frozen=True)
class Call(Generic[Desired]):
    """One module call: its entries and what holds for all of them."""

    entries: tuple[Desired, ...]
    owner: str | None = None
    prune: bool = False
    check_mode: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)


class Resource(ABC, Generic[Desired, Actual]):
    """One kind of thing that a state module manages."""

    #: The bulk list's option.
    list_option: str
    #: The option that names an entry, in messages and as the one required option of the single form.
    identity: str
    #: The argument spec of one entry, without `state`.
    entry_options: Mapping[str, Mapping[str, Any]]
    #: Options of the call as a whole.
    call_options: Mapping[str, Mapping[str, Any]] = OWNER_OPTIONS
    #: Whether what it refuses is refused whatever other modules do before.
    refuses_by_itself = False

    @abstractmethod
    def desired(self, entry: Entry, options: Mapping[str, Any]) -> Desired:
        """What an entry asks for.

        Raises:
            InvalidEntry: It asks for something that cannot be.
        """

    @abstractmethod
    def key(self, desired: Desired) -> object:
        """What no two entries of a call may share."""

    @abstractmethod
    def read(self, host: Host, call: Call[Desired]) -> Actual:
        """The state of all that the call may touch, in as few requests as can be."""

    @abstractmethod
    def plan(self, actual: Actual, call: Call[Desired]) -> Plan:
        """What is to be done. Pure.

        Raises:
            InvalidEntry: What an entry asks for cannot be on this host.
        """


def argument_spec(resource: Resource[Any, Any]) -> dict[str, Any]:
    """The module's argument spec: an entry's options, the same options as a bulk list, and the call's own."""
    entry = {**resource.entry_options, "state": STATE}
    elements = {**entry, resource.identity: {**resource.entry_options[resource.identity], "required": True}}
    return {
        **{name: dict(option) for name, option in entry.items()},
        resource.list_option: {"type": "list", "elements": "dict", "options": elements},
        **{name: dict(option) for name, option in resource.call_options.items()},
    }


def exclusive(resource: Resource[Any, Any]) -> list[list[str]]:
    """The options that cannot be given together: the bulk list's, and those of a single entry."""
    bulk = resource.list_option
    return [[bulk, name] for name, option in resource.entry_options.items() if option.get("default") is None]


def one_of(resource: Resource[Any, Any]) -> list[list[str]]:
    """The options of which one must be given."""
    return [[resource.list_option, resource.identity]]


def run(resource: Resource[Any, Any]) -> None:
    """A module's main()."""
    module = AnsibleModule(
        argument_spec=argument_spec(resource),
        supports_check_mode=True,
        mutually_exclusive=exclusive(resource),
        required_one_of=one_of(resource),
    )
    conclude(module, lambda: converge(resource, module.params, check_mode=module.check_mode))


#: What has become of the host where a bug of ours ends the call of a module that changes it, or only looks.
TAKEN_BACK = "What this call had done was taken back."
NOTHING_DONE = "Nothing was changed."


def conclude(module: AnsibleModule, work: Callable[[], dict[str, Any]], aftermath: str = TAKEN_BACK) -> None:
    """Do what a module is there for, and end it with what comes of that.

    `aftermath` is what has become of the host where a bug of ours ends the call.
    """
    # The process ends with the call, and what it holds grows until then: to search it for garbage again and again takes
    # a tenth of the time where there is much, and finds none.
    gc.disable()
    try:
        result = work()
    except FabricError as error:
        module.fail_json(msg=str(error), **_without_warnings(module, error.result))
    except Exception as error:  # noqa: BLE001  # a bug of ours: a message and a report, never a bare traceback
        message = f"netns.fabric ran into something that it did not expect, a bug in it: {error!r}. {aftermath}"
        module.fail_json(msg=message, exception=traceback.format_exc())
    module.exit_json(**_without_warnings(module, result))


def _without_warnings(module: AnsibleModule, result: Mapping[str, Any]) -> dict[str, Any]:
    """A result; its warnings are given, as Ansible no longer takes them from there."""
    for warning in result.get("warnings", ()):
        module.warn(warning)
    return {name: value for name, value in result.items() if name != "warnings"}


def converge(resource: Resource[Any, Any], params: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    """The whole call.

    Raises:
        FabricError: With a message for the user; nothing of the call is left on the host.
    """
    call = call_of(resource, params, check_mode)
    with on_host(check_mode) as host:
        plan = carry_out(resource, call, host)
    return {
        "changed": plan.changed,
        "diff": plan.diff,
        "commands": plan.commands,
        "warnings": list(plan.warnings),
        **plan.results,
    }


def require_root() -> None:
    """Raise Unavailable where the module does not run as root."""
    if os.geteuid() != 0:
        raise Unavailable("this needs root on the managed host: set `become: true` on the task or the play")


@contextmanager
def opened_host(check_mode: bool) -> Iterator[Host]:
    """The managed host, let go of at the end.

    Raises:
        Unavailable: Not as root.
    """
    require_root()
    with closing(Host(check_mode=check_mode)) as host:
        yield host


@contextmanager
def on_host(check_mode: bool) -> Iterator[Host]:
    """The managed host, kept from other calls until it is let go of.

    Raises:
        Unavailable: Not as root, or another call has not ended in time.
    """
    with opened_host(check_mode) as host, kept_from_others(host):
        yield host


@contextmanager
def kept_from_others(host: Host) -> Iterator[None]:
    """The host, kept from other calls until what was done to it has settled.

    Raises:
        Unavailable: Another call has not ended in time.
    """
    with host.locked():
        yield
        host.keep_up()


def carry_out(resource: Resource[Any, Any], call: Call[Any], host: Host) -> Plan:
    """Read, plan and, unless in check mode, apply.

    Raises:
        FabricError: Nothing of the call is left on the host.
    """
    host.turn_to(call.options)
    plan = resource.plan(resource.read(host, call), call)
    if call.check_mode:
        host.foresee(plan)
    else:
        host.apply(plan)
    return plan


def call_of(resource: Resource[Any, Any], params: Mapping[str, Any], check_mode: bool) -> Call[Any]:
    """What a module's parameters ask for.

    Raises:
        FabricError: With every mistake in them.
    """
    options = {name: params[name] for name in resource.call_options if name not in OWNER_OPTIONS}
    _check_call(resource, params)
    return Call(
        entries=_entries(resource, params),
        owner=params.get("owner"),
        prune=bool(params.get("prune")),
        check_mode=check_mode,
        options=options,
    )


def _check_call(resource: Resource[Any, Any], params: Mapping[str, Any]) -> None:
    bulk = resource.list_option
    if params.get("owner") is not None:
        try:
            validation.owner_name(params["owner"])
        except ValueError as error:
            raise InvalidEntry("the call", "owner", str(error)) from None
    if params.get("prune") and (params.get("owner") is None or params[bulk] is None):
        raise InvalidEntry(
            "the call",
            "prune",
            f"it removes what bears the mark of `owner` and is not in `{bulk}`, so both must be given",
        )
    if params[bulk] is None:
        return
    for name, option in {**resource.entry_options, "state": STATE}.items():
        # Where a default stands for the option it cannot be told from the same value given.
        if params[name] != option.get("default"):
            raise InvalidEntry("the call", name, f"with `{bulk}` it belongs to the entries: give each its own `{name}`")


def _entries(resource: Resource[Any, Any], params: Mapping[str, Any]) -> tuple[Any, ...]:
    """All entries as what they ask for, or every mistake in them at once."""
    wanted: list[Any] = []
    mistakes: list[FabricError] = []
    seen: dict[object, Entry] = {}
    for entry, options in _listed(resource, params):
        try:
            desired = resource.desired(entry, options)
        except InvalidEntries as error:
            mistakes.extend(error.mistakes)
            continue
        except FabricError as error:
            mistakes.append(error)
            continue
        first = seen.setdefault(resource.key(desired), entry)
        if first is not entry:
            mistakes.append(InvalidEntry(entry, resource.identity, f"is the same as {first}; leave one of them out"))
        wanted.append(desired)
    if mistakes:
        raise InvalidEntries(mistakes)
    return tuple(wanted)


def _listed(resource: Resource[Any, Any], params: Mapping[str, Any]) -> Sequence[tuple[Entry, Mapping[str, Any]]]:
    bulk = params[resource.list_option]
    if bulk is None:
        return [(Entry(name=str(params[resource.identity])), params)]
    return [
        (Entry(name=str(options[resource.identity]), option=resource.list_option, index=index), options)
        for index, options in enumerate(bulk)
    ]
