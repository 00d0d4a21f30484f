# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Namespaces as hosts of an inventory, and their variables."""

from __future__ import annotations

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.inventory_hosts import (
    connection_variables,
    namespace_hosts,
)

WEB = {
    "name": "web",
    "interfaces": [
        {
            "name": "eth0",
            "bridge": "int_br",
            "tag": 10,
            "mtu": 1400,
            "mac": "02-00-00-00-00-01",
            "addresses": ["10.1.0.1/24", "FD00::1/64"],
        },
        {"name": "eno2"},
    ],
}


def test_variables_of_a_namespace() -> None:
    hosts, errors = namespace_hosts({"name": "lab", "bridges": [{"name": "int_br"}], "namespaces": [WEB]}, "lab1")
    assert not errors
    assert hosts == {
        "web": {
            "ansible_become": True,
            "ansible_become_method": "netns.fabric.netns",
            "ansible_netns": "web",
            "netns_topology": "lab",
            "netns_addresses": ["10.1.0.1", "fd00::1"],
            "netns_interfaces": [
                {
                    "name": "eth0",
                    "addresses": ["10.1.0.1/24", "fd00::1/64"],
                    "mac": "02:00:00:00:00:01",
                    "mtu": 1400,
                    "bridge": "int_br",
                    "tag": 10,
                },
                {"name": "eno2", "addresses": []},
            ],
        }
    }


def test_both_ends_of_a_link() -> None:
    hosts, errors = namespace_hosts(
        {
            "namespaces": [{"name": "red"}, {"name": "blue"}],
            "links": [
                {
                    "name": "a",
                    "namespace": "red",
                    "addresses": ["10.0.0.1/30"],
                    "peer": {"name": "b", "namespace": "blue", "addresses": ["10.0.0.2/30"]},
                }
            ],
        },
        "lab1",
    )
    assert not errors
    assert list(hosts) == ["red", "blue"]
    assert [hosts[name]["netns_addresses"] for name in hosts] == [["10.0.0.1"], ["10.0.0.2"]]


def test_invalid_entries_are_left_out() -> None:
    hosts, errors = namespace_hosts({"namespaces": [{"name": "a/b"}, {"name": "red", "nam": 1}]}, "lab1")
    assert list(hosts) == ["red"]
    assert len(errors) == 2


def test_absent_topology_has_no_hosts() -> None:
    assert namespace_hosts({"state": "absent", "namespaces": [{"name": "red"}]}, "lab1") == ({}, [])


def test_connection_variables_are_references() -> None:
    given = {
        "ansible_user": "alice",
        "ansible_become": True,
        "ansible_netns": "x",
        "ansible_become_user": "bob",
        "other": 1,
    }
    assert connection_variables("it's", given) == {
        "ansible_host": "it's",
        "ansible_user": """{{ hostvars["it's"]['ansible_user'] }}""",
        "netns_host": "it's",
    }


def test_address_of_the_host_overrides_its_name() -> None:
    variables = connection_variables("lab", {"ansible_host": "192.0.2.1"})
    assert variables["ansible_host"] == "{{ hostvars['lab']['ansible_host'] }}"


def test_a_namespace_is_on_its_host_only() -> None:
    variables = {"namespaces": [{"name": "a", "host": "lab1"}, {"name": "b", "host": "lab2"}, {"name": "c"}]}
    assert [list(namespace_hosts(variables, host)[0]) for host in ("lab1", "lab2")] == [["a", "c"], ["b", "c"]]
