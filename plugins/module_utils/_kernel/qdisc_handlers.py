# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the operations on qdiscs are executed. What a link had is restored as a whole, see Captures."""

from __future__ import annotations

import errno

from ansible_collections.netns.fabric.plugins.module_utils._kernel import distributions
from ansible_collections.netns.fabric.plugins.module_utils._kernel import qdisc_requests as requests
from ansible_collections.netns.fabric.plugins.module_utils._kernel.batch import Batch
from ansible_collections.netns.fabric.plugins.module_utils._kernel.handles import NamespaceHandles
from ansible_collections.netns.fabric.plugins.module_utils._kernel.qdisc_operations import (
    DeleteQdisc,
    RedirectIngress,
    SetQdisc,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import NamespaceName
from ansible_collections.netns.fabric.plugins.module_utils._kernel.undo import do_nothing


def set_qdisc(handles: NamespaceHandles, operation: SetQdisc, batch: Batch) -> None:
    index = _captured(handles, operation.namespace, operation.link, batch)
    name = dict(operation.values).get("distribution")
    try:
        table = distributions.read(name) if name else b""
    except ValueError as error:
        raise OSError(errno.EINVAL, str(error), distributions.find(str(name))) from error
    batch.add(operation, operation.namespace, requests.set_qdisc(operation, index, table), do_nothing)


def redirect_ingress(handles: NamespaceHandles, operation: RedirectIngress, batch: Batch) -> None:
    index = _captured(handles, operation.namespace, operation.link, batch)
    target = handles.get(operation.namespace).index(operation.target)
    batch.add(operation, operation.namespace, requests.redirect_ingress(index, target), do_nothing)


def delete_qdisc(handles: NamespaceHandles, operation: DeleteQdisc, batch: Batch) -> None:
    index = _captured(handles, operation.namespace, operation.link, batch)
    batch.add(operation, operation.namespace, requests.delete_qdisc(index, operation.ingress), do_nothing)


def _captured(handles: NamespaceHandles, namespace: NamespaceName, link: str, batch: Batch) -> int:
    """Return the index of a link whose qdiscs are captured."""
    contents = batch.capture_contents(namespace)
    index = handles.get(namespace).index(link)
    contents.touched_qdiscs.add(index)
    return index
