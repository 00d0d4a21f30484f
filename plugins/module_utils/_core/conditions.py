# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a host can be like that makes a system call fail: each errno with its cure. No bug, and no traceback."""

from __future__ import annotations

import errno
import os
import resource

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError

#: What to do, by errno; the errors of errno(3) that the state of the host causes, not the call.
_CURES = {
    errno.ENFILE: "the whole host has as many files open as it may: raise fs.file-max (sysctl(8))",
    errno.EROFS: "mount the file system read-write, or leave out the option that needs the file",
    errno.ENOSPC: "the file system is full: free some space",
    errno.EDQUOT: "the quota of this user is used up: free some space, or raise it",
    errno.ENOMEM: "the host or the control group of this process is out of memory: free some, or raise its limit",
    errno.EAGAIN: "the process may start no further one: raise the limit (`ulimit -u`, TasksMax of systemd)",
    errno.EPERM: (
        "root lacks the capability for it here (capabilities(7); a container needs CAP_SYS_ADMIN, CAP_NET_ADMIN and "
        "CAP_NET_RAW), or the file is immutable (`lsattr`), or a security module forbids it (see the kernel's log)"
    ),
}
_CURES[errno.EACCES] = _CURES[errno.EPERM]


class ExplainedError(PermissionError):
    """A refusal for lack of rights whose text has the cause and the cure."""


def cure(error: Exception) -> str:
    """Return what to do about an error of the system; empty where that is not known, or part of the error."""
    number = error.errno if isinstance(error, OSError) and not isinstance(error, ExplainedError) else 0
    if number == errno.EMFILE:
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        return (
            f"this process may open {limit} files, the hard limit (RLIMIT_NOFILE), and needs two for each namespace: "
            "raise it for the login (`ulimit -Hn`, /etc/security/limits.conf, LimitNOFILE of systemd's unit of sshd)"
        )
    return _CURES.get(number or 0, "")


def with_cure(message: str, error: Exception) -> str:
    """Return an error's message, followed by what to do about it."""
    advice = cure(error)
    return f"{message}; {advice}" if advice else message


def explain(error: BaseException) -> str:
    """Return an error that the state of the host causes, or the call, as the user reads it; empty for a bug."""
    if isinstance(error, FabricError):
        return str(error)
    if isinstance(error, MemoryError):
        return describe(OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)))
    return describe(error) if isinstance(error, OSError) else ""


def describe(error: OSError) -> str:
    """Return an error of the system as the user reads it: the file, the cause and the cure."""
    reason = error.strerror or str(error)
    if error.filename is not None:
        path = os.fsencode(error.filename) if isinstance(error.filename, (str, bytes)) else str(error.filename).encode()
        reason = f"{path.decode('utf-8', 'backslashreplace')}: {reason}"
    return with_cure(reason, error)
