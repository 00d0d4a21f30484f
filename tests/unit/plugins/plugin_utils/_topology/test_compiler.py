# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The compiler: one list per module."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
import time
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.netns.fabric.plugins.plugin_utils._topology import compiler
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.compiler import compile_topology
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.errors import TopologyError
from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils._topology.topologies import (
    Variables,
    errors_of,
    masqueraded,
    publishing,
    reference,
)


def test_reference_topology() -> None:
    compiled = compile_topology(reference())
    assert compiled["namespaces"] == [{"name": "ns01"}, {"name": "ns02"}]
    assert compiled["bridges"] == [{"name": "int_br", "datapath_type": "auto"}]
    assert compiled["pairs"] == [
        {
            "name": f"veth-{name}",
            "namespace": name,
            "addresses": [address],
            "enabled": True,
            "peer": {"name": f"{name}_tap", "enabled": True},
        }
        for name, address in (("ns01", "192.168.100.1/24"), ("ns02", "192.168.100.2/24"))
    ]
    assert compiled["links"] == [{"name": "int_br", "addresses": ["192.168.100.254/24"], "enabled": True}]
    assert compiled["ports"] == [
        {"name": f"{name}_tap", "bridge": "int_br", "peer": {"name": f"veth-{name}", "namespace": name}}
        for name in ("ns01", "ns02")
    ]
    assert compiled["routes"] == [
        {"namespace": name, "destination": "default", "gateway": "192.168.100.254"} for name in ("ns01", "ns02")
    ]
    assert compiled["rules"] == [{"source": "192.168.100.0/24"}]
    paths = {(probe["namespace"], probe["to"], probe["protocol"]) for probe in compiled["probes"]}
    within = {
        (name, to, protocol)
        for name, others in (("ns01", ["192.168.100.2"]), ("ns02", ["192.168.100.1"]))
        for to in [*others, "192.168.100.254"]
        for protocol in ("icmp", "tcp")
    }
    assert paths == within | {("ns01", "192.0.2.1", "icmp")}  # the last one by NAT


def test_reference_topology_absent() -> None:
    compiled = compile_topology({**reference(), "state": "absent"})
    assert compiled["namespaces"] == [{"name": name, "state": "absent"} for name in ("ns01", "ns02")]
    assert compiled["bridges"] == [{"name": "int_br", "state": "absent"}]
    assert compiled["pairs"] == [
        {"name": f"veth-{name}", "namespace": name, "state": "absent"} for name in ("ns01", "ns02")
    ]
    assert compiled["links"] == [{"name": "int_br", "addresses": ["192.168.100.254/24"], "state": "absent"}]
    assert compiled["ports"] == [
        {"name": f"{name}_tap", "bridge": "int_br", "state": "absent"} for name in ("ns01", "ns02")
    ]
    assert compiled["rules"] == [{"source": "192.168.100.0/24", "state": "absent"}]
    assert compiled["routes"] == compiled["probes"] == []


def test_nothing_declared_gives_empty_lists() -> None:
    compiled = compile_topology({})
    assert {key: value for key, value in compiled.items() if key not in ("summary", "hosts", "host_sysctls")} == {
        key: []
        for key in (
            *("namespaces", "bridges", "pairs", "links", "qdiscs", "ports", "routes", "isolation", "rules", "forwards"),
            *("policies", "probes", "routing_rules", "neighbours", "qos", "mirrors", "flows"),
        )
    }


def test_input_is_not_modified() -> None:
    variables = reference()
    before = copy.deepcopy(variables)
    compile_topology(variables)
    assert variables == before


def test_every_option_reaches_its_module() -> None:
    compiled = compile_topology(
        {
            "bridges": [
                {
                    "name": "br0",
                    "addresses": ["10.0.0.254/24", "FD00::FE/64"],
                    "mtu": 9000,
                    "enabled": False,
                    "datapath_type": "netdev",
                    "fail_mode": "standalone",
                    "mac": "02-00-00-00-00-FE",
                    "external_ids": {"a": "b c", "gone": None},
                    "other_config": {"hwaddr": "x"},
                    "protocols": ["OpenFlow13"],
                    "rstp": "yes",
                    "controllers": [{"target": "tcp:192.0.2.9:6653"}],
                    "sflow": {"targets": ["192.0.2.9:6343"]},
                }
            ],
            "namespaces": [
                {
                    "name": "red",
                    "nameservers": ["9.9.9.9"],
                    "search": ["example.org"],
                    "sysctls": {"net.ipv4.ip_forward": 1},
                    "force": True,
                    "interfaces": [
                        {
                            "name": "eth0",
                            "bridge": "br0",
                            "addresses": [],
                            "mac": "02:00:00:00:00:01",
                            "mtu": "9000",
                            "enabled": "no",
                            "tx_checksum": False,
                            "tag": 10,
                            "trunks": [1, 2],
                            "vlan_mode": "native-untagged",
                            "iface_id": "lsp1",
                            "external_ids": {"k": 1},
                            "other_config": {"k": "v"},
                            "protected": True,
                        },
                        {"name": "eth1", "addresses": ["192.0.2.1/24"]},
                        {"name": "lo", "addresses": ["192.0.2.99/32"]},
                    ],
                    "routes": [
                        {"destination": "198.51.100.0/24", "gateway": "192.0.2.254", "device": "eth1", "metric": 5},
                        {"destination": "default", "gateway": "192.0.2.254", "source": "192.0.2.99", "table": 100},
                    ],
                },
                {"name": "blue", "routes": []},
                {"name": "green"},
            ],
            "links": [
                {
                    "name": "l0",
                    "namespace": "red",
                    "addresses": ["10.9.0.1/30"],
                    "mtu": 1400,
                    "peer": {"name": "l0", "mac": "02:00:00:00:00:02", "tx_checksum": True, "enabled": False},
                }
            ],
            "nat": [
                {
                    "source": "10.0.0.0/24",
                    "out_interface": "eth1",
                    "namespace": "red",
                    "ip_forward": False,
                    "accept_forward": "never",
                }
            ],
        }
    )
    assert compiled["bridges"] == [
        {
            "name": "br0",
            "datapath_type": "netdev",
            "fail_mode": "standalone",
            "mac": "02:00:00:00:00:fe",
            "mtu": 9000,
            "external_ids": {"a": "b c", "gone": None},
            "other_config": {"hwaddr": "x"},
            "protocols": ["OpenFlow13"],
            "rstp": True,
            "controllers": [{"target": "tcp:192.0.2.9:6653"}],
            "sflow": {"targets": ["192.0.2.9:6343"]},
        }
    ]
    assert compiled["namespaces"] == [
        {
            "name": "red",
            "nameservers": ["9.9.9.9"],
            "search": ["example.org"],
            "sysctls": {"net.ipv4.ip_forward": 1},
            "force": True,
        },
        {"name": "blue"},
        {"name": "green"},
    ]
    assert compiled["links"] == [
        {"name": "br0", "addresses": ["10.0.0.254/24", "fd00::fe/64"], "enabled": False},
        {"name": "eth1", "namespace": "red", "addresses": ["192.0.2.1/24"], "enabled": True},
        {"name": "lo", "namespace": "red", "addresses": ["192.0.2.99/32"], "enabled": True},
    ]
    assert compiled["pairs"] == [
        {
            "name": "eth0",
            "namespace": "red",
            "addresses": [],
            "mac": "02:00:00:00:00:01",
            "mtu": 9000,
            "enabled": False,
            "tx_checksum": False,
            "peer": {"name": "red-eth0", "mtu": 9000, "enabled": True},
        },
        {
            "name": "l0",
            "namespace": "red",
            "addresses": ["10.9.0.1/30"],
            "mtu": 1400,
            "enabled": True,
            "peer": {"name": "l0", "mac": "02:00:00:00:00:02", "tx_checksum": True, "enabled": False},
        },
    ]
    assert compiled["ports"] == [
        {
            "name": "red-eth0",
            "bridge": "br0",
            "tag": 10,
            "trunks": [1, 2],
            "vlan_mode": "native-untagged",
            "iface_id": "lsp1",
            "external_ids": {"k": 1},
            "other_config": {"k": "v"},
            "protected": True,
            "peer": {"name": "eth0", "namespace": "red"},
            "tx_checksum": "keep",
        }
    ]
    assert compiled["routes"] == [
        {
            "namespace": "red",
            "destination": "198.51.100.0/24",
            "gateway": "192.0.2.254",
            "device": "eth1",
            "metric": 5,
        },
        {
            "namespace": "red",
            "destination": "default",
            "gateway": "192.0.2.254",
            "source": "192.0.2.99",
            "table": 100,
        },
        {"namespace": "blue", "destination": "default", "state": "absent"},
    ]
    assert compiled["rules"] == [
        {
            "source": "10.0.0.0/24",
            "out_interface": "eth1",
            "namespace": "red",
            "ip_forward": False,
            "accept_forward": "never",
        }
    ]


def test_published_ports() -> None:
    compiled = compile_topology(
        publishing(
            {"publish": 8080, "to": "web", "to_port": 80},
            {"publish": "53", "protocol": "udp", "to": "10.0.0.2", "address": "198.51.100.1", "in_interface": "eth0"},
            {"publish": "90-99", "to": "web", "address": "2001:db8::1", "namespace": "db", "accept_forward": "never"},
        )
    )
    assert compiled["rules"] == [{"source": "10.0.0.0/24"}]
    assert compiled["forwards"] == [
        {"port": "8080", "protocol": "tcp", "to_address": "10.0.0.1", "to_port": 80, "hairpin": ["10.0.0.0/24"]},
        {"port": "8080", "protocol": "tcp", "to_address": "fd00::1", "to_port": 80, "hairpin": ["fd00::/64"]},
        {
            "port": "53",
            "protocol": "udp",
            "to_address": "10.0.0.2",
            "address": "198.51.100.1",
            "in_interface": "eth0",
            "hairpin": ["10.0.0.0/24"],
        },
        {
            "port": "90-99",
            "protocol": "tcp",
            "to_address": "fd00::1",
            "address": "2001:db8::1",
            "namespace": "db",
            "accept_forward": "never",
            "hairpin": ["fd00::/64"],
        },
    ]


def test_published_ports_absent() -> None:
    entry = {"publish": 8080, "to": "db", "to_port": 80, "in_interface": "eth0", "address": "198.51.100.1"}
    compiled = compile_topology(publishing(entry, state="absent"))
    assert compiled["forwards"] == [
        {
            "port": "8080",
            "protocol": "tcp",
            "to_address": "10.0.0.2",
            "address": "198.51.100.1",
            "in_interface": "eth0",
            "state": "absent",
        }
    ]


def test_importable_without_ansible() -> None:
    code = (
        "import sys; sys.modules['ansible'] = None\n"
        f"import {compiler.__name__} as t; print(len(t.compile_topology({{}})))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "20", done.stderr


def test_a_thousand_namespaces() -> None:
    started = time.process_time()
    compiled = compile_topology(masqueraded(1000))
    assert time.process_time() - started < 2.0  # It takes 0.06 s on a two-core machine.
    assert len(compiled["pairs"]) == 1000
    # Each namespace probes the gateway, and sixteen or so the next namespace, by ICMP and by TCP; some show that
    # they are masqueraded.
    assert 2000 < len(compiled["probes"]) <= 2060


def test_the_time_grows_linearly_with_the_published_ports() -> None:
    def seconds(count: int) -> float:
        variables = masqueraded(count)
        names = [namespace["name"] for namespace in variables["namespaces"]]
        variables["nat"] += [{"publish": 1024 + index, "to": name} for index, name in enumerate(names)]
        started = time.process_time()
        assert len(compile_topology(variables)["forwards"]) == count
        return time.process_time() - started

    assert seconds(2000) < 8 * seconds(500)  # 16 times as long, were it quadratic


# --- any topology --------------------------------------------------------------------------------------------------


@st.composite
def topologies(draw: st.DrawFn) -> Variables:
    """Draw valid topologies: bridges, namespaces on them (some in VLANs), links, routes, NAT, IPv4 and IPv6."""
    bridges = draw(st.integers(1, 3))
    count = draw(st.integers(1, 6))
    namespaces = []
    interfaces: list[Variables] = []
    for index in range(count):
        bridge = draw(st.integers(0, bridges - 1))
        interface: Variables = {
            "name": draw(st.sampled_from(["eth0", "veth", f"v{index}"])),
            "bridge": f"br{bridge}",
            "peer": f"tap{index}",
            "addresses": [f"10.{bridge}.0.{index + 1}/24"],
        }
        if draw(st.booleans()):
            interface["addresses"].append(f"fd00:{bridge + 1}::{index + 1:x}/64")
        for option, values in (
            ("tag", st.integers(0, 4094)),
            ("enabled", st.booleans()),
        ):
            if draw(st.booleans()):
                interface[option] = draw(values)
        interfaces.append(interface)
        routes = [{"destination": "default", "gateway": f"10.{bridge}.0.254"}] if draw(st.booleans()) else []
        namespaces.append({"name": f"ns{index}", "interfaces": [interface], "routes": routes})
    links = [
        {
            "name": f"l{index}",
            "namespace": f"ns{index}",
            "addresses": [f"172.16.{index}.1/30"],
            "peer": {"name": f"m{index}", "namespace": f"ns{index + 1}", "addresses": [f"172.16.{index}.2/30"]},
        }
        for index in range(draw(st.integers(0, count - 1)))
    ]
    if draw(st.booleans()):
        for interface in interfaces:
            interface["mtu"] = draw(st.integers(1280, 9000))
    return {
        "name": draw(st.sampled_from(["default", "lab-a"])),
        "bridges": [
            {"name": f"br{index}", "mtu": 1500, "addresses": [f"10.{index}.0.254/24"]} for index in range(bridges)
        ],
        "namespaces": namespaces,
        "links": links,
        "nat": [{"source": f"10.{index}.0.0/24"} for index in range(draw(st.integers(0, bridges)))],
    }


def _duplicate_namespace(variables: Variables) -> None:
    variables["namespaces"].append({"name": variables["namespaces"][0]["name"]})


def _duplicate_peer(variables: Variables) -> None:
    variables["namespaces"].append(
        {"name": "more", "interfaces": [{"name": "x", "bridge": "br0", "peer": "tap0", "addresses": []}]}
    )


def _duplicate_address(variables: Variables) -> None:
    interface = variables["namespaces"][0]["interfaces"][0]
    interface["addresses"].append(interface["addresses"][0])


def _set_interface(option: str, value: object) -> Any:
    def damage(variables: Variables) -> None:
        variables["namespaces"][0]["interfaces"][0][option] = value

    return damage


def _unreachable_gateway(variables: Variables) -> None:
    variables["namespaces"][0]["routes"] = [{"destination": "default", "gateway": "192.0.2.1"}]


def _foreign_device(variables: Variables) -> None:
    variables["namespaces"][0]["routes"] = [{"destination": "default", "device": "absent0"}]


def _unknown_link_namespace(variables: Variables) -> None:
    variables["links"].append({"name": "z0", "namespace": "nowhere", "peer": {"name": "z1"}})


def _overlapping_nat(variables: Variables) -> None:
    variables["nat"] += [{"source": "10.0.0.0/8"}, {"source": "10.77.0.0/16"}]


DAMAGES: dict[str, tuple[Any, str]] = {
    "duplicate namespace": (_duplicate_namespace, "is also the name of"),
    "duplicate peer": (_duplicate_peer, "'tap0' on the host is already"),
    "duplicate address": (_duplicate_address, "is already"),
    "unknown bridge": (_set_interface("bridge", "nosuch"), "is not in `topology_bridges`"),
    "unknown key": (_set_interface("adresses", []), "is not an option here"),
    "no prefix length": (_set_interface("addresses", ["10.0.0.1"]), "has no prefix length"),
    "name too long": (_set_interface("name", "x" * 16), "is 16 characters long"),
    "no value": (_set_interface("mtu", None), "has no value"),
    "wrong type": (_set_interface("addresses", "10.0.0.1/24"), "must be a list"),
    "wrong MAC": (_set_interface("mac", "x"), "is not a MAC address"),
    "wrong VLAN": (_set_interface("tag", 5000), "is not a valid VLAN ID"),
    "unreachable gateway": (_unreachable_gateway, "cannot be reached"),
    "foreign device": (_foreign_device, "has no interface 'absent0'"),
    "unknown namespace": (_unknown_link_namespace, "is not in `topology_namespaces`"),
    "overlapping NAT": (_overlapping_nat, "overlaps with"),
}


@given(variables=topologies())
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_any_valid_topology_compiles(variables: Variables) -> None:
    compiled = compile_topology(variables)
    json.dumps(compiled)  # Plain data throughout.
    names = {namespace["name"] for namespace in variables["namespaces"]}
    assert {route["namespace"] for route in compiled["routes"]} == names
    assert len(compiled["pairs"]) == len(variables["namespaces"]) + len(variables["links"])
    assert {port["name"] for port in compiled["ports"]} <= {pair["peer"]["name"] for pair in compiled["pairs"]}
    addresses = json.dumps([variables["bridges"], variables["namespaces"], variables["links"]])
    for probe in compiled["probes"]:
        assert f'"{probe["to"]}/' in addresses or probe["expect"] == "masqueraded"
        assert probe.get("namespace") in {*names, None}
    assert compile_topology({**variables, "state": "absent"})["namespaces"]


@given(variables=topologies(), kinds=st.sets(st.sampled_from(sorted(DAMAGES)), min_size=1, max_size=1))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_any_single_damage_is_reported(variables: Variables, kinds: set[str]) -> None:
    (kind,) = kinds
    damage, message = DAMAGES[kind]
    damage(variables)
    errors = errors_of(variables)
    assert any(message in error for error in errors), errors


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(variables=topologies(), junk=JUNK, data=st.data())
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_junk_anywhere_is_compiled_or_reported(variables: Variables, junk: object, data: st.DataObject) -> None:
    """Whatever a variable contains, the result is a topology or a TopologyError."""
    here: Any = variables
    while True:
        keys = list(here) if isinstance(here, dict) else list(range(len(here)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(here[key], (dict, list)) or not here[key] or data.draw(st.booleans()):
            here[key] = junk
            break
        here = here[key]
    errors = None
    try:
        compile_topology(variables)
    except TopologyError as error:
        errors = error.errors
    assert errors is None or all(errors)
