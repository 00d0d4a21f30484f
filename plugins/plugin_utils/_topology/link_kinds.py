# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Interfaces that are created as links of a kind, and those that are members of others: read, checked, as entries.

The kinds are those of the module link, which has a row for each. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core import validation
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import ValidationError, describe
from ansible_collections.netns.fabric.plugins.module_utils._kernel.attributes import Attribute, Kind
from ansible_collections.netns.fabric.plugins.module_utils._kernel.dependencies import find_faults
from ansible_collections.netns.fabric.plugins.module_utils._kernel.kinds import KINDS
from ansible_collections.netns.fabric.plugins.plugin_utils._topology import schema
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.errors import Errors, suggest
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.model import Attachment, End, Namespace, Topology
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.route_reader import EntryReader
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.schema import Check
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.segments import Segment

Entry = dict[str, Any]

#: What an interface that is created has besides the options of its kind, which stand in a dictionary of its name.
CREATION: dict[str, Check | None] = {"kind": schema.one_of(*sorted(KINDS)), "parent": None, "underlay": None}

#: The dictionaries with the options of the kinds.
OWN_OPTIONS = tuple(KINDS)

_PLACE: Mapping[str, Check | None] = {"namespace": validation.namespace_name}
_PARENT: Mapping[str, Check | None] = {"name": validation.existing_interface_name, **_PLACE}


# --- reading -------------------------------------------------------------------------------------------------------


def read_kind(reader: EntryReader, path: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an entry says of the link's kind, as the module link takes it; errors are noted."""
    kind = KINDS.get(str(given.get("kind")))
    if kind is None:
        return {}
    found: dict[str, Any] = {"kind": kind.name}
    for name in KINDS:
        if name in given and name != kind.name:
            message = f"is for links of the kind {name}, and this one is a {kind.name}; {_describe_options(kind)}"
            reader.errors.add(path, name, message)
    options = given.get(kind.name, {})
    own = reader.check_options(f"{path} {kind.name}", options, _checks_of(kind), "") or {}
    # Of what is not a dictionary that error is enough.
    for attribute in kind.attributes if isinstance(options, Mapping) else ():
        if attribute.required and attribute.name not in options:
            message = f"is required for a {kind.name}; {_describe_options(kind)}"
            reader.errors.add(path, f"{kind.name}.{attribute.name}", message)
    if own:
        found[kind.name] = own
        for option, message in find_faults(kind, {}, _as_checked(kind, own)):
            reader.errors.add(path, f"{kind.name}.{option}", message)
    parent = _read_place(reader, path, given, "parent", _PARENT)
    underlay = _read_place(reader, path, given, "underlay", _PLACE)
    for option, message in _find_unfit_places(kind, given, parent, underlay):
        reader.errors.add(path, option, message)
    found.update({name: place for name, place in (("parent", parent), ("underlay", underlay)) if place is not None})
    return found


def _describe_options(kind: Kind) -> str:
    if not kind.attributes:
        return f"a {kind.name} has no options of its own"
    return f"the options of a {kind.name} stand in `{kind.name}`: {', '.join(kind.spec)}"


def _checks_of(kind: Kind) -> dict[str, Check | None]:
    """Return the checks of a kind's options; those of what is in messages of its own are the module's."""
    return {
        each.name: None if each.encoding.option_type == "list" else _check_of(kind, each) for each in kind.attributes
    }


def _check_of(kind: Kind, attribute: Attribute) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if attribute.encoding.option_type == "bool":
            return schema.check_boolean(value)
        if isinstance(value, (dict, list, bool)):
            raise ValidationError(f"must be one value, not {describe(value)}")
        if attribute.choices:
            return schema.one_of(*attribute.choices)(value)
        # The key of a tunnel may be in a file of the managed host.
        if not kind.generic:
            attribute.encoding.check(value)
        return value

    return check


def _as_checked(kind: Kind, own: Mapping[str, Any]) -> dict[str, Any]:
    """Return those options of a kind that are numbers or words, as the module takes them."""
    return {
        each.name: each.encoding.check(own[each.name])
        for each in kind.attributes
        if each.name in own and (each.choices or each.encoding.option_type == "int") and not kind.generic
    }


def _read_place(
    reader: EntryReader, path: str, given: Mapping[str, Any], option: str, known: Mapping[str, Check | None]
) -> dict[str, Any] | None:
    if option not in given:
        return None
    required = "name" if "name" in known else ""
    return reader.check_options(f"{path} {option}", given[option], known, required) or {}


def _find_unfit_places(
    kind: Kind, given: Mapping[str, Any], parent: Mapping[str, Any] | None, underlay: Mapping[str, Any] | None
) -> Iterator[tuple[str, str]]:
    if kind.on_parent and "parent" not in given:
        yield "parent", f"a {kind.name} is on another link; write for instance `parent: {{name: eth0}}`"
    if parent is not None and not kind.takes_parent:
        yield "parent", f"a {kind.name} is on no other link; leave it out"
    if underlay is not None and kind.is_fixed_tunnel:
        yield "underlay", f"the outer packets of a {kind.name} travel in its own namespace; leave it out"
    elif underlay is not None and not kind.underlay:
        yield "underlay", f"is for tunnels, and a {kind.name} sends no outer packets; leave it out"


def find_unfit_options(entry: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the options of a link that is created which an entry without `kind` has, and the other way round."""
    if "kind" in entry:
        if isinstance(entry.get("bridge"), str):
            yield (
                "bridge",
                "an interface with `kind` is not plugged into a bridge of Open vSwitch; leave one of them out",
            )
        return
    for option in ("parent", "underlay", *(name for name in KINDS if name != "bridge")):
        if option in entry:
            yield option, "is for a link that is created; give its `kind` as well"


# --- broadcast domains ---------------------------------------------------------------------------------------------


def with_domains(namespaces: Sequence[Namespace]) -> tuple[Namespace, ...]:
    """Return the namespaces with the broadcast domains that their VLAN interfaces are in."""
    if not any(end.kind for namespace in namespaces for end in namespace.interfaces):
        return tuple(namespaces)
    plugged = {(end.namespace, end.name): end for namespace in namespaces for end in namespace.interfaces}

    def settle(end: Attachment) -> Attachment:
        parent = end.creation.get("parent", {})
        carrier = plugged.get((parent.get("namespace"), parent.get("name")))
        if end.kind != "vlan" or carrier is None or carrier.bridge is None:
            return end
        return replace(end, domain=_vlan_domain(carrier, end.creation.get("vlan", {})))

    return tuple(replace(each, interfaces=tuple(map(settle, each.interfaces))) for each in namespaces)


def _vlan_domain(carrier: Attachment, options: Mapping[str, Any]) -> Segment | None:
    """Return the domain of a VLAN on an interface, if its port carries that (ovs-vswitchd.conf.db(5), table Port)."""
    number = int(options.get("id", 0))
    tag, trunks = carrier.port.get("tag"), carrier.port.get("trunks", [])
    mode = carrier.port.get("vlan_mode") or ("trunk" if tag is None else "access")
    carries = mode in ("trunk", "native-tagged", "native-untagged") and (not trunks or number in trunks)
    if not carries or not number or options.get("protocol", "802.1Q") != "802.1Q":
        return None
    return ("bridge", str(carrier.bridge), number) if mode != "native-untagged" or number != tag else None


# --- checks --------------------------------------------------------------------------------------------------------


def check_kinds(topology: Topology, errors: Errors) -> None:
    """Check that what interfaces are on, and what they are members of, is declared in the namespaces that it is in."""
    ends: dict[str | None, dict[str, End]] = {namespace.name: {} for namespace in topology.namespaces}
    for end in topology.ends():
        ends.setdefault(end.namespace, {})[end.name] = end
    incomplete = {namespace.name for namespace in topology.namespaces if namespace.incomplete}
    for end in topology.ends():
        here = ends[end.namespace]
        # The host has links that are not declared.
        if end.master is not None and end.namespace not in incomplete and (end.namespace or end.master in here):
            _check_master(end, here, errors)
        if isinstance(end, Attachment):
            _check_places(end, ends, incomplete, errors)


def _check_master(end: End, here: Mapping[str, End], errors: Errors) -> None:
    master = here.get(end.master or "")
    if not end.master or master is end:
        if end.master:
            errors.add(end.path, "master", f"{end.name} cannot be a member of itself; leave it out")
        return
    possible = [name for name, kind in KINDS.items() if kind.takes_members]
    if master is None:
        names = [name for name, each in here.items() if isinstance(each, Attachment) and each.kind in possible]
        cause = f"namespace {end.namespace!r} has no interface {end.master!r}; {suggest(end.master, names)}"
        errors.add(end.path, "master", cause)
    elif not isinstance(master, Attachment) or master.bridge is not None or master.kind not in (None, *possible):
        cause = f"{end.master!r} ({master.path}) has no members; give an interface with `kind: {' or '.join(possible)}`"
        errors.add(end.path, "master", cause)


def _check_places(
    end: Attachment, ends: Mapping[str | None, Mapping[str, End]], incomplete: set[str], errors: Errors
) -> None:
    for option in ("parent", "underlay"):
        place = end.creation.get(option) or {}
        namespace = place.get("namespace")
        if namespace is None:
            continue
        path = f"{end.path} {option}"
        if namespace not in ends:
            hint = suggest(namespace, [name for name in ends if name is not None])
            cause = f"{namespace!r} is not in `topology_namespaces`; {hint} (for the host, omit it)"
            errors.add(path, "namespace", cause)
        elif place.get("name", "lo") not in ("lo", *ends[namespace]) and namespace not in incomplete:
            hint = suggest(place["name"], ends[namespace])
            errors.add(path, "name", f"namespace {namespace!r} has no interface {place['name']!r}; {hint}")


def find_vrfs(topology: Topology) -> frozenset[tuple[str | None, str]]:
    """Return the VRFs that are declared: an address may be in each of them once."""
    ends = (end for end in topology.ends() if isinstance(end, Attachment))
    return frozenset((end.namespace, end.name) for end in ends if end.kind == "vrf")


# --- lists for the modules -----------------------------------------------------------------------------------------


def membership_entries(topology: Topology) -> list[Entry]:
    """Return the entries for the module link by which ends of veth pairs become members of what is created later."""
    return [
        {"name": end.name, "namespace": end.namespace, "master": end.master}
        for end in topology.ends()
        if end.master is not None and not (isinstance(end, Attachment) and end.bridge is None)
    ]
