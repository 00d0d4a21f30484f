# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The declared OpenFlow rules of bridges. Pure, but for read_flows()."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.backend import OVSDB
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.differences import Difference
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.flows import (
    BUNDLE_VERSIONS,
    Flow,
    FlowDifference,
    SetFlows,
    cookie_of,
    port_names,
    with_numbers,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Bridge, Switch

#: The options at whose change ovs-vswitchd removes all flows (connmgr_set_fail_mode() and connmgr_set_controllers() in
#: ofproto/connmgr.c; bridge_reconfigure() in vswitchd/bridge.c).
_FLUSHING = frozenset({"controllers", "datapath_type", "fail_mode"})


class Wanted(Protocol):
    """What is to be known of a wanted bridge."""

    @property
    def entry(self) -> Entry: ...

    @property
    def name(self) -> str: ...

    @property
    def protocols(self) -> tuple[str, ...] | None: ...

    @property
    def flows(self) -> tuple[str, ...] | None: ...


def parse_flows(checks: Checks, given: Sequence[Any] | None, protocols: Iterable[str] | None) -> tuple[str, ...] | None:
    """Return the wanted flows; an error is noted."""
    if given is None:
        return None
    flows = tuple(" ".join(str(flow).split()) for flow in given)
    for number, flow in enumerate(flows):
        if "actions=" not in flow:
            checks.error(f"flows[{number}]", "it has no actions; end it with `actions=drop` or others")
        if "cookie=" in flow.split("actions=")[0]:
            checks.error(f"flows[{number}]", "the cookie shows whose flow it is, and cannot be given; remove it")
    if flows and protocols and not set(protocols) & set(BUNDLE_VERSIONS):
        checks.error("flows", f"they are changed as a whole, which needs one of {', '.join(BUNDLE_VERSIONS)}")
    return flows


def read_flows(host: Host, switch: Switch, wanted: Iterable[Wanted], owner: str | None) -> dict[str, FlowDifference]:
    """Return, by bridge, how the flows differ from the wanted ones; of a new bridge, whether they can be parsed.

    A flow that names a port which does not exist is not compared.
    """
    found = {}
    for each in wanted:
        if each.flows is None:
            continue
        bridge = switch.bridge(each.name)
        numbers = _numbers(bridge)
        # A line for each flow, so that an error names the right one.
        lines = [with_numbers(flow, numbers) if set(port_names(flow)) <= numbers.keys() else "" for flow in each.flows]
        exists = bridge is not None and bridge.works and switch.running is not False
        found[each.name] = host.use(OVSDB).compare_flows(each.name if exists else None, lines, cookie_of(owner))
    return found


def read_left_flows(host: Host, switch: Switch, staying: Iterable[str], owner: str) -> dict[str, FlowDifference]:
    """Return the owner's flows on the bridges that it gives up and that others keep, see plan_removal()."""
    kept = set(staying)
    given_up = [
        bridge.name
        for bridge in switch.bridges
        if owner in bridge.owners and bridge.name not in kept and bridge.works and _has_others(bridge, owner)
    ]
    if switch.running is False:
        return {}
    return {name: host.use(OVSDB).compare_flows(name, [], cookie_of(owner)) for name in given_up}


def _has_others(bridge: Bridge, owner: str) -> bool:
    return len(bridge.owners) > 1 or any(owner not in port.owners for port in bridge.ports if port.name != bridge.name)


def plan_removal(bridge: str, found: FlowDifference | None, owner: str, difference: Difference) -> list[SetFlows]:
    """Return the operation that removes the flows of an owner from a bridge that it gives up."""
    if found is None or not found.removed:
        return []
    difference.before["flows"], difference.after["flows"] = [flow.text for flow in found.removed], []
    return [SetFlows(bridge, cookie_of(owner), found.removed, ())]


def _numbers(bridge: Bridge | None) -> dict[str, int]:
    """Return the OpenFlow numbers of the bridge's interfaces."""
    ports = bridge.ports if bridge else ()
    return {each.name: each.ofport for port in ports for each in port.interfaces if each.works and each.ofport}


def plan_flows(
    switch: Switch,
    wanted: Wanted,
    found: FlowDifference | None,
    owner: str | None,
    difference: Difference,
    require_port: Callable[[Entry, str, str], None],
) -> list[SetFlows]:
    """Return the operation by which the bridge has exactly the wanted flows with the owner's cookie.

    Raises:
        InvalidEntry: ovs-ofctl does not understand one, it names a port that does not exist, or somebody else has a
            flow with its match.
    """
    if wanted.flows is None or found is None:
        return []
    if found.error:
        raise InvalidEntry(wanted.entry, f"flows[{found.line}]", f"ovs-ofctl does not understand it: {found.error}")
    if found.foreign:
        raise InvalidEntry(
            wanted.entry,
            "flows",
            f"the bridge has a flow of somebody else with the same match ({found.foreign[0].text}), which this "
            "one would replace; remove it, or give this one another priority",
        )
    numbers = _numbers(switch.bridge(wanted.name))
    unknown = []
    for number, flow in enumerate(wanted.flows):
        missing = [name for name in port_names(flow) if name not in numbers]
        for name in missing:
            require_port(wanted.entry, f"flows[{number}]", name)
        if missing:
            unknown.append(Flow("", f"cookie={cookie_of(owner):#x},{flow}"))
    added = (*(found.wanted if _FLUSHING & difference.after.keys() else found.added), *unknown)
    if not added and not found.removed:
        return []
    difference.before["flows"] = [flow.text for flow in found.removed]
    difference.after["flows"] = [flow.text for flow in added]
    return [SetFlows(wanted.name, cookie_of(owner), found.removed, added)]
