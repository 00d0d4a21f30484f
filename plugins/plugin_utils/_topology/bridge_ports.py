# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ports of a bridge that lead to something else than a namespace: read, checked, and as lists for the modules.

A link of the host (an uplink), a bond of several, half of a pair of patch ports, a tunnel, or an internal port, which
is a link of the host that the port creates. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core import validation
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import ValidationError, describe
from ansible_collections.netns.fabric.plugins.module_utils._core.vlans import vlan_range
from ansible_collections.netns.fabric.plugins.plugin_utils._topology import schema
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.bridge_model import BridgePort
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.errors import Errors, suggest
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.interface_reader import (
    addresses_of,
    port_options,
    select,
)
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.model import Topology
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.route_reader import EntryReader
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.schema import Check, Each
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.switching import read_qos

Entry = dict[str, Any]

#: Columns of OVSDB may be no larger on every platform.
_LARGEST = 2**31 - 1
#: One interface alone is a port, and no bond.
_FEWEST_MEMBERS = 2
#: The tunnels that ovs-vswitchd refuses without the other end (set_tunnel_config() in lib/netdev-vport.c).
_WITH_REMOTE = frozenset({"vxlan", "geneve", "gre", "ip6gre", "erspan", "ip6erspan", "lisp", "stt"})
_TUNNELS = _WITH_REMOTE | {"gtpu", "bareudp", "srv6"}
_TYPES = ("system", "internal", "patch", *sorted(_TUNNELS))


def _switch_word(*choices: str) -> Callable[[Any], str]:
    """Return a check that accepts these words; YAML reads `off` as false."""
    check = schema.one_of(*choices)
    return lambda value: check("off" if value is False else value)


def _number_or(lowest: int, highest: int, word: str) -> Callable[[Any], str]:
    check = schema.whole_number(lowest, highest)
    return lambda value: word if value == word else str(check(value))


def _address_or_flow(value: Any) -> str:
    return "flow" if value == "flow" else str(validation.ip_address(value))


_BOND: dict[str, Check] = {
    "bond_mode": schema.one_of("active-backup", "balance-slb", "balance-tcp"),
    "bond_updelay": schema.whole_number(0, _LARGEST),
    "bond_downdelay": schema.whole_number(0, _LARGEST),
    "lacp": _switch_word("active", "passive", "off"),
    "lacp_time": schema.one_of("slow", "fast"),
}
_TUNNEL: dict[str, Check] = {
    "remote_ip": _address_or_flow,
    "local_ip": _address_or_flow,
    "key": _number_or(0, 2**32 - 1, "flow"),
    "dst_port": validation.port,
    "csum": schema.check_boolean,
    "tos": _number_or(0, 255, "inherit"),
    "ttl": _number_or(0, 255, "inherit"),
    "df_default": schema.check_boolean,
    "psk": schema.check_text,
}
_OWN: dict[str, Check] = {
    **_BOND,
    "cvlans": Each(vlan_range),
    "mac": validation.mac_address,
    "mtu": validation.mtu,
    "options": schema.check_map,
    "interface_external_ids": schema.check_map,
    "interface_other_config": schema.check_map,
    "ingress_policing_rate": schema.whole_number(0, _LARGEST),
    "ingress_policing_burst": schema.whole_number(0, _LARGEST),
}
_LINK: dict[str, Check] = {"enabled": schema.check_boolean, "sysctls": schema.INTERFACE["sysctls"]}
#: The options of an entry; those without a check are dictionaries, which are read on their own.
PORT: dict[str, Check | None] = {
    "name": schema.check_text,
    "type": schema.one_of(*_TYPES),
    "members": Each(validation.interface_name),
    **schema.PORT,
    **_OWN,
    "addresses": Each(validation.interface_address),
    **_LINK,
    "tunnel": None,
    "peer": None,
    "qos": None,
}


# --- reading -------------------------------------------------------------------------------------------------------


def read_ports(reader: EntryReader, path: str, given: Mapping[str, Any], bridge: str) -> tuple[BridgePort, ...]:
    """Return the ports that a bridge declares; wrong entries are noted and left out."""
    ports = given.get("ports", [])
    return tuple(reader.read_nested(path, "ports", ports, lambda at, entry: _read_port(reader, at, entry, bridge)))


def _read_port(reader: EntryReader, path: str, entry: Any, bridge: str) -> BridgePort | None:
    options = reader.check_options(path, entry, PORT, "name")
    if options is None:
        return None
    kind = _kind_of(options)
    errors = reader.errors
    if kind in ("system", "internal") and "members" not in entry:
        try:
            validation.interface_name(options["name"])
        except ValidationError as error:
            errors.add(path, "name", str(error))
    for option, message in _find_unfit(entry, kind):
        errors.add(path, option, message)
    further: Entry = {}
    if "tunnel" in options and kind in _TUNNELS:
        further["tunnel"] = reader.check_options(f"{path} tunnel", options["tunnel"], _TUNNEL, "") or {}
    if kind in _WITH_REMOTE and not _has_remote(options):
        errors.add(path, "tunnel.remote_ip", f"is missing; a tunnel of type {kind} requires the address of the far end")
    own = select(options, _OWN)
    if "cvlans" in own:
        own["cvlans"] = [vlan for vlans in own["cvlans"] for vlan in vlans]
    return BridgePort(
        path,
        options["name"],
        bridge,
        kind,
        {**port_options(options), **own, **further},
        members=tuple(options.get("members", ())),
        peer=_read_peer(reader, path, options, bridge),
        addresses=addresses_of(options),
        link=select(options, _LINK),
        qos=read_qos(reader, path, options),
    )


def _kind_of(options: Mapping[str, Any]) -> str:
    return str(options.get("type") or ("patch" if "peer" in options else "system"))


def _has_remote(options: Mapping[str, Any]) -> bool:
    given = (options.get("tunnel"), options.get("options"))
    return any(isinstance(each, dict) and "remote_ip" in each for each in given)


def _find_unfit(entry: Mapping[str, Any], kind: str) -> Iterator[tuple[str, str]]:
    """Yield the options that a port of this kind cannot have, each with the message."""
    is_bond = "members" in entry
    yield from _find_unfit_bond(entry, kind, is_bond)
    for option in ("addresses", *_LINK):
        if option in entry and (is_bond or kind not in ("system", "internal")):
            yield option, "is for a port that is a link, and this one is none; omit it"
    if "mac" in entry and (is_bond or kind != "internal"):
        yield "mac", "is for an internal port; the address of another link is set where the link is declared"
    if "tunnel" in entry and kind not in _TUNNELS:
        yield "tunnel", f"is for a tunnel; set `type` to one of {', '.join(sorted(_TUNNELS))}"
    if entry.get("cvlans") and entry.get("vlan_mode") != "dot1q-tunnel":
        yield "cvlans", "has an effect on a tunnel of VLANs only; give `vlan_mode: dot1q-tunnel` as well"
    if kind == "patch" and "peer" not in entry:
        yield "peer", "is missing; declare the other half: {name: ..., bridge: ...}"


def _find_unfit_bond(entry: Mapping[str, Any], kind: str, is_bond: bool) -> Iterator[tuple[str, str]]:
    for option in () if is_bond else _BOND:
        if option in entry:
            yield option, "is for a bond; give its `members`, or omit it"
    if not is_bond:
        return
    if kind != "system":
        yield "members", f"a bond has no type, and this port has the type {kind}; remove the one or the other"
    if isinstance(entry["members"], list) and len(set(map(str, entry["members"]))) < _FEWEST_MEMBERS:
        yield "members", "a bond has at least two members; add another one, or declare a port without `members`"
    if entry.get("bond_mode") == "balance-tcp" and entry.get("lacp") not in ("active", "passive"):
        yield "bond_mode", "`balance-tcp` requires LACP; set `lacp: active`, or use `balance-slb`"


def _read_peer(reader: EntryReader, path: str, options: Mapping[str, Any], bridge: str) -> tuple[str, str] | None:
    if "peer" not in options:
        return None
    given = options["peer"]
    if not isinstance(given, dict):
        reader.errors.add(path, "peer", f"must be a dictionary {{name: ..., bridge: ...}}, not {describe(given)}")
        return None
    known: dict[str, Check | None] = {"name": schema.check_text, "bridge": validation.interface_name}
    at = f"{path} peer"
    found = reader.check_options(at, given, known, "bridge")
    if found is None:
        return None
    if "name" not in given:
        reader.errors.add(at, "name", "is missing; every entry requires it")
    if "type" in options and options["type"] != "patch":
        reader.errors.add(path, "peer", f"is for a pair of patch ports, and the type is {options['type']}; omit it")
    if found["bridge"] == bridge:
        reader.errors.add(at, "bridge", "a pair of patch ports connects two bridges; give another bridge")
    if found.get("name") == options["name"]:
        reader.errors.add(at, "name", "the two halves of a pair need different names; choose another one")
    return (found["bridge"], found["name"]) if "name" in found else None


# --- checks --------------------------------------------------------------------------------------------------------


def check_ports(topology: Topology, errors: Errors) -> None:
    """Check that the bridges of patch ports are declared, and that no link is a port and in a namespace."""
    bridges = {bridge.name for bridge in topology.bridges}
    moved = {
        end.name_outside: end.path
        for namespace in topology.namespaces
        for end in namespace.interfaces
        if end.bridge is None and end.kind is None and end.name != "lo"
    }
    for port in _ports(topology):
        if port.peer is not None and port.peer[0] not in bridges and "bridges" not in topology.incomplete:
            cause = f"{port.peer[0]!r} is not in `topology_bridges`; {suggest(port.peer[0], bridges)}"
            errors.add(f"{port.path} peer", "bridge", cause)
        for name in port.uplinks:
            if name in moved:
                cause = f"{name!r} moves into a namespace ({moved[name]}), and cannot be a port; remove one of them"
                errors.add(port.path, "members" if port.members else "name", cause)


def port_names(topology: Topology) -> Iterator[tuple[str, str, str]]:
    """Yield the names on the host that the ports of bridges take: path, option, name.

    Not those of links that are declared themselves.
    """
    declared = _declared_links(topology)
    for port in _ports(topology):
        if port.kind != "system" or port.members or port.name not in declared:
            yield port.path, "name", port.name
        for number, member in enumerate(port.members):
            if member not in declared:
                yield port.path, f"members[{number}]", member
        if port.peer is not None:
            yield f"{port.path} peer", "name", port.peer[1]


def _declared_links(topology: Topology) -> set[str]:
    """Return the links of the host that are declared themselves: its own ones, and ends of veth pairs."""
    return {end.name for end in topology.ends() if end.namespace is None}


def _ports(topology: Topology) -> Iterator[BridgePort]:
    for bridge in topology.bridges:
        yield from bridge.ports


# --- lists for the modules -----------------------------------------------------------------------------------------


def port_entries(topology: Topology) -> list[Entry]:
    """Return the entries for the module ovs_port."""
    return [_build_port(port) for port in _ports(topology)]


def _build_port(port: BridgePort) -> Entry:
    entry: Entry = {"name": port.name, "bridge": port.bridge, **port.options}
    if port.members:
        entry["members"] = list(port.members)
    elif port.peer is not None:
        entry["peer"] = {"bridge": port.peer[0], "name": port.peer[1]}
    else:
        entry["type"] = port.kind
    return entry


def link_entries(topology: Topology) -> list[Entry]:
    """Return the entries for the module link: the links of ports, up unless declared down."""
    entries: list[Entry] = []
    declared = _declared_links(topology)
    for port in _ports(topology):
        links = (port.name,) if port.kind == "internal" else port.uplinks
        for name in (name for name in links if name not in declared):
            entry: Entry = {"name": name, "enabled": True, **port.link}
            if port.addresses is not None:
                entry["addresses"] = [str(address) for address in port.addresses]
            entries.append(entry)
    return entries


def absent_ports(topology: Topology) -> list[Entry]:
    """Return the entries by which the ports are deleted."""
    entries: list[Entry] = []
    for port in _ports(topology):
        entry: Entry = {"name": port.name, "bridge": port.bridge}
        if port.peer is not None:
            entry["peer"] = {"bridge": port.peer[0], "name": port.peer[1]}
        entries.append({**entry, "state": "absent"})
    return entries


def absent_links(topology: Topology) -> list[Entry]:
    """Return the entries by which uplinks become what they were; an internal port takes its link with it."""
    declared = _declared_links(topology)
    return [
        {
            "name": name,
            **({"addresses": [str(address) for address in port.addresses]} if port.addresses is not None else {}),
            "state": "absent",
        }
        for port in _ports(topology)
        for name in port.uplinks
        if name not in declared
    ]


# --- for a person --------------------------------------------------------------------------------------------------


def describe_port(port: BridgePort) -> str:
    """Return a port in words: its name, and what it leads to."""
    words = [f"VLAN {port.options['tag']}"] if "tag" in port.options else []
    if port.members:
        words += [f"bond of {' and '.join(port.members)}"]
    elif port.peer is not None:
        words += [f"to {port.peer[0]}"]
    elif port.kind in _TUNNELS:
        words += [f"{port.kind} to {port.options.get('tunnel', {}).get('remote_ip', 'somewhere')}"]
    elif port.kind == "internal":
        words += ["internal", *map(str, port.addresses or ())]
    return f"{port.name} ({', '.join(words)})" if words else port.name
