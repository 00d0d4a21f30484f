# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Any topology, any damage: one run heals it, check mode predicts it, `commands` repeat it, teardown leaves nothing.

Each case builds a generated topology on a host with objects of another owner, does generated damage to it, and checks
the promises with real namespaces, a real ovs-vswitchd and real nft. A failure prints the case and how to replay it
alone: `nox -s generated -- --replay VERSION:BLOB`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, reproduce_failure
from hypothesis import strategies as st
from hypothesis.errors import DidNotReproduce

from ansible_collections.netns.fabric.tests.generated.cases import generated
from ansible_collections.netns.fabric.tests.generated.comparison import (
    comparable,
    take_comparable,
    take_settled,
)
from ansible_collections.netns.fabric.tests.generated.converge import converge, run, run_as_predicted, steps
from ansible_collections.netns.fabric.tests.generated.damage import DAMAGES, Place, add_foreign, places
from ansible_collections.netns.fabric.tests.generated.tally import TRIED
from ansible_collections.netns.fabric.tests.generated.topologies import Variables, fewer, named, topologies
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.snapshot import Snapshot, assert_equal, take, without_forwarding

Damages = list[tuple[str, int]]

_CASES = {
    "variables": topologies(),
    "damages": st.lists(st.tuples(st.sampled_from(sorted(DAMAGES)), st.integers(0, 2)), max_size=3),
    "pasted": st.integers(0, 3).map(lambda number: number == 0),
}


def test_convergence(host: Host, request: pytest.FixtureRequest) -> None:
    """Check every promise for the number of cases that the option --cases gives."""

    def case(variables: Variables, damages: Damages, pasted: bool) -> None:
        TRIED["cases"] += 1
        host.clear()
        _check_promises(host, named(variables), damages, pasted)

    with suppress(DidNotReproduce):  # the replayed case passes now
        _generated(case, request)()


@pytest.mark.parametrize(
    "damages",
    [
        # Check mode returned a re-attachment that ovs-vswitchd had done itself.
        ["port's device renamed", "vswitchd restarted"],
        ["veth recreated by hand", "port's device renamed", "vswitchd restarted"],
        ["vswitchd killed, and the bridge deleted"],
    ],
)
def test_damage_that_once_was_not_predicted(host: Host, damages: list[str]) -> None:
    """Cases that were found by generated ones."""
    variables: Variables = {
        "name": "default",
        "state": "present",
        "verify": False,
        "verify_outside": [],
        "links": [],
        "nat": [],
        "bridges": [{"name": "br", "addresses": ["10.77.0.254/24"]}],
        "namespaces": [
            {
                "name": "ns1",
                "interfaces": [{"name": "eth1", "bridge": "br", "peer": "tap1", "addresses": ["10.77.0.1/24"]}],
            }
        ],
    }
    host.clear()
    _check_promises(host, variables, [(name, 0) for name in damages], pasted=True)


def _generated(case: Callable[..., None], request: pytest.FixtureRequest) -> Callable[[], None]:
    replay = request.config.getoption("--replay")
    test = given(**_CASES)(case)
    if replay:
        version, blob = replay.split(":", 1)
        return reproduce_failure(version, blob.encode())(test)
    return generated(request)(test)


def _check_promises(host: Host, variables: Variables, damages: Damages, pasted: bool) -> None:
    add_foreign(host)
    before = take()
    _run_checked(host, variables, before)
    built = take_comparable()
    _do_damage(host, variables, damages)
    commands = _run_checked(host, variables, take_settled())
    healed = take()
    assert_equal(comparable(healed), built, "a run on a damaged host has the result of one on an empty host")
    _assert_idempotent(variables, healed)
    _run_checked(host, fewer(variables), healed)
    _run_checked(host, variables, take_settled())
    assert_equal(take_comparable(), built, "what was removed from the variables is re-created as it was")
    healed = take()
    down = {**variables, "state": "absent"}
    _run_checked(host, down, healed)
    deleted = take()
    assert_equal(without_forwarding(deleted), without_forwarding(before), "teardown leaves what was there before")
    _assert_idempotent(down, deleted)
    if pasted:
        _assert_pasted(host, variables, damages, commands, built)


def _do_damage(host: Host, variables: Variables, damages: Damages) -> None:
    where: list[Place] = places(variables)
    for name, number in damages:
        TRIED[name] += 1
        DAMAGES[name](host, where[number % len(where)])


def _run_checked(host: Host, variables: Variables, before: Snapshot) -> list[str]:
    """Run all in check mode, which writes nothing; then each module alone, which check mode predicts as well."""
    calls = steps(variables)
    whole = run(calls, check=True)
    assert_equal(take(), before, "check mode writes nothing")
    together: dict[str, list[Any]] = {"diff": [], "commands": []}
    for call in calls:
        done = run_as_predicted(host, call)
        for key, collected in together.items():
            collected.extend(done[key])
    for key, collected in together.items():
        assert whole[key] == collected, f"check mode of all returned {key}={whole[key]!r}, the runs {collected!r}"
    return together["commands"]


def _assert_idempotent(variables: Variables, before: Snapshot) -> None:
    assert converge(variables) == [], "a second run changes nothing"
    assert_equal(take(), before, "a second run writes nothing")


def _assert_pasted(host: Host, variables: Variables, damages: Damages, commands: list[str], built: Snapshot) -> None:
    """Paste the commands of the healing run into a shell on a host with the same damage: they heal it as well."""
    host.clear()
    add_foreign(host)
    converge(variables)
    _do_damage(host, variables, damages)
    take_settled()
    script = "\n".join(["set -e", *commands])
    host.run("bash", "-c", script)
    assert_equal(take_comparable(), built, "pasting the commands gives an equal host:\n" + script)
