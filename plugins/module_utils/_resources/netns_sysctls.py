# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kernel parameters of a namespace as options, and in which order they are set. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core import sysctl_names
from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._kernel import sysctl


def parse_sysctls(checks: Checks, option: str, given: Mapping[str, Any]) -> dict[str, str]:
    """Return the kernel parameters to set, in the order in which they are set; null leaves one alone."""
    wanted: dict[str, str] = {}
    for key, value in sorted(given.items(), key=lambda item: rank(item[0])):
        if value is None:
            continue
        name = checks.value(f"{option}.{key}", sysctl_names.check_key, key)
        text = checks.value(f"{option}.{key}", sysctl_names.parse_value, value)
        if name is not None and text is not None:
            wanted[name] = text
    return wanted


def rank(key: str) -> int:
    """Return the rank of a parameter: those that change others along come first (ip-sysctl).

    ip_forward and `all` change every link; `default` of IPv4 those whose parameter was never set
    (devinet_copy_dflt_conf() in net/ipv4/devinet.c).
    """
    if key.endswith("ip_forward"):
        return 0
    return 1 if ".all." in key else 2 if ".default." in key else 3


def _stack_of(key: str) -> str:
    """Return the part of the network stack that a parameter belongs to: `net.ipv4`, `net.ipv6`, `net.core`, ..."""
    return ".".join(key.split(".")[:2])


def find_changes(
    wanted: Mapping[str, str], current_of: Callable[[str], str | None]
) -> Iterator[tuple[str, str, str | None]]:
    """Yield the parameters to set: key, value, and current value.

    One that has its value already is set again after one that may change it along with itself.
    """
    leading: list[str] = []
    for key, value in wanted.items():
        current = current_of(key)
        if not sysctl.same_value(current, value):
            leading.append(key)
            yield key, value, current
        elif any(rank(other) < rank(key) and _stack_of(other) == _stack_of(key) for other in leading):
            yield key, value, current
