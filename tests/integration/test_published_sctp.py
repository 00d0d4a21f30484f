# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Published ports of SCTP: rules of every backend, packets there and back, and the flows that a change ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.own_host import OUTSIDE_ADDRESS, UPLINK_ADDRESS
from ansible_collections.netns.fabric.tests.helpers.sctp import Endpoint, ask
from ansible_collections.netns.fabric.tests.integration.conftest import RunModule
from ansible_collections.netns.fabric.tests.integration.nat_services import NS01, NS02, ROUTER, Services
from ansible_collections.netns.fabric.tests.integration.nat_world import (
    SOURCE,
    Cycle,
    clear_legacy,
    legacy_programs,
)

BACKENDS = ["nftables", "iptables-nft", "iptables-legacy"]


@pytest.fixture
def world(outside_world: Host) -> Iterator[Services]:
    yield Services(outside_world)
    clear_legacy(outside_world)


@pytest.fixture(params=BACKENDS)
def forward(request: pytest.FixtureRequest, world: Services, run_module: RunModule, tmp_path: Path) -> Cycle:
    """Give the module on a host that uses one of the three backends."""
    env = legacy_programs(tmp_path) if request.param == "iptables-legacy" else {}
    return Cycle(run_module, world, "nat_port_forward", env)


@pytest.fixture
def backend(request: pytest.FixtureRequest, forward: Cycle) -> str:  # with it comes its parameter
    return str(request.node.callspec.params["forward"]).partition("-")[0]


def entry(**options: Any) -> dict[str, Any]:
    return {"port": "2905", "protocol": "sctp", "to_address": NS01, "to_port": 2906, **options}


def test_published_from_outside_a_neighbour_and_the_host(forward: Cycle, backend: str) -> None:
    with Endpoint("outside") as outside, Endpoint("ns01") as service, Endpoint("ns02") as neighbour:
        assert ask(outside, service, UPLINK_ADDRESS, 2905, 2906, timeout=0.4) == ""
        result = forward(rules=[entry(hairpin=[SOURCE])], backend=backend)
        assert result.changed
        assert ask(outside, service, UPLINK_ADDRESS, 2905, 2906) == OUTSIDE_ADDRESS
        # The service answers the router, which the neighbour connected to.
        assert ask(neighbour, service, UPLINK_ADDRESS, 2905, 2906) == ROUTER
        with Endpoint(None) as host:
            assert ask(host, service, UPLINK_ADDRESS, 2905, 2906) == UPLINK_ADDRESS
        assert forward(rules=[entry(hairpin=[SOURCE], state="absent")], backend=backend).changed
        # Its flow is deleted with the rules.
        assert ask(outside, service, UPLINK_ADDRESS, 2905, 2906, timeout=0.4) == ""


def test_led_elsewhere_with_its_flows(forward: Cycle, backend: str) -> None:
    with Endpoint("outside") as outside, Endpoint("ns01") as service, Endpoint("ns02") as other:
        assert forward(rules=[entry()], backend=backend).changed
        assert ask(outside, service, UPLINK_ADDRESS, 2905, 2906) == OUTSIDE_ADDRESS
        assert forward(rules=[entry(to_address=NS02)], backend=backend).changed
        assert ask(outside, other, UPLINK_ADDRESS, 2905, 2906) == OUTSIDE_ADDRESS
        assert ask(outside, service, UPLINK_ADDRESS, 2905, 2906, timeout=0.4) == ""


def test_does_not_collide_with_the_same_port_of_tcp(forward: Cycle, backend: str) -> None:
    rules = [entry(), entry(protocol="tcp")]
    assert forward(rules=rules, backend=backend, owner="lab").changed
    assert "sctp port 2905 is already led elsewhere" in forward.fails(rules=rules, backend=backend, owner="other")


@pytest.mark.parametrize("backend", ["nftables", "iptables"])
def test_a_policy_allows_one_port(world: Services, run_module: RunModule, backend: str) -> None:
    rules = [{"action": "allow", "protocol": "sctp", "ports": ["2906"]}]
    policy = {"namespace": "ns01", "incoming": "deny", "rules": rules, "backend": backend}
    with Endpoint("ns02") as neighbour, Endpoint("ns01") as service:
        assert Cycle(run_module, world, "policy").simply(**policy).changed
        assert ask(neighbour, service, NS01, 2906, 2906) == NS02
        # A raw socket gets what the filter has let in (ip_local_deliver_finish() in net/ipv4/ip_input.c).
        assert ask(neighbour, service, NS01, 2907, 2907, timeout=0.4) == ""
