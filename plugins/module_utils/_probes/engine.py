# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Probes sent from inside namespaces, all at once, by one thread.

A socket stays in the namespace in which it was opened, so one loop serves them all.
"""

from __future__ import annotations

import os
import resource
import secrets
import socket
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from ipaddress import ip_address
from selectors import EVENT_READ
from typing import TYPE_CHECKING, TypeVar

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import Unavailable
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import Address
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import NamespaceName
from ansible_collections.netns.fabric.plugins.module_utils._probes.active_probe import ActiveProbe
from ansible_collections.netns.fabric.plugins.module_utils._probes.event_loop import EventLoop
from ansible_collections.netns.fabric.plugins.module_utils._probes.icmp_probe import (
    DISCARD,
    ECHOES_PER_SOCKET,
    PAYLOAD,
    EchoProbe,
    EchoSocket,
)
from ansible_collections.netns.fabric.plugins.module_utils._probes.model import (
    NO_NAMESPACE,
    NO_NEIGHBOUR,
    SILENCE,
    Outcome,
    Probe,
)
from ansible_collections.netns.fabric.plugins.module_utils._probes.neighbours import (
    FAMILY,
    Endpoint,
    NeighbourKey,
    NeighbourTables,
    endpoints_in,
)
from ansible_collections.netns.fabric.plugins.module_utils._probes.tcp_listener import Listeners
from ansible_collections.netns.fabric.plugins.module_utils._probes.tcp_probe import (
    MAX_MTU,
    Payload,
    SendQueue,
    TcpProbe,
    exchange_size,
)
from ansible_collections.netns.fabric.plugins.module_utils._probes.udp_listener import UdpListeners
from ansible_collections.netns.fabric.plugins.module_utils._probes.udp_probe import UdpProbe
from ansible_collections.netns.fabric.plugins.module_utils._probes.window import Window

if TYPE_CHECKING:
    from ansible_collections.netns.fabric.plugins.module_utils._kernel.backend import Kernel

#: Probes whose ends find each other as all traffic does, by a request to all on the link. The neighbour entries of
#: further ones are primed, and stay so as long as their first request is answered.
RESOLVING = 16
#: Bytes: the largest IPv4 packet (RFC 791); one of IPv6 without a jumbo payload is 40 larger (RFC 8200).
PACKET_MAX = 65535
#: Seconds for which primed entries stay longer than they are needed.
LINGERING = 0.2
#: Descriptors left to the rest of the process, and exchanges that may be open however few descriptors there are.
SPARE_DESCRIPTORS = 64
MIN_OPEN = 4

_Sender = TypeVar("_Sender", Probe, ActiveProbe)


class Prober:
    """Sends probes. All that is left when a method returns are entries in the kernel's neighbour tables."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def send(self, probes: Sequence[Probe], listeners: Mapping[Probe, Sequence[NamespaceName]]) -> list[Outcome]:
        """Send probes and return the outcome of each, in their order.

        `listeners` has for every probe that `seeks_owner` the namespaces in which to listen for it.

        Raises:
            Unavailable: A namespace to listen in does not exist any more.
            OSError: The host is out of descriptors, ports or memory.
        """
        if not probes:
            return []
        run = _Run(self._kernel, probes, listeners)
        try:
            return run.run()
        finally:
            run.close()

    def find_sources(self, probes: Iterable[Probe]) -> dict[Probe, str]:
        """Return the address that each probe would be sent from, as far as there is one."""
        by_namespace: dict[NamespaceName, list[Probe]] = {}
        for probe in probes:
            by_namespace.setdefault(probe.namespace, []).append(probe)
        found: dict[Probe, str] = {}
        for name, those in by_namespace.items():
            with suppress(Unavailable), self._kernel.entered(name):
                found.update(_find_sources((probe, probe.to) for probe in those))
        return found

    def find_unresolved(self, namespaces: Iterable[NamespaceName]) -> dict[NamespaceName, set[str]]:
        """Return the addresses, by namespace, that something was to be sent to and no host on the link answers for."""
        neighbours = NeighbourTables(self._kernel)
        return {name: neighbours.find_unresolved(name) for name in namespaces}


class _Run:
    """All probes of one call of `Prober.send`; the Scheduler of its probes."""

    def __init__(
        self, kernel: Kernel, probes: Sequence[Probe], listeners: Mapping[Probe, Sequence[NamespaceName]]
    ) -> None:
        self.kernel = kernel
        self.loop = EventLoop()
        self.neighbours = NeighbourTables(kernel, (probe.namespace for probe in probes))
        self._token = secrets.token_bytes(16)
        self._window = Window(self.neighbours)
        self._send_queue = SendQueue()
        self._listeners = Listeners(self, self._token)
        self._udp_listeners = UdpListeners(self)
        self._listen_in = listeners
        self._echo_sockets: list[EchoSocket] = []
        self._outcomes: dict[int, Outcome] = {}
        self._probes = [self._activate(index, probe) for index, probe in enumerate(probes)]

    def _activate(self, index: int, probe: Probe) -> ActiveProbe:
        if probe.protocol == "icmp":
            return EchoProbe(self, index, probe)
        if probe.protocol == "udp":
            return UdpProbe(self, index, probe, *self._udp_listeners.datagrams_for(index))
        return TcpProbe(self, index, probe, self._send_queue)

    def run(self) -> list[Outcome]:
        """Carry out all probes and return their outcomes.

        Raises:
            Unavailable: A namespace to listen in does not exist any more.
            OSError: The host is out of descriptors, ports or memory.
        """
        self._prepare()
        while len(self._outcomes) < len(self._probes):
            self._window.advance()
            self.loop.run_once(self._window.patience)
        self._explain_silence()
        return [self._outcomes[probe.index] for probe in self._probes]

    # Before the first packet

    def _prepare(self) -> None:
        by_namespace: dict[NamespaceName, list[ActiveProbe]] = {}
        for probe in self._probes:
            by_namespace.setdefault(probe.probe.namespace, []).append(probe)
        sources: dict[ActiveProbe, str] = {}
        for name, probes in by_namespace.items():
            try:
                with self.kernel.entered(name):
                    self._open_echo_sockets(probes)
                    sources.update(_find_sources((probe, probe.probe.to) for probe in probes))
            except Unavailable:
                for probe in probes:
                    probe.finished = True
                    self._outcomes[probe.index] = Outcome(reachable=False, cause=NO_NAMESPACE)
        active = [probe for probe in self._probes if not probe.finished]
        exchanges = [probe for probe in active if isinstance(probe, TcpProbe) and probe.probe.needs_listener]
        for exchange in exchanges:
            self._listeners.open(exchange, self._listen_in[exchange.probe])
        for probe in active:
            if isinstance(probe, UdpProbe) and self._listen_in.get(probe.probe):
                self._udp_listeners.open(probe, self._listen_in[probe.probe])
        self._arrange(active, sources)
        self._set_payloads([exchange for exchange in exchanges if self._listeners.are_open_for(exchange)])
        soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        used = len(os.listdir("/proc/self/fd")) + len(by_namespace) + SPARE_DESCRIPTORS
        self._window.max_open = max(MIN_OPEN, (soft - used) // 2)

    def _open_echo_sockets(self, probes: Iterable[ActiveProbe]) -> None:
        payload = (self._token * 4)[:PAYLOAD]
        for version in FAMILY:
            echoes = [probe for probe in probes if isinstance(probe, EchoProbe) and probe.version == version]
            for start in range(0, len(echoes), ECHOES_PER_SOCKET):
                opened = EchoSocket(version, payload)
                self._echo_sockets.append(opened)
                self.loop.watch(opened.socket, EVENT_READ, opened.read)
                for echo in echoes[start : start + ECHOES_PER_SOCKET]:
                    echo.socket = opened

    def _arrange(self, probes: Sequence[ActiveProbe], sources: Mapping[ActiveProbe, str]) -> None:
        """Put probes between the same two ends one after the other, so that they share their neighbour entries."""
        locations = self._locate_addresses(probes, sources)
        self.neighbours.track([*locations, *(probe.address for probe in probes)], set(locations.values()))
        leaders: dict[frozenset[NeighbourKey], ActiveProbe] = {}
        for probe in sorted(probes, key=lambda probe: not isinstance(probe, EchoProbe)):
            if probe.address in locations and probe in sources:
                probe.far_end = (locations[probe.address], sources[probe])
                probe.neighbour_keys = (*probe.neighbour_keys, probe.far_end)
            leader = leaders.setdefault(frozenset(probe.neighbour_keys), probe)
            if leader is not probe:
                leader.followers.append(probe)
                probe.follows = True
        large = [probe for probe in probes if isinstance(probe, EchoProbe) and probe.probe.full_size]
        if large or len(probes) > RESOLVING:
            endpoints = endpoints_in(self.kernel.read(locations.values(), addresses=True))
            _set_full_sizes(large, sources, endpoints)
        if len(probes) > RESOLVING:
            _set_mtus([probe for probe in probes if isinstance(probe, TcpProbe)], endpoints)
            echoes = [probe for probe in leaders.values() if isinstance(probe, EchoProbe)]
            _plan_priming(echoes[RESOLVING:], endpoints)
        self._window.add(leaders.values())

    def _locate_addresses(
        self, probes: Sequence[ActiveProbe], sources: Mapping[ActiveProbe, str]
    ) -> dict[str, NamespaceName]:
        """Return where addresses are, as far as a probe starts from them or a listener was opened for them."""
        locations = {source: probe.probe.namespace for probe, source in sources.items()}
        for probe in probes:
            owners = self._listen_in.get(probe.probe, ())
            if len(owners) == 1 and probe.probe.service is None:
                locations.setdefault(probe.address, owners[0])
        return locations

    def _set_payloads(self, exchanges: Sequence[TcpProbe]) -> None:
        content = memoryview(secrets.token_bytes(exchange_size(len(exchanges), MAX_MTU)))
        for exchange in exchanges:
            size = exchange_size(len(exchanges), exchange.mtu)
            exchange.payload = Payload(self._listeners.greeting_for(exchange), content[:size])

    # While probes are under way

    def note_answer(self, probe: ActiveProbe) -> None:
        """Take note that a probe was answered, however late."""
        self._window.note_answer(probe)

    def finish(self, probe: ActiveProbe, outcome: Outcome) -> None:
        """Take the outcome of a probe."""
        self._outcomes[probe.index] = outcome
        self._window.remove(probe)
        self.neighbours.release(probe.version, probe.neighbour_keys)
        # Not at once: the kernel answers what still arrives for a closed connection.
        self.loop.call_at(
            time.monotonic() + LINGERING,
            lambda _now: self.neighbours.remove_idle_primed(probe.version, probe.neighbour_keys),
        )

    # After the last packet

    def _explain_silence(self) -> None:
        """Set the cause of silent probes to NO_NEIGHBOUR where no host on the link answered for the address."""
        silent = [probe for probe in self._probes if self._outcomes[probe.index].cause == SILENCE]
        namespaces = {probe.probe.namespace for probe in silent}
        unresolved = {name: self.neighbours.find_unresolved(name) for name in namespaces}
        for probe in silent:
            if probe.address in unresolved[probe.probe.namespace]:
                self._outcomes[probe.index] = Outcome(reachable=False, cause=NO_NEIGHBOUR)

    def close(self) -> None:
        """Close all sockets, and leave no full neighbour table behind."""
        self._window.close()
        self._listeners.close()
        self._udp_listeners.close()
        for opened in self._echo_sockets:
            self.loop.unwatch(opened.socket)
            opened.socket.close()
        self.neighbours.clear()
        self.loop.close()


def _find_sources(destinations: Iterable[tuple[_Sender, Address]]) -> dict[_Sender, str]:
    """Return the addresses that the kernel would send from; connecting a UDP socket sends nothing (udp(7))."""
    found: dict[_Sender, str] = {}
    pairs = list(destinations)
    for version in FAMILY:
        with socket.socket(FAMILY[version], socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as trial:
            for sender, to in pairs:
                if to.version == version:
                    with suppress(OSError):
                        trial.connect((str(to), DISCARD))
                        found[sender] = trial.getsockname()[0]
    return found


def _set_mtus(probes: Iterable[TcpProbe], endpoints: Mapping[NeighbourKey, Endpoint]) -> None:
    for probe in probes:
        near = _near_end(probe, endpoints)
        if near is not None:
            probe.mtu = near.mtu


def _set_full_sizes(
    probes: Iterable[EchoProbe], sources: Mapping[ActiveProbe, str], endpoints: Mapping[NeighbourKey, Endpoint]
) -> None:
    """Set the size of a packet that both ends can carry; what is on the way between them is to be found out."""
    for probe in probes:
        near = endpoints.get((probe.probe.namespace, sources.get(probe, "")))
        far = endpoints.get((probe.far_end[0], probe.address)) if probe.far_end else None
        if near is not None:
            probe.full_size = min(near.mtu, far.mtu if far else near.mtu, PACKET_MAX)


def _plan_priming(probes: Iterable[ActiveProbe], endpoints: Mapping[NeighbourKey, Endpoint]) -> None:
    """Have the neighbour entries primed where both ends are on this host and on one subnet."""
    for probe in probes:
        if probe.far_end is not None and not probe.probe.is_forbidden:
            near, far = _near_end(probe, endpoints), endpoints.get((probe.far_end[0], probe.address))
            if near and far and probe.probe.to in near.network and ip_address(probe.far_end[1]) in far.network:
                probe.primed_pair = (near, far)


def _near_end(probe: ActiveProbe, endpoints: Mapping[NeighbourKey, Endpoint]) -> Endpoint | None:
    return endpoints.get((probe.probe.namespace, probe.far_end[1])) if probe.far_end else None
