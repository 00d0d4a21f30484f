# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What OVN serves on a logical switch: leases and names, and errors in them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.argspec import parse_call
from ansible_collections.netns.fabric.plugins.module_utils._entry.step_options import validate_step
from ansible_collections.netns.fabric.plugins.module_utils._resources.registry import RESOURCES
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.compiler import compile_topology
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.engines import derive_mac
from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils._topology.topologies import (
    Variables,
    errors_of,
    logical,
)


def serving(dhcp: Any = None, client: Variables | None = None, **variables: Any) -> Variables:
    """Return the topology with DHCP on its first bridge; `client` are options of the interface of `b`, on host two."""
    found = logical(**{"this_host": "two", **variables})
    found["bridges"][0]["dhcp"] = {} if dhcp is None else dhcp
    if client is not None:
        namespace = next(each for each in found["namespaces"] if each["name"] == "b")
        namespace["interfaces"][0].update({"dhcp": True, **client})
        del namespace["routes"]
    return found


def switch(variables: Variables, name: str = "lab/left") -> dict[str, Any]:
    found = next(each for each in compile_topology(variables)["northbound"]["switches"] if each["name"] == name)
    assert isinstance(found, dict)
    return found


def test_a_switch_serves_what_is_declared() -> None:
    assert switch(serving())["dhcpv4"] == {
        "cidr": "10.1.0.0/24",
        "options": {
            "server_id": "10.1.0.254",
            "server_mac": derive_mac("lab", "left"),
            "router": "10.1.0.254",
            "lease_time": 3600,
            "mtu": 1442,
            "dns_server": ["10.1.0.254"],
        },
    }
    # What was served before is removed.
    for name in ("lab/left", "lab/right"):
        assert (switch(logical(), name)["dhcpv4"], switch(logical(), name)["dns"]) == ({}, {})


@pytest.mark.parametrize(
    ("dhcp", "variables", "servers"),
    [
        ({"dns_servers": ["192.0.2.53", "192.0.2.54"]}, {}, ["192.0.2.53", "192.0.2.54"]),
        ({"dns_servers": []}, {}, None),
        ({}, {"names": False}, None),
        ({"dns_servers": ["192.0.2.53"]}, {"names": False}, ["192.0.2.53"]),
    ],
)
def test_a_lease_has_the_servers_that_resolve_names(dhcp: Variables, variables: Variables, servers: Any) -> None:
    assert switch(serving(dhcp, **variables))["dhcpv4"]["options"].get("dns_server") == servers


def test_the_lease_has_the_mtu_of_the_network_and_its_time() -> None:
    variables = serving({"lease_time": 60})
    for namespace in variables["namespaces"]:
        namespace["interfaces"][0]["mtu"] = 1400
    options = switch(variables)["dhcpv4"]["options"]
    assert (options["mtu"], options["lease_time"]) == (1400, 60)


def test_names_have_the_nearest_addresses() -> None:
    variables = serving()
    # On both switches.
    variables["namespaces"][0]["interfaces"].append({"name": "eth1", "bridge": "right", "addresses": ["10.2.0.9/24"]})
    variables["bridges"][1]["dhcp"] = {}
    left, right = (switch(variables, name)["dns"] for name in ("lab/left", "lab/right"))
    assert (left["a"], right["a"]) == (["10.1.0.1"], ["10.2.0.9"])
    assert left["b"] == right["b"] == ["10.1.0.2"]
    assert left.keys() == right.keys() == {each["name"] for each in variables["namespaces"]}
    assert switch({**variables, "names": False})["dns"] == {}


def test_the_modules_accept_it() -> None:
    resource = RESOURCES["ovn_switch"]
    switches = compile_topology(serving(client={}))["northbound"]["switches"]
    call = parse_call(resource, validate_step(resource, {"switches": switches, "owner": "lab", "prune": True}), False)
    served = {port for each in call.entries for dhcp in each.extra for port in dhcp.ports}
    assert {"lab/a/eth0", "lab/b/eth0"} <= served


def test_the_role_does_not_set_what_a_client_sets() -> None:
    static, leased = compile_topology(serving()), compile_topology(serving(client={}))
    pairs = {
        name: next(pair for pair in lists["pairs"] if pair["namespace"] == "b")
        for name, lists in (("static", static), ("leased", leased))
    }
    assert "addresses" not in pairs["leased"]
    assert {**pairs["leased"], "addresses": ["10.1.0.2/24"]} == pairs["static"]
    assert leased["hosts"] == static["hosts"]
    assert leased["northbound"]["switches"] == static["northbound"]["switches"]
    assert not [probe for probe in (*leased["probes"], *leased["distant_probes"]) if "10.1.0.2" in probe.values()]


def test_a_client_asks_where_nothing_else_may_be_sent() -> None:
    variables = serving(client={})
    variables["namespaces"][1]["outgoing"] = "deny"
    (group,) = (each for each in compile_topology(variables)["northbound"]["groups"] if "rules" in each)
    (rule,) = group["rules"]
    assert (rule["direction"], rule["ports"], rule["to"]) == ("from-lport", ["67"], ["255.255.255.255", "10.1.0.254"])
    variables["bridges"][0].pop("dhcp")
    variables["namespaces"][1]["interfaces"][0].pop("dhcp")
    (group,) = (each for each in compile_topology(variables)["northbound"]["groups"] if "rules" in each)
    assert group["rules"] == []


def test_the_summary_says_who_sets_an_address() -> None:
    summary = compile_topology(serving(client={}))["summary"]
    assert "  namespace b: eth0 10.1.0.2/24 (by DHCP)" in summary
    assert any(line.endswith(", a logical switch of OVN with DHCP") for line in summary)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"dhcp": True},
            "topology_bridges[0] (left) dhcp: must be a dictionary with the keys dns_servers, lease_time,",
        ),
        ({"dhcp": {"lease_time": 0}}, "topology_bridges[0] (left) dhcp: lease_time: must be a whole number from 1 to"),
        ({"dhcp": {"dns": []}}, "topology_bridges[0] (left) dhcp: dns: is not an option here"),
        (
            {"dhcp": {"dns_servers": ["2001:db8::1"]}},
            "dhcp: dns_servers[0]: 2001:db8::1 is for leases of IPv6, and the bridge has no address of it; omit it",
        ),
        ({"addresses": []}, "topology_bridges[0] (left): dhcp: leases addresses of the bridge's networks; give"),
        ({"dhcp": {"address_mode": "slaac"}}, "(left) dhcp: address_mode: is about IPv6, and the bridge has no IPv6"),
        ({"dhcp": {"address_mode": "dhcp"}}, "(left) dhcp: address_mode: 'dhcp' is not one of dhcpv6_stateful, slaac"),
        (
            {"dhcp": {"address_mode": "slaac"}, "addresses": ["fd00:1::fe/80"]},
            "topology_bridges[0] (left): addresses[0]: fd00:1::fe/80 is in no /64, and an interface derives its",
        ),
        ({"engine": "ovs"}, "topology_bridges[0] (left): dhcp: is served by OVN; set `engine: ovn`, or omit it"),
    ],
)
def test_what_a_bridge_cannot_serve_is_an_error(change: Variables, message: str) -> None:
    variables = serving(nat=[])
    variables["bridges"][0].update(change)
    found = errors_of(variables)
    assert any(message in error for error in found), found


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bridge": "right", "addresses": ["10.2.0.9/24"]}, "dhcp: 'right' has no `dhcp`, and nobody would answer"),
        ({"addresses": []}, "addresses: is missing: OVN leases a declared address; declare one"),
        ({"addresses": ["10.1.0.2/24", "fd00::2/64"]}, "addresses[1]: fd00::2/64 is not what a DHCP client gets"),
        ({"addresses": ["10.1.0.2/24", "10.1.0.3/24"]}, "addresses[1]: 10.1.0.3/24 is not what a DHCP client gets"),
        ({"addresses": ["10.9.0.2/24"]}, "addresses[0]: 10.9.0.2/24 is not what a DHCP client gets, which is one add"),
        ({"bridge": "rihgt"}, "bridge: 'rihgt' is not in `topology_bridges`"),
        ({"dhcp": "perhaps"}, "dhcp: must be true or false"),
    ],
)
def test_what_a_client_cannot_get_is_an_error(change: Variables, message: str) -> None:
    found = errors_of(serving(client=change))
    assert any(message in error for error in found), found


#: What SLAAC gives the interface of `b`, whose MAC address is GUEST_MAC.
GUEST_MAC, DERIVED = "02:00:00:00:00:0b", "fd00:1::ff:fe00:b/64"


def serving_ipv6(dhcp: Any = None, **client: Any) -> Variables:
    """Return the topology with both IP versions on its first bridge, and a client in `b` on it."""
    found = serving(dhcp, {"mac": GUEST_MAC, **client})
    found["bridges"][0]["addresses"] = ["10.1.0.254/24", "fd00:1::fe/64"]
    return found


def interface(lists: Variables, namespace: str) -> dict[str, Any]:
    found = next(pair for pair in lists["pairs"] if pair["namespace"] == namespace)
    assert isinstance(found, dict)
    return found


def advertised(variables: Variables) -> Any:
    ports = compile_topology(variables)["northbound"]["routers"][0]["ports"]
    return next(port for port in ports if port["name"] == "lab/left:router").get("ipv6_ra_configs")


def test_ipv6_addresses_are_leased_as_declared() -> None:
    variables = serving_ipv6({"dns_servers": ["192.0.2.53", "fd00:9::53"]}, addresses=["10.1.0.2/24", "fd00:1::2/64"])
    served = switch(variables)
    assert served["dhcpv6"] == {
        "cidr": "fd00:1::/64",
        "options": {"server_id": derive_mac("lab", "left"), "dns_server": ["fd00:9::53"]},
    }
    assert served["dhcpv4"]["options"]["dns_server"] == ["192.0.2.53"]
    port = next(each for each in served["ports"] if each["name"] == "lab/b/eth0")
    assert port["addresses"] == port["port_security"] == [f"{GUEST_MAC} 10.1.0.2 fd00:1::2"]
    assert advertised(variables) == {
        "address_mode": "dhcpv6_stateful",
        "mtu": 1442,
        "send_periodic": True,
        "rdnss": "fd00:9::53",
    }
    client = interface(compile_topology(variables), "b")
    assert "addresses" not in client
    assert client["sysctls"] == {"ipv6.conf.accept_ra": 2}
    # One with declared addresses and routes gets no others.
    neighbour = interface(compile_topology({**variables, "this_host": "one"}), "a")
    assert neighbour["sysctls"] == {"ipv6.conf.accept_ra": 0}
    assert (switch(variables, "lab/right")["dhcpv6"], advertised(serving())) == ({}, None)


def test_the_kernel_derives_its_address() -> None:
    variables = serving_ipv6({"address_mode": "slaac"}, addresses=["10.1.0.2/24"])
    served = switch(variables)
    assert served["dhcpv6"] == {}
    port = next(each for each in served["ports"] if each["name"] == "lab/b/eth0")
    address = DERIVED.partition("/")[0]
    assert port["addresses"] == port["port_security"] == [f"{GUEST_MAC} 10.1.0.2 {address}"]
    assert served["dns"]["b"] == ["10.1.0.2", address]
    assert advertised(variables)["address_mode"] == "slaac"
    declared = serving_ipv6({"address_mode": "slaac"}, addresses=["10.1.0.2/24", DERIVED])
    assert compile_topology(declared) == compile_topology(variables)
    # Alone, it needs no declared address.
    alone = serving_ipv6({"address_mode": "slaac"})
    alone["bridges"][0]["addresses"] = ["fd00:1::fe/64"]
    alone["nat"] = []
    del alone["namespaces"][1]["interfaces"][0]["addresses"]
    for namespace in alone["namespaces"][:1]:
        namespace["interfaces"][0]["addresses"] = []
        namespace.pop("routes", None)
    assert switch(alone)["dhcpv4"] == {}


@pytest.mark.parametrize("given", ["interface", "namespace"])
def test_a_declared_parameter_is_kept(given: str) -> None:
    variables = serving_ipv6()
    if given == "interface":
        variables["namespaces"][1]["interfaces"][0]["sysctls"] = {"ipv6.conf.accept_ra": 1}
    else:
        variables["namespaces"][1]["sysctls"] = {"net.ipv6.conf.eth0.accept_ra": 1}
    assert interface(compile_topology(variables), "b")["sysctls"] == {"ipv6.conf.accept_ra": 1}


@pytest.mark.parametrize(("mode", "count"), [("dhcpv6_stateful", 2), ("slaac", 0)])
def test_a_closed_namespace_lets_its_client_ask(mode: str, count: int) -> None:
    variables = serving_ipv6({"address_mode": mode}, addresses=["10.1.0.2/24"])
    variables["namespaces"][1].update(incoming="deny", outgoing="deny")
    lists = compile_topology(variables)
    (policy,) = lists["policies"]
    rules = [
        {"direction": "out", "action": "allow", "protocol": "udp", "ports": ["547"], "peers": ["ff02::1:2/128"]},
        {"direction": "in", "action": "allow", "protocol": "udp", "ports": ["546"], "peers": ["fe80::/10"]},
    ]
    assert policy["rules"] == rules[:count]
    for name, options in (("policy", lists["policies"]), ("ovn_acl", lists["northbound"]["groups"])):
        resource = RESOURCES[name]
        parse_call(resource, validate_step(resource, {resource.list_option: options, "owner": "lab"}), False)


@pytest.mark.parametrize(
    ("mode", "addresses", "message"),
    [
        ("slaac", ["fd00:1::2/64"], f"addresses[0]: fd00:1::2/64 is not what SLAAC gives, which is {DERIVED}; omit it"),
        (
            "dhcpv6_stateful",
            ["fd00:1::2/64", "fd00:1::3/64"],
            "addresses[1]: fd00:1::3/64 is not what a DHCP client gets, which is one address of 10.1.0.0/24 and one of",
        ),
        ("dhcpv6_stateful", [], "addresses: is missing"),
    ],
)
def test_what_ipv6_does_not_give_is_an_error(mode: str, addresses: list[str], message: str) -> None:
    found = errors_of(serving_ipv6({"address_mode": mode}, addresses=addresses))
    assert any(message in error for error in found), found


def test_a_client_sets_the_routes() -> None:
    variables = serving(client={})
    variables["namespaces"][1]["routes"] = [{"destination": "default", "gateway": "10.1.0.254"}]
    (error,) = errors_of(variables)
    assert "destination: is a route of a namespace whose DHCP client sets routes ('eth0' has `dhcp`)" in error


def test_another_interface_has_no_client() -> None:
    variables = logical(this_host="two")
    variables["namespaces"][1]["interfaces"].append({"name": "dummy0", "kind": "dummy", "dhcp": True})
    assert any("dhcp: requires `bridge`: that serves the address" in error for error in errors_of(variables))
