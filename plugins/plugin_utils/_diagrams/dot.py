# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A diagram in the DOT language of Graphviz (https://graphviz.org/doc/info/lang.html). Pure.

Boxes are tables in HTML-like labels, with a row for each interface and, in a bridge, for each port; a cable goes
from row to row.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator

from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.layout import Layout
from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.model import (
    OUTSIDE,
    Box,
    Cable,
    Diagram,
    Drift,
    End,
    Interface,
    Key,
    Kind,
    Nat,
)

COLOURS = {Drift.NONE: "#37474f", Drift.MISSING: "#c62828", Drift.EXTRA: "#1565c0", Drift.DIFFERING: "#b25000"}
"""Of lines and text; dark enough on white for WCAG 2's contrast of 4.5 to 1."""

HEADINGS = {
    Kind.NAMESPACE: "#dbe9f9",
    Kind.BRIDGE: "#dcefdc",
    Kind.HOST: "#eceff1",
    Kind.OUTSIDE: "#fff3d6",
}

WEST, EAST = "w", "e"
"""The sides of a box, as DOT's compass points have them. In an undirected line the first end is the left one."""

HEADING = "heading"
"""The name of the cell with a box's title."""

_HEAD = (
    "graph topology {",
    "  rankdir=LR; nodesep=0.12; bgcolor=white;",
    '  graph [fontname="Helvetica", fontsize=10, style="rounded", color="#90a4ae", fontcolor="#37474f"];',
    '  node [shape=plain, fontname="Helvetica", fontsize=10];',
    f'  edge [fontname="Helvetica", fontsize=9, color="{COLOURS[Drift.NONE]}", fontcolor="{COLOURS[Drift.NONE]}"];',
)


def dot(diagram: Diagram) -> str:
    """Return the diagram as the source of an undirected graph."""
    return "\n".join(_lines(diagram)) + "\n"


def _lines(diagram: Diagram) -> Iterator[str]:
    layout = Layout(diagram)
    boxes = {box.key: _node(box, diagram, layout) for box in diagram.boxes}
    yield from _HEAD
    # Curves around the boxes where there are few; where there are many they run into each other, and straight lines
    # do not.
    yield "  ranksep=2; splines=line;" if layout.crowded else "  ranksep=1.1; splines=true;"
    for number, group in enumerate(layout.groups):
        if group.title:
            yield f"  subgraph {_quoted(f'cluster_{number}')} {{"
            yield f"    label={_quoted(group.title)};"
            yield from ("  " + boxes.pop(key) for key in group.leaves)
            yield "  }"
    yield from boxes.values()
    for cable in diagram.cables:
        yield _edge(cable, layout, diagram)
    for rule in diagram.nat:
        yield _nat(rule)
    if diagram.drifts:
        yield _legend(diagram.drifts)
    yield "}"


# --- boxes ---------------------------------------------------------------------------------------------------------


def _node(box: Box, diagram: Diagram, layout: Layout) -> str:
    colour = COLOURS[box.drift]
    style = ' STYLE="DASHED"' if box.drift is Drift.MISSING else ""
    heading = f"<B>{_text(box.title)}</B>" + (f" ({_word(box.drift)})" if box.drift is not Drift.NONE else "")
    rows = [
        f'<TR><TD COLSPAN="2" PORT="{HEADING}" BGCOLOR="{HEADINGS[box.kind]}">{_coloured(heading, box.drift)}</TD></TR>'
    ]
    rows += [_interface(interface) for interface in box.interfaces]
    if box.kind is Kind.BRIDGE:
        rows += _ports(box, diagram, layout)
    frame = f'BORDER="1" CELLBORDER="0" CELLSPACING="0" CELLPADDING="3" COLOR="{colour}"{style}'
    return f"  {_node_id(box.key)} [label=<<TABLE {frame}>{''.join(rows)}</TABLE>>];"


def _interface(interface: Interface) -> str:
    lines = [_text(address) for address in interface.addresses or ()]
    lines += [] if interface.enabled else ["down"]
    lines += [f"<I>{_text(remark)}</I>" for remark in interface.remarks]
    if interface.drift in (Drift.MISSING, Drift.EXTRA):
        lines.append(f"<I>{_word(interface.drift)}</I>")
    name, rest = (_coloured(text, interface.drift) for text in (_text(interface.name), "<BR/>".join(lines)))
    left, right = (_port(interface.name, side) for side in (WEST, EAST))
    return f'<TR><TD ALIGN="LEFT" PORT="{left}">{name}</TD><TD ALIGN="LEFT" PORT="{right}">{rest}</TD></TR>'


def _ports(bridge: Box, diagram: Diagram, layout: Layout) -> Iterator[str]:
    """The rows of a bridge's ports: those whose cables come from the left, and from the right."""
    cables = [cable for cable in diagram.cables if cable.far.box == bridge.key]
    left = [cable for cable in cables if layout.is_left(cable)]
    right = [cable for cable in cables if not layout.is_left(cable)]
    for number in range(max(len(left), len(right))):
        yield f"<TR>{_port_cell(left, number, WEST)}{_port_cell(right, number, EAST)}</TR>"


def _port_cell(cables: list[Cable], number: int, side: str) -> str:
    if number >= len(cables):
        return "<TD></TD>"
    cable = cables[number]
    words = [cable.far.interface, cable.vlan, cable.remark, _word(cable.drift) if not cable.remark else ""]
    text = _coloured(_text(", ".join(filter(None, words))), cable.drift)
    align = "LEFT" if side == WEST else "RIGHT"
    return f'<TD ALIGN="{align}" PORT="{_port(cable.far.interface, side)}">{text}</TD>'


def _legend(drifts: Iterable[Drift]) -> str:
    rows = "".join(f'<TR><TD ALIGN="LEFT">{_coloured(_text(drift.value), drift)}</TD></TR>' for drift in drifts)
    return f'  legend [label=<<TABLE BORDER="0" CELLBORDER="0" CELLPADDING="1">{rows}</TABLE>>];'


# --- lines ---------------------------------------------------------------------------------------------------------


def _edge(cable: Cable, layout: Layout, diagram: Diagram) -> str:
    left, right = (cable.near, cable.far) if layout.is_left(cable) else (cable.far, cable.near)
    return f"  {_end(left, EAST, diagram)} -- {_end(right, WEST, diagram)}{_style(cable.drift)};"


def _end(end: End, side: str, diagram: Diagram) -> str:
    """A row, if the box has it: the interface of an undeclared cable may not be drawn."""
    box = next(box for box in diagram.boxes if box.key == end.box)
    has_row = box.kind is Kind.BRIDGE or any(interface.name == end.interface for interface in box.interfaces)
    return _node_id(end.box) + (f':"{_port(end.interface, side)}":{side}' if has_row else "")


def _nat(rule: Nat) -> str:
    label = f"NAT {rule.source}" + (f"\\nout of {_escaped(rule.out_interface)}" if rule.out_interface else "")
    extra = f'label="{label}", dir=forward, arrowsize=0.7'
    ends = f"{_node_id(rule.origin)}:{HEADING}:{EAST} -- {_node_id(OUTSIDE)}:{HEADING}:{WEST}"
    return f"  {ends}{_style(rule.drift, extra)};"


def _style(drift: Drift, more: str = "") -> str:
    options = [more] if more else []
    if drift is not Drift.NONE:
        colour = COLOURS[drift]
        options.append(f'color="{colour}", fontcolor="{colour}", penwidth=1.6')
    if drift is Drift.MISSING:
        options.append("style=dashed")
    return f" [{', '.join(options)}]" if options else ""


# --- quoting -------------------------------------------------------------------------------------------------------


def _word(drift: Drift) -> str:
    return drift.value.partition(":")[0] if drift in (Drift.MISSING, Drift.EXTRA) else ""


def _coloured(text: str, drift: Drift) -> str:
    return f'<FONT COLOR="{COLOURS[drift]}">{text}</FONT>' if text and drift is not Drift.NONE else text


def _text(text: str) -> str:
    """Text within an HTML-like label. What XML does not take at all becomes a question mark."""
    escaped = html.escape("".join(char if char.isprintable() else "?" for char in text))
    # Graphviz hands text on to an XML parser as CDATA, which a bracket in front of a tag would close.
    return escaped.replace("]", "&#93;")


def _escaped(text: str) -> str:
    """Text within a quoted string of the DOT language, for a label: backslashes begin escapes there."""
    printable = "".join(char if char.isprintable() else "?" for char in text)
    return printable.replace("\\", "\\\\").replace('"', '\\"')


def _quoted(text: str) -> str:
    return f'"{_escaped(text)}"'


def _node_id(key: Key) -> str:
    # Two names that differ in what cannot be printed only are two boxes.
    name = "".join(char if char.isprintable() and char != "%" else f"%{ord(char):x}%" for char in key.name)
    return _quoted(f"{key.kind} {name}" if name else key.kind)


def _port(interface: str, side: str) -> str:
    """The name of a cell: an attribute's value in a label, and part of a line's end, which are quoted differently.

    Hence letters and digits only; what else is in a name is written as its code.
    """
    coded = (char if char.isascii() and char.isalnum() else f"_{ord(char):x}_" for char in interface)
    return f"{side}_{''.join(coded)}"
