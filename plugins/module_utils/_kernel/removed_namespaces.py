# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Namespaces that a call has removed: they lose their name, and are kept open until the call has succeeded."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass

from ansible_collections.netns.fabric.plugins.module_utils._kernel import namespaces as setns
from ansible_collections.netns.fabric.plugins.module_utils._kernel import requests
from ansible_collections.netns.fabric.plugins.module_utils._kernel.handles import NamespaceHandle, NamespaceHandles
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import NamespaceName

#: Seconds without progress after which the far ends are deleted here. The kernel destroys what was in a removed
#: namespace in the background; it does not where something keeps the namespace alive, another mount or an open file.
DESTRUCTION_PATIENCE = 1.5
#: Seconds between two looks: the kernel does not report that the destruction is complete.
INTERVAL = 0.005


@dataclass(frozen=True)
class _RemovedNamespace:
    """A namespace whose name is gone, the links to delete in it, and the far ends that the kernel deletes with it."""

    handle: NamespaceHandle
    links: tuple[str, ...]
    far_ends: list[tuple[NamespaceName, int]]

    def release(self) -> None:
        for name in self.links:
            # The deletion of one end deletes the other, which may be the next in the list.
            with suppress(OSError):
                self.handle.socket.request(requests.delete_link(self.handle.index(name)))
        self.handle.close()


class RemovedNamespaces:
    """The namespaces that this call has removed."""

    def __init__(self, handles: NamespaceHandles) -> None:
        self._handles = handles
        self._removed: list[_RemovedNamespace] = []

    def remove(self, name: str, links: tuple[str, ...], far_ends: list[tuple[NamespaceName, int]]) -> NamespaceHandle:
        """Remove the name of a namespace; return the namespace, which stays open."""
        handle = self._handles.get(name)
        setns.remove(name)
        self._handles.release(name)
        self._removed.append(_RemovedNamespace(handle, links, far_ends))
        return handle

    def restore(self, name: str, handle: NamespaceHandle) -> None:
        """Give a removed namespace its name back."""
        self._removed = [removed for removed in self._removed if removed.handle is not handle]
        setns.attach(name, handle.descriptor)
        self._handles.adopt(name, handle)

    def release(self) -> None:
        """Close the removed namespaces, and wait until the kernel has destroyed what was in them."""
        removed, self._removed = self._removed, []
        awaited = [end for namespace in removed for end in namespace.far_ends]
        for namespace in removed:
            namespace.release()
        deadline = time.monotonic() + DESTRUCTION_PATIENCE
        while awaited and time.monotonic() < deadline:
            left = [end for end in awaited if self._has_link(*end)]
            if len(left) < len(awaited):
                awaited, deadline = left, time.monotonic() + DESTRUCTION_PATIENCE
            time.sleep(INTERVAL if left else 0)  # the kernel does not report when it is done
        for name, index in awaited:
            # The kernel may delete it meanwhile, with the one before or in the background.
            with suppress(OSError):
                self._handles.get(name).socket.request(requests.delete_link(index))

    def _has_link(self, name: NamespaceName, index: int) -> bool:
        handle = self._handles.find(name)
        try:
            return handle is not None and bool(handle.socket.get(requests.get_link_at(index)))
        except OSError:
            return False
