# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check the databases of OVN on a host, and print what is found as JSON.

Runs on the managed host, as root: ``python -I -c SCRIPT TIMEOUT`` in ``/``. Changes nothing.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import re
import subprocess
import sys

OVN_CTL = "/usr/share/ovn/scripts/ovn-ctl"
#: Directories of programs that only root changes, on every distribution.
SEARCHED = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
DATABASES = {"nb": "OVN_Northbound", "sb": "OVN_Southbound"}
#: What whoever declares networks creates first.
NETWORKS = ("Logical_Switch", "Logical_Router")
FILES = {"nb": "/var/lib/ovn/ovnnb_db.db", "sb": "/var/lib/ovn/ovnsb_db.db"}
#: The options that the daemons are started with, and the files that they read.
OPTIONS = "/etc/ovn/netns.fabric-central.options"
#: All that the role and the daemons leave, but for logs.
LEFT = (
    "/etc/ovn/netns.fabric-central*",
    "/etc/systemd/system/ovn*.service.d/netns.fabric.conf",
    "/var/lib/ovn/ovn[ns]b_db.db*",
    "/var/lib/ovn/.ovn[ns]b_db.db.~lock~",
)

#: A line of `cluster/status` for each server.
SERVER = re.compile(r"^    (\w+) \(\w+ at (\S+)\)", re.MULTILINE)


def run(timeout: int, *command: str) -> tuple[int, str]:
    """Run a program; return its exit status, and its output. One that hangs or cannot be run has the status 1."""
    try:
        process = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout + 1,
            check=False,
            env={"PATH": SEARCHED, "LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return 1, ""
    return process.returncode, process.stdout


def file_state(timeout: int, path: str) -> str:
    """Return whether a database's file is ``missing``, of a ``standalone`` database or ``clustered``."""
    if not os.path.exists(path):
        return "missing"
    return "clustered" if run(timeout, "ovsdb-tool", "db-is-clustered", path)[0] == 0 else "standalone"


def count_networks(timeout: int, path: str) -> int:
    """Return how many logical networks a standalone database has in it."""
    operations = [{"op": "select", "table": table, "where": [], "columns": ["_uuid"]} for table in NETWORKS]
    status, text = run(timeout, "ovsdb-tool", "query", path, json.dumps([DATABASES["nb"], *operations]))
    try:
        return sum(len(each["rows"]) for each in json.loads(text)) if status == 0 else 0
    except (ValueError, KeyError):
        return 0


def database(timeout: int, short: str) -> dict[str, object]:
    """Return the state of a database: its file, and what its server says of the cluster."""
    path = FILES[short]
    found: dict[str, object] = {"file": file_state(timeout, path)}
    if short == "nb" and found["file"] == "standalone":
        found["networks"] = count_networks(timeout, path)
    # Of a file that has not joined yet none is known.
    status, text = run(timeout, "ovsdb-tool", "db-cid", path) if found["file"] == "clustered" else (1, "")
    found["cluster"] = text.strip() if status == 0 else ""
    control = f"/run/ovn/ovn{short}_db.ctl"
    status, text = run(timeout, "ovs-appctl", f"--timeout={timeout}", "-t", control, "cluster/status", DATABASES[short])
    fields = dict(re.findall(r"^(\w[\w ]*): (.*)$", text, re.MULTILINE))
    found["running"] = status == 0
    found["healthy"] = fields.get("Status") == "cluster member" and fields.get("Leader", "unknown") != "unknown"
    found["servers"] = dict(SERVER.findall(text))
    found["connections"] = connections(timeout, short) if found["healthy"] else []
    return found


def connections(timeout: int, short: str) -> list[list[object]]:
    """Return what a database listens on: method, and inactivity probe."""
    listing = ("--no-leader-only", "--format=json", "--columns=target,inactivity_probe", "list", "Connection")
    status, text = run(timeout, f"ovn-{short}ctl", f"--timeout={timeout}", *listing)
    try:
        return sorted(json.loads(text)["data"]) if status == 0 else []
    except (ValueError, KeyError):
        return []


def digest(path: str) -> str:
    """Return the SHA-256 of a file's content; empty where there is none."""
    try:
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()
    except OSError:
        return ""


def main() -> None:
    """Print what the host has."""
    timeout = int(sys.argv[1])
    northd = run(timeout, "ovn-appctl", f"--timeout={timeout}", "-t", "ovn-northd", "status")
    print(  # noqa: T201  # the role reads standard output
        json.dumps(
            {
                "installed": os.path.exists(OVN_CTL) and os.path.exists("/usr/bin/ovn-northd"),
                "databases": {short: database(timeout, short) for short in DATABASES},
                "northd": northd[0] == 0,
                "options": digest(OPTIONS),
                "left": sorted(path for pattern in LEFT for path in glob.glob(pattern)),
                "systemd": os.path.isdir("/run/systemd/system"),
            }
        )
    )


if __name__ == "__main__":
    main()
