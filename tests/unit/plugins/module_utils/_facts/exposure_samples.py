# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts for the tests of the exposure, written in few words: bridges, namespaces at them, links that lead out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_interface, ip_network
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._facts.model import EXPOSURE, HostFacts, NamespaceFacts
from ansible_collections.netns.fabric.plugins.module_utils._facts.routing import parameter_of
from ansible_collections.netns.fabric.plugins.module_utils._firewall.iptables_parser import parse_chains
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import IPTABLES_NFT, Ruleset
from ansible_collections.netns.fabric.plugins.module_utils._kernel.sockets import Socket
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import (
    Address,
    End,
    Identity,
    KernelState,
    Link,
    NamespaceName,
    NamespaceState,
    Route,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Bridge, Interface, Port, Switch
from ansible_collections.netns.fabric.tests.helpers.host_facts import ALL

HOST = "host"

#: What a case may have; see build_facts().
KEYS = frozenset({"bridges", "switches", "outside", "namespaces", "forwarding", "iptables", "listen", "unread"})


class _Space:
    """One namespace while it is built."""

    def __init__(self, name: NamespaceName) -> None:
        self.name = name
        self.links: list[Link] = []
        self.addresses: list[Address] = []
        self.routes: list[Route] = []

    def add(self, name: str, kind: str, addresses: Sequence[str] = (), **more: Any) -> int:
        index = len(self.links) + 1
        self.links.append(Link(index, name, kind=kind, up=more.pop("up", True), **more))
        for text in addresses:
            interface = ip_interface(text)
            self.addresses.append(Address(index, interface))
            self.routes.append(Route(str(interface.network), device=index))
        return index


def build_facts(case: Mapping[str, Any]) -> HostFacts:
    """Return the facts of a host.

    Args:
        case: `bridges` of the kernel and `outside` links by name, each with its addresses; `switches` of Open vSwitch
            by name, with addresses and the VLAN of the own port; `namespaces` by name, each with its `bridge` or
            `switch` and `port` (options of the port), `addresses`, `gateway`, `listen`, `iptables` and `links` (kinds
            by name); `forwarding`, `iptables` (as iptables-save prints it) and `listen` of the host; `unread`, the
            namespaces whose packet filters could not be read.
    """
    assert set(case) <= KEYS, set(case) - KEYS
    host = _Space(None)
    host.add("lo", "", loopback=True)
    spaces = {None: host}
    for name, addresses in (case.get("bridges") or {}).items():
        host.add(name, "bridge", addresses)
    ports: dict[str, list[Port]] = {}
    for name, options in (case.get("switches") or {}).items():
        host.add(name, "tun", options["addresses"])
        local = Interface(name, type="internal", ofport=65534, ifindex=1)
        ports[name] = [Port(name, (local,), tag=options.get("tag"))]
    for name, addresses in (case.get("outside") or {}).items():
        host.add(name, "", addresses)
    for name, options in case["namespaces"].items():
        spaces[name] = _build_namespace(name, options or {}, host, ports)
    given: dict[NamespaceName, Mapping[str, Any]] = {None: case, **case["namespaces"]}
    return HostFacts(
        wanted=ALL | {EXPOSURE},
        kernel=KernelState({name: _state(space) for name, space in spaces.items()}),
        identities={name: Identity(number, number) for number, name in enumerate(spaces)},
        inside={name: _inside(space, given[name] or {}, case) for name, space in spaces.items()},
        rulesets={
            name: _ruleset(options["iptables"])
            for name, options in given.items()
            if options and "iptables" in options and (name or HOST) not in case.get("unread", ())
        },
        switch=Switch(bridges=tuple(Bridge(name, "netdev", ports=tuple(found)) for name, found in ports.items())),
    )


def _build_namespace(name: str, options: Mapping[str, Any], host: _Space, ports: Mapping[str, list[Port]]) -> _Space:
    space = _Space(name)
    space.add("lo", "", loopback=True)
    addresses = options.get("addresses", ())
    tap = f"{name}_tap"
    if "bridge" in options or "switch" in options:
        bridge = next((link.index for link in host.links if link.name == options.get("bridge")), 0)
        end = End(None, len(host.links) + 1)
        index = space.add("eth0", "veth", addresses, peer=end, up=options.get("up", True))
        host.add(tap, "veth", peer=End(name, index), master=bridge, isolated=options.get("isolated", False))
    if "switch" in options:
        ports[options["switch"]].append(Port(tap, (Interface(tap, ofport=2, ifindex=1),), **options.get("port", {})))
    for link, kind in options.get("links", {}).items():
        space.add(link, kind, addresses)
    if "gateway" in options:
        version = ip_network(options["gateway"]).version
        space.routes.append(Route("0.0.0.0/0" if version == 4 else "::/0", gateway=options["gateway"], device=2))
    return space


def _state(space: _Space) -> NamespaceState:
    return NamespaceState(space.name, tuple(space.links), tuple(space.addresses), tuple(space.routes))


def _inside(space: _Space, options: Mapping[str, Any], case: Mapping[str, Any]) -> NamespaceFacts:
    parameters = {}
    if space.name is None and case.get("forwarding", True):
        parameters["net.ipv6.conf.all.forwarding"] = "1"
        for link in space.links:
            parameters[parameter_of("net.ipv4.conf.{}.forwarding", link.name)] = "1"
    parameters.update(options.get("parameters", {}))
    sockets = [_socket(number, text) for number, text in enumerate(options.get("listen", ()), 1)]
    tables = [("nftables", "ip", "filter")] if "iptables" in options else []
    return NamespaceFacts(parameters=parameters, sockets=sockets, tables=tables)


def _socket(inode: int, text: str) -> Socket:
    protocol, port, *address = text.split("/")
    where = address[0] if address else "0.0.0.0"  # noqa: S104  # what a server is bound to that takes all
    return Socket(protocol, where, int(port), 6 if ":" in where else 4, 0, 0, inode)


def _ruleset(text: str) -> Ruleset:
    chains = parse_chains(text, IPTABLES_NFT, 4, everything=True)
    return Ruleset({chain.place: chain for chain in chains})


def two_tenants(**more: Any) -> dict[str, Any]:
    """Return a case: two tenants, each with a bridge of the host, and a NIC."""
    return {
        "bridges": {"a_br": ["10.1.0.254/24"], "b_br": ["10.2.0.254/24"]},
        "outside": {"lan0": ["192.0.2.1/24"]},
        "namespaces": {
            name: {
                "bridge": f"{name[0]}_br",
                "addresses": [f"{network}{name[1]}/24"],
                "gateway": f"{network}254",
                "listen": ["tcp/80", "udp/53"],
            }
            for network, names in (("10.1.0.", ("a1", "a2")), ("10.2.0.", ("b1",)))
            for name in names
        },
        **more,
    }
