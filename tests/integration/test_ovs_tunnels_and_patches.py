# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tunnels with typed options, and pairs of patch ports as one entry."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_port import PortResource
from ansible_collections.netns.fabric.tests.helpers.convergence import converge, converge_and_paste, shell
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.openvswitch import column, configuration, rows, stopped, text_map
from ansible_collections.netns.fabric.tests.helpers.refusals import run_inside
from ansible_collections.netns.fabric.tests.integration.conftest import RunModule

PAIR: dict[str, Any] = {"name": "to-b2", "bridge": "b1", "peer": {"name": "to-b1", "bridge": "b2"}}


def prepare(host: Host) -> None:
    """Create two bridges, with a namespace at each."""
    for number, name in enumerate(("red", "blue"), start=1):
        shell(
            host,
            f"""
            netns add {name}
            link add {name}-tap type veth peer name eth0 netns {name}
            -n {name} addr add 192.0.2.{number}/24 dev eth0
            -n {name} link set eth0 up
            link set {name}-tap up
            """,
        )
        bridge = f"b{number}"
        host.ovs_vsctl("add-br", bridge, "--", "set", "Bridge", bridge, "datapath_type=netdev")
        host.ovs_vsctl("add-port", bridge, f"{name}-tap")


@pytest.fixture(name="prepared")
def fixture_prepared(host: Host) -> Host:
    prepare(host)
    return host


# Patch ports


def test_a_pair_of_patch_ports_connects_two_bridges(host: Host, run_module: RunModule) -> None:
    result = converge_and_paste(host, run_module, lambda: prepare(host), "ovs_port", ports=[PAIR], owner="lab")
    assert [line for line in result.commands if "type=patch" in line][1].startswith("ovs-vsctl add-port b2 to-b1 ")
    assert host.pings("192.0.2.2", "red")
    # Both halves are the owner's, and declared by the one entry.
    converge(host, run_module, "ovs_port", ports=[PAIR], owner="lab", prune=True)
    declared = run_module("topology_info", owner="lab").returned["declarations"]["ports"]
    assert not run_module("ovs_port", ports=declared, owner="lab", prune=True).changed
    host.ovs_vsctl("del-port", "to-b1")
    converge(host, run_module, "ovs_port", ports=[PAIR], owner="lab")
    assert host.pings("192.0.2.2", "red")
    converge(host, run_module, "ovs_port", ports=[{**PAIR, "state": "absent"}], owner="lab")
    assert {"to-b1", "to-b2"}.isdisjoint(rows("Port"))


def test_a_pair_that_is_not_listed_is_pruned(prepared: Host, run_module: RunModule) -> None:
    assert not run_module("ovs_port", ports=[PAIR], owner="lab").failed
    converge(prepared, run_module, "ovs_port", ports=[], owner="lab", prune=True)
    assert {"to-b1", "to-b2"}.isdisjoint(rows("Port"))


def test_a_pair_that_times_out_is_rolled_back(prepared: Host, run_module: RunModule) -> None:
    before = configuration()
    with stopped("ovs-vswitchd"):
        assert run_module("ovs_port", **PAIR, timeout=1).message.endswith("the host is unchanged.")
    assert configuration() == before


def test_a_half_is_not_declared_twice(prepared: Host, run_module: RunModule) -> None:
    other = {"name": "to-b1", "bridge": "b2", "type": "patch", "options": {"peer": "to-b2"}}
    result = run_module("ovs_port", ports=[PAIR, other])
    assert "ports[0] (to-b2): peer.name: is the same as ports[1] (to-b1)" in result.message


# Tunnels


@pytest.mark.parametrize("kind", ["vxlan", "geneve", "gre"])
def test_the_options_of_a_tunnel(prepared: Host, run_module: RunModule, kind: str) -> None:
    tunnel: dict[str, Any] = {"remote_ip": "198.51.100.2", "local_ip": "198.51.100.1", "key": 77, "csum": True}
    tunnel |= {"tos": "inherit", "ttl": 64, "df_default": False}
    tunnel |= {"dst_port": 4800} if kind != "gre" else {}
    entry: dict[str, Any] = {"name": "tun0", "bridge": "b1", "type": kind}
    converge(prepared, run_module, "ovs_port", **entry, tunnel=tunnel, options={"in_key": 5})
    stored = {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in tunnel.items()}
    assert text_map("Interface", "tun0", "options") == {**stored, "in_key": "5"}
    assert column("Interface", "tun0", "error") == ["set", []]
    converge(prepared, run_module, "ovs_port", **entry, tunnel={"remote_ip": "198.51.100.3", "ttl": ""})
    assert "ttl" not in text_map("Interface", "tun0", "options")
    assert text_map("Interface", "tun0", "options")["local_ip"] == "198.51.100.1"


def test_the_key_for_ipsec_is_hidden(prepared: Host, run_module: RunModule) -> None:
    tunnel = {"remote_ip": "198.51.100.2", "psk": "swordfish"}
    entry: dict[str, Any] = {"name": "tun0", "bridge": "b1", "type": "gre", "tunnel": tunnel}
    result = run_module("ovs_port", **entry)
    assert not result.failed, result.message
    assert "swordfish" not in str({**result.returned, "invocation": None})
    assert text_map("Interface", "tun0", "options")["psk"] == "swordfish"
    assert not run_module("ovs_port", **entry).changed


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"name": "t", "bridge": "b1", "type": "vxlan"}, "tunnel.remote_ip: a tunnel of type vxlan requires it"),
    ({"name": "red-tap", "tunnel": {"key": "5"}}, "tunnel: the port red-tap of type system is not a tunnel"),
    ({"name": "t", "bridge": "b1", "type": "gre", "tunnel": {"dst_port": 5}}, "tunnel.dst_port: a port of type gre"),
]


def test_the_key_for_ipsec_is_not_in_the_log_of_the_host(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ovs-vsctl writes there how it was called, and takes a key by its arguments only."""
    shell(host, "link set lo up")
    host.ovs_vsctl("add-br", "b1", "--", "set", "Bridge", "b1", "datapath_type=netdev")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as log:
        log.bind(("127.0.0.1", 0))
        log.setblocking(False)
        monkeypatch.setenv("OVS_SYSLOG_METHOD", f"udp:127.0.0.1:{log.getsockname()[1]}")
        tunnel = {"name": "tun0", "bridge": "b1", "type": "gre"}
        for key in ("sesame", "sesame, open"):
            run_inside(PortResource(), {**tunnel, "tunnel": {"remote_ip": "192.0.2.9", "psk": key}})
        run_inside(PortResource(), {**tunnel, "tag": 7})
        lines = []
        with suppress(BlockingIOError):  # each program has ended, and what it has sent is here
            while True:
                lines.append(log.recv(65536).decode())
    assert host.ovs_vsctl("get", "Interface", "tun0", "options:psk") == '"sesame, open"'
    assert [line for line in lines if "Called as" in line and "tag=7" in line]
    assert not [line for line in lines if "sesame" in line]


@pytest.mark.parametrize(("options", "message"), REFUSED)
def test_an_impossible_tunnel_is_refused(
    prepared: Host, run_module: RunModule, options: dict[str, Any], message: str
) -> None:
    before = configuration()
    for check in (True, False):
        result = run_module("ovs_port", **options, _check=check)
        assert result.failed
        assert message in result.message
    assert configuration() == before
