# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cases of test_policies.py on OVN, with the six namespaces on two hosts: who gets an answer is what policies say.

In half of the cases the packet filters of the namespaces are emptied: then the ACLs of OVN alone have to do the same.
These cases have nothing that only a packet filter can do: to reject, and to distinguish the addresses of a namespace.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netns.fabric.tests.generated.cases import generated
from ansible_collections.netns.fabric.tests.generated.converge import Variables, northbound_steps, run
from ansible_collections.netns.fabric.tests.generated.member import Member, ask
from ansible_collections.netns.fabric.tests.generated.policies import (
    DEFAULTS,
    NAMES,
    policies,
    probes,
    topology,
)
from ansible_collections.netns.fabric.tests.helpers import traffic_endpoint
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.ovn_hosts import OvnHosts, ovn_hosts
from ansible_collections.netns.fabric.tests.helpers.waiting import wait_until

CASES = 6
HOSTS = ("host1", "host2")
PORTS = ("80", "81")
#: By namespace.
PLACES = {name: HOSTS[number % 2] for number, name in enumerate(NAMES)}


def spread(listed: list[dict[str, Any]], defaults: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    """Return such a topology on OVN."""
    found = topology(listed, defaults)
    found["bridges"][0]["engine"] = "ovn"
    for namespace in found["namespaces"]:
        namespace.update(host=PLACES[namespace["name"]], force=True)  # the servers are in it
    return {**found, "hosts": list(HOSTS), "verify": False}


def for_acls(listed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return policies that ACLs alone enforce exactly."""
    found = []
    for policy in listed:
        sides = {side: policy[side] for side in ("from", "to") if "networks" not in policy.get(side, {"networks": []})}
        action = "drop" if policy["action"] == "reject" else policy["action"]
        others = {name: value for name, value in policy.items() if name not in ("from", "to")}
        found.append({**others, **(sides or {"to": {"groups": ["odd"]}}), "action": action})
    return found


class World:
    """Two hosts with a process in each that builds and probes."""

    def __init__(self, hosts: OvnHosts) -> None:
        self.hosts = hosts
        self.members = [Member(hosts[number]) for number, _name in enumerate(HOSTS, 1)]
        self._servers: list[subprocess.Popen[bytes]] = []

    def build(self, variables: Variables) -> None:
        """Build the topology: a second run finds nothing to do, and each flow is there."""
        calls = northbound_steps(variables, self.hosts.northbound.database)
        predicted = run(calls, check=True)
        done = run(calls, check=False)
        assert (predicted["commands"], predicted["diff"]) == (done["commands"], done["diff"])
        assert run(calls, check=False)["commands"] == [], "a second run changes nothing"
        builds = [{"build": {**variables, "this_host": name}} for name in HOSTS]
        assert ask(self.members, builds) == [[], []], "a second run changes nothing"
        if not self._servers:
            self._serve()
        self.hosts.northbound.ctl("--wait=hv", "sync")
        for number in range(1, len(HOSTS) + 1):
            self.hosts[number].decide_again()

    def _serve(self) -> None:
        """Have a server in each namespace, and wait until OVN has connected it."""
        for name, place in PLACES.items():
            host = self.hosts[HOSTS.index(place) + 1]
            installed = ("--", "wait-until", "Interface", f"{name}-eth0", "external_ids:ovn-installed=true")
            host.run("ovs-vsctl", "--timeout=60", *installed)
            serve = ("-I", str(traffic_endpoint.__file__), "serve", name, f"/run/{name}.log")
            self._servers.append(host.start(name, *serve, *PORTS))

    def unfilter(self) -> None:
        """Leave the policies to OVN."""
        names = [[name for name in NAMES if PLACES[name] == host] for host in HOSTS]
        ask(self.members, [{"unfilter": each} for each in names])

    def probe(self, variables: Variables) -> list[str]:
        """Probe all pairs; return what is not as declared."""
        entries = [[each for each in probes(variables) if PLACES[each["namespace"]] == host] for host in HOSTS]
        return [failure for found in ask(self.members, [{"probe": each} for each in entries]) for failure in found]

    def end(self) -> None:
        """End the processes on the hosts."""
        for server in self._servers:
            server.kill()
            server.wait(timeout=10)
        for member in self.members:
            member.end()


@pytest.fixture(name="world")
def fixture_world() -> Iterator[World]:
    Host().clear()
    with ovn_hosts(len(HOSTS)) as hosts:
        world = World(hosts)
        yield world
        world.end()


def test_the_matrix_is_as_declared(world: World, request: pytest.FixtureRequest) -> None:
    @generated(request, CASES)
    @given(policies(), DEFAULTS, st.booleans())
    def case(listed: list[dict[str, Any]], defaults: dict[tuple[str, str], str], is_filtered: bool) -> None:
        variables = spread(listed if is_filtered else for_acls(listed), defaults)
        world.build(variables)
        if not is_filtered:
            world.unfilter()
        failures: list[str] = []

        def is_as_declared() -> bool:
            failures[:] = world.probe(variables)
            return not failures

        # At first, an address is checked for others that have it, and a switch does not know where it is.
        try:
            wait_until(is_as_declared, 30)
        except AssertionError:
            raise AssertionError("\n".join(failures)) from None

    case()
    run(northbound_steps({**spread([], {}), "state": "absent"}, world.hosts.northbound.database), check=False)
    assert world.hosts.northbound.content() == {}
