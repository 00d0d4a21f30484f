# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The links of the host that carry the connection by which a call was started, and the operations that would cut it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Operation
from ansible_collections.netns.fabric.plugins.module_utils._kernel import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._kernel.kind_operations import SetMaster
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import KernelState, Link
from ansible_collections.netns.fabric.plugins.module_utils._system.connections import Connection

#: The device to which the kernel's datapath of Open vSwitch attaches the devices of its ports.
OVS_SYSTEM = "ovs-system"
#: The kind of a local port of a bridge of that datapath.
OVS_INTERNAL = "openvswitch"


@dataclass(frozen=True)
class Carriers:
    """The connection, the link that has its address, and the names of the links under it."""

    connection: Connection
    link: str
    addresses: frozenset[str]
    names: frozenset[str]

    def describe(self, what: str, verb: str = "would") -> str:
        """Return why an operation is refused; `what` is what it does, `verb` is "may" where the cut is not certain."""
        return (
            f"the SSH connection from {self.connection.peer} to {self.connection.local} comes in by {self.link}, and "
            f"{verb} be cut: {what}; have the host roll the run back unless it is confirmed over a new connection "
            "(`topology_confirm: 60` of the role, `confirm` of netns.fabric.sequence), or run it over another one"
        )


def find_carriers(connection: Connection, state: KernelState) -> Carriers | None:
    """Return the links that carry a connection; None where no link of the host has its address."""
    host = state.namespace(None)
    own = [each for each in host.addresses if each.interface.ip == connection.local]
    links = [link for link in (host.link_at(each.index) for each in own) if link is not None]
    if not links:
        return None
    names = {each.name for link in links for each in _below(state, link)}
    return Carriers(connection, links[0].name, frozenset(str(each) for each in own), frozenset(names))


def _below(state: KernelState, link: Link) -> Iterator[Link]:
    """Yield a link of the host, and those that its packets come in by.

    Of several members of a bridge any may be the one: it is not known which.
    """
    yield link
    base = state.base_of(link) if link.base else None
    if base is not None and base[0] is None:
        yield from _below(state, base[1])
    links = state.namespace(None).links
    master = link.index
    if link.kind == OVS_INTERNAL:
        master = next((each.index for each in links if each.name == OVS_SYSTEM), 0)
    members = [each for each in links if master and each.master == master]
    outside = list(filter(leads_outside, members))
    if len(members) == 1 or len(outside) == 1:
        for each in outside or members:
            yield from _below(state, each)


def leads_outside(link: Link) -> bool:
    """Return whether a member of a bridge leads to other hosts.

    A virtual link leads to a namespace or a machine on this host; a NIC has no kind.
    """
    return link.kind in ("", "bond", "vlan")


#: Operations that may cut a connection; to read the host is not needed without one of these.
CUTTING = (op.MoveLink, op.DeleteLink, op.SetDown, op.RemoveAddress, SetMaster)


def find_cuts(operations: Sequence[Operation], carriers: Carriers) -> Iterator[tuple[Operation, str]]:
    """Yield the operations that would cut the connection, each with the reason."""
    added = {(each.link, each.address) for each in operations if isinstance(each, op.AddAddress) and not each.namespace}
    set_up = {each.link for each in operations if isinstance(each, op.SetUp) and not each.namespace}
    for operation in operations:
        if not isinstance(operation, CUTTING) or operation.namespace is not None:
            continue
        name = operation.name if isinstance(operation, (op.MoveLink, op.DeleteLink)) else operation.link
        is_restored = (isinstance(operation, op.SetDown) and name in set_up) or (
            isinstance(operation, op.RemoveAddress)
            and ((name, operation.address) in added or operation.address not in carriers.addresses)
        )
        if name in carriers.names and not is_restored:
            yield operation, carriers.describe(_describe(operation, name))


def _describe(operation: Operation, name: str) -> str:
    if isinstance(operation, op.MoveLink):
        return f"{name} moves to the namespace {operation.to}"
    if isinstance(operation, op.DeleteLink):
        return f"{name} is deleted"
    if isinstance(operation, op.RemoveAddress):
        return f"the address {operation.address} is removed from {name}"
    if isinstance(operation, SetMaster):
        return f"{name} becomes a member of {operation.master}" if operation.master else f"{name} leaves its master"
    return f"{name} is set down"
