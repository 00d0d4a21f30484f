# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Paths of single packets; whole hosts are in exposure_cases."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._facts.filters import PacketFilter
from ansible_collections.netns.fabric.plugins.module_utils._facts.packet_path import (
    ARRIVED,
    DROPPED,
    LEFT,
    Network,
    Transit,
    answer_to,
    is_complete,
)
from ansible_collections.netns.fabric.plugins.module_utils._facts.routing import Router
from ansible_collections.netns.fabric.plugins.module_utils._facts.segments import Segments
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import Ruleset
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import Route
from ansible_collections.netns.fabric.tests.unit.plugins.module_utils._facts.exposure_samples import (
    build_facts,
    two_tenants,
)

NAT = """*nat
:PREROUTING ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A PREROUTING -p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.2.0.1:80
-A POSTROUTING -s 10.1.0.0/24 ! -d 10.1.0.0/24 -j MASQUERADE
COMMIT
"""


def network(**options: Any) -> Network:
    facts = build_facts(two_tenants(**options))
    routers = {name: Router(state, facts.namespace(name).parameters) for name, state in facts.kernel.namespaces.items()}
    filters = {name: PacketFilter(name, facts.rulesets.get(name) or Ruleset()) for name in routers}
    return Network(Segments(facts), routers, filters)


def send(known: Network, destination: str, port: int = 80) -> Transit:
    (end,) = known.send_from(Transit("a1", None, ip_address(destination), "tcp", port))
    return end


def test_neighbour() -> None:
    end = send(network(), "10.1.0.2")
    assert (end.end, end.namespace, end.routers, str(end.source)) == (ARRIVED, "a2", (), "10.1.0.1")


def test_through_the_host() -> None:
    end = send(network(), "10.2.0.1")
    assert (end.end, end.namespace, end.routers) == (ARRIVED, "b1", (None,))


def test_off_this_machine_and_nowhere() -> None:
    assert send(network(), "192.0.2.9").end == LEFT
    end = send(network(), "10.1.0.77")
    assert (end.end, end.reason) == (DROPPED, "no neighbour at eth0 of the namespace a1 has the address 10.1.0.77")
    assert "does not forward" in send(network(forwarding=False), "10.2.0.1").reason


def test_translated_there_and_back() -> None:
    known = network(iptables=NAT)
    end = send(known, "10.1.0.254", 8080)
    assert (end.namespace, str(end.destination), end.port, str(end.source)) == ("b1", "10.2.0.1", 80, "10.2.0.254")
    assert end.source is not None
    (back,) = known.send_from(answer_to(end, end.source))
    assert (back.end, back.namespace, str(back.source), str(back.destination)) == (
        ARRIVED,
        "a1",
        "10.1.0.254",
        "10.1.0.1",
    )
    assert is_complete(back, end.translated)


def test_a_circle_ends() -> None:
    """The host and a namespace lead packets for a network to each other."""
    facts = build_facts(two_tenants())
    spaces = dict(facts.kernel.namespaces)
    spaces[None] = replace(spaces[None], routes=(Route("10.9.0.0/16", gateway="10.1.0.2", device=2),))
    parameters = {name: facts.namespace(name).parameters for name in spaces}
    parameters["a2"] = {"net.ipv4.conf.eth0.forwarding": "1"}
    routers = {name: Router(space, parameters[name]) for name, space in spaces.items()}
    filters = {name: PacketFilter(name, Ruleset()) for name in routers}
    assert send(Network(Segments(facts), routers, filters), "10.9.0.1").reason == "it goes round in a circle"
