# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an entry of one resource ensures and entries of others need, where a name alone identifies it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Named:
    """Something with a name; `what` is what it is called in messages. Two of different classes are never equal."""

    name: str

    what: ClassVar[str]

    def __str__(self) -> str:
        return f"{self.what} {self.name}"
