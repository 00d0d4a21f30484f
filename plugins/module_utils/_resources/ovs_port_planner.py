# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ports of Open vSwitch: how to converge them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError, InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Change, Entry, Operation
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call
from ansible_collections.netns.fabric.plugins.module_utils._kernel.operations import SetSysctl
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import Link
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb import operations as ovs
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.attachment import lost_taps, lost_vports
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.bond_operations import AddMembers, RemoveMembers
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.differences import Difference
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.qos import remove_owned_qos
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import OWN_KIND, Bridge, Interface, Port
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.syntax import NO_COLUMNS
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_names import (
    refuse_altname,
    refuse_other_name,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_planner import OvsPlanner, is_left_behind
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_port_checks import (
    check_balance,
    check_bond_settings,
    check_link_name,
    check_master,
    check_port,
    check_tunnel,
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
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_port_difference import PortDifference
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_port_model import (
    WITH_LINK,
    ExistingPort,
    Peer,
    PortLink,
    PortState,
    WantedPort,
    is_userspace,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_port_stack import leave_alone
from ansible_collections.netns.fabric.plugins.module_utils._resources.things import ABridge, ALink, AVeth


class PortPlanner(OvsPlanner[WantedPort]):
    """Plans the ports of one call."""

    def __init__(self, actual: PortState, call: Call[WantedPort]) -> None:
        super().__init__(actual.switch, call)
        self._actual = actual
        #: The far ends of the veth pairs that an earlier step creates.
        self._far_ends = {
            thing.name: Peer(*thing.far)
            for thing in call.ensured or ()
            if isinstance(thing, AVeth) and thing.namespace is None
        }
        self._lost = lost_taps(actual.switch, actual.attachments) | lost_vports(actual.switch, actual.attachments)

    def check(self) -> Iterable[FabricError]:
        given: dict[str, WantedPort] = {port.name: port for port in self.call.entries}
        for port in self.call.entries:
            other = given.get(port.patch.name) if port.patch else None
            if other is not None:
                yield InvalidEntry(port.entry, "peer.name", f"is the same as {other.entry}; leave one of them out")

    def ordered(self) -> Iterable[WantedPort]:
        return [half for port in self.call.entries for half in port.halves()]

    # Present

    def present(self, wanted: WantedPort) -> None:
        self.refuse_taken_name(wanted.entry, wanted.name)
        self.refuse_ambiguous_name(wanted.entry, wanted.name)
        found = self.switch.port(wanted.name)
        if found is not None:
            check_port(wanted, *found)
        bridge = self._find_bridge(wanted, found[0] if found else None)
        self._check_members(wanted)
        attached = [self._attach(wanted, each, bridge) for each in wanted.links(found[1] if found else None)]
        if found is None:
            self._create(wanted, bridge, attached)
        else:
            self._update(wanted, attached, found)

    def _attach(self, wanted: WantedPort, each: WantedPort, bridge: Bridge) -> ExistingPort:
        """Return one of the interfaces that a port is to have, with its device; it need not exist yet.

        Raises:
            InvalidEntry: It cannot be.
        """
        found = self.switch.port_with(each.name)
        interface = self.switch.interfaces.get(each.name)
        is_member = each is not wanted
        current = configured_type(interface) if interface else None
        kind = (current if is_member else each.type or current) or each.type or "system"
        check_type(each, kind, self.switch.interface_types)
        check_tunnel(each, kind, is_new=interface is None)
        if interface is None and kind in WITH_LINK:
            check_link_name(each)
        peered = each if each.peer else replace(each, peer=self._far_ends.get(each.name))
        link = find_link(self._actual, peered, self.call.simulated) if kind == "system" else PortLink()
        option = "members" if is_member else "name"
        if found is None and each.name in self._actual.staying:
            raise InvalidEntry(wanted.entry, option, self._actual.staying[each.name])
        self._check_device(each, bridge, kind, current, option)
        port = found[1] if found else Port(wanted.name)
        own = (interface,) if interface else ()
        return ExistingPort(each, found[0] if found else bridge, replace(port, interfaces=own), bridge, kind, link)

    def _check_members(self, wanted: WantedPort) -> None:
        """Check that no member of a bond is in use elsewhere.

        Raises:
            InvalidEntry: One is a port of its own, or a member of another bond.
        """
        for name in wanted.members or ():
            found = self.switch.port_with(name)
            if found is not None and found[1].name != wanted.name:
                raise InvalidEntry(
                    wanted.entry,
                    "members",
                    f"{name} is on the port {found[1].name} of the bridge {found[0].name}; remove it there first "
                    f"(`ovs-vsctl del-port {found[1].name}`)",
                )

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

    def _check_device(self, wanted: WantedPort, bridge: Bridge, kind: str, current: str | None, option: str) -> None:
        """Check that the link which the port needs exists, and that no other link has its name.

        Raises:
            InvalidEntry: It does not exist, or another has its name.
        """
        link = self._actual.kernel.link(None, wanted.name)
        if kind == "system" and link is None:
            refuse_other_name(self._actual.kernel, wanted.entry, option, None, wanted.name)
            self.require(wanted.entry, option, self._describe_missing_link(wanted.name), ALink(None, wanted.name))
        elif kind == "system" and current == "internal" and link and link.kind in OWN_KIND.values():
            raise InvalidEntry(
                wanted.entry,
                "type",
                f"{wanted.name} is an internal port, and its link is deleted with its type; remove the port "
                "(`state: absent`), create the link, and add the port again",
            )
        elif kind == "system" and link:
            host = self._actual.kernel.namespace(None)
            check_master(wanted, link, host.link_at(link.master) if link.master else None, option)
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

    def _create(self, wanted: WantedPort, bridge: Bridge, attached: Sequence[ExistingPort]) -> None:
        kind = attached[0].kind
        if kind == "patch" and not (wanted.options or {}).get("peer"):
            raise InvalidEntry(
                wanted.entry, "options", "a patch port requires `peer`, the name of the patch port at its other end"
            )
        new = Port(wanted.name)
        check_bond_settings(wanted, bool(wanted.members))
        check_balance(wanted, new)
        check_vlans(wanted, new)
        difference = PortDifference()
        difference.compare(wanted, new)
        interface = difference.compare_interface(attached[0].wanted, Interface(wanted.name), kind)
        if self.call.owner:
            difference.port.add_owner((), self.call.owner)
        members = {"members": list(wanted.members)} if wanted.members else {}
        after = {"bridge": bridge.name, "type": kind, **members, **difference.after}
        operations: list[Operation] = [
            ovs.AddPort(bridge.name, wanted.name, difference.port.columns, interface.columns, wanted.members or ())
        ]
        for each in attached:
            operations.extend(self._plan_link(each, ({}, after)))
            operations.extend(announce(bridge, each.link))
        self._warn_of_no_effect(wanted, attached)
        self.changes.append(Change(wanted.entry, _target(wanted.name), None, after, tuple(operations)))

    def _plan_link(self, each: ExistingPort, diff: tuple[dict[str, Any], dict[str, Any]]) -> list[Operation]:
        """Return what the link of an interface needs beside Open vSwitch."""
        wanted, bridge, kind, link = each.wanted, each.target, each.kind, each.link
        checksums = self._plan_checksums(wanted, bridge, kind, link, diff)
        where = (None, wanted.name)
        if link.link is None and self.call.ensures(ALink(*where)) and not self.call.ensures(AVeth(*where)):
            return checksums  # an earlier step creates a link of another kind
        return [*checksums, *leave_alone(self._actual, wanted, bridge, kind, link.link, diff)]

    def _update(self, wanted: WantedPort, attached: Sequence[ExistingPort], found: tuple[Bridge, Port]) -> None:
        bridge, port = found
        target = attached[0].target
        difference = PortDifference()
        difference.compare(wanted, port)
        owned = bool(port.owners) or any(map(self._owns_device, attached))
        is_exact = self.call.options.get("exact") and (owned or self.call.owner is None)
        check_vlans(wanted, Port(port.name) if is_exact else port)
        if is_exact:
            difference.clear_omitted(wanted, port)
        if self.call.owner and owned:
            difference.port.add_owner(port.owners, self.call.owner)
        operations: list[Operation] = []
        if bridge.name != target.name:
            difference.before["bridge"], difference.after["bridge"] = bridge.name, target.name
            operations.append(ovs.MovePort(port.name, bridge.name, target.name))
        if wanted.members is not None:
            operations.extend(_plan_members(wanted, port, attached, difference))
        self._set_rows(port.name, attached, difference, operations)
        left_alone: list[Operation] = []
        for each in attached:
            planned = self._plan_link(each, (difference.before, difference.after))
            operations.extend(planned)
            left_alone.extend(operation for operation in planned if isinstance(operation, SetSysctl))
        if operations:
            # A neighbour may know the hardware address of the end itself for an address of the host.
            if left_alone or difference.after.keys() & ATTACHMENT:
                operations.extend(operation for each in attached for operation in announce(target, each.link))
            self._warn_of_no_effect(wanted, attached)
            both = (difference.before, difference.after)
            self.changes.append(Change(wanted.entry, _target(port.name), *both, tuple(operations)))
        else:
            self._warn_of_errors(attached)

    def _set_rows(
        self, name: str, attached: Sequence[ExistingPort], difference: PortDifference, operations: list[Operation]
    ) -> None:
        """Plan the changes of the rows: of the port with its first interface, and of the other members of a bond."""
        columns = difference.port.columns
        for each in attached:
            if not each.port.interfaces:
                continue  # a new member of a bond
            interface = difference.compare_interface(each.wanted, without_reopening(each.interface), each.kind)
            if needs_reopening(each, self._actual, self._lost):
                difference.before["attached"], difference.after["attached"] = False, True
                operations.extend(reopen(each))
            elif moves_tunnel(each):
                operations.extend(reopen(each))
            if columns or interface.columns:
                operations.append(ovs.SetPort(name, each.interface.name, columns, interface.columns))
                columns = NO_COLUMNS
        if columns:  # all members of the bond are new
            operations.append(ovs.SetPort(name, attached[0].wanted.name, columns))

    def _warn_of_errors(self, attached: Sequence[ExistingPort]) -> None:
        if not self.switch.running or attached[0].bridge.name in self._actual.reopened:
            return
        for each in attached:
            interface = each.interface
            if interface.error and each.kind != "patch" and self._has_device(each):
                self.warn(each.wanted.entry, f"ovs-vswitchd reports an error of {interface.name}: {interface.error}")

    def _warn_of_no_effect(self, wanted: WantedPort, attached: Sequence[ExistingPort]) -> None:
        """Warn of what the database takes and ovs-vswitchd does not do here."""
        if wanted.vlan_mode == "dot1q-tunnel" and self.switch.other_config.get("vlan-limit", "1") == "1":
            self.warn(
                wanted.entry,
                "`vlan_mode: dot1q-tunnel` drops packets that have a tag already, because ovs-vswitchd handles one tag "
                "only; run `ovs-vsctl set Open_vSwitch . other_config:vlan-limit=0`",
            )
        userspace = is_userspace(attached[0].target, self._actual.system_works)
        if userspace and wanted.interface_settings.get("ingress_policing_rate") and attached[0].kind in WITH_LINK:
            self.warn(
                wanted.entry,
                "`ingress_policing_rate` has no effect on the userspace datapath, which reads packets before the "
                "kernel polices them; limit the rate at the far end, or use the kernel's datapath",
            )

    def _owns_device(self, port: ExistingPort) -> bool:
        """Return whether the owner owns the link of a port.

        A port without an owner was added by hand; that of an owned veth pair is removed with the pair.
        """
        return port.link.link is not None and self.call.owner in port.link.link.owners

    def _has_device(self, port: ExistingPort) -> bool:
        return port.kind != "system" or self._actual.kernel.link(None, port.interface.name) is not None

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
        listed = {port.name for port in self.ordered()}
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
        members = {"members": list(port.members)} if port.is_bond else {}
        before = {"bridge": bridge.name, "type": port.interface.type, **members}
        qos = remove_owned_qos(self.switch, port, self.removed)
        operations = (*qos, ovs.DeletePort(bridge.name, port.name), *announce(bridge, PortLink()))
        self.changes.append(Change(entry, _target(port.name), before, None, operations))

    def _disown(self, entry: Entry, port: Port) -> None:
        difference = Difference()
        difference.remove_owner(port.owners, self.call.owner or "")
        operation = ovs.SetPort(port.name, port.interface.name, difference.columns)
        self.changes.append(Change(entry, _target(port.name), difference.before, difference.after, (operation,)))


def _plan_members(
    wanted: WantedPort, port: Port, attached: Sequence[ExistingPort], difference: PortDifference
) -> list[Operation]:
    """Return the operations by which a bond has exactly the members of an entry."""
    members = wanted.members or ()
    if members == port.members:
        return []
    difference.before["members"], difference.after["members"] = list(port.members), list(members)
    added = tuple(name for name in members if name not in port.members)
    removed = tuple(name for name in port.members if name not in members)
    new = PortDifference().compare_interface(attached[0].wanted, Interface(port.name), "system")
    operations: list[Operation] = [AddMembers(port.name, added, new.columns)] if added else []
    return [*operations, RemoveMembers(port.name, removed)] if removed else operations


def _is_own_port(bridge: Bridge, port: Port) -> bool:
    """Return whether a port is that of a bridge itself, or of a VLAN bridge."""
    return port.name == bridge.name or port.fake_bridge


def _target(name: str) -> str:
    return f"port {name}"
