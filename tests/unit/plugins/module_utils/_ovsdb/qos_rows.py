# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A switch with the rows of a quality of service."""

from __future__ import annotations

from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.rows import Row
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Bridge, Port, Switch
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.values import Uuid, Value

QUEUE = Row("Queue", "w", {"other_config": {"max-rate": "5"}})


def switch(*ports: str, owner: bool = True) -> tuple[Switch, Port]:
    """Return a switch with ports that refer to one row."""
    marks: Value = {"netns.fabric/lab": "owner"} if owner else {}
    columns: dict[str, Value] = {
        "type": "linux-htb",
        "queues": {0: Uuid("w")},
        "other_config": {"max-rate": "9", "a": "b"},
        "external_ids": marks,
    }
    qos = Row("QoS", "q", columns)
    rows = [Row("Port", name, {"qos": Uuid("q")}) for name in ports]
    found = tuple(Port(row.uuid, row=row) for row in rows)
    return Switch((Bridge("br", ports=found),), rows={row.uuid: row for row in (QUEUE, qos, *rows)}), next(
        iter(found), Port("")
    )
