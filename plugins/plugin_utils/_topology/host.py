# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a topology declares of the host itself: its links, routes, rules and neighbours, like those of a namespace.

Of the host nothing is exact: what is not declared is not the topology's. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.mtus import mtu_check
from ansible_collections.netns.fabric.plugins.module_utils._core.sysctl_names import split_key
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import describe
from ansible_collections.netns.fabric.plugins.plugin_utils._topology import schema
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.errors import Errors
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.interface_reader import (
    END_OPTIONS,
    addresses_of,
    lacks_addresses,
    select,
)
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.link_kinds import (
    CREATION,
    OWN_OPTIONS,
    find_unfit_options,
    read_kind,
)
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.model import Attachment, Namespace, Topology
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.route_reader import (
    ROUTING,
    EntryReader,
    read_routing,
)
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.routing_entries import routing_of
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.schema import Check

Entry = dict[str, Any]

_VARIABLE = "topology_host"
#: The options of a link of the host, which is not a port of a bridge by its entry.
INTERFACE: dict[str, Check | None] = {
    **{
        name: check
        for name, check in schema.EXISTING_INTERFACE.items()
        if name not in ("bridge", "peer", "nic", "tx_checksum", "dhcp", *schema.PORT)
    },
    **CREATION,
}


def read_host(reader: EntryReader, given: Mapping[str, Any]) -> Namespace | None:
    """Return what is declared of the host; None where nothing is. Wrong entries are noted and left out."""
    if not given.get("host"):
        return None
    if not isinstance(given["host"], dict):
        keys = ", ".join(("interfaces", *ROUTING, *schema.HOST))
        message = f"must be a dictionary with the keys {keys}, not {describe(given['host'])}"
        reader.errors.add(_VARIABLE, "", message)
        return None
    known: dict[str, Check | None] = {**dict.fromkeys(("interfaces", *ROUTING)), **schema.HOST}
    options = reader.check_options(_VARIABLE, given["host"], known, "") or {}
    for key in options.get("sysctls", {}):
        found = split_key(key)
        if found is not None:
            message = f"is a parameter of the link {found[1]}; set {found[0]}.{found[2]} by the `sysctls` of its entry"
            reader.errors.add(_VARIABLE, f"sysctls.{key}", message)
    interfaces = options.get("interfaces", [])
    routing = read_routing(reader, _VARIABLE, options)
    return Namespace(
        _VARIABLE,
        "",
        select(options, schema.HOST),
        tuple(reader.read_nested(_VARIABLE, "interfaces", interfaces, lambda at, entry: _read_link(reader, at, entry))),
        routing.routes,
        declares=frozenset(routing.declared),
        rules=routing.rules,
        neighbours=routing.neighbours,
    )


def _read_link(reader: EntryReader, path: str, entry: Any) -> Attachment | None:
    given = entry if isinstance(entry, Mapping) else {}
    own = dict.fromkeys(name for name in OWN_OPTIONS if "kind" in given or name != "bridge")
    options = reader.check_options(path, entry, {**INTERFACE, "mtu": mtu_check(given.get("name")), **own}, "name")
    if options is None:
        return None
    for option, message in find_unfit_options(given):
        reader.errors.add(path, option, message)
    return Attachment(
        path=path,
        name=options["name"],
        namespace=None,
        addresses=addresses_of(options),
        options=select(options, END_OPTIONS),
        incomplete=lacks_addresses(entry, options),
        master=options.get("master"),
        creation=read_kind(reader, path, options),
    )


# --- checks --------------------------------------------------------------------------------------------------------


def check_host(topology: Topology, errors: Errors) -> None:
    """Check that the links of the host which are ports of bridges are declared in one place."""
    ends = {end.name: end for end in topology.ends() if end.namespace is None}
    declared = {name: end.path for name, end in ends.items()}
    for bridge in topology.bridges:
        for port in bridge.ports:
            given = [*(["addresses"] if port.addresses is not None else []), *port.link]
            if port.kind == "system" and port.name in declared and given:
                message = f"belongs to the entry of the link, {declared[port.name]}; declare it there"
                errors.add(port.path, given[0], message)
            for name in port.uplinks:
                end = ends.get(name)
                if end is not None and end.master:
                    message = f"{name!r} is a member of {end.master!r} ({end.path}), and a link belongs to one bridge"
                    errors.add(port.path, "members" if port.members else "name", f"{message}; remove one of them")


# --- lists for the modules -----------------------------------------------------------------------------------------


def host_sysctls(topology: Topology) -> dict[str, Any]:
    """Return the kernel parameters of the host; null leaves one alone, as in a namespace."""
    given = topology.host.options.get("sysctls", {}) if topology.host else {}
    return {key: value for key, value in given.items() if value is not None}


def absent_host_entries(topology: Topology) -> dict[str, list[Entry]]:
    """Return the entries by which the host's routes, rules and neighbours are removed; namespaces end with theirs."""
    found = routing_of(topology.host or Namespace(_VARIABLE, "", {}, (), ()), {})
    return {name: [{**entry, "state": "absent"} for entry in entries] for name, entries in found.items()}
