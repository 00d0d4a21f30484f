# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Times, rates, sizes and percentages as tc(8) writes them, and as the kernel keeps them. Pure.

A rate in `bit` is in bits per second, one in `bps` in bytes per second, with factors of 1000: 1mbps is 8mbit. A size in
`b` is in bytes, with factors of 1024: 1kb are 1024 bytes. Each check returns the shortest text for what the kernel
keeps of a value, so that two values are equal where the kernel cannot distinguish them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.validation import ValidationError, describe

#: Microseconds, by suffix.
_TIMES: Mapping[str, int] = {
    "s": 10**6,
    "sec": 10**6,
    "secs": 10**6,
    "ms": 1000,
    "msec": 1000,
    "msecs": 1000,
    "us": 1,
    "usec": 1,
    "usecs": 1,
}
#: Bits per second, by suffix.
_RATES: Mapping[str, int] = {
    f"{prefix}{unit}": factor * bits
    for unit, bits in (("bit", 1), ("bps", 8))
    for prefix, factor in (
        ("", 1),
        *((letter, 1000**power) for power, letter in enumerate("kmgt", 1)),
        *((f"{letter}i", 1024**power) for power, letter in enumerate("kmgt", 1)),
    )
}
#: Bits, by suffix.
_SIZES: Mapping[str, int] = {
    "": 8,
    "b": 8,
    **{f"{letter}{b}": 8 * 1024**power for power, letter in enumerate("kmg", 1) for b in ("", "b")},
    **{f"{letter}bit": 1024**power for power, letter in enumerate("kmg", 1)},
}
#: The tables that iproute2 brings for the delays of netem.
DISTRIBUTIONS = ("normal", "pareto", "paretonormal")
#: Options of netem that are of no effect without another one.
NETEM_NEEDS: Mapping[str, str] = {
    "jitter": "delay",
    "correlation": "jitter",
    "distribution": "jitter",
    "loss_correlation": "loss",
    "duplicate_correlation": "duplicate",
    "reorder": "delay",
    "reorder_correlation": "reorder",
    "corrupt_correlation": "corrupt",
}
#: A share of one, as the kernel keeps a probability and a correlation.
ONE = 2**32 - 1
#: What the kernel keeps in 32 bits.
LARGEST = 2**32 - 1
#: Bytes per second: the kernel keeps a rate in 64 bits (TCA_TBF_RATE64 of linux/pkt_sched.h).
FASTEST = 2**64 - 1
#: tc(8) counts the ticks of a time in 32 bits, of 64 ns each (PSCHED_SHIFT of net/pkt_sched.h).
LONGEST = LARGEST * 64 // 1000
#: Microseconds: netem_change() cuts a jitter of more than INT_MAX nanoseconds.
LONGEST_JITTER = (2**31 - 1) // 1000

_NUMBER = re.compile(r"([0-9]+(?:\.[0-9]+)?|\.[0-9]+) ?([A-Za-z%]*)", re.ASCII)


def _split(value: Any, what: str, example: str) -> tuple[Fraction, str]:
    """Return a number and its suffix, in lower case.

    Raises:
        ValidationError: It is none.
    """
    text = str(value).strip() if isinstance(value, (str, int, float)) and not isinstance(value, bool) else ""
    found = _NUMBER.fullmatch(text)
    if found is None:
        shown = repr(value) if isinstance(value, str) and len(value) < 40 else describe(value)
        raise ValidationError(f"{shown} is not {what}; write for instance {example}")
    return Fraction(found[1]), found[2].lower()


def _scaled(value: Any, what: str, example: str, units: Mapping[str, int], known: str) -> Fraction:
    number, suffix = _split(value, what, example)
    if suffix not in units and (suffix or number):
        lack = f"the unit {suffix!r}, which is none of {known}" if suffix else "no unit"
        raise ValidationError(f"{value!r} has {lack}; write for instance {example}")
    return number * units.get(suffix, 1)


def microseconds(value: Any) -> int:
    """Return a time in microseconds, which is as fine as tc(8) takes it.

    Raises:
        ValidationError: It is none, or is too long.
    """
    found = int(_scaled(value, "a time", "20ms", _TIMES, "s, ms, us"))
    if found > LONGEST:
        raise ValidationError(f"{value!r} is longer than {LONGEST // 10**6} s, the longest that the kernel keeps")
    return found


def bytes_per_second(value: Any) -> int:
    """Return a rate in bytes per second.

    Raises:
        ValidationError: It is none, or is too high.
    """
    known = "bit, kbit, mbit, gbit (bits per second), bps, kbps, mbps, gbps (bytes per second)"
    found = int(_scaled(value, "a rate", "10mbit", _RATES, known) / 8)
    if found < 1:
        raise ValidationError(f"{value!r} is less than a byte per second; write for instance 10mbit")
    if found > FASTEST:
        fastest = f"{FASTEST * 8 // 1000**4}tbit, the highest rate that the kernel keeps"
        raise ValidationError(f"{value!r} is above {fastest}; write for instance 10gbit")
    return found


def octets(value: Any) -> int:
    """Return a size in bytes.

    Raises:
        ValidationError: It is none, or is too large.
    """
    found = int(_scaled(value, "a size", "10kb", _SIZES, "b, kb, mb, gb (bytes), kbit, mbit, gbit (bits)") / 8)
    if not 1 <= found <= LARGEST:
        raise ValidationError(f"{value!r} is not from 1 to {LARGEST} bytes; write for instance 10kb")
    return found


def share(value: Any) -> int:
    """Return a percentage as the kernel keeps it, as a share of ONE.

    Raises:
        ValidationError: It is none.
    """
    number, suffix = _split(value, "a percentage", "1%")
    if suffix != "%" and (suffix or number):
        raise ValidationError(f"{value!r} has no percent sign; write for instance {number.numerator}%")
    if number > 100:
        raise ValidationError(f"{value!r} is above 100%; give a share of all packets")
    return round(float(number) / 100 * ONE)  # as parse_percent() and set_percent() of iproute2 do


def format_time(found: int) -> str:
    """Return microseconds as text."""
    for suffix, factor in (("s", 10**6), ("ms", 1000)):
        if found % factor == 0 and (found or suffix == "ms"):
            return f"{found // factor}{suffix}"
    return f"{found}us"


def format_rate(found: int) -> str:
    """Return bytes per second as text."""
    bits = found * 8
    for power, letter in ((4, "t"), (3, "g"), (2, "m"), (1, "k")):
        if bits and bits % 1000**power == 0:
            return f"{bits // 1000**power}{letter}bit"
    return f"{bits}bit"


def format_size(found: int) -> str:
    """Return bytes as text."""
    for factor, suffix in ((1024**2, "mb"), (1024, "kb")):
        if found and found % factor == 0:
            return f"{found // factor}{suffix}"
    return f"{found}b"


def format_share(found: int) -> str:
    """Return a share of ONE as the shortest percentage that the kernel keeps as the same."""
    texts = (f"{found / ONE * 100:.{digits}f}%" for digits in range(11))
    return next((text for text in texts if share(text) == found), f"{found / ONE * 100:.11f}%")


def time_text(value: Any) -> str:
    """Check a time, see microseconds()."""
    return format_time(microseconds(value))


def jitter_text(value: Any) -> str:
    """Check a time by which another one varies.

    Raises:
        ValidationError: It is none, or is too long.
    """
    found = microseconds(value)
    if found > LONGEST_JITTER:
        raise ValidationError(f"{value!r} is longer than {LONGEST_JITTER} us, the longest jitter that the kernel keeps")
    return format_time(found)


def rate_text(value: Any) -> str:
    """Check a rate, see bytes_per_second()."""
    return format_rate(bytes_per_second(value))


def size_text(value: Any) -> str:
    """Check a size, see octets()."""
    return format_size(octets(value))


def share_text(value: Any) -> str:
    """Check a percentage, see share()."""
    return format_share(share(value))
