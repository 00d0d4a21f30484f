# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of ovs_bridge that are columns, or rows of other tables: exact, rolled back, declared, in traffic."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netns.fabric.tests.helpers.convergence import converge, converge_and_paste
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.openvswitch import column, configuration, rows, stopped
from ansible_collections.netns.fabric.tests.helpers.waiting import wait_until
from ansible_collections.netns.fabric.tests.integration.conftest import RunModule

CONTROLLERS = [
    {"target": "tcp:127.0.0.1:6653", "connection_mode": "out-of-band", "inactivity_probe": 7000},
    {"target": "tcp:127.0.0.1:6654"},
]
SAMPLES: dict[str, tuple[Any, Any, Any]] = {
    # option: the first value, another one, none
    "stp": (True, False, False),
    "rstp": (True, False, False),
    "mcast_snooping": (True, False, False),
    "controllers": (CONTROLLERS, [{"target": "tcp:127.0.0.1:6653", "max_backoff": 2000}], []),
    "flow_tables": (
        [{"id": 0, "flow_limit": 1000, "overflow_policy": "evict", "groups": ["in_port"]}, {"id": 7, "name": "last"}],
        [{"id": 5}, {"id": 7, "name": "seven", "prefixes": ["ip_dst", "ip_src"]}],
        [],
    ),
    "netflow": (
        {"targets": ["127.0.0.1:2055"], "engine_id": 5, "add_id_to_interface": True, "active_timeout": 60},
        {"targets": ["127.0.0.1:2055", "127.0.0.2:2055"]},
        {},
    ),
    "sflow": (
        {"targets": ["127.0.0.1:6343"], "sampling": 64, "polling": 10, "header": 128, "agent": "lo"},
        {"targets": ["127.0.0.1:6343"], "sampling": 32},
        {},
    ),
    "ipfix": (
        {"targets": ["127.0.0.1:4739"], "obs_domain_id": 1, "obs_point_id": 2, "cache_max_flows": 9},
        {"targets": ["127.0.0.1:4740"], "sampling": 5, "cache_active_timeout": 60},
        {},
    ),
}
TABLES = ("Controller", "Flow_Table", "NetFlow", "sFlow", "IPFIX", "SSL")


def bridge(host: Host, *more: str) -> None:
    host.ovs_vsctl("add-br", "br", "--", "set", "Bridge", "br", "datapath_type=netdev", *more)


def referred() -> dict[str, Any]:
    return {table: rows(table) for table in TABLES if rows(table)}


@pytest.mark.parametrize("option", SAMPLES)
def test_an_option_is_set_with_a_new_bridge_changed_and_removed(host: Host, run_module: RunModule, option: str) -> None:
    first, other, nothing = SAMPLES[option]
    base = {"name": "br", "datapath_type": "netdev"}
    converge_and_paste(host, run_module, lambda: None, "ovs_bridge", **base, **{option: first})
    bare = {key: value for key, value in rows("Bridge")["br"].items() if key != "name"}
    converge(host, run_module, "ovs_bridge", **base, **{option: other})
    assert {key: value for key, value in rows("Bridge")["br"].items() if key != "name"} != bare or referred()
    converge(host, run_module, "ovs_bridge", **base)  # omitted is untouched
    converge(host, run_module, "ovs_bridge", **base, **{option: first})
    (declared,) = run_module("topology_info").returned["declarations"]["bridges"]
    if first is not True:
        assert declared[option] == first
    assert not run_module("ovs_bridge", bridges=[declared]).changed
    if nothing != other:
        converge(host, run_module, "ovs_bridge", **base, **{option: nothing})
    converge(host, run_module, "ovs_bridge", name="br", state="absent")
    assert referred() == {}


def test_a_row_that_stays_is_changed_in_place(host: Host, run_module: RunModule) -> None:
    bridge(host)
    run_module("ovs_bridge", name="br", controllers=CONTROLLERS)
    find = ("--columns=_uuid", "--bare", "find", "Controller", 'target="tcp:127.0.0.1:6653"')
    kept = host.ovs_vsctl(*find)
    host.ovs_vsctl("set", "Controller", kept, "external_ids:by=hand")
    result = converge(host, run_module, "ovs_bridge", name="br", controllers=[{"target": "tcp:127.0.0.1:6653"}])
    assert host.ovs_vsctl(*find) == kept
    assert list(rows("Controller")) == ["tcp:127.0.0.1:6653"]
    assert rows("Controller")["tcp:127.0.0.1:6653"]["external_ids"] == [["by", "hand"]]
    assert result.diff[0]["before"].count("tcp:127.0.0.1") == 2


def test_a_row_of_two_bridges_is_left_to_the_other(host: Host, run_module: RunModule) -> None:
    bridge(host, "--", "add-br", "br2", "--", "set", "Bridge", "br2", "datapath_type=netdev")
    host.ovs_vsctl(
        *("--id=@s", "create", "sFlow", 'targets="127.0.0.1:6343"', "--", "set", "Bridge", "br", "sflow=@s"),
        *("--", "set", "Bridge", "br2", "sflow=@s"),
    )
    before = column("Bridge", "br2", "sflow")
    converge(host, run_module, "ovs_bridge", name="br", sflow={"targets": ["127.0.0.1:6343"], "sampling": 5})
    assert column("Bridge", "br2", "sflow") == before
    assert column("Bridge", "br", "sflow") != before
    converge(host, run_module, "ovs_bridge", name="br2", sflow={})
    assert len(rows("sFlow")) == 1


@pytest.mark.parametrize("sflow", [{}, {"targets": ["127.0.0.1:6343"], "sampling": 5}], ids=["removed", "changed"])
def test_a_row_that_two_bridges_give_up_is_rolled_back(
    host: Host, run_module: RunModule, sflow: dict[str, Any]
) -> None:
    bridge(host, "--", "add-br", "br2", "--", "set", "Bridge", "br2", "datapath_type=netdev")
    host.ovs_vsctl(
        *("--id=@s", "create", "sFlow", 'targets="127.0.0.1:6343"', "--", "set", "Bridge", "br", "sflow=@s"),
        *("--", "set", "Bridge", "br2", "sflow=@s"),
    )
    before = configuration()
    bridges = [{"name": name, "sflow": sflow} for name in ("br", "br2")]
    with stopped("ovs-vswitchd"):
        result = run_module("ovs_bridge", bridges=bridges, timeout=1)
    assert result.message.endswith("the host is unchanged.")
    assert configuration() == before
    converge(host, run_module, "ovs_bridge", bridges=bridges)
    assert bool(rows("sFlow")) == bool(sflow)
    assert (column("Bridge", "br", "sflow") != column("Bridge", "br2", "sflow")) == bool(sflow)


@pytest.mark.parametrize("value", [1, 2], ids=["changed", "removed"])
@pytest.mark.parametrize("option", SAMPLES)
def test_a_change_that_times_out_is_rolled_back(host: Host, run_module: RunModule, option: str, value: int) -> None:
    bridge(host)
    assert not run_module("ovs_bridge", name="br", **{option: SAMPLES[option][0]}).failed
    before = configuration()
    with stopped("ovs-vswitchd"):
        result = run_module("ovs_bridge", name="br", timeout=1, **{option: SAMPLES[option][value]})
    assert "was reverted there" in result.message
    assert result.message.endswith("the host is unchanged.")
    assert configuration() == before


@pytest.mark.parametrize("exists", [True, False])
def test_new_rows_are_rolled_back(host: Host, run_module: RunModule, exists: bool) -> None:
    if exists:
        bridge(host)
    before = configuration()
    options = {option: values[0] for option, values in SAMPLES.items() if option != "rstp"}
    with stopped("ovs-vswitchd"):
        result = run_module("ovs_bridge", name="br", datapath_type="netdev", timeout=1, **options)
    assert result.message.endswith("the host is unchanged.")
    assert configuration() == before


def test_a_program_that_fails_after_its_commit_leaves_nothing(
    host: Host, run_module: RunModule, tmp_path: Path
) -> None:
    bridge(host)
    run_module("ovs_bridge", name="br", **{option: values[0] for option, values in SAMPLES.items() if option != "rstp"})
    before = configuration()
    program = tmp_path / "ovs-vsctl"
    counter = tmp_path / "done"
    program.write_text(
        f'#!/bin/sh\n/usr/bin/ovs-vsctl "$@" || exit\ncase "$*" in *format=json*) exit 0;; esac\n'
        f"[ -e {counter} ] || {{ touch {counter}; exit 3; }}\n",
        encoding="ascii",
    )
    program.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    options = {option: values[1] for option, values in SAMPLES.items() if option != "rstp"}
    result = run_module("ovs_bridge", name="br", _env=environment, **options)
    assert "failed after the change had been committed" in result.message
    assert configuration() == before


def test_keys_for_tls_belong_to_the_host(host: Host, run_module: RunModule) -> None:
    keys = {"key": "/etc/a.pem", "certificate": "/etc/b.pem", "ca_certificate": "/etc/c.pem"}
    bridge(host)
    secure: dict[str, Any] = {"name": "br", "controllers": [{"target": "ssl:127.0.0.1:6653"}]}
    refused = run_module("ovs_bridge", **secure)
    assert "controllers: ssl:127.0.0.1:6653 needs a key and certificates, and Open vSwitch has none" in refused.message
    result = converge(host, run_module, "ovs_bridge", **secure, ssl=keys)
    assert any("create SSL" in line and "/etc/a.pem" in line for line in result.commands)
    converge(host, run_module, "ovs_bridge", **secure)
    converge(host, run_module, "ovs_bridge", name="br", controllers=[], ssl={**keys, "bootstrap": True})
    before = configuration()
    with stopped("ovs-vswitchd"):
        run_module("ovs_bridge", name="br", ssl={}, timeout=1)
    assert configuration() == before
    converge(host, run_module, "ovs_bridge", name="br", ssl={})
    assert rows("SSL") == {}
    refused = run_module("ovs_bridge", name="br", ssl={"key": "a.pem"})
    assert "ssl.key: 'a.pem' is not an absolute path" in refused.message
    assert "ssl.certificate: it is required" in refused.message


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"stp": True, "rstp": True}, "stp: a bridge runs `stp` or `rstp`, not both"),
    ({"controllers": [{"target": "192.0.2.1"}]}, "controllers[0].target: '192.0.2.1' is not a connection method"),
    ({"controllers": [CONTROLLERS[0], CONTROLLERS[0]]}, "controllers[1].target: tcp:127.0.0.1:6653 is listed twice"),
    ({"netflow": {"engine_id": 5}}, "netflow.targets: it is required"),
    ({"sflow": {"targets": ["192.0.2.1"]}}, "sflow.targets[0]: '192.0.2.1' is not an address with a port"),
    ({"ipfix": {"targets": ["192.0.2.1:1"], "sampling": 0}}, "ipfix.sampling: 0 is not a valid number"),
    ({"flow_tables": [{"id": 255}]}, "flow_tables[0].id: 255 is not a valid number"),
]


@pytest.mark.parametrize(("options", "message"), REFUSED)
def test_wrong_options_are_refused_before_the_first_write(
    host: Host, run_module: RunModule, options: dict[str, Any], message: str
) -> None:
    bridge(host)
    before = configuration()
    result = run_module("ovs_bridge", name="br", **options)
    assert result.failed
    assert message in result.message
    assert configuration() == before


def test_samples_arrive_at_their_collector(host: Host, run_module: RunModule) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as collector:
        collector.bind(("127.0.0.1", 0))
        collector.settimeout(10)
        port = collector.getsockname()[1]
        options: dict[str, Any] = {"name": "br", "datapath_type": "netdev"}
        sflow = {"targets": [f"127.0.0.1:{port}"], "sampling": 1, "polling": 1, "agent": "lo"}
        assert not run_module("ovs_bridge", **options, sflow=sflow).failed
        assert collector.recv(4096)[:4] == b"\x00\x00\x00\x05"  # sFlow version 5


def test_spanning_tree_runs(host: Host, run_module: RunModule) -> None:
    bridge(host)
    assert not run_module("ovs_bridge", name="br", rstp=True).failed
    wait_until(lambda: "br" in host.run("ovs-appctl", "rstp/show", "br").stdout)
