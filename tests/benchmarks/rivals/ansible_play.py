# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How plays are run: with nothing but the inventory of the lab, whatever the user's own settings are."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import yaml

from ansible_collections.netns.fabric.tests.benchmarks.lab import Lab
from ansible_collections.netns.fabric.tests.benchmarks.rivals.rival import COLLECTIONS, Place

_HOSTS = {"all": {"hosts": {"localhost": {"ansible_connection": "local"}}}}
_INTERPRETER = {"ansible_python_interpreter": sys.executable}


def write_inventory(place: Place, name: str, variables: dict[str, object]) -> Path:
    """Write an inventory of this host, with group_vars as a user would have them, and return its hosts file."""
    directory = place.directory / name
    (directory / "group_vars").mkdir(parents=True)
    (directory / "hosts.yml").write_text(yaml.safe_dump(_HOSTS), encoding="utf-8")
    text = yaml.safe_dump({**_INTERPRETER, **variables}, sort_keys=False)
    (directory / "group_vars" / "all.yml").write_text(text, encoding="utf-8")
    return directory / "hosts.yml"


def inventory_of(place: Place, lab: Lab) -> Path:
    """Return where the hosts file for a lab lies."""
    return place.directory / str(lab.size) / "hosts.yml"


def play(place: Place, playbook: Path, inventory: Path, *collections: Path) -> None:
    """Run ansible-playbook; `collections` are searched before ours."""
    settings = place.directory / "ansible.cfg"
    settings.touch()
    env = {
        "HOME": str(place.directory),
        "ANSIBLE_HOME": str(place.directory / "ansible"),
        "ANSIBLE_CONFIG": str(settings),
        "ANSIBLE_COLLECTIONS_PATH": os.pathsep.join(map(str, [*collections, COLLECTIONS])),
        "ANSIBLE_DEPRECATION_WARNINGS": "false",
    }
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    place.run([program, "--inventory", str(inventory), str(playbook)], env=env)
