# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Namespaces and links as topology_info returns them."""

from __future__ import annotations

from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import End, Link
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Bridge, Interface, Port, Switch
from ansible_collections.netns.fabric.plugins.module_utils._system.processes import Process
from ansible_collections.netns.fabric.tests.helpers.host_facts import (
    LO,
    PATH,
    SWITCH,
    host_facts,
    namespace,
    reported,
    veth,
)


def test_a_peer_and_a_port() -> None:
    host = namespace(None, LO, veth(5, "tap0", End("red", 2)))
    result = reported(host_facts(host, namespace("red", LO, veth(2, "eth0", End(None, 5))), switch=SWITCH))
    near, far = result["host"]["links"][1], result["namespaces"][0]["links"][1]
    assert near["peer"] == {"namespace": "red", "name": "eth0", "index": 2}
    assert far["peer"] == {"namespace": None, "name": "tap0", "index": 5}
    assert near["bridge_port"] == {"bridge": "br0", "port": "tap0", "tag": 7}
    assert far["bridge_port"] is None


def test_a_peer_that_was_not_found() -> None:
    result = reported(host_facts(namespace("red", LO, veth(2, "eth0", End(None, 5, known=False)))))
    assert result["namespaces"][0]["links"][1]["peer"] == {"namespace": None, "name": None, "index": 5}


def test_an_internal_port_in_a_namespace_is_found_by_its_kind() -> None:
    moved = Interface("inner", type="internal", ofport=2)
    switch = Switch(bridges=(Bridge("br0", datapath_type="netdev", ports=(Port("inner", (moved,)),)),))
    by_kind = {
        kind: reported(host_facts(namespace("red", LO, Link(2, "inner", kind=kind)), switch=switch))["namespaces"][0][
            "links"
        ][1]
        for kind in ("tun", "veth")
    }
    assert by_kind["tun"]["bridge_port"]["port"] == "inner"
    assert by_kind["veth"]["bridge_port"] is None


def test_a_namespace_without_a_name() -> None:
    processes = {101: [Process(77, "sleep 9", "nobody")]}
    result = reported(host_facts(namespace(PATH, LO, veth(2, "eth0", End(None, 5))), processes=processes))
    (found,) = result["namespaces"]
    assert (found["name"], found["named"], found["path"]) == ("net:[101]", False, PATH)
    assert found["processes"] == [{"pid": 77, "command": "sleep 9", "user": "nobody"}]
