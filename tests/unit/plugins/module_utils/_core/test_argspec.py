# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parameters without what is not set, as they are stored, and with the defaults again."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.argspec import with_defaults, without_unset
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError

SPEC: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "size": {"type": "int", "default": 3},
    "sysctls": {"type": "dict"},
    "peer": {"type": "dict", "options": {"name": {"type": "str"}, "mtu": {"type": "int"}}},
    "routes": {"type": "list", "elements": "dict", "options": {"to": {"type": "str"}, "via": {"type": "str"}}},
}
VALIDATED: dict[str, Any] = {
    "name": "a",
    "size": 3,
    "sysctls": {"net.x": None},
    "peer": {"name": "b", "mtu": None},
    "routes": [{"to": "c", "via": None}],
}


def test_what_is_not_set_is_left_out_and_a_null_of_the_users_stays() -> None:
    assert without_unset(SPEC, {**VALIDATED, "other": None, "_ansible_version": "2.19"}) == {
        "name": "a",
        "size": 3,
        "sysctls": {"net.x": None},
        "peer": {"name": "b"},
        "routes": [{"to": "c"}],
    }


def test_defaults_bring_it_back() -> None:
    assert with_defaults(SPEC, without_unset(SPEC, VALIDATED)) == VALIDATED
    assert with_defaults(SPEC, {"name": "a"}) == {
        "name": "a",
        "size": 3,
        "sysctls": None,
        "peer": None,
        "routes": None,
    }


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"name": "a", "sizes": 1, "colour": "red"}, "unknown options: colour, sizes"),
        ({"size": 1}, "missing options: name"),
        ({"name": "a", "routes": [{"vai": "b"}]}, "unknown options: vai"),
    ],
)
def test_options_that_do_not_fit(given: dict[str, Any], message: str) -> None:
    with pytest.raises(FabricError, match=message):
        with_defaults(SPEC, given)
