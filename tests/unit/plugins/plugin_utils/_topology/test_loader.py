# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Loading a topology: the errors of the reader and of all checks together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.compiler import compile_topology
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.errors import TopologyError
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.loader import load_topology
from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils._topology.topologies import (
    OUTSIDE,
    Variables,
    logical,
    reference,
    small,
)


@pytest.mark.parametrize(
    "variables",
    [
        small(addresses=["10.0.0.1/24", "10.0.0.2/24"]),
        small(routes=[{"destination": "default", "device": "eth0"}]),
        small(routes=[{"destination": "default", "gateway": "fe80::1", "device": "eth0"}]),
        small(routes=[{"destination": "default", "device": "lo"}]),
        # On-link through a route without a gateway.
        small(
            routes=[
                {"destination": "192.0.2.1/32", "device": "eth0"},
                {"destination": "default", "gateway": "192.0.2.1", "device": "eth0"},
            ]
        ),
        # Default routes that do not replace each other.
        small(
            routes=[
                {"destination": "default", "gateway": "10.0.0.2"},
                {"destination": "default", "gateway": "10.0.0.3", "metric": 10},
                {"destination": "default", "gateway": "10.0.0.3", "table": 10},
                {"destination": "default", "gateway": "fe80::1", "device": "eth0"},
            ]
        ),
        # An existing link may have addresses that are not declared.
        {
            "namespaces": [
                {
                    "name": "red",
                    "interfaces": [{"name": "eth1"}],
                    "routes": [{"destination": "default", "gateway": "192.0.2.1", "source": "192.0.2.2"}],
                }
            ]
        },
        # Tenants that overlap: on bridges, and in VLANs of one bridge, that do not see each other.
        {
            "bridges": [{"name": "br0"}, {"name": "br1"}],
            "namespaces": [
                {"name": name, "interfaces": [{"name": "eth0", "bridge": bridge, "addresses": ["10.0.0.1/24"], **port}]}
                for name, bridge, port in (("a", "br0", {}), ("b", "br1", {}), ("c", "br0", {"tag": 7}))
            ],
        },
        # The same name in two namespaces, and on the host.
        {
            "namespaces": [{"name": "a"}, {"name": "b"}],
            "links": [
                {"name": "eth0", "namespace": "a", "peer": {"name": "eth0", "namespace": "b"}},
                {"name": "eth1", "namespace": "a", "peer": {"name": "eth0"}},
            ],
        },
        # One network by two interfaces, and in two routers.
        {
            "namespaces": [{"name": "red"}],
            "nat": [
                {"source": "10.0.0.0/24", "out_interface": "eth0"},
                {"source": "10.0.0.0/24", "out_interface": "eth1"},
                {"source": "10.0.0.0/24", "namespace": "red"},
                {"source": "fd00::/8"},
            ],
        },
    ],
)
def test_valid_topologies(variables: Variables) -> None:
    load_topology(variables)


def router_and_client() -> list[Variables]:
    """Return two namespaces with entries of many kinds."""
    hops = [{"gateway": "10.0.0.2", "weight": 2}, {"device": "eth0"}]
    return [
        {
            "name": "red",
            "sysctls": {"net.ipv4.ip_forward": 1},
            "nameservers": ["192.0.2.53"],
            "labels": ["left"],
            "interfaces": [
                {"name": "eth0", "bridge": "br0", "addresses": ["10.0.0.1/24", "fd00::1/64"], "trunks": ["0-9"]},
                {
                    "name": "eth0.7",
                    "kind": "vlan",
                    "parent": {"name": "eth0", "namespace": "red"},
                    "vlan": {"id": 7},
                },
                {"name": "mv0", "kind": "macvlan", "parent": {"name": "br0"}, "macvlan": {"mode": "bridge"}},
            ],
            "routes": [{"destination": "10.9.0.0/24", "nexthops": hops}, {"destination": "::/0", "type": "throw"}],
            "rules": [{"priority": 9, "from": "10.0.0.0/8", "table": 7}],
            "neighbours": [{"address": "10.0.0.9", "device": "eth0", "mac": "02:00:00:00:00:09"}],
        },
        {"name": "blue", "routes": [{"destination": "default", "gateway": "10.2.0.1"}]},
    ]


def with_much() -> Variables:
    """Return a topology with entries of many kinds."""
    target = {"namespaces": ["red"], "networks": ["10.9.0.0/24"]}
    return {
        "bridges": [
            {
                "name": "br0",
                "addresses": ["10.0.0.254/24", "fd00::fe/64"],
                "isolate": True,
                "ports": [
                    {"name": "to1", "peer": {"name": "to0", "bridge": "br1"}},
                    {"name": "far", "type": "vxlan", "tunnel": {"remote_ip": "192.0.2.7", "key": 5}},
                    {"name": "in0", "type": "internal", "tag": 3, "addresses": ["10.3.0.1/24"]},
                ],
                "mirrors": [{"name": "watch", "select_src_ports": ["to1"], "output_port": "in0"}],
                "flows": ["priority=1,actions=NORMAL"],
            },
            {"name": "br1", "incoming": "deny"},
        ],
        "namespaces": router_and_client(),
        "host": {"routes": [{"destination": "10.2.0.0/24", "gateway": "10.0.0.1"}]},
        "links": [
            {
                "name": "red0",
                "namespace": "red",
                "addresses": ["10.2.0.1/24"],
                "peer": {"name": "eth0", "namespace": "blue", "addresses": ["10.2.0.2/24"], "shape": {"delay": "5ms"}},
            }
        ],
        "nat": [
            {"source": "10.0.0.0/24", "excluded_destinations": ["10.9.0.0/24"], "to_source": "192.0.2.1"},
            {"publish": "80-81", "to": "red", "from": ["192.0.2.0/24"]},
        ],
        "policies": [{"from": {"groups": ["left"]}, "to": target, "action": "drop", "protocol": "tcp", "ports": [22]}],
        "verify_outside": [OUTSIDE],
        "verify_probes": [{"namespace": "red", "to": "10.0.0.254"}],
    }


def with_leases() -> Variables:
    """Return a network of OVN over hosts, whose addresses a client gets by DHCP and by SLAAC."""
    variables = logical()
    bridge = {"addresses": ["10.1.0.254/24", "fd00:1::fe/64"], "dhcp": {"address_mode": "slaac", "lease_time": 60}}
    variables["bridges"][0].update(bridge)
    variables["namespaces"][0]["interfaces"][0]["dhcp"] = True
    del variables["namespaces"][0]["routes"]
    return variables


def wrong_values(value: Any) -> Iterator[Any]:
    """Yield what is like a value but for one place in it, where something is wrong or missing."""
    yield from (None, 3, "x", [], {"x": 1})
    if isinstance(value, dict):
        for key, item in value.items():
            yield {name: each for name, each in value.items() if name != key}
            yield from ({**value, key: wrong} for wrong in wrong_values(item))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from ([*value[:index], wrong, *value[index + 1 :]] for wrong in wrong_values(item))


@pytest.mark.parametrize("variables", [with_much(), with_leases()])
def test_a_wrong_value_is_reported_as_an_error(variables: Variables) -> None:
    compile_topology(variables)
    for changed in wrong_values(variables):
        try:
            compile_topology(changed)
        except TopologyError:
            continue
        except Exception as error:
            raise AssertionError(changed) from error


def test_all_errors_at_once() -> None:
    variables = reference()
    variables["bridges"].append({"name": "a-bridge-with-too-long-a-name"})
    variables["namespaces"][1]["interfaces"][0].update(addresses=["192.168.100.1/24"], adress="x", mtu=1)
    variables["namespaces"][0]["routes"][0]["gateway"] = "10.0.0.1"
    variables["nat"].append({"source": "192.168.0.0/16"})
    with pytest.raises(TopologyError) as raised:
        load_topology(variables)
    lines = str(raised.value).splitlines()
    assert lines[0] == "topology 'default' has 6 errors; the host was not changed:"
    assert [line.split(".")[0].strip() for line in lines[1:]] == ["1", "2", "3", "4", "5", "6"]
