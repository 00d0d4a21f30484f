# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Mermaid, line by line."""

from __future__ import annotations

import json
import re

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.mermaid import write_mermaid
from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.model import Box, Diagram, Drift, Note
from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils._diagrams.samples import (
    DRIFTING,
    NAMES,
    RED_KEY,
    build_bridge_diagram,
    framed,
)


def test_many_in_frames() -> None:
    written = write_mermaid(framed())
    assert written.count("subgraph") == written.count("\n  end\n") == 4
    assert "VLAN" not in "".join(re.findall(r"---.*", written))


QUOTED = r'"[^"\n]*"'
#: What a line may be: within quotes anything except quotes.
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


@given(st.lists(NAMES, min_size=1, max_size=12, unique=True))
def test_any_name_stays_within_its_quotes(names: list[str]) -> None:
    head, kind, *lines = write_mermaid(build_bridge_diagram(names, Drift.EXTRA)).splitlines()
    assert head.startswith("%%{init: ")
    assert json.loads(head[len("%%{init: ") : -len("}%%")])
    assert kind == "flowchart LR"
    assert all(LINE.fullmatch(line) for line in lines), [line for line in lines if not LINE.fullmatch(line)]
    words = re.sub(r"#\d+;|<(?:/?[bi]|br/)>", "", "".join(re.findall(r'"([^"]*)"', "\n".join(lines))))
    assert not re.search(r"[#;<>&`{}|\[\]\\]", words)


def test_entities() -> None:
    assert '["<b>a#34;b#35;</b><br/>' in write_mermaid(build_bridge_diagram(['a"b#']))


def test_drift() -> None:
    lines = write_mermaid(DRIFTING).splitlines()
    assert '  namespace0["<b>red</b><br/>eth0 10.0.0.9/24<br/><i>declared 10.0.0.1/24</i>"]' in lines
    assert '  namespace0 ---|"red0, VLAN 2, declared VLAN 1"| bridge4' in lines
    assert '  namespace1["<b>gone</b> <i>(missing)</i>"]' in lines
    assert "  class namespace0 different" in lines
    assert "  class namespace1 missing" in lines
    assert "  class namespace2 extra" in lines
    for number, drift in enumerate(("different", "missing", "extra")):
        assert any(line.startswith(f"  linkStyle {number} ") for line in lines)
        assert any(line.startswith(f"  legend_{drift}[") for line in lines)


def test_no_legend_without_drift() -> None:
    assert "legend" not in write_mermaid(build_bridge_diagram(["red"]))


def test_notes() -> None:
    noted = Diagram((Box(RED_KEY, notes=(Note("published: tcp 1"), Note("reaches <x>", Drift.MISSING))),), (), ())
    written = write_mermaid(noted)
    assert "<b>red</b><br/><i>published: tcp 1</i><br/><i>reaches #60;x#62;</i> <i>(missing)</i>" in written
