# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The links that a call deletes or gives back. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import KernelState, Link, NamespaceName
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_model import WantedLink, Where
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_origin import returns


def find_unlisted(call: Call[WantedLink], state: KernelState) -> Iterator[tuple[NamespaceName, Link]]:
    """Yield the links of the call's owner that it does not list."""
    listed = {wanted.where for wanted in call.entries}
    # One that exists may be on its way to where it is listed; a created one is another link elsewhere.
    names = {wanted.name_outside for wanted in call.entries if wanted.present and wanted.own is None}
    for namespace, link in state.links():
        if call.owner not in link.owners or link.kind == "veth" or link.loopback:
            continue
        moving = set() if link.created else names
        outside = [link.origin.name] if link.origin and link.origin.name else []
        if not any((namespace, name) in listed or name in moving for name in (*link.names, *outside)):
            yield namespace, link


def find_deleted(call: Call[WantedLink], state: KernelState) -> frozenset[Where]:
    """Return the links that a call deletes and does not create again, with those that are on them."""
    of_kinds = {each.where for each in call.entries if not each.present and each.own}
    found = {
        (namespace, link.name)
        for namespace, link in _ended(call, state)
        if (link.created or (namespace, link.name) in of_kinds) and (call.owner is None or link.owners)
    }
    created = {each.where for each in call.entries if each.present and each.own}
    on_them = {
        (namespace, link.name)
        for namespace, link in (state.links() if found else ())
        if (namespace, link.name) not in created
        and any((place, base.name) in found for place, base in bases_of(state, link))
    }
    return frozenset(found | on_them)


def find_returning(call: Call[WantedLink], state: KernelState) -> frozenset[Where]:
    """Return the links that a call gives back to the host."""
    return frozenset(
        (namespace, link.name)
        for namespace, link in _ended(call, state)
        if namespace is not None and not link.created and returns(link)
    )


def _ended(call: Call[WantedLink], state: KernelState) -> Iterator[tuple[NamespaceName, Link]]:
    """Yield the links that the call gives up, and that nobody else owns."""
    for wanted in call.entries:
        link = None if wanted.present else state.link(*wanted.where)
        if link is not None and (call.owner is None or link.owners in ((), (call.owner,))):
            yield wanted.namespace, link
    for namespace, link in find_unlisted(call, state) if call.prune else ():
        if link.owners == (call.owner,):
            yield namespace, link


def bases_of(state: KernelState, link: Link) -> Iterator[tuple[NamespaceName, Link]]:
    """Yield the links that a link is on, one after the other."""
    base = state.base_of(link)
    while base is not None:
        yield base
        base = state.base_of(base[1])
