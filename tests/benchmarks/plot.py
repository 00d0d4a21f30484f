# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A log-log plot as SVG, without a plotting library: what it needs of one is a page of text. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 900, 560
LEFT, RIGHT, TOP, BOTTOM = 70, 230, 40, 50
# Paul Tol's "bright" and "muted" colours, which people with colour blindness can distinguish.
COLOURS = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#332288", "#999933", "#882255", "#777777")


@dataclass(frozen=True)
class Series:
    """A line with its name: points of size and seconds, both above zero."""

    name: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class _Axis:
    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        share = (math.log10(value) - math.log10(self.low)) / (math.log10(self.high) - math.log10(self.low))
        return self.start + share * (self.end - self.start)


def svg(title: str, series: Sequence[Series]) -> str:
    """Return the plot as an SVG document. Raises ValueError if there is no point to show."""
    points = [point for one in series for point in one.points]
    if not points:
        raise ValueError("there is nothing to plot")
    sizes = sorted({size for size, _seconds in points})
    across = _Axis(sizes[0], max(sizes[-1], sizes[0] * 2), LEFT, WIDTH - RIGHT)
    up = _Axis(*_decades([seconds for _size, seconds in points]), HEIGHT - BOTTOM, TOP)
    shown = [one for one in series if one.points]
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        _text(LEFT, 22, title, "start", 16),
        *_grid(sizes, across, up),
        *(line for number, one in enumerate(shown) for line in _line(number, one, across, up)),
        _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, "namespaces"),
        f'<g transform="translate(18 {(HEIGHT - BOTTOM + TOP) / 2}) rotate(-90)">{_text(0, 0, "seconds")}</g>',
        "</svg>",
    ]
    return "\n".join([*lines, ""])


def _decades(values: Sequence[float]) -> tuple[float, float]:
    """Return the powers of ten that enclose the values, two different ones."""
    low = math.floor(math.log10(min(values)))
    high = math.ceil(math.log10(max(values)))
    return 10.0**low, 10.0 ** max(high, low + 1)


def _grid(sizes: Sequence[float], across: _Axis, up: _Axis) -> list[str]:
    lines = []
    for size in sizes:
        x = across.at(size)
        lines += [_rule(x, TOP, x, HEIGHT - BOTTOM), _text(x, HEIGHT - BOTTOM + 18, f"{size:g}")]
    exponent = round(math.log10(up.low))
    while 10.0**exponent <= up.high * 1.001:
        y = up.at(10.0**exponent)
        lines += [_rule(LEFT, y, WIDTH - RIGHT, y), _text(LEFT - 8, y + 4, f"{10.0**exponent:g}", "end")]
        exponent += 1
    return lines


def _rule(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#dddddd"/>'


def _text(x: float, y: float, text: str, anchor: str = "middle", size: int = 13) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">{escape(text)}</text>'


def _line(number: int, one: Series, across: _Axis, up: _Axis) -> list[str]:
    colour = COLOURS[number % len(COLOURS)]
    places = [(across.at(x), up.at(y)) for x, y in sorted(one.points)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    legend = TOP + 12 + number * 22
    return [
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>',
        *(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in places),
        f'<rect x="{WIDTH - RIGHT + 20}" y="{legend - 10}" width="12" height="12" fill="{colour}"/>',
        _text(WIDTH - RIGHT + 40, legend, one.name, "start"),
    ]
