# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The differences between a port and what is wanted of it, in the rows of two tables. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.differences import Difference
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.port_settings import INTERFACE_SETTINGS, PORT_SETTINGS
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.settings import compare_settings
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Interface, Port
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.tunnel_settings import TUNNEL_SETTINGS
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_port_model import WantedPort

#: The column and the key in it that OVN and others know an interface by (ovs-vswitchd.conf.db(5)).
_IFACE_ID = ("external_ids", "iface-id")


@dataclass
class PortDifference:
    """Collects the columns of a port's rows that are to change; the diff is one."""

    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.port = Difference(self.before, self.after)

    def compare(self, wanted: WantedPort, port: Port) -> None:
        """Compare the row of a port."""
        self.port.compare("tag", port.tag, wanted.tag)
        if wanted.vlan_mode == "trunk":
            self.port.clear("tag", port.tag)
        self.port.compare("trunks", port.trunks, wanted.trunks)
        self.port.compare("vlan_mode", port.vlan_mode, wanted.vlan_mode)
        self.port.compare("protected", port.protected, wanted.protected)
        compare_settings(self.port, PORT_SETTINGS, port.row, wanted.port_settings)
        self.port.compare_map("external_ids", port.external_ids, wanted.external_ids)
        self.port.compare_map("other_config", port.other_config, wanted.other_config)

    def compare_interface(self, wanted: WantedPort, interface: Interface, kind: str) -> Difference:
        """Compare the row of one of its interfaces."""
        found = Difference(self.before, self.after)
        found.compare_key("iface_id", interface.external_ids.get("iface-id"), wanted.iface_id, *_IFACE_ID)
        found.compare("type", interface.type, kind, stored="" if kind == "system" else kind)
        found.compare("mac", interface.mac, wanted.mac)
        found.compare("mtu", interface.mtu_request, wanted.mtu, column="mtu_request")
        compare_settings(found, INTERFACE_SETTINGS, interface.row, wanted.interface_settings)
        tunnel = Difference()
        compare_settings(tunnel, TUNNEL_SETTINGS, interface.row, wanted.tunnel_settings)
        if tunnel.after:
            found.before["tunnel"], found.after["tunnel"] = tunnel.before, tunnel.after
            found.keys.extend(tunnel.keys)
        found.compare_map("options", interface.options, wanted.options)
        maps = (
            ("interface_external_ids", interface.external_ids, wanted.interface_external_ids, "external_ids"),
            ("interface_other_config", interface.other_config, wanted.interface_other_config, "other_config"),
        )
        for option, old, new, column in maps:
            found.compare_map(option, old, new, column)
        return found

    def clear_omitted(self, wanted: WantedPort, port: Port) -> None:
        """Clear what the entry omits of what decides which packets the port forwards."""
        for option in ("tag", "trunks", "vlan_mode"):
            if getattr(wanted, option) is None:
                self.port.clear(option, getattr(port, option))
        if wanted.protected is None:
            self.port.compare("protected", port.protected, new=False)
