# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""OVN's northbound database as a backend: read in one pass, written in one transaction that can be undone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._core.journal import Backend, Backends, BackendType, Journal
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Operation
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.database_client import (
    DEFAULT_TIMEOUT,
    DatabaseUnavailable,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.northbound_client import TLS_OPTIONS, NorthboundClient
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.northbound_operations import NorthboundOperation
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.northbound_state import Northbound
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.transaction import Transaction, split_batches

#: The options of a call by which it reaches the database.
NBCTL_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "timeout": {"type": "int", "default": DEFAULT_TIMEOUT},
    "database": {"type": "str"},
    **{option: {"type": "path"} for option in TLS_OPTIONS},
}


class NorthboundDatabase(Backend):
    """The northbound database that this host reaches."""

    def __init__(self, connect: Callable[..., NorthboundClient] = NorthboundClient) -> None:
        self._connect = connect
        #: What a simulation has deleted: rows, and references of one row to another.
        self._removed: set[str] = set()
        self._dropped: set[tuple[str, str]] = set()
        self.begin_call({})

    def begin_call(self, options: Mapping[str, Any]) -> None:
        """Take the options of the next call, see NBCTL_OPTIONS.

        Raises:
            InvalidEntry: The timeout is not a positive number.
        """
        timeout = options.get("timeout")
        if timeout is not None and timeout < 1:
            raise InvalidEntry("the call", "timeout", f"it must be a positive number of seconds, not {timeout}")
        tls = {option: options[option] for option in TLS_OPTIONS if options.get(option)}
        self._client = self._connect(timeout or DEFAULT_TIMEOUT, options.get("database"), tls)
        self._before = Northbound()

    def read(self, check_mode: bool = False) -> Northbound:
        """Read everything in one pass.

        In check mode a database that cannot be read counts as an empty one, which an earlier task would have started.

        Raises:
            Unavailable: OVN is not installed, or the database does not answer within the timeout.
        """
        try:
            self._before = self._client.read().without(self._removed, self._dropped)
        except DatabaseUnavailable as error:
            if not check_mode:
                raise
            self._before = Northbound(unavailable=str(error), cause=error.cause)
        return self._before

    def simulate(self, operations: Sequence[Operation], host: Backends) -> None:  # noqa: ARG002  # every backend has this signature
        """Read from now on as if what these delete had been deleted."""
        for operation in operations:
            if isinstance(operation, NorthboundOperation):
                self._removed.update(operation.removed())
                self._dropped.update(operation.dropped())

    def end_simulation(self) -> None:
        self._removed.clear()
        self._dropped.clear()

    def execute(self, operations: Sequence[Operation], journal: Journal) -> None:
        for batch in split_batches([each for each in operations if isinstance(each, NorthboundOperation)]):
            Transaction(self._client, self._before, batch).execute(journal)

    def commit(self) -> None:
        """Do nothing: what a rollback needs is not kept anywhere but in the journal."""


OVN = BackendType("ovn", NorthboundDatabase)
