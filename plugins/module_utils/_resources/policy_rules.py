# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules of the packet filter that a policy needs, and how they are recognised. Pure.

A connection that the policy accepts returns from the chain: the filters of others, which come later, still apply to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import collapse_addresses, ip_network
from itertools import product
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.policies import (
    ALLOW,
    DENY,
    ESSENTIAL_TYPES,
    ICMP_TYPES,
    IN,
    OUT,
    Policy,
    PolicyRule,
)
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import Network
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import (
    COMMENT,
    EVERYTHING,
    INPUT,
    NFTABLES,
    OUTPUT,
    OWN_TABLE,
    POLICY_IN,
    POLICY_OUT,
    VERSIONS,
    Criterion,
    Place,
    Rule,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_model import (
    POLICY,
    RecognisedRule,
    RuleKey,
    RuleScheme,
    RuleSpec,
    role_of,
)

#: How the comment of a rule begins: the owner follows.
MARK = f"{COMMENT}/policy:"
DIRECTIONS = (IN, OUT)
CHAINS = {IN: POLICY_IN, OUT: POLICY_OUT}
_HOOKS = {IN: INPUT, OUT: OUTPUT}
#: By direction: the links, the peer's address, and the namespace's own.
_FIELDS = {IN: ("iifname", "saddr", "daddr"), OUT: ("oifname", "daddr", "saddr")}
_VERDICTS = {ALLOW: "return"}
_EVERYTHING = {version: ip_network(network) for version, network in EVERYTHING.items()}
#: By IP version: ICMP as a protocol, and the field of its type.
_ICMP = {4: ("icmp", "icmp type"), 6: ("ipv6-icmp", "icmpv6 type")}
#: Bytes that iptables logs before a packet (linux/netfilter_ipv4/ipt_LOG.h), less what follows the name.
_NAME_MAX = 14

#: Alternative values of one field of a rule; several are a set in nft, and rules in iptables.
_Choice = tuple[str, Sequence[str], bool]


@dataclass(frozen=True)
class PolicyKey(RuleKey):
    """The policy of a namespace, for one IP version."""

    ip_version: int

    def __str__(self) -> str:
        return f"IPv{self.ip_version}"

    @property
    def version(self) -> int:
        return self.ip_version

    def options(self) -> dict[str, Any]:
        return {}

    def flows(self) -> None:
        """Return nothing: no rule translates."""


class PolicyScheme(RuleScheme):
    verb = "policy"
    past = "limited"

    def mark(self, owner: str, key: RuleKey) -> str:  # noqa: ARG002  # it is the same for both IP versions
        return MARK + owner

    def recognise(self, place: Place, rule: Rule) -> RecognisedRule | None:
        comment = rule.comment or ""
        if not comment.startswith(MARK):
            return None
        version = VERSIONS.get(place.family, 4)
        return RecognisedRule(comment[len(MARK) :], role_of(rule.criteria, rule.verdict), PolicyKey(version))

    def specs(self, key: RuleKey) -> Sequence[RuleSpec]:  # noqa: ARG002  # it depends on the policy
        return ()


SCHEME = PolicyScheme()


def chain_of(direction: str, backend: str, family: str) -> Place:
    """Return the chain for a direction."""
    return Place(backend, family, OWN_TABLE if backend == NFTABLES else "filter", CHAINS[direction])


def caller_of(direction: str, chain: Place) -> Place | None:
    """Return the chain of iptables that has to call a chain; the kernel itself calls one of nft."""
    if chain.backend == NFTABLES:
        return None
    return Place(chain.backend, chain.family, chain.table, _HOOKS[direction].upper())


def build_rules(namespace: str, policy: Policy, direction: str, version: int, backend: str) -> list[RuleSpec]:
    """Return the rules of a chain in their order; none where the policy has nothing to say of the direction."""
    if not policy.limits(direction):
        return []
    # Only what is logged has the name, and many namespaces have the same rules.
    is_logged = any(rule.log for rule in policy.rules_of(direction))
    rules = (policy.default(direction), tuple(policy.rules_of(direction)))
    return _build_rules(namespace if is_logged else "", *rules, direction, version, backend)


@lru_cache(maxsize=1024)
def _build_rules(
    namespace: str, default: str, rules: tuple[PolicyRule, ...], direction: str, version: int, backend: str
) -> list[RuleSpec]:
    found: dict[str, RuleSpec] = {}
    for choices, verdict, target in _build_all(namespace, default, rules, direction, version, backend):
        for criteria in _combine(choices, backend):
            spec = RuleSpec(role_of(criteria, verdict, target), POLICY, criteria, verdict, target)
            found.setdefault(spec.role, spec)  # a second one that does the same has no effect
    return list(found.values())


def _build_all(
    namespace: str, default: str, rules: tuple[PolicyRule, ...], direction: str, version: int, backend: str
) -> Iterator[tuple[list[_Choice], str, str]]:
    """Yield the conditions, the verdict and the target of each rule."""
    link = _FIELDS[direction][0]
    yield [(link, ["lo"], False)], "return", ""
    yield [("ct state", ["established,related"], False)], "return", ""
    yield [(_ICMP[version][1], [str(number) for number in ESSENTIAL_TYPES[version]], False)], "return", ""
    for rule in rules:
        choices = _conditions(rule, direction, version, backend)
        if choices is not None:
            if rule.log:
                yield choices, "log", _log_prefix(namespace, direction, rule.action)
            yield choices, _VERDICTS.get(rule.action, rule.action), ""
    if default == DENY:
        yield [], "drop", ""


def _conditions(rule: PolicyRule, direction: str, version: int, backend: str) -> list[_Choice] | None:
    """Return the conditions of a rule; None where no packet of the IP version meets them."""
    _link, peer, local = _FIELDS[direction]
    found: list[_Choice] = []
    for field, given in ((peer, rule.peers), (local, rule.local)):
        networks = _of_version(given, version)
        if given and not networks:
            return None
        if networks and networks != [_EVERYTHING[version]]:
            found.append((field, _texts(networks), False))
    excluded = _of_version(rule.excluded, version)
    if excluded == [_EVERYTHING[version]]:
        return None
    if excluded and backend == NFTABLES:
        found.append((peer, _texts(excluded), True))
    elif excluded:
        found.append((peer, _texts(_complement(excluded, version)), False))
    transport = _transport(rule, version)
    return None if transport is None else [*found, *transport]


def _transport(rule: PolicyRule, version: int) -> list[_Choice] | None:
    if rule.protocol == "icmp":
        protocol, field = _ICMP[version]
        if not rule.icmp_types:
            return [("l4proto", [protocol], False)]
        known = [ICMP_TYPES[name] for name in rule.icmp_types]
        numbers = sorted({str(numbers[version]) for numbers in known if version in numbers})
        return [(field, numbers, False)] if numbers else None
    if rule.ports:
        return [(f"{rule.protocol} dport", rule.ports, False)]
    return [("l4proto", [rule.protocol], False)] if rule.protocol else []


def _combine(choices: Sequence[_Choice], backend: str) -> Iterator[tuple[Criterion, ...]]:
    if backend == NFTABLES:
        yield tuple(
            Criterion(field, values[0], negated)
            if len(values) == 1
            else Criterion(f"{field} set", " ".join(values), negated)
            for field, values, negated in ((field, _in_order(field, each), negated) for field, each, negated in choices)
        )
        return
    for values in product(*(each for _field, each, _negated in choices)):
        yield tuple(Criterion(field, value, negated) for (field, _each, negated), value in zip(choices, values))


def _in_order(field: str, values: Sequence[str]) -> Sequence[str]:
    """Return the values of a set as they are read."""
    return sorted(values) if "type" in field else values


@lru_cache(maxsize=1024)  # many namespaces have the same peers
def _of_version(networks: tuple[Network, ...], version: int) -> list[Network]:
    found: list[Any] = [network for network in networks if network.version == version]
    return list(collapse_addresses(found))


def _texts(networks: Iterable[Network]) -> list[str]:
    return [str(network) for network in networks]


def _complement(networks: Iterable[Network], version: int) -> list[Network]:
    """Return the networks that have all other addresses."""
    left: list[Any] = [_EVERYTHING[version]]
    for network in networks:
        left = [
            part for whole in left for part in (whole.address_exclude(network) if network.subnet_of(whole) else [whole])
        ]
    return list(collapse_addresses(left))


def _log_prefix(namespace: str, direction: str, action: str) -> str:
    # No tool quotes what is in it in the same way.
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", namespace)[:_NAME_MAX]
    return f"{name} {direction} {action}: "
