# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can be set on any link, and how to get from what is there to what is wanted. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core import validation
from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Operation, Phase
from ansible_collections.netns.fabric.plugins.module_utils._kernel import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import (
    MARK,
    Address,
    Interface,
    Link,
    NamespaceName,
    mark_of,
)

LINK_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "name": {"type": "str"},
    "namespace": {"type": "str"},
    "addresses": {"type": "list", "elements": "str"},
    "mac": {"type": "str"},
    "mtu": {"type": "int"},
    "enabled": {"type": "bool"},
}


@dataclass(frozen=True)
class Settings:
    """What is wanted of a link; None: untouched."""

    addresses: tuple[Interface, ...] | None = None
    mac: str | None = None
    mtu: int | None = None
    enabled: bool | None = None
    tx_checksum: bool | None = None


@dataclass(frozen=True)
class Found:
    """A link as it is at the moment when its settings are planned.

    Where it has been moved or renamed by then, `origin` is what it was before, and `lost` the addresses that have gone
    on the way and are to come back unless a list says otherwise.
    """

    link: Link
    addresses: Sequence[Address] = ()
    lost: Sequence[Address] = ()
    origin: Found | None = None


@dataclass(frozen=True)
class SettingsPlan:
    """What is to be set on a link: the attributes before and after, and the operations."""

    before: Mapping[str, Any]
    after: Mapping[str, Any]
    operations: tuple[Operation, ...]


def place(namespace: NamespaceName, name: str) -> str:
    """A link as a person would say where it is."""
    return f"{namespace}/{name}" if namespace else f"host/{name}"


def settings(checks: Checks, options: Mapping[str, Any], prefix: str = "") -> Settings:
    """The settings that an entry, or its peer, asks for."""
    addresses: list[Interface] | None = None
    if options.get("addresses") is not None:
        given = [
            checks.value(f"{prefix}addresses", validation.interface_address, text) for text in options["addresses"]
        ]
        addresses = [address for address in given if address is not None]
        for address in addresses:
            if addresses.count(address) > 1:
                checks.error(f"{prefix}addresses", f"{address} is listed twice")
                break
    mtu = checks.value(f"{prefix}mtu", validation.mtu, options.get("mtu"))
    if mtu and mtu < validation.IPV6_MTU_MIN and any(address.version == 6 for address in addresses or ()):
        checks.error(
            f"{prefix}mtu",
            f"{mtu} is below {validation.IPV6_MTU_MIN}, the smallest that IPv6 addresses can be used with",
        )
    return Settings(
        addresses=None if addresses is None else tuple(addresses),
        mac=checks.value(f"{prefix}mac", validation.mac_address, options.get("mac")),
        mtu=mtu,
        enabled=options.get("enabled"),
        tx_checksum=options.get("tx_checksum"),
    )


class _Changes:
    """Collects what becomes of a link; what is the same before and after is worth no line of a diff."""

    def __init__(self) -> None:
        self.before: dict[str, Any] = {}
        self.after: dict[str, Any] = {}
        self.operations: list[Operation] = []

    def add(self, name: str, old: object, new: object, *steps: Operation) -> None:
        if old != new:
            self.before[name], self.after[name] = old, new
        self.operations.extend(steps)


def plan_settings(namespace: NamespaceName, found: Found, wanted: Settings, owner: str | None) -> SettingsPlan:
    """From what a link is to what is wanted of it."""
    link = found.link
    origin = found.origin or found
    changes = _Changes()
    if wanted.mac is not None and wanted.mac != link.mac:
        changes.add("mac", link.mac, wanted.mac, op.SetMac(namespace, link.name, wanted.mac))
    if wanted.mtu is not None and wanted.mtu != link.mtu:
        changes.add("mtu", link.mtu, wanted.mtu, op.SetMtu(namespace, link.name, wanted.mtu))
    if wanted.tx_checksum is not None and wanted.tx_checksum != link.tx_checksum:
        step = op.SetTxChecksum(namespace, link.name, wanted.tx_checksum)
        changes.add("tx_checksum", link.tx_checksum, wanted.tx_checksum, step)
    alias = alias_with(link, owner)
    if alias != link.alias:
        changes.add("alias", link.alias, alias, op.SetAlias(namespace, link.name, alias))
    # A link that was put down to be renamed, or by its move, is to be again as it was.
    enabled = wanted.enabled if wanted.enabled is not None else origin.link.up
    if link.up and not enabled:
        changes.add("enabled", origin.link.up, False, op.SetDown(namespace, link.name))
        found = _put_down(found)
    _plan_address_list(changes, namespace, found, wanted.addresses)
    if enabled and not link.up:
        changes.add("enabled", origin.link.up, True, op.SetUp(namespace, link.name))
    elif enabled != origin.link.up:
        changes.add("enabled", origin.link.up, enabled)
    return SettingsPlan(changes.before, changes.after, tuple(changes.operations))


def _plan_address_list(
    changes: _Changes, namespace: NamespaceName, found: Found, asked: tuple[Interface, ...] | None
) -> None:
    """The addresses that are asked for; where none are asked for, those that would be lost otherwise."""
    origin = found.origin or found
    kept = [*found.addresses, *found.lost]
    wanted = asked
    if wanted is None:
        wanted = tuple(address.interface for address in counted(kept, ()) if address.peer is None)
    if asked is not None or found.lost:
        steps = plan_addresses(namespace, found.link.name, found.addresses, wanted, found.lost)
        changes.operations.extend(steps)
    after = wanted if asked is not None else counted(kept, ())
    changes.add("addresses", listed(counted(origin.addresses, wanted)), listed(after))


def _put_down(found: Found) -> Found:
    """The same link once it is down, which takes its IPv6 addresses."""
    stay = tuple(address for address in found.addresses if address.interface.version == 4)
    gone = tuple(address for address in found.addresses if address.interface.version == 6)
    return Found(replace(found.link, up=False), stay, (*found.lost, *gone), found.origin or found)


def alias_with(link: Link, owner: str | None) -> str:
    """The alias that marks the link as this owner's as well; somebody else's text stays as it is."""
    if owner is None or owner in link.owners or (link.alias and not link.alias.startswith(MARK)):
        return link.alias
    return mark_of((*link.owners, owner))


def alias_without(link: Link, owner: str | None) -> str:
    """The alias once the owner's mark is off it."""
    if owner not in link.owners:
        return link.alias
    return mark_of(tuple(name for name in link.owners if name != owner))


def listed(addresses: Iterable[Interface | Address]) -> list[str]:
    """Addresses for a diff: their order means nothing."""
    return sorted(str(address) for address in addresses)


def counted(present: Iterable[Address], wanted: Sequence[Interface]) -> list[Address]:
    """The addresses that a list is compared with: without the kernel's own, unless they are listed."""
    return [address for address in present if not address.made_by_kernel or _listed(address, wanted)]


def _listed(address: Address, wanted: Sequence[Interface]) -> bool:
    return address.peer is None and address.interface in wanted


def plan_addresses(
    namespace: NamespaceName,
    name: str,
    present: Sequence[Address],
    wanted: Sequence[Interface],
    lost: Sequence[Address] = (),
) -> list[Operation]:
    """Exactly these addresses, with as little interruption as can be.

    What is new comes first, so that the link is never without an address and keeps its routes. Where it is in the
    subnet of a primary that goes it would be that one's secondary and go with it (ip-sysctl, promote_secondaries), as
    do the secondaries that stay: these come after. So does an IPv6 address that gets another prefix length, which the
    kernel takes once only, or that is made anew as the kernel refuses to use it. `lost` are addresses that are gone by
    now, or may be (ip-sysctl, keep_addr_on_down).
    """
    held = counted(present, wanted)
    going = [address for address in held if address.refused or not _listed(address, wanted)]
    going.sort(key=lambda address: not address.secondary)  # a secondary may be gone once its primary is
    emptied = {address.network for address in going if address.interface.version == 4 and not address.secondary}
    leftover = [address for address in counted(lost, wanted) if not _listed(address, wanted)]
    taken = {address.interface.ip for address in (*going, *leftover) if address.interface.version == 6}
    stay = [
        address.interface for address in present if _listed(address, wanted) and address.interface.network in emptied
    ]
    there = {address.interface for address in held if address.peer is None and not address.refused}
    new = [address for address in wanted if address not in there]
    late = [address for address in new if address.network in emptied or address.ip in taken]
    maybe = {address.interface for address in lost}

    def added(address: Interface, again: bool = False) -> Operation:
        return op.AddAddress(namespace, name, str(address), replace=again or address in maybe)

    return [
        *(added(address) for address in new if address not in late),
        *(op.RemoveAddress(namespace, name, str(address.interface), address.peer) for address in going),
        *(op.RemoveAddress(namespace, name, str(each.interface), each.peer, missing_ok=True) for each in leftover),
        *(added(address, again=True) for address in stay),
        *(added(address) for address in late),
    ]


def moved(
    found: Found, namespace: NamespaceName, to: NamespaceName, new_name: str
) -> tuple[Found, tuple[Operation, ...]]:
    """The link as it will be under another name, in another namespace, or both; and what gets it there."""
    link = found.link
    if namespace != to:
        arrived = Found(replace(link, name=new_name, up=False), origin=found)
        return arrived, (op.MoveLink(namespace, link.name, to, new_name),)
    rename = op.RenameLink(namespace, link.name, new_name)
    if not link.up:
        return replace(found, link=replace(link, name=new_name), origin=found), (rename,)
    # Kernels before 6.2 rename no link that is up.
    down = _put_down(found)
    steps = (op.SetDown(namespace, link.name, phase=Phase.RELEASE), rename)
    return replace(down, link=replace(down.link, name=new_name)), steps
