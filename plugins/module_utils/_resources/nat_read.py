# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads what the NAT modules need to know of a host: rulesets, IP forwarding, firewalld's policy, default routes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call
from ansible_collections.netns.fabric.plugins.module_utils._core.sysctl_names import join_key
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import FORWARDING, Network, is_rule_safe
from ansible_collections.netns.fabric.plugins.module_utils._firewall.backend import FIREWALL
from ansible_collections.netns.fabric.plugins.module_utils._firewall.firewalld import FIREWALLD
from ansible_collections.netns.fabric.plugins.module_utils._firewall.firewalld_policy import (
    DISPATCH_CHAIN,
    Policy,
    policy_name,
)
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import Ruleset, Tools
from ansible_collections.netns.fabric.plugins.module_utils._kernel.access import KERNEL
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import (
    KernelState,
    NamespaceName,
    NamespaceState,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_conflicts import local_addresses
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_forwarding import (
    Router,
    forwarding_parameter,
    links_towards,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_listeners import Listeners
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_loopback import (
    LoopbackState,
    guarded_links,
    parameter_of,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_model import WantedNat
from ansible_collections.netns.fabric.plugins.module_utils._resources.planned_addresses import (
    planned_addresses,
    with_planned,
)

#: rtnetlink(7), linux/rtnetlink.h: the kernel, or a daemon, has the route from a router advertisement (RFC 4861).
_BY_ADVERTISEMENT = 9

#: What a call leaves to the next NAT module of a sequence in check mode, see Plan.simulated: rulesets by namespace.
SIMULATED_RULESETS = "NAT rulesets"


@dataclass(frozen=True)
class Actual:
    """The state of the host.

    `forwarding` is the value of the kernel parameter for an IP version in a namespace; None where there is none.
    """

    kernel: KernelState = field(default_factory=KernelState)
    tools: Tools = field(default_factory=Tools)
    rulesets: Mapping[NamespaceName, Ruleset] = field(default_factory=dict)
    forwarding: Mapping[tuple[NamespaceName, int], str | None] = field(default_factory=dict)
    #: The namespaces that forward IPv4, and have links that do not.
    routers: Mapping[NamespaceName, Router] = field(default_factory=dict)
    #: The namespaces in which a chain drops forwarded packets, with their routes.
    dropping: Mapping[NamespaceName, NamespaceState] = field(default_factory=dict)
    #: The addresses at which a port is published that names none.
    local_addresses: Mapping[NamespaceName, frozenset[str]] = field(default_factory=dict)
    #: Those that earlier calls in check mode would have written.
    simulated: Mapping[NamespaceName, Ruleset] = field(default_factory=dict)
    #: The links by which a namespace has a default route that the kernel drops when IPv6 forwarding is turned on.
    advertised: Mapping[NamespaceName, Sequence[str]] = field(default_factory=dict)
    #: The owner's policy, where firewalld is running.
    firewalld: Policy | None = None
    #: The host's links by which the packets of a network come, where firewalld asks for their zone.
    inner_links: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    #: The ports that are to be published and on which the router itself listens.
    listeners: Listeners = field(default_factory=Listeners)
    #: By option and backend: why the kernel cannot do it.
    lacking: Mapping[tuple[str, str], str] = field(default_factory=dict)
    #: Whether the owner has a policy where firewalld is not running.
    has_stopped_policy: bool = False
    #: What publishing at the loopback needs.
    loopback: LoopbackState = field(default_factory=LoopbackState)


def read(host: Host, call: Call[Any], firewalld: bool = False, addresses: bool = False) -> Actual:
    """Return the state of all that the call may touch, firewalld's and the addresses only if they are asked for."""
    named = [wanted.namespace for wanted in call.entries]
    # What is pruned may be in namespaces that no entry names, and on the host.
    others = sorted(host.use(KERNEL).namespace_names(preferred=named)) if call.prune else []
    rulesets = host.use(FIREWALL).read([*named, *([None] if call.prune else [])], all_nat=True, others=others)
    on_host = firewalld and None in rulesets
    name = policy_name(call.owner or "")
    policy = _read_policy(host, call, name, rulesets[None]) if on_host else None
    routers = {(wanted.namespace, wanted.version) for wanted in call.entries if wanted.present and wanted.ip_forward}
    forwarding = {(name, version): host.use(KERNEL).sysctl(name, FORWARDING[version]) for name, version in routers}
    simulated: Mapping[NamespaceName, Ruleset] = host.simulated.get(SIMULATED_RULESETS, {})
    new_routers = [
        name for (name, version), value in forwarding.items() if version == 6 and value == "0" and name in rulesets
    ]
    rulesets = {**rulesets, **simulated}
    closed = _read_forwarding(host, call)
    features = {feature for wanted in call.entries if wanted.present for feature in wanted.features}
    return Actual(
        kernel=host.use(KERNEL).read(wanted.namespace for wanted in call.entries if wanted.namespace or wanted.link),
        tools=host.use(FIREWALL).tools,
        rulesets=rulesets,
        forwarding=forwarding,
        routers={name: Router(state, closed[name]) for name, state in read_routes(host, closed).items()},
        dropping=read_routes(host, [name for name in dict.fromkeys(named) if _drops(rulesets.get(name))]),
        local_addresses=_read_local_addresses(host, named) if addresses else {},
        simulated=simulated,
        advertised=_read_advertised(host, new_routers),
        lacking=host.use(FIREWALL).lacking(features) if features else {},
        firewalld=policy,
        inner_links=_read_inner_links(host, call) if policy and policy.zones.dispatch else {},
        has_stopped_policy=on_host and policy is None and host.use(FIREWALLD).has_policy_file(name),
    )


def _read_policy(host: Host, call: Call[WantedNat], name: str, ruleset: Ruleset) -> Policy | None:
    networks = [str(wanted.behind) for wanted in call.entries if wanted.required_firewalld_rule()]
    dispatch = any(chain.place.chain.endswith(DISPATCH_CHAIN) for chain in ruleset.chains.values())
    return host.use(FIREWALLD).policy(name, lambda found: _needs_reload(found, call), networks, dispatch)


def _drops(ruleset: Ruleset | None) -> bool:
    return ruleset is not None and any(ruleset.obstacles(version) for version in FORWARDING)


def read_routes(host: Host, names: Collection[NamespaceName]) -> dict[NamespaceName, NamespaceState]:
    """Return the links and routes of namespaces, as earlier calls in check mode would have left them."""
    if not names:
        return {}
    planned = planned_addresses(host)
    read = host.use(KERNEL).read(names, routes=True)
    return {name: with_planned(read.namespace(name), planned) for name in names}


def read_loopback(
    host: Host, wanted: Collection[tuple[NamespaceName, Network]], rulesets: Mapping[NamespaceName, Ruleset]
) -> LoopbackState:
    """Return what the entries need to know that publish at the loopback, and those that did so before."""
    asking = dict.fromkeys(namespace for namespace, _behind in wanted)
    states = read_routes(host, [name for name in asking if name in rulesets])
    links = {
        (namespace, str(behind)): tuple(filter(is_rule_safe, links_towards(states[namespace], behind)))
        for namespace, behind in wanted
        if namespace in states
    }
    guarded = [name for name, ruleset in rulesets.items() if name in states or any(guarded_links(ruleset))]
    return LoopbackState(links, {name: host.use(KERNEL).link_sysctls(name, parameter_of("*")) for name in guarded})


def _needs_reload(policy: Policy, call: Call[WantedNat]) -> bool:
    """Whether the policy may be created or deleted; as nothing is planned yet, the answer is yes where in doubt."""
    is_needed = any(wanted.required_firewalld_rule() for wanted in call.entries)
    if policy.permanent is not None and policy.running is not None:
        return not is_needed
    return is_needed or policy != Policy(policy.name)


def _read_forwarding(host: Host, call: Call[Any]) -> dict[NamespaceName, Mapping[str, str]]:
    """Return which links forward IPv4 in the namespaces of the entries that do, and have links that do not."""
    kernel = host.use(KERNEL)
    found: dict[NamespaceName, Mapping[str, str]] = {}
    for name in dict.fromkeys(wanted.namespace for wanted in call.entries if wanted.present and wanted.version == 4):
        if kernel.sysctl(name, FORWARDING[4]) == "1":
            by_link = kernel.link_sysctls(name, forwarding_parameter("*"))
            if "0" in by_link.values():
                found[name] = by_link
    return found


def _read_inner_links(host: Host, call: Call[WantedNat]) -> dict[str, tuple[str, ...]]:
    """Return the host's links by which the packets of each network come, as earlier calls would have left them."""
    state = host.use(KERNEL).read([None], addresses=True, routes=True).namespace(None)
    state = with_planned(state, planned_addresses(host))
    networks = [wanted.behind for wanted in call.entries if wanted.namespace is None]
    return {str(network): links_towards(state, network) for network in networks}


def _read_local_addresses(host: Host, names: Sequence[NamespaceName]) -> dict[NamespaceName, frozenset[str]]:
    planned = planned_addresses(host)
    return {
        name: local_addresses(state.addresses)
        | {str(address.ip) for where, there in planned.items() if where[0] == name for address in there}
        for name, state in host.use(KERNEL).read(names, addresses=True).namespaces.items()
    }


def _read_advertised(host: Host, names: Sequence[NamespaceName]) -> dict[NamespaceName, Sequence[str]]:
    """Return the links of each namespace that have a default route from a router advertisement and accept_ra 1.

    When forwarding is turned on, the kernel drops these routes at once and accepts no others (net/ipv6/addrconf.c,
    addrconf_fixup_forwarding; ip-sysctl, accept_ra).
    """
    found: dict[NamespaceName, Sequence[str]] = {}
    for name, state in host.use(KERNEL).read(names, routes=True).namespaces.items() if names else ():
        advertised = {
            route.device
            for route in state.routes
            if route.protocol == _BY_ADVERTISEMENT and route.destination == "::/0"
        }
        links = [link.name for link in state.links if link.index in advertised]
        found[name] = [link for link in links if host.use(KERNEL).sysctl(name, accept_ra(link)) == "1"]
    return found


def accept_ra(link: str) -> str:
    """Return the kernel parameter by which a link accepts router advertisements."""
    return join_key("ipv6.conf", link, "accept_ra")
