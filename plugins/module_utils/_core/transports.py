# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The protocols whose packets have ports, and that rules, policies and published ports can be about. Pure."""

from __future__ import annotations

from collections.abc import Mapping

#: By name, as nft and iptables have it: the number of the protocol (RFC 9293, RFC 768, RFC 9260).
TRANSPORTS: Mapping[str, int] = {"tcp": 6, "udp": 17, "sctp": 132}
#: Those that a probe can use: not every kernel has sockets of SCTP, nor every network a service that answers by it.
PROBED = ("tcp", "udp")


def port_range(text: str) -> tuple[int, int]:
    """Return the first and the last port of PORT or FIRST-LAST."""
    first, _hyphen, last = text.partition("-")
    return int(first), int(last or first)


def name_transports() -> str:
    """Return the protocols as options have them, for messages."""
    return " or ".join(f"`protocol: {name}`" for name in TRANSPORTS)
