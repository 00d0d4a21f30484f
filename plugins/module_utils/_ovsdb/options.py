# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that modules of Open vSwitch share: how it is reached, map options, names. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import interface_name
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import MARK

VSCTL_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "timeout": {"type": "int", "default": 10},
    "database": {"type": "str"},
}

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


def link_name(value: Any) -> str:
    """Check the name of a link that ovs-vsctl gets as an argument.

    Raises:
        ValueError: The kernel would refuse it, or ovs-vsctl would take it for an option.
    """
    name = interface_name(value)
    if name.startswith("-"):
        raise ValueError(f"{name!r} begins with a '-', which ovs-vsctl takes for an option; choose another name")
    return name
