# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Topologies that several tests use, their errors, and the paths that they probe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from hypothesis import strategies as st

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.compiler import compile_topology
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.errors import TopologyError
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.reader import to_plain

ROOT = Path(__file__).resolve().parents[5]

Variables = dict[str, Any]
Paths = set[tuple["str | None", str]]

OUTSIDE, OUTSIDE6 = "198.51.100.1", "2001:db8::1"
FORWARDING = {"net.ipv4.ip_forward": True, "net.ipv6.conf.all.forwarding": "1"}


def reference() -> Variables:
    """Return the role's defaults, as the filter gets them."""
    defaults = to_plain(DataLoader().load_from_file(str(ROOT / "roles/topology/defaults/main.yml")))
    for only_in_role in (
        "topology_prune",
        "topology_nat_backend",
        "topology_ovs_timeout",
        "topology_ovs_database",
        "topology_tunnel_address",
        "topology_ovn_chassis",
        "topology_ovn_database",
        "topology_ovn_database_host",
        "topology_ovn_central_group",
        "topology_ovn_tls_files",
    ):
        del defaults[only_in_role]
    return {key.removeprefix("topology_"): value for key, value in defaults.items()}


def small(**changes: Any) -> Variables:
    """Return a namespace on a bridge, with changes to its interface, its ``routes``, ``rules``, ``neighbours``."""
    routing: dict[str, Any] = {key: changes.pop(key) for key in ("rules", "neighbours") if key in changes}
    routing["routes"] = changes.pop("routes", [])
    interface = {"name": "eth0", "bridge": "br0", "peer": "tap0", "addresses": ["10.0.0.1/24"], **changes}
    return {"bridges": [{"name": "br0"}], "namespaces": [{"name": "red", "interfaces": [interface], **routing}]}


def on_bridge(**interfaces: Variables) -> Variables:
    """Return namespaces with one interface each on the bridge br0, which has 10.0.0.254/24."""
    return {
        "bridges": [{"name": "br0", "addresses": ["10.0.0.254/24"]}, {"name": "br1"}],
        "namespaces": [
            {"name": name, "interfaces": [{"name": "eth0", "bridge": "br0", **options}]}
            for name, options in interfaces.items()
        ],
    }


def veth(near: str, near_address: str, far: str | None, far_address: str) -> Variables:
    """Return an entry of `links`, between two namespaces or to the host."""
    name = f"{near}{far or 'host'}"
    link: Variables = {
        "name": name,
        "namespace": near,
        "addresses": [near_address],
        "peer": {"name": f"{name}p", "addresses": [far_address]},
    }
    if far:
        link["peer"]["namespace"] = far
    return link


def routed(**router: Any) -> Variables:
    """Return left - router - right, in IPv4 and IPv6."""
    return {
        "namespaces": [
            {
                "name": "left",
                "routes": [
                    {"destination": "default", "gateway": "10.1.0.254"},
                    {"destination": "fd00:2::/64", "gateway": "fd00:1::fe"},
                ],
            },
            {"name": "router", **router},
            {
                "name": "right",
                "routes": [
                    {"destination": "10.1.0.0/24", "gateway": "10.2.0.254"},
                    {"destination": "default", "gateway": "fd00:2::fe"},
                ],
            },
        ],
        "links": [
            {
                "name": name,
                "namespace": name,
                "addresses": [f"10.{n}.0.1/24", f"fd00:{n}::1/64"],
                "peer": {"name": name, "namespace": "router", "addresses": [f"10.{n}.0.254/24", f"fd00:{n}::fe/64"]},
            }
            for n, name in ((1, "left"), (2, "right"))
        ],
    }


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


def masqueraded(count: int) -> Variables:
    """Return that many namespaces on a bridge, each masqueraded by a rule of its own."""
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


@st.composite
def colliding_topologies(draw: st.DrawFn) -> Variables:
    """Draw namespaces with several interfaces, VLANs, routers, links and NAT, in few networks, so that many collide."""
    count = draw(st.integers(1, 6))
    namespaces: list[Variables] = []
    for index in range(count):
        interfaces = []
        for number in range(draw(st.integers(0, 2))):
            bridge, tag = draw(st.sampled_from(["br0", "br1"])), draw(st.sampled_from([None, 10, 20]))
            subnet = draw(st.integers(0, 2))
            host = 1 + index * 2 + number
            interface: Variables = {
                "name": f"eth{number}",
                "bridge": bridge,
                "peer": f"t{index}x{number}",
                "addresses": [f"10.0.{subnet}.{host}/24", f"fd00:{subnet + 1}::{host:x}/64"][: draw(st.integers(0, 2))],
            }
            if tag is not None:
                interface["tag"] = tag
            if draw(st.integers(0, 4)) == 0:
                interface["protected"] = True
            interfaces.append(interface)
        namespace: Variables = {"name": f"ns{index}", "interfaces": interfaces, "routes": []}
        if draw(st.booleans()):
            namespace["sysctls"] = {"net.ipv4.ip_forward": 1, "net.ipv6.conf.all.forwarding": 1}
        own = next((interface["addresses"][0] for interface in interfaces if interface["addresses"]), None)
        if own is not None and draw(st.booleans()):
            gateway = f"{own.rsplit('.', 1)[0]}.{draw(st.sampled_from([1, 3, 254]))}"
            if f"{gateway}/24" not in [address for entry in interfaces for address in entry["addresses"]]:
                namespace["routes"].append({"destination": "default", "gateway": gateway})
        namespaces.append(namespace)
    return {
        "bridges": [{"name": "br0", "addresses": ["10.0.0.254/24", "fd00:1::fe/64"]}, {"name": "br1"}],
        "namespaces": namespaces,
        "links": [
            veth(f"ns{index}", f"10.9.{index}.1/30", f"ns{index + 1}", f"10.9.{index}.2/30")
            for index in range(draw(st.integers(0, count - 1)))
        ],
        "nat": draw(st.sampled_from([[], [{"source": "10.0.0.0/24"}]])),
        "verify_outside": draw(st.sampled_from([[], [OUTSIDE, f"{OUTSIDE}:80"]])),
    }


def errors_of(variables: object) -> list[str]:
    """Return all errors in a topology."""
    with pytest.raises(TopologyError) as raised:
        compile_topology(variables)
    return list(raised.value.errors)


def only_error_of(variables: object) -> str:
    """Return the error in a topology that has one."""
    (error,) = errors_of(variables)
    return error


def expected_paths(variables: Variables, protocol: str = "icmp", expect: str = "reachable") -> Paths:
    """Return the start and the target of the probes of a protocol that expect a result.

    Those that expect to be delivered expect an answer too, unless the host's own packet filter refuses them.
    """
    return {
        (probe.get("namespace"), probe["to"])
        for probe in compile_topology(variables)["probes"]
        if probe["protocol"] == protocol
        and probe.get("expect", "reachable").replace("delivered", "reachable") == expect
    }


def forbidden_paths(variables: Variables, protocol: str = "icmp") -> Paths:
    """Return the start and the target of the probes that expect no answer."""
    return expected_paths(variables, protocol, "unreachable")


def meshed(*, mesh: Variables | None = None, **variables: Any) -> Variables:
    """Return three namespaces, each on a host of its own, on a bridge with a mesh and its gateway on the first."""
    return {
        "hosts": {"one": "192.0.2.1", "two": "192.0.2.2", "three": "192.0.2.3"},
        "bridges": [
            {
                "name": "lab",
                "addresses": ["10.1.0.254/24"],
                "mesh": {"type": "vxlan", "key": 7, "gateway": "one", **(mesh or {})},
            }
        ],
        "namespaces": [
            {
                "name": name,
                "host": host,
                "interfaces": [{"name": "eth0", "bridge": "lab", "addresses": [f"10.1.0.{number}/24"]}],
            }
            for number, (name, host) in enumerate((("a", "one"), ("b", "two"), ("c", "three")), 1)
        ],
        **variables,
    }


def logical(**variables: Any) -> Variables:
    """Return two networks of OVN over three hosts, with their router's way outside by the first two of them."""

    def namespace(name: str, host: str, bridge: str, address: str) -> Variables:
        network, _dot, _host = address.rpartition(".")
        return {
            "name": name,
            "host": host,
            "interfaces": [{"name": "eth0", "bridge": bridge, "addresses": [f"{address}/24"]}],
            "routes": [{"destination": "default", "gateway": f"{network}.254"}],
        }

    way = {"gateways": ["one", "two"], "physical_network": "outside", "address": "198.51.100.1/24"}
    return {
        "name": "lab",
        "hosts": ["one", "two", "three"],
        "bridges": [
            {"name": "left", "engine": "ovn", "addresses": ["10.1.0.254/24"]},
            {"name": "right", "engine": "ovn", "addresses": ["10.2.0.254/24"]},
        ],
        "namespaces": [
            namespace("a", "one", "left", "10.1.0.1"),
            namespace("b", "two", "left", "10.1.0.2"),
            namespace("c", "three", "left", "10.1.0.3"),
            namespace("d", "one", "right", "10.2.0.1"),
            namespace("e", "three", "right", "10.2.0.2"),
        ],
        "nat": [
            {"source": "10.1.0.0/24", **way, "next_hop": "198.51.100.2"},
            {"source": "10.2.0.0/24", **way},
            {"publish": "8080", "to": "b", "to_port": 80},
        ],
        **variables,
    }


def with_value(variables: Variables, path: str, value: Any) -> Variables:
    """Return a topology with one value changed, by its path such as `namespaces/0/name`; None removes it."""
    target: Any = variables
    *parents, last = path.split("/")
    for word in parents:
        target = target[int(word) if word.isdigit() else word]
    if value is None:
        del target[last]
    else:
        target[last] = value
    return variables
