# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Links as members of others: ports of a bridge, of a bond, of a VRF. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry, Operation
from ansible_collections.netns.fabric.plugins.module_utils._core.planner import Planner
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import MTU_MAX
from ansible_collections.netns.fabric.plugins.module_utils._kernel.kind_operations import SetMaster
from ansible_collections.netns.fabric.plugins.module_utils._kernel.kinds import KINDS
from ansible_collections.netns.fabric.plugins.module_utils._kernel.operations import SetMtu
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import KernelState, Link, NamespaceName
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_settings import (
    Found,
    Settings,
    SettingsPlan,
    find_with_sysctls,
    place,
    plan_settings,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.things import ALink

#: The masters that a member joins and leaves while it is down (bond_enslave(), vrf's cycle_netdev() in drivers/net).
RESTING = frozenset(kind.kernel_name for kind in KINDS.values() if kind.down)
#: The masters whose MTU is that of their members.
FOLLOWING = frozenset(kind.kernel_name for kind in KINDS.values() if kind.mtu_by_members)
#: Those that bring up what joins them.
OPENING = frozenset({"bond"})
#: The masters whose members another program sets.
_OF_OTHERS = {"openvswitch": "Open vSwitch; use netns.fabric.ovs_port", "team": "teamd; use teamdctl"}

Where = tuple[NamespaceName, str]


@dataclass
class Masters:
    """The links that others are members of, as they are when the settings of those are planned.

    `declared` are the kinds of the links that the call creates, by the kernel's names, `mtus` the MTUs that it wants of
    any links, `gone` are the links that are deleted by what is planned so far, and `ending` those bonds and VRFs that
    have no members any more.
    """

    state: KernelState
    declared: Mapping[Where, str] = field(default_factory=dict)
    mtus: Mapping[Where, int] = field(default_factory=dict)
    gone: set[Where] = field(default_factory=set)
    ending: Collection[Where] = ()
    _remembered: set[Where] = field(default_factory=set)

    def plan_membership(self, where: Where, found: Found, wanted: Settings) -> tuple[Found, Settings]:
        """Return a link with what it is a member of when its settings are planned, and these settings.

        The kernel sets down what a bond loses (__bond_release_one()), and what a VRF loses for a moment, without its
        IPv6 addresses (cycle_netdev()): a member leaves one that is deleted before that, and is up again afterwards.
        """
        namespace = where[0]
        former = (namespace, found.master)
        was = self._kind_before(former) if found.master else ""
        becomes = self._kind_of((namespace, wanted.master)) if wanted.master else ""
        if former in self.ending and wanted.master is None:
            wanted = replace(wanted, master="")
        is_gone = former in self.gone and wanted.master in (None, found.master)
        rests = not RESTING.isdisjoint((was, becomes))
        return replace(found, master="" if is_gone else found.master, rests=rests), wanted

    def with_mtus_kept(
        self, namespace: NamespaceName, former: str, wanted: str | None, plan: SettingsPlan
    ) -> SettingsPlan:
        """Return the plan of a member, after what keeps the MTU of its bridges; `former` and `wanted` are these."""
        if not any(isinstance(each, (SetMaster, SetMtu)) for each in plan.operations):
            return plan
        names = dict.fromkeys((former, former if wanted is None else wanted))
        steps = [step for name in names for step in self.keep_mtu((namespace, name))]
        return replace(plan, operations=(*steps, *plan.operations))

    def keep_mtu(self, where: Where) -> Iterator[Operation]:
        """Yield what has the kernel remember the MTU of a link, if that is wanted as it is and depends on its members.

        The kernel gives a bridge the MTU of its members, as they join, leave or get another one, unless it has been
        changed before (br_change_mtu(), br_mtu_auto_adjust()). Whether it has been is not reported. It is larger for a
        moment, and not smaller: the VLANs on the bridge would keep that.
        """
        link, mtu = self.state.link(*where), self.mtus.get(where)
        if link is None or mtu != link.mtu or link.kind not in FOLLOWING or where in self._remembered:
            return
        self._remembered.add(where)
        yield SetMtu(*where, mtu + 1 if mtu < MTU_MAX else mtu - 1)
        yield SetMtu(*where, mtu)

    def with_link_opened(self, where: Where, found: Found, wanted: Settings) -> Settings:
        """Return the settings of a link that is down and becomes a member of a bond, which brings it up."""
        joins = bool(wanted.master) and wanted.master != found.master
        if joins and wanted.enabled is None and self._kind_of((where[0], str(wanted.master))) in OPENING:
            return replace(wanted, enabled=True)
        return wanted

    def plan_release(self, where: Where, link: Link, wanted: Settings) -> SettingsPlan | None:
        """Plan that a link leaves its master, if that is deleted for good; None: it is not."""
        found = find_with_sysctls(self.state, where[0], link, wanted)
        if (where[0], found.master) not in self.ending:
            return None
        return plan_settings(where[0], *self.plan_membership(where, found, wanted), None)

    def _kind_of(self, where: Where) -> str:
        return self.declared.get(where) or self._kind_before(where)

    def _kind_before(self, where: Where) -> str:
        link = self.state.link(*where)
        return link.kind if link else ""


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
