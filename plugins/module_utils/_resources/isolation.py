# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Isolation of links: options, the rules that an entry needs, and the plan. Pure, except for read().

What enters the router by an isolated link is led to one chain, what leaves by it to another one. A chain has rules that
let a packet pass, and a last one that drops the rest. So several owners can isolate the same link: what passes is what
one of them lets pass. The rules are on the hook forward, before those of others, and a drop is final (nft(8)), whereas
what they let pass is still subject to the rules of others.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core import validation
from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._core.nat_values import sender_network
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call, Resource
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import FORWARDING, Network
from ansible_collections.netns.fabric.plugins.module_utils._firewall.backend import FIREWALL
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import (
    COMMENT,
    FAMILIES,
    FORWARD,
    FROM_PREFIX,
    MANGLE,
    NFTABLES,
    OWN_TABLE,
    TO_PREFIX,
    VERSIONS,
    Criterion,
    Place,
    Rule,
    Ruleset,
    address_criteria,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.access import KERNEL
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import NamespaceName
from ansible_collections.netns.fabric.plugins.module_utils._resources.isolation_plan import (
    Actual,
    IsolationPlanner,
    PlacedRule,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_model import (
    BACKEND_OPTIONS,
    ISOLATION,
    RecognisedRule,
    RuleKey,
    RuleScheme,
    RuleSpec,
    role_of,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_read import SIMULATED_RULESETS

#: How the comment of a rule begins: the owner follows, and after a space the link.
MARK = f"{COMMENT}/isolation:"

_REPLIES = Criterion("ct state", "established,related")
_PUBLISHED = Criterion("ct status", "dnat")
#: What both nft and iptables accept in the name of a chain.
_PLAIN = re.compile(r"[A-Za-z0-9_.-]+", re.ASCII)


@dataclass(frozen=True)
class IsolatedLink(RuleKey):
    """A link that is isolated, for one IP version."""

    link: str
    ip_version: int

    def __str__(self) -> str:
        return self.link

    @property
    def version(self) -> int:
        return self.ip_version

    def options(self) -> dict[str, Any]:
        return {"link": self.link}

    def flows(self) -> None:
        """Return nothing: no rule translates."""


def chain_name(prefix: str, link: str) -> str:
    """Return the name of a chain: iptables takes 28 characters, and neither tool quotes a name."""
    # A digest is longer than any link's name, so that no two links share a chain.
    return prefix + (link if _PLAIN.fullmatch(link) else hashlib.sha256(link.encode()).hexdigest()[:16])


class IsolationScheme(RuleScheme):
    verb = "isolate"
    past = "isolated"

    def mark(self, owner: str, key: RuleKey) -> str:
        return f"{MARK}{owner} {key}"

    def recognise(self, place: Place, rule: Rule) -> RecognisedRule | None:
        comment = rule.comment or ""
        owner, space, link = comment[len(MARK) :].partition(" ")
        if not comment.startswith(MARK) or not space:
            return None
        version = VERSIONS.get(place.family, 4)
        return RecognisedRule(owner, role_of(rule.criteria, rule.verdict, rule.target), IsolatedLink(link, version))

    def specs(self, key: RuleKey) -> Sequence[RuleSpec]:  # noqa: ARG002  # a link does not know its networks
        return ()

    def position(self, spec: RuleSpec, rules: Sequence[Rule], end: int) -> int:  # noqa: ARG002  # it is at either end
        # What may pass from one link to another is decided where it comes from.
        return 0 if spec.target.startswith(FROM_PREFIX) else end

    def misplaced(self, rules: Sequence[Rule]) -> Collection[int]:
        first = next((at for at, rule in enumerate(rules) if rule.target.startswith(TO_PREFIX)), len(rules))
        return {at for at in range(first, len(rules)) if rules[at].target.startswith(FROM_PREFIX)}


SCHEME = IsolationScheme()


def _spec(*criteria: Criterion, verdict: str, target: str = "") -> RuleSpec:
    hook = FORWARD if target else ISOLATION
    return RuleSpec(role_of(criteria, verdict, target), hook, criteria, verdict, target)


#: The rule that ends a chain.
CLOSE = _spec(verdict="drop")


@dataclass(frozen=True)
class Outbound:
    """What may leave the router: a network, by one interface or by any that is not isolated."""

    source: Network
    out_interface: str | None = None


@dataclass(frozen=True)
class Reach:
    """What may be forwarded whoever isolates it: to a network, by one interface or by any."""

    destination: Network
    out_interface: str | None = None


@dataclass(frozen=True)
class WantedIsolation:
    """A link that is to be isolated, or no longer."""

    entry: Entry
    present: bool
    link: str
    networks: tuple[Network, ...] = ()
    outbound: tuple[Outbound, ...] = ()
    reaches: tuple[Reach, ...] = ()

    def key_of(self, version: int) -> IsolatedLink:
        return IsolatedLink(self.link, version)

    def placed(self, version: int, backend: str) -> list[PlacedRule]:
        """Return the rules for one IP version, those of the chains before those that lead there."""
        from_link, to_link = chain_name(FROM_PREFIX, self.link), chain_name(TO_PREFIX, self.link)
        base = _base_chain(backend, FAMILIES[version])
        rules = [(spec, _chain(base, from_link)) for spec in self._leaving(version)]
        rules += [(_spec(passing, verdict="return"), _chain(base, to_link)) for passing in (_REPLIES, _PUBLISHED)]
        rules.append((_spec(Criterion("iifname", self.link), verdict="jump", target=from_link), base))
        return [*rules, (_spec(Criterion("oifname", self.link), verdict="jump", target=to_link), base)]

    def _leaving(self, version: int) -> Iterator[RuleSpec]:
        """Yield the rules for what the link's networks send; a packet with another source is dropped."""
        yield _spec(Criterion("oifname", self.link), verdict="accept")
        for network in self.networks:
            if network.version == version:
                source = self._comes_from(network)
                for passing in (_REPLIES, _PUBLISHED):
                    yield _spec(*source, passing, verdict="return")
                for reach in self.reaches:
                    if reach.destination.version == version:
                        to = address_criteria("daddr", str(reach.destination))
                        yield _spec(*source, *to, *_leaves_by(reach.out_interface), verdict="accept")
        for outbound in self.outbound:
            if outbound.source.version == version:
                by = _leaves_by(outbound.out_interface)
                yield _spec(*self._comes_from(outbound.source), *by, verdict="return")

    def _comes_from(self, network: Network) -> tuple[Criterion, ...]:
        # Every address is that of a packet by the link. A rule without a condition would end the chain.
        return address_criteria("saddr", str(network)) or (Criterion("iifname", self.link),)


def _leaves_by(interface: str | None) -> tuple[Criterion, ...]:
    return (Criterion("oifname", interface),) if interface else ()


def _base_chain(backend: str, family: str) -> Place:
    if backend == NFTABLES:
        return Place(NFTABLES, family, OWN_TABLE, FORWARD)
    return Place(backend, family, MANGLE, FORWARD.upper())


def _chain(base: Place, name: str) -> Place:
    return Place(base.backend, base.family, base.table, name)


class IsolationResource(Resource[WantedIsolation, Actual]):
    list_option = "links"
    identity = "link"
    backends = (FIREWALL, KERNEL)
    entry_options: Mapping[str, Mapping[str, Any]] = {
        "link": {"type": "str"},
        "networks": {"type": "list", "elements": "str"},
        "outbound": {
            "type": "list",
            "elements": "dict",
            "options": {"source": {"type": "str", "required": True}, "out_interface": {"type": "str"}},
        },
        "reaches": {
            "type": "list",
            "elements": "dict",
            "options": {"destination": {"type": "str", "required": True}, "out_interface": {"type": "str"}},
        },
    }
    call_options = BACKEND_OPTIONS

    def desired(self, entry: Entry, options: Mapping[str, Any]) -> WantedIsolation:
        checks = Checks(entry)
        link = checks.value("link", validation.rule_safe_interface, options["link"])
        networks = checks.each("networks", sender_network, options.get("networks"))
        outbound = checks.each("outbound", _check_outbound, options.get("outbound"))
        reaches = checks.each("reaches", _check_reach, options.get("reaches"))
        for number, found in enumerate(outbound):
            if not any(found.source.version == known.version and found.source.subnet_of(known) for known in networks):
                checks.error(
                    f"outbound[{number}].source",
                    f"{found.source} is not within the `networks` of the link, so that its packets are dropped; add it "
                    "there",
                )
        checks.done()
        return WantedIsolation(
            entry,
            options["state"] == "present",
            link,
            _unique(networks),
            _unique(outbound),
            _unique(reaches),
        )

    def key(self, desired: WantedIsolation) -> object:
        return desired.link

    def read(self, host: Host, call: Call[WantedIsolation]) -> Actual:  # noqa: ARG002  # it is all in one ruleset
        simulated: Mapping[NamespaceName, Ruleset] = host.simulated.get(SIMULATED_RULESETS, {})
        read = host.use(FIREWALL).read([None], all_nat=True)
        has_ipv6 = host.use(KERNEL).sysctl(None, FORWARDING[6]) is not None
        return Actual(
            kernel=host.use(KERNEL).read([None]),
            tools=host.use(FIREWALL).tools,
            ruleset={**read, **simulated}[None],
            versions=(4, 6) if has_ipv6 else (4,),
            simulated=simulated,
        )

    def plan(self, actual: Actual, call: Call[WantedIsolation]) -> Plan:
        return IsolationPlanner(actual, call, SCHEME, CLOSE, MARK).run()


# Checks


def _unique(values: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(values))


def _check_outbound(value: Mapping[str, Any]) -> Outbound:
    """Return what may leave the router.

    Raises:
        ValueError: A value is not valid.
    """
    return Outbound(sender_network(value["source"]), _check_interface(value.get("out_interface")))


def _check_reach(value: Mapping[str, Any]) -> Reach:
    """Return what may be reached.

    Raises:
        ValueError: A value is not valid.
    """
    return Reach(validation.network(value["destination"]), _check_interface(value.get("out_interface")))


def _check_interface(value: Any) -> str | None:
    return None if value is None else validation.rule_safe_interface(value)
