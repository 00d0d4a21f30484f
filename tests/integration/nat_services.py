# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services in namespaces behind the host, for the tests of published ports."""

from __future__ import annotations

import time
from pathlib import Path

from ansible_collections.netns.fabric.tests.helpers import traffic
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.integration.nat_world import World

NS01, NS02, ROUTER = "192.168.100.1", "192.168.100.2", "192.168.100.254"
NS01_6, NS02_6, ROUTER_6 = "fd00:100::1", "fd00:100::2", "fd00:100::254"


class Services(World):
    """Two namespaces on one bridge of the host, with services in the first; the outside world has no route to them."""

    def __init__(self, host: Host) -> None:
        self._host = host
        run = host.run
        run("ip", "link", "add", "lan0", "type", "bridge")
        # As with bridges of Open vSwitch: traffic between neighbours does not pass the packet filter.
        for parameter in Path("/proc/sys/net/bridge").glob("bridge-nf-call-ip*tables"):
            parameter.write_text("0", encoding="ascii")
        # A link asks no neighbour for its MAC address before its own link-local address is known to be unique
        # (ndisc_solicit() in net/ipv6/ndisc.c).
        Path("/proc/sys/net/ipv6/conf/lan0/accept_dad").write_text("0", encoding="ascii")
        run("ip", "link", "set", "lan0", "up")
        run("ip", "addr", "add", f"{ROUTER}/24", "dev", "lan0")
        run("ip", "addr", "add", f"{ROUTER_6}/64", "dev", "lan0", "nodad")
        for name, address, address6 in (("ns01", NS01, NS01_6), ("ns02", NS02, NS02_6)):
            run("ip", "netns", "add", name)
            run("ip", "link", "add", "eth0", "netns", name, "type", "veth", "peer", "name", f"to-{name}")
            run("ip", "link", "set", f"to-{name}", "master", "lan0", "up")
            run("ip", "-n", name, "link", "set", "lo", "up")
            run("ip", "-n", name, "link", "set", "eth0", "up")
            run("ip", "-n", name, "addr", "add", f"{address}/24", "dev", "eth0")
            run("ip", "-n", name, "addr", "add", f"{address6}/64", "dev", "eth0", "nodad")
            run("ip", "-n", name, "route", "add", "default", "via", ROUTER)
            run("ip", "-n", name, "-6", "route", "add", "default", "via", ROUTER_6)
        host.start(*traffic.ENDPOINT, "serve", "ns01", "/run/contacts", "80", "81", "8003", namespace="ns01")
        for _attempt in range(100):
            if self.ask(NS01, 80, namespace="ns02") and self.ask(NS01_6, 8003, "udp", namespace="ns02"):
                return
            time.sleep(0.05)  # the server has no other sign that it listens
        raise AssertionError("the service in ns01 does not answer")

    def ask(
        self, address: str, port: int, protocol: str = "tcp", namespace: str | None = "outside", timeout: float = 5
    ) -> str:
        """Return the answer of the service: its namespace, its port, the client's address; empty without one."""
        return traffic.ask(namespace, address, port, protocol, timeout)

    def silent(self, address: str, port: int, protocol: str = "tcp", namespace: str | None = "outside") -> bool:
        """Whether nothing answers."""
        return self.ask(address, port, protocol, namespace, timeout=0.4) == ""
