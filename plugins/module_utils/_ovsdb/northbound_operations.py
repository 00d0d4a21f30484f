# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The operations on rows of OVN's northbound database, whichever table they are of. Pure.

A row that exists is named by its UUID. A new one refers to others by their names, which may be created in the same
transaction.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.database import DatabaseOperation
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.northbound_state import Northbound
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.northbound_tables import TABLES_BY_NAME
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.rows import Row, find_uuids
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.syntax import (
    NO_COLUMNS,
    Columns,
    Command,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.values import Uuid

#: Columns that refer to rows of another table, which are known by their names: (table, names) by column.
Names = Mapping[str, tuple[str, tuple[str, ...]]]
#: The words that distinguish a new row from others of its table.
Label = tuple[str, ...]


_PLAIN = re.compile(r"[A-Za-z0-9._-]+")


def _symbol(*words: str) -> str:
    """Return the name of a row within its transaction: other words give another name, whatever is in them."""
    if all(map(_PLAIN.fullmatch, words)):
        return f"@{'/'.join(words)}"
    return f"@x{chr(0).join(words).encode('utf-8', 'surrogateescape').hex()}"


def _get_named(label: Label, names: Names) -> list[Command]:
    """Return the commands that give named rows an identifier within a transaction."""
    wanted = sorted({(table, name) for table, each in names.values() for name in each})
    return [(f"--id={_symbol(*label, table, name)}", "get", table, name) for table, name in wanted]


def _with_names(label: Label, columns: Columns, names: Names) -> Columns:
    named = {
        column: tuple(Uuid(_symbol(*label, table, name)) for name in each) for column, (table, each) in names.items()
    }
    return Columns({**columns.values, **named}, columns.keys)


def _are_set(now: Northbound, row: Row, columns: Columns, names: Names) -> bool:
    found = {
        column: {each.uuid for name in wanted for each in now.named(table, name)}
        for column, (table, wanted) in names.items()
    }
    referring = all(set(find_uuids(row.columns.get(column, ()))) == uuids for column, uuids in found.items())
    return referring and columns.are_set(row)


@dataclass(frozen=True)
class NewRow:
    """A row that is to be created, with the new rows that its columns refer to."""

    table: str
    label: Label
    columns: Columns = NO_COLUMNS
    names: Names = field(default_factory=dict)
    children: Mapping[str, tuple[NewRow, ...]] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The name of the row within its transaction."""
        return _symbol(self.table, *self.label)

    def commands(self) -> list[Command]:
        """Return the commands that create the row after those that it refers to."""
        below = [command for rows in self.children.values() for row in rows for command in row.commands()]
        references = {column: tuple(Uuid(row.id) for row in rows) for column, rows in self.children.items() if rows}
        columns = Columns({**self.columns.values, **references}, self.columns.keys)
        label = (self.table, *self.label)
        return [
            *below,
            *_get_named(label, self.names),
            (f"--id={self.id}", "create", self.table, *_with_names(label, columns, self.names).assignments()),
        ]

    def find(self, now: Northbound) -> list[Row]:
        """Return the rows that it may have become."""
        return [row for row in now.table(self.table) if _are_set(now, row, self.columns, self.names)]


@dataclass(frozen=True)
class Place:
    """A column of a row that refers to a new one. `is_single`: it refers to one row, and the new one replaces it."""

    table: str
    record: str
    column: str
    is_single: bool = False

    def command(self, reference: str) -> Command:
        """Return the command by which it refers to a row."""
        if self.is_single:
            return ("set", self.table, self.record, f"{self.column}={reference}")
        return ("add", self.table, self.record, self.column, reference)


class NorthboundOperation(DatabaseOperation[Northbound]):
    """A write to the northbound database. All are of one phase, and so of one transaction."""

    backend = "ovn"
    program = "ovn-nbctl"

    def removed(self) -> Sequence[str]:
        """Return the UUIDs of the rows that it deletes."""
        return ()

    def dropped(self) -> Sequence[tuple[str, str]]:
        """Return the references that it removes to rows that stay: the UUIDs of the referring row and of the other."""
        return ()

    def undo(self, before: Northbound) -> Sequence[Command]:  # noqa: ARG002  # every operation has this signature
        return ()


@dataclass(frozen=True)
class CreateRow(NorthboundOperation):
    """Create a row with all that it refers to; from then on the columns of `places` refer to it."""

    row: NewRow
    places: tuple[Place, ...] = ()
    creates_rows = True

    def transaction(self) -> Sequence[Command]:
        return [*self.row.commands(), *(place.command(self.row.id) for place in self.places)]

    def is_applied(self, now: Northbound) -> bool:
        return any(self._is_in_place(now, row) for row in self.row.find(now))

    def _is_in_place(self, now: Northbound, row: Row) -> bool:
        parents = ((now.find(place.table, place.record), place.column) for place in self.places)
        return all(
            parent is not None and row.uuid in find_uuids(parent.columns.get(column, ())) for parent, column in parents
        )

    def undo_created(self, before: Northbound, now: Northbound) -> Sequence[Command]:
        created = (row for row in self.row.find(now) if row.uuid not in before.rows and self._is_in_place(now, row))
        row = next(created, None)
        if row is None:
            return ()
        removals: list[Command] = [
            ("--if-exists", "remove", place.table, place.record, place.column, row.uuid) for place in self.places
        ]
        former = (command for place in self.places if place.is_single for command in _restore(before, place))
        return [*removals, *_destroy_created(now, self.row, row), *former]


def _restore(before: Northbound, place: Place) -> Iterator[Command]:
    """Yield the command by which a column refers to what it has referred to."""
    parent = before.find(place.table, place.record)
    for uuid in find_uuids(parent.columns.get(place.column, ())) if parent else ():
        yield ("--if-exists", "add", place.table, place.record, place.column, uuid)


def _destroy_created(now: Northbound, new: NewRow, row: Row) -> Iterator[Command]:
    """Yield the commands that delete a created row and those below it that would stay."""
    for column, children in new.children.items():
        for child in children:
            for below in child.find(now):
                if below.uuid in find_uuids(row.columns.get(column, ())):
                    yield from _destroy_created(now, child, below)
    if TABLES_BY_NAME[row.table].is_root:
        yield ("--if-exists", "destroy", row.table, row.uuid)


@dataclass(frozen=True)
class ReferTo(NorthboundOperation):
    """Make columns of one row refer to a row that exists."""

    uuid: str
    places: tuple[Place, ...]

    def transaction(self) -> Sequence[Command]:
        return [place.command(self.uuid) for place in self.places]

    def is_applied(self, now: Northbound) -> bool:
        rows = [(now.find(place.table, place.record), place.column) for place in self.places]
        return all(row is not None and self.uuid in find_uuids(row.columns.get(column, ())) for row, column in rows)

    def undo(self, before: Northbound) -> Sequence[Command]:
        removals: list[Command] = [
            ("--if-exists", "remove", place.table, place.record, place.column, self.uuid) for place in self.places
        ]
        return [*removals, *(command for place in self.places for command in _restore(before, place))]


@dataclass(frozen=True)
class ChangeRow(NorthboundOperation):
    """Change a row in place."""

    table: str
    uuid: str
    columns: Columns = NO_COLUMNS
    names: Names = field(default_factory=dict)

    def transaction(self) -> Sequence[Command]:
        changing = _with_names((self.uuid,), self.columns, self.names).commands(self.table, self.uuid)
        return [*_get_named((self.uuid,), self.names), *changing]

    def is_applied(self, now: Northbound) -> bool:
        row = now.rows.get(self.uuid)
        return row is not None and _are_set(now, row, self.columns, self.names)

    def undo(self, before: Northbound) -> Sequence[Command]:
        row = before.rows.get(self.uuid)
        changed = _with_names((self.uuid,), self.columns, self.names)
        return changed.inverse(row).commands(self.table, self.uuid) if row else ()


@dataclass(frozen=True)
class DeleteRow(NorthboundOperation):
    """Delete a row with the references of `places`, by which one is deleted that does not exist for itself."""

    table: str
    uuid: str
    places: tuple[Place, ...] = ()
    #: Only the references are removed: others refer to the row, too.
    is_shared: bool = False
    creates_rows = True  # see undo_created()

    def transaction(self) -> Sequence[Command]:
        # Of a row that is changed in the same transaction, ovsdb-server keeps a reference that keeps nothing.
        commands: list[Command] = [
            ("--if-exists", "remove", place.table, place.record, place.column, self.uuid) for place in self.places
        ]
        if not self.is_shared and TABLES_BY_NAME[self.table].is_root:
            commands.append(("--if-exists", "destroy", self.table, self.uuid))
        return commands

    def is_applied(self, now: Northbound) -> bool:
        if not self.is_shared:
            return self.uuid not in now.rows
        rows = [(now.find(place.table, place.record), place.column) for place in self.places]
        return not any(row and self.uuid in find_uuids(row.columns.get(column, ())) for row, column in rows)

    def undo_created(self, before: Northbound, now: Northbound) -> Sequence[Command]:  # noqa: ARG002  # every operation has this signature
        # A deleted row is re-created with all references to it. One that is shared may be deleted with the last one.
        if not self.is_shared or self.uuid not in now.rows:
            return ()
        return [("--if-exists", "add", place.table, place.record, place.column, self.uuid) for place in self.places]

    def deleted_rows(self, before: Northbound) -> Sequence[Row]:
        return [before.rows[self.uuid]] if not self.is_shared and self.uuid in before.rows else []

    def removed(self) -> Sequence[str]:
        return [] if self.is_shared else [self.uuid]

    def dropped(self) -> Sequence[tuple[str, str]]:
        return [(place.record, self.uuid) for place in self.places] if self.is_shared else []
