# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads what the NAT modules need to know of a host: rulesets, IP forwarding, firewalld's policy, default routes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import FORWARDING
from ansible_collections.netns.fabric.plugins.module_utils._firewall.backend import FIREWALL
from ansible_collections.netns.fabric.plugins.module_utils._firewall.firewalld import FIREWALLD
from ansible_collections.netns.fabric.plugins.module_utils._firewall.firewalld_policy import Policy, policy_name
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import Ruleset, Tools
from ansible_collections.netns.fabric.plugins.module_utils._kernel.access import KERNEL
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import KernelState, NamespaceName
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_model import WantedNat

#: rtnetlink(7), linux/rtnetlink.h: the kernel, or a daemon, has the route from a router advertisement (RFC 4861).
_BY_ADVERTISEMENT = 9


@dataclass(frozen=True)
class SimulatedState:
    """What a call leaves to the next NAT module of a sequence in check mode."""

    rulesets: Mapping[NamespaceName, Ruleset] = field(default_factory=dict)
    forwarding: Mapping[tuple[NamespaceName, int], str | None] = field(default_factory=dict)

    name = "nat"

    def updated_by(self, later: SimulatedState) -> SimulatedState:
        """Return the state after a later call."""
        return SimulatedState({**self.rulesets, **later.rulesets}, {**self.forwarding, **later.forwarding})


@dataclass(frozen=True)
class Actual:
    """The state of the host.

    `forwarding` is the value of the kernel parameter for an IP version in a namespace; None where there is none.
    """

    kernel: KernelState = field(default_factory=KernelState)
    tools: Tools = field(default_factory=Tools)
    rulesets: Mapping[NamespaceName, Ruleset] = field(default_factory=dict)
    forwarding: Mapping[tuple[NamespaceName, int], str | None] = field(default_factory=dict)
    #: The part of it that earlier calls in check mode would have written.
    simulated: SimulatedState = field(default_factory=SimulatedState)
    #: The links by which a namespace has a default route that the kernel drops when IPv6 forwarding is turned on.
    advertised: Mapping[NamespaceName, Sequence[str]] = field(default_factory=dict)
    #: The owner's policy, where firewalld is running.
    firewalld: Policy | None = None
    #: Whether the owner has a policy where firewalld is not running.
    has_stopped_policy: bool = False


def read(host: Host, call: Call[Any], firewalld: bool = False) -> Actual:
    """Return the state of all that the call may touch, that of firewalld only if it is asked for."""
    named = [wanted.namespace for wanted in call.entries]
    # What is pruned may be in namespaces that no entry names, and on the host.
    others = [None, *sorted(host.use(KERNEL).namespace_names(preferred=named))] if call.prune else []
    rulesets = host.use(FIREWALL).read([*named, *others])
    on_host = firewalld and None in rulesets
    name = policy_name(call.owner or "")
    policy = host.use(FIREWALLD).policy(name, lambda found: _needs_reload(found, call)) if on_host else None
    forwarding = {
        (wanted.namespace, wanted.version): _read_forwarding(host, wanted, exists=wanted.namespace in rulesets)
        for wanted in call.entries
        if wanted.present and wanted.ip_forward
    }
    simulated: SimulatedState = host.simulated.get(SimulatedState.name, SimulatedState())
    forwarding.update({key: value for key, value in simulated.forwarding.items() if key in forwarding})
    new_routers = [
        name for (name, version), value in forwarding.items() if version == 6 and value == "0" and name in rulesets
    ]
    return Actual(
        kernel=host.use(KERNEL).read(wanted.namespace for wanted in call.entries if wanted.namespace or wanted.link),
        tools=host.use(FIREWALL).tools,
        rulesets={**rulesets, **simulated.rulesets},
        forwarding=forwarding,
        simulated=simulated,
        advertised=_read_advertised(host, new_routers),
        firewalld=policy,
        has_stopped_policy=on_host and policy is None and host.use(FIREWALLD).has_policy_file(name),
    )


def _needs_reload(policy: Policy, call: Call[WantedNat]) -> bool:
    """Whether the policy may be created or deleted; as nothing is planned yet, the answer is yes where in doubt."""
    is_needed = any(wanted.required_firewalld_rule() for wanted in call.entries)
    if policy.permanent is not None and policy.running is not None:
        return not is_needed
    return is_needed or policy != Policy(policy.name)


def _read_forwarding(host: Host, wanted: WantedNat, exists: bool) -> str | None:
    key = FORWARDING[wanted.version]
    if exists:
        return host.use(KERNEL).sysctl(wanted.namespace, key)
    simulated = host.use(KERNEL).simulated_sysctl(wanted.namespace, key)
    if simulated is not None:
        return simulated
    # A namespace that an earlier task creates: IPv4's parameters start as the host's, IPv6's as the kernel's own
    # (Documentation/admin-guide/sysctl/net.rst, devconf_inherit_init_net).
    value = host.use(KERNEL).sysctl(None, key)
    return value if wanted.version == 4 or value is None else "0"


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
    return f"net.ipv6.conf.{link.replace('.', '/')}.accept_ra"
