# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What operations are going to lose: captured before they are executed, restored when a call is rolled back."""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import OperationFailed
from ansible_collections.netns.fabric.plugins.module_utils._core.journal import Journal
from ansible_collections.netns.fabric.plugins.module_utils._kernel import (
    ethtool,
    generic,
    kind_requests,
    messages,
    qdisc_undo,
    requests,
    routing_messages,
    routing_undo,
    sysctl,
    tun_devices,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel import namespaces as setns
from ansible_collections.netns.fabric.plugins.module_utils._kernel import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._kernel.handles import NamespaceHandle, NamespaceHandles
from ansible_collections.netns.fabric.plugins.module_utils._kernel.kinds import data_of, find_kind
from ansible_collections.netns.fabric.plugins.module_utils._kernel.netlink import NetlinkError, Refusal, replay
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import Link, NamespaceName
from ansible_collections.netns.fabric.plugins.module_utils._kernel.uapi import (
    ETH_DATA_LEN,
    IFF_UP,
    NLM_F_CREATE,
    NLM_F_REPLACE,
    RTM_DELADDR,
    RTM_NEWADDR,
)
from ansible_collections.netns.fabric.plugins.module_utils._system.small_files import read_bytes


@dataclass(frozen=True)
class CapturedLink:
    """A link, the namespace that it was in, its group, and its kernel parameters by their files, if need be."""

    namespace: NamespaceName
    link: Link
    group: int = 0
    queue_length: int = 0
    parameters: Mapping[str, str] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class Contents:
    """The addresses, routes, static neighbours and qdiscs of a namespace, as the kernel dumped them.

    `touched` are the links whose addresses and neighbours the call may lose, names by index; those of other links are
    not restored. Their qdiscs it may lose as well, with those of `touched_qdiscs`.
    """

    addresses: Sequence[bytes]
    routes: Sequence[bytes]
    neighbours: Sequence[bytes]
    qdiscs: Mapping[int, qdisc_undo.LinkQueues] = field(default_factory=dict)
    touched: dict[int, str] = field(default_factory=dict)
    touched_qdiscs: set[int] = field(default_factory=set)


class Captures:
    """What this call is going to lose; kept until it has succeeded."""

    def __init__(self, handles: NamespaceHandles) -> None:
        self._handles = handles
        self._contents: dict[NamespaceName, Contents] = {}
        self._rules: dict[NamespaceName, Sequence[bytes]] = {}
        #: The links that have got their addresses again, by namespace.
        self.restored: dict[NamespaceName, set[str]] = {}

    def capture_link(
        self, namespace: NamespaceName, name: str, journal: Journal, known: Link | None = None
    ) -> CapturedLink:
        """Capture a link, and with it the contents of its namespace; `known` is what was read of it."""
        base = known.base if known else None
        contents = self.capture_contents(namespace, journal)
        handle = self._handles.get(namespace)
        found = handle.link(name)
        contents.touched[found.link.index] = name
        checksum = ethtool.tx_checksum(handle.socket.fileno(), name)
        link = replace(found.link, tx_checksum=checksum, base=base)
        if known is not None and link.kind == generic.FAMILY:
            link = replace(link, information=known.information)
        parameters: Mapping[str, str] = {}
        if journal.kept:  # a call ends with what deletes or moves a link: none that is undone at once has lost them
            with self._handles.entered(namespace):
                parameters = sysctl.capture_link(name)
        return CapturedLink(namespace, link, found.group, found.queue_length, parameters)

    def capture_contents(self, namespace: NamespaceName, journal: Journal) -> Contents:
        """Capture the addresses, routes, static neighbours and qdiscs of a namespace, to be restored all at once.

        That happens before the first operation of the call that removes any. The rollback therefore restores them
        after all of its steps that bring the namespace's links back.
        """
        if namespace not in self._contents:
            handle = self._handles.get(namespace)
            self._contents[namespace] = Contents(
                handle.addresses(), handle.routes(), handle.static_neighbours(), qdisc_undo.capture(handle)
            )
            journal.record(
                f"restore the addresses, routes and qdiscs of {namespace or 'the host'}",
                lambda: self._restore_contents(namespace),
            )
        return self._contents[namespace]

    def _restore_contents(self, namespace: NamespaceName) -> None:
        contents, handle = self._contents.pop(namespace), self._handles.get(namespace)
        # What another program has removed meanwhile was not lost by this call.
        indexes = {found.link.name: found.link.index for found in handle.links()}
        present = set(indexes.values())
        # Open vSwitch gives the device of a port that it creates again another index.
        moved = {
            former: indexes[name]
            for former, name in contents.touched.items()
            if former not in present and name in indexes
        }
        for former in sorted(contents.touched.keys() & (present | moved.keys())):
            index = moved.get(former, former)
            for family in (socket.AF_INET, socket.AF_INET6):
                before = [raw for raw in contents.addresses if messages.is_on_link(raw, family, former)]
                _restore_addresses(handle, [messages.move_address(raw, index) for raw in before], family, index)
        routing_undo.restore_routes(handle, [messages.move_route(raw, moved) for raw in contents.routes], present)
        neighbours = [routing_messages.move_neighbour(raw, moved) for raw in contents.neighbours]
        touched = present & {*contents.touched, *moved.values()}
        routing_undo.restore_neighbours(handle, neighbours, touched)
        _restore_qdiscs(handle, contents, present)
        self.restored[namespace] = {name for name, index in indexes.items() if index in touched}

    def capture_rules(self, namespace: NamespaceName, journal: Journal) -> Sequence[bytes]:
        """Capture the rules of a namespace, which are restored all at once, for their order."""
        if namespace not in self._rules:
            rules = self._rules[namespace] = self._handles.get(namespace).rules()
            journal.record(
                f"restore the rules of {namespace or 'the host'}",
                lambda: routing_undo.restore_rules(self._handles.get(namespace), rules),
            )
        return self._rules[namespace]

    def clear(self) -> None:
        self._contents.clear()
        self._rules.clear()


def restore_link(handles: NamespaceHandles, captured: CapturedLink) -> None:
    """Enslave a link that is in its place again, and set it up or down, as it was; not its addresses and routes."""
    link, netlink = captured.link, handles.get(captured.namespace).socket
    if captured.parameters:
        with handles.entered(captured.namespace):
            sysctl.restore_link(captured.parameters)
    if link.master:
        # Open vSwitch refuses this, and attaches its port again on its own.
        netlink.request_all([kind_requests.set_master(link.name, link.master)])
        _restore_membership(handles, captured)
    request = requests.set_link(link.name, flags=IFF_UP if link.up else 0, change=IFF_UP)
    handles.request(captured.namespace, request, errno.ENODEV)  # another program may have removed it


def restore_members(handles: NamespaceHandles, members: Iterable[CapturedLink]) -> None:
    """Give links their former master, or none. A bond takes those only that are down."""
    for captured in members:
        down = requests.set_link(captured.link.name, flags=0, change=IFF_UP)
        handles.request(captured.namespace, down, errno.ENODEV)
        if not captured.link.master:
            handles.request(captured.namespace, kind_requests.set_master(captured.link.name, 0), errno.ENODEV)
        restore_link(handles, captured)


def restore_bond_mac(handles: NamespaceHandles, namespace: NamespaceName, bond: Link) -> None:
    """Give a bond its former address: it has lost it with its last member, and has that of the first one back in it.

    See __bond_release_one() and bond_enslave() in drivers/net/bonding/bond_main.c.
    """
    known = next((found.link for found in handles.get(namespace).links() if found.link.index == bond.index), bond)
    if known.mac != bond.mac:
        handles.request(namespace, requests.set_link_at(bond.index, ("IFLA_ADDRESS", bond.mac)), errno.ENODEV)


def _restore_membership(handles: NamespaceHandles, captured: CapturedLink) -> None:
    request = kind_requests.restore_membership(captured.link)
    if request is not None:
        # Where the master is another one by now, or refuses what it reported, there is nothing more to restore.
        with suppress(NetlinkError):
            _request_accepted(handles, captured.namespace, request)


def _request_accepted(handles: NamespaceHandles, namespace: NamespaceName, request: bytearray) -> None:
    """Send a request with what the kernel has reported, without what it does not take.

    Some attributes can be read only, and the kernel says which (NLMSGERR_ATTR_OFFS).

    Raises:
        NetlinkError: It refused more than such attributes.
    """
    while True:
        refusal = handles.send(namespace, request)
        if refusal is None:
            return
        shorter = None if refusal.offset is None else kind_requests.without_refused(request, refusal.offset)
        if shorter is None:
            raise NetlinkError(refusal)
        request = shorter


@dataclass(frozen=True)
class Deletion:
    """A link that is deleted, with its far end, with the links that the kernel deletes along with it, and its members.

    `depth` is how many links it is on, or a member of, one after the other: those are restored before it.
    """

    ends: Sequence[CapturedLink]
    dependants: Sequence[CapturedLink] = ()
    members: Sequence[CapturedLink] = ()
    depth: int = 0

    def restore(self, handles: NamespaceHandles, others: Collection[CapturedLink]) -> None:
        """Create the links again, except those that are restored by others."""
        _recreate(handles, self.ends)
        kind = find_kind(self.ends[0].link.kind, self.ends[0].link.information)
        if kind is not None and kind.mtu_by_members:
            keep_mtu(handles, self.ends[0], self.members)
        for captured in self.dependants:
            if captured not in others and not _exists(handles, captured):
                _recreate(handles, [captured])
        restore_members(handles, [captured for captured in self.members if captured not in others])


def _exists(handles: NamespaceHandles, captured: CapturedLink) -> bool:
    return any(found.link.index == captured.link.index for found in handles.get(captured.namespace).links())


def _recreate(handles: NamespaceHandles, ends: Sequence[CapturedLink]) -> None:
    if ends[0].link.kind == "veth":
        recreate_pair(handles, ends)
    elif ends[0].link.kind == "tun":
        recreate_tun(handles, ends[0])
    else:
        recreate_link(handles, ends[0])


def recreate_link(handles: NamespaceHandles, captured: CapturedLink) -> None:
    """Create a deleted link again, with its index and all that the kernel reported of its kind."""
    link, namespace = captured.link, captured.namespace
    if link.base is not None and not link.base.known:
        raise OperationFailed(None, f"what {link.name} was on is in a namespace without a name; create it by hand")
    source = link.base.namespace if link.base else namespace
    descriptor = handles.get(namespace).descriptor if source != namespace else None
    kind = find_kind(link.kind, link.information)
    request = kind_requests.recreate_link(link, descriptor, kind)
    _request_accepted(handles, source, request)
    if kind is not None and kind.generic:
        with handles.entered(namespace):
            generic.configure(link.name, kind.decode(data_of(link.information)), {})
    _restore_attributes(handles, captured)
    restore_link(handles, captured)


def keep_mtu(handles: NamespaceHandles, bridge: CapturedLink, members: Iterable[CapturedLink]) -> None:
    """Have the kernel remember the MTU of a bridge, unless it is the one that its members give it.

    It remembers what is set, if that is a change (br_change_mtu() in net/bridge/br_device.c).
    """
    link = bridge.link
    if link.mtu != min((each.link.mtu for each in members), default=ETH_DATA_LEN):
        for mtu in (ETH_DATA_LEN if link.mtu != ETH_DATA_LEN else ETH_DATA_LEN - 1, link.mtu):
            handles.request(bridge.namespace, requests.set_link(link.name, ("IFLA_MTU", mtu)))


def _restore_attributes(handles: NamespaceHandles, captured: CapturedLink) -> None:
    link = captured.link
    settings = {
        "IFLA_IFALIAS": link.alias,
        "IFLA_TXQLEN": captured.queue_length,
        "IFLA_GROUP": captured.group,
    }
    given = [(name, value) for name, value in settings.items() if value != ""]
    handles.request(captured.namespace, requests.set_link(link.name, *given))


def move_back(handles: NamespaceHandles, move: op.MoveLink, captured: CapturedLink) -> None:
    """Return a moved link to its namespace, with its name and its index."""
    origin, target = handles.get(move.namespace), handles.get(move.to)
    request = requests.set_link_at(
        target.index(move.new_name),
        ("IFLA_NET_NS_FD", origin.descriptor),
        ("IFLA_IFNAME", move.name),
        ("IFLA_NEW_IFINDEX", captured.link.index),
    )
    target.socket.request(request)
    restore_link(handles, captured)


def restore_device(handles: NamespaceHandles, captured: CapturedLink) -> None:
    """Configure a link of the host as it was, which another program has created again; not its addresses and routes."""
    _restore_attributes(handles, captured)
    restore_link(handles, captured)


def recreate_pair(handles: NamespaceHandles, ends: Sequence[CapturedLink]) -> None:
    """Create a deleted veth pair again, with the indexes and settings of its ends.

    Raises:
        OperationFailed: One end was in a namespace without a name.
    """
    if len(ends) != 2:
        raise OperationFailed(
            None, f"the far end of {ends[0].link.name} was in a namespace without a name; create the veth pair by hand"
        )
    new = [op.NewEnd(end.namespace, end.link.name, end.link.mac, end.link.mtu) for end in ends]
    request = requests.new_veth(
        op.CreateVeth(new[0], new[1]),
        handles.descriptor(new[0].namespace),
        handles.descriptor(new[1].namespace),
        indexes=(ends[0].link.index, ends[1].link.index),
    )
    handles.request(None, request)
    for end in ends:
        netlink = handles.get(end.namespace).socket
        _restore_attributes(handles, end)
        ethtool.set_tx_checksum(netlink.fileno(), end.link.name, bool(end.link.tx_checksum))
    for end in ends:
        restore_link(handles, end)


def recreate_tun(handles: NamespaceHandles, captured: CapturedLink) -> None:
    """Create a deleted tun or tap device again, with its index and settings."""
    link = captured.link
    with handles.entered(captured.namespace):
        tun_devices.create(link.name, data_of(link.information), link.index)
    settings = [("IFLA_ADDRESS", link.mac), ("IFLA_MTU", link.mtu)]
    netlink = handles.get(captured.namespace).socket
    _raise_first(netlink.request_all([requests.set_link(link.name, setting) for setting in settings if setting[1]]))
    _restore_attributes(handles, captured)
    restore_link(handles, captured)


def delete_created_pair(handles: NamespaceHandles, operation: op.CreateVeth) -> None:
    """Delete a veth pair that the call has created, by the end that still has its name: udev may rename the other."""
    for end in (operation.end, operation.peer):
        handle = handles.get(end.namespace)
        try:
            index = handle.index(end.name)
        except OSError:  # it has another name now, or was deleted with the pair
            continue
        handle.socket.request(requests.delete_link(index))
        return


def restore_tx_checksum(socket: int, link: str, enabled: bool) -> None:
    """Set transmit checksum offload as it was; another program may have removed the link."""
    try:
        ethtool.set_tx_checksum(socket, link, enabled)
    except OSError as error:
        if error.errno != errno.ENODEV:
            raise


def capture_stale_file(name: str) -> Callable[[], None]:
    """Return how to restore what has the name of a namespace and is none."""
    path = setns.path_of(name)
    status = os.lstat(path)
    if stat.S_ISLNK(status.st_mode):
        target = os.readlink(path)
        return lambda: os.symlink(target, path)
    if stat.S_ISFIFO(status.st_mode):
        return lambda: os.mkfifo(path, stat.S_IMODE(status.st_mode))
    if not stat.S_ISREG(status.st_mode):
        return do_nothing  # a socket, which only its program can create
    content, _status = read_bytes(path)

    def restore() -> None:
        with open(path, "xb") as file:
            file.write(content)
        os.chmod(path, stat.S_IMODE(status.st_mode))
        os.chown(path, status.st_uid, status.st_gid)

    return restore


def _restore_qdiscs(handle: NamespaceHandle, contents: Contents, present: Collection[int]) -> None:
    # A link that had none can have got one only by an operation on qdiscs.
    lost = contents.touched_qdiscs | {
        index
        for index, queues in contents.qdiscs.items()
        if index in contents.touched or queues.redirects & contents.touched.keys()
    }
    for index in sorted(lost.intersection(present)):
        qdisc_undo.restore(handle, index, contents.qdiscs.get(index, qdisc_undo.LinkQueues()))


def _restore_addresses(handle: NamespaceHandle, before: Sequence[bytes], family: int, index: int) -> None:
    """Restore a link's addresses of one IP version, in their order, which decides which of them are secondary."""
    now = [raw for raw in handle.addresses() if messages.is_on_link(raw, family, index)]
    if list(map(messages.parse_address, before)) == list(map(messages.parse_address, now)):
        return
    if family == socket.AF_INET6:
        before = before[::-1]  # the kernel lists the newest first
    surplus = [raw for raw in now if not messages.parse_address(raw).made_by_kernel]
    handle.socket.request_all([replay(raw, RTM_DELADDR, 0) for raw in surplus])
    create = NLM_F_CREATE | NLM_F_REPLACE
    _raise_first(handle.socket.request_all([replay(raw, RTM_NEWADDR, create) for raw in before]))


def _raise_first(refusals: Iterable[Refusal | None]) -> None:
    for refusal in refusals:
        if refusal is not None:
            raise NetlinkError(refusal)


def do_nothing() -> None:
    """Undo nothing: the undo of another operation restores what was lost."""
