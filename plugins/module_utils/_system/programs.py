# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The programs of the host: found, and run with a timeout."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import OperationFailed

#: Seconds that a program may take if nothing else is said. iptables may wait for its lock for some of them.
TIMEOUT = 60
#: Where programs lie that an ordinary user's PATH, which `su` keeps, does not have.
SYSTEM_DIRECTORIES = ("/usr/local/sbin", "/usr/sbin", "/sbin")


@dataclass(frozen=True)
class Result:
    """How a program went."""

    status: int
    output: str
    error: str


class TimedOut(OperationFailed):
    """The program took too long and was killed."""


def run(argv: Sequence[str], text: str = "", timeout: float = TIMEOUT) -> Result:
    """Run a program with `text` on its standard input.

    Raises:
        OperationFailed: It could not be started.
        TimedOut: It took longer than `timeout` seconds.
    """
    try:
        # There is no module here to call run_command of, and that one knows no timeout.
        ran = subprocess.run(  # pylint: disable=ansible-bad-function  # the reason is above
            argv,
            input=text,
            capture_output=True,
            encoding="utf-8",  # not the locale's: the text that we have from the kernel is UTF-8 as well
            errors="replace",
            close_fds=False,  # the lock goes with it, see Host.locked()
            timeout=timeout,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )
    except subprocess.TimeoutExpired as error:
        raise TimedOut(
            None, f"{argv[0]} did not end within {timeout} s and was stopped; whether it did its work is not known"
        ) from error
    except OSError as error:
        raise OperationFailed(None, f"{argv[0]}: {error.strerror}", error.errno) from error
    return Result(ran.returncode, ran.stdout, ran.stderr)


def find(program: str) -> str | None:
    """The full path of a program; None where the host does not have it."""
    directories = [os.environ.get("PATH", os.defpath), *SYSTEM_DIRECTORIES]
    return shutil.which(program, path=os.pathsep.join(directories))
