# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The policies of namespaces on logical switches, as a list for the module ovn_acl. Pure.

The packet filter of the namespace enforces its policy exactly. OVN does so a second time, on the port, where nothing in
the namespace can change it; what its rules cannot say exactly passes, and is left to the packet filter. So a rule of
OVN never stops what the policy allows.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.policies import (
    ALLOW,
    DENY,
    DROP,
    ICMP_TYPES,
    IN,
    OUT,
    Policy,
    PolicyRule,
)
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import Address, Network
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.engines import (
    has_others_behind,
    logical_interfaces,
    port_name,
)
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.leases import served_address
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.model import Namespace, Topology
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.policies import Policies

Entry = dict[str, Any]

#: By direction: that of OVN, the option that names the other side, and that of the default.
_DIRECTIONS = {IN: ("to-lport", "from", "incoming"), OUT: ("from-lport", "to", "outgoing")}
#: Of the policies that are tried first; OVN tries the highest priority first. All else has the lowest.
_FIRST, _LAST = 32000, 1
#: Of a DHCP client (RFC 2131, 4.1), which asks before it has an address.
_REQUEST: Entry = {
    "name": "DHCP",
    "direction": _DIRECTIONS[OUT][0],
    "priority": _FIRST + 1,
    "protocol": "udp",
    "ports": ["67"],
}
_BROADCAST = ip_address("255.255.255.255")
#: Networks that a rule names itself; more are a set of addresses, which rules share.
_NAMED_MAX = 4
_ICMP = {4: "icmp", 6: "icmp6"}
_EVERYTHING = {4: ip_network("0.0.0.0/0"), 6: ip_network("::/0")}


def group_entries(policies: Policies) -> list[Entry]:
    """Return the entries for the module ovn_acl: one group for each namespace with a policy, and sets of addresses."""
    topology = policies.topology
    ports: dict[str, list[str]] = {}
    servers: dict[str, list[Address]] = {}
    namespaces: dict[str, Namespace] = {}
    for namespace, attachment in logical_interfaces(topology):
        namespaces[namespace.name] = namespace
        ports.setdefault(namespace.name, []).append(port_name(topology, attachment))
        bridge = topology.logical[str(attachment.bridge)]
        server = served_address(bridge)
        servers.setdefault(namespace.name, []).extend([] if server is None else [server.ip])
    sets = _Sets(topology)
    groups = [
        {
            "name": _name(topology, "namespace", name),
            "ports": ports[name],
            **_build_group(policy, policies.addresses.get(name, ()), sets, servers[name]),
        }
        for name, policy in policies.by_namespace.items()
        # What a router forwards is not its own, and the policy is about its own connections.
        if name in ports and not has_others_behind(topology, namespaces[name])
    ]
    found = [*sets.entries, *groups]
    if topology.state == "absent":
        return [{"name": entry["name"], "state": "absent"} for entry in found]
    return found


def _name(topology: Topology, kind: str, name: str) -> str:
    """Return the name of a group: one that a rule of OVN can name, and no other topology or namespace has."""
    readable = re.sub(r"[^A-Za-z0-9_.]", "_", f"{topology.name}.{name}")
    checksum = zlib.crc32(f"{topology.name}/{kind}/{name}".encode())
    return f"{'_' if readable[0].isdigit() else ''}{readable}.{checksum:08x}"


@dataclass
class _Sets:
    """The sets of addresses that rules name, each once."""

    topology: Topology
    entries: list[Entry] = field(default_factory=list)
    _names: dict[tuple[Network, ...], str] = field(default_factory=dict)

    def refer(self, networks: Sequence[Network]) -> list[str]:
        """Return what a rule names for networks of one IP version."""
        if len(networks) <= _NAMED_MAX:
            return [str(network) for network in networks]
        key = tuple(networks)
        if key not in self._names:
            addresses = [str(network) for network in networks]
            label = f"addresses{zlib.crc32(' '.join(addresses).encode()):08x}"
            self._names[key] = _name(self.topology, "set", label)
            self.entries.append({"name": self._names[key], "addresses": addresses})
        return [self._names[key]]


def _build_group(policy: Policy, own: Iterable[Network], sets: _Sets, servers: Sequence[Address]) -> Entry:
    rules: list[Entry] = []
    if servers and policy.limits(OUT):
        # A client sends by a packet socket, past the packet filter of the namespace (packet(7)).
        to = [str(address) for address in dict.fromkeys((_BROADCAST, *servers))]
        rules.append({**_REQUEST, "to": to})
    priorities = sorted({rule.priority for rule in policy.rules})
    for direction in (IN, OUT):
        for number, rule in enumerate(policy.rules_of(direction)):
            priority = max(_LAST + 1, _FIRST - priorities.index(rule.priority))
            for suffix, options in _versions_of(rule, own, sets):
                rules.append({"name": f"{direction} {number}{suffix}", "priority": priority, **options})
    defaults = {direction: policy.default(direction) for direction in (IN, OUT)}
    if DENY not in defaults.values():
        # What is tracked when it begins, whose answers pass although a rule is about them.
        rules += [
            {"name": f"{direction} others", "direction": _DIRECTIONS[direction][0], "priority": _LAST}
            for direction in (IN, OUT)
        ]
    return {
        **{_DIRECTIONS[key][2]: "drop" if default == DENY else ALLOW for key, default in defaults.items()},
        "rules": rules,
    }


def _versions_of(rule: PolicyRule, own: Iterable[Network], sets: _Sets) -> Iterator[tuple[str, Entry]]:
    """Yield the rules of OVN for one of a policy, for each IP version, each with what sets its name apart."""
    is_partial = bool(rule.local) and not all(any(_contains(each, one) for each in rule.local) for one in own)
    if rule.action == DROP and is_partial:
        return
    direction, option, _default = _DIRECTIONS[rule.direction]
    common: Entry = {"direction": direction, "action": "drop" if rule.action == DROP else "allow-related"}
    if rule.ports:
        common["ports"] = list(rule.ports)
    if not rule.peers and not rule.excluded and rule.protocol != "icmp":
        yield "", {**common, **({"protocol": rule.protocol} if rule.protocol else {})}
        return
    for version in (4, 6):
        peers = _peers(rule, version)
        if peers is None:
            continue
        # Without one, it would be about both versions.
        is_everybody = peers == [_EVERYTHING[version]] and rule.protocol == "icmp"
        sides = {} if is_everybody else {option: sets.refer(peers)}
        for suffix, traffic in _traffic(rule, version):
            yield f" IPv{version}{suffix}", {**common, **sides, **traffic}


def _contains(network: Network, other: Network) -> bool:
    return network.version == other.version and other.network_address in network


def _peers(rule: PolicyRule, version: int) -> list[Network] | None:
    """Return the networks of the other side, of one IP version; None if there are none."""
    whole = _EVERYTHING[version]
    peers = [network for network in rule.peers if network.version == version]
    if rule.peers and not peers:
        return None
    found: list[Any] = peers or [whole]
    for excluded in (network for network in rule.excluded if network.version == version):
        found = [rest for network in found for rest in _without(network, excluded)]
    return sorted(found) or None


def _without(network: Any, excluded: Any) -> list[Any]:
    """Return what is left of a network: of two that overlap, one contains the other."""
    if not network.overlaps(excluded):
        return [network]
    return [] if network.subnet_of(excluded) else list(network.address_exclude(excluded))


def _traffic(rule: PolicyRule, version: int) -> Iterator[tuple[str, Entry]]:
    """Yield the options for the protocol of a rule, for each type of ICMP, with what sets its name apart."""
    if rule.protocol is None:
        yield "", {}
    elif rule.protocol != "icmp":
        yield "", {"protocol": rule.protocol}
    elif not rule.icmp_types:
        yield "", {"protocol": _ICMP[version]}
    else:
        for name in rule.icmp_types:
            number = ICMP_TYPES[name].get(version)
            if number is not None:
                yield f" {name}", {"protocol": _ICMP[version], "icmp_type": number}
