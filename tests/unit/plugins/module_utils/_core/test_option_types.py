# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The types of options: every error at once, each with its entry and option."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.option_types import find_type_errors

ENTRY = {
    "name": {"type": "str", "required": True},
    "size": {"type": "int"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "peer": {"type": "dict", "options": {"name": {"type": "str"}, "fast": {"type": "bool"}}},
    "tags": {"type": "list", "elements": "int"},
    "ids": {"type": "dict"},
}
SPEC: dict[str, Any] = {
    "things": {"type": "list", "elements": "dict", "options": ENTRY},
    "names": {"type": "list", "elements": "str", "choices": ["a", "b"]},
    "wait": {"type": "float"},
    "any": {"type": "raw"},
    **ENTRY,
}


def errors(**given: Any) -> list[str]:
    return [str(error) for error in find_type_errors(SPEC, given)]


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"things": "red"}, "the call: things: must be a list, not a string; write it in brackets, or with hyphens"),
        ({"things": {"name": "a"}}, "the call: things: must be a list, not a dictionary; "),
        ({"things": ["red"]}, "the call: things[0]: must be a dictionary, not a string; write it as `key: value`"),
        (
            {"things": [{"name": "a"}, {"name": "b", "size": "big"}]},
            "things[1] (b): size: must be a whole number, not ",
        ),
        (
            {"things": [{"name": "a", "peer": {"fast": "maybe"}}]},
            "things[0] (a): peer.fast: must be true or false, not ",
        ),
        ({"things": [{"name": "a", "peer": "b"}]}, "things[0] (a): peer: must be a dictionary, not a string; "),
        (
            {"things": [{"name": "a", "tags": [1, "x"]}]},
            "things[0] (a): tags[1]: must be a whole number, not the string",
        ),
        ({"things": [{"name": ["a"]}]}, "things[0] (['a']): name: must be a string, not a list"),
        (
            {"things": [{"name": "a", "state": "gone"}]},
            "(a): state: must be one of present, absent, not the string 'gone'",
        ),
        ({"names": ["a", "c"]}, "the call: names[1]: must be one of a, b, not the string 'c'"),
        ({"names": {"a": 1}}, "the call: names: must be a list, not a dictionary"),
        ({"wait": "soon"}, "the call: wait: must be a number, not the string 'soon'; write for instance 0.5"),
        ({"ids": "psk"}, "the call: ids: must be a dictionary, not a string; write it as `key: value`"),
        ({"size": "x" * 100}, "the call: size: must be a whole number, not a string; write it in digits"),
    ],
)
def test_one_error(given: dict[str, Any], error: str) -> None:
    [found] = errors(**given)
    assert error in found


def test_all_errors_are_found() -> None:
    assert len(errors(things=[{"name": "a", "size": "x", "tags": 2.5}, "b"], wait=[], ids=[1])) == 5


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"things": None, "size": None},
        {"things": []},
        {"things": [{"name": 7, "size": "7", "peer": {"fast": "yes"}, "tags": "1,2", "ids": "a=b"}]},
        {"names": "a,b", "wait": 1, "any": object(), "ids": '{"a": 1}', "unknown": 1},
    ],
)
def test_what_ansible_converts_is_accepted(given: dict[str, Any]) -> None:
    assert errors(**given) == []
