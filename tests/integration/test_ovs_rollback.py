# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Open vSwitch: a rollback restores every reference to a row, what a failed program wrote is undone, exact calls."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netns.fabric.tests.helpers.convergence import assert_unchanged, converge
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.openvswitch import configuration, stopped
from ansible_collections.netns.fabric.tests.integration.conftest import RunModule

#: A program in the place of ovs-vsctl: the real one does its work, and then this one ends otherwise.
FAILING = """#!/bin/sh
{real} "$@"
status=$?
case "$*" in *--format=json*|*--dry-run*) exit $status;; esac
{end}
"""
ENDS = {
    "killed": "kill -KILL $$",
    "refusing": "echo 'ovs-vsctl: something else went wrong' >&2; exit 1",
    "silent": "exit 3",
}


@pytest.fixture(name="switch")
def fixture_switch(host: Host) -> Iterator[Host]:
    """Provide two bridges with ports, of which mirrors, QoS, sFlow and IPFIX refer to."""
    words = [
        *("add-br", "br1", "--", "set", "Bridge", "br1", "datapath_type=netdev"),
        *("--", "add-br", "br2", "--", "set", "Bridge", "br2", "datapath_type=netdev", "mcast_snooping_enable=true"),
    ]
    for bridge, port in (("br1", "1a"), ("br1", "1b"), ("br1", "1c"), ("br2", "2a")):
        words += ["--", "add-port", bridge, port, "--", "set", "Interface", port, "type=internal"]
    host.ovs_vsctl(*words)
    host.ovs_vsctl(
        *("--id=@a", "get", "Port", "1a", "--", "--id=@b", "get", "Port", "1b", "--", "--id=@c", "get", "Port", "1c"),
        *("--", "--id=@far", "get", "Port", "2a"),
        *("--", "--id=@m", "create", "Mirror", "name=m1", "select_src_port=@a", "select_dst_port=[@a,@b,@far]"),
        *("output_port=@c", "--", "add", "Bridge", "br1", "mirrors", "@m"),
        *("--", "--id=@n", "create", "Mirror", "name=m2", "select_all=true", "output_port=@far"),
        *("--", "add", "Bridge", "br2", "mirrors", "@n"),
        *("--", "--id=@s", "create", "sFlow", 'targets="127.0.0.1:6343"', "--", "set", "Bridge", "br1", "sflow=@s"),
        *("--", "set", "Bridge", "br2", "sflow=@s"),
        *("--", "--id=@q", "create", "QoS", "type=linux-noop", "--", "set", "Port", "1a", "qos=@q"),
        *("--", "--id=@i", "create", "IPFIX", 'targets="127.0.0.1:4739"', "--", "--id=@one", "get", "Bridge", "br1"),
        *("--", "create", "Flow_Sample_Collector_Set", "id=7", "bridge=@one", "ipfix=@i"),
    )
    yield host
    # Otherwise the row of the bridge would stay.
    host.ovs_vsctl("--", "--all", "destroy", "Flow_Sample_Collector_Set")


def references(host: Host) -> tuple[Any, ...]:
    """Return all that refers to a row, beside what configuration() has."""
    collectors = host.ovs_vsctl("--columns=id,bridge,ipfix", "--format=json", "list", "Flow_Sample_Collector_Set")
    shared = host.ovs_vsctl("--columns=_uuid", "--no-headings", "list", "sFlow").split()
    names = {host.ovs_vsctl("get", "Bridge", name, "_uuid"): name for name in ("br1", "br2")}
    for uuid, name in names.items():
        collectors = collectors.replace(uuid, name)
    ipfix = host.ovs_vsctl("--columns=_uuid,targets", "--no-headings", "--format=csv", "list", "IPFIX").split(",")
    return (configuration(), collectors.replace(ipfix[0], "ipfix"), len(shared), ipfix[1:])


DELETIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "source and destination": ("ovs_port", {"name": "1a", "state": "absent"}),
    "output": ("ovs_port", {"name": "1c", "state": "absent"}),
    "of another bridge": ("ovs_port", {"name": "2a", "state": "absent"}),
    "all": ("ovs_port", {"ports": [{"name": name, "state": "absent"} for name in ("1a", "1b", "1c", "2a")]}),
    "one bridge": ("ovs_bridge", {"name": "br1", "state": "absent"}),
    "the other bridge": ("ovs_bridge", {"name": "br2", "state": "absent"}),
    "both": ("ovs_bridge", {"bridges": [{"name": name, "state": "absent"} for name in ("br1", "br2")]}),
}


@pytest.mark.parametrize("name", DELETIONS)
def test_a_deletion_that_times_out_restores_every_reference(switch: Host, run_module: RunModule, name: str) -> None:
    module, options = DELETIONS[name]
    before = references(switch)
    with stopped("ovs-vswitchd"):
        result = run_module(module, timeout=1, **options)
    assert result.failed
    assert "was reverted there" in result.message
    assert result.message.endswith("the host is unchanged.")
    assert references(switch) == before


@pytest.fixture(name="program")
def fixture_program(tmp_path: Path) -> Path:
    """Return the directory for a program that comes before the real ovs-vsctl."""
    return tmp_path


def install(directory: Path, end: str, failures: int = 99) -> dict[str, str]:
    """Install the failing program; return the environment that finds it. It fails so many times."""
    counter = directory / "count"
    counter.write_text(str(failures), encoding="ascii")
    limited = f"n=$(cat {counter}); [ $n -gt 0 ] || exit $status; echo $((n - 1)) > {counter}\n{ENDS[end]}"
    program = directory / "ovs-vsctl"
    program.write_text(FAILING.format(real="/usr/bin/ovs-vsctl", end=limited), encoding="ascii")
    program.chmod(0o755)
    return {"PATH": f"{directory}:{os.environ['PATH']}"}


CHANGES: dict[str, tuple[str, dict[str, Any]]] = {
    "a new bridge": ("ovs_bridge", {"name": "br9", "external_ids": {"a": "b"}}),
    "a changed bridge": ("ovs_bridge", {"name": "br1", "external_ids": {"a": "b"}, "mtu": 1400}),
    "a deleted bridge": ("ovs_bridge", {"name": "br1", "state": "absent"}),
    "a new port": ("ovs_port", {"name": "i9", "bridge": "br1", "type": "internal"}),
    "a changed port": ("ovs_port", {"name": "1a", "tag": 7, "mtu": 1400, "options": {"a": "b"}}),
    "a moved port": ("ovs_port", {"name": "1a", "bridge": "br2"}),
    "a deleted port": ("ovs_port", {"name": "1a", "state": "absent"}),
}


@pytest.mark.parametrize("failures", [1, 99], ids=["once", "in the rollback too"])
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("name", CHANGES)
def test_a_program_that_fails_after_its_commit_leaves_nothing(
    switch: Host, run_module: RunModule, program: Path, name: str, end: str, failures: int
) -> None:
    module, options = CHANGES[name]
    before = references(switch)
    failed = run_module(module, _env=install(program, end, failures), **options)
    assert failed.failed
    assert "failed after the change had been committed to the database" in failed.message
    assert failed.message.endswith("All changes made by this call were rolled back; the host is unchanged.")
    assert references(switch) == before
    assert run_module(module, **options).changed
    assert_unchanged(run_module(module, **options))


def test_a_program_that_fails_before_its_commit_is_reported_as_it_is(
    switch: Host, run_module: RunModule, program: Path
) -> None:
    before = references(switch)
    environment = install(program, "killed")
    text = (program / "ovs-vsctl").read_text(encoding="ascii")
    (program / "ovs-vsctl").write_text(
        text.replace(
            '/usr/bin/ovs-vsctl "$@"\n', 'case "$*" in *--format=json*) exec /usr/bin/ovs-vsctl "$@";; esac\n'
        ),
        encoding="ascii",
    )
    failed = run_module("ovs_port", _env=environment, name="1a", tag=7)
    assert failed.failed
    assert "ovs-vsctl failed: it was killed by signal 9" in failed.message
    assert references(switch) == before


# VLANs and modes that were set by hand


@pytest.mark.parametrize(
    ("by_hand", "options"),
    [
        (["tag=7"], {}),
        (["trunks=[7]"], {}),
        (["vlan_mode=trunk"], {"tag": 7}),
        (["vlan_mode=access", "tag=9"], {"tag": 7}),
        (["protected=true"], {}),
    ],
)
def test_an_exact_call_has_the_port_as_declared(
    host: Host, run_module: RunModule, by_hand: list[str], options: dict[str, Any]
) -> None:
    host.ovs_vsctl("add-br", "br1", "--", "set", "Bridge", "br1", "datapath_type=netdev")
    wanted = {"name": "1a", "bridge": "br1", "type": "internal", **options}
    converge(host, run_module, "ovs_port", ports=[wanted], owner="lab", exact=True)
    declared = configuration()["Port"]["1a"]
    host.ovs_vsctl("set", "Port", "1a", *by_hand)
    converge(host, run_module, "ovs_port", ports=[wanted], owner="lab", exact=True)
    assert configuration()["Port"]["1a"] == declared


def test_a_tag_on_a_trunk_is_refused(switch: Host, run_module: RunModule) -> None:
    switch.ovs_vsctl("set", "Port", "1a", "vlan_mode=trunk")
    before = references(switch)
    for check in (True, False):
        refused = run_module("ovs_port", _check=check, name="1a", tag=10)
        assert refused.failed
        assert "tag: it has no effect, because the port 1a has `vlan_mode: trunk`" in refused.message
    assert references(switch) == before
    converge(switch, run_module, "ovs_port", name="1a", tag=10, vlan_mode="access")
    assert configuration()["Port"]["1a"]["vlan_mode"] == "access"


def test_a_bridge_that_forwards_nothing_is_named_or_healed(host: Host, run_module: RunModule) -> None:
    host.ovs_vsctl("add-br", "br1", "--", "set", "Bridge", "br1", "datapath_type=netdev", "fail_mode=secure")
    found = run_module("ovs_bridge", name="br1")
    assert not found.changed
    assert any("br1 forwards nothing: its fail_mode is secure" in str(each) for each in found.returned["warnings"])
    converge(host, run_module, "ovs_bridge", name="br1", exact=True)
    assert "actions=NORMAL" in host.run("ovs-appctl", "bridge/dump-flows", "br1").stdout
    assert not run_module("ovs_bridge", name="br1").returned.get("warnings")


def test_rules_of_a_user_are_kept(host: Host, run_module: RunModule) -> None:
    host.ovs_vsctl("add-br", "br1", "--", "set", "Bridge", "br1", "datapath_type=netdev", "fail_mode=secure")
    host.run("ovs-ofctl", "add-flow", "br1", "priority=5,actions=normal")
    result = run_module("ovs_bridge", name="br1", exact=True)
    assert (result.changed, result.returned.get("warnings", [])) == (False, [])
    assert "priority=5" in host.run("ovs-ofctl", "dump-flows", "br1").stdout


def test_the_identifier_of_an_interface_is_in_its_own_table(host: Host, run_module: RunModule) -> None:
    host.ovs_vsctl("add-br", "br1", "--", "set", "Bridge", "br1", "datapath_type=netdev")
    port: dict[str, Any] = {"name": "1a", "bridge": "br1", "type": "internal"}
    converge(host, run_module, "ovs_port", **port, iface_id="a logical port")
    assert host.ovs_vsctl("get", "Interface", "1a", "external_ids:iface-id") == '"a logical port"'
    assert host.ovs_vsctl("get", "Port", "1a", "external_ids") == "{}"
    converge(host, run_module, "ovs_port", **port)
    converge(host, run_module, "ovs_port", **port, iface_id="")
    assert host.ovs_vsctl("get", "Interface", "1a", "external_ids") == "{}"
    refused = run_module("ovs_port", **port, external_ids={"iface-id": "x"})
    assert refused.failed
    assert "use the option `iface_id`" in refused.message
