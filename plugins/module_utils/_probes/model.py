# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Probes as values: what is sent, what became of it, and whether that is as expected. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.expectations import (
    DELIVERED,
    MASQUERADED,
    REACHABLE,
    REJECTED,
    SILENT,
    UNREACHABLE,
    UNROUTED,
    is_forbidding,
)
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import Address
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import NamespaceName

#: How results name the host's own namespace. No namespace can have this name, as it contains a space.
HOST = "the host"
#: Seconds.
DEFAULT_TIMEOUT = 2.0

# Causes: words that a play can compare with.
SILENCE = "silence"
NO_NEIGHBOUR = "no neighbour"
NO_ROUTE = "no route"
REFUSED = "refused"
STALLED = "stalled"
LARGE_LOST = "large packets lost"
CORRUPTED = "corrupted"
CLOSED = "closed"
MISDIRECTED = "misdirected"
FILTERED = "filtered"
PROHIBITED = "prohibited"
HOST_UNREACHABLE = "host unreachable"
NETWORK_UNREACHABLE = "network unreachable"
PORT_UNREACHABLE = "port unreachable"
TOO_BIG = "packet too big"
LOOP = "hop limit exceeded"
NOT_MASQUERADED = "not masqueraded"
NO_NAMESPACE = "no such namespace"
NO_OWNER = "no owner"
ERROR = "error"
#: The causes of each result without an answer that has a name of its own. The sender's own filter drops as any other
#: one does, only that the kernel reports it. An address that no host on the link has is one without a route, too.
CAUSES_OF: Mapping[str, Collection[str]] = {
    SILENT: (SILENCE, FILTERED),
    REJECTED: (REFUSED, PROHIBITED, PORT_UNREACHABLE),
    UNROUTED: (NO_ROUTE, NO_NEIGHBOUR, NETWORK_UNREACHABLE, HOST_UNREACHABLE),
}
#: Causes for which a probe could not be carried out at all.
NOT_CARRIED_OUT = (NO_NAMESPACE, NO_OWNER, ERROR)


@dataclass(frozen=True)
class Probe:
    """One probe, from a namespace (None: the host's own) to an address. `timeout` is in seconds.

    `service` is the address and the port that a published port leads to. `router` is the namespace that masquerades it,
    where that is expected, and `out_interface` the router's interface that it then leaves by (None: any).
    """

    entry: Entry
    namespace: NamespaceName
    to: Address
    protocol: str = "icmp"
    port: int | None = None
    expect: str = REACHABLE
    timeout: float = DEFAULT_TIMEOUT
    #: Whether an echo request as large as the links of both ends can carry must be answered as well.
    full_size: bool = False
    service: tuple[Address, int] | None = None
    router: NamespaceName = None
    out_interface: str | None = None

    @property
    def kind(self) -> str:
        """The protocol, and the port where one is given; or what is probed instead of an answer."""
        if self.expect == MASQUERADED:
            return "masquerading"
        return f"{self.protocol}/{self.port}" if self.port is not None else self.protocol

    @property
    def needs_listener(self) -> bool:
        """Whether the module has to listen at the destination itself."""
        return self.protocol != "icmp" and (self.port is None or self.service is not None)

    @property
    def is_forbidden(self) -> bool:
        """Whether it must not be answered."""
        return is_forbidding(self.expect)

    @property
    def seeks_owner(self) -> bool:
        """Whether the module has to know where the destination is: a program need not answer a datagram."""
        return self.needs_listener or self.protocol == "udp"

    @property
    def destination(self) -> Address:
        """The address that it is to arrive at."""
        return self.service[0] if self.service else self.to

    def __str__(self) -> str:
        """Return the probe as messages name it."""
        return f"{place(self.namespace)} -> {self.to} {self.kind}"


@dataclass(frozen=True)
class Outcome:
    """What became of a probe.

    `cause` is empty for a reachable destination, otherwise one of the words above; `detail` is for people.
    `round_trip` is in seconds. `answered_by` is the place (see `place`) whose listener accepted the connection, where
    that is known.
    """

    reachable: bool
    cause: str = ""
    detail: str = ""
    round_trip: float | None = None
    answered_by: str | None = None


@dataclass(frozen=True)
class Judged:
    """A probe with its outcome, which is None for a probe that was not sent.

    `refusal` is the host's own packet filter that has refused a probe which has arrived, and what opens it. `skipped`
    is why a probe was not sent.
    """

    probe: Probe
    outcome: Outcome | None
    refusal: str = ""
    skipped: str = ""

    @property
    def ok(self) -> bool | None:
        """Whether the outcome is as expected; None for a probe that was not sent.

        A probe that could not be carried out is never as expected: a missing namespace does not prove that an address
        cannot be reached from it.
        """
        if self.outcome is None:
            return None
        if self.outcome.cause in NOT_CARRIED_OUT:
            return False
        if self.probe.expect == DELIVERED and self.refusal:
            return True
        if self.probe.expect in CAUSES_OF:
            return self.result == self.probe.expect
        return self.outcome.reachable != self.probe.is_forbidden

    @property
    def result(self) -> str:
        """The outcome in one word, as the module returns it."""
        if self.outcome is None:
            return "skipped"
        if self.outcome.reachable:
            return MASQUERADED if self.probe.expect == MASQUERADED else REACHABLE
        return next((result for result, causes in CAUSES_OF.items() if self.outcome.cause in causes), UNREACHABLE)

    def as_result(self) -> dict[str, Any]:
        """Return the element of the module's return value `probes`."""
        outcome = self.outcome or Outcome(reachable=False)
        return {
            "namespace": self.probe.namespace,
            "to": str(self.probe.to),
            "protocol": self.probe.protocol,
            "port": self.probe.port,
            "expect": self.probe.expect,
            "result": self.result,
            "ok": self.ok,
            "round_trip_ms": None if outcome.round_trip is None else round(outcome.round_trip * 1000, 3),
            "cause": outcome.cause or None,
            "detail": outcome.detail or None,
            "answered_by": outcome.answered_by,
            "refused_by": self.refusal or None,
            "skipped_because": self.skipped or None,
        }

    def __str__(self) -> str:
        """Return the line of the failure's message."""
        outcome = self.outcome or Outcome(reachable=False)
        found = f"reachable{format_round_trip(outcome, ' in ')}" if outcome.reachable else outcome.cause
        detail = f" ({outcome.detail})" if outcome.detail else ""
        return f"{self.probe}: {found}{detail} (expected {self.probe.expect})"


def place(namespace: NamespaceName) -> str:
    """Return a namespace as results name it."""
    return HOST if namespace is None else namespace


def format_round_trip(outcome: Outcome, prefix: str = "") -> str:
    """Return the round trip time in milliseconds after the prefix, or nothing where it was not measured."""
    return "" if outcome.round_trip is None else f"{prefix}{outcome.round_trip * 1000:.3f} ms"
