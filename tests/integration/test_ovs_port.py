# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module ovs_port against Open vSwitch: the cycle, TCP, the silent blackhole and other damage, refusals, owners."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.sysctl_names import in_full
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_port_stack import PARAMETERS
from ansible_collections.netns.fabric.tests.helpers import own_host, snapshot, traffic
from ansible_collections.netns.fabric.tests.helpers.convergence import converge, converge_and_paste, shell
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.module_runner import COLLECTIONS_PATH
from ansible_collections.netns.fabric.tests.helpers.openvswitch import (
    column,
    configuration,
    kill,
    rows,
    stopped,
    text_map,
)
from ansible_collections.netns.fabric.tests.helpers.waiting import wait_until
from ansible_collections.netns.fabric.tests.integration.conftest import RunModule
from ansible_collections.netns.fabric.tests.integration.switch_world import (
    BOTH,
    KERNEL_DATAPATH,
    NAMESPACES,
    connect,
    create_bridges,
)

userspace_only = pytest.mark.skipif(KERNEL_DATAPATH, reason="this is about the userspace datapath")


def prepare(host: Host) -> None:
    """Create a bridge, and two namespaces with a veth pair from each to the host, which are not ports yet."""
    create_bridges(host)
    for name in NAMESPACES:
        host.run("ip", "netns", "add", name)
        connect(host, name)


@pytest.fixture(name="prepared")
def fixture_prepared(host: Host) -> Host:
    prepare(host)
    return host


@pytest.fixture(name="connected")
def fixture_connected(prepared: Host, run_module: RunModule) -> Host:
    """The veth pairs are ports of the bridge by the module, and carry traffic."""
    result = run_module("ovs_port", ports=BOTH, owner="lab")
    assert not result.failed, result.message
    assert prepared.pings("192.0.2.2", "red")
    return prepared


def assert_traffic(host: Host) -> None:
    assert host.pings("192.0.2.2", "red")
    assert host.pings("192.0.2.1", "blue")
    traffic.exchange("red", "blue", "192.0.2.2", size=65536)
    traffic.exchange("blue", "red", "192.0.2.1", size=65536)


def is_dead(host: Host) -> bool:
    """Return whether blue does not answer red within a second."""
    return host.in_namespace("red", "ping", "-n", "-q", "-c", "1", "-W", "1", "192.0.2.2", check=False).returncode != 0


def tcp_is_dead(host: Host) -> bool:
    """Return whether blue does not even answer a connection from red, where nobody listens, within a second."""
    code = "import socket,sys; s=socket.socket(); s.settimeout(1); sys.exit(s.connect_ex(('192.0.2.2', 9)) == 111)"
    return host.in_namespace("red", "python3", "-c", code, check=False).returncode == 0


def numbers(*names: str) -> list[int]:
    """Return the OpenFlow numbers of ports, which flows refer to."""
    return [column("Interface", name, "ofport") for name in names or ("red-tap", "blue-tap")]


# Adding, changing, removing


def test_ports_are_added_and_carry_tcp(host: Host, run_module: RunModule) -> None:
    result = converge_and_paste(host, run_module, lambda: prepare(host), "ovs_port", ports=BOTH, owner="lab")
    assert result.commands[0] == "ovs-vsctl add-port int_br red-tap 'external_ids:\"netns.fabric/lab\"=owner'"
    assert_traffic(host)


def test_many_ports_are_added_in_one_transaction(prepared: Host, run_module: RunModule) -> None:
    ports = [{"name": f"i{number}", "bridge": "int_br", "type": "internal"} for number in range(20)]
    before = column("Open_vSwitch", ".", "next_cfg")
    assert len(run_module("ovs_port", ports=ports).commands) == 20
    assert column("Open_vSwitch", ".", "next_cfg") == before + 1
    assert {f"i{number}" for number in range(20)} < set(prepared.links())


@userspace_only
def test_tcp_is_dead_without_the_checksums_while_ping_works(prepared: Host, run_module: RunModule) -> None:
    keep = [{**port, "tx_checksum": "keep"} for port in BOTH]
    assert run_module("ovs_port", ports=keep).changed
    assert prepared.pings("192.0.2.2", "red")
    assert tcp_is_dead(prepared)
    result = converge(prepared, run_module, "ovs_port", ports=[{"name": port["name"]} for port in BOTH])
    assert result.commands == [f"ip netns exec {name} ethtool -K eth0 tx off" for name in NAMESPACES]
    assert_traffic(prepared)


@userspace_only
def test_checksums_that_were_turned_on_again_are_turned_off(connected: Host, run_module: RunModule) -> None:
    connected.in_namespace("red", "ethtool", "-K", "eth0", "tx", "on")
    assert tcp_is_dead(connected)
    converge(connected, run_module, "ovs_port", ports=BOTH)
    assert_traffic(connected)


def test_the_far_end_is_found_without_being_named(prepared: Host, run_module: RunModule) -> None:
    converge(prepared, run_module, "ovs_port", ports=[{"name": p["name"], "bridge": "int_br"} for p in BOTH])
    assert_traffic(prepared)


@userspace_only
def test_a_far_end_in_a_namespace_without_a_name_is_a_warning(host: Host, run_module: RunModule) -> None:
    create_bridges(host)
    process = host.start("unshare", "--net", "sleep", "1000")
    ours = os.readlink("/proc/self/ns/net")
    wait_until(lambda: os.readlink(f"/proc/{process.pid}/ns/net") != ours)
    host.run("ip", "link", "add", "t1", "type", "veth", "peer", "name", "eth0", "netns", str(process.pid))
    result = run_module("ovs_port", name="t1", bridge="int_br")
    assert result.changed
    assert "namespace without a name" in result.warnings[0]


def test_every_option_is_applied_to_an_existing_port(host: Host, run_module: RunModule) -> None:
    def prepare_port() -> None:
        prepare(host)
        host.ovs_vsctl("add-port", "int_br", "red-tap", "tag=5", "external_ids:somebody=else", "external_ids:old=x")

    wanted = {
        "name": "red-tap",
        "vlan_mode": "native-untagged",
        "tag": 7,
        "trunks": [8, 9],
        "mtu": 1400,
        "protected": True,
        "external_ids": {"a:b": 'x,y=z "q"', "old": None, "n": 1, "mac": "02:00:00:00:00:0A"},
        "other_config": {"rstp-enable": False},
    }
    converge_and_paste(host, run_module, prepare_port, "ovs_port", **wanted)
    row = rows("Port")["red-tap"]
    assert (row["tag"], row["trunks"], row["vlan_mode"], row["protected"]) == (
        7,
        ["8", "9"],
        "native-untagged",
        True,
    ) or (row["trunks"] == ["set", [8, 9]] or row["trunks"] == [8, 9])
    assert text_map("Port", "red-tap", "external_ids") == {
        "somebody": "else",
        "a:b": 'x,y=z "q"',
        "n": "1",
        "mac": "02:00:00:00:00:0A",
    }
    assert host.links()["red-tap"]["mtu"] == 1400


def test_omitted_is_untouched_and_an_empty_list_clears(connected: Host, run_module: RunModule) -> None:
    connected.ovs_vsctl("set", "Port", "red-tap", "tag=7", "trunks=8,9", "vlan_mode=native-tagged", "protected=true")
    before = configuration()
    assert not run_module("ovs_port", ports=BOTH).changed
    assert not run_module("ovs_port", name="red-tap").changed
    assert configuration() == before
    converge(connected, run_module, "ovs_port", name="red-tap", trunks=[])
    assert (column("Port", "red-tap", "tag"), column("Port", "red-tap", "trunks")) == (7, ["set", []])
    converge(connected, run_module, "ovs_port", name="red-tap", vlan_mode="trunk")
    assert column("Port", "red-tap", "tag") == ["set", []]


def test_vlans_keep_traffic_apart(connected: Host, run_module: RunModule) -> None:
    converge(connected, run_module, "ovs_port", ports=[{"name": "red-tap", "tag": 7}, {"name": "blue-tap", "tag": 8}])
    assert is_dead(connected)
    converge(connected, run_module, "ovs_port", name="blue-tap", tag=7)
    assert_traffic(connected)


def test_a_port_moves_to_another_bridge_and_carries_traffic_there(connected: Host, run_module: RunModule) -> None:
    create_bridges(connected, "other")
    connected.ovs_vsctl("set", "Port", "red-tap", "tag=7", "external_ids:a=b")
    before = rows("Port")["red-tap"]
    converge(connected, run_module, "ovs_port", name="red-tap", bridge="other")
    assert connected.ovs_vsctl("port-to-br", "red-tap") == "other"
    assert rows("Port")["red-tap"] == before
    assert is_dead(connected)

    # Changed by hand, and back.
    connected.ovs_vsctl("remove", "Port", "red-tap", "tag", "7")
    converge(connected, run_module, "ovs_port", ports=BOTH)
    assert_traffic(connected)


def test_two_ports_swap_bridges(connected: Host, run_module: RunModule) -> None:
    create_bridges(connected, "other")
    run_module("ovs_port", name="blue-tap", bridge="other")
    swapped = [{"name": "red-tap", "bridge": "other"}, {"name": "blue-tap", "bridge": "int_br"}]
    converge(connected, run_module, "ovs_port", ports=swapped)
    assert connected.ovs_vsctl("port-to-br", "red-tap") == "other"
    assert connected.ovs_vsctl("port-to-br", "blue-tap") == "int_br"


def test_an_internal_port_creates_its_link(host: Host, run_module: RunModule) -> None:
    create_bridges(host)
    port = {"name": "i1", "bridge": "int_br", "type": "internal", "mac": "02:00:00:00:00:0A", "mtu": 1400}
    converge(host, run_module, "ovs_port", ports=[port])
    assert (host.links()["i1"]["address"], host.links()["i1"]["mtu"]) == ("02:00:00:00:00:0a", 1400)
    converge(host, run_module, "ovs_port", name="i1", mac="02:00:00:00:00:0B", mtu=1300)
    assert (host.links()["i1"]["address"], host.links()["i1"]["mtu"]) == ("02:00:00:00:00:0b", 1300)


def test_patch_ports_join_two_bridges_also_one_after_the_other(connected: Host, run_module: RunModule) -> None:
    create_bridges(connected, "other")
    run_module("ovs_port", name="blue-tap", bridge="other")
    assert is_dead(connected)
    for name, bridge, peer in (("to-other", "int_br", "to-int"), ("to-int", "other", "to-other")):
        result = run_module("ovs_port", name=name, bridge=bridge, type="patch", options={"peer": peer})
        assert not result.failed, result.message
    assert_traffic(connected)
    assert not run_module("ovs_port", name="to-other", type="patch", options={"peer": "to-int"}).changed


def test_a_tunnel_port_takes_its_options(host: Host, run_module: RunModule) -> None:
    create_bridges(host)
    options = {"remote_ip": "198.51.100.7", "key": 42}
    port = {"name": "tun0", "bridge": "int_br", "type": "vxlan", "options": options, "protected": True}
    converge(host, run_module, "ovs_port", ports=[port])
    assert text_map("Interface", "tun0", "options") == {"remote_ip": "198.51.100.7", "key": "42"}
    converge(host, run_module, "ovs_port", name="tun0", options={"key": None, "tos": 5})
    assert text_map("Interface", "tun0", "options") == {"remote_ip": "198.51.100.7", "tos": "5"}


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("vxlan", {"remote_ip": "192.0.2.9", "key": "7"}),
        ("geneve", {"remote_ip": "192.0.2.9"}),
        ("gre", {"remote_ip": "192.0.2.9"}),
    ],
)
def test_a_tunnel_port_moves_to_another_bridge(
    host: Host, run_module: RunModule, kind: str, options: dict[str, str]
) -> None:
    create_bridges(host, "int_br", "other")
    port = {"name": "tun0", "type": kind, "options": options}
    converge(host, run_module, "ovs_port", **port, bridge="int_br")
    moved = {**port, "options": {**options, "key": "8"}} if kind == "vxlan" else port
    for each, bridge in ((port, "other"), (port, "int_br"), (moved, "other")):
        converge(host, run_module, "ovs_port", **each, bridge=bridge)
        assert host.ovs_vsctl("port-to-br", "tun0") == bridge
        assert host.ovs_vsctl("get", "Interface", "tun0", "type", "error").split() == [kind, "[]"]
        wait_until(lambda: host.ovs_vsctl("get", "Interface", "tun0", "ofport") != "-1")


def test_a_port_is_removed_from_whichever_bridge_it_is_on(connected: Host, run_module: RunModule) -> None:
    create_bridges(connected, "other")
    converge(connected, run_module, "ovs_port", name="red-tap", bridge="other", state="absent")
    assert list(rows("Port")) == ["blue-tap", "int_br", "other"]
    assert "red-tap" in connected.links()
    assert not run_module("ovs_port", name="red-tap", bridge="nowhere", state="absent").changed


def test_the_daemon_restores_a_changed_mtu(connected: Host, run_module: RunModule) -> None:
    """So the module need not check it."""
    run_module("ovs_port", name="red-tap", mtu=1400)
    connected.run("ip", "link", "set", "red-tap", "mtu", "1300")
    wait_until(lambda: connected.links()["red-tap"]["mtu"] == 1400)


# The silent blackhole


def recreate(host: Host, name: str) -> None:
    """Re-create the veth pair by hand, with the same names and addresses, as before for all but Open vSwitch."""
    host.run("ip", "link", "del", f"{name}-tap")
    connect(host, name)
    if not KERNEL_DATAPATH:
        host.in_namespace(name, "ethtool", "-K", "eth0", "tx", "off")
        for short, value in PARAMETERS.items():
            host.run("sysctl", "-qw", f"{in_full(f'{name}-tap', short)}={value}")
    # Until ovs-vswitchd has seen the new link, and everything looks right again.
    index = host.links()[f"{name}-tap"]["ifindex"]
    wait_until(lambda: bool(column("Interface", f"{name}-tap", "ifindex") == index))


@userspace_only
def test_a_re_created_veth_pair_is_a_blackhole_that_is_found(connected: Host, run_module: RunModule) -> None:
    connected.ovs_vsctl("set", "Port", "red-tap", "external_ids:a=b", "other_config:c=d", "protected=true")
    connected.ovs_vsctl("set", "Interface", "red-tap", "external_ids:iface-id=x", "ingress_policing_burst=10")
    connected.ovs_vsctl(
        *("--", "--id=@q", "create", "QoS", "type=linux-noop", "--", "set", "Port", "red-tap", "qos=@q"),
    )
    recreate(connected, "red")
    before, of_before = configuration(), numbers()
    assert column("Interface", "red-tap", "error") == ["set", []]
    assert is_dead(connected)

    result = converge(connected, run_module, "ovs_port", ports=BOTH)
    assert len(result.commands) == 2
    assert result.diff[0]["after"] == "attached: true\n"
    assert (configuration(), numbers()) == (before, of_before)
    assert_traffic(connected)


@userspace_only
def test_the_pasted_commands_repair_it_too(connected: Host, run_module: RunModule) -> None:
    recreate(connected, "red")
    for line in run_module("ovs_port", _check=True, ports=BOTH).commands:
        connected.run("bash", "-c", line)
    assert_traffic(connected)
    assert not run_module("ovs_port", ports=BOTH).changed


@userspace_only
def test_a_listener_on_the_link_does_not_hide_the_blackhole(connected: Host, run_module: RunModule) -> None:
    """Whoever captures on the port to see why nothing passes raises its promiscuity, as ovs-vswitchd does."""
    recreate(connected, "red")
    listen = "import socket,time; s=socket.socket(17,3,0x300); s.bind(('red-tap',0)); time.sleep(1000)"
    connected.start("python3", "-c", listen)
    connected.run("ip", "link", "set", "red-tap", "promisc", "on")
    assert connected.links()["red-tap"]["promiscuity"] >= 1
    assert run_module("ovs_port", ports=BOTH).changed
    assert_traffic(connected)


@userspace_only
def test_a_repair_leaves_the_other_ports_alone(connected: Host, run_module: RunModule) -> None:
    connected.ovs_vsctl("add-port", "int_br", "i1", "--", "set", "Interface", "i1", "type=internal")
    shell(connected, "addr add 192.0.2.9/24 dev i1\nlink set i1 up")
    recreate(connected, "red")
    before = connected.links()
    run_module("ovs_port", ports=BOTH)
    after = connected.links()
    assert {name: link["ifindex"] for name, link in before.items()} == {n: link["ifindex"] for n, link in after.items()}
    assert connected.pings("192.0.2.9", "blue")
    assert_traffic(connected)


def test_a_namespace_deleted_under_its_port_is_repaired_when_it_is_back(connected: Host, run_module: RunModule) -> None:
    connected.run("ip", "netns", "del", "red")
    wait_until(lambda: "red-tap" not in connected.links())
    for check in (True, False):
        result = run_module("ovs_port", _check=check, ports=BOTH)
        assert result.failed is not check
    assert "the link red-tap does not exist on the host" in result.message
    checked = run_module("ovs_port", _check=True, ports=BOTH)

    connected.run("ip", "netns", "add", "red")
    connect(connected, "red")
    applied = run_module("ovs_port", ports=BOTH)
    assert (checked.changed, checked.diff, checked.commands) == (applied.changed, applied.diff, applied.commands)
    assert_traffic(connected)
    assert not run_module("ovs_port", ports=BOTH).changed


@userspace_only
@pytest.mark.parametrize("moment", ["closed", "opened"])
def test_a_repair_that_was_killed_half_way_is_completed(connected: Host, run_module: RunModule, moment: str) -> None:
    recreate(connected, "red")
    close, reopen = run_module("ovs_port", _check=True, name="red-tap").commands
    connected.run("bash", "-c", close)
    if moment == "opened":
        connected.run("bash", "-c", reopen)
    assert run_module("ovs_port", name="red-tap").changed is (moment == "closed")
    assert column("Interface", "red-tap", "options") == ["map", []]
    assert_traffic(connected)


@userspace_only
def test_a_repair_that_times_out_leaves_the_port_as_it_was(connected: Host, run_module: RunModule) -> None:
    recreate(connected, "red")
    before = configuration()
    with stopped("ovs-vswitchd"):
        result = run_module("ovs_port", ports=BOTH, timeout=1)
        assert result.failed
        assert configuration() == before
    assert run_module("ovs_port", ports=BOTH).changed
    assert_traffic(connected)


def test_a_port_that_was_added_before_its_link_is_left_to_the_daemon(connected: Host, run_module: RunModule) -> None:
    connected.ovs_vsctl("del-port", "red-tap")
    connected.run("ip", "link", "del", "red-tap")
    connected.run("ovs-vsctl", "--timeout=10", "add-port", "int_br", "red-tap", check=False)
    assert column("Interface", "red-tap", "ofport") == -1
    checked = run_module("ovs_port", _check=True, ports=BOTH)
    connect(connected, "red")
    wait_until(lambda: column("Interface", "red-tap", "ofport") != -1)
    applied = run_module("ovs_port", ports=BOTH)
    assert (checked.changed, checked.diff, checked.commands) == (applied.changed, applied.diff, applied.commands)
    assert_traffic(connected)


# Internal ports


def test_an_internal_port_in_a_namespace_is_not_lost(host: Host, run_module: RunModule) -> None:
    create_bridges(host)
    run_module("ovs_port", name="i1", bridge="int_br", type="internal")
    shell(
        host,
        """
        netns add red
        link set i1 netns red
        -n red addr add 192.0.2.1/24 dev i1
        -n red link set i1 up
        addr add 192.0.2.254/24 dev int_br
        link set int_br up
        """,
    )
    assert host.pings("192.0.2.254", "red")
    before = host.links("red")["i1"]["ifindex"]
    for params in ({}, {"type": "internal"}, {"bridge": "int_br"}):
        assert not run_module("ovs_port", name="i1", **params).changed  # type: ignore[arg-type]  # options of several types
    assert run_module("ovs_port", name="i1", tag=0).changed
    assert host.links("red")["i1"]["ifindex"] == before


def test_an_internal_port_that_was_renamed_in_its_namespace_is_not_lost(host: Host, run_module: RunModule) -> None:
    create_bridges(host)
    run_module("ovs_port", name="i1", bridge="int_br", type="internal")
    shell(host, "netns add red\nlink set i1 netns red\n-n red link set i1 name eth0")
    assert not run_module("ovs_port", name="i1").changed
    assert "eth0" in host.links("red")


def test_an_internal_port_whose_namespace_was_deleted_is_re_created(host: Host, run_module: RunModule) -> None:
    create_bridges(host)
    ports = [{"name": name, "bridge": "int_br", "type": "internal"} for name in ("i1", "i2")]
    run_module("ovs_port", ports=ports)
    shell(host, "netns add red\nnetns add blue\nlink set i1 netns red\nlink set i2 netns blue")
    host.ovs_vsctl("set", "Port", "i1", "tag=7", "external_ids:a=b")
    before, of_before = configuration(), numbers("i1", "i2")
    host.run("ip", "netns", "del", "red")
    time.sleep(0.5)  # the kernel destroys it in the background

    converge(host, run_module, "ovs_port", ports=ports)
    assert "i1" in host.links()
    assert "i2" in host.links("blue")
    assert (configuration(), numbers("i1", "i2")) == (before, of_before)


# The daemon


def test_after_a_restart_of_the_daemon_there_is_nothing_to_do(connected: Host, run_module: RunModule) -> None:
    own_host.stop_ovs()
    own_host.start_ovs()
    assert not run_module("ovs_port", ports=BOTH).changed
    assert_traffic(connected)


def test_a_dead_daemon_is_an_error_even_with_nothing_to_do(connected: Host, run_module: RunModule) -> None:
    kill("ovs-vswitchd")
    result = run_module("ovs_port", ports=BOTH, timeout=5)
    assert result.failed
    assert "ovs-vswitchd is not running" in result.message
    checked = run_module("ovs_port", _check=True, ports=BOTH)
    assert (checked.failed, checked.changed) == (False, False)
    assert checked.warnings == ["Check mode: ovs-vswitchd is not running; assuming an earlier task starts it"]
    own_host.start_ovs()
    assert not run_module("ovs_port", ports=BOTH).changed
    assert_traffic(connected)


def test_a_timeout_reverts_what_was_committed(prepared: Host, run_module: RunModule) -> None:
    before = configuration()
    with stopped("ovs-vswitchd"):
        result = run_module("ovs_port", ports=BOTH, timeout=1)
        assert "already been committed to the database and was reverted there" in result.message
        assert configuration() == before
    assert run_module("ovs_port", ports=BOTH).changed
    assert_traffic(prepared)


def test_a_run_that_is_killed_is_completed_by_the_next(prepared: Host, run_module: RunModule, tmp_path: Path) -> None:
    """Killed while it waits for ovs-vswitchd, so that all is stored and nothing more is done."""
    arguments = tmp_path / "arguments.json"
    arguments.write_text(json.dumps({"ANSIBLE_MODULE_ARGS": {"ports": BOTH}}), encoding="ascii")
    module = "ansible_collections.netns.fabric.plugins.modules.ovs_port"
    with stopped("ovs-vswitchd"):
        process = prepared.start(
            *("env", f"PYTHONPATH={COLLECTIONS_PATH}", sys.executable, "-m", module, str(arguments))
        )
        wait_until(lambda: "red-tap" in rows("Port"))
        process.kill()
        process.wait(10)
    assert "blue-tap" in rows("Port")
    result = run_module("ovs_port", ports=BOTH)
    assert not result.failed, result.message
    assert_traffic(prepared)


# All or nothing


def test_one_refused_of_fifty_rolls_the_others_back(prepared: Host, run_module: RunModule) -> None:
    bad = 24
    before, links = configuration(), set(prepared.links())
    ports: list[dict[str, Any]] = [
        {"name": f"i{number}", "bridge": "int_br", "type": "internal"} for number in range(50)
    ]
    ports[bad] = {"name": "tun0", "bridge": "int_br", "type": "geneve", "options": {"remote_ip": "256.0.0.1"}}
    result = run_module("ovs_port", ports=[*ports, *BOTH])
    assert result.failed
    assert f"ports[{bad}] (tun0): ovs-vswitchd could not set up tun0" in result.message
    assert "remote_ip" in result.message
    assert "the host is unchanged" in result.message
    assert (configuration(), set(prepared.links())) == (before, links)
    assert "tx-checksumming: on" in prepared.in_namespace("red", "ethtool", "-k", "eth0").stdout


def test_a_value_that_is_too_long_names_its_entry(connected: Host, run_module: RunModule) -> None:
    """A value that one argument cannot hold: the kernel takes 128 KiB at most (execve(2))."""
    before = configuration()
    ports = [{"name": "red-tap", "tag": 5}, {"name": "blue-tap", "external_ids": {"a": "x" * 140_000}}]
    result = run_module("ovs_port", ports=ports)
    assert "ports[1] (blue-tap)" in result.message
    assert "Argument list too long" in result.message
    assert configuration() == before


def test_changes_of_existing_ports_are_rolled_back_as_well(connected: Host, run_module: RunModule) -> None:
    create_bridges(connected, "other")
    connected.ovs_vsctl("set", "Port", "red-tap", "tag=3", "external_ids:a=b", "external_ids:c=d")
    connected.ovs_vsctl("set", "Port", "blue-tap", "tag=3")
    before, of_before = configuration(), numbers()
    changes = [
        {"name": "red-tap", "bridge": "other", "tag": 5, "external_ids": {"a": None, "c": "e", "f": "g"}, "mtu": 1400},
        {"name": "blue-tap", "vlan_mode": "trunk", "protected": True},
        {"name": "tun0", "bridge": "int_br", "type": "geneve", "options": {"remote_ip": "256.0.0.1"}},
    ]
    result = run_module("ovs_port", ports=changes)
    assert "ports[2] (tun0)" in result.message
    assert (configuration(), numbers()) == (before, of_before)
    assert_traffic(connected)


def test_a_rollback_restores_the_mtu_and_address_of_a_link(host: Host, run_module: RunModule) -> None:
    create_bridges(host)
    run_module("ovs_port", name="i1", bridge="int_br", type="internal")
    before, link = configuration(), host.links()["i1"]
    ports = [
        {"name": "i1", "mtu": 1300, "mac": "02:00:00:00:00:0A"},
        {"name": "tun0", "bridge": "int_br", "type": "geneve", "options": {"remote_ip": "256.0.0.1"}},
    ]
    assert run_module("ovs_port", ports=ports).failed
    assert configuration() == before
    assert (host.links()["i1"]["mtu"], host.links()["i1"]["address"]) == (link["mtu"], link["address"])


def test_ports_are_removed_last(connected: Host, run_module: RunModule) -> None:
    """A rollback does not restore the addresses of a link that was deleted with its port."""
    run_module("ovs_port", name="i1", bridge="int_br", type="internal", owner="lab")
    shell(connected, "addr add 192.0.2.9/24 dev i1\nlink set i1 up")
    before, index = configuration(), connected.links()["i1"]["ifindex"]
    ports = [
        {"name": "i1", "state": "absent"},
        *BOTH,
        {"name": "tun0", "bridge": "int_br", "type": "geneve", "options": {"remote_ip": "256.0.0.1"}},
    ]
    assert run_module("ovs_port", ports=ports, owner="lab").failed
    assert (configuration(), connected.links()["i1"]["ifindex"]) == (before, index)
    assert connected.pings("192.0.2.9", "red")


def test_an_mtu_that_the_device_does_not_accept_fails(host: Host, run_module: RunModule) -> None:
    create_bridges(host)
    result = run_module("ovs_port", name="i1", bridge="int_br", type="internal", mtu=65535)
    if not result.failed:
        pytest.skip("this device accepts it")
    assert "i1 keeps its MTU of 1500 bytes" in result.message
    assert list(rows("Port")) == ["int_br"]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"name": "gone", "bridge": "int_br"}, "the link gone does not exist on the host; create it first"),
        ({"name": "eth0", "bridge": "int_br"}, "there is one in the namespace"),
        ({"name": "red-tap", "bridge": "none"}, "the bridge none does not exist (existing bridges: int_br)"),
        ({"name": "red-tap", "bridge": "int_br", "type": "internal"}, "there is a veth link red-tap"),
        ({"name": "red-tap", "bridge": "int_br", "type": "nonsense"}, "does not support the type nonsense"),
        ({"name": "int_br", "bridge": "int_br", "type": "patch"}, "a bridge's own port"),
        ({"name": "int_br", "state": "absent"}, "a bridge's own port"),
    ],
)
def test_an_impossible_port_is_refused_before_anything_is_written(
    prepared: Host, run_module: RunModule, params: dict[str, Any], message: str
) -> None:
    before = column("Open_vSwitch", ".", "next_cfg")
    result = run_module("ovs_port", ports=[{"name": "blue-tap", "bridge": "int_br"}, params])
    assert result.failed
    assert message in result.message
    assert f"ports[1] ({params['name']})" in result.message
    assert column("Open_vSwitch", ".", "next_cfg") == before
    assert prepared.links()["blue-tap"]["promiscuity"] == 0


@pytest.mark.parametrize("port", [{"name": "red-tap"}, {"name": "bond0", "members": ["blue-tap", "red-tap"]}])
def test_a_link_that_is_in_a_bridge_of_the_kernel_is_refused(
    prepared: Host, run_module: RunModule, port: dict[str, Any]
) -> None:
    """The kernel's datapath cannot have it; the userspace datapath would read its packets beside that bridge."""
    shell(prepared, "link add name br0 type bridge\nlink set red-tap master br0")
    ports = [{**port, "bridge": "int_br"}]
    before = snapshot.take()
    for check in (True, False):
        result = run_module("ovs_port", ports=ports, _check=check)
        option = "members" if "members" in port else "name"
        assert (
            f"ports[0] ({port['name']}): {option}: the link red-tap is a member of br0, a link of the kind bridge"
            in (result.message)
        )
        assert "`ip link set dev red-tap nomaster`" in result.message
    snapshot.assert_unchanged(before)
    leave = {"module": "link", "options": {"links": [{"name": "red-tap", "master": ""}]}}
    converge(prepared, run_module, "sequence", steps=[leave, {"module": "ovs_port", "options": {"ports": ports}}])
    assert prepared.links()["red-tap"].get("master") != "br0"


# Check mode on an empty host


def test_check_mode_on_an_empty_host_predicts_the_real_run(host: Host, run_module: RunModule) -> None:
    checked = run_module("ovs_port", _check=True, ports=BOTH, owner="lab")
    assert not checked.failed, checked.message
    assert checked.warnings == [
        "Check mode: assuming an earlier task creates bridge int_br, link host/red-tap, link host/blue-tap"
    ]
    prepare(host)
    applied = run_module("ovs_port", ports=BOTH, owner="lab")
    assert (checked.changed, checked.diff, checked.commands) == (applied.changed, applied.diff, applied.commands)


# Owners


def test_prune_removes_what_is_owned_and_nothing_else(connected: Host, run_module: RunModule) -> None:
    connected.ovs_vsctl("set", "Port", "int_br", 'external_ids:"netns.fabric/lab"=owner')
    for name in ("foreign", "lab"):
        connected.ovs_vsctl("add-port", "int_br", name, "--", "set", "Interface", name, "type=internal")
    run_module("ovs_port", name="theirs", bridge="int_br", type="internal", owner="lab-2")
    converge(connected, run_module, "ovs_port", ports=BOTH[:1], owner="lab", prune=True)
    assert list(rows("Port")) == ["foreign", "int_br", "lab", "red-tap", "theirs"]
    converge(connected, run_module, "ovs_port", ports=[], owner="lab", prune=True)
    assert list(rows("Port")) == ["foreign", "int_br", "lab", "theirs"]


def test_two_owners_share_a_port_and_the_last_one_deletes_it(connected: Host, run_module: RunModule) -> None:
    converge(connected, run_module, "ovs_port", name="red-tap", owner="other")
    result = converge(connected, run_module, "ovs_port", name="red-tap", owner="lab", state="absent")
    assert "is also owned by other; it stays, and lab no longer owns it" in result.warnings[0]
    assert_traffic(connected)
    converge(connected, run_module, "ovs_port", name="red-tap", owner="other", state="absent")
    assert "red-tap" not in rows("Port")


def test_an_unowned_port_is_used_and_never_owned(prepared: Host, run_module: RunModule) -> None:
    prepared.ovs_vsctl("add-port", "int_br", "red-tap")
    run_module("ovs_port", ports=BOTH, owner="lab")
    assert text_map("Port", "red-tap", "external_ids") == {}
    result = run_module("ovs_port", name="red-tap", owner="lab", state="absent")
    assert not result.changed
    assert "is not owned by lab; left alone" in result.warnings[0]


def test_a_repair_keeps_the_owners(connected: Host, run_module: RunModule) -> None:
    recreate(connected, "red")
    run_module("ovs_port", ports=BOTH)
    assert text_map("Port", "red-tap", "external_ids") == {"netns.fabric/lab": "owner"}


# Cost


def test_it_costs_little_where_there_is_nothing_to_do(prepared: Host, run_module: RunModule) -> None:
    ports = [{"name": f"i{number}", "bridge": "int_br", "type": "internal"} for number in range(200)]
    assert run_module("ovs_port", ports=ports, owner="lab").changed
    start = time.monotonic()
    assert not run_module("ovs_port", ports=ports, owner="lab").changed
    nothing = time.monotonic() - start
    start = time.monotonic()
    assert run_module("ovs_port", ports=[], owner="lab", prune=True).changed
    assert nothing < 3
    assert time.monotonic() - start < 30
    assert list(rows("Port")) == ["int_br"]
    assert "i7" not in prepared.links()
