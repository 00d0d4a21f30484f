# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a link is that exists, and how it gets to where it is wanted."""

from __future__ import annotations

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import KernelState, Link, NamespaceState
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_model import WantedLink
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_places import find_link, plan_arrival
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_settings import Found, Settings

WANTED = WantedLink(Entry("lan0"), True, "red", "lan0", Settings(), nic="eno2")
MARK = "netns.fabric:lab was host up mtu 1500 name eno2"


def host(*links: Link, inside: tuple[Link, ...] = ()) -> KernelState:
    return KernelState({None: NamespaceState(None, links=links), "red": NamespaceState("red", links=inside)})


@pytest.mark.parametrize(
    ("state", "place"),
    [
        (host(Link(2, "eno2"), inside=(Link(3, "lan0"),)), ("red", 3)),
        (host(Link(2, "eno2")), (None, 2)),
        (host(Link(2, "enp1s0", altnames=("eno2",))), (None, 2)),
        # The kernel returns a physical link with the name that it had inside.
        (host(Link(2, "lan0", alias=MARK)), (None, 2)),
        (host(inside=(Link(3, "wan0", alias=MARK),)), ("red", 3)),
        (host(Link(2, "lan0"), Link(4, "eno3")), None),
        (host(Link(2, "eno2", "veth")), None),  # another module's to move
    ],
)
def test_a_link_is_found_by_the_name_that_it_has_outside(state: KernelState, place: tuple[str, int] | None) -> None:
    found = find_link(state, WANTED, "lab")
    assert (found and (found[0], found[1].index)) == place


def test_the_way_is_recorded_first() -> None:
    link = Link(2, "eno2", up=True, mtu=1500)
    arrival = plan_arrival(WANTED, (None, link), Found(link), "lab")
    lines = [line for step in arrival.steps for line in step.commands()]
    assert lines == [f"ip link set dev eno2 alias '{MARK}'", "ip link set dev eno2 netns red name lan0"]
    assert (arrival.before, arrival.after) == (
        {"namespace": "host", "name": "eno2"},
        {"namespace": "red", "name": "lan0"},
    )
    assert plan_arrival(WANTED, None, Found(link), "lab").steps == ()
