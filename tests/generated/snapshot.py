# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole of a host's network as plain values, as the system's own tools show it; for comparing hosts."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ansible_collections.netns.fabric.tests.helpers.host import Host

Snapshot = dict[str, Any]

#: What tells two equal hosts apart without meaning anything: numbers the kernel hands out, counters, random addresses.
_LINK_NOISE = frozenset({"ifindex", "link_index", "link_netnsid", "address", "broadcast", "permaddr"})
_ROW_NOISE = frozenset({"_uuid", "ifindex", "mac_in_use", "datapath_id", "ofport", "link_resets"})

#: What changes by itself; and what ovs-vswitchd repeats of the kernel's links, which are compared, a little later.
_COUNTERS = frozenset({"stats", "stats64", "operstate", "statistics", "admin_state", "link_state"})

#: What is looked at in each namespace; that of the host's own is under None.
_OF_A_SPACE = ("links", "routes", "checksums", "rules")

#: Those that come and go with an address or with duplicate address detection; the addresses themselves are compared.
_ROUTES_OF_THE_KERNEL = ("fe80", "local", "anycast", "multicast", "ff00", "broadcast")


def exact(host: Host) -> Snapshot:
    """Every bit that a run could change by mistake: check mode, a failed run and a second run must leave it alone."""
    names = host.namespaces()
    with ThreadPoolExecutor(max_workers=4) as pool:
        switch = pool.submit(_openvswitch, host)
        spaces = list(zip([None, *names], pool.map(lambda name: _space(host, name), [None, *names])))
        return {
            # A plain file is in the list of names alone.
            "names": names,
            **{kind: {name: space[kind] for name, space in spaces if space} for kind in _OF_A_SPACE},
            "openvswitch": switch.result(),
            "files": {str(path): path.read_text() for path in Path("/etc/netns").rglob("*") if path.is_file()},
            "forwarding": Path("/proc/sys/net/ipv4/ip_forward").read_text(encoding="ascii").strip(),
        }


def essence_of(snapshot: Snapshot) -> Snapshot:
    """What two hosts have in common that are equal to a person: without indexes, counters and random addresses."""
    # Open vSwitch gives a bridge's own device the smallest MTU of its ports, but not where it has made it anew.
    bridges = frozenset(snapshot["openvswitch"]["Bridge"])
    links = {
        space: {name: _without(_LINK_NOISE | _mtu_of(name, bridges), link) for name, link in found.items()}
        for space, found in snapshot["links"].items()
    }
    switch = {
        table: {name: _without(_ROW_NOISE | _mtu_of(name, bridges), row) for name, row in rows.items()}
        for table, rows in snapshot["openvswitch"].items()
    }
    rules = {space: _without_order(text) for space, text in snapshot["rules"].items()}
    return {**snapshot, "links": links, "openvswitch": switch, "rules": rules}


def _mtu_of(name: str, bridges: frozenset[str]) -> frozenset[str]:
    return frozenset({"mtu"}) if name in bridges else frozenset()


def _without_order(ruleset: str) -> str:
    """The tables, and the chains of each, by their names: only of rules does the order mean anything."""
    tables = re.findall(r"^table .*?^}", ruleset, flags=re.MULTILINE | re.DOTALL)
    return "\n".join(
        "\n".join(
            [table.splitlines()[0], *sorted(re.findall(r"^\tchain .*?^\t}", table, flags=re.MULTILINE | re.DOTALL))]
        )
        for table in sorted(tables)
    )


def essence(host: Host) -> Snapshot:
    """The essence of what the host is now."""
    return essence_of(exact(host))


def _without(noise: frozenset[str], shown: Mapping[str, Any]) -> Snapshot:
    return {key: value for key, value in shown.items() if key not in noise}


def _space(host: Host, name: str | None) -> Snapshot | None:
    """What is in a namespace, or the host's own for None; None if nothing stands behind the name."""
    where = ["nsenter", f"--net=/run/netns/{name}"] if name else []
    shown = host.run(*where, "ip", "-details", "-json", "addr", "show", check=False)
    if shown.returncode:
        return None
    links = {link["ifname"]: link for link in json.loads(shown.stdout) if link}
    rules = host.run(*where, "nft", "list", "ruleset").stdout
    return {
        "links": _links(links),
        "routes": _routes(host, where),
        "checksums": _checksums(host, where, links),
        "rules": re.sub(r"counter packets \d+ bytes \d+", "counter", rules),
    }


def _links(shown: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, link in shown.items():
        if name == "ovs-netdev":
            continue  # the userspace datapath's own, which vswitchd keeps or drops as it likes
        kept = _without(_COUNTERS, link)
        # The carrier is told of in the background, up to a second late (Documentation/networking/operstates.rst).
        kept["flags"] = sorted(set(link["flags"]) - {"NO-CARRIER", "LOWER_UP"})
        kept["addr_info"] = sorted(
            (f"{a['local']}/{a['prefixlen']}" for a in link["addr_info"] if a["scope"] != "link"),
        )
        found[name] = kept
    return found


def _routes(host: Host, where: Sequence[str]) -> list[str]:
    found: list[str] = []
    for family in ("-4", "-6"):
        shown = host.run(*where, "ip", family, "route", "show", "table", "all").stdout
        kept = (line for line in shown.splitlines() if not line.startswith(_ROUTES_OF_THE_KERNEL))
        found.extend(line.replace(" linkdown", "").strip() for line in kept)  # the carrier, as above
    return sorted(found)


def _checksums(host: Host, where: Sequence[str], links: Mapping[str, Any]) -> dict[str, bool]:
    found: dict[str, bool] = {}
    for name, link in links.items():
        if link.get("linkinfo", {}).get("info_kind") == "veth":
            # It may have gone since it was listed: the kernel deletes a namespace's links some time after it.
            shown = host.run(*where, "ethtool", "-k", name, check=False).stdout
            found[name] = "tx-checksumming: on" in shown
    return found


def _openvswitch(host: Host) -> dict[str, Any]:
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
            row["name"]: {key: _ordered(value, names) for key, value in _without(_COUNTERS, row).items()}
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
