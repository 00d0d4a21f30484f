# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""firewalld in a host of its own, without systemd: a system bus on the host's /run, and the daemon.

    python3 -m ansible_collections.netns.fabric.tests.helpers.firewalld

starts both, waits until firewalld answers, and leaves them running. They end with the host.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

from ansible_collections.netns.fabric.tests.helpers import own_host

_BUS = Path("/run/dbus")
_COMMANDS = (
    ("dbus-daemon", "--system", "--nofork", "--nopidfile", "--nosyslog"),
    ("firewalld", "--nofork", "--nopid", "--log-target", "console"),
)
_PATIENCE = 30  # seconds


def start() -> list[subprocess.Popen[bytes]]:
    """Start the bus and the daemon in this host, and wait until firewalld answers.

    Raises:
        OwnHostError: We are in no host of its own: firewalld would take over the machine's own packet filter.
        RuntimeError: firewalld does not answer within 30 s.
    """
    own_host.require_inside()
    _BUS.mkdir(exist_ok=True)
    processes = []
    for command in _COMMANDS:
        with Path("/run", f"{command[0]}.log").open("wb") as log:
            # In a session of its own: Ansible ends the process group of a worker that exceeds its timeout.
            processes.append(
                subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
            )
        _wait_for_bus()
    deadline = time.monotonic() + _PATIENCE
    while not answers():
        if time.monotonic() > deadline or any(process.poll() is not None for process in processes):
            log_text = Path("/run/firewalld.log").read_text(encoding="utf-8", errors="replace")
            stop(processes)
            raise RuntimeError(f"firewalld does not answer: {log_text}")
        time.sleep(0.1)  # firewalld starts in the background and reports readiness to systemd only
    return processes


def answers() -> bool:
    """Return whether a firewalld runs."""
    return subprocess.run(["firewall-cmd", "--quiet", "--state"], check=False, timeout=20).returncode == 0


def stop(processes: list[subprocess.Popen[bytes]]) -> None:
    """End the processes of start(), and remove their configuration; firewalld deletes its rules when it ends."""
    for process in reversed(processes):
        process.terminate()
        process.wait(timeout=20)
    for path in (_BUS, Path("/etc/firewalld/policies"), Path("/etc/firewalld/zones")):
        shutil.rmtree(path, ignore_errors=True)


def _wait_for_bus() -> None:
    deadline = time.monotonic() + _PATIENCE
    while not (_BUS / "system_bus_socket").exists() and time.monotonic() < deadline:
        time.sleep(0.02)  # until the daemon has created its socket


if __name__ == "__main__":
    try:
        start()
    except (own_host.OwnHostError, RuntimeError, OSError) as error:
        sys.exit(str(error))
