# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host of its own that the other tests rely on. One may be started inside another: that is what is done here."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.netns.fabric.tests.helpers import own_host
from ansible_collections.netns.fabric.tests.helpers.host_state import Host


def processes_with(word: str) -> set[int]:
    """Return the ids of the processes whose command line has ``word``, those of hosts below ours included."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended meanwhile
        if word.encode() in line:
            found.add(int(process.name))
    return found


def ovs_daemons() -> set[int]:
    """Return the ids of the Open vSwitch daemons that we see."""
    return processes_with("ovs-vswitchd") | processes_with("ovsdb-server")


def wait_until(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Return once the condition holds; AssertionError if it does not within that time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_exit_status_is_the_commands() -> None:
    assert own_host.run(["sh", "-c", "exit 7"], ovs=False).returncode == 7
    assert own_host.run(["sh", "-c", "kill -KILL $$"], ovs=False).returncode == 128 + signal.SIGKILL


def test_a_command_that_does_not_exist_is_named() -> None:
    result = own_host.run(["no-such-command"], ovs=False)
    assert result.returncode == 127
    assert "no-such-command" in result.stderr


def test_without_root_it_says_so() -> None:
    command = own_host.command_line(["true"], python="/usr/bin/python3")
    result = subprocess.run(
        ["setpriv", "--reuid=65534", "--clear-groups", *command],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert result.returncode == own_host.NOT_MADE
    assert "needs root" in result.stderr


def test_it_starts_empty_and_leaves_nothing(host: Host) -> None:
    before = host.links(), host.namespaces(), ovs_daemons()
    script = (
        'set -e; test -z "$(ls /run/netns; ls /etc/netns)"; test "$(ls /sys/class/net)" = lo; '
        "ip netns add red; mkdir /etc/netns/red; ip link add v1 type veth peer name v2 netns red; "
        "ovs-vsctl add-br int_br -- set bridge int_br datapath_type=netdev; ovs-vsctl list-br; "
        "cat /proc/sys/net/ipv4/ip_forward; sleep 1000 & sleep 1000 & setsid sleep 1000 &"
    )
    result = own_host.run(["sh", "-c", script])
    assert (result.returncode, result.stdout) == (0, "int_br\n0\n"), result.stderr
    assert (host.links(), host.namespaces(), ovs_daemons()) == before
    assert not processes_with("sleep 1000")
    assert not any(Path("/etc/netns").iterdir())


def test_two_side_by_side_do_not_see_each_other() -> None:
    script = (
        "ip netns add {0} && ovs-vsctl add-br {0} -- set bridge {0} datapath_type=netdev && iptables -w -t nat -N {0} "
        "&& sleep 1 && echo $(ip netns) $(ovs-vsctl list-br) $(iptables -w -t nat -S | grep -c '^-N')"
    )
    both = [
        subprocess.Popen(own_host.command_line(["sh", "-c", script.format(name)]), stdout=subprocess.PIPE, text=True)
        for name in ("red", "blue")
    ]
    said = [process.communicate(timeout=60)[0].strip() for process in both]
    assert said == ["red red 1", "blue blue 1"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_killed_it_leaves_nothing(number: signal.Signals) -> None:
    before = ovs_daemons()
    word = f"own-host-{uuid.uuid4()}"
    script = f"sh -c 'sleep 1000' {word} & echo up; exec sleep 1000"
    process = subprocess.Popen(
        own_host.command_line(["sh", "-c", script]), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    assert len(ovs_daemons()) > len(before)

    process.send_signal(number)
    # Not the program's own end but that of the last process that writes there closes the pipe.
    assert process.communicate(timeout=20)[0] == ""
    assert process.returncode == (-number if number == signal.SIGKILL else 128 + number)
    # The kernel ends what is inside while the caller of a SIGKILL goes on already.
    wait_until(lambda: ovs_daemons() == before and not processes_with(word))


def test_the_command_may_clean_up_before_it_ends() -> None:
    script = "trap 'echo cleaned; exit 3' TERM; echo up; while :; do sleep 0.1; done"
    process = subprocess.Popen(
        own_host.command_line(["sh", "-c", script], ovs=False), stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    process.terminate()
    assert process.communicate(timeout=20)[0] == "cleaned\n"
    assert process.returncode == 3


def test_the_outside_world_answers_and_knows_no_way_back() -> None:
    script = (
        "ping -n -q -c 1 -W 2 198.51.100.2 >/dev/null && ip route show default && "
        "ping -n -q -c 1 -W 2 2001:db8:51::2 >/dev/null && ip -6 route show default && "
        "ip netns exec outside ip route get 192.168.100.1 || echo unreachable; "
        "ip netns exec outside ip route get fd00:100::1 || echo unreachable"
    )
    lines = own_host.run(["sh", "-c", script], ovs=False, outside=True).stdout.splitlines()
    assert lines[0].strip() == "default via 198.51.100.2 dev uplink0"
    assert lines[1].startswith("default via 2001:db8:51::2 dev uplink0")
    assert lines[2:] == ["unreachable", "unreachable"]


def test_inside_is_told_from_outside(host: Host) -> None:
    question = (
        f"import sys; sys.path.insert(0, {str(Path(own_host.__file__).parent)!r}); import own_host; "
        "print(own_host.is_inside())"
    )
    ask = [sys.executable, "-c", question]
    assert own_host.run(ask, ovs=False).stdout == "True\n"
    # The same /run with another network, as in `ip netns exec`: whoever clears there clears the wrong place.
    host.run("ip", "netns", "add", "red")
    assert host.in_namespace("red", *ask).stdout == "False\n"


def test_the_host_is_cleared_between_tests(host: Host) -> None:
    before = {name: link["flags"] for name, link in host.links().items()}
    host.run("ip", "netns", "add", "red")
    host.run("ip", "link", "add", "v1", "type", "veth", "peer", "name", "v2", "netns", "red")
    host.run("ip", "address", "add", "203.0.113.1/32", "dev", "lo")
    host.run("ip", "link", "set", "lo", "alias", "somebody")
    host.run("ip", "route", "add", "blackhole", "203.0.113.0/24")
    bridge = ("add-br", "int_br", "--", "set", "bridge", "int_br", "datapath_type=netdev")
    host.ovs_vsctl(*bridge, "--", "add-port", "int_br", "v1")
    host.run("iptables", "-w", "-t", "nat", "-A", "POSTROUTING", "-j", "MASQUERADE")
    host.run("nft", "add", "table", "inet", "somebody")
    host.start("sleep", "1000", namespace="red")
    Path("/run/netns/stale").touch()
    Path("/etc/netns/red").mkdir()
    own_host.stop_ovs()

    host.clear()
    assert host.namespaces() == []
    assert {name: link["flags"] for name, link in host.links().items() if name != "ovs-netdev"} == before
    assert [address["local"] for address in host.links()["lo"]["addr_info"]] == ["127.0.0.1", "::1"]
    assert "ifalias" not in host.links()["lo"]
    assert host.json("ip", "-json", "route") == []
    assert host.ovs_vsctl("list-br") == ""
    assert host.run("nft", "list", "ruleset").stdout == ""
    assert not any(Path("/etc/netns").iterdir())
    assert not processes_with("sleep 1000")
