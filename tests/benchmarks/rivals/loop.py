# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A play that loops over the modules that there are for this today."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.netns.fabric.tests.benchmarks.lab import BRIDGE, GATEWAY, PREFIX_LENGTH, SUBNET, Lab
from ansible_collections.netns.fabric.tests.benchmarks.records import ModuleRun
from ansible_collections.netns.fabric.tests.benchmarks.rivals.ansible_play import inventory_of, play, write_inventory
from ansible_collections.netns.fabric.tests.benchmarks.rivals.recipe import needs_userspace_datapath
from ansible_collections.netns.fabric.tests.benchmarks.rivals.rival import Rival

_NEEDED = (
    "community/general/plugins/modules/ip_netns.py",
    "openvswitch/openvswitch/plugins/modules/openvswitch_port.py",
)


class Loop(Rival):
    """loop_build.yml and loop_teardown.yml."""

    title = "loop over today's modules"
    description = (
        "a play that loops over `community.general.ip_netns`, `openvswitch.openvswitch.openvswitch_port` and two "
        "`ansible.builtin.command` per namespace; like the recipe it does not handle TCP"
    )
    tcp = False

    def unavailable(self) -> str:
        root = self.place.third_party / "ansible_collections"
        lacking = [".".join(name.split("/")[:2]) for name in _NEEDED if not (root / name).exists()]
        return f"not installed: {', '.join(lacking)}" if lacking else ""

    def prepare(self, lab: Lab) -> None:
        datapath = ["--", "set", "bridge", BRIDGE, "datapath_type=netdev"] if needs_userspace_datapath() else []
        for one in (lab, lab.larger):
            variables: dict[str, object] = {
                "members": [vars(member) for member in one.members],
                "bridge": BRIDGE,
                "datapath": datapath,
                "gateway": GATEWAY,
                "prefix_length": PREFIX_LENGTH,
                "subnet": SUBNET,
            }
            write_inventory(self.place, str(one.size), variables)

    def build(self, lab: Lab) -> tuple[ModuleRun, ...]:
        return self._play("loop_build.yml", lab)

    rerun = add = build

    def teardown(self, lab: Lab) -> tuple[ModuleRun, ...]:
        return self._play("loop_teardown.yml", lab)

    def _play(self, name: str, lab: Lab) -> tuple[ModuleRun, ...]:
        play(self.place, Path(__file__).with_name(name), inventory_of(self.place, lab), self.place.third_party)
        return ()
