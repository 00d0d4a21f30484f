# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module ovs_bridge against Open vSwitch: the cycle, damage and repair, refusals and timeouts, owners."""

from __future__ import annotations

import random
import string
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.journal import Journal
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.backend import OpenVSwitch
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.operations import SetBridge
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.syntax import Columns
from ansible_collections.netns.fabric.tests.helpers import own_host
from ansible_collections.netns.fabric.tests.helpers.convergence import converge, converge_and_paste, shell
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.openvswitch import column, configuration, kill, stopped, text_map
from ansible_collections.netns.fabric.tests.helpers.programs import hidden_programs
from ansible_collections.netns.fabric.tests.helpers.waiting import wait_until
from ansible_collections.netns.fabric.tests.integration.conftest import RunModule

KERNEL_DATAPATH = Path("/sys/module/openvswitch").exists()
WORKING = "system" if KERNEL_DATAPATH else "netdev"

# Keys and values that other modules fail on.
ODD_TEXTS = {
    "plain": "x",
    "with space": "a b",
    "a:b": "x,y=z",
    "quotes": "\"double\" 'single' \\ back",
    "number": "5",
    "float": "1.50",
    "true": "false",
    "mac": "02:00:00:00:00:0A",
    "brackets": "{[<>]}!",
    "uuid": "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
    "umlaut": "grün ☃",
    "lines": "one\ntwo\ttab",
    "dash": "--if-exists",
    "empty": "",
}

BRIDGE: dict[str, Any] = {
    "name": "int_br",
    "datapath_type": "auto",
    "fail_mode": "secure",
    "mac": "02:00:00:00:00:01",
    "mtu": 1400,
    "external_ids": ODD_TEXTS,
    "other_config": {"mac-aging-time": 60, "disable-in-band": True},
    "protocols": ["OpenFlow13", "OpenFlow10"],
}


def two_namespaces_on(host: Host, bridge: str) -> None:
    """Connect two namespaces to a bridge, by hand."""
    for number, name in enumerate(("red", "blue"), 1):
        shell(
            host,
            f"""
            netns add {name}
            link add {name}-tap type veth peer name eth0 netns {name}
            -n {name} addr add 192.0.2.{number}/24 dev eth0
            -n {name} link set eth0 up
            link set {name}-tap up
            !ovs-vsctl --timeout=10 add-port {bridge} {name}-tap
            """,
        )


def create_bridge(host: Host, name: str = "int_br", *more: str) -> None:
    host.ovs_vsctl("add-br", name, "--", "set", "Bridge", name, f"datapath_type={WORKING}", *more)


# Creating, changing, removing


def test_a_new_bridge_has_all_options(host: Host, run_module: RunModule) -> None:
    result = converge_and_paste(host, run_module, lambda: None, "ovs_bridge", owner="lab", **BRIDGE)
    assert result.returned["bridges"] == [{"name": "int_br", "datapath_type": WORKING}]
    assert text_map("Bridge", "int_br", "external_ids") == {**ODD_TEXTS, "netns.fabric/lab": "owner"}
    assert column("Bridge", "int_br", "fail_mode") == "secure"
    assert column("Bridge", "int_br", "protocols") == ["set", ["OpenFlow10", "OpenFlow13"]]
    assert (host.links()["int_br"]["address"], host.links()["int_br"]["mtu"]) == ("02:00:00:00:00:01", 1400)
    assert text_map("Bridge", "int_br", "other_config") == {
        "mac-aging-time": "60",
        "disable-in-band": "true",
        "hwaddr": "02:00:00:00:00:01",
    }


def test_any_text_is_read_back_as_it_was_given(run_module: RunModule) -> None:
    chance = random.Random(20260101)  # noqa: S311  # the same values in every run, no secret
    characters = string.printable + string.punctuation * 3 + "\x01\x7fäßЖ語🙂\u2028"
    chosen = ["".join(chance.choices(characters, k=chance.randint(1, 12))) for _number in range(400)]
    texts = dict(zip(chosen[::2], chosen[1::2]))
    result = run_module("ovs_bridge", name="int_br", external_ids=texts)
    assert not result.failed, result.message
    assert text_map("Bridge", "int_br", "external_ids") == texts
    assert not run_module("ovs_bridge", name="int_br", external_ids=texts).changed
    assert run_module("ovs_bridge", name="int_br", external_ids=dict.fromkeys(texts)).changed
    assert text_map("Bridge", "int_br", "external_ids") == {}


def test_many_bridges_are_added_in_one_transaction(host: Host, run_module: RunModule) -> None:
    before = column("Open_vSwitch", ".", "next_cfg")
    result = converge(host, run_module, "ovs_bridge", bridges=[{"name": f"br{n}"} for n in range(5)])
    assert column("Open_vSwitch", ".", "next_cfg") == before + 1
    assert host.ovs_vsctl("list-br").split() == [f"br{n}" for n in range(5)]
    assert len(result.commands) == 5


def test_every_option_is_applied_to_an_existing_bridge(host: Host, run_module: RunModule) -> None:
    def prepare() -> None:
        create_bridge(host, "int_br", "external_ids:somebody=else", "external_ids:old=x", "protocols=OpenFlow15")
        host.ovs_vsctl("add-br", "other", "--", "set", "Bridge", "other", f"datapath_type={WORKING}")

    wanted = {**BRIDGE, "external_ids": {**ODD_TEXTS, "old": None}}
    result = converge_and_paste(host, run_module, prepare, "ovs_bridge", bridges=[wanted])
    assert len(result.commands) == 1
    assert text_map("Bridge", "int_br", "external_ids") == {**ODD_TEXTS, "somebody": "else"}
    assert host.links()["int_br"]["address"] == "02:00:00:00:00:01"


def test_omitted_is_untouched(host: Host, run_module: RunModule) -> None:
    run_module("ovs_bridge", **BRIDGE)
    before = configuration()
    assert not run_module("ovs_bridge", name="int_br").changed
    assert not run_module("ovs_bridge", name="int_br", external_ids={}, other_config={}).changed
    assert not run_module("ovs_bridge", name="int_br", mac="02:00:00:00:00:01").changed
    assert configuration() == before


def test_an_empty_list_clears_and_a_null_removes(host: Host, run_module: RunModule) -> None:
    run_module("ovs_bridge", **BRIDGE)
    converge(host, run_module, "ovs_bridge", name="int_br", protocols=[], external_ids=dict.fromkeys(ODD_TEXTS))
    assert column("Bridge", "int_br", "protocols") == ["set", []]
    assert text_map("Bridge", "int_br", "external_ids") == {}
    assert column("Bridge", "int_br", "fail_mode") == "secure"


def test_two_keys_for_a_bridge_that_has_none(host: Host, run_module: RunModule) -> None:
    create_bridge(host)
    converge(host, run_module, "ovs_bridge", name="int_br", external_ids={"a": "02:00:00:00:00:0A", "b": 7})
    assert text_map("Bridge", "int_br", "external_ids") == {"a": "02:00:00:00:00:0A", "b": "7"}


def test_a_bridge_is_removed_with_its_ports(host: Host, run_module: RunModule) -> None:
    def prepare() -> None:
        create_bridge(host)
        host.ovs_vsctl("add-port", "int_br", "i1", "--", "set", "Interface", "i1", "type=internal")

    converge_and_paste(host, run_module, prepare, "ovs_bridge", name="int_br", state="absent")
    assert configuration()["Bridge"] == configuration()["Port"] == {}
    assert not {"int_br", "i1"} & set(host.links())


def test_absent_on_an_absent_bridge_does_nothing(run_module: RunModule) -> None:
    assert not run_module("ovs_bridge", name="int_br", state="absent").changed


# The datapath


def test_a_new_bridge_carries_traffic(host: Host, run_module: RunModule) -> None:
    run_module("ovs_bridge", name="int_br", datapath_type="auto")
    two_namespaces_on(host, "int_br")
    assert host.pings("192.0.2.2", "red")


@pytest.mark.skipif(KERNEL_DATAPATH, reason="the kernel has the datapath")
def test_a_bridge_of_a_datapath_that_does_not_work_is_repaired_with_its_ports(
    host: Host, run_module: RunModule
) -> None:
    create_bridge(host, "int_br", "fail_mode=standalone")
    two_namespaces_on(host, "int_br")
    number = column("Interface", "red-tap", "ofport")
    host.run("ovs-vsctl", "--timeout=10", "set", "Bridge", "int_br", "datapath_type=system", check=False)
    assert host.in_namespace("red", "ping", "-c", "1", "-W", "1", "192.0.2.2", check=False).returncode != 0

    assert not run_module("ovs_bridge", name="int_br").changed  # omitted
    result = converge(host, run_module, "ovs_bridge", name="int_br", datapath_type="auto")
    assert result.commands == ["ovs-vsctl set Bridge int_br datapath_type=netdev"]
    assert column("Interface", "red-tap", "ofport") == number
    assert host.pings("192.0.2.2", "red")


@pytest.mark.skipif(KERNEL_DATAPATH, reason="the kernel has the datapath")
def test_a_stale_port_does_not_stop_the_repair_of_its_bridge(host: Host, run_module: RunModule) -> None:
    create_bridge(host)
    two_namespaces_on(host, "int_br")
    host.run("ovs-vsctl", "--timeout=10", "add-port", "int_br", "gone", check=False)
    host.run("ovs-vsctl", "--timeout=10", "set", "Bridge", "int_br", "datapath_type=system", check=False)
    assert run_module("ovs_bridge", name="int_br", datapath_type="auto").changed
    assert host.pings("192.0.2.2", "red")


@pytest.mark.skipif(KERNEL_DATAPATH, reason="the kernel has the datapath")
def test_a_device_that_is_deleted_meanwhile_does_not_stop_the_repair_of_its_bridge(host: Host) -> None:
    """The kernel deletes the devices of a deleted namespace some time after it."""
    create_bridge(host)
    two_namespaces_on(host, "int_br")
    host.run("ovs-vsctl", "--timeout=10", "set", "Bridge", "int_br", "datapath_type=system", check=False)
    switch = OpenVSwitch()
    switch.read()
    host.run("ip", "link", "delete", "blue-tap")
    switch.execute([SetBridge("int_br", Columns({"datapath_type": "netdev"}))], Journal())
    shell(host, "addr add 192.0.2.254/24 dev int_br\nlink set int_br up")
    assert host.pings("192.0.2.254", "red")


@pytest.mark.skipif(KERNEL_DATAPATH, reason="the kernel has the datapath")
def test_the_kernel_datapath_is_refused_where_there_is_none(run_module: RunModule) -> None:
    for check in (True, False):
        result = run_module("ovs_bridge", _check=check, name="int_br", datapath_type="system")
        assert result.failed
        assert "module openvswitch is missing" in result.message
    assert configuration()["Bridge"] == {}


def test_a_working_bridge_is_never_re_opened(host: Host, run_module: RunModule) -> None:
    create_bridge(host)
    two_namespaces_on(host, "int_br")
    before = host.links()["int_br"]["ifindex"]
    assert not run_module("ovs_bridge", name="int_br", datapath_type="auto").changed
    run_module("ovs_bridge", name="int_br", datapath_type="auto", external_ids={"a": "b"}, fail_mode="standalone")
    assert host.links()["int_br"]["ifindex"] == before


@pytest.mark.skipif(KERNEL_DATAPATH, reason="only taps can be deleted")
def test_a_deleted_link_is_re_created_and_nothing_else_is_touched(host: Host, run_module: RunModule) -> None:
    create_bridge(host)
    two_namespaces_on(host, "int_br")
    host.ovs_vsctl("add-port", "int_br", "i1", "--", "set", "Interface", "i1", "type=internal")
    host.run("ip", "link", "del", "int_br")
    others = {name: link["ifindex"] for name, link in host.links().items()}

    converge(host, run_module, "ovs_bridge", name="int_br")
    shell(host, "addr add 192.0.2.254/24 dev int_br\nlink set int_br up")
    assert host.pings("192.0.2.254", "red")
    assert {name: link["ifindex"] for name, link in host.links().items() if name != "int_br"} == others
    assert column("Interface", "int_br", "external_ids") == ["map", []]


@pytest.mark.skipif(KERNEL_DATAPATH, reason="only taps can be deleted")
def test_a_bridges_link_in_a_namespace_is_not_lost(host: Host, run_module: RunModule) -> None:
    create_bridge(host)
    shell(host, "netns add red\nlink set int_br netns red")
    assert not run_module("ovs_bridge", name="int_br").changed


def test_a_hardware_address_that_was_changed_is_set_again_by_the_daemon(host: Host, run_module: RunModule) -> None:
    """So the module need not check it."""
    run_module("ovs_bridge", name="int_br", mac="02:00:00:00:00:01")
    host.run("ip", "link", "set", "int_br", "address", "02:00:00:00:00:99")
    wait_until(lambda: host.links()["int_br"]["address"] == "02:00:00:00:00:01")


def test_an_mtu_lasts_whatever_ports_are_added(host: Host, run_module: RunModule) -> None:
    """It is requested of Open vSwitch: one set in the kernel lasts until the next port is added."""
    converge(host, run_module, "ovs_bridge", name="int_br", mtu=9000)
    assert host.links()["int_br"]["mtu"] == 9000
    shell(host, "link add tap0 type veth peer name eth0")
    host.ovs_vsctl("add-port", "int_br", "tap0")
    assert column("Interface", "tap0", "mtu") == 1500
    assert host.links()["int_br"]["mtu"] == 9000
    assert not run_module("ovs_bridge", name="int_br", mtu=9000).changed
    host.run("ip", "link", "set", "dev", "int_br", "mtu", "1400")
    wait_until(lambda: host.links()["int_br"]["mtu"] == 9000)
    converge(host, run_module, "ovs_bridge", name="int_br", mtu=1300, fail_mode="secure")
    assert host.links()["int_br"]["mtu"] == 1300


def test_a_refusal_restores_the_mtu_of_the_link(host: Host, run_module: RunModule) -> None:
    create_bridge(host)
    before, mtu = configuration(), host.links()["int_br"]["mtu"]
    result = run_module("ovs_bridge", bridges=[{"name": "int_br", "mtu": 1300}, {"name": "second", "mtu": 65535}])
    assert "bridges[1] (second): second keeps its MTU" in result.message  # a tap takes no more than 65521 bytes
    assert (configuration(), host.links()["int_br"]["mtu"]) == (before, mtu)


# Conflicts


@pytest.mark.parametrize("kind", ["veth peer name other", "bridge"])
def test_a_link_of_that_name_is_an_error_before_anything_is_written(
    host: Host, run_module: RunModule, kind: str
) -> None:
    host.run("ip", "link", "add", "int_br", "type", *kind.split())
    for check in (True, False):
        result = run_module("ovs_bridge", _check=check, bridges=[{"name": "br1"}, {"name": "int_br"}])
        assert result.failed
        assert f"bridges[1] (int_br): name: there is a {kind.split(maxsplit=1)[0]} link int_br" in result.message
    assert configuration()["Bridge"] == {}


@pytest.mark.skipif(KERNEL_DATAPATH, reason="the kernel's datapath leaves another kind of link")
def test_the_link_of_a_killed_daemon_is_taken_over(host: Host, run_module: RunModule) -> None:
    create_bridge(host)
    kill("ovs-vswitchd")
    host.ovs_vsctl("--no-wait", "del-br", "int_br")
    own_host.start_ovs()
    if "int_br" not in host.links():
        host.run("ip", "tuntap", "add", "int_br", "mode", "tap")
    assert run_module("ovs_bridge", name="int_br").changed
    two_namespaces_on(host, "int_br")
    shell(host, "addr add 192.0.2.254/24 dev int_br\nlink set int_br up")
    assert host.pings("192.0.2.254", "red")


def test_a_port_of_that_name_is_an_error(host: Host, run_module: RunModule) -> None:
    create_bridge(host)
    host.ovs_vsctl("add-port", "int_br", "i1", "--", "set", "Interface", "i1", "type=internal")
    result = run_module("ovs_bridge", name="i1")
    assert "i1 is already a port of the bridge int_br" in result.message
    host.ovs_vsctl("add-br", "vlan5", "int_br", "5")
    assert "VLAN bridge" in run_module("ovs_bridge", name="vlan5").message
    assert "VLAN bridge" in run_module("ovs_bridge", name="vlan5", state="absent").message


# Open vSwitch that does not answer


def test_a_change_that_times_out_is_reverted_and_reported(host: Host, run_module: RunModule) -> None:
    create_bridge(host, "old")
    before = configuration()
    with stopped("ovs-vswitchd"):
        start = time.monotonic()
        result = run_module("ovs_bridge", name="int_br", fail_mode="secure", timeout=1)
        assert time.monotonic() - start < 10
        assert "ovs-vswitchd did not apply the change within 1 s" in result.message
        assert "already been committed to the database and was reverted there" in result.message
        assert "the host is unchanged" in result.message
        assert configuration() == before
    assert run_module("ovs_bridge", name="int_br", fail_mode="secure").changed


def test_a_timeout_restores_a_removed_bridge_with_everything(host: Host, run_module: RunModule) -> None:
    create_bridge(host, "int_br", "fail_mode=secure", "flood_vlans=5,6", 'other_config:hwaddr="02:00:00:00:00:01"')
    two_namespaces_on(host, "int_br")
    host.ovs_vsctl("set-controller", "int_br", "tcp:192.0.2.99:6653", "tcp:192.0.2.98:6653")
    host.ovs_vsctl("add-bond", "int_br", "bond0", "b0", "b1", *("--", "set", "Interface", "b0", "type=internal"))
    host.ovs_vsctl("set", "Interface", "b1", "type=internal", "--", "set", "Port", "bond0", "lacp=off", "tag=0")
    host.ovs_vsctl("add-port", "int_br", "monitor", "--", "set", "Interface", "monitor", "type=internal")
    host.ovs_vsctl(
        *("--", "--id=@p", "get", "Port", "monitor", "--", "--id=@m", "create", "Mirror", "name=m1", "output_port=@p"),
        *("select_all=true", "--", "set", "Bridge", "int_br", "mirrors=@m"),
    )
    host.ovs_vsctl(
        *("--", "--id=@q", "create", "QoS", "type=linux-htb", "other_config:max-rate=1000000"),
        *("--", "set", "Port", "blue-tap", "qos=@q", "external_ids:a=b", "--", "set", "Interface", "blue-tap"),
        *("ingress_policing_rate=1000", "mtu_request=1400", "lldp:enable=true"),
    )
    before = configuration()
    numbers = [column("Interface", f"{name}-tap", "ofport") for name in ("red", "blue")]
    with stopped("ovs-vswitchd"):
        result = run_module("ovs_bridge", name="int_br", state="absent", timeout=1)
        assert "already been committed to the database and was reverted there" in result.message
        assert configuration() == before
    host.ovs_vsctl("set", "Bridge", "int_br", "fail_mode=standalone", "--", "del-controller", "int_br")
    assert host.pings("192.0.2.2", "red")
    assert [column("Interface", f"{name}-tap", "ofport") for name in ("red", "blue")] == numbers


def test_a_dead_daemon_is_an_error_before_anything_is_written(host: Host, run_module: RunModule) -> None:
    create_bridge(host, "old")
    before = configuration()
    kill("ovs-vswitchd")
    start = time.monotonic()
    for params in ({"name": "int_br"}, {"name": "old", "state": "absent"}):
        result = run_module("ovs_bridge", timeout=5, name=params["name"], state=params.get("state", "present"))
        assert result.failed
        assert "ovs-vswitchd is not running" in result.message
        assert "systemctl start" in result.message
    assert time.monotonic() - start < 5
    assert configuration() == before
    checked = run_module("ovs_bridge", _check=True, name="int_br")
    assert checked.changed
    assert checked.warnings == ["Check mode: ovs-vswitchd is not running; assuming an earlier task starts it"]
    own_host.start_ovs()
    assert run_module("ovs_bridge", name="int_br").changed


def test_a_database_server_that_does_not_answer_is_an_error_in_time(run_module: RunModule) -> None:
    with stopped("ovsdb-server"):
        start = time.monotonic()
        result = run_module("ovs_bridge", name="int_br", timeout=1)
        assert time.monotonic() - start < 10
    assert result.failed
    assert "ovsdb-server) did not answer within 1 s" in result.message


def test_open_vswitch_not_running_is_an_error(host: Host, run_module: RunModule) -> None:
    own_host.stop_ovs()
    result = run_module("ovs_bridge", name="int_br")
    assert result.failed
    assert "Open vSwitch is not running" in result.message
    assert "systemctl start" in result.message
    checked = run_module("ovs_bridge", _check=True, name="int_br")
    assert checked.changed
    assert "Check mode: Open vSwitch is not available (Open vSwitch is not running" in checked.warnings[0]
    assert checked.warnings[0].endswith("assuming an earlier task starts it, with no bridges")
    own_host.start_ovs()
    assert run_module("ovs_bridge", name="int_br").commands == checked.commands
    assert "int_br" in host.links()


@pytest.fixture(name="without_ovs")
def fixture_without_ovs() -> Iterator[None]:
    """Hide Open vSwitch."""
    with hidden_programs("ovs-vsctl"):
        yield


@pytest.mark.usefixtures("without_ovs")
def test_open_vswitch_not_installed_is_an_error(run_module: RunModule) -> None:
    result = run_module("ovs_bridge", name="int_br")
    assert result.failed
    assert "not installed" in result.message
    assert "apt install openvswitch-switch" in result.message


def test_without_open_vswitch_check_mode_predicts_the_real_run_with_it(run_module: RunModule) -> None:
    with hidden_programs("ovs-vsctl"):
        checked = run_module("ovs_bridge", _check=True, owner="lab", **BRIDGE)
    assert "not installed" in checked.warnings[0]
    applied = run_module("ovs_bridge", owner="lab", **BRIDGE)
    assert (checked.changed, checked.diff, checked.commands) == (applied.changed, applied.diff, applied.commands)


@pytest.mark.usefixtures("without_ovs")
def test_without_open_vswitch_there_is_nothing_to_remove(run_module: RunModule) -> None:
    for check in (True, False):
        pruned = run_module("ovs_bridge", _check=check, bridges=[], owner="lab", prune=True)
        assert (pruned.failed, pruned.changed, pruned.warnings) == (False, False, [])
        absent = run_module("ovs_bridge", _check=check, name="int_br", state="absent")
        assert (absent.failed, absent.changed) == (False, False)


def test_another_database_can_be_named(run_module: RunModule) -> None:
    assert run_module("ovs_bridge", name="int_br", database="unix:/run/openvswitch/db.sock").changed
    result = run_module("ovs_bridge", name="br2", database="unix:/run/openvswitch/none.sock")
    assert "none.sock" in result.message


# Owners


def test_two_owners_share_a_bridge_and_the_last_one_deletes_it(host: Host, run_module: RunModule) -> None:
    converge(host, run_module, "ovs_bridge", name="int_br", owner="a")
    converge(host, run_module, "ovs_bridge", name="int_br", owner="b")
    assert set(text_map("Bridge", "int_br", "external_ids")) == {"netns.fabric/a", "netns.fabric/b"}
    result = converge(host, run_module, "ovs_bridge", bridges=[], owner="a", prune=True)
    assert "is also owned by b; it stays, and a no longer owns it" in result.warnings[0]
    assert set(text_map("Bridge", "int_br", "external_ids")) == {"netns.fabric/b"}
    assert not run_module("ovs_bridge", name="int_br", owner="a", state="absent").changed
    converge(host, run_module, "ovs_bridge", name="int_br", owner="b", state="absent")
    assert configuration()["Bridge"] == {}


def test_an_unowned_bridge_is_used_and_never_owned(host: Host, run_module: RunModule) -> None:
    create_bridge(host)
    assert not run_module("ovs_bridge", name="int_br", owner="a").changed
    assert not run_module("ovs_bridge", bridges=[], owner="a", prune=True).changed
    result = run_module("ovs_bridge", name="int_br", owner="a", state="absent")
    assert not result.changed
    assert "is not owned by a; left alone" in result.warnings[0]


def test_a_bridge_stays_while_a_port_of_others_is_on_it(host: Host, run_module: RunModule) -> None:
    run_module("ovs_bridge", name="int_br", owner="a")
    two_namespaces_on(host, "int_br")
    converge(host, run_module, "ovs_bridge", bridges=[], owner="a", prune=True)
    assert host.pings("192.0.2.2", "red")


def test_prune_removes_what_is_owned_and_nothing_else(host: Host, run_module: RunModule) -> None:
    run_module("ovs_bridge", bridges=[{"name": name} for name in ("red", "red-test", "blue")], owner="lab")
    run_module("ovs_bridge", name="theirs", owner="lab2")
    create_bridge(host, "nobodys")
    converge(host, run_module, "ovs_bridge", bridges=[{"name": "red-test"}], owner="lab", prune=True)
    assert host.ovs_vsctl("list-br").split() == ["nobodys", "red-test", "theirs"]


def test_the_mac_address_of_a_link_behind_a_port(host: Host, run_module: RunModule) -> None:
    """The bridge and the namespace would take each other's frames."""
    mac = "02:00:00:00:00:07"
    host.run("ip", "netns", "add", "red")
    host.run(*f"ip link add name eth0 address {mac} netns red type veth peer name red0".split(" "))
    host.ovs_vsctl("add-br", "br0", "--", "set", "Bridge", "br0", "datapath_type=netdev")
    host.ovs_vsctl("add-port", "br0", "red0")
    for options in ({"mac": mac}, {"other_config": {"hwaddr": mac.upper()}}):
        for check in (True, False):
            refused = run_module("ovs_bridge", name="br0", **options, _check=check)
            assert f"br0: mac: {mac} is the MAC address of red/eth0" in refused.message
    host.ovs_vsctl("set", "Port", "red0", "tag=7")
    converge(host, run_module, "ovs_bridge", name="br0", mac=mac)
