# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names that are not UTF-8. Pure.

Linux takes any bytes for the name of a link or a file. Inside, a byte that is not UTF-8 is a surrogate (PEP 383), from
which the same bytes are written again; JSON, a log and a terminal have no such character.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_ESCAPED_BYTE = re.compile("[\udc80-\udcff]")


def encode_name(name: str) -> bytes:
    """Return the bytes of a name as the kernel has it."""
    return name.encode("utf-8", "surrogateescape")


def printable(text: str) -> str:
    """Return the text with bytes that are not UTF-8 written as in Python's strings."""
    if text.isascii():
        return text
    text = _ESCAPED_BYTE.sub(lambda found: f"\\x{ord(found[0]) - 0xDC00:02x}", text)
    return text.encode("utf-8", "backslashreplace").decode()  # other surrogates, from an option


def printable_data(data: Any) -> Any:
    """Return a result with every text in it printable."""
    if isinstance(data, str):
        return printable(data)
    if isinstance(data, Mapping):
        return {printable_data(key): printable_data(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [printable_data(element) for element in data]
    return data


def pasteable(command: str) -> str:
    """Return a command line with bytes that are not UTF-8 as bash has them: such a word is in single quotes."""
    if command.isascii():
        return command
    return _ESCAPED_BYTE.sub(lambda found: f"'$'\\x{ord(found[0]) - 0xDC00:02x}''", command)
