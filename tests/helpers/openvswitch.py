# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Open vSwitch's database says (ovs-vsctl(8), ovs-vswitchd.conf.db(5))."""

from __future__ import annotations

from typing import Any

from ansible_collections.netns.fabric.tests.helpers.shell import Shell

Row = dict[str, Any]


class OpenVSwitch:
    """The bridges and ports of the host."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    def bridges(self) -> set[str]:
        """Return the names of the bridges."""
        return set(self._vsctl("list-br").split())

    def ports(self, bridge: str) -> set[str]:
        """Return the names of a bridge's ports, without its local one."""
        return set(self._vsctl("list-ports", bridge).split())

    def bridge(self, name: str) -> Row:
        """Return the row of a bridge by column."""
        return self.rows("Bridge")[name]

    def port(self, name: str) -> Row:
        """Return the row of a port by column."""
        return self.rows("Port")[name]

    def interface(self, name: str) -> Row:
        """Return the row of an interface by column."""
        return self.rows("Interface")[name]

    def rows(self, table: str) -> dict[str, Row]:
        """Return the rows of a table by name; a set is a list, a map a dictionary."""
        said = self._shell.json("ovs-vsctl", "--timeout=10", "--format=json", "list", table)
        rows = [dict(zip(said["headings"], map(_value, row))) for row in said["data"]]
        return {row["name"]: row for row in rows}

    def carries(self, port: str) -> bool:
        """Tell whether the switch has the port's device: `ofport` and `error` alone look well where it is long gone."""
        row = self.interface(port)
        return bool(row["ofport"]) and row["ofport"] != -1 and not row["error"] and row["ifindex"] not in (0, [])

    def _vsctl(self, *arguments: str) -> str:
        return self._shell.run("ovs-vsctl", "--timeout=10", *arguments)


def _value(column: Any) -> Any:
    """Return a column's value without the wrapping of the database's JSON (RFC 7047, 5.1); an empty set is []."""
    if not isinstance(column, list):
        return column
    kind, value = column
    if kind == "set":
        return [_value(element) for element in value]
    if kind == "map":
        return {_value(key): _value(element) for key, element in value}
    return value
