# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changes, and the plan that they make up: `changed`, `diff`, `commands` and what is applied all come from here.

Pure: nothing here reads or writes the host.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Protocol

from ansible_collections.netns.fabric.plugins.module_utils._core.secrets import HIDDEN, is_secret
from ansible_collections.netns.fabric.plugins.module_utils._core.text import pasteable


class Phase(IntEnum):
    """When an operation runs, whichever entry it belongs to.

    Operations of one phase do not depend on each other unless they touch the same object, in which case the
    order of the plan is kept. That is what lets the input and output pipeline a thousand of them.
    """

    RELEASE = 0  # what stands in the way of something new goes first
    NAMESPACE = 1
    CREATE = 2
    MOVE = 3
    SETTINGS = 4
    ADDRESSES = 5
    ACTIVATE = 6
    ROUTES = 7
    NAT = 8
    REMOVE = 9


class Operation(Protocol):
    """One write to the host, together with the shell lines that do the same."""

    @property
    def phase(self) -> Phase: ...

    @property
    def backend(self) -> str:
        """The name of the backend that executes it, see BackendType."""

    def commands(self) -> Sequence[str]:
        """The equivalent shell lines."""


@dataclass(frozen=True)
class Entry:
    """The place in the user's input that something comes from, for messages."""

    name: str
    option: str = ""
    index: int = 0

    def __str__(self) -> str:
        name = self.name or "''"
        return f"{self.option}[{self.index}] ({name})" if self.option else name


@dataclass(frozen=True)
class Change:
    """What becomes of one object, and the operations that bring it about.

    `before` and `after` hold just the attributes that change; None stands for an object that is absent.
    """

    entry: Entry
    target: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    operations: tuple[Operation, ...]


#: Assumed objects that a warning names; of more it gives the number.
ASSUMED_MAX = 5


def describe_assumptions(assumed: Collection[str]) -> list[str]:
    """Return the warning about what check mode assumes to exist, one line however many objects there are."""
    if not assumed:
        return []
    named = ", ".join(list(assumed)[:ASSUMED_MAX])
    if len(assumed) > ASSUMED_MAX:
        named = f"{len(assumed)} objects: {named} and {len(assumed) - ASSUMED_MAX} more"
    return [f"Check mode: assuming an earlier task creates {named}"]


@dataclass(frozen=True)
class Plan:
    """Everything that one module call is going to do.

    `notes` are warnings, `assumed` is what check mode takes for the work of an earlier task.
    `simulated` is, by a name for it, what the next call would find of state that several resources share. A sequence
    that is simulated passes it to that call, as nothing was written.
    """

    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()
    results: Mapping[str, Any] = field(default_factory=dict)
    simulated: Mapping[str, Any] = field(default_factory=dict)
    assumed: tuple[str, ...] = ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """All warnings, the assumptions of check mode first."""
        return (*describe_assumptions(self.assumed), *self.notes)

    @property
    def changed(self) -> bool:
        return bool(self.changes)

    @property
    def diff(self) -> list[dict[str, str]]:
        """Ansible's diff mode: a list with one before and after for each object."""
        return [
            {
                "before_header": change.target,
                "after_header": change.target,
                "before": _as_text(change.before),
                "after": _as_text(change.after),
            }
            for change in self.changes
        ]

    @property
    def operations(self) -> list[tuple[Entry, Operation]]:
        """All operations with the entry that each serves, in the order in which they are applied."""
        pairs = [(change.entry, operation) for change in self.changes for operation in change.operations]
        return sorted(pairs, key=lambda pair: pair[1].phase)  # stable: the plan's order within a phase

    @property
    def commands(self) -> list[str]:
        return [pasteable(line) for _entry, operation in self.operations for line in operation.commands()]


def _as_text(attributes: Mapping[str, Any] | None) -> str:
    """Attributes as lines of `key: value`, which is what a diff reads best as."""
    if attributes is None:
        return ""
    return "".join(f"{key}: {_value_as_text(value)}\n" for key, value in sorted(attributes.items()))


def _value_as_text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_value_as_text(element) for element in value) + "]"
    if isinstance(value, Mapping):
        pairs = ((key, HIDDEN if is_secret(key) else _value_as_text(value[key])) for key in sorted(value))
        return "{" + ", ".join(f"{key}: {text}" for key, text in pairs) + "}"
    return str(value)
