# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Masquerading: options, the rules that an entry needs, and the plan. Pure, except for read()."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core import validation
from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._core.nat_values import (
    excluded_network,
    find_everything,
    format_pool,
    source_network,
    source_pool,
)
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call, Resource
from ansible_collections.netns.fabric.plugins.module_utils._firewall.firewalld_policy import rich_rule
from ansible_collections.netns.fabric.plugins.module_utils._firewall.flows import MasqueradedFlows
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import (
    CLAMP_MSS,
    COMMENT,
    FORWARD,
    MSS,
    MULTICAST,
    POSTROUTING,
    Criterion,
    Place,
    Rule,
    format_flags,
    join_values,
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
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_plan import NatPlanner
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_read import Actual, read

#: How the comment of a rule begins; the owner follows.
MARK = f"{COMMENT}:"
#: How it ends where the rule names an interface and the entry does not.
ANY_INTERFACE = " any"

MASQUERADE, ACCEPT_OUT, ACCEPT_REPLIES, CLAMP_REPLIES = "masquerade", "out", "replies", f"{CLAMP_MSS} replies"


@dataclass(frozen=True)
class Source(RuleKey):
    """What an entry is about: the network behind the router, and the interface in front of it (None: any)."""

    source: str
    out_interface: str | None = None

    def __str__(self) -> str:
        return self.source or "a rule without a source"

    @property
    def version(self) -> int:
        return 6 if ":" in self.source else 4

    def options(self) -> dict[str, Any]:
        interface = {"out_interface": self.out_interface} if self.out_interface else {}
        return {"source": self.source, **interface}

    def flows(self) -> MasqueradedFlows | None:
        return MasqueradedFlows(self.source, self.out_interface, masqueraded=False) if self.source else None

    def specs(
        self, ways_out: Sequence[str] = (), excluded: Sequence[str] = (), to_source: str | None = None
    ) -> tuple[RuleSpec, ...]:
        """Return the rules: traffic from the network, but to itself, multicast and excluded networks; its acceptance.

        What is accepted leaves by the entry's interface, or by one of those that lead outside, and comes back by it.
        The criteria of each are in the order in which they are written.
        """
        by = (Criterion("oifname", self.out_interface),) if self.out_interface else ()
        others = (Criterion("daddr", network, negated=True) for network in (MULTICAST[self.version], *excluded))
        verdict, target = ("snat", to_source) if to_source else ("masquerade", "")
        rule = RuleSpec(MASQUERADE, POSTROUTING, (*self._leaving(), *by, *others), verdict, target)
        if self.out_interface:
            return (rule, *self._accepting(self.out_interface))
        return (rule, *(spec for link in ways_out for spec in self._accepting(link, ANY_INTERFACE)))

    def clamping(self) -> Iterator[RuleSpec]:
        """Yield the rules that limit the segments of TCP: what each end offers limits what the other one sends."""
        opening = Criterion("tcp flags", format_flags(["syn"], ["syn", "rst"]))
        out, back = (
            (Criterion(field, self.out_interface),) if self.out_interface else () for field in ("oifname", "iifname")
        )
        yield RuleSpec(CLAMP_MSS, MSS, (*self._leaving(), *out, opening), CLAMP_MSS)
        returning = (Criterion("saddr", self.source, negated=True), Criterion("daddr", self.source))
        yield RuleSpec(CLAMP_REPLIES, MSS, (*returning, *back, opening), CLAMP_MSS)

    def _leaving(self) -> tuple[Criterion, Criterion]:
        return Criterion("saddr", self.source), Criterion("daddr", self.source, negated=True)

    def _accepting(self, link: str, note: str = "") -> Iterator[RuleSpec]:
        leaving = (*self._leaving(), Criterion("oifname", link))
        yield RuleSpec(f"{ACCEPT_OUT} {link}", FORWARD, leaving, "accept", note=note)
        returning = (
            Criterion("saddr", self.source, negated=True),
            Criterion("daddr", self.source),
            Criterion("iifname", link),
            Criterion("ct state", "established,related"),
        )
        yield RuleSpec(f"{ACCEPT_REPLIES} {link}", FORWARD, returning, "accept", note=note)


class MasqueradeScheme(RuleScheme):
    verb = "masquerade"
    past = "masqueraded"

    def mark(self, owner: str, key: RuleKey) -> str:  # noqa: ARG002  # the comment is the same for all
        return MARK + owner

    def recognise(self, place: Place, rule: Rule) -> RecognisedRule | None:  # noqa: ARG002  # the rule says all
        if not (rule.comment or "").startswith(MARK):
            return None
        owner, space, _any = (rule.comment or "")[len(MARK) :].partition(" ")
        found = recognise_source(rule)
        if found is None:
            return None
        role, source = found
        return RecognisedRule(owner, role, Source(source.source) if space else source)

    def specs(self, key: RuleKey) -> Sequence[RuleSpec]:  # noqa: ARG002  # a source does not know what is excluded
        return ()


SCHEME = MasqueradeScheme()


def recognise_source(rule: Rule) -> tuple[str, Source] | None:
    """Return the role of a rule, its network and its interface, also where somebody has altered it."""
    sources, destinations = rule.values("saddr"), rule.values("daddr")
    leaving, entering = _only(rule.values("oifname")), _only(rule.values("iifname"))
    if rule.verdict in ("masquerade", "snat"):
        return MASQUERADE, Source(_only(sources) or "", leaving)
    if rule.verdict not in ("accept", CLAMP_MSS):
        return None
    is_clamping = rule.verdict == CLAMP_MSS
    if sources and sources <= rule.values("daddr", negated=True):
        role = CLAMP_MSS if is_clamping else f"{ACCEPT_OUT} {leaving or ''}".strip()
        return role, Source(_only(sources) or "", leaving)
    if destinations and destinations <= rule.values("saddr", negated=True):
        role = CLAMP_REPLIES if is_clamping else f"{ACCEPT_REPLIES} {entering or ''}".strip()
        return role, Source(_only(destinations) or "", entering)
    return None


def _only(values: set[str]) -> str | None:
    return next(iter(values)) if len(values) == 1 else None


@dataclass(frozen=True)
class WantedMasquerade(WantedNat):
    """A network that is to be masqueraded, or no longer."""

    key: Source
    #: The networks towards which nothing is masqueraded, in order.
    excluded: tuple[str, ...] = ()
    #: The address, or the range of addresses, that packets get instead of that of the interface they leave by.
    to_source: str | None = None
    clamp_mss: bool = False

    address_option = "source"
    link_option = "out_interface"

    @property
    def link(self) -> str | None:
        return self.key.out_interface

    @property
    def leaves_by_any(self) -> bool:
        return self.link is None

    def specs(self, ways_out: Sequence[str] = ()) -> Sequence[RuleSpec]:
        clamping = self.key.clamping() if self.clamp_mss else ()
        return (*self.key.specs(ways_out, self.excluded, self.to_source), *clamping)

    @property
    def features(self) -> Sequence[str]:
        return (CLAMP_MSS,) if self.clamp_mss else ()

    @property
    def behind(self) -> validation.Network:
        return ip_network(self.key.source)

    def flows(self, former: frozenset[str] = frozenset()) -> MasqueradedFlows:
        key = self.key
        return MasqueradedFlows(key.source, key.out_interface, True, self.excluded, self.to_source, former)

    def firewalld_rule(self) -> str | None:
        # A rich rule cannot match the interface that a packet leaves by, and any interface is more than was asked for.
        return None if self.key.out_interface else rich_rule(self.version, self.key.source)

    def firewalld_advice(self) -> str:
        return (
            f"accept it there: `firewall-cmd --permanent --zone=trusted --add-source={self.key.source}` and "
            "`firewall-cmd --reload`"
            + (", or omit `out_interface`, which a rule of firewalld cannot match" if self.link else "")
        )


class MasqueradePlanner(NatPlanner[WantedMasquerade]):
    scheme = SCHEME

    def check_entries(self, present: Sequence[WantedMasquerade]) -> Iterator[InvalidEntry]:
        return _find_overlaps(present)


class MasqueradeResource(Resource[WantedMasquerade, Actual]):
    list_option = "rules"
    identity = "source"
    backends = BACKENDS
    entry_options: Mapping[str, Mapping[str, Any]] = {
        "source": {"type": "str"},
        "out_interface": {"type": "str"},
        "excluded_destinations": {"type": "list", "elements": "str"},
        "to_source": {"type": "str"},
        "clamp_mss": {"type": "bool", "default": False},
        **ROUTER_OPTIONS,
    }
    call_options = BACKEND_OPTIONS

    def desired(self, entry: Entry, options: Mapping[str, Any]) -> WantedMasquerade:
        checks = Checks(entry)
        source = checks.value("source", source_network, options["source"])
        out_interface = checks.value("out_interface", validation.rule_safe_interface, options.get("out_interface"))
        excluded = checks.each("excluded_destinations", excluded_network, options.get("excluded_destinations"))
        everything = find_everything(excluded)
        if everything is not None:
            cause = f"are together {everything}, every address, so that nothing is masqueraded; remove the entry"
            checks.error("excluded_destinations", cause)
        pool = checks.value("to_source", source_pool, options.get("to_source"))
        namespace = checks.value("namespace", validation.namespace_name, options.get("namespace"))
        _check_versions(checks, source, excluded, pool)
        checks.done()
        return WantedMasquerade(
            entry=entry,
            present=options["state"] == "present",
            namespace=namespace,
            key=Source(str(source), out_interface),
            excluded=tuple(join_values("daddr", map(str, excluded))),
            to_source=format_pool(pool) if pool else None,
            clamp_mss=options["clamp_mss"],
            ip_forward=options["ip_forward"],
            accept_forward=options["accept_forward"],
        )

    def key(self, desired: WantedMasquerade) -> object:
        return desired.namespace, desired.key

    def read(self, host: Host, call: Call[WantedMasquerade]) -> Actual:
        return read(host, call, firewalld=True)

    def plan(self, actual: Actual, call: Call[WantedMasquerade]) -> Plan:
        return MasqueradePlanner(actual, call).run()


# Checks


def _check_versions(
    checks: Checks,
    source: validation.Network | None,
    excluded: Sequence[validation.Network],
    pool: tuple[validation.Address, validation.Address] | None,
) -> None:
    """Check that all addresses of an entry are of the same IP version."""
    if source is None:
        return
    version = source.version
    given = [("excluded_destinations", str(network), int(network.version)) for network in excluded]
    given += [("to_source", format_pool(pool), pool[0].version)] if pool else []
    for option, value, other in given:
        if other != version:
            checks.error(option, f"{value} is not IPv{version}, which {source} is; write one entry for each IP version")


def _find_overlaps(present: Sequence[WantedMasquerade]) -> Iterator[InvalidEntry]:
    """Find networks that lie within others of the same call."""
    enclosing: list[tuple[Any, WantedMasquerade]] = []
    for network, wanted in sorted(
        ((ip_network(wanted.key.source), wanted) for wanted in present),
        key=lambda pair: (str(pair[1].namespace), pair[1].version, int(pair[0].network_address), pair[0].prefixlen),
    ):
        while enclosing and not _contains(*enclosing[-1], network, wanted):
            enclosing.pop()
        for _outer_network, outer in enclosing:
            interfaces = {outer.key.out_interface, wanted.key.out_interface}
            if None in interfaces or len(interfaces) == 1:
                yield InvalidEntry(
                    wanted.entry,
                    "source",
                    f"{wanted.key.source} overlaps {outer.key.source} of {outer.entry}: traffic from the one to the "
                    "other would be masqueraded by one rule and not by the other; remove one entry, or give each its "
                    "own `out_interface`",
                )
                break
        enclosing.append((network, wanted))


def _contains(outer_network: Any, outer: WantedMasquerade, network: Any, wanted: WantedMasquerade) -> bool:
    same = (outer.namespace, outer.version) == (wanted.namespace, wanted.version)
    return same and bool(network.subnet_of(outer_network))
