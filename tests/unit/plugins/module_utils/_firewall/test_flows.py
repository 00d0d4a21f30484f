# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The flows that a change of NAT rules concerns, and whether they are translated as planned."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.validation import Address
from ansible_collections.netns.fabric.plugins.module_utils._firewall.flows import (
    FlowSelection,
    MasqueradedFlows,
    PublishedFlows,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.conntrack import Flow, Packet, RouteLookup

ROUTER = "198.51.100.1"


class Routes(RouteLookup):
    """A router with 198.51.100.1 on wan0, 192.168.100.254 on lan0 and everything else behind wan0."""

    def is_local(self, address: Address) -> bool:
        return str(address) in (ROUTER, "192.168.100.254", "127.0.0.1")

    def leaves_by(self, address: Address, interface: str) -> bool:
        return interface == ("lan0" if str(address).startswith("192.168.100.") else "wan0")


def flow(sent: str, answer: str, protocol: int = 17) -> Flow:
    """Return a flow of `SOURCE:PORT>DESTINATION:PORT`, and its answer."""

    def packet(text: str) -> Packet:
        (source, _colon, sport), (destination, _colon, dport) = (end.rpartition(":") for end in text.split(">"))
        return Packet(ip_address(source), ip_address(destination), protocol, int(sport), int(dport))

    return Flow(packet(sent), packet(answer))


PLAIN = flow("192.168.100.1:4000>203.0.113.9:53", "203.0.113.9:53>192.168.100.1:4000")
MASQUERADED = flow("192.168.100.1:4000>203.0.113.9:53", f"203.0.113.9:53>{ROUTER}:4000")
INSIDE = flow("192.168.100.1:4000>192.168.100.2:53", "192.168.100.2:53>192.168.100.1:4000")
TO_ROUTER = flow(f"192.168.100.1:4000>{ROUTER}:53", f"{ROUTER}:53>192.168.100.1:4000")
OTHER = flow("10.0.0.1:4000>203.0.113.9:53", "203.0.113.9:53>10.0.0.1:4000")
LOCAL = flow(f"203.0.113.9:4000>{ROUTER}:53", f"{ROUTER}:53>203.0.113.9:4000")
LED = flow(f"203.0.113.9:4000>{ROUTER}:53", "192.168.100.1:5353>203.0.113.9:4000")
LOOPBACK = flow("127.0.0.1:4000>127.0.0.1:53", "127.0.0.1:53>127.0.0.1:4000")
HAIRPIN = flow(f"192.168.100.2:4000>{ROUTER}:53", "192.168.100.1:5353>192.168.100.2:4000")

SOURCE = MasqueradedFlows("192.168.100.0/24")
PORT = PublishedFlows("udp", (53, 53), 4, to_address="192.168.100.1", to_port=5353)


@pytest.mark.parametrize(
    ("selection", "covered"),
    [
        (SOURCE, [PLAIN, MASQUERADED]),
        (replace(SOURCE, out_interface="wan0"), [PLAIN, MASQUERADED]),
        (replace(SOURCE, out_interface="lan0"), []),
        (replace(SOURCE, source="0.0.0.0/1"), []),
        (PORT, [TO_ROUTER, LOCAL, LED, HAIRPIN]),
        (replace(PORT, address="203.0.113.9"), [PLAIN, MASQUERADED, OTHER]),
        (replace(PORT, in_interface="wan0"), [LOCAL, LED]),
        (replace(PORT, ports=(54, 60)), []),
        (replace(PORT, protocol="tcp"), []),
    ],
)
def test_what_is_covered(selection: FlowSelection, covered: list[Flow]) -> None:
    flows = [PLAIN, MASQUERADED, INSIDE, TO_ROUTER, OTHER, LOCAL, LED, LOOPBACK, HAIRPIN]
    if isinstance(selection, MasqueradedFlows) and selection.source == "0.0.0.0/1":
        flows = [INSIDE, TO_ROUTER]
    assert [each for each in flows if selection.covers(each, Routes())] == covered


@pytest.mark.parametrize(
    ("selection", "each", "expected"),
    [
        (SOURCE, PLAIN, False),
        (SOURCE, MASQUERADED, True),
        (replace(SOURCE, masqueraded=False), PLAIN, True),
        (replace(SOURCE, masqueraded=False), MASQUERADED, False),
        (PORT, LOCAL, False),
        (PORT, LED, True),
        (replace(PORT, to_port=None), LED, False),
        (replace(PORT, to_address="192.168.100.2"), LED, False),
        (replace(PORT, to_address=None), LED, False),
        (replace(PORT, to_address=None), LOCAL, True),
        (PORT, HAIRPIN, True),
        (replace(PORT, hairpin=("10.9.0.0/24", "192.168.100.0/24")), HAIRPIN, False),
        (replace(PORT, hairpin=("10.9.0.0/24", "192.168.100.0/24")), LED, True),
    ],
)
def test_what_is_as_planned(selection: FlowSelection, each: Flow, expected: bool) -> None:
    assert selection.is_as_planned(each, Routes()) is expected
