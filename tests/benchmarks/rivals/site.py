# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ours, as a user runs it: the playbooks of the collection."""

from __future__ import annotations

from typing import ClassVar

from ansible_collections.netns.fabric.tests.benchmarks.lab import Lab
from ansible_collections.netns.fabric.tests.benchmarks.records import ModuleRun
from ansible_collections.netns.fabric.tests.benchmarks.rivals.ansible_play import inventory_of, play, write_inventory
from ansible_collections.netns.fabric.tests.benchmarks.rivals.rival import COLLECTION, Rival


class Site(Rival):
    """`ansible-playbook playbooks/site.yml` and `teardown.yml`, with the role's defaults: verification included."""

    title = "site.yml"
    description = (
        "`ansible-playbook playbooks/site.yml`, to the end of the verification; `teardown.yml` for the teardown"
    )
    _playbooks: ClassVar = COLLECTION / "playbooks"

    def prepare(self, lab: Lab) -> None:
        for one in (lab, lab.larger):
            write_inventory(self.place, str(one.size), one.variables())

    def build(self, lab: Lab) -> tuple[ModuleRun, ...]:
        play(self.place, self._playbooks / "site.yml", inventory_of(self.place, lab))
        return ()

    rerun = add = build

    def teardown(self, lab: Lab) -> tuple[ModuleRun, ...]:
        play(self.place, self._playbooks / "teardown.yml", inventory_of(self.place, lab))
        return ()
