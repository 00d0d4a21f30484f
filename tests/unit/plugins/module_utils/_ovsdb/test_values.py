# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The values of OVSDB."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.values import Uuid, elements, parse_value


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        (["set", []], ()),
        ("x", "x"),
        (7, 7),
        (True, True),
        (["set", [1, 2]], (1, 2)),
        (["uuid", "u"], Uuid("u")),
        (["set", [["uuid", "u"], ["uuid", "v"]]], (Uuid("u"), Uuid("v"))),
        (["map", [["a", "1"], ["b", ["uuid", "u"]]]], {"a": "1", "b": Uuid("u")}),
        (["map", []], {}),
    ],
)
def test_a_value_is_parsed(cell: Any, value: Any) -> None:
    assert parse_value(cell) == value


def test_a_cell_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match=r"not a value"):
        parse_value(["named-uuid", "x"])


def test_a_set_of_one_is_its_element() -> None:
    assert (elements(()), elements(5), elements((5, 6))) == ((), (5,), (5, 6))
