# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Any topology beside anything in /run/netns and any alternative name: nothing of it is changed, or it is refused.

A failure prints the case.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError
from ansible_collections.netns.fabric.tests.generated import surroundings
from ansible_collections.netns.fabric.tests.generated.cases import generated
from ansible_collections.netns.fabric.tests.generated.comparison import take_comparable, take_settled
from ansible_collections.netns.fabric.tests.generated.converge import converge, run, run_as_predicted, steps
from ansible_collections.netns.fabric.tests.generated.damage import add_foreign
from ansible_collections.netns.fabric.tests.generated.topologies import Variables, fewer, named, topologies
from ansible_collections.netns.fabric.tests.helpers.host import NAMESPACES, Host
from ansible_collections.netns.fabric.tests.helpers.snapshot import Snapshot, assert_equal, take, without_forwarding

CASES = 15


def _generated(case: Callable[..., None], request: pytest.FixtureRequest, **strategies: Any) -> None:
    generated(request, CASES)(given(**strategies)(case))()


def test_what_others_put_into_run_netns(host: Host, request: pytest.FixtureRequest) -> None:
    """A run with nothing to do does nothing, and entries that are removed and added again converge as without it."""

    def case(variables: Variables, odd: list[tuple[str, int]]) -> None:
        host.clear()
        variables = named(variables)
        add_foreign(host)
        before = take()
        converge(variables)
        surroundings.put(host, odd, variables)
        built = take_settled()
        _assert_unchanged(variables, built)
        others = {name: _kind(NAMESPACES / name) for name in surroundings.NAMES}

        _run_checked(host, fewer(variables))
        _run_checked(host, variables)
        _assert_unchanged(variables, take_settled())
        down = {**variables, "state": "absent"}
        _run_checked(host, down)
        _assert_unchanged(down, take_settled())
        assert {name: _kind(NAMESPACES / name) for name in surroundings.NAMES} == others
        for name in surroundings.NAMES:
            _remove(host, NAMESPACES / name)
        assert_equal(without_forwarding(take_settled()), without_forwarding(before), "teardown leaves what was there")

    _generated(case, request, variables=topologies(), odd=surroundings.ODD)


def test_an_alternative_name_that_a_topology_needs(host: Host, request: pytest.FixtureRequest) -> None:
    """Check mode refuses what the run refuses, for the same reason; without the name the topology is built."""

    def case(variables: Variables, number: int) -> None:
        host.clear()
        variables = named(variables)
        names = surroundings.names_of_links(variables)
        name = names[number % len(names)]
        add_foreign(host)
        converge(variables)
        built = take_comparable()
        converge({**variables, "state": "absent"})
        host.run("ip", "link", "property", "add", "dev", "eth9", "altname", name)
        before = take_settled()
        for check in (True, False):
            with pytest.raises(FabricError, match=f"name: {name} is an alternative name of eth9 in the host"):
                run(steps(variables), check=check)
            if check:
                assert_equal(take_settled(), before, "check mode writes nothing")
        host.run("ip", "link", "property", "del", "dev", "eth9", "altname", name)
        converge(variables)
        assert_equal(take_comparable(), built, "one run completes what was refused")

    _generated(case, request, variables=topologies(), number=st.integers(0, 9))


def _run_checked(host: Host, variables: Variables) -> None:
    """Run each module in check mode, and then for real: they agree."""
    for call in steps(variables):
        run_as_predicted(host, call)


def _assert_unchanged(variables: Variables, before: Snapshot) -> None:
    for check in (True, False):
        assert run(steps(variables), check=check)["commands"] == []
    assert_equal(take_settled(), before, "a run with nothing to do writes nothing")


def _kind(path: Path) -> str:
    """Return what has a name; where it is a namespace, not which."""
    if path.is_symlink():
        return str(path.readlink())
    return str(path.lstat().st_mode) if path.exists() else ""


def _remove(host: Host, path: Path) -> None:
    host.run("umount", str(path), check=False)
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    else:
        path.unlink(missing_ok=True)
