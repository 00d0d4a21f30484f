# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Strategies for small topologies that use all of the role's variables."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

Variables = dict[str, Any]

#: ip(8) reads the first as an abbreviation of its keyword "broadcast".
BRIDGES = ("br", "br1")


@st.composite
def topologies(draw: st.DrawFn) -> Variables:
    """Return one to three namespaces, one or two bridges, and sometimes a link between two namespaces and NAT."""
    bridges = draw(st.integers(1, 2))
    count = draw(st.integers(1, 3))
    dual_stack = draw(st.booleans())
    namespaces = [_namespace(draw, number, bridges, dual_stack) for number in range(1, count + 1)]
    topology: Variables = {
        "name": draw(st.sampled_from(["default", "lab-1"])),
        "state": "present",
        "verify": False,
        "verify_outside": [],
        "bridges": [_bridge(draw, number, dual_stack) for number in range(bridges)],
        "namespaces": namespaces,
        "links": [_link(draw)] if count > 1 and draw(st.booleans()) else [],
        "nat": _nat(draw, namespaces[0]),
    }
    _declare_different_mtus(topology)
    return topology


def _declare_different_mtus(topology: Variables) -> None:
    """Declare every MTU on a bridge where one differs from the others, which says that this is intended."""
    for bridge in topology["bridges"]:
        interfaces = [
            interface
            for namespace in topology["namespaces"]
            for interface in namespace["interfaces"]
            if interface["bridge"] == bridge["name"]
        ]
        if len({each.get("mtu", 1500) for each in interfaces}) > 1 or (interfaces and "mtu" in bridge):
            for each in (bridge, *interfaces):
                each.setdefault("mtu", 1500)


def _bridge(draw: st.DrawFn, number: int, dual_stack: bool) -> Variables:
    bridge: Variables = {"name": BRIDGES[number], "addresses": [f"10.77.{number}.254/24"]}
    if dual_stack:
        bridge["addresses"].append(f"fd77:0:0:{number}::fe/64")
    if draw(st.booleans()):
        bridge["external_ids"] = {draw(st.sampled_from(["note", "a:b", "x y"])): draw(_VALUES)}
    if draw(st.booleans()):
        bridge["fail_mode"] = "standalone"
    if draw(st.integers(0, 3)) == 0:
        bridge["mtu"] = draw(st.sampled_from([1400, 9000]))
    return bridge


#: Values that need quoting in some syntax.
_VALUES = st.sampled_from(["plain", "two words", "a=b", 'q"q', "1,2", "7", "00:11:22:33:44:55", ""])


def _namespace(draw: st.DrawFn, number: int, bridges: int, dual_stack: bool) -> Variables:
    name = draw(st.sampled_from([f"ns{number}", f"red-{number}"]))
    bridge = draw(st.integers(0, bridges - 1))
    addresses = [f"10.77.{bridge}.{number}/24"]
    if dual_stack:
        addresses.append(f"fd77:0:0:{bridge}::{number}/64")
    interface: Variables = {
        "name": f"eth{number}",
        "bridge": BRIDGES[bridge],
        "peer": f"tap{number}",
        "addresses": addresses,
    }
    if draw(st.booleans()):
        interface["mtu"] = draw(st.sampled_from([1400, 1500, 9000]))
    if draw(st.booleans()):
        interface["mac"] = f"02:00:00:00:77:0{number}"
    if draw(st.integers(0, 3)) == 0:
        interface["tag"] = draw(st.sampled_from([7, 8]))
    namespace: Variables = {"name": name, "interfaces": [interface]}
    namespace.update(_routing(draw, bridge, number))
    if draw(st.integers(0, 3)) == 0:
        namespace["nameservers"] = ["192.0.2.53"]
    return namespace


def _routing(draw: st.DrawFn, bridge: int, number: int) -> Variables:
    """Return the routes, rules and static neighbours of a namespace, each of these only if it declares them."""
    gateway, other = f"10.77.{bridge}.254", f"10.77.{bridge}.253"
    default = {"destination": "default", "gateway": gateway}
    several = {"destination": "10.66.0.0/16", "nexthops": [{"gateway": gateway, "weight": 3}, {"gateway": other}]}
    refused = {"destination": "10.67.0.0/16", "type": draw(st.sampled_from(["blackhole", "unreachable", "prohibit"]))}
    table = {**default, "table": 100, "mtu": 1300}
    rule = {"priority": 1000, "to": "10.68.0.0/16", "table": 100}
    neighbour = {"address": other, "device": f"eth{number}", "mac": "02:00:00:00:77:fd"}
    choices: dict[str, list[list[Variables] | None]] = {
        "routes": [None, [], [default], [default, several], [default, refused, table]],
        "rules": [None, None, [], [rule], [rule, {"priority": 1001, "fwmark": "0x1/0xf", "action": "prohibit"}]],
        "neighbours": [None, None, [], [neighbour]],
    }
    drawn = {key: draw(st.sampled_from(found)) for key, found in choices.items()}
    return {key: value for key, value in drawn.items() if value is not None}


def _link(draw: st.DrawFn) -> Variables:
    """Return a link between the first two namespaces, by their numbers: named() puts in the names."""
    link: Variables = {
        "name": "link0",
        "namespace": 0,
        "addresses": ["10.78.0.1/30"],
        "peer": {"name": "link0", "namespace": 1, "addresses": ["10.78.0.2/30"]},
    }
    if draw(st.booleans()):
        link["mtu"] = link["peer"]["mtu"] = 1400
    return link


def _nat(draw: st.DrawFn, namespace: Variables) -> list[Variables]:
    """Return NAT of the first bridge's network, and a port published to a namespace that the host reaches."""
    masquerade: Variables = {"source": "10.77.0.0/24"}
    published: Variables = {"publish": draw(st.sampled_from([8080, "8000-8003"])), "to": namespace["name"]}
    chosen = [entry for entry in (masquerade, published) if draw(st.booleans())]
    # The host has its address in the untagged network of a bridge.
    return [entry for entry in chosen if entry is masquerade or "tag" not in namespace["interfaces"][0]]


def named(variables: Variables) -> Variables:
    """Return the topology with the names of the namespaces in its links."""
    names = [namespace["name"] for namespace in variables["namespaces"]]
    links = [
        {
            **link,
            "namespace": names[link["namespace"]],
            "peer": {**link["peer"], "namespace": names[link["peer"]["namespace"]]},
        }
        for link in variables["links"]
    ]
    return {**variables, "links": links}


def fewer(variables: Variables) -> Variables:
    """Return the topology without its last namespace and its last bridge, and without what needs them."""
    bridge = variables["bridges"][-1]["name"] if len(variables["bridges"]) > 1 else None
    namespaces = [
        namespace
        for namespace in variables["namespaces"][:-1]
        if all(interface["bridge"] != bridge for interface in namespace["interfaces"])
    ]
    left = {namespace["name"] for namespace in namespaces}
    return {
        **variables,
        "bridges": [each for each in variables["bridges"] if each["name"] != bridge],
        "namespaces": namespaces,
        "links": [link for link in variables["links"] if {link["namespace"], link["peer"]["namespace"]} <= left],
        "nat": [entry for entry in variables["nat"] if "to" not in entry or entry["to"] in left],
    }
