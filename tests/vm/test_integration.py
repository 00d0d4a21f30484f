# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The conformance suite of the kinds of links, on a kernel that has all of them."""

from __future__ import annotations

import importlib
import io
import subprocess
import tarfile
from pathlib import Path

from ansible_collections.netns.fabric.tests.vm.conftest import long
from ansible_collections.netns.fabric.tests.vm.lab import Lab

COLLECTION = Path(__file__).parents[2]
IN_MACHINE = "/srv/collections"

#: What the suite needs of the controller's Python, and of the collection.
PACKAGES = ("ansible", "pytest", "_pytest", "py", "pluggy", "iniconfig", "packaging", "yaml", "pygments")
PARTS = ("plugins", "tests/helpers", "tests/integration", "extensions/test_host", "galaxy.yml", "pyproject.toml")
SUITE = ("test_kinds.py", "test_links_on_links.py")


def archive() -> bytes:
    """Return the suite and the packages that it needs, without what was compiled, for Python on another machine."""

    def chosen(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        return None if member.name.endswith(("__pycache__", ".so", ".pyc")) else member

    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz", compresslevel=3) as file:
        for name in PACKAGES:
            module = Path(str(importlib.import_module(name).__file__))
            source = module.parent if module.name == "__init__.py" else module
            file.add(source, source.name, filter=chosen)
        for part in PARTS:
            file.add(COLLECTION / part, f"ansible_collections/netns/fabric/{part}", filter=chosen)
    return written.getvalue()


def send(lab: Lab, content: bytes) -> None:
    command = f"sudo sh -c 'mkdir -p {IN_MACHINE} && tar -xz -C {IN_MACHINE}'"
    ended = subprocess.run(lab.machine.ssh(command), input=content, capture_output=True, check=False, timeout=600)
    assert ended.returncode == 0, ended.stderr


@long
def test_every_kind_of_link(lab: Lab) -> None:
    send(lab, archive())
    root = f"{IN_MACHINE}/ansible_collections/netns/fabric"
    tests = " ".join(f"tests/integration/{name}" for name in SUITE)
    lab.root("apt-get -qq update && apt-get -qq install -y --no-install-recommends wireguard-tools", timeout=900)
    ended = lab.machine.attempt(
        f"cd {root} && sudo env PYTHONPATH={IN_MACHINE} PYTHONDONTWRITEBYTECODE=1 python3 tests/helpers/own_host.py -- "
        f"python3 -m pytest -p no:cacheprovider -o pythonpath={IN_MACHINE} {tests}",
        timeout=3600,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    # What only its lack could test.
    assert "the kernel of this machine lacks the kind" not in ended.stdout
