# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ownership: two topologies on one host, entries removed from the variables, and objects of another owner.

An object's owner is recorded on the object. Two topologies that share a bridge and its gateway address are built,
changed and deleted in every order, and neither affects the other's objects and the traffic on them.
"""

from __future__ import annotations

import copy
import itertools
import re
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from ansible_collections.netns.fabric.tests.generated.comparison import (
    comparable,
    take_comparable,
    without_order,
)
from ansible_collections.netns.fabric.tests.generated.converge import converge
from ansible_collections.netns.fabric.tests.generated.damage import add_foreign
from ansible_collections.netns.fabric.tests.generated.two_topologies import (
    NETWORKS,
    SHARED,
    Variables,
    assert_traffic,
    changed,
    topology,
    torn_down,
)
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.snapshot import (
    HOST,
    Snapshot,
    assert_equal,
    take,
    without_forwarding,
)

STEPS: Mapping[str, Callable[[str], Variables]] = {
    "build": topology,
    "change": changed,
    "tear down": lambda name: torn_down(changed(name)),
}
#: Every order of three steps of each of the two: the places among six that are alpha's.
ORDERS = [
    tuple("alpha" if place in places else "beta" for place in range(6))
    for places in itertools.combinations(range(6), 3)
]


@pytest.fixture(name="host")
def fixture_host(host: Host) -> Host:
    """Provide a cleared host with objects of another owner."""
    add_foreign(host)
    return host


# Two topologies side by side


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: "".join(name[0] for name in order))
def test_side_by_side_in_every_order(host: Host, order: tuple[str, ...]) -> None:
    """Each of the two is built, changed and deleted, whatever state the other is in."""
    before = without_forwarding(take())
    stages = {name: iter(STEPS.values()) for name in NETWORKS}
    standing: dict[str, Variables] = {}
    for name in order:
        variables = next(stages[name])(name)
        others = [other for other in standing.values() if other["name"] != name]
        with _undisturbed(host, others):
            converge(variables)
        assert converge(variables) == [], "a second run changes nothing"
        standing.pop(name, None)
        if variables["state"] == "present":
            standing[name] = variables
            assert_traffic(host, variables)
        assert (SHARED in host.links()) == bool(standing), "a shared bridge is deleted with its last owner"
    assert_equal(without_forwarding(take()), before, "the host is as it was before the two")


@pytest.mark.parametrize("name", NETWORKS)
def test_shared_bridge_removed_from_one_topology_stays_for_the_other(host: Host, name: str) -> None:
    both = {each: topology(each) for each in NETWORKS}
    for variables in both.values():
        converge(variables)
    other = next(each for each in NETWORKS if each != name)
    apart = copy.deepcopy(both[name])
    apart["bridges"] = apart["bridges"][1:]
    apart["namespaces"] = apart["namespaces"][2:]
    apart["links"], apart["nat"] = [], apart["nat"][1:]
    with _undisturbed(host, [both[other]]):
        converge(apart)
    assert converge(apart) == []
    assert f"netns.fabric/{name}" not in host.ovs_vsctl("get", "Bridge", SHARED, "external_ids")
    converge(torn_down(both[other]))
    assert SHARED not in host.links()
    assert_traffic(host, apart)


def test_order_of_building_does_not_matter(host: Host) -> None:
    """alpha before beta and beta before alpha give equal hosts."""
    found = []
    for names in (("alpha", "beta"), ("beta", "alpha")):
        for name in names:
            converge(topology(name))
        found.append(without_order(take_comparable()))
        for name in names:
            converge(torn_down(topology(name)))
    assert_equal(found[1], found[0], "the order of building does not matter")


# Entries removed from the variables


def _remove_namespace(variables: Variables) -> None:
    del variables["namespaces"][2]


def _remove_linked_namespace(variables: Variables) -> None:
    del variables["namespaces"][1]
    variables["links"] = []


def _remove_interface(variables: Variables) -> None:
    del variables["namespaces"][2]["interfaces"][0]
    variables["namespaces"][2]["routes"] = []


def _remove_bridge(variables: Variables) -> None:
    del variables["bridges"][1], variables["nat"][1]
    variables["namespaces"][2].update(interfaces=[], routes=[])


def _remove_link(variables: Variables) -> None:
    variables["links"] = []


def _remove_route(variables: Variables) -> None:
    variables["namespaces"][0]["routes"] = []


def _remove_one_rule(variables: Variables) -> None:
    del variables["nat"][0]


def _remove_all_rules(variables: Variables) -> None:
    variables["nat"] = []


def _remove_address(variables: Variables) -> None:
    variables["bridges"][1]["addresses"] = []
    variables["namespaces"][2]["routes"] = []


def _remove_everything(variables: Variables) -> None:
    variables.update(bridges=[], namespaces=[], links=[], nat=[])


REMOVALS: Mapping[str, Callable[[Variables], None]] = {
    "namespace": _remove_namespace,
    "namespace with a link to another": _remove_linked_namespace,
    "interface": _remove_interface,
    "bridge": _remove_bridge,
    "link": _remove_link,
    "route": _remove_route,
    "one NAT rule": _remove_one_rule,
    "all NAT rules": _remove_all_rules,
    "gateway address": _remove_address,
    "everything": _remove_everything,
}


@pytest.mark.parametrize("name", REMOVALS)
def test_entry_removed_from_the_variables_is_deleted(host: Host, name: str) -> None:
    """The host equals one that never had the entry, and what remains is not re-created."""
    whole = topology("alpha")
    less = copy.deepcopy(whole)
    REMOVALS[name](less)
    converge(less)
    wanted = take_comparable()
    converge(torn_down(less))
    converge(whole)
    before = take()
    assert converge(less)
    now = take()
    assert_equal(
        without_forwarding(comparable(now)),
        without_forwarding(wanted),
        f"{name}: deleted as if it had never been there",
    )
    _assert_kept(now, before)
    assert converge(less) == []


def _assert_kept(now: Snapshot, before: Snapshot) -> None:
    """Assert that what is still there has the same indexes, MAC addresses and port numbers."""
    for space, links in now["links"].items():
        known = before["links"][space]
        identities = ("ifindex", "address", "link_index")
        for link, shown in links.items():
            assert [shown.get(key) for key in identities] == [known[link].get(key) for key in identities], link
    rows, known = now["openvswitch status"]["Interface"], before["openvswitch status"]["Interface"]
    assert {row: found["ofport"] for row, found in rows.items()} == {row: known[row]["ofport"] for row in rows}


# Objects of another owner


def test_foreign_bridge_and_namespace_stay_after_teardown(host: Host) -> None:
    """The topology uses a bridge and a namespace that were there before it, with a link and a port in them."""
    for command in (
        f"ovs-vsctl --timeout=10 add-br {SHARED} -- set Bridge {SHARED} datapath_type=netdev external_ids:of=another",
        f"ip addr add 203.0.113.254/24 dev {SHARED}",
        f"ip link set dev {SHARED} up",
        "ip netns add a1",
        "ip -n a1 link set dev lo up",
        "ip link add a1-other type veth peer name other0 netns a1",
        "ip -n a1 addr add 203.0.113.1/24 dev other0",
        "ip -n a1 link set dev other0 up",
        "ip link set dev a1-other up",
        f"ovs-vsctl --timeout=10 add-port {SHARED} a1-other",
    ):
        host.run(*command.split(" "))
    before = without_forwarding(take())
    variables = topology("alpha")
    del variables["bridges"][0]["addresses"]  # an addresses list is exact, and the foreign address would be deleted
    variables["namespaces"][0]["routes"] = variables["namespaces"][1]["routes"] = []
    del variables["namespaces"][0]["nameservers"]
    converge(variables)
    assert host.pings("10.88.0.12", "a1")
    assert converge(variables) == []
    converge(torn_down(variables))
    assert_equal(without_forwarding(take()), before, "the objects of the other owner are as before")


def test_own_address_on_foreign_bridge_is_deleted_by_teardown(host: Host) -> None:
    """The gateway address is declared, so it is on the bridge as long as the topology exists."""
    host.run(*f"ovs-vsctl --timeout=10 add-br {SHARED} -- set Bridge {SHARED} datapath_type=netdev".split(" "))
    host.run("ip", "link", "set", SHARED, "up")
    before = without_forwarding(take())
    converge(topology("alpha"))
    assert_traffic(host, topology("alpha"))
    converge(torn_down(topology("alpha")))
    assert_equal(without_forwarding(take()), before, "the objects of the other owner are as before")


# Observation


@contextmanager
def _undisturbed(host: Host, others: list[Variables]) -> Iterator[None]:
    """Assert that a run changes nothing of the others, and loses no packet between their namespaces."""
    before = [_view(other) for other in others]
    pings = [_start_ping(other) for other in others]
    yield
    for ping in pings:
        ping.send_signal(signal.SIGINT)
        output = ping.communicate(timeout=10)[0]
        sent, received = (int(number) for number in re.findall(r"(\d+) (?:packets transmitted|received)", output))
        # A packet on its way at the end is counted as sent.
        assert sent - received <= 1, output
    for other, view in zip(others, before):
        assert_equal(_view(other), view, f"the run does not change {other['name']}")


def _start_ping(variables: Variables) -> subprocess.Popen[str]:
    """Start a ping between two namespaces on the shared bridge, a hundred packets a second."""
    inside = [n for n in variables["namespaces"] if n["interfaces"][0]["bridge"] == SHARED]
    address = inside[1]["interfaces"][0]["addresses"][0].split("/")[0]
    command = ["ip", "netns", "exec", inside[0]["name"], "ping", "-n", "-q", "-i", "0.01", address]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def _view(variables: Variables) -> Snapshot:
    """Return all that belongs to a topology; of a shared object, what does not depend on its other owners."""
    whole = take()
    spaces = [namespace["name"] for namespace in variables["namespaces"]]
    bridges = [bridge["name"] for bridge in variables["bridges"]]
    taps = [interface["peer"] for n in variables["namespaces"] for interface in n["interfaces"]]
    owner = f"netns.fabric:{variables['name']}"
    rows, status = whole["openvswitch"], whole["openvswitch status"]
    return {
        "links": {space: whole["links"][space] for space in spaces},
        "on the host": {link: _without_owners(whole["links"][HOST][link]) for link in bridges + taps},
        "routes": {space: whole["routes"][space] for space in spaces},
        "tx checksum": {space: whole["tx checksum"][space] for space in spaces},
        "qdiscs": {space: whole["qdiscs"][space] for space in spaces},
        "interfaces": {row: {**rows["Interface"][row], **status["Interface"][row]} for row in bridges + taps},
        "ports": {row: {**rows["Port"][row], **status["Port"][row]} for row in taps},
        "bridges": {
            bridge: {**_without_other_owners(rows["Bridge"][bridge], variables["name"]), **status["Bridge"][bridge]}
            for bridge in bridges
        },
        "rules": {
            space: [line for line in lines if re.search(f"{owner}\\b", line)]
            for space, lines in whole["packet filter"].items()
            if space in (HOST, *spaces)
        },
        "sysctls": {space: whole["sysctls"][space] for space in (HOST, *spaces)},
        "files": {path: file for path, file in whole["files"].items() if path.split("/")[3] in spaces},
    }


def _without_owners(link: Mapping[str, Any]) -> dict[str, Any]:
    """Return a link without its alias, which names every owner."""
    return {key: value for key, value in link.items() if key != "ifalias"}


def _without_other_owners(row: Mapping[str, Any], owner: str) -> dict[str, Any]:
    """Return a bridge's row without the other owners, and without its ports, which are compared one by one."""
    kept = {key: value for key, value in row.items() if key not in ("ports", "external_ids")}
    mark = [pair for pair in row["external_ids"] if pair[0] == f"netns.fabric/{owner}"]
    return {**kept, "mark": mark}
