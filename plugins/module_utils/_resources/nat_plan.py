# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every kind of address translation needs: the choice of a backend, IP forwarding, a way through chains that drop.

Pure, but for what read() asks of the host. It knows no resource: see _nat_draft.py for what a resource tells of itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import (
    FabricError,
    InvalidEntries,
    InvalidEntry,
    Unavailable,
)
from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Change, Entry, Operation, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import OWNER_OPTIONS, Call
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import FORWARDING, interface_name
from ansible_collections.netns.fabric.plugins.module_utils._firewall.backend import FIREWALL
from ansible_collections.netns.fabric.plugins.module_utils._firewall.firewalld import FIREWALLD
from ansible_collections.netns.fabric.plugins.module_utils._firewall.firewalld_policy import (
    Policy,
    plan_policy,
    policy_name,
)
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import (
    COMMENT,
    FAMILIES,
    FORWARD,
    IPTABLES_LEGACY,
    NFTABLES,
    OWN_TABLE,
    Obstacle,
    Place,
    Ruleset,
    Tools,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.access import KERNEL
from ansible_collections.netns.fabric.plugins.module_utils._kernel.operations import SetSysctl, inside
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import KernelState, NamespaceName
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_rules import (
    Draft,
    Kind,
    Part,
    Subject,
    place_on,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.required_namespaces import (
    ASSUMED,
    MissingNamespaces,
)

AUTO, NEVER, IPTABLES = "auto", "never", "iptables"

#: rtnetlink(7), linux/rtnetlink.h: the kernel, or a daemon, has the route from a router advertisement (RFC 4861).
_BY_ADVERTISEMENT = 9

#: Options of every entry, and of the call.
ROUTER_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "namespace": {"type": "str"},
    "ip_forward": {"type": "bool", "default": True},
    "accept_forward": {"type": "str", "choices": [AUTO, NEVER], "default": AUTO},
}
BACKENDS = (FIREWALL, FIREWALLD, KERNEL)

BACKEND_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    **OWNER_OPTIONS,
    "backend": {"type": "str", "choices": [AUTO, NFTABLES, IPTABLES], "default": AUTO},
}

#: Characters that an interface name can have and a rule cannot, or takes for a pattern.
_UNSPEAKABLE = frozenset("\"'\\*+")
_INSTALL = "`apt install nftables` or `dnf install nftables` on the managed host"


@dataclass(frozen=True)
class Wanted:
    """What one entry asks for.

    `subject` is what it is about, and `link` the interface that it names by the option `link_option`.
    """

    entry: Entry
    present: bool
    namespace: NamespaceName
    subject: Subject
    ip_forward: bool = True
    accept_forward: str = AUTO

    #: The entry's option that has to do with the IP version, and the one that names an interface.
    address_option = ""
    link_option = ""

    @property
    def version(self) -> int:
        return self.subject.version

    @property
    def link(self) -> str | None:
        """The interface that the rules name."""
        raise NotImplementedError

    def parts(self) -> Sequence[Part]:
        """The rules that it needs."""
        raise NotImplementedError

    def firewalld_rule(self) -> str | None:
        """The rich rule that lets it through firewalld; empty where it needs none, None where there can be none."""
        raise NotImplementedError

    def firewalld_advice(self) -> str:
        """What a person can do where we cannot."""
        return ""


@dataclass(frozen=True)
class Foreseen:
    """What a call leaves to the next one that has to do with NAT."""

    rulesets: Mapping[NamespaceName, Ruleset] = field(default_factory=dict)
    forwarding: Mapping[tuple[NamespaceName, int], str | None] = field(default_factory=dict)

    name = "nat"

    def followed_by(self, other: Foreseen) -> Foreseen:
        return Foreseen({**self.rulesets, **other.rulesets}, {**self.forwarding, **other.forwarding})


@dataclass(frozen=True)
class Actual:
    """`forwarding` is what the kernel parameter of an IP version is in a namespace; None where there is none."""

    kernel: KernelState = field(default_factory=KernelState)
    tools: Tools = field(default_factory=Tools)
    rulesets: Mapping[NamespaceName, Ruleset] = field(default_factory=dict)
    forwarding: Mapping[tuple[NamespaceName, int], str | None] = field(default_factory=dict)
    #: Of that, what an earlier call in check mode would have made.
    foreseen: Foreseen = field(default_factory=Foreseen)
    #: The links by which a namespace has a default route that the kernel drops when it is made an IPv6 router.
    advertised: Mapping[NamespaceName, Sequence[str]] = field(default_factory=dict)
    #: The owner's policy in a firewalld that runs.
    firewalld: Policy | None = None
    #: The owner has one in a firewalld that does not run.
    policy_left: bool = False


def speakable_interface(value: Any) -> str:
    """The name of an interface that a rule can name."""
    name = interface_name(value)
    for bad in sorted(_UNSPEAKABLE.intersection(name)):
        raise ValueError(
            f"{name!r} has a {bad} in it, which a rule would take for a pattern or a quote; rename the link"
        )
    return name


def read(host: Host, call: Call[Any], firewalld: bool = False) -> Actual:
    """The state of all that the call may touch; that of firewalld if the resource has a use for it."""
    named = [wanted.namespace for wanted in call.entries]
    # Namespaces that no entry names are looked at for what is to be pruned, the host among them.
    others = [None, *sorted(host.use(KERNEL).namespace_names())] if call.prune else []
    rulesets = host.use(FIREWALL).read([*named, *others])
    on_host = firewalld and None in rulesets
    name = policy_name(call.owner or "")
    policy = host.use(FIREWALLD).policy(name, lambda found: _needs_reload(found, call)) if on_host else None
    forwarding = {
        (wanted.namespace, wanted.version): _forwarding(host, wanted, there=wanted.namespace in rulesets)
        for wanted in call.entries
        if wanted.present and wanted.ip_forward
    }
    foreseen: Foreseen = host.simulated.get(Foreseen.name, Foreseen())
    forwarding.update({key: value for key, value in foreseen.forwarding.items() if key in forwarding})
    new_routers = [
        name for (name, version), value in forwarding.items() if version == 6 and value == "0" and name in rulesets
    ]
    return Actual(
        kernel=host.use(KERNEL).read(wanted.namespace for wanted in call.entries if wanted.namespace or wanted.link),
        tools=host.use(FIREWALL).tools,
        rulesets={**rulesets, **foreseen.rulesets},
        forwarding=forwarding,
        foreseen=foreseen,
        advertised=_advertised(host, new_routers),
        firewalld=policy,
        policy_left=on_host and policy is None and host.use(FIREWALLD).left_behind(name),
    )


def _needs_reload(policy: Policy, call: Call[Any]) -> bool:
    """Whether a policy may come or go. That is asked before the plan is made, so it is a guess on the safe side."""
    if policy.permanent is not None and policy.running is not None:
        return not any(through_firewalld(wanted) for wanted in call.entries)
    return any(through_firewalld(wanted) for wanted in call.entries) or policy != Policy(policy.name)


def through_firewalld(wanted: Wanted) -> str:
    """The rich rule that an entry is to have; empty for none."""
    if not wanted.present or wanted.namespace is not None or wanted.accept_forward == NEVER:
        return ""
    return wanted.firewalld_rule() or ""


def _advertised(host: Host, names: Sequence[NamespaceName]) -> dict[NamespaceName, Sequence[str]]:
    """The links of each namespace that have a default route from a router advertisement and accept_ra 1.

    Where forwarding is turned on the kernel drops these routes at once and learns none again (net/ipv6/addrconf.c,
    addrconf_fixup_forwarding; ip-sysctl, accept_ra).
    """
    found: dict[NamespaceName, Sequence[str]] = {}
    for name, state in host.use(KERNEL).read(names, routes=True).namespaces.items() if names else ():
        learnt = {
            route.device
            for route in state.routes
            if route.protocol == _BY_ADVERTISEMENT and route.destination == "::/0"
        }
        links = [link.name for link in state.links if link.index in learnt]
        found[name] = [link for link in links if host.use(KERNEL).sysctl(name, _accept_ra(link)) == "1"]
    return found


def _accept_ra(link: str) -> str:
    return f"net.ipv6.conf.{link.replace('.', '/')}.accept_ra"


def _forwarding(host: Host, wanted: Wanted, there: bool) -> str | None:
    key = FORWARDING[wanted.version]
    if there:
        return host.use(KERNEL).sysctl(wanted.namespace, key)
    # A namespace that an earlier task makes: IPv4's parameters start as the host's, IPv6's as the kernel's own
    # (Documentation/admin-guide/sysctl/net.rst, devconf_inherit_init_net).
    value = host.use(KERNEL).sysctl(None, key)
    return value if wanted.version == 4 or value is None else "0"


# Checks


def check(actual: Actual, call: Call[Any], mistakes: Iterable[FabricError] = ()) -> tuple[str, ...]:
    """What cannot be on this host, before anything is planned; warnings of what was assumed.

    `mistakes` are those that the resource itself has found.

    Raises:
        InvalidEntries: Every mistake.
    """
    present = [wanted for wanted in call.entries if wanted.present]
    missing = MissingNamespaces(actual.kernel, call.check_mode)
    for wanted in present:
        missing.needs(wanted.entry, "namespace", wanted.namespace)
    missing.done()
    found: list[FabricError] = [*mistakes, *_without_ipv6(actual, present), *_losing_the_default_route(actual, present)]
    assumed: list[str] = []
    for wanted in present:
        name = wanted.link
        if name is None or actual.kernel.link(wanted.namespace, name) is not None:
            continue
        where = f"the namespace {wanted.namespace}" if wanted.namespace else "the host"
        if call.check_mode:
            assumed.append(f"{name} in {where}")
            continue
        there = ", ".join(sorted(link.name for link in actual.kernel.namespace(wanted.namespace).links)) or "none"
        found.append(
            InvalidEntry(wanted.entry, wanted.link_option, f"there is no link {name} in {where}, which has {there}")
        )
    if found:
        raise InvalidEntries(found)
    if not assumed:
        return missing.warnings
    return (*missing.warnings, f"{ASSUMED}: link {', '.join(dict.fromkeys(assumed))}")


def _without_ipv6(actual: Actual, present: Iterable[Wanted]) -> Iterable[InvalidEntry]:
    for wanted in present:
        if wanted.ip_forward and actual.forwarding.get((wanted.namespace, wanted.version), "") is None:
            yield InvalidEntry(
                wanted.entry,
                wanted.address_option,
                f"{wanted.subject} is IPv{wanted.version}, which this host's kernel does not have (there is no "
                f"{FORWARDING[wanted.version]}): turn it on (boot parameter ipv6.disable) or leave the entry out",
            )


def _losing_the_default_route(actual: Actual, present: Iterable[Wanted]) -> Iterable[InvalidEntry]:
    """Refused and not warned of: who has come by that route would not live to read a warning."""
    for wanted in present:
        for link in actual.advertised.get(wanted.namespace, ()) if wanted.ip_forward and wanted.version == 6 else ():
            cure = inside(wanted.namespace, "sysctl", "-w", f"{_accept_ra(link)}=2")
            yield InvalidEntry(
                wanted.entry,
                "ip_forward",
                f"{wanted.namespace or 'the host'} has its IPv6 default route from router advertisements on {link}, "
                f"and the kernel drops it when forwarding is turned on: let it go on listening to them (`{cure}`, "
                "and in /etc/sysctl.d so that it lasts), or turn forwarding on yourself and give `ip_forward: false`",
            )


# The plan


def plan(actual: Actual, call: Call[Any], kind: Kind, mistakes: Iterable[FabricError] = ()) -> Plan:
    """What is to be done for all entries of a call.

    Raises:
        InvalidEntries: What is asked for cannot be on this host, or `mistakes`.
        Unavailable: The host lacks the programs, or our table has been made into something else.
    """
    warnings = check(actual, call, mistakes)
    planner = Planner(actual, kind, call.owner or "", str(call.options.get("backend") or AUTO))
    # What is added comes first: a table that keeps a rule need not go and come again.
    for wanted in call.entries:
        if wanted.present:
            planner.present(wanted)
    for wanted in call.entries:
        if not wanted.present:
            planner.absent(wanted)
    if call.prune:
        planner.prune({(wanted.namespace, wanted.subject) for wanted in call.entries})
    planner.firewalld(call)
    return Plan(
        changes=tuple(planner.changes),
        warnings=(*warnings, *planner.warnings),
        results={"blocked_by": planner.blocked_by},
        simulated={Foreseen.name: actual.foreseen.followed_by(planner.foreseen())},
    )


class Planner:
    """Plans the entries one after the other."""

    def __init__(self, actual: Actual, kind: Kind, owner: str, backend: str) -> None:
        self.changes: list[Change] = []
        self.warnings: list[str] = []
        self.blocked_by: list[str] = []
        self._actual = actual
        self._kind = kind
        self._owner = owner
        self._asked_backend = backend
        self._forwarding = dict(actual.forwarding)
        self._backends: dict[tuple[NamespaceName, int], str] = {}
        self._drafts: dict[NamespaceName, Draft] = {}
        #: Of those that firewalld stops, what a person can do where we cannot.
        self._stopped_by_firewalld: list[tuple[Wanted, Obstacle]] = []

    def present(self, wanted: Wanted) -> None:
        draft = self._draft(wanted.namespace)
        subject, parts = wanted.subject, wanted.parts()
        before = draft.shown(subject, parts)
        is_new = not before
        backend = self._backend_for(wanted)
        accept = self._accept_places(wanted, draft)
        woken = draft.wake(subject.family) if backend == NFTABLES else []
        placed = [
            (part, place)
            for part in parts
            for place in (accept if part.hook == FORWARD else [place_on(part.hook, backend, subject.family)])
        ]
        operations = [*woken, *draft.settle(subject, placed), *draft.drop_what_is_empty(subject.family)]
        after = draft.shown(subject, parts)
        if is_new:
            after.update(subject.described())
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

    def foreseen(self) -> Foreseen:
        """What has been planned so far, as the next call would find it."""
        return Foreseen({name: draft.ruleset() for name, draft in self._drafts.items()}, self._forwarding)

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
                    # A rule that has lost its network does not say of which IP version it is.
                    self._remove(Entry(f"{name or 'host'}: {subject}"), name, subject, tuple(FAMILIES.values()))

    def _remove(self, entry: Entry, name: NamespaceName, subject: Subject, families: Sequence[str]) -> None:
        draft = self._draft(name)
        before = draft.shown(subject, self._kind.parts(subject))
        operations = draft.settle(subject, ())
        emptied = [step for family in families for step in draft.drop_what_is_empty(family)]
        if emptied and not operations:
            before = {"empty table": OWN_TABLE}
        elif operations:
            before.update(subject.described())
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
        target = f"{self._kind.doing} {name or 'host'} {' '.join(map(str, _target(subject)))}"
        self.changes.append(Change(entry, target, before, after, tuple(operations)))

    def _draft(self, name: NamespaceName) -> Draft:
        if name not in self._drafts:
            self._drafts[name] = Draft(name, self._ruleset(name), self._actual.tools, self._kind, self._owner)
        return self._drafts[name]

    def _ruleset(self, name: NamespaceName) -> Ruleset:
        return self._actual.rulesets.get(name) or Ruleset()

    # Where the rules belong

    def _backend_for(self, wanted: Wanted) -> str:
        key = (wanted.namespace, wanted.version)
        if key not in self._backends:
            self._backends[key] = self._backend(wanted)
        if self._backends[key] == NFTABLES:
            self._check_own_table(wanted)
        return self._backends[key]

    def _backend(self, wanted: Wanted) -> str:
        """The one that was asked for; else the one that ours are in already; else what the host uses.

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
        legacy = self._ruleset(wanted.namespace).only_legacy(wanted.version)
        possible = [
            *([IPTABLES_LEGACY] if legacy and (IPTABLES_LEGACY, wanted.version) in tools.iptables else []),
            *([NFTABLES] if tools.nft else []),
            *([usual] if usual else []),
            *(variant for variant, version in tools.iptables if version == wanted.version),
        ]
        if not possible:
            raise Unavailable(
                f"{wanted.entry}: {self._kind.doing} needs nft or {command}, and this host has neither: {_INSTALL}"
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

    # The way through what drops

    def _accept_places(self, wanted: Wanted, draft: Draft) -> list[Place]:
        """Chains that drop what is forwarded, and where we may put a rule; those where we may not are told of."""
        places: dict[Place, None] = {}
        for obstacle in draft.obstacles(wanted.version):
            is_firewalld = draft.is_firewalld(obstacle)
            if is_firewalld and wanted.firewalld_rule() == "":
                continue
            if wanted.accept_forward == NEVER:
                self._tell(wanted, obstacle, "accept_forward is never")
            elif is_firewalld:
                self._stopped_by_firewalld.append((wanted, obstacle))
            elif obstacle.refusal:
                self._tell(wanted, obstacle, obstacle.refusal)
            else:
                places[obstacle.place] = None
        return list(places)

    def _tell(self, wanted: Wanted, obstacle: Obstacle, reason: str) -> None:
        where = f"namespace {wanted.namespace}: " if wanted.namespace else ""
        told = f"{where}{obstacle.base} ({obstacle.cause}), left alone: {reason}"
        if told not in self.blocked_by:
            self.blocked_by.append(told)

    def firewalld(self, call: Call[Any]) -> None:
        """The owner's policy in firewalld: what every entry needs, and nothing for those that are gone."""
        refusal = ""
        policy = self._actual.firewalld
        if policy is not None:
            refusal = self._plan_policy(policy, call)
        elif self._actual.policy_left:
            name = policy_name(self._owner)
            self.warnings.append(
                f"firewalld does not run, and its permanent configuration has our policy {name}, which stays: start "
                f"firewalld and run again, or `firewall-offline-cmd --delete-policy={name}`"
            )
        for wanted, obstacle in self._stopped_by_firewalld:
            if policy is None or refusal or not through_firewalld(wanted):
                reason = refusal or f"{obstacle.refusal}; {wanted.firewalld_advice()}"
                self._tell(wanted, obstacle, reason)

    def _plan_policy(self, policy: Policy, call: Call[Any]) -> str:
        """Plan what becomes of it; why nothing does, if so."""
        on_host = [wanted for wanted in call.entries if wanted.namespace is None]
        kept = frozenset() if call.prune else policy.rules() - {wanted.firewalld_rule() for wanted in on_host}
        rules = kept.union(filter(None, map(through_firewalld, on_host)))
        planned = plan_policy(policy, f"{COMMENT}:{self._owner}", rules)
        if planned.operations:
            gone = policy.permanent is None and policy.running is None
            entry = next((wanted.entry for wanted in on_host if wanted.firewalld_rule()), Entry("firewalld"))
            before = None if gone else {"permanent": _listed(policy.permanent), "running": _listed(policy.running)}
            after = {"permanent": sorted(rules), "running": sorted(rules)} if rules else None
            self.changes.append(Change(entry, f"firewalld policy {policy.name}", before, after, planned.operations))
        return planned.refusal

    def _warn_of_others(self, wanted: Wanted, draft: Draft) -> None:
        for owner in draft.other_owners(wanted.subject):
            whose = f"owner {owner}" if owner else "no owner"
            self.warnings.append(
                f"{wanted.entry}: still {self._kind.done} by the rule of {whose}, which stays: a call with "
                + (f"`owner: {owner}`" if owner else "no `owner`")
                + " removes it"
            )


def _target(subject: Subject) -> Iterable[Any]:
    """The subject for the head of a diff."""
    yield subject
    interface = subject.described().get("out_interface")
    if interface:
        yield f"out {interface}"


def _listed(settings: frozenset[tuple[str, str]] | None) -> list[str]:
    return sorted(value for kind, value in settings or () if kind == "rich-rule")


def _differences(before: dict[str, Any], after: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What differs; what the one does not have is an empty list there."""
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return {name: before.get(name, []) for name in names}, {name: after.get(name, []) for name in names}
