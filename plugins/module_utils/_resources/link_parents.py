# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What created links are on, as that is when they are created. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._core.planner import Planner
from ansible_collections.netns.fabric.plugins.module_utils._kernel.attributes import Kind, Values
from ansible_collections.netns.fabric.plugins.module_utils._kernel.kinds import data_of, find_kind
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import KernelState, Link
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

    @cached_property
    def _leaving(self) -> dict[Where, WantedLink]:
        """The entries that move a link, by where it is before that."""
        found = [(each, self._find(each)) for each in self._present.values() if each.own is None]
        return {(where[0], where[1].name): each for each, where in found if where and where[0] != each.namespace}

    def is_late(self, where: Where | None) -> bool:
        """Whether a link is where it is to be only after the moves of the call."""
        entry = self._present.get(where) if where else None
        if entry is None:
            return False
        return self.is_late(entry.own.parent) if entry.own else entry in self._leaving.values()

    def check(self, wanted: WantedLink, own: WantedKind, declared: Mapping[Where, str], is_up: bool) -> None:
        """Check that a link can be on the one that is wanted; `is_up`: it is to be up, which may need that one up.

        `declared` are the kinds of the links that the call creates.

        Raises:
            InvalidEntry: It cannot.
        """
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
        if found is None and entry is not None and entry.own is None:
            arriving = self._find(entry)
            return arriving[1] if arriving else None
        return found

    def _check_existing(self, wanted: WantedLink, own: WantedKind, parent: Link | None) -> None:
        where: Where = own.parent or (None, "")
        if parent is None:
            missing = f"there is no link {where[1]} in {where[0] or 'the host'}; create it first, or in the call"
            self._planner.require(wanted.entry, "parent", missing, ALink(*where))
            return
        mover = self._leaving.get(where)
        if mover is not None:
            to = f"`namespace: {mover.namespace}`" if mover.namespace else "no `namespace`"
            message = f"{mover.entry} moves {place(*where)} away; give the parent {to}"
            raise InvalidEntry(wanted.entry, "parent.namespace", message)
        if parent.loopback:
            raise InvalidEntry(wanted.entry, "parent", f"no {own.kind.name} can be on the loopback; give another link")

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

    def check_existing(self, checks: Checks, wanted: Settings, link: Link) -> None:
        """Check what the kernel would refuse for the kind of a link that another program has created."""
        kind = find_kind(link.kind, link.information)
        if kind is None:
            return
        if wanted.mac not in (None, link.mac) and not (kind.sets_mac and kind.changes_mac):
            checks.error("mac", describe_fixed_mac(kind))
        limit = self.mtu_limit(WantedKind(kind), kind.decode(data_of(link.information)), link)
        if limit is not None and wanted.mtu != link.mtu and (wanted.mtu or 0) > limit.size:
            checks.error("mtu", f"{wanted.mtu} is above {limit}")

    def mtu_limit(self, own: WantedKind, values: Values, link: Link | None) -> MtuLimit | None:
        """Return the largest MTU of a link, by that of its parent at the end of the call; None: any, or not known."""
        base = self._actual.base_of(link) if link else None
        where = own.parent or ((base[0], base[1].name) if base else None)
        if own.kind.headroom is None or where is None:
            return None
        size = self._mtu_of(where)
        return None if size is None else MtuLimit(own.kind, where[1], size, own.kind.headroom(values))

    def is_resized(self, where: Where | None) -> bool:
        """Whether a link gets its MTU in the call, after the links of the call are created."""
        entry = self._present.get(where) if where else None
        if where is None or entry is None:
            return False
        link, own = self._link(where, entry), entry.own
        if link is None or entry.settings.mtu not in (None, link.mtu):
            return True
        return own is not None and (own.kind.device or own.kind.mtu_by_members or self.is_resized(own.parent))

    def _mtu_of(self, where: Where) -> int | None:
        """Return the MTU that a link has at the end of the call; None: it follows from more than is known here."""
        entry = self._present.get(where)
        link = self._link(where, entry)
        declared = entry.settings.mtu if entry else None
        return link.mtu if declared is None and link else declared

    def _will_be_up(self, where: Where, entry: WantedLink | None, link: Link | None) -> bool:
        if entry is not None and entry.settings.enabled is not None:
            return entry.settings.enabled
        if link is None:
            return True if entry is not None else self._planner.call.ensures(ALinkUp(*where))
        return link.up or self._planner.call.ensures(ALinkUp(*where))
