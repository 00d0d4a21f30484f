# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a topology's modules as the role does, by `sequence`, but in this process: a case takes a second, not ten."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._entry import sequence
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.compiler import compile_topology
from ansible_collections.netns.fabric.tests.generated.deletions import peers_in, present_namespaces, wait_until_deleted
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.snapshot import assert_equal, take

Variables = Mapping[str, Any]
#: A module and its options, as M(netns.fabric.sequence) takes them.
Step = Mapping[str, Any]

# The name of the compiled list, the module, and the option that takes it.
_PRESENT = (
    ("namespaces", "netns", "namespaces"),
    ("bridges", "ovs_bridge", "bridges"),
    ("pairs", "veth", "pairs"),
    ("links", "link", "links"),
    ("qdiscs", "qdisc", "qdiscs"),
    ("neighbours", "neighbour", "neighbours"),
    ("routes", "route", "routes"),
    ("routing_rules", "rule", "rules"),
    ("isolation", "isolation", "links"),
    ("rules", "nat_masquerade", "rules"),
    ("forwards", "nat_port_forward", "rules"),
    ("policies", "policy", "policies"),
    ("ports", "ovs_port", "ports"),
    ("qos", "ovs_qos", "qos"),
    ("mirrors", "ovs_mirror", "mirrors"),
    ("flows", "ovs_flow", "bridges"),
)
_NORTHBOUND = (("ovn_switch", "switches"), ("ovn_router", "routers"), ("ovn_acl", "groups"))
_ROUTING = ("neighbour", "route", "rule")
_ABSENT = (
    *("qdiscs", "ports", "qos", "mirrors", "flows", "bridges", "links", "isolation", "rules", "forwards", "pairs"),
    *("namespaces", "policies"),
)


def steps(variables: Variables) -> list[Step]:
    """Return the calls that build a topology, or delete it, in their order."""
    lists = compile_topology(variables)
    calls = {}
    for name, module, option in _PRESENT:
        mark = {} if module in _ROUTING else {"owner": variables["name"], "prune": True}
        if module in (*_ROUTING, "ovs_bridge", "ovs_port", "ovs_qos", "ovs_mirror"):
            mark["exact"] = True
        if module == "netns":
            mark.update({name: lists[name] for name in ("hosts", "host_sysctls")})
        calls[name] = {"module": module, "options": {option: lists[name], **mark}}
    order = list(_ABSENT if variables.get("state") == "absent" else calls)
    if variables.get("state") == "absent":
        of_host = ("routing_rules", "routes", "neighbours")
        order = [*(name for name in of_host if any(lists[each] for each in of_host)), *order]
    if any(port.get("type") == "internal" for port in lists["ports"]):
        order.remove("ports")
        order.insert(order.index("links"), "ports")
    return [calls[name] for name in order]


def northbound_steps(variables: Variables, database: str) -> list[Step]:
    """Return the calls that write a topology's part of OVN's northbound database, or delete it, in their order."""
    lists = compile_topology(variables)["northbound"]
    shared = {"owner": variables["name"], "prune": True, "database": database}
    calls: list[Step] = [
        {"module": module, "options": {option: lists[option], **shared}} for module, option in _NORTHBOUND
    ]
    return calls[::-1] if variables.get("state") == "absent" else calls


def run(calls: Sequence[Step], *, check: bool) -> dict[str, Any]:
    """Run the calls; return the result of the module `sequence`."""
    return sequence.converge(calls, check_mode=check)


def converge(variables: Variables) -> list[str]:
    """Build a topology, or delete it; return the commands of everything that changed."""
    commands: list[str] = run(steps(variables), check=False)["commands"]
    return commands


def converge_as_predicted(variables: Variables) -> None:
    """Build a topology, or delete it, in check mode and for real; assert that both report the same, and a second run.

    Raises:
        AssertionError: Check mode has written something or predicted something else, or a second run changes something.
    """
    before = take()
    predicted = run(steps(variables), check=True)
    assert_equal(take(), before, "check mode writes nothing")
    done = run(steps(variables), check=False)
    assert predicted["commands"] == done["commands"]
    assert predicted["diff"] == done["diff"]
    assert converge(variables) == [], "a second run changes nothing"


def run_as_predicted(host: Host, call: Step) -> dict[str, Any]:
    """Run a module in check mode and for real; return the result of the latter, once its deletions are complete.

    Raises:
        AssertionError: Check mode has predicted something else.
    """
    names = present_namespaces() if call["module"] == "netns" else {}
    inside = {inode: peers_in(host, name) for inode, name in names.items()}
    predicted, done = run([call], check=True), run([call], check=False)
    for key in ("changed", "diff", "commands"):
        message = f"check mode of {call['module']} returned {key}={predicted[key]!r}, the run {done[key]!r}"
        assert predicted[key] == done[key], message
    # Check mode of the next module would still see a link that the run no longer finds.
    gone = inside.keys() - present_namespaces().keys()
    wait_until_deleted(host, set().union(*(inside[inode] for inode in gone)))
    return done


def main() -> None:
    """Build the topology that a line of JSON on standard input describes.

    Print `ready` when the run can start, and start it at the next line or the end of standard input.
    """
    variables = json.loads(sys.stdin.readline())
    # Late imports take longer than the work itself: a run that is to be killed in the middle of its work, or to work
    # at the same time as another one, has to have imported everything.
    run(steps(variables), check=True)
    print("ready", flush=True)  # noqa: T201  # the parent waits for it
    sys.stdin.readline()
    converge(variables)


if __name__ == "__main__":
    main()
