# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots of the test host: all that a module or a topology could change, read by the system's own tools.

A snapshot is a dictionary of plain values, which JSON keeps: the names in /run/netns, the files in /etc/netns, for each
network namespace its links, routes, rules, static neighbours, packet filter and kernel parameters, and what Open
vSwitch has.

From a playbook, a snapshot is written to a file, for a test to compare with later:

    python3 -m ansible_collections.netns.fabric.tests.helpers.snapshot (take|take_identities) FILE
"""

from __future__ import annotations

import itertools
import json
import os
import re
import stat
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from ansible_collections.netns.fabric.tests.helpers import openvswitch
from ansible_collections.netns.fabric.tests.helpers.host import NAMESPACES, RESOLVERS

Snapshot = dict[str, Any]

#: Stands for the host's own network namespace. No name in /run/netns can have a slash.
HOST = "/host"

SYSCTLS = (
    "net/ipv4/ip_forward",
    "net/ipv4/conf/all/forwarding",
    "net/ipv4/conf/all/rp_filter",
    "net/ipv4/conf/all/accept_redirects",
    "net/ipv4/conf/default/rp_filter",
    "net/ipv4/tcp_rmem",
    "net/ipv6/conf/all/forwarding",
    "net/ipv6/conf/default/forwarding",
)

#: Seconds within which the kernel and ovs-vswitchd have applied a change.
SETTLING_TIME = 3.0

#: The device of the userspace datapath. ovs-vswitchd creates it with the first bridge of that type, and it alone
#: decides whether to keep it after the last one; it is no part of any topology.
_DATAPATH_DEVICE = "ovs-netdev"

# What changes on its own, and later than the change that causes it: carrier, operational state, duplicate address
# detection, lifetimes, timers, counters.
_VOLATILE = frozenset({"operstate", "stats", "stats64"})
_VOLATILE_FLAGS = frozenset({"NO-CARRIER", "LOWER_UP", "linkdown", "M-DOWN"})
#: The state of a bridge's port in spanning tree, and that of a bond's member in LACP, follow the carrier.
_VOLATILE_OF_KIND = frozenset(
    {
        *("state", "mii_status", "link_failure_count", "ad_aggregator_id", "ad_info"),
        *(f"ad_{side}_oper_port_state{form}" for side in ("actor", "partner") for form in ("", "_str")),
    }
)
_VOLATILE_OF_ADDRESS = frozenset({"valid_life_time", "preferred_life_time", "dynamic", "tentative"})
# What differs between two hosts that a user cannot distinguish.
_IDENTITY = frozenset({"ifindex", "link_index", "link", "link_netnsid", "address", "permaddr"})
_IDENTITY_OF_KIND = frozenset({"bridge_id", "root_id", "perm_hwaddr"})
_IDENTITY_OF_ROW = frozenset({"_uuid", "ifindex", "mac_in_use", "datapath_id", "ofport", "link_resets"})

# What is read in each network namespace.
_PARTS = ("links", "routes", "policy rules", "static neighbours", "packet filter", "sysctls", "tx checksum", "qdiscs")
_ABSENT = object()
#: In a rule that leads to a chain of an isolated link: for what leaves by it, and for what enters by it.
_JUMPS = ("jump fabric-from-", "jump fabric-to-")
_SEPARATOR = "\x1e\n"
# Run in each network namespace. Rules of iptables-legacy do not show in nft; reading them where there are none would
# load its kernel modules.
_SCRIPT = f"""
next() {{ printf '{_SEPARATOR[0]}\\n'; }}
set -e
ip -details -json -statistics -statistics -batch - <<END
address show
rule show
route show table all
$LIST_IDS
END
next
ip -6 -details -json -batch - <<'END'
rule show
route show table all
END
next
ip -json -batch - <<'END'
neighbour show nud permanent
neighbour show proxy
END
next
nft --stateless list ruleset; next
if test -s /proc/net/ip_tables_names; then iptables-legacy-save; fi
if test -s /proc/net/ip6_tables_names; then ip6tables-legacy-save; fi; next
head -qn1 "$@"; next
ethtool --show-features '*' | grep -E '^Features for |^tx-checksumming:'; next
tc -json qdisc show; next
for link in $(tc qdisc show | awk '$2 == "ingress" {{ print $5 }}'); do
    echo "$link"; tc filter show dev "$link" ingress
done
"""
#: In a line about an action: which it is of all on the host, and who uses it.
_COUNTED = re.compile(r"index \d+ ref \d+ bind \d+")


def take() -> Snapshot:
    """Return a snapshot of the host."""
    entries = {path.name: _entry(path) for path in sorted(NAMESPACES.iterdir())}
    names = [HOST, *(name for name, entry in entries.items() if isinstance(entry, int))]
    with ThreadPoolExecutor(max_workers=3) as pool:
        switch = pool.submit(openvswitch.read_all)
        spaces = dict(zip(names, pool.map(_namespace, names)))
    for space in spaces.values():
        _add_far_ends(space, spaces)
    configuration, status = switch.result()
    return {
        "entries": entries,
        "files": {str(path): _file(path) for path in sorted(RESOLVERS.rglob("*"))},
        **{part: {name: space[part] for name, space in spaces.items()} for part in _PARTS},
        "openvswitch": configuration,
        "openvswitch status": status,
    }


def _entry(path: Path) -> Any:
    """Return the inode of a namespace, where a symbolic link leads to, or what another file is."""
    if path.is_symlink():
        return ["link", str(path.readlink())]
    if path.stat().st_dev != NAMESPACES.stat().st_dev:
        return path.stat().st_ino
    return _file(path)


def _file(path: Path) -> list[Any]:
    status = path.lstat()
    content = path.read_text(encoding="utf-8", errors="surrogateescape") if stat.S_ISREG(status.st_mode) else ""
    return [status.st_mode, status.st_uid, status.st_gid, content]


def _namespace(name: str) -> Snapshot:
    """Return the parts of a snapshot for one namespace, and the names of the namespaces that it has numbers for."""
    ip, ip6, neighbours, ruleset, legacy_rules, values, features, qdiscs, filters = _read_namespace(name)
    addresses, rules, routes, *known = map(json.loads, ip.splitlines())
    rules6, routes6 = map(json.loads, ip6.splitlines())
    return {
        "name": name,
        "known": {each["nsid"]: each.get("name") for each in (known[0] if known else [])},
        "links": _links(addresses),
        "routes": _routes([*routes, *routes6]),
        "policy rules": [*rules, *rules6],
        "static neighbours": _neighbours(itertools.chain(*map(json.loads, neighbours.splitlines()))),
        "packet filter": [*_sort_isolation(ruleset.splitlines()), *_legacy_rules(legacy_rules)],
        "sysctls": dict(zip(SYSCTLS, values.splitlines())),
        "tx checksum": _checksums(features),
        "qdiscs": [*_qdiscs(qdiscs), *(_COUNTED.sub("", line).strip() for line in filters.splitlines())],
    }


def _sort_isolation(lines: Sequence[str]) -> Iterator[str]:
    """Yield rules, those of isolated links sorted that are next to each other and whose order has no effect."""
    for kind, run in itertools.groupby(lines, _unordered_kind):
        rules = list(run)
        yield from sorted(rules) if kind else rules


def _unordered_kind(line: str) -> str:
    """Return what a rule has in common with those among which its order has no effect; empty for any other."""
    if 'comment "netns.fabric/isolation:' not in line or line.lstrip().startswith("drop "):
        return ""
    return next((jump for jump in _JUMPS if jump in line), "passes")


def _read_namespace(name: str) -> list[str]:
    where = [] if name == HOST else ["nsenter", f"--net={NAMESPACES / name}"]
    command = [*where, "sh", "-c", _SCRIPT, "sh", *(f"/proc/sys/{key}" for key in SYSCTLS)]
    # It opens every file in /run/netns, and would wait for a writer of a named pipe.
    list_ids = "" if any(path.is_fifo() for path in NAMESPACES.iterdir()) else "netns list-id"
    environment = {**os.environ, "LIST_IDS": list_ids}
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)
    assert result.returncode == 0, f"{name}: {result.stderr}{result.stdout}"
    return result.stdout.split(_SEPARATOR)


def _links(listed: list[Any]) -> dict[str, Any]:
    return {link["ifname"]: _link(link) for link in filter(None, listed) if link["ifname"] != _DATAPATH_DEVICE}


def _link(link: Mapping[str, Any]) -> dict[str, Any]:
    info = {
        key: value
        if isinstance(value, str)
        else {name: found for name, found in value.items() if "_timer" not in name and name not in _VOLATILE_OF_KIND}
        for key, value in link.get("linkinfo", {}).items()
    }
    return {
        **_without(_VOLATILE, link),
        "linkinfo": info,
        "flags": [flag for flag in link["flags"] if flag not in _VOLATILE_FLAGS],
        "addr_info": [
            _without(_VOLATILE_OF_ADDRESS, address) for address in link["addr_info"] if not _follows_from_mac(address)
        ],
    }


def _follows_from_mac(address: Mapping[str, Any]) -> bool:
    """Return whether it is the link-local address made of the link's MAC address (RFC 4291, appendix A)."""
    return address["scope"] == "link" and ip_address(address["local"]).packed[11:13] == b"\xff\xfe"


def _add_far_ends(space: Snapshot, spaces: Mapping[str, Snapshot]) -> None:
    """Add to each link the namespace and the name of its other end, or of the link that it is based on."""
    for link in space["links"].values():
        if "link" in link:
            link["far end"] = [space["name"], link["link"]]
        elif "link_index" in link:
            there = space["known"].get(link.get("link_netnsid")) or HOST
            ends = spaces[there]["links"] if there in spaces else {}
            link["far end"] = [there, *(end for end, found in ends.items() if found["ifindex"] == link["link_index"])]


def _qdiscs(text: str) -> list[Any]:
    """Return the qdiscs that are not the kernel's own choice, without what it counts."""
    listed = json.loads(text) if text.strip() else []
    return sorted((_without(frozenset({"refcnt"}), each) for each in listed if each["handle"] != "0:"), key=str)


def _routes(listed: list[Any]) -> list[dict[str, Any]]:
    routes = [
        {**route, "flags": [flag for flag in route.get("flags", []) if flag not in _VOLATILE_FLAGS]}
        for route in listed
        if not _follows_from_address(route) and route.get("dev") != _DATAPATH_DEVICE
    ]
    return sorted(routes, key=str)


def _neighbours(listed: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return neighbours in an order of their own.

    Proxies without a device are left out: the kernel keeps those of deleted namespaces, and shows them in new ones.
    """
    return sorted((neighbour for neighbour in listed if "dev" in neighbour), key=str)


def _follows_from_address(route: Mapping[str, Any]) -> bool:
    """Return whether the kernel has added the route for an address, which is compared itself, or for a link."""
    if route.get("protocol") != "kernel":
        return False
    of_address = route.get("type") in {"local", "broadcast", "anycast", "multicast"}
    return of_address or str(route["dst"]).startswith(("fe80", "ff00"))


def _legacy_rules(text: str) -> list[str]:
    return [line.partition(" [")[0] for line in text.splitlines() if not line.startswith("#")]


def _checksums(text: str) -> dict[str, bool]:
    lines = text.splitlines()
    return {
        title.removeprefix("Features for ").removesuffix(":"): "on" in value
        for title, value in zip(lines[::2], lines[1::2])
        if title != f"Features for {_DATAPATH_DEVICE}:"
    }


def without_identities(snapshot: Snapshot) -> Snapshot:
    """Return what two hosts have in common that a user cannot distinguish.

    Left out are indexes, inodes, random MAC addresses and the numbers that Open vSwitch assigns.
    """
    return {
        **snapshot,
        "entries": {name: True if isinstance(entry, int) else entry for name, entry in snapshot["entries"].items()},
        "links": {
            name: {link: _without_identity(found) for link, found in links.items()}
            for name, links in snapshot["links"].items()
        },
        "openvswitch status": {
            table: {name: _without(_IDENTITY_OF_ROW, row) for name, row in rows.items()}
            for table, rows in snapshot["openvswitch status"].items()
        },
    }


def _without(keys: frozenset[str], values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key not in keys}


def _without_identity(link: Mapping[str, Any]) -> dict[str, Any]:
    info = {
        key: value if isinstance(value, str) else _without(_IDENTITY_OF_KIND, value)
        for key, value in link["linkinfo"].items()
    }
    return {**_without(_IDENTITY, link), "linkinfo": info}


def without_forwarding(snapshot: Snapshot) -> Snapshot:
    """Return the snapshot without the host's forwarding, which a teardown leaves on: something else may rely on it.

    ip_forward sets accept_redirects along with itself (Documentation/networking/ip-sysctl.rst).
    """
    values = snapshot["sysctls"][HOST]
    kept = {key: value for key, value in values.items() if "forward" not in key and "accept_redirects" not in key}
    return {**snapshot, "sysctls": {**snapshot["sysctls"], HOST: kept}}


def take_identities() -> Snapshot:
    """Return what changes when a link or port is re-created or loses its carrier for a moment, and only then."""
    links = {}
    for name in [HOST, *(path.name for path in NAMESPACES.iterdir() if isinstance(_entry(path), int))]:
        listed = json.loads(_read_namespace(name)[0].splitlines()[0])
        links[name] = {
            link["ifname"]: [link["ifindex"], link["address"], link["stats64"]["tx"]["carrier_changes"]]
            for link in filter(None, listed)
        }
    columns = ("_uuid", "ofport", "ifindex", "link_resets")
    ports = openvswitch.read_all()[1]["Interface"]
    return {"links": links, "ports": {name: [row[column] for column in columns] for name, row in ports.items()}}


def assert_equal(found: Snapshot, wanted: Snapshot, promise: str) -> None:
    """Raise AssertionError with the promise and every difference, if there is one."""
    lines = differences(wanted, found)
    assert not lines, "\n".join([promise, *lines])


def assert_unchanged(before: Snapshot, what: str = "the host") -> None:
    """Raise AssertionError unless the host is as in the snapshot, at the latest after SETTLING_TIME.

    What ovs-vswitchd reports is not compared.
    """
    _assert_becomes(_configured(before), _configured, what)


def assert_equal_host(wanted: Snapshot, what: str) -> None:
    """Raise AssertionError unless the host equals the one in the snapshot, at the latest after SETTLING_TIME.

    What ovs-vswitchd reports is not compared.
    """

    def view(snapshot: Snapshot) -> Snapshot:
        return _configured(without_identities(snapshot))

    _assert_becomes(view(wanted), view, what)


def _configured(snapshot: Snapshot) -> Snapshot:
    return {part: value for part, value in snapshot.items() if part != "openvswitch status"}


def _assert_becomes(wanted: Snapshot, view: Callable[[Snapshot], Snapshot], what: str) -> None:
    deadline = time.monotonic() + SETTLING_TIME
    while (now := view(take())) != wanted:
        if time.monotonic() > deadline:
            raise AssertionError("\n".join([f"{what} differs:", *differences(wanted, now)]))
        time.sleep(0.1)  # the kernel applies some changes later, and does not report it


def differences(before: Any, after: Any, path: str = "") -> list[str]:
    """Return what is gone and what is new in a snapshot, a line for each value."""
    if before == after:
        return []
    if isinstance(before, dict) and isinstance(after, dict):
        return [
            line
            for key in sorted({*before, *after})
            for line in differences(before.get(key, _ABSENT), after.get(key, _ABSENT), f"{path}/{key}")
        ]
    if isinstance(before, list) and isinstance(after, list):
        old, new = Counter(map(str, before)), Counter(map(str, after))
        if old == new:
            return [f"{path}: in another order: {after}"]
        return [
            *(f"{path}: gone: {value}" for value in (old - new).elements()),
            *(f"{path}: new: {value}" for value in (new - old).elements()),
        ]
    return [
        *([] if before is _ABSENT else [f"{path}: gone: {before}"]),
        *([] if after is _ABSENT else [f"{path}: new: {after}"]),
    ]


def main(kind: str, path: str) -> None:
    """Write a snapshot to a file."""
    snapshot = take() if kind == "take" else take_identities()
    Path(path).write_text(json.dumps(snapshot, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
