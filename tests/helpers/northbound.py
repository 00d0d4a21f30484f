# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""OVN's northbound database by ovn-nbctl(8) and not by our code: alone on the test host, or of hosts with OVN."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from ansible_collections.netns.fabric.tests.helpers import own_host
from ansible_collections.netns.fabric.tests.helpers.convergence import Run, assert_unchanged
from ansible_collections.netns.fabric.tests.helpers.module_runner import ModuleResult
from ansible_collections.netns.fabric.tests.helpers.waiting import wait_until

RUN = Path("/run/ovn")
SOCKET = RUN / "ovnnb_db.sock"
SCHEMA = Path("/usr/share/ovn/ovn-nb.ovsschema")

#: The columns that ovn-northd and ovn-controller write, and the tables of the server itself.
_REPORTED = {"Logical_Switch_Port": {"up", "dynamic_addresses"}, "Logical_Router_Port": {"status"}, "BFD": {"status"}}
_OF_SERVER = {"NB_Global", "Connection", "SSL"}


class Northbound:
    """A northbound database, reached by its socket."""

    def __init__(self, socket: Path = SOCKET) -> None:
        self.database = f"unix:{socket}"

    def ctl(self, *arguments: str) -> str:
        """Run ovn-nbctl with a timeout of 10 s; return its output without the final newline."""
        command = ["ovn-nbctl", f"--db={self.database}", "--timeout=10", *arguments]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
        assert ran.returncode == 0, f"{' '.join(command)}: {ran.returncode}\n{ran.stdout}{ran.stderr}"
        return ran.stdout.rstrip("\n")

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Return the rows of a table by column, in plain values, with what they refer to in their place."""
        return [row for row in self.content().get(table, []) if row]

    def row(self, table: str, name: str) -> dict[str, Any]:
        """Return the one row of that name."""
        (found,) = (row for row in self.rows(table) if row["name"] == name)
        return found

    def content(self) -> dict[str, list[dict[str, Any]]]:
        """Return all that is configured; equal for equal databases: a reference is what it refers to."""
        names = [name for name in _tables() if name not in _OF_SERVER]
        output = self.ctl("--format=json", *(word for name in names for word in ("--", "list", name)))
        rows: dict[str, dict[str, Any]] = {}
        tables: dict[str, list[str]] = {}
        for name, line in zip(names, output.splitlines()):
            answer = json.loads(line)
            for cells in answer["data"]:
                columns = dict(zip(answer["headings"], cells))
                uuid = columns.pop("_uuid")[1]
                tables.setdefault(name, []).append(uuid)
                rows[uuid] = {key: cell for key, cell in columns.items() if key not in _REPORTED.get(name, ())}
        plain = {uuid: {key: _plain(cell, rows) for key, cell in row.items()} for uuid, row in rows.items()}
        return {name: sorted((plain[uuid] for uuid in uuids), key=str) for name, uuids in tables.items()}

    def uuids(self, table: str) -> dict[str, str]:
        """Return the UUIDs of a table's rows by their names."""
        output = self.ctl("--format=csv", "--no-headings", "--columns=name,_uuid", "list", table)
        return dict(line.rsplit(",", 1) for line in output.splitlines())


def _plain(cell: Any, rows: Mapping[str, dict[str, Any]]) -> Any:
    """Return a value of the database's JSON (RFC 7047, 5.1) as plain data; sets are sorted."""
    if not isinstance(cell, list):
        return cell
    kind, content = cell
    if kind == "uuid":
        return {key: _plain(each, rows) for key, each in rows.get(content, {}).items()}
    if kind == "map":
        return {str(_plain(key, rows)): _plain(each, rows) for key, each in content}
    return sorted((_plain(each, rows) for each in content), key=str)


@cache
def _tables() -> tuple[str, ...]:
    return tuple(json.loads(SCHEMA.read_text(encoding="utf-8"))["tables"])


@contextmanager
def serve() -> Iterator[Northbound]:
    """Serve an empty northbound database on this host, without the rest of OVN."""
    own_host.require_inside()
    RUN.mkdir(exist_ok=True)
    file = RUN / "ovnnb_db.db"
    file.unlink(missing_ok=True)
    _run("ovsdb-tool", "create", str(file), str(SCHEMA))
    log, pid_file = RUN / "ovnnb_db.log", RUN / "ovnnb_db.pid"
    _run(
        *("ovsdb-server", "--detach", "--no-chdir", f"--pidfile={pid_file}", f"--log-file={log}", "-vconsole:off"),
        *(f"--unixctl={RUN / 'ovnnb_db.ctl'}", f"--remote=punix:{SOCKET}", str(file)),
        *("--remote=db:OVN_Northbound,NB_Global,connections", "--private-key=db:OVN_Northbound,SSL,private_key"),
        *("--certificate=db:OVN_Northbound,SSL,certificate", "--ca-cert=db:OVN_Northbound,SSL,ca_cert"),
    )
    pid = int(pid_file.read_text(encoding="ascii"))
    try:
        northbound = Northbound()
        northbound.ctl("init")
        yield northbound
    finally:
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not os.path.exists(f"/proc/{pid}"))
        SOCKET.unlink(missing_ok=True)


@contextmanager
def stopped() -> Iterator[None]:
    """Stop the server of serve(), so that it does not answer, and let it continue afterwards."""
    process = int((RUN / "ovnnb_db.pid").read_text(encoding="ascii"))
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=20)


def converge(northbound: Northbound, run_module: Run, module: str, /, **params: Any) -> ModuleResult:
    """Run check -> apply -> check -> apply, and return the result of the first real run.

    Check mode has to leave the database as it was and to return what the real run returns. After that, check mode and
    another real run have to find nothing to do.
    """
    before = northbound.content()
    checked = run_module(module, _check=True, **params)
    assert not checked.failed, checked.message
    assert northbound.content() == before
    applied = run_module(module, **params)
    assert not applied.failed, applied.message
    assert (checked.changed, checked.diff, checked.commands) == (applied.changed, applied.diff, applied.commands)
    assert applied.changed == bool(applied.commands)
    done = northbound.content()
    assert (done != before) == applied.changed
    assert_unchanged(run_module(module, _check=True, **params))
    assert_unchanged(run_module(module, **params))
    assert northbound.content() == done
    return applied


def converge_and_paste(
    northbound: Northbound, run_module: Run, prepare: Callable[[], object], module: str, /, **params: Any
) -> ModuleResult:
    """Run the cycle of converge(); then paste the commands into a shell with an equal database, and compare.

    ``prepare`` fills an empty database with what the module starts from. The commands name rows that exist already by
    their UUIDs, so a prepared database has to be empty or its rows have to be unchanged.
    """
    prepare()
    applied = converge(northbound, run_module, module, **params)
    wanted = northbound.content()
    clear(northbound)
    prepare()
    script = "\n".join(["set -eu", *applied.commands, ":"])
    subprocess.run(["bash", "-c", script], check=True, capture_output=True, timeout=60)
    assert northbound.content() == wanted
    return applied


#: A program in the place of ovn-nbctl: the real one does its work, and the first time that it writes, this one fails.
_FAILING = """#!/bin/sh
/usr/bin/ovn-nbctl "$@"
status=$?
case "$*" in *--format=json*|*--dry-run*) exit $status;; esac
[ -e {sign} ] || {{ touch {sign}; exit 3; }}
exit $status
"""


def fail_after_commit(directory: Path) -> dict[str, str]:
    """Return the environment in which the first ovn-nbctl that writes fails after its commit."""
    program = directory / "ovn-nbctl"
    (directory / "failed").unlink(missing_ok=True)
    program.write_text(_FAILING.format(sign=directory / "failed"), encoding="ascii")
    program.chmod(0o755)
    return {"PATH": f"{directory}:{os.environ['PATH']}"}


def clear(northbound: Northbound) -> None:
    """Delete every row that exists for itself; the others end with it."""
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))["tables"]
    roots = [name for name, table in schema.items() if table.get("isRoot") and name not in _OF_SERVER]
    northbound.ctl(*(word for name in roots for word in ("--", "--all", "destroy", name)))
