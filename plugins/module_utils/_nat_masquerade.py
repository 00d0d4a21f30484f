# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Masquerading: what is wanted of it, and how to get there. Pure, but for what read() asks of the host."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils import _nat_operations as op
from ansible_collections.netns.fabric.plugins.module_utils import _validation
from ansible_collections.netns.fabric.plugins.module_utils._bulk import OWNER_OPTIONS, Call, Resource
from ansible_collections.netns.fabric.plugins.module_utils._change import Change, Entry, Operation, Plan
from ansible_collections.netns.fabric.plugins.module_utils._errors import (
    FabricError,
    InvalidEntries,
    InvalidEntry,
    Unavailable,
)
from ansible_collections.netns.fabric.plugins.module_utils._host import Host
from ansible_collections.netns.fabric.plugins.module_utils._kernel_state import KernelState, NamespaceName
from ansible_collections.netns.fabric.plugins.module_utils._link import Checks
from ansible_collections.netns.fabric.plugins.module_utils._missing import MissingNamespaces
from ansible_collections.netns.fabric.plugins.module_utils._nat_state import (
    ACCEPT_OUT,
    ACCEPT_REPLIES,
    COMMENT,
    FAMILIES,
    MASQUERADE,
    NFTABLES,
    OWN_CHAIN,
    OWN_TABLE,
    Obstacle,
    Place,
    Rule,
    Ruleset,
    Subject,
    Tools,
    criteria,
    limit,
    subject_of,
)
from ansible_collections.netns.fabric.plugins.module_utils._operations import SetSysctl, inside

AUTO, NEVER, IPTABLES = "auto", "never", "iptables"

#: By IP version: the parameter that makes a router (linux, Documentation/networking/ip-sysctl.rst).
FORWARDING: Mapping[int, str] = {4: "net.ipv4.ip_forward", 6: "net.ipv6.conf.all.forwarding"}

#: Characters that an interface name can have and a rule cannot, or takes for a pattern.
_UNSPEAKABLE = frozenset("\"'\\*+")
_INSTALL = "`apt install nftables` or `dnf install nftables` on the managed host"


@dataclass(frozen=True)
class Wanted:
    """One network that is to be masqueraded, or no longer."""

    entry: Entry
    present: bool
    namespace: NamespaceName
    subject: Subject
    ip_forward: bool = True
    accept_forward: str = AUTO

    @property
    def version(self) -> int:
        return self.subject.version


@dataclass(frozen=True)
class Actual:
    """`forwarding` is what the kernel parameter of an IP version is in a namespace; None where there is none."""

    kernel: KernelState = field(default_factory=KernelState)
    tools: Tools = field(default_factory=Tools)
    rulesets: Mapping[NamespaceName, Ruleset] = field(default_factory=dict)
    forwarding: Mapping[tuple[NamespaceName, int], str | None] = field(default_factory=dict)


class MasqueradeResource(Resource[Wanted, Actual]):
    list_option = "rules"
    identity = "source"
    entry_options: Mapping[str, Mapping[str, Any]] = {
        "source": {"type": "str"},
        "out_interface": {"type": "str"},
        "namespace": {"type": "str"},
        "ip_forward": {"type": "bool", "default": True},
        "accept_forward": {"type": "str", "choices": [AUTO, NEVER], "default": AUTO},
    }
    call_options: Mapping[str, Mapping[str, Any]] = {
        **OWNER_OPTIONS,
        "backend": {"type": "str", "choices": [AUTO, NFTABLES, IPTABLES], "default": AUTO},
    }

    def desired(self, entry: Entry, options: Mapping[str, Any]) -> Wanted:
        checks = Checks(entry)
        source = checks.value("source", _network_behind, options["source"])
        out_interface = checks.value("out_interface", _speakable_interface, options.get("out_interface"))
        namespace = checks.value("namespace", _validation.namespace_name, options.get("namespace"))
        checks.done()
        return Wanted(
            entry=entry,
            present=options["state"] == "present",
            namespace=namespace,
            subject=Subject(source, out_interface),
            ip_forward=options["ip_forward"],
            accept_forward=options["accept_forward"],
        )

    def key(self, desired: Wanted) -> object:
        return desired.namespace, desired.subject

    def read(self, host: Host, call: Call[Wanted]) -> Actual:
        named = [wanted.namespace for wanted in call.entries]
        # Namespaces that no entry names are looked at for what is to be pruned, the host among them.
        others = [None, *sorted(host.kernel.namespace_names())] if call.prune else []
        rulesets = host.firewall.read([*named, *others])
        return Actual(
            kernel=host.kernel.read(
                wanted.namespace for wanted in call.entries if wanted.namespace or wanted.subject.out_interface
            ),
            tools=host.firewall.tools,
            rulesets=rulesets,
            forwarding={
                (wanted.namespace, wanted.version): _forwarding(host, wanted, there=wanted.namespace in rulesets)
                for wanted in call.entries
                if wanted.present and wanted.ip_forward
            },
        )

    def plan(self, actual: Actual, call: Call[Wanted]) -> Plan:
        warnings = _check(actual, call)
        mark = COMMENT + (call.owner or "")
        planner = _Planner(actual, mark, str(call.options.get("backend") or AUTO))
        # What is added comes first: a table that keeps a rule need not go and come again.
        for wanted in call.entries:
            if wanted.present:
                planner.present(wanted)
        for wanted in call.entries:
            if not wanted.present:
                planner.absent(wanted)
        if call.prune:
            planner.prune({(wanted.namespace, wanted.subject) for wanted in call.entries})
        return Plan(
            changes=tuple(planner.changes),
            warnings=(*warnings, *planner.warnings),
            results={"blocked_by": planner.blocked_by},
        )


# Checks


def _network_behind(value: Any) -> str:
    """A network whose traffic can be masqueraded, in CIDR notation."""
    network = _validation.network(value)
    if network.prefixlen == 0:
        raise ValueError(
            f"{network} is every address there is, so nothing would be left to masquerade it towards; "
            "name the network behind this router, for instance 192.168.100.0/24 or fd00::/64"
        )
    if network.is_multicast:
        raise ValueError(f"{network} is multicast, which is never a source; name the network of the senders")
    return str(network)


def _speakable_interface(value: Any) -> str:
    name = _validation.interface_name(value)
    for bad in sorted(_UNSPEAKABLE.intersection(name)):
        raise ValueError(
            f"{name!r} has a {bad} in it, which a rule would take for a pattern or a quote; rename the link"
        )
    return name


def _check(actual: Actual, call: Call[Wanted]) -> tuple[str, ...]:
    """What cannot be on this host, before anything is planned; warnings of what was assumed.

    Raises:
        InvalidEntries: Every mistake.
    """
    present = [wanted for wanted in call.entries if wanted.present]
    missing = MissingNamespaces(actual.kernel, call.check_mode)
    for wanted in present:
        missing.needs(wanted.entry, "namespace", wanted.namespace)
    missing.done()
    mistakes: list[FabricError] = [*_overlaps(present), *_without_ipv6(actual, present)]
    assumed: list[str] = []
    for wanted in present:
        name = wanted.subject.out_interface
        if name is None or actual.kernel.link(wanted.namespace, name) is not None:
            continue
        where = f"the namespace {wanted.namespace}" if wanted.namespace else "the host"
        if call.check_mode:
            assumed.append(f"{name} in {where}")
            continue
        there = ", ".join(sorted(link.name for link in actual.kernel.namespace(wanted.namespace).links)) or "none"
        mistakes.append(
            InvalidEntry(wanted.entry, "out_interface", f"there is no link {name} in {where}, which has {there}")
        )
    if mistakes:
        raise InvalidEntries(mistakes)
    if not assumed:
        return missing.warnings
    links = ", ".join(dict.fromkeys(assumed))
    return (*missing.warnings, f"Not there yet, and taken as made by an earlier task: link {links}")


def _overlaps(present: Iterable[Wanted]) -> Iterator[InvalidEntry]:
    """Networks that lie within others of the same call."""
    enclosing: list[tuple[Any, Wanted]] = []
    for network, wanted in sorted(
        ((ip_network(wanted.subject.source), wanted) for wanted in present),
        key=lambda pair: (str(pair[1].namespace), pair[1].version, int(pair[0].network_address), pair[0].prefixlen),
    ):
        while enclosing and not _contains(*enclosing[-1], network, wanted):
            enclosing.pop()
        for _outer_network, outer in enclosing:
            interfaces = {outer.subject.out_interface, wanted.subject.out_interface}
            if None in interfaces or len(interfaces) == 1:
                yield InvalidEntry(
                    wanted.entry,
                    "source",
                    f"{wanted.subject.source} overlaps {outer.subject.source} of {outer.entry}: what goes from the one "
                    "to the other would be masqueraded by one rule and not by the other; leave one out, or give each "
                    "an out_interface of its own",
                )
                break
        enclosing.append((network, wanted))


def _contains(outer_network: Any, outer: Wanted, network: Any, wanted: Wanted) -> bool:
    same = (outer.namespace, outer.version) == (wanted.namespace, wanted.version)
    return same and bool(network.subnet_of(outer_network))


def _without_ipv6(actual: Actual, present: Iterable[Wanted]) -> Iterator[InvalidEntry]:
    for wanted in present:
        if wanted.ip_forward and actual.forwarding.get((wanted.namespace, wanted.version), "") is None:
            yield InvalidEntry(
                wanted.entry,
                "source",
                f"{wanted.subject.source} is IPv{wanted.version}, which this host's kernel does not have (there is no "
                f"{FORWARDING[wanted.version]}): turn it on (boot parameter ipv6.disable) or leave the entry out",
            )


def _forwarding(host: Host, wanted: Wanted, there: bool) -> str | None:
    key = FORWARDING[wanted.version]
    if there:
        return host.kernel.sysctl(wanted.namespace, key)
    # A namespace that an earlier task makes: IPv4's parameters start as the host's, IPv6's as the kernel's own
    # (Documentation/admin-guide/sysctl/net.rst, devconf_inherit_init_net).
    value = host.kernel.sysctl(None, key)
    return value if wanted.version == 4 or value is None else "0"


# The plan


@dataclass(frozen=True)
class _Marked:
    """A rule of this collection. `idle`: it stands behind one that no packet gets past."""

    place: Place
    role: str
    subject: Subject
    rule: Rule
    idle: bool = False

    @property
    def intact(self) -> bool:
        return self.rule.criteria == frozenset(criteria(self.role, self.subject))

    def __str__(self) -> str:
        role = "" if self.role == MASQUERADE else f" ({self.role})"
        fault = ("" if self.intact else " (altered)") + (" (without effect)" if self.idle else "")
        return f"{self.place}{role}{fault}"


class _Draft:
    """The rules of one namespace as they will be after what is planned so far."""

    def __init__(self, name: NamespaceName, ruleset: Ruleset, tools: Tools, mark: str) -> None:
        self._name = name
        self._ruleset = ruleset
        self._tools = tools
        self._mark = mark
        self._rules = {place: list(chain.rules) for place, chain in ruleset.chains.items()}
        self._limits = {place: limit(rules) for place, rules in self._rules.items()}
        self._own_tables = {family for family, table in ruleset.tables if table == OWN_TABLE}
        self._woken: set[str] = set()
        self._obstacles: dict[int, list[Obstacle]] = {}
        #: What is marked, by anyone, found by what it is about: a thousand entries must not read all rules each.
        self._marked: dict[Subject, list[_Marked]] = {}
        for place, rules in self._rules.items():
            for position, rule in enumerate(rules):
                about = subject_of(rule) if (rule.comment or "").startswith(COMMENT) else None
                if about is not None:
                    found = _Marked(place, *about, rule, idle=position >= self._limits[place])
                    self._marked.setdefault(found.subject, []).append(found)

    def wake(self, family: str) -> list[Operation]:
        """Our table, if somebody has switched it off."""
        table = self._ruleset.tables.get((family, OWN_TABLE))
        if table is None or not table.dormant or family in self._woken:
            return []
        self._woken.add(family)
        return [op.WakeOwnTable(self._name, family)]

    def obstacles(self, version: int) -> list[Obstacle]:
        if version not in self._obstacles:
            self._obstacles[version] = self._ruleset.obstacles(version)
        return self._obstacles[version]

    def is_firewalld(self, obstacle: Obstacle) -> bool:
        return self._ruleset.is_firewalld(obstacle)

    def about(self, subject: Subject) -> list[_Marked]:
        """Our rules for a subject, in their order in each chain."""
        return [found for found in self._marked.get(subject, ()) if found.rule.comment == self._mark]

    def subjects(self) -> list[Subject]:
        """What our rules are about."""
        return [subject for subject in self._marked if self.about(subject)]

    def backends(self, family: str) -> set[str]:
        """Where our rules are."""
        return {
            found.place.backend
            for subject in self._marked
            for found in self.about(subject)
            if found.role == MASQUERADE and found.place.family == family
        }

    def other_owners(self, subject: Subject) -> list[str]:
        """Who else has the same masqueraded: the names after the mark, of which one may be empty."""
        marks = {found.rule.comment for found in self._marked.get(subject, ()) if found.role == MASQUERADE}
        return sorted(mark[len(COMMENT) :] for mark in marks if mark and mark != self._mark)

    def settle(self, subject: Subject, places: Mapping[str, Sequence[Place]]) -> list[Operation]:
        """One rule for each role in each of these places, and none of ours for the subject anywhere else."""
        operations = [step for role in places for place in places[role] for step in self._one(place, role, subject)]
        elsewhere = [found for found in self.about(subject) if found.place not in places.get(found.role, ())]
        return [*operations, *(self._remove(found) for found in elsewhere)]

    def _one(self, place: Place, role: str, subject: Subject) -> list[Operation]:
        here = [found for found in self.about(subject) if (found.place, found.role) == (place, role)]
        good = [found for found in here if found.intact]
        # Rules of iptables are removed by what they are, the first first: of several alike the last can stay.
        keep = good[-1] if good and not good[-1].idle else None
        operations: list[Operation] = [self._remove(found) for found in here if found is not keep]
        return operations if keep else [*operations, *self._add(place, role, subject)]

    def _add(self, place: Place, role: str, subject: Subject) -> list[Operation]:
        wanted = criteria(role, subject)
        verdict = "masquerade" if role == MASQUERADE else "accept"
        operations: list[Operation] = []
        if place.table == OWN_TABLE and place not in self._rules:
            operations.append(op.AddOwnChain(self._name, place.family, place.family not in self._own_tables))
            self._own_tables.add(place.family)
        rules = self._rules.setdefault(place, [])
        position = self._limits.setdefault(place, 0)
        arguments: tuple[str, ...] = ()
        if place.backend == NFTABLES:
            text = op.nft_text(wanted, verdict, self._mark, subject.family)
            before = _handle_from(rules, position)
            operations.append(op.AddNftRule(self._name, place.family, place.table, place.chain, text, before))
        else:
            arguments = op.iptables_arguments(wanted, verdict, self._mark)
            last = position == len(rules)
            command = self._command(place)
            operations.append(
                op.AddIptablesRule(self._name, command, place.table, place.chain, arguments, position + 1, last)
            )
        rule = Rule(frozenset(wanted), verdict, comment=self._mark, arguments=arguments)
        rules.insert(position, rule)
        self._limits[place] += 1
        self._marked.setdefault(subject, []).append(_Marked(place, role, subject, rule))
        return operations

    def _remove(self, found: _Marked) -> Operation:
        place, rule = found.place, found.rule
        self._marked[found.subject] = [other for other in self._marked[found.subject] if other is not found]
        rules = self._rules[place]
        position = rules.index(rule)
        del rules[position]
        if position < self._limits[place]:
            self._limits[place] -= 1
        if rule.handle is None:
            command = self._command(place)
            return op.DeleteIptablesRule(self._name, command, place.table, place.chain, rule.arguments, position + 1)
        return op.DeleteNftRule(
            self._name,
            place.family,
            place.table,
            place.chain,
            rule.handle,
            rule.comment or "",
            rule.expressions,
            _handle_from(rules, position),
        )

    def _command(self, place: Place) -> str:
        return self._tools.iptables[place.backend, 6 if place.family == "ip6" else 4]

    def drop_empty_table(self, family: str) -> list[Operation]:
        """Our table, if nothing is left in it, whoever emptied it."""
        chains = [place for place in self._rules if (place.family, place.table) == (family, OWN_TABLE)]
        table = self._ruleset.tables.get((family, OWN_TABLE))
        if family not in self._own_tables or any(self._rules[place] for place in chains) or (table and table.further):
            return []
        for place in chains:
            del self._rules[place], self._limits[place]
        self._own_tables.discard(family)
        return [op.DeleteOwnTable(self._name, family, chain=bool(chains))]

    def shown(self, subject: Subject) -> dict[str, Any]:
        """What there is for a subject, for the diff."""
        shown: dict[str, Any] = {}
        for found in self.about(subject):
            key = "masquerade" if found.role == MASQUERADE else "accept_forward"
            shown.setdefault(key, []).append(str(found))
        return shown


def _handle_from(rules: Sequence[Rule], position: int) -> int | None:
    """The handle of the first rule from a position on that has one yet."""
    handles = (rules[at].handle for at in range(position, len(rules)))
    return next((handle for handle in handles if handle is not None), None)


class _Planner:
    """Plans the entries one after the other."""

    def __init__(self, actual: Actual, mark: str, backend: str) -> None:
        self.changes: list[Change] = []
        self.warnings: list[str] = []
        self.blocked_by: list[str] = []
        self._actual = actual
        self._mark = mark
        self._asked_backend = backend
        self._forwarding = dict(actual.forwarding)
        self._backends: dict[tuple[NamespaceName, int], str] = {}
        self._drafts: dict[NamespaceName, _Draft] = {}

    def present(self, wanted: Wanted) -> None:
        draft = self._draft(wanted.namespace)
        subject = wanted.subject
        before = draft.shown(subject)
        is_new = not before
        place = self._masquerade_place(wanted)
        accept = self._accept_places(wanted, draft)
        woken = draft.wake(subject.family) if place.backend == NFTABLES else []
        operations = [
            *woken,
            *draft.settle(subject, {MASQUERADE: [place], ACCEPT_OUT: accept, ACCEPT_REPLIES: accept}),
            *draft.drop_empty_table(subject.family),
        ]
        after = draft.shown(subject)
        if is_new:
            after.update(_described(subject))
        elif woken:
            before["dormant"], after["dormant"] = True, False
        before, after = _differences(before, after)
        key = (wanted.namespace, wanted.version)
        if wanted.ip_forward and self._forwarding[key] != "1":
            parameter = FORWARDING[wanted.version]
            operations.append(SetSysctl(wanted.namespace, parameter, "1"))
            before[parameter], after[parameter] = self._forwarding[key], "1"
            self._forwarding[key] = "1"
        if operations:
            self._change(wanted.entry, wanted.namespace, subject, None if is_new else before, after, operations)

    def absent(self, wanted: Wanted) -> None:
        if wanted.namespace not in self._actual.rulesets:
            return
        draft = self._draft(wanted.namespace)
        if not draft.about(wanted.subject):
            self._warn_of_others(wanted, draft)
        self._remove(wanted.entry, wanted.namespace, wanted.subject, (wanted.subject.family,))

    def prune(self, listed: set[tuple[NamespaceName, Subject]]) -> None:
        for name in self._actual.rulesets:
            for subject in self._draft(name).subjects():
                if (name, subject) not in listed:
                    entry = Entry(f"{name or 'host'}: {subject.source or 'a rule without a source'}")
                    # A rule that has lost its network does not say of which IP version it is.
                    self._remove(entry, name, subject, tuple(FAMILIES.values()))

    def _remove(self, entry: Entry, name: NamespaceName, subject: Subject, families: Sequence[str]) -> None:
        draft = self._draft(name)
        before = draft.shown(subject)
        operations = draft.settle(subject, {})
        emptied = [step for family in families for step in draft.drop_empty_table(family)]
        if emptied and not operations:
            before = {"empty table": OWN_TABLE}
        elif operations:
            before.update(_described(subject))
        operations += emptied
        if operations:
            self._change(entry, name, subject, before, None, operations)

    def _change(
        self,
        entry: Entry,
        name: NamespaceName,
        subject: Subject,
        before: Mapping[str, Any] | None,
        after: Mapping[str, Any] | None,
        operations: Sequence[Operation],
    ) -> None:
        interface = f" out {subject.out_interface}" if subject.out_interface else ""
        target = f"masquerade {name or 'host'} {subject.source}{interface}"
        self.changes.append(Change(entry, target, before, after, tuple(operations)))

    def _draft(self, name: NamespaceName) -> _Draft:
        if name not in self._drafts:
            self._drafts[name] = _Draft(name, self._ruleset(name), self._actual.tools, self._mark)
        return self._drafts[name]

    def _ruleset(self, name: NamespaceName) -> Ruleset:
        return self._actual.rulesets.get(name) or Ruleset()

    # Where the rules belong

    def _masquerade_place(self, wanted: Wanted) -> Place:
        key = (wanted.namespace, wanted.version)
        if key not in self._backends:
            self._backends[key] = self._backend(wanted)
        family = wanted.subject.family
        if self._backends[key] == NFTABLES:
            self._check_own_table(wanted)
            return Place(NFTABLES, family, OWN_TABLE, OWN_CHAIN)
        return Place(self._backends[key], family, "nat", "POSTROUTING")

    def _backend(self, wanted: Wanted) -> str:
        """The one that was asked for; else the one that ours are in already; else what the host has.

        Raises:
            Unavailable: The host does not have it.
        """
        tools = self._actual.tools
        usual = tools.usual.get(wanted.version)
        command = "ip6tables" if wanted.version == 6 else "iptables"
        if self._asked_backend == NFTABLES:
            if not tools.nft:
                raise Unavailable(f"backend is nftables, and this host has no nft: {_INSTALL}, or `backend: iptables`")
            return NFTABLES
        if self._asked_backend == IPTABLES:
            if usual is None:
                raise Unavailable(
                    f"backend is iptables, and this host has no {command}: `apt install iptables` or `dnf install "
                    "iptables-nft` on the managed host, or `backend: nftables`"
                )
            return usual
        possible = [
            *([NFTABLES] if tools.nft else []),
            *([usual] if usual else []),
            *(variant for variant, version in tools.iptables if version == wanted.version),
        ]
        if not possible:
            raise Unavailable(
                f"{wanted.entry}: masquerading needs nft or {command}, and this host has neither: {_INSTALL}"
            )
        used = self._draft(wanted.namespace).backends(wanted.subject.family)
        return next((backend for backend in possible if backend in used), possible[0])

    def _check_own_table(self, wanted: Wanted) -> None:
        family = wanted.subject.family
        fault = self._ruleset(wanted.namespace).own_fault(family)
        if fault:
            remove = inside(wanted.namespace, "nft", f"delete table {family} {OWN_TABLE}")
            raise Unavailable(
                f"{wanted.entry}: somebody has altered our table {family} {OWN_TABLE}, and {fault}, so that a rule in "
                f"it would have no effect: remove the table (`{remove}`) and run again"
            )

    def _accept_places(self, wanted: Wanted, draft: _Draft) -> list[Place]:
        """Chains that drop what is forwarded, and where we may put a rule; those where we may not are told of."""
        places: dict[Place, None] = {}
        for obstacle in draft.obstacles(wanted.version):
            reason = obstacle.refusal
            if wanted.accept_forward == NEVER:
                reason = "accept_forward is never"
            elif draft.is_firewalld(obstacle):
                reason += (
                    "; let it in there: `firewall-cmd --permanent --zone=trusted "
                    f"--add-source={wanted.subject.source}` and `firewall-cmd --reload`"
                )
            if not reason:
                places[obstacle.place] = None
                continue
            where = f"namespace {wanted.namespace}: " if wanted.namespace else ""
            told = f"{where}{obstacle.base} ({obstacle.cause}), left alone: {reason}"
            if told not in self.blocked_by:
                self.blocked_by.append(told)
        return list(places)

    def _warn_of_others(self, wanted: Wanted, draft: _Draft) -> None:
        for owner in draft.other_owners(wanted.subject):
            whose = f"owner {owner}" if owner else "no owner"
            self.warnings.append(
                f"{wanted.entry}: still masqueraded by the rule of {whose}, which stays: a call with "
                + (f"`owner: {owner}`" if owner else "no `owner`")
                + " removes it"
            )


def _described(subject: Subject) -> dict[str, Any]:
    interface = {"out_interface": subject.out_interface} if subject.out_interface else {}
    return {"source": subject.source, **interface}


def _differences(before: dict[str, Any], after: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What differs; what the one does not have is an empty list there."""
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return {name: before.get(name, []) for name in names}, {name: after.get(name, []) for name in names}
