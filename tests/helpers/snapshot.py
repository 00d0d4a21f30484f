# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host before and after: all that a topology could leave behind, and what a flap of a link would leave.

From a playbook, what is told is put into a file, for a test to compare with later:

    python3 -m ansible_collections.netns.fabric.tests.helpers.snapshot (snapshot|vitals) FILE
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections import Counter
from pathlib import Path

from ansible_collections.netns.fabric.tests.helpers.shell import Shell, inside

State = dict[str, list[str]]

# The device of the userspace datapath. ovs-vswitchd makes it with the first bridge of that type, and it alone decides
# whether to keep it after the last one; it is no part of any topology.
_DATAPATH_DEVICE = "ovs-netdev"

# In each network namespace.
_PER_NAMESPACE: dict[str, tuple[str, ...]] = {
    "ip -d addr": ("ip", "-details", "-oneline", "address", "show"),
    "ip -d link": ("ip", "-details", "-oneline", "link", "show"),
    "ip route": ("ip", "-4", "-details", "route", "show", "table", "all"),
    "ip -6 route": ("ip", "-6", "-details", "route", "show", "table", "all"),
    "ip rule": ("ip", "rule", "show"),
    "nft list ruleset": ("nft", "list", "ruleset"),
    "iptables-save": ("iptables-save",),
    "ip6tables-save": ("ip6tables-save",),
}

# On the host alone; in an order that says nothing.
_PER_HOST: dict[str, tuple[str, ...]] = {
    "ip netns": ("ip", "netns", "list"),
    "ovs-vsctl show": ("ovs-vsctl", "--timeout=10", "show"),
    "/etc/netns": (
        "find",
        "/etc/netns",
        "-mindepth",
        "1",
        "-printf",
        "%p %M %l\\n",
        "-type",
        "f",
        "-exec",
        "cat",
        "{}",
        ";",
    ),
    "/run/netns": ("find", "/run/netns", "-mindepth", "1", "-printf", "%p\\n"),
}


class Snapshot:
    """All that a topology could leave behind, as lines by listing and namespace."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    def take(self) -> State:
        """Return the state of the host and of all its namespaces."""
        state = {name: sorted(self._lines(*argv)) for name, argv in _PER_HOST.items()}
        for place in (None, *filter(self._opens, _names(state["ip netns"]))):
            self._wait_for_addresses(place)
            for name, argv in _PER_NAMESPACE.items():
                state[f"{place or 'host'}: {name}"] = self._lines(*inside(place), *argv)
        return state

    def _opens(self, namespace: str) -> bool:
        """Tell a namespace from a file that a killed run has left in its place."""
        return bool(self._shell.attempt(*inside(namespace), "true").rc == 0)

    def _wait_for_addresses(self, place: str | None, seconds: float = 5) -> None:
        """Wait until IPv6 addresses have been checked for duplicates: until then they, and routes, will change."""
        deadline = time.monotonic() + seconds
        while self._shell.run(*inside(place), "ip", "-6", "-oneline", "address", "show", "tentative"):
            assert time.monotonic() < deadline, f"IPv6 addresses stay tentative in {place or 'the host'}"
            time.sleep(0.1)

    def _lines(self, *argv: str) -> list[str]:
        return list(filter(None, map(_lasting, self._shell.run(*argv).splitlines())))


def _names(listed: list[str]) -> list[str]:
    """Return the names in the lines of `ip netns`, which may go on with an identifier."""
    return [line.split()[0] for line in listed]


def _lasting(line: str) -> str:
    """Return a line without what changes though nobody changes anything; nothing if nothing is left."""
    if re.match(rf"\d+: {_DATAPATH_DEVICE}\b", line) or f" dev {_DATAPATH_DEVICE} " in f"{line} ":
        return ""
    if line.startswith("#"):  # iptables-save: when it was run
        return ""
    # Of IPv6 routes and addresses: what is left of their lifetime. Of rules: how often they were met.
    line = re.sub(r"expires \d+sec|valid_lft \S+|preferred_lft \S+|\[\d+:\d+\]|counter packets \d+ bytes \d+", "", line)
    return line.rstrip()


class Vitals:
    """What changes if a link is made anew or goes down for a moment, and what does not if nothing happens."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    def take(self) -> State:
        """Return index, hardware address and carrier changes of all links, and the ports' rows and numbers."""
        listed = self._shell.run("ip", "netns", "list").splitlines()
        state = {place or "host": self._links(place) for place in (None, *_names(listed))}
        state["ports"] = self._ports()
        return state

    def _links(self, namespace: str | None) -> list[str]:
        # ip(8) does not tell of carrier changes; `ip netns exec` mounts the namespace's own /sys.
        script = (
            "cd /sys/class/net && for link in *; do "
            'test -d "$link" && echo $link $(cat $link/ifindex $link/address $link/carrier_changes); done'
        )
        return sorted(self._shell.run(*inside(namespace), "sh", "-c", script).splitlines())

    def _ports(self) -> list[str]:
        columns = "--columns=name,_uuid,ofport,ifindex,link_resets"
        said = self._shell.json("ovs-vsctl", "--timeout=10", "--format=json", columns, "list", "Interface")
        return sorted(" ".join(map(str, row)) for row in said["data"])


def differences(before: State, after: State) -> list[str]:
    """Return what is gone and what is new, one line each, as often as it is."""
    found = []
    for name in sorted({*before, *after}):
        old, new = before.get(name, []), after.get(name, [])
        lines = [f"{name}: gone: {line}" for line in (Counter(old) - Counter(new)).elements()]
        lines += [f"{name}: new: {line}" for line in (Counter(new) - Counter(old)).elements()]
        if old != new and not lines:
            lines = [f"{name}: in another order: {line}" for line in new]
        found += lines
    return found


def main() -> None:
    """Put a state into a file."""
    import testinfra

    kind, path = sys.argv[1:]
    shell = Shell(testinfra.get_host("local://"))
    state = Snapshot(shell).take() if kind == "snapshot" else Vitals(shell).take()
    Path(path).write_text(json.dumps(state, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
