# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait for what the kernel deletes in the background: the links inside a namespace that nobody holds any more."""

from __future__ import annotations

import stat

from ansible_collections.netns.fabric.tests.helpers.host import NAMESPACES, Host
from ansible_collections.netns.fabric.tests.helpers.waiting import wait_until

#: Seconds. One worker of the kernel (cleanup_net) deletes the namespaces of the whole machine.
PATIENCE = 30


def present_namespaces() -> dict[int, str]:
    """Return a name of each namespace in /run/netns, by the inode: one lives for as long as it has a name.

    Other files may have names there, such as a named pipe, which nobody must open.
    """
    device = NAMESPACES.stat().st_dev
    found = ((path.lstat(), path.name) for path in NAMESPACES.iterdir())
    return {status.st_ino: name for status, name in found if stat.S_ISREG(status.st_mode) and status.st_dev != device}


def peers_in(host: Host, namespace: str) -> set[int]:
    """Return the interface indexes of the host's ends whose other ends are in the namespace."""
    shown = host.run("ip", "-n", namespace, "link", "show", "lo", check=False)
    if shown.returncode:
        return set()
    return {link["link_index"] for link in host.links(namespace).values() if "link_index" in link} & _veths(host)


def wait_until_deleted(host: Host, ends: set[int]) -> None:
    """Return when the host has none of these ends any more.

    Raises:
        AssertionError: It still has some: something holds their namespace.
    """
    wait_until(lambda: not ends & _veths(host), PATIENCE, "the links of a deleted namespace stay")


def _veths(host: Host) -> set[int]:
    links = host.links().values()
    return {link["ifindex"] for link in links if link.get("linkinfo", {}).get("info_kind") == "veth"}
