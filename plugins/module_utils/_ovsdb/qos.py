# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The quality of service of ports, with queues: options as declarations, and what a port has. Pure.

Rows of the tables QoS and Queue do not disappear with the last reference to them: who removes it deletes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Operation
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.options import at_least, between
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.references import Reference
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.removed_references import RemovedReferences
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.row_operations import DeleteRow, RemoveRow
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.rows import Row, find_uuids
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.settings import Setting, declare_settings
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Port, Switch, find_owners


def _rate(option: str) -> Setting:
    # Of 64 bits: more than 2 Gbit/s is usual.
    return Setting(option, {"type": "int"}, "other_config", option.replace("_", "-"), check=between(1, 10**13))


QOS_SETTINGS = (
    Setting("type", {"type": "str"}, "type"),
    _rate("max_rate"),
)
QUEUES = Reference(
    "queues",
    "QoS",
    "queues",
    "Queue",
    (
        _rate("min_rate"),
        _rate("max_rate"),
        _rate("burst"),
        Setting("priority", {"type": "int"}, "other_config", "priority", check=at_least(0)),
        Setting("dscp", {"type": "int"}, "dscp", check=between(0, 63)),
    ),
    key="id",
    key_type="int",
    key_check=between(0, 61440),
    is_map=True,
)


@dataclass(frozen=True)
class Qos:
    """A row of the table QoS, and the port that refers to it; empty for none.

    `referrer` is the row of that port. `is_shared`: another port refers to it, and goes on doing so.
    """

    port: str
    row: Row
    referrer: str = ""
    is_shared: bool = False

    @property
    def owners(self) -> tuple[str, ...]:
        return find_owners(self.row.strings("external_ids"))

    @property
    def other_config(self) -> Mapping[str, str]:
        """The settings that are no options of their own."""
        return {key: value for key, value in self.row.strings("other_config").items() if key != "max-rate"}

    def declare(self, switch: Switch) -> dict[str, Any]:
        """Return its options as they declare it."""
        options = {**declare_settings(QOS_SETTINGS, self.row), "queues": QUEUES.declare(switch, self.row)}
        return {**options, "other_config": dict(self.other_config)}

    def remove(self, switch: Switch, removed: RemovedReferences) -> list[Operation]:
        """Return the operations by which the port has none, and nothing is left that no other port refers to."""
        is_shared = bool(self.port) and removed.remove(self.row.uuid, self.referrer)
        removal: Operation = RemoveRow("Port", self.port, "qos", self.row.uuid, None, is_shared, "QoS")
        if not self.port:
            removal = DeleteRow("QoS", self.row.uuid)
        if is_shared:
            return [removal]
        queues: list[Operation] = [
            RemoveRow("QoS", self.row.uuid, "queues", row.uuid, int(key), False, "Queue")
            for key, row in QUEUES.find(switch, self.row)
            if not removed.remove(row.uuid, self.row.uuid)
        ]
        return [*queues, removal]


def find_qos(switch: Switch, port: Port, removed: RemovedReferences | None = None) -> Qos | None:
    """Return what a port has; without the references that are `removed`, another port has it no more."""
    for uuid in find_uuids(port.row.columns.get("qos", ())):
        row = switch.rows.get(uuid)
        if row is not None:
            is_shared = (removed or RemovedReferences(switch.referrers)).is_shared(uuid, port.row.uuid)
            return Qos(port.name, row, port.row.uuid, is_shared)
    return None


def find_left_qos(switch: Switch, owner: str | None) -> list[Qos]:
    """Return the rows of an owner that no port refers to any more: somebody else has deleted the port."""
    rows = (row for row in switch.rows.values() if row.table == "QoS" and not switch.referrers(row.uuid))
    found = (Qos("", row) for row in rows)
    return sorted((qos for qos in found if owner in qos.owners), key=lambda qos: qos.row.uuid)


def remove_owned_qos(switch: Switch, port: Port, removed: RemovedReferences) -> list[Operation]:
    """Return the operations by which nothing is left of what a port has that is going to be deleted.

    A row without an owner is somebody else's. One that several ports have is deleted with the last of them, and before
    all of them: the database keeps a row as long as another one refers to it, even if that is deleted as well.
    """
    qos = find_qos(switch, port)
    if qos is None or not qos.owners or removed.remove(qos.row.uuid, qos.referrer):
        return []
    others = [referrer for referrer in removed.referrers(qos.row.uuid) if referrer != qos.referrer]
    first = [RemoveRow("Port", referrer, "qos", qos.row.uuid, None, True, "QoS") for referrer in others]
    return [*first, *qos.remove(switch, removed)]
