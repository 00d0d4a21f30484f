# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""OVN's northbound database as topology_info returns it."""

from __future__ import annotations

import yaml

from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.northbound_state import Northbound
from ansible_collections.netns.fabric.plugins.modules import topology_info
from ansible_collections.netns.fabric.tests.helpers.host_facts import host_facts, reported
from ansible_collections.netns.fabric.tests.unit.plugins.module_utils._ovsdb.northbound_rows import (
    LEFT,
    left,
    northbound,
    row,
)


def test_a_switch_is_reported_with_all_that_belongs_to_it() -> None:
    found = reported(host_facts(northbound=left()))["northbound"]
    assert (found["available"], found["reason"]) == (True, "")
    (switch,) = found["switches"]
    assert switch == {
        "name": "left",
        "owners": [],
        "columns": {
            "acls": [{"action": "drop", "direction": "to-lport", "match": "ip", "priority": 5}],
            "dns_records": [{"records": {"a": "b"}, "external_ids": {}}, {"records": {"c": "d"}}],
            "load_balancer": [{"name": "lb"}],
            "ports": [{"name": "blue", "tag": 7}, {"addresses": "02:00:00:00:00:01 10.0.0.1", "name": "red"}],
        },
        "dhcp": [
            {
                "cidr": "10.0.0.0/24",
                "options": {"server_id": "10.0.0.254", "server_mac": "02:00:00:00:00:fe", "lease_time": "3600"},
            }
        ],
        "up": ["red"],
    }
    assert [(group["name"], group["columns"]["ports"]) for group in found["port_groups"]] == [("web", ["red"])]
    assert found["routers"] == found["address_sets"] == []


def test_an_owner_selects_and_is_listed() -> None:
    mark = ["map", [["netns.fabric/lab", "owner"], ["note", "mine"]]]
    state = northbound(
        **{**LEFT, "Address_Set": [row("x", name="far", addresses="10.0.0.9", external_ids=mark)]}  # of one element
    )
    result = reported(host_facts(northbound=state), owner="lab")
    assert result["northbound"]["switches"] == result["northbound"]["port_groups"] == []
    assert result["northbound"]["address_sets"] == [
        {"name": "far", "owners": ["lab"], "columns": {"addresses": "10.0.0.9", "external_ids": {"note": "mine"}}}
    ]
    assert result["owners"] == ["lab"]


def test_what_was_not_read_has_a_reason() -> None:
    found = reported(host_facts())["northbound"]
    assert (found["available"], found["reason"]) == (False, "gather_subset does not name northbound")
    assert reported(host_facts(northbound=Northbound(unavailable="gone")))["northbound"]["reason"] == "gone"


def test_the_documentation_has_the_same_keys() -> None:
    documented = yaml.safe_load(topology_info.RETURN)["northbound"]["contains"]
    found = reported(host_facts(northbound=left()))["northbound"]
    for key in ("switches", "port_groups"):
        assert set(found[key][0]) == set(documented[key]["sample"][0])
