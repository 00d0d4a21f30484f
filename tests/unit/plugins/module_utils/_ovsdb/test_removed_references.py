# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The references that one call removes."""

from __future__ import annotations

from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.removed_references import RemovedReferences


def test_the_last_reference_that_a_call_removes_is_that_of_one_row() -> None:
    users = {"row": {"a", "b"}}
    removed = RemovedReferences(lambda uuid: users.get(uuid, set()))
    assert removed.is_shared("row", "a")
    assert removed.remove("row", "a")
    assert removed.remove("row", "a")
    assert (removed.is_shared("row", "b"), removed.referrers("row")) == (False, ["a"])
    assert not removed.remove("row", "b")
    assert removed.referrers("other") == []
    assert not removed.is_shared("other", "a")
