# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Times, rates, sizes and percentages as tc(8) writes them: the shortest text for what the kernel keeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core import traffic_units as units


@pytest.mark.parametrize(
    ("check", "given", "text"),
    [
        (units.time_text, "20ms", "20ms"),
        (units.time_text, "0.02s", "20ms"),
        (units.time_text, "1.001 msec", "1001us"),
        (units.time_text, "1.5us", "1us"),  # tc counts whole microseconds
        (units.time_text, "3S", "3s"),
        (units.jitter_text, "0.002s", "2ms"),
        (units.time_text, 0, "0ms"),
        (units.rate_text, "10mbit", "10mbit"),
        (units.rate_text, "1mbps", "8mbit"),
        (units.rate_text, "1Mibit", "1048576bit"),
        (units.rate_text, "0.1gbit", "100mbit"),
        (units.rate_text, "1500Kbit", "1500kbit"),
        (units.rate_text, "147573952tbit", "147573952tbit"),
        (units.rate_text, "12bit", "8bit"),  # a whole number of bytes
        (units.size_text, "10kb", "10kb"),
        (units.size_text, 1500, "1500b"),
        (units.size_text, "10240", "10kb"),
        (units.size_text, "1m", "1mb"),
        (units.size_text, "80kbit", "10kb"),
        (units.share_text, "1%", "1%"),
        (units.share_text, "0.10 %", "0.1%"),
        (units.share_text, "33.333%", "33.333%"),
        (units.share_text, "100%", "100%"),
    ],
)
def test_shortest_text(check: Callable[[Any], str], given: object, text: str) -> None:
    assert check(given) == text
    assert check(text) == text


@pytest.mark.parametrize(
    ("check", "given", "reason"),
    [
        (units.time_text, "20", "has no unit; write for instance 20ms"),
        (units.time_text, 20, "has no unit"),
        (units.time_text, "5m", "the unit 'm', which is none of s, ms, us"),
        (units.time_text, "-5ms", "is not a time"),
        (units.time_text, "1h", "the unit 'h'"),
        (units.time_text, "275s", "is longer than 274 s"),
        (units.time_text, True, "is not a time"),
        (units.jitter_text, "2.2s", "is longer than 2147483 us, the longest jitter that the kernel keeps"),
        (units.rate_text, "10", "has no unit"),
        (units.rate_text, "10mb", "the unit 'mb', which is none of bit, kbit"),
        (units.rate_text, "1bit", "less than a byte per second"),
        (units.rate_text, "147573953tbit", "is above 147573952tbit, the highest rate that the kernel keeps"),
        (units.size_text, "0", "is not from 1 to"),
        (units.size_text, "5gb", "is not from 1 to"),
        (units.size_text, [], "is not a size"),
        (units.share_text, 1, "has no percent sign; write for instance 1%"),
        (units.share_text, "0.5", "has no percent sign"),
        (units.share_text, "101%", "is above 100%"),
    ],
)
def test_refused(check: Callable[[Any], str], given: object, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        check(given)


@pytest.mark.parametrize(("text", "kept"), [("1%", 0x028F5C29), ("0.1%", 0x00418937), ("25%", 0x40000000)])
def test_shares_are_those_of_tc(text: str, kept: int) -> None:
    assert units.share(text) == kept
    assert units.format_share(kept) == text


def test_share_without_a_short_text() -> None:
    assert units.share(units.format_share(12345)) == 12345
