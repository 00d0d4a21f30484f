# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a probe can expect: for the module reachability, and for the role that writes probes. Pure."""

from __future__ import annotations

# DELIVERED: an answer, or that the host's own packet filter refuses what has arrived there.
REACHABLE, DELIVERED = "reachable", "delivered"
# It leaves the router with an address of the router, whether it is answered or not.
MASQUERADED = "masqueraded"
# No answer, for whatever cause; and more exactly: silence, a rejection, or no route.
UNREACHABLE, SILENT, REJECTED, UNROUTED = "unreachable", "silent", "rejected", "no_route"

#: What the user can expect of any path.
EXPECTATIONS = (REACHABLE, UNREACHABLE, SILENT, REJECTED, UNROUTED)
_FORBIDDING = (UNREACHABLE, SILENT, REJECTED, UNROUTED)


def is_forbidding(expect: str) -> bool:
    """Return whether an expectation is that the path must not carry traffic."""
    return expect in _FORBIDDING


def contradict(one: str, other: str) -> bool:
    """Return whether no result is as both expect."""
    if is_forbidding(one) and is_forbidding(other):
        return one != other and UNREACHABLE not in (one, other)
    return is_forbidding(one) != is_forbidding(other)
