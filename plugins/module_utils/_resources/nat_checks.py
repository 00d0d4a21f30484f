# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What NAT entries need of the host and is missing. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._core.planner import Planner
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import FORWARDING
from ansible_collections.netns.fabric.plugins.module_utils._kernel.operations import inside
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import KernelState
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_names import refuse_other_name
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_model import WantedNat
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_read import Actual, accept_ra
from ansible_collections.netns.fabric.plugins.module_utils._resources.things import ALink


def require_link(planner: Planner[Any], state: KernelState, wanted: WantedNat) -> None:
    """Require that the link that an entry names exists.

    Raises:
        InvalidEntry: It does not, and this is a real run; or it has this as an alternative name, which no rule matches.
    """
    name = wanted.link
    if name is None or state.link(wanted.namespace, name) is not None:
        return
    refuse_other_name(state, wanted.entry, wanted.link_option, wanted.namespace, name)
    where = f"in the namespace {wanted.namespace}" if wanted.namespace else "on the host"
    existing = ", ".join(sorted(link.name for link in state.namespace(wanted.namespace).links)) or "none"
    planner.require(
        wanted.entry,
        wanted.link_option,
        f"there is no link {name} {where}, which has {existing}; correct the name, or create the link first",
        ALink(wanted.namespace, name),
    )


def check_ipv6(actual: Actual, present: Iterable[WantedNat]) -> Iterator[InvalidEntry]:
    """Find IPv6 entries on a host without IPv6."""
    for wanted in present:
        parameter = FORWARDING[wanted.version]
        if wanted.ip_forward and actual.forwarding.get((wanted.namespace, wanted.version), "") is None:
            yield InvalidEntry(
                wanted.entry,
                wanted.address_option,
                f"{wanted.key} is IPv{wanted.version}, which the kernel of this host does not have (there is no "
                f"{parameter}); enable it (boot parameter ipv6.disable=0), or remove the entry",
            )


def check_default_routes(actual: Actual, present: Iterable[WantedNat]) -> Iterator[InvalidEntry]:
    """Find entries that would turn on IPv6 forwarding where the host would lose its default route.

    That is an error and not a warning: who is connected by that route would not get to read the warning.
    """
    for wanted in present:
        for link in actual.advertised.get(wanted.namespace, ()) if wanted.ip_forward and wanted.version == 6 else ():
            cure = inside(wanted.namespace, "sysctl", "-w", f"{accept_ra(link)}=2")
            yield InvalidEntry(
                wanted.entry,
                "ip_forward",
                f"{wanted.namespace or 'the host'} has its IPv6 default route from router advertisements on {link}, "
                "and the kernel drops that route when forwarding is turned on; keep accepting advertisements "
                f"(`{cure}`, and in /etc/sysctl.d to make it permanent), or turn on forwarding yourself and set "
                "`ip_forward: false`",
            )
