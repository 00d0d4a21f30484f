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
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call, Resource
from ansible_collections.netns.fabric.plugins.module_utils._firewall.firewalld_policy import rich_rule
from ansible_collections.netns.fabric.plugins.module_utils._firewall.flows import MasqueradedFlows
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import (
    COMMENT,
    FORWARD,
    MULTICAST,
    POSTROUTING,
    Criterion,
    Place,
    Rule,
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

MASQUERADE, ACCEPT_OUT, ACCEPT_REPLIES = "masquerade", "out", "replies"


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

    def specs(self, ways_out: Sequence[str] = ()) -> tuple[RuleSpec, ...]:
        """Return the rules: traffic from the network, except to itself and multicast; and its acceptance.

        What is accepted leaves by the entry's interface, or by one of those that lead outside, and comes back by it.
        The criteria of each are in the order in which they are written.
        """
        by = (Criterion("oifname", self.out_interface),) if self.out_interface else ()
        not_multicast = Criterion("daddr", MULTICAST[self.version], negated=True)
        rule = RuleSpec(MASQUERADE, POSTROUTING, (*self._leaving(), *by, not_multicast), "masquerade")
        if self.out_interface:
            return (rule, *self._accepting(self.out_interface))
        return (rule, *(spec for link in ways_out for spec in self._accepting(link, ANY_INTERFACE)))

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

    def specs(self, key: RuleKey) -> Sequence[RuleSpec]:
        return key.specs() if isinstance(key, Source) and key.source else ()


SCHEME = MasqueradeScheme()


def recognise_source(rule: Rule) -> tuple[str, Source] | None:
    """Return the role of a rule, its network and its interface, also where somebody has altered it."""
    sources, destinations = rule.values("saddr"), rule.values("daddr")
    leaving, entering = _only(rule.values("oifname")), _only(rule.values("iifname"))
    if rule.verdict == "masquerade":
        return MASQUERADE, Source(_only(sources) or "", leaving)
    if rule.verdict != "accept":
        return None
    if sources and sources <= rule.values("daddr", negated=True):
        return f"{ACCEPT_OUT} {leaving or ''}".strip(), Source(_only(sources) or "", leaving)
    if destinations and destinations <= rule.values("saddr", negated=True):
        return f"{ACCEPT_REPLIES} {entering or ''}".strip(), Source(_only(destinations) or "", entering)
    return None


def _only(values: set[str]) -> str | None:
    return next(iter(values)) if len(values) == 1 else None


@dataclass(frozen=True)
class WantedMasquerade(WantedNat):
    """A network that is to be masqueraded, or no longer."""

    key: Source

    address_option = "source"
    link_option = "out_interface"

    @property
    def link(self) -> str | None:
        return self.key.out_interface

    @property
    def leaves_by_any(self) -> bool:
        return self.link is None

    def specs(self, ways_out: Sequence[str] = ()) -> Sequence[RuleSpec]:
        return self.key.specs(ways_out)

    @property
    def behind(self) -> validation.Network:
        return ip_network(self.key.source)

    def flows(self) -> MasqueradedFlows:
        return MasqueradedFlows(self.key.source, self.key.out_interface)

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
        **ROUTER_OPTIONS,
    }
    call_options = BACKEND_OPTIONS

    def desired(self, entry: Entry, options: Mapping[str, Any]) -> WantedMasquerade:
        checks = Checks(entry)
        source = checks.value("source", _check_source, options["source"])
        out_interface = checks.value("out_interface", validation.rule_safe_interface, options.get("out_interface"))
        namespace = checks.value("namespace", validation.namespace_name, options.get("namespace"))
        checks.done()
        return WantedMasquerade(
            entry=entry,
            present=options["state"] == "present",
            namespace=namespace,
            key=Source(source, out_interface),
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


def _check_source(value: Any) -> str:
    """Return a network whose traffic can be masqueraded, in CIDR notation.

    Raises:
        ValueError: It is not a network, or cannot be masqueraded.
    """
    network = validation.network(value)
    if network.prefixlen == 0:
        raise ValueError(
            f"{network} contains every address, so that no destination is left to masquerade it towards; "
            "name the network behind this router, for instance 192.168.100.0/24 or fd00::/64"
        )
    if network.is_multicast:
        raise ValueError(f"{network} is multicast, which is never a source; name the network of the senders")
    return str(network)


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
