# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A topology as boxes and lines, and the drift between two of them.

Pure, and apart from where the topology comes from (``_diagram_declared``, ``_diagram_found``) and from the language
that it is drawn in (``_diagram_dot``, ``_diagram_mermaid``).
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace


class Kind(enum.Enum):
    """What a box stands for."""

    NAMESPACE = "namespace"
    BRIDGE = "bridge"
    HOST = "host"
    OUTSIDE = "outside"


class Drift(enum.Enum):
    """How something differs from what is declared; the value is the word that the legend has for it."""

    NONE = ""
    MISSING = "missing: declared, not found"
    EXTRA = "extra: found, not declared"
    DIFFERING = "differing from what is declared"


@dataclass(frozen=True, order=True)
class Key:
    """What a box is known by. The host and the outside have no name."""

    kind: str
    name: str = ""


HOST = Key(Kind.HOST.value)
OUTSIDE = Key(Kind.OUTSIDE.value)


def namespace_key(name: str | None) -> Key:
    """The box of a namespace; None is the host's own."""
    return HOST if name is None else Key(Kind.NAMESPACE.value, name)


def bridge_key(name: str) -> Key:
    """The box of a bridge."""
    return Key(Kind.BRIDGE.value, name)


@dataclass(frozen=True)
class Interface:
    """A line in a box."""

    name: str
    addresses: tuple[str, ...] | None = ()
    """None: not declared, hence any."""
    enabled: bool = True
    mac: str | None = None
    """None: not declared, hence any; so too the MTU."""
    mtu: int | None = None
    owned: bool = True
    """Whether it bears the topology's mark."""
    drift: Drift = Drift.NONE
    remarks: tuple[str, ...] = ()
    """How it differs."""


@dataclass(frozen=True)
class Box:
    """A namespace, a bridge, the host or the outside."""

    key: Key
    interfaces: tuple[Interface, ...] = ()
    owned: bool = True
    drift: Drift = Drift.NONE

    @property
    def kind(self) -> Kind:
        """What it stands for."""
        return Kind(self.key.kind)

    @property
    def title(self) -> str:
        """What stands above its interfaces."""
        return self.key.name or self.key.kind


@dataclass(frozen=True, order=True)
class End:
    """Where a cable is plugged in: the box, and the interface in it."""

    box: Key
    interface: str = ""


@dataclass(frozen=True)
class Cable:
    """A cable; at a bridge, ``far.interface`` is the name of the port."""

    near: End
    far: End
    vlan: str = ""
    """``VLAN 10`` or the like; empty for none."""
    owned: bool = True
    drift: Drift = Drift.NONE
    remark: str = ""

    @property
    def ends(self) -> tuple[End, ...]:
        """What it is known by: both ends, whichever is the near one."""
        return tuple(sorted((self.near, self.far)))


@dataclass(frozen=True)
class Nat:
    """What is let out under another address."""

    origin: Key
    source: str
    out_interface: str = ""
    drift: Drift = Drift.NONE


@dataclass(frozen=True)
class Diagram:
    """The whole; every list in an order that the same topology always has."""

    boxes: tuple[Box, ...]
    cables: tuple[Cable, ...]
    nat: tuple[Nat, ...]

    @property
    def lines(self) -> tuple[Cable | Nat, ...]:
        """What joins the boxes, in the order in which it is drawn."""
        return (*self.cables, *self.nat)

    @property
    def drifts(self) -> tuple[Drift, ...]:
        """The kinds of drift that are in it, for the legend."""
        seen = {box.drift for box in self.boxes} | {line.drift for line in self.lines}
        seen |= {interface.drift for box in self.boxes for interface in box.interfaces}
        return tuple(drift for drift in Drift if drift in seen and drift is not Drift.NONE)


def vlan_label(tag: int | None, trunks: Iterable[int] = ()) -> str:
    """How a port's VLANs are written."""
    trunked = ranges(trunks)
    words = ([f"VLAN {tag}"] if tag is not None else []) + ([f"trunk {trunked}"] if trunked else [])
    return ", ".join(words)


def ranges(numbers: Iterable[int]) -> str:
    """Numbers in few words: ``1-3,7``."""
    runs: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


# --- drift ---------------------------------------------------------------------------------------------------------


def compare(declared: Diagram, found: Diagram) -> Diagram:
    """Draw both into one: what is declared, marked where it is missing or differs, and what is found beyond it.

    What is not declared is drawn if it bears the topology's mark, or is plugged into what is declared: a foreign
    namespace
    on the same host is nobody's drift.
    """
    boxes = _boxes({box.key: box for box in declared.boxes}, {box.key: box for box in found.boxes})
    drawn = {box.key for box in boxes}
    cables = _cables(declared.cables, found.cables, drawn)
    return Diagram(boxes, cables, _nat(declared.nat, found.nat, drawn))


def _boxes(declared: Mapping[Key, Box], found: Mapping[Key, Box]) -> tuple[Box, ...]:
    result = [_box(box, found.get(key)) for key, box in declared.items()]
    result += [replace(box, drift=Drift.EXTRA) for key, box in found.items() if key not in declared and box.owned]
    return tuple(result)


def _box(declared: Box, found: Box | None) -> Box:
    if declared.kind is Kind.OUTSIDE:
        return declared
    if found is None and declared.kind is not Kind.HOST:
        return replace(declared, drift=Drift.MISSING)
    there = {interface.name: interface for interface in (found.interfaces if found else ())}
    interfaces = [_interface(wanted, there.pop(wanted.name, None)) for wanted in declared.interfaces]
    # The host has many an interface that is nobody's business here.
    interfaces += [
        replace(extra, drift=Drift.EXTRA) for extra in there.values() if extra.owned or declared.kind is Kind.NAMESPACE
    ]
    return replace(declared, interfaces=tuple(interfaces))


def _interface(declared: Interface, found: Interface | None) -> Interface:
    if found is None:
        return replace(declared, drift=Drift.MISSING)
    remarks = list(_remarks(declared, found))
    drift = Drift.DIFFERING if remarks else Drift.NONE
    return replace(found, drift=drift, remarks=tuple(remarks))


def _remarks(declared: Interface, found: Interface) -> Iterable[str]:
    if declared.addresses is not None and set(declared.addresses) != set(found.addresses or ()):
        yield f"declared {', '.join(declared.addresses) or 'without address'}"
    if declared.enabled != found.enabled:
        yield "declared up" if declared.enabled else "up, declared down"
    if declared.mac is not None and declared.mac != found.mac:
        yield f"MAC {found.mac}, declared {declared.mac}"
    if declared.mtu is not None and declared.mtu != found.mtu:
        yield f"MTU {found.mtu}, declared {declared.mtu}"


def _cables(declared: Iterable[Cable], found: Iterable[Cable], drawn: set[Key]) -> tuple[Cable, ...]:
    there = {cable.ends: cable for cable in found}
    result = [_cable(wanted, there.pop(wanted.ends, None)) for wanted in declared]
    result += [
        replace(extra, drift=Drift.EXTRA)
        for extra in there.values()
        if extra.near.box in drawn and extra.far.box in drawn
    ]
    return tuple(result)


def _cable(declared: Cable, found: Cable | None) -> Cable:
    if found is None:
        return replace(declared, drift=Drift.MISSING)
    if declared.vlan != found.vlan:
        remark = f"declared {declared.vlan or 'without VLAN'}"
        return replace(declared, vlan=found.vlan or "no VLAN", drift=Drift.DIFFERING, remark=remark)
    return declared


def _nat(declared: Iterable[Nat], found: Iterable[Nat], drawn: set[Key]) -> tuple[Nat, ...]:
    there = list(found)
    result = []
    for wanted in declared:
        if wanted in there:
            there.remove(wanted)
            result.append(wanted)
        else:
            result.append(replace(wanted, drift=Drift.MISSING))
    result += [replace(extra, drift=Drift.EXTRA) for extra in there if extra.origin in drawn]
    return tuple(result)
