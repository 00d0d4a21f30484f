# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options that are rows: an option whose entries are rows of a table of their own, as a declaration. Pure.

A row such as a controller exists for as long as the column of another one refers to it. What an entry omits has the
value of a new row: the option is exact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Union

from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Operation
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.differences import Difference
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.removed_references import RemovedReferences
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.row_operations import AddRow, RemoveRow, SetRow
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.rows import Row
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.settings import (
    Setting,
    Wanted,
    compare_settings,
    declare_settings,
    parse_settings,
    specs,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Switch
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.values import Uuid, Value, elements

#: What distinguishes the rows of one column: the value of a setting, or the key of a map column.
RowKey = Union[str, int]
WantedRows = Mapping[RowKey, Wanted]


@dataclass(frozen=True)
class Reference:
    """An option whose entries are rows of `table`, to which `column` of a row of the table `parent` refers.

    A column of several rows has a `key`, the option that distinguishes them; in a map column (`is_map`) that is the key
    of the map. Without it there is one row, of which the `required` options must be given.
    """

    option: str
    parent: str
    column: str
    table: str
    settings: tuple[Setting, ...]
    key: str = ""
    key_type: str = "str"
    key_check: Callable[[Any], Any] = str
    is_map: bool = False
    required: tuple[str, ...] = ()

    @property
    def spec(self) -> dict[str, Any]:
        """The option in an argument spec."""
        options = specs(self.settings)
        if not self.key:
            return {"type": "dict", "options": options}
        key = {"type": self.key_type, **options.get(self.key, {}), "required": True}
        return {"type": "list", "elements": "dict", "options": {**options, self.key: key}}

    def parse(self, checks: Checks, given: Any, place: str = "") -> dict[RowKey, Wanted]:
        """Return the rows that a given option asks for, none for an empty one; an error is noted."""
        place = place or self.option
        if self.key:
            return self._parse_list(checks, given, place)
        if all(value in (None, []) for value in given.values()):
            return {}
        wanted = self._parse_row(checks, given, f"{place}.")
        for option in self.required:
            if not wanted[option]:
                checks.error(f"{place}.{option}", "it is required; give it, or an empty dictionary to have none at all")
        return {"": wanted}

    def _parse_list(self, checks: Checks, given: Iterable[Mapping[str, Any]], place: str) -> dict[RowKey, Wanted]:
        found: dict[RowKey, Wanted] = {}
        for number, entry in enumerate(given):
            key = checks.value(f"{place}[{number}].{self.key}", self.key_check, entry[self.key])
            if key in found:
                checks.error(f"{place}[{number}].{self.key}", f"{key} is listed twice; leave one of them out")
            found[key] = self._parse_row(checks, entry, f"{place}[{number}].")
        return found

    def _parse_row(self, checks: Checks, entry: Mapping[str, Any], place: str) -> Wanted:
        new: dict[str, Value] = {setting.option: setting.default for setting in self.settings}
        return {**new, **parse_settings(checks, self.settings, entry, place)}

    def find(self, switch: Switch, parent: Row) -> list[tuple[RowKey, Row]]:
        """Return the rows that a row refers to, each with its key."""
        found: list[tuple[RowKey, Row]] = []
        for key, uuid in references_of(parent.columns.get(self.column, ())):
            row = switch.rows.get(uuid)
            if row is not None:
                found.append((key if self.is_map else self._key_of(row), row))
        return sorted(found, key=lambda pair: (isinstance(pair[0], str), pair[0], pair[1].uuid))

    def _key_of(self, row: Row) -> RowKey:
        return str(row.columns.get(self._key_setting().column, "")) if self.key else ""

    def _key_setting(self) -> Setting:
        return next(setting for setting in self.settings if setting.option == self.key)

    def declare(self, switch: Switch, parent: Row) -> Any:
        """Return the option as it declares the rows that a row refers to."""
        rows = self.find(switch, parent)
        if self.key:
            return [{self.key: key, **declare_settings(self.settings, row)} for key, row in rows]
        return declare_settings(self.settings, rows[0][1]) if rows else {}


def references_of(value: Value) -> Iterator[tuple[RowKey, str]]:
    """Yield the UUIDs that a column refers to; each with its key, in a map."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if isinstance(item, Uuid):
                yield key if isinstance(key, int) else str(key), item.text
        return
    for element in elements(value):
        if isinstance(element, Uuid):
            yield "", element.text


def parse_rows(checks: Checks, references: Iterable[Reference], options: Mapping[str, Any]) -> dict[str, WantedRows]:
    """Return the rows that the given options ask for, by option."""
    given = (each for each in references if options.get(each.option) is not None)
    return {each.option: each.parse(checks, options[each.option]) for each in given}


def plan_rows(
    switch: Switch,
    reference: Reference,
    record: str,
    parent: Row,
    wanted: WantedRows,
    difference: Difference,
    removed: RemovedReferences,
) -> list[Operation]:
    """Return the operations by which the row `parent`, known as `record`, refers to exactly the wanted rows."""
    present: dict[RowKey, Row] = {}
    operations: list[Operation] = []
    for key, row in reference.find(switch, parent):
        # A row that another one refers to as well is left to that one. Of two with the same key one is left over.
        if key in wanted and key not in present and not removed.is_shared(row.uuid, parent.uuid):
            present[key] = row
            continue
        is_shared = removed.remove(row.uuid, parent.uuid)
        # The only row of a column is replaced by the new one.
        if reference.key or key not in wanted:
            operations.append(_remove(reference, record, key, row, is_shared))
    for key, columns in wanted.items():
        operations.extend(_set_row(reference, record, key, columns, present.get(key)))
    if operations:
        difference.before[reference.option] = reference.declare(switch, parent)
        difference.after[reference.option] = _describe(reference, wanted)
    return operations


def _remove(reference: Reference, record: str, key: RowKey, row: Row, is_shared: bool) -> RemoveRow:
    map_key = key if reference.is_map and isinstance(key, int) else None
    return RemoveRow(reference.parent, record, reference.column, row.uuid, map_key, is_shared, reference.table)


def _set_row(
    reference: Reference, record: str, key: RowKey, wanted: Wanted, present: Row | None
) -> Iterator[Operation]:
    difference = Difference()
    compare_settings(difference, reference.settings, present or Row(reference.table, ""), wanted)
    if present is None:
        map_key = key if reference.is_map and isinstance(key, int) else None
        is_single = not reference.key
        place = (reference.parent, record, reference.column, reference.table)
        yield AddRow(*place, difference.columns, str(key), map_key, is_single)
    elif difference.columns:
        yield SetRow(reference.table, present.uuid, difference.columns)


def _describe(reference: Reference, wanted: WantedRows) -> Any:
    """Return the option as it declares wanted rows."""

    def declared(columns: Wanted) -> dict[str, Any]:
        settings = {each.option: each for each in reference.settings}
        return {
            name: settings[name].describe(value) for name, value in columns.items() if value != settings[name].default
        }

    if reference.key:
        return [{reference.key: key, **declared(columns)} for key, columns in sorted(wanted.items(), key=str)]
    return declared(wanted[""]) if wanted else {}
