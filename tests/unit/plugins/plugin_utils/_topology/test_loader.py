# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Loading a topology: the errors of the reader and of all checks together."""

from __future__ import annotations

import pytest

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.errors import TopologyError
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.loader import load_topology
from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils._topology.topologies import (
    Variables,
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
                {"source": "::/0"},
            ],
        },
    ],
)
def test_valid_topologies(variables: Variables) -> None:
    load_topology(variables)


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
