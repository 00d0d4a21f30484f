# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of a kind of qdiscs: how each is checked, encoded and decoded. Pure.

The value of an option is the text that tc(8) takes, in the shortest form for what the kernel keeps of it: two values
are the same where their texts are. The first part of TCA_OPTIONS may be a struct, which has the number 0 here.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core import traffic_units as units
from ansible_collections.netns.fabric.plugins.module_utils._core import validation
from ansible_collections.netns.fabric.plugins.module_utils._kernel.encodings import Data

#: Nanoseconds of a tick, the unit of times in structs (PSCHED_SHIFT of net/pkt_sched.h). /proc/net/psched reports it.
TICK = 64
#: Bytes: ETH_MAX_MTU and ETH_HLEN of linux/if_ether.h.
LARGEST_FRAME = 65535 + 14


@dataclass(frozen=True)
class Unit:
    """What a number of the kernel means: the check of its text, the number for that, and the text for a number."""

    check: Callable[[Any], str]
    number: Callable[[str], int]
    text: Callable[[int], str]


def ticks(microseconds: int) -> int:
    """Return a time in ticks, as tc_core_time2tick() of iproute2 does."""
    return microseconds * 1000 // TICK


def _ticks_of(text: str) -> int:
    return ticks(units.microseconds(text))


def _text_of_ticks(found: int) -> str:
    return units.format_time(-(-found * TICK // 1000))


def _codel_time(value: Any) -> str:
    """Check a time of CoDel, which the kernel keeps in units of 1024 ns (CODEL_SHIFT of net/codel.h)."""
    return _text_of_codel(_kept_by_codel(units.microseconds(value)))


def _kept_by_codel(microseconds: int) -> int:
    return ((microseconds * 1000 >> 10) << 10) // 1000


def _text_of_codel(found: int) -> str:
    """Return the roundest time of which the kernel keeps, and reports, so many microseconds."""
    same = [each for each in (found, found + 1, found + 2) if _kept_by_codel(each) == found] or [found]
    return units.format_time(max(same, key=_zeros))


def _zeros(number: int) -> int:
    return len(str(number)) - len(str(number).rstrip("0"))


TIME = Unit(units.time_text, _ticks_of, _text_of_ticks)
JITTER = Unit(units.jitter_text, _ticks_of, _text_of_ticks)
CODEL = Unit(_codel_time, units.microseconds, _text_of_codel)
SHARE = Unit(units.share_text, units.share, units.format_share)
SIZE = Unit(units.size_text, units.octets, units.format_size)


@dataclass(frozen=True)
class Amount:
    """A number of 32 bits with a unit, in a struct of `size` bytes; `along` is what the kernel needs beside it."""

    number: int
    unit: Unit
    offset: int = 0
    size: int = 4
    along: Data = field(default_factory=dict)
    highest: int = units.LARGEST
    option_type: str = "str"

    def check(self, value: Any) -> Any:
        text = self.unit.check(value)
        if self.unit.number(text) > self.highest:
            raise validation.ValidationError(f"{value!r} is above {self.unit.text(self.highest)}; give that, or less")
        return text

    def encode(self, value: Any) -> Data:
        content = bytearray(self.size)
        number = 0 if value is None else self.unit.number(value)
        struct.pack_into("=I", content, self.offset, number)
        return {self.number: bytes(content), **(self.along if number else {})}

    def decode(self, data: Data) -> Any:
        found = read(data, self.number, self.offset)
        return None if found is None else self.unit.text(found)


@dataclass(frozen=True)
class Count:
    """A plain number of 32 bits in a struct of `size` bytes."""

    number: int
    offset: int = 0
    size: int = 4
    lowest: int = 1
    highest: int = units.LARGEST
    option_type: str = "int"

    def check(self, value: Any) -> Any:
        return validation.whole_number(value, "number", self.lowest, self.highest)

    def encode(self, value: Any) -> Data:
        content = bytearray(self.size)
        struct.pack_into("=I", content, self.offset, value or 0)
        return {self.number: bytes(content)}

    def decode(self, data: Data) -> Any:
        return read(data, self.number, self.offset)


@dataclass(frozen=True)
class Flag:
    """True or false in 32 bits."""

    number: int
    option_type: str = "bool"

    def check(self, value: Any) -> Any:
        return bool(value)

    def encode(self, value: Any) -> Data:
        return {self.number: struct.pack("=I", bool(value))}

    def decode(self, data: Data) -> Any:
        found = read(data, self.number, 0)
        return None if found is None else bool(found)


@dataclass(frozen=True)
class Rate:
    """A rate in bytes per second; what does not fit in 32 bits has an attribute of its own."""

    number: int
    wide: int
    offset: int = 0
    size: int = 4
    option_type: str = "str"

    def check(self, value: Any) -> Any:
        return units.rate_text(value)

    def encode(self, value: Any) -> Data:
        rate = 0 if value is None else units.bytes_per_second(value)
        content = bytearray(self.size)
        struct.pack_into("=I", content, self.offset, min(rate, units.LARGEST))
        found: dict[int, bytes] = {self.number: bytes(content)}
        if rate > units.LARGEST:
            found[self.wide] = struct.pack("=Q", rate)
        return found

    def decode(self, data: Data) -> Any:
        wide = data.get(self.wide)
        found = struct.unpack("=Q", wide)[0] if wide else read(data, self.number, self.offset)
        return units.format_rate(found) if found else None


@dataclass(frozen=True)
class Burst:
    """The bytes that may leave at once, which the kernel keeps as the time that they take at the option `rate`."""

    number: int
    rate: Rate
    offset: int
    option_type: str = "str"

    def check(self, value: Any) -> Any:
        return units.size_text(value)

    def encode(self, value: Any) -> Data:
        return {self.number: struct.pack("=I", units.octets(value))}

    def decode(self, data: Data) -> Any:
        found, rate = read(data, self.rate.number, self.offset), self.rate.decode(data)
        if found is None or rate is None:
            return None
        return units.format_size(_burst_at(units.bytes_per_second(rate), found))

    def same(self, found: str, wanted: str, values: Mapping[str, Any]) -> bool:
        """Whether the kernel keeps the same of two sizes; `values` are the options that it reports."""
        rate = units.bytes_per_second(values["rate"])
        return kept_burst(rate, units.octets(found)) == kept_burst(rate, units.octets(wanted))


def _burst_at(rate: int, found: int) -> int:
    """Return a number of bytes for which the kernel reports so many ticks at a rate.

    It is the roundest one; of those that may be less than a packet, the highest: it admits what any of them does.
    """
    multiplier, shift = _scale(rate)
    # The smallest sizes of this and of the next number of ticks: (size * multiplier >> shift) // TICK, reversed.
    first, beyond = (-(-(each * TICK << shift) // multiplier) for each in (found, found + 1))
    lowest, highest = max(1, first), min(beyond - 1, units.LARGEST)
    if lowest < LARGEST_FRAME:
        return max(lowest, highest)
    zeros = max(0, highest).bit_length()
    while zeros and highest >> zeros << zeros < lowest:
        zeros -= 1
    return min(-(-lowest >> zeros) << zeros, units.LARGEST)


def kept_burst(rate: int, size: int) -> int:
    """Return the ticks that the kernel keeps for a size at a rate (psched_l2t_ns() of net/sch_generic.h)."""
    multiplier, shift = _scale(rate)
    return (size * multiplier >> shift) // TICK


def _scale(rate: int) -> tuple[int, int]:
    """Return what the kernel multiplies a size with, and shifts it by, for the time at a rate.

    See psched_ratecfg_precompute() of net/sched/sch_generic.c. At no time it is nothing.
    """
    factor, shift = 10**9, 0
    while True:
        multiplier = factor // rate
        if multiplier & (1 << 31) or factor & (1 << 63):
            return max(1, multiplier), shift
        factor, shift = factor << 1, shift + 1


class _NotSent:
    """A value that is not in TCA_OPTIONS: the kernel gets it in another way, or in the value of another option."""

    def encode(self, value: Any) -> Data:  # noqa: ARG002  # every attribute has this signature, and there is nothing
        return {}

    def decode(self, data: Data) -> Any:  # noqa: ARG002  # every attribute has this signature, and there is nothing
        return None


@dataclass(frozen=True)
class Derived(_NotSent):
    """A value that stands for another option, which is computed from it: it is never in TCA_OPTIONS."""

    unit: Unit
    option_type: str = "str"

    def check(self, value: Any) -> Any:
        return self.unit.check(value)


@dataclass(frozen=True)
class LinkName(_NotSent):
    """The name of a link, which a filter leads to and not the qdisc itself."""

    option_type: str = "str"

    def check(self, value: Any) -> Any:
        return validation.existing_interface_name(value)


@dataclass(frozen=True)
class Word(_NotSent):
    """One of some words, which the kernel does not report: the qdisc's handle says which."""

    words: Mapping[str, int]
    option_type: str = "str"

    def check(self, value: Any) -> Any:
        return value  # one of the option's choices


def read(data: Data, number: int, offset: int) -> int | None:
    """Return a number of 32 bits in an attribute; None where there is none."""
    content = data.get(number, b"")
    return int(struct.unpack_from("=I", content, offset)[0]) if len(content) >= offset + 4 else None
