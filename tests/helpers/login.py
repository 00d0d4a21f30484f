# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logins other than root for a host of its own, and an SSH server on its loopback address; the machine has neither.

    python3 tests/helpers/login.py

`operator` may become root by sudo without a password, `cautious` with PASSWORD. Both log in by the key KEY. The
files of the system that it takes (passwd, shadow, group, sudoers.d) are copies, mounted within the host of its own.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from ansible_collections.netns.fabric.tests.helpers import own_host

PLACE = Path("/run/login")
KEY = PLACE / "key"
ADDRESS, PORT = "127.0.0.1", 2222
PASSWORD = "it's a $ecret"  # noqa: S105  # of a user that exists nowhere else; the quote and the dollar are on purpose
LOGINS = {"operator": 60001, "cautious": 60002}

_SUDOERS = "operator ALL=(ALL:ALL) NOPASSWD: ALL\ncautious ALL=(ALL:ALL) ALL\n"
# What sudo remembers would make the second task another test than the first.
_ALWAYS_ASK = "Defaults timestamp_timeout=0\n"


def run(*command: str, given: str | None = None) -> str:
    """Run a command and return what it prints; raises CalledProcessError if it fails."""
    ended = subprocess.run(command, input=given, stdout=subprocess.PIPE, text=True, check=True, timeout=20)
    return ended.stdout


def add_logins() -> None:
    """Make the users, with home directories below PLACE, and let them use sudo."""
    # By perl's crypt(3): Python's is gone in 3.13.
    password = run("perl", "-e", r'print crypt(<STDIN>, "\$6\$netns\$")', given=PASSWORD)
    lines: dict[str, list[str]] = {"passwd": [], "shadow": [], "group": []}
    for name, number in LOGINS.items():
        lines["passwd"].append(f"{name}:x:{number}:{number}::{PLACE}/home/{name}:/bin/sh\n")
        lines["shadow"].append(f"{name}:{password}:19000:0:99999:7:::\n")
        lines["group"].append(f"{name}:x:{number}:\n")
        add_home(PLACE / "home" / name, number)
    for file, added in lines.items():
        copy = PLACE / file
        shutil.copy2(f"/etc/{file}", copy)
        with copy.open("a", encoding="utf-8") as output:
            output.writelines(added)
        run("mount", "--bind", str(copy), f"/etc/{file}")
    run("mount", "-t", "tmpfs", "none", "/etc/sudoers.d", "-o", "mode=0755")
    sudoers = Path("/etc/sudoers.d/login")
    sudoers.write_text(_ALWAYS_ASK + _SUDOERS, encoding="utf-8")
    sudoers.chmod(0o440)


def add_home(home: Path, number: int) -> None:
    """Make a home directory whose owner is let in by KEY."""
    keys = home / ".ssh" / "authorized_keys"
    keys.parent.mkdir(parents=True)
    shutil.copy(KEY.with_suffix(".pub"), keys)
    for path, mode in ((home, 0o755), (keys.parent, 0o700), (keys, 0o600)):
        shutil.chown(path, number, number)
        path.chmod(mode)


def start_ssh_server() -> None:
    """Start an SSH server; it ends with the host."""
    host_key = PLACE / "host_key"
    run("dropbearkey", "-t", "ed25519", "-f", str(host_key))
    run("dropbear", "-r", str(host_key), "-s", "-p", f"{ADDRESS}:{PORT}", "-P", str(PLACE / "dropbear.pid"))


def main() -> None:
    """Do all of it."""
    if not own_host.is_inside():
        raise SystemExit("login.py: this is not a host of its own: run it by tests/helpers/own_host.py")
    PLACE.mkdir()
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(KEY))
    add_logins()
    start_ssh_server()


if __name__ == "__main__":
    main()
