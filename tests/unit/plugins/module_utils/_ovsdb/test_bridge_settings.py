# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of a bridge that are columns, or rows of other tables."""

from __future__ import annotations

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.bridge_settings import (
    BRIDGE_REFERENCES,
    BRIDGE_SETTINGS,
    SSL,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.references import Reference
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.tables import BRIDGE, TABLES


@pytest.mark.parametrize("reference", [*BRIDGE_REFERENCES, SSL], ids=lambda reference: reference.option)
def test_a_table_that_is_written_is_read(reference: Reference) -> None:
    table = next(table for table in TABLES if table.name == reference.table)
    assert not {setting.column for setting in reference.settings} & table.status
    options = {setting.option for setting in reference.settings}
    assert set(reference.required) <= options
    assert bool(reference.key) == (reference.spec["type"] == "list")


def test_no_option_is_also_read_by_name_or_reported() -> None:
    columns = {setting.column for setting in BRIDGE_SETTINGS} | {each.column for each in BRIDGE_REFERENCES}
    assert not columns & (set(BRIDGE.columns) | BRIDGE.status)
