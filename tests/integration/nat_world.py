# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the integration tests of NAT share: networks behind the host, a server outside, a module's cycle.

The outside world has no route back to the networks behind the router: only masqueraded connections get an answer.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.module_runner import ModuleResult
from ansible_collections.netns.fabric.tests.helpers.own_host import OUTSIDE_ADDRESS
from ansible_collections.netns.fabric.tests.integration.conftest import RunModule

SOURCE, SOURCE6 = "192.168.100.0/24", "fd00:100::/64"
OUTSIDE6, UPLINK6 = "2001:db8:51::2", "2001:db8:51::1"
PORT = 7000

# Sends every client the address that it sees.
SERVER = """
import socket
server = socket.create_server(("::", %d), family=socket.AF_INET6, dualstack_ipv6=True, backlog=50)
while True:
    connection, peer = server.accept()
    with connection:
        connection.sendall(peer[0].removeprefix("::ffff:").encode())
"""
CLIENT = """
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=float(sys.argv[3])) as connection:
    print(connection.recv(100).decode())
"""

IPTABLES_VARIANTS = ("nft", "legacy")


class World:
    """A namespace `ns01` behind the host, or behind a router, and a server outside."""

    def __init__(self, host: Host) -> None:
        self._host = host
        host.start("/usr/bin/python3", "-c", SERVER % PORT, namespace="outside")
        self.connect("ns01", None)
        for _attempt in range(100):
            if self.seen_as("::1", namespace="outside"):
                return
            time.sleep(0.05)  # the server has no other sign that it listens
        raise AssertionError("the server outside does not answer")

    def connect(self, name: str, router: str | None) -> None:
        """Create a namespace with a default route to the host, or to another namespace, in both families."""
        run = self._host.run
        where = ["-n", router] if router else []
        run("ip", "netns", "add", name)
        to_router = ["netns", router] if router else []
        run("ip", "link", "add", "eth0", "netns", name, "type", "veth", "peer", "name", f"to-{name}", *to_router)
        for inside, link, end in ((["-n", name], "eth0", "1"), (where, f"to-{name}", "254")):
            run("ip", *inside, "link", "set", link, "up")
            run("ip", *inside, "addr", "add", f"192.168.100.{end}/24", "dev", link)
            run("ip", *inside, "addr", "add", f"fd00:100::{end}/64", "dev", link, "nodad")
        run("ip", "-n", name, "route", "add", "default", "via", "192.168.100.254")
        run("ip", "-n", name, "-6", "route", "add", "default", "via", "fd00:100::254")

    def seen_as(self, address: str = OUTSIDE_ADDRESS, namespace: str = "ns01", timeout: float = 5) -> str:
        """Return the address that the server sees; empty if there is no answer within `timeout` seconds."""
        client = self._host.in_namespace(
            namespace, "/usr/bin/python3", "-c", CLIENT, address, str(PORT), str(timeout), check=False
        )
        return client.stdout.strip()

    def unanswered(self, address: str = OUTSIDE_ADDRESS, namespace: str = "ns01") -> bool:
        """Return whether there is no answer."""
        return self.seen_as(address, namespace, timeout=0.4) == ""

    def rules(self) -> str:
        """Return all rules of the packet filter, without counters, and what the host and its links forward."""
        host = self._host
        printed = [
            host.run("nft", "-s", "list", "ruleset").stdout,
            *(Path(f"/proc/sys/net/{name}").read_text(encoding="ascii") for name in FORWARDING),
            *_closed_links(),
            *_links_of_the_loopback(),
        ]
        for version, names in ((4, "ip_tables_names"), (6, "ip6_tables_names")):
            tables = Path(f"/proc/net/{names}")
            if tables.exists() and tables.read_text(encoding="ascii").split():
                printed.append(self.save("legacy", version))
        printed.extend(self.save("nft", version) for version in (4, 6))
        return "\n".join(printed)

    def save(self, variant: str, version: int = 4) -> str:
        """Return what iptables-save prints, without comments and counters."""
        command = f"{'ip6tables' if version == 6 else 'iptables'}-{variant}-save"
        lines = self._host.run(command).stdout.splitlines()
        return "\n".join(line.partition(" [")[0] for line in lines if not line.startswith("#"))

    def iptables(self, variant: str, *arguments: str) -> None:
        self._host.run(f"iptables-{variant}", "-w", "10", *arguments)

    def count(self, variant: str, what: str) -> int:
        """Count the rules with this text."""
        return sum(what in line for line in self.save(variant).splitlines() if line.startswith("-A"))

    def nft_rules(self, namespace: str | None = None) -> list[str]:
        """Return the rules in the collection's table."""
        where = ["ip", "netns", "exec", namespace] if namespace else []
        listed = self._host.run(*where, "nft", "list", "ruleset").stdout
        return [line.strip() for line in listed.splitlines() if "masquerade comment" in line]


def _closed_links() -> list[str]:
    """Return the parameters of the links that do not forward IPv4 on a host that does."""
    conf = Path("/proc/sys/net/ipv4/conf")
    found = sorted(path for path in conf.glob("*/forwarding") if path.read_text(encoding="ascii") == "0\n")
    return [] if conf / "all/forwarding" in found else [f"{path} = 0" for path in found]


def _links_of_the_loopback() -> list[str]:
    """Return the parameters of the links that carry packets of the loopback's addresses."""
    found = sorted(Path("/proc/sys/net/ipv4/conf").glob("*/route_localnet"))
    return [f"{path} = 1" for path in found if path.read_text(encoding="ascii") == "1\n"]


FORWARDING = ("ipv4/ip_forward", "ipv6/conf/all/forwarding")


@dataclass
class Cycle:
    """Runs the module: check, apply, check, apply. Check mode must report the same as the run and write nothing."""

    run_module: RunModule
    world: World
    module: str
    env: dict[str, str] = field(default_factory=dict)

    def __call__(self, **params: Any) -> ModuleResult:
        before = self.world.rules()
        checked = self.check(**params)
        assert self.world.rules() == before
        applied = self.simply(**params)
        for part in ("changed", "diff", "commands", "blocked_by"):
            assert checked.returned[part] == applied.returned[part], part
        after = self.world.rules()
        assert (after != before) == applied.changed
        for again in (self.check(**params), self.simply(**params)):
            assert (again.changed, again.diff, again.commands) == (False, [], [])
        assert self.world.rules() == after
        return applied

    def simply(self, **params: Any) -> ModuleResult:
        """Run it once, to prepare a test."""
        return self._successful(self.run_module(self.module, _env=self.env, **params))

    def check(self, **params: Any) -> ModuleResult:
        return self._successful(self.run_module(self.module, _check=True, _env=self.env, **params))

    def fails(self, **params: Any) -> str:
        """Run it and return its error; the host is unchanged."""
        before = self.world.rules()
        result = self.run_module(self.module, _env=self.env, **params)
        assert result.failed
        # A table that was deleted and created again is listed after the others.
        assert sorted(self.world.rules().splitlines()) == sorted(before.splitlines())
        return result.message

    def _successful(self, result: ModuleResult) -> ModuleResult:
        assert not result.failed, result.message
        return result


#: The rules of a host with Docker, as Docker writes them.
DOCKER_RULES = Path(__file__).parents[2] / "extensions" / "molecule" / "nat_forward_drop" / "files"


def load_docker(host: Host, variant: str) -> None:
    """Add the rules of Docker, and nothing of Docker itself, in a variant of iptables."""
    for command, name in (("iptables", "docker.rules"), ("ip6tables", "docker6.rules")):
        host.run(f"{command}-{variant}-restore", "--noflush", "-w", "10", str(DOCKER_RULES / name))


def programs(directory: Path, **links: str) -> dict[str, str]:
    """Return an environment with programs that are found before the system's."""
    for name, program in links.items():
        (directory / name.replace("_", "-")).symlink_to(program)
    return {"PATH": f"{directory}:{os.environ['PATH']}"}


def failing_program(directory: Path, program: str, ending: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which a program does its work, and then fails; what only reads does not fail."""
    failing = directory / "failing"
    failing.mkdir()
    script = failing / re.sub("-(nft|legacy)", "", Path(program).name)
    lines = ("#!/bin/sh", f'case "$*" in *list*) exec {program} "$@" ;; esac', f'{program} "$@"', ending, "")
    script.write_text("\n".join(lines), "ascii")
    script.chmod(0o755)
    return {**environment, "PATH": f"{failing}:{environment['PATH']}"}


def legacy_programs(directory: Path) -> dict[str, str]:
    """Return the environment of a host where iptables is the legacy variant."""
    links = {}
    for command in ("iptables", "ip6tables"):
        links[command] = f"/usr/sbin/{command}-legacy"
        for what in ("save", "restore"):
            links[f"{command}_{what}"] = f"/usr/sbin/{command}-legacy-{what}"
    return programs(directory, **links)


def clear_legacy(host: Host) -> None:
    """Reset what clearing a host leaves: IPv6 forwarding, and the rules of iptables-legacy."""
    Path("/proc/sys/net/ipv6/conf/all/forwarding").write_text("0", encoding="ascii")
    for command in ("iptables-legacy", "ip6tables-legacy"):
        host.run(command, "-w", "10", "-P", "FORWARD", "ACCEPT")
        for table in ("nat", "filter"):
            host.run(command, "-w", "10", "-t", table, "-F")
            host.run(command, "-w", "10", "-t", table, "-X")
