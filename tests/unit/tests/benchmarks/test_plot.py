# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plot: well-formed, and every point where the logarithms say."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netns.fabric.tests.benchmarks.plot import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Series, svg

SVG = "{http://www.w3.org/2000/svg}"


def centres(document: str) -> list[tuple[float, float]]:
    found = ET.fromstring(document).iter(SVG + "circle")  # noqa: S314  # written by ourselves
    return [(float(one.get("cx", "nan")), float(one.get("cy", "nan"))) for one in found]


def test_equal_ratios_are_equal_distances() -> None:
    places = centres(svg("t", [Series("one", ((10, 0.1), (100, 1.0), (1000, 10.0)))]))
    middle = ((LEFT + WIDTH - RIGHT) / 2, (TOP + HEIGHT - BOTTOM) / 2)
    assert places == [(LEFT, HEIGHT - BOTTOM), pytest.approx(middle), (WIDTH - RIGHT, TOP)]


def test_names_are_escaped_and_lines_without_points_left_out() -> None:
    text = svg("a < b", [Series("x & y", ((2, 1.0),)), Series("nothing", ())])
    root = ET.fromstring(text)  # noqa: S314  # written by ourselves
    words = [one.text for one in root.iter(SVG + "text")]
    assert "a < b" in words
    assert "x & y" in words
    assert "nothing" not in words


def test_nothing_to_plot() -> None:
    with pytest.raises(ValueError, match="nothing to plot"):
        svg("t", [Series("one", ())])


positive = st.floats(min_value=1e-4, max_value=1e4)


@given(st.lists(st.tuples(st.integers(1, 5000), positive), min_size=1, max_size=8))
def test_every_point_lies_within_the_frame(points: list[tuple[int, float]]) -> None:
    places = centres(svg("t", [Series("one", tuple(points))]))
    assert len(places) == len(points)
    assert all(LEFT - 0.1 <= x <= WIDTH - RIGHT + 0.1 and TOP - 0.1 <= y <= HEIGHT - BOTTOM + 0.1 for x, y in places)
