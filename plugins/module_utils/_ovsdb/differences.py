# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The differences between a row and what is wanted of it: what to write, and what the diff shows. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.options import MapOption
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import MARK_VALUE, owner_key
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.syntax import Columns
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.values import Value


@dataclass
class Difference:
    """Collects the columns of one row that are to change."""

    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    values: dict[str, Value] = field(default_factory=dict)
    keys: list[tuple[str, str, str | None]] = field(default_factory=list)

    def compare(self, option: str, old: Any, new: Any, column: str | None = None, stored: Value | None = None) -> None:
        """Compare an option of one column; `new` None leaves it untouched. `stored` is how the column stores `new`."""
        if new is None or old == new:
            return
        self.before[option], self.after[option] = old, new
        self.values[column or option] = new if stored is None else stored

    def clear(self, option: str, old: Any, column: str | None = None) -> None:
        """Empty a column that may be empty."""
        if old is not None and old != ():
            self.before[option], self.after[option] = old, None
            self.values[column or option] = ()

    def compare_key(self, option: str, old: str | None, new: str | None, column: str, key: str) -> None:
        """Compare an option that is a key of a map column; None leaves it untouched, the empty text removes it."""
        wanted = new or None
        if new is not None and old != wanted:
            self.before[option], self.after[option] = old, wanted
            self.keys.append((column, key, wanted))

    def compare_map(
        self, option: str, old: Mapping[str, str], wanted: MapOption | None, column: str | None = None
    ) -> None:
        """Compare a map option key by key; keys that are not given are left untouched."""
        changed = {key: value for key, value in (wanted or {}).items() if old.get(key) != value}
        if changed:
            self.before[option] = {key: old.get(key) for key in changed}
            self.after[option] = changed
            self.keys.extend((column or option, key, value) for key, value in changed.items())

    def add_owner(self, owners: Sequence[str], owner: str) -> None:
        """Add an owner to those that a row has."""
        if owner not in owners:
            self.before["owners"], self.after["owners"] = list(owners), sorted([*owners, owner])
            self.keys.append(("external_ids", owner_key(owner), MARK_VALUE))

    def remove_owner(self, owners: Sequence[str], owner: str) -> None:
        """Remove one of the owners that a row has."""
        self.before["owners"], self.after["owners"] = list(owners), [name for name in owners if name != owner]
        self.keys.append(("external_ids", owner_key(owner), None))

    @property
    def columns(self) -> Columns:
        """What to write."""
        return Columns(dict(self.values), tuple(self.keys))
