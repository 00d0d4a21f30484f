# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kernel parameters of one link, and what depends on them: IPv6 may be off. Pure.

They are written without what the entry says anyway: `ipv4.conf.rp_filter` of eth0 is net.ipv4.conf.eth0.rp_filter.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

from ansible_collections.netns.fabric.plugins.module_utils._core import sysctl_names
from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.sysctl_names import in_full
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import IPV6_MTU_MIN
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import KernelState, Link, NamespaceName

#: The kernel parameters that a resource asks for, each with the value that it wants, if it wants one.
Queries = dict[tuple[NamespaceName, str], Optional[str]]

#: Turns IPv6 off on a link (ip-sysctl).
DISABLE_IPV6 = "ipv6.conf.disable_ipv6"


def parse(checks: Checks, option: str, given: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the parameters to set; null leaves one alone."""
    wanted: dict[str, str] = {}
    for key, value in (given or {}).items():
        short = checks.value(f"{option}.{key}", sysctl_names.check_short, key)
        if short is None or value is None:
            continue
        text = checks.value(f"{option}.{key}", sysctl_names.parse_value, value)
        if text is not None:
            wanted[short] = text
    return wanted


def queries(
    state: KernelState, namespace: NamespaceName, name: str, wanted: Mapping[str, str], needs_ipv6: bool
) -> Queries:
    """Return what has to be read of a link that is to have these parameters, or IPv6 addresses."""
    # A new link, and one that moves in, starts with the defaults. Which parameters there are shows on any link.
    links = ["lo", name if state.link(namespace, name) else "default"]
    found: Queries = {(namespace, in_full(link, short)): value for link in links for short, value in wanted.items()}
    if needs_ipv6:
        found.setdefault((namespace, in_full(name, DISABLE_IPV6)), None)
        found.setdefault((namespace, in_full("default", DISABLE_IPV6)), None)
    return found


def current_values(
    state: KernelState, namespace: NamespaceName, name: str, wanted: Mapping[str, str]
) -> dict[str, str | None]:
    """Return the values that an existing link has."""
    return {short: state.sysctl(namespace, in_full(name, short)) for short in wanted}


def new_values(state: KernelState, namespace: NamespaceName, wanted: Mapping[str, str]) -> dict[str, str | None]:
    """Return the values that a new link has: those of `default`, and where there is none, those of the loopback.

    Only the initial namespace has net.ipv4.neigh.default, whose values are every namespace's (neigh_parms_alloc() in
    net/core/neighbour.c).
    """
    found = {short: state.sysctl(namespace, in_full("default", short)) for short in wanted}
    return {short: value or state.sysctl(namespace, in_full("lo", short)) for short, value in found.items()}


def check(
    checks: Checks,
    option: str,
    state: KernelState,
    namespace: NamespaceName,
    link: str,
    wanted: Mapping[str, str],
) -> None:
    """Note the parameters that the kernel does not have, and the values that it refuses, on this link."""
    for short, value in wanted.items():
        key = in_full(link, short)
        reason = state.refused_sysctls.get((key, value))
        if reason:
            checks.error(f"{option}.{short}", f"the kernel refuses the value {value!r}: {reason}; see ip-sysctl")
        elif state.sysctl(namespace, key) is None:
            checks.error(
                f"{option}.{short}",
                "the kernel of this host has no such parameter; check the name (`sysctl -a`), or load its module",
            )


def describe_missing_ipv6(
    state: KernelState,
    where: tuple[NamespaceName, str],
    link: Link | None,
    mtu: int | None,
    wanted: Mapping[str, str],
    alternative: str = "remove the IPv6 addresses",
) -> str:
    """Return why a link can have no IPv6 address, with the cure; empty where it can have one.

    `link` is the link if it is in its place, `mtu` the MTU that it is to have, `wanted` its parameters.
    """
    namespace, name = where
    default = state.sysctl(namespace, in_full("default", DISABLE_IPV6))
    if default is None:
        return f"the kernel of this host has no IPv6, or it was started with ipv6.disable=1; {alternative}"
    size = mtu or (link.mtu if link else IPV6_MTU_MIN)
    if size < IPV6_MTU_MIN:
        return f"the MTU of {name} is {size}, and IPv6 needs {IPV6_MTU_MIN} (RFC 8200, 5); raise `mtu`"
    own = state.sysctl(namespace, in_full(name, DISABLE_IPV6)) if link else None
    if (wanted.get(DISABLE_IPV6) or own or default) == "0":
        return ""
    if DISABLE_IPV6 in wanted:
        return f"IPv6 is off on {name} by the entry's own `sysctls`; {alternative}, or remove `{DISABLE_IPV6}`"
    key = in_full("default" if own is None else name, DISABLE_IPV6)
    return f"IPv6 is off ({key} = 1); set `sysctls: {{{DISABLE_IPV6}: 0}}` on the link, or {alternative}"
