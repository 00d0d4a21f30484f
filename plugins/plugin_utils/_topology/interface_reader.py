# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads the interfaces of a namespace, and what all links have, from the role's variables. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core import validation
from ansible_collections.netns.fabric.plugins.module_utils._core.mtus import mtu_check
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import Interface, ValidationError
from ansible_collections.netns.fabric.plugins.plugin_utils._topology import schema
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.link_kinds import (
    CREATION,
    OWN_OPTIONS,
    find_unfit_options,
    read_kind,
)
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.model import Attachment, Shape
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.route_reader import EntryReader
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.shapes import build_shape
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.switching import read_qos

#: The options of every link besides its name, its place and its addresses.
END_OPTIONS = ("mac", "mtu", "enabled", "tx_checksum", "sysctls")


def read_attachment(reader: EntryReader, path: str, entry: Any, namespace: str) -> Attachment | None:
    """Return an interface of a namespace; None where it is not a valid entry."""
    given = entry if isinstance(entry, Mapping) else {}
    is_created = "kind" in given
    exists = isinstance(entry, Mapping) and not is_created and "bridge" not in entry
    known = schema.EXISTING_INTERFACE if exists else schema.INTERFACE
    further = {
        **CREATION,
        "shape": None,
        "qos": None,
        **dict.fromkeys(name for name in OWN_OPTIONS if is_created or name != "bridge"),
    }
    options = reader.check_options(path, entry, {**known, "mtu": mtu_check(given.get("name")), **further}, "name")
    if options is None:
        return None
    for option, message in find_unfit_options(given):
        reader.errors.add(path, option, message)
    if exists or is_created:
        for option in ("peer", "tx_checksum", "dhcp", "qos", *schema.PORT):
            if option in entry:
                reader.errors.add(path, option, _explain_bridge_required(option))
    _check_nic(reader, path, options, exists)
    return Attachment(
        path=path,
        name=options["name"],
        namespace=namespace,
        addresses=addresses_of(options),
        options=select(options, END_OPTIONS),
        incomplete=lacks_addresses(entry, options),
        bridge=None if is_created else options.get("bridge"),
        peer="" if is_created else _read_peer(reader, path, entry, options, namespace),
        port=port_options(options),
        qos=read_qos(reader, path, options),
        shape=read_shape(reader, path, options),
        master=options.get("master"),
        creation=read_kind(reader, path, options),
        nic=options.get("nic") if exists else None,
        dhcp=options.get("dhcp", False),
    )


def _check_nic(reader: EntryReader, path: str, options: Mapping[str, Any], exists: bool) -> None:
    """Check that an interface with another name on the host is a link that exists, and that its name can be given."""
    if "nic" not in options:
        return
    if not exists:
        reader.errors.add(path, "nic", "is for a link that exists, and moves into the namespace; omit it")
    try:
        validation.interface_name(options["name"])
    except ValidationError as error:
        reader.errors.add(path, "name", str(error))


def _read_peer(
    reader: EntryReader, path: str, entry: Mapping[str, Any], options: Mapping[str, Any], namespace: str
) -> str:
    """Return the name of the end on the host: as given, or NAMESPACE-NAME."""
    if "bridge" not in entry or "peer" in entry or not namespace:
        return str(options.get("peer", ""))
    name = f"{namespace}-{options['name']}"
    try:
        return validation.interface_name(name)
    except ValueError:
        reader.errors.add(
            path,
            "peer",
            f"is not set, and the name derived for the end on the host, {name!r}, is not an interface name of at "
            f"most {validation.INTERFACE_NAME_MAX} bytes; set `peer`",
        )
        return ""


def read_shape(reader: EntryReader, path: str, given: Mapping[str, Any] | None) -> Shape | None:
    """Return the shape of an interface; None where it has none, or a wrong one."""
    if given is None or "shape" not in given:
        return None
    at, count = f"{path} shape", len(reader.errors)
    options = reader.check_options(at, given["shape"], schema.SHAPE, "")
    return build_shape(options or {}, at, reader.errors) if len(reader.errors) == count else None


def port_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a bridge's port, as far as given, with each VLAN of a range."""
    found = select(options, schema.PORT)
    if "trunks" in found:
        found["trunks"] = [vlan for vlans in found["trunks"] for vlan in vlans]
    return found


def select(options: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    """Return those of the options that are given."""
    return {key: options[key] for key in keys if key in options}


def addresses_of(options: Mapping[str, Any]) -> tuple[Interface, ...] | None:
    """Return the addresses of an interface; None where they are not declared."""
    return tuple(options["addresses"]) if "addresses" in options else None


def lacks_addresses(entry: Mapping[str, Any], options: Mapping[str, Any]) -> bool:
    """Return whether some of the addresses are invalid, and left out."""
    given = entry.get("addresses", [])
    return not isinstance(given, list) or len(given) != len(options.get("addresses", ()))


def _explain_bridge_required(option: str) -> str:
    meaning = {
        "peer": "it names the end of the veth pair that is a port of the bridge",
        "tx_checksum": "it applies to a veth pair, and without `bridge` the entry is another link",
        "dhcp": "that serves the address",
    }.get(option)
    if meaning is None:
        return f"requires `bridge`: it is an option of the bridge's port; add `bridge`, or omit `{option}`"
    return f"requires `bridge`: {meaning}; add it (for a veth pair between two namespaces, use `topology_links`)"
