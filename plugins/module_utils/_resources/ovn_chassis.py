# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The host as a chassis of OVN: its options, and how to converge it. Pure, but for read()."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError, InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Change, Entry, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import OWNER_OPTIONS, Call, Resource
from ansible_collections.netns.fabric.plugins.module_utils._kernel.access import KERNEL
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.backend import OVSDB
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.bridge_settings import SSL
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.chassis import (
    CHASSIS_SETTINGS,
    Chassis,
    SetChassis,
    find_chassis,
    tunnel_addresses,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.differences import Difference
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.options import VSCTL_OPTIONS
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.settings import (
    compare_settings,
    parse_settings,
    specs,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Switch
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.values import Value
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_planner import OvsPlanner
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_ssl import check_ssl, plan_ssl, require_ssl
from ansible_collections.netns.fabric.plugins.module_utils._resources.planned_addresses import planned_addresses
from ansible_collections.netns.fabric.plugins.module_utils._resources.things import ABridge, ALinkUp

_TARGET = "chassis"


@dataclass(frozen=True)
class WantedChassis:
    """The chassis as it is wanted; what is not given is left untouched. `mapped` are the bridges of its mappings."""

    entry: Entry
    present: bool
    bridge: str
    settings: Mapping[str, Value] = field(default_factory=dict)
    mapped: tuple[str, ...] = ()


@dataclass(frozen=True)
class ChassisState:
    """`links` are those of the host by address; `up` are the links that are up."""

    switch: Switch
    system_works: bool = False
    links: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    up: frozenset[str] = frozenset()


@dataclass(frozen=True)
class ATunnelAddress:
    """An address on the local port of a bridge."""

    address: str

    def __str__(self) -> str:
        return f"the tunnels' address {self.address}"


class ChassisResource(Resource[WantedChassis, ChassisState]):
    """The resource of the module ovn_chassis."""

    list_option = "chassis"
    identity = "bridge"
    backends = (OVSDB, KERNEL)
    entry_options: Mapping[str, Mapping[str, Any]] = specs(CHASSIS_SETTINGS)
    call_options: Mapping[str, Mapping[str, Any]] = {**OWNER_OPTIONS, **VSCTL_OPTIONS, "ssl": SSL.spec}

    def desired(self, entry: Entry, options: Mapping[str, Any]) -> WantedChassis:
        checks = Checks(entry)
        settings = parse_settings(checks, CHASSIS_SETTINGS, options)
        if options.get("remotes") == []:
            checks.error("remotes", "a chassis needs the southbound database; give one, or `state: absent`")
        mappings = options.get("bridge_mappings") or ()
        networks = [mapping["network"] for mapping in mappings]
        for network in sorted({name for name in networks if networks.count(name) > 1}):
            checks.error("bridge_mappings", f"the physical network {network} is listed twice; leave one of them out")
        checks.done()
        mapped = tuple(sorted({mapping["bridge"] for mapping in mappings}))
        return WantedChassis(entry, options["state"] == "present", str(settings["bridge"]), settings, mapped)

    def key(self, desired: WantedChassis) -> object:
        return desired.bridge

    def read(self, host: Host, call: Call[WantedChassis]) -> ChassisState:
        present = any(chassis.present for chassis in call.entries)
        switch = host.use(OVSDB).read(call.check_mode, nothing_wanted=not present)
        if not present:
            return ChassisState(switch)
        kernel = host.use(KERNEL).read([None], addresses=True).namespace(None)
        found = {link.name: {str(each.interface.ip) for each in kernel.addresses_of(link)} for link in kernel.links}
        for (namespace, name), addresses in planned_addresses(host).items():
            if namespace is None:
                found[name] = {str(address.ip) for address in addresses}
        links: dict[str, tuple[str, ...]] = {}
        for name in sorted(found):
            for address in found[name]:
                links[address] = (*links.get(address, ()), name)
        up = frozenset(link.name for link in kernel.links if link.up)
        return ChassisState(switch, host.use(OVSDB).kernel_datapath(), links, up)

    def plan(self, actual: ChassisState, call: Call[WantedChassis]) -> Plan:
        return ChassisPlanner(actual, call).run()


class ChassisPlanner(OvsPlanner[WantedChassis]):
    """Plans the chassis of one call."""

    def __init__(self, actual: ChassisState, call: Call[WantedChassis]) -> None:
        super().__init__(actual.switch, call)
        self._actual = actual
        self._chassis = find_chassis(actual.switch)
        self._present = [each for each in call.entries if each.present]

    def check(self) -> Iterable[FabricError]:
        for other in self._present[1:]:
            message = f"the host is one chassis, with {self._present[0].bridge} already; leave one of them out"
            yield InvalidEntry(other.entry, "bridge", message)
        yield from check_ssl(self.call.options.get("ssl"))

    def ordered(self) -> Iterable[WantedChassis]:
        return [each for each in self.call.entries if each not in self._present[1:]]

    def finish(self) -> None:
        self.changes.extend(plan_ssl(self.switch, self.call.options.get("ssl")))

    # Present

    def present(self, wanted: WantedChassis) -> None:
        entry, chassis = wanted.entry, self._chassis
        self.refuse_others(entry, "bridge", "the chassis", chassis.owners if chassis else ())
        self._check_identity(entry)
        settings = self._complete(wanted)
        self._check_references(wanted, settings)
        difference = Difference()
        compare_settings(difference, CHASSIS_SETTINGS, self.switch.root, settings)
        if self.call.owner and (chassis is None or chassis.owners):
            difference.add_owner(chassis.owners if chassis else (), self.call.owner)
        if difference.after:
            before = difference.before if chassis else None
            self.changes.append(Change(entry, _TARGET, before, difference.after, (SetChassis(difference.columns),)))

    def _check_identity(self, entry: Entry) -> None:
        """Check that the host has a name of its own in OVN.

        Raises:
            InvalidEntry: It has none.
        """
        if not self.switch.unavailable and "system-id" not in self.switch.root.strings("external_ids"):
            raise InvalidEntry(
                entry,
                "bridge",
                "Open vSwitch has no `system-id` in external_ids, by which OVN knows the host; set it (`ovs-vsctl set "
                "Open_vSwitch . external_ids:system-id=NAME`), or start Open vSwitch with `--system-id=random`",
            )

    def _complete(self, wanted: WantedChassis) -> dict[str, Value]:
        """Return what is wanted, with what a new chassis has to have.

        Raises:
            InvalidEntry: Something is missing.
        """
        present = self._chassis.describe() if self._chassis else {}
        settings = dict(wanted.settings)
        for option in ("remotes", "encap_ip"):
            if not settings.get(option) and not present.get(option):
                raise InvalidEntry(wanted.entry, option, "it is required for a new chassis; give it")
        if not present.get("encap_type"):
            settings.setdefault("encap_type", "geneve")
        found = present.get("datapath_type")
        asked = settings.pop("datapath_type", None if found else "auto")
        if asked == "system" and not self._actual.system_works and not self.switch.unavailable:
            raise InvalidEntry(
                wanted.entry,
                "datapath_type",
                "the kernel has no Open vSwitch datapath (the module openvswitch is missing); install the module and "
                "restart Open vSwitch, or use `auto` or `netdev`",
            )
        if asked == "auto":
            works = found == "netdev" or (found == "system" and self._actual.system_works)
            asked = found if works else "system" if self._actual.system_works else "netdev"
        if asked is not None:
            settings["datapath_type"] = asked
        return settings

    def _check_references(self, wanted: WantedChassis, settings: Mapping[str, Value]) -> None:
        """Check that what the chassis refers to exists.

        Raises:
            InvalidEntry: Something does not.
        """
        for name in wanted.mapped:
            if self.switch.bridge(name) is None:
                message = f"the bridge {name} does not exist; create it first, e.g. with netns.fabric.ovs_bridge"
                self.require(wanted.entry, "bridge_mappings", message, ABridge(name))
        remotes = str(settings.get("remotes", "")).split(",")
        require_ssl(self.switch, wanted.entry, "remotes", remotes, self.call.options.get("ssl"))
        present = self._chassis.describe() if self._chassis else {}
        datapath_type = str(settings.get("datapath_type") or present.get("datapath_type"))
        for address in _parse_addresses(wanted.entry, str(settings.get("encap_ip") or present["encap_ip"])):
            message = self._obstacle(address, datapath_type)
            if message:
                self.require(wanted.entry, "encap_ip", message, ATunnelAddress(address))

    def _obstacle(self, address: str, datapath_type: str) -> str:
        """Return why tunnels with this address would carry nothing; an empty text if they do.

        ovs-vswitchd sends the tunnels' packets of its userspace datapath itself, by the bridge whose local port has the
        route to the other end (ovs-router.c). Where that is not a bridge, it drops them without an error.
        """
        links = self._actual.links.get(address, ())
        if not links:
            return f"no link of the host has the address {address}; add it first, e.g. with netns.fabric.link"
        if datapath_type != "netdev":
            return ""
        local = [name for name in links if self._is_local_port(name)]
        if not local:
            return (
                f"{address} is on {links[0]}, which is not a bridge of the userspace datapath: every packet of a "
                "tunnel would be dropped without an error; create a bridge (`datapath_type: netdev`), add "
                f"{links[0]} as its port, and move the address to the bridge, as the role netns.fabric.ovn_host does"
            )
        if not any(name in self._actual.up or self.call.ensures(ALinkUp(None, name)) for name in local):
            cure = "set it up (`enabled: true` of netns.fabric.link)"
            return f"the bridge {local[0]}, which has the address {address}, is down; {cure}"
        return ""

    def _is_local_port(self, name: str) -> bool:
        bridge = self.switch.bridge(name)
        return self.call.ensures(ABridge(name)) if bridge is None else bridge.datapath_type == "netdev"

    # Absent

    def absent(self, wanted: WantedChassis) -> None:
        if self._chassis and not self._present and self._chassis.describe()["bridge"] == wanted.bridge:
            self._release(wanted.entry, self._chassis)

    def prune(self) -> None:
        if self._chassis and not self.call.entries and self.call.owner in self._chassis.owners:
            self._release(Entry(self._chassis.describe()["bridge"]), self._chassis)

    def _release(self, entry: Entry, chassis: Chassis) -> None:
        self.release(
            entry,
            "the chassis",
            chassis.owners,
            delete=partial(self._delete, entry, chassis),
            disown=partial(self._disown, entry, chassis),
        )

    def _delete(self, entry: Entry, chassis: Chassis) -> None:
        difference = Difference()
        for key in chassis.set_keys():
            difference.keys.append(("external_ids", key, None))
        for owner in chassis.owners:
            difference.remove_owner([owner], owner)
        before = {option: value for option, value in chassis.describe().items() if value not in (None, [])}
        self.changes.append(Change(entry, _TARGET, before, None, (SetChassis(difference.columns),)))

    def _disown(self, entry: Entry, chassis: Chassis) -> None:
        difference = Difference()
        difference.remove_owner(chassis.owners, self.call.owner or "")
        operation = SetChassis(difference.columns)
        self.changes.append(Change(entry, _TARGET, difference.before, difference.after, (operation,)))


def _parse_addresses(entry: Entry, text: str) -> list[str]:
    """Return the addresses of the tunnels; those of a host were perhaps written by hand.

    Raises:
        InvalidEntry: One is none.
    """
    try:
        return tunnel_addresses(text)
    except ValueError:
        message = f"the host has {text!r} in `external_ids:ovn-encap-ip`, which is not an address; give the right one"
        raise InvalidEntry(entry, "encap_ip", message) from None
