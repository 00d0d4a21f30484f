# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Links of a kind: created, changed in place or by re-creation, deleted. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntries, InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Change, Entry, Operation, Phase
from ansible_collections.netns.fabric.plugins.module_utils._core.planner import Planner
from ansible_collections.netns.fabric.plugins.module_utils._kernel import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._kernel.attributes import as_tuple
from ansible_collections.netns.fabric.plugins.module_utils._kernel.dependencies import find_faults, plan_requests
from ansible_collections.netns.fabric.plugins.module_utils._kernel.inherited_macs import inherits_mac
from ansible_collections.netns.fabric.plugins.module_utils._kernel.kind_operations import (
    ChangeLink,
    ConfigureLink,
    CreateLink,
    Pairs,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.kinds import data_of, find_kind
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import KernelState, Link
from ansible_collections.netns.fabric.plugins.module_utils._kernel.trial import REFUSED_MTU
from ansible_collections.netns.fabric.plugins.module_utils._kernel.uapi import ETH_DATA_LEN
from ansible_collections.netns.fabric.plugins.module_utils._kernel.wireguard import KeyFile
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_difference import (
    Difference,
    bound_to,
    describe_kind,
    described,
    differs,
    find_difference,
    is_of,
    kept_values,
    values_with_kept,
    with_parent,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_endings import bases_of
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_masters import RESTING, Masters
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_model import WantedKind, WantedLink, Where
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_names import refuse_altname
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_origin import alias_of_created
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_parents import Parents
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_settings import (
    Found,
    Settings,
    SettingsPlan,
    alias_without,
    assume_with_sysctls,
    find_with_sysctls,
    managed_addresses,
    place,
    plan_settings,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.things import AFile

#: Bytes of an Ethernet address, written with colons.
MAC_LENGTH = 17


def creation_of(wanted: WantedLink, own: WantedKind, former: Link | None) -> CreateLink:
    """Return the creation of a link, without its settings; `former` is the one that it replaces."""
    return CreateLink(
        wanted.namespace,
        wanted.name,
        own.kind.name,
        () if own.kind.generic else _pairs(own, values_with_kept(own, former)),
        own.source,
        own.parent[1] if own.parent else None,
    )


def _own_mac(state: KernelState, wanted: WantedLink, own: WantedKind, former: Link) -> str | None:
    """Return the hardware address of a link that is re-created, unless the kernel chooses it by another link."""
    # In some modes the address is that of the parent, whichever is given (macvlan_common_newlink()).
    values = (kept_values(own, former), values_with_kept(own, former))
    is_fixed = any(each.get(row.name) in row.rigid for row in own.kind.attributes for each in values)
    is_own = (
        own.kind.sets_mac
        and len(former.mac) == MAC_LENGTH
        and not is_fixed
        and not inherits_mac(state, wanted.namespace, former)
    )
    return former.mac if is_own else None


def _pairs(own: WantedKind, values: Mapping[str, Any]) -> Pairs:
    """Return options in the order of the kind's row."""
    return tuple((each.name, values[each.name]) for each in own.kind.attributes if each.name in values)


def _needs_parent_up(wanted: WantedLink, own: WantedKind, link: Link | None) -> bool:
    """Return whether a link is to be up, and the kernel lets it only on one that is up."""
    option = own.kind.up_with_parent
    is_up = wanted.settings.enabled if wanted.settings.enabled is not None else link is None or link.up
    return bool(option) and is_up and not {**kept_values(own, link), **own.values}.get(option, False)


def is_created_by(link: Link, owner: str | None) -> bool:
    """Return whether a link exists by the declaration of this owner alone: it may be created again as another kind."""
    return link.created and link.owners == (owner,)


def trials(state: KernelState, entries: Sequence[WantedLink]) -> Iterator[CreateLink]:
    """Yield the links that are created or changed, for the kernel to say whether it takes them."""
    for wanted in entries:
        if not wanted.present or wanted.own is None:
            continue
        link = state.link(*wanted.where)
        is_resized = link is not None and wanted.settings.mtu not in (None, link.mtu)
        if link is None or not is_of(wanted.own, link) or is_resized or differs(state, wanted):
            yield _trial_of(state, wanted, wanted.own, link)


def _trial_of(state: KernelState, wanted: WantedLink, own: WantedKind, link: Link | None) -> CreateLink:
    """Return the creation that the kernel is asked about, with the MTU unless it depends on the parent's."""
    creation = creation_of(wanted, with_parent(own, bound_to(state, own, link)), link)
    is_bound = own.kind.headroom is not None and creation.parent is not None
    return creation if is_bound else replace(creation, mtu=wanted.settings.mtu)


class CreatedLinks:
    """Plans those links of a call that have a kind."""

    def __init__(self, planner: Planner[WantedLink], actual: KernelState, parents: Parents) -> None:
        self._planner = planner
        self._actual = actual
        self._parents = parents
        entries = [each for each in planner.call.entries if each.present and each.own]
        self._created = {each.where: each for each in entries}
        declared = {each.where: each.own.kind.kernel_name for each in entries if each.own}
        mtus = {each.where: each.settings.mtu for each in planner.call.entries if each.present and each.settings.mtu}
        self.masters = Masters(actual, declared, mtus)
        #: The links that are deleted by what is planned so far.
        self.gone = self.masters.gone
        self.masters.ending = frozenset(self._ending())

    def _ending(self) -> Iterator[Where]:
        """Yield the bonds and VRFs that the call deletes and does not create again with members."""
        owner = self._planner.call.owner
        present = {each.where: each.own for each in self._planner.call.entries if each.present}
        for namespace, link in self._actual.links():
            where = (namespace, link.name)
            if link.kind not in RESTING or (owner is not None and link.owners != (owner,)):
                continue
            own = present.get(where)
            if where in self._parents.deleted or (own is not None and not own.kind.takes_members):
                yield where

    def release_members(self, handled: Collection[Where]) -> None:
        """Plan that the members of the masters that are deleted leave them first; `handled` are planned already."""
        for namespace, link in self._actual.links() if self.masters.ending else ():
            where = (namespace, link.name)
            plan = self.masters.plan_release(where, link, Settings())
            if plan is not None and where not in self.gone and where not in handled:
                self._change(Entry(place(*where)), where, plan.before, plan.after, plan.operations)

    def ordered(self) -> list[WantedLink]:
        """Return the entries: what is absent before what it is on, the others after what they are on or a member of."""
        entries = self._planner.call.entries
        absent = [each for each in entries if not each.present]
        absent.sort(key=self._depth_of, reverse=True)
        present = {each.where: each for each in entries if each.present}
        found: dict[Where, WantedLink] = {}
        for each in present.values():
            self._add_after_needed(each, present, found, ())
        return [*absent, *found.values()]

    def _depth_of(self, wanted: WantedLink) -> int:
        """Return how many links the link of an entry is on, one after the other."""
        link = self._actual.link(*wanted.where)
        return len(list(bases_of(self._actual, link))) if link else 0

    def _add_after_needed(
        self,
        wanted: WantedLink,
        present: Mapping[Where, WantedLink],
        found: dict[Where, WantedLink],
        path: tuple[Where, ...],
    ) -> None:
        if wanted.where in found or wanted.where in path:
            return
        master = (wanted.namespace, wanted.settings.master) if wanted.settings.master else None
        for needed in (self._parents.needed_by(wanted), present.get(master) if master else None):
            if needed is not None:
                self._add_after_needed(needed, present, found, (*path, wanted.where))
        found[wanted.where] = wanted

    def present(self, wanted: WantedLink, own: WantedKind) -> None:
        """Plan a link that is to be there.

        Raises:
            InvalidEntry: It cannot be.
        """
        refuse_altname(self._actual, wanted.entry, "name", *wanted.where)
        link = self._actual.link(*wanted.where)
        if link is not None:
            self._check_usable(wanted, own, link)
        faults = find_faults(own.kind, kept_values(own, link), own.values)
        refused = [InvalidEntry(wanted.entry, f"{own.kind.name}.{option}", reason) for option, reason in faults]
        if refused:
            raise InvalidEntries(refused)
        self._parents.check(wanted, own, self.masters.declared, _needs_parent_up(wanted, own, link))
        self._planner.attempt(self._check_files, wanted, own)
        difference = Difference() if link is None else find_difference(self._actual, wanted, own, link)
        lost = self._parents.lost_base(own, link)
        if lost is not None:
            self._parents.check_unbound(wanted, values_with_kept(own, link), lost)
            difference.add("parent", place(*lost), None)
            difference.recreates = True
        is_new = link is None or difference.recreates or wanted.where in self.gone
        self._parents.check_mtu(wanted, own, values_with_kept(own, link), link, is_new)
        if link is None or difference.after or wanted.settings.mtu not in (None, link.mtu):
            self._check_accepted(wanted, own, link)
        if link is None or is_new:
            self._create(wanted, own, link, difference)
        else:
            self._update(wanted, own, link, difference)

    def _check_usable(self, wanted: WantedLink, own: WantedKind, link: Link) -> None:
        if not is_of(own, link) and not is_created_by(link, self._planner.call.owner):
            raise InvalidEntry(
                wanted.entry,
                "kind",
                f"a link {link.name} exists, and it is not a {own.kind.name} but {describe_kind(link)}; choose another "
                "name, or remove that link first",
            )
        self._planner.refuse_others(wanted.entry, "name", link.name, link.owners)

    def _check_files(self, wanted: WantedLink, own: WantedKind) -> None:
        """Require the files that keys are in."""
        peers = [each for value in own.values.values() for each in as_tuple(value)]
        for key in (*own.values.values(), *(getattr(peer, "preshared_key", None) for peer in peers)):
            if isinstance(key, KeyFile) and not key:
                missing = f"there is no file {key.path}; create it first, with the output of `wg genkey` or `wg genpsk`"
                self._planner.require(wanted.entry, own.kind.name, missing, AFile(key.path))

    def _check_accepted(self, wanted: WantedLink, own: WantedKind, link: Link | None) -> None:
        reason = self._actual.refused_links.get(_trial_of(self._actual, wanted, own, link).form)
        if reason and reason.startswith(REFUSED_MTU):
            raise InvalidEntry(wanted.entry, "mtu", f"{wanted.settings.mtu}: {reason}; give another one")
        if reason:
            raise InvalidEntry(wanted.entry, "kind" if "no links of the kind" in reason else own.kind.name, reason)

    def _update(self, wanted: WantedLink, own: WantedKind, link: Link, difference: Difference) -> None:
        found = find_with_sysctls(self._actual, wanted.namespace, link, wanted.settings)
        plan = self._plan_settings(wanted, found, wanted.settings)
        is_taken_over = any(isinstance(each, op.SetAlias) for each in plan.operations)
        steps: list[Operation] = list(self.masters.keep_mtu(wanted.where)) if is_taken_over else []
        if difference.changed and own.kind.generic:
            former = own.kind.decode(data_of(link.information))
            steps.append(
                ConfigureLink(wanted.namespace, link.name, _pairs(own, difference.changed), _pairs(own, former))
            )
        elif difference.changed:
            current = own.kind.decode(data_of(link.information))
            requests = plan_requests(own.kind, current, difference.changed)
            steps += [
                ChangeLink(wanted.namespace, link.name, own.kind.name, tuple(values.items())) for values in requests
            ]
        self._change(
            wanted.entry,
            wanted.where,
            {**difference.before, **plan.before},
            {**difference.after, **plan.after},
            (*steps, *plan.operations),
        )

    def _plan_settings(self, wanted: WantedLink, found: Found, settings: Settings) -> SettingsPlan:
        found, settings = self.masters.plan_membership(wanted.where, found, settings)
        alias = alias_of_created((found.origin or found).link, self._planner.call.owner)
        plan = plan_settings(wanted.namespace, found, settings, alias)
        return self.masters.with_mtus_kept(wanted.namespace, found.master, settings.master, plan)

    def _create(self, wanted: WantedLink, own: WantedKind, former: Link | None, difference: Difference) -> None:
        steps: list[Operation] = []
        former_found = None
        settings = replace(wanted.settings, enabled=wanted.settings.enabled is not False)
        members: list[Operation] = []
        if former is not None:
            steps += self._clear(wanted, former)
            former_found = find_with_sysctls(self._actual, wanted.namespace, former, wanted.settings)
            master = (wanted.namespace, former_found.master)
            masterless = master in self.gone or master in self.masters.ending
            settings = _as_before(wanted.settings, former_found, masterless)
            members = self._members_of(wanted, former)
            difference.add("recreated", False, True)
        settings = self._with_own(settings, wanted, own, former)
        creation = self._creation_with(settings, wanted, self._parents.with_parent(own, former), former)
        steps.append(creation)
        if own.kind.generic and own.values:
            steps.append(ConfigureLink(wanted.namespace, wanted.name, _pairs(own, own.values)))
        found = self._as_created(wanted, creation, former_found)
        plan = self._plan_settings(wanted, found, settings)
        given = {name: getattr(settings, name) for name in ("mac", "mtu") if getattr(settings, name)}
        if former is None:
            after = {"kind": own.kind.name, **described(own), **plan.after, **given}
            after = {name: value for name, value in after.items() if value is not None}
            self._change(wanted.entry, wanted.where, None, after, (*steps, *plan.operations))
            return
        for name, value in given.items():
            if value != getattr(former, name):
                difference.add(name, getattr(former, name), value)
        before, after = {**difference.before, **plan.before}, {**difference.after, **plan.after}
        self._change(wanted.entry, wanted.where, before, after, (*steps, *plan.operations, *members))

    def _with_own(self, settings: Settings, wanted: WantedLink, own: WantedKind, former: Link | None) -> Settings:
        """Return settings with the hardware address and the MTU that a link keeps as it is re-created."""
        if former is None or not is_of(own, former):
            return settings
        limit = self._parents.mtu_limit(own, values_with_kept(own, former), former)
        return replace(
            settings,
            mac=settings.mac or _own_mac(self._actual, wanted, own, former),
            mtu=settings.mtu or min(former.mtu, limit.size if limit else former.mtu),
        )

    def _creation_with(
        self, settings: Settings, wanted: WantedLink, own: WantedKind, former: Link | None
    ) -> CreateLink:
        """Return the creation of a link with those of its settings that the request for it takes."""
        creation = creation_of(wanted, own, former)
        if self._parents.is_late(own.parent):
            creation = replace(creation, phase=Phase.MOVE)
        if own.kind.device:
            return creation
        mtu = settings.mtu
        if own.kind.mtu_by_members:
            # The kernel remembers only a change as wanted (br_change_mtu()), and none as the bridge is created.
            mtu = ETH_DATA_LEN - 1 if mtu == ETH_DATA_LEN else None
        elif own.kind.headroom is not None and self._parents.is_resized(own.parent):
            mtu = None
        return replace(creation, mac=settings.mac, mtu=mtu)

    def _as_created(self, wanted: WantedLink, creation: CreateLink, former: Found | None) -> Found:
        """Return the link as the kernel creates it, with what the request for it says."""
        link = Link(
            index=0,
            name=wanted.name,
            kind=creation.kind.kernel_name,
            mac=creation.mac or "",
            mtu=creation.mtu or 0,
            alias="",
        )
        new = assume_with_sysctls(self._actual, wanted.namespace, wanted.name, wanted.settings)
        found = replace(new, link=link)
        return found if former is None else replace(found, origin=former, link=replace(link, alias=""))

    def _clear(self, wanted: WantedLink, former: Link) -> list[Operation]:
        """Delete a link that is re-created, unless what it was on is deleted.

        Raises:
            InvalidEntry: Links that nobody declares are on it, and would be deleted with it.
        """
        if wanted.where in self.gone:
            return []
        for where, each in reversed(self._actual.links_on(wanted.namespace, former)):
            if (where, each.name) in self._parents.deleted and (where, each.name) not in self.gone:
                self._delete_one(wanted.entry, (where, each.name), each, is_first=True)
        there = self._actual.links_on(wanted.namespace, former)
        on = [(where, each) for where, each in there if (where, each.name) not in self.gone]
        foreign = [place(where, each.name) for where, each in on if (where, each.name) not in self.masters.declared]
        if foreign:
            raise InvalidEntry(
                wanted.entry,
                "kind",
                f"this needs {former.name} to be re-created, which would delete {', '.join(foreign)}; declare these in "
                "the same call, or remove them first",
            )
        self.gone.add(wanted.where)
        self.gone.update((where, each.name) for where, each in on)
        steps = [op.DeleteLink(where, each.name, phase=Phase.RELEASE) for where, each in reversed(on)]
        return [*steps, op.DeleteLink(*wanted.where, phase=Phase.RELEASE)]

    def _members_of(self, wanted: WantedLink, former: Link) -> list[Operation]:
        """Return how the members of a re-created link become its members again, without those that entries name."""
        if wanted.own is None or not wanted.own.kind.takes_members:
            return []
        listed = {each.where for each in self._planner.call.entries if each.settings.master is not None}
        steps: list[Operation] = []
        for each in self._actual.namespace(wanted.namespace).links:
            where = (wanted.namespace, each.name)
            if each.master == former.index and where not in listed:
                found = Found(replace(each), self._actual.namespace(wanted.namespace).addresses_of(each))
                found, settings = self.masters.plan_membership(where, found, Settings(master=wanted.name))
                steps += plan_settings(wanted.namespace, found, settings, None).operations
        return steps

    # Absent

    def delete(self, entry: Entry, where: Where, link: Link) -> None:
        """Plan that a link is no longer the owner's, and is deleted where it is nobody else's."""
        if where in self.gone:
            return
        self._planner.release(
            entry,
            place(*where),
            link.owners,
            delete=lambda: self._delete(entry, where, link),
            disown=lambda: self._disown(entry, where, link),
        )

    def _delete(self, entry: Entry, where: Where, link: Link) -> None:
        on = self._actual.links_on(where[0], link)
        again = [(place_on, each) for place_on, each in on if (place_on, each.name) in self.masters.declared]
        above = [found for place_on, each in again for found in self._actual.links_on(place_on, each)]
        first = {(place_on, each.name) for place_on, each in (*again, *above)}
        is_first = self._is_on_recreated(link)
        for place_on, each in reversed(on):  # the kernel deletes them with it
            if (place_on, each.name) not in self.gone:
                self._delete_one(entry, (place_on, each.name), each, is_first or (place_on, each.name) in first)
        self._delete_one(entry, where, link, is_first)

    def _is_on_recreated(self, link: Link) -> bool:
        """Return whether a link is on one that the call deletes and creates again."""
        ends = False
        for place_of, base in reversed(list(bases_of(self._actual, link))):
            wanted = self._created.get((place_of, base.name))
            if wanted is not None and wanted.own is not None:
                lost = self._parents.lost_base(wanted.own, base)
                if ends or lost or find_difference(self._actual, wanted, wanted.own, base).recreates:
                    return True
            ends = ends or (place_of, base.name) in self._parents.deleted
        return False

    def _delete_one(self, entry: Entry, where: Where, link: Link, is_first: bool = False) -> None:
        """Plan the deletion of a link; `is_first`: it is created again, or on one that is."""
        self.gone.add(where)
        kind = find_kind(link.kind, link.information)
        # A tunnel is in the way of a new one with the same number.
        is_tunnel = kind is not None and kind.underlay and not any(self._actual.links_on(where[0], link))
        # A device that moves keeps being promiscuous for a link that it loses elsewhere (dev_change_net_namespace()).
        base = self._actual.base_of(link)
        on_moved = base is not None and base[1].origin is not None and base[1].origin.moved
        is_first = is_first or is_tunnel or on_moved
        step = op.DeleteLink(*where, phase=Phase.RELEASE if is_first else Phase.REMOVE)
        self._change(entry, where, {"kind": describe_kind(link)}, None, (step,))

    def _disown(self, entry: Entry, where: Where, link: Link) -> None:
        alias = alias_without(link, self._planner.call.owner)
        if alias != link.alias:
            self._change(entry, where, {"alias": link.alias}, {"alias": alias}, (op.SetAlias(*where, alias),))

    def _change(
        self,
        entry: Entry,
        where: Where,
        before: Mapping[str, Any] | None,
        after: Mapping[str, Any] | None,
        operations: tuple[Operation, ...],
    ) -> None:
        if operations:
            self._planner.changes.append(Change(entry, f"link {place(*where)}", before, after, operations))


def _as_before(wanted: Settings, former: Found, masterless: bool) -> Settings:
    """Return the settings of a link that is re-created: what is not given is as it was."""
    there = managed_addresses(former.addresses, ())
    return replace(
        wanted,
        enabled=former.link.up if wanted.enabled is None else wanted.enabled,
        addresses=tuple(each.interface for each in there if each.peer is None)
        if wanted.addresses is None
        else wanted.addresses,
        with_peers=tuple(each for each in there if each.peer is not None) if wanted.addresses is None else (),
        master=former.master if wanted.master is None and not masterless else wanted.master,
    )
