# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Any topology, any damage: one run heals it, check mode foretells it, `commands` repeat it, teardown leaves nothing.

Each case builds a generated topology on a host that has things of somebody else's on it, does generated damage to it,
and holds the promises against real namespaces, a real ovs-vswitchd and real nft. A failure prints the case and how to
replay it alone: `nox -s generated -- --replay VERSION:BLOB`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, reproduce_failure, settings
from hypothesis import strategies as st
from hypothesis.errors import DidNotReproduce

from ansible_collections.netns.fabric.tests.generated.converge import converge, run, steps
from ansible_collections.netns.fabric.tests.generated.damage import DAMAGES, Place, add_foreign, places
from ansible_collections.netns.fabric.tests.generated.side_by_side import without_forwarding
from ansible_collections.netns.fabric.tests.generated.snapshot import Snapshot, assert_same, essence, essence_of, exact
from ansible_collections.netns.fabric.tests.generated.tally import TRIED
from ansible_collections.netns.fabric.tests.generated.topologies import Variables, fewer, named, topologies
from ansible_collections.netns.fabric.tests.helpers.host import Host

Damages = list[tuple[str, int]]

_CASES = {
    "variables": topologies(),
    "damages": st.lists(st.tuples(st.sampled_from(sorted(DAMAGES)), st.integers(0, 2)), max_size=3),
    "pasted": st.integers(0, 3).map(lambda number: number == 0),
}


@pytest.fixture(scope="module", name="host")
def fixture_host() -> Host:
    """Return the host of its own that we are in; every case clears it."""
    return Host()


def test_convergence(host: Host, request: pytest.FixtureRequest) -> None:
    """Hold every promise for as many generated cases as were asked for."""

    def case(variables: Variables, damages: Damages, pasted: bool) -> None:
        TRIED["cases"] += 1
        host.clear()
        _hold(host, named(variables), damages, pasted)

    with suppress(DidNotReproduce):  # the case that is replayed holds by now
        _generated(case, request)()


def _generated(case: Callable[..., None], request: pytest.FixtureRequest) -> Callable[[], None]:
    replay = request.config.getoption("--replay")
    test = given(**_CASES)(case)
    if replay:
        version, blob = replay.split(":", 1)
        return settings(deadline=None)(reproduce_failure(version, blob.encode())(test))
    cases = request.config.getoption("--cases")
    return settings(
        max_examples=cases or 200,
        # A change is judged by what it changes, and not by the luck of the draw.
        derandomize=cases is None,
        deadline=None,
        print_blob=True,
        database=None,
        # Shrinking would take minutes for a case that is small to begin with.
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )(test)


def _hold(host: Host, variables: Variables, damages: Damages, pasted: bool) -> None:
    add_foreign(host)
    before = exact(host)
    _run_checked(host, variables, before)
    built = essence(host)
    _do_damage(host, variables, damages)
    commands = _run_checked(host, variables, _settled(host))
    healed = exact(host)
    assert_same(essence_of(healed), built, "what a run makes of damage is what it makes of an empty host")
    _assert_settled(host, variables, healed)
    _run_checked(host, fewer(variables), healed)
    _run_checked(host, variables, _settled(host))
    assert_same(essence(host), built, "what was struck from the inventory comes back as it was")
    healed = exact(host)
    down = {**variables, "state": "absent"}
    _run_checked(host, down, healed)
    gone = exact(host)
    assert_same(without_forwarding(gone), without_forwarding(before), "teardown leaves what was there before")
    _assert_settled(host, down, gone)
    if pasted:
        _assert_pasted(host, variables, damages, commands, built)


def _do_damage(host: Host, variables: Variables, damages: Damages) -> None:
    where: list[Place] = places(variables)
    for name, number in damages:
        TRIED[name] += 1
        DAMAGES[name](host, where[number % len(where)])


def _settled(host: Host) -> Snapshot:
    """The host once two looks show the same: the kernel and ovs-vswitchd see to some damage a little later."""
    before, now = None, exact(host)
    while now != before:
        time.sleep(0.1)
        before, now = now, exact(host)
    return now


def _run_checked(host: Host, variables: Variables, before: Snapshot) -> list[str]:
    """The whole in check mode, which does nothing; then each module, foretold by itself; and so was the whole."""
    calls = steps(variables)
    whole = run(calls, check=True)
    assert_same(exact(host), before, "check mode writes nothing")
    together: dict[str, list[Any]] = {"diff": [], "commands": []}
    for call in calls:
        foretold, done = run([call], check=True), run([call], check=False)
        for key in ("changed", "diff", "commands"):
            said = f"check mode of {call['module']} said {key}={foretold[key]!r}, and it was {done[key]!r}"
            assert foretold[key] == done[key], said
        for key, collected in together.items():
            collected.extend(done[key])
    for key, collected in together.items():
        assert whole[key] == collected, f"check mode of the whole said {key}={whole[key]!r}, and it was {collected!r}"
    return together["commands"]


def _assert_settled(host: Host, variables: Variables, before: Snapshot) -> None:
    assert converge(variables) == [], "the run after a run changes nothing"
    assert_same(exact(host), before, "the run after a run writes nothing")


def _assert_pasted(host: Host, variables: Variables, damages: Damages, commands: list[str], built: Snapshot) -> None:
    """The commands of the healing run, pasted into a shell on a host with the same damage, heal it as well."""
    host.clear()
    add_foreign(host)
    converge(variables)
    _do_damage(host, variables, damages)
    _settled(host)
    script = "\n".join(["set -e", *commands])
    host.run("bash", "-c", script)
    assert_same(essence(host), built, "pasting the commands gives an equal host:\n" + script)
