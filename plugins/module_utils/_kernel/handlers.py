# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How each operation is executed: one function for each, which either adds requests to the batch or acts at once."""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._kernel import (
    ethtool,
    kind_handlers,
    qdisc_handlers,
    requests,
    routing_handlers,
    sysctl,
    undo,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel import kind_operations as kind_op
from ansible_collections.netns.fabric.plugins.module_utils._kernel import namespaces as setns
from ansible_collections.netns.fabric.plugins.module_utils._kernel import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._kernel import qdisc_operations as qdisc_op
from ansible_collections.netns.fabric.plugins.module_utils._kernel import routing_operations as routing_op
from ansible_collections.netns.fabric.plugins.module_utils._kernel.batch import Batch
from ansible_collections.netns.fabric.plugins.module_utils._kernel.handles import NamespaceHandles
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import Link, NamespaceName
from ansible_collections.netns.fabric.plugins.module_utils._kernel.uapi import (
    IFF_UP,
    NLM_F_CREATE,
    NLM_F_EXCL,
    NLM_F_REPLACE,
    RTM_DELADDR,
    RTM_DELLINKPROP,
    RTM_NEWADDR,
    RTM_NEWLINKPROP,
)

# Namespaces


def _create_namespace(handles: NamespaceHandles, operation: op.CreateNamespace, batch: Batch) -> None:
    name = operation.name
    setns.create(name)
    batch.journal.record(f"ip netns del {name}", lambda: _delete_created_namespace(handles, name))
    handles.get(name).created.add("lo")


def _delete_created_namespace(handles: NamespaceHandles, name: str) -> None:
    replaced = handles.is_replaced(name)
    handle = handles.release(name)
    if handle is not None:
        handle.close()
    if not replaced:  # what another program has put in its place stays
        setns.remove(name)


def _remove_namespace(_handles: NamespaceHandles, operation: op.RemoveNamespace, batch: Batch) -> None:
    if batch.journal.kept:
        batch.delete_connected(operation, operation.name)
    far_ends = batch.far_ends_of(operation.name)  # the kernel deletes them with the namespace
    handle = batch.removed.remove(operation.name, operation.links, far_ends)
    batch.journal.record(
        f"restore the name of the namespace {operation.name}", lambda: batch.removed.restore(operation.name, handle)
    )


def _remove_stale_file(_handles: NamespaceHandles, operation: op.RemoveStaleFile, batch: Batch) -> None:
    restore = undo.capture_stale_file(operation.name)
    setns.remove(operation.name)
    batch.journal.record(f"restore {setns.path_of(operation.name)}", restore)


def _set_sysctl(handles: NamespaceHandles, operation: op.SetSysctl, batch: Batch) -> None:
    batch.send()  # the parameters of a link may come or change with its MTU
    with handles.entered(operation.namespace):
        before = sysctl.capture(operation.key)
        sysctl.write(operation.key, operation.value)

    def restore() -> None:
        with handles.entered(operation.namespace):
            sysctl.restore(before)

    batch.journal.record("; ".join(operation.commands()), restore)


# Links


def _create_veth(handles: NamespaceHandles, operation: op.CreateVeth, batch: Batch) -> None:
    end, peer = operation.end, operation.peer
    request = requests.new_veth(operation, handles.descriptor(end.namespace), handles.descriptor(peer.namespace))
    for each in (end, peer):
        handles.get(each.namespace).created.add(each.name)
    batch.add(operation, None, request, lambda: undo.delete_created_pair(handles, operation))


def _delete_link(_handles: NamespaceHandles, operation: op.DeleteLink, batch: Batch) -> None:
    batch.add_deletion(operation, operation.namespace, operation.name)


def _move_link(handles: NamespaceHandles, operation: op.MoveLink, batch: Batch) -> None:
    captured = batch.capture_link(operation.namespace, operation.name)
    target = handles.get(operation.to).descriptor
    request = requests.set_link_at(captured.link.index, ("IFLA_NET_NS_FD", target), ("IFLA_IFNAME", operation.new_name))
    batch.add(operation, operation.namespace, request, lambda: undo.move_back(handles, operation, captured))


def _rename_link(handles: NamespaceHandles, operation: op.RenameLink, batch: Batch) -> None:
    batch.send()
    index = handles.get(operation.namespace).index(operation.name)

    def rename_back() -> None:
        former = requests.set_link_at(index, ("IFLA_IFNAME", operation.name))
        handles.request(operation.namespace, former, errno.ENODEV)

    request = requests.set_link_at(index, ("IFLA_IFNAME", operation.new_name))
    batch.add(operation, operation.namespace, request, rename_back)


def _set_mac(handles: NamespaceHandles, operation: op.SetMac, batch: Batch) -> None:
    if operation.link not in handles.get(operation.namespace).created:
        # Each change of the address, and its undo, deletes the neighbours on the link (neigh_changeaddr()).
        batch.capture_link(operation.namespace, operation.link)
    _set_attribute(handles, operation, "IFLA_ADDRESS", operation.mac, lambda link: link.mac, batch)


def _set_mtu(handles: NamespaceHandles, operation: op.SetMtu, batch: Batch) -> None:
    batch.send_others(operation.namespace)  # that of a parent in another namespace limits that of a VLAN on it
    before = _existing_link(handles, operation.namespace, operation.link)
    # The kernel lowers that of the links on it as well (vlan_device_event(), macvlan_device_event()).
    is_lowered = before is not None and operation.mtu < before.mtu
    lowered = batch.dependants_of(operation.namespace, operation.link) if is_lowered else []

    def restore() -> None:
        former = [(operation.namespace, before)] if before is not None else []
        for namespace, link in (*former, *lowered):
            # The undo of the parent, which comes later, restores those that its MTU still limits (EINVAL, and ERANGE
            # by vlan_dev_change_mtu()).
            request = requests.set_link(link.name, ("IFLA_MTU", link.mtu))
            handles.request(namespace, request, errno.ENODEV, errno.EINVAL, errno.ERANGE)

    request = requests.set_link(operation.link, ("IFLA_MTU", operation.mtu))
    batch.add(operation, operation.namespace, request, restore)


def _set_alias(handles: NamespaceHandles, operation: op.SetAlias, batch: Batch) -> None:
    _set_attribute(handles, operation, "IFLA_IFALIAS", operation.alias, lambda link: link.alias, batch)


def _remove_altname(handles: NamespaceHandles, operation: op.RemoveAltname, batch: Batch) -> None:
    batch.send()
    index = handles.get(operation.namespace).index(operation.link)
    addition = requests.altname_request(RTM_NEWLINKPROP, index, operation.altname)
    removal = requests.altname_request(RTM_DELLINKPROP, index, operation.altname)

    def add_again() -> None:
        handles.request(operation.namespace, addition, errno.ENODEV)

    batch.add(operation, operation.namespace, removal, add_again)


def _set_attribute(
    handles: NamespaceHandles,
    operation: Any,
    attribute: str,
    value: object,
    current: Callable[[Link], object],
    batch: Batch,
) -> None:
    namespace: NamespaceName = operation.namespace
    name: str = operation.link

    def request(value: object) -> bytearray:
        return requests.set_link(name, (attribute, value))

    before = _existing_link(handles, namespace, name)

    def restore() -> None:
        if before is not None:
            handles.request(namespace, request(current(before)), errno.ENODEV)

    batch.add(operation, namespace, request(value), restore)


def _existing_link(handles: NamespaceHandles, namespace: NamespaceName, name: str) -> Link | None:
    """Return the link as it is; None for one that the same call has created, whose undo is its deletion."""
    handle = handles.get(namespace)
    return None if name in handle.created else handle.link(name).link


def _set_tx_checksum(handles: NamespaceHandles, operation: op.SetTxChecksum, batch: Batch) -> None:
    batch.send()
    socket = handles.get(operation.namespace).socket
    before = ethtool.tx_checksum(socket.fileno(), operation.link)
    ethtool.set_tx_checksum(socket.fileno(), operation.link, operation.enabled)
    batch.journal.record(
        "; ".join(operation.commands()),
        lambda: undo.restore_tx_checksum(socket.fileno(), operation.link, bool(before)),
    )


def _set_down(handles: NamespaceHandles, operation: op.SetDown, batch: Batch) -> None:
    captured = batch.capture_link(operation.namespace, operation.link)
    request = requests.set_link(operation.link, flags=0, change=IFF_UP)
    batch.add(operation, operation.namespace, request, lambda: undo.restore_link(handles, captured))


def _set_up(handles: NamespaceHandles, operation: op.SetUp, batch: Batch) -> None:
    def set_down() -> None:
        handles.request(operation.namespace, requests.set_link(operation.link, flags=0, change=IFF_UP), errno.ENODEV)

    request = requests.set_link(operation.link, flags=IFF_UP, change=IFF_UP)
    batch.add(operation, operation.namespace, request, set_down)


# Addresses


def _add_address(handles: NamespaceHandles, operation: op.AddAddress, batch: Batch) -> None:
    index = handles.get(operation.namespace).index(operation.link)
    flags = NLM_F_CREATE | (NLM_F_REPLACE if operation.replace else NLM_F_EXCL)
    request = requests.address_request(RTM_NEWADDR, flags, index, operation.address, operation.peer)

    def remove() -> None:
        removal = requests.address_request(RTM_DELADDR, 0, index, operation.address, operation.peer)
        handles.request(operation.namespace, removal, errno.EADDRNOTAVAIL, errno.ENODEV)

    # One that may have existed before is restored by the undo of the operation that removes it.
    batch.add(operation, operation.namespace, request, undo.do_nothing if operation.replace else remove)


def _remove_address(handles: NamespaceHandles, operation: op.RemoveAddress, batch: Batch) -> None:
    index = batch.capture_link(operation.namespace, operation.link).link.index
    request = requests.address_request(RTM_DELADDR, 0, index, operation.address, operation.peer)
    if operation.missing_ok:
        handles.request(operation.namespace, request, errno.EADDRNOTAVAIL)
    else:
        batch.add(operation, operation.namespace, request, undo.do_nothing)


def _announce(_handles: NamespaceHandles, _operation: op.Announce, _batch: Batch) -> None:
    """Do nothing yet: see Kernel.settle()."""


#: By the type of an operation.
HANDLERS: Mapping[type, Callable[[NamespaceHandles, Any, Batch], None]] = {
    op.CreateNamespace: _create_namespace,
    op.RemoveNamespace: _remove_namespace,
    op.RemoveStaleFile: _remove_stale_file,
    op.CreateVeth: _create_veth,
    kind_op.CreateLink: kind_handlers.create_link,
    kind_op.ChangeLink: kind_handlers.change_link,
    kind_op.ConfigureLink: kind_handlers.configure_link,
    kind_op.SetMaster: kind_handlers.set_master,
    op.DeleteLink: _delete_link,
    op.MoveLink: _move_link,
    op.RenameLink: _rename_link,
    op.SetMac: _set_mac,
    op.SetMtu: _set_mtu,
    op.SetAlias: _set_alias,
    op.RemoveAltname: _remove_altname,
    op.SetTxChecksum: _set_tx_checksum,
    op.SetDown: _set_down,
    op.SetUp: _set_up,
    op.Announce: _announce,
    op.AddAddress: _add_address,
    op.RemoveAddress: _remove_address,
    routing_op.AddRoute: routing_handlers.add_route,
    routing_op.RemoveRoute: routing_handlers.remove_route,
    routing_op.AddRule: routing_handlers.add_rule,
    routing_op.RemoveRule: routing_handlers.remove_rule,
    routing_op.SetNeighbour: routing_handlers.set_neighbour,
    routing_op.RemoveNeighbour: routing_handlers.remove_neighbour,
    op.SetSysctl: _set_sysctl,
    qdisc_op.SetQdisc: qdisc_handlers.set_qdisc,
    qdisc_op.RedirectIngress: qdisc_handlers.redirect_ingress,
    qdisc_op.DeleteQdisc: qdisc_handlers.delete_qdisc,
}
