# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The capabilities of this process (capabilities(7)), of which root in a container has only some."""

from __future__ import annotations

from functools import cache

#: By name: the number in linux/capability.h.
CAPABILITIES = {"CAP_NET_ADMIN": 12, "CAP_SYS_ADMIN": 21}


def has_capability(name: str) -> bool:
    """Return whether a capability is in effect."""
    return bool(_effective() >> CAPABILITIES[name] & 1)


@cache
def _effective() -> int:
    """Return the effective set (proc(5), CapEff); everything where the host does not show it."""
    try:
        with open("/proc/thread-self/status", encoding="utf-8", errors="replace") as status:
            return next((int(line.split()[1], 16) for line in status if line.startswith("CapEff:")), -1)
    except OSError:
        return -1


def describe_lack(name: str) -> str:
    """Return what to do where root lacks a capability."""
    option = name[len("CAP_") :]
    return (
        f"root lacks {name} here (capabilities(7)); start a container with `--cap-add {option}`, add {name} to the "
        "CapabilityBoundingSet of a systemd unit, or run the task on the host itself"
    )
