# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The namespaces that an entry needs. Pure."""

from __future__ import annotations

from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry
from ansible_collections.netns.fabric.plugins.module_utils._core.planner import Planner
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import KernelState, NamespaceName


def require_namespace(
    planner: Planner[Any], state: KernelState, entry: Entry, option: str, namespace: NamespaceName
) -> None:
    """Require that a namespace exists; in check mode an earlier task may create it.

    Raises:
        InvalidEntry: It does not exist, and this is a real run.
    """
    if namespace is None or namespace in state:
        return
    cause = "is a plain file, not a namespace" if namespace in state.stale else "does not exist"
    message = f"the namespace {namespace} {cause}; create it first, with netns.fabric.netns"
    planner.require(entry, option, message, f"namespace {namespace}")
