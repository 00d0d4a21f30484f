# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A port that is published at the router's loopback addresses as well: what it needs, and what it must not open.

What the router sends to 127.0.0.1 has that as its source, and leaves by a link only if the link's `route_localnet` is
set (__mkroute_output() in net/ipv4/route.c). Then the kernel also takes packets from the link that have such a source
or destination (ip_route_input_slow(), ip_mc_validate_source()): a neighbour would reach services that listen on the
loopback only. A rule for each link drops these. The kernel has no such parameter for IPv6.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Operation
from ansible_collections.netns.fabric.plugins.module_utils._core.sysctl_names import join_key
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import (
    LOOPBACK,
    OUTPUT,
    POSTROUTING,
    Criterion,
    Rule,
    Ruleset,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.operations import SetSysctl
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import NamespaceName
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_model import RuleSpec, WantedNat, hook_of

#: The addresses of a host itself (RFC 1122, 3.2.1.3).
NETWORK = "127.0.0.0/8"
#: The roles of the rules; that of a guard is followed by its direction and link.
ROLE, GUARD = "loopback", "guard"

_PARAMETER = "route_localnet"


def parameter_of(link: str) -> str:
    """Return the kernel parameter by which a link takes and sends packets of the loopback's addresses."""
    return join_key("ipv4.conf", link, _PARAMETER)


@dataclass(frozen=True)
class LoopbackState:
    """Where entries lead, by namespace and destination, and the parameter of each link of a namespace."""

    links: Mapping[tuple[NamespaceName, str], tuple[str, ...]] = field(default_factory=dict)
    values: Mapping[NamespaceName, Mapping[str, str]] = field(default_factory=dict)

    def value(self, namespace: NamespaceName, link: str) -> str:
        """Return the parameter of a link; one that an earlier call of a simulation creates has the default."""
        found = self.values.get(namespace, {})
        return found.get(link, found.get("default", "0"))


def rules_for(port: Criterion, there: Iterable[Criterion], target: str, links: Iterable[str]) -> Iterator[RuleSpec]:
    """Yield the rules of a port that leads to a target: `there` are the conditions of what is translated already."""
    yield RuleSpec(ROLE, OUTPUT, (port, Criterion("daddr", NETWORK)), "dnat", target)
    yield RuleSpec(ROLE, POSTROUTING, (Criterion("saddr", NETWORK), *there), "masquerade")
    for link in links:
        # An answer to what the router has sent comes in with the router's address, and is translated back before this.
        to_loopback = (Criterion("iifname", link), Criterion("daddr", NETWORK), Criterion("ct state", "new"))
        yield RuleSpec(f"{GUARD} daddr {link}", LOOPBACK, to_loopback, "drop")
        from_loopback = (Criterion("iifname", link), Criterion("saddr", NETWORK))
        yield RuleSpec(f"{GUARD} saddr {link}", LOOPBACK, from_loopback, "drop")


def role_in_guard(rule: Rule) -> str:
    """Return the role of a rule that guards the loopback."""
    return " ".join([GUARD, "daddr" if rule.values("daddr") else "saddr", *sorted(rule.values("iifname"))])


def guarded_links(ruleset: Ruleset) -> Iterator[str]:
    """Yield the links for which the collection has a rule that guards the loopback."""
    for place, chain in ruleset.chains.items():
        if hook_of(place) == LOOPBACK:
            for rule in chain.rules:
                yield from rule.values("iifname") if rule.is_own else ()


def close_links(
    namespace: NamespaceName, state: LoopbackState, before: Ruleset, after: Ruleset
) -> tuple[dict[str, Any], dict[str, Any], list[Operation]]:
    """Plan that links whose last guard is removed no longer take packets of the loopback's addresses.

    Returns:
        The parameters before and after, and the operations.
    """
    links = sorted({*guarded_links(before)} - {*guarded_links(after)})
    parameters = [parameter_of(link) for link in links if state.values.get(namespace, {}).get(link) == "1"]
    steps: list[Operation] = [SetSysctl(namespace, parameter, "0") for parameter in parameters]
    return dict.fromkeys(parameters, "1"), dict.fromkeys(parameters, "0"), steps


def find_unreached(present: Iterable[WantedNat], state: LoopbackState) -> Iterator[InvalidEntry]:
    """Find entries that publish at the loopback and whose destination no link leads to."""
    for wanted in present:
        if state.links.get((wanted.namespace, str(wanted.behind))) == ():
            yield InvalidEntry(
                wanted.entry,
                "loopback",
                f"no link of {wanted.namespace or 'the host'} leads to {wanted.behind.network_address}; give one an "
                "address of its network, or omit the option",
            )
