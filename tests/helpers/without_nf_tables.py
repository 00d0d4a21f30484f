# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a command as on a kernel without nf_tables: it and all that it starts get no socket to netfilter.

    python3 tests/helpers/without_nf_tables.py COMMAND [ARGUMENT...]

The kernel refuses the socket with EPROTONOSUPPORT, as one without nfnetlink does (seccomp(2)). x_tables, which
iptables-legacy uses, is not affected.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys

# asm/unistd.h: the number of socket(2).
_SOCKET = {"x86_64": 41, "aarch64": 198}
# linux/prctl.h, linux/seccomp.h, linux/filter.h, linux/netlink.h
_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 22, 38
_SECCOMP_MODE_FILTER = 2
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_AF_NETLINK, _NETLINK_NETFILTER = 16, 12
# struct seccomp_data: the number, then after 16 octets the arguments, eight octets each, the low half first.
_NUMBER, _FAMILY, _PROTOCOL = 0, 16, 32


class _Program(ctypes.Structure):
    """struct sock_fprog"""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def refuse() -> None:
    """Refuse sockets to netfilter from now on.

    Raises:
        OSError: The kernel does not take the filter.
    """
    steps = (
        (_LOAD, 0, 0, _NUMBER),
        (_JUMP_IF_EQUAL, 0, 5, _SOCKET[platform.machine()]),
        (_LOAD, 0, 0, _FAMILY),
        (_JUMP_IF_EQUAL, 0, 3, _AF_NETLINK),
        (_LOAD, 0, 0, _PROTOCOL),
        (_JUMP_IF_EQUAL, 0, 1, _NETLINK_NETFILTER),
        (_RETURN, 0, 0, _ERRNO | errno.EPROTONOSUPPORT),
        (_RETURN, 0, 0, _ALLOW),
    )
    code = b"".join(struct.pack("=HBBI", *step) for step in steps)
    program = _Program(len(steps), code)
    libc = ctypes.CDLL(None, use_errno=True)
    for arguments in (
        (_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
        (_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program)),
    ):
        if libc.prctl(*arguments):
            raise OSError(ctypes.get_errno(), "prctl")


if __name__ == "__main__":
    refuse()
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606  # this is what the program is for
