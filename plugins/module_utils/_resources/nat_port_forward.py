# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Port forwarding: options, the rules that an entry needs, and the plan. Pure, except for read()."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from ipaddress import ip_address, ip_network
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core import validation
from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Change, Entry, Operation, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call, Resource
from ansible_collections.netns.fabric.plugins.module_utils._core.transports import TRANSPORTS, port_range
from ansible_collections.netns.fabric.plugins.module_utils._firewall.flows import PublishedFlows
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import (
    COMMENT,
    FORWARD,
    LOOPBACK,
    NAT_HOOKS,
    OUTPUT,
    POSTROUTING,
    PREROUTING,
    Criterion,
    Place,
    Rule,
    address_criteria,
    format_destination,
    join_values,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.operations import SetSysctl
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import NamespaceName
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_conflicts import (
    describe_redirection,
    redirections,
    takes_packets_of,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_forward_checks import (
    check_destination,
    check_hairpin,
    check_loopback,
    check_published,
    check_sources,
    check_versions,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_listeners import Published, read_listeners
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_loopback import (
    NETWORK,
    ROLE,
    close_links,
    find_unreached,
    parameter_of,
    role_in_guard,
    rules_for,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_model import (
    BACKEND_OPTIONS,
    BACKENDS,
    ROUTER_OPTIONS,
    RecognisedRule,
    RuleKey,
    RuleScheme,
    RuleSpec,
    WantedNat,
    hook_of,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_plan import NatPlanner
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_read import Actual, read, read_loopback

#: How the comment of a rule begins: the owner follows, and after a space what is published (`Listener`).
MARK = f"{COMMENT}/port-forward:"
#: Bytes that nf_tables keeps of a comment (NFTNL_UDATA_COMMENT_MAXLEN of libnftnl).
COMMENT_MAX = 128

#: The addresses of the host itself that never leave it (RFC 1122 3.2.1.3, RFC 4291 2.5.3).
LOOPBACKS: Mapping[int, str] = {4: NETWORK, 6: "::1/128"}

DNAT, HAIRPIN, ACCEPT_IN, ACCEPT_REPLIES = "dnat", "hairpin", "in", "replies"

_LISTENER = re.compile(
    rf"(?P<protocol>{'|'.join(TRANSPORTS)})(?P<version>[46])/"
    r"(?P<ports>[\d-]+)(@(?P<address>[0-9a-f:.]+))?(%(?P<interface>\S+))?"
)


@dataclass(frozen=True)
class Listener(RuleKey):
    """What an entry publishes: a port or ports (FIRST-LAST) of the router.

    `address` and `in_interface` limit it to one address and one interface of the router; None: all.
    """

    protocol: str
    ports: str
    ip_version: int
    address: str | None = None
    in_interface: str | None = None

    def __str__(self) -> str:
        """Return it as in the comment of each of its rules."""
        address = f"@{self.address}" if self.address else ""
        interface = f"%{self.in_interface}" if self.in_interface else ""
        return f"{self.protocol}{self.ip_version}/{self.ports}{address}{interface}"

    @classmethod
    def from_text(cls, text: str) -> Listener | None:
        """Return the listener that str() printed; None where it did not."""
        match = _LISTENER.fullmatch(text)
        if match is None:
            return None
        return cls(match["protocol"], match["ports"], int(match["version"]), match["address"], match["interface"])

    @property
    def version(self) -> int:
        return self.ip_version

    @property
    def first_and_last(self) -> tuple[int, int]:
        return port_range(self.ports)

    def options(self) -> dict[str, Any]:
        options = {"address": self.address, "in_interface": self.in_interface}
        return {
            "protocol": self.protocol,
            "port": self.ports,
            **{name: value for name, value in options.items() if value},
        }

    def flows(self) -> PublishedFlows:
        return PublishedFlows(self.protocol, self.first_and_last, self.ip_version, self.address, self.in_interface)


@dataclass(frozen=True)
class WantedForward(WantedNat):
    """A port that is to be published, or no longer. `to_port` is None where the port numbers are kept."""

    key: Listener
    to_address: str = ""
    to_port: int | None = None
    #: The networks whose clients get the router's address, in order.
    hairpin: tuple[str, ...] = ()
    #: The networks whose connections are forwarded, in order; none: those of everybody.
    sources: tuple[str, ...] = ()
    take_over: bool = False
    loopback: bool = False
    #: The links that lead to the destination, where the port is published at the loopback.
    links: tuple[str, ...] = ()

    address_option = "to_address"
    link_option = "in_interface"

    @property
    def link(self) -> str | None:
        return self.key.in_interface

    def specs(self, ways_out: Sequence[str] = ()) -> Sequence[RuleSpec]:  # noqa: ARG002  # masquerading needs them
        """Return the rules: the forwarding of what comes in and of what the host itself sends; and its acceptance."""
        to_network = str(ip_network(self.to_address))
        to_port = str(self.to_port or self.key.ports)
        protocol = self.key.protocol
        forwarded = Criterion("ct status", "dnat")
        there = (Criterion("daddr", to_network), Criterion(f"{protocol} dport", to_port), forwarded)
        back = (Criterion("saddr", to_network), Criterion(f"{protocol} sport", to_port), forwarded)
        specs = list(self._translating())
        for clients in (address_criteria("saddr", network) for network in self.hairpin):
            role = _limited(HAIRPIN, *(each.value for each in clients))
            specs.append(RuleSpec(role, POSTROUTING, (*clients, *there), "masquerade"))
        specs += [
            RuleSpec(_limited(ACCEPT_IN, source), FORWARD, (*self._sender(source), *there), "accept")
            for source in self.sources or (None,)
        ]
        if self.loopback:
            port = Criterion(f"{protocol} dport", self.key.ports)
            specs += rules_for(port, there, format_destination(self.to_address, self.to_port), self.links)
        # A connection that the destination itself opens from this port can be translated as well, by another rule.
        returning = (*back, Criterion("ct state", "established,related"))
        return (*specs, RuleSpec(ACCEPT_REPLIES, FORWARD, returning, "accept"))

    def _translating(self) -> Iterator[RuleSpec]:
        """Yield the rules that translate the destination: one for each network, as iptables has no sets."""
        published = (Criterion(f"{self.key.protocol} dport", self.key.ports), *self._addresses())
        target = format_destination(self.to_address, self.to_port)
        for source in self.sources or (None,):
            role, criteria = _limited(DNAT, source), (*self._sender(source), *published)
            yield RuleSpec(role, PREROUTING, criteria, "dnat", target)
            if not self.key.in_interface:  # what the host itself sends came in by no interface
                yield RuleSpec(role, OUTPUT, (*criteria, *self._not_loopback()), "dnat", target)

    def _sender(self, source: str | None) -> tuple[Criterion, ...]:
        interface = self.key.in_interface
        found = (Criterion("iifname", interface) if interface else None, Criterion("saddr", source) if source else None)
        return tuple(criterion for criterion in found if criterion is not None)

    def published(self) -> Published:
        """Return what is published, for the search for services of the router itself."""
        key = self.key
        return Published(
            self.namespace,
            key.protocol,
            key.first_and_last,
            key.version,
            key.address,
            key.in_interface,
            self.loopback,
        )

    def _addresses(self) -> tuple[Criterion, ...]:
        address = self.key.address
        return (Criterion("daddr", str(ip_network(address))) if address else Criterion("fib daddr type", "local"),)

    def _not_loopback(self) -> tuple[Criterion, ...]:
        # What the host sends to 127.0.0.1 has that as its source as well, and would be dropped on its way out.
        return () if self.key.address else (Criterion("daddr", LOOPBACKS[self.version], negated=True),)

    @property
    def behind(self) -> validation.Network:
        # Not a network of `hairpin`: these say who else is there, and lead over other links, too.
        return ip_network(self.to_address)

    def flows(self, former: frozenset[str] = frozenset()) -> PublishedFlows:  # noqa: ARG002  # masquerading needs them
        return replace(
            self.key.flows(),
            to_address=self.to_address,
            to_port=self.to_port,
            hairpin=self.hairpin,
            sources=self.sources,
            loopback=self.loopback,
        )

    def firewalld_rule(self) -> str | None:
        # firewalld accepts every connection whose destination was translated, whoever translated it.
        return ""


class PortForwardScheme(RuleScheme):
    verb = "port forward"
    past = "published"

    def mark(self, owner: str, key: RuleKey) -> str:
        return f"{MARK}{owner} {key}"

    def recognise(self, place: Place, rule: Rule) -> RecognisedRule | None:
        comment = rule.comment or ""
        if not comment.startswith(MARK):
            return None
        owner, _space, published = comment[len(MARK) :].partition(" ")
        listener = Listener.from_text(published)
        return RecognisedRule(owner, _role(place, rule), listener) if listener else None

    def specs(self, key: RuleKey) -> Sequence[RuleSpec]:  # noqa: ARG002  # a listener does not know its destination
        return ()

    def position(self, spec: RuleSpec, rules: Sequence[Rule], end: int) -> int:
        return 0 if spec.hook == LOOPBACK else super().position(spec, rules, end)


SCHEME = PortForwardScheme()


def _role(place: Place, rule: Rule) -> str:
    """Return the role of a rule, which its chain and its conditions show."""
    hook = hook_of(place)
    if hook == LOOPBACK:
        return role_in_guard(rule)
    if hook in NAT_HOOKS and NETWORK in rule.values("daddr") | rule.values("saddr"):
        return ROLE
    if hook in NAT_HOOKS:
        return _limited(HAIRPIN if hook == POSTROUTING else DNAT, *rule.values("saddr"))
    return _limited(ACCEPT_IN, *rule.values("saddr")) if rule.values("daddr") else ACCEPT_REPLIES


def _limited(role: str, *sources: str | None) -> str:
    """Return the role of a rule that is for the connections of one network only."""
    return " ".join([role, *sorted(filter(None, sources))])


class PortForwardPlanner(NatPlanner[WantedForward]):
    scheme = SCHEME

    def __init__(self, actual: Actual, call: Call[WantedForward]) -> None:
        super().__init__(actual, call)
        #: The links that take packets of the loopback's addresses, although they did not when they were read.
        self._localnet: set[tuple[NamespaceName, str]] = set()
        self._redirections: dict[tuple[NamespaceName, int], list[tuple[Place, Rule, str | None]]] = {}

    def check_entries(self, present: Sequence[WantedForward]) -> Iterator[InvalidEntry]:
        yield from _find_collisions(present)
        for wanted in present:
            yield from self._find_redirections(wanted) or self._find_listener(wanted)
        yield from find_unreached(present, self._actual.loopback)
        if self._actual.listeners.unreadable:
            self.warn(
                "port",
                "whether the router itself listens on a published port is not known, the kernel does not list its "
                f"sockets ({self._actual.listeners.unreadable})",
            )
        yield from _find_long_marks(present, self.call.owner or "")

    def present(self, wanted: WantedForward) -> None:
        if wanted.loopback:
            links = self._actual.loopback.links.get((wanted.namespace, str(wanted.behind)), ())
            wanted = replace(wanted, links=links)
        super().present(wanted)

    def _turn_on_forwarding(
        self, wanted: WantedForward, before: dict[str, Any], after: dict[str, Any]
    ) -> Sequence[Operation]:
        steps = [*super()._turn_on_forwarding(wanted, before, after)]
        for link in wanted.links:
            where = (wanted.namespace, link)
            if where not in self._localnet and self._actual.loopback.value(*where) != "1":
                parameter = parameter_of(link)
                before[parameter], after[parameter] = "0", "1"
                steps.append(SetSysctl(wanted.namespace, parameter, "1"))
            self._localnet.add(where)
        return steps

    def finish(self) -> None:
        super().finish()
        for name, rules in self._rulesets.items():
            before, after, steps = close_links(name, self._actual.loopback, rules.original, rules.ruleset())
            if steps:
                where = Entry(f"{name or 'host'}: loopback")
                self.changes.append(Change(where, f"loopback {name or 'host'}", before, after, tuple(steps)))

    def _find_listener(self, wanted: WantedForward) -> list[InvalidEntry]:
        """Find a service of the router itself that would lose the port; one that has lost it already is left alone."""
        listener = self._actual.listeners.found.get(wanted.published())
        if listener is None or self._rules(wanted.namespace).owned(wanted.key):
            return []
        router = f"the namespace {wanted.namespace}" if wanted.namespace else "the host"
        return [
            InvalidEntry(
                wanted.entry,
                "port",
                f"{router} itself listens on {wanted.key.protocol} {listener}, and would no longer be reached there; "
                "choose another port, limit the entry by `address` or `in_interface`, or set `take_over: true`",
            )
        ]

    def _find_redirections(self, wanted: WantedForward) -> list[InvalidEntry]:
        """Find a rule of another owner, or of another program, that leads the port elsewhere."""
        key, published, local = wanted.key, wanted.published(), self._actual.local_addresses.get(wanted.namespace, ())
        for place, rule, owner in self._foreign(wanted.namespace, key.version):
            if takes_packets_of(rule, published, local):
                error = InvalidEntry(
                    wanted.entry,
                    "port",
                    f"{key.protocol} port {key.ports} is already led elsewhere, by "
                    f"{describe_redirection(place, rule, owner)}; choose another port, remove that rule first, or give "
                    "each its own `address` or `in_interface`",
                )
                return [error]
        return []

    def _foreign(self, namespace: NamespaceName, version: int) -> list[tuple[Place, Rule, str | None]]:
        """Return the rules that lead something elsewhere and that the call leaves alone, each with its owner."""
        where = (namespace, version)
        if where not in self._redirections:
            found = self._redirections[where] = []
            ruleset = self._actual.rulesets.get(namespace)
            for place, rule in redirections(ruleset, version) if ruleset else ():
                known = SCHEME.recognise(place, rule)
                if known is None or not self._replaces(namespace, known):
                    found.append((place, rule, known.owner if known else None))
        return self._redirections[where]

    def _replaces(self, namespace: NamespaceName, known: RecognisedRule) -> bool:
        """Whether the call replaces a rule, or removes it."""
        is_own = known.owner == (self.call.owner or "")
        return is_own and (self.call.prune or (namespace, known.key) in self._listed)

    @cached_property
    def _listed(self) -> frozenset[tuple[NamespaceName, RuleKey]]:
        return frozenset((wanted.namespace, wanted.key) for wanted in self.call.entries)


class PortForwardResource(Resource[WantedForward, Actual]):
    list_option = "rules"
    identity = "port"
    backends = BACKENDS
    entry_options: Mapping[str, Mapping[str, Any]] = {
        "port": {"type": "str"},
        "protocol": {"type": "str", "choices": list(TRANSPORTS), "default": "tcp"},
        "to_address": {"type": "str"},
        "to_port": {"type": "int"},
        "address": {"type": "str"},
        "in_interface": {"type": "str"},
        "sources": {"type": "list", "elements": "str"},
        "hairpin": {"type": "list", "elements": "str"},
        "take_over": {"type": "bool", "default": False},
        "loopback": {"type": "bool", "default": False},
        **ROUTER_OPTIONS,
    }
    call_options = BACKEND_OPTIONS

    def desired(self, entry: Entry, options: Mapping[str, Any]) -> WantedForward:
        checks = Checks(entry)
        ports = checks.value("port", validation.ports, options["port"])
        to_address = checks.value("to_address", check_destination, options.get("to_address"))
        to_port = checks.value("to_port", validation.port, options.get("to_port"))
        address = checks.value("address", check_published, options.get("address"))
        in_interface = checks.value("in_interface", validation.rule_safe_interface, options.get("in_interface"))
        namespace = checks.value("namespace", validation.namespace_name, options.get("namespace"))
        if options.get("to_address") is None:
            checks.error("to_address", "is required: the destination of the port; its IP version is the entry's")
        if to_port is not None and "-" in (ports or ""):
            checks.error("to_port", f"the ports {ports} keep their numbers; omit it, or write one entry for each port")
        sources = check_sources(checks, options.get("sources"))
        hairpin = check_hairpin(checks, options.get("hairpin"), sources.values())
        check_versions(checks, to_address, {"address": address, **hairpin, **sources})
        check_loopback(checks, options, to_address)
        checks.done()
        version = ip_address(to_address).version
        return WantedForward(
            entry=entry,
            present=options["state"] == "present",
            namespace=namespace,
            key=Listener(options["protocol"], ports, version, address, in_interface),
            ip_forward=options["ip_forward"],
            accept_forward=options["accept_forward"],
            to_address=to_address,
            to_port=None if str(to_port) == ports else to_port,
            hairpin=tuple(join_values("saddr", hairpin.values())),
            sources=tuple(join_values("saddr", sources.values())),
            take_over=options["take_over"],
            loopback=options["loopback"],
        )

    def key(self, desired: WantedForward) -> object:
        return desired.namespace, desired.key

    def read(self, host: Host, call: Call[WantedForward]) -> Actual:
        published = [wanted.published() for wanted in call.entries if wanted.present and not wanted.take_over]
        actual = read(host, call, addresses=True)
        wanted = [(each.namespace, each.behind) for each in call.entries if each.present and each.loopback]
        return replace(
            actual,
            listeners=read_listeners(host, published),
            loopback=read_loopback(host, wanted, actual.rulesets),
        )

    def plan(self, actual: Actual, call: Call[WantedForward]) -> Plan:
        return PortForwardPlanner(actual, call).run()


# Checks


def _find_collisions(present: Sequence[WantedForward]) -> Iterator[InvalidEntry]:
    """Find ports that two entries of the same call publish."""
    groups: dict[object, list[WantedForward]] = {}
    for wanted in present:
        group = (str(wanted.namespace), wanted.version, wanted.key.protocol)
        groups.setdefault(group, []).append(wanted)
    for members in groups.values():
        earlier: list[WantedForward] = []
        for wanted in sorted(members, key=lambda wanted: wanted.key.first_and_last):
            first = wanted.key.first_and_last[0]
            earlier = [other for other in earlier if other.key.first_and_last[1] >= first]
            other = next((other for other in earlier if _have_common_packets(other.key, wanted.key)), None)
            if other is not None:
                yield InvalidEntry(
                    wanted.entry,
                    "port",
                    f"{wanted.key.protocol} port {wanted.key.ports} is published by {other.entry} as well; choose "
                    "another port, or give each entry its own `address` or `in_interface`",
                )
            earlier.append(wanted)


def _have_common_packets(one: Listener, other: Listener) -> bool:
    """Whether a packet can be for both, where their ports are the same."""
    return all(
        first is None or second is None or first == second
        for first, second in ((one.address, other.address), (one.in_interface, other.in_interface))
    )


def _find_long_marks(present: Sequence[WantedForward], owner: str) -> Iterator[InvalidEntry]:
    """Find entries whose rules would have a comment that the packet filter cuts off."""
    for wanted in present:
        length = len(SCHEME.mark(owner, wanted.key))
        if length > COMMENT_MAX:
            yield InvalidEntry(
                wanted.entry,
                "owner",
                f"with {owner} the comment of the rule has {length} characters, and the packet filter keeps "
                f"{COMMENT_MAX}; shorten it by {length - COMMENT_MAX}",
            )
