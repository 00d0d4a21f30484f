# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which two ends make a pair: indexes and namespace ids repeat across namespaces."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.netns.fabric.plugins.module_utils._kernel.messages import LinkMessage
from ansible_collections.netns.fabric.plugins.module_utils._kernel.peers import Peers
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import End, Link, NamespaceName


def veth(index: int, peer_index: int, peer_nsid: int | None) -> LinkMessage:
    return LinkMessage(Link(index, f"veth{index}", kind="veth"), peer_index, peer_nsid)


class Ids:
    """The ids that namespaces have in each other; what is not listed has none (-1)."""

    def __init__(self, **inside: dict[NamespaceName, int]) -> None:
        self._inside = inside
        self.queries: list[tuple[NamespaceName, list[NamespaceName]]] = []

    def __call__(self, inside: NamespaceName, names: Sequence[NamespaceName]) -> list[int]:
        if names:
            self.queries.append((inside, list(names)))
        return [self._inside.get(inside or "host", {}).get(name, -1) for name in names]


def test_an_end_in_the_same_namespace_has_no_namespace_id() -> None:
    near, far = veth(2, 3, None), veth(3, 2, None)
    ids = Ids()
    peers = Peers({"red": [near, far]}, ids)
    assert (peers.of("red", near), peers.of("red", far)) == (End("red", 3), End("red", 2))
    assert ids.queries == []


def test_the_namespace_id_decides_between_ends_with_the_same_indexes() -> None:
    near = veth(2, 2, 7)
    ids = Ids(red={"blue": 5, "green": 7})
    peers = Peers({"red": [near], "blue": [veth(2, 2, 0)], "green": [veth(2, 2, 0)]}, ids)
    assert peers.of("red", near) == End("green", 2)


def test_one_query_settles_both_ends() -> None:
    near, far = veth(4, 9, 1), veth(9, 4, 6)
    ids = Ids(host={"red": 1})
    peers = Peers({None: [near], "red": [far]}, ids)
    assert (peers.of(None, near), peers.of("red", far)) == (End("red", 9), End(None, 4))
    assert ids.queries == [(None, ["red"])]


def test_an_end_that_was_not_read_is_unknown() -> None:
    near = veth(2, 5, 3)
    assert Peers({"red": [near], "blue": [veth(5, 99, 0)]}, Ids()).of("red", near) == End(None, 5, known=False)
    # Indexes that fit by chance: the namespace has another id there.
    assert Peers({"red": [near], "blue": [veth(5, 2, 0)]}, Ids(red={"blue": 4})).of("red", near).known is False


def test_links_of_other_kinds_are_no_candidates() -> None:
    near = veth(2, 5, 3)
    vlan = LinkMessage(Link(5, "vlan", kind="vlan"), 2, 0)
    ids = Ids(red={"blue": 3})
    assert Peers({"red": [near], "blue": [vlan]}, ids).of("red", near).known is False
    assert ids.queries == []
