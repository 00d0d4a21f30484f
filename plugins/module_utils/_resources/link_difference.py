# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of a link that is created is not as wanted, and what of it stays. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._kernel.kinds import data_of, find_kind
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import KernelState, Link, NamespaceName
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_model import WantedKind, WantedLink
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_settings import place


@dataclass
class Difference:
    """What of a link's kind is not as wanted, and the options that are changed in place."""

    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    changed: dict[str, Any] = field(default_factory=dict)
    recreates: bool = False

    def add(self, name: str, old: Any, new: Any) -> None:
        self.before[name], self.after[name] = old, new


def find_difference(state: KernelState, wanted: WantedLink, own: WantedKind, link: Link) -> Difference:
    """Return what is not as wanted of the kind of an existing link, and of what else needs a re-creation."""
    found = Difference()
    if not is_of(own, link):
        found.add("kind", describe_kind(link), own.kind.name)
        for name, value in described(own).items():
            if value is not None:
                found.add(name, None, value)
        found.recreates = True
        return found
    _compare_options(found, own, link)
    base = state.base_of(link)
    on = (base[0], base[1].name) if base else None
    if own.parent is not None and (base is None or own.parent not in [(base[0], name) for name in base[1].names]):
        found.add("parent", place(*on) if on else None, place(*own.parent))
        found.recreates = True
    if not own.kind.changes_mac and wanted.settings.mac not in (None, link.mac):
        found.add("mac", link.mac, wanted.settings.mac)
        found.recreates = True
    source = link.base.namespace if link.base and link.base.known else wanted.namespace
    if own.kind.underlay and own.parent is None and own.kind.lower is not None and source != own.source:
        found.add("underlay", source or "host", own.source or "host")
        found.recreates = True
    if found.recreates:
        former, kept = kept_values(own, link), values_with_kept(own, link)
        for name in former.keys() - kept.keys():
            found.add(f"{own.kind.name}.{name}", own.kind.attribute(name).show(former[name]), None)
    return found


def _compare_options(found: Difference, own: WantedKind, link: Link) -> None:
    current = own.kind.decode(data_of(link.information))
    for attribute in own.kind.attributes:
        old, new = current[attribute.name], own.values.get(attribute.name)
        if new is None or attribute.matches(old, new):
            continue
        found.add(f"{own.kind.name}.{attribute.name}", attribute.show(old), attribute.show(new))
        found.changed[attribute.name] = new
        found.recreates = found.recreates or not own.kind.changes_in_place(attribute.name, current, new)


def kept_values(own: WantedKind, link: Link | None) -> dict[str, Any]:
    """Return the options of a link that are not the kernel's own choice."""
    return own.kind.deviations(data_of(link.information)) if link and is_of(own, link) else {}


def values_with_kept(own: WantedKind, link: Link | None) -> dict[str, Any]:
    """Return the options of a kind that a link has in the end: those that are given, and what stays of its own."""
    return own.kind.keep(kept_values(own, link), own.values)


def bound_to(state: KernelState, own: WantedKind, link: Link | None) -> tuple[NamespaceName, Link] | None:
    """Return the link that a tunnel is bound to, and stays bound to as nothing else is given."""
    base = state.base_of(link) if link and is_of(own, link) else None
    is_free = own.parent is not None or own.kind.lower is None or base is None or base[0] != own.source
    return None if is_free else base


def with_parent(own: WantedKind, base: tuple[NamespaceName, Link] | None) -> WantedKind:
    """Return what is wanted of a tunnel with the link that it stays bound to, if any."""
    return own if base is None else replace(own, parent=(base[0], base[1].name))


def differs(state: KernelState, wanted: WantedLink) -> bool:
    """Return whether a link exists with the kind that is wanted, and not all of that is as wanted."""
    link, own = state.link(*wanted.where), wanted.own
    if link is None or own is None or not is_of(own, link):
        return False
    return bool(find_difference(state, wanted, own, link).after)


def is_of(own: WantedKind, link: Link) -> bool:
    """Return whether a link is of the kind that is wanted."""
    return find_kind(link.kind, link.information) is own.kind


def described(own: WantedKind) -> dict[str, Any]:
    """Return what is wanted of a link's kind, for the diff."""
    return {
        **{f"{own.kind.name}.{name}": own.kind.attribute(name).show(value) for name, value in own.values.items()},
        "parent": place(*own.parent) if own.parent else None,
    }


def describe_kind(link: Link) -> str:
    """Return what kind of link it is, for messages."""
    kind = find_kind(link.kind, link.information)
    return kind.name if kind else link.kind or "a physical device"
