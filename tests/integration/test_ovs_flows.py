# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The flows of bridges: they forward and drop, are exact for their owner, rolled back and restored."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.flows import cookie_of
from ansible_collections.netns.fabric.tests.helpers.convergence import converge, converge_and_paste, shell
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.module_runner import ModuleResult
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


def ours(host: Host, owner: str | None = None, bridge: str = "br") -> list[str]:
    return [line for line in flows(host, bridge) if f"cookie={cookie_of(owner):#x}" in line]


def test_a_flow_drops_what_it_matches(host: Host, run_module: RunModule) -> None:
    result = converge_and_paste(host, run_module, lambda: prepare(host), "ovs_flow", bridge="br", flows=[DROP])
    assert "| ovs-ofctl -O OpenFlow13,OpenFlow14,OpenFlow15 --bundle add-flows br -" in result.commands[0]
    assert not host.pings("192.0.2.2", "red")
    assert "priority=0 actions=NORMAL" in flows(host)
    assert "in_port=red-tap" in result.commands[0]  # what the user has written
    converge(host, run_module, "ovs_flow", bridge="br", flows=[])
    assert ours(host) == []
    assert host.pings("192.0.2.2", "red")


def test_flows_forward_where_nothing_else_does(prepared: Host, run_module: RunModule) -> None:
    both = [f"in_port={one}-tap,actions=output:{other}-tap" for one, other in (("red", "blue"), ("blue", "red"))]

    def run(**bridge: Any) -> ModuleResult:
        flows = {"module": "ovs_flow", "options": {"bridge": "br", "flows": both}}
        return converge(
            prepared,
            run_module,
            "sequence",
            steps=[{"module": "ovs_bridge", "options": {"name": "br", **bridge}}, flows],
        )

    assert run(fail_mode="secure").changed
    # With the mode all flows are removed.
    assert [line for line in flows(prepared) if "NORMAL" in line] == []
    assert prepared.pings("192.0.2.2", "red")
    # They are in memory only; what was lost is restored.
    prepared.run("ovs-ofctl", "del-flows", "br")
    assert not prepared.pings("192.0.2.2", "red")
    converge(prepared, run_module, "ovs_flow", bridge="br", flows=both)
    assert prepared.pings("192.0.2.2", "red")
    for further in ({"fail_mode": "standalone"}, {"controllers": [{"target": "tcp:127.0.0.1:6653"}]}):
        run(**further)
        assert len(ours(prepared)) == 2


def test_flows_are_exact_for_their_owner(prepared: Host, run_module: RunModule) -> None:
    prepared.run("ovs-ofctl", "add-flow", "br", "cookie=0x5,priority=7,arp,actions=normal")
    converge(
        prepared, run_module, "ovs_flow", bridge="br", owner="lab", flows=[DROP, "table=3,idle_timeout=0,actions=2"]
    )
    converge(prepared, run_module, "ovs_flow", bridge="br", owner="other", flows=["priority=9,udp,actions=drop"])
    changed = ["priority=100,in_port=red-tap,ip,nw_dst=192.0.2.2,actions=normal", "priority=8,tcp,actions=drop"]
    converge(prepared, run_module, "ovs_flow", bridge="br", owner="lab", flows=changed)
    assert len(ours(prepared, "lab")) == 2
    assert len(ours(prepared, "other")) == 1
    assert any("cookie=0x5" in line for line in flows(prepared))
    converge(prepared, run_module, "ovs_flow", bridge="br", owner="lab", state="absent")
    assert len(ours(prepared, "other")) == 1


def test_the_flows_of_an_owner_are_pruned_on_every_bridge(host: Host, run_module: RunModule) -> None:
    for name in ("br", "b2"):
        host.ovs_vsctl("add-br", name, "--", "set", "Bridge", name, "datapath_type=netdev")
        for owner in ("lab", "other"):
            entry = {"bridge": name, "flows": [f"priority={len(owner)},arp,actions=flood"]}
            assert not run_module("ovs_flow", bridges=[entry], owner=owner).failed
    kept = {"bridge": "b2", "flows": ["priority=3,arp,actions=flood"]}
    result = converge(host, run_module, "ovs_flow", bridges=[kept], owner="lab", prune=True)
    assert [each["before_header"] for each in result.diff] == ["flows br"]
    assert [(len(ours(host, "lab", name)), len(ours(host, "other", name))) for name in ("br", "b2")] == [(0, 1), (1, 1)]


def test_a_flow_of_somebody_else_is_not_replaced(prepared: Host, run_module: RunModule) -> None:
    prepared.run("ovs-ofctl", "add-flow", "br", "cookie=0x5,priority=7,arp,actions=normal")
    before = flows(prepared)
    for check in (True, False):
        result = run_module("ovs_flow", bridge="br", flows=["priority=7,arp,actions=drop"], _check=check)
        assert "flows[0]: the bridge has a flow of somebody else with the same match" in result.message
    assert flows(prepared) == before


def test_one_sequence_creates_a_bridge_its_ports_and_the_flows_that_name_them(
    host: Host, run_module: RunModule
) -> None:
    named = ["in_port=i0,actions=drop", "in_port=b2,actions=output:i0", "priority=5,arp,actions=flood"]

    def steps(state: str = "present") -> list[dict[str, Any]]:
        flows = {"bridge": "b2", "flows": named, "state": state}
        return [
            {"module": "ovs_bridge", "options": {"name": "b2", "datapath_type": "netdev", "state": state}},
            {"module": "ovs_port", "options": {"name": "i0", "bridge": "b2", "type": "internal", "state": state}},
            {"module": "ovs_flow", "options": flows},
        ]

    result = converge(host, run_module, "sequence", steps=steps())
    assert [each["module"] for each in result.returned["steps"] if each["changed"]] == [
        *("ovs_bridge", "ovs_port", "ovs_flow")
    ]
    assert len(ours(host, bridge="b2")) == 3
    # A port that is lost and comes back, on the same bridge.
    host.ovs_vsctl("del-port", "i0")
    converge(host, run_module, "sequence", steps=steps())
    assert any("in_port=i0" in line for line in ours(host, bridge="b2"))
    converge(host, run_module, "sequence", steps=steps("absent")[::-1])
    assert host.ovs_vsctl("list-br") == ""


def test_a_failure_rolls_flows_back(prepared: Host, run_module: RunModule) -> None:
    assert not run_module("ovs_flow", bridge="br", flows=[DROP, "priority=8,tcp,actions=drop"]).failed
    before = flows(prepared)
    # The group does not exist, which only ovs-vswitchd notices: none of the bundle is applied.
    result = run_module("ovs_flow", bridge="br", flows=["priority=9,udp,actions=group:7"])
    assert "ovs-ofctl could not change the flows" in result.message
    assert result.message.endswith("the host is unchanged.")
    assert flows(prepared) == before
    # The first bridge is changed, and changed back.
    prepared.ovs_vsctl("add-br", "b2", "--", "set", "Bridge", "b2", "datapath_type=netdev")
    entries = [{"bridge": "br", "flows": [DROP, "arp,actions=flood"]}, {"bridge": "b2", "flows": ["actions=group:7"]}]
    result = run_module("ovs_flow", bridges=entries)
    assert result.message.endswith("the host is unchanged.")
    assert flows(prepared) == before


REFUSED: list[tuple[list[str], list[str]]] = [
    (
        # All of them at once, though ovs-ofctl stops at the first.
        ["priority=5,tcp,tp_foo=1,actions=drop", DROP, "ip,actions=outptu:1", "in_port=nope,actions=output:none2"],
        [
            "flows[0]: ovs-ofctl does not understand it: unknown",
            "flows[2]: ovs-ofctl does not understand it",
            "flows[3]: the bridge has no port none2; add it first",
            "flows[3]: the bridge has no port nope; add it first",
        ],
    ),
    (["priority=5,tcp", "cookie=5,tcp,actions=drop"], ["flows[0]: it has no actions", "flows[1]: the cookie shows"]),
    (["priority=5,tcp,actions=drop", "tcp,priority=5,actions=normal"], ["flows[0]: a later one has the same table"]),
]


@pytest.mark.parametrize(("given", "messages"), REFUSED)
def test_wrong_flows_are_refused(prepared: Host, run_module: RunModule, given: list[str], messages: list[str]) -> None:
    before = flows(prepared)
    result = run_module("ovs_flow", bridge="br", flows=given)
    assert result.failed
    for message in messages:
        assert message in result.message
    assert flows(prepared) == before


def test_a_bridge_without_bundles_is_refused(prepared: Host, run_module: RunModule) -> None:
    prepared.ovs_vsctl("set", "Bridge", "br", "protocols=OpenFlow10")
    result = run_module("ovs_flow", bridge="br", flows=[DROP])
    assert "bridge: the bridge br has the `protocols` OpenFlow10, and flows are changed as a whole" in result.message
    missing = run_module("ovs_flow", bridge="nowhere", flows=[DROP])
    assert "bridge: the bridge nowhere does not exist; create it first" in missing.message
