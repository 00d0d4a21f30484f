# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host of its own that the other tests run in. A second one, started inside it, is what is tested here."""

from __future__ import annotations

import signal
import stat
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ansible_collections.netns.fabric.tests.helpers import own_host
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.module_runner import COLLECTIONS_PATH
from ansible_collections.netns.fabric.tests.helpers.waiting import wait_until

_QUESTION = "import sys; sys.path.insert(0, sys.argv[1]); import own_host; print(own_host.is_inside())"
IS_INSIDE = [sys.executable, "-c", _QUESTION, str(Path(own_host.__file__).parent)]
# Clears the host that it has found itself in, although a part of the host's files is no longer there.
UNMOUNT_AND_CLEAR = """
import subprocess, sys
sys.path.insert(0, sys.argv[1])
from ansible_collections.netns.fabric.tests.helpers.host import Host
host = Host()
subprocess.run(["umount", "--lazy", sys.argv[2]], check=True)
host.clear()
"""

#: What a test, a role or a program may do below /etc and /run. Each changes the host that it is done in.
FILE_CHANGES = {
    "write in /etc": "echo written > /etc/written",
    "change a file of /etc": "echo changed > /etc/canary/file",
    "remove a file of /etc": "rm /etc/canary/file",
    "remove a directory of /etc": "rm -r /etc/canary",
    "remove all of /etc": "find /etc -mindepth 1 -delete",
    "write in /etc/netns": "mkdir /etc/netns/red && echo nameserver 192.0.2.1 > /etc/netns/red/resolv.conf",
    "remove /etc/netns": "rm -r /etc/netns",
    "write in /etc/openvswitch": "echo written > /etc/openvswitch/written",
    "remove /etc/openvswitch": "rm -r /etc/openvswitch",
    "write in /etc/firewalld": "mkdir /etc/firewalld/zones",
    "change /etc/resolv.conf": "echo nameserver 192.0.2.1 > /etc/resolv.conf",
    "write in /run": "echo written > /run/written",
    "remove from /run": "rm -r /run/lock",
    "create a namespace": "ip netns add red",
}


def processes_with(word: str) -> set[int]:
    """Return the ids of the processes whose command line has ``word``, those of hosts below ours included."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended
        if word.encode() in line:
            found.add(int(process.name))
    return found


def ovs_daemons() -> set[int]:
    """Return the ids of the Open vSwitch daemons that we see."""
    return processes_with("ovs-vswitchd") | processes_with("ovsdb-server")


class Shell:
    """A shell that runs in a host of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, script: str) -> str:
        """Run a script and return what it prints."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{{ {script}\n}} 2>&1; echo end\n")
        self._process.stdin.flush()
        lines: list[str] = []
        while (line := self._process.stdout.readline()) != "end\n":
            assert line, f"the shell has ended: {''.join(lines)}"
            lines.append(line)
        return "".join(lines)


@contextmanager
def second_host() -> Iterator[Shell]:
    """Run a second host, without Open vSwitch, with a shell in it."""
    command = own_host.command_line(["sh"], ovs=False)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Shell(process)
        assert process.stdin is not None
        process.stdin.close()


def files() -> dict[str, tuple[int, bytes]]:
    """Return the files below our /etc and /run, with their modes and contents, without what daemons write there."""
    found = {}
    for path in (file for top in ("/etc", "/run") for file in sorted(Path(top).rglob("*"))):
        if path.parts[:3] in {("/", "run", "openvswitch"), ("/", "run", "own-host.log")} or path.name.endswith("~"):
            continue
        mode = path.lstat().st_mode
        found[str(path)] = mode, path.read_bytes() if stat.S_ISREG(mode) and path.name != "conf.db" else b""
    return found


LIST_FILES = "find /etc /run -type d -printf '%p\\n' -o -type f -exec md5sum {} + | sort"


@pytest.fixture
def canary() -> Iterator[Path]:
    """Provide a directory below /etc, with a file in it, that a second host starts with a copy of."""
    directory = Path("/etc/canary")
    directory.mkdir()
    (directory / "file").write_text("canary\n", encoding="ascii")
    yield directory
    (directory / "file").unlink()
    directory.rmdir()


# The command


def test_exit_status_is_the_commands() -> None:
    assert own_host.run(["sh", "-c", "exit 7"], ovs=False).returncode == 7
    assert own_host.run(["sh", "-c", "kill -KILL $$"], ovs=False).returncode == 128 + signal.SIGKILL


def test_missing_command_is_named() -> None:
    result = own_host.run(["no-such-command"], ovs=False)
    assert result.returncode == 127
    assert "no-such-command" in result.stderr


def test_without_root_fails_with_reason() -> None:
    command = own_host.command_line(["true"], python="/usr/bin/python3")
    result = subprocess.run(
        ["setpriv", "--reuid=65534", "--clear-groups", *command],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert result.returncode == own_host.NOT_CREATED
    assert "needs root" in result.stderr


# What is separate


def test_host_starts_empty_and_leaves_nothing(host: Host) -> None:
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


def test_hosts_side_by_side_are_separate() -> None:
    script = (
        "ip netns add {0} && ovs-vsctl add-br {0} -- set bridge {0} datapath_type=netdev && iptables -w -t nat -N {0} "
        "&& sleep 1 && echo $(ip netns) $(ovs-vsctl list-br) $(iptables -w -t nat -S | grep -c '^-N')"
    )
    both = [
        subprocess.Popen(own_host.command_line(["sh", "-c", script.format(name)]), stdout=subprocess.PIPE, text=True)
        for name in ("red", "blue")
    ]
    outputs = [process.communicate(timeout=60)[0].strip() for process in both]
    assert outputs == ["red red 1", "blue blue 1"]


@pytest.mark.parametrize("change", FILE_CHANGES)
def test_etc_and_run_are_private(canary: Path, change: str) -> None:
    """A change below /etc or /run affects neither the machine, which is our own host here, nor another host."""
    with second_host() as one, second_host() as other:
        before = files(), other.run(LIST_FILES), one.run(LIST_FILES)
        assert one.run(FILE_CHANGES[change]) == ""
        if change != "remove all of /etc":  # find(1) and sort(1) run without it, but the list is not the same
            assert one.run(LIST_FILES) != before[2]
        assert (files(), other.run(LIST_FILES)) == before[:2]


def test_etc_netns_stays_private_when_the_machine_removes_its_own() -> None:
    """Removing a directory detaches what other mount namespaces have mounted on it."""
    with second_host() as one:
        Path("/etc/netns").rmdir()
        try:
            assert one.run("mkdir /etc/netns/red && ls /etc/netns") == "red\n"
            assert not Path("/etc/netns").exists()
            assert one.run("rm -r /etc/netns") == ""
        finally:
            Path("/etc/netns").mkdir(exist_ok=True)


def test_etc_is_a_copy(canary: Path) -> None:
    with second_host() as one:
        assert one.run(f"cat {canary}/file") == "canary\n"
        assert (
            one.run("stat -c %a:%U:%G /etc/shadow")
            == subprocess.run(
                ["stat", "-c", "%a:%U:%G", "/etc/shadow"], capture_output=True, text=True, check=True
            ).stdout
        )


# The end of a host


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_killed_host_leaves_nothing(number: signal.Signals) -> None:
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
    # The pipe is closed at the end of the last process that has it open, not at that of the program itself.
    assert process.communicate(timeout=20)[0] == ""
    assert process.returncode == (-number if number == signal.SIGKILL else 128 + number)
    # The kernel ends what is inside, and does not wait with the end of the process that got SIGKILL.
    wait_until(lambda: ovs_daemons() == before and not processes_with(word))


def test_command_may_clean_up_after_sigterm() -> None:
    script = "trap 'echo cleaned; exit 3' TERM; echo up; while :; do sleep 0.1; done"
    process = subprocess.Popen(
        own_host.command_line(["sh", "-c", script], ovs=False), stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    process.terminate()
    assert process.communicate(timeout=20)[0] == "cleaned\n"
    assert process.returncode == 3


# The outside world


def test_outside_world_answers_and_has_no_route_back() -> None:
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


# Protection against use outside a host


def test_is_inside_in_a_host() -> None:
    assert own_host.run(IS_INSIDE, ovs=False).stdout == "True\n"


def test_is_inside_false_in_another_network(host: Host) -> None:
    """The same /run with another network, as in `ip netns exec`: clearing there clears the wrong network."""
    host.run("ip", "netns", "add", "red")
    assert host.in_namespace("red", *IS_INSIDE).stdout == "False\n"


@pytest.mark.parametrize("directory", ["/etc", "/run"])
def test_is_inside_false_without_private_files(directory: str) -> None:
    script = f'umount --lazy {directory} && exec "$@"'
    assert own_host.run(["sh", "-c", script, "sh", *IS_INSIDE], ovs=False).stdout == "False\n"


@pytest.mark.parametrize("directory", ["/etc", "/run"])
def test_clear_fails_and_removes_nothing_without_private_files(directory: str) -> None:
    """Below the second host's /etc is our own: what clear() would remove there is ours."""
    kept = Path("/etc/netns/kept")
    kept.mkdir()
    command = [sys.executable, "-c", UNMOUNT_AND_CLEAR, str(COLLECTIONS_PATH), directory]
    result = own_host.run(command, ovs=False)
    assert result.returncode == 1
    assert "runs only in a host of its own" in result.stderr
    assert kept.exists()
    kept.rmdir()


def test_clear_brings_back_the_started_host(host: Host) -> None:
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
