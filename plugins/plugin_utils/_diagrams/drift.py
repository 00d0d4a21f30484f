# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The drift between a declared topology and the actual one, as one diagram. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.model import (
    Box,
    BoxKind,
    Connection,
    Diagram,
    Drift,
    Interface,
    Key,
    Nat,
    Note,
)


def compare(declared: Diagram, found: Diagram) -> Diagram:
    """Return one diagram of both: what is declared, marked where it is missing or different, and what is extra.

    What is not declared is extra if the topology owns it, or if it is in a namespace or bridge of the topology: other
    namespaces on the same host are not drift.
    """
    boxes = _compare_boxes({box.key: box for box in declared.boxes}, {box.key: box for box in found.boxes})
    keys = {box.key for box in boxes}
    connections = _compare_connections(declared.connections, found.connections, keys)
    return Diagram(boxes, connections, _compare_nat(declared.nat, found.nat, keys))


def _compare_boxes(declared: Mapping[Key, Box], found: Mapping[Key, Box]) -> tuple[Box, ...]:
    result = [_compare_box(box, found.get(key)) for key, box in declared.items()]
    result += [replace(box, drift=Drift.EXTRA) for key, box in found.items() if key not in declared and box.owned]
    return tuple(result)


def _compare_box(declared: Box, found: Box | None) -> Box:
    if declared.kind is BoxKind.OUTSIDE:
        return declared
    if found is None and declared.kind is not BoxKind.HOST:
        return replace(declared, drift=Drift.MISSING)
    actual = {interface.name: interface for interface in (found.interfaces if found else ())}
    interfaces = [_compare_interface(wanted, actual.pop(wanted.name, None)) for wanted in declared.interfaces]
    # The host has many interfaces that no topology declares.
    interfaces += [
        replace(extra, drift=Drift.EXTRA)
        for extra in actual.values()
        if extra.owned or declared.kind is BoxKind.NAMESPACE
    ]
    notes = tuple(_compare_notes(declared.notes, found.notes if found else ()))
    return replace(declared, interfaces=tuple(interfaces), notes=notes)


def _compare_notes(declared: Sequence[Note], found: Iterable[Note]) -> Iterator[Note]:
    actual = list(found)
    for wanted in declared:
        is_missing = wanted.required and wanted not in actual
        yield replace(wanted, drift=Drift.MISSING) if is_missing else wanted
    wanted_texts = {note.text for note in declared}
    yield from (replace(note, drift=Drift.EXTRA) for note in actual if note.text not in wanted_texts)


def _compare_interface(declared: Interface, found: Interface | None) -> Interface:
    if found is None:
        return replace(declared, drift=Drift.MISSING)
    remarks = tuple(_list_differences(declared, found))
    return replace(found, drift=Drift.DIFFERENT if remarks else Drift.NONE, remarks=remarks)


def _list_differences(declared: Interface, found: Interface) -> Iterator[str]:
    if declared.addresses is not None and set(declared.addresses) != set(found.addresses or ()):
        yield f"declared {', '.join(declared.addresses) or 'without address'}"
    if declared.enabled != found.enabled:
        yield "declared up" if declared.enabled else "up, declared down"
    if declared.mac is not None and declared.mac != found.mac:
        yield f"MAC {found.mac}, declared {declared.mac}"
    if declared.mtu is not None and declared.mtu != found.mtu:
        yield f"MTU {found.mtu}, declared {declared.mtu}"


def _compare_connections(
    declared: Iterable[Connection], found: Iterable[Connection], boxes: set[Key]
) -> tuple[Connection, ...]:
    actual = {connection.ends: connection for connection in found}
    result = [_compare_connection(wanted, actual.pop(wanted.ends, None)) for wanted in declared]
    result += [
        replace(extra, drift=Drift.EXTRA)
        for extra in actual.values()
        if extra.near.box in boxes and extra.far.box in boxes
    ]
    return tuple(result)


def _compare_connection(declared: Connection, found: Connection | None) -> Connection:
    if found is None:
        return replace(declared, drift=Drift.MISSING)
    if declared.vlan != found.vlan:
        remark = f"declared {declared.vlan or 'without VLAN'}"
        return replace(declared, vlan=found.vlan or "no VLAN", drift=Drift.DIFFERENT, remark=remark)
    return declared


def _compare_nat(declared: Iterable[Nat], found: Iterable[Nat], boxes: set[Key]) -> tuple[Nat, ...]:
    actual = list(found)
    result = []
    for wanted in declared:
        if wanted in actual:
            actual.remove(wanted)
            result.append(wanted)
        else:
            result.append(replace(wanted, drift=Drift.MISSING))
    result += [replace(extra, drift=Drift.EXTRA) for extra in actual if extra.origin in boxes]
    return tuple(result)
