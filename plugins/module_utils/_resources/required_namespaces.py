# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Namespaces that an entry needs and that are not there. Pure."""

from __future__ import annotations

from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError, InvalidEntries, InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry
from ansible_collections.netns.fabric.plugins.module_utils._core.planner import Planner
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import KernelState, NamespaceName

#: How every warning of check mode about what is not there yet begins.
ASSUMED = "Not there yet, and taken as made by an earlier task"


class MissingNamespaces:
    """A mistake in a real run; in check mode, what an earlier task would have made."""

    def __init__(self, state: KernelState, check_mode: bool) -> None:
        self._state = state
        self._check_mode = check_mode
        self._assumed: set[str] = set()
        self._mistakes: list[FabricError] = []

    def needs(self, entry: Entry, option: str, namespace: NamespaceName) -> None:
        if namespace is None or namespace in self._state:
            return
        if self._check_mode:
            self._assumed.add(namespace)
            return
        cause = "is a plain file, not a namespace" if namespace in self._state.stale else "does not exist"
        self._mistakes.append(
            InvalidEntry(entry, option, f"the namespace {namespace} {cause}: make it first, with netns.fabric.netns")
        )

    def done(self) -> None:
        """Raises:
        InvalidEntries: Namespaces are missing and this is a real run.
        """
        if self._mistakes:
            raise InvalidEntries(self._mistakes)

    @property
    def warnings(self) -> tuple[str, ...]:
        if not self._assumed:
            return ()
        names = ", ".join(sorted(self._assumed))
        return (f"{ASSUMED}: namespace {names}",)


def require_namespace(
    planner: Planner[Any], state: KernelState, entry: Entry, option: str, namespace: NamespaceName
) -> None:
    """Require that the namespace that an entry names exists.

    Raises:
        InvalidEntry: It does not, and this is a real run.
    """
    if namespace is None or namespace in state:
        return
    cause = "is a plain file, not a namespace" if namespace in state.stale else "does not exist"
    message = f"the namespace {namespace} {cause}; create it first, with netns.fabric.netns"
    planner.require(entry, option, message, f"namespace {namespace}")
