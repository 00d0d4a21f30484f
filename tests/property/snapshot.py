# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole of a host's network as plain values, as the system's own tools show it; for comparing hosts."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.netns.fabric.tests.support.host_state import Host

Snapshot = dict[str, Any]

#: What tells two equal hosts apart without meaning anything: numbers the kernel hands out, counters, random addresses.
_LINK_NOISE = frozenset(
    {"operstate", "ifindex", "link_index", "link_netnsid", "address", "stats", "stats64", "broadcast", "permaddr"}
)
_ROW_NOISE = frozenset({"_uuid", "ifindex", "statistics", "mac_in_use", "datapath_id", "ofport", "link_resets"})

#: Those that come and go with an address or with duplicate address detection; the addresses themselves are compared.
_ROUTES_OF_THE_KERNEL = ("fe80", "local", "anycast", "multicast", "ff00", "broadcast")


def exact(host: Host) -> Snapshot:
    """Every bit that a run could change by mistake: check mode, a failed run and a second run must leave it alone."""
    return _snapshot(host, links=frozenset({"stats", "stats64", "operstate"}), rows=frozenset({"statistics"}))


def essence(host: Host) -> Snapshot:
    """What two hosts have in common that are equal to a person: without indexes, counters and random addresses."""
    return _snapshot(host, links=_LINK_NOISE, rows=_ROW_NOISE)


def _snapshot(host: Host, links: frozenset[str], rows: frozenset[str]) -> Snapshot:
    spaces: list[str | None] = [None, *_openable(host)]
    found = {space: host.links(space) for space in spaces}
    return {
        "names": host.namespaces(),
        "links": {space: _links(found[space], links) for space in spaces},
        "routes": {space: _routes(host, space) for space in spaces},
        "checksums": {space: _checksums(host, space, found[space]) for space in spaces},
        "openvswitch": _openvswitch(host, rows),
        "rules": _rules(host, spaces),
        "files": {str(path): path.read_text() for path in Path("/etc/netns").rglob("*") if path.is_file()},
        "forwarding": Path("/proc/sys/net/ipv4/ip_forward").read_text(encoding="ascii").strip(),
    }


def _openable(host: Host) -> list[str]:
    """Names that a namespace stands behind; a plain file is in the list of names alone."""
    return [
        name
        for name in host.namespaces()
        if host.run("ip", "-n", name, "link", "show", "lo", check=False).returncode == 0
    ]


def _links(shown: Mapping[str, Any], noise: frozenset[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, link in shown.items():
        if name == "ovs-netdev":
            continue  # the userspace datapath's own, which vswitchd keeps or drops as it likes
        kept = {key: value for key, value in link.items() if key not in noise}
        # The carrier is told of in the background, up to a second late (Documentation/networking/operstates.rst).
        kept["flags"] = sorted(set(link["flags"]) - {"NO-CARRIER", "LOWER_UP"})
        kept["addr_info"] = sorted(
            (f"{a['local']}/{a['prefixlen']}" for a in link["addr_info"] if a["scope"] != "link"),
        )
        found[name] = kept
    return found


def _routes(host: Host, space: str | None) -> list[str]:
    where = ["-n", space] if space else []
    found: list[str] = []
    for family in ("-4", "-6"):
        shown = host.run("ip", *where, family, "route", "show", "table", "all").stdout
        found.extend(line.strip() for line in shown.splitlines() if not line.startswith(_ROUTES_OF_THE_KERNEL))
    return sorted(found)


def _checksums(host: Host, space: str | None, links: Mapping[str, Any]) -> dict[str, bool]:
    where = ["ip", "netns", "exec", space] if space else []
    found: dict[str, bool] = {}
    for name, link in links.items():
        if link.get("linkinfo", {}).get("info_kind") == "veth":
            shown = host.run(*where, "ethtool", "-k", name).stdout
            found[name] = "tx-checksumming: on" in shown
    return found


def _openvswitch(host: Host, noise: frozenset[str]) -> dict[str, Any]:
    tables = ("Bridge", "Port", "Interface")
    command = [word for table in tables for word in ("--", "list", table)]
    shown = host.run("ovs-vsctl", "--timeout=10", "--format=json", *command).stdout.splitlines()
    rows = {
        table: [dict(zip(found["headings"], row)) for row in found["data"]]
        for table, found in zip(tables, map(json.loads, shown))
    }
    names = {row["_uuid"][1]: f"{table}:{row['name']}" for table, found in rows.items() for row in found}
    return {
        table: {
            row["name"]: {key: _ordered(value, names) for key, value in row.items() if key not in noise}
            for row in found
        }
        for table, found in rows.items()
    }


def _ordered(value: Any, names: Mapping[str, str]) -> Any:
    """A value of OVSDB with its references by name, and its sets and maps in an order that means nothing."""
    if not isinstance(value, list):
        return value
    kind, content = value
    if kind == "uuid":
        return names.get(content, content)
    return [kind, sorted((_ordered(element, names) if kind == "set" else element for element in content), key=str)]


def _rules(host: Host, spaces: list[str | None]) -> dict[str, str]:
    found: dict[str, str] = {}
    for space in spaces:
        where = ["ip", "netns", "exec", space] if space else []
        shown = host.run(*where, "nft", "list", "ruleset").stdout
        found[space or ""] = re.sub(r"counter packets \d+ bytes \d+", "counter", shown)
    return found


def assert_same(found: Snapshot, wanted: Snapshot, promise: str) -> None:
    """Raise AssertionError with the promise and every difference, if there is one."""
    differences = list(_differences("", found, wanted))
    assert not differences, promise + "\n" + "\n".join(differences)


def _differences(path: str, found: Any, wanted: Any) -> list[str]:
    if isinstance(found, dict) and isinstance(wanted, dict):
        return [
            line
            for key in sorted({*found, *wanted}, key=str)
            for line in _differences(f"{path}/{key}", found.get(key), wanted.get(key))
        ]
    return [] if found == wanted else [f"{path}: {found!r}, not {wanted!r}"]
