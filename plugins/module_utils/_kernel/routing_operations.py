# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The writes to routes, rules and neighbours, each with the shell lines that do the same. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Phase
from ansible_collections.netns.fabric.plugins.module_utils._core.routing import IP_PROTOCOLS, PROTOCOLS
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import MAIN_TABLE
from ansible_collections.netns.fabric.plugins.module_utils._kernel.operations import KernelOperation, ip
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import NamespaceName, Rule
from ansible_collections.netns.fabric.plugins.module_utils._kernel.uapi import RTPROT_STATIC


@dataclass(frozen=True)
class NextHopSpec:
    """One of several next hops; `device` is a name."""

    gateway: str | None = None
    device: str | None = None
    weight: int = 1
    onlink: bool = False

    def arguments(self) -> list[str]:
        return [
            "nexthop",
            *(["via", self.gateway] if self.gateway else []),
            *(["dev", self.device] if self.device else []),
            *(["weight", str(self.weight)] if self.weight != 1 else []),
            *(["onlink"] if self.onlink else []),
        ]


@dataclass(frozen=True)
class RouteSpec:
    """A route as ip-route(8) takes it; `device` is a name. With `vrf`, the table is that of this link."""

    destination: str
    gateway: str | None = None
    device: str | None = None
    metric: int | None = None
    table: int = MAIN_TABLE
    source: str | None = None
    tos: int = 0
    origin: str | None = None
    kind: str = "unicast"
    mtu: int | None = None
    onlink: bool = False
    protocol: int = RTPROT_STATIC
    next_hops: tuple[NextHopSpec, ...] = ()
    vrf: str | None = None

    @property
    def family(self) -> list[str]:
        return ["-6"] if ":" in self.destination else []

    def identity(self) -> list[str]:
        """Return the arguments that a route is found by."""
        table = ["table", str(self.table)] if self.table != MAIN_TABLE else []
        return [
            *([self.kind] if self.kind != "unicast" else []),
            self.destination,
            *(["from", self.origin] if self.origin else []),
            *(["tos", hex(self.tos)] if self.tos else []),
            *(["via", self.gateway] if self.gateway else []),
            *(["dev", self.device] if self.device else []),
            *(["src", self.source] if self.source else []),
            *(["metric", str(self.metric)] if self.metric is not None else []),
            *(["vrf", self.vrf] if self.vrf else table),
        ]

    def next_hop_arguments(self) -> list[str]:
        """Return the next hops of a route with several, which end a line of ip-route(8)."""
        return [argument for hop in self.next_hops for argument in hop.arguments()]

    def description(self) -> str:
        """Return the route in the words of ip-route(8), without its protocol if it is that of a static route."""
        kind = [self.kind] if self.kind != "unicast" else []
        name = "default" if self.destination in ("0.0.0.0/0", "::/0") else self.destination
        protocol = ["proto", _protocol(self.protocol)] if self.protocol != RTPROT_STATIC else []
        rest = [*self.identity()[len(kind) + 1 :], *protocol, *self._settings()]
        return " ".join([*kind, name, *rest, *self.next_hop_arguments()])

    def _settings(self) -> list[str]:
        return [*(["mtu", str(self.mtu)] if self.mtu else []), *(["onlink"] if self.onlink else [])]

    def additions(self) -> list[str]:
        """Return all arguments of a new route."""
        return [*self.identity(), "proto", _protocol(self.protocol), *self._settings(), *self.next_hop_arguments()]


def _protocol(number: int) -> str:
    """Return the name of a protocol that every ip-route(8) knows, or its number."""
    return PROTOCOLS.get(number, str(number))


@dataclass(frozen=True)
class AddRoute(KernelOperation):
    namespace: NamespaceName
    route: RouteSpec
    phase = Phase.ROUTES

    def commands(self) -> Sequence[str]:
        return [ip(self.namespace, *self.route.family, "route", "add", *self.route.additions())]


@dataclass(frozen=True)
class RemoveRoute(KernelOperation):
    namespace: NamespaceName
    route: RouteSpec
    phase = Phase.ROUTES

    def commands(self) -> Sequence[str]:
        route = self.route
        return [ip(self.namespace, *route.family, "route", "del", *route.identity(), *route.next_hop_arguments())]


def rule_arguments(rule: Rule) -> list[str]:
    """Return a rule as ip-rule(8) takes it, without its IP version, priority and protocol."""
    special = [word for text in rule.special for word in text.split() if text.split()[0] not in ("not", "goto", "nop")]
    action = [word for text in rule.special for word in text.split() if text.split()[0] in ("goto", "nop")]
    return [
        *(["not"] if "not" in rule.special else []),
        *(["from", rule.source] if rule.source else []),
        *(["to", rule.destination] if rule.destination else []),
        *(["fwmark", _mark(*rule.mark)] if rule.mark else []),
        *(["iif", rule.iif] if rule.iif else []),
        *(["oif", rule.oif] if rule.oif else []),
        *(["ipproto", IP_PROTOCOLS.get(rule.ip_protocol, str(rule.ip_protocol))] if rule.ip_protocol else []),
        *(["sport", _ports(*rule.source_ports)] if rule.source_ports else []),
        *(["dport", _ports(*rule.destination_ports)] if rule.destination_ports else []),
        *special,
        *(action or _action(rule)),
        *(["suppress_prefixlength", str(rule.suppress_prefixlength)] if rule.suppress_prefixlength is not None else []),
    ]


def _mark(mark: int, mask: int) -> str:
    # Of 0 without a mask no bit is compared (fib_nl2rule()).
    return f"{mark:#x}" if mark and mask == 0xFFFFFFFF else f"{mark:#x}/{mask:#x}"


def _ports(first: int, last: int) -> str:
    return f"{first}-{last}" if last > first else str(first)


def _action(rule: Rule) -> list[str]:
    if rule.l3mdev:
        return ["l3mdev"]
    return ["lookup", str(rule.table)] if rule.action == "lookup" else [rule.action]


def describe_rule(rule: Rule) -> str:
    """Return a rule in the words of ip-rule(8), its protocol only if it is not that of a static rule."""
    protocol = ["protocol", _protocol(rule.protocol)] if rule.protocol and not rule.static else []
    return " ".join([f"{rule.priority}:", *rule_arguments(rule), *protocol])


@dataclass(frozen=True)
class AddRule(KernelOperation):
    namespace: NamespaceName
    rule: Rule
    phase = Phase.ROUTES

    def commands(self) -> Sequence[str]:
        return [_rule_line(self.namespace, "add", self.rule)]


@dataclass(frozen=True)
class RemoveRule(KernelOperation):
    namespace: NamespaceName
    rule: Rule
    phase = Phase.ROUTES

    def commands(self) -> Sequence[str]:
        return [_rule_line(self.namespace, "del", self.rule)]


def _rule_line(namespace: NamespaceName, verb: str, rule: Rule) -> str:
    family = ["-6"] if rule.version == 6 else []
    protocol = ["protocol", _protocol(rule.protocol)] if rule.protocol else []
    return ip(namespace, *family, "rule", verb, "priority", str(rule.priority), *rule_arguments(rule), *protocol)


@dataclass(frozen=True)
class NeighbourSpec:
    """A permanent neighbour, or with `proxy` an address that is answered for; `device` is a name."""

    address: str
    device: str
    mac: str | None = None
    proxy: bool = False
    protocol: int = RTPROT_STATIC

    def identity(self) -> list[str]:
        return [*(["proxy"] if self.proxy else []), self.address, "dev", self.device]

    def description(self) -> str:
        """Return the neighbour in the words of ip-neighbour(8)."""
        return " ".join([self.address, "dev", self.device, *(["lladdr", self.mac] if self.mac else ["proxy"])])


@dataclass(frozen=True)
class SetNeighbour(KernelOperation):
    """Add a neighbour, or replace what the kernel has found out about its address."""

    namespace: NamespaceName
    neighbour: NeighbourSpec
    phase = Phase.ROUTES

    def commands(self) -> Sequence[str]:
        entry = self.neighbour
        permanent = ["lladdr", entry.mac, "nud", "permanent"] if entry.mac else []
        verb = "add" if entry.proxy else "replace"
        protocol = ["protocol", _protocol(entry.protocol)]
        return [ip(self.namespace, "neigh", verb, *entry.identity(), *permanent, *protocol)]


@dataclass(frozen=True)
class RemoveNeighbour(KernelOperation):
    namespace: NamespaceName
    neighbour: NeighbourSpec
    phase = Phase.ROUTES

    def commands(self) -> Sequence[str]:
        return [ip(self.namespace, "neigh", "del", *self.neighbour.identity())]
