# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""firewalld in a host of its own, without systemd: a system bus of its own on the host's /run, and the daemon.

    python3 -m ansible_collections.netns.fabric.tests.helpers.firewalld

starts both, waits until firewalld answers, and leaves them running; with the host they end.
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
    """Start the bus and the daemon in the host of its own that we are in, and wait until firewalld answers.

    Raises RuntimeError if we are in none, or firewalld does not answer within 30 s.
    """
    if not own_host.is_inside():
        raise RuntimeError("firewalld would take over the machine's own packet filter: start it in a host of its own")
    _BUS.mkdir(exist_ok=True)
    processes = []
    for command in _COMMANDS:
        with Path("/run", f"{command[0]}.log").open("wb") as log:
            # In a session of its own: when Ansible ends a worker that is late it ends the worker's process group.
            processes.append(
                subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
            )
        _wait_for_bus()
    deadline = time.monotonic() + _PATIENCE
    while not answers():
        if time.monotonic() > deadline or any(process.poll() is not None for process in processes):
            said = Path("/run/firewalld.log").read_text(encoding="utf-8", errors="replace")
            stop(processes)
            raise RuntimeError(f"firewalld does not answer: {said}")
        time.sleep(0.1)  # firewalld starts in the background, and to ask it takes a program
    return processes


def answers() -> bool:
    """Tell whether a firewalld runs."""
    return subprocess.run(["firewall-cmd", "--quiet", "--state"], check=False, timeout=20).returncode == 0


def stop(processes: list[subprocess.Popen[bytes]]) -> None:
    """End what start() has started, and clear its configuration; its rules go with it."""
    for process in reversed(processes):
        process.terminate()
        process.wait(timeout=20)
    for path in (_BUS, Path("/etc/firewalld/policies"), Path("/etc/firewalld/zones")):
        shutil.rmtree(path, ignore_errors=True)


def _wait_for_bus() -> None:
    deadline = time.monotonic() + _PATIENCE
    while not (_BUS / "system_bus_socket").exists() and time.monotonic() < deadline:
        time.sleep(0.02)  # until the daemon has made its socket


if __name__ == "__main__":
    try:
        start()
    except (RuntimeError, OSError) as error:
        sys.exit(str(error))
