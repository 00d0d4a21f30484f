# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Seconds on the kernel's datapath, beside what is written by hand, in the same machine.

They are properties in the report, for docs/docsite/rst/speed.rst. Where the machine is emulated, only ratios count.
"""

from __future__ import annotations

import io
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.netns.fabric.tests.benchmarks.lab import Lab as Topology
from ansible_collections.netns.fabric.tests.benchmarks.rivals import recipe
from ansible_collections.netns.fabric.tests.benchmarks.rivals.recipe import Recipe, Scripted
from ansible_collections.netns.fabric.tests.benchmarks.rivals.rival import Place
from ansible_collections.netns.fabric.tests.benchmarks.rivals.shell import Shell
from ansible_collections.netns.fabric.tests.vm.conftest import long
from ansible_collections.netns.fabric.tests.vm.lab import SITE, TEARDOWN, Lab

LIMIT = 1800  # seconds for one script
IN_MACHINE = "/root/scripts"


def seconds_by_hand(lab: Lab, directory: Path, rival: type[Scripted], size: int) -> dict[str, float]:
    """Run the scripts of a rival in the machine and return how long each took."""
    directory.mkdir()
    rival(Place(directory, LIMIT, directory)).prepare(Topology(size))
    lab.root(f"rm -rf {IN_MACHINE}")
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as file:
        file.add(directory, ".")
    lab.unpack(written.getvalue(), IN_MACHINE)
    seconds = {}
    for name in ("build", "add", "teardown"):
        timed = f"cd {IN_MACHINE}; start=$EPOCHREALTIME; bash {name}.sh; echo $start $EPOCHREALTIME"
        start, end = map(float, lab.root(timed, timeout=LIMIT).split())
        seconds[f"{rival.title}: {name}"] = round(end - start, 1)
    return seconds


@long
@pytest.mark.parametrize("size", [100, 300])
def test_seconds(
    lab: Lab,
    size: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    # The kernel of the machine counts, not that of the controller.
    monkeypatch.setattr(recipe, "needs_userspace_datapath", lambda: False)
    seconds = {}
    for rival in (Recipe, Shell):
        seconds.update(seconds_by_hand(lab, tmp_path / rival.__name__, rival, size))
    variables = Topology(size).variables()
    for name, playbook, changed in (("build", SITE, 1), ("re-run", SITE, 0), ("teardown", TEARDOWN, 1)):
        start = time.monotonic()
        played = lab.play(playbook, **variables)
        seconds[f"ours: {name}"] = round(time.monotonic() - start, 1)
        assert min(played.changed, 1) == changed, played.output
    for name, value in seconds.items():
        record_property(name, value)
    assert lab.namespaces() == {"outside"}
