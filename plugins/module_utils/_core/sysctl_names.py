# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The names of kernel parameters that each link has, in full and without the link. Pure.

In full, a slash in the name of the link stands for a dot (sysctl(8)): net.ipv4.conf.eth0/10.rp_filter. In an entry,
which names the link itself, the same parameter is ipv4.conf.rp_filter.
"""

from __future__ import annotations

import re

#: The parameters that each link has, as the kernel names them: `net.TREE.LINK.NAME`.
LINK_TREES = ("ipv4.conf", "ipv4.neigh", "ipv6.conf", "ipv6.neigh", "mpls.conf")
_OF_LINK = re.compile(rf"net\.({'|'.join(map(re.escape, LINK_TREES))})\.([^.]+)\.([^.]+)")
_SHORT = re.compile(rf"({'|'.join(map(re.escape, LINK_TREES))})\.[a-z0-9_]+")


def split_key(key: str) -> tuple[str, str, str] | None:
    """Return the tree, the link and the name of a parameter that a link has; None for any other.

    `all` and `default` are no links (ip-sysctl).
    """
    found = _OF_LINK.fullmatch(key)
    if found is None or found[2] in ("all", "default"):
        return None
    return found[1], found[2].replace("/", "."), found[3]


def join_key(tree: str, link: str, name: str) -> str:
    """Return the parameter of a link; in the link's name a slash stands for a dot (sysctl(8))."""
    return f"net.{tree}.{link.replace('.', '/')}.{name}"


def parse_value(value: object) -> str:
    """Return a value as it is written to the kernel."""
    return str(int(value)) if isinstance(value, bool) else " ".join(str(value).split())


def check_short(value: object) -> str:
    """Check the name of a link's parameter without the link.

    Raises:
        ValueError: It is not one.
    """
    short = str(value)
    if _SHORT.fullmatch(short):
        return short
    found = split_key(short)
    example = f"{found[0]}.{found[2]}" if found else "ipv4.conf.rp_filter"
    raise ValueError(
        f"this is not a parameter of a link; write TREE.NAME without the link, such as {example} "
        f"(trees: {', '.join(LINK_TREES)})"
    )


def in_full(link: str, short: str) -> str:
    """Return the full name of a link's parameter."""
    tree, _dot, name = short.rpartition(".")
    return join_key(tree, link, name)
