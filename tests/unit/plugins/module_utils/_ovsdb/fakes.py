# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stand-ins for the programs of Open vSwitch."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.backend import OpenVSwitch
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.client import Client
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.database_client import Answer
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.tables import TABLES

DONE = Answer(0, "", "")
TIMED_OUT = Answer(None, "", "")


def interface(name: str, **columns: Any) -> dict[str, Any]:
    """Return a row of the table Interface that works."""
    return {"_uuid": ["uuid", f"i-{name}"], "name": name, "type": "", "ofport": 1, **columns}


def listing(*interfaces: dict[str, Any], **more: Sequence[dict[str, Any]]) -> str:
    """Return the tables with one bridge, `br`, that has a port for each of these interfaces, and `more` tables."""
    ports = [
        {
            "_uuid": ["uuid", f"p-{each['name']}"],
            "name": each["name"],
            "interfaces": each["_uuid"],
            "trunks": ["set", []],
        }
        for each in interfaces
    ]
    bridge = {
        "_uuid": ["uuid", "b"],
        "name": "br",
        "datapath_type": "netdev",
        "protocols": ["set", []],
        "ports": ["set", [port["_uuid"] for port in ports]],
    }
    rows: dict[str, Sequence[dict[str, Any]]] = {
        "Bridge": [bridge] if interfaces else [],
        "Port": ports,
        "Interface": list(interfaces),
        **more,
    }
    return "\n".join(_document(rows.get(table.name, [])) for table in TABLES)


def _document(rows: Sequence[dict[str, Any]]) -> str:
    headings = sorted({column for row in rows for column in row})
    data = [[row.get(column, ["set", []]) for column in headings] for row in rows]
    return json.dumps({"headings": headings, "data": data})


class FakeClient(Client):
    """Answers in place of the programs; `lists` are what reading returns, one after the other, the last for ever."""

    def __init__(self, timeout: int = 10, database: str | None = None) -> None:
        super().__init__(timeout, database)
        self.lists: list[str | Answer] = [listing()]
        self.writes: list[Answer] = []
        self.ran: list[list[str]] = []
        self.installed = {"ovs-vsctl", "ovs-appctl"}
        self.dry_runs: Callable[[Sequence[str]], Answer] = lambda _arguments: DONE

    def find(self, program: str) -> str | None:
        return program if program in self.installed else None

    def run(self, arguments: Sequence[str], timeout: float, text: str = "") -> Answer:  # noqa: ARG002  # no test sends one
        assert timeout > 0
        self.ran.append(list(arguments))
        if "--format=json" in arguments:
            answer = self.lists.pop(0) if len(self.lists) > 1 else self.lists[0]
            return answer if isinstance(answer, Answer) else Answer(0, answer, "")
        if "--dry-run" in arguments:
            return self.dry_runs(arguments)
        return self.writes.pop(0) if self.writes else DONE

    @property
    def written(self) -> list[str]:
        """The transactions, without the program and its timeout."""
        return [" ".join(words[2:]) for words in self.ran if "--format=json" not in words and "--dry-run" not in words]


class FakeOpenVSwitch(OpenVSwitch):
    """Open vSwitch by a client that answers in place of the programs."""

    client: FakeClient

    def __init__(self, lists: Sequence[str | Answer] = (), writes: Sequence[Answer] = (), **options: Any) -> None:
        super().__init__(self._create_client)
        self.begin_call(options)
        self.client.lists = list(lists) or [listing()]
        self.client.writes = list(writes)

    def _create_client(self, timeout: int, database: str | None) -> FakeClient:
        self.client = FakeClient(timeout, database)
        return self.client
