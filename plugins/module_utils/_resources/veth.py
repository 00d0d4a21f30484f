# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""veth pairs (veth(4)): what is wanted of them, and how to get there. Pure, but for read()."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core import validation
from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError, InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Change, Entry, Operation, Phase, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.planner import Planner
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call, Resource
from ansible_collections.netns.fabric.plugins.module_utils._kernel import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._kernel.access import KERNEL
from ansible_collections.netns.fabric.plugins.module_utils._kernel.marks import Mark
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import (
    KernelState,
    Link,
    NamespaceName,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_masters import (
    Masters,
    check_master,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_names import refuse_altname
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_settings import (
    LINK_OPTIONS,
    Found,
    Settings,
    SettingsPlan,
    alias_with,
    alias_without,
    check_sysctls,
    find_with_sysctls,
    format_addresses,
    parse_settings,
    place,
    plan_move,
    plan_settings,
    sysctl_queries,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_sysctls import Queries
from ansible_collections.netns.fabric.plugins.module_utils._resources.planned_addresses import (
    VETH_ADDRESSES,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.required_namespaces import require_namespace
from ansible_collections.netns.fabric.plugins.module_utils._resources.subnets import (
    WantedSubnet,
    find_taken,
    read_routes,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.things import AVeth, ensure_link

END_OPTIONS: Mapping[str, Mapping[str, Any]] = {**LINK_OPTIONS, "tx_checksum": {"type": "bool"}}

#: Where an end is: its namespace and its name.
Where = tuple[NamespaceName, str]


@dataclass(frozen=True)
class End:
    """One end as it is wanted."""

    namespace: NamespaceName
    name: str
    settings: Settings

    @property
    def where(self) -> Where:
        return self.namespace, self.name


@dataclass(frozen=True)
class Veth:
    """One pair as it is wanted; `peer` may be left out where the pair exists or is to be absent."""

    entry: Entry
    present: bool
    end: End
    peer: End | None

    @property
    def ends(self) -> tuple[End, ...]:
        return (self.end, self.peer) if self.peer else (self.end,)


class VethResource(Resource[Veth, KernelState]):
    list_option = "pairs"
    identity = "name"
    backends = (KERNEL,)
    entry_options: Mapping[str, Mapping[str, Any]] = {
        **END_OPTIONS,
        "peer": {
            "type": "dict",
            "options": {**END_OPTIONS, "name": {"type": "str", "required": True}},
        },
    }

    def desired(self, entry: Entry, options: Mapping[str, Any]) -> Veth:
        checks = Checks(entry)
        end = _parse_end(checks, options, "")
        peer = _parse_end(checks, options["peer"], "peer.") if options.get("peer") else None
        if peer is not None and peer.name and peer.where == end.where:
            checks.error("peer", f"both ends cannot be {place(*end.where)}; give the peer another name or namespace")
        checks.done()
        return Veth(entry, options["state"] == "present", end, peer)

    def key(self, desired: Veth) -> object:
        return desired.end.where

    def ensures(self, desired: Veth) -> Iterable[object]:
        ends = tuple(desired.ends) if desired.present else ()
        for end, far in zip(ends, reversed(ends)):
            yield from ensure_link(end.namespace, end.name, end.settings.enabled, end.settings.addresses)
            if end is not far:  # a pair that exists may be declared by one end
                yield AVeth(end.namespace, end.name, far.where)

    def read(self, host: Host, call: Call[Veth]) -> KernelState:
        kernel = host.use(KERNEL)
        names: list[NamespaceName] = [None, *(end.namespace for pair in call.entries for end in pair.ends)]
        others = sorted(kernel.namespace_names(preferred=names))
        state = kernel.read(names, addresses=True, tx_checksum=True, others=others if call.prune else ())
        if not call.prune and _has_unknown_peer(state, call.entries):
            state = kernel.read(names, addresses=True, tx_checksum=True, others=others)
        queries: Queries = {}
        for end in (end for pair in call.entries if pair.present for end in pair.ends):
            queries.update(sysctl_queries(state, end.namespace, end.name, end.settings))
        state = kernel.with_sysctls(state, queries) if queries else state
        return read_routes(host, state) if any(_wanted_subnets(call.entries)) else state

    def plan(self, actual: KernelState, call: Call[Veth]) -> Plan:
        return _VethPlanner(actual, call).run()


def _parse_end(checks: Checks, options: Mapping[str, Any], prefix: str) -> End:
    name = checks.value(f"{prefix}name", validation.interface_name, options["name"])
    namespace = checks.value(f"{prefix}namespace", validation.namespace_name, options.get("namespace"))
    return End(namespace, name or "", parse_settings(checks, options, prefix))


def _wanted_subnets(pairs: Iterable[Veth]) -> Iterator[WantedSubnet]:
    for pair in pairs:
        for option, end in (("addresses", pair.end), ("peer.addresses", pair.peer)):
            if pair.present and end is not None and end.namespace is None:
                for address in end.settings.addresses or ():
                    yield WantedSubnet(pair.entry, option, end.name, address)


def _has_unknown_peer(state: KernelState, pairs: Iterable[Veth]) -> bool:
    """Whether the peer of a declared end is in none of the namespaces that were read."""
    found = [state.link(*end.where) for pair in pairs for end in pair.ends]
    return any(link.peer and not link.peer.known for link in found if link)


class _VethPlanner(Planner[Veth]):
    """Plans the pairs of one call."""

    def __init__(self, actual: KernelState, call: Call[Veth]) -> None:
        super().__init__(call)
        self._actual = actual
        self._declared = {end.where for pair in call.entries if pair.present for end in pair.ends}
        #: The ends that are deleted, or have become a declared one, by what is planned so far.
        self._used: set[Where] = set()

    def check(self) -> Iterator[FabricError]:
        """Every namespace exists, each end is wanted once, with a free name, and no subnet is the host's."""
        taken: dict[Where, Veth] = {}
        for pair in self.call.entries:
            for prefix, end in (("", pair.end), ("peer.", pair.peer)):
                if not pair.present or end is None:
                    continue
                self.attempt(require_namespace, self, self._actual, pair.entry, f"{prefix}namespace", end.namespace)
                self.attempt(refuse_altname, self._actual, pair.entry, f"{prefix}name", *end.where)
                option = f"{prefix}master"
                self.attempt(check_master, self, self._actual, pair.entry, option, end.where, end.settings, {})
                other = taken.setdefault(end.where, pair)
                if other is not pair:
                    yield InvalidEntry(pair.entry, "peer", f"{place(*end.where)} is already an end of {other.entry}")
        changing = {end.name for pair in self.call.entries for end in pair.ends}
        yield from find_taken(self._actual, _wanted_subnets(self.call.entries), self.call.owner, changing)

    def simulated(self) -> Mapping[str, Any]:
        pairs = [pair for pair in self.call.entries if pair.present]
        ends = [end for pair in pairs for end in pair.ends]
        return {
            VETH_ADDRESSES: {end.where: end.settings.addresses for end in ends if end.settings.addresses is not None}
        }

    # Present

    def present(self, wanted: Veth) -> None:
        for option, end in (("name", wanted.end), ("peer.name", wanted.peer)):
            link = self._actual.link(*end.where) if end else None
            if link is not None:
                self._check_usable(wanted, option, link)
        near = self._actual.link(*wanted.end.where)
        far = self._actual.far_end(near) if near else None
        if near and far and (wanted.peer is None or wanted.peer.where == (far[0], far[1].name)):
            # An entry need not name the peer, and prune must not remove it all the same.
            self._used.add((far[0], far[1].name))
            self._update(wanted, self._find(wanted.end, near), self._find_peer(wanted, *far), ())
        elif wanted.peer is None:
            raise InvalidEntry(wanted.entry, "peer", _peer_required(near))
        else:
            self._repair(wanted, wanted.peer)

    def _check_usable(self, pair: Veth, option: str, link: Link) -> None:
        if link.kind != "veth":
            raise InvalidEntry(
                pair.entry,
                option,
                f"a link {link.name} exists, and it is not a veth but {_describe_kind(link)}; choose another name, or "
                "remove that link first",
            )
        self.refuse_others(pair.entry, option, link.name, link.owners)

    def _repair(self, pair: Veth, peer: End) -> None:
        """Complete a pair that is not as wanted: move a misplaced end where that is all, else re-create the pair."""
        near, opposite = self._actual.link(*pair.end.where), self._actual.link(*peer.where)
        misplaced_peer = self._misplaced_end(near) if near and not opposite else None
        misplaced_end = self._misplaced_end(opposite) if opposite and not near else None
        if near and misplaced_peer:
            far, steps = self._move_into_place(misplaced_peer, peer)
            self._update(pair, self._find(pair.end, near), far, steps)
        elif opposite and misplaced_end:
            end, steps = self._move_into_place(misplaced_end, pair.end)
            self._update(pair, end, self._find(peer, opposite), steps)
        else:
            self._create(pair, peer, [step for end in pair.ends for step in self._clear(end.where)])

    def _misplaced_end(self, link: Link) -> tuple[NamespaceName, Link] | None:
        """Return the peer of a link if it can be taken: it is not declared, not used, and not another owner's."""
        far = self._actual.far_end(link)
        where = (far[0], far[1].name) if far else None
        free = where not in self._declared and where not in self._used
        return far if far and free and not self.owned_by_others(far[1].owners) else None

    def _move_into_place(
        self, misplaced: tuple[NamespaceName, Link], wanted: End
    ) -> tuple[Found, tuple[Operation, ...]]:
        namespace, link = misplaced
        self._used.add((namespace, link.name))
        found = Found(link, self._actual.namespace(namespace).addresses_of(link))
        return plan_move(found, namespace, wanted.namespace, wanted.name)

    def _find(self, end: End, link: Link) -> Found:
        """Return an end that is in its place."""
        return find_with_sysctls(self._actual, end.namespace, link, end.settings)

    def _find_peer(self, pair: Veth, namespace: NamespaceName, link: Link) -> Found:
        return self._find(pair.peer or End(namespace, link.name, Settings()), link)

    def _clear(self, where: Where) -> list[Operation]:
        """Delete what is in the place of an end that is to be created."""
        link = self._actual.link(*where)
        if link is None or where in self._used:
            return []
        self._used.add(where)
        far = self._actual.far_end(link)
        if far is not None:
            self._used.add((far[0], far[1].name))
        return [op.DeleteLink(where[0], where[1], phase=Phase.RELEASE)]

    def _update(self, pair: Veth, near: Found, far: Found, steps: tuple[Operation, ...]) -> None:
        """Give an existing pair its settings; `steps` are what has moved its ends into place."""
        peer = pair.peer or End(None, far.link.name, Settings())
        if pair.peer is None:
            near_end = self._actual.far_end(near.link)
            peer = replace(peer, namespace=near_end[0] if near_end else None)
        self._check_ends(pair, near, far)
        end_plan = self._plan_end(pair.end, near)
        peer_plan = self._plan_end(peer, far)
        before = {**end_plan.before, **{f"peer.{key}": value for key, value in peer_plan.before.items()}}
        after = {**end_plan.after, **{f"peer.{key}": value for key, value in peer_plan.after.items()}}
        if steps:
            before["ends"], after["ends"] = self._current_ends(pair), [place(*pair.end.where), place(*peer.where)]
        operations = (*steps, *end_plan.operations, *peer_plan.operations)
        if operations:
            self.changes.append(Change(pair.entry, _target(pair), before, after, operations))

    def _plan_end(self, end: End, found: Found) -> SettingsPlan:
        alias = alias_with(found.link, self.call.owner)
        found, _settings = Masters(self._actual).plan_membership(end.where, found, end.settings)
        return plan_settings(end.namespace, found, _settings_after_move(found, end), alias)

    def _check_ends(self, pair: Veth, near: Found | None, far: Found | None) -> None:
        """Check what the kernel would refuse; `near` and `far` are the ends if they exist.

        Raises:
            InvalidEntries: It would refuse something.
        """
        checks = Checks(pair.entry)
        for prefix, end, found in (("", pair.end, near), ("peer.", pair.peer, far)):
            if end is not None:
                link = found.link if found and found.origin is None else None
                check_sysctls(checks, self._actual, end.where, link, end.settings, prefix)
        _check_macs(checks, pair, near, far)
        checks.done()

    def _current_ends(self, pair: Veth) -> list[str]:
        for end in pair.ends:
            link = self._actual.link(*end.where)
            far = self._actual.far_end(link) if link else None
            if link and far:
                ends = [place(*end.where), place(far[0], far[1].name)]
                return ends if end is pair.end else ends[::-1]
        return []

    def _create(self, pair: Veth, peer: End, clearing: list[Operation]) -> None:
        self._check_ends(pair, None, None)
        after: dict[str, Any] = {"peer": place(*peer.where)}
        operations: list[Operation] = [*clearing, op.CreateVeth(_new_end(pair.end), _new_end(peer))]
        for prefix, end in (("", pair.end), ("peer.", peer)):
            found = Found(_link_as_created(end))
            wanted = _settings_of_new(end)
            alias = alias_with(found.link, self.call.owner)
            operations.extend(plan_settings(end.namespace, found, wanted, alias).operations)
            after.update({f"{prefix}{key}": value for key, value in _describe_settings(wanted).items()})
        if self.call.owner:
            after["alias"] = str(Mark((self.call.owner,)))
        before = {"ends": self._current_ends(pair)} if clearing else None
        self.changes.append(Change(pair.entry, _target(pair), before, after, tuple(operations)))

    # Absent

    def absent(self, wanted: Veth) -> None:
        for end in wanted.ends:
            link = self._actual.link(*end.where)
            other = self._actual.named(*end.where)
            if link is None and other is not None:
                there = place(end.namespace, other.name)
                self.warn(wanted.entry, f"{end.name} is an alternative name of {there}, which is left alone")
            if link is None or end.where in self._used:
                continue
            if link.kind != "veth":
                raise InvalidEntry(
                    wanted.entry,
                    "name",
                    f"{place(*end.where)} is not a veth but {_describe_kind(link)}; it is left alone: correct the name",
                )
            self._release(wanted.entry, end.where, link)

    def prune(self) -> None:
        """Release the owner's pairs that the call does not list."""
        for namespace, link in self._actual.links():
            where = namespace, link.name
            owned = link.kind == "veth" and self.call.owner in link.owners
            if owned and where not in self._declared and where not in self._used:
                self._release(Entry(place(*where)), where, link)

    def _release(self, entry: Entry, where: Where, link: Link) -> None:
        self.release(
            entry,
            place(*where),
            link.owners,
            delete=lambda: self._delete(entry, where, link),
            disown=lambda: self._disown(entry, where, link),
        )

    def _disown(self, entry: Entry, where: Where, link: Link) -> None:
        far = self._actual.far_end(link)
        for namespace, end in [(where[0], link), *([far] if far else [])]:
            self._used.add((namespace, end.name))
            alias = alias_without(end, self.call.owner)
            if alias != end.alias:
                target = f"veth {place(namespace, end.name)}"
                step = op.SetAlias(namespace, end.name, alias)
                self.changes.append(Change(entry, target, {"alias": end.alias}, {"alias": alias}, (step,)))

    def _delete(self, entry: Entry, where: Where, link: Link) -> None:
        far = self._actual.far_end(link)
        self._used.add(where)
        before: dict[str, Any] = {"peer": "-"}
        if far is not None:
            self._used.add((far[0], far[1].name))
            before["peer"] = place(far[0], far[1].name)
        self.changes.append(Change(entry, f"veth {place(*where)}", before, None, (op.DeleteLink(where[0], where[1]),)))


def _check_macs(checks: Checks, pair: Veth, near: Found | None, far: Found | None) -> None:
    """Check that the ends have two MAC addresses: they would take each other's frames for their own."""
    given = [end.settings.mac if end else None for end in (pair.end, pair.peer)]
    present = [found.link.mac if found else None for found in (near, far)]
    macs = [wanted or mac for wanted, mac in zip(given, present)]
    if any(given) and macs[0] == macs[1]:
        checks.error(
            "mac" if given[0] else "peer.mac", f"{macs[0]} is the MAC address of both ends; use a different one"
        )


def _peer_required(near: Link | None) -> str:
    if near is None:
        return "the pair does not exist yet; `peer.name` is required to create it"
    return (
        "the peer is in a namespace without a name, such as a container's; move it into one that has a name, or give "
        "`peer.name`, and the pair is re-created"
    )


def _describe_kind(link: Link) -> str:
    return link.kind or "a physical device"


def _target(pair: Veth) -> str:
    return f"veth {place(*pair.end.where)}"


def _new_end(end: End) -> op.NewEnd:
    return op.NewEnd(end.namespace, end.name, end.settings.mac, end.settings.mtu)


def _link_as_created(end: End) -> Link:
    """Return an end as the kernel creates it, with what the request for it says."""
    return Link(
        index=0,
        name=end.name,
        kind="veth",
        mac=end.settings.mac or "",
        mtu=end.settings.mtu or 1500,
        tx_checksum=True,
    )


def _settings_of_new(end: End) -> Settings:
    """Return the settings of a new end: it is up unless it is declared down."""
    return replace(end.settings, enabled=end.settings.enabled is not False)


def _settings_after_move(found: Found, end: End) -> Settings:
    """Return the settings of an end; one that was moved into place is up like a new one, as a move puts it down."""
    return _settings_of_new(end) if found.origin else end.settings


def _describe_settings(wanted: Settings) -> dict[str, Any]:
    """Return the settings that are given, for the diff of a new pair."""
    given = {
        "addresses": None if wanted.addresses is None else format_addresses(wanted.addresses),
        "mac": wanted.mac,
        "mtu": wanted.mtu,
        "enabled": wanted.enabled,
        "master": wanted.master or None,
        "tx_checksum": wanted.tx_checksum,
        **{f"sysctls.{key}": value for key, value in wanted.sysctls.items()},
    }
    return {key: value for key, value in given.items() if value is not None}
