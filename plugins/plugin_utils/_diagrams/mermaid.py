# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A diagram as a Mermaid flowchart (https://mermaid.js.org/syntax/flowchart.html), which forges render. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.layout import Layout
from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.model import (
    OUTSIDE,
    Box,
    Cable,
    Diagram,
    Drift,
    Interface,
    Key,
    Kind,
    Nat,
)

STYLES = {
    Drift.MISSING: "stroke:#c62828,stroke-width:2px,stroke-dasharray:5 4",
    Drift.EXTRA: "stroke:#1565c0,stroke-width:2px",
    Drift.DIFFERING: "stroke:#b25000,stroke-width:2px",
}
FILLS = {Kind.NAMESPACE: "#dbe9f9", Kind.BRIDGE: "#dcefdc", Kind.HOST: "#eceff1", Kind.OUTSIDE: "#fff3d6"}
SHAPES = {Kind.NAMESPACE: ("[", "]"), Kind.BRIDGE: ("[[", "]]"), Kind.HOST: ("[", "]"), Kind.OUTSIDE: ("([", "])")}

_SPACING = (
    '%%{init: {"flowchart": {"nodeSpacing": 16, "rankSpacing": 70, "subGraphTitleMargin": {"top": 2, "bottom": 10}}}}%%'
)
"""In pixels; Mermaid's own spacing makes a drawing of many boxes half as tall again."""

_PLAIN = frozenset(" .,:/()+-_=")
"""What stands for itself in a quoted text, beside letters and digits."""


def mermaid(diagram: Diagram) -> str:
    """Return the diagram as the source of a flowchart."""
    return "\n".join(_lines(diagram)) + "\n"


def _lines(diagram: Diagram) -> Iterator[str]:
    layout = Layout(diagram)
    ids = {box.key: f"{box.key.kind}{number}" for number, box in enumerate(diagram.boxes)}
    boxes = {box.key: _node(ids[box.key], box) for box in diagram.boxes}
    yield _SPACING
    yield "flowchart LR"
    for number, group in enumerate(layout.groups):
        if group.title:
            yield f"  subgraph group{number}[{_quoted(group.title)}]"
            yield "    direction LR"
            yield from ("  " + boxes.pop(key) for key in group.leaves)
            yield "  end"
            yield f"  style group{number} fill:none,stroke:#90a4ae"
    yield from boxes.values()
    yield from (_cable(cable, layout, ids) for cable in diagram.cables)
    yield from (_nat(rule, ids) for rule in diagram.nat)
    yield from _styles(diagram, ids)


def _node(name: str, box: Box) -> str:
    heading = f"<b>{_text(box.title)}</b>" + _note(box.drift)
    label = "<br/>".join([heading, *(line for interface in box.interfaces for line in _interface(interface, box))])
    opening, closing = SHAPES[box.kind]
    return f'  {name}{opening}"{label}"{closing}'


def _interface(interface: Interface, box: Box) -> Iterator[str]:
    """The interface and its first address, the others below. A bridge's own interface has its name already."""
    addresses = [_text(address) for address in interface.addresses or ()]
    name = [] if interface.name == box.title and not interface.drift.value else [_text(interface.name)]
    words = [*name, *addresses[:1], *([] if interface.enabled else ["(down)"])]
    first = " ".join(words) + _note(interface.drift)
    if first:
        yield first
    yield from addresses[1:]
    yield from (f"<i>{_text(remark)}</i>" for remark in interface.remarks)


def _note(drift: Drift) -> str:
    word = drift.value.partition(":")[0] if drift in (Drift.MISSING, Drift.EXTRA) else ""
    return f" <i>({word})</i>" if word else ""


def _cable(cable: Cable, layout: Layout, ids: dict[Key, str]) -> str:
    words = []
    if cable.far.box.kind == Kind.BRIDGE.value and not layout.crowded:
        words.append(cable.far.interface)
    if not layout.is_framed(cable):
        words.append(cable.vlan)
    words.append(cable.remark or cable.drift.value.partition(":")[0])
    label = ", ".join(filter(None, words))
    middle = f" ---|{_quoted(label)}| " if label else " --- "
    ends = [ids[cable.near.box], ids[cable.far.box]]
    return "  " + middle.join(ends if layout.is_left(cable) else reversed(ends))


def _nat(rule: Nat, ids: dict[Key, str]) -> str:
    words = [f"NAT {rule.source}"] + ([f"out of {rule.out_interface}"] if rule.out_interface else [])
    label = "<br/>".join(map(_text, words)) + _note(rule.drift)
    return f'  {ids[rule.origin]} -->|"{label}"| {ids[OUTSIDE]}'


def _styles(diagram: Diagram, ids: dict[Key, str]) -> Iterator[str]:
    for kind in Kind:
        members = [ids[box.key] for box in diagram.boxes if box.kind is kind]
        if members:
            yield f"  classDef {kind.value} fill:{FILLS[kind]},stroke:#37474f,color:#1c2529,text-align:left"
            yield f"  class {','.join(members)} {kind.value}"
    lines = [line.drift for line in diagram.lines]
    for drift in diagram.drifts:
        members = [ids[box.key] for box in diagram.boxes if _worst(box) is drift]
        if members:
            yield f"  classDef {drift.name.lower()} {STYLES[drift]}"
            yield f"  class {','.join(members)} {drift.name.lower()}"
        numbers = [str(number) for number, line in enumerate(lines) if line is drift]
        if numbers:
            yield f"  linkStyle {','.join(numbers)} {STYLES[drift]}"
    yield from _legend(diagram.drifts)


def _worst(box: Box) -> Drift:
    """What colour the frame of a box has: its own, or that it differs where an interface does."""
    if box.drift is not Drift.NONE or all(interface.drift is Drift.NONE for interface in box.interfaces):
        return box.drift
    return Drift.DIFFERING


def _legend(drifts: Iterable[Drift]) -> Iterator[str]:
    for drift in drifts:
        name = f"legend_{drift.name.lower()}"
        yield f"  {name}[{_quoted(drift.value)}]"
        yield f"  style {name} fill:none,{STYLES[drift]}"


def _quoted(text: str) -> str:
    return f'"{_text(text)}"'


def _text(text: str) -> str:
    """Text within quotes: whatever could mean something to Mermaid or HTML is written as an entity code."""
    printable = (char if char.isprintable() else "?" for char in text)
    return "".join(char if char.isalnum() or char in _PLAIN else f"#{ord(char)};" for char in printable)
