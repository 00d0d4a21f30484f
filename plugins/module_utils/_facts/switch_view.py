# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Open vSwitch as the module returns it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._facts.model import HostFacts
from ansible_collections.netns.fabric.plugins.module_utils._facts.view import FilteredFacts
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.bridge_settings import (
    BRIDGE_REFERENCES,
    BRIDGE_SETTINGS,
    CONTROLLERS,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.mirrors import find_mirrors
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.port_settings import INTERFACE_SETTINGS, PORT_SETTINGS
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.qos import find_qos
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.settings import describe_settings
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import (
    MARK,
    REOPEN_KEY,
    Bridge,
    Port,
    Switch,
)


def switch_view(facts: FilteredFacts) -> dict[str, Any]:
    """Return Open vSwitch with the bridges that the filters admit."""
    switch = facts.host.switch
    return {
        "available": not switch.unavailable,
        "reason": switch.unavailable,
        "running": switch.running,
        "bridges": [_bridge(facts, bridge) for bridge in facts.bridges()],
    }


def _bridge(facts: FilteredFacts, bridge: Bridge) -> dict[str, Any]:
    return {
        "name": bridge.name,
        "datapath_type": bridge.datapath_type,
        "fail_mode": bridge.fail_mode,
        "protocols": list(bridge.protocols),
        "owners": list(bridge.owners),
        "external_ids": without_marks(bridge.external_ids),
        "other_config": dict(bridge.other_config),
        "works": bridge.works,
        **describe_settings(BRIDGE_SETTINGS, bridge.row),
        **{each.option: each.declare(facts.host.switch, bridge.row) for each in BRIDGE_REFERENCES},
        "controllers": list(_controllers(facts.host.switch, bridge)),
        "mirrors": [
            {
                "name": mirror.name,
                **mirror.describe(),
                "external_ids": without_marks(mirror.external_ids),
                "owners": list(mirror.owners),
            }
            for mirror in find_mirrors(facts.host.switch, bridge)
        ],
        "flows": [{"flow": flow.text, "owner": owner} for flow, owner in facts.flows(bridge)],
        "ports": [_port(facts.host, bridge, port) for port in facts.ports(bridge)],
    }


def _controllers(switch: Switch, bridge: Bridge) -> Iterator[dict[str, Any]]:
    for _target, row in CONTROLLERS.find(switch, bridge.row):
        yield {
            **describe_settings(CONTROLLERS.settings, row),
            "connected": bool(row.columns.get("is_connected")),
            "role": row.optional("role"),
        }


def _port(host: HostFacts, bridge: Bridge, port: Port) -> dict[str, Any]:
    interface = port.interface
    return {
        "name": port.name,
        "bridge": bridge.name,
        "local": port.name == bridge.name,
        "type": interface.type,
        "tag": port.tag,
        "trunks": list(port.trunks),
        "vlan_mode": port.vlan_mode,
        "protected": port.protected,
        "iface_id": interface.external_ids.get("iface-id"),
        "mac": interface.mac_in_use,
        "mtu": interface.mtu,
        "ofport": interface.ofport,
        "options": dict(interface.options),
        "external_ids": without_marks(port.external_ids),
        "other_config": dict(port.other_config),
        "owners": list(port.owners),
        "interfaces": [each.name for each in port.interfaces],
        **describe_settings(PORT_SETTINGS, port.row),
        "qos": _qos(host.switch, port),
        "interface_external_ids": without_marks(interface.external_ids),
        "interface_other_config": dict(interface.other_config),
        **describe_settings(INTERFACE_SETTINGS, interface.row),
        "error": _error(host, bridge, port),
    }


def _qos(switch: Switch, port: Port) -> dict[str, Any] | None:
    qos = find_qos(switch, port)
    return {**qos.declare(switch), "owners": list(qos.owners)} if qos else None


def _error(host: HostFacts, bridge: Bridge, port: Port) -> str:
    """Return what is wrong with a port; of a bond, with each of its interfaces."""
    faults = {interface.name: host.fault(bridge, interface) for interface in port.interfaces}
    if len(port.interfaces) == 1:
        return "".join(faults.values())
    return "; ".join(f"{name}: {fault}" for name, fault in faults.items() if fault)


def without_marks(external_ids: Mapping[str, str]) -> dict[str, str]:
    """Return the keys that this collection has not written itself."""
    return {key: value for key, value in external_ids.items() if not key.startswith(MARK) and key != REOPEN_KEY}
