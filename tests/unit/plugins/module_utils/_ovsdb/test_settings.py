# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options that are columns."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntries
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry
from ansible_collections.netns.fabric.plugins.module_utils._core.vlans import format_vlans, vlan_range
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.differences import Difference
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.options import at_least
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.rows import Row
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.settings import (
    Setting,
    compare_settings,
    declare_settings,
    describe_settings,
    parse_settings,
    specs,
)

NAME = Setting("kind", {"type": "str"}, "type")
NUMBER = Setting("rate", {"type": "int"}, "max_rate", check=at_least(0), default=0)
VLANS = Setting("vlans", {"type": "list", "elements": "str"}, "trunks", check=vlan_range, show=format_vlans)
WORDS = Setting("targets", {"type": "list", "elements": "str"}, "targets")
FLAG = Setting("flag", {"type": "bool"}, "other_config", key="a-flag")
DIGITS = Setting("digits", {"type": "int"}, "other_config", key="digits")
ALL = (NAME, NUMBER, VLANS, WORDS, FLAG, DIGITS)


def parse(**options: Any) -> dict[str, Any]:
    checks = Checks(Entry("x"))
    found = parse_settings(checks, ALL, options, "bridge.")
    checks.done()
    return found


def compare(row: Row, **options: Any) -> Difference:
    difference = Difference()
    compare_settings(difference, ALL, row, parse(**options))
    return difference


def test_the_argument_spec_has_every_option() -> None:
    assert specs(ALL)["rate"] == {"type": "int"}
    assert list(specs(ALL)) == ["kind", "rate", "vlans", "targets", "flag", "digits"]


def test_values_are_stored_as_the_database_has_them() -> None:
    found = parse(kind="", rate=5, vlans=["9", "3-4"], targets=["b", "a"], flag=False, digits=7)
    assert found == {
        "kind": (),
        "rate": 5,
        "vlans": (3, 4, 9),
        "targets": ("a", "b"),
        "flag": "false",
        "digits": "7",
    }
    assert parse(kind=None) == {}


def test_a_wrong_value_is_refused_by_its_place() -> None:
    with pytest.raises(InvalidEntries, match=r"bridge.rate: -1 is not a valid number"):
        parse(rate=-1)
    with pytest.raises(InvalidEntries, match=r"bridge.vlans\[1\]: the range 9-8 begins above its end; write 8-9"):
        parse(vlans=["1", "9-8"])


def test_differences_are_written_and_shown() -> None:
    row = Row("Port", "u", {"type": "x", "trunks": 3, "other_config": {"digits": "5", "left": "alone"}})
    difference = compare(row, kind="y", rate=0, vlans=["3-5"], flag=True, digits=5)
    assert difference.before == {"kind": "x", "vlans": [3], "flag": None}
    assert difference.after == {"kind": "y", "vlans": ["3-5"], "flag": True}
    assert difference.values == {"type": "y", "trunks": (3, 4, 5)}
    assert difference.keys == [("other_config", "a-flag", "true")]
    assert not compare(row, kind="x", vlans=["3"]).columns


def test_an_empty_value_is_that_of_a_new_row() -> None:
    row = Row("Port", "u", {"type": "x", "max_rate": 5, "trunks": (1, 2)})
    assert compare(row, kind="", vlans=[]).values == {"type": (), "trunks": ()}
    assert not compare(Row("Port", "u"), kind="", vlans=[], rate=0).columns


def test_a_row_is_described_and_declared() -> None:
    row = Row("Port", "u", {"max_rate": 5, "trunks": (4, 1, 2, 3), "other_config": {"a-flag": "true", "digits": "x"}})
    assert describe_settings(ALL, row) == {
        "kind": None,
        "rate": 5,
        "vlans": ["1-4"],
        "targets": [],
        "flag": True,
        "digits": "x",
    }
    assert declare_settings(ALL, row) == {"rate": 5, "vlans": ["1-4"], "flag": True, "digits": "x"}
