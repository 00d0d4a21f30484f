# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Boxes and connections."""

from __future__ import annotations

import pytest

from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.model import (
    Connection,
    Drift,
    End,
    bridge_key,
    format_ranges,
    format_vlans,
    namespace_key,
)
from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils._diagrams.samples import (
    DRIFTING,
    build_bridge_diagram,
)


def test_labels_of_vlans() -> None:
    assert format_ranges([3, 1, 2, 7, 1]) == "1-3,7"
    assert format_vlans(None) == ""
    assert format_vlans(0, [5]) == "VLAN 0, trunk 5"


def test_connection_is_identified_by_its_ends() -> None:
    near, far = End(namespace_key("red"), "eth0"), End(bridge_key("int_br"), "red0")
    assert Connection(near, far).ends == Connection(far, near, "VLAN 10").ends


def test_kinds_of_drift_in_a_diagram() -> None:
    assert DRIFTING.drifts == (Drift.MISSING, Drift.EXTRA, Drift.DIFFERENT)
    assert build_bridge_diagram(["red"]).drifts == ()


@pytest.mark.parametrize(
    ("drift", "word", "label"),
    [
        (Drift.NONE, "", ""),
        (Drift.MISSING, "missing", "missing"),
        (Drift.EXTRA, "extra", "extra"),
        (Drift.DIFFERENT, "different", ""),
    ],
)
def test_words_of_drift(drift: Drift, word: str, label: str) -> None:
    assert (drift.word, drift.label) == (word, label)
