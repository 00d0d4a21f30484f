# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rivals by the names that the command line has for them, in the order in which they are measured."""

from __future__ import annotations

from ansible_collections.netns.fabric.tests.benchmarks.rivals.floor import Floor
from ansible_collections.netns.fabric.tests.benchmarks.rivals.loop import Loop
from ansible_collections.netns.fabric.tests.benchmarks.rivals.mininet import Mininet
from ansible_collections.netns.fabric.tests.benchmarks.rivals.modules import Modules, OlderModules
from ansible_collections.netns.fabric.tests.benchmarks.rivals.ping import Ping
from ansible_collections.netns.fabric.tests.benchmarks.rivals.recipe import Recipe
from ansible_collections.netns.fabric.tests.benchmarks.rivals.rival import Rival
from ansible_collections.netns.fabric.tests.benchmarks.rivals.shell import AtOnce, BridgeFirst, PortsFirst, Shell
from ansible_collections.netns.fabric.tests.benchmarks.rivals.site import Site

RIVALS: dict[str, type[Rival]] = {
    "site": Site,
    "ping": Ping,
    "modules": Modules,
    "modules-0.7": OlderModules,
    "floor": Floor,
    "shell": Shell,
    "shell-bridge-first": BridgeFirst,
    "shell-ports-first": PortsFirst,
    "shell-at-once": AtOnce,
    "recipe": Recipe,
    "loop": Loop,
    "mininet": Mininet,
}
