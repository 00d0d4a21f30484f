# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The programs of the packet filter: found, and run with a timeout."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.netns.fabric.plugins.module_utils._errors import OperationFailed

#: Seconds that a program may take. iptables may wait for its lock for some of them.
TIMEOUT = 60
#: Where programs lie that an ordinary user's PATH, which `su` keeps, does not have.
SYSTEM_DIRECTORIES = ("/usr/local/sbin", "/usr/sbin", "/sbin")


@dataclass(frozen=True)
class Result:
    """How a program went."""

    status: int
    output: str
    error: str


def run(argv: Sequence[str], text: str = "") -> Result:
    """Run a program with `text` on its standard input.

    Raises:
        OperationFailed: It could not be started, or took longer than TIMEOUT.
    """
    try:
        ran = subprocess.run(
            argv,
            input=text,
            capture_output=True,
            text=True,
            errors="replace",
            close_fds=False,  # the lock goes with it, see Host.locked()
            timeout=TIMEOUT,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )
    except subprocess.TimeoutExpired as error:
        raise OperationFailed(
            None, f"{argv[0]} did not end within {TIMEOUT} s and was stopped; whether it did its work is not known"
        ) from error
    except OSError as error:
        raise OperationFailed(None, f"{argv[0]}: {error.strerror}", error.errno) from error
    return Result(ran.returncode, ran.stdout, ran.stderr)


def find(program: str) -> str | None:
    """The full path of a program; None where the host does not have it."""
    directories = [os.environ.get("PATH", os.defpath), *SYSTEM_DIRECTORIES]
    return shutil.which(program, path=os.pathsep.join(directories))
