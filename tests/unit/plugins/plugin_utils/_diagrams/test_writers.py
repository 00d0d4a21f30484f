# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is written: DOT as Graphviz itself reads it, Mermaid word by word."""

from __future__ import annotations

import json
import re
import subprocess
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.dot import COLOURS, dot
from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.mermaid import mermaid
from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.model import (
    HOST,
    OUTSIDE,
    Box,
    Cable,
    Diagram,
    Drift,
    End,
    Interface,
    Nat,
    bridge_key,
    namespace_key,
)

RED = namespace_key("red")
BRIDGE = bridge_key("int_br")


def plugged(names: list[str], drift: Drift = Drift.NONE) -> Diagram:
    """Return namespaces of these names on one bridge with NAT; in each an interface, and a port, of the same name."""
    return Diagram(
        boxes=(
            *(
                Box(namespace_key(name), (Interface(name, (f"10.0.0.{number}/24",)),))
                for number, name in enumerate(names)
            ),
            Box(BRIDGE, (Interface("int_br", ("10.0.0.254/24",)),)),
            Box(OUTSIDE),
        ),
        cables=tuple(
            Cable(End(namespace_key(name), name), End(BRIDGE, name), vlan=f"VLAN {name}", drift=drift) for name in names
        ),
        nat=(Nat(BRIDGE, "10.0.0.0/24", names[0]),),
    )


def graphviz(text: str) -> dict[str, Any]:
    """Return what Graphviz makes of a source; AssertionError with all it says, warnings included."""
    ran = subprocess.run(["dot", "-Tdot_json"], input=text, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == "", ran.stderr
    read: dict[str, Any] = json.loads(ran.stdout)
    return read


def names_of(read: dict[str, Any]) -> list[str]:
    """Return the names of the boxes."""
    return sorted(node["name"] for node in read["objects"] if not node["name"].startswith("cluster"))


def test_graphviz_reads_what_was_meant() -> None:
    read = graphviz(dot(plugged(["red", "blue"])))
    assert names_of(read) == ["bridge int_br", "namespace blue", "namespace red", "outside"]
    by_id = {node["_gvid"]: node["name"] for node in read["objects"]}
    lines = {(by_id[edge["tail"]], by_id[edge["head"]], edge["tailport"], edge["headport"]) for edge in read["edges"]}
    assert lines == {
        ("namespace red", "bridge int_br", "e_red:e", "w_red:w"),
        ("namespace blue", "bridge int_br", "e_blue:e", "w_blue:w"),
        ("bridge int_br", "outside", "heading:e", "heading:w"),
    }
    assert [edge["label"] for edge in read["edges"] if edge["label"]] == ["NAT 10.0.0.0/24\\nout of red"]


def test_many_in_frames_and_on_both_sides() -> None:
    names = [f"n{number}" for number in range(20)]
    made = plugged(names)
    framed = Diagram(
        made.boxes,
        tuple(Cable(cable.near, cable.far, vlan=f"VLAN {index % 4}") for index, cable in enumerate(made.cables)),
        made.nat,
    )
    read = graphviz(dot(framed))
    frames = [node for node in read["objects"] if node["name"].startswith("cluster")]
    assert [(frame["label"], len(frame["nodes"])) for frame in frames] == [(f"int_br, VLAN {n}", 5) for n in range(4)]
    written = mermaid(framed)
    assert written.count("subgraph") == written.count("\n  end\n") == 4
    assert "VLAN" not in "".join(re.findall(r"---.*", written))


NAMES = st.text(
    st.one_of(st.sampled_from("\"\\<>&'|{}[]()#;:%`$\n\r\t \u200b]ä日"), st.characters(exclude_categories=["Cs"])),
    min_size=1,
    max_size=12,
)


@settings(max_examples=40, deadline=None)  # each starts Graphviz
@given(st.lists(NAMES, min_size=1, max_size=9, unique=True))
def test_any_name_is_drawn_by_graphviz(names: list[str]) -> None:
    read = graphviz(dot(plugged(names)))
    assert len(names_of(read)) == len(names) + 2
    assert len(read["edges"]) == len(names) + 1


QUOTED = r'"[^"\n]*"'
LINE = re.compile(
    "  +(?:"
    + "|".join(
        (
            rf"subgraph group\d+\[{QUOTED}\]|direction LR|end",
            r"(?:style|classDef|class|linkStyle) [\w,]+ [\w:,#-]+(?: \d)?",
            rf"\w+(?:\[{QUOTED}\]|\[\[{QUOTED}\]\]|\(\[{QUOTED}\]\))",
            rf"\w+ --[->](?:\|{QUOTED}\|)? \w+",
        )
    )
    + ")"
)
"""What a line of ours may be: within quotes anything but quotes."""


@given(st.lists(NAMES, min_size=1, max_size=12, unique=True))
def test_any_name_stays_within_its_quotes_in_mermaid(names: list[str]) -> None:
    head, kind, *lines = mermaid(plugged(names, Drift.EXTRA)).splitlines()
    assert head.startswith("%%{init: ")
    assert json.loads(head[len("%%{init: ") : -len("}%%")])
    assert kind == "flowchart LR"
    assert all(LINE.fullmatch(line) for line in lines), [line for line in lines if not LINE.fullmatch(line)]
    words = re.sub(r"#\d+;|<(?:/?[bi]|br/)>", "", "".join(re.findall(r'"([^"]*)"', "\n".join(lines))))
    assert not re.search(r"[#;<>&`{}|\[\]\\]", words)


def test_entities_are_the_characters() -> None:
    assert '["<b>a#34;b#35;</b><br/>' in mermaid(plugged(['a"b#']))


DRIFTING = Diagram(
    boxes=(
        Box(RED, (Interface("eth0", ("10.0.0.9/24",), drift=Drift.DIFFERING, remarks=("declared 10.0.0.1/24",)),)),
        Box(namespace_key("gone"), drift=Drift.MISSING),
        Box(namespace_key("new"), (Interface("eth0", enabled=False),), drift=Drift.EXTRA),
        Box(HOST),
        Box(BRIDGE),
        Box(OUTSIDE),
    ),
    cables=(
        Cable(End(RED, "eth0"), End(BRIDGE, "red0"), "VLAN 2", drift=Drift.DIFFERING, remark="declared VLAN 1"),
        Cable(End(namespace_key("gone"), "eth0"), End(BRIDGE, "gone0"), drift=Drift.MISSING),
    ),
    nat=(Nat(HOST, "10.0.0.0/24", drift=Drift.EXTRA),),
)


def test_drift_in_dot() -> None:
    read = graphviz(dot(DRIFTING))
    nodes = {node["name"]: node["label"] for node in read["objects"]}
    assert COLOURS[Drift.DIFFERING] in nodes["namespace red"]
    assert "declared 10.0.0.1/24" in nodes["namespace red"]
    assert COLOURS[Drift.MISSING] in nodes["namespace gone"]
    assert "(missing)" in nodes["namespace gone"]
    assert "(extra)" in nodes["namespace new"]
    assert "down" in nodes["namespace new"]
    assert "red0, VLAN 2, declared VLAN 1" in nodes["bridge int_br"]
    assert all(drift.value in nodes["legend"] for drift in Drift)
    assert [edge.get("color") for edge in read["edges"]] == [
        COLOURS[Drift.DIFFERING],
        COLOURS[Drift.MISSING],
        COLOURS[Drift.EXTRA],
    ]


def test_drift_in_mermaid() -> None:
    lines = mermaid(DRIFTING).splitlines()
    assert '  namespace0["<b>red</b><br/>eth0 10.0.0.9/24<br/><i>declared 10.0.0.1/24</i>"]' in lines
    assert '  namespace0 ---|"red0, VLAN 2, declared VLAN 1"| bridge4' in lines
    assert '  namespace1["<b>gone</b> <i>(missing)</i>"]' in lines
    assert "  class namespace0 differing" in lines
    assert "  class namespace1 missing" in lines
    assert "  class namespace2 extra" in lines
    for number, drift in enumerate(("differing", "missing", "extra")):
        assert any(line.startswith(f"  linkStyle {number} ") for line in lines)
        assert any(line.startswith(f"  legend_{drift}[") for line in lines)


@pytest.mark.parametrize("write", [dot, mermaid])
def test_without_drift_there_is_no_legend(write: Any) -> None:
    assert "legend" not in write(plugged(["red"]))
