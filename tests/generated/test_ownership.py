# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two topologies side by side on one host, what is struck from the variables, and what somebody else made.

Whose a thing is stands on the thing itself. Two topologies that share a bridge and its gateway address come, change and
go in every order, and each leaves the other's objects, and the traffic on them, as they are.
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

from ansible_collections.netns.fabric.tests.generated.converge import converge
from ansible_collections.netns.fabric.tests.generated.damage import add_foreign
from ansible_collections.netns.fabric.tests.generated.side_by_side import (
    NETWORKS,
    SHARED,
    Variables,
    assert_traffic,
    changed,
    topology,
    torn_down,
    without_forwarding,
    without_order,
)
from ansible_collections.netns.fabric.tests.generated.snapshot import Snapshot, assert_same, essence, essence_of, exact
from ansible_collections.netns.fabric.tests.helpers.host import Host

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
def fixture_host() -> Iterator[Host]:
    """Give a cleared host with things of somebody else's on it."""
    host = Host()
    host.clear()
    add_foreign(host)
    yield host
    host.clear()


# Two topologies side by side


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: "".join(name[0] for name in order))
def test_side_by_side_in_every_order(host: Host, order: tuple[str, ...]) -> None:
    """Each of the two is built, changed and torn down, while the other is where it is."""
    before = without_forwarding(exact(host))
    stages = {name: iter(STEPS.values()) for name in NETWORKS}
    standing: dict[str, Variables] = {}
    for name in order:
        variables = next(stages[name])(name)
        others = [other for other in standing.values() if other["name"] != name]
        with _undisturbed(host, others):
            converge(variables)
        assert converge(variables) == [], "the run after a run changes nothing"
        standing.pop(name, None)
        if variables["state"] == "present":
            standing[name] = variables
            assert_traffic(host, variables)
        assert (SHARED in host.links()) == bool(standing), "what is shared goes with its last user"
    assert_same(without_forwarding(exact(host)), before, "the host is as it was before the two")


@pytest.mark.parametrize("name", NETWORKS)
def test_one_that_no_longer_uses_the_shared_bridge(host: Host, name: str) -> None:
    """Struck from the variables of one, the bridge and its address stay for the other."""
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


def test_the_order_of_building_does_not_matter(host: Host) -> None:
    """Equal hosts come of alpha after beta and of beta after alpha."""
    found = []
    for names in (("alpha", "beta"), ("beta", "alpha")):
        for name in names:
            converge(topology(name))
        found.append(without_order(essence(host)))
        for name in names:
            converge(torn_down(topology(name)))
    assert_same(found[1], found[0], "the order of building does not matter")


# What is struck from the variables


def _strike_namespace(variables: Variables) -> None:
    del variables["namespaces"][2]


def _strike_linked_namespace(variables: Variables) -> None:
    del variables["namespaces"][1]
    variables["links"] = []


def _strike_interface(variables: Variables) -> None:
    del variables["namespaces"][2]["interfaces"][0]
    variables["namespaces"][2]["routes"] = []


def _strike_bridge(variables: Variables) -> None:
    del variables["bridges"][1]
    variables["namespaces"][2].update(interfaces=[], routes=[])


def _strike_link(variables: Variables) -> None:
    variables["links"] = []


def _strike_route(variables: Variables) -> None:
    variables["namespaces"][0]["routes"] = []


def _strike_one_rule(variables: Variables) -> None:
    del variables["nat"][0]


def _strike_all_rules(variables: Variables) -> None:
    variables["nat"] = []


def _strike_address(variables: Variables) -> None:
    variables["bridges"][1]["addresses"] = []
    variables["namespaces"][2]["routes"] = []


def _strike_everything(variables: Variables) -> None:
    variables.update(bridges=[], namespaces=[], links=[], nat=[])


STRUCK: Mapping[str, Callable[[Variables], None]] = {
    "namespace": _strike_namespace,
    "namespace with a link to another": _strike_linked_namespace,
    "interface": _strike_interface,
    "bridge": _strike_bridge,
    "link": _strike_link,
    "route": _strike_route,
    "one NAT rule": _strike_one_rule,
    "all NAT rules": _strike_all_rules,
    "gateway address": _strike_address,
    "everything": _strike_everything,
}


@pytest.mark.parametrize("name", STRUCK)
def test_what_is_struck_from_the_variables_goes(host: Host, name: str) -> None:
    """From every layer: the host equals one on which it has never been; and the rest is the same as before."""
    whole = topology("alpha")
    less = copy.deepcopy(whole)
    STRUCK[name](less)
    converge(less)
    wanted = essence(host)
    converge(torn_down(less))
    converge(whole)
    before = exact(host)
    assert converge(less)
    now = exact(host)
    assert_same(without_forwarding(essence_of(now)), without_forwarding(wanted), f"{name}: struck is as never there")
    _assert_kept(now, before)
    assert converge(less) == []


def _assert_kept(now: Snapshot, before: Snapshot) -> None:
    """What is still there has the indexes, addresses and port numbers that it had."""
    for space, links in now["links"].items():
        known = before["links"][space]
        identities = ("ifindex", "address", "link_index")
        for link, shown in links.items():
            assert [shown.get(key) for key in identities] == [known[link].get(key) for key in identities], link
    rows, known = now["openvswitch"]["Interface"], before["openvswitch"]["Interface"]
    assert {row: found["ofport"] for row, found in rows.items()} == {row: known[row]["ofport"] for row in rows}


# What somebody else made


def test_what_somebody_else_made_stays_with_what_is_in_it(host: Host) -> None:
    """A bridge and a namespace that were there before the topology, which uses them, are there after it."""
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
    before = without_forwarding(exact(host))
    variables = topology("alpha")
    del variables["bridges"][0]["addresses"]  # the addresses of somebody else's are somebody else's
    variables["namespaces"][0]["routes"] = variables["namespaces"][1]["routes"] = []
    del variables["namespaces"][0]["nameservers"]
    converge(variables)
    assert host.pings("10.88.0.12", "a1")
    assert converge(variables) == []
    converge(torn_down(variables))
    assert_same(without_forwarding(exact(host)), before, "what somebody else made is as it was")


def test_an_address_of_ours_on_somebody_elses_bridge_goes_with_us(host: Host) -> None:
    """The gateway address is declared, so it is on the bridge as long as the topology is."""
    host.run(*f"ovs-vsctl --timeout=10 add-br {SHARED} -- set Bridge {SHARED} datapath_type=netdev".split(" "))
    host.run("ip", "link", "set", SHARED, "up")
    before = without_forwarding(exact(host))
    converge(topology("alpha"))
    assert_traffic(host, topology("alpha"))
    converge(torn_down(topology("alpha")))
    assert_same(without_forwarding(exact(host)), before, "what somebody else made is as it was")


# Looking


@contextmanager
def _undisturbed(host: Host, others: list[Variables]) -> Iterator[None]:
    """Around a run: nothing of the others' may change, and no packet between their namespaces may be lost."""
    before = [_view(host, other) for other in others]
    pings = [_start_ping(other) for other in others]
    yield
    for ping in pings:
        ping.send_signal(signal.SIGINT)
        said = ping.communicate(timeout=10)[0]
        sent, received = (int(number) for number in re.findall(r"(\d+) (?:packets transmitted|received)", said))
        # The one that is on its way at the end is counted as sent.
        assert sent - received <= 1, said
    for other, view in zip(others, before):
        assert_same(_view(host, other), view, f"{other['name']} is none of the run's business")


def _start_ping(variables: Variables) -> subprocess.Popen[str]:
    """From a namespace on the shared bridge to another one there, a hundred times a second."""
    inside = [n for n in variables["namespaces"] if n["interfaces"][0]["bridge"] == SHARED]
    address = inside[1]["interfaces"][0]["addresses"][0].split("/")[0]
    command = ["ip", "netns", "exec", inside[0]["name"], "ping", "-n", "-q", "-i", "0.01", address]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def _view(host: Host, variables: Variables) -> Snapshot:
    """All that belongs to a topology, bit for bit; of what is shared, that which is no user's own."""
    whole = exact(host)
    spaces = [namespace["name"] for namespace in variables["namespaces"]]
    bridges = [bridge["name"] for bridge in variables["bridges"]]
    taps = [interface["peer"] for n in variables["namespaces"] for interface in n["interfaces"]]
    owner = f"netns.fabric:{variables['name']}"
    rows = whole["openvswitch"]
    return {
        "links": {space: whole["links"][space] for space in spaces},
        "on the host": {link: _unmarked(whole["links"][None][link]) for link in bridges + taps},
        "routes": {space: whole["routes"][space] for space in spaces},
        "checksums": {space: whole["checksums"][space] for space in spaces},
        "interfaces": {row: rows["Interface"][row] for row in bridges + taps},
        "ports": {row: rows["Port"][row] for row in taps},
        "bridges": {bridge: _unshared(rows["Bridge"][bridge], variables["name"]) for bridge in bridges},
        "rules": {
            space: [line for line in rules.splitlines() if re.search(f"{owner}\\b", line)]
            for space, rules in whole["rules"].items()
            if space in (None, *spaces)
        },
        "files": {path: text for path, text in whole["files"].items() if path.split("/")[3] in spaces},
        "forwarding": whole["forwarding"],
    }


def _unmarked(link: Mapping[str, Any]) -> dict[str, Any]:
    """A link without its marks, of which every owner has one."""
    return {key: value for key, value in link.items() if key != "ifalias"}


def _unshared(row: Mapping[str, Any], owner: str) -> dict[str, Any]:
    """A bridge's row without the other owners' marks and without its ports, which are looked at one by one."""
    kept = {key: value for key, value in row.items() if key not in ("ports", "external_ids")}
    mark = [pair for pair in row["external_ids"][1] if pair[0] == f"netns.fabric/{owner}"]
    return {**kept, "mark": mark}
