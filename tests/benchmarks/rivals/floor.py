# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The floor: the same kernel objects by a small C program over raw netlink, without Open vSwitch."""

from __future__ import annotations

import shutil
from pathlib import Path

from ansible_collections.netns.fabric.tests.benchmarks.check import check_kernel
from ansible_collections.netns.fabric.tests.benchmarks.lab import GATEWAY, PREFIX_LENGTH, Lab
from ansible_collections.netns.fabric.tests.benchmarks.records import ModuleRun
from ansible_collections.netns.fabric.tests.benchmarks.rivals.rival import Rival

# Of the links on the host; beyond those that are there already.
_FIRST_INDEX = 1000


class Floor(Rival):
    """floor.c: namespaces, veths created in place, addresses, routes, links up."""

    title = "floor (C, no OVS)"
    description = (
        "`floor.c`: the namespaces, veths created in place, addresses, routes, links up, over raw netlink; "
        "no Open vSwitch, no NAT"
    )
    offers = frozenset({"build", "add", "teardown"})
    ovs = False

    def unavailable(self) -> str:
        return "" if shutil.which("cc") else "not installed: no C compiler (apt-get install gcc libc6-dev)"

    def prepare(self, lab: Lab) -> None:
        self.place.begin()
        self.place.run(
            ["cc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", "floor", str(Path(__file__).with_suffix(".c"))]
        )

    def build(self, lab: Lab) -> tuple[ModuleRun, ...]:
        return self._run("add", 1, lab.size)

    def add(self, lab: Lab) -> tuple[ModuleRun, ...]:
        return self._run("add", lab.size, lab.size)

    def teardown(self, lab: Lab) -> tuple[ModuleRun, ...]:
        return self._run("del", 1, lab.size)

    def _run(self, what: str, first: int, last: int) -> tuple[ModuleRun, ...]:
        lines = [
            f"{one.namespace} {one.link} {one.tap} {one.address} {_FIRST_INDEX + number}"
            for number, one in enumerate(Lab(last).members)
        ][first - 1 :]
        self.place.run(["./floor", what, GATEWAY, str(PREFIX_LENGTH)], given="\n".join([*lines, ""]))
        return ()

    def wait_for_traffic(self, lab: Lab) -> bool:
        """There is no bridge between the namespaces."""
        return False

    def check(self, lab: Lab) -> None:
        check_kernel(lab)

    def check_gone(self) -> None:
        """Nothing beyond namespaces and links is there to be left."""
