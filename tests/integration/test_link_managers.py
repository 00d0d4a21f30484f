# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file by which the role topology keeps systemd-networkd off its links: written, corrected, deleted."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import testinfra

from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.plays import PLAYBOOKS, Plays
from ansible_collections.netns.fabric.tests.helpers.shell import Shell

SITE, DIRECT_LINK, TEARDOWN = (PLAYBOOKS / f"{name}.yml" for name in ("site", "direct_link", "teardown"))
FILES = Path("/etc/systemd/network")


@pytest.fixture
def plays(host: Host) -> Iterator[Plays]:
    """Provide plays on a host on which systemd-networkd seems to run."""
    Path("/run/systemd/netif").mkdir(parents=True)
    yield Plays(Shell(testinfra.get_host("local://")))
    shutil.rmtree("/run/systemd")


def ours() -> list[Path]:
    return sorted(FILES.glob("*netns.fabric*"))


def test_written_corrected_deleted(plays: Plays) -> None:
    assert plays.run(SITE, "--check").changed == 2
    assert ours() == []
    plays.run(SITE)
    (file,) = ours()
    content = file.read_text(encoding="utf-8")
    assert "Name=int_br ns01_tap ns02_tap\n\n[Link]\nUnmanaged=yes\n" in content
    assert plays.run(SITE).changed == 0
    file.write_text("[Match]\n", encoding="utf-8")
    assert plays.run(SITE, "--check").changed == 1
    assert plays.run(SITE).changed == 1
    assert file.read_text(encoding="utf-8") == content
    assert plays.run(TEARDOWN, "--check").changed == 2
    assert ours() == [file]
    plays.run(TEARDOWN)
    assert ours() == []
    assert plays.run(TEARDOWN).changed == 0


def test_topology_without_links_on_the_host(plays: Plays) -> None:
    """Another topology of the same name has none: the file of the former one is deleted."""
    plays.run(SITE)
    assert len(ours()) == 1
    plays.run(DIRECT_LINK)
    assert ours() == []
    assert plays.run(DIRECT_LINK).changed == 0


def test_host_without_such_programs(host: Host) -> None:
    plays = Plays(Shell(testinfra.get_host("local://")))
    plays.run(SITE)
    assert ours() == []
