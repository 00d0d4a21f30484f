# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ports of Open vSwitch: how to converge them. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Change, Entry, Operation
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import Link
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb import operations as ovs
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.attachment import lost_taps, lost_vports
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.differences import Difference
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import OWN_KIND, Bridge, Interface, Port
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_names import (
    refuse_altname,
    refuse_other_name,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_planner import OvsPlanner, is_left_behind
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_port_checks import (
    check_link_name,
    check_port,
    check_type,
    check_vlans,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_port_checksum import (
    compute_checksums,
    describe_unknown_far_end,
    needs_checksums,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_port_devices import (
    ATTACHMENT,
    announce,
    configured_type,
    find_link,
    moves_tunnel,
    needs_reopening,
    reopen,
    without_reopening,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_port_model import (
    WITH_LINK,
    ExistingPort,
    PortLink,
    PortState,
    WantedPort,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_port_stack import leave_alone
from ansible_collections.netns.fabric.plugins.module_utils._resources.things import ABridge, ALink

#: The column and the key in it that OVN and others know an interface by (ovs-vswitchd.conf.db(5)).
_IFACE_ID = ("external_ids", "iface-id")


class PortPlanner(OvsPlanner[WantedPort]):
    """Plans the ports of one call."""

    def __init__(self, actual: PortState, call: Call[WantedPort]) -> None:
        super().__init__(actual.switch, call)
        self._actual = actual
        self._lost = lost_taps(actual.switch, actual.attachments) | lost_vports(actual.switch, actual.attachments)

    # Present

    def present(self, wanted: WantedPort) -> None:
        self.refuse_taken_name(wanted.entry, wanted.name)
        self.refuse_ambiguous_name(wanted.entry, wanted.name)
        found = self.switch.port(wanted.name)
        if found is not None:
            check_port(wanted, *found)
        bridge = self._find_bridge(wanted, found[0] if found else None)
        current = configured_type(found[1].interface) if found else None
        kind = wanted.type or current or "system"
        check_type(wanted, kind, self.switch.interface_types)
        if found is None and kind in WITH_LINK:
            check_link_name(wanted)
        link = find_link(self._actual, wanted, self.call.simulated) if kind == "system" else PortLink()
        self._check_device(wanted, bridge, kind, current)
        if found is None:
            self._create(wanted, bridge, kind, link)
        else:
            self._update(ExistingPort(wanted, *found, bridge, kind, link))

    def _find_bridge(self, wanted: WantedPort, current: Bridge | None) -> Bridge:
        """Return the bridge that the port is to be on.

        Raises:
            InvalidEntry: It does not exist, or is not named, or does not work.
        """
        name = wanted.bridge or (current.name if current else None)
        if name is None:
            raise InvalidEntry(
                wanted.entry,
                "bridge",
                f"the port {wanted.name} does not exist yet; `bridge` is required to create it",
            )
        bridge = self.switch.bridge(name)
        if bridge is None:
            return self._assume_bridge(wanted, name)
        if not bridge.works and not self.call.check_mode and not self.call.ensures(ABridge(name)):
            raise InvalidEntry(
                wanted.entry,
                "bridge",
                f"ovs-vswitchd has not set up the bridge {name} (datapath type {bridge.datapath_type}); repair it "
                "first, with `datapath_type: auto` of netns.fabric.ovs_bridge, or see the log of ovs-vswitchd",
            )
        return bridge

    def _assume_bridge(self, wanted: WantedPort, name: str) -> Bridge:
        """Return the bridge that an earlier step, or in check mode an earlier task, creates.

        Raises:
            InvalidEntry: None does, or the name is that of another object.
        """
        found = self.switch.port(name)
        if found is not None and found[1].fake_bridge:
            raise InvalidEntry(
                wanted.entry,
                "bridge",
                f"{name} is a VLAN bridge (fake bridge in ovs-vsctl); use the bridge {found[0].name} with "
                f"`tag: {found[1].tag or 0}`",
            )
        existing = ", ".join(bridge.name for bridge in self.switch.bridges) or "none"
        self.require(
            wanted.entry,
            "bridge",
            f"the bridge {name} does not exist (existing bridges: {existing}); create it first, e.g. with "
            "netns.fabric.ovs_bridge",
            ABridge(name),
        )
        return Bridge(name, datapath_type="system" if self._actual.system_works else "netdev")

    def _check_device(self, wanted: WantedPort, bridge: Bridge, kind: str, current: str | None) -> None:
        """Check that the link which the port needs exists, and that no other link has its name.

        Raises:
            InvalidEntry: It does not exist, or another has its name.
        """
        link = self._actual.kernel.link(None, wanted.name)
        if kind == "system" and link is None:
            refuse_other_name(self._actual.kernel, wanted.entry, "name", None, wanted.name)
            self.require(wanted.entry, "name", self._describe_missing_link(wanted.name), ALink(None, wanted.name))
        elif kind == "system" and current == "internal" and link and link.kind in OWN_KIND.values():
            raise InvalidEntry(
                wanted.entry,
                "type",
                f"{wanted.name} is an internal port, and its link is deleted with its type; remove the port "
                "(`state: absent`), create the link, and add the port again",
            )
        elif kind == "internal" and link is None:
            refuse_altname(self._actual.kernel, wanted.entry, "name", None, wanted.name)
        elif kind == "internal" and link:
            self._check_internal(wanted, bridge, link, current)

    def _check_internal(self, wanted: WantedPort, bridge: Bridge, link: Link, current: str | None) -> None:
        """Check that a link with an internal port's name is that port's; delete one that was left behind.

        Raises:
            InvalidEntry: It is another one.
        """
        is_foreign = self._is_foreign(link, bridge, current)
        is_taken = is_foreign or current is None
        if is_taken and is_left_behind(link, self.call.owner, self._actual.attachments):
            self.delete_left_behind(wanted.entry, link.name)
        elif is_foreign:
            raise InvalidEntry(
                wanted.entry,
                "name",
                f"there is a {link.kind or 'physical'} link {link.name} on the host, and an internal port creates a "
                f"link of its own name; choose another name, or delete that link (`ip link del dev {link.name}`)",
            )

    def _is_foreign(self, link: Link, bridge: Bridge, current: str | None) -> bool:
        """Return whether a link with an internal port's name is not that port's, nor one that it would take over."""
        if link.kind == OWN_KIND.get(bridge.datapath_type):
            return False
        return current != "internal" or link.name in self._lost

    def _describe_missing_link(self, name: str) -> str:
        elsewhere = [namespace for namespace, link in self._actual.kernel.links() if namespace and link.name == name]
        hint = f" (there is one in the namespace {elsewhere[0]})" if elsewhere else ""
        return f"the link {name} does not exist on the host{hint}; create it first, e.g. with netns.fabric.veth"

    def _create(self, wanted: WantedPort, bridge: Bridge, kind: str, link: PortLink) -> None:
        if kind == "patch" and not (wanted.options or {}).get("peer"):
            raise InvalidEntry(
                wanted.entry, "options", "a patch port requires `peer`, the name of the patch port at its other end"
            )
        difference = PortDifference()
        difference.compare(wanted, Port(wanted.name), Interface(wanted.name), kind)
        if self.call.owner:
            difference.port.add_owner((), self.call.owner)
        operations: list[Operation] = [
            ovs.AddPort(bridge.name, wanted.name, difference.port.columns, difference.interface.columns)
        ]
        after = {"bridge": bridge.name, "type": kind, **difference.after}
        operations.extend(self._plan_checksums(wanted, bridge, kind, link, ({}, after)))
        operations.extend(leave_alone(self._actual, wanted, bridge, kind, link.link, ({}, after)))
        operations.extend(announce(bridge, link))
        self.changes.append(Change(wanted.entry, _target(wanted.name), None, after, tuple(operations)))

    def _update(self, port: ExistingPort) -> None:
        wanted = port.wanted
        difference = PortDifference()
        difference.compare(wanted, port.port, without_reopening(port.interface), port.kind)
        owned = bool(port.port.owners) or self._owns_device(port)
        if self.call.options.get("exact") and (owned or self.call.owner is None):
            difference.clear_omitted(wanted, port.port)
        else:
            check_vlans(wanted, port.port)
        if self.call.owner and owned:
            difference.port.add_owner(port.port.owners, self.call.owner)
        operations: list[Operation] = []
        if port.bridge.name != port.target.name:
            difference.before["bridge"], difference.after["bridge"] = port.bridge.name, port.target.name
            operations.append(ovs.MovePort(port.name, port.interface.name, port.bridge.name, port.target.name))
        if needs_reopening(port, self._actual, self._lost):
            difference.before["attached"], difference.after["attached"] = False, True
            operations.extend(reopen(port))
        elif moves_tunnel(port):
            operations.extend(reopen(port))
        if difference.port.columns or difference.interface.columns:
            operations.append(
                ovs.SetPort(port.name, port.interface.name, difference.port.columns, difference.interface.columns)
            )
        both = (difference.before, difference.after)
        operations.extend(self._plan_checksums(wanted, port.target, port.kind, port.link, both))
        left_alone = leave_alone(self._actual, wanted, port.target, port.kind, port.link.link, both)
        operations.extend(left_alone)
        if operations:
            # A neighbour may know the hardware address of the end itself for an address of the host.
            moved = left_alone or difference.after.keys() & ATTACHMENT
            operations.extend(announce(port.target, port.link) if moved else ())
            self.changes.append(Change(wanted.entry, _target(port.name), *both, tuple(operations)))
        elif (
            port.interface.error
            and port.kind != "patch"
            and self.switch.running
            and port.bridge.name not in self._actual.reopened
            and self._has_device(port)
        ):
            self.warn(wanted.entry, f"ovs-vswitchd reports an error of {port.name}: {port.interface.error}")

    def _owns_device(self, port: ExistingPort) -> bool:
        """Return whether the owner owns the link of a port.

        A port without an owner was added by hand; that of an owned veth pair is removed with the pair.
        """
        return port.link.link is not None and self.call.owner in port.link.link.owners

    def _has_device(self, port: ExistingPort) -> bool:
        return port.kind != "system" or self._actual.kernel.link(None, port.name) is not None

    def _plan_checksums(
        self,
        wanted: WantedPort,
        bridge: Bridge,
        kind: str,
        link: PortLink,
        diff: tuple[dict[str, Any], dict[str, Any]],
    ) -> list[Operation]:
        if not needs_checksums(self._actual, wanted, bridge, kind):
            return []
        if link.far is None:
            warning = describe_unknown_far_end(wanted.name, link, self.call.simulated)
            if warning:
                self.warn(wanted.entry, warning)
        operations = compute_checksums(link)
        if operations:
            diff[0]["peer.tx_checksum"], diff[1]["peer.tx_checksum"] = True, False
        return operations

    # Absent

    def absent(self, wanted: WantedPort) -> None:
        found = self.switch.port(wanted.name)
        if found is None:
            return
        bridge, port = found
        if _is_own_port(bridge, port):
            raise InvalidEntry(
                wanted.entry,
                "state",
                f"{port.name} is a bridge's own port, which is deleted with the bridge only; remove the bridge, e.g. "
                "with netns.fabric.ovs_bridge",
            )
        self._release(wanted.entry, bridge, port)

    def prune(self) -> None:
        listed = {port.name for port in self.call.entries}
        for bridge in self.switch.bridges:
            for port in bridge.ports:
                if self.call.owner in port.owners and port.name not in listed and not _is_own_port(bridge, port):
                    self._release(Entry(port.name), bridge, port)

    def _release(self, entry: Entry, bridge: Bridge, port: Port) -> None:
        self.release(
            entry,
            f"the port {port.name}",
            port.owners,
            delete=partial(self._delete, entry, bridge, port),
            disown=partial(self._disown, entry, port),
        )

    def _delete(self, entry: Entry, bridge: Bridge, port: Port) -> None:
        before = {"bridge": bridge.name, "type": port.interface.type}
        operations = (ovs.DeletePort(bridge.name, port.name), *announce(bridge, PortLink()))
        self.changes.append(Change(entry, _target(port.name), before, None, operations))

    def _disown(self, entry: Entry, port: Port) -> None:
        difference = Difference()
        difference.remove_owner(port.owners, self.call.owner or "")
        operation = ovs.SetPort(port.name, port.interface.name, difference.columns)
        self.changes.append(Change(entry, _target(port.name), difference.before, difference.after, (operation,)))


@dataclass
class PortDifference:
    """Collects the columns of a port's two rows that are to change; the diff is one."""

    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.port = Difference(self.before, self.after)
        self.interface = Difference(self.before, self.after)

    def compare(self, wanted: WantedPort, port: Port, interface: Interface, kind: str) -> None:
        """Compare the rows of a port and of its interface."""
        self.port.compare("tag", port.tag, wanted.tag)
        if wanted.vlan_mode == "trunk":
            self.port.clear("tag", port.tag)
        self.port.compare("trunks", port.trunks, wanted.trunks)
        self.port.compare("vlan_mode", port.vlan_mode, wanted.vlan_mode)
        self.port.compare("protected", port.protected, wanted.protected)
        self.port.compare_map("external_ids", port.external_ids, wanted.external_ids)
        self.port.compare_map("other_config", port.other_config, wanted.other_config)
        self.interface.compare_key("iface_id", interface.external_ids.get("iface-id"), wanted.iface_id, *_IFACE_ID)
        self.interface.compare("type", interface.type, kind, stored="" if kind == "system" else kind)
        self.interface.compare("mac", interface.mac, wanted.mac)
        self.interface.compare("mtu", interface.mtu_request, wanted.mtu, column="mtu_request")
        self.interface.compare_map("options", interface.options, wanted.options)

    def clear_omitted(self, wanted: WantedPort, port: Port) -> None:
        """Clear what the entry omits of what decides which packets the port forwards."""
        for option in ("tag", "trunks", "vlan_mode"):
            if getattr(wanted, option) is None:
                self.port.clear(option, getattr(port, option))
        if wanted.protected is None:
            self.port.compare("protected", port.protected, new=False)


def _is_own_port(bridge: Bridge, port: Port) -> bool:
    """Return whether a port is that of a bridge itself, or of a VLAN bridge."""
    return port.name == bridge.name or port.fake_bridge


def _target(name: str) -> str:
    return f"port {name}"
