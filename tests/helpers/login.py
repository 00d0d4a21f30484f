# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Add logins other than root to a host of its own, and an SSH server on its loopback address.

    python3 -m ansible_collections.netns.fabric.tests.helpers.login

`operator` may become root by sudo without a password, `cautious` with PASSWORD. Both log in by the key KEY. The users
are added to the host's own /etc; the machine has neither them nor the server. There root has a home directory of the
host's own, too.
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
# With a cached password the second task would test something else than the first.
_ALWAYS_ASK = "Defaults timestamp_timeout=0\n"


def run(*command: str, given: str | None = None) -> str:
    """Run a command with ``given`` as standard input and return its output; raise CalledProcessError if it fails."""
    ended = subprocess.run(command, input=given, stdout=subprocess.PIPE, text=True, check=True, timeout=20)
    return ended.stdout


def move_home_of_root() -> None:
    """Give root a home directory below PLACE: what a task writes there is not to stay on the machine."""
    home = PLACE / "home" / "root"
    home.mkdir(parents=True, mode=0o700)
    file = Path("/etc/passwd")
    entries = [line.split(":") for line in file.read_text(encoding="utf-8").splitlines()]
    moved = [[*entry[:5], str(home), *entry[6:]] if entry[0] == "root" else entry for entry in entries]
    file.write_text("".join(":".join(entry) + "\n" for entry in moved), encoding="utf-8")


def add_logins() -> None:
    """Add the users, with home directories below PLACE, and let them use sudo."""
    # By perl's crypt(3): Python's was removed in 3.13.
    password = run("perl", "-e", r'print crypt(<STDIN>, "\$6\$netns\$")', given=PASSWORD)
    for name, number in LOGINS.items():
        _append("passwd", f"{name}:x:{number}:{number}::{PLACE}/home/{name}:/bin/sh\n")
        _append("shadow", f"{name}:{password}:19000:0:99999:7:::\n")
        _append("group", f"{name}:x:{number}:\n")
        add_home(PLACE / "home" / name, number)
    sudoers = Path("/etc/sudoers.d/login")
    sudoers.write_text(_ALWAYS_ASK + _SUDOERS, encoding="utf-8")
    sudoers.chmod(0o440)


def _append(file: str, line: str) -> None:
    with Path("/etc", file).open("a", encoding="utf-8") as output:
        output.write(line)


def add_home(home: Path, number: int) -> None:
    """Create a home directory whose owner can log in by KEY."""
    keys = home / ".ssh" / "authorized_keys"
    keys.parent.mkdir(parents=True)
    shutil.copy(KEY.with_suffix(".pub"), keys)
    for path, mode in ((home, 0o755), (keys.parent, 0o700), (keys, 0o600)):
        shutil.chown(path, number, number)
        path.chmod(mode)


def start_ssh_server() -> None:
    """Start an SSH server; it ends with the host."""
    run("dropbearkey", "-t", "ed25519", "-f", str(PLACE / "host_key"))
    listen(ADDRESS)


def listen(address: str) -> None:
    """Have an SSH server listen at an address of the host."""
    pid_file = PLACE / f"dropbear-{address}.pid"
    run("dropbear", "-r", str(PLACE / "host_key"), "-s", "-p", f"{address}:{PORT}", "-P", str(pid_file))


def prepare() -> None:
    """Add the logins and start the server."""
    own_host.require_inside()
    PLACE.mkdir()
    move_home_of_root()
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(KEY))
    add_logins()
    start_ssh_server()


if __name__ == "__main__":
    prepare()
