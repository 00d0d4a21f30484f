# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Links: what is wanted of them, and how to get there. Pure, but for read().

One with a kind is created (link_creation); one without has to exist, as a device, a bridge's port or a loopback does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core import validation
from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError, InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Change, Entry, Operation, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.planner import Planner
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call, Resource
from ansible_collections.netns.fabric.plugins.module_utils._kernel import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._kernel.access import KERNEL
from ansible_collections.netns.fabric.plugins.module_utils._kernel.kinds import find_kind
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import (
    KernelState,
    Link,
    NamespaceName,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_creation import (
    CreatedLinks,
    is_created_by,
    trials,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_difference import describe_kind, differs
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_endings import find_unlisted
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_masters import check_master
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_model import (
    KIND_OPTIONS,
    WantedKind,
    WantedLink,
    parse_kind,
    parse_nic,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_names import (
    describe_taken_name,
    refuse_long_name,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_origin import (
    HostNames,
    Restoration,
    known_as,
    plan_return,
    rename_back,
    restore,
    returns,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_parents import Parents
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_places import (
    find_link,
    find_renamed,
    name_there,
    plan_arrival,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_settings import (
    LINK_OPTIONS,
    Found,
    Kept,
    Settings,
    alias_without,
    as_kept,
    assume_with_sysctls,
    check_sysctls,
    find_with_sysctls,
    format_addresses,
    managed_addresses,
    parse_settings,
    place,
    plan_addresses,
    plan_settings,
    sysctl_queries,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_sysctls import Queries
from ansible_collections.netns.fabric.plugins.module_utils._resources.planned_addresses import LINK_ADDRESSES
from ansible_collections.netns.fabric.plugins.module_utils._resources.required_namespaces import require_namespace
from ansible_collections.netns.fabric.plugins.module_utils._resources.subnets import (
    WantedSubnet,
    find_taken,
    read_routes,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.things import (
    ALink,
    ALinkUp,
    AVeth,
    AVrf,
    ensure_link,
)


class LinkResource(Resource[WantedLink, KernelState]):
    list_option = "links"
    identity = "name"
    backends = (KERNEL,)
    entry_options: Mapping[str, Mapping[str, Any]] = {**LINK_OPTIONS, "nic": {"type": "str"}, **KIND_OPTIONS}

    def desired(self, entry: Entry, options: Mapping[str, Any]) -> WantedLink:
        checks = Checks(entry)
        present = options["state"] == "present"
        named = present and (options.get("kind") is not None or options.get("nic") is not None)
        check_name = validation.interface_name if named else validation.existing_interface_name
        name = checks.value("name", check_name, options["name"])
        namespace = checks.value("namespace", validation.namespace_name, options.get("namespace"))
        wanted = parse_settings(checks, options)
        own = parse_kind(checks, options, namespace, present)
        nic = parse_nic(checks, options)
        checks.done()
        return WantedLink(entry, present, namespace, name, wanted, own, nic)

    def key(self, desired: WantedLink) -> object:
        return desired.namespace, desired.name

    def ensures(self, desired: WantedLink) -> Iterable[object]:
        # What is given back returns to the host, if it came from there.
        if not desired.present:
            return () if desired.own else ensure_link(None, desired.name_outside, None, None)
        found = list(ensure_link(desired.namespace, desired.name, desired.settings.enabled, desired.settings.addresses))
        if desired.own is not None and desired.own.kind.name == "vrf":
            found.append(AVrf(desired.namespace, desired.name, desired.own.values["table"]))
        return found

    def read(self, host: Host, call: Call[WantedLink]) -> KernelState:
        kernel = host.use(KERNEL)
        sources = [wanted.own.source for wanted in call.entries if wanted.own]
        names = [None, *(wanted.namespace for wanted in call.entries), *sources]
        others = sorted(kernel.namespace_names(preferred=names))
        state = kernel.read(names, addresses=True, others=others if call.prune else ())
        lost = any(
            wanted.present and wanted.own is None and find_link(state, wanted, call.owner) is None
            for wanted in call.entries
            if wanted.namespace is None or wanted.namespace in state
        )
        if (lost or any(_is_unknown(state, wanted) for wanted in call.entries)) and not call.prune:
            state = kernel.read(names, addresses=True, others=others)
        queries: Queries = {}
        for wanted in (wanted for wanted in call.entries if wanted.present):
            link = state.named(wanted.namespace, wanted.name) or find_renamed(state, wanted.namespace, wanted)
            queries.update(sysctl_queries(state, wanted.namespace, link.name if link else wanted.name, wanted.settings))
        state = kernel.with_sysctls(state, queries) if queries else state
        state = kernel.with_links(state, trials(state, call.entries))
        return read_routes(host, state) if any(_wanted_subnets(call.entries)) else state

    def plan(self, actual: KernelState, call: Call[WantedLink]) -> Plan:
        return _LinkPlanner(actual, call).run()


def _wanted_subnets(entries: Iterable[WantedLink]) -> Iterator[WantedSubnet]:
    for wanted in entries:
        if wanted.present and wanted.namespace is None:
            for address in wanted.settings.addresses or ():
                yield WantedSubnet(wanted.entry, "addresses", wanted.name, address)


def _is_unknown(state: KernelState, wanted: WantedLink) -> bool:
    """Whether what is wanted of a link depends on one in a namespace that was not read."""
    link = state.named(wanted.namespace, wanted.name)
    if link is None:
        return False
    if wanted.own is not None:
        # Links in any namespace may be on one that is deleted or re-created.
        return not wanted.present or bool(link.base and not link.base.known) or differs(state, wanted)
    return bool(wanted.settings.mac and link.peer and not link.peer.known)


def _owner_of(link: Link, owner: str | None) -> str | None:
    """Return the owner that the link is to have.

    None on a loopback, whose alias holds the owners of the whole namespace, and on the end of a veth pair, whose alias
    holds those of the pair: who sets an address there does not own the namespace or the pair.
    """
    return None if link.loopback or link.kind == "veth" else owner


class _LinkPlanner(Planner[WantedLink]):
    """Plans the links of one call."""

    def __init__(self, actual: KernelState, call: Call[WantedLink]) -> None:
        super().__init__(call)
        self._actual = actual
        self._host_names = HostNames(actual.namespace(None))
        self._parents = Parents(self, actual, self._find)
        self._created = CreatedLinks(self, actual, self._parents)
        self._masters = self._created.masters
        self._given_back: set[tuple[NamespaceName, str]] = set()
        #: Those of them that are no longer members of a master that is deleted.
        self._reset_links: set[tuple[NamespaceName, str]] = set()

    def check(self) -> Iterator[FabricError]:
        """No link is wanted in two places, and no subnet is the host's elsewhere."""
        taken: dict[tuple[NamespaceName, str], WantedLink] = {}
        for wanted in self.call.entries:
            where = self._find(wanted) if wanted.present and wanted.own is None else None
            if where is None:
                continue
            other = taken.setdefault((where[0], where[1].name), wanted)
            if other is not wanted:
                yield InvalidEntry(
                    wanted.entry,
                    "namespace",
                    f"{other.entry} wants the same link, {place(where[0], where[1].name)}; leave one of them out",
                )
        changing = {wanted.name for wanted in self.call.entries}
        yield from find_taken(self._actual, _wanted_subnets(self.call.entries), self.call.owner, changing)

    def simulated(self) -> Mapping[str, Any]:
        return {
            LINK_ADDRESSES: {
                (wanted.namespace, wanted.name): wanted.settings.addresses
                for wanted in self.call.entries
                if wanted.present and wanted.settings.addresses is not None
            }
        }

    def ordered(self) -> Iterable[WantedLink]:
        return self._created.ordered()

    # Present

    def _find(self, wanted: WantedLink) -> tuple[NamespaceName, Link] | None:
        """Return the link that an entry is about; the end of a veth pair that an earlier step creates is none yet."""
        if self.call.ensures(AVeth(*wanted.where)) and self._actual.named(*wanted.where) is None:
            return None
        return find_link(self._actual, wanted, self.call.owner)

    def present(self, wanted: WantedLink) -> None:
        require_namespace(self, self._actual, wanted.entry, "namespace", wanted.namespace)
        check_master(self, self._actual, wanted.entry, "master", wanted.where, wanted.settings, self._masters.declared)
        if wanted.own is not None:
            self._present_created(wanted, wanted.own)
        else:
            self._present_existing(wanted)

    def _present_created(self, wanted: WantedLink, own: WantedKind) -> None:
        if own.source != wanted.namespace:
            option = "parent.namespace" if own.parent else "underlay.namespace"
            require_namespace(self, self._actual, wanted.entry, option, own.source)
        self._check_settings(wanted, None)
        self._created.present(wanted, own)

    def _present_existing(self, wanted: WantedLink) -> None:
        self._check_not_veth(wanted)
        where = self._find(wanted)
        if where is None:
            found = self._assume(wanted)
        elif where[0] == wanted.namespace:
            self._check_nic(wanted, where[1])
            found = find_with_sysctls(self._actual, where[0], where[1], wanted.settings)
        else:
            found = Found(where[1], self._actual.namespace(where[0]).addresses_of(where[1]))
            self._check_movable(wanted, where[1])
        settings = self._masters.with_link_opened(wanted.where, found, wanted.settings)
        wanted = replace(wanted, settings=settings)
        arrival = plan_arrival(wanted, where, found, _owner_of(found.link, self.call.owner))
        self._check_settings(wanted, where, arrival.found.link.name)
        found, settings = self._masters.plan_membership(wanted.where, arrival.found, arrival.settings)
        plan = plan_settings(wanted.namespace, found, settings, arrival.alias)
        plan = self._masters.with_mtus_kept(wanted.namespace, found.master, settings.master, plan)
        before, after = {**arrival.before, **plan.before}, {**arrival.after, **plan.after}
        self._change(wanted, before, after, (*arrival.steps, *plan.operations))

    def _check_nic(self, wanted: WantedLink, link: Link) -> None:
        """Check that a link which is where it is wanted is not another one of the host.

        Raises:
            InvalidEntry: It is.
        """
        if not wanted.nic or known_as(link, wanted.nic):
            return
        moved = link.origin if link.origin and link.origin.moved else None
        if moved or self._actual.named(None, wanted.nic):
            what = f"{moved.name or link.name} of the host" if moved else "another link"
            raise InvalidEntry(
                wanted.entry,
                "nic",
                f"{place(wanted.namespace, link.name)} is {what}, and not {wanted.nic}; give it back or delete it "
                "first (`state: absent`), or use another `name`",
            )

    def _check_movable(self, wanted: WantedLink, link: Link) -> None:
        """Check that the kernel moves a link to where it is wanted.

        Raises:
            InvalidEntry: It does not.
        """
        if link.immutable:
            raise InvalidEntry(
                wanted.entry,
                "namespace",
                f"{link.name} is a link of the kind {link.kind or 'physical'}, which the kernel does not move between "
                f"namespaces; create one in {wanted.namespace or 'the host'} instead",
            )
        for name in (name_there(wanted, link), *link.altnames):
            other = self._actual.named(wanted.namespace, name)
            if other is not None:
                raise InvalidEntry(wanted.entry, "namespace", describe_taken_name(wanted.namespace, name, other))

    def _check_settings(
        self, wanted: WantedLink, where: tuple[NamespaceName, Link] | None, name: str | None = None
    ) -> None:
        """Check what the kernel would refuse.

        Raises:
            InvalidEntries: It would refuse something.
        """
        checks = Checks(wanted.entry)
        link = where[1] if where and where[0] == wanted.namespace else None
        check_sysctls(checks, self._actual, (wanted.namespace, name or wanted.name), link, wanted.settings)
        if where is not None:
            self._parents.check_existing(checks, wanted.settings, where[1], where[0])
        far = self._actual.far_end(link) if link else None
        if far is not None and wanted.settings.mac is not None and wanted.settings.mac == self._mac_of(*far):
            other = place(far[0], far[1].name)
            checks.error(
                "mac", f"{wanted.settings.mac} is the MAC address of {other}, its veth peer; use a different one"
            )
        checks.done()

    def _mac_of(self, namespace: NamespaceName, link: Link) -> str:
        """Return the MAC address that a link has at the end of the call."""
        entries = (each for each in self.call.entries if (each.namespace, each.name) == (namespace, link.name))
        return next((each.settings.mac for each in entries if each.settings.mac), link.mac)

    def _check_not_veth(self, wanted: WantedLink) -> None:
        """Refuse to move the end of a veth pair from the host."""
        on_host = AVeth(None if wanted.nic else wanted.namespace, wanted.name_outside)
        link = None if self.call.ensures(on_host) else self._actual.named(None, wanted.name_outside)
        if wanted.namespace and link and link.kind == "veth" and not self._actual.named(wanted.namespace, wanted.name):
            raise InvalidEntry(
                wanted.entry,
                "namespace",
                f"{wanted.name_outside} is an end of a veth pair on the host; move it into {wanted.namespace} with "
                "netns.fabric.veth",
            )

    def _assume(self, wanted: WantedLink) -> Found:
        """Require a link that does not exist."""
        option, name = ("nic", wanted.nic) if wanted.nic else ("name", wanted.name)
        refuse_long_name(wanted.entry, option, name)
        elsewhere = f" in the namespace {wanted.namespace}, nor" if wanted.namespace else ""
        self.require(
            wanted.entry,
            option,
            f"there is no link {name}{elsewhere} on the host; check the name (`ip link`), or create it first",
            ALink(None if wanted.nic else wanted.namespace, name),
        )
        found = assume_with_sysctls(self._actual, wanted.namespace, wanted.name, wanted.settings)
        if wanted.name == "lo" and wanted.namespace:  # of a namespace that an earlier step creates, with it up
            return replace(found, link=replace(found.link, loopback=True, up=True))
        kind = "veth" if self.call.ensures(AVeth(*wanted.where)) else ""
        return replace(found, link=replace(found.link, kind=kind, up=self.call.ensures(ALinkUp(*wanted.where))))

    # Absent

    def absent(self, wanted: WantedLink) -> None:
        link = self._actual.named(wanted.namespace, wanted.name)
        if wanted.own is not None or (link is not None and link.created):
            self._absent_created(wanted, link)
            return
        link = link or find_renamed(self._actual, wanted.namespace, wanted)
        if link is not None:
            self._give_back(wanted, link, wanted.settings.addresses or ())
            return
        # The kernel returns a physical link to the host when somebody deletes its namespace.
        link = self._actual.named(None, wanted.name_outside) or find_renamed(self._actual, None, wanted)
        if link is not None and link.origin and link.origin.moved:
            self._give_back(replace(wanted, namespace=None), link, wanted.settings.addresses or ())

    def _absent_created(self, wanted: WantedLink, link: Link | None) -> None:
        if link is None:
            return
        if link.name != wanted.name:
            there = place(wanted.namespace, link.name)
            self.warn(wanted.entry, f"{wanted.name} is an alternative name of {there}, which is left alone")
            return
        is_other = wanted.own is not None and find_kind(link.kind, link.information) is not wanted.own.kind
        if wanted.own is not None and is_other and not is_created_by(link, self.call.owner):
            raise InvalidEntry(
                wanted.entry,
                "kind",
                f"{place(*wanted.where)} is not a {wanted.own.kind.name} but {describe_kind(link)}; it is left alone: "
                "correct the name",
            )
        self._created.delete(wanted.entry, wanted.where, link)

    def prune(self) -> None:
        """Give back the owner's links that the call does not list, without the addresses that were the list's."""
        for namespace, link in find_unlisted(self.call, self._actual):
            if (namespace, link.name) in self._given_back | self._created.gone:
                continue
            if link.created:
                self._created.delete(Entry(place(namespace, link.name)), (namespace, link.name), link)
                continue
            unlisted = WantedLink(Entry(place(namespace, link.name)), False, namespace, link.name, Settings())
            addresses = () if link.keeps_addresses else self._actual.namespace(namespace).addresses_of(link)
            present = managed_addresses(addresses, ())
            self._give_back(unlisted, link, list(map(as_kept, present)))

    def _give_back(self, wanted: WantedLink, link: Link, addresses: Sequence[Kept]) -> None:
        owner = _owner_of(link, self.call.owner)
        self._given_back.add((wanted.namespace, link.name))
        if owner is None:
            self._reset(wanted, link, owner, addresses)
            return
        self.release(
            wanted.entry,
            place(wanted.namespace, link.name),
            link.owners or (owner,),  # what was declared of a link without an owner is removed all the same
            delete=lambda: self._reset(wanted, link, owner, addresses),
            disown=lambda: self._disown(wanted, link, owner),
        )

    def _disown(self, wanted: WantedLink, link: Link, owner: str) -> None:
        alias = alias_without(link, owner)
        step = op.SetAlias(wanted.namespace, link.name, alias)
        if alias != link.alias:
            self._change(wanted, {"alias": link.alias}, {"alias": alias}, (step,))

    def _reset(self, wanted: WantedLink, link: Link, owner: str | None, addresses: Sequence[Kept]) -> None:
        """Remove what was declared of a link: addresses, owner, MTU, MAC address, and its place in a namespace."""
        namespace = wanted.namespace
        self._reset_links.add((namespace, link.name))
        if namespace is not None and returns(link):
            plan = plan_return(namespace, link, self._host_names, wanted.nic)
        else:
            plan = Restoration()
            link = link if namespace else rename_back(plan, link, self._host_names)
            link = self._remove_addresses(plan, namespace, link, addresses)
            if owner is not None or (link.origin and link.origin.moved):
                restore(plan, namespace, link)
        for warning in plan.warnings:
            self.warn(wanted.entry, warning)
        self._change(wanted, plan.before, plan.after, tuple(plan.operations))

    def _remove_addresses(
        self, plan: Restoration, namespace: NamespaceName, link: Link, addresses: Sequence[Kept]
    ) -> Link:
        """Plan that a link loses addresses, and its master if that is deleted; return the link as it is then."""
        present = self._actual.namespace(namespace).addresses_of(link)
        keep = tuple(as_kept(address) for address in present if as_kept(address) not in addresses)
        managed = managed_addresses(present, ())
        stay = [address for address in managed if as_kept(address) in keep]
        up = link.origin.up if link.origin else None
        left = Settings(
            addresses=tuple(address.interface for address in stay if address.peer is None),
            with_peers=tuple(address for address in stay if address.peer is not None),
            enabled=up,
        )
        release = self._masters.plan_release((namespace, link.name), link, left)
        if release is None:
            steps = plan_addresses(namespace, link.name, present, keep)
            plan.add("addresses", format_addresses(managed), format_addresses(stay), *steps)
            return link
        plan.before.update(release.before)
        plan.after.update(release.after)
        plan.operations.extend(release.operations)
        return link if up is None else replace(link, up=up)

    def finish(self) -> None:
        found = [self._find(wanted) for wanted in self.call.entries if wanted.present]
        planned = {(where[0], where[1].name) for where in found if where}
        self._created.release_members(planned | self._reset_links)

    def _change(
        self,
        wanted: WantedLink,
        before: Mapping[str, Any],
        after: Mapping[str, Any],
        operations: tuple[Operation, ...],
    ) -> None:
        if operations:
            target = f"link {place(wanted.namespace, wanted.name)}"
            self.changes.append(Change(wanted.entry, target, before, after, operations))
