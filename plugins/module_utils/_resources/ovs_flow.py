# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The OpenFlow rules of bridges: their options, and how to converge them. Pure, but for read().

They are no option of the bridge, because they refer to its ports, which are added to a bridge that exists.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError, InvalidEntries, InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Change, Entry, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import OWNER_OPTIONS, Call, Resource
from ansible_collections.netns.fabric.plugins.module_utils._kernel.access import KERNEL
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.backend import OVSDB
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.flows import (
    BUNDLE_VERSIONS,
    Flow,
    FlowDifference,
    SetFlows,
    cookie_of,
    find_flow_errors,
    port_names,
    with_numbers,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.options import VSCTL_OPTIONS, bridge_name
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Bridge, Switch
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_planner import FLUSHED, OvsPlanner
from ansible_collections.netns.fabric.plugins.module_utils._resources.things import ABridge, APort


@dataclass(frozen=True)
class WantedFlows:
    """The flows that an owner wants on one bridge."""

    entry: Entry
    present: bool
    bridge: str
    flows: tuple[str, ...] = ()


@dataclass(frozen=True)
class FlowState:
    """Open vSwitch, and its flows by bridge: how they differ from the wanted ones, and all that are the owner's.

    `numbers` are those of the ports by which the wanted ones were compared: a flow that names another one was not.
    """

    switch: Switch
    found: Mapping[str, FlowDifference] = field(default_factory=dict)
    numbers: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    owned: Mapping[str, Sequence[Flow]] = field(default_factory=dict)


class FlowResource(Resource[WantedFlows, FlowState]):
    """The resource of the module ovs_flow."""

    list_option = "bridges"
    identity = "bridge"
    backends = (OVSDB, KERNEL)
    entry_options: Mapping[str, Mapping[str, Any]] = {
        "bridge": {"type": "str"},
        "flows": {"type": "list", "elements": "str"},
    }
    call_options: Mapping[str, Mapping[str, Any]] = {**OWNER_OPTIONS, **VSCTL_OPTIONS}

    def desired(self, entry: Entry, options: Mapping[str, Any]) -> WantedFlows:
        checks = Checks(entry)
        present = options["state"] == "present"
        given = options.get("flows")
        if present and given is None:
            checks.error("flows", "is required; give the list, an empty one for none")
        flows = tuple(" ".join(str(flow).split()) for flow in given or ())
        for number, message in find_flow_errors(flows):
            checks.error(f"flows[{number}]", message)
        name = checks.value("bridge", bridge_name, options["bridge"])
        checks.done()
        return WantedFlows(entry, present, name, flows)

    def key(self, desired: WantedFlows) -> object:
        return desired.bridge

    def read(self, host: Host, call: Call[WantedFlows]) -> FlowState:
        nothing_wanted = not any(entry.present for entry in call.entries)
        switch = host.use(OVSDB).read(call.check_mode, nothing_wanted=nothing_wanted)
        # An earlier step may make ovs-vswitchd remove all flows of a bridge.
        flushed = frozenset(host.simulated.get(FLUSHED, ()))
        able = {each.name: each for each in switch.bridges if each.works and switch.running is not False}
        wanted = {entry.bridge: entry.flows for entry in call.entries if entry.flows}
        numbers = {name: _number_ports(able.get(name) if name not in flushed else None) for name in wanted}
        cookie = cookie_of(call.owner)
        found: dict[str, FlowDifference] = {}
        for name, flows in wanted.items() if not switch.unavailable else ():
            lines = [_with_numbers(flow, numbers[name]) for flow in flows]
            found[name] = host.use(OVSDB).compare_flows(name if numbers[name] else None, lines, cookie)
        asked = able.keys() - wanted.keys() - flushed
        if not call.prune:
            asked &= {entry.bridge for entry in call.entries}
        owned = {name: host.use(OVSDB).flows(name, f"cookie={cookie:#x}/-1") for name in sorted(asked)}
        return FlowState(switch, found, numbers, owned)

    def plan(self, actual: FlowState, call: Call[WantedFlows]) -> Plan:
        return FlowPlanner(actual, call).run()


def _number_ports(bridge: Bridge | None) -> dict[str, int]:
    """Return the OpenFlow numbers of a bridge's interfaces, its own among them."""
    ports = bridge.ports if bridge else ()
    return {each.name: each.ofport for port in ports for each in port.interfaces if each.works and each.ofport}


def _with_numbers(flow: str, numbers: Mapping[str, int]) -> str:
    """Return a flow as ovs-ofctl compares it; empty where it names a port that does not exist."""
    return with_numbers(flow, numbers) if numbers.keys() >= set(port_names(flow)) else ""


class FlowPlanner(OvsPlanner[WantedFlows]):
    """Plans the flows of one call."""

    def __init__(self, actual: FlowState, call: Call[WantedFlows]) -> None:
        super().__init__(actual.switch, call)
        self._actual = actual

    # Present

    def present(self, wanted: WantedFlows) -> None:
        self._check_bridge(wanted, self.switch.bridge(wanted.bridge))
        if not wanted.flows:
            self._remove(wanted.entry, wanted.bridge)
            return
        found = self._actual.found.get(wanted.bridge, FlowDifference())
        errors = [*self._find_refused(wanted, found)]
        missing = {*found.missing, *self._find_uncompared(wanted, found, errors)}
        if errors:
            raise InvalidEntries(errors)
        added = [Flow(found.matches.get(number, ""), wanted.flows[number]) for number in sorted(missing)]
        self._change(wanted.entry, wanted.bridge, found.removed, added)

    def _check_bridge(self, wanted: WantedFlows, bridge: Bridge | None) -> None:
        """Check that the bridge can have flows, or is going to be able to.

        Raises:
            InvalidEntry: It does not exist, or does not work, or allows none of the versions.
        """
        thing = ABridge(wanted.bridge)
        if bridge is None:
            message = f"the bridge {wanted.bridge} does not exist; create it first, e.g. with netns.fabric.ovs_bridge"
            self.require(wanted.entry, "bridge", message, thing)
        elif self.call.check_mode or self.call.ensures(thing):
            return
        elif not bridge.works:
            raise InvalidEntry(
                wanted.entry,
                "bridge",
                f"ovs-vswitchd has not set up the bridge {wanted.bridge}; repair it first, with `datapath_type: auto` "
                "of netns.fabric.ovs_bridge, or see the log of ovs-vswitchd",
            )
        elif wanted.flows and bridge.protocols and not set(bridge.protocols) & set(BUNDLE_VERSIONS):
            raise InvalidEntry(
                wanted.entry,
                "bridge",
                f"the bridge {wanted.bridge} has the `protocols` {', '.join(bridge.protocols)}, and flows are changed "
                f"as a whole, which needs one of {', '.join(BUNDLE_VERSIONS)}; add one of them",
            )

    def _find_refused(self, wanted: WantedFlows, found: FlowDifference) -> Iterator[FabricError]:
        for number, cause in found.errors:
            yield InvalidEntry(wanted.entry, f"flows[{number}]", f"ovs-ofctl does not understand it: {cause}")
        foreign = {flow.match: flow.text for flow in found.foreign}
        for number, match in found.matches.items():
            if match in foreign:
                yield InvalidEntry(
                    wanted.entry,
                    f"flows[{number}]",
                    f"the bridge has a flow of somebody else with the same match ({foreign[match]}), which this one "
                    "would replace; remove it, or give this one another priority",
                )

    def _find_uncompared(self, wanted: WantedFlows, found: FlowDifference, errors: list[FabricError]) -> Iterator[int]:
        """Yield the numbers of the flows that name ports to come; what cannot be is added to the errors."""
        compared = self._actual.numbers[wanted.bridge]
        known = _number_ports(self.switch.bridge(wanted.bridge))
        for number, flow in enumerate(wanted.flows):
            names = set(port_names(flow))
            for name in sorted(names - known.keys()):
                try:
                    self._require_port(wanted, number, name)
                except InvalidEntry as error:
                    errors.append(error)
            if names - compared.keys() or self.switch.unavailable:
                yield number
            elif number not in found.matches and not found.errors:
                cause = "a later one has the same table, priority and match, and replaces it; remove one of them"
                errors.append(InvalidEntry(wanted.entry, f"flows[{number}]", cause))

    def _require_port(self, wanted: WantedFlows, number: int, name: str) -> None:
        self.require(
            wanted.entry,
            f"flows[{number}]",
            f"the bridge has no port {name}; add it first, with netns.fabric.ovs_port",
            APort(name),
        )

    def _change(self, entry: Entry, bridge: str, removed: Sequence[Flow], added: Sequence[Flow]) -> None:
        if not removed and not added:
            return
        operation = SetFlows(bridge, cookie_of(self.call.owner), tuple(removed), tuple(added))
        before, after = ({"flows": [flow.text for flow in flows]} for flows in (removed, added))
        self.changes.append(Change(entry, f"flows {bridge}", before, after, (operation,)))

    # Absent

    def absent(self, wanted: WantedFlows) -> None:
        self._remove(wanted.entry, wanted.bridge)

    def prune(self) -> None:
        listed = {entry.bridge for entry in self.call.entries}
        for bridge in self._actual.owned:
            if bridge not in listed:
                self._remove(Entry(bridge), bridge)

    def _remove(self, entry: Entry, bridge: str) -> None:
        self._change(entry, bridge, self._actual.owned.get(bridge, ()), ())
