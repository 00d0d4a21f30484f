# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module ovs_mirror: it mirrors what it should, the cycle, owners, rollback, refusals."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ansible_collections.netns.fabric.tests.helpers.convergence import converge, converge_and_paste, shell
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.openvswitch import configuration, rows, stopped
from ansible_collections.netns.fabric.tests.integration.conftest import RunModule

WATCH: dict[str, Any] = {"name": "watch", "bridge": "br", "output_port": "mon"}
NAMES = ("red", "blue", "green")

#: Prints a line once it listens; then one for each ICMP echo request that it sees, by its source.
CAPTURE = """
import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s.bind(("mon0", 0))
print("ready", flush=True)
while True:
    p = s.recv(2048)
    if p[12:14] == b"\\x08\\x00" and p[23] == 1 and p[34] == 8:
        print(socket.inet_ntoa(p[26:30]), len(p), flush=True)
"""


def prepare(host: Host) -> None:
    """Connect three namespaces to a bridge, and a fourth one, watcher, whose port is for the copies."""
    words = ["add-br", "br", "--", "set", "Bridge", "br", "datapath_type=netdev"]
    for number, name in enumerate(NAMES, start=1):
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
    shell(
        host,
        "netns add watcher\nlink add mon type veth peer name mon0 netns watcher\n"
        "link set mon up\n-n watcher link set mon0 up",
    )
    host.ovs_vsctl(*words, "--", "add-port", "br", "mon")


@pytest.fixture(name="prepared")
def fixture_prepared(host: Host) -> Host:
    prepare(host)
    return host


@contextmanager
def capture() -> Iterator[Any]:
    """Provide the lines of what the watcher sees."""
    command = ["ip", "netns", "exec", "watcher", sys.executable, "-Ic", CAPTURE]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n"
            yield process.stdout
        finally:
            process.kill()


def seen(host: Host) -> set[str]:
    """Return the sources of the pings that are mirrored: green asks red, red asks green, and last red asks blue."""
    for source, target in (("red", "192.0.2.2"), ("red", "192.0.2.3")):
        assert host.pings(target, source)  # from now on nothing is flooded: the bridge knows where everybody is
    # On a busy host, what is in the datapath may still do what the mirror was before.
    host.run("ovs-appctl", "--timeout=10", "revalidator/purge")
    with capture() as lines:
        found = set()
        for source, target in (("green", "192.0.2.1"), ("red", "192.0.2.3"), ("red", "192.0.2.2")):
            assert host.pings(target, source)
        # What blue is asked for is selected in each of these tests: the last packet ends the capture.
        while "192.0.2.1" not in found:
            found.add(lines.readline().split()[0])
        return found


def test_a_mirror_copies_what_it_selects(host: Host, run_module: RunModule) -> None:
    options = {**WATCH, "select_all": True, "owner": "lab"}
    result = converge_and_paste(host, run_module, lambda: prepare(host), "ovs_mirror", **options)
    assert "--id=@" in result.commands[0]
    assert seen(host) == {"192.0.2.1", "192.0.2.3"}
    converge(host, run_module, "ovs_mirror", **WATCH, select_all=False, select_dst_ports=["blue-tap"])
    assert seen(host) == {"192.0.2.1"}
    converge(host, run_module, "ovs_mirror", **WATCH, select_dst_ports=[], select_src_ports=["red-tap"], snaplen=60)
    with capture() as lines:
        assert host.pings("192.0.2.2", "red")
        assert lines.readline().startswith("192.0.2.1 ")


def test_mirrors_are_changed_declared_and_deleted(prepared: Host, run_module: RunModule) -> None:
    both = {"select_src_ports": ["red-tap", "blue-tap"], "select_dst_ports": ["red-tap"]}
    mirrors = [{**WATCH, **both, "select_vlans": ["5-7"]}, {**WATCH, "name": "all", "select_all": True}]
    converge(prepared, run_module, "ovs_mirror", mirrors=mirrors, owner="lab")
    declared = run_module("topology_info").returned["declarations"]["mirrors"]
    assert not run_module("ovs_mirror", mirrors=declared, owner="lab", prune=True).changed
    assert declared[1] == {**mirrors[0], "select_src_ports": ["blue-tap", "red-tap"]}
    reported = run_module("topology_info").returned["openvswitch"]["bridges"][0]["mirrors"]
    assert [mirror["owners"] for mirror in reported] == [["lab"], ["lab"]]
    result = converge(prepared, run_module, "ovs_mirror", name="watch", bridge="br", output_vlan=9)
    assert "output_vlan: 9" in result.diff[0]["after"]
    assert rows("Mirror")["watch"]["output_port"] == []
    converge(prepared, run_module, "ovs_mirror", **WATCH)
    assert rows("Mirror")["watch"]["output_vlan"] == []
    converge(prepared, run_module, "ovs_mirror", mirrors=[WATCH], owner="lab", prune=True)
    assert list(rows("Mirror")) == ["watch"]
    left = run_module("ovs_mirror", name="watch", bridge="br", state="absent", owner="other")
    assert (left.changed, len(left.warnings)) == (False, 1)
    converge(prepared, run_module, "ovs_mirror", name="watch", bridge="br", state="absent")
    assert rows("Mirror") == {}


def test_a_mirror_of_a_port_that_was_deleted_is_repaired(prepared: Host, run_module: RunModule) -> None:
    options = {**WATCH, "select_src_ports": ["red-tap"]}
    assert not run_module("ovs_mirror", **options).failed
    prepared.ovs_vsctl("del-port", "red-tap", "--", "del-port", "mon")
    prepared.ovs_vsctl("add-port", "br", "red-tap", "--", "add-port", "br", "mon")
    assert rows("Mirror")["watch"]["select_src_port"] == []
    converge(prepared, run_module, "ovs_mirror", **options)
    assert rows("Mirror")["watch"]["select_src_port"] == "red-tap"


def test_a_sequence_creates_bridge_ports_and_mirror(prepared: Host, run_module: RunModule) -> None:
    steps = [
        {"module": "ovs_bridge", "options": {"name": "b2", "datapath_type": "netdev"}},
        {"module": "ovs_port", "options": {"name": "i0", "bridge": "b2", "type": "internal"}},
        {"module": "ovs_mirror", "options": {"name": "m", "bridge": "b2", "select_all": True, "output_port": "i0"}},
    ]
    converge(prepared, run_module, "sequence", steps=steps)
    assert rows("Mirror")["m"]["output_port"] == "i0"


CHANGES: dict[str, dict[str, Any]] = {
    "new": {"name": "m", "bridge": "br", "select_src_ports": ["red-tap"], "output_port": "mon"},
    "changed": {**WATCH, "select_src_ports": ["blue-tap"], "snaplen": 100, "external_ids": {"a": "b"}},
    "another output": {"name": "watch", "bridge": "br", "output_vlan": 7},
    "deleted": {"name": "watch", "bridge": "br", "state": "absent"},
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_that_times_out_is_rolled_back(prepared: Host, run_module: RunModule, name: str) -> None:
    assert not run_module("ovs_mirror", **WATCH, select_src_ports=["red-tap"], owner="lab").failed
    before = configuration()
    with stopped("ovs-vswitchd"):
        result = run_module("ovs_mirror", timeout=1, **CHANGES[name])
    assert "was reverted there" in result.message
    assert result.message.endswith("the host is unchanged.")
    assert configuration() == before


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"name": "m", "output_port": "mon", "select_all": True}, "bridge: it is required"),
    (
        {"name": "m", "bridge": "nope", "output_port": "mon", "select_all": True},
        "bridge: the bridge nope does not exist",
    ),
    ({**WATCH, "select_src_ports": ["nope"]}, "select_src_ports: the port nope does not exist"),
    ({**WATCH, "name": "m"}, "select_all: a mirror that selects nothing mirrors nothing"),
    ({"name": "m", "bridge": "br", "select_all": True}, "output_port: it is required to create a mirror"),
    ({**WATCH, "output_vlan": 5}, "output_vlan: packets go to a port or to a VLAN"),
    ({**WATCH, "select_all": True, "snaplen": 5}, "snaplen: 5 is not a valid number"),
    ({**WATCH, "output_port": "b2"}, "output_port: the port b2 is on the bridge b2"),
]


@pytest.mark.parametrize(("options", "message"), REFUSED)
def test_an_impossible_mirror_is_refused(
    prepared: Host, run_module: RunModule, options: dict[str, Any], message: str
) -> None:
    prepared.ovs_vsctl("add-br", "b2", "--", "set", "Bridge", "b2", "datapath_type=netdev")
    before = configuration()
    result = run_module("ovs_mirror", **options)
    assert result.failed
    assert message in result.message
    assert configuration() == before
