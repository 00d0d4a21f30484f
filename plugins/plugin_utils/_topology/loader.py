# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Loads a topology: reads the role's variables and checks them, one by one and as a whole. Pure."""

from __future__ import annotations

from typing import Any

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.checks import check_topology
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.engines import assign_engines
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.errors import TopologyError
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.leases import assign_leases
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.meshes import assign_mtus
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.model import Topology
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.reader import Reader


def load_topology(variables: Any) -> Topology:
    """Return a valid topology.

    Args:
        variables: A dictionary with the role's variables, their names without ``topology_``.

    Raises:
        TopologyError: With all errors.
    """
    reader = Reader()
    topology = assign_leases(assign_engines(assign_mtus(reader.read(variables))))
    check_topology(topology, reader.errors)
    if len(reader.errors):
        raise TopologyError(topology.name, reader.errors)
    return topology
