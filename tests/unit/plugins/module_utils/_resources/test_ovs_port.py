# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of ports."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError
from ansible_collections.netns.fabric.tests.unit.plugins.module_utils._resources.ovs_ports import wanted


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": ""}, "name: "),
        ({"name": "x" * 16, "type": "internal"}, "name: .*16 characters long"),
        ({"name": "a/b", "type": "internal"}, "name: 'a/b' has a '/'"),
        ({"name": "--"}, "name: '--' cannot be the name of a port"),
        ({"name": "a\x00b", "type": "patch"}, "name: .*unprintable"),
        ({"name": "gre_sys"}, "name: .*reserves the name gre_sys"),
        ({"bridge": "a\\\\b"}, "bridge: .*backslash"),
        ({"external_ids": {"iface-id": "x"}}, "external_ids: use the option `iface_id`"),
        ({"bridge": "x" * 16}, "bridge: .*16 characters long"),
        ({"tag": 4095}, "tag: .*4095"),
        ({"trunks": [1, -1]}, "trunks: .*-1"),
        ({"mtu": 60}, "mtu: .*60"),
        ({"mac": "02:00:00:00:00"}, "mac: "),
        ({"tag": 5, "vlan_mode": "trunk"}, "tag: it is not allowed with `vlan_mode: trunk`"),
        ({"trunks": [5], "vlan_mode": "access"}, "trunks: .*carries one VLAN only"),
        ({"trunks": [5], "tag": 6}, "trunks: .*access port.*`native-untagged`"),
        ({"trunks": ["20-10"]}, "trunks: the range 20-10 begins above its end; write 10-20"),
        ({"trunks": ["10-5000"]}, "trunks: 5000"),
        ({"cvlans": [5], "vlan_mode": "access"}, "cvlans: it has no effect with `vlan_mode: access`"),
        ({"members": ["a"]}, "members: a bond has at least two members"),
        ({"members": ["t1", "b"]}, "name: the bond t1 cannot have the name of a member"),
        ({"members": ["a=b", "b"]}, r"members\[0\]: ovs-vsctl takes a=b for a setting"),
        ({"members": ["a", "b"], "iface_id": "x"}, "iface_id: a bond has several interfaces"),
        ({"members": ["a", "b"], "type": "internal"}, "type: a bond has several interfaces"),
        ({"members": ["a", "b"], "bond_mode": "balance-tcp", "lacp": "off"}, "bond_mode: .* requires LACP"),
        ({"bond_updelay": -1}, "bond_updelay: -1 is not a valid number"),
        ({"lacp_time": "fast", "other_config": {"lacp-time": "slow"}}, "lacp_time: it is the same as"),
        ({"interface_external_ids": {"iface-id": "x"}}, "interface_external_ids: use the option `iface_id`"),
        ({"ingress_policing_rate": -5}, "ingress_policing_rate: -5"),
        ({"type": "vxlan", "tunnel": {"remote_ip": "192.0.2.300"}}, "tunnel.remote_ip: "),
        ({"type": "vxlan", "tunnel": {"key": "16777216"}}, "tunnel.key: 16777216 is too large for vxlan"),
        ({"type": "gre", "tunnel": {"dst_port": 5}}, "tunnel.dst_port: a port of type gre does not have it"),
        ({"type": "geneve", "tunnel": {"ttl": "256"}}, "tunnel.ttl: 256 is not a valid number"),
        ({"type": "internal", "tunnel": {"ttl": "5"}}, "tunnel: a port of type internal is not a tunnel"),
        ({"type": "gre", "tunnel": {"key": "5"}, "options": {"key": "5"}}, "tunnel.key: it is the same as `key`"),
        ({"peer": {"name": "p2", "bridge": "b2", "namespace": "red"}}, "peer.namespace: with `peer.bridge`"),
        ({"peer": {"name": "t1", "bridge": "b2"}}, "peer.name: the two halves of a pair need different names"),
        ({"bridge": "b2", "peer": {"name": "p2", "bridge": "b2"}}, "peer.bridge: a pair of patch ports connects two"),
        ({"type": "gre", "peer": {"name": "p2", "bridge": "b2"}}, "type: with `peer.bridge` the port is a patch port"),
        ({"options": {"peer": "x"}, "peer": {"name": "p2", "bridge": "b2"}}, "options: `peer` is the same"),
        ({"members": ["a", "b"], "peer": {"name": "p2", "bridge": "b2"}}, "peer: a bond has several interfaces"),
        ({"external_ids": {"netns.fabric/lab": "x"}}, "external_ids: .*`owner`"),
        ({"peer": {"name": "x" * 16}}, "peer.name: .*16 characters long"),
        ({"peer": {"name": "x", "namespace": "a/b"}}, "peer.namespace: "),
    ],
)
def test_an_invalid_option_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(FabricError, match=message):
        wanted(**options)


def test_every_error_of_an_entry_is_reported_at_once() -> None:
    with pytest.raises(FabricError, match=r"(?s)tag: .*mtu: "):
        wanted(tag=4095, mtu=60)


@pytest.mark.parametrize("name", ["a/b", "-a", "a b", ".", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "grün", "%d"])
def test_a_port_without_a_link_may_have_any_name(name: str) -> None:
    assert wanted(name=name, type="patch").name == name


def test_a_key_that_nobody_reads_may_be_removed() -> None:
    assert wanted(external_ids={"iface-id": None}).external_ids == {"iface-id": None}
