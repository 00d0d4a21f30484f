# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bridges of Open vSwitch: what is wanted of them, and how to get there. Pure, but for what read() asks of the host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core import validation
from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntries, InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Change, Entry, Operation, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import OWNER_OPTIONS, Call, Resource
from ansible_collections.netns.fabric.plugins.module_utils._kernel.access import KERNEL
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb import operations as ovs
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.backend import OVSDB
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.rows import (
    REOPENED,
    VSCTL_OPTIONS,
    Difference,
    Texts,
    assumptions,
    lost_taps,
    name_for_ovs,
    shared,
    stays,
    taken_by,
    texts,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import (
    OWN_KIND,
    REOPEN_KEY,
    Attachments,
    Bridge,
    Interface,
    Switch,
)

PROTOCOLS = ("OpenFlow10", "OpenFlow11", "OpenFlow12", "OpenFlow13", "OpenFlow14", "OpenFlow15")


@dataclass(frozen=True)
class WantedBridge:
    """One bridge as it is wanted; None leaves an option as it is."""

    entry: Entry
    present: bool
    name: str
    datapath_type: str | None = None
    fail_mode: str | None = None
    mac: str | None = None
    mtu: int | None = None
    external_ids: Texts | None = None
    other_config: Texts | None = None
    protocols: tuple[str, ...] | None = None


@dataclass(frozen=True)
class BridgeState:
    """What bears on bridges: Open vSwitch, and the host's links.

    `links` has the names of the host's links, `kinds` the kind of those that are in a wanted bridge's place.
    """

    switch: Switch
    system_works: bool = False
    links: frozenset[str] = frozenset()
    kinds: Mapping[str, str] = field(default_factory=dict)
    attachments: Attachments = field(default_factory=Attachments)


class BridgeResource(Resource[WantedBridge, BridgeState]):
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
    }
    call_options: Mapping[str, Mapping[str, Any]] = {**OWNER_OPTIONS, **VSCTL_OPTIONS}

    def desired(self, entry: Entry, options: Mapping[str, Any]) -> WantedBridge:
        checks = Checks(entry)
        name = checks.value("name", name_for_ovs, options["name"])
        mac = checks.value("mac", validation.mac_address, options.get("mac"))
        mtu = checks.value("mtu", validation.mtu, options.get("mtu"))
        external_ids = texts(checks, "external_ids", options.get("external_ids"))
        other_config = texts(checks, "other_config", options.get("other_config"))
        if mac and "hwaddr" in (other_config or {}):
            checks.error("mac", "it is what `other_config` calls hwaddr: give only one of them")
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
        )

    def key(self, desired: WantedBridge) -> object:
        return desired.name

    def read(self, host: Host, call: Call[WantedBridge]) -> BridgeState:
        present = [bridge for bridge in call.entries if bridge.present]
        switch = host.use(OVSDB).read(call.check_mode, nothing_wanted=not present)
        if not present:
            return BridgeState(switch)
        attachments = host.use(OVSDB).attachments()
        links = host.use(OVSDB).link_names()
        lost = lost_taps(switch, attachments)
        in_the_way = [
            bridge.name
            for bridge in present
            if bridge.name in links and (bridge.name in lost or not _set_up(switch.bridge(bridge.name)))
        ]
        kinds = {}
        if in_the_way and not switch.unavailable:
            found = host.use(KERNEL).read([None]).namespace(None)
            kinds = {link.name: link.kind or "physical" for link in found.links if link.name in in_the_way}
        return BridgeState(switch, host.use(OVSDB).kernel_datapath(), links, kinds, attachments)

    def plan(self, actual: BridgeState, call: Call[WantedBridge]) -> Plan:
        planner = _Planner(actual, call)
        for bridge in call.entries:
            planner.add(bridge)
        planner.done()
        if call.prune:
            planner.prune()
        return Plan(
            tuple(planner.changes),
            warnings=(*assumptions(actual.switch, call.check_mode), *planner.warnings),
            results={"bridges": planner.bridges},
            simulated={REOPENED: planner.reopened} if planner.reopened else {},
        )


class _Planner:
    """Plans the bridges of one call."""

    def __init__(self, actual: BridgeState, call: Call[WantedBridge]) -> None:
        self._actual = actual
        self._call = call
        self._lost = lost_taps(actual.switch, actual.attachments)
        self._mistakes: list[InvalidEntry] = []
        self.changes: list[Change] = []
        self.warnings: list[str] = []
        self.bridges: list[dict[str, str]] = []
        self.reopened: set[str] = set()

    def add(self, wanted: WantedBridge) -> None:
        try:
            if wanted.present:
                self._add_present(wanted)
            else:
                self._add_absent(wanted)
        except InvalidEntry as mistake:
            self._mistakes.append(mistake)

    def done(self) -> None:
        """Raises:
        InvalidEntries: With all that was found.
        """
        if self._mistakes:
            raise InvalidEntries(self._mistakes)

    # Present

    def _add_present(self, wanted: WantedBridge) -> None:
        bridge = self._actual.switch.bridge(wanted.name)
        datapath_type = self._datapath_type(wanted, bridge)
        self._check_place(wanted, datapath_type)
        if bridge is None:
            self._check_free(wanted)
        if bridge is None:
            self._create(wanted, datapath_type)
        else:
            self._change(wanted, bridge, datapath_type)
        self.bridges.append({"name": wanted.name, "datapath_type": datapath_type})

    def _check_free(self, wanted: WantedBridge) -> None:
        """Raises:
        InvalidEntry: The name is that of something else.
        """
        mistake = taken_by(wanted.entry, wanted.name, self._actual.switch)
        if mistake:
            raise mistake
        port = self._actual.switch.port(wanted.name)
        if port is not None:
            raise InvalidEntry(
                wanted.entry,
                "name",
                f"{wanted.name} is a port of the bridge {port[0].name} already: choose another name, or remove that "
                f"port (`ovs-vsctl del-port {wanted.name}`)",
            )

    def _check_place(self, wanted: WantedBridge, datapath_type: str) -> None:
        """Raises:
        InvalidEntry: A link has the place of the one that the bridge is to make.
        """
        kind = self._actual.kinds.get(wanted.name)
        if kind is not None and kind != OWN_KIND.get(datapath_type):
            raise InvalidEntry(
                wanted.entry,
                "name",
                f"there is a {kind} link {wanted.name} on the host, and a bridge makes a link of its own name: choose "
                f"another name, or remove that link (`ip link del dev {wanted.name}`)",
            )

    def _datapath_type(self, wanted: WantedBridge, bridge: Bridge | None) -> str:
        asked = wanted.datapath_type
        if asked == "system" and not self._actual.system_works:
            raise InvalidEntry(
                wanted.entry,
                "datapath_type",
                "the kernel has no datapath of Open vSwitch (the module openvswitch is missing): install the module "
                "and restart Open vSwitch, or take `auto` or `netdev`",
            )
        if asked in ("system", "netdev"):
            return asked
        working = "system" if self._actual.system_works else "netdev"
        if bridge is None:
            return working
        if asked is None or self._works(bridge):
            return bridge.datapath_type
        return working if bridge.datapath_type != working else "netdev"

    def _works(self, bridge: Bridge) -> bool:
        """Whether its type works here; where ovs-vswitchd is yet to start, by what it is going to find."""
        if bridge.datapath_type == "system":
            return self._actual.system_works and (bridge.works or self._actual.switch.running is False)
        return bridge.datapath_type == "netdev"

    def _create(self, wanted: WantedBridge, datapath_type: str) -> None:
        # The empty string is how the kernel's datapath is stored.
        difference = self._difference(wanted, Bridge(wanted.name), datapath_type)
        local = _of_its_link(wanted, None)
        if self._call.owner:
            difference.mark((), self._call.owner)
        after = {"datapath_type": datapath_type, **difference.after, **local.after}
        operation = ovs.AddBridge(wanted.name, difference.columns, local.columns)
        self.changes.append(Change(wanted.entry, _target(wanted.name), None, after, (operation,)))

    def _difference(self, wanted: WantedBridge, bridge: Bridge, datapath_type: str) -> Difference:
        difference = Difference()
        difference.value("datapath_type", bridge.datapath_type, datapath_type)
        difference.value("fail_mode", bridge.fail_mode, wanted.fail_mode)
        difference.value("protocols", bridge.protocols, wanted.protocols)
        difference.map("external_ids", bridge.external_ids, wanted.external_ids)
        difference.map("other_config", _lower_hwaddr(bridge.other_config), wanted.other_config)
        return difference

    def _change(self, wanted: WantedBridge, bridge: Bridge, datapath_type: str) -> None:
        difference = self._difference(wanted, bridge, datapath_type)
        if self._call.owner and bridge.owners:
            difference.mark(bridge.owners, self._call.owner)
        local = _of_its_link(wanted, bridge.local)
        difference.before.update(local.before)
        difference.after.update(local.after)
        operations: list[Operation] = []
        if difference.columns or local.columns:
            operations.append(ovs.SetBridge(wanted.name, difference.columns, local.columns))
        if datapath_type == bridge.datapath_type:
            operations.extend(self._mended(bridge, difference))
            self._warn_of_broken(wanted, bridge)
        else:
            self.reopened.add(bridge.name)
        if operations:
            self.changes.append(
                Change(wanted.entry, _target(wanted.name), difference.before, difference.after, tuple(operations))
            )

    def _mended(self, bridge: Bridge, difference: Difference) -> list[Operation]:
        """The bridge's own link, made again if it is gone; ovs-vswitchd sees to its hardware address and MTU itself."""
        if bridge.name in self._lost:
            difference.before["link"], difference.after["link"] = "lost", "present"
            return [ovs.CloseLocalInterface(bridge.name), ovs.OpenLocalInterface(bridge.name)]
        if bridge.local and REOPEN_KEY in bridge.local.external_ids:
            difference.before["link"], difference.after["link"] = "being made again", "present"
            return [ovs.OpenLocalInterface(bridge.name)]
        return []

    def _warn_of_broken(self, wanted: WantedBridge, bridge: Bridge) -> None:
        if self._actual.switch.running and not bridge.works:
            self.warnings.append(
                f"{wanted.entry}: ovs-vswitchd has not set up the bridge {bridge.name} ({_fault(bridge)}): try "
                "`datapath_type: auto`, or see the log of ovs-vswitchd"
            )

    # Absent

    def _add_absent(self, wanted: WantedBridge) -> None:
        bridge = self._actual.switch.bridge(wanted.name)
        if bridge is None:
            mistake = taken_by(wanted.entry, wanted.name, self._actual.switch)
            if mistake:
                raise mistake
            return
        if stays(bridge.owners, self._call.owner):
            self.warnings.append(
                f"{wanted.entry}: the bridge {bridge.name} does not bear the mark of {self._call.owner}: left alone"
            )
            return
        self._remove(wanted.entry, bridge)

    def _remove(self, entry: Entry, bridge: Bridge) -> None:
        owner = self._call.owner
        others = shared(bridge.owners, owner)
        strangers = [port.name for port in bridge.ports if port.name != bridge.name and owner not in port.owners]
        if owner and (others or strangers):
            users = ", ".join(others) if others else f"the ports {', '.join(strangers)}, which are not {owner}'s"
            self.warnings.append(f"{entry}: the bridge {bridge.name} is used by {users} as well: it stays")
            difference = Difference()
            difference.unmark(bridge.owners, owner)
            operation: Operation = ovs.SetBridge(bridge.name, difference.columns)
            change = Change(entry, _target(bridge.name), difference.before, difference.after, (operation,))
        else:
            # The owner's own ports are told of by whatever removes them: before this, or not yet in check mode.
            before = {"datapath_type": bridge.datapath_type, "ports": sorted(strangers)}
            change = Change(entry, _target(bridge.name), before, None, (ovs.DeleteBridge(bridge.name),))
        self.changes.append(change)

    def prune(self) -> None:
        """What bears the owner's mark and is not listed goes."""
        listed = {bridge.name for bridge in self._call.entries}
        for bridge in self._actual.switch.bridges:
            if bridge.name not in listed and self._call.owner in bridge.owners:
                self._remove(Entry(bridge.name), bridge)


def _of_its_link(wanted: WantedBridge, local: Interface | None) -> Difference:
    """How the row of the bridge's local interface differs from what is wanted of it."""
    difference = Difference()
    difference.value("mtu", local.mtu_request if local else None, wanted.mtu, column="mtu_request")
    return difference


def _set_up(bridge: Bridge | None) -> bool:
    return bridge is not None and bridge.works


def _fault(bridge: Bridge) -> str:
    reason = bridge.local.error if bridge.local else ""
    return reason or f"datapath type {bridge.datapath_type}"


def _lower_hwaddr(other_config: Mapping[str, str]) -> Mapping[str, str]:
    """A hardware address is the same in capitals."""
    return {key: value.lower() if key == "hwaddr" else value for key, value in other_config.items()}


def _target(name: str) -> str:
    return f"bridge {name}"
