# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The file of hosts of a namespace: the block of each owner, and what is around it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntries
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry
from ansible_collections.netns.fabric.plugins.module_utils._resources import netns_hosts
from ansible_collections.netns.fabric.plugins.module_utils._resources.netns_file_plan import FilePlan
from ansible_collections.netns.fabric.plugins.module_utils._resources.netns_hosts import plan, plan_absent
from ansible_collections.netns.fabric.plugins.module_utils._system import operations as op

PATH = "/etc/netns/red/hosts"
HOST = "127.0.0.1 localhost\n127.0.1.1 box\n"
WEB = ("10.1.0.1 web",)
DB = ("10.1.0.2 db", "fd00::2 db")


def files(current: str | None = None) -> Mapping[str, str | None]:
    return {PATH: current, netns_hosts.HOST_FILE: HOST}


def block(owner: str, *lines: str) -> str:
    return "".join(f"{line}\n" for line in (f"# BEGIN netns.fabric:{owner}", *lines, f"# END netns.fabric:{owner}"))


def carry_out(current: str | None, planned: FilePlan) -> str | None:
    """What is in the file once the operations have run."""
    for step in planned.operations:
        current = step.text if isinstance(step, op.WriteFile) else None
    return current


OURS = block("lab", *HOST.splitlines(), *WEB)


@pytest.mark.parametrize(
    ("current", "lines", "owner", "text"),
    [
        (None, WEB, "lab", OURS),
        (None, WEB, None, block("", *HOST.splitlines(), *WEB)),
        # Exactly what is asked for.
        (OURS, DB, "lab", block("lab", *HOST.splitlines(), *DB)),
        # A file of somebody else stays; one that has `localhost` needs nothing of the host's.
        ("192.0.2.1 a\n", WEB, "lab", "192.0.2.1 a\n" + OURS),
        ("::1 localhost\n", WEB, "lab", "::1 localhost\n" + block("lab", *WEB)),
        # Each owner has a block.
        (OURS, DB, "two", OURS + block("two", *DB)),
        (OURS, (), "lab", None),
        ("192.0.2.1 a\n" + OURS, (), "lab", "192.0.2.1 a\n"),
        (OURS + block("two", *DB), (), "lab", block("two", *DB)),
        # A block without an end is somebody else's.
        ("# BEGIN netns.fabric:lab\n192.0.2.1 a\n", WEB, "lab", "# BEGIN netns.fabric:lab\n192.0.2.1 a\n" + OURS),
    ],
)
def test_what_is_in_the_file(current: str | None, lines: tuple[str, ...], owner: str | None, text: str | None) -> None:
    planned = plan("red", lines, files(current), owner)
    assert carry_out(current, planned) == text
    assert planned.is_managed == (netns_hosts.BEGIN in (text or ""))
    assert plan("red", lines, files(text), owner).operations == ()


@pytest.mark.parametrize(
    ("current", "is_managed"), [(None, False), ("192.0.2.1 a\n", False), (OURS, True), ("192.0.2.1 a\n" + OURS, True)]
)
def test_untouched(current: str | None, is_managed: bool) -> None:
    assert plan("red", None, files(current), "lab") == FilePlan(is_managed=is_managed)


@pytest.mark.parametrize(
    ("current", "owner", "text"),
    [
        (OURS, "lab", None),
        (OURS, "two", OURS),
        (OURS + block("two", *DB), None, None),
        ("192.0.2.1 a\n" + OURS, "lab", "192.0.2.1 a\n"),
        ("192.0.2.1 a", None, "192.0.2.1 a"),
    ],
)
def test_absent(current: str, owner: str | None, text: str | None) -> None:
    assert carry_out(current, plan_absent("red", files(current), owner)) == text


def test_the_lines_of_the_host_are_kept_up_to_date() -> None:
    there = {**files(OURS), netns_hosts.HOST_FILE: "127.0.0.1 localhost\n127.0.1.1 renamed\n"}
    assert carry_out(OURS, plan("red", WEB, there, "lab")) == block(
        "lab", "127.0.0.1 localhost", "127.0.1.1 renamed", *WEB
    )


def test_the_diff_of_many_names_is_short() -> None:
    lines = tuple(f"10.1.0.{number} n{number}" for number in range(1, 200))
    planned = plan("red", lines, files(), "lab")
    assert planned.before == {"hosts": None}
    assert len(planned.after["hosts"]) == 21
    assert planned.after["hosts"][-1] == "... and 181 more"


def test_lines_of_names() -> None:
    checks = Checks(Entry("the call"))
    assert netns_hosts.parse(checks, None) is None
    assert netns_hosts.parse(checks, {}) == ()
    given_names = {"web": "10.1.0.1", "db_1": ["10.1.0.2", "FD00:0::2"]}
    assert netns_hosts.parse(checks, given_names) == ("10.1.0.1 web", "10.1.0.2 db_1", "fd00::2 db_1")
    checks.done()
    netns_hosts.parse(checks, {"a b": "10.1.0.1", "localhost": "10.1.0.1", "c": ["x", "10.1.0.1/24"], "": "10.1.0.1"})
    with pytest.raises(InvalidEntries) as caught:
        checks.done()
    options = ("hosts.a b", "hosts.localhost", "hosts.c[0]", "hosts.c[1]", "hosts.")
    assert [str(error).split(": ")[1] for error in caught.value.errors] == list(options)


LINE = st.sampled_from(["", "# a comment", "192.0.2.1 a", "127.0.0.1 localhost", "# END netns.fabric:lab"])


@given(
    rest=st.lists(LINE, max_size=4),
    steps=st.lists(st.tuples(st.sampled_from(["lab", "two"]), st.sampled_from([WEB, DB, ()])), max_size=4),
)
def test_what_others_have_written_survives_every_order_of_calls(
    rest: list[str], steps: list[tuple[str, tuple[str, ...]]]
) -> None:
    text: str | None = "".join(f"{line}\n" for line in rest) or None
    original = text
    for owner, lines in steps:
        text = carry_out(text, plan("red", lines, files(text), owner))
    for owner in ("lab", "two"):
        text = carry_out(text, plan_absent("red", files(text), owner))
    assert (text or "").strip() == (original or "").strip()
