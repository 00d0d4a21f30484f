# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The resolver's file of a namespace: what is in it, whose it is, what comes back."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntries
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry
from ansible_collections.netns.fabric.plugins.module_utils._resources import netns_resolver
from ansible_collections.netns.fabric.plugins.module_utils._resources.netns_file_plan import FilePlan
from ansible_collections.netns.fabric.plugins.module_utils._resources.netns_resolver import (
    Wanted,
    plan,
    plan_absent,
)
from ansible_collections.netns.fabric.plugins.module_utils._system import operations as op

PATH = "/etc/netns/red/resolv.conf"
KEPT = "/etc/netns/.resolv.conf.before-netns.fabric/red"
OURS = "# netns.fabric:lab\nnameserver 192.0.2.53\n"
THEIRS = "nameserver 198.51.100.53\noptions edns0\n"


def files(current: str | None = None, kept: str | None = None) -> Mapping[str, str | None]:
    return {PATH: current, KEPT: kept}


def carry_out(there: Mapping[str, str | None], planned: FilePlan) -> dict[str, str | None]:
    """What is in the files once the operations have run, by phase."""
    after = dict(there)
    for step in sorted(planned.operations, key=lambda step: step.phase):
        if isinstance(step, op.WriteFile):
            after[step.path] = step.text
        elif isinstance(step, op.RenameFile):
            after[step.new_path], after[step.path] = after[step.path], None
        elif isinstance(step, op.RemoveFile):
            after[step.path] = None
    return after


@pytest.mark.parametrize(
    ("current", "asked", "owner", "text"),
    [
        (None, Wanted(("192.0.2.53",)), None, "# netns.fabric:\nnameserver 192.0.2.53\n"),
        (None, Wanted(("192.0.2.53",), ("a", "b")), "lab", "# netns.fabric:lab\nnameserver 192.0.2.53\nsearch a b\n"),
        (OURS, Wanted(None, ("a",)), "lab", OURS + "search a\n"),
        (OURS, Wanted(("192.0.2.54",)), "lab", "# netns.fabric:lab\nnameserver 192.0.2.54\n"),
        (OURS + "search a\n", Wanted(None, ()), "lab", OURS),
        ("domain a\n", Wanted(None, ("b",)), "lab", "# netns.fabric:lab\nsearch b\n"),
        # Lines that are not ours to decide stay.
        (THEIRS, Wanted(("192.0.2.53",)), "lab", "# netns.fabric:lab\noptions edns0\nnameserver 192.0.2.53\n"),
        # Who does not say whose the file is leaves it whosever it was.
        (OURS, Wanted(("192.0.2.54",)), None, "# netns.fabric:lab\nnameserver 192.0.2.54\n"),
        # There would be nothing in it.
        (OURS, Wanted(()), "lab", None),
    ],
)
def test_what_is_in_the_file(current: str | None, asked: Wanted, owner: str | None, text: str | None) -> None:
    planned = plan("red", asked, files(current), owner)
    after = carry_out(files(current), planned)
    assert after[PATH] == text
    again = plan("red", asked, after, owner)
    assert again.operations == ()


def test_nothing_asked_for_is_nothing_done() -> None:
    for current in (None, OURS, THEIRS):
        assert plan("red", Wanted(), files(current), "lab") == FilePlan(is_managed=current == OURS)


def test_an_empty_list_makes_no_file() -> None:
    assert plan("red", Wanted(()), files(), "lab").operations == ()


def test_somebody_elses_file_is_kept_beside_ours() -> None:
    after = carry_out(files(THEIRS), plan("red", Wanted(("192.0.2.53",)), files(THEIRS), "lab"))
    assert after[KEPT] == THEIRS
    back = carry_out(after, plan_absent("red", after, "lab"))
    assert back == files(THEIRS)


@pytest.mark.parametrize(
    ("current", "kept", "owner", "left"),
    [
        (OURS, None, "lab", files()),
        (OURS, None, None, files()),
        (OURS, THEIRS, "lab", files(THEIRS)),
        # Another owner's, or nobody's.
        (OURS, THEIRS, "lab2", files(OURS, THEIRS)),
        (THEIRS, None, None, files(THEIRS)),
        (None, None, "lab", files()),
        (None, THEIRS, "lab", files(None, THEIRS)),
    ],
)
def test_what_is_left_of_it(current: str | None, kept: str | None, owner: str | None, left: object) -> None:
    there = files(current, kept)
    assert carry_out(there, plan_absent("red", there, owner)) == left


LINES = st.lists(
    st.sampled_from(["nameserver 192.0.2.1", "search a b", "domain c", "options x", "# note", "", "sortlist 1.2.3.4"]),
    max_size=6,
)


@given(
    LINES,
    st.none() | st.lists(st.sampled_from(["192.0.2.7", "fd00::7"]), unique=True, max_size=2).map(tuple),
    st.none() | st.lists(st.sampled_from(["x", "y"]), unique=True, max_size=2).map(tuple),
    st.sampled_from([None, "lab"]),
)
def test_any_file_converges_in_one_run(
    lines: list[str], nameservers: tuple[str, ...] | None, search: tuple[str, ...] | None, owner: str | None
) -> None:
    there = files("".join(f"{line}\n" for line in lines))
    asked = Wanted(nameservers, search)
    after = carry_out(there, plan("red", asked, there, owner))
    assert plan("red", asked, after, owner).operations == ()
    text = (after[PATH] or "").splitlines()
    if nameservers:
        assert [line.split()[1] for line in text if line.startswith("nameserver")] == list(nameservers)
    if search:
        assert [line.split()[1:] for line in text if line.startswith(("search", "domain"))] == [list(search)]
    assert [line for line in text if line.startswith(("options", "sortlist"))] == [
        line for line in lines if line.startswith(("options", "sortlist"))
    ]


def test_what_an_entry_asks_for() -> None:
    checks = Checks(Entry("red"))
    assert netns_resolver.parse(checks, None, None) == Wanted()
    assert netns_resolver.parse(checks, ["FD00:0::1"], ["a.example"]) == Wanted(("fd00::1",), ("a.example",))
    checks.done()
    netns_resolver.parse(checks, ["192.0.2.1/24"], ["a b", ""])
    with pytest.raises(InvalidEntries) as caught:
        checks.done()
    assert len(caught.value.errors) == 3
