# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Namespaces to probe, what damages the way between them, and probes by the module."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from functools import partial
from typing import Any

from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.module_runner import ModuleResult
from ansible_collections.netns.fabric.tests.helpers.waiting import wait_until
from ansible_collections.netns.fabric.tests.integration.conftest import RunModule

RED, BLUE, GREEN = "192.0.2.1", "192.0.2.2", "192.0.2.3"
RED6, BLUE6 = "2001:db8::1", "2001:db8::2"
NOBODY, NOBODY6 = "192.0.2.99", "2001:db8::99"
ELSEWHERE = "198.51.100.1"


def batch(*lines: str) -> None:
    """Run lines of ip(8), the host's first, then those of each namespace (`-n NAME ...`), each in one batch."""
    by_namespace: dict[tuple[str, ...], list[str]] = {(): []}
    for line in lines:
        words = line.split()
        where, rest = (tuple(words[:2]), words[2:]) if words[0] == "-n" else ((), words)
        by_namespace.setdefault(where, []).append(" ".join(rest))
    for where, batched in by_namespace.items():
        subprocess.run(["ip", *where, "-batch", "-"], input="\n".join(batched), text=True, check=True, timeout=60)


def is_up(host: Host, namespace: str) -> bool:
    return bool(host.links(namespace)["eth0"]["operstate"] == "UP")


def wait_until_up(host: Host, *namespaces: str) -> None:
    """Wait until the kernel sends over a link: for up to a second after it was set up it drops packets (linkwatch)."""
    for name in namespaces:
        wait_until(partial(is_up, host, name), 10, f"eth0 of {name} does not come up")


def connect(host: Host, near: tuple[str, Sequence[str]], far: tuple[str, Sequence[str]]) -> None:
    """Create two namespaces and a veth pair between them, eth0 at both ends with these addresses."""
    ends = (near, far)
    batch(
        *(f"netns add {name}" for name, _addresses in ends),
        f"link add eth0 netns {near[0]} type veth peer name eth0 netns {far[0]}",
        *(
            f"-n {name} addr add {address} dev eth0" + (" nodad" if ":" in address else "")
            for name, addresses in ends
            for address in addresses
        ),
        *(f"-n {name} link set {link} up" for name, _addresses in ends for link in ("lo", "eth0")),
    )
    wait_until_up(host, near[0], far[0])


def switch(host: Host, *members: tuple[str, str]) -> None:
    """Create a kernel bridge, and for each member a namespace NAME with an address and a veth pair: eth0, NAME-tap."""
    batch(
        "link add br0 type bridge",
        "link set br0 up",
        *(f"netns add {name}" for name, _address in members),
        *(f"link add eth0 netns {name} type veth peer name {name}-tap" for name, _address in members),
        *(f"link set {name}-tap up master br0" for name, _address in members),
        *(f"-n {name} addr add {address} dev eth0" for name, address in members),
        *(f"-n {name} link set {link} up" for name, _address in members for link in ("lo", "eth0")),
    )
    wait_until_up(host, *(name for name, _address in members))


def nft(host: Host, namespace: str, hook: str, *rules: str) -> None:
    """Add rules in a chain at the hook."""
    host.in_namespace(namespace, "nft", "add", "table", "inet", "t")
    chain = f"{{ type filter hook {hook} priority 0; }}"
    host.in_namespace(namespace, "nft", "add", "chain", "inet", "t", "c", chain)
    for rule in rules:
        host.in_namespace(namespace, "nft", "add", "rule", "inet", "t", "c", *rule.split())


def ask(run_module: RunModule, *probes: dict[str, Any], check: bool = False) -> ModuleResult:
    return run_module("reachability", probes=list(probes), _check=check)


def probe(namespace: str | None, to: str, protocol: str = "icmp", **options: Any) -> dict[str, Any]:
    where = {} if namespace is None else {"namespace": namespace}
    return {**where, "to": to, "protocol": protocol, **options}


def causes(result: ModuleResult) -> list[str | None]:
    return [probe["cause"] for probe in result.returned["probes"]]


def sockets(host: Host, *namespaces: str) -> list[str]:
    """Return every socket, including those in TIME_WAIT."""
    return [host.in_namespace(name, "ss", "-Htuwan").stdout for name in namespaces] + [host.run("ss", "-Htuwan").stdout]


def state_of(host: Host) -> object:
    """Return what a probe must not change."""
    links = {
        name: (link["ifindex"], link["flags"], link["mtu"], [address["local"] for address in link["addr_info"]])
        for name, link in host.links("red").items()
    }
    return sockets(host, "red", "blue"), links, host.run("ip", "-n", "red", "route").stdout, host.namespaces()


def bridge_with_ports(host: Host, *tags: str) -> None:
    """An Open vSwitch bridge with the userspace datapath, red and blue on it, with transmit checksum offload."""
    for name, address in (("red", RED), ("blue", BLUE)):
        batch(
            f"netns add {name}",
            f"link add eth0 netns {name} type veth peer name {name}-tap",
            f"link set {name}-tap up",
            f"-n {name} addr add {address}/24 dev eth0",
            f"-n {name} link set eth0 up",
        )
    words = "add-br br0 -- set bridge br0 datapath_type=netdev"
    words += "".join(f" -- add-port br0 {name}-tap {tag}" for name, tag in zip(("red", "blue"), tags))
    host.ovs_vsctl(*words.split())
    wait_until_up(host, "red", "blue")
