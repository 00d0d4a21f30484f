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
#: Parameters that every namespace has and shows, and that hold for the whole host all the same: nf_hooks_lwtunnel
#: switches a static key of the kernel (nf_hooks_lwtunnel_sysctl_handler() in net/netfilter/nf_hooks_lwtunnel.c).
HOST_WIDE = frozenset({"net.netfilter.nf_hooks_lwtunnel"})
#: Bytes: NAME_MAX of linux/limits.h.
_PART_MAX = 255
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
    """Return a value as it is written to the kernel.

    Raises:
        ValueError: The kernel takes no such value for any parameter.
    """
    if isinstance(value, (dict, list)):
        raise ValueError(  # noqa: TRY004  # a wrong value, as the others
            "a value is a number or a string; write several numbers as one string: '1 2 3'"
        )
    text = str(int(value)) if isinstance(value, bool) else " ".join(str(value).split())
    if not text.isascii() or not text.isprintable():
        raise ValueError(f"{text!a} has a character that no kernel parameter takes; write it in printable ASCII")
    return text


def check_key(key: str) -> str:
    """Check the full name of a parameter of a namespace.

    Raises:
        ValueError: It is not one, or it holds for the whole host.
    """
    if not key.startswith("net."):
        raise ValueError(
            "only parameters below net. belong to a namespace; the others hold for the whole host: remove it"
        )
    # A slash stands for a dot: the parts are the names of files, and neither empty nor `.` nor `..`.
    parts = key.split(".")
    is_name = all(part.strip("/") and len(part.encode("utf-8", "replace")) <= _PART_MAX for part in parts)
    if not is_name or not key.isprintable() or any(char.isspace() for char in key):
        raise ValueError("this is not the name of a kernel parameter; write it like net.ipv4.ip_forward")
    if re.fullmatch(r"net\.\w+\.(conf|neigh)(\.[^.]+){3,}", key):
        raise ValueError(
            "write a dot in the name of a link as a slash (sysctl(8)), as in net.ipv4.conf.eth0/10.rp_filter"
        )
    if key in HOST_WIDE:
        raise ValueError(
            "it holds for the whole host, whichever namespace it is set in; remove it, and set it on the host "
            f"(`sysctl -w {key}=VALUE`) if all namespaces are to have it"
        )
    return key


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
