# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Take a member out of the clusters of its databases, if the members that stay go on; say why where they would not.

Runs on the managed host, as root: ``python -I -c SCRIPT DATABASES SECONDS [--check]``, the databases as JSON: a list of
objects with ``name``, ``file``, ``control`` and ``staying``, the addresses of the members that stay, as the cluster has
them. With ``--check`` nothing is changed. A database that was left is deleted: no server starts with it any more.

A cluster decides by the majority of those that it counts (ovsdb(7), "Clustered Database Service Model"). Where one
leaves while another one is down, there may be none, and what is in the database is lost.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

SEARCHED = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#: A line of `cluster/status` for each server.
SERVER = re.compile(r"^    \w+ \(\w+ at (\S+)\)(.*)$", re.MULTILINE)
#: Seconds for the election of another leader, after the former one has left.
ELECTION = 20
#: What a server answers that has left, and was not started since.
LEFT = "unknown cluster"


class Refused(Exception):
    """A member must not leave, or has not left; the message says why, and what to do."""


def run(*command: str) -> tuple[int, str]:
    """Run a program; return its exit status, and all that it says. One that hangs or cannot be run has the status 1."""
    try:
        process = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=30,
            check=False,
            env={"PATH": SEARCHED, "LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return 1, str(error)
    return process.returncode, process.stdout


def ask(database: Mapping[str, Any], command: str) -> tuple[int, str]:
    """Ask the server of a database for something about its cluster."""
    return run("ovs-appctl", "--timeout=10", "-t", database["control"], command, database["name"])


def answers(address: str) -> bool:
    """Return whether a server listens at its address in the cluster, such as ``ssl:[fd00::1]:6643``."""
    host, port = address.partition(":")[2].rsplit(":", 1)
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=3).close()
    except OSError:
        return False
    return True


def check(database: Mapping[str, Any]) -> bool:
    """Return whether a member has to leave.

    Raises:
        Refused: Those that stay would have no majority, or no data.
    """
    if not os.path.exists(database["file"]) or run("ovsdb-tool", "db-is-clustered", database["file"])[0] != 0:
        return False
    status, text = ask(database, "cluster/status")
    if status != 0 and LEFT in text:
        return False
    if status != 0:
        # Whom the cluster counts is not known: this one at least, and those that stay.
        check_majority(database, database["staying"], len(database["staying"]) + 1)
        return False
    others = [address for address, rest in SERVER.findall(text) if "(self)" not in rest]
    if not others:
        raise Refused(
            f"{database['name']}: this host is the only member of the cluster. Run the play for all members: those "
            "that have no database join, or with ovn_central_state: absent all is deleted."
        )
    check_majority(database, others, len(others))
    end = time.monotonic() + ELECTION
    while "Leader: unknown" in ask(database, "cluster/status")[1]:
        if time.monotonic() > end:
            raise Refused(
                f"{database['name']}: the cluster has no leader, and nobody can leave. Start its other members."
            )
        time.sleep(0.2)  # an election does not report itself
    return True


def check_majority(database: Mapping[str, Any], others: list[str], counted: int) -> None:
    """Check that those that stay are a majority of those that the cluster counts then.

    Raises:
        Refused: They are not.
    """
    silent = [address for address in others if not answers(address)]
    if len(others) - len(silent) <= counted // 2:
        cause = f"{', '.join(silent)} cannot be reached" if silent else "its server on this host does not run"
        raise Refused(
            f"{database['name']}: without this member the cluster would have no majority, and nobody could change "
            f"what is in it: {cause}. Start all members first, by a run for all of them with ovn_central_state: "
            "present. One that is lost for good is removed on a member that works, by "
            f"`ovs-appctl -t {database['control']} cluster/kick {database['name']} ADDRESS`."
        )


def leave(database: Mapping[str, Any], seconds: int) -> None:
    """Leave, and wait until the others do not count this member any more.

    Raises:
        Refused: It takes too long.
    """
    ask(database, "cluster/leave")
    end = time.monotonic() + seconds
    while True:
        status, text = ask(database, "cluster/status")
        if status != 0 and LEFT in text:
            return
        if time.monotonic() > end:
            raise Refused(
                f"{database['name']}: this member has not left within {seconds} s; nothing is removed. {text}"
            )
        time.sleep(0.2)  # nor does it that the others have agreed


def main() -> int:
    """Leave all clusters, or none."""
    databases, seconds = json.loads(sys.argv[1]), int(sys.argv[2])
    try:
        leaving = [database for database in databases if check(database)]
        for database in leaving if "--check" not in sys.argv[3:] else ():
            leave(database, seconds)
            os.remove(database["file"])
    except Refused as refused:
        print(refused, file=sys.stderr)  # noqa: T201  # Ansible shows it
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
