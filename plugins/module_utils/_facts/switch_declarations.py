# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bridges and ports of Open vSwitch as declarations. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ansible_collections.netns.fabric.plugins.module_utils._core.vlans import format_vlans
from ansible_collections.netns.fabric.plugins.module_utils._facts.exporter import Declaration, Exporter, drop_unset
from ansible_collections.netns.fabric.plugins.module_utils._facts.switch_view import without_marks
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.bridge_settings import (
    BRIDGE_REFERENCES,
    BRIDGE_SETTINGS,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.chassis import find_chassis
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.mirrors import find_mirrors
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.port_settings import INTERFACE_SETTINGS, PORT_SETTINGS
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.qos import find_qos
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.settings import declare_settings
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Bridge, Port
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_bridge_model import PROTOCOLS
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_port_model import WITHOUT_DEVICE


def bridges(exporter: Exporter) -> Iterator[Declaration]:
    """Return the entries for ovs_bridge."""
    for bridge in exporter.facts.bridges():
        if not exporter.facts.owns(bridge.owners):
            continue
        what = f"bridges: {bridge.name}"
        if bridge.name in exporter.host.lost:
            exporter.skip(what, "its local device is missing")
            continue
        works = bridge.works and (bridge.datapath_type != "system" or exporter.host.system_works)
        options = {
            "name": bridge.name,
            "datapath_type": bridge.datapath_type if works else None,
            "fail_mode": bridge.fail_mode,
            "protocols": list(bridge.protocols) if set(bridge.protocols) <= set(PROTOCOLS) else None,
            "external_ids": without_marks(bridge.external_ids),
            "other_config": dict(bridge.other_config),
            "mtu": bridge.local.mtu_request if bridge.local else None,
            **declare_settings(BRIDGE_SETTINGS, bridge.row),
            **{each.option: each.declare(exporter.facts.host.switch, bridge.row) for each in BRIDGE_REFERENCES},
        }
        yield {option: value for option, value in options.items() if value}


def flows(exporter: Exporter) -> Iterator[Declaration]:
    """Return the entries for ovs_flow: the flows of one owner, which are exact on each bridge."""
    for bridge in exporter.facts.bridges():
        found = exporter.facts.flows(bridge)
        others = {owner for _flow, owner in found if owner != exporter.owner}
        if others:
            named = ", ".join(sorted(filter(None, others))) or "an unknown owner"
            exporter.skip(f"flows: {bridge.name}", f"it has some of {named}; ask for those of an owner with `owner`")
        own = [flow.text for flow, owner in found if owner == exporter.owner]
        if own:
            yield {"bridge": bridge.name, "flows": own}


def mirrors(exporter: Exporter) -> Iterator[Declaration]:
    """Return the entries for ovs_mirror."""
    for bridge in exporter.facts.bridges():
        for mirror in find_mirrors(exporter.facts.host.switch, bridge):
            if exporter.facts.owns(mirror.owners) or exporter.facts.owns(bridge.owners):
                options = {**mirror.declare(), "external_ids": without_marks(mirror.external_ids)}
                given = {option: value for option, value in options.items() if value}
                yield {"name": mirror.name, "bridge": bridge.name, **given}


def ports(exporter: Exporter) -> Iterator[Declaration]:
    """Return the entries for ovs_port; a bridge's own port is declared only where an option of it is set."""
    for bridge in exporter.facts.bridges():
        for port in exporter.facts.ports(bridge):
            if not exporter.facts.owns(port.owners):
                continue
            obstacle = _obstacle(exporter, bridge, port)
            if obstacle:
                exporter.skip(f"ports: {port.name}", obstacle)
                continue
            options = _options(bridge, port)
            if port.name != bridge.name or options:
                # The pair declares the checksums of the far end, see `pairs`.
                yield {"name": port.name, "bridge": bridge.name, "tx_checksum": "keep", **options}


def qos(exporter: Exporter) -> Iterator[Declaration]:
    """Return the entries for ovs_qos."""
    switch = exporter.facts.host.switch
    for bridge in exporter.facts.bridges():
        for port in exporter.facts.ports(bridge):
            found = find_qos(switch, port)
            if found and (exporter.facts.owns(found.owners) or exporter.facts.owns(port.owners)):
                options = {option: value for option, value in found.declare(switch).items() if value}
                yield {"port": port.name, **options}


def chassis(exporter: Exporter) -> Iterator[Declaration]:
    """Return the entry for ovn_chassis."""
    found = find_chassis(exporter.facts.host.switch)
    if found and exporter.facts.owns(found.owners):
        yield {option: value for option, value in found.describe().items() if value not in (None, [], False)}


def _obstacle(exporter: Exporter, bridge: Bridge, port: Port) -> str:
    """Return why a port cannot be declared as it is; an empty text if it can."""
    if any(interface.type != "system" for interface in port.interfaces if port.is_bond):
        return "it is a bond of interfaces that are no links of the host"
    if port.fake_bridge:
        return "it is a VLAN bridge (ovs-vsctl calls it fake)"
    if not bridge.works:
        return f"its bridge {bridge.name} does not work"
    return next(filter(None, (exporter.host.fault(bridge, interface) for interface in port.interfaces)), "")


def _options(bridge: Bridge, port: Port) -> Declaration:
    interface = port.interface
    is_local = port.name == bridge.name
    settings = {
        **declare_settings(PORT_SETTINGS, port.row),
        **declare_settings(INTERFACE_SETTINGS, interface.row),
    }
    declared = drop_unset(
        type=interface.type if interface.type != "system" and not is_local else None,
        tag=port.tag,
        members=list(port.members) if port.is_bond else None,
        trunks=format_vlans(port.trunks) or None,
        vlan_mode=port.vlan_mode,
        iface_id=interface.external_ids.get("iface-id"),
        protected=port.protected or None,
        mac=interface.mac if interface.type == "internal" else None,
        mtu=interface.mtu_request if interface.type not in WITHOUT_DEVICE and not is_local else None,
        options=dict(interface.options) or None,
        external_ids=without_marks(port.external_ids) or None,
        other_config=_without(port.other_config, "lacp-time") or None,
        interface_external_ids=_without(without_marks(interface.external_ids), "iface-id") or None,
        interface_other_config=dict(interface.other_config) or None,
    )
    return {**declared, **settings}


def _without(found: Mapping[str, str], key: str) -> dict[str, str]:
    """Return a map without the key that is an option of its own."""
    return {name: value for name, value in found.items() if name != key}
