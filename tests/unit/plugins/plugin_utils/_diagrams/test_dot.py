# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""DOT, as Graphviz itself reads it."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.dot import COLOURS, write_dot
from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.model import Box, Diagram, Drift, Note
from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils._diagrams.samples import (
    DRIFTING,
    NAMES,
    RED_KEY,
    build_bridge_diagram,
    framed,
)


def graphviz(text: str) -> dict[str, Any]:
    """Return what Graphviz reads from a source; fail on its errors and warnings."""
    ran = subprocess.run(["dot", "-Tdot_json"], input=text, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == "", ran.stderr
    read: dict[str, Any] = json.loads(ran.stdout)
    return read


def names_of(read: dict[str, Any]) -> list[str]:
    """Return the names of the boxes."""
    return sorted(node["name"] for node in read["objects"] if not node["name"].startswith("cluster"))


def test_boxes_and_lines() -> None:
    read = graphviz(write_dot(build_bridge_diagram(["red", "blue"])))
    assert names_of(read) == ["bridge int_br", "namespace blue", "namespace red", "outside"]
    by_id = {node["_gvid"]: node["name"] for node in read["objects"]}
    lines = {(by_id[edge["tail"]], by_id[edge["head"]], edge["tailport"], edge["headport"]) for edge in read["edges"]}
    assert lines == {
        ("namespace red", "bridge int_br", "e_red:e", "w_red:w"),
        ("namespace blue", "bridge int_br", "e_blue:e", "w_blue:w"),
        ("bridge int_br", "outside", "heading:e", "heading:w"),
    }
    assert [edge["label"] for edge in read["edges"] if edge["label"]] == ["NAT 10.0.0.0/24\\nout of red"]


def test_many_in_frames() -> None:
    read = graphviz(write_dot(framed()))
    frames = [node for node in read["objects"] if node["name"].startswith("cluster")]
    assert [(frame["label"], len(frame["nodes"])) for frame in frames] == [(f"int_br, VLAN {n}", 5) for n in range(4)]


@settings(max_examples=40)  # each example starts Graphviz
@given(st.lists(NAMES, min_size=1, max_size=9, unique=True))
def test_any_name_is_drawn(names: list[str]) -> None:
    read = graphviz(write_dot(build_bridge_diagram(names)))
    assert len(names_of(read)) == len(names) + 2
    assert len(read["edges"]) == len(names) + 1


def test_drift() -> None:
    read = graphviz(write_dot(DRIFTING))
    nodes = {node["name"]: node["label"] for node in read["objects"]}
    assert COLOURS[Drift.DIFFERENT] in nodes["namespace red"]
    assert "declared 10.0.0.1/24" in nodes["namespace red"]
    assert COLOURS[Drift.MISSING] in nodes["namespace gone"]
    assert "(missing)" in nodes["namespace gone"]
    assert "(extra)" in nodes["namespace new"]
    assert "down" in nodes["namespace new"]
    assert "red0, VLAN 2, declared VLAN 1" in nodes["bridge int_br"]
    assert all(drift.value in nodes["legend"] for drift in Drift)
    assert [edge.get("color") for edge in read["edges"]] == [
        COLOURS[Drift.DIFFERENT],
        COLOURS[Drift.MISSING],
        COLOURS[Drift.EXTRA],
    ]


def test_no_legend_without_drift() -> None:
    assert "legend" not in write_dot(build_bridge_diagram(["red"]))


def test_notes() -> None:
    noted = Diagram((Box(RED_KEY, notes=(Note("published: tcp 1"), Note("reaches <x>", Drift.MISSING))),), (), ())
    written = write_dot(noted)
    graphviz(written)
    assert '<TR><TD ALIGN="LEFT" COLSPAN="2"><I>published: tcp 1</I></TD></TR>' in written
    assert "<I>reaches &lt;x&gt; (missing)</I>" in written
    assert "missing: declared, not found" in written
