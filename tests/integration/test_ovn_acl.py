# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module ovn_acl: the cycle, references that are refused, defaults that stay closed, rollback."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netns.fabric.tests.helpers.northbound import (
    Northbound,
    converge,
    converge_and_paste,
    fail_after_commit,
)
from ansible_collections.netns.fabric.tests.integration.conftest import RunModule

SQL: dict[str, Any] = {"name": "sql", "from": ["web", "office"], "protocol": "tcp", "ports": ["5432"]}
OUT: dict[str, Any] = {"name": "out", "direction": "from-lport", "to": ["fd00::/64"], "action": "drop", "log": True}
GROUPS: list[dict[str, Any]] = [
    {"name": "db", "ports": ["blue", "green"], "incoming": "drop", "rules": [SQL, OUT]},
    {"name": "web", "ports": ["red"]},
    {"name": "office", "addresses": ["192.0.2.0/24", "198.51.100.7"]},
]


def prepare(northbound: Northbound) -> None:
    northbound.ctl("ls-add", "left", *(w for name in ("red", "blue", "green") for w in ("--", "lsp-add", "left", name)))


@pytest.fixture(name="prepared")
def fixture_prepared(northbound: Northbound) -> Northbound:
    prepare(northbound)
    return northbound


def rules(northbound: Northbound, group: str = "db") -> dict[str, tuple[str, str, int]]:
    found = northbound.row("Port_Group", group)["acls"]
    rows = [found] if isinstance(found, dict) else found
    return {row["name"]: (row["match"], row["action"], row["priority"]) for row in rows}


def test_groups_are_created_changed_and_deleted(northbound: Northbound, run_module: RunModule) -> None:
    converge_and_paste(northbound, run_module, lambda: prepare(northbound), "ovn_acl", groups=GROUPS, owner="lab")
    sources = "ip4.src == {$web_ip4, $office} || ip6.src == {$web_ip6}"
    assert rules(northbound) == {
        "sql": (f"outport == @db && ip && ({sources}) && tcp && tcp.dst == {{5432}}", "allow-related", 1000),
        "out": ("inport == @db && ip && ip6.dst == {fd00::/64}", "drop", 1000),
        "default incoming": ("outport == @db && ip", "drop", 0),
        "default outgoing": ("inport == @db && ip", "allow-related", 0),
    }
    assert northbound.row("Address_Set", "office")["addresses"] == ["192.0.2.0/24", "198.51.100.7"]
    converge(northbound, run_module, "ovn_acl", name="db", ports=["blue"], rules=[{**SQL, "priority": 7}])
    assert set(rules(northbound)) == {"sql", "default incoming", "default outgoing"}
    assert rules(northbound)["sql"][2] == 7
    converge(northbound, run_module, "ovn_acl", name="db", rules=[], incoming="allow", outgoing="reject")
    assert {name: rule[1:] for name, rule in rules(northbound).items()} == {
        "default incoming": ("allow-related", 0),
        "default outgoing": ("reject", 0),
    }
    converge(northbound, run_module, "ovn_acl", name="db", ports=[], rules=[], outgoing="allow")
    assert rules(northbound) == {}
    converge(northbound, run_module, "ovn_acl", groups=[], owner="lab", prune=True)
    assert {table for table, rows in northbound.content().items() if rows} == {"Logical_Switch", "Logical_Switch_Port"}


def test_rows_of_others_are_left_alone(prepared: Northbound, run_module: RunModule) -> None:
    prepared.ctl("pg-add", "theirs", "red", "--", "acl-add", "theirs", "to-lport", "5", "ip", "drop")
    prepared.ctl("acl-add", "left", "to-lport", "5", "ip6", "drop")
    theirs = prepared.content()
    converge(prepared, run_module, "ovn_acl", groups=GROUPS, owner="lab")
    assert not run_module("ovn_acl", name="theirs", ports=["red"]).changed
    converge(prepared, run_module, "ovn_acl", groups=[], owner="lab", prune=True)
    assert prepared.content() == theirs


@pytest.mark.parametrize("check", [True, False])
def test_default_deny_holds_while_a_wrong_rule_is_refused(
    prepared: Northbound, run_module: RunModule, check: bool
) -> None:
    converge(prepared, run_module, "ovn_acl", groups=GROUPS)
    before = prepared.content()
    for rule, message in (
        ({**SQL, "protocol": "tpc"}, "protocol: must be one of"),
        ({**SQL, "ports": ["http"]}, "rules[0].ports[0]"),
        ({**SQL, "from": ["web-1"]}, "rules[0].from[0]: 'web-1' cannot be the name of a group"),
    ):
        result = run_module("ovn_acl", name="db", rules=[rule], incoming="drop", _check=check)
        assert result.failed
        assert message in result.message
    if not check:
        result = run_module("ovn_acl", name="db", rules=[{**SQL, "from": ["nobody"]}], incoming="drop")
        assert "rules[0].from: there is no group of the name nobody" in result.message
    assert prepared.content() == before


def test_a_group_that_a_rule_names_is_not_deleted(prepared: Northbound, run_module: RunModule) -> None:
    converge(prepared, run_module, "ovn_acl", groups=GROUPS)
    for name in ("web", "office"):
        assert "a rule of db names the" in run_module("ovn_acl", name=name, state="absent").message
    contradicting = run_module("ovn_acl", groups=[GROUPS[0], {"name": "web", "state": "absent"}])
    assert "a rule of db names the port group web" in contradicting.message
    absent = [{**GROUPS[0], "rules": []}, {"name": "web", "state": "absent"}, {"name": "office", "state": "absent"}]
    converge(prepared, run_module, "ovn_acl", groups=absent)
    converge(prepared, run_module, "ovn_acl", name="db", state="absent")


def test_a_set_of_the_other_ip_version_needs_the_rules_that_name_it(
    prepared: Northbound, run_module: RunModule
) -> None:
    converge(prepared, run_module, "ovn_acl", groups=GROUPS)
    before = prepared.content()
    office: dict[str, Any] = {"name": "office", "addresses": ["fd00::1"]}
    for check in (True, False):
        refused = run_module("ovn_acl", **office, _check=check)
        assert "addresses: a rule of db names the set for addresses of the other IP version" in refused.message
    assert prepared.content() == before
    converge(prepared, run_module, "ovn_acl", groups=[GROUPS[0], office])
    assert "ip6.src == {$web_ip6, $office}" in str(prepared.content()["ACL"])
    # An empty one has no version of its own.
    converge(prepared, run_module, "ovn_acl", **{**office, "addresses": []})
    assert run_module("ovn_acl", name="office", addresses=["192.0.2.1"]).failed
    converge(prepared, run_module, "ovn_acl", **office)


CHANGES: dict[str, dict[str, Any]] = {
    "new": {"name": "new", "ports": ["red"], "rules": [SQL], "incoming": "drop"},
    "changed": {"name": "db", "ports": ["red"], "rules": [{**SQL, "ports": ["1"]}], "incoming": "allow"},
    "deleted": {"name": "db", "state": "absent"},
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_that_fails_is_rolled_back(
    prepared: Northbound, run_module: RunModule, tmp_path: Path, name: str
) -> None:
    converge(prepared, run_module, "ovn_acl", groups=GROUPS)
    before = prepared.content()
    failed = run_module("ovn_acl", **CHANGES[name], _env=fail_after_commit(tmp_path))
    assert failed.message.endswith("the host is unchanged.")
    assert prepared.content() == before


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"name": "a-b"}, "name: 'a-b' cannot be the name of a group"),
    ({"ports": ["nope"]}, "ports[0]: the logical port nope does not exist"),
    ({"addresses": ["10.0.0.1", "fd00::1"]}, "addresses: a set has the addresses of one IP version"),
    ({"addresses": [], "ports": []}, "ports: it is for a group of ports"),
    ({"incoming": "drop"}, "rules: it is required with `incoming`"),
    ({"rules": [{**SQL, "direction": "from-lport"}]}, "rules[0].from: a rule of the direction from-lport"),
    ({"rules": [{**SQL, "from": []}]}, "rules[0].from: an empty list matches nothing"),
    ({"rules": [{**SQL, "ports": []}]}, "rules[0].ports: an empty list matches nothing"),
    ({"rules": [SQL, SQL]}, "rules[1].name: sql is listed twice"),
    ({"rules": [{**SQL, "name": "default incoming"}]}, "rules[0].name: 'default incoming' cannot be the name"),
    ({"rules": [{**SQL, "priority": 0}]}, "rules[0].priority: 0"),
    ({"rules": [{**SQL, "protocol": "icmp"}]}, "rules[0].ports: only tcp, udp, sctp have ports"),
    ({"rules": [{**SQL, "severity": "info"}]}, "rules[0].severity: it is that of what is logged"),
]


@pytest.mark.parametrize(("options", "message"), REFUSED)
def test_wrong_options_are_refused(
    prepared: Northbound, run_module: RunModule, options: dict[str, Any], message: str
) -> None:
    before = prepared.content()
    result = run_module("ovn_acl", **{"name": "x", **options})
    assert result.failed
    assert message in result.message
    assert prepared.content() == before


def test_all_wrong_entries_are_reported_at_once(prepared: Northbound, run_module: RunModule) -> None:
    prepared.ctl("create", "Address_Set", "name=s")
    result = run_module("ovn_acl", groups=[{"name": "s", "ports": []}, {"name": "b", "ports": ["nope"]}])
    assert [error.split(": ")[:2] for error in result.message.splitlines()] == [
        ["groups[0] (s)", "name"],
        ["groups[1] (b)", "ports[0]"],
    ]
