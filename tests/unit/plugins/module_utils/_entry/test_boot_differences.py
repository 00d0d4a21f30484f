# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What differs between two stored topologies."""

from __future__ import annotations

from ansible_collections.netns.fabric.plugins.module_utils._entry.boot_differences import differences
from ansible_collections.netns.fabric.plugins.module_utils._entry.boot_document import Document


def lab(*names: str, heal: int = 0) -> Document:
    entries = [{"name": name} for name in names]
    return Document("lab", "lab", heal, ({"module": "netns", "options": {"namespaces": entries}},), ())


def test_a_new_topology_has_everything_after() -> None:
    before, after = differences(None, lab("red"))
    assert set(before.values()) == {None}
    assert after == {"owner": "lab", "heal": 0, "steps.netns.namespaces": [{"name": "red"}]}


def test_of_a_list_only_the_entries_that_differ() -> None:
    assert differences(lab("red", "blue"), lab("red", "green", heal=60)) == (
        {"heal": 0, "steps.netns.namespaces": [{"name": "blue"}]},
        {"heal": 60, "steps.netns.namespaces": [{"name": "green"}]},
    )


def test_nothing_differs() -> None:
    assert differences(lab("red"), lab("red")) == ({}, {})
