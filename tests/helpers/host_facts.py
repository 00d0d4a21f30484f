# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts of a host as topology_info collects them, written by hand, and what topology_info returns for them."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._facts.model import (
    SUBSETS,
    Filters,
    HostFacts,
    NamespaceFacts,
)
from ansible_collections.netns.fabric.plugins.module_utils._facts.report import report
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import (
    NFTABLES,
    Chain,
    Place,
    Rule,
    Ruleset,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import (
    End,
    Identity,
    KernelState,
    Link,
    NamespaceState,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Bridge, Interface, Port, Switch
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_masquerade import Source

ALL = frozenset(SUBSETS)
#: A namespace without a name.
PATH = "/proc/77/ns/net"
LO = Link(1, "lo", loopback=True, up=True, mtu=65536, mac="00:00:00:00:00:00")
OWNED_LO = Link(1, "lo", loopback=True, up=True, mtu=65536, alias="netns.fabric:lab")

#: A bridge with the port tap0, whose link has the index 5.
SWITCH = Switch(
    bridges=(
        Bridge(
            "br0",
            datapath_type="netdev",
            ports=(
                Port("br0", (Interface("br0", type="internal", ofport=65534),)),
                Port("tap0", (Interface("tap0", ofport=1, ifindex=5),), tag=7),
            ),
        ),
    ),
    running=True,
)

#: The rules that masquerading 10.0.0.0/24 needs, and the chain for the first of them.
MASQUERADE_PARTS = Source("10.0.0.0/24").specs(["eth0"])
POSTROUTING = Place(NFTABLES, "ip", "netns_fabric", "postrouting")


def veth(index: int, name: str, peer: End, **more: Any) -> Link:
    """Return one end of a veth pair."""
    defaults = {"mac": f"02:00:00:00:00:{index:02x}", "up": True, "tx_checksum": True, "kind": "veth"}
    return Link(index, name, peer=peer, **{**defaults, **more})


def namespace(name: str | None, *links: Link, **more: Any) -> NamespaceState:
    """Return a namespace; None is the host's own."""
    return NamespaceState(name, links=links, **more)


def host_facts(*namespaces: NamespaceState, **more: Any) -> HostFacts:
    """Return the facts of a host with these namespaces; its own has just a loopback unless it comes first."""
    if not namespaces or namespaces[0].name is not None:
        namespaces = (namespace(None, LO), *namespaces)
    by_name = {state.name: state for state in namespaces}
    identities = {name: Identity(100 + number, number - 1 if number else None) for number, name in enumerate(by_name)}
    defaults: dict[str, Any] = {
        "wanted": ALL,
        "kernel": KernelState(by_name),
        "identities": identities,
        "inside": {name: NamespaceFacts() for name in by_name},
    }
    return HostFacts(**{**defaults, **more})


def reported(facts: HostFacts, **filters: Any) -> dict[str, Any]:
    """Return the module's result, which JSON must be able to hold."""
    result = report(facts, Filters(**filters))
    json.dumps(result)
    return result


def nat_ruleset(*rules: Rule, forward: Chain | None = None) -> Ruleset:
    """Return these rules in the chain POSTROUTING, beside a chain on the forward hook."""
    chains = {POSTROUTING: Chain(POSTROUTING, "postrouting", "accept", "nat", rules)}
    if forward is not None:
        chains[forward.place] = forward
    return Ruleset(chains)


def masquerade_rule(comment: str | None) -> Rule:
    """Return the rule that masquerades 10.0.0.0/24, with the comment that names its owner."""
    return Rule(frozenset(MASQUERADE_PARTS[0].criteria), "masquerade", comment=comment)
