# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several hosts on one machine, joined by an underlay: each is a host of its own inside the one that we are in.

    python3 -m ansible_collections.netns.fabric.tests.helpers.hosts NAME...

starts them, for a scenario; they end with the host that they are in. Each has an Open vSwitch of its own and the
interface ``eth0``. All are on one Ethernet segment, the kernel's bridge ``underlay`` of the surrounding host. The first
has 10.0.0.1/24, the second 10.0.0.2/24, and so on; the surrounding host has 10.0.0.254/24. The address is on
the local port of ``br-phy``, a bridge that ``eth0`` is a port of: the userspace datapath sends no tunnel packet from an
address that is elsewhere.

Ansible reaches a host over the connection ``local``, with ``ansible_python_interpreter: /run/hosts/NAME/python``, which
runs the interpreter inside.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.netns.fabric.tests.helpers import own_host, traffic
from ansible_collections.netns.fabric.tests.helpers.shell import inside

PLACE = Path("/run/hosts")
#: The bridge of the surrounding host that all are connected to, and its address.
UNDERLAY, UNDERLAY_ADDRESS = "underlay", "10.0.0.254"
NIC, NIC_BRIDGE = "eth0", "br-phy"

#: What runs each host that this process has started, by the host's name.
_started: dict[str, subprocess.Popen[str]] = {}


@dataclass(frozen=True)
class NestedHost:
    """A host on this machine: ``pid`` is its first process, by which its namespaces are entered."""

    name: str
    pid: int
    address: str

    @classmethod
    def find(cls, name: str) -> NestedHost:
        """Return a host that another process has started."""
        return cls(**json.loads((PLACE / name / "host.json").read_text(encoding="utf-8")))

    @property
    def is_running(self) -> bool:
        """Return whether the host has not ended."""
        return Path(f"/proc/{self.pid}/ns/net").exists()

    def enter(self, *command: str) -> list[str]:
        """Return the command line that runs a command in this host."""
        return ["nsenter", f"--target={self.pid}", "--net", "--mount", "--pid", "--", *command]

    def run(self, *command: str, timeout: float = 30, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command and return its result; with ``check`` a failure raises AssertionError with its output."""
        result = subprocess.run(self.enter(*command), capture_output=True, text=True, timeout=timeout, check=False)
        assert not check or result.returncode == 0, (
            f"{self.name}: {shlex.join(command)}: {result.returncode}\n{result.stdout}{result.stderr}"
        )
        return result

    def json(self, *command: str) -> Any:
        """Run a command that prints JSON and return the value; None for no output."""
        output = self.run(*command).stdout
        return json.loads(output) if output.strip() else None

    def in_namespace(self, namespace: str, *command: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a command in a network namespace of this host."""
        return self.run(*inside(namespace), *command, **options)

    def ovs_vsctl(self, *arguments: str) -> str:
        """Run ovs-vsctl with a timeout of 10 s; return its output without the final newline."""
        return self.run("ovs-vsctl", "--timeout=10", *arguments).stdout.rstrip("\n")

    def kill_daemon(self, pid_file: str) -> None:
        """End a daemon by SIGKILL, with the process that watches it, its parent."""
        daemon = self.run("cat", pid_file).stdout.strip()
        monitor = self.run("cut", "-d ", "-f4", f"/proc/{daemon}/stat").stdout.strip()
        for process in (monitor, daemon):
            if process != "1":
                self.run("kill", "-KILL", process, check=False)  # the one may end with the other

    def pings(self, address: str, namespace: str | None = None, size: int | None = None) -> bool:
        """Return whether an address answers one of three ICMP echo requests, one a second.

        ``size``: that of the IPv4 packet, which must not be fragmented.
        """
        # Without the headers of IPv4 and of ICMP.
        whole = [] if size is None else ["-M", "do", "-s", str(size - 28)]
        ping = ["ping", "-n", "-q", "-c", "1", "-W", "1", *whole, address]
        return any(self.run(*inside(namespace), *ping, check=False).returncode == 0 for _attempt in range(3))


def start(names: Sequence[str]) -> list[NestedHost]:
    """Start hosts with an underlay between them; they end with the host that we are in.

    Raises:
        OwnHostError: We are in no host of our own.
    """
    own_host.require_inside()
    _build_underlay()
    # Side by side: most of the time is spent on Open vSwitch's start.
    _started.update({name: _start_host() for name in names})
    hosts = []
    for number, name in enumerate(names, 1):
        host = NestedHost(name, _find_first_process(_started[name]), f"10.0.0.{number}")
        _connect(host, number)
        _write(host)
        hosts.append(host)
    for host in hosts:
        others = [other.address for other in hosts if other is not host] + [UNDERLAY_ADDRESS]
        assert all(host.pings(address) for address in others), f"{host.name} does not reach {others}"
    return hosts


def exchange(client: tuple[NestedHost, str], server: tuple[NestedHost, str], address: str, size: int) -> None:
    """Send bytes by TCP from a namespace of one host to an address of a namespace of another, and as many back.

    Raises:
        AssertionError: Bytes were lost or altered, or none arrived for five seconds.
    """

    def start(where: tuple[NestedHost, str], *arguments: object) -> subprocess.Popen[str]:
        host, namespace = where
        line = host.enter(*inside(namespace), *traffic.ENDPOINT, *map(str, arguments))
        return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    receiver = start(server, "receive", address, size, 5)
    assert receiver.stdout is not None
    port = receiver.stdout.readline().strip()
    sender = start(client, "send", address, port, size, 5)
    for process in (sender, receiver):
        output, errors = process.communicate(timeout=30)
        assert process.returncode == 0, errors
        assert json.loads(output.splitlines()[-1])["intact"], output


def _run(line: str) -> None:
    subprocess.run(line.split(), stdout=subprocess.DEVNULL, check=True, timeout=30)


def _build_underlay() -> None:
    _run(f"ip link add {UNDERLAY} type bridge")
    _run(f"ip addr add {UNDERLAY_ADDRESS}/24 dev {UNDERLAY}")
    _run(f"ip link set {UNDERLAY} up")
    # The hosts' userspace datapath receives a segment as it was sent, and a checksum that is left to the NIC is wrong.
    _run(f"ethtool --offload {UNDERLAY} tx off")


def _start_host() -> subprocess.Popen[str]:
    command = ["sh", "-c", "echo started; exec sleep infinity"]
    return subprocess.Popen(
        own_host.command_line(command),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        # Not that of a task, which would wait for its end.
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )


def _find_first_process(process: subprocess.Popen[str]) -> int:
    """Wait until a host is up; return its first process, the only child of the one that has created it."""
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline() == "started\n", f"the host has ended with {process.wait(timeout=10)}"
    return next(pid for pid in _processes() if _parent_of(pid) == process.pid)


def _processes() -> list[int]:
    return [int(path.name) for path in Path("/proc").glob("[0-9]*")]


def _parent_of(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return 0  # it has ended
    return int(fields[1])


def _connect(host: NestedHost, number: int) -> None:
    """Connect a host to the underlay, and put its address where tunnels of the userspace datapath need it."""
    _run(f"ip link add underlay{number} type veth peer name {NIC} netns {host.pid}")
    _run(f"ip link set underlay{number} master {UNDERLAY} up")
    host.run("ip", "link", "set", NIC, "up")
    host.ovs_vsctl(
        *("add-br", NIC_BRIDGE, "--", "set", "Bridge", NIC_BRIDGE, "datapath_type=netdev", "fail_mode=standalone"),
        *("--", "add-port", NIC_BRIDGE, NIC),
    )
    host.run("ip", "addr", "add", f"{host.address}/24", "dev", NIC_BRIDGE)
    host.run("ip", "link", "set", NIC_BRIDGE, "up")


def _write(host: NestedHost) -> None:
    """Write what others need to enter the host."""
    place = PLACE / host.name
    place.mkdir(parents=True)
    (place / "host.json").write_text(json.dumps(vars(host)), encoding="utf-8")
    python = os.environ.get("NETNS_FABRIC_TARGET_PYTHON") or sys.executable
    # Inside it has the same name: a task may run a program by its interpreter.
    for line, where in ((host.enter(python), place), ([python], Path(f"/proc/{host.pid}/root", *place.parts[1:]))):
        where.mkdir(parents=True, exist_ok=True)
        interpreter = where / "python"
        interpreter.write_text(f'#!/bin/sh\nexec {shlex.join(line)} "$@"\n', encoding="utf-8")
        interpreter.chmod(0o755)


def end(hosts: Sequence[NestedHost]) -> None:
    """End hosts that this process has started, with everything in them, and their underlay."""
    for host in hosts:
        _started[host.name].terminate()
    for number, host in enumerate(hosts, 1):
        _started.pop(host.name).wait(timeout=30)
        shutil.rmtree(PLACE / host.name)
        # The kernel deletes it as well, some time after the host.
        subprocess.run(["ip", "link", "delete", f"{UNDERLAY}{number}"], capture_output=True, check=False, timeout=30)
    _run(f"ip link delete {UNDERLAY}")


if __name__ == "__main__":
    start(sys.argv[1:])
