# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import subprocess
import sys

from ansible_collections.netns.fabric.plugins.module_utils._system import session

#: Reports by descriptor 9, which is not of the session, where its output leads, and survives the end of a terminal.
PROGRAM = """
import os, signal, sys
os.dup2(1, 9)
exec(open(sys.argv[1], encoding="utf-8").read())
leave_session()
os.kill(os.getpid(), signal.SIGHUP)
os.write(9, " ".join([*(os.readlink(f"/proc/self/fd/{n}") for n in range(3)), os.getcwd()]).encode())
"""


def test_nothing_of_the_session_is_left() -> None:
    command = [sys.executable, "-c", PROGRAM, str(session.__file__)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    assert ran.stdout == "/dev/null /dev/null /dev/null /"
