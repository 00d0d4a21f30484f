# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What happens to one file of a namespace, and how a file says that it is this collection's. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Operation

#: The first line of a file that this collection has written; the owner's name follows, if there is one.
HEADER = "# netns.fabric:"


@dataclass(frozen=True)
class FilePlan:
    """What the file has, by its name, and the operations. `is_managed`: this collection's content is in it then."""

    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)
    operations: tuple[Operation, ...] = ()
    is_managed: bool = False


def is_managed(text: str | None) -> bool:
    """Return whether this collection has written a file."""
    return text is not None and text.startswith(HEADER)


def header(current: str | None, owner: str | None) -> str:
    """Return the first line; without an owner in the call the file keeps its owner."""
    if owner is None and current is not None and is_managed(current):
        return current.splitlines()[0]
    return HEADER + (owner or "")


def belongs_to_another(text: str, owner: str | None) -> bool:
    """Return whether a file of this collection has another owner than the call."""
    return owner is not None and text.splitlines()[0] != HEADER + owner


def lines_of(text: str | None) -> list[str] | None:
    """Return a file as the diff shows it."""
    return None if text is None else text.splitlines()
