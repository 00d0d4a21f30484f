# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The survey of a host: which probes can be sent, where to listen for them, and what became of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from ipaddress import ip_network

from ansible_collections.netns.fabric.plugins.module_utils._core.conditions import cure
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import Unavailable
from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import MAIN_TABLE, Address
from ansible_collections.netns.fabric.plugins.module_utils._kernel.access import KERNEL
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import (
    KernelState,
    NamespaceName,
    NamespaceState,
    Route,
)
from ansible_collections.netns.fabric.plugins.module_utils._probes.model import (
    CLOSED,
    NO_NEIGHBOUR,
    NO_OWNER,
    REFUSED,
    SILENCE,
    Judged,
    Outcome,
    Probe,
)
from ansible_collections.netns.fabric.plugins.module_utils._probes.verdict import Context, ProbePath

#: The namespaces that have an address, by address.
Owners = Mapping[Address, Sequence[NamespaceName]]


def survey(host: Host, probes: Sequence[Probe]) -> tuple[list[Judged], Context]:
    """Send the probes and return what became of them, and what helps to explain it.

    In check mode nothing is sent: what the probes lead to may not exist yet.

    Raises:
        FabricError: With a message for the user.
    """
    if host.check_mode or not probes:
        return [Judged(probe, None) for probe in probes], Context()
    try:
        return _Survey(host, probes).run()
    except OSError as error:
        advice = cure(error) or "raise the limit that was reached (`net.ipv4.ip_local_port_range`)"
        if not isinstance(error, PermissionError):
            advice = f"send fewer in one call, or {advice}"
        raise Unavailable(f"the host cannot carry out the probes: {error.strerror or error}; {advice}") from error


class _Survey:
    def __init__(self, host: Host, probes: Sequence[Probe]) -> None:
        # Imported at first use: it imports pyroute2, which takes longer than a call without probes.
        from ansible_collections.netns.fabric.plugins.module_utils._probes.engine import Prober

        self._kernel = host.use(KERNEL)
        self._prober = Prober(host.use(KERNEL))
        self._probes = probes
        #: Namespaces whose addresses have been read.
        self._read: set[NamespaceName] = set()
        self._owners: dict[Address, list[NamespaceName]] = {}

    def run(self) -> tuple[list[Judged], Context]:
        self._find_owners()
        judged = self._repeat_misdirected(self._judge(self._probes))
        return judged, self._read_context(judged)

    def _judge(self, probes: Sequence[Probe]) -> list[Judged]:
        listeners = {probe: listeners_of(probe, self._owners) for probe in probes if probe.needs_listener}
        sent = [probe for probe in probes if listeners.get(probe, True)]
        outcomes = dict(zip(sent, self._prober.send(sent, listeners)))
        return [Judged(probe, outcomes.get(probe, Outcome(reachable=False, cause=NO_OWNER))) for probe in probes]

    def _find_owners(self) -> None:
        """Read where the destinations are, first where the probes start: they mostly lead to one another."""
        wanted = {probe.to for probe in self._probes if probe.needs_listener and not probe.to.is_loopback}
        if not wanted:
            return
        self._read_addresses([None, *(probe.namespace for probe in self._probes)])
        if not wanted <= self._owners.keys():
            self._read_addresses(self._kernel.namespace_names())

    def _read_addresses(self, namespaces: Iterable[NamespaceName]) -> None:
        names = [name for name in dict.fromkeys(namespaces) if name not in self._read]
        self._read.update(names)
        for address, holders in owners_in(self._kernel.read(names, addresses=True)).items():
            self._owners.setdefault(address, []).extend(holders)

    def _repeat_misdirected(self, judged: list[Judged]) -> list[Judged]:
        """Repeat probes that may have led to a namespace that has the address too, and that no probe starts from."""
        suspects = [
            one.probe
            for one in judged
            if one.probe.needs_listener and one.outcome and one.outcome.cause in (REFUSED, CLOSED)
        ]
        if not suspects:
            return judged
        before = {probe: listeners_of(probe, self._owners) for probe in suspects}
        self._read_addresses(self._kernel.namespace_names())
        again = [probe for probe in suspects if listeners_of(probe, self._owners) != before[probe]]
        if not again:
            return judged
        second = {one.probe: one for one in self._judge(again)}
        return [second.get(one.probe, one) for one in judged]

    def _read_context(self, judged: Sequence[Judged]) -> Context:
        """Read what explains unexpected silence: does ping pass, does the gateway answer?"""
        failed = [one for one in judged if one.ok is False]
        silent = [one.probe for one in failed if one.outcome and one.outcome.cause == SILENCE]
        unresolved = [one.probe for one in failed if one.outcome and one.outcome.cause == NO_NEIGHBOUR]
        return Context(self._find_pings(judged, silent), self._find_dead_gateways(silent + unresolved))

    def _find_pings(self, judged: Sequence[Judged], silent: Sequence[Probe]) -> dict[ProbePath, bool]:
        """Return whether an echo is answered where TCP is not: from the probes, or from one that is sent now."""
        known = {
            (one.probe.namespace, one.probe.to): one.outcome.reachable
            for one in judged
            if one.probe.protocol == "icmp" and one.outcome
        }
        missing = {
            (probe.namespace, probe.to): replace(probe, protocol="icmp", port=None)
            for probe in silent
            if probe.protocol == "tcp" and (probe.namespace, probe.to) not in known
        }
        outcomes = self._prober.send(list(missing.values()), {})
        return {**known, **{path: outcome.reachable for path, outcome in zip(missing, outcomes)}}

    def _find_dead_gateways(self, probes: Sequence[Probe]) -> dict[ProbePath, str]:
        if not probes:
            return {}
        state = self._kernel.read({probe.namespace for probe in probes}, routes=True)
        unresolved = self._prober.find_unresolved({probe.namespace for probe in probes})
        found: dict[ProbePath, str] = {}
        for probe in probes:
            gateway = gateway_to(state.namespace(probe.namespace), probe.to)
            if gateway and gateway in unresolved.get(probe.namespace, ()):
                found[probe.namespace, probe.to] = gateway
        return found


def owners_in(state: KernelState) -> dict[Address, list[NamespaceName]]:
    """Return the namespaces that have an address, by address; several may have it, on separate networks."""
    found: dict[Address, list[NamespaceName]] = {}
    for name, namespace in state.namespaces.items():
        for address in namespace.addresses:
            holders = found.setdefault(address.interface.ip, [])
            if name not in holders:
                holders.append(name)
    return found


def listeners_of(probe: Probe, owners: Owners) -> tuple[NamespaceName, ...]:
    """Return where to listen for a TCP probe. A namespace that has the address itself never sends the packet out."""
    if probe.to.is_loopback or probe.namespace in owners.get(probe.to, ()):
        return (probe.namespace,)
    return tuple(owners.get(probe.to, ()))


def gateway_to(namespace: NamespaceState, to: Address) -> str | None:
    """Return the gateway to an address by the main table: the longest prefix, then the lowest metric (RFC 1812)."""

    def is_candidate(route: Route) -> bool:
        return route.table == MAIN_TABLE and route.version == to.version and to in ip_network(route.destination)

    candidates = [route for route in namespace.routes if is_candidate(route)]
    if not candidates:
        return None
    return min(candidates, key=lambda route: (-ip_network(route.destination).prefixlen, route.metric)).gateway
