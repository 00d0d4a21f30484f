# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Namespaces on one bridge, each with a server, and who gets an answer from whom."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ansible_collections.netns.fabric.tests.helpers import traffic
from ansible_collections.netns.fabric.tests.helpers.connections import inside
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.integration.nat_world import clear_legacy

PORTS = ("80", "8080")
BACKENDS = ("nftables", "iptables", "legacy")
EVERYTHING = {
    *(f"{protocol}{version} {port}" for protocol in ("tcp", "udp") for version in "46" for port in PORTS),
    "icmp4",
    "icmp6",
}
_NAMES = {"iptables": "ip_tables_names", "ip6tables": "ip6_tables_names"}
#: Seconds that an answer may take; what must not pass costs so much each time.
WAIT = 0.5


class Neighbours:
    """Namespaces a, b, c ... on one bridge of the host, each with a server on PORTS."""

    def __init__(self, host: Host, names: Sequence[str] = "abc") -> None:
        self.host, self.names = host, names
        # As with bridges of Open vSwitch: traffic between neighbours does not pass the host's packet filter.
        for parameter in Path("/proc/sys/net/bridge").glob("bridge-nf-call-ip*tables"):
            parameter.write_text("0", encoding="ascii")
        host.run("ip", "link", "add", "lan", "type", "bridge")
        host.run("ip", "link", "set", "lan", "up")
        for name in names:
            self._add(name)
        for name in names:
            host.start(*traffic.ENDPOINT, "serve", name, f"/run/{name}.log", *PORTS, namespace=name)
        for _attempt in range(100):
            if all(self.answers(names[-1], name) == EVERYTHING for name in names):
                return
            time.sleep(0.05)  # the servers have no other sign that they listen
        raise AssertionError("the servers do not answer")

    def _add(self, name: str) -> None:
        run = self.host.run
        run("ip", "netns", "add", name)
        run("ip", "link", "add", "eth0", "netns", name, "type", "veth", "peer", "name", f"{name}_tap")
        run("ip", "link", "set", f"{name}_tap", "master", "lan", "up")
        run("ip", "-n", name, "link", "set", "lo", "up")
        run("ip", "-n", name, "link", "set", "eth0", "up")
        for address, options in zip(self.addresses(name), ([], ["nodad"])):
            run("ip", "-n", name, "addr", "add", f"{address}/{64 if ':' in address else 24}", "dev", "eth0", *options)

    def addresses(self, name: str) -> tuple[str, str]:
        number = self.names.index(name) + 1
        return f"10.9.0.{number}", f"fd00:9::{number}"

    def answers(self, source: str, target: str, wait: float = WAIT) -> set[str]:
        """Return what a namespace gets answers to from another one."""
        attempts: dict[str, Future[Any]] = {}
        with ThreadPoolExecutor(10) as pool:
            for version, address in zip("46", self.addresses(target)):
                for protocol in ("tcp", "udp"):
                    for port in PORTS:
                        attempt = pool.submit(traffic.ask, source, address, int(port), protocol, wait)
                        attempts[f"{protocol}{version} {port}"] = attempt
                attempts[f"icmp{version}"] = pool.submit(self._ping, source, address)
        return {name for name, attempt in attempts.items() if attempt.result()}

    def matrix(self, expected: Iterable[tuple[str, str]] = ()) -> dict[tuple[str, str], set[str]]:
        """Return the answers between all pairs; those of `expected` are asked for a second time if there are none."""
        pairs = [(one, other) for one in self.names for other in self.names if one != other]
        found = {pair: self.answers(*pair) for pair in pairs}
        return {pair: found[pair] or (self.answers(*pair) if pair in expected else set()) for pair in pairs}

    def passes(self, source: str, target: str) -> bool:
        """Return whether everything is answered, at the second attempt at the latest: the machine may be busy."""
        return EVERYTHING in (self.answers(source, target), self.answers(source, target, 3))

    def _ping(self, source: str, address: str) -> bool:
        command = ("ping", "-n", "-q", "-c", "1", "-W", "1", address)
        return "1 received" in self.host.in_namespace(source, *command, check=False).stdout

    def rules(self, namespace: str) -> str:
        """Return the rules of a namespace, of nft and of iptables-legacy, without counters."""
        printed = [self.host.in_namespace(namespace, "nft", "-s", "list", "ruleset").stdout]
        for version in ("iptables", "ip6tables"):
            names = self.host.in_namespace(namespace, "cat", f"/proc/net/{_NAMES[version]}", check=False)
            if names.stdout.split():
                printed.append(self.host.in_namespace(namespace, f"{version}-legacy-save").stdout)
        lines = "\n".join(printed).splitlines()
        return "\n".join(re.sub(r" \[\d+:\d+\]$", "", line) for line in lines if not line.startswith("#"))

    def all_rules(self) -> dict[str, str]:
        return {name: self.rules(name) for name in self.names}


class TcpConnection:
    """An established connection between two namespaces."""

    def __init__(self, client: str, server: str, address: str, port: int = 9000) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with inside(server):
            listener = socket.create_server((address, port), family=family)
        with inside(client), listener:
            self.client = socket.create_connection((address, port), 5)
            self.server, _peer = listener.accept()

    def carries(self, wait: float = 5) -> bool:
        """Return whether both ends still receive what the other one sends."""
        for sender, receiver in ((self.client, self.server), (self.server, self.client)):
            receiver.settimeout(wait)
            try:
                sender.sendall(b"x")
                if receiver.recv(100) == b"":
                    return False
            except OSError:
                return False
        return True

    def close(self) -> None:
        self.client.close()
        self.server.close()


def neighbours(host: Host, names: Sequence[str] = "abc") -> Iterator[Neighbours]:
    """Provide the namespaces, for a fixture."""
    yield Neighbours(host, names)
    clear_legacy(host)


def option_of(backend: str) -> str:
    return "nftables" if backend == "nftables" else "iptables"


def rule(action: str, **options: Any) -> dict[str, Any]:
    return {"action": action, **options}
