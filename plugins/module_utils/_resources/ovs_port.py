# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ports of Open vSwitch: their options, and the state that they depend on. Pure, but for read()."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core import validation
from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import OWNER_OPTIONS, Call, Resource
from ansible_collections.netns.fabric.plugins.module_utils._kernel.access import KERNEL
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import KernelState
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.backend import OVSDB
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.options import (
    VSCTL_OPTIONS,
    bridge_name,
    link_name,
    parse_map,
    port_name,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources import ovs_port_stack as stack
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_planner import REOPENED
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_port_checksum import is_far_end_unknown
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_port_devices import needs_vports
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_port_model import (
    WITH_LINK,
    Peer,
    PortState,
    WantedPort,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_port_planner import PortPlanner
from ansible_collections.netns.fabric.plugins.module_utils._resources.things import ALink


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
        "trunks": {"type": "list", "elements": "int"},
        "vlan_mode": {"type": "str", "choices": list(validation.VLAN_MODES)},
        "iface_id": {"type": "str"},
        "mac": {"type": "str"},
        "mtu": {"type": "int"},
        "options": {"type": "dict"},
        "external_ids": {"type": "dict"},
        "other_config": {"type": "dict"},
        "protected": {"type": "bool"},
        "tx_checksum": {"type": "str", "choices": ["auto", "keep"], "default": "auto"},
        "peer": {
            "type": "dict",
            "options": {"name": {"type": "str", "required": True}, "namespace": {"type": "str"}},
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
        trunks = options.get("trunks")
        vlans = None if trunks is None else [checks.value("trunks", validation.vlan, vlan) for vlan in trunks]
        wanted = WantedPort(
            entry=entry,
            present=options["state"] == "present",
            name=checks.value("name", link_name if kind in WITH_LINK else port_name, options["name"]),
            bridge=checks.value("bridge", bridge_name, options.get("bridge")),
            type=kind,
            tag=checks.value("tag", validation.vlan, options.get("tag")),
            trunks=None if vlans is None else tuple(sorted({vlan for vlan in vlans if vlan is not None})),
            vlan_mode=options.get("vlan_mode"),
            iface_id=options.get("iface_id"),
            mac=checks.value("mac", validation.mac_address, options.get("mac")),
            mtu=checks.value("mtu", validation.mtu, options.get("mtu")),
            protected=options.get("protected"),
            options=parse_map(checks, "options", options.get("options")),
            external_ids=parse_map(checks, "external_ids", options.get("external_ids")),
            other_config=parse_map(checks, "other_config", options.get("other_config")),
            tx_checksum=options.get("tx_checksum") or "auto",
            peer=_parse_peer(checks, options.get("peer")),
        )
        _check_vlans(checks, wanted)
        if (wanted.external_ids or {}).get("iface-id") is not None:
            checks.error(
                "external_ids",
                "nobody reads `iface-id` in the table Port; use the option `iface_id`, which is stored in the table "
                "Interface",
            )
        checks.done()
        return wanted

    def key(self, desired: WantedPort) -> object:
        return desired.name

    def ensures(self, desired: WantedPort) -> Iterable[object]:
        return [ALink(None, desired.name)] if desired.present and desired.type in (None, *WITH_LINK) else []

    def read(self, host: Host, call: Call[WantedPort]) -> PortState:
        present = [port for port in call.entries if port.present]
        switch = host.use(OVSDB).read(call.check_mode, nothing_wanted=not present)
        if not present:
            return PortState(switch)
        reopened = frozenset(host.simulated.get(REOPENED, ()))
        links = _read_links(host, present, [])
        if not call.check_mode and switch.running:
            expected = {port.name for port in present if links.link(None, port.name)}
            switch = host.use(OVSDB).read_settled(expected)
        state = PortState(switch, links, system_works=host.use(OVSDB).kernel_datapath(), reopened=reopened)
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


def _check_vlans(checks: Checks, wanted: WantedPort) -> None:
    """Check for options that ovs-vswitchd ignores (ovs-vswitchd.conf.db(5), "VLAN Configuration")."""
    mode = wanted.vlan_mode
    if wanted.tag is not None and mode == "trunk":
        checks.error(
            "tag",
            "it is not allowed with `vlan_mode: trunk`; remove it, or use `vlan_mode: native-untagged` or "
            "`native-tagged`",
        )
    if wanted.trunks and mode in ("access", "dot1q-tunnel"):
        checks.error("trunks", f"a port with `vlan_mode: {mode}` carries one VLAN only; remove `trunks`")
    if wanted.trunks and wanted.tag is not None and mode is None:
        checks.error(
            "trunks",
            "it has no effect with `tag` alone, which makes the port an access port; set `vlan_mode`, for instance "
            "`native-untagged`",
        )


# The state that is read


def _read_links(host: Host, present: Iterable[WantedPort], more: Iterable[str]) -> KernelState:
    hints = (port.peer.namespace for port in present if port.peer and port.tx_checksum == "auto")
    return host.use(KERNEL).read([None, *hints], tx_checksum=True, others=more)
