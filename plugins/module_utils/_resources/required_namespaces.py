# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The namespaces that an entry needs. Pure."""

from __future__ import annotations

from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry
from ansible_collections.netns.fabric.plugins.module_utils._core.planner import Planner
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import KernelState, NamespaceName
from ansible_collections.netns.fabric.plugins.module_utils._resources.things import ANamespace


def describe_alias(name: str, other: NamespaceName) -> str:
    """Return the error of a name whose namespace has another one; `other` is None for the host's own."""
    if other is None:
        return f"{name} is a name of the host's own network namespace; choose another name"
    return f"{name} is another name of the namespace {other}"


def require_namespace(
    planner: Planner[Any], state: KernelState, entry: Entry, option: str, namespace: NamespaceName
) -> None:
    """Require that a namespace exists, or is known to be created.

    Raises:
        InvalidEntry: It is the host's own, or is known by another name; or it does not exist, see Planner.require().
    """
    if namespace is None:
        return
    if namespace in state.aliases:
        raise InvalidEntry(entry, option, describe_alias(namespace, state.aliases[namespace]))
    if namespace in state:
        return
    cause = "is a plain file, not a namespace" if namespace in state.stale else "does not exist"
    message = f"the namespace {namespace} {cause}; create it first, with netns.fabric.netns"
    planner.require(entry, option, message, ANamespace(namespace))
