# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which two ends form a veth pair, over all namespaces that were read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice

from ansible_collections.netns.fabric.plugins.module_utils._kernel.messages import LinkMessage
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import End, NamespaceName

#: Returns the ids that namespaces have in the first one (RTM_GETNSID), in the order of their names.
GetIds = Callable[[NamespaceName, Sequence[NamespaceName]], Sequence[int]]


class Peers:
    """The far ends of veths.

    A veth names its far end by an index and by a namespace id that is valid in its own namespace only. A candidate, an
    end with that index which names this one in turn, is confirmed by the id of its namespace. That settles both ends.
    """

    def __init__(self, dumped: Mapping[NamespaceName, list[LinkMessage]], get_ids: GetIds) -> None:
        self._get_ids = get_ids
        self._candidates: dict[tuple[int, int], list[NamespaceName]] = {}
        self._far: dict[tuple[NamespaceName, int], NamespaceName] = {}
        ends = {name: [found for found in links if found.link.kind == "veth"] for name, links in dumped.items()}
        for name, veths in ends.items():
            for found in veths:
                self._candidates.setdefault((found.link.index, found.peer_index), []).append(name)
        for name, veths in ends.items():
            self._match(name, [found for found in veths if found.peer_nsid is not None])

    def of(self, name: NamespaceName, found: LinkMessage) -> End:
        """Return the far end of a veth in this namespace."""
        if found.peer_nsid is None:
            return End(name, found.peer_index)
        if (name, found.link.index) not in self._far:
            return End(None, found.peer_index, known=False)
        return End(self._far[name, found.link.index], found.peer_index)

    def _match(self, name: NamespaceName, veths: Sequence[LinkMessage]) -> None:
        """Find the far ends of a namespace's links: try the first candidate of each, the second of the rest, ..."""
        ids: dict[NamespaceName, int] = {}
        left = [(found, self._possible(name, found)) for found in veths if (name, found.link.index) not in self._far]
        while left:
            tried = [(found, candidate, others) for found, others in left for candidate in islice(others, 1)]
            self._look_up(name, ids, {candidate for _found, candidate, _others in tried})
            left = []
            for found, candidate, others in tried:
                if ids[candidate] == found.peer_nsid:
                    self._far[name, found.link.index] = candidate
                    self._far[candidate, found.peer_index] = name
                else:
                    left.append((found, others))

    def _possible(self, name: NamespaceName, found: LinkMessage) -> Iterator[NamespaceName]:
        for candidate in self._candidates.get((found.peer_index, found.link.index), ()):
            if candidate != name and (candidate, found.peer_index) not in self._far:
                yield candidate

    def _look_up(self, inside: NamespaceName, ids: dict[NamespaceName, int], names: Iterable[NamespaceName]) -> None:
        """Add the ids that these namespaces have inside this one."""
        new = [name for name in names if name not in ids]
        ids.update(zip(new, self._get_ids(inside, new)))
