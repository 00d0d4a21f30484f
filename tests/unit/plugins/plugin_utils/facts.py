# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Results of the module topology_info."""

from __future__ import annotations

from typing import Any

Info = dict[str, Any]

MAC = "02:00:00:00:00:01"


def link(name: str, *addresses: str, peer: tuple[str | None, str | None] | None = None, **more: Any) -> Info:
    """Return a link; without a peer a local port of a bridge."""
    return {
        "name": name,
        "kind": "veth" if peer else "tun",
        "state": "up",
        "enabled": True,
        "mac": MAC,
        "mtu": 1500,
        "master": None,
        "owners": [],
        "peer": {"namespace": peer[0], "name": peer[1], "index": 9} if peer else None,
        "bridge_port": None,
        "addresses": [
            {"address": address, "peer": None, "made_by_kernel": address.startswith("fe80")} for address in addresses
        ],
        **more,
    }


def space(name: str | None, *links: Info, **more: Any) -> Info:
    """Return a namespace, or the host (None)."""
    return {
        "name": name,
        "named": name is not None and not name.startswith("net:"),
        "owners": [],
        "processes": [],
        "links": [link("lo", kind="loopback"), *links],
        "routes": [],
        "rules": [],
        "neighbours": [],
        "sockets": [],
        "sysctls": {},
        "firewall": {"tables": [], "chains": [], "rules": [], "masquerade": []},
        **more,
    }


def port(name: str, **more: Any) -> Info:
    """Return a port of the bridge br0."""
    return {
        "name": name,
        "bridge": "br0",
        "local": False,
        "type": "system",
        "tag": None,
        "trunks": [],
        "vlan_mode": None,
        "protected": False,
        "owners": [],
        "options": {},
        "interfaces": [name],
        "qos": None,
        "error": "",
        **more,
    }


def bridge(*ports: Info, **more: Any) -> Info:
    """Return the bridge br0 with its local port and others."""
    return {
        "name": "br0",
        "datapath_type": "netdev",
        "fail_mode": None,
        "works": True,
        "owners": [],
        "controllers": [],
        "mirrors": [],
        "flows": [],
        "ports": [port("br0", local=True), *ports],
        **more,
    }


def info(*spaces: Info, bridges: tuple[Info, ...] = (), **more: Any) -> Info:
    """Return the facts of a host; among the namespaces, one without a name stands for the host."""
    host = spaces[0] if spaces and spaces[0]["name"] is None else space(None)
    return {
        "host": host,
        "namespaces": [found for found in spaces if found["name"] is not None],
        "openvswitch": {"available": True, "reason": "", "running": True, "bridges": list(bridges)},
        "stale": [],
        "unreadable": [],
        **more,
    }


def route(destination: str, gateway: str | None = None, **more: Any) -> Info:
    """Return a route."""
    return {
        "destination": destination,
        "gateway": gateway,
        "device": None,
        "table": 254,
        "protocol": "static",
        "version": 4,
        "type": "unicast",
        "nexthops": [],
        **more,
    }


def example() -> Info:
    """Return the facts of a namespace on a bridge."""
    host = space(
        None,
        link("br0", "10.0.0.254/24", bridge_port={"bridge": "br0", "port": "br0"}),
        link("tap0", peer=("red", "eth0"), bridge_port={"bridge": "br0", "port": "tap0"}),
        link("up0", "192.0.2.1/24"),
    )
    red = space(
        "red", link("eth0", "10.0.0.1/24", "fe80::1/64", peer=(None, "tap0")), routes=[route("default", "10.0.0.254")]
    )
    return info(host, red, bridges=(bridge(port("tap0", tag=7)),))
