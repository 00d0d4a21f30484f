# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The survey of a host: which probes can be sent, where to listen for them, and what became of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from ipaddress import ip_network

from ansible_collections.netns.fabric.plugins.module_utils._core.conditions import cure
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import Unavailable
from ansible_collections.netns.fabric.plugins.module_utils._core.expectations import DELIVERED, MASQUERADED
from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import MAIN_TABLE, Address
from ansible_collections.netns.fabric.plugins.module_utils._firewall.conditions import ESTABLISHED
from ansible_collections.netns.fabric.plugins.module_utils._kernel.access import KERNEL
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import (
    KernelState,
    NamespaceName,
    NamespaceState,
    Route,
)
from ansible_collections.netns.fabric.plugins.module_utils._probes.icmp import reported_by
from ansible_collections.netns.fabric.plugins.module_utils._probes.model import (
    CLOSED,
    DEFAULT_TIMEOUT,
    HOST_UNREACHABLE,
    NO_NEIGHBOUR,
    NO_OWNER,
    NO_ROUTE,
    PORT_UNREACHABLE,
    PROHIBITED,
    REFUSED,
    SILENCE,
    Judged,
    Outcome,
    Probe,
)
from ansible_collections.netns.fabric.plugins.module_utils._probes.packet_filters import PacketFilters, routes_of
from ansible_collections.netns.fabric.plugins.module_utils._probes.packet_filters import Route as ProbeRoute
from ansible_collections.netns.fabric.plugins.module_utils._probes.verdict import Context, ProbePath

#: The namespaces that have an address, by address.
Owners = Mapping[Address, Sequence[NamespaceName]]

#: The answers of a packet filter that refuses a packet (nft(8), reject; iptables-extensions(8), REJECT).
_REFUSALS = (PROHIBITED, PORT_UNREACHABLE, HOST_UNREACHABLE, REFUSED)
#: Seconds for a probe in the other direction, at least.
_TIMEOUT_BACK = 5.0


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
        self._filters = PacketFilters(host)
        self._probes = probes
        #: The timeouts of the probes as they were given.
        self._patience: dict[Probe, float] = {}
        #: Probes that the host's filter refuses, over a path on which its own do not pass either.
        self._unproven: set[Probe] = set()
        #: Namespaces whose addresses have been read.
        self._read: set[NamespaceName] = set()
        self._owners: dict[Address, list[NamespaceName]] = {}

    def run(self) -> tuple[list[Judged], Context]:
        self._find_owners()
        answered = [probe for probe in self._probes if probe.expect != MASQUERADED]
        limited = [self._limit(probe) for probe in answered]
        self._patience.update({probe: given.timeout for probe, given in zip(limited, answered)})
        judged = self._repeat_misdirected(self._judge(limited))
        judged = self._accept_refusals(judged)
        judged += self._judge_masquerading()
        return self._in_order(judged), self._read_context(judged)

    def _judge_masquerading(self) -> list[Judged]:
        """Follow what is sent to the outside, when everything else was probed: by then all links carry traffic."""
        expected = [probe for probe in self._probes if probe.expect == MASQUERADED]
        if not expected:
            return []
        # Imported at first use: few calls need it.
        from ansible_collections.netns.fabric.plugins.module_utils._probes.masquerading import judge_masquerading

        return judge_masquerading(self._kernel, expected)

    def _in_order(self, judged: Iterable[Judged]) -> list[Judged]:
        positions = {probe.entry: position for position, probe in enumerate(self._probes)}
        return sorted(judged, key=lambda one: positions[one.probe.entry])

    def _limit(self, probe: Probe) -> Probe:
        """Return a probe that does not wait long for an answer which the host's own filter may not let come."""
        is_patient = probe.expect == DELIVERED and probe.timeout > DEFAULT_TIMEOUT
        if is_patient and self._leads_to_host(probe) and self._filters.may_refuse(probe):
            return replace(probe, timeout=DEFAULT_TIMEOUT)
        return probe

    def _leads_to_host(self, probe: Probe) -> bool:
        return probe.namespace is not None and None in self._owners.get(probe.to, ())

    def _judge(self, probes: Sequence[Probe]) -> list[Judged]:
        listeners = {probe: listeners_of(probe, self._owners) for probe in probes if probe.seeks_owner}
        sent = [probe for probe in probes if listeners.get(probe) or not probe.needs_listener]
        outcomes = dict(zip(sent, self._prober.send(sent, listeners)))
        return [Judged(probe, outcomes.get(probe, Outcome(reachable=False, cause=NO_OWNER))) for probe in probes]

    def _find_owners(self) -> None:
        """Read where the destinations are, first where the probes start: they mostly lead to one another."""
        needed = (probe for probe in self._probes if probe.seeks_owner or probe.expect == DELIVERED)
        wanted = {probe.destination for probe in needed if not probe.destination.is_loopback}
        if not wanted:
            return
        self._read_addresses([None, *(probe.namespace for probe in self._probes)])
        if not wanted <= self._owners.keys():
            self._read_addresses((), self._kernel.namespace_names())

    def _read_addresses(self, namespaces: Iterable[NamespaceName], others: Iterable[str] = ()) -> None:
        """Read the addresses in namespaces that probes start from, and in others."""
        names = [name for name in dict.fromkeys(namespaces) if name not in self._read]
        more = [name for name in others if name not in self._read]
        self._read.update(names, more)
        for address, holders in owners_in(self._kernel.read(names, addresses=True, others=more)).items():
            self._owners.setdefault(address, []).extend(holders)

    def _repeat_misdirected(self, judged: list[Judged]) -> list[Judged]:
        """Repeat probes that may have led to a namespace that has the address too, and that no probe starts from."""
        suspects = [
            one.probe
            for one in judged
            if one.probe.seeks_owner and one.outcome and one.outcome.cause in (REFUSED, CLOSED, PORT_UNREACHABLE)
        ]
        if not suspects:
            return judged
        before = {probe: listeners_of(probe, self._owners) for probe in suspects}
        self._read_addresses((), self._kernel.namespace_names())
        again = [probe for probe in suspects if listeners_of(probe, self._owners) != before[probe]]
        if not again:
            return judged
        second = {one.probe: one for one in self._judge(again)}
        return [second.get(one.probe, one) for one in judged]

    # What the host's own packet filter refuses

    def _accept_refusals(self, judged: list[Judged]) -> list[Judged]:
        """Add to probes that have arrived at the host what refuses them there."""
        refused = [one for one in judged if one.ok is False and self._may_be_refused(one)]
        if not refused:
            return judged
        routes = self._read_routes([one.probe for one in refused])
        found = {}
        for one in self._select_delivered(refused, routes):
            refusal = self._filters.at_destination(routes[one.probe])
            if refusal is not None:
                found[one.probe] = self._filters.describe(routes[one.probe], refusal)
        return [replace(one, refusal=found.get(one.probe, "")) for one in judged]

    def _may_be_refused(self, one: Judged) -> bool:
        causes = (SILENCE, *_REFUSALS)
        expected = one.probe.expect == DELIVERED and self._leads_to_host(one.probe)
        return (
            expected and one.outcome is not None and one.outcome.cause in causes and self._filters.may_refuse(one.probe)
        )

    def _select_delivered(self, refused: Sequence[Judged], routes: Mapping[Probe, ProbeRoute]) -> Iterator[Judged]:
        """Yield the probes that have arrived.

        An answer of the host shows it: a filter answers only packets whose checksum is right (nf_reject_ipv4.c). Where
        there is none, what the host sends on the same path and gets back shows it, because filters let answers in.
        Where this one does not, the neighbour that was resolved has to do.
        """
        silent = []
        for one in refused:
            if one.outcome is None or one.outcome.cause == SILENCE:
                silent.append(one)
            elif one.outcome.detail in ("", reported_by(str(one.probe.to))):
                yield one
        backwards = {
            one.probe: Probe(one.probe.entry, None, source, one.probe.protocol, timeout=self._patience_back(one.probe))
            for one in silent
            if (source := routes[one.probe].source) is not None
        }
        self._read_addresses({probe.namespace for probe in backwards})
        outcomes = dict(zip(backwards, self._judge(list(backwards.values()))))
        dead = self._find_dead_gateways(list(backwards)) if backwards else {}
        for one in silent:
            answers = self._filters.at_destination(routes[one.probe], ESTABLISHED)
            is_resolved = (one.probe.namespace, one.probe.to) not in dead
            has_passed = one.probe in outcomes and bool(outcomes[one.probe].ok)
            if has_passed or (answers is not None and answers.is_certain and is_resolved):
                yield one
            else:
                self._unproven.add(one.probe)

    def _patience_back(self, probe: Probe) -> float:
        return max(_TIMEOUT_BACK, self._patience.get(probe, 0))

    def _read_routes(self, probes: Sequence[Probe]) -> dict[Probe, ProbeRoute]:
        """Read the way of each probe: its source, its gateway, and who has that and the destination."""
        state = self._kernel.read({None, *(probe.namespace for probe in probes)}, addresses=True, routes=True)
        gateways = {probe: gateway_to(state.namespace(probe.namespace), probe.to) for probe in probes}
        owners = {**owners_in(state), **self._owners}
        missing = {name for probe in probes for name in owners.get(probe.to, ())} - state.namespaces.keys()
        others = self._kernel.read((), addresses=True, others=filter(None, missing)) if missing else KernelState()
        self._filters.note(KernelState({**state.namespaces, **others.namespaces}))
        return routes_of(probes, self._prober.find_sources(probes), gateways, owners)

    # What explains a failure

    def _read_context(self, judged: Sequence[Judged]) -> Context:
        """Read what explains what is not answered: packet filters, whether ping passes, whether the gateway answers."""
        failed = [one for one in judged if one.ok is False and one.outcome and not one.outcome.reachable]
        silent = [one.probe for one in failed if one.outcome and one.outcome.cause == SILENCE]
        unresolved = [one.probe for one in failed if one.outcome and one.outcome.cause == NO_NEIGHBOUR]
        filters, ipv6_off = self._find_refusals(failed)
        return Context(
            self._find_pings(judged, silent),
            self._find_dead_gateways(silent + unresolved),
            filters,
            ipv6_off,
            frozenset(self._unproven),
        )

    def _find_refusals(self, failed: Sequence[Judged]) -> tuple[dict[Probe, str], dict[Probe, str]]:
        """Return what on the way of a probe refuses it, and where IPv6 is off that it needs."""
        causes = (SILENCE, NO_NEIGHBOUR, NO_OWNER, NO_ROUTE, *_REFUSALS)
        explained = {one.probe: one.outcome.cause for one in failed if one.outcome and one.outcome.cause in causes}
        if not explained:
            return {}, {}
        filters: dict[Probe, str] = {}
        ipv6_off: dict[Probe, str] = {}
        for probe, route in self._read_routes(list(explained)).items():
            cause = explained[probe]
            ipv6_off[probe] = "" if cause in _REFUSALS else self._filters.ipv6_off(route)
            # Requests for a neighbour are packets in IPv6 only.
            if cause in (SILENCE, *_REFUSALS) or (cause == NO_NEIGHBOUR and probe.to.version == 6):
                filters[probe] = self._filters.find(route, resolves=cause == NO_NEIGHBOUR)
        return filters, ipv6_off

    def _find_pings(self, judged: Sequence[Judged], silent: Sequence[Probe]) -> dict[ProbePath, bool]:
        """Return whether an echo is answered where TCP or UDP is not: from the probes, or from one that is sent now."""
        known = {
            (one.probe.namespace, one.probe.to): one.outcome.reachable
            for one in judged
            if one.probe.protocol == "icmp" and one.outcome
        }
        missing = {
            (probe.namespace, probe.to): replace(probe, protocol="icmp", port=None)
            for probe in silent
            if probe.protocol != "icmp" and (probe.namespace, probe.to) not in known
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
    """Return where to listen for a TCP or UDP probe.

    A namespace that has the address itself never sends the packet out.
    """
    to = probe.destination
    if probe.service is None and (to.is_loopback or probe.namespace in owners.get(to, ())):
        return (probe.namespace,)
    return tuple(owners.get(to, ()))


def gateway_to(namespace: NamespaceState, to: Address) -> str | None:
    """Return the gateway to an address by the main table: the longest prefix, then the lowest metric (RFC 1812)."""

    def is_candidate(route: Route) -> bool:
        return route.table == MAIN_TABLE and route.version == to.version and to in ip_network(route.destination)

    candidates = [route for route in namespace.routes if is_candidate(route)]
    if not candidates:
        return None
    return min(candidates, key=lambda route: (-ip_network(route.destination).prefixlen, route.metric)).gateway
