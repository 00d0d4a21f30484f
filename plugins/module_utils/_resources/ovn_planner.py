# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the modules of OVN's logical networks have in common: entries that are rows of the northbound database. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Change, Entry
from ansible_collections.netns.fabric.plugins.module_utils._core.planner import Planner
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import OWNER_OPTIONS, Call, Resource
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.northbound import NBCTL_OPTIONS, OVN
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.northbound_plan import (
    PART_OF,
    Changes,
    WantedRow,
    find_parts,
    is_there_for_users,
    part_of,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.northbound_state import (
    Northbound,
    owners_of,
    row_name,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.options import parse_map
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.removed_references import RemovedReferences
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.rows import Row


@dataclass(frozen=True)
class WantedEntry:
    """An entry as the row that it asks for, and what else it asks for."""

    entry: Entry
    present: bool
    name: str
    row: WantedRow
    extra: Any = ()


class OvnResource(Resource[WantedEntry, Northbound]):
    """A resource whose entries are rows of the northbound database."""

    identity = "name"
    backends = (OVN,)
    call_options: Mapping[str, Mapping[str, Any]] = {**OWNER_OPTIONS, **NBCTL_OPTIONS}
    joint = "ovn"

    def key(self, desired: WantedEntry) -> object:
        return desired.name

    def read(self, host: Host, call: Call[WantedEntry]) -> Northbound:
        return host.use(OVN).read(call.check_mode)


class OvnPlanner(Planner[WantedEntry]):
    """Plans the entries of one call."""

    #: The tables of the entries' rows, each with what a row of it is called.
    tables: Mapping[str, str]
    #: The tables of rows that exist for themselves and belong to an entry's row.
    parts: tuple[str, ...] = ()
    #: The columns of rows whose names are unique in the whole database.
    unique: tuple[str, ...] = ()

    def __init__(self, northbound: Northbound, call: Call[WantedEntry]) -> None:
        super().__init__(call)
        self.northbound = northbound
        self._removed = RemovedReferences(northbound.users)
        #: The rows that the call deletes, by what their parts have in PART_OF, and the parts that it deletes with them.
        self._marks: set[str] = set()
        self._deleted: set[str] = set()

    def notes(self) -> tuple[str, ...]:
        if not self.northbound.unavailable:
            return super().notes()
        cause = self.northbound.cause
        return (f"Check mode: {cause}; assuming an earlier task starts it, with nothing in it", *super().notes())

    # Present

    def present(self, wanted: WantedEntry) -> None:
        row = self._find(wanted)
        self._refuse_taken_names(wanted, row)
        changes = Changes(self.northbound, self._removed)
        if row is None:
            changes.create(wanted.row, self.call.owner)
        else:
            changes.converge(wanted.row, row, owner=self.call.owner)
        self.complete(wanted, row, changes)
        if changes.operations:
            before = None if row is None else changes.before
            target = self._target(wanted.row.table, wanted.name)
            self.changes.append(Change(wanted.entry, target, before, changes.after, tuple(changes.operations)))

    def complete(self, wanted: WantedEntry, row: Row | None, changes: Changes) -> None:
        """Plan what an entry asks for besides its row."""

    def _find(self, wanted: WantedEntry) -> Row | None:
        found = self.northbound.named(wanted.row.table, wanted.name)
        if len(found) > 1:
            what = self.tables[wanted.row.table]
            raise InvalidEntry(
                wanted.entry,
                "name",
                f"there are {len(found)} of the name {wanted.name} ({what}); delete all but one by their UUIDs: "
                f"{', '.join(sorted(row.uuid for row in found))}",
            )
        return found[0] if found else None

    def _refuse_taken_names(self, wanted: WantedEntry, row: Row | None) -> None:
        """Refuse names that the database has elsewhere: it allows each but once.

        Raises:
            InvalidEntry: A row that stays has the name.
        """
        for column in self.unique:
            for number, child in enumerate(wanted.row.children.get(column, ())):
                for other in self.northbound.named(child.table, child.label):
                    parent = self.northbound.parent(other.uuid)
                    if parent is None or (row and parent.uuid == row.uuid) or self._gives_up(parent, column, child):
                        continue
                    raise InvalidEntry(
                        wanted.entry,
                        f"{column}[{number}].name",
                        f"{child.label} is on {row_name(parent)}, and a name is unique; remove it there, or choose "
                        "another one",
                    )

    def _gives_up(self, parent: Row, column: str, child: WantedRow) -> bool:
        """Return whether another entry removes a child from its present parent."""
        for entry in self.call.entries:
            if entry.row.table == parent.table and entry.name == row_name(parent):
                children = entry.row.children.get(column)
                if not entry.present:
                    return self.deletes(owners_of(parent))
                return children is not None and child.label not in {each.label for each in children}
        return False

    # Absent

    def absent(self, wanted: WantedEntry) -> None:
        for table in self.tables:
            for row in self.northbound.named(table, wanted.name):
                self._release(wanted.entry, row)

    def prune(self) -> None:
        listed = {entry.name for entry in self.call.entries}
        for table in self.tables:
            for row in self.northbound.table(table):
                if self.call.owner in owners_of(row) and row_name(row) not in listed:
                    self._release(Entry(row_name(row)), row)

    def _release(self, entry: Entry, row: Row) -> None:
        what = f"the {self.tables[row.table]} {row_name(row)}"
        delete, disown = partial(self._delete, entry, row), partial(self._disown, entry, row)
        self.release(entry, what, owners_of(row), delete=delete, disown=disown)

    def _delete(self, entry: Entry, row: Row) -> None:
        changes = Changes(self.northbound)
        changes.delete(row)
        before = dict(changes.before)
        for part in self._parts_of(row):
            changes.delete(part)
        target = self._target(row.table, row_name(row))
        self.changes.append(Change(entry, target, before, None, tuple(changes.operations)))

    def _parts_of(self, row: Row) -> Iterator[Row]:
        """Yield the rows that belong to a row that is deleted, or to an earlier one, and that nobody uses any more.

        So do load balancers and names of others that it was the last to use: they have given them up before.
        """
        self._marks.add(part_of(row.table, row_name(row)))
        found = {part.uuid: part for table in self.parts for part in find_parts(self.northbound, table, row)}
        for user in (row, *(each for column in row.columns for each in self.northbound.refer(row, column))):
            for column in user.columns:
                for used in self.northbound.refer(user, column):
                    self._removed.remove(used.uuid, user.uuid)
                    if used.strings("external_ids").get(PART_OF) in self._marks or is_there_for_users(used):
                        found[used.uuid] = used
        for uuid, part in found.items():
            if uuid not in self._deleted and not self._removed.is_shared(uuid, row.uuid):
                self._deleted.add(uuid)
                yield part

    def _disown(self, entry: Entry, row: Row) -> None:
        changes = Changes(self.northbound)
        changes.disown(row, self.call.owner or "")
        target = self._target(row.table, row_name(row))
        self.changes.append(Change(entry, target, changes.before, changes.after, tuple(changes.operations)))

    def _target(self, table: str, name: str) -> str:
        return f"{self.tables[table]} {name}"


def row_text(value: Any) -> str:
    """Check the name of a row.

    Raises:
        ValueError: ovn-nbctl would take it for something else.
    """
    name = str(value)
    if not name or not name.isprintable():
        raise ValueError(f"{name!r} cannot be a name: it is empty or has an unprintable character in it")
    if name == "--":
        raise ValueError(f"{name!r} cannot be a name: it separates commands of ovn-nbctl; choose another")
    return name


def map_keys(
    checks: Checks, options: Mapping[str, Any], names: Iterable[str], place: str = ""
) -> dict[tuple[str, str], str | None]:
    """Return the keys of map columns that the map options of these names ask for."""
    return {
        (name, key): value
        for name in names
        for key, value in (parse_map(checks, f"{place}{name}", options.get(name)) or {}).items()
    }


def refuse_repeated(checks: Checks, option: str, rows: Sequence[WantedRow]) -> None:
    """Note an error for a row that is listed twice."""
    seen: set[object] = set()
    for number, row in enumerate(rows):
        if row.key in seen:
            checks.error(f"{option}[{number}]", f"{row.label} is listed twice; leave one of them out")
        seen.add(row.key)
