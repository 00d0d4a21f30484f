# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ports of Open vSwitch as topology_info returns them."""

from __future__ import annotations

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import End
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Bridge, Interface, Port, Switch
from ansible_collections.netns.fabric.tests.helpers.host_facts import (
    LO,
    SWITCH,
    host_facts,
    namespace,
    reported,
    veth,
)


@pytest.mark.parametrize(("opened", "broken"), [(frozenset({5}), False), (frozenset({4}), True), (None, False)])
def test_a_link_that_was_re_created_under_its_port(opened: frozenset[int] | None, broken: bool) -> None:
    host = namespace(None, LO, veth(5, "tap0", End(None, 6, known=False)))
    result = reported(host_facts(host, switch=SWITCH, opened=opened))
    error = result["openvswitch"]["bridges"][0]["ports"][1]["error"]
    assert ("re-created" in error) == bool(error) == broken
    assert bool(result["declarations"]["ports"]) != broken


def test_the_error_of_a_bond_names_the_interface() -> None:
    bond = Port("bond0", (Interface("m0", ofport=1, ifindex=5), Interface("m1", ofport=-1, error="no such device")))
    switch = Switch(bridges=(Bridge("br0", datapath_type="netdev", ports=(bond,)),), running=True)
    (port,) = reported(host_facts(namespace(None, LO), switch=switch))["openvswitch"]["bridges"][0]["ports"]
    assert port["interfaces"] == ["m0", "m1"]
    assert port["error"].startswith("m1: ")
    assert "no such device" in port["error"]
