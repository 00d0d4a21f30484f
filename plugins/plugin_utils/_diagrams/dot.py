# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes a diagram in the DOT language of Graphviz (https://graphviz.org/doc/info/lang.html). Pure.

Boxes are tables in HTML-like labels, with a row for each interface and, in a bridge, for each port; a connection goes
from row to row.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator

from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.layout import Layout
from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.model import (
    OUTSIDE,
    Box,
    BoxKind,
    Connection,
    Diagram,
    Drift,
    End,
    Interface,
    Key,
    Nat,
    Note,
)

#: Of lines and text; dark enough on white for WCAG 2's contrast of 4.5 to 1.
COLOURS = {Drift.NONE: "#37474f", Drift.MISSING: "#c62828", Drift.EXTRA: "#1565c0", Drift.DIFFERENT: "#b25000"}

#: The background of a box's title.
TITLE_COLOURS = {
    BoxKind.NAMESPACE: "#dbe9f9",
    BoxKind.BRIDGE: "#dcefdc",
    BoxKind.HOST: "#eceff1",
    BoxKind.OUTSIDE: "#fff3d6",
}

#: The sides of a box, as compass points of DOT. In an undirected line the first end is the left one.
WEST, EAST = "w", "e"

#: The name of the cell with a box's title.
HEADING = "heading"

_HEAD = (
    "graph topology {",
    "  rankdir=LR; nodesep=0.12; bgcolor=white;",
    '  graph [fontname="Helvetica", fontsize=10, style="rounded", color="#90a4ae", fontcolor="#37474f"];',
    '  node [shape=plain, fontname="Helvetica", fontsize=10];',
    f'  edge [fontname="Helvetica", fontsize=9, color="{COLOURS[Drift.NONE]}", fontcolor="{COLOURS[Drift.NONE]}"];',
)


def write_dot(diagram: Diagram) -> str:
    """Return the diagram as the source of an undirected graph."""
    return "\n".join(_write_lines(diagram)) + "\n"


def _write_lines(diagram: Diagram) -> Iterator[str]:
    layout = Layout(diagram)
    boxes = {box.key: _write_box(box, diagram, layout) for box in diagram.boxes}
    yield from _HEAD
    # Curves run around the boxes where there are few; where there are many they overlap, and straight lines do not.
    yield "  ranksep=2; splines=line;" if layout.crowded else "  ranksep=1.1; splines=true;"
    for number, group in enumerate(layout.groups):
        if group.title:
            yield f"  subgraph {_quote(f'cluster_{number}')} {{"
            yield f"    label={_quote(group.title)};"
            yield from ("  " + boxes.pop(key) for key in group.leaves)
            yield "  }"
    yield from boxes.values()
    for connection in diagram.connections:
        yield _write_connection(connection, layout, diagram)
    for rule in diagram.nat:
        yield _write_nat(rule)
    if diagram.drifts:
        yield _write_legend(diagram.drifts)
    yield "}"


# --- boxes ---------------------------------------------------------------------------------------------------------


def _write_box(box: Box, diagram: Diagram, layout: Layout) -> str:
    colour = COLOURS[box.drift]
    style = ' STYLE="DASHED"' if box.drift is Drift.MISSING else ""
    heading = f"<B>{_escape_html(box.title)}</B>" + (f" ({box.drift.label})" if box.drift.label else "")
    title = _colour(heading, box.drift)
    rows = [f'<TR><TD COLSPAN="2" PORT="{HEADING}" BGCOLOR="{TITLE_COLOURS[box.kind]}">{title}</TD></TR>']
    rows += [_write_interface(interface) for interface in box.interfaces]
    rows += [_write_note(note) for note in box.notes]
    if box.kind is BoxKind.BRIDGE:
        rows += _write_ports(box, diagram, layout)
    frame = f'BORDER="1" CELLBORDER="0" CELLSPACING="0" CELLPADDING="3" COLOR="{colour}"{style}'
    return f"  {_node_id(box.key)} [label=<<TABLE {frame}>{''.join(rows)}</TABLE>>];"


def _write_interface(interface: Interface) -> str:
    lines = [_escape_html(address) for address in interface.addresses or ()]
    lines += [] if interface.enabled else ["down"]
    lines += [f"<I>{_escape_html(remark)}</I>" for remark in interface.remarks]
    lines += [f"<I>{interface.drift.label}</I>"] if interface.drift.label else []
    name = _colour(_escape_html(interface.name), interface.drift)
    rest = _colour("<BR/>".join(lines), interface.drift)
    left, right = (_cell_name(interface.name, side) for side in (WEST, EAST))
    return f'<TR><TD ALIGN="LEFT" PORT="{left}">{name}</TD><TD ALIGN="LEFT" PORT="{right}">{rest}</TD></TR>'


def _write_note(note: Note) -> str:
    text = _escape_html(note.text) + (f" ({note.drift.label})" if note.drift.label else "")
    return f'<TR><TD ALIGN="LEFT" COLSPAN="2">{_colour(f"<I>{text}</I>", note.drift)}</TD></TR>'


def _write_ports(bridge: Box, diagram: Diagram, layout: Layout) -> Iterator[str]:
    """Yield the rows of a bridge's ports: to the left those of connections to the left, to the right the others."""
    connections = [connection for connection in diagram.connections if connection.far.box == bridge.key]
    left = [connection for connection in connections if layout.is_left(connection)]
    right = [connection for connection in connections if not layout.is_left(connection)]
    for number in range(max(len(left), len(right))):
        yield f"<TR>{_write_port(left, number, WEST)}{_write_port(right, number, EAST)}</TR>"


def _write_port(connections: list[Connection], number: int, side: str) -> str:
    if number >= len(connections):
        return "<TD></TD>"
    connection = connections[number]
    words = [connection.far.interface, connection.vlan, connection.remark or connection.drift.label]
    text = _colour(_escape_html(", ".join(filter(None, words))), connection.drift)
    align = "LEFT" if side == WEST else "RIGHT"
    return f'<TD ALIGN="{align}" PORT="{_cell_name(connection.far.interface, side)}">{text}</TD>'


def _write_legend(drifts: Iterable[Drift]) -> str:
    rows = "".join(f'<TR><TD ALIGN="LEFT">{_colour(_escape_html(drift.value), drift)}</TD></TR>' for drift in drifts)
    return f'  legend [label=<<TABLE BORDER="0" CELLBORDER="0" CELLPADDING="1">{rows}</TABLE>>];'


# --- lines ---------------------------------------------------------------------------------------------------------


def _write_connection(connection: Connection, layout: Layout, diagram: Diagram) -> str:
    ends = (connection.near, connection.far)
    left, right = ends if layout.is_left(connection) else reversed(ends)
    return f"  {_write_end(left, EAST, diagram)} -- {_write_end(right, WEST, diagram)}{_style(connection.drift)};"


def _write_end(end: End, side: str, diagram: Diagram) -> str:
    """Return a row, if the box has it: the interface of an undeclared connection may not be drawn."""
    box = next(box for box in diagram.boxes if box.key == end.box)
    has_row = box.kind is BoxKind.BRIDGE or any(interface.name == end.interface for interface in box.interfaces)
    return _node_id(end.box) + (f':"{_cell_name(end.interface, side)}":{side}' if has_row else "")


def _write_nat(rule: Nat) -> str:
    label = f"NAT {rule.source}" + (f"\\nout of {_escape_label(rule.out_interface)}" if rule.out_interface else "")
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


def _colour(text: str, drift: Drift) -> str:
    return f'<FONT COLOR="{COLOURS[drift]}">{text}</FONT>' if text and drift is not Drift.NONE else text


def _escape_html(text: str) -> str:
    """Return text for use within an HTML-like label. What XML does not allow becomes a question mark."""
    escaped = html.escape("".join(char if char.isprintable() else "?" for char in text))
    # Graphviz passes text to an XML parser as CDATA, which a bracket in front of a tag would close.
    return escaped.replace("]", "&#93;")


def _escape_label(text: str) -> str:
    """Return text for use within a quoted string of the DOT language, where backslashes begin escapes."""
    printable = "".join(char if char.isprintable() else "?" for char in text)
    return printable.replace("\\", "\\\\").replace('"', '\\"')


def _quote(text: str) -> str:
    return f'"{_escape_label(text)}"'


def _node_id(key: Key) -> str:
    # Two names that differ only in what cannot be printed are two boxes.
    name = "".join(char if char.isprintable() and char != "%" else f"%{ord(char):x}%" for char in key.name)
    return _quote(f"{key.kind} {name}" if name else key.kind)


def _cell_name(interface: str, side: str) -> str:
    """Return the name of a cell: an attribute's value in a label, and part of a line's end, which quote differently.

    It consists of letters and digits only; every other character is written as its code.
    """
    coded = (char if char.isascii() and char.isalnum() else f"_{ord(char):x}_" for char in interface)
    return f"{side}_{''.join(coded)}"
