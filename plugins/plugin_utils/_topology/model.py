# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role's variables as dataclasses. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.policies import DEFAULT_PRIORITY
from ansible_collections.netns.fabric.plugins.module_utils._core.transports import port_range
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import (
    MAIN_TABLE,
    Address,
    Interface,
    Network,
)
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.bridge_model import BridgePort, Mesh, Mirror
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.logical_model import ROUTER, Dhcp, Exit, Ovn
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.segments import Segment, segment_of


@dataclass(frozen=True)
class Bridge:
    """An entry of ``bridges``: the bridge and its local interface, or a logical switch and the router's port on it."""

    path: str
    name: str
    #: Options of the module ovs_bridge, without the name.
    switch: Mapping[str, Any]
    #: Whether the local interface is up.
    enabled: bool
    addresses: tuple[Interface, ...] | None
    #: Whether the host forwards only what is declared; None: not declared.
    isolate: bool | None = None
    #: By direction: what becomes of connections of the namespaces on it that no policy is about.
    defaults: Mapping[str, str] = field(default_factory=dict)
    #: Kernel parameters of the local interface, without its name.
    sysctls: Mapping[str, Any] = field(default_factory=dict)
    ports: tuple[BridgePort, ...] = ()
    #: OpenFlow rules, as ovs-ofctl(8) takes them.
    flows: tuple[str, ...] = ()
    mirrors: tuple[Mirror, ...] = ()
    mesh: Mesh | None = None
    #: Whether it is a logical switch of OVN.
    logical: bool = False
    dhcp: Dhcp | None = None

    @property
    def place(self) -> str | None:
        """What has its addresses: the host (None), or the logical router."""
        return ROUTER if self.logical else None

    @property
    def leads_elsewhere(self) -> bool:
        """Whether there may be addresses behind one of its ports that are not declared, or other bridges."""
        return any(port.kind != "internal" for port in self.ports)


@dataclass(frozen=True)
class Shape:
    """What becomes of the packets of an interface: ``options`` are those of netem, in their shortest form."""

    #: ``both``, ``out`` or ``in``, seen from the interface.
    direction: str
    options: Mapping[str, Any]

    @property
    def outgoing(self) -> bool:
        return self.direction in ("both", "out")

    @property
    def incoming(self) -> bool:
        return self.direction in ("both", "in")


@dataclass(frozen=True)
class End:
    """One end of a veth pair, or an existing link, in a namespace or on the host (``namespace`` is None)."""

    path: str
    name: str
    namespace: str | None
    #: None: not declared, hence unknown.
    addresses: tuple[Interface, ...] | None
    #: ``mac``, ``mtu``, ``enabled``, ``tx_checksum``, ``sysctls``, as far as given.
    options: Mapping[str, Any]
    #: Whether some of the addresses are invalid, and therefore missing here.
    incomplete: bool = False
    #: On the host: whether it forwards only what is declared; None: not declared.
    isolate: bool | None = None
    shape: Shape | None = None
    #: The link that it is a member of; empty: of none.
    master: str | None = None


@dataclass(frozen=True)
class Attachment(End):
    """An entry of a namespace's ``interfaces``: a veth pair to a bridge, or without a bridge another link.

    That is created if it has a kind, and has to exist otherwise.
    """

    bridge: str | None = None
    peer: str = ""
    #: Options of the module ovs_port, as far as given.
    port: Mapping[str, Any] = field(default_factory=dict)
    #: Options of the module ovs_qos for its port; None: none.
    qos: Mapping[str, Any] | None = None
    #: ``kind``, ``parent``, ``underlay`` and the options of the kind, as the module link takes them.
    creation: Mapping[str, Any] = field(default_factory=dict)
    #: Of an interface without a bridge: the broadcast domain that it is in, where that is known.
    domain: Segment | None = None
    #: Whether a DHCP client sets its addresses, and not the role.
    dhcp: bool = False
    #: Of a link that exists: its name on the host, if it is another one.
    nic: str | None = None

    @property
    def name_outside(self) -> str:
        """The name that a link which exists has on the host."""
        return self.nic or self.name

    @property
    def kind(self) -> str | None:
        """The kind of a link that is created."""
        return self.creation.get("kind")


@dataclass(frozen=True)
class Link:
    """An entry of ``links``: a veth pair between two ends, no switch."""

    path: str
    near: End
    far: End


@dataclass(frozen=True)
class NextHop:
    """An entry of a route's ``nexthops``."""

    gateway: Address | None
    device: str | None
    weight: int = 1
    onlink: bool | None = None

    def leaves_by(self, plug: Plug) -> bool:
        """Return whether packets leave by an interface: the one that is named, or that has the gateway's network."""
        if self.device is not None:
            return plug.name == self.device
        return self.gateway is not None and any(self.gateway in address.network for address in plug.addresses or ())


@dataclass(frozen=True)
class Route:
    """An entry of a namespace's ``routes``."""

    path: str
    #: As it is written; None: the word ``default``.
    given_destination: Network | None
    gateway: Address | None
    device: str | None
    source: Address | None
    metric: int | None
    table: int | None
    kind: str = "unicast"
    next_hops: tuple[NextHop, ...] = ()
    onlink: bool | None = None
    mtu: int | None = None
    protocol: int | None = None
    vrf: str | None = None

    @property
    def destination(self) -> Network | None:
        """The network that it is about; None: it is the default route, by whichever name (0.0.0.0/0, ::/0)."""
        given = self.given_destination
        return given if given is not None and given.prefixlen else None

    @property
    def version(self) -> int:
        """The IP version: that of the destination; of the word ``default``, of a gateway or the source; else 4."""
        gateways = (hop.gateway for hop in self.next_hops)
        known: Any = next(filter(None, (self.given_destination, self.gateway, self.source, *gateways)), None)
        return known.version if known else 4

    @property
    def destination_text(self) -> str:
        """The destination as it is written."""
        return "default" if self.given_destination is None else str(self.given_destination)

    def is_about(self, address: Address) -> bool:
        """Return whether packets to an address fit it."""
        return self.version == address.version and (self.destination is None or address in self.destination)

    @property
    def hops(self) -> tuple[NextHop, ...]:
        """All next hops, however many there are; none of a route that refuses packets."""
        if self.next_hops or self.kind != "unicast":
            return self.next_hops
        return (NextHop(self.gateway, self.device, onlink=self.onlink),)

    @property
    def cost(self) -> int:
        """The metric that the kernel gives it: in IPv6 1024 for none, and for 0 (IP6_RT_PRIO_USER)."""
        return self.metric or (1024 if self.version == 6 else 0)

    @property
    def is_main(self) -> bool:
        """Whether it is in the main table."""
        return self.vrf is None and self.table in (None, MAIN_TABLE)


@dataclass(frozen=True)
class Rule:
    """An entry of a namespace's ``rules``: its options, each value checked."""

    path: str
    version: int
    options: Mapping[str, Any]

    @property
    def selector(self) -> tuple[Any, ...]:
        """Which packets it is about, and when it is tried."""
        names = ("from", "to", "iif", "oif", "fwmark", "ipproto", "sport", "dport")
        return (self.version, self.options["priority"], *(self.options.get(name) for name in names))


@dataclass(frozen=True)
class Neighbour:
    """An entry of a namespace's ``neighbours``."""

    path: str
    address: Address
    device: str | None
    mac: str | None
    proxy: bool = False


@dataclass(frozen=True)
class Namespace:
    """An entry of ``namespaces``."""

    path: str
    name: str
    #: Options of the module netns, without the name.
    options: Mapping[str, Any]
    interfaces: tuple[Attachment, ...]
    routes: tuple[Route, ...]
    #: Which of ``routes``, ``rules`` and ``neighbours`` are given: what is not is whatever it has, and stays.
    declares: frozenset[str] = frozenset()
    rules: tuple[Rule, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()
    #: Whether some of the interfaces are invalid, and therefore missing here.
    incomplete: bool = False
    #: The groups that it is a member of.
    labels: tuple[str, ...] = ()
    #: By direction: what becomes of its connections that no policy is about.
    defaults: Mapping[str, str] = field(default_factory=dict)
    #: The name in the inventory of the host that it is on; None: every host.
    host: str | None = None


@dataclass(frozen=True)
class Selector:
    """One side of a connection: all that one of its fields selects."""

    namespaces: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    bridges: tuple[str, ...] = ()
    networks: tuple[Network, ...] = ()
    #: Every address that is in no network of the topology.
    outside: bool = False
    #: The host, by its addresses on the links of the topology.
    host: bool = False


@dataclass(frozen=True)
class PolicyEntry:
    """An entry of ``policies``: what becomes of connections from one side to another; None: from or to anybody."""

    path: str
    source: Selector | None
    destination: Selector | None
    action: str
    protocol: str | None = None
    #: ``PORT`` or ``FIRST-LAST``.
    ports: tuple[str, ...] = ()
    icmp_types: tuple[str, ...] = ()
    priority: int = DEFAULT_PRIORITY
    log: bool = False


@dataclass(frozen=True)
class Nat:
    """An entry of ``nat`` that masquerades a network."""

    path: str
    source: Network
    #: The networks towards which nothing is masqueraded.
    excluded: tuple[Network, ...]
    #: The first and the last of the addresses that packets get; None: that of the interface they leave by.
    pool: tuple[Address, Address] | None
    #: Options of the module nat_masquerade that are passed on unchanged.
    options: Mapping[str, Any]
    #: Of what the logical router translates.
    exit: Exit | None = None

    @property
    def namespace(self) -> str | None:
        """The router namespace; None is the host, ROUTER the logical router."""
        return ROUTER if self.exit else self.options.get("namespace")


@dataclass(frozen=True)
class Forward:
    """An entry of ``nat`` that publishes a port or a range of ports."""

    path: str
    #: ``PORT`` or ``FIRST-LAST``.
    ports: str
    #: An address, or the name of a namespace.
    to: Address | str
    protocol: str
    address: Address | None
    #: The networks whose connections are forwarded, of either IP version; none: those of everybody.
    sources: tuple[Network, ...]
    #: Options of the module nat_port_forward that are passed on unchanged.
    options: Mapping[str, Any]
    #: Whether the logical router publishes it.
    by_router: bool = False

    @property
    def namespace(self) -> str | None:
        """The router namespace; None is the host, ROUTER the logical router."""
        return ROUTER if self.by_router else self.options.get("namespace")

    @property
    def port_range(self) -> tuple[int, int]:
        """The first and the last port number."""
        return port_range(self.ports)

    def sources_of(self, version: int) -> list[Network]:
        """Return the networks of one IP version whose connections are forwarded."""
        return [network for network in self.sources if network.version == version]


@dataclass(frozen=True)
class Target:
    """An entry of ``verify_outside``; without a port it is pinged."""

    path: str
    address: Address
    port: int | None = None


@dataclass(frozen=True)
class UserProbe:
    """An entry of ``verify_probes``."""

    path: str
    #: None is the host.
    namespace: str | None
    to: Address
    protocol: str
    port: int | None
    #: One of EXPECTATIONS.
    expect: str
    #: Seconds; None: the default of the role's own probes.
    timeout: float | None
    #: Whether a packet as large as both ends can carry must be answered, too.
    full_size: bool = False


@dataclass(frozen=True)
class Plug:
    """An interface, its broadcast domain (None: unknown), and its addresses (None: not declared)."""

    name: str
    segment: Segment | None
    addresses: tuple[Interface, ...] | None


@dataclass(frozen=True)
class ForwardTarget:
    """An address that a port can be forwarded to, its namespace, and the broadcast domain that it is in."""

    namespace: str
    address: Interface
    segment: Segment | None


@dataclass(frozen=True)
class Topology:
    """All variables of one topology."""

    name: str
    state: str
    verify: bool
    bridges: tuple[Bridge, ...]
    namespaces: tuple[Namespace, ...]
    links: tuple[Link, ...]
    nat: tuple[Nat, ...]
    forwards: tuple[Forward, ...]
    outside: tuple[Target, ...]
    probes: tuple[UserProbe, ...]
    policies: tuple[PolicyEntry, ...] = ()
    #: Whether the namespaces know each other by name.
    names: bool = True
    #: What is declared of the host itself, as of a namespace without a name.
    host: Namespace | None = None
    #: Which of ``bridges``, ``namespaces`` and ``links`` have invalid entries, which are therefore missing here.
    incomplete: frozenset[str] = frozenset()
    #: The hosts that it is on by their names in the inventory, each with the address of its tunnels; none: unknown.
    hosts: Mapping[str, str] = field(default_factory=dict)
    #: The host that it is compiled for.
    this_host: str | None = None
    #: Of what one host sees: the namespaces that are on other hosts.
    elsewhere: frozenset[str] = frozenset()
    ovn: Ovn = field(default_factory=Ovn)

    @cached_property
    def logical(self) -> Mapping[str, Bridge]:
        """The bridges that are logical switches, by their names."""
        return {bridge.name: bridge for bridge in self.bridges if bridge.logical}

    @property
    def host_links(self) -> tuple[Attachment, ...]:
        """The links of the host itself that are declared."""
        return self.host.interfaces if self.host else ()

    def destinations(self) -> Iterator[Network]:
        """Yield the networks that routes of the host and of the namespaces are about; default routes are not."""
        for routes in self.routes.values():
            yield from (route.destination for route in routes if route.destination is not None)

    def ends(self) -> Iterator[End]:
        """Yield all declared ends and existing links, in the order of the variables."""
        yield from self.host_links
        for namespace in self.namespaces:
            yield from namespace.interfaces
        for link in self.links:
            yield link.near
            yield link.far

    @cached_property
    def plugs(self) -> Mapping[str | None, Sequence[Plug]]:
        """The interfaces of each namespace, the host (None) and the logical router, each with its broadcast domain."""
        found: dict[str | None, list[Plug]] = {}
        for bridge in self.bridges:
            # The logical router has what is declared, and nothing else.
            addresses = bridge.addresses or () if bridge.logical else bridge.addresses
            found.setdefault(bridge.place, []).append(Plug(bridge.name, ("bridge", bridge.name, 0), addresses))
        for end in self.host_links:
            found.setdefault(None, []).append(Plug(end.name, segment_of(end), end.addresses))
        for namespace in self.namespaces:
            for end in namespace.interfaces:
                found.setdefault(namespace.name, []).append(Plug(end.name, segment_of(end), end.addresses))
        for index, link in enumerate(self.links):
            for either in (link.near, link.far):
                plug = Plug(either.name, ("link", index, 0), either.addresses)
                found.setdefault(either.namespace, []).append(plug)
        return found

    @cached_property
    def routes(self) -> Mapping[str | None, Sequence[Route]]:
        """The declared routes of each namespace, and of the host (None)."""
        of_host = self.host.routes if self.host else ()
        return {None: of_host, **{namespace.name: namespace.routes for namespace in self.namespaces}}

    @cached_property
    def rules(self) -> Mapping[str | None, Sequence[Rule]]:
        """The declared rules of each namespace, and of the host (None)."""
        of_host = self.host.rules if self.host else ()
        return {None: of_host, **{namespace.name: namespace.rules for namespace in self.namespaces}}

    @cached_property
    def forward_targets(self) -> Mapping[str | Address, Sequence[ForwardTarget]]:
        """The addresses that a port can be forwarded to, by their namespace and by themselves."""
        targets: dict[str | Address, list[ForwardTarget]] = {}
        for namespace, plugs in self.plugs.items():
            if namespace is None or namespace == ROUTER:
                continue
            for plug in plugs:
                for address in plug.addresses or ():
                    if plug.name != "lo" and not address.is_link_local:
                        keys: tuple[str | Address, ...] = (namespace, address.ip)
                        for key in keys:
                            targets.setdefault(key, []).append(ForwardTarget(namespace, address, plug.segment))
        return targets
