# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The position of the boxes of a diagram, independent of the language in which it is written. Pure.

A diagram reads from left to right. Most of it are leaves, namespaces that are connected to one bridge only: a few are
to the left of their bridge; many are on both sides of it, those of a VLAN in a frame, so that the drawing is not taller
than half of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.model import (
    BoxKind,
    Connection,
    Diagram,
    Drift,
    Key,
)

#: Leaves that are on one side, without frames.
FEW = 6

#: The share of all leaves up to which those of one VLAN stay on one side.
SHARE_MAX = 0.6


@dataclass(frozen=True)
class Group:
    """Leaves of one bridge and VLAN that are drawn together."""

    #: The title of the frame; empty for no frame.
    title: str
    leaves: tuple[Key, ...]
    left: bool


class Layout:
    """The groups of a diagram, and what follows from them."""

    def __init__(self, diagram: Diagram) -> None:
        self.groups = _build_groups(diagram)
        #: Whether there are so many leaves that labels are left out.
        self.crowded = sum(len(group.leaves) for group in self.groups) > FEW
        self._group = {key: group for group in self.groups for key in group.leaves}

    def is_left(self, connection: Connection) -> bool:
        """Return whether a connection's near end is to the left of its far end."""
        group = self._group.get(connection.near.box)
        return group is None or group.left

    def is_framed(self, connection: Connection) -> bool:
        """Return whether a frame already shows the connection's VLAN."""
        group = self._group.get(connection.near.box)
        return group is not None and bool(group.title) and connection.drift is Drift.NONE


def _build_groups(diagram: Diagram) -> tuple[Group, ...]:
    by_vlan: dict[tuple[Key, str], list[Key]] = {}
    for connection in _find_leaf_connections(diagram):
        by_vlan.setdefault((connection.far.box, connection.vlan), []).append(connection.near.box)
    total = sum(map(len, by_vlan.values()))
    if total <= FEW:
        return tuple(Group("", tuple(leaves), left=True) for leaves in by_vlan.values())
    parts = [
        (f"{bridge.name}, {vlan}" if vlan else "", part)
        for (bridge, vlan), leaves in by_vlan.items()
        for part in _split(leaves, total)
    ]
    return tuple(_assign_sides(parts))


def _split(leaves: list[Key], total: int) -> list[list[Key]]:
    if len(leaves) <= total * SHARE_MAX:
        return [leaves]
    half = (len(leaves) + 1) // 2
    return [leaves[:half], leaves[half:]]


def _assign_sides(parts: Iterable[tuple[str, list[Key]]]) -> Iterator[Group]:
    """Yield each part as a group on the side that has fewer leaves so far."""
    count = {True: 0, False: 0}
    for title, leaves in parts:
        left = count[True] <= count[False]
        count[left] += len(leaves)
        yield Group(title, tuple(leaves), left)


def _find_leaf_connections(diagram: Diagram) -> list[Connection]:
    """Return the only connections of namespaces that have one alone, to a bridge, and do not masquerade."""
    by_box: dict[Key, list[Connection]] = {}
    for connection in diagram.connections:
        for key in {end.box for end in connection.ends}:
            by_box.setdefault(key, []).append(connection)
    routers = {rule.origin for rule in diagram.nat}
    return [
        by_box[box.key][0]
        for box in diagram.boxes
        if box.kind is BoxKind.NAMESPACE
        and box.key not in routers
        and len(by_box.get(box.key, ())) == 1
        and by_box[box.key][0].far.box.kind == BoxKind.BRIDGE.value
    ]
