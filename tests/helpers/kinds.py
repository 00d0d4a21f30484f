# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The samples of every kind of links, in the files tests/integration/kinds/KIND.yml.

by_hand   the ip(8) line that creates a link k0 of the kind, on base0 where it is on another one
create    the options of a new link
in_place  options that are changed on it
recreate  options by which it is re-created, if there are any
files     what these need, by path
encoded   options, and what pyroute2 is given for the same: the unit test compares what both encode
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.netns.fabric.tests.helpers.convergence import shell
from ansible_collections.netns.fabric.tests.helpers.host import Host

PLACE = Path(__file__).parents[1] / "integration" / "kinds"

Sample = dict[str, Any]

SAMPLES: dict[str, Sample] = {
    path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(PLACE.glob("*.yml"))
}
#: What a link of a kind may be on, and the namespaces that it may be in.
STAGE = """
    netns add red
    netns add blue
    -n red link set lo up
    link add name base0 type veth peer name base1
    link set base0 up
    link set base1 up
"""


@cache
def is_missing(kind: str) -> bool:
    """Return whether the kernel has no links of a kind, by trying it."""
    host = Host()
    shell(host, STAGE)
    result = host.run("ip", *SAMPLES[kind]["by_hand"].split(), check=False)
    host.clear()
    assert result.returncode == 0 or "Unknown device type" in result.stderr, result.stderr
    return result.returncode != 0
