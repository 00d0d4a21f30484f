# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes a diagram as a Mermaid flowchart (https://mermaid.js.org/syntax/flowchart.html), which forges render. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.layout import Layout
from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.model import (
    OUTSIDE,
    Box,
    BoxKind,
    Connection,
    Diagram,
    Drift,
    Interface,
    Key,
    Nat,
)

STYLES = {
    Drift.MISSING: "stroke:#c62828,stroke-width:2px,stroke-dasharray:5 4",
    Drift.EXTRA: "stroke:#1565c0,stroke-width:2px",
    Drift.DIFFERENT: "stroke:#b25000,stroke-width:2px",
}
FILLS = {
    BoxKind.NAMESPACE: "#dbe9f9",
    BoxKind.BRIDGE: "#dcefdc",
    BoxKind.HOST: "#eceff1",
    BoxKind.OUTSIDE: "#fff3d6",
}
SHAPES = {
    BoxKind.NAMESPACE: ("[", "]"),
    BoxKind.BRIDGE: ("[[", "]]"),
    BoxKind.HOST: ("[", "]"),
    BoxKind.OUTSIDE: ("([", "])"),
}

#: In pixels; with Mermaid's own spacing a drawing of many boxes is half as tall again.
_SPACING = (
    '%%{init: {"flowchart": {"nodeSpacing": 16, "rankSpacing": 70, "subGraphTitleMargin": {"top": 2, "bottom": 10}}}}%%'
)

#: What stands for itself in a quoted text, beside letters and digits.
_PLAIN = frozenset(" .,:/()+-_=")


def write_mermaid(diagram: Diagram) -> str:
    """Return the diagram as the source of a flowchart."""
    return "\n".join(_write_lines(diagram)) + "\n"


def _write_lines(diagram: Diagram) -> Iterator[str]:
    layout = Layout(diagram)
    ids = {box.key: f"{box.key.kind}{number}" for number, box in enumerate(diagram.boxes)}
    boxes = {box.key: _write_box(ids[box.key], box) for box in diagram.boxes}
    yield _SPACING
    yield "flowchart LR"
    for number, group in enumerate(layout.groups):
        if group.title:
            yield f"  subgraph group{number}[{_quote(group.title)}]"
            yield "    direction LR"
            yield from ("  " + boxes.pop(key) for key in group.leaves)
            yield "  end"
            yield f"  style group{number} fill:none,stroke:#90a4ae"
    yield from boxes.values()
    yield from (_write_connection(connection, layout, ids) for connection in diagram.connections)
    yield from (_write_nat(rule, ids) for rule in diagram.nat)
    yield from _write_styles(diagram, ids)


def _write_box(name: str, box: Box) -> str:
    heading = f"<b>{_escape(box.title)}</b>" + _write_drift(box.drift)
    lines = [line for interface in box.interfaces for line in _write_interface(interface, box)]
    notes = [f"<i>{_escape(note.text)}</i>{_write_drift(note.drift)}" for note in box.notes]
    label = "<br/>".join([heading, *lines, *notes])
    opening, closing = SHAPES[box.kind]
    return f'  {name}{opening}"{label}"{closing}'


def _write_interface(interface: Interface, box: Box) -> Iterator[str]:
    """Yield the interface with its first address, then the others. A bridge's title is its local interface's name."""
    addresses = [_escape(address) for address in interface.addresses or ()]
    is_titled = interface.name == box.title and interface.drift is Drift.NONE
    name = [] if is_titled else [_escape(interface.name)]
    words = [*name, *addresses[:1], *([] if interface.enabled else ["(down)"])]
    first = " ".join(words) + _write_drift(interface.drift)
    if first:
        yield first
    yield from addresses[1:]
    yield from (f"<i>{_escape(remark)}</i>" for remark in interface.remarks)


def _write_drift(drift: Drift) -> str:
    return f" <i>({drift.label})</i>" if drift.label else ""


def _write_connection(connection: Connection, layout: Layout, ids: dict[Key, str]) -> str:
    words = []
    if connection.far.box.kind == BoxKind.BRIDGE.value and not layout.crowded:
        words.append(connection.far.interface)
    if not layout.is_framed(connection):
        words.append(connection.vlan)
    words.append(connection.remark or connection.drift.label)
    label = ", ".join(filter(None, words))
    middle = f" ---|{_quote(label)}| " if label else " --- "
    ends = [ids[connection.near.box], ids[connection.far.box]]
    return "  " + middle.join(ends if layout.is_left(connection) else reversed(ends))


def _write_nat(rule: Nat, ids: dict[Key, str]) -> str:
    words = [f"NAT {rule.source}"] + ([f"out of {rule.out_interface}"] if rule.out_interface else [])
    label = "<br/>".join(map(_escape, words)) + _write_drift(rule.drift)
    return f'  {ids[rule.origin]} -->|"{label}"| {ids[OUTSIDE]}'


def _write_styles(diagram: Diagram, ids: dict[Key, str]) -> Iterator[str]:
    for kind in BoxKind:
        members = [ids[box.key] for box in diagram.boxes if box.kind is kind]
        if members:
            yield f"  classDef {kind.value} fill:{FILLS[kind]},stroke:#37474f,color:#1c2529,text-align:left"
            yield f"  class {','.join(members)} {kind.value}"
    lines = [line.drift for line in diagram.lines]
    for drift in diagram.drifts:
        members = [ids[box.key] for box in diagram.boxes if _frame_drift(box) is drift]
        if members:
            yield f"  classDef {drift.word} {STYLES[drift]}"
            yield f"  class {','.join(members)} {drift.word}"
        numbers = [str(number) for number, line in enumerate(lines) if line is drift]
        if numbers:
            yield f"  linkStyle {','.join(numbers)} {STYLES[drift]}"
    yield from _write_legend(diagram.drifts)


def _frame_drift(box: Box) -> Drift:
    """Return the drift that a box's frame shows: its own, or else that one of its interfaces has drifted."""
    parts = {interface.drift for interface in box.interfaces} | {note.drift for note in box.notes}
    if box.drift is not Drift.NONE or parts <= {Drift.NONE}:
        return box.drift
    return Drift.DIFFERENT


def _write_legend(drifts: Iterable[Drift]) -> Iterator[str]:
    for drift in drifts:
        name = f"legend_{drift.word}"
        yield f"  {name}[{_quote(drift.value)}]"
        yield f"  style {name} fill:none,{STYLES[drift]}"


def _quote(text: str) -> str:
    return f'"{_escape(text)}"'


def _escape(text: str) -> str:
    """Return text for use within quotes: whatever may have a meaning in Mermaid or HTML becomes an entity code."""
    printable = (char if char.isprintable() else "?" for char in text)
    return "".join(char if char.isalnum() or char in _PLAIN else f"#{ord(char)};" for char in printable)
