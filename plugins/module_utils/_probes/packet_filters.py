# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the hosts on a probe's path show of why it is not answered: their packet filters, and IPv6 that is off."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_address

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError
from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import Address
from ansible_collections.netns.fabric.plugins.module_utils._firewall.backend import FIREWALL
from ansible_collections.netns.fabric.plugins.module_utils._firewall.conditions import ESTABLISHED, NEW, Packet
from ansible_collections.netns.fabric.plugins.module_utils._firewall.refusals import (
    Refusal,
    find_refusal,
    how_to_open,
)
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import FORWARD, INPUT, Ruleset, Tools
from ansible_collections.netns.fabric.plugins.module_utils._kernel.access import KERNEL
from ansible_collections.netns.fabric.plugins.module_utils._kernel.operations import inside
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import KernelState, NamespaceName
from ansible_collections.netns.fabric.plugins.module_utils._probes.model import Probe, place


@dataclass(frozen=True)
class Route:
    """The way of a probe's packets, as far as this host shows it.

    `owners` have the destination; `forwarders` have the gateway and not the destination.
    """

    probe: Probe
    source: Address | None = None
    gateway: Address | None = None
    owners: Sequence[NamespaceName] = ()
    forwarders: Sequence[NamespaceName] = ()


@dataclass(frozen=True)
class _Stage:
    """A hook on the way, and the packet there."""

    namespace: NamespaceName
    hook: str
    packet: Packet


class PacketFilters:
    """The packet filters of this host and its namespaces, each read when it is first asked for."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._state = KernelState()

    @cached_property
    def _tools(self) -> Tools:
        return self._host.use(FIREWALL).tools

    def _ruleset(self, name: NamespaceName) -> Ruleset:
        # A program that fails costs the likely cause, not the result.
        with suppress(FabricError):
            return self._host.use(FIREWALL).read([name]).get(name) or Ruleset()
        return Ruleset()

    def note(self, state: KernelState) -> None:
        """Take the addresses of the namespaces on the paths."""
        self._state = state

    def may_refuse(self, probe: Probe) -> bool:
        """Return whether the host's own filter may refuse a probe to it, wherever it comes from."""
        packet = Packet(None, probe.to, probe.protocol, probe.port)
        return find_refusal(self._ruleset(None), INPUT, packet) is not None

    def at_destination(self, route: Route, state: str = NEW) -> Refusal | None:
        """Return what the host's own filter does not let in of a probe to it, or of the answers to the host."""
        return find_refusal(self._ruleset(None), INPUT, self._packet(route, None, state))

    def describe(self, route: Route, refusal: Refusal) -> str:
        """Return which chain of the host refuses a probe to it, and what opens it."""
        stage = _Stage(None, INPUT, self._packet(route, None, NEW))
        return self._describe(stage, refusal)

    def find(self, route: Route, resolves: bool = False) -> str:
        """Return what refuses a probe on its way, the first filter first; empty for nothing.

        `resolves`: it is about the request for the neighbour's address, which in IPv6 is a packet that filters see
        (RFC 4861).
        """
        found = [
            (stage, refusal)
            for stage in self._stages(route, resolves)
            if (refusal := find_refusal(self._ruleset(stage.namespace), stage.hook, stage.packet)) is not None
            and (refusal.is_certain or not resolves)
        ]
        stage, refusal = min(found, key=lambda pair: not pair[1].is_certain, default=(None, None))
        return self._describe(stage, refusal) if stage and refusal else ""

    def _stages(self, route: Route, resolves: bool) -> Iterator[_Stage]:
        if resolves:
            for name in {*route.owners, *route.forwarders}:
                link = self._link_of(name, route.gateway or route.probe.to)
                yield _Stage(name, INPUT, Packet(route.source, route.probe.to, "icmp", in_interface=link))
            return
        for name in route.forwarders:
            yield _Stage(name, FORWARD, self._packet(route, name, NEW))
        for name in route.owners:
            yield _Stage(name, INPUT, self._packet(route, name, NEW))
        probe = route.probe
        if route.source is not None:
            link = self._link_of(probe.namespace, route.source)
            answer = Packet(probe.to, route.source, probe.protocol, in_interface=link, state=ESTABLISHED)
            yield _Stage(probe.namespace, INPUT, answer)

    def _packet(self, route: Route, name: NamespaceName, state: str) -> Packet:
        probe = route.probe
        link = self._link_of(name, route.gateway or probe.to)
        return Packet(route.source, probe.to, probe.protocol, probe.port, link, state)

    def _link_of(self, name: NamespaceName, address: Address) -> str | None:
        """Return the link that has an address, which what is sent to it arrives by, if it is not routed on."""
        namespace = self._state.namespace(name)
        found = (namespace.link_at(own.index) for own in namespace.addresses if own.interface.ip == address)
        return next((link.name for link in found if link is not None), None)

    def _describe(self, stage: _Stage, refusal: Refusal) -> str:
        ruleset, where = self._ruleset(stage.namespace), stage.namespace
        opening = how_to_open(ruleset, refusal, self._tools, where, stage.packet.in_interface)
        verb = "refuses" if refusal.is_certain else "may refuse"
        owner = "the host" if where is None else f"the namespace {where}"
        return f"the packet filter of {owner} {verb} this: {refusal}; {opening}"

    def ipv6_off(self, route: Route) -> str:
        """Return where IPv6 is off that a probe needs; empty for nowhere."""
        if route.probe.to.version == 4:
            return ""
        # An address is gone once IPv6 is off on its link: who had it is not known then, and may be the host.
        for name in dict.fromkeys((route.probe.namespace, *(route.owners or (None,)))):
            for key in self._disabling(name):
                cure = inside(name, "sysctl", "-w", f"{key}=0")
                return f"IPv6 is off in {place(name)} ({key} = 1); turn it on (`{cure}`) and run again"
        return ""

    def _disabling(self, name: NamespaceName) -> Iterator[str]:
        """Yield the parameters that turn IPv6 off on links that have no IPv6 address (ip-sysctl, disable_ipv6)."""
        namespace = self._state.namespace(name)
        links = [link for link in namespace.links if not link.loopback and link.up]
        without = [
            link.name
            for link in links
            if all(address.interface.version == 4 for address in namespace.addresses_of(link))
        ]
        for link in ("all", *without) if without else ():
            key = f"net.ipv6.conf.{link.replace('.', '/')}.disable_ipv6"
            if self._sysctl(name, key) == "1":
                yield key

    def _sysctl(self, name: NamespaceName, key: str) -> str | None:
        with suppress(FabricError):
            return self._host.use(KERNEL).sysctl(name, key)
        return None


def routes_of(
    probes: Iterable[Probe],
    sources: Mapping[Probe, str],
    gateways: Mapping[Probe, str | None],
    owners: Mapping[Address, Sequence[NamespaceName]],
) -> dict[Probe, Route]:
    """Return the way of each probe from what was read."""
    found = {}
    for probe in probes:
        source, text = sources.get(probe), gateways.get(probe)
        gateway = ip_address(text) if text else None
        holders = owners.get(probe.to, ())
        forwarders = [name for name in (owners.get(gateway, ()) if gateway else ()) if name not in holders]
        found[probe] = Route(probe, ip_address(source) if source else None, gateway, holders, forwarders)
    return found
