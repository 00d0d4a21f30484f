# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host with tenants, and what topology_info reports of their exposure compared with what connections find."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from ipaddress import ip_interface
from pathlib import Path
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._kernel import uapi
from ansible_collections.netns.fabric.plugins.module_utils._kernel.netlink import NetlinkSocket, message
from ansible_collections.netns.fabric.tests.helpers import traffic
from ansible_collections.netns.fabric.tests.helpers.connections import Attempt, answers, inside_namespace
from ansible_collections.netns.fabric.tests.helpers.host import NAMESPACES, Host
from ansible_collections.netns.fabric.tests.helpers.own_host import OUTSIDE_LINK, UPLINK
from ansible_collections.netns.fabric.tests.helpers.waiting import wait_until

PORTS = (80, 81)
Info = dict[str, Any]

#: How the host and the outside world are called among the sources.
HOST, OUTSIDE = "the host", "outside"


class World:
    """A host whose namespaces have servers on both PORTS, TCP and UDP; the outside world is not a known namespace."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self._spaces: dict[str, int] = {HOST: os.open("/proc/self/ns/net", os.O_RDONLY)}
        for name in ("net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"):
            Path("/proc/sys", name).write_text("1", encoding="ascii")

    def close(self) -> None:
        for descriptor in self._spaces.values():
            os.close(descriptor)
        self._spaces.clear()

    def ip(self, line: str) -> None:
        self.host.run("ip", *line.split())

    def add_bridge(self, name: str, *addresses: str) -> None:
        """Create a bridge of the kernel."""
        self.ip(f"link add dev {name} type bridge")
        for kind in ("", "6"):
            with suppress(OSError):
                Path(f"/proc/sys/net/bridge/bridge-nf-call-ip{kind}tables").write_text("0", encoding="ascii")
        self.set_up(name, addresses)

    def add_switch(self, name: str, *addresses: str, tag: int | None = None) -> None:
        """Create a bridge of Open vSwitch, whose own port is in a VLAN."""
        self.host.ovs_vsctl("add-br", name, "--", "set", "bridge", name, "datapath_type=netdev")
        if tag is not None:
            self.host.ovs_vsctl("set", "port", name, f"tag={tag}")
        self.set_up(name, addresses)

    def set_up(self, link: str, addresses: Sequence[str] = (), namespace: str = "") -> None:
        where = f"-n {namespace} " if namespace else ""
        self.ip(f"{where}link set dev {link} up")
        for address in addresses:
            self.ip(f"{where}addr add {address} dev {link}{' nodad' if ':' in address else ''}")

    def add_namespace(
        self, name: str, *addresses: str, bridge: str = "", switch: str = "", tag: int | None = None
    ) -> None:
        """Create a namespace with servers, at a port of a bridge, with default routes to the bridge's addresses."""
        self.ip(f"netns add {name}")
        self._spaces[name] = os.open(NAMESPACES / name, os.O_RDONLY)
        self.set_up("lo", namespace=name)
        if bridge or switch:
            self.ip(f"link add {name}_tap type veth peer name eth0 netns {name}")
            self.host.in_namespace(name, "ethtool", "-K", "eth0", "tx", "off")
            if bridge:
                self.ip(f"link set {name}_tap master {bridge}")
            else:
                self.host.ovs_vsctl("add-port", switch, f"{name}_tap", *([f"tag={tag}"] if tag else []))
            self.set_up(f"{name}_tap")
            self.set_up("eth0", addresses, name)
            for address in addresses:
                gateway = ip_interface(address).network.broadcast_address - 1
                self.ip(f"-n {name} route add default via {gateway}")
        self.serve(name)

    def serve(self, name: str, ports: Sequence[int] = PORTS) -> None:
        log = f"/run/{name.replace(' ', '-')}.log"
        where = None if name == HOST else name
        label = name.replace(" ", "-")
        texts = [str(port) for port in ports]
        self.host.start(*traffic.ENDPOINT, "serve", label, log, *texts, namespace=where)
        attempts = {Attempt(name, "tcp", "127.0.0.1", port) for port in ports}
        wait_until(lambda: attempts <= answers(attempts, self._spaces, attempts).keys(), 30, f"no servers in {name}")

    def hide_outside(self) -> None:
        """Have the outside world like another machine: known by nothing but its link."""
        self._spaces[OUTSIDE] = os.open(NAMESPACES / OUTSIDE, os.O_RDONLY)
        self.ip(f"netns del {OUTSIDE}")

    def outside(self, line: str) -> None:
        """Run ip(8) in the outside world."""
        file = f"/proc/{os.getpid()}/fd/{self._spaces[OUTSIDE]}"
        self.host.run("nsenter", f"--net={file}", "ip", *line.split())

    def forget_connections(self) -> None:
        """Have the host track no connections: a packet with the ports of one would count as a part of it."""
        header = uapi.NETFILTER_HEADER.pack(0, 0, 0)
        for descriptor in self._spaces.values():
            with inside_namespace(descriptor), closing(NetlinkSocket(uapi.NETLINK_NETFILTER)) as netlink:
                netlink.request(message(uapi.IPCTNL_MSG_CT_DELETE, header))

    # What is reported, and what is found

    def compare(self, exposure: Sequence[Info]) -> list[str]:
        """Return where connections differ from what is reported of the services on PORTS, in words."""
        said: dict[Attempt, tuple[str, str]] = {}
        for entry in exposure:
            for service in entry["services"]:
                if service["port"] in PORTS:
                    for group in service["reached_from"]:
                        said.update(self._attempts(entry["namespace"], service, group))
        expected = [attempt for attempt, (verdict, _name) in said.items() if verdict == "open"]
        found = answers(said, self._spaces, expected)
        wrong = []
        for attempt, (verdict, name) in said.items():
            is_reached = found.get(attempt, "").split(" ")[0] == name
            if verdict in ("open", "closed") and is_reached is not (verdict == "open"):
                wrong.append(f"{attempt} is reported as {verdict} to {name}, the answer is {found.get(attempt)!r}")
        return wrong

    def _attempts(self, target: str | None, service: Info, group: Info) -> dict[Attempt, tuple[str, str]]:
        name = HOST if target is None else target
        verdict = group["verdict"]
        where = group["at"] if verdict != "closed" else self._addresses(name, service["port"])
        sources = [*group["namespaces"], *([HOST] if group["host"] else [])]
        sources += [OUTSIDE for link in group["outside"] if link == UPLINK]
        made = {}
        for source in sources:
            for text in where:
                address, _colon, port = text.rpartition(":")
                address, _percent, link = address.strip("[]").partition("%")
                if address.startswith("fe80") and source == OUTSIDE:
                    link = OUTSIDE_LINK
                attempt = Attempt(source, service["protocol"], address, int(port), link)
                made[attempt] = (verdict, name.replace(" ", "-"))
        return made

    def _addresses(self, name: str, port: int) -> list[str]:
        links = self.host.links(None if name == HOST else name)
        addresses = [
            each["local"] for link in links.values() for each in link["addr_info"] if each["scope"] == "global"
        ]
        return [f"[{address}]:{port}" if ":" in address else f"{address}:{port}" for address in addresses]


def verdicts(
    exposure: Sequence[Info], target: str | None, port: int | None = None, protocol: str = "tcp"
) -> Mapping[str, str]:
    """Return what is reported of a namespace by source; without a port, of its paths."""
    entry = next(each for each in exposure if each["namespace"] == target)
    groups = entry["paths"]
    if port is not None:
        wanted = [each for each in entry["services"] if (each["protocol"], each["port"]) == (protocol, port)]
        groups = [group for service in wanted for group in service["reached_from"]]
    found: dict[str, str] = {}
    for group in groups:
        names = [*group["namespaces"], *([HOST] if group["host"] else []), *group["outside"]]
        found.update(dict.fromkeys(names, group["verdict"]))
    return found
