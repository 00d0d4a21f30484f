# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rows that ovs-vsctl and ovn-nbctl list, whichever table they are of. Pure."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.tables import (
    TABLES,
    TABLES_BY_NAME,
    Table,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.values import (
    Uuid,
    Value,
    elements,
    parse_value,
    read_map,
    read_optional,
)


@dataclass(frozen=True)
class Row:
    """A row of any table: its columns by name.

    It is of Open vSwitch unless `declaration` says otherwise: some tables of OVN have the names of others there.
    """

    table: str
    uuid: str
    columns: Mapping[str, Value] = field(default_factory=dict)
    declaration: Table | None = field(default=None, compare=False, repr=False)

    @property
    def declared(self) -> Table:
        """The declaration of its table."""
        return self.declaration or TABLES_BY_NAME.get(self.table) or Table(self.table)

    def optional(self, column: str) -> Any:
        """Return the value of a column that holds one element or none."""
        return read_optional(self.columns.get(column, ()))

    def strings(self, column: str) -> Mapping[str, str]:
        """Return a map column of strings."""
        return read_map(self.columns.get(column, ()))

    @property
    def configuration(self) -> Mapping[str, Value]:
        """The columns that are configuration and not empty.

        The OpenFlow number of an interface counts as configuration: an interface that is re-created with it keeps it.
        """
        status = self.declared.status
        return {
            column: value
            for column, value in self.columns.items()
            if column not in status and not column.startswith("_") and value not in ((), "", {}) and value != -1
        }

    def references(self) -> Iterator[str]:
        """Yield the rows that this one refers to, and so keeps."""
        weak = self.declared.weak
        for column, value in self.configuration.items():
            if column not in weak:
                yield from find_uuids(value)


def find_uuids(value: Value) -> Iterator[str]:
    """Yield the rows that a value refers to."""
    for element in value.values() if isinstance(value, Mapping) else elements(value):
        if isinstance(element, Uuid):
            yield element.text


def drop_references(row: Row, uuids: Collection[str]) -> Row:
    """Return a row without its references to others."""
    return replace(row, columns={column: _without(value, uuids) for column, value in row.columns.items()})


def _without(value: Value, uuids: Collection[str]) -> Value:
    if not set(uuids) & set(find_uuids(value)):
        return value
    if isinstance(value, Mapping):
        return {key: item for key, item in value.items() if not (isinstance(item, Uuid) and item.text in uuids)}
    left = tuple(each for each in elements(value) if not (isinstance(each, Uuid) and each.text in uuids))
    return left[0] if len(left) == 1 else left


def find_referrers(rows: Iterable[Row]) -> dict[str, set[str]]:
    """Return, by row, which of these rows refer to it and so keep it."""
    referrers: dict[str, set[str]] = {}
    for row in rows:
        for uuid in row.references():
            referrers.setdefault(uuid, set()).add(row.uuid)
    return referrers


def collect_dependents(rows: Iterable[Row], all_rows: Mapping[str, Row]) -> list[Row]:
    """Return these rows and all that are deleted with them, each once; `all_rows` are known by their UUIDs.

    A row that another one refers to as well, such as the sFlow of two bridges, is not deleted, nor is one of a table
    whose rows exist without a reference, such as the QoS of a port.
    """
    referrers = find_referrers(all_rows.values())
    found = {row.uuid: row for row in rows}
    waiting = list(found.values())
    while waiting:
        for uuid in waiting.pop(0).references():
            if uuid not in all_rows or uuid in found or all_rows[uuid].declared.is_root:
                continue
            if referrers[uuid] <= found.keys():
                found[uuid] = all_rows[uuid]
                waiting.append(all_rows[uuid])
    return list(found.values())


def parse_tables(text: str, tables: Sequence[Table] = TABLES) -> list[list[Row]]:
    """Parse the output of `--format=json list`: a document for each table, in the order of `tables`.

    Raises:
        ValueError: It is not that.
    """
    decoder = json.JSONDecoder()
    position = 0
    documents: list[Mapping[str, Any]] = []
    text = text.strip()
    while position < len(text):
        document, position = decoder.raw_decode(text, position)
        documents.append(document)
        while position < len(text) and text[position].isspace():
            position += 1
    if len(documents) != len(tables):
        raise ValueError(f"{len(documents)} tables instead of {len(tables)}")
    return [_parse_rows(table, document) for table, document in zip(tables, documents)]


def _parse_rows(table: Table, document: Mapping[str, Any]) -> list[Row]:
    headings = document["headings"]
    rows = []
    for cells in document["data"]:
        columns = {name: parse_value(cell) for name, cell in zip(headings, cells)}
        uuid = cast(Uuid, columns.pop("_uuid"))
        rows.append(Row(table.name, uuid.text, columns, table))
    return rows
