# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The settings of any link: what is wanted of them, and how to get there. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Union

from ansible_collections.netns.fabric.plugins.module_utils._core import sysctl_names, validation
from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.mtus import mtu_check
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Operation, Phase
from ansible_collections.netns.fabric.plugins.module_utils._kernel import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._kernel import sysctl
from ansible_collections.netns.fabric.plugins.module_utils._kernel.kind_operations import SetMaster
from ansible_collections.netns.fabric.plugins.module_utils._kernel.marks import Mark, parse_mark
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import (
    Address,
    Interface,
    KernelState,
    Link,
    NamespaceName,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources import link_sysctls

LINK_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "name": {"type": "str"},
    "namespace": {"type": "str"},
    "addresses": {"type": "list", "elements": "str"},
    "mac": {"type": "str"},
    "mtu": {"type": "int"},
    "enabled": {"type": "bool"},
    "master": {"type": "str"},
    "sysctls": {"type": "dict"},
}


#: An address that is to be on a link: one of a list, or one with a peer, see as_kept().
Kept = Union[Interface, Address]


@dataclass(frozen=True)
class Settings:
    """What is wanted of a link; None: untouched."""

    addresses: tuple[Interface, ...] | None = None
    mac: str | None = None
    mtu: int | None = None
    enabled: bool | None = None
    tx_checksum: bool | None = None
    #: The link that it is a member of; empty: of none.
    master: str | None = None
    #: Kernel parameters of the link, see link_sysctls.
    sysctls: Mapping[str, str] = field(default_factory=dict)
    #: Addresses with a peer that the link keeps beside `addresses`: no list has them.
    with_peers: tuple[Address, ...] = ()


@dataclass(frozen=True)
class Found:
    """A link as it is when its settings are planned.

    Where it has been moved or renamed by then, `origin` is what it was before, and `lost` are the addresses that the
    move has removed and that are restored unless a list says otherwise. `sysctls` are the values of the kernel
    parameters that are wanted of it; one that is missing is not known. `master` is what it is a member of, empty for
    nothing; `rests`: it is down while that changes.
    """

    link: Link
    addresses: Sequence[Address] = ()
    lost: Sequence[Address] = ()
    origin: Found | None = None
    sysctls: Mapping[str, str | None] = field(default_factory=dict)
    master: str = ""
    rests: bool = False


@dataclass(frozen=True)
class SettingsPlan:
    """The attributes of a link before and after, and the operations between them."""

    before: Mapping[str, Any]
    after: Mapping[str, Any]
    operations: tuple[Operation, ...]


def place(namespace: NamespaceName, name: str) -> str:
    """Return where a link is, for messages: `NAMESPACE/NAME`, or `host/NAME`."""
    return f"{namespace}/{name}" if namespace else f"host/{name}"


def parse_settings(checks: Checks, options: Mapping[str, Any], prefix: str = "") -> Settings:
    """Return the settings that an entry, or its peer, asks for."""
    addresses: list[Interface] | None = None
    if options.get("addresses") is not None:
        given = [
            checks.value(f"{prefix}addresses", validation.interface_address, text) for text in options["addresses"]
        ]
        addresses = [address for address in given if address is not None]
        if wrong := _find_repeated(addresses):
            checks.error(f"{prefix}addresses", wrong)
    mtu = checks.value(f"{prefix}mtu", mtu_check(options.get("name")), options.get("mtu"))
    if mtu and mtu < validation.IPV6_MTU_MIN and any(address.version == 6 for address in addresses or ()):
        smallest = validation.IPV6_MTU_MIN
        message = f"{mtu} is below {smallest}, the smallest MTU of IPv6; raise it, or remove the IPv6 addresses"
        checks.error(f"{prefix}mtu", message)
    return Settings(
        addresses=None if addresses is None else tuple(addresses),
        mac=checks.value(f"{prefix}mac", validation.mac_address, options.get("mac")),
        mtu=mtu,
        enabled=options.get("enabled"),
        tx_checksum=options.get("tx_checksum"),
        master=checks.value(f"{prefix}master", _master_name, options.get("master")),
        sysctls=link_sysctls.parse(checks, f"{prefix}sysctls", options.get("sysctls")),
    )


def _find_repeated(addresses: Sequence[Interface]) -> str:
    """Return which address is listed twice: one of IPv6 has one prefix length on a link (ipv6_add_addr())."""
    for number, address in enumerate(addresses):
        for former in addresses[:number]:
            if address == former:
                return f"{address} is listed twice"
            if address.version == 6 and address.ip == former.ip:
                return f"{former} and {address} are the same address, which a link has once; leave one of them out"
    return ""


def _master_name(value: str) -> str:
    return validation.interface_name(value) if value else ""


def sysctl_queries(state: KernelState, namespace: NamespaceName, name: str, wanted: Settings) -> link_sysctls.Queries:
    """Return the kernel parameters to read before the settings of a link are planned."""
    return link_sysctls.queries(state, namespace, name, wanted.sysctls, _lacks_ipv6(state, namespace, name, wanted))


def _lacks_ipv6(state: KernelState, namespace: NamespaceName, name: str, wanted: Settings) -> bool:
    """Whether the link is to have an IPv6 address that it does not have."""
    space = state.namespace(namespace)
    link = space.link(name)
    there = {address.interface for address in space.addresses_of(link)} if link else set()
    return any(address.version == 6 and address not in there for address in wanted.addresses or ())


def find_with_sysctls(state: KernelState, namespace: NamespaceName, link: Link, wanted: Settings) -> Found:
    """Return a link that is in its place, with the kernel parameters that are wanted of it."""
    return Found(
        link,
        state.namespace(namespace).addresses_of(link),
        sysctls=link_sysctls.current_values(state, namespace, link.name, wanted.sysctls),
        master=state.master_of(namespace, link),
    )


def assume_with_sysctls(state: KernelState, namespace: NamespaceName, name: str, wanted: Settings) -> Found:
    """Return a link that does not exist yet, as another program creates it: with the default kernel parameters."""
    return Found(Link(index=0, name=name), sysctls=link_sysctls.new_values(state, namespace, wanted.sysctls))


def check_sysctls(
    checks: Checks,
    state: KernelState,
    where: tuple[NamespaceName, str],
    link: Link | None,
    wanted: Settings,
    prefix: str = "",
) -> None:
    """Note the kernel parameters that cannot be set, and IPv6 addresses where IPv6 is off.

    `link` is the link that gets the settings if it is in its place, and None for one that is created or moves there.
    """
    # A link has IPv6's parameters from the smallest MTU of IPv6 on.
    grows = link is not None and link.mtu < validation.IPV6_MTU_MIN <= (wanted.mtu or 0)
    shown = "lo" if link is None or grows else link.name
    link_sysctls.check(checks, f"{prefix}sysctls", state, where[0], shown, wanted.sysctls)
    if _lacks_ipv6(state, *where, wanted):
        cause = link_sysctls.describe_missing_ipv6(state, where, link, wanted.mtu, wanted.sysctls)
        if cause:
            checks.error(f"{prefix}addresses", cause)


class _Changes:
    """Collects the changes of a link. What is the same before and after gets no line in the diff."""

    def __init__(self) -> None:
        self.before: dict[str, Any] = {}
        self.after: dict[str, Any] = {}
        self.operations: list[Operation] = []

    def add(self, name: str, old: object, new: object, *steps: Operation) -> None:
        if old != new:
            self.before[name], self.after[name] = old, new
        self.operations.extend(steps)


def plan_settings(namespace: NamespaceName, found: Found, wanted: Settings, alias: str | None) -> SettingsPlan:
    """Plan the change from what a link is to what is wanted of it; an `alias` of None is left as it is."""
    link = found.link
    origin = found.origin or found
    changes = _Changes()
    if wanted.mac is not None and wanted.mac != link.mac:
        changes.add("mac", origin.link.mac, wanted.mac, op.SetMac(namespace, link.name, wanted.mac))
    if wanted.mtu is not None and wanted.mtu != link.mtu:
        changes.add("mtu", origin.link.mtu, wanted.mtu, op.SetMtu(namespace, link.name, wanted.mtu))
    if wanted.tx_checksum is not None and wanted.tx_checksum != link.tx_checksum:
        step = op.SetTxChecksum(namespace, link.name, wanted.tx_checksum)
        changes.add("tx_checksum", link.tx_checksum, wanted.tx_checksum, step)
    if alias is not None:
        steps = [op.SetAlias(namespace, link.name, alias)] if alias != link.alias else []
        changes.add("alias", origin.link.alias, alias, *steps)
    _plan_sysctls(changes, namespace, found, wanted.sysctls)
    if wanted.master is not None and wanted.master != found.master:
        if link.up and found.rests:
            changes.operations.append(op.SetDown(namespace, link.name))
            found = _with_link_down(found)
            link = found.link
        joins = SetMaster(namespace, link.name, wanted.master)
        changes.add("master", origin.master or None, wanted.master or None, joins)
    # A link that its move or a rename has put down gets its former state back.
    enabled = wanted.enabled if wanted.enabled is not None else origin.link.up
    if link.up and not enabled:
        changes.add("enabled", origin.link.up, False, op.SetDown(namespace, link.name))
        found = _with_link_down(found)
    asked = None if wanted.addresses is None else (*wanted.addresses, *map(as_kept, wanted.with_peers))
    _plan_address_list(changes, namespace, found, asked)
    if enabled and not link.up:
        changes.add("enabled", origin.link.up, True, op.SetUp(namespace, link.name))
    elif enabled != origin.link.up:
        changes.add("enabled", origin.link.up, enabled)
    return SettingsPlan(changes.before, changes.after, tuple(changes.operations))


def _plan_sysctls(changes: _Changes, namespace: NamespaceName, found: Found, wanted: Mapping[str, str]) -> None:
    for short, value in wanted.items():
        current = found.sysctls.get(short)
        if not sysctl.same_value(current, value):
            step = op.SetSysctl(namespace, sysctl_names.in_full(found.link.name, short), value)
            changes.add(f"sysctls.{short}", current, value, step)


def _plan_address_list(
    changes: _Changes, namespace: NamespaceName, found: Found, asked: tuple[Kept, ...] | None
) -> None:
    """Plan the addresses that are asked for; where none are, those that would be lost otherwise."""
    origin = found.origin or found
    kept = [*found.addresses, *found.lost]
    wanted = asked
    if wanted is None:
        wanted = tuple(map(as_kept, managed_addresses(kept, ())))
    if asked is not None or found.lost:
        steps = plan_addresses(namespace, found.link.name, found.addresses, wanted, found.lost)
        changes.operations.extend(steps)
    after = wanted if asked is not None else managed_addresses(kept, ())
    changes.add("addresses", format_addresses(managed_addresses(origin.addresses, wanted)), format_addresses(after))


def _with_link_down(found: Found) -> Found:
    """Return the same link once it is down, which removes its IPv6 addresses."""
    stay = tuple(address for address in found.addresses if address.interface.version == 4)
    gone = tuple(address for address in found.addresses if address.interface.version == 6)
    down = replace(found.link, up=False)
    return replace(found, link=down, addresses=stay, lost=(*found.lost, *gone), origin=found.origin or found)


def alias_with(link: Link, owner: str | None) -> str:
    """Return the alias with this owner added; an alias of somebody else stays as it is."""
    mark = parse_mark(link.alias)
    if owner is None or mark is None or owner in mark.owners:
        return link.alias
    return str(replace(mark, owners=(*mark.owners, owner)))


def alias_without(link: Link, owner: str | None) -> str:
    """Return the alias without this owner; that of a link without owners is what it was."""
    mark = parse_mark(link.alias)
    if mark is None or owner not in mark.owners:
        return link.alias
    left = tuple(name for name in mark.owners if name != owner)
    if not left and mark.origin:
        return mark.origin.alias
    return str(replace(mark, owners=left) if left else Mark())


def format_addresses(addresses: Iterable[Interface | Address]) -> list[str]:
    """Return addresses for a diff, sorted: their order means nothing."""
    return sorted(str(address) for address in addresses)


def managed_addresses(present: Iterable[Address], wanted: Sequence[Kept]) -> list[Address]:
    """Return the addresses that a list is compared with: without those that the kernel adds, unless they are listed."""
    return [address for address in present if not address.made_by_kernel or as_kept(address) in wanted]


def as_kept(address: Address) -> Kept:
    """Return an address as one that is to stay: as a list would have it, and one with a peer with that."""
    return address.interface if address.peer is None else Address(0, address.interface, peer=address.peer)


def _interface_of(address: Kept) -> Interface:
    return address.interface if isinstance(address, Address) else address


def plan_addresses(
    namespace: NamespaceName,
    name: str,
    present: Sequence[Address],
    wanted: Sequence[Kept],
    lost: Sequence[Address] = (),
) -> list[Operation]:
    """Plan exactly these addresses, with as little interruption as possible.

    New addresses are added first, so that the link always has one and keeps its routes. Some are added last: an
    address in the subnet of a primary that is removed would become that one's secondary and be removed with it
    (ip-sysctl, promote_secondaries), and so are the secondaries that stay; an IPv6 address that gets another prefix
    length, which the kernel takes only once; one that is re-created because duplicate address detection refused it.
    `lost` are addresses that are gone by now, or may be (ip-sysctl, keep_addr_on_down).
    """
    held = managed_addresses(present, wanted)
    removed = [address for address in held if address.refused or as_kept(address) not in wanted]
    removed.sort(key=lambda address: not address.secondary)  # a secondary may be gone once its primary is removed
    emptied = {address.network for address in removed if address.interface.version == 4 and not address.secondary}
    leftover = [address for address in managed_addresses(lost, wanted) if as_kept(address) not in wanted]
    taken = {address.interface.ip for address in (*removed, *leftover) if address.interface.version == 6}
    stay = [as_kept(address) for address in present if as_kept(address) in wanted and address.network in emptied]
    there = {as_kept(address) for address in held if not address.refused}
    new = [address for address in wanted if address not in there]
    late = [address for address in new if address.network in emptied or _interface_of(address).ip in taken]
    maybe = set(map(as_kept, lost))

    def add(address: Kept, again: bool = False) -> Operation:
        return _addition(namespace, name, address, again or address in maybe)

    return [
        *(add(address) for address in new if address not in late),
        *(op.RemoveAddress(namespace, name, str(address.interface), address.peer) for address in removed),
        *(op.RemoveAddress(namespace, name, str(each.interface), each.peer, missing_ok=True) for each in leftover),
        *(add(address, again=True) for address in stay),
        *(add(address) for address in late),
    ]


def _addition(namespace: NamespaceName, name: str, address: Kept, again: bool) -> Operation:
    interface = str(_interface_of(address))
    if not isinstance(address, Address):
        return op.AddAddress(namespace, name, interface, again)
    phase = Phase.ROUTES if address.interface.version == 6 else Phase.ADDRESSES
    return op.AddAddress(namespace, name, interface, again, address.peer, phase)


def plan_move(
    found: Found, namespace: NamespaceName, to: NamespaceName, new_name: str
) -> tuple[Found, tuple[Operation, ...]]:
    """Return a link after a move to another name, another namespace or both, and the operations of the move."""
    link = found.link
    if namespace != to:
        arrived = Found(replace(link, name=new_name, up=False), origin=found)
        return arrived, (op.MoveLink(namespace, link.name, to, new_name),)
    rename = op.RenameLink(namespace, link.name, new_name)
    if not link.up:
        return replace(found, link=replace(link, name=new_name), origin=found), (rename,)
    # Kernels before 6.2 rename no link that is up.
    down = _with_link_down(found)
    steps = (op.SetDown(namespace, link.name, phase=Phase.RELEASE), rename)
    return replace(down, link=replace(down.link, name=new_name)), steps
