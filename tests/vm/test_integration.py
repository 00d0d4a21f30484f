# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Integration tests whose subject is the kernel, on one that has every kind of links and qdiscs, and Open vSwitch."""

from __future__ import annotations

import importlib
import io
import tarfile
from pathlib import Path

import pytest

from ansible_collections.netns.fabric.tests.vm.conftest import long
from ansible_collections.netns.fabric.tests.vm.lab import Lab

COLLECTION = Path(__file__).parents[2]
IN_MACHINE = "/srv/collections"

#: What the tests need of the controller's Python, and of the collection.
PACKAGES = ("ansible", "jinja2", "pytest", "_pytest", "py", "pluggy", "iniconfig", "packaging", "yaml", "pygments")
PARTS = (
    *("plugins", "playbooks", "tests/helpers", "tests/integration", "tests/generated", "extensions/test_host"),
    *("galaxy.yml", "pyproject.toml"),
)
#: Debian's packages that are not in the image.
FURTHER = "wireguard-tools python3-hypothesis python3-markupsafe"
SUITE = ("test_gallery", "test_link_addresses", "test_link_mtus", "test_members")


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


def install(lab: Lab) -> None:
    lab.unpack(archive(), IN_MACHINE)
    lab.root(f"apt-get -qq update && apt-get -qq install -y --no-install-recommends {FURTHER}", timeout=900)


@pytest.fixture(name="suite_once", scope="session")
def fixture_suite_once(full_machine: Lab) -> Lab:
    """Install the suite once, for the snapshot `suite`."""
    full_machine.once("suite", "booted", lambda: install(full_machine))
    return full_machine


@long
@pytest.mark.parametrize("name", SUITE)
def test_on_this_kernel(suite_once: Lab, name: str) -> None:
    suite_once.machine.restore("suite")
    root = f"{IN_MACHINE}/ansible_collections/netns/fabric"
    ended = suite_once.machine.attempt(
        f"cd {root} && sudo env PYTHONPATH={IN_MACHINE} PYTHONDONTWRITEBYTECODE=1 python3 tests/helpers/own_host.py -- "
        f"python3 -m pytest -rs --no-header -p no:cacheprovider -o pythonpath={IN_MACHINE} tests/integration/{name}.py",
        timeout=7200,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    # What only its lack could test.
    assert "the kernel of this machine lacks" not in ended.stdout
