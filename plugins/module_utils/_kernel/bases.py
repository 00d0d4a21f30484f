# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which link another one is on, over all namespaces that were read."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping

from ansible_collections.netns.fabric.plugins.module_utils._kernel.kinds import data_of, find_kind
from ansible_collections.netns.fabric.plugins.module_utils._kernel.messages import LinkMessage
from ansible_collections.netns.fabric.plugins.module_utils._kernel.peers import GetIds
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import End, NamespaceName


class Bases:
    """The links that others are on.

    A link names its base by an index and, where that is in another namespace, by a namespace id which is valid in its
    own namespace only. A tunnel names the namespace of its outer packets so, and the link that it is bound to, if any,
    among what is its kind's own.
    """

    def __init__(self, get_ids: GetIds) -> None:
        self._get_ids = get_ids
        self._indexes: dict[NamespaceName, frozenset[int]] = {}
        #: By the namespace that they are valid in.
        self._ids: dict[NamespaceName, dict[NamespaceName, int]] = {}

    def consider(self, dumped: Mapping[NamespaceName, Iterable[LinkMessage]]) -> None:
        """Look for bases in these namespaces as well."""
        for name, links in dumped.items():
            if name not in self._indexes:
                self._indexes[name] = frozenset(found.link.index for found in links)

    def forget(self) -> None:
        """Drop what is known: somebody has written."""
        self._indexes.clear()
        self._ids.clear()

    def of(self, name: NamespaceName, found: LinkMessage) -> End | None:
        """Return what a link in this namespace is on; None for nothing."""
        index = _index(found)
        if found.peer_nsid is None:
            return End(name, index) if index else None
        for candidate in self._candidates(name, index):
            if self._id(name, candidate) == found.peer_nsid:
                return End(candidate, index)
        return End(None, index, known=False)

    def _candidates(self, name: NamespaceName, index: int) -> list[NamespaceName]:
        """Return the namespaces that the base may be in, the host's own first: there most are."""
        others = [each for each, there in self._indexes.items() if each != name and (not index or index in there)]
        return sorted(others, key=lambda each: each is not None)

    def _id(self, inside: NamespaceName, name: NamespaceName) -> int:
        known = self._ids.setdefault(inside, {})
        if name not in known:
            known[name] = self._get_ids(inside, [name])[0]
        return known[name]


def _index(found: LinkMessage) -> int:
    """Return the index of the base; 0 for none."""
    kind = find_kind(found.link.kind, found.link.information)
    if kind is not None and kind.lower is not None:
        content = data_of(found.link.information).get(kind.lower, bytes(4))
        return int(struct.unpack("=I", content)[0])
    return found.peer_index if found.peer_index != found.link.index or found.peer_nsid is not None else 0
