# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sides of a bridge on which namespaces are drawn."""

from __future__ import annotations

from typing import Any

from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.build import build_diagram
from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.layout import Layout
from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils._diagrams.samples import interface, variables


def leaves(count: int, **options: Any) -> list[dict[str, Any]]:
    """Return namespaces that are connected to the bridge only."""
    kind = "".join(map(str, options.values()))
    return [{"name": f"n{kind}-{number}", "interfaces": [interface("e", **options)]} for number in range(count)]


def sides(*namespaces: dict[str, Any]) -> list[tuple[str, int, bool]]:
    """Return the groups' titles, sizes, and whether they are on the left."""
    layout = Layout(build_diagram(variables(*namespaces)))
    return [(group.title, len(group.leaves), group.left) for group in layout.groups]


def test_few_are_on_the_left() -> None:
    assert sides(*leaves(4), *leaves(2, tag=10)) == [("", 4, True), ("", 2, True)]


def test_many_are_on_both_sides() -> None:
    assert sides(*leaves(41)) == [("", 21, True), ("", 20, False)]


def test_namespaces_of_a_vlan_are_together() -> None:
    assert sides(*leaves(5, tag=10), *leaves(5, tag=20), *leaves(3)) == [
        ("int_br, VLAN 10", 5, True),
        ("int_br, VLAN 20", 5, False),
        ("", 3, True),
    ]
