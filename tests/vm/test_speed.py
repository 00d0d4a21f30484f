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

from ansible_collections.netns.fabric.tests.benchmarks.lab import GATEWAY
from ansible_collections.netns.fabric.tests.benchmarks.lab import Lab as Topology
from ansible_collections.netns.fabric.tests.benchmarks.rivals.recipe import Recipe, Scripted
from ansible_collections.netns.fabric.tests.benchmarks.rivals.rival import Place
from ansible_collections.netns.fabric.tests.benchmarks.rivals.shell import Shell
from ansible_collections.netns.fabric.tests.vm.conftest import long
from ansible_collections.netns.fabric.tests.vm.lab import SITE, TEARDOWN, Lab

LIMIT = 3600  # seconds for one script on an emulated machine
IN_MACHINE = "/root/scripts"


def assert_forwards(lab: Lab, topology: Topology) -> None:
    first, last = topology.members[0], topology.members[-1]
    assert lab.pings(last.namespace, GATEWAY)
    assert lab.pings(first.namespace, last.address)


def measure_scripts(lab: Lab, directory: Path, rival: type[Scripted], size: int) -> dict[str, float]:
    """Run the scripts of a rival in the machine and return how many seconds each took."""
    directory.mkdir()
    rival(Place(directory, LIMIT, directory)).prepare(Topology(size))
    lab.root(f"rm -rf {IN_MACHINE}")
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as file:
        file.add(directory, ".")
    lab.unpack(written.getvalue(), IN_MACHINE)
    seconds = {}
    for name, built in (("build", Topology(size)), ("add", Topology(size).larger), ("teardown", None)):
        timed = f"cd {IN_MACHINE}; start=$EPOCHREALTIME; bash {name}.sh; echo $start $EPOCHREALTIME"
        start, end = map(float, lab.root(timed, timeout=LIMIT).split())
        seconds[f"{rival.title}, {name}"] = end - start
        if built is not None:
            assert_forwards(lab, built)
    return seconds


def measure_plays(lab: Lab, size: int) -> dict[str, float]:
    """Build, extend and delete the topology by plays over ssh, and return how many seconds each took."""
    small, large = Topology(size), Topology(size).larger
    plays = [
        ("build", SITE, small, True),
        ("re-run", SITE, small, False),
        ("add", SITE, large, True),
        ("teardown", TEARDOWN, large, True),
    ]
    seconds = {}
    for name, playbook, topology, changes in plays:
        start = time.monotonic()
        # As the scripts do, which send no packet; what follows does.
        played = lab.play(playbook, topology_verify=False, **topology.variables())
        seconds[f"site.yml, {name}"] = time.monotonic() - start
        assert bool(played.changed) == changes, played.output
        if playbook == SITE:
            assert_forwards(lab, topology)
    return seconds


@long
@pytest.mark.parametrize("size", [2, 100, 300])
def test_seconds(lab: Lab, size: int, tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    lab.root("modprobe openvswitch")
    seconds = measure_plays(lab, size)
    for rival in (Recipe, Shell):
        seconds.update(measure_scripts(lab, tmp_path / rival.__name__, rival, size))
    for name, value in seconds.items():
        record_property(name, round(value, 1))
    assert lab.namespaces() == {"outside"}
