# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check whether a host has what the collection needs, and print it as JSON.

Runs on the managed host, under the interpreter of the modules, within a few seconds: a daemon that hangs counts as one
that does not answer. Changes nothing.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys

#: Seconds that each request to Open vSwitch may take.
TIMEOUT = 5

SBIN = "/usr/local/sbin:/usr/sbin:/sbin"


def succeeds(*command: str) -> bool:
    """Whether a command succeeds within the timeout."""
    try:
        process = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT + 1, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return process.returncode == 0


def openvswitch_state() -> str:
    """Return ``missing``, ``stopped``, or ``answers``, which holds for both the database and the switch."""
    if shutil.which("ovs-vsctl") is None:
        return "missing"
    database = succeeds("ovs-vsctl", f"--timeout={TIMEOUT}", "--no-wait", "show")
    if database and succeeds("ovs-appctl", f"--timeout={TIMEOUT}", "-t", "ovs-vswitchd", "version"):
        return "answers"
    return "stopped"


def kernel_module_state() -> str:
    """Return ``loaded``, ``available`` (depmod(8) lists it), or ``none``."""
    if os.path.isdir("/sys/module/openvswitch"):
        return "loaded"
    try:
        with open(f"/lib/modules/{os.uname().release}/modules.dep", encoding="utf-8") as known:
            return "available" if any("/openvswitch.ko" in line.partition(":")[0] for line in known) else "none"
    except OSError:
        return "none"


def main() -> None:
    """Print what the host has."""
    os.environ["PATH"] = f"{os.environ.get('PATH', '/usr/bin:/bin')}:{SBIN}"
    print(  # noqa: T201  # the role reads standard output
        json.dumps(
            {
                "openvswitch": openvswitch_state(),
                "kernel": kernel_module_state(),
                "pyroute2": importlib.util.find_spec("pyroute2") is not None,
                "firewall": any(shutil.which(tool) for tool in ("nft", "iptables")),
                "python": sys.executable,
                "prefix": sys.prefix,
                "venv": sys.prefix != sys.base_prefix,
            }
        )
    )


if __name__ == "__main__":
    main()
