# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Links of a kind: created, changed in place or by re-creation, deleted. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Change, Entry, Operation, Phase
from ansible_collections.netns.fabric.plugins.module_utils._core.planner import Planner
from ansible_collections.netns.fabric.plugins.module_utils._kernel import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._kernel.attributes import as_tuple
from ansible_collections.netns.fabric.plugins.module_utils._kernel.inherited_macs import inherits_mac
from ansible_collections.netns.fabric.plugins.module_utils._kernel.kind_operations import (
    ChangeLink,
    ConfigureLink,
    CreateLink,
    Pairs,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.kinds import data_of, find_kind
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import KernelState, Link
from ansible_collections.netns.fabric.plugins.module_utils._kernel.wireguard import KeyFile
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


@dataclass
class Difference:
    """What of a link's kind is not as wanted, and the options that are changed in place."""

    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    changed: dict[str, Any] = field(default_factory=dict)
    recreates: bool = False

    def add(self, name: str, old: Any, new: Any) -> None:
        self.before[name], self.after[name] = old, new


def find_difference(state: KernelState, own: WantedKind, where: Where, link: Link) -> Difference:
    """Return what is not as wanted of an existing link."""
    found = Difference()
    if not _is_of(own, link):
        found.add("kind", describe_kind(link), own.kind.name)
        for name, value in _described(own).items():
            if value is not None:
                found.add(name, None, value)
        found.recreates = True
        return found
    current = own.kind.decode(data_of(link.information))
    for attribute in own.kind.attributes:
        old, new = current[attribute.name], own.values.get(attribute.name)
        if new is None or attribute.matches(old, new):
            continue
        found.add(f"{own.kind.name}.{attribute.name}", attribute.show(old), attribute.show(new))
        found.changed[attribute.name] = new
        found.recreates = found.recreates or not attribute.changes_in_place(old, new)
    base = state.base_of(link)
    on = (base[0], base[1].name) if base else None
    if own.parent is not None and (base is None or own.parent not in [(base[0], name) for name in base[1].names]):
        found.add("parent", place(*on) if on else None, place(*own.parent))
        found.recreates = True
    source = link.base.namespace if link.base and link.base.known else where[0]
    if own.kind.underlay and own.parent is None and own.kind.lower is not None and source != own.source:
        found.add("underlay", source or "host", own.source or "host")
        found.recreates = True
    return found


def creation_of(state: KernelState, wanted: WantedLink, own: WantedKind, former: Link | None) -> CreateLink:
    """Return the creation of a link; `former` is the one that it replaces."""
    values = own.kind.keep(kept_values(own, former), own.values)
    settings = wanted.settings
    if former is not None and not _is_of(own, former):
        former = None
    is_own = (
        former is not None
        and len(former.mac) == MAC_LENGTH
        and not any(each.rigid for each in own.kind.attributes)  # in some modes the address is that of the parent
        and not inherits_mac(state, wanted.namespace, former)
    )
    mac = settings.mac or (former.mac if former and is_own else None)
    return CreateLink(
        wanted.namespace,
        wanted.name,
        own.kind.name,
        () if own.kind.generic else _pairs(own, values),
        own.source,
        own.parent[1] if own.parent else None,
        None if own.kind.device else mac,
        None if own.kind.device else settings.mtu or (former.mtu if former else None),
    )


def _pairs(own: WantedKind, values: Mapping[str, Any]) -> Pairs:
    """Return options in the order of the kind's row."""
    return tuple((each.name, values[each.name]) for each in own.kind.attributes if each.name in values)


def kept_values(own: WantedKind, link: Link | None) -> dict[str, Any]:
    """Return the options of a link that are not the kernel's own choice."""
    return own.kind.deviations(data_of(link.information)) if link and _is_of(own, link) else {}


def _needs_parent_up(wanted: WantedLink, own: WantedKind, link: Link | None) -> bool:
    """Return whether a link is to be up, and the kernel lets it only on one that is up."""
    option = own.kind.up_with_parent
    is_up = wanted.settings.enabled if wanted.settings.enabled is not None else link is None or link.up
    return bool(option) and is_up and not {**kept_values(own, link), **own.values}.get(option, False)


def is_created_by(link: Link, owner: str | None) -> bool:
    """Return whether a link exists by the declaration of this owner alone: it may be created again as another kind."""
    return link.created and link.owners == (owner,)


def _is_of(own: WantedKind, link: Link) -> bool:
    """Return whether a link is of the kind that is wanted."""
    return find_kind(link.kind, link.information) is own.kind


def trials(state: KernelState, entries: Sequence[WantedLink]) -> Iterator[CreateLink]:
    """Yield the links that are created or changed, for the kernel to say whether it takes them."""
    for wanted in entries:
        if not wanted.present or wanted.own is None:
            continue
        link = state.link(*wanted.where)
        if link is None or not _is_of(wanted.own, link) or differs(state, wanted):
            yield creation_of(state, wanted, wanted.own, link)


def differs(state: KernelState, wanted: WantedLink) -> bool:
    """Return whether a link exists with the kind that is wanted, and not all of that is as wanted."""
    link, own = state.link(*wanted.where), wanted.own
    if link is None or own is None or not _is_of(own, link):
        return False
    return bool(find_difference(state, own, wanted.where, link).after)


def depth_of(state: KernelState, link: Link | None) -> int:
    """Return how many links a link is on, one after the other."""
    base = state.base_of(link) if link else None
    return 1 + depth_of(state, base[1]) if base else 0


class CreatedLinks:
    """Plans those links of a call that have a kind."""

    def __init__(self, planner: Planner[WantedLink], actual: KernelState, parents: Parents) -> None:
        self._planner = planner
        self._actual = actual
        self._parents = parents
        entries = [each for each in planner.call.entries if each.present and each.own]
        declared = {each.where: each.own.kind.kernel_name for each in entries if each.own}
        self.masters = Masters(actual, declared)
        #: The links that are deleted by what is planned so far.
        self.gone = self.masters.gone
        self.masters.ending = frozenset(self._ending())

    def _ending(self) -> Iterator[Where]:
        """Yield the bonds and VRFs that the call deletes and does not create again with members."""
        call = self._planner.call
        named = {each.where: each for each in call.entries}
        for namespace, link in self._actual.links():
            where = (namespace, link.name)
            if link.kind not in RESTING or (call.owner is not None and link.owners != (call.owner,)):
                continue
            if _ends(named[where], link) if where in named else self._is_pruned(where, link, named):
                yield where

    def _is_pruned(self, where: Where, link: Link, named: Collection[Where]) -> bool:
        namespace, _name = where
        return self._planner.call.prune and link.created and not any((namespace, name) in named for name in link.names)

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
        absent.sort(key=lambda each: -depth_of(self._actual, self._actual.link(*each.where)))
        present = {each.where: each for each in entries if each.present}
        found: dict[Where, WantedLink] = {}
        for each in present.values():
            self._add_after_needed(each, present, found, ())
        return [*absent, *found.values()]

    def _add_after_needed(
        self,
        wanted: WantedLink,
        present: Mapping[Where, WantedLink],
        found: dict[Where, WantedLink],
        path: tuple[Where, ...],
    ) -> None:
        if wanted.where in found or wanted.where in path:
            return
        parent = wanted.own.parent if wanted.own else None
        master = (wanted.namespace, wanted.settings.master) if wanted.settings.master else None
        for needed in (parent, master):
            if needed is not None and needed in present:
                self._add_after_needed(present[needed], present, found, (*path, wanted.where))
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
        self._parents.check(wanted, own, self.masters.declared, _needs_parent_up(wanted, own, link))
        self._planner.attempt(self._check_files, wanted, own)
        difference = Difference() if link is None else find_difference(self._actual, own, wanted.where, link)
        if link is None or difference.after:
            self._check_accepted(wanted, own, link)
        if link is None or difference.recreates or wanted.where in self.gone:
            self._create(wanted, own, link, difference)
        else:
            self._update(wanted, own, link, difference)

    def _check_usable(self, wanted: WantedLink, own: WantedKind, link: Link) -> None:
        if not _is_of(own, link) and not is_created_by(link, self._planner.call.owner):
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
        reason = self._actual.refused_links.get(creation_of(self._actual, wanted, own, link).form)
        if reason:
            raise InvalidEntry(wanted.entry, "kind" if "no links of the kind" in reason else own.kind.name, reason)

    def _update(self, wanted: WantedLink, own: WantedKind, link: Link, difference: Difference) -> None:
        found = find_with_sysctls(self._actual, wanted.namespace, link, wanted.settings)
        plan = self._plan_settings(wanted, found, wanted.settings)
        steps: list[Operation] = []
        if difference.changed and own.kind.generic:
            former = own.kind.decode(data_of(link.information))
            steps.append(
                ConfigureLink(wanted.namespace, link.name, _pairs(own, difference.changed), _pairs(own, former))
            )
        elif difference.changed:
            pairs = tuple(
                (each.name, difference.changed[each.name])
                for each in own.kind.attributes
                if each.name in difference.changed
            )
            steps.append(ChangeLink(wanted.namespace, link.name, own.kind.name, pairs))
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
        return plan_settings(wanted.namespace, found, settings, alias)

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
        creation = creation_of(self._actual, wanted, own, former)
        if self._parents.is_late(own.parent):
            creation = replace(creation, phase=Phase.MOVE)
        steps.append(creation)
        if own.kind.generic and own.values:
            steps.append(ConfigureLink(wanted.namespace, wanted.name, _pairs(own, own.values)))
        found = self._as_created(wanted, creation, former_found)
        plan = self._plan_settings(wanted, found, settings)
        before = None if former is None else {**difference.before, **plan.before}
        after = (
            {"kind": own.kind.name, **_described(own), **plan.after}
            if former is None
            else {**difference.after, **plan.after}
        )
        if former is None:
            after.update({name: getattr(settings, name) for name in ("mac", "mtu") if getattr(settings, name)})
            after = {name: value for name, value in after.items() if value is not None}
        self._change(wanted.entry, wanted.where, before, after, (*steps, *plan.operations, *members))

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
        on = self._actual.links_on(wanted.namespace, former)
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
        for place_on, each in reversed(self._actual.links_on(where[0], link)):  # the kernel deletes them with it
            if (place_on, each.name) not in self.gone:
                self._delete_one(entry, (place_on, each.name), each)
        self._delete_one(entry, where, link)

    def _delete_one(self, entry: Entry, where: Where, link: Link) -> None:
        self.gone.add(where)
        kind = find_kind(link.kind, link.information)
        # A tunnel is in the way of a new one with the same number.
        is_tunnel = kind is not None and kind.underlay and not any(self._actual.links_on(where[0], link))
        # A device that moves keeps being promiscuous for a link that it loses elsewhere (dev_change_net_namespace()).
        base = self._actual.base_of(link)
        on_moved = base is not None and base[1].origin is not None and base[1].origin.moved
        step = op.DeleteLink(*where, phase=Phase.RELEASE if is_tunnel or on_moved else Phase.REMOVE)
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


def _ends(entry: WantedLink, link: Link) -> bool:
    """Whether an entry deletes a link, or replaces it by one that takes no members."""
    if entry.present:
        return entry.own is not None and not entry.own.kind.takes_members
    return entry.own is not None or link.created


        with_peers=tuple(each for each in there if each.peer is not None) if wanted.addresses is None else (),
def _as_before(wanted: Settings, former: Found, masterless: bool) -> Settings:
    """Return the settings of a link that is re-created: what is not given is as it was."""
    there = managed_addresses(former.addresses, ())
    return replace(
        wanted,
        enabled=former.link.up if wanted.enabled is None else wanted.enabled,
        addresses=tuple(each.interface for each in there if each.peer is None)
        if wanted.addresses is None
        else wanted.addresses,
        master=former.master if wanted.master is None and not masterless else wanted.master,
    )


def _described(own: WantedKind) -> dict[str, Any]:
    return {
        **{f"{own.kind.name}.{name}": own.kind.attribute(name).show(value) for name, value in own.values.items()},
        "parent": place(*own.parent) if own.parent else None,
    }


def describe_kind(link: Link) -> str:
    """Return what kind of link it is, for messages."""
    kind = find_kind(link.kind, link.information)
    return kind.name if kind else link.kind or "a physical device"
