# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Values that the modules route, rule and neighbour share, checked. Pure."""

from __future__ import annotations

from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core import validation
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import ValidationError
from ansible_collections.netns.fabric.plugins.module_utils._kernel.routing_operations import PROTOCOLS

#: RTA_TABLE and RTA_PRIORITY of linux/rtnetlink.h, FRA_FWMARK of linux/fib_rules.h.
U32_MAX = (1 << 32) - 1
#: rtnh_hops of linux/rtnetlink.h has 8 bits, and 0 is the weight 1.
WEIGHT_MAX = 256
#: The protocols below are the kernel's own (linux/rtnetlink.h).
_FIRST_PROTOCOL, _LAST_PROTOCOL, _ADVERTISED = 3, 255, 9


def routing_table(value: Any) -> int:
    """Check the number of a routing table.

    Raises:
        ValidationError: It is none.
    """
    if isinstance(value, int) and not 0 < value <= U32_MAX:
        raise ValidationError("a routing table is a number from 1 to 4294967295; 254 is the main one")
    return validation.whole_number(value, "routing table", 1, U32_MAX)


def weight(value: Any) -> int:
    """Check the weight of a next hop.

    Raises:
        ValidationError: It is none.
    """
    return validation.whole_number(value, "weight", 1, WEIGHT_MAX)


def route_protocol(value: Any) -> int:
    """Return the number of a protocol that a route may be given, by its name or its number.

    Raises:
        ValidationError: It is none, or that of routes which the kernel itself adds.
    """
    text = str(value).strip()
    numbers = {name: number for number, name in PROTOCOLS.items()}
    number = int(text) if text.isdigit() and text.isascii() else numbers.get(text, -1)
    own = number in (*range(_FIRST_PROTOCOL), _ADVERTISED)
    if own or not _FIRST_PROTOCOL <= number <= _LAST_PROTOCOL:
        names = ", ".join(name for each, name in PROTOCOLS.items() if each >= _FIRST_PROTOCOL and each != _ADVERTISED)
        cause = "is that of routes which the kernel itself adds" if own else "is not a protocol of routes"
        raise ValidationError(f"{text!r} {cause}; give a number from 3 to 255, or one of {names}")
    return number
