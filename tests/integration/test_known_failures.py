# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What breaks the modules that were there before: each of their users' troubles, through check, apply, check, apply.

Some have a test of their own with more to it, beside the resource they belong to: test_netns.py, test_ovs_bridge.py and
test_ovs_port.py. Here are those that take a second run, another value or another module to show.
"""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.tests.helpers.convergence import converge, shell
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.openvswitch import column, configuration, text_map
from ansible_collections.netns.fabric.tests.integration.conftest import RunModule

TROUBLESOME = {
    "a space": "two words",
    "an equals sign": "a=b",
    "double quotes": 'the "name"',
    "a single quote": "it's",
    "a comma": "a,b",
    "a number": 7,
    "a number as text": "007",
    "a MAC address": "02:00:00:00:00:0a",
}


@pytest.fixture(name="bare")
def fixture_bare(host: Host, run_module: RunModule) -> Host:
    """Give a bridge without external_ids."""
    result = run_module("ovs_bridge", name="int_br")
    assert not result.failed, result.message
    return host


@pytest.mark.parametrize("value", TROUBLESOME.values(), ids=TROUBLESOME)
def test_a_single_external_id_for_a_bridge_that_has_none(bare: Host, run_module: RunModule, value: object) -> None:
    converge(bare, run_module, "ovs_bridge", name="int_br", external_ids={"key": value})
    assert text_map("Bridge", "int_br", "external_ids") == {"key": str(value)}


def test_two_external_ids_at_once_and_a_third_later(bare: Host, run_module: RunModule) -> None:
    converge(bare, run_module, "ovs_bridge", name="int_br", external_ids={"a": "1", "b": "x y"})
    converge(bare, run_module, "ovs_bridge", name="int_br", external_ids={"c": "p,q=r"})
    assert text_map("Bridge", "int_br", "external_ids") == {"a": "1", "b": "x y", "c": "p,q=r"}


def test_fail_mode_left_out_while_something_else_changes(bare: Host, run_module: RunModule) -> None:
    converge(bare, run_module, "ovs_bridge", name="int_br", fail_mode="secure")
    converge(bare, run_module, "ovs_bridge", name="int_br", external_ids={"a": "1"})
    assert column("Bridge", "int_br", "fail_mode") == "secure"


def test_tag_left_out_while_something_else_changes(bare: Host, run_module: RunModule) -> None:
    shell(bare, "link add tap0 type veth peer name tap0x")
    converge(bare, run_module, "ovs_port", name="tap0", bridge="int_br", tag=7)
    converge(bare, run_module, "ovs_port", name="tap0", bridge="int_br", external_ids={"a": "1"})
    assert column("Port", "tap0", "tag") == 7
    converge(bare, run_module, "ovs_port", name="tap0", bridge="int_br", tag=8)
    assert column("Port", "tap0", "tag") == 8


def test_an_option_of_an_existing_port_is_changed(bare: Host, run_module: RunModule) -> None:
    port: dict[str, Any] = {"name": "tun0", "bridge": "int_br", "type": "vxlan"}
    converge(bare, run_module, "ovs_port", **port, options={"remote_ip": "198.51.100.7", "key": 42})
    converge(bare, run_module, "ovs_port", **port, options={"remote_ip": "198.51.100.8"})
    assert text_map("Interface", "tun0", "options") == {"remote_ip": "198.51.100.8", "key": "42"}


def test_check_mode_from_the_bridge_to_the_port_on_an_empty_host(host: Host, run_module: RunModule) -> None:
    """Every task is simulated while nothing exists yet, and then run in turn: the same changes, the same commands."""
    tasks: list[tuple[str, dict[str, Any]]] = [
        ("netns", {"name": "red"}),
        ("ovs_bridge", {"name": "int_br", "external_ids": {"a": "1", "b": "2"}}),
        ("veth", {"name": "eth0", "namespace": "red", "peer": {"name": "tap0"}}),
        ("ovs_port", {"name": "tap0", "bridge": "int_br", "peer": {"name": "eth0", "namespace": "red"}}),
    ]
    before = configuration()
    simulated = [run_module(module, _check=True, **options) for module, options in tasks]
    assert configuration() == before
    assert (host.namespaces(), [*host.links()]) == ([], ["lo"])
    applied = [run_module(module, **options) for module, options in tasks]
    for expected, actual in zip(simulated, applied):
        assert (expected.failed, actual.failed) == (False, False), expected.message + actual.message
        assert (expected.changed, expected.diff, expected.commands) == (actual.changed, actual.diff, actual.commands)
    assert not any(run_module(module, _check=True, **options).changed for module, options in tasks)


def test_a_bridge_that_somebody_else_made_takes_what_is_declared_and_keeps_the_rest(
    host: Host, run_module: RunModule
) -> None:
    host.ovs_vsctl(
        *("add-br", "int_br", "--", "set", "Bridge", "int_br", "datapath_type=netdev", "fail_mode=secure"),
        *("external_ids:somebody=else", "other_config:mac-aging-time=60"),
    )
    converge(host, run_module, "ovs_bridge", name="int_br", owner="lab", external_ids={"a": "1"})
    assert text_map("Bridge", "int_br", "external_ids") == {"somebody": "else", "a": "1"}
    assert text_map("Bridge", "int_br", "other_config") == {"mac-aging-time": "60"}
    assert column("Bridge", "int_br", "fail_mode") == "secure"
    assert not run_module("ovs_bridge", name="int_br", owner="lab", state="absent").changed
    assert "int_br" in host.links()
