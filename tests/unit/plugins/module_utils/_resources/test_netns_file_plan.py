# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a file says that it is this collection's."""

from __future__ import annotations

from ansible_collections.netns.fabric.plugins.module_utils._resources.netns_file_plan import (
    belongs_to_another,
    header,
    is_managed,
    lines_of,
)


def test_the_first_line_names_the_owner() -> None:
    assert header(None, "lab") == "# netns.fabric:lab"
    assert header(None, None) == "# netns.fabric:"
    # A call without an owner leaves it whosever it was.
    assert header("# netns.fabric:two\n", None) == "# netns.fabric:two"
    assert header("# netns.fabric:two\n", "lab") == "# netns.fabric:lab"
    assert header("nameserver 192.0.2.53\n", None) == "# netns.fabric:"


def test_whose_a_file_is() -> None:
    text = header(None, "lab") + "\nx\n"
    assert is_managed(text)
    assert not is_managed("x\n")
    assert not is_managed(None)
    assert belongs_to_another(text, "two")
    assert not belongs_to_another(text, "lab")
    assert not belongs_to_another(text, None)


def test_lines_of_a_file() -> None:
    assert lines_of(None) is None
    assert lines_of("a\nb\n") == ["a", "b"]
