# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was found, put together, and as lists for the modules; which subset is meant."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import yaml

from ansible_collections.netns.fabric.plugins.doc_fragments import vsctl
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry
from ansible_collections.netns.fabric.plugins.module_utils._facts.collector import ARGUMENT_SPEC, SUBSETS, subset
from ansible_collections.netns.fabric.plugins.module_utils._facts.view import Filters, Findings, Visit, report
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import (
    IPTABLES_NFT,
    NFTABLES,
    Chain,
    Criterion,
    Place,
    Rule,
    Ruleset,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.backend import Identity
from ansible_collections.netns.fabric.plugins.module_utils._kernel.sockets import Socket
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import (
    Address,
    End,
    KernelState,
    Link,
    NamespaceState,
    Neighbour,
    Route,
    interface,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Bridge, Interface, Port, Row, Switch
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_masquerade import Source
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_port_forward import PortForwardResource
from ansible_collections.netns.fabric.plugins.module_utils._system.processes import Process
from ansible_collections.netns.fabric.plugins.modules import topology_info

ALL = frozenset(SUBSETS)
PATH = "/proc/77/ns/net"
LO = Link(1, "lo", loopback=True, up=True, mtu=65536, mac="00:00:00:00:00:00")
MARKED_LO = Link(1, "lo", loopback=True, up=True, mtu=65536, alias="netns.fabric:lab")


def veth(index: int, name: str, peer: End, **more: Any) -> Link:
    defaults = {"mac": f"02:00:00:00:00:{index:02x}", "up": True, "tx_checksum": True, "kind": "veth"}
    return Link(index, name, peer=peer, **{**defaults, **more})


def space(name: str | None, *links: Link, **more: Any) -> NamespaceState:
    return NamespaceState(name, links=links, **more)


def findings(*spaces: NamespaceState, **more: Any) -> Findings:
    named = {
        state.name: state for state in (spaces if spaces and spaces[0].name is None else (space(None, LO), *spaces))
    }
    identities = {name: Identity(100 + number, number - 1 if number else None) for number, name in enumerate(named)}
    defaults: dict[str, Any] = {
        "wanted": ALL,
        "kernel": KernelState(named),
        "identities": identities,
        "visits": {name: Visit() for name in named},
    }
    return Findings(**{**defaults, **more})


def reported(found: Findings, **filters: Any) -> dict[str, Any]:
    result = report(found, Filters(**filters))
    json.dumps(result)  # nothing in it that JSON has not
    return result


# Subsets


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        (["all"], ALL),
        ([], ALL),
        (["min"], frozenset()),
        (["min", "routes"], {"routes"}),
        (["routes"], {"routes"}),
        (["!routes"], ALL - {"routes"}),
        (["all", "!routes"], ALL - {"routes"}),
        (["routes", "sockets", "!routes"], {"sockets"}),
    ],
)
def test_a_subset(asked: list[str], meant: frozenset[str]) -> None:
    assert subset(asked) == meant


def test_the_documentation_has_the_options() -> None:
    documented = {
        **yaml.safe_load(topology_info.DOCUMENTATION)["options"],
        **yaml.safe_load(vsctl.ModuleDocFragment.DATABASE)["options"],
    }
    assert set(documented) == set(ARGUMENT_SPEC)
    assert documented["gather_subset"]["choices"] == ARGUMENT_SPEC["gather_subset"]["choices"]


def test_the_documentation_has_the_results() -> None:
    """Of what is told by a sample, the keys; of what is told by `contains`, those."""
    documented = yaml.safe_load(topology_info.RETURN)
    cable = veth(2, "eth0", End(None, 5))
    host = space(None, LO, veth(5, "tap0", End("red", 2)))
    listening = Socket("tcp", "::", 80, 6, 0, 0, 9)
    red = space(
        "red",
        LO,
        cable,
        addresses=(Address(2, interface("10.0.0.1/24")),),
        routes=(Route("0.0.0.0/0", gateway="10.0.0.2", device=2),),
        neighbours=(Neighbour("10.0.0.2", 2),),
    )
    result = reported(
        findings(
            host,
            red,
            visits={None: Visit(), "red": Visit(sockets=[listening], sysctls={"net.ipv4.ip_forward": "1"})},
            switch=SWITCH,
        )
    )
    assert set(result) == set(documented)
    found = result["namespaces"][0]
    contains = documented["namespaces"]["contains"]
    assert set(found) == set(contains)
    for key in ("links", "routes", "neighbours", "sockets"):
        assert set(found[key][0]) == set(contains[key]["sample"][0]), key
    assert set(found["firewall"]) == set(contains["firewall"]["contains"])
    bridges = documented["openvswitch"]["contains"]["bridges"]["sample"]
    assert set(result["openvswitch"]) == set(documented["openvswitch"]["contains"])
    assert set(result["openvswitch"]["bridges"][0]) == set(bridges[0])
    assert set(result["openvswitch"]["bridges"][0]["ports"][0]) == set(bridges[0]["ports"][0])
    assert set(result["declarations"]) == set(documented["declarations"]["contains"])


# Namespaces and links

TAP = Interface("tap0", ofport=1, ifindex=5)
SWITCH = Switch(
    bridges=(
        Bridge(
            "br0",
            datapath_type="netdev",
            ports=(
                Port("br0", (Interface("br0", type="internal", ofport=65534),)),
                Port("tap0", (TAP,), tag=7),
            ),
        ),
    ),
    running=True,
)


def test_a_far_end_and_a_port() -> None:
    host = space(None, LO, veth(5, "tap0", End("red", 2)))
    result = reported(findings(host, space("red", LO, veth(2, "eth0", End(None, 5))), switch=SWITCH))
    near, far = result["host"]["links"][1], result["namespaces"][0]["links"][1]
    assert near["peer"] == {"namespace": "red", "name": "eth0", "index": 2}
    assert far["peer"] == {"namespace": None, "name": "tap0", "index": 5}
    assert near["bridge_port"] == {"bridge": "br0", "port": "tap0", "tag": 7}
    assert far["bridge_port"] is None


def test_a_far_end_that_was_not_found() -> None:
    result = reported(findings(space("red", LO, veth(2, "eth0", End(None, 5, known=False)))))
    assert result["namespaces"][0]["links"][1]["peer"] == {"namespace": None, "name": None, "index": 5}
    assert result["declarations"]["pairs"] == []
    assert result["undeclared"] == ["pairs: red/eth0: its far end is in no namespace with a name"]


def test_an_internal_port_in_a_namespace_is_found_by_its_kind() -> None:
    moved = Interface("inner", type="internal", ofport=2)
    switch = Switch(bridges=(Bridge("br0", datapath_type="netdev", ports=(Port("inner", (moved,)),)),))
    by_kind = {
        kind: reported(findings(space("red", LO, Link(2, "inner", kind=kind)), switch=switch))["namespaces"][0][
            "links"
        ][1]
        for kind in ("tun", "veth")
    }
    assert by_kind["tun"]["bridge_port"]["port"] == "inner"
    assert by_kind["veth"]["bridge_port"] is None


def test_a_namespace_without_a_name() -> None:
    held = {101: [Process(77, "sleep 9", "nobody")]}
    result = reported(findings(space(PATH, LO, veth(2, "eth0", End(None, 5))), processes=held))
    (found,) = result["namespaces"]
    assert (found["name"], found["named"], found["path"]) == ("net:[101]", False, PATH)
    assert found["processes"] == [{"pid": 77, "command": "sleep 9", "user": "nobody"}]
    assert reported(findings(space(PATH, LO)), namespaces=frozenset({"net:[101]"}))["namespaces"]
    assert not reported(findings(space(PATH, LO)), namespaces=frozenset({PATH}))["namespaces"]


def test_those_with_a_name_come_first() -> None:
    result = reported(findings(space(PATH, LO), space("zebra", LO), space("ant", LO)))
    assert [found["name"] for found in result["namespaces"]] == ["ant", "zebra", "net:[101]"]


def test_bytes_that_are_no_utf_8_can_be_printed() -> None:
    raw = b"\xff\xc3\xa4".decode(errors="surrogateescape")
    result = reported(findings(space(raw, LO, Link(2, raw, kind="tun", alias=raw))))
    assert result["namespaces"][0]["name"] == result["namespaces"][0]["links"][1]["name"] == "\\xffä"
    assert result["declarations"]["links"] == []


def test_an_owner_sees_what_is_marked() -> None:
    host = space(None, LO, veth(5, "tap0", End("red", 2), alias="netns.fabric:lab,other"), Link(6, "eth9", kind="tun"))
    red = space("red", MARKED_LO, veth(2, "eth0", End(None, 5)), veth(3, "x0", End("blue", 2)))
    blue = space("blue", LO, veth(2, "x0", End("red", 3)))
    result = reported(findings(host, red, blue), owner="lab")
    assert [link["name"] for link in result["host"]["links"]] == ["tap0"]
    assert [found["name"] for found in result["namespaces"]] == ["red"]
    assert len(result["namespaces"][0]["links"]) == 3
    assert result["owners"] == ["lab", "other"]


# Declarations


def test_a_pair_is_declared_once_the_end_in_a_namespace_first() -> None:
    host = space(None, LO, veth(5, "tap0", End("red", 2), tx_checksum=False))
    red = space("red", LO, veth(2, "eth0", End(None, 5), mtu=9000), addresses=(Address(2, interface("10.0.0.1/24")),))
    declared = reported(findings(host, red))["declarations"]
    assert declared["pairs"] == [
        {
            "name": "eth0",
            "namespace": "red",
            "addresses": ["10.0.0.1/24"],
            "mtu": 9000,
            "enabled": True,
            "mac": "02:00:00:00:00:02",
            "tx_checksum": True,
            "peer": {
                "name": "tap0",
                "addresses": [],
                "mtu": 1500,
                "enabled": True,
                "mac": "02:00:00:00:00:05",
                "tx_checksum": False,
            },
        }
    ]
    assert declared["namespaces"] == [{"name": "red"}]


def test_what_was_not_gathered_is_not_declared() -> None:
    red = space("red", LO, Link(2, "nic", kind="tun", up=True))
    declared = reported(findings(red, wanted=frozenset()))["declarations"]
    assert declared["links"] == [{"name": "nic", "namespace": "red", "mtu": 1500, "enabled": True}]


def test_addresses_that_the_kernel_made_or_that_have_a_far_one_are_not_declared() -> None:
    addresses = (
        Address(2, interface("fe80::1/64"), made_by_kernel=True),
        Address(2, interface("10.0.0.1/24")),
        Address(3, interface("10.0.0.1/32"), peer="10.0.0.2"),
    )
    red = space("red", LO, Link(2, "a", kind="tun"), Link(3, "b", kind="tun"), addresses=addresses)
    result = reported(findings(red))
    a, b = result["declarations"]["links"]
    assert a["addresses"] == ["10.0.0.1/24"]
    assert "addresses" not in b
    assert [told for told in result["undeclared"] if "red/b" in told]


def test_an_mtu_that_is_none_of_ethernets_is_not_declared() -> None:
    red = space("red", LO, Link(2, "a", kind="tun", mtu=65536))
    assert "mtu" not in reported(findings(red))["declarations"]["links"][0]


def test_an_empty_namespace_with_its_loopback_down_is_not_declared() -> None:
    """The module netns takes it for what a killed run has left, and sets the loopback up."""
    down = Link(1, "lo", loopback=True)
    result = reported(findings(space("red", down), space("blue", down, Link(2, "a", kind="tun"))))
    assert result["declarations"]["namespaces"] == [{"name": "blue"}]
    assert {"name": "lo", "namespace": "blue", "addresses": [], "enabled": False} in result["declarations"]["links"]
    assert [told for told in result["undeclared"] if "red" in told]


def test_parameters_and_a_resolver_of_ours() -> None:
    text = "# netns.fabric:lab\nnameserver 192.0.2.53\nsearch example.org\n"
    visits = {None: Visit(), "red": Visit(sysctls={"net.ipv4.ip_forward": "1", "net.ipv4.conf.all.rp_filter": "0"})}
    for resolver, expected in (
        (text, {"nameservers": ["192.0.2.53"], "search": ["example.org"]}),
        ("nameserver 192.0.2.53\n", {}),
        ("# netns.fabric:lab\nsearch example.org\nnameserver 192.0.2.53\n", {}),  # would be put into another order
    ):
        found = findings(space("red", MARKED_LO), visits=visits, resolvers={"red": resolver})
        for owner in (None, "lab"):
            declared = reported(found, owner=owner)["declarations"]["namespaces"]
            assert declared == [{"name": "red", **expected, "sysctls": {"net.ipv4.ip_forward": "1"}}]


@pytest.mark.parametrize(
    ("route", "declared"),
    [
        (Route("0.0.0.0/0", gateway="10.0.0.2", device=2), {"destination": "default", "gateway": "10.0.0.2"}),
        (Route("::/0", gateway="fd00::2", device=2, metric=1024), {"destination": "default", "gateway": "fd00::2"}),
        (Route("::/0", device=2, metric=1024), {"destination": "::/0"}),
        (Route("0.0.0.0/0", device=2, metric=1024), {"destination": "default", "metric": 1024}),
        (Route("10.9.0.0/16", device=2, table=7, source="10.0.0.1"), {"table": 7, "source": "10.0.0.1"}),
        (Route("10.9.0.0/16", device=2, protocol=2), None),
        (Route("10.9.0.0/16", device=2, special=True), None),
        (Route("10.9.0.0/16", device=2, tos=8), None),
    ],
)
def test_routes(route: Route, declared: dict[str, Any] | None) -> None:
    red = space("red", LO, Link(2, "a", kind="tun", up=True), routes=(route,))
    result = reported(findings(red))
    expected = [{"namespace": "red", "destination": "10.9.0.0/16", "device": "a", **declared}] if declared else []
    assert result["declarations"]["routes"] == expected
    assert bool([told for told in result["undeclared"] if "routes" in told]) == (not declared and route.static)


def test_two_routes_that_count_as_the_same_are_declared_once() -> None:
    routes = (Route("fe80::/64", device=2, metric=1024), Route("fe80::/64", device=3, metric=1024))
    red = space("red", LO, Link(2, "a", kind="tun"), Link(3, "b", kind="tun"), routes=routes)
    result = reported(findings(red))
    assert len(result["declarations"]["routes"]) == 1
    assert [told for told in result["undeclared"] if "counts as the same" in told]


def port(name: str, *interfaces: Interface, **more: Any) -> Port:
    return Port(name, interfaces or (Interface(name, ofport=1, ifindex=5),), **more)


def bridged(*ports: Port, **more: Any) -> Switch:
    local = Port("br0", (Interface("br0", type="internal", ofport=65534),))
    return Switch(bridges=(Bridge("br0", datapath_type="netdev", ports=(local, *ports), **more),), running=True)


@pytest.mark.parametrize(
    ("found", "declared", "told"),
    [
        (port("a", tag=7, trunks=(1, 2), vlan_mode="native-tagged"), {"tag": 7, "vlan_mode": "native-tagged"}, ""),
        (port("a", tag=7, trunks=(1, 2)), None, "trunks"),
        (port("a", Interface("a", type="vxlan", ofport=1, options={"remote_ip": "192.0.2.1"})), {"type": "vxlan"}, ""),
        (port("a", Interface("a", type="internal", ofport=1, mac="02:00:00:00:00:01")), {"type": "internal"}, ""),
        (port("a", Interface("a", ofport=-1, error="no such device")), None, "no such device"),
        (port("a", Interface("a", ofport=1, ifindex=0)), None, "no such device"),
        (port("a", Interface("m0"), Interface("m1")), None, "bond"),
        (port("a", fake_bridge=True), None, "VLAN bridge"),
        (port("a b"), None, "a b"),
    ],
)
def test_ports(found: Port, declared: dict[str, Any] | None, told: str) -> None:
    result = reported(findings(space(None, LO), switch=bridged(found)))
    ports = result["declarations"]["ports"]
    if declared is None:
        assert ports == []
        assert [line for line in result["undeclared"] if line.startswith("ports: ") and told in line]
    else:
        assert len(ports) == 1
        assert ports[0].items() >= {"name": "a", "bridge": "br0", "tx_checksum": "keep", **declared}.items()


def test_bridges() -> None:
    options: Mapping[str, Any] = {
        "fail_mode": "secure",
        "protocols": ("OpenFlow13",),
        "external_ids": {"netns.fabric/lab": "owner", "a": "b"},
        "row": Row("Bridge", "b", {"controller": ()}),
    }
    declared = reported(findings(space(None, LO), switch=bridged(**options)))["declarations"]["bridges"]
    assert declared == [
        {
            "name": "br0",
            "datapath_type": "netdev",
            "fail_mode": "secure",
            "protocols": ["OpenFlow13"],
            "external_ids": {"a": "b"},
        }
    ]


def test_a_link_that_was_made_again_under_its_port() -> None:
    host = space(None, LO, veth(5, "tap0", End(None, 6, known=False)))
    for opened, broken in ((frozenset({5}), False), (frozenset({4}), True), (None, False)):
        result = reported(findings(host, switch=SWITCH, opened=opened))
        told = result["openvswitch"]["bridges"][0]["ports"][1]["error"]
        assert bool(told) == broken
        assert bool(result["declarations"]["ports"]) != broken


# The packet filter

PARTS = Source("10.0.0.0/24").specs()
OWN = Place(NFTABLES, "ip", "netns_fabric", "postrouting")
FORWARD = Place(IPTABLES_NFT, "ip", "filter", "FORWARD")


def ruled(*own: Rule, forward: Chain | None = None) -> Ruleset:
    chains = {OWN: Chain(OWN, "postrouting", "accept", "nat", own)}
    if forward is not None:
        chains[forward.place] = forward
    return Ruleset(chains)


def masquerading(comment: str | None, **more: Any) -> Rule:
    return Rule(frozenset(PARTS[0].criteria), "masquerade", comment=comment, **more)


def test_rules_of_an_owner_of_none_and_of_somebody_else() -> None:
    rules = ruled(masquerading("netns.fabric:lab"), masquerading("netns.fabric:"), masquerading(None))
    found = findings(space(None, LO), rulesets={None: rules})
    everything = reported(found)
    assert [rule["owner"] for rule in everything["host"]["firewall"]["rules"]] == ["lab", "", None]
    declared = [{"source": "10.0.0.0/24", "ip_forward": True, "accept_forward": "auto"}]
    assert everything["declarations"]["rules"] == declared
    assert "rules: 1 in the host: they bear no mark of this collection" in everything["undeclared"]
    own = reported(found, owner="lab")
    assert [rule["owner"] for rule in own["host"]["firewall"]["rules"]] == ["lab"]
    assert own["declarations"]["rules"] == declared
    assert reported(found, owner="nobody")["declarations"]["rules"] == []


def test_a_rule_that_somebody_has_altered_is_not_declared() -> None:
    altered = Rule(frozenset(PARTS[0].criteria[:1]), "masquerade", comment="netns.fabric:")
    result = reported(findings(space(None, LO), rulesets={None: ruled(altered)}))
    assert result["declarations"]["rules"] == []
    assert [told for told in result["undeclared"] if "altered" in told]


PRE, OUT, POST = (Place(NFTABLES, "ip", "netns_fabric", hook) for hook in ("prerouting", "output", "postrouting"))


def published(**options: Any) -> dict[Place, list[Rule]]:
    """Return the rules of a published port, by the chains that they belong into."""
    resource = PortForwardResource()
    defaults = {name: option.get("default") for name, option in resource.entry_options.items()}
    entry = {**defaults, "state": "present", "port": "8080", "to_address": "10.0.0.1", **options}
    wanted = resource.desired(Entry("8080"), entry)
    comment = f"netns.fabric/port-forward:lab {wanted.key}"
    places = {"prerouting": PRE, "output": OUT, "postrouting": POST, "forward": FORWARD}
    rules: dict[Place, list[Rule]] = {}
    for part in wanted.specs():
        rule = Rule(frozenset(part.criteria), part.verdict, part.target, comment)
        rules.setdefault(places[part.hook], []).append(rule)
    return rules


def with_published(rules: Mapping[Place, list[Rule]]) -> dict[str, Any]:
    chains = {
        place: Chain(place, place.chain.lower(), "drop" if place is FORWARD else "accept", kind, tuple(rules[place]))
        for place, kind in ((PRE, "nat"), (OUT, "nat"), (POST, "nat"), (FORWARD, "filter"))
        if place in rules
    }
    return reported(findings(space(None, LO), rulesets={None: Ruleset(chains)}), owner="lab")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"to_port": 80},
        {"port": "8000-8010", "protocol": "udp"},
        {"hairpin": "10.0.0.0/24", "to_port": 80},
        {"address": "192.0.2.1"},
        {"in_interface": "eth0"},
    ],
)
def test_a_published_port_is_declared_as_found(options: dict[str, Any]) -> None:
    defaults = {"port": "8080", "protocol": "tcp", "to_address": "10.0.0.1", "ip_forward": True}
    result = with_published(published(**options))
    assert result["declarations"]["forwards"] == [{**defaults, "accept_forward": "auto", **options}]
    assert result["declarations"]["rules"] == []
    assert result["undeclared"] == []


@pytest.mark.parametrize(
    ("target", "declared"),
    [("[fd00::1]:80", {"to_address": "fd00::1", "to_port": 80}), ("fd00::1", {"to_address": "fd00::1"})],
)
def test_where_a_published_port_leads_to_over_ipv6(target: str, declared: dict[str, Any]) -> None:
    rules = published(**declared)
    assert {rule.target for rule in rules[PRE]} == {target}
    (forward,) = with_published(rules)["declarations"]["forwards"]
    assert {key: forward[key] for key in declared} == declared
    assert ("to_port" in forward) == ("to_port" in declared)


@pytest.mark.parametrize(
    "target", ["10.0.0.1:80-90", "10.0.0.1-10.0.0.9", ":80", "", "[fd00::1]:80", "[fd00::1]", '{"addr": 1}', "10.0.0.2"]
)
def test_a_published_port_that_leads_elsewhere_is_not_declared(target: str) -> None:
    """One of its two translations was altered by hand: even an odd target is told, and no error."""
    rules = published()
    rules[PRE] = [replace(rule, target=target) for rule in rules[PRE]]
    result = with_published(rules)
    assert result["declarations"]["forwards"] == []
    assert result["undeclared"] == ["forwards: tcp4/8080 in the host: somebody has altered it"]
    rules[OUT] = [replace(rule, target=target) for rule in rules[OUT]]
    if target != "10.0.0.2":  # that is an address, and both say it: a declaration as good as any
        assert with_published(rules)["declarations"]["forwards"] == []


@pytest.mark.parametrize("place", [PRE, OUT, POST])
def test_a_published_port_that_lacks_a_rule_is_not_declared_as_it_was(place: Place) -> None:
    options = {"hairpin": "10.0.0.0/24"}
    rules = published(**options)
    del rules[place]
    found = with_published(rules)["declarations"]["forwards"]
    # Without the rule for the neighbours it is one that never had it.
    assert found == [] if place is not POST else [entry.get("hairpin") for entry in found] == [None]


def test_what_is_accepted_and_forwarded_is_declared_as_found() -> None:
    drops = Chain(FORWARD, "forward", "drop", "filter")
    accepts = Chain(
        FORWARD,
        "forward",
        "drop",
        "filter",
        (
            Rule(frozenset(PARTS[1].criteria), "accept", comment="netns.fabric:"),
            Rule(frozenset(PARTS[2].criteria), "accept", comment="netns.fabric:"),
        ),
    )
    for forward, accept in ((drops, "never"), (accepts, "auto")):
        found = findings(
            space(None, LO),
            rulesets={None: ruled(masquerading("netns.fabric:"), forward=forward)},
            visits={None: Visit(sysctls={"net.ipv4.ip_forward": "0"})},
        )
        assert reported(found)["declarations"]["rules"] == [
            {"source": "10.0.0.0/24", "ip_forward": False, "accept_forward": accept}
        ]


def test_a_chain_that_is_called_is_told_and_one_that_is_not_is_not() -> None:
    called, other = (Place(IPTABLES_NFT, "ip", "filter", name) for name in ("DOCKER-USER", "OTHER"))
    ruleset = Ruleset(
        {
            FORWARD: Chain(FORWARD, "forward", "accept", "filter", (Rule(frozenset(), "jump", "DOCKER-USER"),)),
            called: Chain(called, kind="filter", rules=(Rule(frozenset({Criterion("other", "x")}), "drop"),)),
            other: Chain(other, kind="filter"),
        }
    )
    firewall = reported(findings(space(None, LO), rulesets={None: ruleset}))["host"]["firewall"]
    assert [chain["name"] for chain in firewall["chains"]] == ["DOCKER-USER", "FORWARD"]
    assert [(rule["chain"], rule["verdict"], rule["target"], rule["criteria"]) for rule in firewall["rules"]] == [
        ("DOCKER-USER", "drop", "", ["x"]),
        ("FORWARD", "jump", "DOCKER-USER", []),
    ]


def test_translations_of_both_tools() -> None:
    by_nft = Rule(frozenset(), "", expressions='[{"counter": null}, {"dnat": {"addr": "10.0.0.1"}}]')
    by_iptables = Rule(frozenset(), "jump", "DNAT", arguments=("-j", "DNAT"))
    rules = reported(findings(space(None, LO), rulesets={None: ruled(by_nft, by_iptables)}))["host"]["firewall"][
        "rules"
    ]
    assert [(rule["verdict"], rule["target"]) for rule in rules] == [("dnat", ""), ("dnat", "")]
