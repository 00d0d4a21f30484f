# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The errors of a topology, collected so that the user sees all of them at once."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntry


class TopologyError(ValueError):
    """An invalid topology; the text lists all errors, and `errors` has them one by one."""

    def __init__(self, name: str, errors: Iterable[str]) -> None:
        self.errors = tuple(errors)
        count = "an error" if len(self.errors) == 1 else f"{len(self.errors)} errors"
        lines = "".join(f"\n  {number}. {error}" for number, error in enumerate(self.errors, 1))
        super().__init__(f"topology {name!r} has {count}; the host was not changed:{lines}")


class Errors:
    """Collects errors, one line each, in the order in which they are found."""

    def __init__(self) -> None:
        self._errors: list[InvalidEntry] = []

    def add(self, path: str, option: str, message: str) -> None:
        """Note one error: the entry (as a path into the variables), its option (or ``""``), cause and cure."""
        self._errors.append(InvalidEntry(path, option, message))

    def __iter__(self) -> Iterator[str]:
        return map(str, self._errors)

    def __len__(self) -> int:
        return len(self._errors)


def suggest(word: str, known: Iterable[str], prefix: str = "") -> str:
    """Return a hint for an unknown name: the closest known one, or else all of them.

    `prefix` is what all of them begin with, and is left out of the comparison.
    """
    names = list(known)
    closest = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if closest:
        return f"did you mean {prefix + closest[0]!r}?"
    if not names:
        return "none is declared"
    listed = ", ".join(prefix + name for name in names[:20])
    return f"choose from: {listed}" + (f" and {len(names) - 20} more" if len(names) > 20 else "")
