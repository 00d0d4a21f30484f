# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the operations on links of any kind are executed."""

from __future__ import annotations

import errno

from ansible_collections.netns.fabric.plugins.module_utils._kernel import (
    dependencies,
    generic,
    kind_requests,
    requests,
    tun_devices,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.batch import Batch
from ansible_collections.netns.fabric.plugins.module_utils._kernel.handles import NamespaceHandles
from ansible_collections.netns.fabric.plugins.module_utils._kernel.kind_operations import (
    ChangeLink,
    ConfigureLink,
    CreateLink,
    SetMaster,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.kinds import KINDS, data_of
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import NamespaceName
from ansible_collections.netns.fabric.plugins.module_utils._kernel.undo import (
    do_nothing,
    restore_bond_mac,
    restore_members,
)


def create_link(handles: NamespaceHandles, operation: CreateLink, batch: Batch) -> None:
    target = handles.get(operation.namespace)
    if operation.kind.device:
        batch.send()
        with handles.entered(operation.namespace):
            tun_devices.create(operation.name, operation.kind.encode(dict(operation.values)))
        batch.journal.record("; ".join(operation.commands()), lambda: delete_created_link(handles, operation))
    else:
        parent = _index(handles, operation.source, operation.parent, batch) if operation.parent else 0
        elsewhere = operation.namespace != operation.source
        request = kind_requests.new_link(operation, parent, target.descriptor if elsewhere else None)
        batch.add(operation, operation.source, request, lambda: delete_created_link(handles, operation))
    target.created.add(operation.name)


def delete_created_link(handles: NamespaceHandles, operation: CreateLink) -> None:
    """Delete a link that the call has created; it may be deleted with its parent already."""
    try:
        index = handles.get(operation.namespace).index(operation.name)
    except OSError as error:
        if error.errno != errno.ENODEV:
            raise
        return
    handles.request(operation.namespace, requests.delete_link(index), errno.ENODEV)


def _index(handles: NamespaceHandles, namespace: NamespaceName, name: str, batch: Batch) -> int:
    """Return the index of a link that may be about to be created."""
    try:
        return handles.get(namespace).index(name)
    except OSError as error:
        if error.errno != errno.ENODEV:
            raise
    batch.send()
    return handles.get(namespace).index(name)


def change_link(handles: NamespaceHandles, operation: ChangeLink, batch: Batch) -> None:
    batch.send()
    kind, values = KINDS[operation.kind_name], dict(operation.values)
    current = data_of(handles.get(operation.namespace).link(operation.link).link.information)
    decoded = kind.decode(current)
    before = dependencies.find_former(kind, decoded, values)

    def restore() -> None:
        # What was reported and is not changed stays as it is by then.
        for former in dependencies.plan_requests(kind, decoded, before):
            request = kind_requests.change_link(operation.link, kind, current, former)
            handles.request(operation.namespace, request, errno.ENODEV)

    request = kind_requests.change_link(operation.link, kind, current, values)
    batch.add(operation, operation.namespace, request, restore)


def configure_link(handles: NamespaceHandles, operation: ConfigureLink, batch: Batch) -> None:
    batch.send()
    values, former = dict(operation.values), dict(operation.former)
    with handles.entered(operation.namespace):
        generic.configure(operation.link, values, former)

    def restore() -> None:
        with handles.entered(operation.namespace):
            generic.configure(operation.link, {name: former.get(name) for name in values}, values)

    is_new = operation.link in handles.get(operation.namespace).created
    batch.journal.record("; ".join(operation.commands()), do_nothing if is_new else restore)


def set_master(handles: NamespaceHandles, operation: SetMaster, batch: Batch) -> None:
    handle = handles.get(operation.namespace)
    if operation.link in handle.created:
        undo = do_nothing  # the undo of its creation deletes it
    else:
        captured = batch.capture_link(operation.namespace, operation.link)
        former = handle.link_at(captured.link.master) if captured.link.master else None

        def undo() -> None:
            restore_members(handles, [captured])
            if former is not None and former.kind == "bond":
                restore_bond_mac(handles, operation.namespace, former)

    master = handle.index(operation.master) if operation.master else 0
    batch.add(operation, operation.namespace, kind_requests.set_master(operation.link, master), undo)
