# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options that are columns: an option of a module that is stored as it is, as a declaration. Pure.

Argument spec, validation, comparison, facts and export of such an option come from its declaration. What needs more
than that, such as an option that depends on a device, is written out in its resource.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.differences import Difference
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.rows import Row
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.values import Atom, Value, elements

#: What an entry asks for, by option, as the database stores it; () for nothing.
Wanted = Mapping[str, Value]


def _same(value: Any) -> Any:
    return value


@dataclass(frozen=True)
class Setting:
    """An option that is a column, or a key of a map column.

    `check` returns what the database stores of a value or, in a list, of each element; a tuple stands for several
    elements. `default` is what the column has in a new row. `show` returns the elements of a list as they are written.
    """

    option: str
    spec: Mapping[str, Any]
    column: str
    key: str = ""
    check: Callable[[Any], Any] = _same
    default: Value = ()
    show: Callable[[Sequence[Any]], list[Any]] = list

    @property
    def is_list(self) -> bool:
        return bool(self.spec["type"] == "list")

    def parse(self, checks: Checks, place: str, given: Any) -> Value:
        """Return what the database stores of a given value; an error is noted."""
        if self.is_list:
            found: set[Atom] = set()
            for element in checks.each(place, self.check, given):
                found.update(element if isinstance(element, tuple) else (element,))
            return _sort(found)
        value = None if given == "" else checks.value(place, self.check, given)
        if value is None:
            return ()
        return _as_text(value) if self.key else cast(Value, value)

    def read(self, row: Row) -> Value:
        """Return what a row stores."""
        if self.key:
            return row.strings(self.column).get(self.key, self.default)
        value = row.columns.get(self.column, ())
        if self.is_list:
            return _sort(elements(value))
        return self.default if value == () else value

    def describe(self, value: Value) -> Any:
        """Return a stored value as an option has it; None for nothing."""
        if self.is_list:
            return self.show(cast(Sequence[Any], value))
        if value == ():
            return None
        if not self.key:
            return value
        text = str(value)
        if self.spec["type"] == "bool":
            return text == "true"
        return int(text) if self.spec["type"] == "int" and text.isdecimal() else text


def _sort(atoms: Iterable[Atom]) -> tuple[Atom, ...]:
    """Sort numbers by value, and everything else as text."""
    return tuple(sorted(atoms, key=lambda atom: (atom, "") if isinstance(atom, int) else (0, str(atom))))


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def specs(settings: Iterable[Setting]) -> dict[str, Mapping[str, Any]]:
    """Return the argument spec of these options."""
    return {setting.option: setting.spec for setting in settings}


def parse_settings(
    checks: Checks, settings: Iterable[Setting], options: Mapping[str, Any], place: str = ""
) -> dict[str, Value]:
    """Return what the options ask for that are given; `place` is where they stand, for messages."""
    return {
        setting.option: setting.parse(checks, f"{place}{setting.option}", options[setting.option])
        for setting in settings
        if options.get(setting.option) is not None
    }


def compare_settings(difference: Difference, settings: Iterable[Setting], row: Row, wanted: Wanted) -> None:
    """Note the differences between a row and what is wanted of it; what is not in `wanted` is left untouched."""
    for setting in settings:
        if setting.option not in wanted:
            continue
        old, new = setting.read(row), wanted[setting.option]
        new = setting.default if new == () and not setting.is_list else new
        if old == new:
            continue
        difference.before[setting.option] = setting.describe(old)
        difference.after[setting.option] = setting.describe(new)
        if setting.key:
            difference.keys.append((setting.column, setting.key, None if new == () else str(new)))
        else:
            difference.values[setting.column] = new


def describe_settings(settings: Iterable[Setting], row: Row) -> dict[str, Any]:
    """Return all options as a row has them; None, or an empty list, for what is not set."""
    return {setting.option: setting.describe(setting.read(row)) for setting in settings}


def declare_settings(settings: Iterable[Setting], row: Row) -> dict[str, Any]:
    """Return the options that a row has otherwise than a new one."""
    return {
        setting.option: setting.describe(setting.read(row))
        for setting in settings
        if setting.read(row) != setting.default
    }
