# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of a port that are columns."""

from __future__ import annotations

from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.port_settings import (
    BOND_SETTINGS,
    INTERFACE_SETTINGS,
    PORT_SETTINGS,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.tables import INTERFACE, PORT


def test_no_option_is_also_read_by_name_or_reported() -> None:
    for settings, table in ((PORT_SETTINGS, PORT), (INTERFACE_SETTINGS, INTERFACE)):
        plain = {setting.column for setting in settings if not setting.key}
        assert not plain & (set(table.columns) | table.status)


def test_options_of_a_bond_are_options_of_a_port() -> None:
    assert PORT_SETTINGS[: len(BOND_SETTINGS)] == BOND_SETTINGS
