# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a link was before it was changed: recorded in its alias, restored when it is given up. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import chain, count
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core import validation
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Operation, Phase
from ansible_collections.netns.fabric.plugins.module_utils._kernel import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._kernel.marks import ALIAS_MAX, Mark, Origin, parse_mark
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import Link, NamespaceName, NamespaceState
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_settings import Settings, alias_with


def alias_of_moved(link: Link, owner: str | None) -> str:
    """Return the alias of a link that is moved from the host into a namespace: what it was on the host is kept in it.

    A record that is there already stays: the kernel returns a physical link, with its alias and our settings, when
    somebody deletes the namespace.
    """
    mark = parse_mark(link.alias)
    origin = (mark.origin if mark else Origin(alias=link.alias)) or Origin()
    recorded = Origin(
        moved=True,
        up=link.up if origin.up is None else origin.up,
        mtu=origin.mtu or link.mtu,
        mac=origin.mac or link.mac or None,
        alias=origin.alias,
        name=origin.name,
    )
    owners = mark.owners if mark else ()
    if owner is not None and owner not in owners:
        owners = (*owners, owner)
    alias = str(replace(mark or Mark(), owners=owners, origin=recorded))
    return alias if len(alias.encode("utf-8", "surrogateescape")) <= ALIAS_MAX else alias_with(link, owner)


def alias_of_changed(link: Link, wanted: Settings, owner: str | None, has_addresses: bool = False) -> str:
    """Return the alias of an owner's link that stays in its place: the MTU and the MAC that are changed are kept in it.

    So is whether it was up when it was first declared, if that changes; whoever creates one, it begins as down. And
    that the addresses are not the owner's: of a link that had some when it was first declared, without them. An alias
    of other software stays as it is.
    """
    alias = alias_with(link, owner)
    mark = parse_mark(alias)
    if owner is None or mark is None:
        return alias
    origin = mark.origin or Origin()
    if origin.mtu is None and wanted.mtu not in (None, link.mtu):
        origin = replace(origin, mtu=link.mtu)
    if origin.mac is None and link.mac and wanted.mac not in (None, link.mac):
        origin = replace(origin, mac=link.mac)
    if origin.up is None and not link.owners and wanted.enabled not in (None, link.up):
        origin = replace(origin, up=link.up)
    keeps = wanted.addresses is None and (mark.keeps_addresses or (has_addresses and not link.owners))
    return str(Mark(mark.owners, None if origin == Origin() else origin, mark.created, keeps))


def alias_of_renamed(alias: str, link: Link, name: str) -> str:
    """Return the alias of a link that gets a name inside: another one that it had on the host is kept in it."""
    mark = parse_mark(alias)
    if mark is None or (name == link.name and not (mark.origin and mark.origin.name)):
        return alias
    origin = mark.origin or Origin()
    former = origin.name or link.name
    origin = replace(origin, name=None if former == name else former)
    renamed = str(replace(mark, origin=None if origin == Origin() else origin))
    return renamed if len(renamed.encode("utf-8", "surrogateescape")) <= ALIAS_MAX else alias


def known_as(link: Link, name: str) -> bool:
    """Return whether a link has a name, or had it on the host before it was moved."""
    return name in link.names or bool(link.origin and link.origin.name == name)


def alias_of_created(link: Link, owner: str | None) -> str:
    """Return the alias of a link that exists by an owner's declaration; an alias of other software stays as it is."""
    mark = parse_mark(alias_with(link, owner))
    return link.alias if owner is None or mark is None else str(Mark(mark.owners, created=True))


def as_found(link: Link, wanted: Settings, owner: str | None) -> tuple[Settings, str]:
    """Return the settings and the alias of a link that was moved from the host and is declared there again.

    What is not declared is as it was there.
    """
    origin = link.origin
    if origin is None:
        return wanted, alias_of_changed(link, wanted, owner)
    settings = replace(
        wanted,
        mtu=origin.mtu if wanted.mtu is None else wanted.mtu,
        mac=origin.mac if wanted.mac is None else wanted.mac,
        enabled=origin.up if wanted.enabled is None else wanted.enabled,
    )
    alias = origin.alias or str(Mark(link.owners))
    there = replace(link, alias=alias, mtu=origin.mtu or link.mtu, mac=origin.mac or link.mac)
    return settings, alias_of_changed(there, wanted, owner)


@dataclass
class Restoration:
    """The attributes of a link that is given up, before and after, the operations between them, and warnings."""

    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    operations: list[Operation] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def add(self, name: str, old: object, new: object, *steps: Operation) -> None:
        if old != new:
            self.before[name], self.after[name] = old, new
            self.operations.extend(steps)


class HostNames:
    """The names that links of the host have, with those of the links that return to it by one plan."""

    def __init__(self, host: NamespaceState) -> None:
        self._taken = {name for link in host.links for name in link.names}

    def claim(self, name: str) -> str:
        """Return the name if it is free, else one made of it that is: `eth1`, `eth1-1`, `eth1-2`, ..."""
        suffixes = chain([""], (f"-{number}" for number in count(1)))
        free = next(found for found in (_shortened(name, suffix) for suffix in suffixes) if found not in self._taken)
        self._taken.add(free)
        return free

    def find_taken(self, names: Iterable[str]) -> list[str]:
        """Return those of the names that other links have."""
        return [name for name in names if name in self._taken]


def _shortened(name: str, suffix: str) -> str:
    """Return a name with a suffix, not longer than the kernel takes."""
    return name.encode()[: validation.INTERFACE_NAME_MAX - len(suffix)].decode(errors="ignore") + suffix


def returns(link: Link) -> bool:
    """Return whether a link in a namespace returns to the host: one that was moved from there, or a physical device.

    What was created inside belongs to the namespace, and some links cannot leave theirs at all.
    """
    if link.loopback or link.immutable or link.kind == "veth":
        return False
    return not link.kind or bool(link.origin and link.origin.moved)


def plan_return(
    namespace: NamespaceName, link: Link, host_names: HostNames, given_name: str | None = None
) -> Restoration:
    """Plan the return of a link from a namespace to the host, as it was there.

    `given_name` is the name that it had there, as far as that is declared and not recorded.
    """
    plan = Restoration()
    former = (link.origin and link.origin.name) or given_name or link.name
    name = host_names.claim(former)
    plan.add("namespace", namespace, "host")
    plan.add("name", link.name, name)
    if name != former:
        plan.warnings.append(f"the host has another link {former}; {namespace}/{link.name} returns to it as {name}")
    for altname in host_names.find_taken(link.altnames):
        plan.operations.append(op.RemoveAltname(namespace, link.name, altname))
        plan.warnings.append(
            f"another link of the host has the name {altname}; {namespace}/{link.name} loses that alternative name"
        )
    plan.operations.append(op.MoveLink(namespace, link.name, None, name))
    if link.origin is None or not link.origin.moved:
        plan.warnings.append(
            f"what {namespace}/{link.name} was on the host is not recorded; it returns there with its present MTU "
            f"{link.mtu} and MAC address {link.mac or 'none'}, and down"
        )
    _restore_settings(plan, None, replace(link, name=name))
    up = bool(link.origin and link.origin.up)
    plan.add("enabled", link.up, up)
    if up:
        plan.operations.append(op.SetUp(None, name))  # the move has set it down
    return plan


def rename_back(plan: Restoration, link: Link, host_names: HostNames) -> Link:
    """Plan that a link of the host has the name again that it had there; return it as it is then.

    The kernel returns a physical link with the name that it had in the namespace.
    """
    if not link.origin or link.origin.name in (None, link.name):
        return link
    name = host_names.claim(str(link.origin.name))
    # Kernels before 6.2 rename no link that is up.
    down = [op.SetDown(None, link.name, phase=Phase.RELEASE)] if link.up else []
    up = [op.SetUp(None, name)] if link.up else []
    plan.add("name", link.name, name, *down, op.RenameLink(None, link.name, name), *up)
    return replace(link, name=name)


def restore(plan: Restoration, namespace: NamespaceName, link: Link) -> None:
    """Plan what a link that stays in its place was before it was changed."""
    _restore_settings(plan, namespace, link)
    up = link.origin.up if link.origin else None
    if up is not None:
        step = op.SetUp(namespace, link.name) if up else op.SetDown(namespace, link.name, phase=Phase.REMOVE)
        plan.add("enabled", link.up, up, step)


def _restore_settings(plan: Restoration, namespace: NamespaceName, link: Link) -> None:
    mark = parse_mark(link.alias)
    if mark is None:
        return
    origin = mark.origin or Origin()
    if origin.mtu is not None:
        plan.add("mtu", link.mtu, origin.mtu, op.SetMtu(namespace, link.name, origin.mtu))
    if origin.mac is not None:
        plan.add("mac", link.mac, origin.mac, op.SetMac(namespace, link.name, origin.mac))
    plan.add("alias", link.alias, origin.alias, op.SetAlias(namespace, link.name, origin.alias))
