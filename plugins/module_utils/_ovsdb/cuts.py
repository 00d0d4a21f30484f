# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What may cut the connection of a call that comes in by a bridge, or by a link that becomes a port. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Operation
from ansible_collections.netns.fabric.plugins.module_utils._kernel.carriers import Carriers, leads_outside
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import NamespaceState
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.bond_operations import AddMembers, RemoveMembers
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.flows import SetFlows
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.operations import (
    AddPort,
    DeleteBridge,
    DeletePort,
    MovePort,
    SetBridge,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.row_operations import AddRow, RemoveRow
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Bridge, Switch

#: Operations by which a link gets into a bridge, leaves it, or is re-created.
_OF_PORTS = (AddPort, MovePort, DeletePort, DeleteBridge, AddMembers, RemoveMembers)


def may_cut(operation: Operation) -> bool:
    """Return whether an operation may cut a connection; if none does, the host need not be read."""
    return isinstance(operation, _OF_PORTS) or _renews(operation) or bool(_forwarding(operation))


def find_cuts(
    operations: Sequence[Operation], switch: Switch, carriers: Carriers, host: NamespaceState
) -> Iterator[tuple[Operation, str]]:
    """Yield the operations that may cut the connection, each with the reason.

    `host` has the links of the host. A mirror copies packets and cuts nothing.
    """
    found = [found[0] for name in carriers.names if (found := switch.port_with(name))]
    bridges = {bridge.name for bridge in found}
    names = carriers.names.union(*(_uplink(bridge, host) for bridge in found))
    for operation in operations:
        bridge = _forwarding(operation)
        if bridge in bridges:
            yield operation, carriers.describe(f"the flows of {bridge} change", verb="may")
        elif isinstance(operation, _OF_PORTS) or _renews(operation):
            name = "" if isinstance(operation, AddMembers) else getattr(operation, "name", "")
            if names & {name, *getattr(operation, "members", ())}:
                yield operation, carriers.describe(f"`{'; '.join(operation.commands())}`")


def _renews(operation: Operation) -> bool:
    return isinstance(operation, SetBridge) and "datapath_type" in operation.columns.values


def _forwarding(operation: Operation) -> str:
    """Return the bridge by whose flows an operation decides which packets pass; empty for none.

    A bridge that becomes secure, or gets or loses a controller, loses its flows (connmgr_set_fail_mode() and
    connmgr_set_controllers() in ofproto/connmgr.c).
    """
    if isinstance(operation, SetFlows):
        return operation.bridge
    if isinstance(operation, SetBridge) and operation.columns.values.get("fail_mode") == "secure":
        return operation.name
    if isinstance(operation, (AddRow, RemoveRow)) and operation.parent == "Bridge" and operation.column == "controller":
        return operation.record
    return ""


def _uplink(bridge: Bridge, host: NamespaceState) -> set[str]:
    """Return the names of the port by which packets from outside come into a bridge; of several it is not known which.

    The userspace datapath has no links that are members of another one, by which find_carriers() would find it.
    """
    ports = {
        port.name: [link for name in port.members if (link := host.link(name))]
        for port in bridge.ports
        if port.name != bridge.name and all(each.type in ("", "system") for each in port.interfaces)
    }
    outside = {name: links for name, links in ports.items() if any(map(leads_outside, links))}
    chosen = outside if len(outside) == 1 else ports
    if len(chosen) != 1:
        return set()
    return {name for port, links in chosen.items() for name in (port, *(link.name for link in links))}
