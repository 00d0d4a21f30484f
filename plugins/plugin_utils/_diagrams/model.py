# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A topology as boxes and connections.

Pure, and independent of the topology's source (``from_variables``, ``from_facts``) and of the language in which it is
written (``dot``, ``mermaid``).
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.switching import count_flows, describe_mirror


class BoxKind(enum.Enum):
    """What a box stands for."""

    NAMESPACE = "namespace"
    BRIDGE = "bridge"
    HOST = "host"
    OUTSIDE = "outside"


class Drift(enum.Enum):
    """How something differs from what is declared; the value is its text in the legend."""

    NONE = ""
    MISSING = "missing: declared, not found"
    EXTRA = "extra: found, not declared"
    DIFFERENT = "different: found, but not as declared"

    @property
    def word(self) -> str:
        """The first word of the text in the legend."""
        return self.value.partition(":")[0]

    @property
    def label(self) -> str:
        """The word beside what is missing or extra; what is different has remarks instead."""
        return self.word if self in (Drift.MISSING, Drift.EXTRA) else ""


@dataclass(frozen=True, order=True)
class Key:
    """The identity of a box. The host and the outside have no name."""

    kind: str
    name: str = ""


HOST = Key(BoxKind.HOST.value)
OUTSIDE = Key(BoxKind.OUTSIDE.value)


def namespace_key(name: str | None) -> Key:
    """Return the box of a namespace; None is the host's own."""
    return HOST if name is None else Key(BoxKind.NAMESPACE.value, name)


def bridge_key(name: str) -> Key:
    """Return the box of a bridge."""
    return Key(BoxKind.BRIDGE.value, name)


@dataclass(frozen=True)
class Interface:
    """A line in a box."""

    name: str
    #: None: not declared, hence any; the same holds for the MAC address and the MTU.
    addresses: tuple[str, ...] | None = ()
    enabled: bool = True
    mac: str | None = None
    mtu: int | None = None
    #: Whether the topology owns it.
    owned: bool = True
    drift: Drift = Drift.NONE
    #: How it differs.
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Note:
    """What the connections do not show: a published port, a bridge that is not isolated, the policy of a namespace."""

    text: str
    drift: Drift = Drift.NONE
    #: Whether it is missing if it is declared and not found.
    required: bool = True


#: Of a bridge that is not isolated. Whether the host forwards is not declared.
OPEN = Note("open: not isolated", required=False)


def port_note(text: str) -> Note:
    """Return the note of a bridge's port that leads out of the topology, or to another bridge."""
    return Note(f"port {text}", required=False)


def place_note(host: str) -> Note:
    """Return the note of a namespace that is on one of several hosts, which facts do not have."""
    return Note(f"on host {host}", required=False)


def mesh_note(kind: str, key: int, gateway: str | None) -> Note:
    """Return the note of a bridge that is one network over several hosts."""
    return Note(f"{kind} mesh {key}" + (f", gateway {gateway}" if gateway else ""), required=False)


def mirror_note(options: Mapping[str, Any]) -> Note:
    """Return the note of a bridge that copies packets, by the options of the mirror."""
    return Note(describe_mirror(options))


def flows_note(number: int) -> Note:
    """Return the note of a bridge that forwards by OpenFlow rules of the topology."""
    return Note(count_flows(number))


def reaching_note(network: str) -> Note:
    """Return the note of a bridge whose namespaces have a route by the host to a network behind another link."""
    return Note(f"reaches {network}")


def published_note(protocol: str, ports: str, to: str | int | None) -> Note:
    """Return the note of a namespace that a port leads to."""
    leads = f" to {to}" if to is not None and str(to) != ports else ""
    return Note(f"published: {protocol} {ports}{leads}")


#: The chains of a policy, by what they are about.
POLICY_CHAINS = {"fabric-policy-in": "incoming", "fabric-policy-out": "outgoing"}


def policy_note(direction: str, denies: bool) -> Note:
    """Return the note of a namespace whose policy is about a direction, `incoming` or `outgoing`."""
    return Note(f"{direction}: {'denied' if denies else 'allowed'} by default, with a policy")


@dataclass(frozen=True)
class Box:
    """A namespace, a bridge, the host or the outside."""

    key: Key
    interfaces: tuple[Interface, ...] = ()
    owned: bool = True
    drift: Drift = Drift.NONE
    notes: tuple[Note, ...] = ()

    @property
    def kind(self) -> BoxKind:
        """What it stands for."""
        return BoxKind(self.key.kind)

    @property
    def title(self) -> str:
        """The heading above its interfaces."""
        return self.key.name or self.key.kind


@dataclass(frozen=True, order=True)
class End:
    """One end of a connection: the box, and the interface in it."""

    box: Key
    interface: str = ""


@dataclass(frozen=True)
class Connection:
    """A veth pair, or an internal port of a bridge in a namespace; at a bridge, ``far.interface`` is the port."""

    near: End
    far: End
    #: ``VLAN 10`` or the like; empty for none.
    vlan: str = ""
    owned: bool = True
    drift: Drift = Drift.NONE
    remark: str = ""

    @property
    def ends(self) -> tuple[End, ...]:
        """Its identity: both ends, whichever is the near one."""
        return tuple(sorted((self.near, self.far)))


@dataclass(frozen=True)
class Nat:
    """A network that is masqueraded."""

    origin: Key
    source: str
    out_interface: str = ""
    drift: Drift = Drift.NONE


@dataclass(frozen=True)
class Diagram:
    """A whole topology; the order of each tuple depends on the topology only."""

    boxes: tuple[Box, ...]
    connections: tuple[Connection, ...]
    nat: tuple[Nat, ...]

    @property
    def lines(self) -> tuple[Connection | Nat, ...]:
        """The lines between the boxes, in the order in which they are written."""
        return (*self.connections, *self.nat)

    @property
    def drifts(self) -> tuple[Drift, ...]:
        """The kinds of drift in it, for the legend."""
        seen = {box.drift for box in self.boxes} | {line.drift for line in self.lines}
        seen |= {interface.drift for box in self.boxes for interface in box.interfaces}
        seen |= {note.drift for box in self.boxes for note in box.notes}
        return tuple(drift for drift in Drift if drift in seen and drift is not Drift.NONE)


def format_vlans(tag: int | None, trunks: Iterable[int] = ()) -> str:
    """Return the label of a port's VLANs."""
    trunked = format_ranges(trunks)
    words = ([f"VLAN {tag}"] if tag is not None else []) + ([f"trunk {trunked}"] if trunked else [])
    return ", ".join(words)


def format_ranges(numbers: Iterable[int]) -> str:
    """Return numbers in a short form: ``1-3,7``."""
    runs: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)
