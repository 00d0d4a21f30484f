# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Looks whether a host has what the collection needs, and prints it as JSON.

Runs on the managed host, under the interpreter that the modules run under, within a few seconds in any case: a daemon
that hangs counts as one that does not answer. Changes nothing.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys

TIMEOUT = 5
"""Seconds for each question to Open vSwitch."""

SBIN = "/usr/local/sbin:/usr/sbin:/sbin"


def answers(*command: str) -> bool:
    """Whether a command ends well, and in time."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT + 1, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def openvswitch() -> str:
    """``missing``, ``stopped``, or ``answers``: the database and the switch itself."""
    if shutil.which("ovs-vsctl") is None:
        return "missing"
    database = answers("ovs-vsctl", f"--timeout={TIMEOUT}", "--no-wait", "show")
    if database and answers("ovs-appctl", f"--timeout={TIMEOUT}", "-t", "ovs-vswitchd", "version"):
        return "answers"
    return "stopped"


def kernel_module() -> str:
    """``loaded``, ``available`` (depmod(8) knows it), or ``none``."""
    if os.path.isdir("/sys/module/openvswitch"):
        return "loaded"
    try:
        with open(f"/lib/modules/{os.uname().release}/modules.dep", encoding="utf-8") as known:
            return "available" if any("/openvswitch.ko" in line.partition(":")[0] for line in known) else "none"
    except OSError:
        return "none"


def main() -> None:
    """Print what there is."""
    os.environ["PATH"] = f"{os.environ.get('PATH', '/usr/bin:/bin')}:{SBIN}"
    print(  # noqa: T201
        json.dumps(
            {
                "openvswitch": openvswitch(),
                "kernel": kernel_module(),
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
