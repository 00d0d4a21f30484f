# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The planning that bridges and ports have in common. Pure."""

from __future__ import annotations

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry
from ansible_collections.netns.fabric.plugins.module_utils._core.planner import Planner, Wanted
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Switch

#: In a simulation: the bridges whose datapath type an earlier call would have changed, see Plan.simulated. ovs-vswitchd
#: re-opens all of their interfaces then.
REOPENED = "bridges on another datapath"


class OvsPlanner(Planner[Wanted]):
    """Plans the entries of one call on a switch."""

    def __init__(self, switch: Switch, call: Call[Wanted]) -> None:
        super().__init__(call)
        self.switch = switch

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
