# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Host: run commands in the host that a test runs in, read its state by the system's own tools, and clear it."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

from ansible_collections.netns.fabric.tests.helpers import own_host, traffic
from ansible_collections.netns.fabric.tests.helpers.shell import inside

NAMESPACES = Path("/run/netns")
RESOLVERS = Path("/etc/netns")
_MNT_DETACH, _UMOUNT_NOFOLLOW = 2, 8  # umount2(2)

_libc = ctypes.CDLL(None, use_errno=True)


class Host:
    """The host of its own that we are in (own_host.py).

    Raises:
        OwnHostError: We are in none: nothing else may be changed or cleared.
    """

    def __init__(self) -> None:
        own_host.require_inside()
        self._started: list[subprocess.Popen[bytes]] = []

    def run(self, *command: str, timeout: float = 30, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command and return its result; with ``check`` a failure raises AssertionError with its output."""
        result = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
        assert not check or result.returncode == 0, (
            f"{' '.join(command)}: {result.returncode}\n{result.stdout}{result.stderr}"
        )
        return result

    def json(self, *command: str) -> Any:
        """Run a command that prints JSON and return the value; None for no output."""
        output = self.run(*command).stdout
        return json.loads(output) if output.strip() else None

    def links(self, namespace: str | None = None) -> dict[str, dict[str, Any]]:
        """Return the links of the host or of a namespace by name, as `ip -details -json addr show` prints them."""
        where = ["-n", namespace] if namespace else []
        return {link["ifname"]: link for link in self.json("ip", *where, "-details", "-json", "addr", "show") if link}

    def namespaces(self) -> list[str]:
        """Return the names in /run/netns, sorted."""
        return sorted(path.name for path in NAMESPACES.iterdir())

    def in_namespace(self, namespace: str, *command: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a command in a network namespace."""
        return self.run(*inside(namespace), *command, **options)

    def start(self, *command: str, namespace: str | None = None) -> subprocess.Popen[bytes]:
        """Start a command that runs in the background, in a namespace if one is named, until the host is cleared."""
        process = subprocess.Popen(
            [*inside(namespace), *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._started.append(process)
        return process

    def ovs_vsctl(self, *arguments: str) -> str:
        """Run ovs-vsctl with a timeout of 10 s; return its output without the final newline."""
        return self.run("ovs-vsctl", "--timeout=10", *arguments).stdout.rstrip("\n")

    def pings(self, address: str, namespace: str | None = None) -> bool:
        """Return whether an address answers one of three ICMP echo requests within a second each."""
        return traffic.pings(namespace, address)

    def clear(self) -> None:
        """Bring the host back to what it was when it was started, without the outside world.

        Raises:
            OwnHostError: We are no longer in the host: what would be removed is somebody else's.
        """
        own_host.require_inside()
        own_host.start_ovs()
        self._end_started()
        self._delete_bridges()
        self._kill_in_namespaces()
        self._delete_links()
        self._delete_namespaces()
        self._reset_loopback()
        self._delete_routing()
        self._flush_rules()
        shutil.rmtree(RESOLVERS, ignore_errors=True)
        RESOLVERS.mkdir()
        Path("/proc/sys/net/ipv4/ip_forward").write_text("0", encoding="ascii")

    def _end_started(self) -> None:
        for process in self._started:
            process.kill()
            process.wait(timeout=10)
        self._started.clear()

    def _delete_bridges(self) -> None:
        bridges = self.ovs_vsctl("list-br").split()
        if bridges:
            self.ovs_vsctl(*(word for bridge in bridges for word in ("--", "--if-exists", "del-br", bridge)))
        # Rows of these tables stay without a port that refers to them.
        self.ovs_vsctl("--", "--all", "destroy", "QoS", "--", "--all", "destroy", "Queue")

    def _kill_in_namespaces(self) -> None:
        """Kill the processes in other network namespaces, which they keep alive. All are this host's own."""
        ours = os.readlink("/proc/self/ns/net")
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if os.readlink(process / "ns" / "net") != ours:
                    os.kill(int(process.name), signal.SIGKILL)
            except OSError:
                continue  # it has ended

    def _delete_links(self) -> None:
        links = [name for name in os.listdir("/sys/class/net") if name != "lo"]
        # Deleting one end of a veth pair deletes the other, hence no error for a link that does not exist.
        for name in links:
            self.run("ip", "link", "delete", "dev", name, check=False)

    def _delete_namespaces(self) -> None:
        for path in NAMESPACES.iterdir():
            # It fails where nothing is mounted: what is in the place of a namespace is removed all the same.
            _libc.umount2(os.fsencode(path), _MNT_DETACH | _UMOUNT_NOFOLLOW)
            if path.is_dir() and not path.is_symlink():
                path.rmdir()
            else:
                path.unlink()

    def _reset_loopback(self) -> None:
        self.run("ip", "address", "flush", "dev", "lo", "scope", "global")
        self.run("ip", "link", "set", "dev", "lo", "up", "mtu", "65536", "alias", "")

    def _delete_routing(self) -> None:
        """Delete the routes without a link, and the rules that not every namespace begins with."""
        for family in ("-4", "-6"):
            for kind in ("blackhole", "unreachable", "prohibit", "throw"):
                self.run("ip", family, "route", "flush", "table", "all", "type", kind)
            for rule in self.run("ip", family, "rule", "show").stdout.splitlines():
                priority, _colon, rest = rule.partition(":")
                if " ".join(rest.split()) not in (
                    "from all lookup local",
                    "from all lookup main",
                    "from all lookup default",
                ):
                    self.run("ip", family, "rule", "del", "priority", priority)

    def _flush_rules(self) -> None:
        self.run("nft", "flush", "ruleset")
        self.run("ip", "route", "flush", "table", "main")
        self.run("ip", "-6", "route", "flush", "table", "main")
        # Rules of iptables-legacy do not show in nft; reading them where there are none would load its kernel modules.
        legacy_tables = Path("/proc/net/ip_tables_names")
        for table in legacy_tables.read_text(encoding="ascii").split() if legacy_tables.exists() else []:
            self.run("iptables-legacy", "-t", table, "-F")
            self.run("iptables-legacy", "-t", table, "-X")
