# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bridges of Open vSwitch: their options, and how to converge them. Pure, but for read()."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core import validation
from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError, InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Change, Entry, Operation, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import OWNER_OPTIONS, Call, Resource
from ansible_collections.netns.fabric.plugins.module_utils._kernel import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._kernel.access import KERNEL
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import KernelState
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb import operations as ovs
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.attachment import lost_taps
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.backend import OVSDB
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.bridge_settings import (
    BRIDGE_REFERENCES,
    BRIDGE_SETTINGS,
    SSL,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.datapath import (
    CloseDatapath,
    OpenDatapath,
    bridges_away,
    bridges_without_datapath,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.differences import Difference
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.flows import cookie_of
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.options import (
    VSCTL_OPTIONS,
    bridge_name,
    parse_map,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.qos import remove_owned_qos
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.references import parse_rows, plan_rows
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.settings import (
    compare_settings,
    parse_settings,
    specs,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import (
    OWN_KIND,
    REOPEN_KEY,
    Bridge,
    Interface,
    Switch,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_names import refuse_altname
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_bridge_macs import (
    find_bridges_with_new_mac,
    hwaddr_of,
    lower_hwaddr,
    read_macs,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_bridge_model import (
    PROTOCOLS,
    BridgeState,
    WantedBridge,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_planner import (
    FLUSHED,
    REOPENED,
    OvsPlanner,
    is_left_behind,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_ssl import (
    check_ssl,
    plan_ssl,
    require_ssl,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.things import ABridge, ALink, APort

#: The options at whose change ovs-vswitchd removes all flows (connmgr_set_fail_mode() and connmgr_set_controllers() in
#: ofproto/connmgr.c; bridge_reconfigure() in vswitchd/bridge.c).
_FLUSHING = frozenset({"controllers", "datapath_type", "fail_mode"})


class BridgeResource(Resource[WantedBridge, BridgeState]):
    """The resource of the module ovs_bridge."""

    list_option = "bridges"
    identity = "name"
    backends = (OVSDB, KERNEL)
    entry_options: Mapping[str, Mapping[str, Any]] = {
        "name": {"type": "str"},
        "datapath_type": {"type": "str", "choices": ["auto", "system", "netdev"]},
        "fail_mode": {"type": "str", "choices": ["standalone", "secure"]},
        "mac": {"type": "str"},
        "mtu": {"type": "int"},
        "external_ids": {"type": "dict"},
        "other_config": {"type": "dict"},
        "protocols": {"type": "list", "elements": "str", "choices": list(PROTOCOLS)},
        **specs(BRIDGE_SETTINGS),
        **{reference.option: reference.spec for reference in BRIDGE_REFERENCES},
    }
    call_options: Mapping[str, Mapping[str, Any]] = {
        **OWNER_OPTIONS,
        **VSCTL_OPTIONS,
        "exact": {"type": "bool", "default": False},
        "ssl": SSL.spec,
    }

    def desired(self, entry: Entry, options: Mapping[str, Any]) -> WantedBridge:
        checks = Checks(entry)
        name = checks.value("name", bridge_name, options["name"])
        mac = checks.value("mac", validation.mac_address, options.get("mac"))
        mtu = checks.value("mtu", validation.mtu, options.get("mtu"))
        external_ids = parse_map(checks, "external_ids", options.get("external_ids"))
        other_config = parse_map(checks, "other_config", options.get("other_config"))
        if mac and "hwaddr" in (other_config or {}):
            checks.error("mac", "it is the same as `hwaddr` of `other_config`; give only one of them")
        settings = parse_settings(checks, BRIDGE_SETTINGS, options)
        if settings.get("stp") and settings.get("rstp"):
            checks.error("stp", "a bridge runs `stp` or `rstp`, not both; remove one of them")
        rows = parse_rows(checks, BRIDGE_REFERENCES, options)
        checks.done()
        protocols = options.get("protocols")
        return WantedBridge(
            entry,
            options["state"] == "present",
            name,
            options.get("datapath_type"),
            options.get("fail_mode"),
            mac,
            mtu,
            external_ids,
            {**(other_config or {}), "hwaddr": mac} if mac else other_config,
            None if protocols is None else tuple(sorted(set(protocols))),
            settings,
            rows,
        )

    def key(self, desired: WantedBridge) -> object:
        return desired.name

    def ensures(self, desired: WantedBridge) -> Iterable[object]:
        if not desired.present:
            return []
        return [ABridge(desired.name), APort(desired.name), ALink(None, desired.name)]

    def read(self, host: Host, call: Call[WantedBridge]) -> BridgeState:
        present = [bridge for bridge in call.entries if bridge.present]
        switch = host.use(OVSDB).read(call.check_mode, nothing_wanted=not present)
        attachments = host.use(OVSDB).attachments()
        links = host.use(OVSDB).link_names()
        lost = lost_taps(switch, attachments)
        conflicting = {
            bridge.name
            for bridge in call.entries
            if bridge.name in links and (bridge.name in lost or not _is_set_up(switch.bridge(bridge.name)))
        }
        new = [bridge.name for bridge in present if bridge.name not in links]
        kernel = host.use(KERNEL).read([None]) if (conflicting or new) and not switch.unavailable else KernelState()
        found = [link for link in kernel.namespace(None).links if link.name in conflicting]
        kinds = {link.name: link.kind or "physical" for link in found}
        left_behind = frozenset(link.name for link in found if is_left_behind(link, call.owner, attachments))
        if not present:
            return BridgeState(switch, left_behind=left_behind)
        numbers = {name: host.use(OVSDB).datapath_port(name) for name in sorted(lost) if name.isdecimal()}
        secure = [bridge.name for bridge in present if _is_secure_by_others(bridge, switch)]
        rules = {name: host.use(OVSDB).count_rules(name, cookie_of(call.owner)) for name in secure}
        works = host.use(OVSDB).kernel_datapath()
        macs = read_macs(host, find_bridges_with_new_mac(switch, present))
        without = bridges_without_datapath(switch, links) if works else ()
        away = bridges_away(switch) if works else ()
        return BridgeState(switch, works, kinds, attachments, left_behind, numbers, rules, macs, kernel, without, away)

    def plan(self, actual: BridgeState, call: Call[WantedBridge]) -> Plan:
        return BridgePlanner(actual, call).run()


class BridgePlanner(OvsPlanner[WantedBridge]):
    """Plans the bridges of one call."""

    def __init__(self, actual: BridgeState, call: Call[WantedBridge]) -> None:
        super().__init__(actual.switch, call)
        self._actual = actual
        self._lost = lost_taps(actual.switch, actual.attachments)
        self._datapath_types: list[dict[str, str]] = []
        self._reopened: set[str] = set()
        #: Those whose flows ovs-vswitchd removes for another reason.
        self._flushed: set[str] = set()

    def results(self) -> Mapping[str, Any]:
        return {"bridges": self._datapath_types}

    def simulated(self) -> Mapping[str, Any]:
        found = {REOPENED: self._reopened, FLUSHED: self._reopened | self._flushed}
        return {key: names for key, names in found.items() if names}

    # Present

    def present(self, wanted: WantedBridge) -> None:
        bridge = self.switch.bridge(wanted.name)
        self.refuse_ambiguous_name(wanted.entry, wanted.name)
        datapath_type = self._choose_datapath_type(wanted, bridge)
        if wanted.name in self._actual.left_behind and (bridge is None or datapath_type != "netdev"):
            self.delete_left_behind(wanted.entry, wanted.name)
        else:
            self._check_links(wanted, datapath_type)
        if bridge is None:
            self._check_free(wanted)
            self._create(wanted, datapath_type)
        else:
            self._update(wanted, bridge, datapath_type)
        self._datapath_types.append({"name": wanted.name, "datapath_type": datapath_type})

    def _check_free(self, wanted: WantedBridge) -> None:
        """Check that Open vSwitch does not use the name already.

        Raises:
            InvalidEntry: It does.
        """
        self.refuse_taken_name(wanted.entry, wanted.name)
        port = self.switch.port(wanted.name)
        if port is not None:
            raise InvalidEntry(
                wanted.entry,
                "name",
                f"{wanted.name} is already a port of the bridge {port[0].name}; choose another name, or remove that "
                f"port (`ovs-vsctl del-port {wanted.name}`)",
            )

    def _check_links(self, wanted: WantedBridge, datapath_type: str) -> None:
        """Check that the link which the bridge creates has no conflict.

        Raises:
            InvalidEntry: Another link has its name.
        """
        refuse_altname(self._actual.kernel, wanted.entry, "name", None, wanted.name)
        kind = self._actual.kinds.get(wanted.name)
        if kind is not None and kind != OWN_KIND.get(datapath_type):
            raise InvalidEntry(
                wanted.entry,
                "name",
                f"there is a {kind} link {wanted.name} on the host, and a bridge creates a link of its own name; "
                f"choose another name, or delete that link (`ip link del dev {wanted.name}`)",
            )

    def _choose_datapath_type(self, wanted: WantedBridge, bridge: Bridge | None) -> str:
        asked = wanted.datapath_type
        if asked == "system" and not self._actual.system_works:
            raise InvalidEntry(
                wanted.entry,
                "datapath_type",
                "the kernel has no Open vSwitch datapath (the module openvswitch is missing); install the module and "
                "restart Open vSwitch, or use `auto` or `netdev`",
            )
        if asked in ("system", "netdev"):
            return asked
        working = "system" if self._actual.system_works else "netdev"
        if bridge is None:
            return working
        if bridge.name in self._actual.away:
            return "system"
        if asked is None or self._works(bridge):
            return bridge.datapath_type
        return working if bridge.datapath_type != working else "netdev"

    def _works(self, bridge: Bridge) -> bool:
        """Return whether the bridge's datapath type works, or will once ovs-vswitchd has started."""
        if bridge.datapath_type == "system":
            comes_back = bridge.name in self._actual.without_datapath or self.switch.running is False
            return self._actual.system_works and (bridge.works or comes_back)
        return bridge.datapath_type == "netdev"

    def _create(self, wanted: WantedBridge, datapath_type: str) -> None:
        # The kernel's datapath is stored as the empty string, as in a new row.
        difference = _compare_bridge(wanted, Bridge(wanted.name), datapath_type)
        rows = self._plan_rows(wanted, Bridge(wanted.name), difference)
        local = _compare_local(wanted, None)
        if self.call.owner:
            difference.add_owner((), self.call.owner)
        after = {"datapath_type": datapath_type, **difference.after, **local.after}
        operation = ovs.AddBridge(wanted.name, difference.columns, local.columns)
        self.changes.append(Change(wanted.entry, _target(wanted.name), None, after, (operation, *rows)))

    def _plan_rows(self, wanted: WantedBridge, bridge: Bridge, difference: Difference) -> list[Operation]:
        """Plan the rows of other tables that the bridge refers to."""
        targets = wanted.rows.get("controllers", {})
        require_ssl(self.switch, wanted.entry, "controllers", targets, self.call.options.get("ssl"))
        return [
            operation
            for reference in BRIDGE_REFERENCES
            if reference.option in wanted.rows
            for operation in plan_rows(
                self.switch, reference, bridge.name, bridge.row, wanted.rows[reference.option], difference, self.removed
            )
        ]

    def check(self) -> Iterable[FabricError]:
        return check_ssl(self.call.options.get("ssl"))

    def finish(self) -> None:
        self.changes.extend(plan_ssl(self.switch, self.call.options.get("ssl")))

    def _update(self, wanted: WantedBridge, bridge: Bridge, datapath_type: str) -> None:
        self._check_mac(wanted)
        if bridge.name in self._actual.away:
            bridge = replace(bridge, datapath_type="system")
        difference = _compare_bridge(wanted, bridge, datapath_type)
        if self.call.owner and bridge.owners:
            difference.add_owner(bridge.owners, self.call.owner)
        local = _compare_local(wanted, bridge.local)
        self._clear_omitted(wanted, bridge, difference, local)
        rows = self._plan_rows(wanted, bridge, difference)
        difference.before.update(local.before)
        difference.after.update(local.after)
        operations: list[Operation] = []
        if difference.columns or local.columns:
            operations.append(ovs.SetBridge(wanted.name, difference.columns, local.columns))
            if "hwaddr" in difference.after.get("other_config", ()):
                operations.append(op.Announce(None, wanted.name))
        operations.extend(rows)
        if datapath_type == bridge.datapath_type == "system":
            operations[:0] = self._repair_datapath(bridge, difference)
        if datapath_type == bridge.datapath_type:
            operations.extend(self._repair_link(bridge, difference))
            self._warn_of_broken(wanted, bridge)
        else:
            self._reopened.add(bridge.name)
        if _FLUSHING & difference.after.keys():
            self._flushed.add(bridge.name)
        if operations:
            self.changes.append(
                Change(wanted.entry, _target(wanted.name), difference.before, difference.after, tuple(operations))
            )

    def _check_mac(self, wanted: WantedBridge) -> None:
        """Check that no link behind a port has the MAC address that the bridge is to have.

        Raises:
            InvalidEntry: One has.
        """
        hwaddr = hwaddr_of(wanted.other_config)
        other = self._actual.macs.get(wanted.name, {}).get(hwaddr or "")
        if other:
            raise InvalidEntry(
                wanted.entry,
                "mac",
                f"{hwaddr} is the MAC address of {other}, behind one of its ports; use a different one",
            )

    def _clear_omitted(self, wanted: WantedBridge, bridge: Bridge, difference: Difference, local: Difference) -> None:
        """Clear what the entry omits where the call is exact, unless the bridge is somebody else's.

        A bridge that has OpenFlow rules of others forwards by them, and would lose them with the mode
        (connmgr_set_fail_mode() in ofproto/connmgr.c). The owner's are added again by netns.fabric.ovs_flow.
        """
        exact = self.call.options.get("exact") and (self.call.owner is None or bool(bridge.owners))
        if exact and wanted.mtu is None and bridge.local:
            local.clear("mtu", bridge.local.mtu_request, column="mtu_request")
        rules = self._actual.rules.get(bridge.name)
        if rules is None:
            return
        if exact and rules.number == rules.own:
            difference.clear("fail_mode", bridge.fail_mode)
        elif not rules.number:
            self.warn(
                wanted.entry,
                f"the bridge {bridge.name} forwards nothing: its fail_mode is secure, and it has neither OpenFlow "
                "rules nor a controller; set `fail_mode: standalone`, or add rules, e.g. with netns.fabric.ovs_flow",
            )

    def _repair_link(self, bridge: Bridge, difference: Difference) -> list[Operation]:
        """Re-create the bridge's own link if it was deleted. ovs-vswitchd restores its hardware address and MTU."""
        if bridge.name in self._lost:
            difference.before["link"], difference.after["link"] = "lost", "present"
            number = self._actual.numbers.get(bridge.name)
            return [ovs.CloseLocalInterface(bridge.name, number), ovs.OpenLocalInterface(bridge.name)]
        if bridge.local and REOPEN_KEY in bridge.local.external_ids:
            difference.before["link"], difference.after["link"] = "being re-created", "present"
            return [ovs.OpenLocalInterface(bridge.name)]
        return []

    def _repair_datapath(self, bridge: Bridge, difference: Difference) -> list[Operation]:
        """Re-create the kernel's datapath if it was deleted: once, for all bridges on it."""
        without, away = self._actual.without_datapath, self._actual.away
        if bridge.name not in (*without, *away) or bridge.name in self._reopened:
            return []
        difference.before["datapath"], difference.after["datapath"] = "lost", "present"
        self._reopened.update(without, away)
        close = [CloseDatapath(without)] if without else []
        return [*close, OpenDatapath((*without, *away))]

    def _warn_of_broken(self, wanted: WantedBridge, bridge: Bridge) -> None:
        if self.switch.running and not bridge.works and bridge.name not in self._reopened:
            self.warn(
                wanted.entry,
                f"ovs-vswitchd has not set up the bridge {bridge.name} ({_fault(bridge)}); try `datapath_type: auto`, "
                "or see the log of ovs-vswitchd",
            )

    # Absent

    def absent(self, wanted: WantedBridge) -> None:
        bridge = self.switch.bridge(wanted.name)
        if bridge is None:
            self.refuse_taken_name(wanted.entry, wanted.name)
            if wanted.name in self._actual.left_behind:
                self.delete_left_behind(wanted.entry, wanted.name)
        else:
            self._release(wanted.entry, bridge)

    def prune(self) -> None:
        listed = {bridge.name for bridge in self.call.entries}
        for bridge in self.switch.bridges:
            if bridge.name not in listed and self.call.owner in bridge.owners:
                self._release(Entry(bridge.name), bridge)

    def _release(self, entry: Entry, bridge: Bridge) -> None:
        owner = self.call.owner
        others = [port.name for port in bridge.ports if port.name != bridge.name and owner not in port.owners]
        self.release(
            entry,
            f"the bridge {bridge.name}",
            bridge.owners,
            delete=partial(self._delete, entry, bridge, others),
            disown=partial(self._disown, entry, bridge),
            users=f"ports that {owner} does not own: {', '.join(others)}" if others else "",
        )

    def _delete(self, entry: Entry, bridge: Bridge, ports: Sequence[str]) -> None:
        # The owner's own ports are reported by the task that removes them, which comes before this one.
        before = {"datapath_type": bridge.datapath_type, "ports": sorted(ports)}
        operation = ovs.DeleteBridge(bridge.name, self.switch.collectors(bridge))
        qos = [each for port in bridge.ports for each in remove_owned_qos(self.switch, port, self.removed)]
        self.changes.append(Change(entry, _target(bridge.name), before, None, (*qos, operation)))

    def _disown(self, entry: Entry, bridge: Bridge) -> None:
        difference = Difference()
        owner = self.call.owner or ""
        difference.remove_owner(bridge.owners, owner)
        operation = ovs.SetBridge(bridge.name, difference.columns)
        self.changes.append(Change(entry, _target(bridge.name), difference.before, difference.after, (operation,)))


def _compare_bridge(wanted: WantedBridge, bridge: Bridge, datapath_type: str) -> Difference:
    """Compare the row of a bridge."""
    difference = Difference()
    difference.compare("datapath_type", bridge.datapath_type, datapath_type)
    difference.compare("fail_mode", bridge.fail_mode, wanted.fail_mode)
    difference.compare("protocols", bridge.protocols, wanted.protocols)
    compare_settings(difference, BRIDGE_SETTINGS, bridge.row, wanted.settings)
    difference.compare_map("external_ids", bridge.external_ids, wanted.external_ids)
    other_config = lower_hwaddr(wanted.other_config or {})
    difference.compare_map("other_config", lower_hwaddr(bridge.other_config), other_config)
    return difference


def _compare_local(wanted: WantedBridge, local: Interface | None) -> Difference:
    """Compare the row of the bridge's local interface."""
    difference = Difference()
    difference.compare("mtu", local.mtu_request if local else None, wanted.mtu, column="mtu_request")
    return difference


def _is_secure_by_others(wanted: WantedBridge, switch: Switch) -> bool:
    """Return whether a bridge has a fail_mode of secure that was not asked for, and no controller to add rules."""
    bridge = switch.bridge(wanted.name)
    secure = bridge is not None and bridge.fail_mode == "secure" and wanted.fail_mode is None
    controlled = bool(wanted.rows.get("controllers"))
    return secure and not controlled and bridge is not None and bridge.row.columns.get("controller", ()) == ()


def _is_set_up(bridge: Bridge | None) -> bool:
    return bridge is not None and bridge.works


def _fault(bridge: Bridge) -> str:
    reason = bridge.local.error if bridge.local else ""
    return reason or f"datapath type {bridge.datapath_type}"


def _target(name: str) -> str:
    return f"bridge {name}"
