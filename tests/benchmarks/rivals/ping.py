# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The least that a play can cost."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.netns.fabric.tests.benchmarks.lab import Lab
from ansible_collections.netns.fabric.tests.benchmarks.records import ModuleRun
from ansible_collections.netns.fabric.tests.benchmarks.rivals.ansible_play import inventory_of, play, write_inventory
from ansible_collections.netns.fabric.tests.benchmarks.rivals.rival import Rival


class Ping(Rival):
    """A play with one `ansible.builtin.ping`: it builds nothing."""

    title = "ping"
    description = "a play with one `ansible.builtin.ping` task: it builds nothing"
    offers = frozenset({"build"})
    ovs = False
    largest = 2

    def prepare(self, lab: Lab) -> None:
        write_inventory(self.place, str(lab.size), {})

    def build(self, lab: Lab) -> tuple[ModuleRun, ...]:
        play(self.place, Path(__file__).with_name("ping.yml"), inventory_of(self.place, lab))
        return ()

    def wait_for_traffic(self, lab: Lab) -> bool:
        """There is nothing that would carry any."""
        return False

    def check(self, lab: Lab) -> None:
        """There is nothing to check."""
