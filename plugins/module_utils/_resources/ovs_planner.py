# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The planning that bridges and ports have in common. Pure."""

from __future__ import annotations

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Change, Entry, Phase
from ansible_collections.netns.fabric.plugins.module_utils._core.planner import Planner, Wanted
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call
from ansible_collections.netns.fabric.plugins.module_utils._kernel.operations import DeleteLink
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import Link
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.attachment import Attachments
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.removed_references import RemovedReferences
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import OWN_KIND, Switch

#: In a simulation: the bridges whose datapath type an earlier call would have changed, see Plan.simulated. ovs-vswitchd
#: re-opens all of their interfaces then.
REOPENED = "bridges on another datapath"
#: In a simulation: the bridges whose flows ovs-vswitchd would have removed.
FLUSHED = "bridges without their flows"

#: The length from which ovs-vsctl completes the beginning of a UUID.
_SHORTEST_ABBREVIATION = 4


def is_left_behind(link: Link, owner: str | None, attachments: Attachments) -> bool:
    """Return whether a link is a device of the userspace datapath that an ovs-vswitchd left when it died.

    Nobody but its owner may delete it.
    """
    is_open = link.name in (attachments.taps or ())
    return link.kind == OWN_KIND["netdev"] and owner is not None and owner in link.owners and not is_open


class OvsPlanner(Planner[Wanted]):
    """Plans the entries of one call on a switch."""

    def __init__(self, switch: Switch, call: Call[Wanted]) -> None:
        super().__init__(call)
        self.switch = switch
        self.removed = RemovedReferences(switch.referrers)

    def notes(self) -> tuple[str, ...]:
        assumption = self._assume_running()
        return (assumption, *super().notes()) if assumption else super().notes()

    def _assume_running(self) -> str:
        if self.switch.unavailable:
            cause = self.switch.cause
            return (
                f"Check mode: Open vSwitch is not available ({cause}); assuming an earlier task starts it, with no "
                "bridges"
            )
        if self.call.check_mode and self.switch.running is False:
            return "Check mode: ovs-vswitchd is not running; assuming an earlier task starts it"
        return ""

    def delete_left_behind(self, entry: Entry, name: str) -> None:
        """Delete what is_left_behind().

        The kernel's datapath cannot take it over. The userspace datapath would, and set it down for a moment, by which
        it would lose its IPv6 addresses, and they only (ip-sysctl, keep_addr_on_down).
        """
        operation = DeleteLink(None, name, Phase.RELEASE)
        self.changes.append(Change(entry, f"link host/{name}", {"kind": OWN_KIND["netdev"]}, None, (operation,)))

    def refuse_ambiguous_name(self, entry: Entry, name: str) -> None:
        """Refuse a name that ovs-vsctl would take for the beginning of another one as well.

        It completes names that are UUIDs (record_id_equals() in lib/db-ctl-base.c).

        Raises:
            InvalidEntry: It is the beginning of the name of a port.
        """
        for other in self.switch.uuid_names if len(name) >= _SHORTEST_ABBREVIATION else ():
            if other != name and other.startswith(name):
                raise InvalidEntry(
                    entry,
                    "name",
                    f"ovs-vsctl takes {name} for an abbreviation of the port {other}, whose name is a UUID; rename one "
                    "of them",
                )

    def refuse_taken_name(self, entry: Entry, name: str) -> None:
        """Refuse a name that Open vSwitch uses for an object of another kind.

        Raises:
            InvalidEntry: It is the name of a bond's interface or of a VLAN bridge.
        """
        found = self.switch.port_with(name)
        if found is None:
            return
        bridge, port = found
        if port.name != name:
            raise InvalidEntry(
                entry, "name", f"{name} is an interface of the bond {port.name} on {bridge.name}; choose another name"
            )
        if port.fake_bridge:
            raise InvalidEntry(
                entry,
                "name",
                f"{name} is a VLAN bridge (fake bridge in ovs-vsctl) on {bridge.name}; choose another name, or remove "
                "it",
            )
