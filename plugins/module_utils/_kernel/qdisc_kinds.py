# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kinds of qdiscs that can be set: a row for each, from which all the rest follows. Pure.

The numbers are those of linux/pkt_sched.h (TCA_NETEM_CORR, ...), the names those of tc-netem(8), tc-tbf(8), ...
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core import traffic_units as units
from ansible_collections.netns.fabric.plugins.module_utils._kernel import netlink
from ansible_collections.netns.fabric.plugins.module_utils._kernel.attributes import (
    Attribute,
    Values,
    bare,
    merge,
    negated,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.encodings import Data
from ansible_collections.netns.fabric.plugins.module_utils._kernel.qdisc_attributes import (
    CODEL,
    JITTER,
    SHARE,
    SIZE,
    TIME,
    Amount,
    Burst,
    Count,
    Derived,
    Flag,
    LinkName,
    Rate,
    Word,
    kept_burst,
    ticks,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import Qdisc
from ansible_collections.netns.fabric.plugins.module_utils._kernel.uapi import TC_LINKLAYER_ETHERNET

#: An option, and what is wrong with it.
Fault = tuple[str, str]

#: The major number of the handles of the qdiscs that this collection sets, and the priority of its filters: a qdisc
#: has nothing else to distinguish it by. Those from 0x8000 on are the kernel's to give (qdisc_alloc_handle()).
MARK = 0x7AB0
#: The tables that iproute2 brings for the delays of netem, by what is added to MARK: the kernel does not report them.
DISTRIBUTIONS: Mapping[str, int] = {name: number for number, name in enumerate(units.DISTRIBUTIONS, 1)}


def _no_faults(_values: Values) -> Iterator[Fault]:
    return iter(())


def _as_given(values: Values) -> Values:
    return values


@dataclass(frozen=True)
class QdiscKind:
    """A kind of qdiscs.

    `modules` are the kernel modules that it needs. `head` is the size of the struct that TCA_OPTIONS begins with.
    `constant` is what is always there. `faults` checks the values together, `complete` computes those that follow from
    others, `adjust` completes what is encoded. `chosen` are the options that the kernel chooses where they are not
    given: any value is right then. `ingress`: it is for what arrives, and not for what leaves; `smallest` is the option
    that has to admit the largest packet of the link.
    """

    name: str
    description: str
    modules: tuple[str, ...]
    attributes: tuple[Attribute, ...] = ()
    head: int = 0
    constant: Data = field(default_factory=dict)
    faults: Callable[[Values], Iterator[Fault]] = _no_faults
    complete: Callable[[Values], Values] = _as_given
    adjust: Callable[[Data, Values], Data] = lambda data, _values: data
    chosen: frozenset[str] = frozenset()
    ingress: bool = False
    smallest: str = ""

    @property
    def spec(self) -> Mapping[str, Mapping[str, Any]]:
        """The argument spec of its options."""
        return {attribute.name: attribute.spec for attribute in self.attributes}

    def attribute(self, name: str) -> Attribute:
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> Mapping[str, Attribute]:
        return {each.name: each for each in self.attributes}

    def encode(self, values: Values) -> bytes:
        """Return the contents of TCA_OPTIONS for these values; an option of its first struct is always there."""
        data: dict[int, bytes] = dict(self.constant)
        for attribute in self.attributes:
            value = values.get(attribute.name)
            in_head = getattr(attribute.encoding, "number", None) == 0
            if value is not None or (in_head and attribute.default is not None):
                content = attribute.encoding.encode(attribute.default if value is None else value)
                for number, each in content.items():
                    data[number] = merge(data[number], each) if number in data else each
        data = dict(self.adjust(data, values))
        rest = b"".join(netlink.attribute(number, data[number]) for number in sorted(data) if number)
        return data.get(0, b"") + rest

    def decode(self, options: bytes) -> dict[str, Any]:
        """Return the values in TCA_OPTIONS that are not the kernel's own choice."""
        data = {**netlink.attributes_of(options, self.head), **({0: options[: self.head]} if self.head else {})}
        found = {attribute.name: attribute.encoding.decode(data) for attribute in self.attributes}
        return self.without_defaults(found)

    def without_defaults(self, values: Values) -> dict[str, Any]:
        """Return the values that are not the kernel's own choice, in the order of the row."""
        return {
            each.name: values[each.name]
            for each in self.attributes
            if values.get(each.name) not in (None, each.default)
        }

    def words(self, values: Values) -> list[str]:
        """Return the values as tc(8) takes them."""
        given = [each for each in self.attributes if values.get(each.name) is not None]
        return [word for each in given for word in each.words(each.name, values[each.name])]

    def handle(self, values: Values) -> int:
        """Return the handle of a qdisc with these values."""
        return MARK + DISTRIBUTIONS.get(values.get("distribution", ""), 0) << 16

    def same(self, name: str, found: Values, wanted: Values) -> bool:
        """Return whether the kernel reports of an option what it keeps of the value that is wanted."""
        old, new = found.get(name), wanted.get(name)
        compare: Callable[[Any, Any, Values], bool] | None = getattr(self._by_name[name].encoding, "same", None)
        if compare is None or old is None or new is None:
            return bool(old == new)
        return compare(old, new, found)

    def changes_in_place(self, name: str, old: Any, new: Any) -> bool:
        """Whether the kernel changes an option; a change cannot unset most of them.

        The values are None where the kernel chooses.
        """
        attribute = self._by_name[name]
        in_head = getattr(attribute.encoding, "number", None) == 0
        return attribute.in_place and (new is not None or in_head or old is None)


def _netem_faults(values: Values) -> Iterator[Fault]:
    for option, other in units.NETEM_NEEDS.items():
        if option in values and other not in values:
            yield option, f"is of no effect without `{other}`; add it, or leave this one out"


def _tbf_faults(values: Values) -> Iterator[Fault]:
    if "limit" in values and "latency" in values:
        yield "latency", "says the same as `limit`; leave one of them out"
    if "limit" not in values and "latency" not in values:
        yield "latency", "is missing, and so is `limit`: how long a packet may wait; write for instance 50ms"
    if {"rate", "burst"} <= values.keys():
        rate, burst = units.bytes_per_second(values["rate"]), values["burst"]
        # tbf_dump() reports it in 32 bits.
        if kept_burst(rate, units.octets(burst)) > units.LARGEST:
            longest = f"{units.LONGEST // 10**6} s, the longest that the kernel keeps"
            yield "burst", f"{burst} take longer than {longest}, at {values['rate']}; give less, or a higher rate"


def _tbf_limit(values: Values) -> Values:
    """Return the values with the limit that follows from a latency, as tc-tbf(8) computes it."""
    if "latency" not in values or not {"rate", "burst"} <= values.keys():
        return values
    rate, burst = units.bytes_per_second(values["rate"]), units.octets(values["burst"])
    limit = rate * units.microseconds(values["latency"]) // 10**6 + burst
    others = {name: value for name, value in values.items() if name != "latency"}
    return {**others, "limit": units.format_size(min(limit, units.LARGEST))}


_TBF_RATE = Rate(1, wide=4, offset=8, size=36)


def _tbf_buffer(data: Data, values: Values) -> Data:
    """Return the options with the burst in ticks, where Linux before 3.13 looks for it."""
    rate = units.bytes_per_second(values["rate"])
    struct_of_tbf = bytearray(data[1])
    buffer = min(ticks(int(10**6 * (units.octets(values["burst"]) / rate))), units.LARGEST)
    struct.pack_into("=I", struct_of_tbf, 28, buffer)
    return {**data, 1: bytes(struct_of_tbf)}


def _correlation(name: str, offset: int) -> Attribute:
    what = name.partition("_")[0] if "_" in name else "delay"
    return Attribute(
        name,
        Amount(1, SHARE, offset, 12),
        f"How much the {what} of a packet depends on that of the one before it, as a percentage.",
        default="0%",
        words=bare,
    )


def _share_with_correlation(name: str, number: int, description: str, along: Data) -> tuple[Attribute, ...]:
    return (
        Attribute(name, Amount(number, SHARE, 0, 8, along), description, default="0%"),
        Attribute(
            f"{name}_correlation",
            Amount(number, SHARE, 4, 8),
            f"How much it depends on the packet before it whether a packet is to {name}, as a percentage.",
            default="0%",
            words=bare,
        ),
    )


_ROWS = (
    QdiscKind(
        "netem",
        "Delays, loses, duplicates, reorders and corrupts packets, and limits their rate, as a long line does.",
        ("sch_netem",),
        (
            Attribute(
                "delay",
                Amount(0, TIME, 0, 24),
                "How long each packet is delayed, such as V(20ms). A ping takes this long in addition where one "
                "direction is delayed, and twice as long where both are.",
                default="0ms",
            ),
            Attribute(
                "jitter",
                Amount(0, JITTER, 20, 24),
                "By how much the delay varies, at most; up to 2.1 s. Packets may overtake each other by it.",
                default="0ms",
                words=bare,
            ),
            _correlation("correlation", 0),
            Attribute(
                "distribution",
                Word(DISTRIBUTIONS),
                "How delays are distributed around the mean, with O(netem.jitter) as the standard deviation; evenly if "
                "omitted. The tables are files of iproute2 on the managed host (C(/usr/lib/tc/normal.dist)).",
            ),
            Attribute(
                "loss",
                Amount(0, SHARE, 8, 24),
                "Which share of the packets is lost, such as V(1%).",
                default="0%",
            ),
            _correlation("loss_correlation", 4),
            Attribute(
                "duplicate",
                Amount(0, SHARE, 16, 24),
                "Which share of the packets is sent twice, as a percentage.",
                default="0%",
            ),
            _correlation("duplicate_correlation", 8),
            *_share_with_correlation(
                "reorder",
                3,
                "Which share of the packets is sent at once, before those that are delayed, as a percentage.",
                {0: struct.pack("=12xI8x", 1)},  # tc_netem_qopt.gap: every packet may be
            ),
            *_share_with_correlation(
                "corrupt", 4, "Which share of the packets has a wrong bit in it, as a percentage.", {}
            ),
            Attribute(
                "rate",
                Rate(6, wide=8, size=16),
                "How many packets leave in a time, such as V(10mbit). Those that wait count against O(netem.limit).",
            ),
            Attribute(
                "limit",
                Count(0, 4, 24),
                "How many packets may wait, the delayed ones included; more are dropped. A link that carries more than "
                "this many packets within its delay needs a higher one.",
                default=1000,
            ),
        ),
        head=24,
        faults=_netem_faults,
    ),
    QdiscKind(
        "tbf",
        "Limits the rate by a token bucket. What exceeds it waits.",
        ("sch_tbf",),
        (
            Attribute("rate", _TBF_RATE, "The rate in the long run, such as V(10mbit).", required=True),
            Attribute(
                "burst",
                Burst(6, _TBF_RATE, 28),
                "How much may leave at once, such as V(10kb). It has to admit the largest packet of the link, and "
                "should be what leaves in some milliseconds.",
                required=True,
            ),
            Attribute(
                "latency",
                Derived(TIME),
                "How long a packet may wait, such as V(50ms); what would wait longer is dropped. The kernel keeps it "
                "as O(tbf.limit).",
                form_of="limit",
            ),
            Attribute("limit", Amount(1, SIZE, 24, 36), "How much may wait, such as V(64kb); more is dropped."),
        ),
        constant={1: struct.pack("=xB34x", TC_LINKLAYER_ETHERNET)},
        faults=_tbf_faults,
        complete=_tbf_limit,
        adjust=_tbf_buffer,
        smallest="burst",
    ),
    QdiscKind(
        "fq_codel",
        "Shares a link fairly among its flows and keeps queues short. It limits no rate.",
        ("sch_fq_codel",),
        (
            Attribute("limit", Count(2), "How many packets may wait.", default=10240),
            Attribute("flows", Count(5), "The number of queues.", default=1024, in_place=False),
            Attribute(
                "quantum",
                Count(6, lowest=256, highest=2**20),  # fq_codel_change() raises less, and refuses more
                "How many bytes of a flow leave in its turn, from 256 to 1048576; an Ethernet frame if omitted.",
            ),
            Attribute("interval", Amount(3, CODEL), "Within which time a queue has to become short.", default="100ms"),
            Attribute("target", Amount(1, CODEL), "How long packets may wait for longer.", default="5ms"),
            Attribute(
                "ecn", Flag(4), "Whether packets are marked, and not dropped, where both ends can.", True, words=negated
            ),
            Attribute(
                "ce_threshold", Amount(7, CODEL), "The wait above which every packet is marked; none if omitted."
            ),
            Attribute(
                "memory_limit",
                Amount(9, SIZE, highest=2**31),  # fq_codel_change() lowers more
                "How much memory waiting packets may take, up to V(2048mb).",
                default="32mb",
            ),
            Attribute("drop_batch", Count(8), "How many packets are dropped at once where too many wait.", default=64),
        ),
        chosen=frozenset({"quantum"}),
    ),
    QdiscKind(
        "pfifo",
        "A queue that holds some packets.",
        (),
        (
            Attribute(
                "limit", Count(0, lowest=0), "How many packets may wait; as many as the link's queue length if omitted."
            ),
        ),
        head=4,
        chosen=frozenset({"limit"}),
    ),
    QdiscKind(
        "bfifo",
        "A queue that holds some bytes.",
        (),
        (Attribute("limit", Amount(0, SIZE), "How much may wait; as much as the link's queue length if omitted."),),
        head=4,
        chosen=frozenset({"limit"}),
    ),
    QdiscKind(
        "ingress",
        "Leads what arrives at the link to another link, an C(ifb), where a qdisc of any other kind delays or limits "
        "it before it is received.",
        ("sch_ingress", "cls_u32", "act_mirred"),
        (
            Attribute(
                "redirect",
                LinkName(),
                "The link that what arrives is led to, of the kind C(ifb) and up. M(netns.fabric.link) creates it.",
                required=True,
            ),
        ),
        ingress=True,
    ),
)

#: By their names.
QDISC_KINDS: Mapping[str, QdiscKind] = {kind.name: kind for kind in _ROWS}


def is_marked(qdisc: Qdisc) -> bool:
    """Return whether a qdisc was set by this collection."""
    if qdisc.is_ingress:
        return qdisc.redirect is not None
    return qdisc.is_root and MARK <= qdisc.handle >> 16 <= MARK + max(DISTRIBUTIONS.values())


def values_of(qdisc: Qdisc) -> dict[str, Any]:
    """Return the options of a qdisc that are not the kernel's own choice; none of a kind without a row."""
    kind = QDISC_KINDS.get(qdisc.kind)
    if kind is None:
        return {}
    values = kind.decode(qdisc.options)
    if "distribution" in kind.spec and is_marked(qdisc):
        values["distribution"] = next(
            (name for name, number in DISTRIBUTIONS.items() if MARK + number == qdisc.handle >> 16), None
        )
    return kind.without_defaults(values)
