# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The values of OVSDB (RFC 7047, 5.1), and the readers of the columns that hold them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Union, cast


@dataclass(frozen=True)
class Uuid:
    """A reference to a row."""

    text: str


Atom = Union[bool, int, float, str, Uuid]
#: A scalar, a set (a tuple of any length but one) or a map. A set with one element is that element.
Value = Union[Atom, tuple[Atom, ...], Mapping[Atom, Atom]]


def parse_value(cell: Any) -> Value:
    """Parse the JSON notation of a value: a bare scalar, or a pair that begins with "uuid", "set" or "map".

    Raises:
        ValueError: It is not that.
    """
    if not isinstance(cell, list):
        return cast(Atom, cell)
    kind, content = cell
    if kind == "uuid":
        return Uuid(content)
    if kind == "set":
        return tuple(_parse_atom(element) for element in content)
    if kind == "map":
        return {_parse_atom(key): _parse_atom(value) for key, value in content}
    raise ValueError(f"not a value of OVSDB: {cell!r}")


def _parse_atom(cell: Any) -> Atom:
    return cast(Atom, parse_value(cell))  # neither sets nor maps nest


def elements(value: Value) -> tuple[Atom, ...]:
    """Return the elements of a set column."""
    return value if isinstance(value, tuple) else (cast(Atom, value),)


def comparable(value: Value) -> object:
    """Return a value such that equal ones compare as equal: the order of a set does not count, and "" is nothing."""
    if isinstance(value, Mapping):
        return frozenset(value.items()) or ()
    found = frozenset(elements(value))
    return () if found <= {""} else found


# The readers of columns


def read_name(value: Value) -> str:
    """Read a column that names its row.

    Raises:
        ValueError: It is empty.
    """
    if not isinstance(value, str):
        raise ValueError(f"not a name: {value!r}")  # noqa: TRY004  # a type here is the data of another program
    return value


def read_text(value: Value) -> str:
    """Read a column that holds a string or nothing; nothing is the empty string."""
    return "" if value == () else str(value)


def read_type(value: Value) -> str:
    """Read the type of an interface or a datapath: the database stores "system" as the empty string."""
    return read_text(value) or "system"


def read_mac(value: Value) -> str | None:
    """Read a hardware address, in lower case."""
    return read_text(value).lower() or None


def read_optional(value: Value) -> Any:
    """Read a column that holds one element or none."""
    return None if value == () else value


def read_flag(value: Value) -> bool:
    """Read a boolean; nothing is false."""
    return bool(value)


def read_strings(value: Value) -> tuple[str, ...]:
    """Read a set of strings, sorted."""
    return tuple(sorted(str(element) for element in elements(value)))


def read_numbers(value: Value) -> tuple[int, ...]:
    """Read a set of integers, sorted."""
    return tuple(sorted(element for element in elements(value) if isinstance(element, int)))


def read_map(value: Value) -> Mapping[str, str]:
    """Read a map of strings."""
    return {str(key): str(item) for key, item in value.items()} if isinstance(value, Mapping) else {}


def read_references(value: Value) -> tuple[str, ...]:
    """Read the UUIDs of the rows that a set refers to."""
    return tuple(element.text for element in elements(value) if isinstance(element, Uuid))
