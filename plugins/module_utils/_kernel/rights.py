# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What this process may write: found out before the first write, and in check mode. Reads only."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence

from ansible_collections.netns.fabric.plugins.module_utils._core.conditions import with_cure
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Operation
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import NAMESPACE_DIRECTORY
from ansible_collections.netns.fabric.plugins.module_utils._kernel import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._kernel import sysctl
from ansible_collections.netns.fabric.plugins.module_utils._system.capabilities import describe_lack, has_capability
from ansible_collections.netns.fabric.plugins.module_utils._system.paths import read_only_mount

#: They mount, unmount, or write a file below NAMESPACE_DIRECTORY.
_NAMESPACE_OPERATIONS = (op.CreateNamespace, op.RemoveNamespace, op.RemoveStaleFile)


def refusals(operations: Sequence[Operation]) -> Iterator[tuple[Operation, str]]:
    """Yield the operations that the kernel is sure to refuse to this process, each with the cause and the cure."""
    causes: dict[type, str] = {}
    for operation in operations:
        kind = type(operation)
        if kind not in causes:
            causes[kind] = _refusal(kind)
        if causes[kind]:
            yield operation, causes[kind]


def _refusal(kind: type) -> str:
    if issubclass(kind, op.SetSysctl):
        return _read_only(sysctl.SYSCTLS, "a kernel parameter cannot be set")
    if issubclass(kind, _NAMESPACE_OPERATIONS):
        if not has_capability("CAP_SYS_ADMIN"):
            return f"a namespace cannot be created or removed: {describe_lack('CAP_SYS_ADMIN')}"
        return _read_only(NAMESPACE_DIRECTORY, "a namespace cannot be created or removed")
    if not has_capability("CAP_NET_ADMIN"):
        return f"the network cannot be changed: {describe_lack('CAP_NET_ADMIN')}"
    return ""


def _read_only(path: str, consequence: str) -> str:
    directory = read_only_mount(path)
    message = f"{consequence}: {directory} is on a read-only file system"
    return with_cure(message, OSError(errno.EROFS, "")) if directory else ""
