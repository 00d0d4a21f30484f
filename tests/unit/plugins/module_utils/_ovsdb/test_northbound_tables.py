# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The declared tables of the northbound database."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.northbound_tables import TABLES

SCHEMA = Path("/usr/share/ovn/ovn-nb.ovsschema")


@pytest.mark.skipif(not SCHEMA.exists(), reason="OVN, whose schema is compared, is not installed here")
def test_the_declarations_are_those_of_the_schema() -> None:
    tables = json.loads(SCHEMA.read_text(encoding="utf-8"))["tables"]
    for table in TABLES:
        columns = tables[table.name]["columns"]
        keys = {name: column["type"].get("key") for name, column in columns.items() if isinstance(column["type"], dict)}
        weak = {name for name, key in keys.items() if isinstance(key, dict) and key.get("refType") == "weak"}
        assert weak <= table.weak, table.name
        assert bool(tables[table.name].get("isRoot")) == table.is_root, table.name


def test_what_a_row_keeps_is_read_as_well() -> None:
    """Otherwise a rollback could not re-create it."""
    if not SCHEMA.exists():
        pytest.skip("OVN, whose schema is compared, is not installed here")
    tables = json.loads(SCHEMA.read_text(encoding="utf-8"))["tables"]
    read = {table.name for table in TABLES}
    for table in TABLES:
        for column in tables[table.name]["columns"].values():
            key = column["type"].get("key") if isinstance(column["type"], dict) else None
            if isinstance(key, dict) and key.get("refTable") and key.get("refType", "strong") == "strong":
                # One that exists for itself stays.
                assert key["refTable"] in read or tables[key["refTable"]].get("isRoot"), (table.name, key)
