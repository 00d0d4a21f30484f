# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The operations on rows that exist for the sake of another one, whichever table they are of. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.operations import OvsOperation
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.rows import Row
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Switch
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.syntax import Columns, Command, identifier
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.tables import ROOT_TABLES
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.values import Uuid, Value, elements

#: Columns that refer to ports, which are known by their names: a port may be created in the same transaction.
Ports = Mapping[str, tuple[str, ...]]


def _name_ports(label: str, ports: Ports) -> list[Command]:
    """Return the commands that give ports their names within a transaction."""
    names = sorted({name for each in ports.values() for name in each})
    return [(f"--id={identifier('port', label, name)}", "get", "Port", name) for name in names]


def _with_names(label: str, columns: Columns, ports: Ports) -> Columns:
    named = {column: tuple(Uuid(identifier("port", label, name)) for name in each) for column, each in ports.items()}
    return Columns({**columns.values, **named}, columns.keys)


def _are_set(switch: Switch, row: Row, columns: Columns, ports: Ports) -> bool:
    found = {name: switch.port(name) for each in ports.values() for name in each}
    known = {name: Uuid(pair[1].row.uuid) for name, pair in found.items() if pair}
    if len(known) < len(found):
        return False
    referring = {column: tuple(known[name] for name in each) for column, each in ports.items()}
    return Columns({**columns.values, **referring}, columns.keys).are_set(row)


@dataclass(frozen=True)
class SetRow(OvsOperation):
    """Change a row in place."""

    table: str
    uuid: str
    columns: Columns
    ports: Ports = field(default_factory=dict)

    def transaction(self) -> Sequence[Command]:
        changing = _with_names(self.uuid, self.columns, self.ports).commands(self.table, self.uuid)
        return [*_name_ports(self.uuid, self.ports), *changing]

    def is_applied(self, now: Switch) -> bool:
        row = now.rows.get(self.uuid)
        return row is not None and _are_set(now, row, self.columns, self.ports)

    def undo(self, before: Switch) -> Sequence[Command]:
        row = before.rows.get(self.uuid)
        changed = _with_names(self.uuid, self.columns, self.ports)
        return changed.inverse(row).commands(self.table, self.uuid) if row else ()

    def size(self, before: Switch) -> int:  # noqa: ARG002  # every operation has this signature
        return 0


@dataclass(frozen=True)
class AddRow(OvsOperation):
    """Create a row, to which a column of another one, `record` of the table `parent`, refers from then on.

    `label` distinguishes the new rows of one column. `key` is the key in a map column. In a column of one row,
    `is_single`, the new one replaces the former one.
    """

    parent: str
    record: str
    column: str
    table: str
    columns: Columns
    label: str = ""
    key: int | None = None
    is_single: bool = False
    ports: Ports = field(default_factory=dict)
    creates_rows = True

    def transaction(self) -> Sequence[Command]:
        name = identifier(self.table, self.record, self.label)
        value = name if self.key is None else f"{self.key}={name}"
        referring = (
            ("set", self.parent, self.record, f"{self.column}={value}")
            if self.is_single
            else ("add", self.parent, self.record, self.column, value)
        )
        # ovs-vsctl creates no row without a column.
        assignments = _with_names(name, self.columns, self.ports).assignments() or ["external_ids={}"]
        return [
            *_name_ports(name, self.ports),
            (f"--id={name}", "create", self.table, *assignments),
            referring,
        ]

    def is_applied(self, now: Switch) -> bool:
        return any(self._is_mine(now, uuid) for _key, uuid in self._references(now))

    def _is_mine(self, switch: Switch, uuid: str) -> bool:
        row = switch.rows.get(uuid)
        return row is not None and row.table == self.table and _are_set(switch, row, self.columns, self.ports)

    def _references(self, switch: Switch) -> list[tuple[object, str]]:
        row = switch.find(self.parent, self.record)
        return list(_pairs(row.columns.get(self.column, ()))) if row else []

    def undo(self, before: Switch) -> Sequence[Command]:  # noqa: ARG002  # every operation has this signature
        return ()  # what was created is known from a reading only

    def undo_created(self, before: Switch, now: Switch) -> Sequence[Command]:
        former = {uuid for _key, uuid in self._references(before)}
        place = (self.parent, self.record, self.column)
        created: list[Command] = []
        for _key, uuid in self._references(now):
            if uuid not in former and self._is_mine(now, uuid):
                created.append(("--if-exists", "remove", *place, uuid if self.key is None else str(self.key)))
                created.extend(_destroy(self.table, uuid))
        # A row that it has replaced is still there where another row refers to it as well.
        replaced = [uuid for uuid in former if self.is_single and uuid in now.rows]
        return [*created, *(("--if-exists", "add", *place, uuid) for uuid in replaced if created)]

    def size(self, before: Switch) -> int:  # noqa: ARG002  # every operation has this signature
        return 0


@dataclass(frozen=True)
class RemoveRow(OvsOperation):
    """Remove the reference to a row of a `table`, which is deleted with it unless it `is_shared` with another one."""

    parent: str
    record: str
    column: str
    uuid: str
    key: int | None = None
    is_shared: bool = False
    table: str = ""
    creates_rows = True  # see undo_created()

    def transaction(self) -> Sequence[Command]:
        value = self.uuid if self.key is None else str(self.key)
        removal = ("--if-exists", "remove", self.parent, self.record, self.column, value)
        return [removal, *(() if self.is_shared else _destroy(self.table, self.uuid))]

    def is_applied(self, now: Switch) -> bool:
        row = now.find(self.parent, self.record)
        return row is None or self.uuid not in {uuid for _key, uuid in _pairs(row.columns.get(self.column, ()))}

    def undo(self, before: Switch) -> Sequence[Command]:  # noqa: ARG002  # every operation has this signature
        return ()  # a deleted row is re-created, with all references to it

    def undo_created(self, before: Switch, now: Switch) -> Sequence[Command]:  # noqa: ARG002  # every operation has this signature
        # One that was shared may be deleted by the removal of its last reference.
        if not self.is_shared or self.uuid not in now.rows:
            return ()
        value = self.uuid if self.key is None else f"{self.key}={self.uuid}"
        return [("--if-exists", "add", self.parent, self.record, self.column, value)]

    def removed_references(self, before: Switch) -> Sequence[tuple[str, str]]:
        """Return the row that no longer refers to another one, with that."""
        row = before.find(self.parent, self.record)
        return [(row.uuid, self.uuid)] if row else []

    def deleted_rows(self, before: Switch) -> Sequence[Row]:
        return [] if self.is_shared or self.uuid not in before.rows else [before.rows[self.uuid]]

    def size(self, before: Switch) -> int:  # noqa: ARG002  # every operation has this signature
        return 0


@dataclass(frozen=True)
class DeleteRow(OvsOperation):
    """Delete a row that no other one refers to."""

    table: str
    uuid: str

    def transaction(self) -> Sequence[Command]:
        return _destroy(self.table, self.uuid)

    def is_applied(self, now: Switch) -> bool:
        return self.uuid not in now.rows

    def undo(self, before: Switch) -> Sequence[Command]:  # noqa: ARG002  # every operation has this signature
        return ()  # the deleted row is re-created

    def deleted_rows(self, before: Switch) -> Sequence[Row]:
        return [before.rows[self.uuid]] if self.uuid in before.rows else []

    def size(self, before: Switch) -> int:  # noqa: ARG002  # every operation has this signature
        return 0


def _destroy(table: str, uuid: str) -> list[Command]:
    """Return the command that deletes a row which would exist without a reference."""
    return [("--if-exists", "destroy", table, uuid)] if table in ROOT_TABLES else []


def _pairs(value: Value) -> Iterator[tuple[object, str]]:
    pairs = value.items() if isinstance(value, Mapping) else ((None, element) for element in elements(value))
    for key, element in pairs:
        if isinstance(element, Uuid):
            yield key, element.text
