# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The compiler of topologies."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.netns.fabric.plugins.plugin_utils._topology import compiler
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.compiler import TopologyError, compile_topology
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.model import plain

ROOT = Path(__file__).resolve().parents[5]

Variables = dict[str, Any]


def reference() -> Variables:
    """The role's defaults, as the filter gets them."""
    defaults = plain(DataLoader().load_from_file(str(ROOT / "roles/topology/defaults/main.yml")))
    for of_the_role_alone in ("topology_prune", "topology_nat_backend"):
        del defaults[of_the_role_alone]
    return {key.removeprefix("topology_"): value for key, value in defaults.items()}


def mistakes_of(variables: object) -> list[str]:
    with pytest.raises(TopologyError) as refused:
        compile_topology(variables)
    return list(refused.value.mistakes)


def only_mistake_of(variables: object) -> str:
    (mistake,) = mistakes_of(variables)
    return mistake


def small(**changes: Any) -> Variables:
    """A namespace on a bridge, with changes to its one interface and its routes (``routes=``)."""
    routes = changes.pop("routes", [])
    interface = {"name": "eth0", "bridge": "br0", "peer": "tap0", "addresses": ["10.0.0.1/24"], **changes}
    return {"bridges": [{"name": "br0"}], "namespaces": [{"name": "red", "interfaces": [interface], "routes": routes}]}


# --- what comes out ------------------------------------------------------------------------------------------------


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
    legs = {(probe["namespace"], probe["to"], probe["protocol"]) for probe in compiled["probes"]}
    assert legs == {
        (name, to, protocol)
        for name, others in (("ns01", ["192.168.100.2"]), ("ns02", ["192.168.100.1"]))
        for to in [*others, "192.168.100.254"]
        for protocol in ("icmp", "tcp")
    }


def test_reference_topology_taken_down() -> None:
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
    assert {key: value for key, value in compiled.items() if key != "summary"} == {
        key: [] for key in ("namespaces", "bridges", "pairs", "links", "ports", "routes", "rules", "forwards", "probes")
    }


def test_input_is_left_as_it_was() -> None:
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
                {"name": "blue"},
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


@pytest.mark.parametrize("path", ["", "a.mmd", "/b/c.md", "d.dot", "e.svg"])
def test_a_diagram_has_a_suffix_that_says_how(path: str) -> None:
    assert compile_topology({"diagram": path}) == compile_topology({})


def test_a_diagram_without_such_a_suffix() -> None:
    assert mistakes_of({"diagram": "a.png"}) == [
        "topology_diagram: 'a.png' does not end in one of .mmd, .md, .dot, .svg, which say how to draw; add one"
    ]


def test_summary_is_short_for_a_large_topology() -> None:
    summary = compile_topology(large(100))["summary"]
    assert len(summary) < 50
    assert "  ... and 80 more" in summary


def test_importable_without_ansible() -> None:
    code = (
        "import sys; sys.modules['ansible'] = None\n"
        f"import {compiler.__name__} as t; print(len(t.compile_topology({{}})))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "10", done.stderr


# --- mistakes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ("x", "the topology: must be a dictionary"),
        ({"nam": 1}, "the topology: nam: is not an option; did you mean 'name'?"),
        ({"name": "a b"}, "the topology: name: 'a b' cannot be an owner name"),
        ({"state": "presnt"}, "the topology: state: 'presnt' is not one of present, absent"),
        ({"verify": "perhaps"}, "the topology: verify: must be true or false"),
        ({"bridges": None}, "topology_bridges: has no value; give it a list, or [] for none"),
        ({"bridges": "br0"}, "topology_bridges: must be a list, not 'br0'"),
        ({"bridges": ["br0"]}, "topology_bridges[0]: must be a dictionary with the keys name, "),
        ({"bridges": [{}]}, "topology_bridges[0]: name: is missing"),
        (
            {"bridges": [{"name": "br0"}, {"name": "br0"}]},
            "topology_bridges[1] (br0): name: 'br0' on the host is already topology_bridges[0] (br0)",
        ),
        (
            {"bridges": [{"name": "br0", "adresses": []}]},
            "topology_bridges[0] (br0): adresses: is not an option here; did you mean 'addresses'?",
        ),
        (
            {"bridges": [{"name": "br0", "external_ids": "a=b"}]},
            "topology_bridges[0] (br0): external_ids: must be a dictionary",
        ),
        (
            {"bridges": [{"name": "br0", "external_ids": {"a": [1]}}]},
            "topology_bridges[0] (br0): external_ids: the value of 'a' must be a string",
        ),
        (
            {"bridges": [{"name": "br0", "datapath_type": "kernel"}]},
            "topology_bridges[0] (br0): datapath_type: 'kernel' is not one of auto, system, netdev",
        ),
        (
            {"bridges": [{"name": "br0", "mtu": 1000, "addresses": ["fd00::1/64"]}]},
            "topology_bridges[0] (br0): mtu: 1000 is too small for IPv6",
        ),
        (
            {"namespaces": [{"name": "red"}, {"name": "red"}]},
            "topology_namespaces[1] (red): name: 'red' is also the name of topology_namespaces[0] (red)",
        ),
        ({"namespaces": [{"name": ""}]}, "topology_namespaces[0]: name: a namespace name must not be empty"),
        ({"namespaces": [{"name": "a/b"}]}, "topology_namespaces[0] (a/b): name: 'a/b' has a '/' in it"),
        (
            {"namespaces": [{"name": "red", "state": "absent"}]},
            "topology_namespaces[0] (red): state: is not an option here; strike the entry out",
        ),
        (
            {"namespaces": [{"name": "red", "interfaces": {"name": "eth0"}}]},
            "topology_namespaces[0] (red): interfaces: must be a list",
        ),
        (
            {"namespaces": [{"name": "red", "nameservers": ["dns"]}]},
            "topology_namespaces[0] (red): nameservers[0]: 'dns' is not an IP address",
        ),
        (
            {"namespaces": [{"name": "red", "search": [None]}]},
            "topology_namespaces[0] (red): search[0]: has no value",
        ),
        (small(name="a" * 16), f"interfaces[0] ({'a' * 16}): name: '{'a' * 16}' is 16 characters long"),
        (small(name=""), "interfaces[0]: name: an interface name must not be empty"),
        (small(name="a/b"), "interfaces[0] (a/b): name: 'a/b' has a '/'"),
        (small(name="lo"), "interfaces[0] (lo): name: 'lo' is the loopback interface"),
        (small(peer="br0"), "(eth0): peer: 'br0' on the host is already topology_bridges[0] (br0)"),
        (small(bridge="br1"), "(eth0): bridge: 'br1' is not in `topology_bridges`; did you mean 'br0'?"),
        (small(addresses="10.0.0.1/24"), "(eth0): addresses: must be a list, not '10.0.0.1/24'"),
        (small(addresses=None), "(eth0): addresses: has no value"),
        (small(addresses=["10.0.0.1"]), "(eth0): addresses[0]: '10.0.0.1' has no prefix length"),
        (small(addresses=["10.0.0.300/24"]), "(eth0): addresses[0]: '10.0.0.300/24' is not an IPv4 address"),
        (
            small(addresses=["10.0.0.1/24", "10.0.0.1/16"]),
            "(eth0): addresses[1]: 10.0.0.1 is already in namespace 'red', at topology_namespaces[0] (red)",
        ),
        (small(mac="01:00:00:00:00:00"), "(eth0): mac: 01:00:00:00:00:00 is a group (multicast) address"),
        (small(mtu=20), "(eth0): mtu: 20 is no MTU"),
        (small(mtu=1000, addresses=["fd00::1/64"]), "(eth0): mtu: 1000 is too small for IPv6"),
        (small(tag=4095), "(eth0): tag: 4095 is no VLAN ID"),
        (small(trunks=[1, "x"]), "(eth0): trunks[1]: VLAN ID must be a whole number, not 'x'"),
        (small(vlan_mode="acces"), "(eth0): vlan_mode: 'acces' is not one of access, trunk"),
        (small(routes=[{"gateway": "10.0.0.2"}]), "routes[0]: destination: is missing"),
        (small(routes=[{"destination": "default"}]), "routes[0] (default): gateway: is missing, and so is `device`"),
        (
            small(routes=[{"destination": "default", "gateway": "10.9.0.1"}]),
            (
                "routes[0] (default): gateway: 10.9.0.1 cannot be reached: no interface of namespace 'red' has an "
                "address in its subnet (there is 10.0.0.0/24)"
            ),
        ),
        (
            small(addresses=[], routes=[{"destination": "default", "gateway": "10.9.0.1"}]),
            "no interface of namespace 'red' has an address in its subnet (there is no IPv4 address)",
        ),
        (
            small(routes=[{"destination": "default", "gateway": "10.0.0.1"}]),
            "routes[0] (default): gateway: 10.0.0.1 is the namespace's own address",
        ),
        (
            small(routes=[{"destination": "default", "gateway": "10.0.0.2/24"}]),
            "routes[0] (default): gateway: '10.0.0.2/24' has a prefix length",
        ),
        (
            small(routes=[{"destination": "default", "device": "eth1"}]),
            "routes[0] (default): device: namespace 'red' has no interface 'eth1'; did you mean 'eth0'?",
        ),
        (
            small(routes=[{"destination": "10.9.0.1/16", "gateway": "10.0.0.2"}]),
            "routes[0] (10.9.0.1/16): destination: '10.9.0.1/16' is an address within a network, not a network; write",
        ),
        (
            small(routes=[{"destination": "fd00::/64", "gateway": "10.0.0.2"}]),
            "routes[0] (fd00::/64): gateway: 10.0.0.2 is an IPv4 address, and the route is an IPv6 one",
        ),
        (
            small(routes=[{"destination": "default", "gateway": "10.0.0.2", "source": "10.0.0.3"}]),
            "routes[0] (default): source: 10.0.0.3 is not an address of namespace 'red'",
        ),
        (
            small(
                routes=[
                    {"destination": "default", "gateway": "10.0.0.2"},
                    {"destination": "0.0.0.0/0", "gateway": "10.0.0.3"},
                ]
            ),
            "routes[1] (0.0.0.0/0): destination: 0.0.0.0/0 is also the destination of topology_namespaces[0] (red)",
        ),
        (
            small(addresses=["fe80::1/64"], routes=[{"destination": "default", "gateway": "fe80::2"}]),
            "routes[0] (default): device: is missing; the link-local gateway fe80::2",
        ),
        (
            small(routes=[{"destination": "default", "gateway": "10.0.0.2", "metric": -1}]),
            "metric: must be a whole number",
        ),
        (
            {"namespaces": [{"name": "red", "interfaces": [{"name": "eth0", "peer": "p"}]}]},
            "(eth0): peer: it names the end of the cable that is a port of a bridge, and no `bridge` is given",
        ),
        (
            {"namespaces": [{"name": "red", "interfaces": [{"name": "eth0", "tag": 1}]}]},
            "(eth0): tag: it is for a port of a bridge, and no `bridge` is given",
        ),
        (
            {
                "bridges": [{"name": "br0"}],
                "namespaces": [{"name": "a-long-name", "interfaces": [{"name": "veth0", "bridge": "br0"}]}],
            },
            "(veth0): peer: is not given, and the name made for the end on the host, 'a-long-name-veth0', is not an",
        ),
        (
            {"bridges": [{"name": "br0"}], "namespaces": [{"name": "red", "interfaces": [{"name": "br0"}]}]},
            "interfaces[0] (br0): name: 'br0' is a link that this topology itself makes on the host",
        ),
        ({"links": [{"name": "l0"}]}, "topology_links[0] (l0): peer: is missing"),
        ({"links": [{"name": "l0", "peer": "l1"}]}, "topology_links[0] (l0) peer: must be a dictionary"),
        (
            {"links": [{"name": "l0", "peer": {"name": "l0"}}]},
            "topology_links[0] (l0) peer: name: 'l0' on the host is already topology_links[0] (l0)",
        ),
        (
            {"namespaces": [{"name": "red"}], "links": [{"name": "l0", "namespace": "rd", "peer": {"name": "l1"}}]},
            "topology_links[0] (l0): namespace: 'rd' is not in `topology_namespaces`; did you mean 'red'?",
        ),
        (
            {
                "links": [
                    {"name": "l0", "addresses": ["10.0.0.1/24"], "peer": {"name": "l1", "addresses": ["10.0.0.1/24"]}}
                ]
            },
            "topology_links[0] (l0) peer: addresses[0]: 10.0.0.1 is already on the host, at topology_links[0] (l0)",
        ),
        (
            {"nat": [{"source": "10.0.0.1/24"}]},
            "topology_nat[0] (10.0.0.1/24): source: '10.0.0.1/24' is an address within",
        ),
        ({"nat": [{"source": "10.0.0.0"}]}, "topology_nat[0] (10.0.0.0): source: '10.0.0.0' has no prefix length"),
        ({"nat": [{}]}, "topology_nat[0]: source: is missing"),
        (
            {"nat": [{"source": "10.0.0.0/24"}, {"source": "10.0.0.0/24"}]},
            "topology_nat[1] (10.0.0.0/24): source: 10.0.0.0/24 is also the source of topology_nat[0] (10.0.0.0/24)",
        ),
        (
            {"nat": [{"source": "10.0.0.0/24"}, {"source": "10.0.0.0/8", "out_interface": "eth0"}]},
            "topology_nat[1] (10.0.0.0/8): source: 10.0.0.0/8 overlaps with 10.0.0.0/24 of topology_nat[0] (10",
        ),
        (
            {"nat": [{"source": "10.0.0.0/24", "namespace": "red"}]},
            "topology_nat[0] (10.0.0.0/24): namespace: 'red' is not in `topology_namespaces`; there are none",
        ),
        ({"verify_outside": ["example.org"]}, "topology_verify_outside[0]: 'example.org' is not an IP address"),
        (
            {"verify_outside": ["198.51.100.1:0"]},
            "topology_verify_outside[0]: 0 is no port; give a whole number from 1 to 65535",
        ),
        ({"verify_outside": [80]}, "topology_verify_outside[0]: must be ADDRESS or ADDRESS:PORT, not 80"),
    ],
)
def test_one_mistake(variables: object, says: str) -> None:
    """Each mistake is told once, with its place, and draws no others after it."""
    assert says in only_mistake_of(variables)


@pytest.mark.parametrize(
    "variables",
    [
        small(addresses=["10.0.0.1/24", "10.0.0.2/24"]),
        small(routes=[{"destination": "default", "device": "eth0"}]),
        small(routes=[{"destination": "default", "gateway": "fe80::1", "device": "eth0"}]),
        small(routes=[{"destination": "default", "device": "lo"}]),
        # On-link through a route without a gateway.
        small(
            routes=[
                {"destination": "192.0.2.1/32", "device": "eth0"},
                {"destination": "default", "gateway": "192.0.2.1", "device": "eth0"},
            ]
        ),
        # Two default routes that can live side by side.
        small(
            routes=[
                {"destination": "default", "gateway": "10.0.0.2"},
                {"destination": "default", "gateway": "10.0.0.3", "metric": 10},
                {"destination": "default", "gateway": "10.0.0.3", "table": 10},
                {"destination": "default", "gateway": "fe80::1", "device": "eth0"},
            ]
        ),
        # An existing link may have addresses that nobody declared.
        {
            "namespaces": [
                {
                    "name": "red",
                    "interfaces": [{"name": "eth1"}],
                    "routes": [{"destination": "default", "gateway": "192.0.2.1", "source": "192.0.2.2"}],
                }
            ]
        },
        # Tenants that overlap: bridges, and VLANs of one bridge, that do not see each other.
        {
            "bridges": [{"name": "br0"}, {"name": "br1"}],
            "namespaces": [
                {"name": name, "interfaces": [{"name": "eth0", "bridge": bridge, "addresses": ["10.0.0.1/24"], **port}]}
                for name, bridge, port in (("a", "br0", {}), ("b", "br1", {}), ("c", "br0", {"tag": 7}))
            ],
        },
        # The same name in two namespaces, and on the host.
        {
            "namespaces": [{"name": "a"}, {"name": "b"}],
            "links": [
                {"name": "eth0", "namespace": "a", "peer": {"name": "eth0", "namespace": "b"}},
                {"name": "eth1", "namespace": "a", "peer": {"name": "eth0"}},
            ],
        },
        # One network out by two ways, and one in two routers.
        {
            "namespaces": [{"name": "red"}],
            "nat": [
                {"source": "10.0.0.0/24", "out_interface": "eth0"},
                {"source": "10.0.0.0/24", "out_interface": "eth1"},
                {"source": "10.0.0.0/24", "namespace": "red"},
                {"source": "::/0"},
            ],
        },
    ],
)
def test_no_mistake(variables: Variables) -> None:
    compile_topology(variables)


def test_all_mistakes_at_once() -> None:
    variables = reference()
    variables["bridges"].append({"name": "a-bridge-with-too-long-a-name"})
    variables["namespaces"][1]["interfaces"][0].update(addresses=["192.168.100.1/24"], adress="x", mtu=1)
    variables["namespaces"][0]["routes"][0]["gateway"] = "10.0.0.1"
    variables["nat"].append({"source": "192.168.0.0/16"})
    with pytest.raises(TopologyError) as refused:
        compile_topology(variables)
    lines = str(refused.value).splitlines()
    assert lines[0] == "topology 'default' has 6 mistakes in it; the host has not been touched:"
    assert [line.split(".")[0].strip() for line in lines[1:]] == ["1", "2", "3", "4", "5", "6"]


def test_mistakes_inside_a_namespace_with_a_wrong_name() -> None:
    variables = small(mtu=1)
    variables["namespaces"][0]["name"] = ""
    assert [line.split(": ")[1] for line in mistakes_of(variables)] == ["name", "mtu"]


# --- size ----------------------------------------------------------------------------------------------------------


def large(count: int) -> Variables:
    """That many namespaces on a bridge, each let out by a rule of its own."""
    return {
        "bridges": [{"name": "br0", "addresses": ["10.255.255.254/8"]}],
        "namespaces": [
            {
                "name": f"ns{index}",
                "interfaces": [
                    {
                        "name": "eth0",
                        "bridge": "br0",
                        "peer": f"tap{index}",
                        "addresses": [f"10.{index // 250}.{index % 250 + 1}.1/8"],
                    }
                ],
                "routes": [{"destination": "default", "gateway": "10.255.255.254"}],
            }
            for index in range(count)
        ],
        "nat": [{"source": f"10.{index // 250}.{index % 250 + 1}.0/24"} for index in range(count)],
    }


def test_a_thousand_namespaces() -> None:
    started = time.monotonic()
    compiled = compile_topology(large(1000))
    assert time.monotonic() - started < 2.0  # Takes 0.06 s on a two-core machine.
    assert len(compiled["pairs"]) == 1000
    # Each the gateway, and sixteen or so the next namespace, by ICMP and by TCP.
    assert 2000 < len(compiled["probes"]) <= 2040


# --- any topology --------------------------------------------------------------------------------------------------


@st.composite
def topologies(draw: st.DrawFn) -> Variables:
    """Topologies without a mistake: bridges, namespaces on them (some in VLANs), links, routes, NAT, both families."""
    bridges = draw(st.integers(1, 3))
    count = draw(st.integers(1, 6))
    namespaces = []
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
            ("mtu", st.integers(1280, 9000)),
            ("enabled", st.booleans()),
        ):
            if draw(st.booleans()):
                interface[option] = draw(values)
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
    return {
        "name": draw(st.sampled_from(["default", "lab-a"])),
        "bridges": [{"name": f"br{index}", "addresses": [f"10.{index}.0.254/24"]} for index in range(bridges)],
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


def _interface(option: str, value: object) -> Any:
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
    "unknown bridge": (_interface("bridge", "nosuch"), "is not in `topology_bridges`"),
    "unknown key": (_interface("adresses", []), "is not an option here"),
    "no prefix length": (_interface("addresses", ["10.0.0.1"]), "has no prefix length"),
    "name too long": (_interface("name", "x" * 16), "is 16 characters long"),
    "no value": (_interface("mtu", None), "has no value"),
    "wrong type": (_interface("addresses", "10.0.0.1/24"), "must be a list"),
    "wrong MAC": (_interface("mac", "x"), "is not a MAC address"),
    "wrong VLAN": (_interface("tag", 5000), "is no VLAN ID"),
    "unreachable gateway": (_unreachable_gateway, "cannot be reached"),
    "foreign device": (_foreign_device, "has no interface 'absent0'"),
    "unknown namespace": (_unknown_link_namespace, "is not in `topology_namespaces`"),
    "overlapping NAT": (_overlapping_nat, "overlaps with"),
}


@given(variables=topologies())
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_right_topology_compiles(variables: Variables) -> None:
    compiled = compile_topology(variables)
    json.dumps(compiled)  # Plain data throughout.
    names = {namespace["name"] for namespace in variables["namespaces"]}
    assert {route["namespace"] for route in compiled["routes"]} == names
    assert len(compiled["pairs"]) == len(variables["namespaces"]) + len(variables["links"])
    assert {port["name"] for port in compiled["ports"]} <= {pair["peer"]["name"] for pair in compiled["pairs"]}
    addresses = json.dumps([variables["bridges"], variables["namespaces"], variables["links"]])
    for probe in compiled["probes"]:
        assert f'"{probe["to"]}/' in addresses
        assert probe.get("namespace") in {*names, None}
    assert compile_topology({**variables, "state": "absent"})["namespaces"]


@given(variables=topologies(), kinds=st.sets(st.sampled_from(sorted(DAMAGES)), min_size=1, max_size=1))
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_single_damage_is_told(variables: Variables, kinds: set[str]) -> None:
    (kind,) = kinds
    damage, says = DAMAGES[kind]
    damage(variables)
    mistakes = mistakes_of(variables)
    assert any(says in mistake for mistake in mistakes), mistakes


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(variables=topologies(), junk=JUNK, data=st.data())
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_junk_anywhere_is_compiled_or_refused(variables: Variables, junk: object, data: st.DataObject) -> None:
    """Whatever stands wherever: a topology or a TopologyError comes out, nothing else."""
    here: Any = variables
    while True:
        keys = list(here) if isinstance(here, dict) else list(range(len(here)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(here[key], (dict, list)) or not here[key] or data.draw(st.booleans()):
            here[key] = junk
            break
        here = here[key]
    mistakes = None
    try:
        compile_topology(variables)
    except TopologyError as error:
        mistakes = error.mistakes
    assert mistakes is None or all(mistakes)


# --- published ports ---


def publishing(*entries: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a topology with two namespaces on a bridge and these published ports."""
    return {
        "bridges": [{"name": "br", "addresses": ["10.0.0.254/24", "fd00::254/64"]}],
        "namespaces": [
            {
                "name": "web",
                "interfaces": [{"name": "eth0", "bridge": "br", "addresses": ["10.0.0.1/24", "fd00::1/64"]}],
            },
            {"name": "db", "interfaces": [{"name": "eth0", "bridge": "br", "addresses": ["10.0.0.2/24"]}]},
            {"name": "bare"},
        ],
        "nat": [{"source": "10.0.0.0/24"}, *entries],
        **more,
    }


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
        {"port": "8080", "protocol": "tcp", "to_address": "10.0.0.1", "to_port": 80, "hairpin": "10.0.0.0/24"},
        {"port": "8080", "protocol": "tcp", "to_address": "fd00::1", "to_port": 80, "hairpin": "fd00::/64"},
        {
            "port": "53",
            "protocol": "udp",
            "to_address": "10.0.0.2",
            "address": "198.51.100.1",
            "in_interface": "eth0",
            "hairpin": "10.0.0.0/24",
        },
        {
            "port": "90-99",
            "protocol": "tcp",
            "to_address": "fd00::1",
            "address": "2001:db8::1",
            "namespace": "db",
            "accept_forward": "never",
            "hairpin": "fd00::/64",
        },
    ]
    assert compiled["summary"][0].endswith(", 1 NAT rule, 3 published ports")
    assert compiled["summary"][-3:] == [
        "  port 8080/tcp of the host leads to 10.0.0.1 and fd00::1 (web) port 80",
        "  port 53/udp of the host at 198.51.100.1 by eth0 leads to 10.0.0.2 port 53",
        "  port 90-99/tcp of namespace db at 2001:db8::1 leads to fd00::1 (web) port 90-99",
    ]


def test_published_ports_go_with_the_topology() -> None:
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


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({"to": "wep"}, "(8080): to: 'wep' is not in `topology_namespaces`; did you mean 'web'?"),
        ({"to": "10.0.0.9"}, "to: 10.0.0.9 is not an address of a namespace of this topology"),
        ({"to": "10.0.0.254"}, "to: 10.0.0.254 is not an address of a namespace of this topology"),
        ({"to": "bare"}, "to: namespace 'bare' has no address"),
        ({"to": "web", "namespace": "web"}, "to: web is namespace 'web' itself"),
        ({"to": "web", "namespace": "router"}, "namespace: 'router' is not in `topology_namespaces`"),
        ({"to": "db", "address": "2001:db8::1"}, "address: 2001:db8::1 is of another IP version"),
        ({"to": "db", "address": "127.0.0.1"}, "address: nothing can be published at 127.0.0.1"),
        ({"to": "db", "publish": 70000}, "publish: 70000 is no port; give a whole number from 1 to 65535"),
        ({"to": "db", "publish": "80-90", "to_port": 80}, "to_port: the ports 80-90 keep their numbers"),
        ({"to": "db", "protocol": "sctp"}, "protocol: 'sctp' is not one of tcp, udp"),
        ({"to": "db", "source": "10.0.0.0/24"}, "make two entries of it"),
        ({}, "to: is missing"),
        ({"to": "db", "publsh": 1}, "publsh: is not an option here; did you mean 'publish'?"),
    ],
)
def test_mistakes_in_published_ports(entry: dict[str, Any], says: str) -> None:
    with pytest.raises(TopologyError) as raised:
        compile_topology(publishing({"publish": 8080, **entry}))
    assert says in str(raised.value)
    assert len(raised.value.mistakes) == 1


@pytest.mark.parametrize(
    ("first", "second", "collide"),
    [
        ({"publish": 80}, {"publish": 80}, True),
        ({"publish": 80}, {"publish": "79-81"}, True),
        ({"publish": 80}, {"publish": 80, "protocol": "udp"}, False),
        ({"publish": 80, "address": "198.51.100.1"}, {"publish": 80, "address": "198.51.100.2"}, False),
        ({"publish": 80, "address": "198.51.100.1"}, {"publish": 80, "address": "2001:db8::1"}, False),
        ({"publish": 80, "address": "198.51.100.1"}, {"publish": 80}, True),
        ({"publish": 80, "in_interface": "eth0"}, {"publish": 80, "in_interface": "eth1"}, False),
        ({"publish": 80, "namespace": "db"}, {"publish": 80}, False),
    ],
)
def test_a_port_that_is_published_twice(first: dict[str, Any], second: dict[str, Any], collide: bool) -> None:
    variables = publishing({"to": "web", **first}, {"to": "web", **second})
    if not collide:
        assert compile_topology(variables)["forwards"]
        return
    with pytest.raises(TopologyError) as raised:
        compile_topology(variables)
    assert "is also published by topology_nat[1] (80)" in str(raised.value)
    assert len(raised.value.mistakes) == 1
