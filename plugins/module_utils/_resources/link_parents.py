# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What created links are on, as that is when they are created. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._core.planner import Planner
from ansible_collections.netns.fabric.plugins.module_utils._kernel.attributes import Kind, Values
from ansible_collections.netns.fabric.plugins.module_utils._kernel.kinds import data_of, find_kind
from ansible_collections.netns.fabric.plugins.module_utils._kernel.outer_packets import is_multicast
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import KernelState, Link, NamespaceName
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_difference import (
    bound_to,
    is_of,
    with_parent,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_endings import find_deleted, find_returning
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_model import (
    WantedKind,
    WantedLink,
    Where,
    describe_fixed_mac,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_settings import Settings, place
from ansible_collections.netns.fabric.plugins.module_utils._resources.things import ALink, ALinkUp


@dataclass(frozen=True)
class MtuLimit:
    """The largest MTU of a link of a kind, which is on a parent with an MTU of its own."""

    kind: Kind
    parent: str
    parent_mtu: int
    headroom: int

    @property
    def size(self) -> int:
        return self.parent_mtu - self.headroom

    def __str__(self) -> str:
        if not self.headroom:
            return f"{self.size}, the MTU of its parent {self.parent}; lower it, or raise that"
        return (
            f"{self.size}: the outer headers of this {self.kind.name} take {self.headroom} of the {self.parent_mtu} "
            f"bytes of its parent {self.parent}; lower it, or raise the MTU of the parent"
        )


@dataclass(frozen=True)
class _Node:
    """A link in a stack of links: its entry, if it has one, and the link as it is before the call, if it exists.

    `where` is where it is at the end of the call.
    """

    where: Where
    entry: WantedLink | None
    link: Link | None


class Parents:
    """The links that others are on: existing ones, some of which the call moves, and those that it creates.

    `find` returns where a link of an entry without a kind is before the call.
    """

    def __init__(
        self, planner: Planner[Any], actual: KernelState, find: Callable[[WantedLink], tuple[Any, Link] | None]
    ) -> None:
        self._planner = planner
        self._actual = actual
        self._find = find
        self._present = {each.where: each for each in planner.call.entries if each.present}
        #: The links that others are to be members of.
        self._masters = {(each.namespace, each.settings.master) for each in self._present.values()}

    @cached_property
    def deleted(self) -> frozenset[Where]:
        """The links that the call deletes, and does not create again."""
        return find_deleted(self._planner.call, self._actual)

    @cached_property
    def _places(self) -> dict[Where, tuple[NamespaceName, Link]]:
        """The existing links of entries without a kind, by where the entries want them."""
        found = {each.where: self._find(each) for each in self._present.values() if each.own is None}
        return {where: place_of for where, place_of in found.items() if place_of}

    @cached_property
    def _found(self) -> dict[Where, WantedLink]:
        """The entries of existing links, by where these are before the call."""
        created = {each.where: each for each in self._present.values() if each.own}
        there = {(namespace, link.name): self._present[where] for where, (namespace, link) in self._places.items()}
        return {**created, **there}

    @cached_property
    def _leaving(self) -> dict[Where, WantedLink]:
        """The entries that move a link, by where it is before that."""
        return {where: each for where, each in self._found.items() if where[0] != each.namespace}

    @cached_property
    def _arriving(self) -> set[Where]:
        return {each.where for each in self._leaving.values()}

    @cached_property
    def _ending(self) -> frozenset[Where]:
        """The links that no tunnel stays bound to: those that the call deletes, moves away or gives back.

        The kernel deletes a VXLAN tunnel as the link moves to another namespace, too, unlike a VLAN
        (vxlan_handle_lowerdev_unregister(), vlan_device_event()).
        """
        return self.deleted | find_returning(self._planner.call, self._actual) | self._leaving.keys()

    # Stacks

    def _node_at(self, where: Where) -> _Node:
        """Return a link by its name at the end of the call."""
        there = self._actual.named(*where)
        entry = self._present.get(where) or (self._found.get((where[0], there.name)) if there else None)
        return _Node(entry.where if entry else where, entry, self._link(where, entry))

    def _node_of(self, namespace: NamespaceName, link: Link) -> _Node:
        """Return a link by where it is before the call."""
        entry = self._found.get((namespace, link.name))
        return _Node(entry.where if entry else (namespace, link.name), entry, link)

    def _step(self, node: _Node) -> _Node | None:
        """Return what a link is on at the end of the call, by its entry if that says so."""
        own = node.entry.own if node.entry else None
        if own is not None and own.parent is not None:
            return self._node_at(own.parent)
        base = self._actual.base_of(node.link) if node.link and own is None else self._bound_to(own, node.link)
        return self._node_of(*base) if base else None

    def _below(self, node: _Node) -> _Node | None:
        return None if node.where in self._cyclic else self._step(node)

    def _stack(self, wanted: WantedLink) -> Iterator[_Node]:
        """Yield what the link of an entry is on, one after the other."""
        node = self._below(self._node_at(wanted.where))
        while node is not None:
            yield node
            node = self._below(node)

    @cached_property
    def _cyclic(self) -> dict[Where, str]:
        """The links that are to be on themselves, each with its way there."""
        known: set[Where] = set()
        cyclic: dict[Where, str] = {}
        for each in self._present.values():
            path: list[Where] = []
            node: _Node | None = self._node_at(each.where)
            while node is not None and node.where not in known:
                known.add(node.where)
                path.append(node.where)
                node = self._step(node)
            if node is not None and node.where in path:
                names = [name for _namespace, name in path[path.index(node.where) :]]
                for number, where in enumerate(path[path.index(node.where) :]):
                    cyclic[where] = ", which is on ".join((*names[number + 1 :], *names[: number + 1]))
        return cyclic

    def _bound_to(self, own: WantedKind | None, link: Link | None) -> tuple[NamespaceName, Link] | None:
        """Return the link that a tunnel without a `parent` is bound to, and stays bound to."""
        base = bound_to(self._actual, own, link) if own else None
        return base if base and (base[0], base[1].name) not in self._ending else None

    def with_parent(self, own: WantedKind, link: Link | None) -> WantedKind:
        """Return what is wanted of a tunnel with the link that it stays bound to, if any."""
        return with_parent(own, self._bound_to(own, link))

    def lost_base(self, own: WantedKind, link: Link | None) -> Where | None:
        """Return the link that a tunnel is bound to until the call deletes it or moves it away."""
        base = bound_to(self._actual, own, link)
        return (base[0], base[1].name) if base and (base[0], base[1].name) in self._ending else None

    def needed_by(self, wanted: WantedLink) -> WantedLink | None:
        """Return the entry of the next link below that of an entry that has one."""
        return next((node.entry for node in self._stack(wanted) if node.entry), None)

    def is_late(self, where: Where | None) -> bool:
        """Whether a link is where it is to be only after the moves of the call."""
        node = self._node_at(where) if where else None
        while node is not None and node.entry is not None and node.entry.own:
            node = self._below(node)
        return node is not None and node.where in self._arriving

    def check(self, wanted: WantedLink, own: WantedKind, declared: Mapping[Where, str], is_up: bool) -> None:
        """Check that a link can be on the one that is wanted; `is_up`: it is to be up, which may need that one up.

        `declared` are the kinds of the links that the call creates.

        Raises:
            InvalidEntry: It cannot.
        """
        if wanted.where in self._cyclic:
            cycle = f"{wanted.name} would be on {self._cyclic[wanted.where]}; give another parent"
            raise InvalidEntry(wanted.entry, "parent", cycle)
        if own.parent is None:
            return
        entry = self._present.get(own.parent)
        parent = self._link(own.parent, entry)
        if own.parent not in declared and not self._planner.call.ensures(ALink(*own.parent)):
            self._check_existing(wanted, own, parent)
            if parent is None:
                return
        kind = declared.get(own.parent) or (parent.kind if parent else "")
        if kind in own.kind.flat:
            flat = (
                f"{own.parent[1]} is a {kind} itself, and the kernel would put a {own.kind.name} on what that is on; "
                "give that as the parent"
            )
            raise InvalidEntry(wanted.entry, "parent", flat)
        if is_up and not self._will_be_up(own.parent, entry, parent):
            down = (
                f"{own.parent[1]} is down, and the kernel brings up no {own.kind.name} on it; bring it up first or in "
                f"the call, set `{own.kind.name}.{own.kind.up_with_parent}`, or give this link `enabled: false`"
            )
            if entry is not None and entry.settings.enabled is False:
                raise InvalidEntry(wanted.entry, "parent", down)
            self._planner.require(wanted.entry, "parent", down, ALinkUp(*own.parent))

    def _link(self, where: Where, entry: WantedLink | None) -> Link | None:
        """Return a link that is there, or moves there."""
        found = self._actual.named(*where)
        arriving = self._places.get(entry.where) if found is None and entry is not None else None
        return arriving[1] if arriving else found

    def _check_existing(self, wanted: WantedLink, own: WantedKind, parent: Link | None) -> None:
        where: Where = own.parent or (None, "")
        if parent is None:
            missing = f"there is no link {where[1]} in {where[0] or 'the host'}; create it first, or in the call"
            self._planner.require(wanted.entry, "parent", missing, ALink(*where))
            return
        mover = self._leaving.get((where[0], parent.name))
        if mover is not None:
            to = f"`namespace: {mover.namespace}`" if mover.namespace else "no `namespace`"
            message = f"{mover.entry} moves {place(*where)} away; give the parent {to}"
            raise InvalidEntry(wanted.entry, "parent.namespace", message)
        if (where[0], parent.name) in self._ending:
            message = f"the call deletes {place(*where)}, or gives it back; keep that, or give another link"
            raise InvalidEntry(wanted.entry, "parent", message)
        if parent.loopback:
            raise InvalidEntry(wanted.entry, "parent", f"no {own.kind.name} can be on the loopback; give another link")

    def check_unbound(self, wanted: WantedLink, values: Values, lost: Where) -> None:
        """Check that a tunnel can be without the link that it is bound to, which the call deletes or moves away.

        Raises:
            InvalidEntry: A group is asked by a link only (vxlan_config_validate()).
        """
        if values.get("remote") and is_multicast(values["remote"]):
            raise InvalidEntry(
                wanted.entry,
                "parent",
                f"is required, as {wanted.name} sends to a group: the call deletes {place(*lost)}, which it is bound "
                "to, or moves it away",
            )

    def check_mtu(self, wanted: WantedLink, own: WantedKind, values: Values, link: Link | None, is_new: bool) -> None:
        """Check that the MTU of a link fits into that of its parent, as both are at the end of the call.

        `values` are the options of its kind, `link` is the link if it exists, `is_new`: it is created, or re-created.

        Raises:
            InvalidEntry: It does not.
        """
        limit = self.mtu_limit(own, values, link)
        if limit is None or (wanted.settings.mtu or 0) <= limit.size:
            return
        # A tunnel keeps an MTU that is too large by now; any other link has lost it with its parent.
        if is_new or link is None or link.mtu != wanted.settings.mtu or not limit.headroom:
            raise InvalidEntry(wanted.entry, "mtu", f"{wanted.settings.mtu} is above {limit}")

    def check_existing(self, checks: Checks, wanted: Settings, link: Link, namespace: NamespaceName) -> None:
        """Check what the kernel would refuse for the kind of a link in this namespace that another has created."""
        kind = find_kind(link.kind, link.information)
        if kind is None:
            return
        if wanted.mac not in (None, link.mac) and not (kind.sets_mac and kind.changes_mac):
            checks.error("mac", describe_fixed_mac(kind))
        node = self._below(self._node_of(namespace, link))
        limit = self._limit(kind, kind.decode(data_of(link.information)), node)
        if limit is None or node is None or (wanted.mtu or 0) <= limit.size:
            return
        is_lost = kind.follows_parent and node.link is not None and node.link.mtu > limit.parent_mtu
        if wanted.mtu != link.mtu or is_lost:
            checks.error("mtu", f"{wanted.mtu} is above {limit}")

    def mtu_limit(self, own: WantedKind, values: Values, link: Link | None) -> MtuLimit | None:
        """Return the largest MTU of a link, by that of its parent at the end of the call; None: any, or not known."""
        parent = self.with_parent(own, link).parent
        return self._limit(own.kind, values, self._node_at(parent) if parent else None)

    def _limit(self, kind: Kind, values: Values, parent: _Node | None) -> MtuLimit | None:
        if kind.headroom is None or parent is None:
            return None
        size = self._mtu_at_end(parent)
        return None if size is None else MtuLimit(kind, parent.where[1], size, kind.headroom(values))

    def is_resized(self, where: Where | None) -> bool:
        """Whether a link gets its MTU in the call, after the links of the call are created."""
        return where is not None and self._is_resized(self._node_at(where))

    def _is_resized(self, node: _Node | None) -> bool:
        if node is None or node.entry is None:
            return False
        link, own = node.link, node.entry.own
        if link is None or node.entry.settings.mtu not in (None, link.mtu):
            return True
        return own is not None and (own.kind.device or own.kind.mtu_by_members or self._is_resized(self._below(node)))

    def _mtu_at_end(self, node: _Node) -> int | None:
        """Return the MTU that a link has at the end of the call; None: it follows from more than is known here."""
        if node.entry is not None and node.entry.settings.mtu is not None:
            return node.entry.settings.mtu
        if _is_new(node):
            return self._mtu_of_new(node, at_end=True)
        if node.link is None:
            return None
        kind = find_kind(node.link.kind, node.link.information)
        below = self._below(node) if kind and kind.follows_parent else None
        limit = self._mtu_at_end(below) if below else None
        return node.link.mtu if limit is None else min(node.link.mtu, limit)

    def _mtu_of_new(self, node: _Node, at_end: bool) -> int | None:
        """Return the MTU that the kernel gives a new link without one; `at_end`: what is left of it then."""
        own = node.entry.own if node.entry else None
        if own is None or (own.kind.mtu_by_members and node.where in self._masters):
            return None
        below = self._below(node)
        if own.kind.headroom is None or below is None:
            return own.kind.mtu or None
        sizes = [self._mtu_as_created(below)]
        if at_end and own.kind.follows_parent:
            sizes.append(self._mtu_at_end(below))
        known = [size for size in sizes if size is not None]
        return min(known) - own.kind.headroom(own.values) if len(known) == len(sizes) else None

    def _mtu_as_created(self, node: _Node) -> int | None:
        """Return the MTU that a link has before the call changes those of existing links."""
        if not _is_new(node) or node.entry is None or node.entry.own is None:
            return node.link.mtu if node.link else None
        kind = node.entry.own.kind
        is_set_later = kind.device or kind.mtu_by_members or (kind.headroom and self._is_resized(self._below(node)))
        return (None if is_set_later else node.entry.settings.mtu) or self._mtu_of_new(node, at_end=False)

    def _will_be_up(self, where: Where, entry: WantedLink | None, link: Link | None) -> bool:
        if entry is not None and entry.settings.enabled is not None:
            return entry.settings.enabled
        if link is None:
            return True if entry is not None else self._planner.call.ensures(ALinkUp(*where))
        return link.up or self._planner.call.ensures(ALinkUp(*where))


def _is_new(node: _Node) -> bool:
    """Whether a link does not exist as it is wanted."""
    own = node.entry.own if node.entry else None
    return node.link is None or (own is not None and not is_of(own, node.link))
