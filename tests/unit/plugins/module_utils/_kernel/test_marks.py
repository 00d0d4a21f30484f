# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is kept in the alias of a link."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netns.fabric.plugins.module_utils._kernel.marks import Mark, Origin, parse_mark

ORIGIN = Origin(moved=True, up=True, mtu=1500, mac="52:54:00:12:34:56", alias="the uplink was here")


@pytest.mark.parametrize(
    ("alias", "mark"),
    [
        ("", Mark()),
        ("netns.fabric:lab", Mark(("lab",))),
        ("netns.fabric:lab,web", Mark(("lab", "web"))),
        ("netns.fabric:lab created", Mark(("lab",), created=True)),
        ("netns.fabric:lab keeps addresses", Mark(("lab",), keeps_addresses=True)),
        (
            "netns.fabric:lab keeps addresses was mtu 1500",
            Mark(("lab",), Origin(mtu=1500), keeps_addresses=True),
        ),
        ("netns.fabric:lab created was host up", Mark(("lab",), Origin(moved=True, up=True), created=True)),
        ("netns.fabric:lab,web was mtu 1500", Mark(("lab", "web"), Origin(mtu=1500))),
        ("netns.fabric:lab was mac 52:54:00:12:34:56", Mark(("lab",), Origin(mac="52:54:00:12:34:56"))),
        ("netns.fabric: was host down", Mark((), Origin(moved=True, up=False))),
        (
            "netns.fabric:lab was host up mtu 1500 name eno2 alias name x",
            Mark(("lab",), Origin(moved=True, up=True, mtu=1500, name="eno2", alias="name x")),
        ),
        (
            "netns.fabric:lab was host up mtu 1500 mac 52:54:00:12:34:56 alias the uplink was here",
            Mark(("lab",), ORIGIN),
        ),
    ],
)
def test_an_alias(alias: str, mark: Mark) -> None:
    assert parse_mark(alias) == mark
    assert str(mark) == alias


@pytest.mark.parametrize("alias", ["the uplink", "netns.fabric", "netns.fabric:lab x", "netns.fabric:lab was mtu many"])
def test_an_alias_of_other_software(alias: str) -> None:
    assert parse_mark(alias) is None


_NAMES = st.from_regex(r"[A-Za-z0-9._-]{1,64}", fullmatch=True)
_ORIGINS = st.builds(
    Origin,
    moved=st.booleans(),
    up=st.none() | st.booleans(),
    mtu=st.none() | st.integers(0, 65535),
    mac=st.none() | st.from_regex(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}", fullmatch=True),
    name=st.none() | st.from_regex(r"[!-.0-9;-~]{1,15}", fullmatch=True),
    alias=st.text(),
)


@given(st.builds(Mark, st.lists(_NAMES).map(tuple), st.none() | _ORIGINS.filter(lambda origin: origin != Origin())))
def test_every_mark_is_read_as_it_was_written(mark: Mark) -> None:
    assert parse_mark(str(mark)) == mark
