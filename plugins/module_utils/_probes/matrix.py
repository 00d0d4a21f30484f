# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module's return value `matrix`: what reaches what, as lines of text. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ansible_collections.netns.fabric.plugins.module_utils._core.expectations import (
    MASQUERADED,
    REACHABLE,
    REJECTED,
    SILENT,
    UNREACHABLE,
    UNROUTED,
)
from ansible_collections.netns.fabric.plugins.module_utils._probes.model import Judged, format_round_trip, place

#: Characters; a wider table is rendered with one character per probe.
MAX_WIDTH = 120
_TABLE_LEGEND = ("!: not as expected; .: not probed",)
_COMPACT_LEGEND = (
    "as expected: + reachable, s silent, r rejected, n no route, - unreachable otherwise",
    "not as expected: ! reachable, S silent, R rejected, N no route, X unreachable otherwise; . not probed",
)
#: The characters of a result that is as expected, and of one that is not.
_COMPACT = {REACHABLE: "+!", MASQUERADED: "+X", SILENT: "sS", REJECTED: "rR", UNROUTED: "nN", UNREACHABLE: "-X"}


def render_matrix(judged: Sequence[Judged]) -> list[str]:
    """Return one table for each protocol, port and address family: rows are where probes start, columns where to."""
    lines: list[str] = []
    legends: dict[str, None] = {}
    by_table: dict[tuple[str, int], list[Judged]] = {}
    for one in judged:
        by_table.setdefault((one.probe.kind, one.probe.to.version), []).append(one)
    for (kind, _version), of_table in by_table.items():
        table, legend = _Table(kind, of_table).render()
        lines += ["", *table] if lines else table
        legends.update(dict.fromkeys(legend))
    return [*lines, "", *legends] if lines else []


class _Table:
    def __init__(self, kind: str, judged: Sequence[Judged]) -> None:
        self._kind = kind
        self._rows = list(dict.fromkeys(place(one.probe.namespace) for one in judged))
        columns = sorted({one.probe.to for one in judged}, key=lambda address: (address.version, int(address)))
        self._columns = list(map(str, columns))
        self._cells: dict[tuple[str, str], Judged] = {}
        for one in judged:  # of several over one path, one that is not as expected
            cell = (place(one.probe.namespace), str(one.probe.to))
            if cell not in self._cells or one.ok is False:
                self._cells[cell] = one

    def render(self) -> tuple[list[str], Sequence[str]]:
        """Return the lines, and the legend to them."""
        table = self._render_words()
        if len(table[0]) <= MAX_WIDTH:
            return table, _TABLE_LEGEND
        return self._render_characters(), _COMPACT_LEGEND

    def _render_words(self) -> list[str]:
        rows = [[self._kind, *self._columns]]
        rows += [[row, *(_words(self._cells.get((row, column))) for column in self._columns)] for row in self._rows]
        widths = [max(map(len, column)) for column in zip(*rows)]
        return [
            "  ".join([row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))])
            for row in rows
        ]

    def _render_characters(self) -> list[str]:
        width = max(map(len, [self._kind, *self._rows]))
        tens = "".join(str(number // 10 % 10) if number % 10 == 0 else " " for number in self._numbers)
        units = "".join(str(number % 10) for number in self._numbers)
        lines = [f"{self._kind.ljust(width)}  {tens}".rstrip(), f"{''.ljust(width)}  {units}"]
        for row in self._rows:
            cells = "".join(_character(self._cells.get((row, column))) for column in self._columns)
            lines.append(f"{row.ljust(width)}  {cells}")
        return [*lines, *self._render_column_names()]

    @property
    def _numbers(self) -> range:
        return range(1, len(self._columns) + 1)

    def _render_column_names(self) -> Iterator[str]:
        names = [f"{number}={column}" for number, column in zip(self._numbers, self._columns)]
        width = max(map(len, names)) + 1
        in_line = max(1, (MAX_WIDTH - len("columns:")) // width)
        for start in range(0, len(names), in_line):
            head = "" if start else "columns:"
            cells = "".join(f" {name.ljust(width - 1)}" for name in names[start : start + in_line])
            yield f"{head:8}{cells}".rstrip()


def _words(judged: Judged | None) -> str:
    if judged is None:
        return "."
    if judged.outcome is None:
        return "skipped"
    if judged.result == MASQUERADED:
        return MASQUERADED
    found = (format_round_trip(judged.outcome) or "reachable") if judged.outcome.reachable else judged.outcome.cause
    return found if judged.ok else f"! {found}"


def _character(judged: Judged | None) -> str:
    if judged is None or judged.ok is None:
        return "."
    return _COMPACT[judged.result][not judged.ok]
