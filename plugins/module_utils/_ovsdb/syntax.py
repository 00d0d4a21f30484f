# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The language of ovs-vsctl(8): how values, columns and commands are written. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.rows import Row
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.values import Atom, Uuid, Value, comparable, elements

#: One command of ovs-vsctl with its arguments.
Command = tuple[str, ...]

_BARE = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_LIKE_A_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def is_like_a_uuid(text: str) -> bool:
    """Return whether ovs-vsctl may take a text for a UUID."""
    return _LIKE_A_UUID.fullmatch(text) is not None


def format_atom(atom: Atom) -> str:
    """Write an atom ("Database Values"): a string is quoted as JSON unless it needs no quotes.

    Everything outside ASCII is escaped, so that it does not depend on the locale.
    """
    if isinstance(atom, Uuid):
        return atom.text
    if isinstance(atom, bool):
        return "true" if atom else "false"
    if isinstance(atom, (int, float)):
        return str(atom)
    bare = _BARE.fullmatch(atom) and atom not in ("true", "false") and not is_like_a_uuid(atom)
    return atom if bare else json.dumps(atom)


def format_assignment(column: str, value: Value) -> str:
    """Write `column=value`, for a scalar, a set or a map."""
    if isinstance(value, Mapping):
        pairs = (f"{format_atom(key)}={format_atom(item)}" for key, item in value.items())
        return f"{column}={{{','.join(pairs)}}}"
    if isinstance(value, tuple):
        return f"{column}=[{','.join(map(format_atom, value))}]"
    return f"{column}={format_atom(value)}"


def join_commands(commands: Iterable[Command]) -> list[str]:
    """Return several commands as the arguments of one ovs-vsctl, which makes them one transaction."""
    arguments: list[str] = []
    for command in commands:
        arguments.extend(["--", *command] if arguments or command[0].startswith("-") else command)
    return arguments


def identifier(*words: str) -> str:
    """Return the name of a row within its transaction, which may have many: of these words, whatever is in them."""
    plain = all(word.isascii() and word.replace("_", "a").isalnum() for word in words if word)
    return "@" + ("_".join(filter(None, words)) if plain else f"x{'/'.join(words).encode().hex()}")


@dataclass(frozen=True)
class Columns:
    """The columns of a row that are to change.

    `values` are set as a whole; () clears one that may be empty. `keys` are those of map columns: (column, key, value),
    where None removes the key.
    """

    values: Mapping[str, Value] = field(default_factory=dict)
    keys: tuple[tuple[str, str, str | None], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.values or self.keys)

    def assignments(self) -> list[str]:
        """Return what is set, as arguments of a command."""
        return [
            *(format_assignment(column, value) for column, value in self.values.items()),
            *(
                f"{column}:{format_atom(key)}={format_atom(value)}"
                for column, key, value in self.keys
                if value is not None
            ),
        ]

    def commands(self, table: str, record: str) -> list[Command]:
        """Return the commands that change the columns of a record.

        A record is named as it is: unlike a value, ovs-vsctl never unquotes it (ctl_get_row() in lib/db-ctl-base.c).
        """
        assignments = self.assignments()
        setting: list[Command] = [("set", table, record, *assignments)] if assignments else []
        removals: list[Command] = [
            ("remove", table, record, column, format_atom(key)) for column, key, value in self.keys if value is None
        ]
        return [*setting, *removals]

    def are_set(self, row: Row) -> bool:
        """Return whether a row has these columns already."""
        return all(
            comparable(row.columns.get(column, ())) == comparable(value) for column, value in self.values.items()
        ) and all(row.strings(column).get(key) == value for column, key, value in self.keys)

    def inverse(self, row: Row) -> Columns:
        """Return what gives these columns of a row their present values back."""
        return Columns(
            {column: row.columns.get(column, ()) for column in self.values},
            tuple((column, key, row.strings(column).get(key)) for column, key, _value in self.keys),
        )


NO_COLUMNS = Columns()

#: The tables whose rows ovs-vsctl finds by a name that no other row of the table has.
NAMED_TABLES = frozenset({"Bridge", "Port", "Interface"})


#: The columns of the table Open_vSwitch that refer to rows.
_ROOT_COLUMNS: Mapping[str, str] = {"Bridge": "bridges", "SSL": "ssl"}


def recreate_rows(rows: Sequence[Row], all_rows: Mapping[str, Row]) -> list[Command]:
    """Return the commands that re-create rows with all their configuration, and every reference to them.

    `all_rows` are the rows as they were, by UUID. A reference is restored where the row that had it was not deleted.
    """
    names = {row.uuid: _row_name(row) for row in rows}
    created: list[Command] = [
        (
            f"--id={names[row.uuid]}",
            "create",
            row.table,
            *(
                format_assignment(column, _replace_references(value, names))
                for column, value in sorted(row.configuration.items())
            ),
        )
        for row in rows
    ]
    roots: list[Command] = [
        ("add", "Open_vSwitch", ".", _ROOT_COLUMNS[row.table], names[row.uuid])
        for row in rows
        if row.table in _ROOT_COLUMNS
    ]
    others = (row for row in all_rows.values() if row.uuid not in names)
    return [*created, *roots, *(command for row in others for command in _restore_references(row, names))]


def _restore_references(row: Row, names: Mapping[str, str]) -> Iterator[Command]:
    """Yield the commands that add to a row its references to re-created rows, in columns of sets and of maps."""
    for column, value in sorted(row.configuration.items()):
        pairs = value.items() if isinstance(value, Mapping) else ((None, element) for element in elements(value))
        for key, element in pairs:
            if isinstance(element, Uuid) and element.text in names:
                name = names[element.text]
                added = name if key is None else f"{format_atom(key)}={name}"
                yield ("--if-exists", "add", row.table, _record_of(row), column, added)


def _record_of(row: Row) -> str:
    """Return how a command names a row: by its name where it has one, as it may have been re-created meanwhile."""
    name = row.optional("name") if row.table in NAMED_TABLES else None
    return str(name or row.uuid)


def _row_name(row: Row) -> str:
    """Return the name of a re-created row within its transaction, which may create many."""
    return "@row_" + row.uuid.replace("-", "_")


def _replace_references(value: Value, names: Mapping[str, str]) -> Value:
    if isinstance(value, tuple):
        return tuple(_replace_reference(element, names) for element in value)
    if isinstance(value, Mapping):
        return {key: _replace_reference(item, names) for key, item in value.items()}
    return _replace_reference(value, names)


def _replace_reference(atom: Atom, names: Mapping[str, str]) -> Atom:
    return Uuid(names.get(atom.text, atom.text)) if isinstance(atom, Uuid) else atom
