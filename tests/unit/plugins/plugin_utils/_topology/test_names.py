# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The names by which namespaces know each other."""

from __future__ import annotations

from typing import Any

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.compiler import compile_topology
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.loader import load_topology
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.names import namespace_addresses

VARIABLES: dict[str, Any] = {
    "bridges": [{"name": "br", "addresses": ["10.1.0.254/24"]}],
    "namespaces": [
        {
            "name": "web",
            "interfaces": [
                {"name": "eth0", "bridge": "br", "addresses": ["10.1.0.1/24", "fd00::1/64", "fe80::5/64"]},
                {"name": "eth1", "bridge": "br", "tag": 5},
            ],
        },
        {"name": "db", "interfaces": [{"name": "eth0", "bridge": "br", "addresses": ["10.1.0.2/24"]}]},
        {
            "name": "localhost",
            "interfaces": [{"name": "eth0", "bridge": "br", "peer": "l", "addresses": ["10.1.0.3/24"]}],
        },
        {"name": "alone"},
    ],
    "links": [
        {"name": "s0", "namespace": "web", "addresses": ["10.9.0.1/30"], "peer": {"name": "s1", "namespace": "db"}}
    ],
}


def test_every_address_that_others_may_reach() -> None:
    assert namespace_addresses(load_topology(VARIABLES)) == {
        "web": ["10.1.0.1", "fd00::1", "10.9.0.1"],
        "db": ["10.1.0.2"],
    }


def test_the_module_gets_them_once() -> None:
    assert compile_topology(VARIABLES)["hosts"] == namespace_addresses(load_topology(VARIABLES))
    assert compile_topology({**VARIABLES, "names": False})["hosts"] == {}
    assert compile_topology({**VARIABLES, "state": "absent"})["hosts"] == {}
