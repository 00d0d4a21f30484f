# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Open vSwitch by ovs-vsctl(8) and not by our code: what its database has, and its daemons stopped or killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ansible_collections.netns.fabric.tests.helpers.own_host import OVS_RUN
from ansible_collections.netns.fabric.tests.helpers.shell import Shell
from ansible_collections.netns.fabric.tests.helpers.waiting import wait_until

Row = dict[str, Any]
Rows = dict[str, Row]

# The columns that ovs-vswitchd writes, at any time (ovs-vswitchd.conf.db(5)).
_REPORTED = {
    "Bridge": ("datapath_id", "datapath_version", "rstp_status", "status"),
    "Port": ("bond_active_slave", "rstp_statistics", "rstp_status", "statistics", "status"),
    "Interface": (
        *("admin_state", "bfd_status", "cfm_fault", "cfm_fault_status", "cfm_flap_count", "cfm_health"),
        *("cfm_remote_mpids", "cfm_remote_opstate", "duplex", "error", "ifindex", "lacp_current", "link_resets"),
        *("link_speed", "link_state", "mac_in_use", "mtu", "ofport", "statistics", "status"),
    ),
    "Controller": ("is_connected", "role", "status"),
    "Mirror": ("statistics",),
    **dict.fromkeys(("Flow_Table", "IPFIX", "NetFlow", "QoS", "Queue", "SSL", "sFlow"), ()),
}
# Counters, and what it repeats of the kernel's links a little later.
_VOLATILE = frozenset({"statistics", "rstp_statistics", "admin_state", "link_state"})
_NAME_COLUMN = {"Controller": "target"}


def read_all() -> tuple[dict[str, Rows], dict[str, Rows]]:
    """Return what is configured and what ovs-vswitchd reports: rows by table and name.

    References are replaced by names; sets and maps are sorted. A row without a name is found by its content.
    """
    listed = _list(*_REPORTED)
    names = {uuid: name for rows in listed.values() for uuid, name, _columns in rows}
    configuration: dict[str, Rows] = {}
    status: dict[str, Rows] = {}
    for table, rows_of_table in listed.items():
        reported = _REPORTED[table]
        configuration[table], status[table] = {}, {}
        for uuid, name, columns in sorted(rows_of_table, key=lambda row: row[1]):
            values = {column: _plain(value, names) for column, value in sorted(columns.items())}
            configured = {column: value for column, value in values.items() if column not in reported}
            key = name or str(configured)
            configuration[table][key] = configured
            kept = {column: values[column] for column in reported if column in values and column not in _VOLATILE}
            status[table][key] = {"_uuid": uuid, **kept}
    return configuration, status


def configuration() -> dict[str, Rows]:
    """Return all that is configured; equal for equal hosts."""
    return read_all()[0]


def rows(table: str) -> Rows:
    """Return the configuration of a table's rows by name."""
    return configuration()[table]


def column(table: str, record: str, name: str) -> Any:
    """Return one column of one row in the JSON of the database (RFC 7047, 5.1)."""
    (value,) = json.loads(_vsctl(f"--columns={name}", "list", table, record))["data"][0]
    return value


def text_map(table: str, record: str, name: str) -> dict[str, str]:
    """Return a map column."""
    return dict(column(table, record, name)[1])


def _list(*tables: str) -> dict[str, list[tuple[str, str, Row]]]:
    """Return uuid, name and columns of the rows of tables."""
    output = _vsctl(*(word for table in tables for word in ("--", "list", table)))
    found: dict[str, list[tuple[str, str, Row]]] = {}
    for table, line in zip(tables, output.splitlines()):
        answer = json.loads(line)
        found[table] = []
        for cells in answer["data"]:
            columns = dict(zip(answer["headings"], cells))
            uuid = columns.pop("_uuid")[1]
            found[table].append((uuid, str(columns.get(_NAME_COLUMN.get(table, "name"), "")), columns))
    return found


def _vsctl(*arguments: str) -> str:
    command = ["ovs-vsctl", "--timeout=10", "--format=json", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout


def _plain(value: Any, names: Mapping[str, str]) -> Any:
    if not isinstance(value, list):
        return value
    if value[:1] == ["uuid"]:
        return names.get(value[1], "another row")
    if value[:1] in (["set"], ["map"]):
        return sorted((_plain(element, names) for element in value[1]), key=str)
    return [_plain(element, names) for element in value]


# The daemons


def pid(daemon: str) -> int:
    """Return the process id of ovs-vswitchd or ovsdb-server."""
    return int((OVS_RUN / f"{daemon}.pid").read_text(encoding="ascii"))


@contextmanager
def stopped(daemon: str) -> Iterator[None]:
    """Stop a daemon, so that it does not answer, and let it continue afterwards."""
    process = pid(daemon)
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


def kill(daemon: str) -> None:
    """Kill a daemon, without a chance to clean up, and wait for its end; Host.clear() starts it again."""
    killed = pid(daemon)
    os.kill(killed, signal.SIGKILL)
    # The kernel closes its sockets first; until then `ovs-ctl start` would find it running.
    wait_until(lambda: not os.path.exists(f"/proc/{killed}"))


# For the tests of the scenarios


class OpenVSwitch:
    """The bridges and ports of the host, by a shell."""

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

    def rows(self, table: str) -> Rows:
        """Return the rows of a table by name; a set is a list, a map a dictionary."""
        answer = self._shell.json("ovs-vsctl", "--timeout=10", "--format=json", "list", table)
        found = [dict(zip(answer["headings"], map(_value, row))) for row in answer["data"]]
        return {row["name"]: row for row in found}

    def carries(self, port: str) -> bool:
        """Return whether the switch has opened the port's device.

        `ofport` and `error` alone show no error for a device that was deleted long ago.
        """
        row = self.interface(port)
        return bool(row["ofport"]) and row["ofport"] != -1 and not row["error"] and row["ifindex"] not in (0, [])

    def _vsctl(self, *arguments: str) -> str:
        return self._shell.run("ovs-vsctl", "--timeout=10", *arguments)


def _value(value: Any) -> Any:
    """Return a column's value without the wrapping of the database's JSON (RFC 7047, 5.1); an empty set is []."""
    if not isinstance(value, list):
        return value
    kind, content = value
    if kind == "set":
        return [_value(element) for element in content]
    if kind == "map":
        return {_value(key): _value(element) for key, element in content}
    return content
