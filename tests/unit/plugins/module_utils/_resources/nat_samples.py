# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of the NAT modules share: states of a host, entries, and their plans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call
from ansible_collections.netns.fabric.plugins.module_utils._firewall import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import (
    IPTABLES_LEGACY,
    IPTABLES_NFT,
    NFTABLES,
    Chain,
    Criterion,
    NftTable,
    Place,
    Rule,
    Ruleset,
    Tools,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import (
    KernelState,
    Link,
    NamespaceState,
    Route,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_masquerade import (
    ACCEPT_OUT,
    ACCEPT_REPLIES,
    ANY_INTERFACE,
    MASQUERADE,
    MasqueradeResource,
    Source,
    WantedMasquerade,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_read import Actual

RESOURCE = MasqueradeResource()
SOURCE = "192.168.100.0/24"
NET = Source(SOURCE)
NET6 = Source("fd00:100::/64")
#: The link by which the host leads outside.
WAN = "eth0"
OUT, REPLIES = f"{ACCEPT_OUT} {WAN}", f"{ACCEPT_REPLIES} {WAN}"

OWN = Place(NFTABLES, "ip", "netns_fabric", "postrouting")
OWN6 = Place(NFTABLES, "ip6", "netns_fabric", "postrouting")
NAT = Place(IPTABLES_NFT, "ip", "nat", "POSTROUTING")
LEGACY_NAT = Place(IPTABLES_LEGACY, "ip", "nat", "POSTROUTING")
FORWARD = Place(IPTABLES_NFT, "ip", "filter", "FORWARD")
DOCKER = Place(IPTABLES_NFT, "ip", "filter", "DOCKER-USER")
INET_FORWARD = Place(NFTABLES, "inet", "filter", "forward")

ALL_TOOLS = Tools(
    nft=True,
    iptables={
        (IPTABLES_NFT, 4): "iptables",
        (IPTABLES_LEGACY, 4): "iptables-legacy",
        (IPTABLES_NFT, 6): "ip6tables",
        (IPTABLES_LEGACY, 6): "ip6tables-legacy",
    },
    usual={4: IPTABLES_NFT, 6: IPTABLES_NFT},
)
ONLY_IPTABLES = replace(ALL_TOOLS, nft=False)
ONLY_NFT = Tools(nft=True)

DROP = Rule(frozenset(), "drop", handle=90, arguments=("-j", "DROP"))
RETURN = Rule(frozenset(), "return", arguments=("-j", "RETURN"))


def entry(**options: Any) -> dict[str, Any]:
    defaults = {name: option.get("default") for name, option in RESOURCE.entry_options.items()}
    return {**defaults, "state": "present", **options}


def wanted(source: str = SOURCE, **options: Any) -> WantedMasquerade:
    return RESOURCE.desired(Entry(source), entry(source=source, **options))


def owned(
    role: str = MASQUERADE,
    key: Source = NET,
    owner: str = "",
    handle: int | None = None,
    addition: Criterion | None = None,
) -> Rule:
    """Return a rule of this collection, in nft if it has a handle, in iptables otherwise; `addition` alters it."""
    (proper,) = (spec.criteria for spec in key.specs([WAN]) if spec.role == role)
    verdict = "masquerade" if role == MASQUERADE else "accept"
    comment = f"netns.fabric:{owner}"
    if role != MASQUERADE and key.out_interface is None:
        comment += ANY_INTERFACE
    arguments = () if handle else op.format_iptables(proper, verdict, comment)
    if addition:
        arguments = ("altered", *arguments)
    return Rule(
        frozenset((*proper, *([addition] if addition else ()))),
        verdict,
        comment=comment,
        handle=handle,
        expressions="[]",
        arguments=arguments,
    )


def ruleset(chains: Mapping[Place, Sequence[Rule]], further: int = 0, policy: str = "drop") -> Ruleset:
    """Return chains with these rules; those that forward have the policy, those that others jump to have none."""
    found = {}
    for place, rules in chains.items():
        hook = {"forward": "forward", "postrouting": "postrouting"}.get(place.chain.lower(), "")
        kind = "filter" if place.table == "filter" else "nat"
        found[place] = Chain(place, hook, policy if hook == "forward" else "", kind, tuple(rules))
    tables = {(place.family, place.table) for place in chains if place.backend == NFTABLES}
    return Ruleset(found, {key: NftTable(*key, further=further) for key in tables})


def actual(
    host: Ruleset | None = None,
    tools: Tools = ALL_TOOLS,
    forwarding: str | None = "1",
    **namespaces: Ruleset,
) -> Actual:
    kernel = KernelState(
        {
            None: NamespaceState(None, links=(Link(1, "lo"), Link(2, "eth0"))),
            **{name: NamespaceState(name, links=(Link(1, "lo"),)) for name in namespaces},
        }
    )
    names = [None, *namespaces, "new"]
    routes = tuple(Route(destination, device=2) for destination in ("0.0.0.0/0", "::/0"))
    return Actual(
        kernel=kernel,
        tools=tools,
        rulesets={name: namespaces[name] if name else host or Ruleset() for name in [None, *namespaces]},
        forwarding={(name, version): forwarding for name in names for version in (4, 6)},
        dropping={name: NamespaceState(name, (Link(1, "lo"), Link(2, WAN)), routes=routes) for name in names},
    )


def plan(state: Actual, *entries: WantedMasquerade, **call: Any) -> Plan:
    options = {"backend": call.pop("backend", "auto")}
    return RESOURCE.plan(state, Call(entries=entries, options=options, **call))


def lines(planned: Plan) -> list[str]:
    """Return the commands without what is the same in all of them."""
    return [
        line.replace(SOURCE, "NET").replace("-w 10 ", "").replace("-m comment --comment ", "")
        for line in planned.commands
    ]


def both(**options: Any) -> list[Rule]:
    return [owned(OUT, **options), owned(REPLIES, **options)]
