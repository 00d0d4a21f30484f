# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules of policy routing and the neighbours that the kernel dumps, parsed into plain values. Pure."""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Iterator, Mapping
from ipaddress import ip_address, ip_network

from ansible_collections.netns.fabric.plugins.module_utils._kernel import netlink
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import Neighbour, Rule
from ansible_collections.netns.fabric.plugins.module_utils._kernel.uapi import (
    FIB_RULE_INVERT,
    FRA_DPORT_MASK,
    FRA_DPORT_RANGE,
    FRA_DST,
    FRA_FLOW,
    FRA_FWMARK,
    FRA_FWMASK,
    FRA_GOTO,
    FRA_IIFNAME,
    FRA_IP_PROTO,
    FRA_L3MDEV,
    FRA_OIFNAME,
    FRA_PAD,
    FRA_PRIORITY,
    FRA_PROTOCOL,
    FRA_SPORT_MASK,
    FRA_SPORT_RANGE,
    FRA_SRC,
    FRA_SUPPRESS_IFGROUP,
    FRA_SUPPRESS_PREFIXLEN,
    FRA_TABLE,
    FRA_TUN_ID,
    FRA_UID_RANGE,
    HEADER,
    NDA_DST,
    NDA_LLADDR,
    NDA_PROTOCOL,
    NEIGHBOUR_HEADER,
    NTF_EXT_LEARNED,
    NTF_PROXY,
    NUD_DELAY,
    NUD_FAILED,
    NUD_INCOMPLETE,
    NUD_PERMANENT,
    NUD_PROBE,
    NUD_REACHABLE,
    NUD_STALE,
    PORT_RANGE,
    RULE_HEADER,
    UID_RANGE,
)

#: By number: the FR_ACT_ of linux/fib_rules.h, as ip-rule(8) names them.
ACTIONS: Mapping[int, str] = {
    1: "lookup",
    2: "goto",
    3: "nop",
    6: "blackhole",
    7: "unreachable",
    8: "prohibit",
}
#: The actions that the module rule has; a rule with another one is special.
OWN_ACTIONS = frozenset({"lookup", "blackhole", "unreachable", "prohibit"})

#: The NUD_ of linux/neighbour.h. A neighbour without a state, or that needs none, is not listed, as in ip-neighbour(8).
NEIGHBOUR_STATES: Mapping[int, str] = {
    NUD_INCOMPLETE: "incomplete",
    NUD_REACHABLE: "reachable",
    NUD_STALE: "stale",
    NUD_DELAY: "delay",
    NUD_PROBE: "probe",
    NUD_FAILED: "failed",
    NUD_PERMANENT: "permanent",
}

_NO_LIMIT = 0xFFFFFFFF
#: Attributes of a rule that parse_rule() reads, or that say nothing.
_KNOWN = frozenset(
    {
        *(FRA_DST, FRA_SRC, FRA_IIFNAME, FRA_GOTO, FRA_PRIORITY, FRA_FWMARK, FRA_FLOW, FRA_TUN_ID),
        *(FRA_SUPPRESS_IFGROUP, FRA_SUPPRESS_PREFIXLEN, FRA_TABLE, FRA_FWMASK, FRA_OIFNAME, FRA_PAD, FRA_L3MDEV),
        *(FRA_UID_RANGE, FRA_PROTOCOL, FRA_IP_PROTO, FRA_SPORT_RANGE, FRA_DPORT_RANGE, FRA_SPORT_MASK, FRA_DPORT_MASK),
    }
)

#: Where the family's header begins.
START = HEADER.size


def is_rule(message: bytes) -> bool:
    """Return whether it is a rule of IPv4 or IPv6; multicast routing has rules of its own families."""
    return RULE_HEADER.unpack_from(message, START)[0] in (socket.AF_INET, socket.AF_INET6)


def parse_rule(message: bytes) -> Rule:
    """Return a dumped rule."""
    family, to_length, from_length, tos, table, number, flags = RULE_HEADER.unpack_from(message, START)
    attributes = netlink.attributes_of(message, START + RULE_HEADER.size)
    action = ACTIONS.get(number, str(number))
    limit = _number(attributes.get(FRA_SUPPRESS_PREFIXLEN), _NO_LIMIT)
    l3mdev = bool(_number(attributes.get(FRA_L3MDEV)))
    mark, mask = (_number(attributes.get(kind)) for kind in (FRA_FWMARK, FRA_FWMASK))
    return Rule(
        version=4 if family == socket.AF_INET else 6,
        priority=_number(attributes.get(FRA_PRIORITY)),
        action=action,
        table=None if l3mdev or action != "lookup" else _number(attributes.get(FRA_TABLE)) or table,
        l3mdev=l3mdev,
        suppress_prefixlength=None if limit == _NO_LIMIT else limit,
        source=_network(attributes.get(FRA_SRC), from_length),
        destination=_network(attributes.get(FRA_DST), to_length),
        iif=_text(attributes.get(FRA_IIFNAME)) or None,
        oif=_text(attributes.get(FRA_OIFNAME)) or None,
        mark=(mark, mask) if mark or mask else None,
        ip_protocol=_number(attributes.get(FRA_IP_PROTO)) or None,
        source_ports=_ports(attributes.get(FRA_SPORT_RANGE)),
        destination_ports=_ports(attributes.get(FRA_DPORT_RANGE)),
        special=tuple(_special(action, tos, flags, attributes)),
        protocol=_number(attributes.get(FRA_PROTOCOL)),
    )


def _special(action: str, tos: int, flags: int, attributes: Mapping[int, bytes]) -> Iterator[str]:
    """Yield what the module rule has no option for, in the words of ip-rule(8)."""
    if flags & FIB_RULE_INVERT:
        yield "not"
    if tos:
        yield f"tos {tos:#x}"
    if attributes.get(FRA_UID_RANGE):
        yield "uidrange {}-{}".format(*UID_RANGE.unpack_from(attributes[FRA_UID_RANGE]))
    if attributes.get(FRA_FLOW):
        realms = _number(attributes[FRA_FLOW])
        yield f"realms {realms >> 16}/{realms & 0xFFFF}" if realms >> 16 else f"realms {realms}"
    if attributes.get(FRA_TUN_ID):
        yield f"tun_id {int.from_bytes(attributes[FRA_TUN_ID], 'big')}"
    group = _number(attributes.get(FRA_SUPPRESS_IFGROUP), _NO_LIMIT)
    if group != _NO_LIMIT:
        yield f"suppress_ifgroup {group}"
    if action not in OWN_ACTIONS:
        yield f"goto {_number(attributes.get(FRA_GOTO))}" if action == "goto" else action
    for number in sorted(attributes.keys() - _KNOWN):  # of a newer kernel
        yield f"[attribute {number}]"


def parse_neighbour(message: bytes) -> Neighbour | None:
    """Return a dumped neighbour; None for what is not listed, such as the multicast addresses of a link."""
    family, index, state, flags, _type = NEIGHBOUR_HEADER.unpack_from(message, START)
    attributes = netlink.attributes_of(message, START + NEIGHBOUR_HEADER.size)
    address = attributes.get(NDA_DST)
    proxy = bool(flags & NTF_PROXY)
    if family not in (socket.AF_INET, socket.AF_INET6) or not address or not (proxy or state in NEIGHBOUR_STATES):
        return None
    return Neighbour(
        str(ip_address(address)),
        index,
        attributes.get(NDA_LLADDR, b"").hex(":") or None,
        "" if proxy else NEIGHBOUR_STATES[state],
        proxy=proxy,
        protocol=_number(attributes.get(NDA_PROTOCOL)),
        learned=bool(flags & NTF_EXT_LEARNED),
    )


def move_neighbour(neighbour: bytes, indexes: Mapping[int, int]) -> bytes:
    """Return a dumped neighbour with the new index of its link, by the former ones."""
    moved, index = bytearray(neighbour), index_of(neighbour)
    struct.pack_into("=i", moved, START + 4, indexes.get(index, index))
    return bytes(moved)


def index_of(neighbour: bytes) -> int:
    """Return the index of the link that a dumped neighbour is on."""
    return int(NEIGHBOUR_HEADER.unpack_from(neighbour, START)[1])


def _network(prefix: bytes | None, length: int) -> str | None:
    # The kernel keeps the bits behind the prefix, as they were given, and ignores them.
    return str(ip_network((prefix, length), strict=False)) if prefix and length else None


def _ports(content: bytes | None) -> tuple[int, int] | None:
    if not content:
        return None
    first, last = PORT_RANGE.unpack_from(content)
    return (first, last) if last else None


def _text(value: bytes | None) -> str:
    return (value or b"").rstrip(b"\0").decode(errors="surrogateescape")


def _number(value: bytes | None, default: int = 0) -> int:
    return default if value is None else int.from_bytes(value, sys.byteorder)
