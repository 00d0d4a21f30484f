# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs of the test host, made unusable for a while."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

_DIRECTORIES = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@contextmanager
def hidden_programs(*names: str) -> Iterator[None]:
    """Hide programs, wherever a module searches for them: a file that cannot be run is mounted over each.

    Those that the machine does not have are left out.
    """
    found = (shutil.which(name, path=_DIRECTORIES) for name in names)
    paths = sorted({os.path.realpath(path) for path in found if path})
    try:
        for path in paths:
            subprocess.run(["mount", "--bind", "/dev/null", path], check=True, timeout=10)
        yield
    finally:
        for path in paths:
            subprocess.run(["umount", path], check=False, timeout=10)  # one may not have been mounted
