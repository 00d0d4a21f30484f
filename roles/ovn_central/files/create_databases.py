# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Create the databases of a member of a cluster: of the first one, or of one that joins.

Runs on the managed host, as root: ``python -I -c SCRIPT DATABASES``, the databases as JSON: a list of objects with
``name``, ``file``, ``schema``, ``address`` and ``remotes``, the addresses of the members that one joins by; the first
member has none. What a standalone database has in it, such as a package creates when it is installed, becomes the
cluster's on the first member. A copy of it stays beside. A clustered one is not touched.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence

SEARCHED = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def tool(*arguments: str) -> bool:
    """Run ovsdb-tool; return whether it succeeded."""
    environment = {"PATH": SEARCHED, "LC_ALL": "C"}
    command = ["ovsdb-tool", *arguments]
    return subprocess.run(command, stdin=subprocess.DEVNULL, timeout=60, check=False, env=environment).returncode == 0


def create(name: str, file: str, schema: str, address: str, remotes: Sequence[str]) -> bool:
    """Create a clustered database, unless there is one; return whether it could."""
    source, former = schema, f"{file}.standalone"
    if os.path.exists(file):
        if tool("db-is-clustered", file):
            return True
        os.rename(file, former)
        source = former
    # By any of them: which ones are members already is not known.
    arguments = (
        ("join-cluster", file, name, address, *remotes) if remotes else ("create-cluster", file, source, address)
    )
    if tool(*arguments):
        return True
    if source == former:
        os.rename(former, file)
    return False


def main() -> int:
    """Create the databases."""
    os.umask(0o027)
    for database in json.loads(sys.argv[1]):
        os.makedirs(os.path.dirname(database["file"]), mode=0o755, exist_ok=True)
        if not create(**database):
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
