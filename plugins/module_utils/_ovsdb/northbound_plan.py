# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows of OVN's northbound database as they are wanted, with those below them, and how to converge them. Pure.

A module says what rows there are to be; the comparison, the operations and the diff come from here, for every table.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Operation
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.northbound_operations import (
    ChangeRow,
    CreateRow,
    DeleteRow,
    Label,
    Names,
    NewRow,
    Place,
    ReferTo,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.northbound_state import (
    Northbound,
    owners_of,
    row_name,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.removed_references import RemovedReferences
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.rows import Row, find_uuids
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.settings import Setting, Wanted
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import MARK_VALUE, owner_key
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.syntax import Columns
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.values import Atom, Uuid, Value, comparable

#: The key in external_ids of a row that exists for itself and belongs to another one, which it names: without it, it is
#: somebody else's.
PART_OF = "netns.fabric.part-of"


def _columns(*names: str) -> Callable[[Row], Hashable]:
    return lambda row: tuple(_text(row.columns.get(name, ())) for name in names)


def _text(value: Value) -> str:
    return "" if value == () else str(value)


def _part(row: Row) -> Hashable:
    return row_name(row) if PART_OF in row.strings("external_ids") else None


#: What distinguishes the rows of one column, by their table; None for a row of somebody else.
KEYS: Mapping[str, Callable[[Row], Hashable]] = {
    "Logical_Switch_Port": row_name,
    "Logical_Router_Port": row_name,
    "ACL": row_name,
    "Gateway_Chassis": _columns("chassis_name"),
    "Logical_Router_Static_Route": _columns("route_table", "ip_prefix", "nexthop", "policy", "output_port"),
    "Logical_Router_Policy": _columns("priority", "match"),
    "NAT": _columns("type", "external_ip", "logical_ip"),
    "Load_Balancer": _part,
    "Load_Balancer_Health_Check": _columns("vip"),
    "DNS": _part,
}


@dataclass(frozen=True)
class WantedRow:
    """A row as it is wanted.

    What is not given is left untouched. A column in `columns` is exact, () empties it; `keys` are those of map columns,
    by (column, key), where None removes the key. Columns in `names` refer to rows of other tables by their names.
    Columns in `children` refer to exactly these rows, less those of others, see KEYS.
    """

    table: str
    label: str = ""
    columns: Mapping[str, Value] = field(default_factory=dict)
    keys: Mapping[tuple[str, str], str | None] = field(default_factory=dict)
    names: Names = field(default_factory=dict)
    children: Mapping[str, tuple[WantedRow, ...]] = field(default_factory=dict)

    @property
    def key(self) -> Hashable:
        """What distinguishes it from other rows of the same column."""
        columns = {column: value for column, value in self.columns.items() if value != ()}
        external: dict[Atom, Atom] = {
            key: value for (column, key), value in self.keys.items() if column == "external_ids" and value
        }
        return KEYS[self.table](Row(self.table, "", {**columns, "external_ids": external}))


def use_settings(
    settings: Iterable[Setting], wanted: Wanted, exact: bool
) -> tuple[dict[str, Value], dict[tuple[str, str], str | None]]:
    """Return the columns, and the keys of map columns, that options ask for; what an exact row omits is emptied."""
    columns: dict[str, Value] = {}
    keys: dict[tuple[str, str], str | None] = {}
    for setting in settings:
        if not exact and setting.option not in wanted:
            continue
        value = wanted.get(setting.option, setting.default)
        if setting.key:
            keys[setting.column, setting.key] = None if value == () else str(value)
        else:
            columns[setting.column] = value
    return columns, keys


class Changes:
    """Collects the operations on one row and on those below it, with the attributes that change."""

    def __init__(self, northbound: Northbound, removed: RemovedReferences | None = None) -> None:
        self._northbound = northbound
        self._removed = removed or RemovedReferences(northbound.users)
        self.operations: list[Operation] = []
        self.before: dict[str, Any] = {}
        self.after: dict[str, Any] = {}

    def create(self, wanted: WantedRow, owner: str | None = None) -> None:
        """Create a row that exists for itself."""
        self.operations.append(CreateRow(_new_row(wanted, (wanted.label,), owner)))
        self.after.update(_describe_wanted(wanted))
        if owner:
            self.after["owners"] = [owner]

    def create_part(self, wanted: WantedRow, places: tuple[Place, ...], attribute: str) -> None:
        """Create a row that exists for itself, and to which columns of others refer."""
        self.operations.append(CreateRow(_new_row(wanted, (wanted.label, attribute)), places))
        self._note(attribute, None, _describe_wanted(wanted))

    def refer(self, row: Row, places: tuple[Place, ...], attribute: str) -> None:
        """Make columns of others refer to a row."""
        self.operations.append(ReferTo(row.uuid, places))
        self.after[f"{attribute} of"] = [place.record for place in places]

    def converge(self, wanted: WantedRow, row: Row, path: str = "", owner: str | None = None) -> None:
        """Change what differs, in a row and in those below it; `owner` is added to the owners that the row has."""
        columns, names = self._compare(wanted, row, path)
        owners = owners_of(row)
        if owner and owners and owner not in owners:
            self._note("owners", list(owners), sorted([*owners, owner]))
            columns = Columns(columns.values, (*columns.keys, ("external_ids", owner_key(owner), MARK_VALUE)))
        if columns or names:
            self.operations.append(ChangeRow(row.table, row.uuid, columns, names))
        for column, children in wanted.children.items():
            self._converge_children(row, column, children, path)

    def delete(self, row: Row) -> None:
        """Delete a row that exists for itself."""
        self.operations.append(DeleteRow(row.table, row.uuid))
        self.before.update(self.describe(row))

    def disown(self, row: Row, owner: str) -> None:
        """Remove one of the owners that a row has."""
        owners = owners_of(row)
        self._note("owners", list(owners), [name for name in owners if name != owner])
        self.operations.append(
            ChangeRow(row.table, row.uuid, Columns(keys=(("external_ids", owner_key(owner), None),)))
        )

    def _note(self, attribute: str, before: Any, after: Any) -> None:
        self.before[attribute], self.after[attribute] = before, after

    def _compare(self, wanted: WantedRow, row: Row, path: str) -> tuple[Columns, Names]:
        values: dict[str, Value] = {}
        for column, value in wanted.columns.items():
            old = row.columns.get(column, ())
            if comparable(old) != comparable(value):
                values[column] = value
                self._note(f"{path}{column}", _plain(old), _plain(value))
        keys: list[tuple[str, str, str | None]] = []
        for (column, key), text in wanted.keys.items():
            present = row.strings(column).get(key)
            if present != text:
                keys.append((column, key, text))
                self._note(f"{path}{column}:{key}", present, text)
        names: dict[str, tuple[str, tuple[str, ...]]] = {}
        for column, (table, wanted_names) in wanted.names.items():
            found = sorted(row_name(each) for each in self._northbound.refer(row, column))
            if found != sorted(wanted_names):
                names[column] = (table, wanted_names)
                self._note(f"{path}{column}", found, sorted(wanted_names))
        return Columns(values, tuple(keys)), names

    def _converge_children(self, row: Row, column: str, children: tuple[WantedRow, ...], path: str) -> None:
        wanted = {child.key: child for child in children}
        present: dict[Hashable, Row] = {}
        place = Place(row.table, row.uuid, column)
        for child_row in sorted(self._northbound.refer(row, column), key=_label):
            key = KEYS[child_row.table](child_row)
            if key is None:
                continue
            if key in wanted and key not in present:
                present[key] = child_row
                continue
            is_shared = self._removed.remove(child_row.uuid, row.uuid) and child_row.declared.is_root
            self.operations.append(DeleteRow(child_row.table, child_row.uuid, (place,), is_shared))
            self._note(f"{path}{column} {_label(child_row)}", self.describe(child_row), None)
        for key, child in wanted.items():
            found = present.get(key)
            if found is not None:
                self.converge(child, found, f"{path}{column} {child.label} ")
                continue
            new = _new_row(child, (row.uuid, column, child.label))
            self.operations.append(CreateRow(new, (place,)))
            self._note(f"{path}{column} {child.label}", None, _describe_wanted(child))

    def describe(self, row: Row) -> dict[str, Any]:
        """Return what a row has, with the rows below it in the place of references."""
        found: dict[str, Any] = {}
        for column, value in row.configuration.items():
            if not any(find_uuids(value)):
                found[column] = _plain(value)
                continue
            below = self._northbound.refer(row, column)
            is_part = any(KEYS.get(each.table) is _part for each in below)
            is_whole = is_part or column not in row.declared.weak
            # Not in the order of the database, which is that of UUIDs.
            found[column] = sorted((self.describe(each) if is_whole else row_name(each) for each in below), key=str)
        return found


def _new_row(wanted: WantedRow, label: Label, owner: str | None = None) -> NewRow:
    values = {column: value for column, value in wanted.columns.items() if comparable(value) != ()}
    keys = tuple((column, key, text) for (column, key), text in wanted.keys.items() if text is not None)
    if owner:
        keys = (*keys, ("external_ids", owner_key(owner), MARK_VALUE))
    children = {
        column: tuple(_new_row(child, (*label, column, child.label)) for child in rows)
        for column, rows in wanted.children.items()
        if rows
    }
    names = {column: (table, names) for column, (table, names) in wanted.names.items() if names}
    return NewRow(wanted.table, label, Columns(values, keys), names, children)


def _describe_wanted(wanted: WantedRow) -> dict[str, Any]:
    found = {column: _plain(value) for column, value in wanted.columns.items() if comparable(value) != ()}
    for (column, key), text in wanted.keys.items():
        if text is not None:
            found.setdefault(column, {})[key] = text
    for column, (_table, names) in wanted.names.items():
        found[column] = sorted(names)
    for column, rows in wanted.children.items():
        if rows:
            found[column] = [_describe_wanted(row) for row in rows]
    return found


def _label(row: Row) -> str:
    key = KEYS[row.table](row)
    return " ".join(filter(None, key)) if isinstance(key, tuple) else str(key)


def _plain(value: Value) -> Any:
    if isinstance(value, Mapping):
        return {str(key): item for key, item in value.items()}
    if isinstance(value, Uuid):
        return value.text
    if isinstance(value, tuple):
        return sorted((_plain(each) for each in value), key=str) or None
    return value


def find_parts(northbound: Northbound, table: str, parent: Row) -> Sequence[Row]:
    """Return the rows of a table that exist for themselves and belong to a row."""
    return northbound.find_marked(table, PART_OF, part_of(parent.table, row_name(parent)))


def is_there_for_users(row: Row) -> bool:
    """Return whether a row that belongs to another one is there only for those that refer to it."""
    return KEYS.get(row.table) is _part and PART_OF in row.strings("external_ids")


def part_of(table: str, name: str) -> str:
    """Return the value of PART_OF for what belongs to a row of this name."""
    return f"{table} {name}"
