# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a link is that exists, and how it gets to the namespace and the name that are wanted. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Operation, Phase
from ansible_collections.netns.fabric.plugins.module_utils._kernel import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import KernelState, Link, NamespaceName
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_model import WantedLink
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_origin import (
    alias_of_changed,
    alias_of_moved,
    alias_of_renamed,
    as_found,
    known_as,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_settings import (
    Found,
    Settings,
    managed_addresses,
    plan_move,
)


def find_link(state: KernelState, wanted: WantedLink, owner: str | None) -> tuple[NamespaceName, Link] | None:
    """Return the link where it is to be; else on the host, from where it moves; else where its owner owns it."""
    there = state.named(wanted.namespace, wanted.name)
    if there is not None:
        return wanted.namespace, there
    for namespace in (wanted.namespace, None):
        link = state.named(namespace, wanted.name_outside) or find_renamed(state, namespace, wanted)
        if link is not None and (namespace == wanted.namespace or _may_move(link)):
            return namespace, link
    for namespace, link in state.links():
        is_owned = owner is not None and owner in link.owners and not link.created
        if known_as(link, wanted.name_outside) and is_owned and _may_move(link):
            return namespace, link
    return None


def find_renamed(state: KernelState, namespace: NamespaceName, wanted: WantedLink) -> Link | None:
    """Return the link in a namespace that had another name on the host, before it was moved."""
    links = (link for place_, link in state.links() if place_ == namespace and link.origin)
    return next((link for link in links if link.origin and link.origin.name == wanted.name_outside), None)


def name_there(wanted: WantedLink, link: Link) -> str:
    """Return the name that a link is to have: what is declared may be an alternative one."""
    return link.name if wanted.name in link.names else wanted.name


def _may_move(link: Link) -> bool:
    """Whether this resource moves a link: the end of a veth pair is netns.fabric.veth's to move, a loopback stays."""
    return link.kind != "veth" and not link.loopback


@dataclass(frozen=True)
class Arrival:
    """A link as it is where it is wanted, the settings and the alias that it is to have there, and the way there."""

    found: Found
    settings: Settings
    alias: str
    steps: tuple[Operation, ...] = ()
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)


def plan_arrival(
    wanted: WantedLink, where: tuple[NamespaceName, Link] | None, found: Found, owner: str | None
) -> Arrival:
    """Plan the way of a link to its namespace and its name; None: it is assumed to be there."""
    link = found.link
    has_addresses = bool(managed_addresses(found.addresses, ()))
    settings, alias = wanted.settings, alias_of_changed(link, wanted.settings, owner, has_addresses)
    name = link.name if where is None else name_there(wanted, link)
    if where is None or (where[0] == wanted.namespace and name == link.name):
        return Arrival(found, settings, alias)
    recorded: tuple[Operation, ...] = ()
    if where[0] == wanted.namespace:
        alias = alias_of_renamed(alias, link, name)
    elif where[0] is None:
        alias = alias_of_renamed(alias_of_moved(link, owner), link, name)
        # Before it is moved: a run that is killed in between loses nothing.
        recorded = (op.SetAlias(None, link.name, alias, phase=Phase.RELEASE),) if alias != link.alias else ()
    elif wanted.namespace is None:
        settings, alias = as_found(link, wanted.settings, owner)
    else:
        alias = alias_of_renamed(alias, link, name)
    moved, moves = plan_move(found, where[0], wanted.namespace, name)
    if recorded:
        moved = replace(moved, link=replace(moved.link, alias=alias))
    changed = {
        "namespace": (where[0] or "host", wanted.namespace or "host"),
        "name": (link.name, name),
    }
    before, after = ({key: pair[side] for key, pair in changed.items() if pair[0] != pair[1]} for side in (0, 1))
    return Arrival(moved, settings, alias, (*recorded, *moves), before, after)
