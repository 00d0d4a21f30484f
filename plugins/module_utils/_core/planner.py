# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The loop over the entries of a call, which every resource plans by: errors, ownership, prune, assumptions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import (
    FabricError,
    InvalidEntries,
    InvalidEntry,
)
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Change, Entry, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call


class DesiredEntry(Protocol):
    """What the planner needs to know of a desired object."""

    @property
    def entry(self) -> Entry: ...

    @property
    def present(self) -> bool: ...


Wanted = TypeVar("Wanted", bound=DesiredEntry)


class Planner(Generic[Wanted]):
    """Plans the entries of one call. A resource gives the hooks: present(), absent() and, where it prunes, prune()."""

    def __init__(self, call: Call[Wanted]) -> None:
        self.call = call
        self.changes: list[Change] = []
        self._warnings: list[str] = []
        self._errors: list[FabricError] = []
        #: What is assumed in check mode, in the order in which it came up.
        self._assumed: dict[str, None] = {}

    # Hooks

    def present(self, wanted: Wanted) -> None:
        """Plan an entry that is to be present.

        Raises:
            InvalidEntry: It cannot be on this host.
        """
        raise NotImplementedError

    def absent(self, wanted: Wanted) -> None:
        """Plan an entry that is to be absent.

        Raises:
            InvalidEntry: It cannot be removed.
        """
        raise NotImplementedError

    def prune(self) -> None:
        """Plan the removal of what the call's owner owns and the call does not list.

        Raises:
            InvalidEntry: It cannot be removed.
        """
        raise NotImplementedError

    def check(self) -> Iterable[FabricError]:
        """Return what is wrong with the entries together, or with all of them in the same way."""
        return ()

    def ordered(self) -> Iterable[Wanted]:
        """Return the entries in the order in which they are planned."""
        return self.call.entries

    def finish(self) -> None:
        """Plan what depends on all entries, after prune()."""

    def results(self) -> Mapping[str, Any]:
        """Return further return values of the module."""
        return {}

    def simulated(self) -> Mapping[str, Any]:
        """Return what the next call of a simulated sequence is to find, see Plan.simulated."""
        return {}

    # The loop

    def run(self) -> Plan:
        """Plan all entries.

        Raises:
            InvalidEntries: With the errors of all entries.
        """
        self._errors.extend(self.check())
        for wanted in self.ordered():
            self.attempt(self.present if wanted.present else self.absent, wanted)
        if not self._errors:
            if self.call.prune:
                self.attempt(self.prune)
            self.attempt(self.finish)
        if self._errors:
            # A planner may take the entries in another order than theirs.
            raise InvalidEntries(sorted(self._errors, key=lambda error: getattr(error, "position", 0)))
        return Plan(tuple(self.changes), self.notes(), self.results(), self.simulated(), tuple(self._assumed))

    def attempt(self, step: Callable[..., object], *arguments: Any) -> None:
        """Take a step of the planning; an error is noted, and run() raises it with all others."""
        try:
            step(*arguments)
        except InvalidEntries as error:
            self._errors.extend(error.errors)
        except InvalidEntry as error:
            self._errors.append(error)

    # Warnings

    def notes(self) -> tuple[str, ...]:
        """Return the warnings, without the assumptions of check mode."""
        return tuple(self._warnings)

    def warn(self, entry: object, message: str) -> None:
        """Add a warning about an entry."""
        self._warnings.append(f"{entry}: {message}")

    def require(self, entry: Entry, option: str, message: str, thing: object) -> None:
        """Note that something which the entry needs does not exist.

        It may be what an earlier step of the sequence ensures. Otherwise it is assumed in check mode that an earlier
        task creates it.

        Raises:
            InvalidEntry: No step ensures it, and this is a real run.
        """
        if self.call.ensures(thing):
            return
        if not self.call.check_mode:
            raise InvalidEntry(entry, option, message)
        self._assumed[str(thing)] = None

    # Ownership

    def owned_by_others(self, owners: Collection[str]) -> bool:
        """Whether something has owners, and the call's owner is none of them."""
        return self.call.owner is not None and bool(owners) and self.call.owner not in owners

    def refuse_others(self, entry: Entry, option: str, what: str, owners: Sequence[str]) -> None:
        """Refuse to take over something that only others own.

        Raises:
            InvalidEntry: It is theirs.
        """
        if self.owned_by_others(owners):
            raise InvalidEntry(
                entry,
                option,
                f"{what} is owned by {', '.join(owners)}, not by {self.call.owner}; choose another name, or remove it "
                "there first",
            )

    def deletes(self, owners: Collection[str]) -> bool:
        """Return whether release() deletes something that these own and that nobody uses."""
        return self.call.owner is None or set(owners) == {self.call.owner}

    def release(
        self,
        entry: Entry,
        what: str,
        owners: Sequence[str],
        delete: Callable[[], None],
        disown: Callable[[], None],
        users: str = "",
    ) -> None:
        """Give up something that is to be absent, as far as it is the owner's.

        What the owner does not own stays. What others own as well, or what has other `users`, stays too, and only the
        ownership is removed, by `disown`. Without an owner in the call it is deleted.
        """
        owner = self.call.owner
        if owner is None:
            delete()
            return
        if owner not in owners:
            self.warn(entry, f"{what} is not owned by {owner}; left alone")
            return
        others = [name for name in owners if name != owner]
        reason = f"is also owned by {', '.join(others)}" if others else f"is also used by {users}" if users else ""
        if reason:
            self.warn(entry, f"{what} {reason}; it stays, and {owner} no longer owns it")
            disown()
        else:
            delete()
