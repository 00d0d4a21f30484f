# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""States of the northbound database, and a stand-in for ovn-nbctl."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.database_client import Answer
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.northbound import NorthboundDatabase
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.northbound_client import NorthboundClient
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.northbound_state import Northbound, build_northbound
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.northbound_tables import TABLES
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.rows import parse_tables

Tables = Mapping[str, Sequence[Mapping[str, Any]]]


def ref(*uuids: str) -> list[Any]:
    """Return a column that refers to rows."""
    found = [["uuid", uuid] for uuid in uuids]
    return found[0] if len(found) == 1 else ["set", found]


def mapping(**values: str) -> list[Any]:
    """Return a map column."""
    return ["map", [[key.replace("__", "-"), value] for key, value in values.items()]]


def row(uuid: str, **columns: Any) -> dict[str, Any]:
    return {"_uuid": ["uuid", uuid], **columns}


def listing(tables: Tables) -> str:
    """Return what ovn-nbctl lists."""
    documents = []
    for table in TABLES:
        rows = tables.get(table.name, ())
        headings = sorted({column for each in rows for column in each}) or ["_uuid"]
        data = [[each.get(column, ["set", []]) for column in headings] for each in rows]
        documents.append(json.dumps({"headings": headings, "data": data}))
    return "\n".join(documents)


def northbound(**tables: Sequence[Mapping[str, Any]]) -> Northbound:
    return build_northbound(parse_tables(listing(tables), TABLES))


LEFT: Tables = {
    "Logical_Switch": [
        row("s", name="left", ports=ref("p", "q"), acls=ref("a"), dns_records=ref("d", "e"), load_balancer=ref("l"))
    ],
    "Logical_Switch_Port": [
        row("p", name="red", addresses="02:00:00:00:00:01 10.0.0.1", up=True, dhcpv4_options=ref("o")),
        row("q", name="blue", type="", tag=7),
    ],
    "ACL": [row("a", match="ip", action="drop", priority=5, direction="to-lport")],
    "DNS": [
        row("d", records=mapping(a="b"), external_ids=["map", [["netns.fabric.part-of", "Logical_Switch left"]]]),
        row("e", records=mapping(c="d")),
    ],
    "DHCP_Options": [
        row(
            "o",
            cidr="10.0.0.0/24",
            options=mapping(server_id="10.0.0.254", server_mac="02:00:00:00:00:fe", lease_time="3600"),
            external_ids=["map", [["netns.fabric.part-of", "Logical_Switch left"]]],
        )
    ],
    "Load_Balancer": [row("l", name="lb")],
    "Port_Group": [row("g", name="web", ports=ref("p"))],
}


def left() -> Northbound:
    """Return a switch with two ports, an ACL, its own names and those of others, and a port group."""
    return northbound(**LEFT)


class FakeNorthboundClient(NorthboundClient):
    """Answers in place of ovn-nbctl: `lists` are what reading returns, one after the other, the last for ever."""

    lists: Sequence[Any] = ()
    writes: Sequence[Answer] = ()
    ran: Sequence[list[str]] = ()

    def find(self, program: str) -> str | None:
        return program

    def run(self, arguments: Sequence[str], timeout: float, text: str = "") -> Answer:  # noqa: ARG002  # no test uses them
        self.ran = [*self.ran, list(arguments)]
        if "--format=json" in arguments:
            answer, *rest = self.lists
            self.lists = rest or [answer]
            return answer if isinstance(answer, Answer) else Answer(0, listing(answer), "")
        if "--dry-run" in arguments:
            return Answer(0, "", "")
        answer, *self.writes = [*self.writes, Answer(0, "", "")][: max(1, len(self.writes))]
        return answer

    @property
    def written(self) -> list[str]:
        """The transactions, without the program and its timeout."""
        return [" ".join(words[2:]) for words in self.ran if not {"--format=json", "--dry-run"} & set(words)]


class FakeNorthbound(NorthboundDatabase):
    """The northbound database by a client that answers in place of ovn-nbctl."""

    client: FakeNorthboundClient

    def __init__(self, *lists: Any, writes: Sequence[Answer] = ()) -> None:
        super().__init__(self._create_client)
        self.client.lists, self.client.writes = lists, list(writes)

    def _create_client(self, *arguments: Any) -> FakeNorthboundClient:
        self.client = FakeNorthboundClient(*arguments)
        return self.client
