# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Any routes that others have set in the namespaces of a topology: exactly those that are the topology's to delete go.

A DHCP client, a VPN client or a routing daemon sets its routes while the topology stands, with the protocol that it has
(ip-route(8), `protocol`). Without `routes` a namespace keeps all of them; with `routes`, those that are not static.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netns.fabric.tests.generated.cases import generated
from ansible_collections.netns.fabric.tests.generated.converge import Variables, converge, run, steps
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.snapshot import assert_equal, take

CASES = 40

#: By linux/rtnetlink.h. `ip route add` sets boot where it is given none.
PROTOCOLS = ("boot", "static", "dhcp", "ra", "zebra", "bird", "bgp", "babel", "redirect", "99")
STATIC = ("boot", "static")

#: With the gateways that they are reached by; those of a VPN client and of a DHCP client first.
DESTINATIONS = {
    "0.0.0.0/1": "10.77.0.254",
    "128.0.0.0/1": "10.77.0.254",
    "default": "10.77.0.254",
    "10.80.0.0/16": "10.77.0.254",
    "192.0.2.7/32": None,
    "2000::/3": "fd77::fe",
    "2001:db8::/32": None,
}


@dataclass(frozen=True)
class ForeignRoute:
    """A route that is not the topology's. Its metric is its own: no other route has the same destination and metric."""

    destination: str
    protocol: str
    metric: int

    @property
    def arguments(self) -> list[str]:
        gateway = DESTINATIONS[self.destination]
        family = ["-6"] if ":" in self.destination else []
        via = ["via", gateway] if gateway else []
        way = [*via, "dev", "eth0", "proto", self.protocol, "metric", str(self.metric)]
        return [*family, "route", "add", self.destination, *way]


FOREIGN = st.builds(
    ForeignRoute, st.sampled_from(sorted(DESTINATIONS)), st.sampled_from(PROTOCOLS), st.integers(5, 500)
)
#: What a namespace declares: omitted, none, or some.
DECLARED = st.sampled_from([None, [], [{"destination": "default", "gateway": "10.77.0.254"}]])


def test_foreign_routes(host: Host, request: pytest.FixtureRequest) -> None:
    @generated(request, CASES)
    @given(DECLARED, st.lists(FOREIGN, max_size=6, unique_by=lambda route: (route.destination, route.metric)))
    def case(declared: list[dict[str, str]] | None, foreign: list[ForeignRoute]) -> None:
        host.clear()
        _check(host, _topology(declared), foreign)

    case()


def _topology(declared: list[dict[str, str]] | None) -> Variables:
    interface = {"name": "eth0", "bridge": "br", "peer": "tap", "addresses": ["10.77.0.1/24", "fd77::1/64"]}
    namespace = {"name": "ns", "interfaces": [interface]}
    return {
        "name": "lab",
        "state": "present",
        "verify": False,
        "bridges": [{"name": "br", "addresses": ["10.77.0.254/24", "fd77::fe/64"]}],
        "namespaces": [namespace if declared is None else {**namespace, "routes": declared}],
        "links": [],
        "nat": [],
    }


def _check(host: Host, variables: Variables, foreign: Sequence[ForeignRoute]) -> None:
    converge(variables)
    declared = _list_routes(host)
    for route in foreign:
        host.run("ip", "-n", "ns", *route.arguments)
    with_foreign = _list_routes(host)
    before = take()
    predicted = run(steps(variables), check=True)
    assert_equal(take(), before, "check mode writes nothing")
    done = run(steps(variables), check=False)
    assert (predicted["diff"], predicted["commands"]) == (done["diff"], done["commands"])
    kept = with_foreign - declared
    if "routes" in variables["namespaces"][0]:
        kept = {line for line in kept if _protocol(line) not in STATIC}
    assert _list_routes(host) == declared | kept
    assert converge(variables) == []


def _list_routes(host: Host) -> set[str]:
    lines = [*host.run("ip", "-n", "ns", "route").stdout.splitlines()]
    lines += host.run("ip", "-n", "ns", "-6", "route").stdout.splitlines()
    return {" ".join(line.split()) for line in lines if line.strip()}


def _protocol(line: str) -> str:
    words = line.split()
    return words[words.index("proto") + 1] if "proto" in words else "boot"
