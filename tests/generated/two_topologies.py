# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two topologies for one host, alpha and beta, that share a bridge, its address and a network that is masqueraded."""

from __future__ import annotations

from typing import Any

from ansible_collections.netns.fabric.tests.helpers.host import Host

Variables = dict[str, Any]

SHARED = "shared_br"
GATEWAY = "10.88.0.254"
NETWORKS = {"alpha": 1, "beta": 2}


def topology(name: str) -> Variables:
    """Return two namespaces on the shared bridge, a third on a bridge of its own, a veth pair, routes and NAT."""
    number, letter = NETWORKS[name], name[0]
    return {
        "name": name,
        "state": "present",
        "verify": False,
        "verify_outside": [],
        "bridges": [
            {"name": SHARED, "addresses": [f"{GATEWAY}/24"]},
            {"name": f"{name}_br", "addresses": [f"10.89.{number}.254/24"]},
        ],
        "namespaces": [
            *(_namespace(f"{letter}{host}", SHARED, f"10.88.0.{number}{host}", GATEWAY) for host in (1, 2)),
            _namespace(f"{letter}3", f"{name}_br", f"10.89.{number}.3", f"10.89.{number}.254"),
        ],
        "links": [
            {
                "name": "direct0",
                "namespace": f"{letter}1",
                "addresses": [f"10.90.{number}.1/30"],
                "peer": {"name": "direct0", "namespace": f"{letter}2", "addresses": [f"10.90.{number}.2/30"]},
            }
        ],
        "nat": [{"source": "10.88.0.0/24"}, {"source": f"10.89.{number}.0/24"}],
    }


def _namespace(name: str, bridge: str, address: str, gateway: str) -> Variables:
    return {
        "name": name,
        "nameservers": ["192.0.2.53"],
        "interfaces": [{"name": "eth0", "bridge": bridge, "peer": f"{name}_tap", "addresses": [f"{address}/24"]}],
        "routes": [{"destination": "default", "gateway": gateway}],
    }


def changed(name: str) -> Variables:
    """Return the topology with a namespace added, one removed, another MTU, and another network on its own bridge."""
    number, letter = NETWORKS[name], name[0]
    variables = topology(name)
    first, _second, third = variables["namespaces"]
    # Not on the shared bridge: Open vSwitch gives a bridge the smallest MTU of its ports (ovs-vswitchd.conf.db(5)).
    third["interfaces"][0]["mtu"] = 1400
    first["interfaces"][0]["addresses"] = [f"10.88.0.{number}5/24"]
    third["interfaces"][0]["addresses"] = [f"10.89.{number + 10}.3/24"]
    third["routes"][0]["gateway"] = f"10.89.{number + 10}.254"
    variables["bridges"][1]["addresses"] = [f"10.89.{number + 10}.254/24"]
    variables["nat"][1]["source"] = f"10.89.{number + 10}.0/24"
    variables["namespaces"] = [first, third, _namespace(f"{letter}4", SHARED, f"10.88.0.{number}4", GATEWAY)]
    variables["links"] = []
    return variables


def torn_down(variables: Variables) -> Variables:
    """Return the same topology with state absent."""
    return {**variables, "state": "absent"}


def assert_traffic(host: Host, variables: Variables) -> None:
    """Assert that every namespace of a present topology reaches its gateway."""
    for namespace in variables["namespaces"] if variables["state"] == "present" else []:
        gateway = namespace["routes"][0]["gateway"]
        assert host.pings(gateway, namespace["name"]), f"{namespace['name']} pings {gateway}"
