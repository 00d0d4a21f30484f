# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The flows that a change of rules concerns, and the deletion of those that are not as planned."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_address

from ansible_collections.netns.fabric.plugins.module_utils._core.transports import TRANSPORTS
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import Address, Network, network
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import MULTICAST
from ansible_collections.netns.fabric.plugins.module_utils._kernel.conntrack import (
    Flow,
    RouteLookup,
    delete_flows,
    read_flows,
)


class FlowSelection(ABC):
    """The flows that the rules of one entry concern, and how these are to be after the change."""

    @property
    @abstractmethod
    def version(self) -> int:
        """The IP version."""

    @property
    @abstractmethod
    def is_removal(self) -> bool:
        """Whether the rules are removed."""

    @abstractmethod
    def covers(self, flow: Flow, routes: RouteLookup) -> bool:
        """Return whether the rules concern a flow."""

    @abstractmethod
    def is_as_planned(self, flow: Flow, routes: RouteLookup) -> bool:
        """Return whether a flow that they concern passes after the change, with the translation that it has."""


@dataclass(frozen=True)
class MasqueradedFlows(FlowSelection):
    """The flows from a network to others, by one interface or by any; `masqueraded`: whether they are to be so.

    Those to an excluded network are not to be, in any case. `to_source` is the address or the range of addresses that
    they are to have, and `former` what they had by a rule that is replaced.
    """

    source: str
    out_interface: str | None = None
    masqueraded: bool = True
    excluded: tuple[str, ...] = ()
    to_source: str | None = None
    former: frozenset[str] = frozenset()

    @cached_property
    def _network(self) -> Network:
        return network(self.source)

    @cached_property
    def _multicast(self) -> Network:
        return network(MULTICAST[self.version])

    @cached_property
    def _excluded(self) -> list[Network]:
        return [network(each) for each in self.excluded]

    @property
    def version(self) -> int:
        return self._network.version

    @property
    def is_removal(self) -> bool:
        return not self.masqueraded

    def covers(self, flow: Flow, routes: RouteLookup) -> bool:
        # Masquerading comes last, and finds the destination as a published port has translated it.
        destination = flow.answer.source
        return (
            flow.sent.source in self._network
            and destination not in self._network
            and destination not in self._multicast
            and not routes.is_local(destination)
            and (self.out_interface is None or routes.leaves_by(destination, self.out_interface))
        )

    def is_as_planned(self, flow: Flow, routes: RouteLookup) -> bool:  # noqa: ARG002  # others need them
        source = flow.answer.destination
        if not self.masqueraded or any(flow.answer.source in each for each in self._excluded):
            return source == flow.sent.source
        if self.to_source is not None:
            return _is_in(source, self.to_source)
        return source != flow.sent.source and not any(_is_in(source, pool) for pool in self.former)


def _is_in(address: Address, pool: str) -> bool:
    """Return whether an address is the one, or in the range FIRST-LAST."""
    first, _hyphen, last = pool.partition("-")
    return ip_address(first) <= address <= ip_address(last or first)  # type: ignore[operator]  # of one version


@dataclass(frozen=True)
class PublishedFlows(FlowSelection):
    """The flows to a published port; without `to_address` it is no longer published.

    `address` and `in_interface` limit it to one address and one interface of the router.
    """

    protocol: str
    ports: tuple[int, int]
    ip_version: int
    address: str | None = None
    in_interface: str | None = None
    to_address: str | None = None
    to_port: int | None = None
    #: The networks whose clients get the router's address.
    hairpin: tuple[str, ...] = ()
    #: The networks whose connections are forwarded; none: those of everybody.
    sources: tuple[str, ...] = ()
    #: Whether it is published at the loopback's addresses as well.
    loopback: bool = False

    @property
    def version(self) -> int:
        return self.ip_version

    @cached_property
    def _hairpin(self) -> list[Network]:
        return [network(each) for each in self.hairpin]

    @cached_property
    def _sources(self) -> list[Network]:
        return [network(source) for source in self.sources]

    @property
    def is_removal(self) -> bool:
        return self.to_address is None

    def covers(self, flow: Flow, routes: RouteLookup) -> bool:
        sent = flow.sent
        first, last = self.ports
        if sent.protocol != TRANSPORTS[self.protocol] or not first <= sent.destination_port <= last:
            return False
        if self.address is not None:
            is_destination = str(sent.destination) == self.address
        else:
            # A service of the router at the loopback has flows that nothing translates.
            is_translated = sent.destination != flow.answer.source
            is_destination = routes.is_local(sent.destination) and (not sent.destination.is_loopback or is_translated)
        return is_destination and (self.in_interface is None or routes.leaves_by(sent.source, self.in_interface))

    def is_as_planned(self, flow: Flow, routes: RouteLookup) -> bool:  # noqa: ARG002  # others need them
        found = str(flow.answer.source), flow.answer.source_port
        is_sender = not self._sources or any(flow.sent.source in each for each in self._sources)
        if flow.sent.destination.is_loopback:
            is_sender = self.loopback
        if self.to_address is None or not is_sender:
            return found == (str(flow.sent.destination), flow.sent.destination_port)
        if found != (self.to_address, self.to_port or flow.sent.destination_port):
            return False
        is_hairpin = any(flow.sent.source in each for each in self._hairpin)
        return not is_hairpin or flow.answer.destination != flow.sent.source


class FlowTransaction:
    """Deletes the flows of the namespace that the thread is in that a change of the rules has outdated."""

    def __init__(self, selections: Sequence[FlowSelection]) -> None:
        self._selections = selections
        #: The flows that were as planned before the change, and stay if it is undone.
        self._before: set[tuple[bytes, bytes]] = set()

    def prepare(self) -> None:
        """Note the flows that are as planned before the change."""
        self._before = {flow.identity for flow in self._find(as_planned=True)}

    def execute(self) -> None:
        """Delete the flows that are not as planned, once the rules are."""
        delete_flows(self._find(as_planned=False))

    def undo(self) -> None:
        """Delete the flows that began by the rules that are undone, once these are."""
        delete_flows(flow for flow in self._find(as_planned=True) if flow.identity not in self._before)

    def _find(self, *, as_planned: bool) -> list[Flow]:
        routes = RouteLookup()
        # What is removed does not concern a flow that another rule of the same change translates.
        ordered = sorted(self._selections, key=lambda selection: selection.is_removal)
        found: list[Flow] = []
        for version in sorted({selection.version for selection in ordered}):
            selections = [selection for selection in ordered if selection.version == version]
            for flow in read_flows(version):
                concerned = next((selection for selection in selections if selection.covers(flow, routes)), None)
                if concerned is not None and concerned.is_as_planned(flow, routes) is as_planned:
                    found.append(flow)
        return found
