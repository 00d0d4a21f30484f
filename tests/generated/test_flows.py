# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flows that live through runs: after each run, every flow goes where the variables lead it, without a new socket.

What a generated run changes: which ports are published, where they lead, whether the network is masqueraded; and what
somebody has done to the host meanwhile: rules deleted, links that no longer forward. A flow that a run does not concern
keeps its entry of connection tracking.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netns.fabric.plugins.module_utils._kernel.conntrack import read_flows
from ansible_collections.netns.fabric.tests.generated.cases import generated
from ansible_collections.netns.fabric.tests.generated.converge import converge
from ansible_collections.netns.fabric.tests.helpers import traffic, traffic_endpoint
from ansible_collections.netns.fabric.tests.helpers.flow import UdpFlow
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.own_host import (
    OUTSIDE_ADDRESS,
    UPLINK,
    UPLINK_ADDRESS,
    build_outside_world,
)

PORTS = (8001, 8002)
SERVERS = ("ns01", "ns02")
NETWORK, GATEWAY = "10.77.0.0/24", "10.77.0.254"
SERVICE = 7000
CASES = 8

BASE: Mapping[str, Any] = {
    "name": "lab",
    "state": "present",
    "verify": False,
    "verify_outside": [],
    "bridges": [{"name": "br", "addresses": [f"{GATEWAY}/24"]}],
    "namespaces": [
        {
            "name": name,
            "interfaces": [
                {"name": "eth0", "bridge": "br", "peer": f"{name}_tap", "addresses": [f"10.77.0.{number}/24"]}
            ],
            "routes": [{"destination": "default", "gateway": GATEWAY}],
        }
        for number, name in enumerate(SERVERS, 1)
    ],
    "links": [],
}

#: For each port the namespace that it leads to (None: it is the host's own); whether the network is masqueraded; and
#: what is damaged before the run.
Step = tuple[tuple[Any, Any], bool, str]
STEPS = st.lists(
    st.tuples(
        st.tuples(*[st.sampled_from([None, *SERVERS]) for _port in PORTS]),
        st.booleans(),
        st.sampled_from(["", "", "rules", "bridge does not forward", "uplink does not forward"]),
    ),
    min_size=2,
    max_size=4,
)


@pytest.fixture(name="host")
def fixture_host(host: Host) -> Host:
    """Provide a host with the namespaces, with services in each of them, on the host and outside."""
    build_outside_world()
    converge(variables((None, None), masqueraded=False))
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1", encoding="ascii")
    endpoint = str(Path(traffic_endpoint.__file__))
    for name, namespace in (*((name, name) for name in SERVERS), ("host", None), ("outside", "outside")):
        ports = [SERVICE, *PORTS] if namespace is None else [SERVICE]
        serve = [sys.executable, endpoint, "serve", name, "/run/flows", *map(str, ports)]
        host.start(*serve, namespace=namespace)
    for namespace, address in (("ns01", GATEWAY), ("outside", UPLINK_ADDRESS), (None, OUTSIDE_ADDRESS)):
        deadline = time.monotonic() + 10
        while not traffic.ask(namespace, address, SERVICE, "udp", timeout=0.2):
            assert time.monotonic() < deadline, f"nothing answers at {address}"
    return host


def variables(published: tuple[Any, Any], *, masqueraded: bool) -> dict[str, Any]:
    forwards = [
        {"publish": port, "protocol": "udp", "to": to, "to_port": SERVICE, "take_over": True}
        for port, to in zip(PORTS, published)
        if to is not None
    ]
    return {**BASE, "nat": [*([{"source": NETWORK}] if masqueraded else []), *forwards]}


def test_flows_live_through_runs(host: Host, request: pytest.FixtureRequest) -> None:
    @generated(request, CASES)
    @given(STEPS)
    def case(steps: list[Step]) -> None:
        _check(host, steps)

    case()


def _check(host: Host, steps: list[Step]) -> None:
    converge(variables((None, None), masqueraded=False))
    track(host)
    with contextlib.ExitStack() as stack:
        published = [stack.enter_context(UdpFlow("outside", UPLINK_ADDRESS, port)) for port in PORTS]
        leaving = stack.enter_context(UdpFlow("ns01", OUTSIDE_ADDRESS, SERVICE))
        bystander = stack.enter_context(UdpFlow(None, OUTSIDE_ADDRESS, SERVICE))
        assert bystander.ask() == f"outside {SERVICE} {UPLINK_ADDRESS}"
        kept = identity_of(bystander)
        leaving.is_silent()
        declared = variables((None, None), masqueraded=False)
        for targets, masqueraded, damage in steps:
            do_damage(host, damage)
            if damage == "rules":
                converge(declared)  # healed first: of rules that are gone and no longer declared nothing is known
            declared = variables(targets, masqueraded=masqueraded)
            converge(declared)
            for flow, port, to in zip(published, PORTS, targets):
                expected = f"{to} {SERVICE}" if to else f"host {port}"
                assert flow.ask() == f"{expected} {OUTSIDE_ADDRESS}"
            if masqueraded:
                assert leaving.ask() == f"outside {SERVICE} {UPLINK_ADDRESS}"
            else:
                assert leaving.is_silent(), "the outside has no route back to what is not masqueraded"
            assert bystander.ask() == f"outside {SERVICE} {UPLINK_ADDRESS}"
            assert identity_of(bystander) == kept
            assert converge(declared) == []


def track(host: Host) -> None:
    """Have the host track connections also while there is no NAT."""
    text = "table inet tracking\ndelete table inet tracking\ntable inet tracking {\nchain in {\n"
    text += "type filter hook input priority 0\nct state invalid counter\n}\n}\n"
    host.run("nft", text)


def do_damage(host: Host, kind: str) -> None:
    """Do what leaves NAT dead without a change of what is declared."""
    if kind == "rules":
        host.run("nft", "flush", "ruleset")
        track(host)
    elif kind:
        link = "br" if kind.startswith("bridge") else UPLINK
        host.run("sysctl", "-qw", f"net.ipv4.conf.{link}.forwarding=0")
        if link == "br":
            for name in SERVERS:
                host.run("sysctl", "-qw", f"net.ipv4.conf.{name}_tap.forwarding=0")


def identity_of(flow: UdpFlow) -> tuple[bytes, bytes]:
    """Return what identifies the entry of a flow: it changes where the entry is deleted and created again."""
    (found,) = (each for each in read_flows(4) if each.sent.source_port == flow.port)
    return found.identity
