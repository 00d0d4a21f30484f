# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ports of Open vSwitch: their options, and the state that they depend on. Pure, but for read()."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core import validation
from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import OWNER_OPTIONS, Call, Resource
from ansible_collections.netns.fabric.plugins.module_utils._core.vlans import vlan_range
from ansible_collections.netns.fabric.plugins.module_utils._kernel.access import KERNEL
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import KernelState
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.backend import OVSDB
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.options import (
    VSCTL_OPTIONS,
    bridge_name,
    link_name,
    member_name,
    parse_map,
    port_name,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.port_settings import INTERFACE_SETTINGS, PORT_SETTINGS
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.settings import parse_settings, specs
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Port, Switch
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.tunnel_settings import TUNNEL_SETTINGS
from ansible_collections.netns.fabric.plugins.module_utils._resources import ovs_port_stack as stack
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_planner import REOPENED
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_port_checks import check_options
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_port_checksum import is_far_end_unknown
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_port_devices import needs_vports
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_port_model import (
    WITH_LINK,
    PatchPeer,
    Peer,
    PortState,
    WantedPort,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_port_planner import PortPlanner
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_port_uplinks import read_staying
from ansible_collections.netns.fabric.plugins.module_utils._resources.things import ALink, APort


class PortResource(Resource[WantedPort, PortState]):
    """The resource of the module ovs_port."""

    list_option = "ports"
    identity = "name"
    backends = (OVSDB, KERNEL)
    entry_options: Mapping[str, Mapping[str, Any]] = {
        "name": {"type": "str"},
        "bridge": {"type": "str"},
        "type": {"type": "str"},
        "tag": {"type": "int"},
        "trunks": {"type": "list", "elements": "str"},
        "vlan_mode": {"type": "str", "choices": list(validation.VLAN_MODES)},
        "members": {"type": "list", "elements": "str"},
        **specs(PORT_SETTINGS),
        "iface_id": {"type": "str"},
        "mac": {"type": "str"},
        "mtu": {"type": "int"},
        "options": {"type": "dict"},
        "tunnel": {"type": "dict", "options": specs(TUNNEL_SETTINGS)},
        "external_ids": {"type": "dict"},
        "other_config": {"type": "dict"},
        "interface_external_ids": {"type": "dict"},
        "interface_other_config": {"type": "dict"},
        **specs(INTERFACE_SETTINGS),
        "protected": {"type": "bool"},
        "tx_checksum": {"type": "str", "choices": ["auto", "keep"], "default": "auto"},
        "peer": {
            "type": "dict",
            "options": {
                "name": {"type": "str", "required": True},
                "namespace": {"type": "str"},
                "bridge": {"type": "str"},
            },
        },
    }
    call_options: Mapping[str, Mapping[str, Any]] = {
        **OWNER_OPTIONS,
        **VSCTL_OPTIONS,
        "exact": {"type": "bool", "default": False},
    }

    def desired(self, entry: Entry, options: Mapping[str, Any]) -> WantedPort:
        checks = Checks(entry)
        kind = options.get("type")
        kind = "system" if kind == "" else kind
        patch = _parse_patch(checks, options.get("peer"))
        kind = "patch" if patch and kind is None else kind
        members = _parse_members(checks, options.get("members"))
        wanted = WantedPort(
            entry=entry,
            present=options["state"] == "present",
            name=checks.value("name", link_name if kind in WITH_LINK and not members else port_name, options["name"]),
            bridge=checks.value("bridge", bridge_name, options.get("bridge")),
            type=kind,
            tag=checks.value("tag", validation.vlan, options.get("tag")),
            trunks=_parse_vlans(checks, options.get("trunks")),
            vlan_mode=options.get("vlan_mode"),
            iface_id=options.get("iface_id"),
            mac=checks.value("mac", validation.mac_address, options.get("mac")),
            mtu=checks.value("mtu", validation.mtu, options.get("mtu")),
            protected=options.get("protected"),
            options=parse_map(checks, "options", options.get("options")),
            external_ids=parse_map(checks, "external_ids", options.get("external_ids")),
            other_config=parse_map(checks, "other_config", options.get("other_config")),
            interface_external_ids=parse_map(checks, "interface_external_ids", options.get("interface_external_ids")),
            interface_other_config=parse_map(checks, "interface_other_config", options.get("interface_other_config")),
            members=members,
            port_settings=parse_settings(checks, PORT_SETTINGS, options),
            interface_settings=parse_settings(checks, INTERFACE_SETTINGS, options),
            tx_checksum=options.get("tx_checksum") or "auto",
            tunnel_settings=parse_settings(checks, TUNNEL_SETTINGS, options.get("tunnel") or {}, "tunnel."),
            peer=None if patch else _parse_peer(checks, options.get("peer")),
            patch=patch,
        )
        check_options(checks, wanted)
        checks.done()
        return wanted

    def key(self, desired: WantedPort) -> object:
        return desired.name

    def ensures(self, desired: WantedPort) -> Iterable[object]:
        if not desired.present:
            return []
        if desired.patch:
            return [APort(desired.name), APort(desired.patch.name)]
        is_link = desired.type in (None, *WITH_LINK) and not desired.members
        return [APort(desired.name), *([ALink(None, desired.name)] if is_link else [])]

    def read(self, host: Host, call: Call[WantedPort]) -> PortState:
        present = [port for port in call.entries if port.present]
        switch = host.use(OVSDB).read(call.check_mode, nothing_wanted=not present)
        if not present:
            return PortState(switch)
        reopened = frozenset(host.simulated.get(REOPENED, ()))
        # Each member of a bond is read as a port of its own.
        present = [each for wanted in present for each in wanted.links(_find_port(switch, wanted.name))]
        links = _read_links(host, present, [])
        if not call.check_mode and switch.running:
            expected = {port.name for port in present if links.link(None, port.name)}
            switch = host.use(OVSDB).read_settled(expected)
        staying = read_staying(host, {port.name for port in present if switch.port_with(port.name) is None})
        works = host.use(OVSDB).kernel_datapath()
        state = PortState(switch, links, system_works=works, reopened=reopened, staying=staying)
        if any(is_far_end_unknown(state, port) for port in present):
            named = [port.peer.namespace for port in present if port.peer]
            everywhere = sorted(host.use(KERNEL).namespace_names(preferred=named))
            state = replace(state, kernel=_read_links(host, present, everywhere))
        state = replace(state, kernel=host.use(KERNEL).with_sysctls(state.kernel, stack.queries(present)))
        vports = any(needs_vports(state, port) for port in present)
        return replace(state, attachments=host.use(OVSDB).attachments(vports))

    def plan(self, actual: PortState, call: Call[WantedPort]) -> Plan:
        return PortPlanner(actual, call).run()


# The options of an entry


def _parse_peer(checks: Checks, options: Mapping[str, Any] | None) -> Peer | None:
    if not options:
        return None
    namespace = checks.value("peer.namespace", validation.namespace_name, options.get("namespace"))
    return Peer(namespace, checks.value("peer.name", validation.interface_name, options["name"]))


def _parse_patch(checks: Checks, options: Mapping[str, Any] | None) -> PatchPeer | None:
    if not options or options.get("bridge") is None:
        return None
    if options.get("namespace") is not None:
        checks.error("peer.namespace", "with `peer.bridge` the other end is a patch port, no link; remove it")
    bridge = checks.value("peer.bridge", bridge_name, options["bridge"])
    return PatchPeer(bridge, checks.value("peer.name", port_name, options["name"]))


def _parse_vlans(checks: Checks, given: Sequence[Any] | None) -> tuple[int, ...] | None:
    if given is None:
        return None
    ranges = (checks.value("trunks", vlan_range, each) for each in given)
    return tuple(sorted({vlan for each in ranges for vlan in each or ()}))


def _parse_members(checks: Checks, given: Sequence[Any] | None) -> tuple[str, ...] | None:
    if given is None:
        return None
    return tuple(sorted(set(checks.each("members", member_name, given))))


# The state that is read


def _read_links(host: Host, present: Iterable[WantedPort], more: Iterable[str]) -> KernelState:
    hints = (port.peer.namespace for port in present if port.peer and port.tx_checksum == "auto")
    return host.use(KERNEL).read([None, *hints], tx_checksum=True, others=more)


def _find_port(switch: Switch, name: str) -> Port | None:
    found = switch.port(name)
    return found[1] if found else None
