# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an entry of `links` asks for: a link that exists, or one of a kind that is created. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core import validation
from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry
from ansible_collections.netns.fabric.plugins.module_utils._kernel.attributes import Kind, Values
from ansible_collections.netns.fabric.plugins.module_utils._kernel.kinds import KINDS
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import NamespaceName
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_settings import Settings

#: Where a link is: its namespace and its name.
Where = tuple[NamespaceName, str]

#: The options of the kinds that have any, by the names of the kinds.
OWN_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    kind.name: {"type": "dict", "options": kind.spec} for kind in KINDS.values() if kind.spec
}
KIND_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "kind": {"type": "str", "choices": sorted(KINDS)},
    "parent": {"type": "dict", "options": {"name": {"type": "str"}, "namespace": {"type": "str"}}},
    "underlay": {"type": "dict", "options": {"namespace": {"type": "str"}}},
    **OWN_OPTIONS,
}


@dataclass(frozen=True)
class WantedKind:
    """What is wanted of a link that is created. `source` is the namespace of its parent, or of its outer packets."""

    kind: Kind
    values: Values = field(default_factory=dict)
    parent: Where | None = None
    source: NamespaceName = None


@dataclass(frozen=True)
class WantedLink:
    """One link as it is wanted; without a kind it has to exist."""

    entry: Entry
    present: bool
    namespace: NamespaceName
    name: str
    settings: Settings
    own: WantedKind | None = None
    #: The name that it has on the host, from where it moves, if it is another one.
    nic: str | None = None

    @property
    def name_outside(self) -> str:
        return self.nic or self.name

    @property
    def where(self) -> Where:
        return self.namespace, self.name


def parse_kind(
    checks: Checks, options: Mapping[str, Any], namespace: NamespaceName, present: bool
) -> WantedKind | None:
    """Return what an entry says of the link's kind; None where it says nothing."""
    if options.get("kind") is None:
        for name in KIND_OPTIONS:
            if options.get(name) is not None:
                checks.error(name, "is for a link that is created; give its `kind` as well")
        return None
    kind = KINDS[options["kind"]]
    for name in OWN_OPTIONS:
        if name != kind.name and options.get(name) is not None:
            checks.error(
                name, f"is for links of the kind {name}, and this one is a {kind.name}; {describe_options(kind)}"
            )
    if present and options.get("mac") is not None and not kind.sets_mac:
        checks.error("mac", describe_fixed_mac(kind))
    values = _parse_values(checks, kind, options.get(kind.name) or {}, present)
    parent = _parse_parent(checks, kind, options.get("parent"), present)
    source = namespace if parent is None else parent[0]
    if kind.is_fixed_tunnel and source != namespace:
        checks.error("parent.namespace", f"a {kind.name} is on a link of its own namespace; give that, or no parent")
    if options.get("underlay") is not None:
        source = _parse_underlay(checks, kind, options["underlay"], parent)
    return WantedKind(kind, values, parent, source)


def parse_nic(checks: Checks, options: Mapping[str, Any]) -> str | None:
    """Return the name that a link has on the host, if an entry gives one."""
    nic: str | None = checks.value("nic", validation.existing_interface_name, options.get("nic"))
    if nic is not None and options.get("kind") is not None:
        checks.error("nic", "is for a link that exists, and one with `kind` is created; leave one of them out")
    elif nic is not None and options.get("namespace") is None:
        checks.error("nic", "is for a link that moves into a namespace; give `namespace`, or the name itself in `name`")
    return nic


def _parse_underlay(checks: Checks, kind: Kind, given: Mapping[str, Any], parent: Where | None) -> NamespaceName:
    place: NamespaceName = checks.value("underlay.namespace", validation.namespace_name, given.get("namespace"))
    if kind.is_fixed_tunnel:
        checks.error("underlay", f"the outer packets of a {kind.name} travel in its own namespace; leave it out")
    elif not kind.underlay:
        checks.error("underlay", f"is for tunnels, and a {kind.name} sends no outer packets; leave it out")
    elif parent is not None and parent[0] != place:
        checks.error("underlay", "the outer packets travel in the namespace of the `parent`; leave it out")
    return place


def describe_fixed_mac(kind: Kind) -> str:
    """Return why a link of a kind cannot be given a hardware address."""
    if kind.sets_mac:
        return f"the kernel sets that of a link of the kind {kind.name} only as it is created; declare it with `kind`"
    return f"a link of the kind {kind.name} has no hardware address of its own that could be set; leave it out"


def describe_options(kind: Kind) -> str:
    """Return the options that a kind has."""
    if not kind.attributes:
        return f"a {kind.name} has no options of its own"
    return f"the options of a {kind.name} stand in `{kind.name}`: {', '.join(kind.spec)}"


def _parse_values(checks: Checks, kind: Kind, given: Mapping[str, Any], present: bool) -> Values:
    values: dict[str, Any] = {}
    for attribute in kind.attributes:
        option = f"{kind.name}.{attribute.name}"
        value = checks.value(option, attribute.encoding.check, given.get(attribute.name))
        name = attribute.form_of or attribute.name
        if value is not None and name in values:
            checks.error(option, f"says the same as `{kind.name}.{name}`; leave one of them out")
        elif value is not None:
            values[name] = value
        elif attribute.required and present and given.get(attribute.name) is None:
            checks.error(option, f"is required for a {kind.name}; {describe_options(kind)}")
    return values


def _parse_parent(checks: Checks, kind: Kind, given: Mapping[str, Any] | None, present: bool) -> Where | None:
    if given is None:
        if kind.on_parent and present:
            checks.error("parent", f"a {kind.name} is on another link; write for instance `parent: {{name: eth0}}`")
        return None
    if not kind.takes_parent:
        checks.error("parent", f"a {kind.name} is on no other link; leave it out")
        return None
    if given.get("name") is None:
        checks.error("parent.name", "is required; give the name of a link")
        return None
    name = checks.value("parent.name", validation.existing_interface_name, given["name"])
    return checks.value("parent.namespace", validation.namespace_name, given.get("namespace")), name
