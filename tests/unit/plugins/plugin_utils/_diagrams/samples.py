# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Topologies and diagrams that several tests use."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.model import (
    HOST,
    OUTSIDE,
    Box,
    Connection,
    Diagram,
    Drift,
    End,
    Interface,
    Nat,
    bridge_key,
    namespace_key,
)
from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils.facts import Info, bridge, info, link, port, space

RED_KEY = namespace_key("red")
BRIDGE_KEY = bridge_key("int_br")


def interface(name: str, *addresses: str, **options: Any) -> dict[str, Any]:
    """Return an entry of a namespace's interfaces."""
    return {"name": name, "bridge": "int_br", "addresses": list(addresses), **options}


def variables(*namespaces: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a topology on one bridge."""
    bridges = [{"name": "int_br", "addresses": ["10.0.0.254/24"]}]
    return {"name": "lab", "bridges": bridges, "namespaces": list(namespaces), **more}


def owned_link(name: str, *addresses: str, **more: Any) -> Info:
    """Return a link that the topology `lab` owns."""
    return link(name, *addresses, **{"owners": ["lab"], **more})


def owned_space(name: str | None, *links: Info, **more: Any) -> Info:
    """Return a namespace, or the host, that the topology `lab` owns."""
    return space(name, *links, **{"owners": ["lab"], **more})


def owned_port(name: str, **more: Any) -> Info:
    """Return a port of the bridge int_br that the topology `lab` owns."""
    return port(name, **{"bridge": "int_br", "owners": ["lab"], **more})


def build_facts(*namespaces: Info, ports: tuple[Info, ...] = (), **host: Any) -> Info:
    """Return the facts of a host with the bridge int_br."""
    links = [owned_link("int_br", "10.0.0.254/24"), *host.pop("links", ())]
    int_br = bridge(*ports, name="int_br", owners=["lab"])
    return info(owned_space(None, *links, **host), *namespaces, bridges=(int_br,))


#: An entry of `namespaces`, and what topology_info reports where it exists.
RED = {"name": "red", "interfaces": [interface("eth0", "10.0.0.1/24", tag=10)]}
FOUND_RED = owned_space("red", owned_link("eth0", "10.0.0.1/24", peer=(None, "red-eth0")))
RED_PORT = owned_port("red-eth0", tag=10)
RED_TAP = owned_link("red-eth0", peer=("red", "eth0"))


def boxes(diagram: Diagram) -> dict[str, Box]:
    """Return the boxes by their titles."""
    return {box.title: box for box in diagram.boxes}


def build_bridge_diagram(names: list[str], drift: Drift = Drift.NONE) -> Diagram:
    """Return namespaces of these names on a bridge with NAT; each has an interface and a port of the same name."""
    return Diagram(
        boxes=(
            *(
                Box(namespace_key(name), (Interface(name, (f"10.0.0.{number}/24",)),))
                for number, name in enumerate(names)
            ),
            Box(BRIDGE_KEY, (Interface("int_br", ("10.0.0.254/24",)),)),
            Box(OUTSIDE),
        ),
        connections=tuple(
            Connection(End(namespace_key(name), name), End(BRIDGE_KEY, name), vlan=f"VLAN {name}", drift=drift)
            for name in names
        ),
        nat=(Nat(BRIDGE_KEY, "10.0.0.0/24", names[0]),),
    )


#: Names with what has a meaning in one of the languages.
NAMES = st.text(
    st.one_of(st.sampled_from("\"\\<>&'|{}[]()#;:%`$\n\r\t \u200b]ä日"), st.characters(exclude_categories=["Cs"])),
    min_size=1,
    max_size=12,
)


DRIFTING = Diagram(
    boxes=(
        Box(RED_KEY, (Interface("eth0", ("10.0.0.9/24",), drift=Drift.DIFFERENT, remarks=("declared 10.0.0.1/24",)),)),
        Box(namespace_key("gone"), drift=Drift.MISSING),
        Box(namespace_key("new"), (Interface("eth0", enabled=False),), drift=Drift.EXTRA),
        Box(HOST),
        Box(BRIDGE_KEY),
        Box(OUTSIDE),
    ),
    connections=(
        Connection(
            End(RED_KEY, "eth0"), End(BRIDGE_KEY, "red0"), "VLAN 2", drift=Drift.DIFFERENT, remark="declared VLAN 1"
        ),
        Connection(End(namespace_key("gone"), "eth0"), End(BRIDGE_KEY, "gone0"), drift=Drift.MISSING),
    ),
    nat=(Nat(HOST, "10.0.0.0/24", drift=Drift.EXTRA),),
)


def framed() -> Diagram:
    """Return twenty namespaces in four VLANs of a bridge, so many that they are in frames."""
    names = [f"n{number}" for number in range(20)]
    diagram = build_bridge_diagram(names)
    return Diagram(
        diagram.boxes,
        tuple(
            Connection(connection.near, connection.far, vlan=f"VLAN {index % 4}")
            for index, connection in enumerate(diagram.connections)
        ),
        diagram.nat,
    )


#: Rules as topology_info reports them: two that publish ports of red, two that isolate int_br.
PUBLISHING = [
    {"criteria": ["tcp dport 8080"], "verdict": "dnat", "target": "10.0.0.1:80", "owner": "lab", "chain": "prerouting"},
    {"criteria": ["tcp dport 9"], "verdict": "dnat", "target": "10.0.0.1", "owner": None, "chain": "DOCKER"},
]
ISOLATING = [
    {
        "criteria": ["iifname int_br"],
        "verdict": "jump",
        "target": "fabric-from-int_br",
        "owner": "lab",
        "chain": "forward",
    },
    {
        "criteria": ["daddr 10.1.0.0/24", "saddr 10.0.0.0/24"],
        "verdict": "accept",
        "target": "",
        "owner": "lab",
        "chain": "fabric-from-int_br",
    },
]
FORWARDING = {"net.ipv4.ip_forward": "1"}
