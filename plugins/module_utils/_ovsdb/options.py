# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that modules of Open vSwitch share: how it is reached, map options, names. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import (
    interface_name,
    whole_number,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import MARK

VSCTL_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "timeout": {"type": "int", "default": 10},
    "database": {"type": "str"},
}

#: The names and the beginnings of names that ovs-vswitchd refuses (netdev_is_reserved_name() in lib/netdev.c).
_RESERVED = frozenset({"ovs-netdev", "ovs-system"})
_RESERVED_BEGINNINGS = tuple(
    f"{kind}_sys" for kind in ("erspan", "genev", "gre", "gtpu", "ip6erspan", "ip6gre", "srv6", "udp", "vxlan")
)

#: A map option: each key with its value, None where it is to be removed.
MapOption = Mapping[str, "str | None"]


def parse_map(checks: Checks, option: str, given: Mapping[Any, Any] | None) -> MapOption | None:
    """Return a map option as Open vSwitch stores it, everything as text. A number of YAML becomes its digits.

    Booleans become `true` and `false`, as ovs-vswitchd reads them.
    """
    if given is None:
        return None
    found: dict[str, str | None] = {}
    for key, value in given.items():
        try:
            found[_parse_text(key)] = None if value is None else _parse_text(value)
        except ValueError as error:
            checks.error(option, f"{key}: {error}")
        if str(key).startswith(MARK):
            checks.error(option, f"{key} is reserved for ownership; name the owner with `owner` instead")
    return found


def _parse_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    error = ""
    if isinstance(value, (dict, list, tuple)):
        error = "a list or a dictionary cannot be stored there; give text"
    elif "\0" in str(value):
        error = "a NUL character cannot be stored there; remove it"
    if error:
        raise ValueError(error)
    return str(value)


def between(lowest: int, highest: int) -> Callable[[Any], int]:
    """Return the check of a whole number in a range."""
    return lambda value: whole_number(value, "number", lowest, highest)


def at_least(lowest: int) -> Callable[[Any], int]:
    """Return the check of a whole number, as large as a column of OVSDB may be on every platform."""
    return between(lowest, 2**31 - 1)


def port_name(value: Any) -> str:
    """Check the name of a port, which may be no link: then it may be longer than a link's, and have a space in it.

    Raises:
        ValueError: ovs-vsctl would take it for something else, or ovs-vswitchd refuses it.
    """
    name = str(value)
    if not name or not name.isprintable():
        raise ValueError(f"{name!r} cannot be the name of a port: it is empty or has an unprintable character in it")
    if name == "--":
        raise ValueError(f"{name!r} cannot be the name of a port: it separates commands of ovs-vsctl; choose another")
    if name in _RESERVED or name.startswith(_RESERVED_BEGINNINGS):
        raise ValueError(f"ovs-vswitchd reserves the name {name} for a device of its own; choose another name")
    return name


def link_name(value: Any) -> str:
    """Check the name of a port that is a link of the host.

    Raises:
        ValueError: The kernel or Open vSwitch would refuse it.
    """
    return port_name(interface_name(value))


def member_name(value: Any) -> str:
    """Check the name of a link that is to be a member of a bond.

    Raises:
        ValueError: The kernel, Open vSwitch or ovs-vsctl would refuse it.
    """
    name = link_name(value)
    if "=" in name:
        raise ValueError(f"ovs-vsctl takes {name} for a setting, because it has `=` in it; rename the link")
    return name


def bridge_name(value: Any) -> str:
    """Check the name of a bridge, which is that of its link as well.

    Raises:
        ValueError: The kernel or Open vSwitch would refuse it.
    """
    name = link_name(value)
    if "\\" in name:
        raise ValueError(f"{name!r} has a backslash in it, and ovs-vswitchd ignores such a bridge; choose another name")
    return name
