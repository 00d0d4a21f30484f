# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What operations are going to lose: captured before they are executed, restored when a call is rolled back."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import stat
import sys
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import OperationFailed
from ansible_collections.netns.fabric.plugins.module_utils._core.journal import Journal
from ansible_collections.netns.fabric.plugins.module_utils._core.text import encode_name
from ansible_collections.netns.fabric.plugins.module_utils._kernel import ethtool, messages, requests
from ansible_collections.netns.fabric.plugins.module_utils._kernel import namespaces as setns
from ansible_collections.netns.fabric.plugins.module_utils._kernel import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._kernel.handles import NamespaceHandle, NamespaceHandles
from ansible_collections.netns.fabric.plugins.module_utils._kernel.netlink import NetlinkError, Refusal, replay
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import Link, NamespaceName
from ansible_collections.netns.fabric.plugins.module_utils._kernel.uapi import (
    IFF_NO_PI,
    IFF_TAP,
    IFF_UP,
    INTERFACE_REQUEST,
    NLM_F_CREATE,
    NLM_F_REPLACE,
    RTM_DELADDR,
    RTM_NEWADDR,
    TUNSETIFF,
    TUNSETIFINDEX,
    TUNSETPERSIST,
)
from ansible_collections.netns.fabric.plugins.module_utils._system.small_files import read_bytes


@dataclass(frozen=True)
class CapturedLink:
    """A link, the namespace that it was in, and its group."""

    namespace: NamespaceName
    link: Link
    group: int = 0


@dataclass(frozen=True)
class Contents:
    """The addresses and routes of a namespace, as the kernel dumped them.

    `touched` are the indexes of the links whose addresses the call may lose; those of other links are not restored.
    """

    addresses: Sequence[bytes]
    routes: Sequence[bytes]
    touched: set[int] = field(default_factory=set)


class Captures:
    """What this call is going to lose; kept until it has succeeded."""

    def __init__(self, handles: NamespaceHandles) -> None:
        self._handles = handles
        self._contents: dict[NamespaceName, Contents] = {}

    def capture_link(self, namespace: NamespaceName, name: str, journal: Journal) -> CapturedLink:
        """Capture a link, and with it the contents of its namespace."""
        contents = self.capture_contents(namespace, journal)
        handle = self._handles.get(namespace)
        found = handle.link(name)
        contents.touched.add(found.link.index)
        checksum = ethtool.tx_checksum(handle.socket.fileno(), name)
        return CapturedLink(namespace, replace(found.link, tx_checksum=checksum), found.group)

    def capture_contents(self, namespace: NamespaceName, journal: Journal) -> Contents:
        """Capture the addresses and routes of a namespace, to be restored all at once.

        That happens before the first operation of the call that removes any. The rollback therefore restores them
        after all of its steps that bring the namespace's links back.
        """
        if namespace not in self._contents:
            handle = self._handles.get(namespace)
            self._contents[namespace] = Contents(handle.addresses(), handle.routes())
            journal.record(
                f"restore the addresses and routes of {namespace or 'the host'}",
                lambda: self._restore_contents(namespace),
            )
        return self._contents[namespace]

    def _restore_contents(self, namespace: NamespaceName) -> None:
        contents, handle = self._contents.pop(namespace), self._handles.get(namespace)
        # What another program has removed meanwhile was not lost by this call.
        present = {found.link.index for found in handle.links()}
        for index in sorted(contents.touched & present):
            for family in (socket.AF_INET, socket.AF_INET6):
                before = [raw for raw in contents.addresses if messages.is_on_link(raw, family, index)]
                _restore_addresses(handle, before, family, index)
        _restore_routes(handle, [raw for raw in contents.routes if _has_device(raw, present)])

    def clear(self) -> None:
        self._contents.clear()


def restore_link(handles: NamespaceHandles, captured: CapturedLink) -> None:
    """Set a link that is in its place again up or down, and enslave it, as it was; not its addresses and routes."""
    link, netlink = captured.link, handles.get(captured.namespace).socket
    request = requests.set_link(link.name, flags=IFF_UP if link.up else 0, change=IFF_UP)
    handles.request(captured.namespace, request, errno.ENODEV)  # another program may have removed it
    if link.master:
        # Open vSwitch refuses this, and attaches its port again on its own.
        netlink.request_all([requests.set_link(link.name, ("IFLA_MASTER", link.master))])


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
        if end.link.alias:
            netlink.request(requests.set_link(end.link.name, ("IFLA_IFALIAS", end.link.alias)))
        ethtool.set_tx_checksum(netlink.fileno(), end.link.name, bool(end.link.tx_checksum))
    for end in ends:
        restore_link(handles, end)


def recreate_tap(handles: NamespaceHandles, captured: CapturedLink) -> None:
    """Create a deleted tap device again, with its index and settings (tun_chr_ioctl() in drivers/net/tun.c)."""
    link = captured.link
    with handles.entered(captured.namespace):
        device = os.open("/dev/net/tun", os.O_RDWR)
    try:
        fcntl.ioctl(device, TUNSETIFINDEX, link.index.to_bytes(4, sys.byteorder))
        fcntl.ioctl(device, TUNSETIFF, INTERFACE_REQUEST.pack(encode_name(link.name), IFF_TAP | IFF_NO_PI))
        fcntl.ioctl(device, TUNSETPERSIST, 1)
    finally:
        os.close(device)
    settings = [("IFLA_ADDRESS", link.mac), ("IFLA_MTU", link.mtu), ("IFLA_IFALIAS", link.alias)]
    netlink = handles.get(captured.namespace).socket
    _raise_first(netlink.request_all([requests.set_link(link.name, setting) for setting in settings if setting[1]]))
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


def _restore_routes(handle: NamespaceHandle, before: Sequence[bytes]) -> None:
    """Restore the routes that are gone, except those that the kernel itself adds for addresses and links."""
    present = {messages.route_identity(raw) for raw in handle.routes()}
    missing = [
        raw for raw in before if not messages.is_kernel_route(raw) and messages.route_identity(raw) not in present
    ]
    while missing:
        refusals = handle.socket.request_all([requests.restore_route(raw) for raw in missing])
        refused = [(raw, refusal) for raw, refusal in zip(missing, refusals) if refusal is not None]
        if len(refused) == len(missing):
            raise NetlinkError(refused[0][1])
        missing = [raw for raw, _refusal in refused]  # one may lead to the gateway of another


def _has_device(route: bytes, present: Collection[int]) -> bool:
    device = messages.parse_route(route).device
    return device is None or device in present


def _raise_first(refusals: Iterable[Refusal | None]) -> None:
    for refusal in refusals:
        if refusal is not None:
            raise NetlinkError(refusal)


def do_nothing() -> None:
    """Undo nothing: the undo of another operation restores what was lost."""
