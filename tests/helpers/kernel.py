# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel's namespaces, links, addresses and routes, by the JSON of ip(8)."""

from __future__ import annotations

from typing import Any

from ansible_collections.netns.fabric.tests.helpers.shell import Shell, inside

Link = dict[str, Any]


class Kernel:
    """The network stack of the host and of its namespaces. ``namespace=None`` is the host's own."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    def namespaces(self) -> set[str]:
        """Return the names that `ip netns` lists."""
        return {entry["name"] for entry in self._shell.json("ip", "-json", "netns", "list") or []}

    def links(self, namespace: str | None = None) -> dict[str, Link]:
        """Return the links by name, as `ip -details -json address show` prints them."""
        listed = self._ip(namespace, "-details", "-json", "address", "show")
        return {link["ifname"]: link for link in listed if link}

    def link(self, name: str, namespace: str | None = None) -> Link:
        """Return one link; raise AssertionError with the existing names if there is none."""
        links = self.links(namespace)
        assert name in links, f"{name} is not in {namespace or 'the host'}: {', '.join(links)}"
        return links[name]

    def addresses(self, name: str, namespace: str | None = None) -> set[str]:
        """Return a link's addresses with prefix lengths, without those that the kernel assigns on its own."""
        found = self.link(name, namespace)["addr_info"]
        return {
            f"{address['local']}/{address['prefixlen']}"
            for address in found
            if address["scope"] == "global" and not address.get("dynamic")
        }

    def is_up(self, name: str, namespace: str | None = None) -> bool:
        """Return whether a link is set up and has a carrier."""
        return {"UP", "LOWER_UP"} <= set(self.link(name, namespace)["flags"])

    def peer(self, name: str, namespace: str | None = None) -> tuple[int, int | None]:
        """Return the index of a veth's other end, and the id of its namespace (None: the same one)."""
        link = self.link(name, namespace)
        assert link["linkinfo"]["info_kind"] == "veth", link
        index = link.get("link_index")
        if index is None:  # ip(8) prints the name if it is in the same namespace
            index = self.link(link["link"], namespace)["ifindex"]
        return int(index), link.get("link_netnsid")

    def routes(self, namespace: str | None = None, table: str = "all", version: int = 4) -> set[str]:
        """Return the static routes as lines like those of `ip route`, which begin with the destination."""
        found = self._ip(namespace, f"-{version}", "-details", "-json", "route", "show", "table", table)
        return {_route_line(route) for route in found if route.get("protocol") in ("static", "boot")}

    def sysctl(self, key: str, namespace: str | None = None) -> str:
        """Return a kernel parameter's value."""
        path = "/proc/sys/" + key.replace(".", "/")
        return self._shell.run(*inside(namespace), "cat", path).strip()

    def tx_checksum(self, name: str, namespace: str | None = None) -> bool:
        """Return whether a link offloads transmit checksums (ethtool(8))."""
        features = self._shell.run(*inside(namespace), "ethtool", "--show-features", name)
        return "tx-checksumming: on" in features

    def _ip(self, namespace: str | None, *arguments: str) -> list[Any]:
        where = ["-n", namespace] if namespace else []
        return list(self._shell.json("ip", *where, *arguments) or [])


def _route_line(route: dict[str, Any]) -> str:
    words = [str(route["dst"])]
    for key, word in (("gateway", "via"), ("dev", "dev"), ("prefsrc", "src"), ("metric", "metric"), ("table", "table")):
        # 1024 is IPv6's default metric, and `ip` omits the main table when it lists all.
        if key in route and route[key] not in (1024, "main"):
            words += [word, str(route[key])]
    return " ".join(words)
