# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A resource: one kind of object that a state module manages, and the call of the module that manages it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._core.journal import BackendType
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
    """One module call: its entries, and the options that hold for all of them.

    In check mode, what is missing is assumed to be created by an earlier task. `ensured` is what the earlier steps of
    the same sequence ensure without having written it yet; None where they have.
    """

    entries: tuple[Desired, ...]
    owner: str | None = None
    prune: bool = False
    check_mode: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    ensured: frozenset[object] | None = None

    @property
    def simulated(self) -> bool:
        """Whether the host may not be as earlier tasks or steps leave it."""
        return self.check_mode or self.ensured is not None

    def ensures(self, thing: object) -> bool:
        """Whether an earlier step of the sequence ensures that something exists, and has not written it yet."""
        return self.ensured is not None and thing in self.ensured


class Resource(ABC, Generic[Desired, Actual]):
    """One kind of object that a state module manages."""

    #: The bulk list's option.
    list_option: str
    #: The option that names an entry, in messages and as the one required option of the single form.
    identity: str
    #: The argument spec of one entry, without `state`.
    entry_options: Mapping[str, Mapping[str, Any]]
    #: Options of the call as a whole.
    call_options: Mapping[str, Mapping[str, Any]] = OWNER_OPTIONS
    #: The backends that read() asks and that the plan's operations go to.
    backends: Sequence[BackendType[Any]]
    #: Steps of a sequence that follow each other and have the same here are applied as one, see run_steps().
    joint = ""

    @abstractmethod
    def desired(self, entry: Entry, options: Mapping[str, Any]) -> Desired:
        """Return what an entry asks for.

        Raises:
            InvalidEntry: It asks for something that cannot be.
        """

    def parse_options(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the options of the call as a whole, with checked values.

        Raises:
            InvalidEntries: They ask for something that cannot be.
        """
        return options

    @abstractmethod
    def key(self, desired: Desired) -> object:
        """Return what no two entries of a call may share."""

    def ensures(self, desired: Desired) -> Iterable[object]:  # noqa: ARG002  # not every kind is needed by others
        """Return what exists once an entry is carried out, as far as entries of other resources may need it."""
        return ()

    @abstractmethod
    def read(self, host: Host, call: Call[Desired]) -> Actual:
        """Return the state of all that the call may touch, in as few requests as possible."""

    @abstractmethod
    def plan(self, actual: Actual, call: Call[Desired]) -> Plan:
        """Return what is to be done. Pure.

        Raises:
            InvalidEntries: What entries ask for cannot be on this host.
        """
