# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the boxes of a diagram go, whatever it is written in. Pure.

A diagram reads from left to right. The namespaces that hang on one bridge only, the leaves, are most of it: a few
stand to the left of their bridge; many stand on both sides of it, those of a VLAN in a frame, so that the drawing is
no taller than half of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.model import Cable, Diagram, Drift, Key, Kind

FEW = 6
"""Leaves that stand on one side, without frames."""

SHARE_MAX = 0.6
"""The share of all leaves up to which those of one VLAN stay on one side."""


@dataclass(frozen=True)
class Group:
    """Leaves of one bridge and VLAN that stand together."""

    title: str
    """What stands on the frame; empty for no frame."""
    leaves: tuple[Key, ...]
    left: bool


class Layout:
    """The groups of a diagram, and what follows from them."""

    def __init__(self, diagram: Diagram) -> None:
        self.groups = _groups(diagram)
        self.crowded = sum(len(group.leaves) for group in self.groups) > FEW
        """Whether there are so many that labels have to be left out."""
        self._group = {key: group for group in self.groups for key in group.leaves}

    def is_left(self, cable: Cable) -> bool:
        """Whether a cable's near end is to the left of its far end."""
        group = self._group.get(cable.near.box)
        return group is None or group.left

    def is_framed(self, cable: Cable) -> bool:
        """Whether the cable's VLAN stands on a frame already."""
        group = self._group.get(cable.near.box)
        return group is not None and bool(group.title) and cable.drift is Drift.NONE


def _groups(diagram: Diagram) -> tuple[Group, ...]:
    by_vlan: dict[tuple[Key, str], list[Key]] = {}
    for cable in _leaf_cables(diagram):
        by_vlan.setdefault((cable.far.box, cable.vlan), []).append(cable.near.box)
    total = sum(map(len, by_vlan.values()))
    if total <= FEW:
        return tuple(Group("", tuple(leaves), left=True) for leaves in by_vlan.values())
    parts = [
        (f"{bridge.name}, {vlan}" if vlan else "", part)
        for (bridge, vlan), leaves in by_vlan.items()
        for part in _parts(leaves, total)
    ]
    return tuple(_on_sides(parts))


def _parts(leaves: list[Key], total: int) -> list[list[Key]]:
    if len(leaves) <= total * SHARE_MAX:
        return [leaves]
    half = (len(leaves) + 1) // 2
    return [leaves[:half], leaves[half:]]


def _on_sides(parts: Iterable[tuple[str, list[Key]]]) -> Iterable[Group]:
    """Each to the side on which there are fewer so far."""
    count = {True: 0, False: 0}
    for title, leaves in parts:
        left = count[True] <= count[False]
        count[left] += len(leaves)
        yield Group(title, tuple(leaves), left)


def _leaf_cables(diagram: Diagram) -> list[Cable]:
    """The only cables of namespaces that have one alone, to a bridge, and do not do NAT."""
    plugged: dict[Key, list[Cable]] = {}
    for cable in diagram.cables:
        for key in {end.box for end in cable.ends}:
            plugged.setdefault(key, []).append(cable)
    routers = {rule.origin for rule in diagram.nat}
    return [
        plugged[box.key][0]
        for box in diagram.boxes
        if box.kind is Kind.NAMESPACE
        and box.key not in routers
        and len(plugged.get(box.key, ())) == 1
        and plugged[box.key][0].far.box.kind == Kind.BRIDGE.value
    ]
