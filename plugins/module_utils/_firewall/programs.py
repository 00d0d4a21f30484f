# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How nft(8) and iptables(8) are run, and what they print when they fail."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol, TypeVar

from ansible_collections.netns.fabric.plugins.module_utils._system.programs import Result

_Line = TypeVar("_Line")


class RunProgram(Protocol):
    """Runs a program with `text` as its standard input."""

    def __call__(self, program: str, *arguments: str, text: str = "") -> Result: ...


def error_text(result: Result) -> str:
    """Return the error that a program printed, without the copy of the line that nft adds to it."""
    lines = (result.error.strip() or result.output.strip()).splitlines()
    errors = [line for line in lines if "rror" in line or "failed" in line or "lock" in line] or lines
    return "; ".join(errors) or (f"signal {-result.status}" if result.status < 0 else f"exit status {result.status}")


def find_culprit(lines: Sequence[_Line], pattern: str, error: str) -> _Line | None:
    """Return the line whose number a program complained of; the first group of `pattern` is the number."""
    match = re.search(pattern, error, re.MULTILINE)
    number = int(match.group(1)) if match else 0
    return lines[number - 1] if 0 < number <= len(lines) else None
