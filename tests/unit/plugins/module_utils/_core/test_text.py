# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names that are no UTF-8, and what is shown of them."""

from __future__ import annotations

import shlex
import subprocess

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.text import (
    encode_name,
    pasteable,
    printable,
    printable_data,
)

RAW = b"x\xff\xfe ' \xc3\xa4"
NAME = RAW.decode("utf-8", "surrogateescape")


def test_a_name_is_its_bytes() -> None:
    assert encode_name(NAME) == RAW
    assert encode_name("größe") == "größe".encode()


@pytest.mark.parametrize(
    ("text", "shown"), [("eth0", "eth0"), ("größe", "größe"), ("x\udcff", "x\\xff"), ("x\ud800", "x\\ud800")]
)
def test_what_is_shown(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_result() -> None:
    assert printable_data({"a\udcff": [("b\udcff", 1, None, True)]}) == {"a\\xff": [["b\\xff", 1, None, True]]}


@pytest.mark.parametrize("name", ["eth0", "größe", NAME])
def test_a_command_has_the_bytes_in_a_shell(name: str) -> None:
    command = pasteable(shlex.join(["printf", "%s", name]))
    printable(command).encode()
    assert subprocess.run(["bash", "-c", command], capture_output=True, check=True).stdout == encode_name(name)
