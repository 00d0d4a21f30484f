# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a topology's modules as the role does, by the sequence, but in this process: a case costs a second, not ten."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._entry import sequence
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.compiler import compile_topology

Variables = Mapping[str, Any]
Step = Mapping[str, Any]
"""A module and its options, as M(netns.fabric.sequence) takes them."""

# The name of the compiled list, the module, and the option that it is given as.
_PRESENT = (
    ("namespaces", "netns", "namespaces"),
    ("bridges", "ovs_bridge", "bridges"),
    ("pairs", "veth", "pairs"),
    ("links", "link", "links"),
    ("routes", "route", "routes"),
    ("rules", "nat_masquerade", "rules"),
    ("forwards", "nat_port_forward", "rules"),
    ("ports", "ovs_port", "ports"),
)
_ABSENT = ("ports", "links", "bridges", "rules", "forwards", "pairs", "namespaces")


def steps(variables: Variables) -> list[Step]:
    """The calls that build a topology, or take it down, in their order."""
    lists = compile_topology(variables)
    calls = {}
    for name, module, option in _PRESENT:
        mark = {"exact": True} if module == "route" else {"owner": variables["name"], "prune": True}
        calls[name] = {"module": module, "options": {option: lists[name], **mark}}
    order = _ABSENT if variables.get("state") == "absent" else tuple(calls)
    return [calls[name] for name in order]


def run(calls: Sequence[Step], *, check: bool) -> dict[str, Any]:
    """Do what the module's main() does between its argument spec and its exit."""
    return sequence.converge(calls, check_mode=check)


def converge(variables: Variables) -> list[str]:
    """Build a topology, or take it down; the commands of everything that changed."""
    commands: list[str] = run(steps(variables), check=False)["commands"]
    return commands


def main() -> None:
    """Build the topology that comes as a line of JSON on standard input.

    `ready` on standard output says that it can begin, which it does at the next line or the end of standard input.
    """
    variables = json.loads(sys.stdin.readline())
    # What is imported when it is first needed takes longer than the whole of the work: a run that is to be killed at
    # some moment of its work, or to meet another one at its work, has to have that behind it.
    run(steps(variables), check=True)
    print("ready", flush=True)  # noqa: T201  # the sign that the parent waits for
    sys.stdin.readline()
    converge(variables)


if __name__ == "__main__":
    main()
