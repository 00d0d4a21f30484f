# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The operations on the members of a bond. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Phase
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.operations import OvsOperation
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.rows import Row
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Switch
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.syntax import NO_COLUMNS, Columns, Command


@dataclass(frozen=True)
class AddMembers(OvsOperation):
    """Add members to a bond; `interface` is for each of them."""

    name: str
    members: tuple[str, ...]
    interface: Columns = NO_COLUMNS

    def transaction(self) -> Sequence[Command]:
        return [
            *(("add-bond-iface", self.name, member) for member in self.members),
            *(command for member in self.members for command in self.interface.commands("Interface", member)),
        ]

    def is_applied(self, now: Switch) -> bool:
        found = now.port(self.name)
        return found is not None and set(found[1].members) >= set(self.members)

    def undo(self, before: Switch) -> Sequence[Command]:  # noqa: ARG002  # every operation has this signature
        return _remove(self.name, self.members)

    def expected_interfaces(self, before: Switch) -> Sequence[str]:  # noqa: ARG002  # every operation has this signature
        return self.members

    def size(self, before: Switch) -> int:  # noqa: ARG002  # every operation has this signature
        return len(self.members)


@dataclass(frozen=True)
class RemoveMembers(OvsOperation):
    """Remove members from a bond, once others are there: a port without an interface is refused by the database."""

    name: str
    members: tuple[str, ...]
    phase: Phase = Phase.REMOVE

    def transaction(self) -> Sequence[Command]:
        return _remove(self.name, self.members)

    def is_applied(self, now: Switch) -> bool:
        found = now.port(self.name)
        return found is None or not set(found[1].members) & set(self.members)

    def undo(self, before: Switch) -> Sequence[Command]:  # noqa: ARG002  # every operation has this signature
        return ()  # the deleted rows are re-created

    def deleted_rows(self, before: Switch) -> Sequence[Row]:
        return [before.interfaces[name].row for name in self.members if name in before.interfaces]

    def size(self, before: Switch) -> int:  # noqa: ARG002  # every operation has this signature
        return len(self.members)


def _remove(name: str, members: Sequence[str]) -> list[Command]:
    return [("--if-exists", "del-bond-iface", name, member) for member in members]
