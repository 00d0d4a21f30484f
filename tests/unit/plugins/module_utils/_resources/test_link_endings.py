# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The links that a call deletes or gives back."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import End, KernelState, Link, NamespaceState
from ansible_collections.netns.fabric.plugins.module_utils._resources.link import LinkResource
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_endings import (
    find_deleted,
    find_returning,
    find_unlisted,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_model import WantedLink

CREATED, MOVED = "netns.fabric:lab created", "netns.fabric:lab was host"
STATE = KernelState(
    {
        None: NamespaceState(
            None,
            (
                Link(1, "lo", loopback=True),
                Link(2, "d0", "dummy", alias=CREATED),
                Link(3, "v0", "vlan", base=End(None, 2)),
                Link(4, "d1", "dummy", alias="netns.fabric:lab,other created"),
                Link(5, "d2", "dummy"),
                Link(6, "w0", "macvlan", base=End(None, 3)),
            ),
        ),
        "red": NamespaceState(
            "red",
            (
                Link(2, "eth0", alias=MOVED),
                Link(3, "eth1"),
                Link(4, "vx0", "vxlan", alias=CREATED, base=End(None, 6)),
            ),
        ),
    }
)


def call(*entries: dict[str, Any], owner: str | None = "lab", prune: bool = False) -> Call[WantedLink]:
    parsed = tuple(LinkResource().desired(Entry(each["name"]), {"state": "absent", **each}) for each in entries)
    return Call(parsed, owner=owner, prune=prune)


@pytest.mark.parametrize(
    ("entries", "deleted"),
    [
        ([{"name": "d0"}], {(None, "d0"), (None, "v0"), (None, "w0"), ("red", "vx0")}),
        ([{"name": "d0", "kind": "dummy"}], {(None, "d0"), (None, "v0"), (None, "w0"), ("red", "vx0")}),
        (
            [{"name": "d0"}, {"name": "w0", "kind": "macvlan", "parent": {"name": "v0"}, "state": "present"}],
            {(None, "d0"), (None, "v0"), ("red", "vx0")},
        ),
        ([{"name": "d1"}], set()),  # another owner has it as well
        ([{"name": "d2", "kind": "dummy"}], set()),  # it has none
        ([{"name": "eth0", "namespace": "red"}], set()),
        ([{"name": "d0", "kind": "dummy", "state": "present"}], set()),
    ],
)
def test_what_is_absent(entries: list[dict[str, Any]], deleted: set[object]) -> None:
    assert find_deleted(call(*entries), STATE) == deleted


def test_what_is_absent_without_an_owner() -> None:
    assert find_deleted(call({"name": "d2", "kind": "dummy"}, owner=None), STATE) == {(None, "d2")}
    assert find_deleted(call({"name": "d2"}, owner=None), STATE) == set()


def test_what_is_pruned() -> None:
    listed = [{"name": "vx0", "namespace": "red", "kind": "vxlan", "vxlan": {"id": 5}, "state": "present"}]
    assert find_deleted(call(*listed, prune=True), STATE) == {(None, "d0"), (None, "v0"), (None, "w0")}
    assert find_returning(call(*listed, prune=True), STATE) == {("red", "eth0")}
    assert not find_deleted(call(*listed), STATE)
    unlisted = [(namespace, link.name) for namespace, link in find_unlisted(call(*listed), STATE)]
    assert unlisted == [(None, "d0"), (None, "d1"), ("red", "eth0")]


def test_what_is_given_back() -> None:
    given = [{"name": "eth0", "namespace": "red"}, {"name": "eth1", "namespace": "red"}, {"name": "d0"}]
    assert find_returning(call(*given), STATE) == {("red", "eth0"), ("red", "eth1")}


def test_a_link_on_its_way_is_listed() -> None:
    moving = call({"name": "eth0", "state": "present"}, prune=True)
    assert find_returning(moving, STATE) == set()
