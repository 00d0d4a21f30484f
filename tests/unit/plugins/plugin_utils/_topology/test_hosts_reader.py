# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts of a topology and the options of a mesh, as they are read."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.bridge_model import Mesh
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.reader import Reader


def read(**variables: Any) -> tuple[Any, list[str]]:
    reader = Reader()
    return reader.read(variables), list(reader.errors)


def test_hosts_with_and_without_addresses() -> None:
    assert read(hosts={"one": "192.0.2.1", "two": None})[0].hosts == {"one": "192.0.2.1", "two": ""}
    assert read(hosts=["one", "two"])[0].hosts == {"one": "", "two": ""}
    assert read(hosts="one")[1] == ["topology_hosts: must be a list of names in the inventory, not the string 'one'"]


def test_a_mesh_and_its_defaults() -> None:
    topology, errors = read(bridges=[{"name": "lab", "mesh": {"type": "geneve", "key": "7"}}])
    assert not errors
    assert topology.bridges[0].mesh == Mesh("topology_bridges[0] (lab) mesh", "geneve", 7, None, 1500)


@pytest.mark.parametrize(
    ("mesh", "message"),
    [
        ({"key": 7}, "mesh: type: is missing; set vxlan or geneve"),
        ({"type": "vxlan"}, "mesh: key: is missing"),
        ({"type": "gre", "key": 7}, "mesh: type: 'gre' is not one of vxlan, geneve"),
        ({"type": "vxlan", "key": 1 << 24}, "mesh: key: must be a whole number from 1 to 16777215"),
        ({"type": "vxlan", "key": 7, "mtu": 1}, "mesh: mtu: is not an option here"),
        ("vxlan", "mesh: must be a dictionary"),
    ],
)
def test_a_wrong_mesh_is_an_error(mesh: Any, message: str) -> None:
    topology, errors = read(bridges=[{"name": "lab", "mesh": mesh}])
    assert any(message in error for error in errors), errors
    assert topology.bridges[0].mesh is None or "mtu" in mesh
