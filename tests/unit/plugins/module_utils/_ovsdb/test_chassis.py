# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The keys that make a host a chassis of OVN."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntries
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.chassis import (
    CHASSIS_SETTINGS,
    SetChassis,
    find_chassis,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.rows import Row
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.settings import parse_settings
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Switch
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.syntax import Columns
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.values import Value


def switch(**keys: str) -> Switch:
    """Return a switch with keys in external_ids; `_` stands for `-`."""
    named: Value = {key.replace("_", "-"): value for key, value in keys.items()}
    return Switch(root=Row("Open_vSwitch", "o", {"external_ids": named}))


def test_a_chassis_is_what_has_a_key_of_one() -> None:
    assert find_chassis(switch(system_id="a", hostname="b")) is None
    chassis = find_chassis(switch(ovn_remote="ssl:b:2,ssl:a:1", ovn_bridge_mappings="out:br-ex,lab:br-lab"))
    assert chassis is not None
    assert chassis.set_keys() == ["ovn-remote", "ovn-bridge-mappings"]
    found = chassis.describe()
    assert found["remotes"] == ["ssl:a:1", "ssl:b:2"]
    assert found["bridge_mappings"] == [{"network": "lab", "bridge": "br-lab"}, {"network": "out", "bridge": "br-ex"}]
    assert (found["bridge"], found["encap_ip"], found["monitor_all"]) == ("br-int", None, False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"remotes": ["ssl:192.0.2.1"]}, r"remotes\[0\]: .* is not a connection to a database"),
        ({"remotes": ["ssl:192.0.2.1:6642", "tcp:a:70000"]}, r"remotes\[1\]: 70000"),
        ({"remotes": ["ssl:2001:db8::1:6642"]}, "is not a connection"),
        ({"encap_ip": "192.0.2.1/24"}, "encap_ip"),
        ({"bridge_mappings": [{"network": "a:b", "bridge": "br"}]}, r"bridge_mappings\[0\]: .* physical network"),
        ({"bridge_mappings": [{"network": "a", "bridge": "x" * 16}]}, r"bridge_mappings\[0\]"),
        ({"remote_probe_interval": -1}, "remote_probe_interval"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], message: str) -> None:
    checks = Checks(Entry("br-int"))
    parse_settings(checks, CHASSIS_SETTINGS, options)
    with pytest.raises(InvalidEntries, match=message):
        checks.done()


def test_an_operation_and_its_rollback() -> None:
    before = switch(ovn_remote="tcp:a:1")
    operation = SetChassis(Columns({}, (("external_ids", "ovn-remote", "tcp:b:1"), ("external_ids", "ovn-x", "y"))))
    assert operation.commands() == [
        "ovs-vsctl set Open_vSwitch . 'external_ids:ovn-remote=\"tcp:b:1\"' external_ids:ovn-x=y"
    ]
    assert not operation.is_applied(before)
    assert operation.is_applied(switch(ovn_remote="tcp:b:1", ovn_x="y"))
    assert operation.undo(before) == [
        ("set", "Open_vSwitch", ".", 'external_ids:ovn-remote="tcp:a:1"'),
        ("remove", "Open_vSwitch", ".", "external_ids", "ovn-x"),
    ]
    assert operation.size(before) == 0
