# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kernel parameters of the host itself, with what they were before. Pure.

A parameter has no room for an owner. Who has set it, and its former value, is recorded in a file that lasts as long as
the parameter's value does: until the host starts again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core import sysctl_names
from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError, InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry, Operation
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call
from ansible_collections.netns.fabric.plugins.module_utils._kernel import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._kernel import sysctl
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import KernelState
from ansible_collections.netns.fabric.plugins.module_utils._resources.netns_sysctls import find_changes, parse_sysctls
from ansible_collections.netns.fabric.plugins.module_utils._system.operations import UninstallFile, WriteFile

HOST_ENTRY = Entry("host_sysctls")
RECORDS = "/run/netns.fabric/sysctls.json"
#: Other software may depend on forwarding by the time that it is no longer declared.
_KEPT = frozenset({"net.ipv4.ip_forward", "net.ipv4.conf.all.forwarding", "net.ipv6.conf.all.forwarding"})
#: How the name of a parameter ends that cannot be without a value again.
_NEVER_UNSET = ".stable_secret"


@dataclass(frozen=True)
class Record:
    """Who has set a parameter, to what, and what it was before."""

    owner: str
    was: str
    set: str


Records = Mapping[str, Record]


@dataclass
class HostSysctls:
    """What is to be done to the host's parameters, and what is wrong with those that are wanted."""

    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    operations: tuple[Operation, ...] = ()
    errors: tuple[FabricError, ...] = ()


def parse_host_sysctls(checks: Checks, given: Mapping[str, Any] | None) -> dict[str, str | None] | None:
    """Return the wanted parameters, in the order in which they are set; None gives one back."""
    if given is None:
        return None
    for key in given:
        found = sysctl_names.split_key(str(key))
        if found is not None:
            checks.error(
                f"host_sysctls.{key}",
                f"it is a parameter of the link {found[1]}; set {found[0]}.{found[2]} by `sysctls` of "
                "netns.fabric.link",
            )
    left = {str(key): None for key, value in given.items() if value is None}
    for key in left:
        checks.value(f"host_sysctls.{key}", sysctl_names.check_key, key)
    return {**parse_sysctls(checks, "host_sysctls", given), **left}


def parse_records(text: str | None) -> dict[str, Record]:
    """Return what is recorded; nothing where the file is damaged."""
    with suppress(ValueError, TypeError, AttributeError):
        return {str(key): Record(**found) for key, found in json.loads(text or "{}").items()}
    return {}


def _format(records: Records) -> str:
    return json.dumps({key: asdict(found) for key, found in records.items()}, indent=1, sort_keys=True) + "\n"


def plan_host_sysctls(kernel: KernelState, records: Records, call: Call[Any]) -> HostSysctls:
    """Plan the parameters of the host: those that are wanted, and what becomes of those that no longer are."""
    given: Mapping[str, str | None] | None = call.options.get("host_sysctls")
    if given is None:
        return HostSysctls()
    wanted = {key: value for key, value in given.items() if value is not None}
    errors = tuple(_find_errors(kernel, records, wanted, call.owner))
    if errors:
        return HostSysctls(errors=errors)

    def current_of(key: str) -> str | None:
        return kernel.sysctl(None, key)

    changes = [*find_changes(wanted, current_of)]
    recorded = {**records, **_record(records, wanted, changes, call.owner)}
    leaving = [key for key, found in records.items() if _leaves(key, found, given, call)]
    restored = [(key, records[key].was) for key in leaving if sysctl.same_value(current_of(key), records[key].set)]
    plan = HostSysctls()
    for key, value in [*((key, value) for key, value, _current in changes), *restored]:
        if not sysctl.same_value(current_of(key), value):
            plan.before[key], plan.after[key] = current_of(key), value
    for key in leaving:
        if key not in plan.after:  # somebody else has set it since
            plan.before[f"record of {key}"], plan.after[f"record of {key}"] = records[key].was, None
    steps = [op.SetSysctl(None, key, value) for key, value in [*((each[0], each[1]) for each in changes), *restored]]
    left = {key: found for key, found in recorded.items() if key not in leaving}
    # A run that is killed in between has recorded what it has set, and has not dropped what it has not restored.
    first = [WriteFile(RECORDS, _format(recorded))] if recorded != records else []
    last: list[Operation] = []
    if left != recorded:
        last = [WriteFile(RECORDS, _format(left))] if left else [UninstallFile(RECORDS)]
    plan.operations = (*first, *steps, *last)
    return plan


def _leaves(key: str, found: Record, given: Mapping[str, str | None], call: Call[Any]) -> bool:
    return found.owner == call.owner and (given[key] is None if key in given else call.prune)


def _record(
    records: Records, wanted: Mapping[str, str], changes: list[tuple[str, str, str | None]], owner: str | None
) -> dict[str, Record]:
    """Return the records of what an owner sets that was otherwise before, and of what it has set already."""
    if owner is None:
        return {}
    new = {
        key: Record(owner, current, value)
        for key, value, current in changes
        if key not in records
        and key not in _KEPT
        and current is not None
        and not (key.endswith(_NEVER_UNSET) and not current)
        and not sysctl.same_value(current, value)
    }
    own = {key: replace(records[key], set=value) for key, value in wanted.items() if _is_of(records, key, owner)}
    return {**own, **new}


def _is_of(records: Records, key: str, owner: str) -> bool:
    return key in records and records[key].owner == owner


def _find_errors(
    kernel: KernelState, records: Records, wanted: Mapping[str, str], owner: str | None
) -> Iterator[FabricError]:
    for key, value in wanted.items():
        found = records.get(key)
        reason = kernel.refused_sysctls.get((key, value))
        if found and found.owner != owner and not sysctl.same_value(found.set, value):
            cause = f"the owner {found.owner} has set it to {found.set}; remove it from one of the two declarations"
        elif kernel.sysctl(None, key) is None:
            cause = "the kernel of this host has no such parameter that can be read; check the name (`sysctl -a`)"
        elif reason:
            cause = f"the kernel refuses the value {value!r}: {reason}"
        else:
            continue
        yield InvalidEntry(HOST_ENTRY, key, cause)
