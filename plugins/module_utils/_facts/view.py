# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was found on the host, put together as the module topology_info returns it. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import (
    COMMENT,
    IPTABLES_LEGACY,
    NFTABLES,
    Chain,
    Place,
    Rule,
    Ruleset,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import (
    KernelState,
    Link,
    NamespaceName,
    NamespaceState,
    Route,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import (
    MARK,
    OWN_KIND,
    REOPEN_KEY,
    Bridge,
    Interface,
    Port,
    Switch,
    Uuid,
    elements,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources import nat_masquerade as masquerade

if TYPE_CHECKING:
    from ansible_collections.netns.fabric.plugins.module_utils._kernel.backend import Identity
    from ansible_collections.netns.fabric.plugins.module_utils._kernel.sockets import Socket
    from ansible_collections.netns.fabric.plugins.module_utils._system.processes import Process

#: The parameters that decide what a namespace does with packets, and the value each starts with
#: (Documentation/networking/ip-sysctl.rst). IPv4's start as the host's (net.core.devconf_inherit_init_net).
SYSCTLS: Mapping[str, str] = {
    "net.ipv4.ip_forward": "0",
    "net.ipv4.conf.all.rp_filter": "0",
    "net.ipv4.conf.default.rp_filter": "0",
    "net.ipv4.conf.all.arp_ignore": "0",
    "net.ipv4.conf.all.arp_announce": "0",
    "net.ipv4.conf.all.proxy_arp": "0",
    "net.ipv4.ip_nonlocal_bind": "0",
    "net.ipv4.ip_unprivileged_port_start": "1024",
    "net.ipv6.conf.all.forwarding": "0",
    "net.ipv6.conf.all.disable_ipv6": "0",
    "net.ipv6.conf.default.accept_ra": "1",
}

#: Where the kernel keeps what follows from the addresses (RT_TABLE_LOCAL of linux/rtnetlink.h).
LOCAL_TABLE = 255

#: How ip-route(8) calls who has made a route (linux/rtnetlink.h, /etc/iproute2/rt_protos).
PROTOCOLS: Mapping[int, str] = {
    0: "unspec",
    1: "redirect",
    2: "kernel",
    3: "boot",
    4: "static",
    9: "ra",
    11: "zebra",
    12: "bird",
    16: "dhcp",
    18: "keepalived",
    186: "bgp",
    187: "isis",
    188: "ospf",
    189: "rip",
    192: "eigrp",
}

#: Statements of nft, and targets of iptables, that send a packet elsewhere.
_TRANSLATIONS = ("dnat", "snat", "redirect", "netmap", "tproxy")


@dataclass(frozen=True)
class Filters:
    """What is to be reported; None: all."""

    namespaces: frozenset[str] | None = None
    bridges: frozenset[str] | None = None
    owner: str | None = None

    def admit(self, label: str | None) -> bool:
        """Whether a namespace is to be reported; the host's own always is."""
        return label is None or self.namespaces is None or label in self.namespaces


@dataclass(frozen=True)
class Visit:
    """What was asked from inside a namespace. `tables` are backend, family and name of each."""

    sysctls: dict[str, str] = field(default_factory=dict)
    sockets: list[Socket] = field(default_factory=list)
    tables: list[tuple[str, str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Findings:
    """All that was found. A namespace without a name goes by the path of its file.

    `processes` are by the namespace's inode, `holders` by the socket's. `lost` are the internal ports whose device is
    gone, `opened` the indexes of the host's links that ovs-vswitchd reads, None where that could not be seen.
    """

    wanted: frozenset[str]
    kernel: KernelState = field(default_factory=KernelState)
    identities: Mapping[NamespaceName, Identity] = field(default_factory=dict)
    processes: Mapping[int, Sequence[Process]] = field(default_factory=dict)
    holders: Mapping[int, Sequence[Process]] = field(default_factory=dict)
    visits: Mapping[NamespaceName, Visit] = field(default_factory=dict)
    resolvers: Mapping[str, str] = field(default_factory=dict)
    rulesets: dict[NamespaceName, Ruleset] = field(default_factory=dict)
    switch: Switch = field(default_factory=lambda: Switch(unavailable="Open vSwitch was not asked for"))
    lost: frozenset[str] = frozenset()
    opened: frozenset[int] | None = None
    system_works: bool = False
    unreadable: tuple[str, ...] = ()

    def with_switch(
        self, switch: Switch, lost: frozenset[str], opened: frozenset[int] | None, system_works: bool
    ) -> Findings:
        return replace(self, switch=switch, lost=lost, opened=opened, system_works=system_works)

    def noting(self, unreadable: Iterable[str]) -> Findings:
        return replace(self, unreadable=tuple(unreadable))

    def label(self, name: NamespaceName) -> str | None:
        """What a namespace is called in the result: its name, or how /proc writes one that has none."""
        return label_of(name, self.identities)

    def port_of(self, namespace: NamespaceName, link: Link) -> tuple[Bridge, Port] | None:
        """The port that a link is, and its bridge; an internal port may have been moved into a namespace."""
        found = self.switch.port_with(link.name)
        if found is None or namespace is None:
            return found
        bridge, port = found
        moved = port.interface.type == "internal" and link.kind == OWN_KIND.get(bridge.datapath_type)
        return found if moved and self.kernel.link(None, link.name) is None else None

    def fault(self, bridge: Bridge, interface: Interface) -> str:
        """What is wrong with an interface of a port, as far as can be seen; empty for nothing."""
        if interface.fault:
            return interface.fault
        if interface.name in self.lost:
            return "its device is gone, with the namespace that it was in or by itself"
        link = self.kernel.link(None, interface.name)
        userspace = bridge.datapath_type == "netdev" and interface.type == "system"
        if userspace and link is not None and self.opened is not None and link.index not in self.opened:
            return "the link was made again under the same name, and ovs-vswitchd does not read the new one"
        return ""


def label_of(name: NamespaceName, identities: Mapping[NamespaceName, Identity]) -> str | None:
    """What a namespace is called in the result: its name, or how /proc writes one that has none."""
    if name is not None and name.startswith("/"):
        return f"net:[{identities[name].inode}]"
    return None if name is None else printable(name)


def printable(text: str) -> str:
    """The same with bytes that are no UTF-8 written as in Python's strings: JSON has no place for them."""
    if text.isascii():
        return text
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def report(findings: Findings, filters: Filters) -> dict[str, Any]:
    """The result of the module."""
    from ansible_collections.netns.fabric.plugins.module_utils._facts.declarations import declared

    view = View(findings, filters)
    host = view.namespace(None)
    namespaces = [view.namespace(name) for name in view.names]
    openvswitch = view.openvswitch()
    declarations, undeclared = declared(view)
    return {
        "host": host,
        "namespaces": sorted(namespaces, key=lambda space: (not space["named"], space["name"])),
        "openvswitch": openvswitch,
        "stale": sorted(printable(name) for name in findings.kernel.stale),
        "owners": view.owners(),
        "unreadable": list(findings.unreadable),
        "declarations": declarations,
        "undeclared": undeclared,
    }


class View:
    """The findings as the filters let them be seen."""

    def __init__(self, findings: Findings, filters: Filters) -> None:
        self.findings = findings
        self.filters = filters
        self.rules = {name: list(nat_rules(ruleset)) for name, ruleset in findings.rulesets.items()}
        #: The namespaces that are reported, without the host's own.
        self.names = [name for name in findings.kernel.namespaces if name is not None and self._sees(name)]

    def _sees(self, name: str) -> bool:
        if name not in self.findings.visits or not self.filters.admit(self.findings.label(name)):
            return False
        state = self.findings.kernel.namespace(name)
        return self.owns_namespace(state) or bool(self.links(name)) or bool(self.owned_rules(name))

    def owns_namespace(self, state: NamespaceState) -> bool:
        """Whether a namespace is one of the owner's; without an owner, each is."""
        return self.filters.owner is None or self.filters.owner in owners_of(state)

    def owns(self, owners: Iterable[str]) -> bool:
        return self.filters.owner is None or self.filters.owner in owners

    def links(self, name: NamespaceName) -> list[Link]:
        """The links to be reported: of an owner's namespace all, else those that bear the mark."""
        state = self.findings.kernel.namespace(name)
        if name is not None and self.owns_namespace(state):
            return list(state.links)
        return [link for link in state.links if self.owns(link.owners)]

    def owned_rules(self, name: NamespaceName) -> list[tuple[Chain, Rule]]:
        """The rules to be reported."""
        owner = self.filters.owner
        return [
            (chain, rule)
            for chain, rule in self.rules.get(name, ())
            if owner is None or owner_of(rule.comment) == owner
        ]

    def bridges(self) -> list[Bridge]:
        wanted = self.filters.bridges
        return [
            bridge
            for bridge in self.findings.switch.bridges
            if (wanted is None or bridge.name in wanted)
            and (self.owns(bridge.owners) or any(self.owns(port.owners) for port in bridge.ports))
        ]

    def ports(self, bridge: Bridge) -> list[Port]:
        return [port for port in bridge.ports if self.owns(port.owners) or self.owns(bridge.owners)]

    def owners(self) -> list[str]:
        """Everyone whose mark was seen, whatever the filters."""
        kernel, switch = self.findings.kernel, self.findings.switch
        found = {owner for _name, link in kernel.links() for owner in link.owners}
        found.update(owner for bridge in switch.bridges for owner in bridge.owners)
        found.update(owner for bridge in switch.bridges for port in bridge.ports for owner in port.owners)
        marked = (owner_of(rule.comment) for rules in self.rules.values() for _chain, rule in rules)
        found.update(owner for owner in marked if owner)
        return sorted(found)

    # Namespaces

    def namespace(self, name: NamespaceName) -> dict[str, Any]:
        findings = self.findings
        state = findings.kernel.namespace(name)
        identity = findings.identities[name]
        visit = findings.visits.get(name) or Visit()
        links = self.links(name)
        shown = {link.index for link in links}
        named = name is not None and not name.startswith("/")
        return {
            "name": findings.label(name),
            "named": named,
            "inode": identity.inode,
            "nsid": None if name is None else identity.nsid,
            "path": "/proc/self/ns/net" if name is None else printable(f"/run/netns/{name}" if named else name),
            "owners": list(owners_of(state)) if name is not None else [],
            "processes": [_process(found) for found in findings.processes.get(identity.inode, ())],
            "links": [self._link(state, link) for link in links],
            "routes": [
                _route(state, route)
                for route in state.routes
                if route.table != LOCAL_TABLE and self._shows(route.device, shown)
            ],
            "neighbours": [
                {
                    "address": neighbour.address,
                    "mac": neighbour.mac,
                    "device": name_at(state, neighbour.device),
                    "state": neighbour.state,
                }
                for neighbour in state.neighbours
                if self._shows(neighbour.device, shown)
            ],
            "sockets": [self._socket(state, socket) for socket in sorted(visit.sockets, key=_order)],
            "sysctls": dict(visit.sysctls),
            "firewall": self._firewall(name, visit),
        }

    def _shows(self, index: int | None, shown: set[int]) -> bool:
        return self.filters.owner is None or index in shown

    def _link(self, state: NamespaceState, link: Link) -> dict[str, Any]:
        port = self.findings.port_of(state.name, link)
        return {
            "name": printable(link.name),
            "index": link.index,
            "kind": link.kind or ("loopback" if link.loopback else "physical"),
            "state": link.state,
            "enabled": link.up,
            "mac": link.mac or None,
            "mtu": link.mtu,
            "alias": printable(link.alias),
            "owners": list(link.owners),
            "master": name_at(state, link.master),
            "peer": self._peer(link),
            "bridge_port": {"bridge": port[0].name, "port": port[1].name, "tag": port[1].tag} if port else None,
            "tx_checksum": link.tx_checksum,
            "addresses": [
                {
                    "address": str(address.interface),
                    "peer": address.peer,
                    "made_by_kernel": address.made_by_kernel,
                }
                for address in state.addresses_of(link)
            ],
            "counters": dict(sorted(link.counters.items())),
        }

    def _peer(self, link: Link) -> dict[str, Any] | None:
        if link.peer is None:
            return None
        far = self.findings.kernel.far_end(link)
        return {
            "namespace": self.findings.label(far[0]) if far else None,
            "name": printable(far[1].name) if far else None,
            "index": link.peer.index,
        }

    def _socket(self, state: NamespaceState, socket: Socket) -> dict[str, Any]:
        held = [_process(process) for process in self.findings.holders.get(socket.inode, ())]
        return {
            "protocol": socket.protocol,
            "address": socket.address,
            "port": socket.port,
            "version": socket.version,
            "device": name_at(state, socket.device),
            "uid": socket.uid,
            "processes": held,
        }

    def _firewall(self, name: NamespaceName, visit: Visit) -> dict[str, Any]:
        ruleset = self.findings.rulesets.get(name) or Ruleset()
        rules = self.owned_rules(name)
        everything = self.filters.owner is None
        places = {chain.place for chain in nat_chains(ruleset)} if everything else {pair[0].place for pair in rules}
        return {
            "tables": [
                {"backend": _backend(ruleset, *table), "family": table[1], "name": printable(table[2])}
                for table in sorted(visit.tables)
                if everything or any((place.family, place.table) == table[1:] for place in places)
            ],
            "chains": [_chain(ruleset.chains[place]) for place in sorted(places, key=str)],
            "rules": [_rule(chain, rule) for chain, rule in rules],
            "masquerade": list(_masquerading(rules)),
        }

    # Open vSwitch

    def openvswitch(self) -> dict[str, Any]:
        switch = self.findings.switch
        return {
            "available": not switch.unavailable,
            "reason": switch.unavailable,
            "running": switch.running,
            "bridges": [self._bridge(bridge) for bridge in self.bridges()],
        }

    def _bridge(self, bridge: Bridge) -> dict[str, Any]:
        return {
            "name": bridge.name,
            "datapath_type": bridge.datapath_type,
            "fail_mode": bridge.fail_mode,
            "protocols": list(bridge.protocols),
            "owners": list(bridge.owners),
            "external_ids": unmarked(bridge.external_ids),
            "other_config": dict(bridge.other_config),
            "works": bridge.works,
            "controllers": list(_controllers(self.findings.switch, bridge)),
            "ports": [self._port(bridge, port) for port in self.ports(bridge)],
        }

    def _port(self, bridge: Bridge, port: Port) -> dict[str, Any]:
        interface = port.interface
        faults = {each.name: self.findings.fault(bridge, each) for each in port.interfaces}
        told = [f"{name}: {fault}" if len(port.interfaces) > 1 else fault for name, fault in faults.items() if fault]
        return {
            "name": port.name,
            "bridge": bridge.name,
            "local": port.name == bridge.name,
            "type": interface.type,
            "tag": port.tag,
            "trunks": list(port.trunks),
            "vlan_mode": port.vlan_mode,
            "protected": port.protected,
            "mac": interface.mac_in_use,
            "mtu": interface.mtu,
            "ofport": interface.ofport,
            "options": dict(interface.options),
            "external_ids": unmarked(port.external_ids),
            "other_config": dict(port.other_config),
            "owners": list(port.owners),
            "interfaces": [each.name for each in port.interfaces],
            "error": "; ".join(told),
        }


def owners_of(state: NamespaceState) -> tuple[str, ...]:
    """The owners of a namespace, whose mark is on its loopback."""
    loopback = state.link("lo")
    return loopback.owners if loopback else ()


def name_at(state: NamespaceState, index: int | None) -> str | None:
    """The name of the link with an index; None for none."""
    link = state.link_at(index) if index else None
    return printable(link.name) if link else None


def destination_of(route: Route) -> str:
    return "default" if route.destination in ("0.0.0.0/0", "::/0") else route.destination


def owner_of(comment: str | None) -> str | None:
    """Whose mark a rule's comment is: empty for ours without an owner, None for other people's."""
    mark, colon, rest = (comment or "").partition(":")
    return rest.partition(" ")[0] if colon and mark.partition("/")[0] == COMMENT else None


def unmarked(external_ids: Mapping[str, str]) -> dict[str, str]:
    """Without what this collection has put there."""
    return {key: value for key, value in external_ids.items() if not key.startswith(MARK) and key != REOPEN_KEY}


def _process(process: Process) -> dict[str, Any]:
    return {"pid": process.pid, "command": printable(process.command), "user": process.user}


def _order(socket: Socket) -> tuple[str, int, int, str]:
    return socket.protocol, socket.port, socket.version, socket.address


def _route(state: NamespaceState, route: Route) -> dict[str, Any]:
    return {
        "destination": destination_of(route),
        "gateway": route.gateway,
        "device": name_at(state, route.device),
        "metric": route.metric,
        "table": route.table,
        "source": route.source,
        "protocol": PROTOCOLS.get(route.protocol, str(route.protocol)),
        "version": route.version,
        "type": route.kind,
        "special": route.special,
    }


def _controllers(switch: Switch, bridge: Bridge) -> Iterator[dict[str, Any]]:
    for reference in elements(bridge.row.columns.get("controller", ())):
        row = switch.rows.get(reference.text) if isinstance(reference, Uuid) else None
        if row is not None:
            yield {
                "target": str(row.columns.get("target", "")),
                "connected": bool(row.columns.get("is_connected")),
                "role": row.optional("role"),
            }


# The packet filter


def nat_chains(ruleset: Ruleset) -> list[Chain]:
    """The chains that do NAT or see what is forwarded, and those that they call."""
    found: dict[Place, Chain] = {}
    waiting = [chain for chain in ruleset.chains.values() if _is_base(chain)]
    while waiting:
        chain = waiting.pop(0)
        if chain.place in found:
            continue
        found[chain.place] = chain
        called = (replace(chain.place, chain=rule.target) for rule in chain.rules if rule.target)
        waiting.extend(ruleset.chains[place] for place in called if place in ruleset.chains)
    return sorted(found.values(), key=lambda chain: str(chain.place))


def _is_base(chain: Chain) -> bool:
    """A chain of iptables that is called by others only has neither hook nor policy."""
    if chain.place.backend == NFTABLES:
        return bool(chain.hook) and (chain.kind == "nat" or chain.hook == "forward")
    return bool(chain.policy) and (chain.place.table == "nat" or chain.hook == "forward")


def nat_rules(ruleset: Ruleset) -> Iterator[tuple[Chain, Rule]]:
    for chain in nat_chains(ruleset):
        for rule in chain.rules:
            yield chain, rule


def _backend(ruleset: Ruleset, backend: str, family: str, table: str) -> str:
    """With what a table was made: the kernel does not tell nft's from those of iptables-nft."""
    if backend == IPTABLES_LEGACY:
        return backend
    made = (place.backend for place in ruleset.chains if (place.family, place.table) == (family, table))
    return next((found for found in made if found != IPTABLES_LEGACY), backend)


def _chain(chain: Chain) -> dict[str, Any]:
    place = chain.place
    return {
        "backend": place.backend,
        "family": place.family,
        "table": place.table,
        "name": place.chain,
        "type": chain.kind,
        "hook": chain.hook or (place.chain.lower() if chain.policy else ""),
        "policy": chain.policy,
    }


def _rule(chain: Chain, rule: Rule) -> dict[str, Any]:
    place = chain.place
    return {
        "backend": place.backend,
        "family": place.family,
        "table": place.table,
        "chain": place.chain,
        "verdict": _verdict(rule),
        "target": "" if _verdict(rule) in _TRANSLATIONS else rule.target,
        "criteria": sorted(
            f"{found.field} {'!= ' if found.negated else ''}{found.value}".removeprefix("other ")
            for found in rule.criteria
        ),
        "comment": rule.comment,
        "owner": owner_of(rule.comment),
    }


def _verdict(rule: Rule) -> str:
    """What becomes of a packet; a translation of its addresses is none of what decides about forwarding."""
    if rule.target.lower() in _TRANSLATIONS:  # a target of iptables
        return rule.target.lower()
    if rule.verdict:
        return rule.verdict
    statements = json.loads(rule.expressions) if rule.expressions else []
    kinds = [kind for statement in statements if isinstance(statement, dict) for kind in statement]
    return next((kind for kind in kinds if kind in _TRANSLATIONS), "")


def _masquerading(rules: Iterable[tuple[Chain, Rule]]) -> Iterator[dict[str, Any]]:
    for chain, rule in rules:
        found = masquerade.SCHEME.recognise(chain.place, rule)
        if found is not None and found.role == masquerade.MASQUERADE and isinstance(found.key, masquerade.Source):
            yield {
                "source": found.key.source,
                "out_interface": found.key.out_interface,
                "owner": found.owner,
                "backend": chain.place.backend,
            }
