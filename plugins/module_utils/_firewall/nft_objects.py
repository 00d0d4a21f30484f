# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the kernel itself reports of nf_tables, over nfnetlink: no program is run, and none can be wrong about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Protocol

from ansible_collections.netns.fabric.plugins.module_utils._kernel import uapi
from ansible_collections.netns.fabric.plugins.module_utils._kernel.netlink import NetlinkSocket, attributes_of, message

#: By number: the NFPROTO_ of linux/netfilter.h, as nft(8) names them.
_FAMILY_NAMES: Mapping[int, str] = {1: "inet", 2: "ip", 3: "arp", 5: "netdev", 7: "bridge", 10: "ip6"}

#: A table: family and name. A chain: its table's, and its name. A rule: its chain's, and its handle.
TableKey = tuple[str, str]
ChainKey = tuple[str, str, str]
RuleKey = tuple[str, str, str, int]


@dataclass(frozen=True)
class NftObjects:
    """The tables with their flags, the chains, and the rules, in the order of their chains, with their comments."""

    tables: Mapping[TableKey, int] = field(default_factory=dict)
    chains: frozenset[ChainKey] = frozenset()
    rules: Mapping[RuleKey, str] = field(default_factory=dict)

    def rules_since(self, earlier: NftObjects, chain: ChainKey) -> list[RuleKey]:
        """Return the rules of a chain that it did not have then."""
        return [key for key in self.rules if key[:3] == chain and key not in earlier.rules]


def read_objects() -> NftObjects:
    """Return what is in the namespace that the thread is in.

    Raises:
        OSError: The kernel does not answer.
    """
    with closing(NetlinkSocket(uapi.NETLINK_NETFILTER)) as netlink:
        return objects_from(netlink)


def read_generation() -> bytes:
    """Return the number of the ruleset in the namespace that the thread is in: every change gives it another one.

    Raises:
        OSError: The kernel does not answer.
    """
    with closing(NetlinkSocket(uapi.NETLINK_NETFILTER)) as netlink:
        answer = netlink.get(message(uapi.NFT_MSG_GETGEN, uapi.NETFILTER_HEADER.pack(0, 0, 0)))
    return attributes_of(answer, uapi.HEADER.size + uapi.NETFILTER_HEADER.size).get(uapi.NFTA_GEN_ID, b"")


class Netlink(Protocol):
    """A NetlinkSocket, as far as it is needed here."""

    def dump(self, request: bytearray) -> list[bytes]: ...


def objects_from(netlink: Netlink) -> NftObjects:
    """Return what nfnetlink reports.

    Raises:
        OSError: The kernel does not answer.
    """
    return NftObjects(
        tables={key: flags for found in dump(netlink, uapi.NFT_MSG_GETTABLE) for key, flags in parse_table(found)},
        chains=frozenset(key for found in dump(netlink, uapi.NFT_MSG_GETCHAIN) for key in _parse_chain(found)),
        rules={key: text for found in dump(netlink, uapi.NFT_MSG_GETRULE) for key, text in _parse_rule(found)},
    )


def dump(netlink: Netlink, kind: int) -> list[bytes]:
    """Return all objects of a kind; a header without a family stands for all families."""
    return netlink.dump(message(kind, uapi.NETFILTER_HEADER.pack(0, 0, 0)))


def parse_table(dumped: bytes) -> Iterator[tuple[TableKey, int]]:
    """Yield a table's family and name, and its flags; nothing for a family that has no name here."""
    family, attributes = _open(dumped)
    if family is not None:
        flags = int.from_bytes(attributes.get(uapi.NFTA_TABLE_FLAGS, b""), "big")
        yield (family, _text(attributes, uapi.NFTA_TABLE_NAME)), flags


def _parse_chain(dumped: bytes) -> Iterator[ChainKey]:
    family, attributes = _open(dumped)
    if family is not None:
        yield family, _text(attributes, uapi.NFTA_CHAIN_TABLE), _text(attributes, uapi.NFTA_CHAIN_NAME)


def _parse_rule(dumped: bytes) -> Iterator[tuple[RuleKey, str]]:
    family, attributes = _open(dumped)
    if family is not None:
        handle = int.from_bytes(attributes.get(uapi.NFTA_RULE_HANDLE, b""), "big")
        chain = (family, _text(attributes, uapi.NFTA_RULE_TABLE), _text(attributes, uapi.NFTA_RULE_CHAIN))
        yield (*chain, handle), _comment_in(attributes.get(uapi.NFTA_RULE_USERDATA, b""))


def _open(dumped: bytes) -> tuple[str | None, dict[int, bytes]]:
    number, _version, _resource = uapi.NETFILTER_HEADER.unpack_from(dumped, uapi.HEADER.size)
    return _FAMILY_NAMES.get(number), attributes_of(dumped, uapi.HEADER.size + uapi.NETFILTER_HEADER.size)


def _text(attributes: Mapping[int, bytes], number: int) -> str:
    return attributes.get(number, b"").rstrip(b"\0").decode(errors="replace")


def _comment_in(data: bytes) -> str:
    """Return the comment in the user data of a rule: type, length and value of each entry (libnftnl, udata.h)."""
    position = 0
    while position + 2 <= len(data):
        kind, length = data[position], data[position + 1]
        if kind == uapi.NFTNL_UDATA_RULE_COMMENT:
            return data[position + 2 : position + 2 + length].rstrip(b"\0").decode(errors="replace")
        position += 2 + length
    return ""
