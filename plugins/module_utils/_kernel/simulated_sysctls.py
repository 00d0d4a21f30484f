# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kernel parameters that a simulation has set, and what changes along with them. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ansible_collections.netns.fabric.plugins.module_utils._core.sysctl_names import join_key, split_key
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import NamespaceName

#: The parameters of `all` that the kernel copies to `default` and to every link when they are written
#: (inet_forward_change() in net/ipv4/devinet.c; addrconf_fixup_forwarding(), addrconf_disable_ipv6(),
#: addrconf_fixup_linkdown() and addrconf_sysctl_addr_gen_mode() in net/ipv6/addrconf.c).
COPIED = {
    "net.ipv4.conf": ("forwarding",),
    "net.ipv6.conf": ("addr_gen_mode", "disable_ipv6", "forwarding", "ignore_routes_with_linkdown"),
}
#: Another name of a parameter.
ALIASES = {"net.ipv4.ip_forward": "net.ipv4.conf.all.forwarding"}

_CONF = re.compile(r"(net\.ipv[46]\.conf)\.([^.]+)\.([^.]+)")


class SimulatedSysctls:
    """What the parameters would be if those that were simulated had been set."""

    def __init__(self) -> None:
        #: By namespace and key; `*` stands for every link.
        self._values: dict[tuple[NamespaceName, str], str] = {}
        #: By namespace and name: the former name of a link, which keeps its parameters.
        self._former: dict[tuple[NamespaceName, str], str] = {}

    def set(self, namespace: NamespaceName, key: str, value: str) -> None:
        key = ALIASES.get(key, key)
        found = _CONF.fullmatch(key)
        if found and found[2] == "all" and found[3] in COPIED[found[1]]:
            self._forget_links(namespace, found[1], found[3])
            self._values[namespace, f"{found[1]}.*.{found[3]}"] = value
        self._values[namespace, key] = value

    def get(self, namespace: NamespaceName, key: str) -> str | None:
        """Return the value; None for a parameter that was not set."""
        key = ALIASES.get(key, key)
        value = self._values.get((namespace, key))
        found = _CONF.fullmatch(key)
        if value is None and found:
            return self._values.get((namespace, f"{found[1]}.*.{found[3]}"))
        return value

    def rename_link(self, namespace: NamespaceName, name: str, new_name: str) -> None:
        """Take a link for renamed."""
        self._former[namespace, new_name] = self._former.pop((namespace, name), name)
        for where, key in list(self._values):
            found = split_key(key)
            if where == namespace and found is not None and found[1] == name:
                self._values[where, join_key(found[0], new_name, found[2])] = self._values.pop((where, key))

    def former_key(self, namespace: NamespaceName, key: str) -> str:
        """Return the key by which the kernel still has a parameter."""
        found = split_key(key)
        former = self._former.get((namespace, found[1])) if found else None
        return join_key(found[0], former, found[2]) if found and former else key

    def of_links(self, namespace: NamespaceName, pattern: str, read: Mapping[str, str]) -> dict[str, str]:
        """Return a parameter of links, `*` in its name in place of the link: as it was set, else as it was read."""
        start, _star, end = pattern.partition("*")
        found = dict(read)
        if (namespace, pattern) in self._values:
            found = dict.fromkeys([*read, "default"], self._values[namespace, pattern])
        for (where, key), value in self._values.items():
            if where == namespace and key != pattern and key.startswith(start) and key.endswith(end):
                found[key[len(start) : -len(end)].replace("/", ".")] = value
        return found

    def forget_link(self, namespace: NamespaceName, link: str) -> None:
        """Forget what was set for a link: it is gone, and one that gets its name has its own parameters."""
        self._former.pop((namespace, link), None)
        for where, key in list(self._values):
            found = split_key(key)
            if where == namespace and found is not None and found[1] == link:
                del self._values[where, key]

    def forget(self, namespace: NamespaceName) -> None:
        """Forget all that was set in a namespace: it is gone."""
        self._values = {place: value for place, value in self._values.items() if place[0] != namespace}
        self._former = {place: name for place, name in self._former.items() if place[0] != namespace}

    def clear(self) -> None:
        self._values.clear()
        self._former.clear()

    def _forget_links(self, namespace: NamespaceName, tree: str, name: str) -> None:
        for where, key in list(self._values):
            if where == namespace and key.startswith(f"{tree}.") and key.endswith(f".{name}"):
                del self._values[where, key]
