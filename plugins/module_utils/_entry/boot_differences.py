# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What differs between two stored topologies, for a diff: of a list only the entries that differ. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._entry.boot_document import Document, StoredStep


def differences(old: Document | None, new: Document) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the attributes that differ, before and after; the first are empty where nothing is stored."""
    before, after = _attributes(old), _attributes(new)
    changed = [
        name
        for name in (*before, *(name for name in after if name not in before))
        if before.get(name) != after.get(name)
    ]
    pairs = {name: _without_common(before.get(name), after.get(name)) for name in changed}
    return {name: pair[0] for name, pair in pairs.items()}, {name: pair[1] for name, pair in pairs.items()}


def _attributes(document: Document | None) -> dict[str, Any]:
    if document is None:
        return {}
    return {
        "owner": document.owner,
        "heal": document.heal,
        **_options("steps", document.steps),
        **_options("delete_steps", document.delete_steps),
    }


def _options(kind: str, steps: Sequence[StoredStep]) -> dict[str, Any]:
    """Return the options of steps by names like `steps.netns.namespaces`."""
    found: dict[str, Any] = {}
    for step in steps:
        for name, value in step["options"].items():
            key = f"{kind}.{step['module']}.{name}"
            number = sum(each == key or each.startswith(f"{key}#") for each in found)
            found[f"{key}#{number + 1}" if number else key] = value
    return found


def _without_common(before: Any, after: Any) -> tuple[Any, Any]:
    """Return two values; if they are lists of entries, the entries that the other one does not have."""
    if not _is_list_of_entries(before) or not _is_list_of_entries(after):
        return before, after
    return [each for each in before if each not in after], [each for each in after if each not in before]


def _is_list_of_entries(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(each, Mapping) for each in value)
