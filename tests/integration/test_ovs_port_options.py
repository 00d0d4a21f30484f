# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of ovs_port that are columns: bonds, VLAN ranges, identifiers, policing; by database and by traffic."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netns.fabric.tests.helpers.convergence import converge, converge_and_paste, shell
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.openvswitch import column, configuration, rows, stopped, text_map
from ansible_collections.netns.fabric.tests.integration.conftest import RunModule

BOND: dict[str, Any] = {"name": "bond0", "bridge": "br", "members": ["n1", "n0"]}


def prepare(host: Host) -> None:
    """Create a bridge, three veth pairs for bonds into the namespace far, and a port t0 with an end in near."""
    shell(
        host,
        """
        netns add far
        netns add near
        link add n0 type veth peer name e0 netns far
        link add n1 type veth peer name e1 netns far
        link add n2 type veth peer name e2 netns far
        link add t0 type veth peer name eth0 netns near
        -n near addr add 192.0.2.1/24 dev eth0
        -n near link set eth0 up
        -n far addr add 192.0.2.2/24 dev e0
        -n far link set e0 up
        -n far link set e1 up
        -n far link set e2 up
        link set n0 up
        link set n1 up
        link set n2 up
        link set t0 up
        """,
    )
    host.ovs_vsctl("add-br", "br", "--", "set", "Bridge", "br", "datapath_type=netdev", "--", "add-port", "br", "t0")


@pytest.fixture(name="prepared")
def fixture_prepared(host: Host) -> Host:
    prepare(host)
    return host


def members(name: str = "bond0") -> list[str]:
    return list(rows("Port")[name]["interfaces"])


# Bonds


def test_a_bond_is_added_and_carries_traffic(host: Host, run_module: RunModule) -> None:
    options = {**BOND, "bond_mode": "active-backup", "bond_updelay": 5, "lacp": "off", "owner": "lab", "mtu": 1400}
    result = converge_and_paste(host, run_module, lambda: prepare(host), "ovs_port", **options)
    assert result.commands[0].startswith("ovs-vsctl add-bond br bond0 n0 n1 bond_mode=active-backup bond_updelay=5 ")
    # Its links are treated as those of other ports: TCP works, and the host's own stack leaves them alone.
    assert "ip netns exec far ethtool -K e1 tx off" in result.commands
    assert host.run("sysctl", "-n", "net.ipv4.conf.n1.arp_ignore").stdout.strip() == "8"
    # The first member alone leads to the address.
    host.ovs_vsctl("set", "Port", "bond0", "other_config:bond-primary=n0")
    assert host.pings("192.0.2.2", "near")


def test_the_members_of_a_bond_are_exact(prepared: Host, run_module: RunModule) -> None:
    converge(prepared, run_module, "ovs_port", **BOND, mtu=1400)
    number = column("Interface", "n1", "ofport")
    result = converge(prepared, run_module, "ovs_port", name="bond0", members=["n1", "n2"], mtu=1400)
    assert result.commands[0] == "ovs-vsctl add-bond-iface bond0 n2 -- set Interface n2 mtu_request=1400"
    assert result.commands[-1] == "ovs-vsctl -- --if-exists del-bond-iface bond0 n0"
    assert members() == ["n1", "n2"]
    assert column("Interface", "n1", "ofport") == number
    converge(prepared, run_module, "ovs_port", name="bond0", members=["n0", "n2", "n1"])
    converge(prepared, run_module, "ovs_port", name="bond0", bond_mode="balance-slb", lacp_time="fast", tag=7)
    assert text_map("Port", "bond0", "other_config") == {"lacp-time": "fast"}
    assert members() == ["n0", "n1", "n2"]
    converge(prepared, run_module, "ovs_port", name="bond0", state="absent")
    assert "bond0" not in rows("Port")


def test_a_bond_whose_members_are_all_replaced_gets_its_settings(prepared: Host, run_module: RunModule) -> None:
    shell(prepared, "link add t9 type veth peer name t9p")
    converge(prepared, run_module, "ovs_port", **BOND)
    options = {"bond_mode": "balance-slb", "tag": 7, "external_ids": {"a": "b"}}
    converge(prepared, run_module, "ovs_port", name="bond0", members=["n2", "t9"], **options)
    row = rows("Port")["bond0"]
    assert (row["bond_mode"], row["tag"], members()) == ("balance-slb", 7, ["n2", "t9"])
    assert text_map("Port", "bond0", "external_ids") == {"a": "b"}


@pytest.mark.parametrize("replacement", [["n1", "n2"], ["n2", "t9"]])
def test_a_change_of_members_that_times_out_is_rolled_back(
    prepared: Host, run_module: RunModule, replacement: list[str]
) -> None:
    shell(prepared, "link add t9 type veth peer name t9p")
    assert not run_module("ovs_port", **BOND, interface_external_ids={"a": "b"}).failed
    before = configuration()
    with stopped("ovs-vswitchd"):
        result = run_module("ovs_port", name="bond0", members=replacement, bond_mode="balance-slb", timeout=1)
    assert "was reverted there" in result.message
    assert result.message.endswith("the host is unchanged.")
    assert configuration() == before


def test_a_failed_removal_of_a_member_restores_it(prepared: Host, run_module: RunModule, tmp_path: Path) -> None:
    shell(prepared, "link add t9 type veth peer name t9p")
    assert not run_module("ovs_port", **BOND, interface_external_ids={"a": "b"}).failed
    before = configuration()
    # The new members are added. The second transaction is committed, and then the program fails.
    program = tmp_path / "ovs-vsctl"
    program.write_text(
        '#!/bin/sh\n/usr/bin/ovs-vsctl "$@" || exit\ncase "$*" in *del-bond-iface*n0*) exit 3;; esac\n',
        encoding="ascii",
    )
    program.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    result = run_module("ovs_port", name="bond0", members=["n2", "t9"], tag=7, _env=environment)
    assert "failed after the change had been committed" in result.message
    assert result.message.endswith("the host is unchanged.")
    assert configuration() == before


def test_a_member_that_was_re_created_is_attached_again(prepared: Host, run_module: RunModule) -> None:
    assert not run_module("ovs_port", **BOND).failed
    shell(
        prepared,
        """
        link del n0
        link add n0 type veth peer name e0 netns far
        -n far addr add 192.0.2.2/24 dev e0
        -n far link set e0 up
        link set n0 up
        """,
    )
    result = converge(prepared, run_module, "ovs_port", name="bond0")
    assert any("Interface n0 type=patch" in line for line in result.commands)
    prepared.ovs_vsctl("set", "Port", "bond0", "other_config:bond-primary=n0")
    assert prepared.pings("192.0.2.2", "near")


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({**BOND, "members": ["n0", "n9"]}, "members: the link n9 does not exist on the host"),
    ({**BOND, "members": ["n0", "t0"]}, "members: t0 is on the port t0 of the bridge br; remove it there first"),
    ({"name": "t0", "members": ["n0", "n1"]}, "members: t0 is a port of one interface; remove it first"),
    ({"name": "t0", "bond_mode": "balance-slb"}, "bond_mode: it has no effect on t0"),
    ({**BOND, "bond_mode": "balance-tcp"}, "bond_mode: `balance-tcp` requires LACP, which is off"),
    ({"name": "n0", "bridge": "br", "cvlans": ["5"]}, "cvlans: it has an effect on a tunnel of VLANs only"),
    ({"name": "t0", "cvlans": ["5"]}, "cvlans: it has an effect on a tunnel of VLANs only"),
]


@pytest.mark.parametrize(("options", "message"), REFUSED)
def test_an_impossible_bond_is_refused(
    prepared: Host, run_module: RunModule, options: dict[str, Any], message: str
) -> None:
    before = configuration()
    result = run_module("ovs_port", **options)
    assert result.failed
    assert message in result.message
    assert configuration() == before


# Columns


def test_vlan_ranges(prepared: Host, run_module: RunModule) -> None:
    result = converge(prepared, run_module, "ovs_port", name="t0", trunks=["10-12", 30, "20 - 21"])
    assert result.commands[0] == "ovs-vsctl set Port t0 'trunks=[10,11,12,20,21,30]'"
    declared = run_module("topology_info").returned["declarations"]["ports"]
    assert next(port for port in declared if port["name"] == "t0")["trunks"] == ["10-12", 20, 21, 30]
    assert not run_module("ovs_port", ports=declared).changed


def test_inner_vlans_of_a_tunnel(prepared: Host, run_module: RunModule) -> None:
    options: dict[str, Any] = {"name": "t0", "vlan_mode": "dot1q-tunnel", "tag": 100, "cvlans": ["5-7", 9]}
    result = converge(prepared, run_module, "ovs_port", **options)
    assert "other_config:vlan-limit=0" in result.warnings[0]
    assert rows("Port")["t0"]["cvlans"] == [5, 6, 7, 9]
    converge(prepared, run_module, "ovs_port", name="t0", cvlans=[])
    prepared.ovs_vsctl("set", "Open_vSwitch", ".", "other_config:vlan-limit=2")
    assert not run_module("ovs_port", **options).warnings
    prepared.ovs_vsctl("remove", "Open_vSwitch", ".", "other_config", "vlan-limit")


def test_the_interface_has_identifiers_settings_and_policing(prepared: Host, run_module: RunModule) -> None:
    options = {
        "name": "t0",
        "iface_id": "lsp-1",
        "interface_external_ids": {"attached-mac": "02:00:00:00:00:01"},
        "interface_other_config": {"custom": True},
        "ingress_policing_rate": 1000,
        "ingress_policing_burst": 800,
    }
    result = converge(prepared, run_module, "ovs_port", **options)
    assert text_map("Interface", "t0", "external_ids") == {"iface-id": "lsp-1", "attached-mac": "02:00:00:00:00:01"}
    assert text_map("Interface", "t0", "other_config") == {"custom": "true"}
    assert column("Interface", "t0", "ingress_policing_rate") == 1000
    assert "`ingress_policing_rate` has no effect on the userspace datapath" in result.warnings[0]
    (declared,) = run_module("topology_info").returned["declarations"]["ports"]
    assert {key: declared[key] for key in options} == {**options, "interface_other_config": {"custom": "true"}}
    removed = {"iface_id": "", "interface_external_ids": {"attached-mac": None}, "ingress_policing_rate": 0}
    converge(prepared, run_module, "ovs_port", name="t0", **removed)
    assert text_map("Interface", "t0", "external_ids") == {}


def test_a_bond_is_declared_as_it_is(prepared: Host, run_module: RunModule) -> None:
    options = {**BOND, "members": ["n0", "n1"], "bond_mode": "balance-slb", "bond_downdelay": 7, "lacp": "passive"}
    assert not run_module("ovs_port", **options).failed
    declared = run_module("topology_info").returned["declarations"]["ports"]
    assert next(port for port in declared if port["name"] == "bond0") == {**options, "tx_checksum": "keep"}
    before = configuration()
    assert not run_module("ovs_port", name="bond0", state="absent").failed
    assert not run_module("ovs_port", ports=declared).failed
    assert configuration() == before
