# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The result of topology_info as a whole."""

from __future__ import annotations

from ipaddress import ip_interface as interface

import yaml

from ansible_collections.netns.fabric.plugins.module_utils._facts.model import NamespaceFacts
from ansible_collections.netns.fabric.plugins.module_utils._kernel.sockets import Socket
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import (
    Address,
    End,
    Neighbour,
    Route,
)
from ansible_collections.netns.fabric.plugins.modules import topology_info
from ansible_collections.netns.fabric.tests.helpers.host_facts import (
    LO,
    PATH,
    SWITCH,
    host_facts,
    namespace,
    reported,
    veth,
)


def test_documentation_has_the_return_values() -> None:
    """Compare the keys of what is documented by a sample, and those of what is documented by `contains`."""
    documented = yaml.safe_load(topology_info.RETURN)
    pair = veth(2, "eth0", End(None, 5))
    host = namespace(None, LO, veth(5, "tap0", End("red", 2)))
    listening = Socket("tcp", "::", 80, 6, 0, 0, 9)
    red = namespace(
        "red",
        LO,
        pair,
        addresses=(Address(2, interface("10.0.0.1/24")),),
        routes=(Route("0.0.0.0/0", gateway="10.0.0.2", device=2),),
        neighbours=(Neighbour("10.0.0.2", 2),),
    )
    inside = {
        None: NamespaceFacts(),
        "red": NamespaceFacts(sockets=[listening], sysctls={"net.ipv4.ip_forward": "1"}),
    }
    result = reported(host_facts(host, red, inside=inside, switch=SWITCH))
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
    assert set(result["northbound"]) == set(documented["northbound"]["contains"])
    assert set(result["openvswitch"]["bridges"][0]["ports"][0]) == set(bridges[0]["ports"][0])
    assert set(result["declarations"]) == set(documented["declarations"]["contains"])


def test_namespaces_with_a_name_come_first() -> None:
    result = reported(host_facts(namespace(PATH, LO), namespace("zebra", LO), namespace("ant", LO)))
    assert [found["name"] for found in result["namespaces"]] == ["ant", "zebra", "net:[101]"]
