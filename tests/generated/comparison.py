# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots made comparable: what equal hosts have in common, and without order."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any

from ansible_collections.netns.fabric.tests.helpers import snapshot
from ansible_collections.netns.fabric.tests.helpers.snapshot import Snapshot


def comparable(found: Snapshot) -> Snapshot:
    """Return what is the same on two hosts that a user cannot distinguish, whatever was done to them before.

    Without the order of addresses, and of tables and chains of the packet filter: only that of rules has a meaning.
    Without the MTU of a bridge's own device, which Open vSwitch sets to the smallest of its ports, but not where it
    has re-created the device.
    """
    found = snapshot.without_identities(found)
    bridges = frozenset(found["openvswitch"]["Bridge"])
    return {
        **found,
        "links": {
            space: {name: _without_mtu(name, bridges, _sorted_addresses(link)) for name, link in links.items()}
            for space, links in found["links"].items()
        },
        "openvswitch status": {
            table: {name: _without_mtu(name, bridges, row) for name, row in rows.items()}
            for table, rows in found["openvswitch status"].items()
        },
        "packet filter": {space: _sorted_chains(lines) for space, lines in found["packet filter"].items()},
    }


def take_comparable() -> Snapshot:
    """Return the comparable form of what the host is now."""
    return comparable(snapshot.take())


def take_settled() -> Snapshot:
    """Return a snapshot once two in a row are equal: the kernel and ovs-vswitchd handle some damage a little later."""
    before, now = None, snapshot.take()
    while now != before:
        time.sleep(0.1)  # until nothing changes any more
        before, now = now, snapshot.take()
    return now


def without_order(found: Snapshot) -> Snapshot:
    """Return the snapshot with rules and owners sorted: which one was added first means nothing here."""
    links = {
        space: {
            name: {**link, "ifalias": sorted(re.split("[:, ]", link.get("ifalias", "")))}
            for name, link in links.items()
        }
        for space, links in found["links"].items()
    }
    rules = {space: sorted(lines) for space, lines in found["packet filter"].items()}
    return {**found, "links": links, "packet filter": rules}


def _without_mtu(name: str, bridges: frozenset[str], values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key != "mtu" or name not in bridges}


def _sorted_addresses(link: Mapping[str, Any]) -> dict[str, Any]:
    return {**link, "addr_info": sorted(link["addr_info"], key=str)}


def _sorted_chains(ruleset: list[str]) -> list[str]:
    tables = re.findall(r"^table .*?^}", "\n".join(ruleset), flags=re.MULTILINE | re.DOTALL)
    lines: list[str] = []
    for table in sorted(tables):
        chains = re.findall(r"^\tchain .*?^\t}", table, flags=re.MULTILINE | re.DOTALL)
        lines += [table.splitlines()[0], *(line for chain in sorted(chains) for line in chain.splitlines())]
    return lines
