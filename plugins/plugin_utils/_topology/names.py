# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The names by which the namespaces of a topology know each other. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ansible_collections.netns.fabric.plugins.module_utils._core.host_names import is_host_name
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.model import Topology
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.nodes import is_link_local


def namespace_addresses(topology: Topology) -> Mapping[str, Sequence[str]]:
    """Return the addresses by which others may reach each namespace whose name can be the name of a host."""
    if not topology.names:
        return {}
    found: dict[str, list[str]] = {}
    for name, plugs in topology.plugs.items():
        if name is None or not is_host_name(name):
            continue
        for plug in plugs:
            for address in plug.addresses or ():
                if plug.name != "lo" and not is_link_local(address.ip):
                    found.setdefault(name, []).append(str(address.ip))
    return found
