# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The programs of the host: found, and run with a timeout."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.netns.fabric.plugins.module_utils._core.conditions import with_cure
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import OperationFailed

#: Seconds that a program may take by default. iptables may wait for its lock for some of them.
TIMEOUT = 60
#: Directories of programs that only root changes. The PATH of an ordinary user, which `su` keeps, and secure_path of
#: sudoers(5) may lack some.
SYSTEM_DIRECTORIES = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")


@dataclass(frozen=True)
class Result:
    """How a program ended: exit status, standard output, standard error."""

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
        # run_command() needs a module, which is not known here, and has no timeout.
        ran = subprocess.run(  # pylint: disable=ansible-bad-function  # the reason is above
            # Not the locale's encoding: names from the kernel are UTF-8, and so are those of the options.
            [word.encode("utf-8", "surrogateescape") for word in argv],
            input=text,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            cwd="/",  # not the home directory of a login
            close_fds=False,  # the program inherits the lock, see Host.locked()
            timeout=timeout,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )
    except subprocess.TimeoutExpired as error:
        raise TimedOut(None, f"{argv[0]} did not end within {timeout} s and was stopped") from error
    except OSError as error:
        raise OperationFailed(None, with_cure(f"{argv[0]}: {error.strerror}", error), error.errno) from error
    return Result(ran.returncode, ran.stdout, ran.stderr)


def find(program: str) -> str | None:
    """Return the full path of a program; None where the host does not have it.

    It is started as root, while PATH may be that of a login: a directory in which another user can put a program is not
    searched.
    """
    given = os.environ.get("PATH", "").split(os.pathsep)
    return shutil.which(program, path=os.pathsep.join([*filter(_is_trusted, given), *SYSTEM_DIRECTORIES]))


def find_untrusted(program: str) -> str | None:
    """Return what another user than root can change on the way to a program, or the program; None where nothing is."""
    for start in (program, os.path.realpath(program)):
        path = start
        while True:
            status = os.stat(path)
            is_sticky = stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX  # only its owner renames a file
            if status.st_uid not in (0, os.geteuid()) or (status.st_mode & 0o022 and not is_sticky):
                return path
            if path == os.path.dirname(path):
                break
            path = os.path.dirname(path)
    return None


def _is_trusted(directory: str) -> bool:
    if directory in SYSTEM_DIRECTORIES:
        return True
    try:
        status = os.stat(directory)
    except OSError:
        return False
    return directory.startswith("/") and status.st_uid in (0, os.geteuid()) and not status.st_mode & 0o022
