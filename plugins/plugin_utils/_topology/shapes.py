# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Shapes of interfaces: what they are like, and the qdiscs that they become. Pure.

Open vSwitch deletes the qdiscs of its own ports, so that a shape is applied at the end in the namespace: what leaves by
that end's own qdisc, what arrives by the qdisc of an ifb that it is led to. Of a link without a switch what arrives at
one end is what leaves at the other, whose qdisc does it.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core import traffic_units as units
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import INTERFACE_NAME_MAX
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.errors import Errors
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.model import End, Shape, Topology

Entry = dict[str, Any]

#: Bytes: the largest packet with its Ethernet header, where no MTU is declared.
_FRAME, _FRAME_HEADER = 1514, 14
#: How long packets may wait for a token bucket, and how long its burst lasts, in parts of a second.
_LATENCY, _BURST_PARTS = "50ms", 100


@dataclass(frozen=True)
class _Outlet:
    """What leaves by a link, and the entry whose shape says so; `mtu` is that of the packets."""

    path: str
    namespace: str | None
    link: str
    shape: Shape
    mtu: int | None

    @property
    def entry(self) -> Entry:
        entry: Entry = {"link": self.link, **_qdisc(self.shape, self.mtu)}
        return {**entry, "namespace": self.namespace} if self.namespace is not None else entry


def build_shape(options: Mapping[str, Any], path: str, errors: Errors) -> Shape | None:
    """Return a shape with these checked options; None where they do not go together."""
    count = len(errors)
    effects = {name: value for name, value in options.items() if name != "direction"}
    if not effects.keys() - {"limit"}:
        errors.add(path, "", "declares nothing; give for instance `delay`, `loss` or `rate`, or omit `shape`")
    for option, other in units.NETEM_NEEDS.items():
        if option in effects and other not in effects:
            errors.add(path, option, f"is of no effect without `{other}`; add it, or omit this one")
    return Shape(options.get("direction", "both"), effects) if len(errors) == count else None


def check_shapes(topology: Topology, errors: Errors) -> None:
    """Note where both ends of a link shape the same direction."""
    first: dict[tuple[str | None, str], str] = {}
    for outlet in _outlets(topology):
        seen = first.setdefault((outlet.namespace, outlet.link), outlet.path)
        if seen != outlet.path:
            where = "on the host" if outlet.namespace is None else f"in namespace {outlet.namespace!r}"
            errors.add(
                outlet.path,
                "shape",
                f"what leaves by {outlet.link!r} {where} is shaped by {seen} as well: a shape with `direction: both` "
                "or `in` is about the other end too; set `direction: out` at both ends",
            )


def qdisc_entries(topology: Topology) -> list[Entry]:
    """Return the entries for the module qdisc."""
    redirects: list[Entry] = [
        {
            "link": end.name,
            "namespace": end.namespace,
            "kind": "ingress",
            "ingress": {"redirect": inlet_name(end.name)},
        }
        for end in _with_inlet(topology)
    ]
    return [*(outlet.entry for outlet in _outlets(topology)), *redirects]


def absent_qdiscs(topology: Topology) -> list[Entry]:
    """Return the entries for the deletion: those of links that are not deleted with their namespace."""
    entries: list[Entry] = []
    for namespace in topology.namespaces:
        for end in namespace.interfaces:
            if end.bridge is None and end.shape is not None:
                link: Entry = {"link": end.name, "namespace": end.namespace}
                entries += [{**link, "state": "absent"}] if end.shape.outgoing else []
                entries += [{**link, "kind": "ingress", "state": "absent"}] if end.shape.incoming else []
    return entries


def inlets(topology: Topology) -> Iterator[tuple[End, str]]:
    """Yield the interfaces whose arriving packets are led to an ifb, each with the name of that."""
    return ((end, inlet_name(end.name)) for end in _with_inlet(topology))


def inlet_name(name: str) -> str:
    """Return the name of the ifb that what arrives at an interface is led to."""
    plain = f"in-{name}"
    return plain if len(plain.encode()) <= INTERFACE_NAME_MAX else f"in-{zlib.crc32(name.encode()):08x}"


def _with_inlet(topology: Topology) -> Iterator[End]:
    for namespace in topology.namespaces:
        yield from (end for end in namespace.interfaces if end.shape is not None and end.shape.incoming)


def _outlets(topology: Topology) -> Iterator[_Outlet]:
    for namespace in topology.namespaces:
        for end in namespace.interfaces:
            yield from _of_interface(end)
    for link in topology.links:
        for declared, other in ((link.near, link.far), (link.far, link.near)):
            shape = declared.shape
            for sender, by in ((declared, "out"), (other, "in")):
                if shape is not None and shape.direction in ("both", by):
                    yield _Outlet(declared.path, sender.namespace, sender.name, shape, sender.options.get("mtu"))


def _of_interface(end: End) -> Iterator[_Outlet]:
    if end.shape is not None:
        mtu = end.options.get("mtu")
        if end.shape.outgoing:
            yield _Outlet(end.path, end.namespace, end.name, end.shape, mtu)
        if end.shape.incoming:
            yield _Outlet(end.path, end.namespace, inlet_name(end.name), end.shape, mtu)


def _qdisc(shape: Shape, mtu: int | None) -> Entry:
    """Return the kind of a shape's qdisc with its options.

    A rate alone needs no netem: a token bucket keeps the queue short, and every kernel has it.
    """
    if shape.options.keys() != {"rate"}:
        return {"kind": "netem", "netem": dict(shape.options)}
    rate = units.bytes_per_second(shape.options["rate"])
    frame = _FRAME if mtu is None else mtu + _FRAME_HEADER
    burst = units.format_size(min(max(rate // _BURST_PARTS, 2 * frame), units.LARGEST))
    return {"kind": "tbf", "tbf": {"rate": shape.options["rate"], "burst": burst, "latency": _LATENCY}}


def describe_shape(shape: Shape) -> str:
    """Return a shape in words, for a person."""
    words = [f"{name} {value}" for name, value in shape.options.items()]
    direction = {"out": " out", "in": " in"}.get(shape.direction, "")
    return f"shaped{direction}: {', '.join(words)}"


# How long it takes


@dataclass(frozen=True)
class Line:
    """What shapes add to a path: seconds of a round trip, the share of round trips that are lost, bytes per second."""

    delay: float = 0.0
    loss: float = 0.0
    rate: int = 0

    def __add__(self, other: Line) -> Line:
        rates = [each for each in (self.rate, other.rate) if each]
        return Line(self.delay + other.delay, 1 - (1 - self.loss) * (1 - other.loss), min(rates) if rates else 0)


def line_of(shape: Shape) -> Line:
    """Return what a round trip meets that passes a shaped interface."""
    times = 2 if shape.direction == "both" else 1
    options = shape.options
    delay = sum(units.microseconds(options[name]) for name in ("delay", "jitter") if name in options) / 1e6
    # A packet with a wrong bit is dropped by the receiver, for its checksum.
    kept = 1.0
    for name in ("loss", "corrupt"):
        kept *= 1 - units.share(options[name]) / units.ONE if name in options else 1.0
    rate = units.bytes_per_second(options["rate"]) if "rate" in options else 0
    return Line(delay * times, 1 - kept**times, rate)


def slowest(shapes: Iterable[Shape], count: int) -> Line:
    """Return what a path meets at most that passes so many of these interfaces."""
    lines = [line_of(shape) for shape in shapes]
    found = Line()
    for quality in ("delay", "loss"):
        worst = sorted(lines, key=lambda line: getattr(line, quality), reverse=True)[:count]
        total = sum(worst, Line())
        found = Line(max(found.delay, total.delay), max(found.loss, total.loss))
    return Line(found.delay, found.loss, min((line.rate for line in lines if line.rate), default=0))
