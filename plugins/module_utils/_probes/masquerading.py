# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Probes of masquerading: what a namespace sends has to leave its router with an address of that.

The packet is not answered by anybody: the router's connection tracking shows that it has left, and with which address.
A hop limit ends it at the first router beyond.
"""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import ip_address
from typing import TYPE_CHECKING

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import Unavailable
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import Address
from ansible_collections.netns.fabric.plugins.module_utils._kernel.conntrack import (
    FAMILIES,
    UNSUPPORTED,
    RouteLookup,
    find_echo,
)
from ansible_collections.netns.fabric.plugins.module_utils._probes.icmp import cause_of_errno, echo_request
from ansible_collections.netns.fabric.plugins.module_utils._probes.model import (
    NO_NAMESPACE,
    NOT_MASQUERADED,
    SILENCE,
    Judged,
    Outcome,
    Probe,
    place,
)

if TYPE_CHECKING:
    from ansible_collections.netns.fabric.plugins.module_utils._kernel.backend import Kernel

#: The router lowers it to one, which is too low for the next router (RFC 791, RFC 8200).
_HOP_LIMIT = 2
#: Seconds between two readings of the router's flows, and between two packets.
_PAUSE = 0.02
_INTERVAL = 0.3
_PAYLOAD = bytes(56)
_PROTOCOLS = {4: socket.IPPROTO_ICMP, 6: socket.IPPROTO_ICMPV6}
#: The level and the option of the hop limit (ip(7), ipv6(7)).
_HOP_LIMITS = {4: (socket.IPPROTO_IP, socket.IP_TTL), 6: (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS)}


def judge_masquerading(kernel: Kernel, probes: Sequence[Probe]) -> list[Judged]:
    """Send the probes and return what became of each, in their order.

    Raises:
        OSError: The host is out of descriptors or memory, or does not let its flows be read.
    """
    judged: dict[int, Judged] = {}
    senders: dict[int, _Sender] = {}
    try:
        for index, probe in enumerate(probes):
            found = _prepare(kernel, probe)
            if isinstance(found, Judged):
                judged[index] = found
            else:
                senders[index] = found
        while len(judged) < len(probes):
            for index in senders.keys() - judged.keys():
                outcome = senders[index].advance(time.monotonic())
                if outcome is not None:
                    judged[index] = Judged(probes[index], outcome)
            time.sleep(_PAUSE)  # the kernel does not report when a packet has passed
    finally:
        for sender in senders.values():
            sender.close()
    return [judged[index] for index in range(len(probes))]


def _prepare(kernel: Kernel, probe: Probe) -> _Sender | Judged:
    """Return what sends a probe, or why it is not sent."""
    try:
        with kernel.entered(probe.namespace):
            pass  # whether it exists comes before what its router lacks
        reason = _find_obstacle(kernel, probe)
        return Judged(probe, None, skipped=reason) if reason else _Sender(kernel, probe)
    except Unavailable:
        return Judged(probe, Outcome(reachable=False, cause=NO_NAMESPACE))
    except OSError as error:
        cause, detail = cause_of_errno(error.errno or 0)
        return Judged(probe, Outcome(reachable=False, cause=cause, detail=detail))


def _find_obstacle(kernel: Kernel, probe: Probe) -> str:
    """Return why there is nothing to probe; empty for nothing."""
    with kernel.entered(probe.router):
        interface = RouteLookup().interface_to(probe.to)
    if not interface:
        return f"{place(probe.router)} has no route to {probe.to}, such as a default route"
    if probe.out_interface not in (None, interface):
        return f"{place(probe.router)} sends to {probe.to} by {interface}, not by {probe.out_interface}"
    try:
        with kernel.entered(probe.router):
            find_echo(probe.to, probe.to, 0)
    except OSError as error:
        if error.errno in UNSUPPORTED:
            return "the kernel does not list its connections (`modprobe nf_conntrack_netlink`)"
        raise
    return ""


class _Sender:
    """Sends one probe until its router has a flow of it, or the patience is over."""

    def __init__(self, kernel: Kernel, probe: Probe) -> None:
        """Open the socket in the namespace that sends.

        Raises:
            Unavailable: The namespace does not exist.
            OSError: It has no route to the destination.
        """
        self._kernel = kernel
        self._probe = probe
        self._identifier = secrets.randbelow(1 << 16)
        self._sequence = 0
        self._due = 0.0
        self._end = time.monotonic() + probe.timeout
        version = probe.to.version
        with kernel.entered(probe.namespace):
            self._socket = socket.socket(FAMILIES[version], socket.SOCK_RAW | socket.SOCK_CLOEXEC, _PROTOCOLS[version])
        try:
            self._socket.setsockopt(*_HOP_LIMITS[version], _HOP_LIMIT)
            self._socket.connect((str(probe.to), 0))
            self._source = ip_address(self._socket.getsockname()[0])
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        self._socket.close()

    def advance(self, now: float) -> Outcome | None:
        """Send if it is due; return the outcome once there is one."""
        if now >= self._due:
            # A new link may drop what it is given first, so that a packet alone proves nothing.
            with suppress(OSError):  # an error that was reported for an earlier packet
                self._socket.send(echo_request(self._probe.to.version, self._identifier, self._sequence, _PAYLOAD))
            self._due, self._sequence = now + _INTERVAL, self._sequence + 1
        with self._kernel.entered(self._probe.router):
            flow = find_echo(self._source, self._probe.to, self._identifier)
        if flow is not None:
            return self._judge(flow.answer.destination)
        if now < self._end:
            return None
        return Outcome(reachable=False, cause=SILENCE, detail=f"nothing leaves {place(self._probe.router)}")

    def _judge(self, seen: Address) -> Outcome:
        if seen == self._source:
            return Outcome(reachable=False, cause=NOT_MASQUERADED, detail=f"it leaves with its own address, {seen}")
        return Outcome(reachable=True, detail=f"it leaves as {seen}")
