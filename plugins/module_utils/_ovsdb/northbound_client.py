# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The program ovn-nbctl(8). Nothing else runs it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.database_client import (
    DEFAULT_TIMEOUT,
    Answer,
    DatabaseClient,
    DatabaseUnavailable,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.northbound_state import Northbound, build_northbound
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.northbound_tables import TABLES
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.rows import Row

START = (
    "start OVN's databases (`systemctl start ovn-central` on Debian and Ubuntu, `systemctl start ovn-northd` on Red "
    "Hat's systems), or name the server with `database`"
)
INSTALL = "install it (`apt install ovn-common`, `dnf install ovn-central`)"

#: The options of the module that are those of ovn-nbctl for TLS.
TLS_OPTIONS: Mapping[str, str] = {
    "private_key": "--private-key",
    "certificate": "--certificate",
    "ca_certificate": "--ca-cert",
}


class NorthboundClient(DatabaseClient[Northbound]):
    """The northbound database as one call of a module reaches it; `tls` are files by option."""

    program = "ovn-nbctl"
    tables = TABLES
    product = "OVN"
    install = INSTALL

    def __init__(
        self, timeout: int = DEFAULT_TIMEOUT, database: str | None = None, tls: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(timeout, database)
        self._tls = tls or {}

    def options(self) -> Sequence[str]:
        files = (f"{TLS_OPTIONS[option]}={path}" for option, path in self._tls.items())
        return [*super().options(), *files]

    def build(self, tables: Iterable[Iterable[Row]]) -> Northbound:
        return build_northbound(tables)

    def unavailable(self, answer: Answer) -> DatabaseUnavailable:
        server = f" at {self.database}" if self.database else ""
        if answer.status is None:
            return DatabaseUnavailable(
                f"OVN's northbound database{server} did not answer within {self.timeout} s",
                f"if it is busy, raise `timeout`; otherwise {START}",
            )
        if "database connection failed" in answer.message:
            return DatabaseUnavailable(f"OVN's northbound database{server} is not reached ({answer.reason})", START)
        return DatabaseUnavailable(f"OVN's northbound database{server} could not be read: {answer.reason}")

    def describe_timeout(self, seconds: float) -> tuple[str, str]:
        return (
            f"OVN's northbound database did not answer within {seconds:.0f} s",
            f"if it is busy, raise `timeout`; otherwise {START}",
        )
