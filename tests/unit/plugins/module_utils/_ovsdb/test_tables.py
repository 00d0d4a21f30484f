# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The declared tables."""

from __future__ import annotations

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.tables import BRIDGE, INTERFACE, PORT, TABLES, Table


@pytest.mark.parametrize("table", [BRIDGE, PORT, INTERFACE], ids=lambda table: table.name)
def test_a_missing_column_is_empty_and_a_name_is_required(table: Table) -> None:
    found = table.read({"name": "x", "external_ids": {"a": "b"}, "unknown": 1})
    assert (found["name"], found["external_ids"]) == ("x", {"a": "b"})
    assert set(found) == set(table.columns)
    with pytest.raises(ValueError, match=r"not a name"):
        table.read({})


def test_the_empty_type_is_system() -> None:
    assert INTERFACE.read({"name": "x", "type": ""})["type"] == "system"
    assert BRIDGE.read({"name": "x", "datapath_type": ""})["datapath_type"] == "system"


def test_the_root_comes_first_and_no_table_twice() -> None:
    names = [table.name for table in TABLES]
    assert names[0] == "Open_vSwitch"
    assert len(set(names)) == len(names)
