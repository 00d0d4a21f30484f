# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the databases of Open vSwitch and OVN have in common: rows that refer to each other, and writes. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Generic, TypeVar

from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Phase
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.rows import Row, find_referrers
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.syntax import (
    Command,
    join_commands,
)


class Database:
    """The state of a database. `rows` are those of all tables that are read, by UUID."""

    rows: Mapping[str, Row]

    def all_rows(self) -> Sequence[Row]:
        """Return every row that may refer to others."""
        return [*self.rows.values()]

    @cached_property
    def _referrers(self) -> Mapping[str, set[str]]:
        return find_referrers(self.all_rows())

    def referrers(self, uuid: str) -> set[str]:
        """Return the UUIDs of the rows that refer to a row and so keep it."""
        return self._referrers.get(uuid, set())

    def find(self, table: str, record: str) -> Row | None:
        """Return the row that a command finds by `record`, which is a name in the tables that have names, or a UUID."""
        raise NotImplementedError


State = TypeVar("State", bound=Database)
#: What operations read; one that is content with any database is one on each of them.
Read_contra = TypeVar("Read_contra", bound=Database, contravariant=True)


class DatabaseOperation(Generic[Read_contra]):
    """A write to a database. Nearly all are of one phase, so that they make up one transaction."""

    phase = Phase.CREATE
    backend: str
    #: The program whose commands it is made of.
    program: str
    #: Whether a rollback depends on what the database has made of the operation, see undo_created().
    creates_rows = False

    def transaction(self) -> Sequence[Command]:
        """Return the commands that execute it."""
        raise NotImplementedError

    def is_applied(self, now: Read_contra) -> bool:
        """Return whether the database has what it writes."""
        raise NotImplementedError

    def undo(self, before: Read_contra) -> Sequence[Command]:
        """Return the commands that roll it back to the state `before`, without `deleted_rows`."""
        raise NotImplementedError

    def undo_created(self, before: Read_contra, now: Read_contra) -> Sequence[Command]:  # noqa: ARG002  # every operation has this signature
        """Return the further commands that roll back what is `now` in the database; they come first."""
        return ()

    def deleted_rows(self, before: Read_contra) -> Sequence[Row]:  # noqa: ARG002  # every operation has this signature
        """Return the rows that it deletes, without those that are deleted because nothing refers to them any more."""
        return ()

    def undo_after(self, before: Read_contra) -> Sequence[Command]:  # noqa: ARG002  # every operation has this signature
        """Return the commands that a rollback needs in a second transaction, once `undo` has taken effect."""
        return ()

    def commands(self) -> Sequence[str]:
        """Return the equivalent shell lines."""
        return [shlex.join([self.program, *join_commands(self.transaction())])]
