# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is configured in Open vSwitch, by ovs-vsctl and not by our code, and its daemons stopped for a while."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible_collections.netns.fabric.tests.helpers.convergence import converge
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.module_runner import ModuleResult

RUN_DIRECTORY = Path("/run/openvswitch")

# What ovs-vswitchd reports, and it may do so at any time.
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
    "QoS": (),
}
_NAMES = {"Controller": "target"}

# A database's JSON puts no names where rows refer to each other.
Rows = dict[str, dict[str, Any]]


def rows(table: str) -> Rows:
    """Return a table's rows by name (those of QoS, which have none, by what they are), references replaced by names."""
    names = {uuid: name for each in _REPORTED for uuid, name, _columns in _listed(each)}
    found = {}
    for uuid, name, columns in _listed(table):
        kept = {column: value for column, value in columns.items() if column not in _REPORTED[table]}
        found[name or uuid] = {column: _named(value, names) for column, value in sorted(kept.items())}
    return dict(sorted(found.items()))


def _listed(table: str) -> list[tuple[str, str, dict[str, Any]]]:
    command = ["ovs-vsctl", "--timeout=10", "--format=json", "list", table]
    answer = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=20).stdout)
    found = []
    for cells in answer["data"]:
        columns = dict(zip(answer["headings"], cells))
        uuid = columns.pop("_uuid")[1]
        found.append((uuid, str(columns.get(_NAMES.get(table, "name"), "")), columns))
    return found


def _named(value: Any, names: dict[str, str]) -> Any:
    if not isinstance(value, list):
        return value
    if value[:1] == ["uuid"]:
        return names.get(value[1], "another row")
    if value[:1] in (["set"], ["map"]):
        return sorted((_named(element, names) for element in value[1]), key=str)
    return [_named(element, names) for element in value]


def configuration() -> dict[str, Rows]:
    """Return all that is configured; equal for equal hosts."""
    return {table: rows(table) for table in _REPORTED}


def column(table: str, record: str, name: str) -> Any:
    """Return one column of one row as JSON has it."""
    command = ["ovs-vsctl", "--timeout=10", "--format=json", f"--columns={name}", "list", table, record]
    return json.loads(subprocess.run(command, capture_output=True, check=True, timeout=20).stdout)["data"][0][0]


def text_map(table: str, record: str, name: str) -> dict[str, str]:
    """Return a map column."""
    return dict(column(table, record, name)[1])


def converge_ovs(host: Host, run_module: Any, module: str, /, **params: Any) -> ModuleResult:
    """Run the cycle of converge, with an eye on Open vSwitch: check mode must have left it as it was."""
    before = configuration()
    assert run_module(module, _check=True, **params).failed is False
    assert configuration() == before
    return converge(host, run_module, module, **params)


def converge_and_paste_ovs(
    host: Host, run_module: Any, prepare: Any, undo: Any, module: str, /, **params: Any
) -> ModuleResult:
    """As converge_ovs; then ``undo``, ``prepare`` an equal host again, paste the commands there, and compare."""
    prepare()
    result = converge_ovs(host, run_module, module, **params)
    wanted = configuration()
    undo()
    prepare()
    for line in result.commands:
        host.run("bash", "-c", line)
    assert configuration() == wanted
    return result


def pid(daemon: str) -> int:
    """Return the process id of ovs-vswitchd or ovsdb-server."""
    return int((RUN_DIRECTORY / f"{daemon}.pid").read_text(encoding="ascii"))


@contextmanager
def stopped(daemon: str) -> Iterator[None]:
    """Have a daemon not answer."""
    process = pid(daemon)
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


def kill(daemon: str) -> None:
    """Kill a daemon, without a chance to clean up; the host is cleared by starting it again."""
    os.kill(pid(daemon), signal.SIGKILL)
