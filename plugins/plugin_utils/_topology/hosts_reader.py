# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads what a topology says of several hosts: which there are, and the meshes of bridges. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from ansible_collections.netns.fabric.plugins.module_utils._core.validation import describe
from ansible_collections.netns.fabric.plugins.plugin_utils._topology import schema
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.bridge_model import Mesh
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.errors import Errors
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.schema import Check

#: Bytes: what an Ethernet between hosts carries unless it is declared.
UNDERLAY_MTU = 1500


class OptionReader(Protocol):
    """What checks the options of an entry."""

    errors: Errors

    def check_options(
        self, path: str, entry: Any, known: Mapping[str, Check | None], required: str
    ) -> dict[str, Any] | None: ...


def read_hosts(reader: OptionReader, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the hosts of a topology with their addresses, and the host that it is compiled for."""
    hosts, this_host = given.get("hosts", {}), given.get("this_host")
    if isinstance(hosts, list):
        hosts = {str(name): "" for name in hosts}
    if not isinstance(hosts, dict):
        reader.errors.add("topology_hosts", "", f"must be a list of names in the inventory, not {describe(hosts)}")
        hosts = {}
    return {"hosts": {name: str(address or "") for name, address in hosts.items()}, "this_host": this_host}


def read_mesh(reader: OptionReader, path: str, options: Mapping[str, Any]) -> Mesh | None:
    """Return the mesh of a bridge; None where there is none, or it is invalid."""
    if "mesh" not in options:
        return None
    at = f"{path} mesh"
    found = reader.check_options(at, options["mesh"], schema.MESH, "key")
    if isinstance(options["mesh"], dict) and "type" not in options["mesh"]:
        reader.errors.add(at, "type", "is missing; set vxlan or geneve")
    if found is None or "type" not in found:
        return None
    return Mesh(at, found["type"], found["key"], found.get("gateway"), found.get("underlay_mtu", UNDERLAY_MTU))
