# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kernel's datapath, where it was deleted under a running ovs-vswitchd, and how it is created again. Pure.

All bridges on it share one datapath, which ovs-vswitchd opens for the first of them and closes with the last
(open_dpif_backer() in ofproto/ofproto-dpif.c). It does not see that the kernel has deleted it. So all of them, whoever
owns them, leave it for a moment in one transaction; in the next one they return, and ovs-vswitchd creates it again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Phase
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.operations import OvsOperation
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import REOPEN_KEY, Switch
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.syntax import Columns, Command

#: The link of the datapath's own port.
_DATAPATH_LINK = "ovs-system"

#: The key says, to a run that comes after a killed one, that a bridge is to return.
_AWAY = Columns({"datapath_type": "netdev"}, (("external_ids", REOPEN_KEY, "system"),))
_BACK = Columns({"datapath_type": ""}, (("external_ids", REOPEN_KEY, None),))


def bridges_without_datapath(switch: Switch, links: Collection[str]) -> tuple[str, ...]:
    """Return the bridges on the kernel's datapath, if ovs-vswitchd has lost that; `links` are those of the host.

    A bridge that it could not set up at all has no number for its local interface.
    """
    on_it = [bridge for bridge in switch.bridges if bridge.datapath_type == "system"]
    failed = any(bridge.local is not None and bridge.local.ofport == -1 for bridge in on_it)
    lost = switch.running is True and _DATAPATH_LINK not in links and failed
    return tuple(bridge.name for bridge in on_it) if lost else ()


def bridges_away(switch: Switch) -> tuple[str, ...]:
    """Return the bridges that a killed run has moved off the kernel's datapath, and not back."""
    return tuple(bridge.name for bridge in switch.bridges if REOPEN_KEY in bridge.external_ids)


@dataclass(frozen=True)
class _MoveBridges(OvsOperation):
    """Move bridges off the kernel's datapath, or back."""

    bridges: tuple[str, ...]

    def _columns(self) -> Columns:
        raise NotImplementedError

    def transaction(self) -> Sequence[Command]:
        return _commands(self._columns(), self.bridges)

    def is_applied(self, now: Switch) -> bool:
        found = [bridge for bridge in now.bridges if bridge.name in self.bridges]
        return len(found) == len(self.bridges) and all(self._columns().are_set(bridge.row) for bridge in found)

    def size(self, before: Switch) -> int:
        return sum(len(bridge.ports) for bridge in before.bridges if bridge.name in self.bridges)


@dataclass(frozen=True)
class CloseDatapath(_MoveBridges):
    """Move all bridges off the kernel's datapath, so that ovs-vswitchd closes it."""

    phase: Phase = Phase.RELEASE

    def _columns(self) -> Columns:
        return _AWAY

    def undo(self, before: Switch) -> Sequence[Command]:  # noqa: ARG002  # every operation has this signature
        return _commands(_BACK, self.bridges)


@dataclass(frozen=True)
class OpenDatapath(_MoveBridges):
    """Move them back, so that ovs-vswitchd creates it."""

    def _columns(self) -> Columns:
        return _BACK

    def undo(self, before: Switch) -> Sequence[Command]:  # noqa: ARG002  # every operation has this signature
        return ()

    def expected_interfaces(self, before: Switch) -> Sequence[str]:  # noqa: ARG002  # every operation has this signature
        return self.bridges


def _commands(columns: Columns, bridges: Sequence[str]) -> list[Command]:
    return [command for bridge in bridges for command in columns.commands("Bridge", bridge)]
