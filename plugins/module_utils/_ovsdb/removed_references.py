# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The references to rows that a call removes: with the last one the row is deleted. Pure."""

from __future__ import annotations

from collections.abc import Callable


class RemovedReferences:
    """Those of one call; `users` returns which rows refer to one before it."""

    def __init__(self, users: Callable[[str], set[str]]) -> None:
        self._users = users
        self._removed: dict[str, list[str]] = {}

    def is_shared(self, uuid: str, referrer: str) -> bool:
        """Return whether a row has a reference that stays, beside that of `referrer`."""
        return not self._users(uuid) <= {referrer, *self.referrers(uuid)}

    def referrers(self, uuid: str) -> list[str]:
        """Return the rows whose references to a row are removed."""
        return self._removed.get(uuid, [])

    def remove(self, uuid: str, referrer: str) -> bool:
        """Note that a reference is removed, and return whether another one stays."""
        if referrer not in self.referrers(uuid):
            self._removed.setdefault(uuid, []).append(referrer)
        return self.is_shared(uuid, referrer)
