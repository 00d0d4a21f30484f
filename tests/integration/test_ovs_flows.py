# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Declared flows of bridges: they forward and drop, are exact for their owner, rolled back and restored."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.flows import cookie_of
from ansible_collections.netns.fabric.tests.helpers.convergence import converge, converge_and_paste, shell
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.integration.conftest import RunModule

DROP = "priority=100,in_port=red-tap,ip,nw_dst=192.0.2.2,actions=drop"


def prepare(host: Host) -> None:
    """Connect two namespaces to a bridge."""
    words = ["add-br", "br", "--", "set", "Bridge", "br", "datapath_type=netdev"]
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
        words += ["--", "add-port", "br", f"{name}-tap"]
    host.ovs_vsctl(*words)


@pytest.fixture(name="prepared")
def fixture_prepared(host: Host) -> Host:
    prepare(host)
    return host


def flows(host: Host, bridge: str = "br") -> list[str]:
    """Return the flows of a bridge."""
    dumped = host.run("ovs-ofctl", "-O", "OpenFlow14", "--no-stats", "--names", "dump-flows", bridge).stdout
    return sorted(line.strip() for line in dumped.splitlines() if "actions=" in line)


def ours(host: Host, owner: str | None = None) -> list[str]:
    return [line for line in flows(host) if f"cookie={cookie_of(owner):#x}" in line]


def test_a_flow_drops_what_it_matches(host: Host, run_module: RunModule) -> None:
    result = converge_and_paste(host, run_module, lambda: prepare(host), "ovs_bridge", name="br", flows=[DROP])
    assert "| ovs-ofctl -O OpenFlow13,OpenFlow14,OpenFlow15 --bundle add-flows br -" in result.commands[0]
    assert not host.pings("192.0.2.2", "red")
    assert "priority=0 actions=NORMAL" in flows(host)
    converge(host, run_module, "ovs_bridge", name="br")  # omitted is untouched
    converge(host, run_module, "ovs_bridge", name="br", flows=[])
    assert ours(host) == []
    assert host.pings("192.0.2.2", "red")


def test_flows_forward_where_nothing_else_does(prepared: Host, run_module: RunModule) -> None:
    both = [f"in_port={one}-tap,actions=output:{other}-tap" for one, other in (("red", "blue"), ("blue", "red"))]
    result = converge(prepared, run_module, "ovs_bridge", name="br", fail_mode="secure", flows=both)
    assert result.changed
    # With the mode all flows are removed.
    assert [line for line in flows(prepared) if "NORMAL" in line] == []
    assert prepared.pings("192.0.2.2", "red")
    # They are in memory only; what was lost is restored.
    prepared.run("ovs-ofctl", "del-flows", "br")
    assert not prepared.pings("192.0.2.2", "red")
    converge(prepared, run_module, "ovs_bridge", name="br", flows=both)
    assert prepared.pings("192.0.2.2", "red")
    for further in ({"fail_mode": "standalone"}, {"controllers": [{"target": "tcp:127.0.0.1:6653"}]}):
        converge(prepared, run_module, "ovs_bridge", **{"name": "br", **further}, flows=both)
        assert len(ours(prepared)) == 2


def test_flows_are_exact_for_their_owner(prepared: Host, run_module: RunModule) -> None:
    prepared.run("ovs-ofctl", "add-flow", "br", "cookie=0x5,priority=7,arp,actions=normal")
    converge(
        prepared, run_module, "ovs_bridge", name="br", owner="lab", flows=[DROP, "table=3,idle_timeout=0,actions=2"]
    )
    converge(prepared, run_module, "ovs_bridge", name="br", owner="other", flows=["priority=9,udp,actions=drop"])
    changed = ["priority=100,in_port=red-tap,ip,nw_dst=192.0.2.2,actions=normal", "priority=8,tcp,actions=drop"]
    converge(prepared, run_module, "ovs_bridge", name="br", owner="lab", flows=changed)
    assert len(ours(prepared, "lab")) == 2
    assert len(ours(prepared, "other")) == 1
    assert any("cookie=0x5" in line for line in flows(prepared))
    converge(prepared, run_module, "ovs_bridge", name="br", owner="lab", flows=[])
    assert len(ours(prepared, "other")) == 1


def test_the_flows_of_an_owner_that_gives_a_bridge_up_are_removed(host: Host, run_module: RunModule) -> None:
    for owner in ("lab", "other"):
        entry = {"name": "br", "datapath_type": "netdev", "flows": [f"priority={len(owner)},arp,actions=flood"]}
        assert not run_module("ovs_bridge", bridges=[entry], owner=owner).failed
    converge(host, run_module, "ovs_bridge", bridges=[], owner="lab", prune=True)
    assert (len(ours(host, "lab")), len(ours(host, "other"))) == (0, 1)
    converge(host, run_module, "ovs_bridge", name="br", state="absent", owner="other")


def test_a_flow_of_somebody_else_is_not_replaced(prepared: Host, run_module: RunModule) -> None:
    prepared.run("ovs-ofctl", "add-flow", "br", "cookie=0x5,priority=7,arp,actions=normal")
    before = flows(prepared)
    for check in (True, False):
        result = run_module("ovs_bridge", name="br", flows=["priority=7,arp,actions=drop"], _check=check)
        assert "flows: the bridge has a flow of somebody else with the same match" in result.message
    assert flows(prepared) == before


def test_a_new_bridge_gets_flows_and_a_sequence_waits_for_ports(host: Host, run_module: RunModule) -> None:
    bridge: dict[str, Any] = {"name": "br", "datapath_type": "netdev", "flows": ["priority=5,arp,actions=flood"]}
    converge(host, run_module, "ovs_bridge", **bridge)
    named = "in_port=i0,actions=drop"
    steps = [
        {"module": "ovs_bridge", "options": {"name": "b2", "datapath_type": "netdev"}},
        {"module": "ovs_port", "options": {"name": "i0", "bridge": "b2", "type": "internal"}},
        {"module": "ovs_bridge", "options": {"name": "b2", "flows": [named]}},
    ]
    checked = run_module("sequence", steps=steps, _check=True)
    assert not checked.failed, checked.message
    assert not run_module("sequence", steps=steps).failed
    assert not run_module("sequence", steps=steps).changed
    assert any("in_port=i0" in line for line in flows(host, "b2"))


def test_a_failure_rolls_flows_back(prepared: Host, run_module: RunModule) -> None:
    assert not run_module("ovs_bridge", name="br", flows=[DROP, "priority=8,tcp,actions=drop"]).failed
    before = flows(prepared)
    # The group does not exist, which only ovs-vswitchd notices: none of the bundle is applied.
    result = run_module("ovs_bridge", name="br", stp=True, flows=["priority=9,udp,actions=group:7"])
    assert "ovs-ofctl could not change the flows" in result.message
    assert result.message.endswith("the host is unchanged.")
    assert flows(prepared) == before
    assert prepared.ovs_vsctl("get", "Bridge", "br", "stp_enable") == "false"
    # The first bridge is changed, and changed back.
    prepared.ovs_vsctl("add-br", "b2", "--", "set", "Bridge", "b2", "datapath_type=netdev")
    entries = [{"name": "br", "flows": [DROP, "arp,actions=flood"]}, {"name": "b2", "flows": ["actions=group:7"]}]
    result = run_module("ovs_bridge", bridges=entries)
    assert result.message.endswith("the host is unchanged.")
    assert flows(prepared) == before


REFUSED: list[tuple[dict[str, Any], str]] = [
    (
        {"flows": ["priority=5,tcp,tp_foo=1,actions=drop"]},
        "flows[0]: ovs-ofctl does not understand it: unknown",
    ),
    ({"flows": [DROP, "ip,actions=outptu:1"]}, "flows[1]: ovs-ofctl does not understand it"),
    ({"flows": ["priority=5,tcp"]}, "flows[0]: it has no actions"),
    ({"flows": ["cookie=5,tcp,actions=drop"]}, "flows[0]: the cookie shows"),
    ({"flows": ["in_port=nope,actions=drop"]}, "flows[0]: the bridge has no port nope"),
    (
        {"flows": [DROP], "protocols": ["OpenFlow10"]},
        "flows: they are changed as a whole, which needs",
    ),
]


@pytest.mark.parametrize(("options", "message"), REFUSED)
def test_wrong_flows_are_refused(prepared: Host, run_module: RunModule, options: dict[str, Any], message: str) -> None:
    before = flows(prepared)
    result = run_module("ovs_bridge", name="br", **options)
    assert result.failed
    assert message in result.message
    assert flows(prepared) == before
