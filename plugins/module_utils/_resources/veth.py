# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""veth pairs: what is wanted of them, and how to get there. Pure, but for what read() asks of the host."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core import validation
from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntries, InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Change, Entry, Operation, Phase, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call, Resource
from ansible_collections.netns.fabric.plugins.module_utils._kernel import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._kernel.access import KERNEL
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import (
    KernelState,
    Link,
    NamespaceName,
    mark_of,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_settings import (
    LINK_OPTIONS,
    Found,
    Settings,
    alias_without,
    listed,
    moved,
    place,
    plan_settings,
    settings,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.required_namespaces import MissingNamespaces

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
        end = _end(checks, options, "")
        peer = _end(checks, options["peer"], "peer.") if options.get("peer") else None
        if peer is not None and peer.name and peer.where == end.where:
            checks.error("peer", f"both ends cannot be {place(*end.where)}: give the peer another name or namespace")
        checks.done()
        return Veth(entry, options["state"] == "present", end, peer)

    def key(self, desired: Veth) -> object:
        return desired.end.where

    def read(self, host: Host, call: Call[Veth]) -> KernelState:
        names: list[NamespaceName] = [None, *(end.namespace for pair in call.entries for end in pair.ends)]
        everywhere = [None, *sorted(host.use(KERNEL).namespace_names())]
        state = host.use(KERNEL).read(everywhere if call.prune else names, addresses=True, tx_checksum=True)
        if not call.prune and _cable_leads_elsewhere(state, call.entries):
            state = host.use(KERNEL).read(everywhere, addresses=True, tx_checksum=True)
        return state

    def plan(self, actual: KernelState, call: Call[Veth]) -> Plan:
        _check_ends(call.entries)
        missing = MissingNamespaces(actual, call.check_mode)
        for pair in call.entries:
            for option, end in (("namespace", pair.end), ("peer.namespace", pair.peer)):
                if pair.present and end is not None:
                    missing.needs(pair.entry, option, end.namespace)
        missing.done()
        planner = _Planner(actual, call)
        for pair in call.entries:
            planner.add(pair)
        if call.prune:
            planner.prune()
        return Plan(tuple(planner.changes), warnings=(*missing.warnings, *planner.warnings))


def _end(checks: Checks, options: Mapping[str, Any], prefix: str) -> End:
    name = checks.value(f"{prefix}name", validation.interface_name, options["name"])
    namespace = checks.value(f"{prefix}namespace", validation.namespace_name, options.get("namespace"))
    return End(namespace, name or "", settings(checks, options, prefix))


def _cable_leads_elsewhere(state: KernelState, pairs: Iterable[Veth]) -> bool:
    """Whether a declared end's far end is in none of the namespaces that were read."""
    found = [state.link(*end.where) for pair in pairs for end in pair.ends]
    return any(link.peer and not link.peer.known for link in found if link)


def _check_ends(pairs: Iterable[Veth]) -> None:
    """No end may be wanted by two entries."""
    taken: dict[Where, Veth] = {}
    mistakes = []
    for pair in pairs:
        for end in pair.ends if pair.present else ():
            other = taken.setdefault(end.where, pair)
            if other is not pair:
                mistakes.append(
                    InvalidEntry(pair.entry, "peer", f"{place(*end.where)} is an end of {other.entry} already")
                )
    if mistakes:
        raise InvalidEntries(mistakes)


@dataclass
class _Planner:
    """Plans the pairs of one call; remembers what has been taken and deleted on the way."""

    actual: KernelState
    call: Call[Veth]
    changes: list[Change] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._declared = {end.where for pair in self.call.entries if pair.present for end in pair.ends}
        #: The ends that are gone, or have become something declared, by what is planned so far.
        self._used: set[Where] = set()

    def add(self, pair: Veth) -> None:
        if pair.present:
            self._add_present(pair)
        else:
            self._add_absent(pair)

    # Present

    def _add_present(self, pair: Veth) -> None:
        for option, end in (("name", pair.end), ("peer.name", pair.peer)):
            link = self.actual.link(*end.where) if end else None
            if link is not None:
                self._check_usable(pair, option, link)
        near = self.actual.link(*pair.end.where)
        far = self.actual.far_end(near) if near else None
        if near and far and (pair.peer is None or pair.peer.where == (far[0], far[1].name)):
            # An entry need not name the far end: prune is to spare it all the same.
            self._used.add((far[0], far[1].name))
            self._settle(pair, self._found(pair.end.namespace, near), self._found(*far), ())
        elif pair.peer is None:
            raise InvalidEntry(pair.entry, "peer", _peer_needed(near))
        else:
            self._mend(pair, pair.peer)

    def _check_usable(self, pair: Veth, option: str, link: Link) -> None:
        if link.kind != "veth":
            raise InvalidEntry(
                pair.entry,
                option,
                f"there is a link {link.name} already and it is no veth but {link.kind or 'a device'}: "
                "choose another name, or remove that link first",
            )
        if self._foreign(link):
            raise InvalidEntry(
                pair.entry,
                option,
                f"{link.name} belongs to {', '.join(link.owners)} (its alias says so) and not to {self.call.owner}: "
                "choose another name, or remove it there first",
            )

    def _foreign(self, link: Link) -> bool:
        """Whether it bears others' marks and not ours."""
        return self.call.owner is not None and bool(link.owners) and self.call.owner not in link.owners

    def _mend(self, pair: Veth, peer: End) -> None:
        """No such pair, or not as wanted: bring a stray end home where that is all, else make the pair anew."""
        near, opposite = self.actual.link(*pair.end.where), self.actual.link(*peer.where)
        stray = self._stray(near) if near and not opposite else None
        strayed = self._stray(opposite) if opposite and not near else None
        if near and stray:
            far, steps = self._brought_home(stray, peer)
            self._settle(pair, self._found(pair.end.namespace, near), far, steps)
        elif opposite and strayed:
            end, steps = self._brought_home(strayed, pair.end)
            self._settle(pair, end, self._found(peer.namespace, opposite), steps)
        else:
            self._create(pair, peer, [step for end in pair.ends for step in self._cleared(end.where)])

    def _stray(self, link: Link) -> tuple[NamespaceName, Link] | None:
        """The far end of this one, if it can be taken: nothing declared, nothing used, not another owner's."""
        far = self.actual.far_end(link)
        where = (far[0], far[1].name) if far else None
        free = where not in self._declared and where not in self._used
        return far if far and free and not self._foreign(far[1]) else None

    def _brought_home(self, stray: tuple[NamespaceName, Link], wanted: End) -> tuple[Found, tuple[Operation, ...]]:
        namespace, link = stray
        self._used.add((namespace, link.name))
        return moved(self._found(namespace, link), namespace, wanted.namespace, wanted.name)

    def _found(self, namespace: NamespaceName, link: Link) -> Found:
        return Found(link, self.actual.namespace(namespace).addresses_of(link))

    def _cleared(self, where: Where) -> list[Operation]:
        """Take away what is in the place of an end that is to be created."""
        link = self.actual.link(*where)
        if link is None or where in self._used:
            return []
        self._used.add(where)
        far = self.actual.far_end(link)
        if far is not None:
            self._used.add((far[0], far[1].name))
        return [op.DeleteLink(where[0], where[1], phase=Phase.RELEASE)]

    def _settle(self, pair: Veth, near: Found, far: Found, steps: tuple[Operation, ...]) -> None:
        """An existing pair gets its settings; `steps` are what has brought its ends home."""
        peer = pair.peer or End(None, far.link.name, Settings())
        if pair.peer is None:
            near_end = self.actual.far_end(near.link)
            peer = replace(peer, namespace=near_end[0] if near_end else None)
        end_plan = plan_settings(pair.end.namespace, near, _settings_at_home(near, pair.end), self.call.owner)
        peer_plan = plan_settings(peer.namespace, far, _settings_at_home(far, peer), self.call.owner)
        before = {**end_plan.before, **{f"peer.{key}": value for key, value in peer_plan.before.items()}}
        after = {**end_plan.after, **{f"peer.{key}": value for key, value in peer_plan.after.items()}}
        if steps:
            before["ends"], after["ends"] = self._as_cabled(pair), [place(*pair.end.where), place(*peer.where)]
        operations = (*steps, *end_plan.operations, *peer_plan.operations)
        if operations:
            self.changes.append(Change(pair.entry, _target(pair), before, after, operations))

    def _as_cabled(self, pair: Veth) -> list[str]:
        for end in pair.ends:
            link = self.actual.link(*end.where)
            far = self.actual.far_end(link) if link else None
            if link and far:
                ends = [place(*end.where), place(far[0], far[1].name)]
                return ends if end is pair.end else ends[::-1]
        return []

    def _create(self, pair: Veth, peer: End, clearing: list[Operation]) -> None:
        after: dict[str, Any] = {"peer": place(*peer.where)}
        made = op.CreateVeth(_new_end(pair.end), _new_end(peer))
        operations: list[Operation] = [*clearing, made]
        for prefix, end in (("", pair.end), ("peer.", peer)):
            found = Found(_as_created(end))
            wanted = _settings_of_new(end)
            operations.extend(plan_settings(end.namespace, found, wanted, self.call.owner).operations)
            after.update({f"{prefix}{key}": value for key, value in _as_asked(wanted).items()})
        if self.call.owner:
            after["alias"] = mark_of((self.call.owner,))
        before = {"ends": self._as_cabled(pair)} if clearing else None
        self.changes.append(Change(pair.entry, _target(pair), before, after, tuple(operations)))

    # Absent

    def _add_absent(self, pair: Veth) -> None:
        for end in pair.ends:
            link = self.actual.link(*end.where)
            if link is None or end.where in self._used:
                continue
            if link.kind != "veth":
                raise InvalidEntry(
                    pair.entry, "name", f"{place(*end.where)} is no veth but {link.kind or 'a device'}: left alone"
                )
            if self.call.owner and self.call.owner not in link.owners:
                self.warnings.append(
                    f"{pair.entry}: {place(*end.where)} does not bear the mark of {self.call.owner}: left alone"
                )
                continue
            self._give_up(pair.entry, end.where, link)

    def _give_up(self, entry: Entry, where: Where, link: Link) -> None:
        """The pair goes; with other owners' marks on it only ours does."""
        others = [name for name in link.owners if name != self.call.owner]
        if self.call.owner is None or not others:
            self._delete(entry, where, link)
            return
        self.warnings.append(f"{entry}: {place(*where)} has other owners ({', '.join(others)}): it stays, for them")
        far = self.actual.far_end(link)
        for namespace, end in [(where[0], link), *([far] if far else [])]:
            self._used.add((namespace, end.name))
            alias = alias_without(end, self.call.owner)
            if alias != end.alias:
                target = f"veth {place(namespace, end.name)}"
                step = op.SetAlias(namespace, end.name, alias)
                self.changes.append(Change(entry, target, {"alias": end.alias}, {"alias": alias}, (step,)))

    def _delete(self, entry: Entry, where: Where, link: Link) -> None:
        far = self.actual.far_end(link)
        self._used.add(where)
        before: dict[str, Any] = {"peer": "-"}
        if far is not None:
            self._used.add((far[0], far[1].name))
            before["peer"] = place(far[0], far[1].name)
        self.changes.append(Change(entry, f"veth {place(*where)}", before, None, (op.DeleteLink(where[0], where[1]),)))

    def prune(self) -> None:
        """What bears the owner's mark and is not declared goes."""
        for namespace, link in self.actual.links():
            where = namespace, link.name
            marked = link.kind == "veth" and self.call.owner in link.owners
            if marked and where not in self._declared and where not in self._used:
                self._give_up(Entry(place(*where)), where, link)


def _peer_needed(near: Link | None) -> str:
    if near is None:
        return "the pair does not exist yet: say what its other end is to be called"
    return (
        "the other end is in a namespace that has no name, such as a container's: bring it into one that has, or "
        "say what the other end is to be called, and the pair is made anew"
    )


def _target(pair: Veth) -> str:
    return f"veth {place(*pair.end.where)}"


def _new_end(end: End) -> op.NewEnd:
    return op.NewEnd(end.namespace, end.name, end.settings.mac, end.settings.mtu)


def _as_created(end: End) -> Link:
    """An end as the kernel makes it, with what the request for it says."""
    return Link(
        index=0,
        name=end.name,
        kind="veth",
        mac=end.settings.mac or "",
        mtu=end.settings.mtu or 1500,
        tx_checksum=True,
    )


def _settings_of_new(end: End) -> Settings:
    """A new end is up unless it is said not to be."""
    return replace(end.settings, enabled=end.settings.enabled is not False)


def _settings_at_home(found: Found, end: End) -> Settings:
    """An end that is brought home carries traffic as a new one does: whoever took it away had to put it down."""
    return _settings_of_new(end) if found.origin else end.settings


def _as_asked(wanted: Settings) -> dict[str, Any]:
    """The settings that are asked for, for the diff of a new pair."""
    asked = {
        "addresses": None if wanted.addresses is None else listed(wanted.addresses),
        "mac": wanted.mac,
        "mtu": wanted.mtu,
        "enabled": wanted.enabled,
        "tx_checksum": wanted.tx_checksum,
    }
    return {key: value for key, value in asked.items() if value is not None}
