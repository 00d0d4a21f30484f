# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The state of OVN's northbound database as plain values. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.database import Database
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.rows import (
    Row,
    collect_dependents,
    drop_references,
    find_uuids,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import find_owners


@dataclass(frozen=True)
class Northbound(Database):
    """The northbound database.

    `unavailable` is the message of why nothing could be read, where that is not a failure, and `cause` is that message
    without the cure.
    """

    rows: Mapping[str, Row] = field(default_factory=dict)
    unavailable: str = ""
    cause: str = ""

    @cached_property
    def _names(self) -> Mapping[tuple[str, str], Sequence[Row]]:
        found: dict[tuple[str, str], list[Row]] = {}
        for row in self.rows.values():
            found.setdefault((row.table, row_name(row)), []).append(row)
        return found

    @cached_property
    def _tables(self) -> Mapping[str, Sequence[Row]]:
        found: dict[str, list[Row]] = {}
        for row in sorted(self.rows.values(), key=row_name):
            found.setdefault(row.table, []).append(row)
        return found

    @cached_property
    def _external_ids(self) -> Mapping[tuple[str, str, str], Sequence[Row]]:
        found: dict[tuple[str, str, str], list[Row]] = {}
        for row in (each for rows in self._tables.values() for each in rows):
            for key, value in row.strings("external_ids").items():
                found.setdefault((row.table, key, value), []).append(row)
        return found

    @cached_property
    def _all_referrers(self) -> Mapping[str, set[str]]:
        found: dict[str, set[str]] = {}
        for row in self.rows.values():
            for value in row.configuration.values():
                for uuid in find_uuids(value):
                    found.setdefault(uuid, set()).add(row.uuid)
        return found

    def named(self, table: str, name: str) -> Sequence[Row]:
        """Return the rows of a table that have this name: most tables allow several."""
        return self._names.get((table, name), ())

    def table(self, name: str) -> Sequence[Row]:
        """Return the rows of a table, by their names."""
        return self._tables.get(name, ())

    def find_marked(self, table: str, key: str, value: str) -> Sequence[Row]:
        """Return the rows of a table that have this key and value in external_ids, by their names."""
        return self._external_ids.get((table, key, value), ())

    def find(self, table: str, record: str) -> Row | None:
        row = self.rows.get(record)
        return row if row and row.table == table else next(iter(self.named(table, record)), None)

    def users(self, uuid: str) -> set[str]:
        """Return the UUIDs of the rows that refer to a row, whether they keep it or not."""
        return self._all_referrers.get(uuid, set())

    def parent(self, uuid: str) -> Row | None:
        """Return the row that keeps a row."""
        return next(filter(None, map(self.rows.get, self.referrers(uuid))), None)

    def refer(self, row: Row, column: str) -> list[Row]:
        """Return the rows that a column refers to."""
        return [self.rows[uuid] for uuid in find_uuids(row.columns.get(column, ())) if uuid in self.rows]

    def without(self, uuids: Collection[str], references: Collection[tuple[str, str]] = ()) -> Northbound:
        """Return the same without these rows, and without references of one row to another.

        What is deleted with a row is left out as well, and so are all references to it.
        """
        deleted = [self.rows[uuid] for uuid in uuids if uuid in self.rows]
        if not deleted and not references:
            return self
        gone = {row.uuid for row in collect_dependents(deleted, self.rows)}
        rows = {row.uuid: drop_references(row, gone) for row in self.rows.values() if row.uuid not in gone}
        for referrer, uuid in references:
            if referrer in rows:
                rows[referrer] = drop_references(rows[referrer], {uuid})
        return replace(self, rows=rows)


def build_northbound(tables: Iterable[Iterable[Row]]) -> Northbound:
    """Put the state together from the rows of TABLES."""
    return Northbound({row.uuid: row for rows in tables for row in rows})


def row_name(row: Row) -> str:
    """Return the name of a row; empty where it has none."""
    name = row.columns.get("name", ())
    return "" if name == () else str(name)


def owners_of(row: Row) -> tuple[str, ...]:
    """Return the owners of a row."""
    return find_owners(row.strings("external_ids"))
