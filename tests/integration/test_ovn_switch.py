# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module ovn_switch: the cycle, rows of others, owners, rollback, refusals, names of every form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netns.fabric.tests.helpers.northbound import (
    Northbound,
    clear,
    converge,
    converge_and_paste,
    fail_after_commit,
    stopped,
)
from ansible_collections.netns.fabric.tests.integration.conftest import RunModule

RED = {"name": "red", "addresses": ["02:00:00:00:00:01 10.0.0.1"], "port_security": ["02:00:00:00:00:01 10.0.0.1"]}
BLUE = {"name": "blue", "addresses": ["02:00:00:00:00:02 10.0.0.2 fd00::2"], "requested_chassis": "host2"}
CORE = {"name": "left-core", "type": "router", "router_port": "core-left"}
DHCP = {"cidr": "10.0.0.0/24", "options": {"server_id": "10.0.0.254", "server_mac": "02:00:00:00:00:fe", "mtu": 1442}}
SWITCH: dict[str, Any] = {
    "name": "left",
    "ports": [RED, BLUE, CORE],
    "dhcpv4": DHCP,
    "dns": {"Red.lab": "10.0.0.1", "blue.lab": ["10.0.0.2", "fd00::2"]},
    "subnet": "10.0.0.0/24",
    "other_config": {"exclude_ips": "10.0.0.1..10.0.0.9"},
}


def ports(northbound: Northbound, switch: str = "left") -> dict[str, dict[str, Any]]:
    found = northbound.row("Logical_Switch", switch)["ports"]
    return {row["name"]: row for row in ([found] if isinstance(found, dict) else found)}


def test_a_switch_is_created_changed_and_deleted(northbound: Northbound, run_module: RunModule) -> None:
    converge_and_paste(northbound, run_module, lambda: None, "ovn_switch", **SWITCH, owner="lab")
    row = northbound.row("Logical_Switch", "left")
    assert row["external_ids"] == {"netns.fabric/lab": "owner"}
    assert row["other_config"] == {"subnet": "10.0.0.0/24", "exclude_ips": "10.0.0.1..10.0.0.9"}
    assert row["dns_records"]["records"] == {"red.lab": "10.0.0.1", "blue.lab": "10.0.0.2 fd00::2"}
    found = ports(northbound)
    assert found["red"]["addresses"] == found["red"]["port_security"] == "02:00:00:00:00:01 10.0.0.1"
    assert found["blue"]["options"] == {"requested-chassis": "host2"}
    assert (found["left-core"]["addresses"], found["left-core"]["options"]) == ("router", {"router-port": "core-left"})
    assert found["red"]["dhcpv4_options"]["options"]["mtu"] == "1442"
    assert found["red"]["dhcpv4_options"]["options"]["lease_time"] == "3600"
    assert found["left-core"]["dhcpv4_options"] == []
    assert len(northbound.rows("DHCP_Options")) == 1
    changed = {
        "name": "left",
        "ports": [{**RED, "requested_chassis": "host1"}, {"name": "green", "addresses": ["dynamic", "unknown"]}],
        "dhcpv4": {**DHCP, "options": {**DHCP["options"], "dns_server": ["10.0.0.53", "10.0.0.54"]}},  # type: ignore[dict-item]  # it is a dictionary
        "dns": {"red.lab": "10.0.0.1"},
    }
    converge(northbound, run_module, "ovn_switch", **changed)
    found = ports(northbound)
    assert set(found) == {"red", "green"}
    assert found["red"]["options"] == {"requested-chassis": "host1"}
    assert found["green"]["dhcpv4_options"]["options"]["dns_server"] == "{10.0.0.53, 10.0.0.54}"
    assert northbound.row("Logical_Switch", "left")["other_config"]["subnet"] == "10.0.0.0/24"
    converge(northbound, run_module, "ovn_switch", name="left", ports=[{"name": "green"}], dhcpv4=DHCP)
    assert ports(northbound)["green"]["dhcpv4_options"] == []
    converge(northbound, run_module, "ovn_switch", name="left", dhcpv4={}, dns={}, subnet="", ports=[])
    assert {table for table, rows in northbound.content().items() if rows} == {"Logical_Switch"}
    converge(northbound, run_module, "ovn_switch", **SWITCH)
    converge(northbound, run_module, "ovn_switch", name="left", state="absent")
    assert northbound.content() == {}


def test_what_ovn_reports_is_not_compared(northbound: Northbound, run_module: RunModule) -> None:
    converge(northbound, run_module, "ovn_switch", **SWITCH)
    northbound.ctl("set", "Logical_Switch_Port", "red", "up=true", 'dynamic_addresses="x"')
    assert not run_module("ovn_switch", **SWITCH).changed


def test_rows_of_others_are_left_alone(northbound: Northbound, run_module: RunModule) -> None:
    northbound.ctl(
        *("ls-add", "theirs", "--", "lsp-add", "theirs", "t1", "--", "pg-add", "web", "t1"),
        *("--", "acl-add", "theirs", "to-lport", "7", "ip", "drop"),
    )
    theirs = northbound.content()
    converge(northbound, run_module, "ovn_switch", switches=[SWITCH, {"name": "right"}], owner="lab")
    # What others add to a switch of ours, and is no list of ours, stays.
    northbound.ctl(
        *("--id=@d", "create", "DNS", "records={a=b}", "--", "add", "Logical_Switch", "left", "dns_records", "@d"),
        *("--", "set", "Logical_Switch_Port", "red", "options:qos_max_rate=5", "external_ids:a=b"),
    )
    assert not run_module("ovn_switch", switches=[SWITCH], owner="lab").changed
    left = run_module("ovn_switch", name="theirs", state="absent", owner="lab")
    assert (left.changed, len(left.warnings)) == (False, 1)
    converge(northbound, run_module, "ovn_switch", switches=[{"name": "right"}], owner="lab", prune=True)
    assert {row["name"] for row in northbound.rows("Logical_Switch")} == {"theirs", "right"}
    converge(northbound, run_module, "ovn_switch", switches=[], owner="lab", prune=True)
    northbound.ctl("--all", "destroy", "DNS")
    assert northbound.content() == theirs


def test_several_owners_share_a_switch(northbound: Northbound, run_module: RunModule) -> None:
    for owner in ("a", "b"):
        converge(northbound, run_module, "ovn_switch", name="left", owner=owner)
    assert len(run_module("ovn_switch", name="left", state="absent", owner="a").warnings) == 1
    assert northbound.row("Logical_Switch", "left")["external_ids"] == {"netns.fabric/b": "owner"}
    converge(northbound, run_module, "ovn_switch", name="left", state="absent", owner="b")
    assert northbound.content() == {}


NAMES = ("a b", "x=y", "-p", "@x", "ä'\"$(id)", "1", "true", "{a}", "2" * 8 + "-1111-2222-3333-" + "4" * 12, "[x]")


def test_names_of_every_form(northbound: Northbound, run_module: RunModule) -> None:
    entries = [
        {
            "name": name,
            "ports": [{"name": f"{name}.p", "addresses": [f"02:00:00:00:00:0{number} 10.0.0.{number}"]}],
            "external_ids": {name: name},
            "dhcpv4": DHCP,
        }
        for number, name in enumerate(NAMES)
    ]
    converge_and_paste(northbound, run_module, lambda: None, "ovn_switch", switches=entries, owner="lab")
    assert {row["name"] for row in northbound.rows("Logical_Switch")} == set(NAMES)
    assert northbound.row("Logical_Switch_Port", "ä'\"$(id).p")["dhcpv4_options"]["cidr"] == "10.0.0.0/24"
    absent = [{"name": name, "state": "absent"} for name in NAMES]
    converge(northbound, run_module, "ovn_switch", switches=absent)
    assert northbound.content() == {}


def test_a_port_moves_between_switches(northbound: Northbound, run_module: RunModule) -> None:
    entries = [{"name": "left", "ports": [RED]}, {"name": "right", "ports": []}]
    converge(northbound, run_module, "ovn_switch", switches=entries)
    refused = run_module("ovn_switch", name="right", ports=[RED])
    assert "ports[0].name: red is on left, and a name is unique" in refused.message
    entries = [{"name": "left", "ports": []}, {"name": "right", "ports": [RED]}]
    converge(northbound, run_module, "ovn_switch", switches=entries)
    assert set(ports(northbound, "right")) == {"red"}


CHANGES: dict[str, dict[str, Any]] = {
    "new": {"name": "right", "ports": [{"name": "green"}], "dns": {"a": "10.0.0.9"}},
    "changed": {"name": "left", "ports": [{"name": "blue"}, {"name": "green"}], "dhcpv4": {}, "dns": {"a": "10.0.0.9"}},
    "deleted": {"name": "left", "state": "absent"},
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_that_fails_is_rolled_back(
    northbound: Northbound, run_module: RunModule, tmp_path: Path, name: str
) -> None:
    """The references of others are restored, too."""
    converge(northbound, run_module, "ovn_switch", **SWITCH)
    northbound.ctl(
        *("pg-add", "web", "red", "blue", "--", "acl-add", "web", "to-lport", "7", "ip", "drop"),
        *("--", "acl-add", "left", "to-lport", "7", "ip", "drop"),
        *("--", "lb-add", "lb0", "10.0.0.9:80", "10.0.0.1:80", "--", "ls-lb-add", "left", "lb0"),
    )
    before = northbound.content()
    failed = run_module("ovn_switch", **CHANGES[name], _env=fail_after_commit(tmp_path))
    assert "it was reverted there" in failed.message
    assert failed.message.endswith("the host is unchanged.")
    assert northbound.content() == before
    with stopped():
        unanswered = run_module("ovn_switch", timeout=1, **CHANGES[name])
    assert "did not answer within 1 s" in unanswered.message
    assert northbound.content() == before


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"name": ""}, "name: '' cannot be a name"),
    ({"name": "--"}, "separates commands"),
    ({"ports": [{"name": "a"}, {"name": "a"}]}, "ports[1].name: a is listed twice"),
    ({"ports": [RED, {**RED, "name": "b"}]}, "ports[1].addresses: 02:00:00:00:00:01 is an address of ports[0]"),
    ({"ports": [{"name": "a", "addresses": ["10.0.0.1"]}]}, "ports[0].addresses[0]: '10.0.0.1' begins an address"),
    ({"ports": [{"name": "a", "addresses": ["02:00:00:00:00:01 10.0.0.0.1"]}]}, "is not an IP address"),
    ({"ports": [{"name": "a", "port_security": ["unknown"]}]}, "ports[0].port_security[0]: 'unknown' begins an entry"),
    ({"ports": [{"name": "a", "type": "router"}]}, "ports[0].router_port: it is required"),
    ({"ports": [{"name": "a", "network": "x"}]}, "ports[0].network: it is for a port of the type localnet"),
    ({"ports": [{"name": "a", "options": {"requested-chassis": "x"}}]}, "use the option `requested_chassis`"),
    ({"ports": [{"name": "a", "tag": 5000}]}, "ports[0].tag: 5000"),
    ({"subnet": "fd00::/64"}, "subnet: fd00::/64 is an IPv6 network"),
    ({"other_config": {"subnet": "10.0.0.0/24"}}, "use the option `subnet`"),
    ({"dhcpv4": {"cidr": "10.0.0.0/24", "options": {}}, "ports": []}, "dhcpv4.options: `server_id` is required"),
    ({"dhcpv4": DHCP}, "dhcpv4: DHCP is for the ports that the entry lists"),
    ({"dns": {"a": "b"}}, "dns.a[0]: 'b' is not an IP address"),
]


@pytest.mark.parametrize(("options", "message"), REFUSED)
def test_wrong_options_are_refused(
    northbound: Northbound, run_module: RunModule, options: dict[str, Any], message: str
) -> None:
    for check in (True, False):
        result = run_module("ovn_switch", **{"name": "left", **options}, _check=check)
        assert result.failed
        assert message in result.message
    assert northbound.content() == {}


def test_all_wrong_entries_are_reported_at_once(northbound: Northbound, run_module: RunModule) -> None:
    northbound.ctl("ls-add", "left", "--", "--add-duplicate", "ls-add", "left")
    northbound.ctl("ls-add", "theirs", "--", "lsp-add", "theirs", "red")
    result = run_module("ovn_switch", switches=[{"name": "left"}, {"name": "right", "ports": [RED]}])
    errors = result.message.splitlines()
    assert [error.split(": ")[:2] for error in errors] == [
        ["switches[0] (left)", "name"],
        ["switches[1] (right)", "ports[0].name"],
    ]
    assert len(northbound.rows("Logical_Switch")) == 3


def test_two_switches_of_one_name_are_refused(northbound: Northbound, run_module: RunModule) -> None:
    northbound.ctl("ls-add", "left", "--", "--add-duplicate", "ls-add", "left")
    assert "there are 2 of the name left" in run_module("ovn_switch", name="left").message
    clear(northbound)


def test_a_database_that_is_not_reached(northbound: Northbound, run_module: RunModule) -> None:
    missing = "unix:/run/ovn/nothing.sock"
    result = run_module("ovn_switch", name="left", database=missing)
    assert f"OVN's northbound database at {missing} is not reached (" in result.message
    checked = run_module("ovn_switch", name="left", database=missing, _check=True)
    assert (checked.changed, len(checked.warnings)) == (True, 1)
    result = run_module("ovn_switch", name="left", database="ssl:127.0.0.1:6641", timeout=2)
    assert "not reached" in result.message
    assert not run_module("ovn_switch", name="left", database=northbound.database).failed


def test_a_database_is_reached_over_the_network(northbound: Northbound, run_module: RunModule) -> None:
    northbound.ctl("set-connection", "ptcp:6641:127.0.0.1")
    assert run_module("ovn_switch", name="left", database="tcp:127.0.0.1:6641").changed
    assert run_module("ovn_switch", name="left", state="absent", database="tcp:127.0.0.1:6641").changed
