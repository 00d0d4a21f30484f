# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What bridges do with packets besides forwarding them by address: flows, mirrors, and the quality of service of ports.

Read, checked, and as lists for the modules. They name ports, and follow these. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.flows import (
    BUNDLE_VERSIONS,
    find_flow_errors,
    port_names,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.mirrors import MIRROR_PORTS, MIRROR_SETTINGS
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.qos import QOS_SETTINGS, QUEUES
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.settings import Setting
from ansible_collections.netns.fabric.plugins.plugin_utils._topology import schema
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.bridge_model import Mirror
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.errors import Errors
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.meshes import tunnel_ports
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.model import Bridge, Topology
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.route_reader import EntryReader
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.schema import Check, Each

Entry = dict[str, Any]

#: Numbers may be as large as the rates of a quality of service.
_LARGEST = 2**63 - 1
#: By which a mirror selects packets.
_SELECTIONS = ("select_all", "select_vlans", "select_src_ports", "select_dst_ports")


def _check_of(setting: Setting) -> Check:
    """Return the check of an option of a module, whose value is passed on as it is given."""

    def check(value: Any) -> Any:
        kind = setting.spec["type"]
        found = schema.whole_number(0, _LARGEST)(value) if kind == "int" else schema.check_text(value)
        setting.check(found)
        return found

    def check_element(value: Any) -> Any:
        setting.check(value)
        return value

    if setting.spec["type"] == "bool":
        return schema.check_boolean
    return Each(check_element) if setting.is_list else check


def _checks_of(settings: Iterable[Setting]) -> dict[str, Check]:
    return {setting.option: _check_of(setting) for setting in settings}


def _check_queue_id(value: Any) -> int:
    number = schema.whole_number(0, _LARGEST)(value)
    QUEUES.key_check(number)
    return number


#: The options of an entry of `mirrors`, and of `qos`; those of queues are read on their own.
MIRROR: dict[str, Check | None] = {
    "name": schema.check_text,
    **_checks_of(MIRROR_SETTINGS),
    "select_src_ports": Each(schema.check_text),
    "select_dst_ports": Each(schema.check_text),
    "output_port": schema.check_text,
    "external_ids": schema.check_map,
}
_QUEUE: dict[str, Check | None] = {"id": _check_queue_id, **_checks_of(QUEUES.settings)}
QOS: dict[str, Check | None] = {**_checks_of(QOS_SETTINGS), "other_config": schema.check_map, "queues": None}


# --- reading -------------------------------------------------------------------------------------------------------


def read_flows(reader: EntryReader, path: str, options: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the flows of a bridge; wrong ones are noted."""
    flows = tuple(" ".join(flow.split()) for flow in options.get("flows", ()))
    for number, message in find_flow_errors(flows):
        reader.errors.add(path, f"flows[{number}]", message)
    protocols = options.get("protocols")
    if flows and protocols and not set(protocols) & set(BUNDLE_VERSIONS):
        versions = ", ".join(BUNDLE_VERSIONS)
        reader.errors.add(path, "flows", f"are changed as a whole, for which `protocols` needs one of {versions}")
    return flows


def read_mirrors(reader: EntryReader, path: str, options: Mapping[str, Any]) -> tuple[Mirror, ...]:
    """Return the mirrors of a bridge; wrong ones are noted and left out."""
    given = options.get("mirrors", [])
    mirrors = tuple(reader.read_nested(path, "mirrors", given, lambda at, entry: _read_mirror(reader, at, entry)))
    first: dict[str, str] = {}
    for mirror in mirrors:
        seen = first.setdefault(mirror.name, mirror.path)
        if seen != mirror.path:
            reader.errors.add(mirror.path, "name", f"{mirror.name!r} is also the name of {seen}; rename one of them")
    return mirrors


def _read_mirror(reader: EntryReader, path: str, entry: Any) -> Mirror | None:
    options = reader.check_options(path, entry, MIRROR, "name")
    if options is None:
        return None
    if not any(entry.get(option) for option in _SELECTIONS):
        cause = "selects nothing, and nor do the others; set it, or one of " + ", ".join(_SELECTIONS[1:])
        reader.errors.add(path, "select_all", cause)
    if ("output_port" in entry) == ("output_vlan" in entry):
        given = "both are" if "output_port" in entry else "neither is"
        cause = f"packets go to one port or to one VLAN, and {given} given; give `output_port` or `output_vlan`"
        reader.errors.add(path, "output_port", cause)
    return Mirror(path, options.pop("name"), options)


def read_qos(reader: EntryReader, path: str, given: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the quality of service of a port; None where it has none, or a wrong one."""
    if "qos" not in given:
        return None
    at = f"{path} qos"
    options = reader.check_options(at, given["qos"], QOS, "type")
    if options is None:
        return None
    if "queues" in options:
        read = partial(_read_queue, reader)
        options["queues"] = list(reader.read_nested(at, "queues", options["queues"], read))
        numbers = [queue["id"] for queue in options["queues"]]
        for number in sorted({each for each in numbers if numbers.count(each) > 1}):
            reader.errors.add(at, "queues", f"{number} is the `id` of two queues; renumber one of them")
    return options


def _read_queue(reader: EntryReader, path: str, entry: Any) -> dict[str, Any] | None:
    return reader.check_options(path, entry, _QUEUE, "id")


# --- checks --------------------------------------------------------------------------------------------------------


def check_switching(topology: Topology, errors: Errors) -> None:
    """Check that the ports which flows and mirrors name are not on another bridge.

    A port that is not declared may be there, added by somebody else.
    """
    bridges = _bridges_of_ports(topology) if any(each.flows or each.mirrors for each in topology.bridges) else {}
    for bridge in topology.bridges:
        for path, option, name in _named_ports(bridge):
            if bridges.get(name, bridge.name) != bridge.name:
                message = f"{name!r} is a port of the bridge {bridges[name]!r}; name a port of {bridge.name!r}"
                errors.add(path, option, message)


def _named_ports(bridge: Bridge) -> Iterator[tuple[str, str, str]]:
    for number, flow in enumerate(bridge.flows):
        for name in port_names(flow):
            yield bridge.path, f"flows[{number}]", name
    for mirror in bridge.mirrors:
        for option in MIRROR_PORTS:
            given = mirror.options.get(option, ())
            for name in (given,) if isinstance(given, str) else given:
                yield mirror.path, option, name


def _bridges_of_ports(topology: Topology) -> dict[str, str]:
    """Return the bridge that each declared port is on."""
    found = {bridge.name: bridge.name for bridge in topology.bridges}
    found.update({str(port["name"]): str(port["bridge"]) for port in tunnel_ports(topology)})
    for bridge in topology.bridges:
        for port in bridge.ports:
            found[port.name] = bridge.name
            if port.peer is not None:
                found[port.peer[1]] = port.peer[0]
    for namespace in topology.namespaces:
        found.update({end.peer: end.bridge for end in namespace.interfaces if end.bridge is not None})
    return found


# --- the part of one host ------------------------------------------------------------------------------------------


def without_ports(bridge: Bridge, elsewhere: Collection[str]) -> Bridge:
    """Return a bridge without what its flows and mirrors say of ports that are on other hosts."""
    if not elsewhere or not (bridge.flows or bridge.mirrors):
        return bridge
    flows = tuple(flow for flow in bridge.flows if not set(port_names(flow)) & set(elsewhere))
    mirrors = (_without_ports(mirror, elsewhere) for mirror in bridge.mirrors)
    return replace(bridge, flows=flows, mirrors=tuple(mirror for mirror in mirrors if mirror is not None))


def _without_ports(mirror: Mirror, elsewhere: Collection[str]) -> Mirror | None:
    """Return a mirror as far as its ports are here; None where nothing is left of it."""
    lists = {
        option: [name for name in mirror.options[option] if name not in elsewhere]
        for option in ("select_src_ports", "select_dst_ports")
        if option in mirror.options
    }
    options = {**mirror.options, **lists}
    if options.get("output_port") in elsewhere or not any(options.get(option) for option in _SELECTIONS):
        return None
    return replace(mirror, options=options)


# --- lists for the modules -----------------------------------------------------------------------------------------


def switching_entries(topology: Topology) -> dict[str, list[Entry]]:
    """Return the lists for the modules ovs_qos, ovs_mirror and ovs_flow."""
    return {
        "qos": [{"port": name, **qos} for name, qos in _qos(topology)],
        "mirrors": [
            {"name": mirror.name, "bridge": bridge.name, **mirror.options}
            for bridge in topology.bridges
            for mirror in bridge.mirrors
        ],
        "flows": [{"bridge": bridge.name, "flows": list(bridge.flows)} for bridge in topology.bridges if bridge.flows],
    }


def _qos(topology: Topology) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for namespace in topology.namespaces:
        for end in namespace.interfaces:
            if end.qos is not None:
                yield end.peer, end.qos
    for bridge in topology.bridges:
        for port in bridge.ports:
            if port.qos is not None:
                yield port.name, port.qos


def absent_switching_entries(topology: Topology) -> dict[str, list[Entry]]:
    """Return the entries by which the same is removed."""
    identities = ("name", "bridge", "port")
    return {
        key: [{**{name: entry[name] for name in identities if name in entry}, "state": "absent"} for entry in entries]
        for key, entries in switching_entries(topology).items()
    }


# --- for a person --------------------------------------------------------------------------------------------------


def describe_switching(bridge: Bridge) -> list[str]:
    """Return a bridge's mirrors and flows in words."""
    flows = [count_flows(len(bridge.flows))] if bridge.flows else []
    return [*(describe_mirror({"name": each.name, **each.options}) for each in bridge.mirrors), *flows]


def describe_mirror(options: Mapping[str, Any]) -> str:
    """Return a mirror in words, given by its options."""
    port = options.get("output_port")
    return f"mirror {options['name']} to {port or 'VLAN ' + str(options.get('output_vlan'))}"


def count_flows(number: int) -> str:
    """Return a number of flows in words."""
    return "1 flow" if number == 1 else f"{number} flows"
