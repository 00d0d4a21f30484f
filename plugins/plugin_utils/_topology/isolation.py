# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The paths within a topology that must not carry traffic: between broadcast domains, and between protected ports.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.netns.fabric.plugins.module_utils._core.expectations import is_forbidding
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import Network
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.model import Topology
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.paths import Member, ProbePath, Subnet, Subnets
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.segments import Segment
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.walk import Verdict, Walk


def isolated_paths(topology: Topology, members: Subnets, walk: Walk) -> Iterator[ProbePath]:
    """Yield for each address the paths that must not carry traffic, at most two.

    A protected port must not reach the next one of its subnet. Every address must not reach one of its own subnet in
    another domain, or else one of the next domain.
    """
    joined = _JoinedSegments(topology, walk)
    for subnet in members.values():
        protected = [member for member in subnet if member.protected]
        for member, neighbour in zip(protected, [*protected[1:], *protected[:1]]):
            if _must_fail(path := ProbePath(member.place, neighbour.address), walk, joined):
                yield path
    elsewhere = _MembersElsewhere(members)
    for key, subnet in members.items():
        for index, member in enumerate(subnet):
            candidates = (ProbePath(member.place, other.address) for other in elsewhere.candidates(key, index))
            yield from [path for path in candidates if _must_fail(path, walk, joined)][:1]


def _must_fail(path: ProbePath, walk: Walk, joined: _JoinedSegments) -> bool:
    is_remote = path.place is not None and path.place not in walk.holders.get(path.to, ())
    return is_remote and walk.reaches(path.place, path.to) is Verdict.NO and path not in joined


class _JoinedSegments:
    """The broadcast domains that the user expects to be joined by something that is not declared.

    A patch port that another program has created between two bridges, for example: the isolation of these bridges is
    then not probed.
    """

    def __init__(self, topology: Topology, walk: Walk) -> None:
        self._walk = walk
        self._pairs: set[tuple[Segment, Segment]] = set()
        for probe in topology.probes:
            if not is_forbidding(probe.expect) and walk.reaches(probe.namespace, probe.to) is not Verdict.YES:
                for holder in walk.holders.get(probe.to, ()):
                    self._join(walk.segments_of(probe.namespace), walk.segments_of(holder))

    def _join(self, near: set[Segment], far: set[Segment]) -> None:
        if not near & far:
            self._pairs.update(pair for one in near for other in far for pair in ((one, other), (other, one)))

    def __contains__(self, path: ProbePath) -> bool:
        if not self._pairs:
            return False
        near = self._walk.segments_of(path.place)
        far = {segment for holder in self._walk.holders.get(path.to, ()) for segment in self._walk.segments_of(holder)}
        return any((one, other) in self._pairs for one in near for other in far)


class _MembersElsewhere:
    """Finds for each member of a subnet one of the same subnet in another domain, and one of the next domain."""

    def __init__(self, members: Subnets) -> None:
        self._members = members
        by_network: dict[Network, list[Subnet]] = {}
        by_segment: dict[tuple[int, Segment], Subnet] = {}
        for key in members:
            by_network.setdefault(key[1], []).append(key)
            by_segment.setdefault((key[1].version, key[0]), key)
        self._same_network = {key: after for keys in by_network.values() for key, after in _each_with_next(keys)}
        self._next_segment: dict[tuple[int, Segment], Subnet] = {}
        for version in (4, 6):
            keys = [key for (family, _segment), key in by_segment.items() if family == version]
            self._next_segment.update({(version, key[0]): after for key, after in _each_with_next(keys)})

    def candidates(self, key: Subnet, index: int) -> Iterator[Member]:
        """Yield the members elsewhere that a member of a subnet is paired with."""
        for other in (self._same_network[key], self._next_segment[key[1].version, key[0]]):
            if other[0] != key[0]:
                subnet = self._members[other]
                yield subnet[index % len(subnet)]


def _each_with_next(keys: list[Subnet]) -> Iterator[tuple[Subnet, Subnet]]:
    return zip(keys, [*keys[1:], *keys[:1]])
