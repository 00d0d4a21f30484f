# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Links as members of others: ports of a bridge, of a bond, of a VRF. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry
from ansible_collections.netns.fabric.plugins.module_utils._core.planner import Planner
from ansible_collections.netns.fabric.plugins.module_utils._kernel.kinds import KINDS
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import KernelState, Link, NamespaceName
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_settings import Found, Settings, place
from ansible_collections.netns.fabric.plugins.module_utils._resources.things import ALink

#: The masters that a member joins and leaves while it is down (bond_enslave(), vrf's cycle_netdev() in drivers/net).
_RESTING = frozenset(kind.kernel_name for kind in KINDS.values() if kind.down)
#: The masters whose members another program sets.
_OF_OTHERS = {"openvswitch": "Open vSwitch; use netns.fabric.ovs_port", "team": "teamd; use teamdctl"}

Where = tuple[NamespaceName, str]


def plan_membership(
    state: KernelState,
    where: Where,
    found: Found,
    wanted: Settings,
    declared: Mapping[Where, str],
    gone: Collection[Where],
) -> Found:
    """Return a link with what it is a member of when its settings are planned.

    `declared` are the kinds of the links that the call creates, `gone` are the links that are deleted by then.
    """
    namespace = where[0]
    former = "" if (namespace, found.master) in gone else found.master
    kinds = {_kind_of(state, (namespace, name), declared) for name in (former, wanted.master) if name}
    return replace(found, master=former, rests=bool(kinds & _RESTING))


def _kind_of(state: KernelState, where: Where, declared: Mapping[Where, str]) -> str:
    link = state.link(*where)
    return declared.get(where) or (link.kind if link else "")


def check_master(
    planner: Planner[Any],
    state: KernelState,
    entry: Entry,
    option: str,
    where: Where,
    wanted: Settings,
    declared: Mapping[Where, str],
) -> None:
    """Check that a link can become a member of the master that is wanted.

    Raises:
        InvalidEntry: It cannot.
    """
    namespace, name = where
    link = state.link(*where)
    if wanted.master is None:
        return
    current = state.namespace(namespace).link_at(link.master) if link and link.master else None
    if current is not None and current.kind in _OF_OTHERS and current.name != wanted.master:
        raise InvalidEntry(entry, option, f"{name} is a port of {_OF_OTHERS[current.kind]}, or remove it there first")
    if not wanted.master:
        return
    if wanted.master == name or (link is not None and link.loopback):
        raise InvalidEntry(entry, option, f"{name} cannot be a member of {wanted.master}; leave it out")
    master = (namespace, wanted.master)
    if master not in declared and state.link(*master) is None:
        missing = f"there is no link {wanted.master} in {namespace or 'the host'}; create it first, or in the same call"
        planner.require(entry, option, missing, ALink(*master))
        return
    _check_takes_members(entry, option, master, declared.get(master), state.link(*master))


def _check_takes_members(entry: Entry, option: str, master: Where, declared: str | None, link: Link | None) -> None:
    kind = declared or (link.kind if link else "")
    if kind in _OF_OTHERS:
        raise InvalidEntry(entry, option, f"{place(*master)} belongs to {_OF_OTHERS[kind]}")
    if not any(each.takes_members and each.kernel_name == kind for each in KINDS.values()):
        possible = ", ".join(sorted(each.name for each in KINDS.values() if each.takes_members))
        shown = kind or "physical"
        raise InvalidEntry(
            entry,
            option,
            f"{place(*master)} is a link of the kind {shown}, which has no members; give one of: {possible}",
        )
