# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kernel's network state: read in one pass, written with a way back. The only code that does either."""

from __future__ import annotations

import array
import errno
import fcntl
import glob
import os
import resource
import socket
import stat
import struct
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from typing import Any, TypeVar

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import OperationFailed, Unavailable
from ansible_collections.netns.fabric.plugins.module_utils._core.journal import Backend, Backends, Journal
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Operation
from ansible_collections.netns.fabric.plugins.module_utils._kernel import messages
from ansible_collections.netns.fabric.plugins.module_utils._kernel import namespaces as setns
from ansible_collections.netns.fabric.plugins.module_utils._kernel import netlink as rtnetlink
from ansible_collections.netns.fabric.plugins.module_utils._kernel import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import (
    Address,
    End,
    KernelState,
    Link,
    NamespaceName,
    NamespaceState,
    Neighbour,
    Route,
)
from ansible_collections.netns.fabric.plugins.module_utils._system.processes import command_line

Seen = TypeVar("Seen")

# linux/sockios.h, linux/ethtool.h
SIOCETHTOOL, ETHTOOL_GTXCSUM, ETHTOOL_STXCSUM = 0x8946, 0x16, 0x17
#: Seconds without progress after which the kernel, which destroys what was in a removed namespace in the background, is
#: taken not to: something keeps the namespace alive, another mount of it or an open file.
DESTRUCTION_PATIENCE = 1.5
#: Seconds after which a link that was set up stays up, see Kernel.settle().
SETTLING = 0.05
#: How often it is set up again: somebody who goes on putting it down means it.
RAISES = 3


class Kernel(Backend):
    """The namespaces of this host, each with a socket that was opened in it once and stays there."""

    def __init__(self) -> None:
        if rtnetlink.MISSING is not None:
            raise Unavailable(
                f"the Python library pyroute2 is missing for {sys.executable or 'this Python'} ({rtnetlink.MISSING}): "
                "install it on the managed host (`apt install python3-pyroute2`, `dnf install python3-pyroute2`, or "
                "`pip install pyroute2` in a virtual environment), or point ansible_python_interpreter at a Python "
                "that has it"
            )
        _raise_descriptor_limit()
        self._spaces: dict[NamespaceName, _Space] = {}
        self._held: list[_Held] = []
        #: What there was in the namespaces from which this call has taken something away.
        self._contents: dict[NamespaceName, Contents] = {}
        #: What is taken for removed in check mode: namespaces, and links by namespace and index.
        self._removed_names: set[str] = set()
        self._removed_links: dict[NamespaceName, set[int]] = {}
        #: The host's own links that were set up, and when that was last.
        self._raised: set[str] = set()
        self._raised_at = 0.0
        #: What has been read since the last write, by namespace and kind.
        self._seen: dict[tuple[NamespaceName, str], Any] = {}
        self._peers_seen: dict[tuple[NamespaceName, ...], _Peers] = {}

    # Reading

    def forget(self) -> None:
        """What has been read is out of date: somebody has written."""
        self._seen.clear()
        self._peers_seen.clear()

    def _once(self, name: NamespaceName, kind: str, look: Callable[[], Seen]) -> Seen:
        if (name, kind) not in self._seen:
            self._seen[name, kind] = look()
        seen: Seen = self._seen[name, kind]
        return seen

    def namespace_names(self) -> set[str]:
        """Every name in /run/netns, those that no namespace stands behind included."""
        return setns.names() - self._removed_names

    def read(
        self,
        namespaces: Iterable[NamespaceName],
        addresses: bool = False,
        routes: bool = False,
        tx_checksum: bool = False,
        neighbours: bool = False,
        counters: bool = False,
    ) -> KernelState:
        """The links of these namespaces and what else is asked for; None stands for the host's own.

        The far ends of veths are known where both namespaces are among those asked for. `tx_checksum` reads that
        of veths, `counters` those of all links. A namespace without a name may be given by the path of its file.
        """
        names = list(dict.fromkeys(namespaces))
        found = [name for name in names if self._find(name) is not None]
        dumped = {name: self._links(name, counters) for name in found}
        peers = self._peers(dumped)
        found_state = KernelState(
            namespaces={
                name: NamespaceState(
                    name,
                    links=tuple(self._link(name, link, peers, tx_checksum) for link in links),
                    addresses=self._addresses(name) if addresses else (),
                    routes=self._routes(name) if routes else (),
                    neighbours=self._neighbours(name) if neighbours else (),
                )
                for name, links in dumped.items()
            },
            stale=frozenset(name for name in self.namespace_names().intersection(names) if name not in dumped),
        )
        return found_state.without(self._removed_links) if self._removed_links else found_state

    def _links(self, name: NamespaceName, counters: bool) -> list[messages.LinkMessage]:
        dump = self._space(name).socket.dump
        kind = "links with counters" if counters else "links"
        return self._once(
            name, kind, lambda: [messages.link_of(message, counters) for message in dump(messages.all_links())]
        )

    def _addresses(self, name: NamespaceName) -> tuple[Address, ...]:
        return self._once(name, "addresses", lambda: tuple(map(messages.address_of, self._space(name).addresses())))

    def _routes(self, name: NamespaceName) -> tuple[Route, ...]:
        return self._once(name, "routes", lambda: tuple(map(messages.route_of, self._space(name).routes())))

    def _neighbours(self, name: NamespaceName) -> tuple[Neighbour, ...]:
        return self._once(name, "neighbours", lambda: tuple(self._space(name).neighbours()))

    def _peers(self, dumped: Mapping[NamespaceName, list[messages.LinkMessage]]) -> _Peers:
        # With more namespaces more far ends are known.
        key = tuple(dumped)
        if key not in self._peers_seen:
            self._peers_seen[key] = _Peers(self._spaces, dumped)
        return self._peers_seen[key]

    def _link(self, name: NamespaceName, found: messages.LinkMessage, peers: _Peers, tx_checksum: bool) -> Link:
        link = found.link
        if link.kind != "veth":
            return link
        checksum = None
        if tx_checksum:
            look = self._space(name).tx_checksum
            checksum = self._once(name, f"tx_checksum {link.name}", lambda: look(link.name))
        return replace(link, peer=peers.of(name, found), tx_checksum=checksum)

    def identities(self, namespaces: Iterable[NamespaceName]) -> dict[NamespaceName, Identity]:
        """What tells each of these namespaces from all others; one that is not there is left out."""
        host = self._space(None)
        found: dict[NamespaceName, Identity] = {}
        for name in namespaces:
            space = self._find(name)
            if space is not None:
                nsid = messages.nsid_in(host.socket.ask(messages.nsid_of(space.descriptor)))
                found[name] = Identity(os.fstat(space.descriptor).st_ino, nsid if nsid >= 0 else None)
        return found

    @contextmanager
    def entered(self, namespace: NamespaceName) -> Iterator[None]:
        """The thread, and every process that it starts, is inside the namespace.

        Raises:
            Unavailable: There is no such namespace.
        """
        if namespace is None:
            yield
            return
        with setns.entered(self._space(namespace).descriptor):
            yield

    def socket_in(self, namespace: NamespaceName) -> rtnetlink.RtnetlinkSocket:
        """The socket that is open in a namespace, for who asks what this class knows nothing of.

        Raises:
            Unavailable: There is no such namespace.
        """
        return self._space(namespace).socket

    def sysctl(self, namespace: NamespaceName, key: str) -> str | None:
        """A kernel parameter's value; None where the kernel has no such parameter, or none that can be read."""
        with self.entered(namespace):
            return sysctl_here(key)

    def processes(self, namespaces: Iterable[str]) -> dict[str, list[tuple[int, str]]]:
        """The processes inside each of these namespaces: pid and command line."""
        identities = {}
        for name in namespaces:
            space = self._find(name)
            if space is not None:
                status = os.fstat(space.descriptor)
                identities[status.st_dev, status.st_ino] = name
        found: dict[str, list[tuple[int, str]]] = {name: [] for name in identities.values()}
        for entry in os.listdir("/proc") if identities else ():
            # A process may end while it is looked at.
            with suppress(FileNotFoundError, ProcessLookupError, PermissionError):
                if not entry.isdigit():
                    continue
                status = os.stat(f"/proc/{entry}/ns/net")
                inside = identities.get((status.st_dev, status.st_ino))
                if inside is not None:
                    found[inside].append((int(entry), command_line(int(entry))))
        return found

    def simulate(self, operations: Sequence[Operation], host: Backends) -> None:  # noqa: ARG002  # needs no other backend
        """In check mode: read from now on as if what these operations remove were gone."""
        removals = [each for each in operations if isinstance(each, (op.DeleteLink, op.RemoveNamespace))]
        state = self.read([None, *self.namespace_names()]) if removals else KernelState()
        for removal in removals:
            if isinstance(removal, op.RemoveNamespace):
                self._removed_names.add(removal.name)
                place: NamespaceName = removal.name
                links = list(state.namespace(place).links)
            else:
                place = removal.namespace
                links = [link for link in state.namespace(place).links if link.name == removal.name]
            for link in links:
                self._simulate_removed(place, link)
                far = state.far_end(link)
                if far is not None:
                    self._simulate_removed(*far)

    def simulate_removed_links(self, names: Collection[str]) -> None:
        """In check mode: the same for links of the host that another backend's operations remove along."""
        for link in self.read([None]).namespace(None).links if names else ():
            if link.name in names:
                self._simulate_removed(None, link)

    def _simulate_removed(self, name: NamespaceName, link: Link) -> None:
        self._removed_links.setdefault(name, set()).add(link.index)

    # Writing

    def execute(self, operations: Sequence[Operation], journal: Journal) -> None:
        batch = _Batch(self, journal)
        for operation in operations:
            try:
                _HANDLERS[type(operation)](self, operation, batch)
            except OSError as error:
                batch.send()  # what stands before it in the plan has been asked for already
                raise OperationFailed(operation, _refused(operation, error), error.errno) from error
        batch.send()
        batch.delete()

    def commit(self) -> None:
        """Let go of the namespaces that were removed, and wait until what was in them is gone."""
        self._contents.clear()
        for space in self._spaces.values():
            space.created.clear()
        held, self._held = self._held, []
        awaited = [end for removed in held for end in removed.far_ends]
        for removed in held:
            removed.let_go()
        deadline = time.monotonic() + DESTRUCTION_PATIENCE
        while awaited and time.monotonic() < deadline:
            left = [end for end in awaited if self._has_link(*end)]
            if len(left) < len(awaited):
                awaited, deadline = left, time.monotonic() + DESTRUCTION_PATIENCE
            time.sleep(0.005 if left else 0)  # the kernel does not say when it is over
        for name, index in awaited:
            # It may go in this moment, by itself or with the one before.
            with suppress(OSError):
                self._space(name).socket.request(messages.delete_link(index))

    def settle(self) -> None:
        """Set the host's links up again that somebody has put down by mistake since.

        Who watches for new links, as ovs-vswitchd does, writes all flags of one at once, as it has read them a moment
        before (SIOCSIFFLAGS, netdevice(7)): a link that was set up in between goes down again.
        """
        for _time in range(RAISES):
            if not self._raised:
                return
            left = self._raised_at + SETTLING - time.monotonic()
            time.sleep(max(0.0, left))  # until the other has written, if it does: nothing tells when
            down = {
                found.link.name
                for found in map(messages.link_of, self._space(None).socket.dump(messages.all_links()))
                if found.link.name in self._raised and not found.link.up
            }
            for name in down:
                with suppress(OSError):  # it may go in this moment
                    self._raise(name)
            self._raised = down

    def _raise(self, name: str) -> None:
        request = messages.set_link(name, flags=messages.IFF_UP, change=messages.IFF_UP)
        self._space(None).socket.request(request)
        self._raised_at = time.monotonic()

    def close(self) -> None:
        for space in self._spaces.values():
            space.close()
        self._spaces.clear()

    def _has_link(self, name: NamespaceName, index: int) -> bool:
        space = self._find(name)
        try:
            return space is not None and bool(space.socket.ask(messages.get_link_at(index)))
        except OSError:
            return False

    def _find(self, name: NamespaceName) -> _Space | None:
        """The namespace, held open; None where there is none, be it that a plain file has its name.

        Raises:
            OSError: It could not be opened for a reason that says nothing of whether it is there, such as EMFILE.
        """
        if name in self._removed_names:
            return None
        if name not in self._spaces:
            try:
                self._spaces[name] = _Space(name)
            except (FileNotFoundError, ProcessLookupError):  # the latter of a process that ends meanwhile
                return None
            except OSError as error:
                if error.errno != errno.EINVAL:  # what setns(2) says of anything but a network namespace
                    raise
                return None
        return self._spaces[name]

    def _space(self, name: NamespaceName) -> _Space:
        space = self._find(name)
        if space is None:
            raise Unavailable(f"there is no namespace {name or 'of its own'} on this host")
        return space

    # One method for each kind of operation. Each either adds requests to the batch or acts at once.

    def _create_namespace(self, operation: op.CreateNamespace, batch: _Batch) -> None:
        name = operation.name
        setns.create(name)
        batch.journal.record(f"ip netns del {name}", lambda: self._forget(name))
        self._space(name).created.add("lo")

    def _forget(self, name: str) -> None:
        space = self._spaces.pop(name, None)
        if space is not None:
            space.close()
        setns.remove(name)

    def _remove_namespace(self, operation: op.RemoveNamespace, batch: _Batch) -> None:
        for link in operation.physical:
            self._send_away(operation, op.MoveLink(operation.name, link, None, link), batch)
        batch.send()
        far_ends = batch.far_ends_of(operation.name)  # they go when it does
        space = self._space(operation.name)
        setns.remove(operation.name)
        del self._spaces[operation.name]
        self._held.append(_Held(space, operation.links, far_ends))
        batch.journal.record(
            f"give the namespace {operation.name} its name back", lambda: self._reattach(operation.name, space)
        )

    def _reattach(self, name: str, space: _Space) -> None:
        self._held = [held for held in self._held if held.space is not space]
        setns.attach(name, space.descriptor)
        self._spaces[name] = space

    def _remove_stale_file(self, operation: op.RemoveStaleFile, batch: _Batch) -> None:
        kept = _stale_file(operation.name)
        setns.remove(operation.name)
        batch.journal.record(f"put {setns.path_of(operation.name)} back", kept)

    def _create_veth(self, operation: op.CreateVeth, batch: _Batch) -> None:
        end, peer = operation.end, operation.peer
        request = messages.new_veth(operation, self._descriptor(end.namespace), self._descriptor(peer.namespace))
        for made in (end, peer):
            self._space(made.namespace).created.add(made.name)
        batch.add(operation, None, request, undo=lambda: self._delete_if_there(end.namespace, end.name))

    def _descriptor(self, name: NamespaceName) -> int | None:
        return None if name is None else self._space(name).descriptor

    def _delete_if_there(self, name: NamespaceName, link: str) -> None:
        try:
            index = self._space(name).index(link)
        except OSError:
            return
        self._space(name).socket.request(messages.delete_link(index))

    def _delete_link(self, operation: op.DeleteLink, batch: _Batch) -> None:
        ends = [self._capture(operation.namespace, operation.name, batch)]
        far = batch.far_end(operation.namespace, operation.name)
        if far is not None:
            ends.append(self._capture(far[0], far[1], batch))
        # Either end will do, and the ends that are in the same place can be deleted together: mostly the host's.
        end = next((end for end in ends if end.namespace is None), ends[0])
        batch.add_deletion(operation, end, undo=lambda: self._recreate_pair(ends))

    def _move_link(self, operation: op.MoveLink, batch: _Batch) -> None:
        self._send_away(operation, operation, batch)

    def _send_away(self, operation: Operation, move: op.MoveLink, batch: _Batch) -> None:
        """Move a link, which is what the operation is or a part of it."""
        kept = self._capture(move.namespace, move.name, batch)
        target = self._space(move.to)
        request = messages.set_link_at(
            kept.link.index, ("IFLA_NET_NS_FD", target.descriptor), ("IFLA_IFNAME", move.new_name)
        )
        batch.add(operation, move.namespace, request, undo=lambda: self._move_back(move, kept))

    def _move_back(self, operation: op.MoveLink, kept: Captured) -> None:
        home, away = self._space(operation.namespace), self._space(operation.to)
        request = messages.set_link_at(
            away.index(operation.new_name),
            ("IFLA_NET_NS_FD", home.descriptor),
            ("IFLA_IFNAME", operation.name),
            ("IFLA_NEW_IFINDEX", kept.link.index),
        )
        away.socket.request(request)
        self._restore(kept)

    def _rename_link(self, operation: op.RenameLink, batch: _Batch) -> None:
        batch.send()
        index = self._space(operation.namespace).index(operation.name)
        batch.add(
            operation,
            operation.namespace,
            messages.set_link_at(index, ("IFLA_IFNAME", operation.new_name)),
            undo=lambda: self._now(operation.namespace, messages.set_link_at(index, ("IFLA_IFNAME", operation.name))),
        )

    def _set_mac(self, operation: op.SetMac, batch: _Batch) -> None:
        self._set_attribute(operation, operation.link, "IFLA_ADDRESS", operation.mac, lambda link: link.mac, batch)

    def _set_mtu(self, operation: op.SetMtu, batch: _Batch) -> None:
        self._set_attribute(operation, operation.link, "IFLA_MTU", operation.mtu, lambda link: link.mtu, batch)

    def _set_alias(self, operation: op.SetAlias, batch: _Batch) -> None:
        self._set_attribute(operation, operation.link, "IFLA_IFALIAS", operation.alias, lambda link: link.alias, batch)

    def _set_attribute(
        self,
        operation: Any,
        name: str,
        attribute: str,
        value: object,
        current: Callable[[Link], object],
        batch: _Batch,
    ) -> None:
        namespace: NamespaceName = operation.namespace

        def request(value: object) -> bytearray:
            return messages.set_link(name, (attribute, value))

        before = self._before(namespace, name)
        undo = (lambda: self._now(namespace, request(current(before)))) if before else _nothing
        batch.add(operation, namespace, request(value), undo)

    def _before(self, namespace: NamespaceName, name: str) -> Link | None:
        """The link as it is; None for one that the same call has just created, whose undo is its deletion."""
        space = self._space(namespace)
        return None if name in space.created else space.link(name).link

    def _set_tx_checksum(self, operation: op.SetTxChecksum, batch: _Batch) -> None:
        batch.send()
        space = self._space(operation.namespace)
        before = space.tx_checksum(operation.link)
        space.set_tx_checksum(operation.link, operation.enabled)
        batch.journal.record(
            "; ".join(operation.commands()), lambda: space.set_tx_checksum(operation.link, bool(before))
        )

    def _set_down(self, operation: op.SetDown, batch: _Batch) -> None:
        kept = self._capture(operation.namespace, operation.link, batch)
        request = messages.set_link(operation.link, flags=0, change=messages.IFF_UP)
        batch.add(operation, operation.namespace, request, undo=lambda: self._restore(kept))
        if operation.namespace is None:
            self._raised.discard(operation.link)

    def _set_up(self, operation: op.SetUp, batch: _Batch) -> None:
        request = messages.set_link(operation.link, flags=messages.IFF_UP, change=messages.IFF_UP)

        def put_down() -> None:
            down = messages.set_link(operation.link, flags=0, change=messages.IFF_UP)
            self._now(operation.namespace, down)

        batch.add(operation, operation.namespace, request, undo=put_down)
        if operation.namespace is None:
            self._raised.add(operation.link)
            self._raised_at = time.monotonic()

    def _add_address(self, operation: op.AddAddress, batch: _Batch) -> None:
        index = self._space(operation.namespace).index(operation.link)
        flags = rtnetlink.NLM_F_CREATE | (rtnetlink.NLM_F_REPLACE if operation.replace else rtnetlink.NLM_F_EXCL)
        request = messages.address_request(rtnetlink.RTM_NEWADDR, flags, index, operation.address)

        def remove() -> None:
            gone = messages.address_request(rtnetlink.RTM_DELADDR, 0, index, operation.address)
            self._now(operation.namespace, gone, errno.EADDRNOTAVAIL)

        # One that may have been there before is put back by the undo of what took it away.
        batch.add(operation, operation.namespace, request, _nothing if operation.replace else remove)

    def _remove_address(self, operation: op.RemoveAddress, batch: _Batch) -> None:
        kept = self._capture(operation.namespace, operation.link, batch)
        request = messages.address_request(rtnetlink.RTM_DELADDR, 0, kept.link.index, operation.address, operation.peer)
        if operation.if_there:
            self._now(operation.namespace, request, errno.EADDRNOTAVAIL)
        else:
            batch.add(operation, operation.namespace, request, undo=_nothing)

    def _add_route(self, operation: op.AddRoute, batch: _Batch) -> None:
        device = self._device(operation.namespace, operation.route)
        flags = rtnetlink.NLM_F_CREATE | rtnetlink.NLM_F_EXCL
        request = messages.route_request(rtnetlink.RTM_NEWROUTE, flags, operation.route, device)

        def remove() -> None:
            gone = messages.route_request(rtnetlink.RTM_DELROUTE, 0, operation.route, device)
            self._now(operation.namespace, gone, errno.ESRCH)

        batch.add(operation, operation.namespace, request, remove)

    def _remove_route(self, operation: op.RemoveRoute, batch: _Batch) -> None:
        device = self._device(operation.namespace, operation.route)
        request = messages.route_request(rtnetlink.RTM_DELROUTE, 0, operation.route, device)
        self._keep_contents(operation.namespace, batch)
        batch.add(operation, operation.namespace, request, undo=_nothing)

    def _device(self, namespace: NamespaceName, route: op.RouteSpec) -> int | None:
        return self._space(namespace).index(route.device) if route.device else None

    def _set_sysctl(self, operation: op.SetSysctl, batch: _Batch) -> None:
        namespace = operation.namespace
        with self.entered(namespace):
            before = {path: _read_line(path) for path in _set_along(sysctl_path(operation.key))}
            _write_line(sysctl_path(operation.key), operation.value)

        def undo() -> None:
            with self.entered(namespace):
                for path, value in before.items():
                    if os.path.exists(path) and _read_line(path) != value:
                        _write_line(path, value)

        batch.journal.record("; ".join(operation.commands()), undo)

    def unused_group(self, namespace: NamespaceName) -> int:
        """A group (ip-link(8), `group`) that no link of the namespace is in."""
        links = map(messages.link_of, self._space(namespace).socket.dump(messages.all_links()))
        return max((link.group for link in links), default=0) + 1

    def request(self, namespace: NamespaceName, request: bytearray) -> rtnetlink.Refusal | None:
        return self._space(namespace).socket.request_all([request])[0]

    def later(self, namespace: NamespaceName, request: bytearray) -> Callable[[], None]:
        return lambda: self._now(namespace, request)

    def _now(self, namespace: NamespaceName, request: bytearray, done_already: int = 0) -> None:
        """Send a request by itself; `done_already` is the errno that means that there is nothing left to do."""
        try:
            self._space(namespace).socket.request(request)
        except rtnetlink.RtnetlinkError as error:
            if error.errno != done_already:
                raise

    # Capturing what an operation is going to lose, and putting it back

    def _capture(self, namespace: NamespaceName, name: str, batch: _Batch) -> Captured:
        contents = self._keep_contents(namespace, batch)
        space = self._space(namespace)
        found = space.link(name)
        contents.touched.add(found.link.index)
        return Captured(namespace, replace(found.link, tx_checksum=space.tx_checksum(name)), found.group)

    def _restore(self, kept: Captured) -> None:
        """Up or down and enslaved as it was, for a link in its place again; the rest comes with the namespace."""
        space = self._space(kept.namespace)
        flags = messages.IFF_UP if kept.link.up else 0
        space.socket.request(messages.set_link(kept.link.name, flags=flags, change=messages.IFF_UP))
        if kept.link.master:
            # Open vSwitch refuses this, and takes its port back by itself.
            space.socket.request_all([messages.set_link(kept.link.name, ("IFLA_MASTER", kept.link.master))])

    def _keep_contents(self, namespace: NamespaceName, batch: _Batch) -> Contents:
        """See to it that the addresses and routes of a namespace can be put back, all of them at once.

        They are read before the first operation of the call that takes any away, and so put back after all the steps of
        the way back that bring its links into their places.
        """
        batch.send()
        if namespace not in self._contents:
            space = self._space(namespace)
            self._contents[namespace] = Contents(space.addresses(), space.routes())
            batch.journal.record(
                f"put back the addresses and routes of {namespace or 'the host'}",
                lambda: self._put_back_contents(namespace),
            )
        return self._contents[namespace]

    def _put_back_contents(self, namespace: NamespaceName) -> None:
        contents, space = self._contents.pop(namespace), self._space(namespace)
        for index in sorted(contents.touched):
            for family in (socket.AF_INET, socket.AF_INET6):
                then = [raw for raw in contents.addresses if messages.belongs(raw, family, index)]
                _put_back_addresses(space, then, family, index)
        _put_back_routes(space, contents.routes)

    def _recreate_pair(self, kept: Sequence[Captured]) -> None:
        if len(kept) != 2:
            raise OperationFailed(None, f"the far end of {kept[0].link.name} was in a namespace without a name")
        ends = [op.NewEnd(end.namespace, end.link.name, end.link.mac, end.link.mtu) for end in kept]
        request = messages.new_veth(
            op.CreateVeth(ends[0], ends[1]),
            self._descriptor(ends[0].namespace),
            self._descriptor(ends[1].namespace),
            indexes=(kept[0].link.index, kept[1].link.index),
        )
        self._now(None, request)
        for end in kept:
            space = self._space(end.namespace)
            if end.link.alias:
                space.socket.request(messages.set_link(end.link.name, ("IFLA_IFALIAS", end.link.alias)))
            space.set_tx_checksum(end.link.name, bool(end.link.tx_checksum))
        for end in kept:
            self._restore(end)


@dataclass(frozen=True)
class Identity:
    """A namespace's inode, and its id in the host's own namespace, if it has one there (ip-netns(8), list-id)."""

    inode: int
    nsid: int | None


class _Space:
    """One namespace, held open: a descriptor of it and a socket in it."""

    def __init__(self, name: NamespaceName) -> None:
        path = setns.path_of(name) if name is not None else "/proc/thread-self/ns/net"
        # Anything may lie there, a named pipe too.
        self.descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        #: The links that this call has created.
        self.created: set[str] = set()
        try:
            with setns.entered(self.descriptor):
                self.socket = rtnetlink.RtnetlinkSocket()
        except OSError:
            os.close(self.descriptor)
            raise

    def close(self) -> None:
        self.socket.close()
        os.close(self.descriptor)

    def addresses(self) -> list[bytes]:
        return self.socket.dump(messages.all_addresses())

    def routes(self) -> list[bytes]:
        return [raw for raw in self.socket.dump(messages.all_routes()) if messages.is_route(raw)]

    def neighbours(self) -> Iterator[Neighbour]:
        found = map(messages.neighbour_of, self.socket.dump(messages.all_neighbours()))
        return (neighbour for neighbour in found if neighbour is not None)

    def link(self, name: str) -> messages.LinkMessage:
        return messages.link_of(self.socket.ask(messages.get_link(name)))

    def index(self, name: str) -> int:
        return self.link(name).link.index

    def tx_checksum(self, link: str) -> bool | None:
        """Whether transmit checksums are left to the device; None where the device cannot say."""
        try:
            return bool(self._ethtool(link, ETHTOOL_GTXCSUM, 0))
        except OSError:
            return None

    def set_tx_checksum(self, link: str, enabled: bool) -> None:
        self._ethtool(link, ETHTOOL_STXCSUM, int(enabled))

    def _ethtool(self, link: str, command: int, value: int) -> int:
        """One ethtool_value by SIOCETHTOOL, for which any socket in the namespace will do (netdevice(7))."""
        data = array.array("I", [command, value])
        request = struct.pack("16sP", link.encode(), data.buffer_info()[0])
        fcntl.ioctl(self.socket.fileno(), SIOCETHTOOL, request.ljust(40, b"\0"))
        return data[1]


@dataclass(frozen=True)
class Contents:
    """The addresses and routes of a namespace, as the kernel dumped them.

    `touched` are the indexes of the links whose addresses may be lost; those of others are not ours to put back.
    """

    addresses: Sequence[bytes]
    routes: Sequence[bytes]
    touched: set[int] = field(default_factory=set)


@dataclass(frozen=True)
class Captured:
    """A link, where it was and in which group."""

    namespace: NamespaceName
    link: Link
    group: int = 0


@dataclass(frozen=True)
class _Held:
    """A namespace whose name is gone; it lives on until the call has succeeded."""

    space: _Space
    links: tuple[str, ...]
    far_ends: list[tuple[NamespaceName, int]]

    def let_go(self) -> None:
        for name in self.links:
            # The deletion of one end takes the other along, which may be the next in the list.
            with suppress(OSError):
                self.space.socket.request(messages.delete_link(self.space.index(name)))
        self.space.close()


class _Peers:
    """Whose end is whose.

    A veth names its far end by an index and by a namespace id that means something in its own namespace only.
    A candidate, an end with the right index that names this one in turn, is confirmed by asking for the id of its
    namespace; what is so of the one end is so of the other.
    """

    def __init__(
        self, spaces: Mapping[NamespaceName, _Space], dumped: Mapping[NamespaceName, list[messages.LinkMessage]]
    ) -> None:
        self._spaces = spaces
        self._candidates: dict[tuple[int, int], list[NamespaceName]] = {}
        self._far: dict[tuple[NamespaceName, int], NamespaceName] = {}
        ends = {name: [found for found in links if found.link.kind == "veth"] for name, links in dumped.items()}
        for name, veths in ends.items():
            for found in veths:
                self._candidates.setdefault((found.link.index, found.peer_index), []).append(name)
        for name, veths in ends.items():
            self._find(name, [found for found in veths if found.peer_nsid is not None])

    def of(self, name: NamespaceName, found: messages.LinkMessage) -> End:
        if found.peer_nsid is None:
            return End(name, found.peer_index)
        if (name, found.link.index) not in self._far:
            return End(None, found.peer_index, known=False)
        return End(self._far[name, found.link.index], found.peer_index)

    def _find(self, name: NamespaceName, veths: Sequence[messages.LinkMessage]) -> None:
        """The far ends of a namespace's links: the first candidate of each, the second of those left over, ..."""
        ids: dict[NamespaceName, int] = {}
        left = [(found, self._possible(name, found)) for found in veths if (name, found.link.index) not in self._far]
        while left:
            asked = [(found, candidate, others) for found, others in left for candidate in islice(others, 1)]
            self._ask(name, ids, {candidate for _found, candidate, _others in asked})
            left = []
            for found, candidate, others in asked:
                if ids[candidate] == found.peer_nsid:
                    self._far[name, found.link.index] = candidate
                    self._far[candidate, found.peer_index] = name
                else:
                    left.append((found, others))

    def _possible(self, name: NamespaceName, found: messages.LinkMessage) -> Iterator[NamespaceName]:
        for candidate in self._candidates.get((found.peer_index, found.link.index), ()):
            if candidate != name and (candidate, found.peer_index) not in self._far:
                yield candidate

    def _ask(self, inside: NamespaceName, ids: dict[NamespaceName, int], names: Iterable[NamespaceName]) -> None:
        """The ids that these namespaces go by inside this one."""
        new = [name for name in names if name not in ids]
        requests = [messages.nsid_of(self._spaces[name].descriptor) for name in new]
        ids.update(zip(new, map(messages.nsid_in, self._spaces[inside].socket.ask_all(requests))))


class _Batch:
    """Requests that wait to be sent, many at a time to each namespace's socket."""

    def __init__(self, kernel: Kernel, journal: Journal) -> None:
        self._kernel = kernel
        self.journal = journal
        self._waiting: dict[NamespaceName, list[tuple[Operation, bytearray, Callable[[], None]]]] = {}
        self._deletions: dict[NamespaceName, list[tuple[Operation, Captured, Callable[[], None]]]] = {}

    def add(self, operation: Operation, namespace: NamespaceName, request: bytearray, undo: Callable[[], None]) -> None:
        self._waiting.setdefault(namespace, []).append((operation, request, undo))

    def add_deletion(self, operation: Operation, end: Captured, undo: Callable[[], None]) -> None:
        self._deletions.setdefault(end.namespace, []).append((operation, end, undo))

    def far_end(self, namespace: NamespaceName, link: str) -> tuple[NamespaceName, str] | None:
        """The other end of a veth as it was at the batch's first question; None where it cannot be found."""
        found = self._cables.link(namespace, link)
        far = self._cables.far_end(found) if found else None
        return (far[0], far[1].name) if far else None

    def far_ends_of(self, namespace: str) -> list[tuple[NamespaceName, int]]:
        """The other ends of all veths in a namespace, each by its namespace and index."""
        links = self._cables.namespace(namespace).links
        return [(link.peer.namespace, link.peer.index) for link in links if link.peer and link.peer.known]

    @cached_property
    def _cables(self) -> KernelState:
        """Every namespace that has a name: the far end of a cable may be in any."""
        return self._kernel.read([None, *sorted(self._kernel.namespace_names())])

    def send(self) -> None:
        """Send all of it; what was carried out is in the journal, then the first refusal is raised."""
        waiting, self._waiting = self._waiting, {}
        failures: list[OperationFailed] = []
        for namespace, requests in waiting.items():
            socket = self._kernel._space(namespace).socket
            refusals = socket.request_all([request for _operation, request, _undo in requests])
            for (operation, _request, undo), refusal in zip(requests, refusals):
                if refusal is None:
                    self.journal.record("; ".join(operation.commands()), undo)
                else:
                    error = rtnetlink.RtnetlinkError(refusal)
                    failures.append(OperationFailed(operation, _refused(operation, error), refusal.number))
        if failures:
            raise failures[0]

    def delete(self) -> None:
        """Delete the links that are to go, those of one namespace as a group.

        The kernel waits after each deletion until nobody can use the link any more, 17 ms; for a group it waits once
        (rtnl_group_dellink() in net/core/rtnetlink.c). It deletes all of a group, or none.
        """
        for namespace, deletions in self._deletions.items():
            links = [end.link.index for _operation, end, _undo in deletions]
            group = self._kernel.unused_group(namespace)
            for (operation, end, _undo), index in zip(deletions, links):
                before = messages.set_link_at(index, ("IFLA_GROUP", end.group))
                request = messages.set_link_at(index, ("IFLA_GROUP", group))
                self.add(operation, namespace, request, self._kernel.later(namespace, before))
            self.send()
            refusal = self._kernel.request(namespace, messages.delete_group(group))
            if refusal is not None:
                operation = deletions[0][0]
                error = rtnetlink.RtnetlinkError(refusal)
                raise OperationFailed(operation, _refused(operation, error), refusal.number)
            for operation, _end, undo in deletions:
                self.journal.record("; ".join(operation.commands()), undo)


_HANDLERS: Mapping[type, Callable[[Kernel, Any, _Batch], None]] = {
    op.CreateNamespace: Kernel._create_namespace,
    op.RemoveNamespace: Kernel._remove_namespace,
    op.RemoveStaleFile: Kernel._remove_stale_file,
    op.CreateVeth: Kernel._create_veth,
    op.DeleteLink: Kernel._delete_link,
    op.MoveLink: Kernel._move_link,
    op.RenameLink: Kernel._rename_link,
    op.SetMac: Kernel._set_mac,
    op.SetMtu: Kernel._set_mtu,
    op.SetAlias: Kernel._set_alias,
    op.SetTxChecksum: Kernel._set_tx_checksum,
    op.SetDown: Kernel._set_down,
    op.SetUp: Kernel._set_up,
    op.AddAddress: Kernel._add_address,
    op.RemoveAddress: Kernel._remove_address,
    op.AddRoute: Kernel._add_route,
    op.RemoveRoute: Kernel._remove_route,
    op.SetSysctl: Kernel._set_sysctl,
}


def sysctl_here(key: str) -> str | None:
    """A kernel parameter's value in the namespace that the thread is in; None where there is none to be read."""
    # Without the layers of open(): of five hundred namespaces a dozen each are read.
    try:
        descriptor = os.open(sysctl_path(key), os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None
    try:
        return " ".join(os.read(descriptor, 1 << 16).decode("ascii").split())
    except (IsADirectoryError, PermissionError):
        return None
    finally:
        os.close(descriptor)


def sysctl_path(key: str) -> str:
    """The file of a kernel parameter: in its name `.` separates and `/` stands for a dot (sysctl(8))."""
    return "/proc/sys/" + key.translate(str.maketrans("./", "/."))


def _set_along(path: str) -> list[str]:
    """The file of a kernel parameter, and those of the others that change with it (ip-sysctl; net/ipv4/devinet.c)."""
    directory, _slash, name = path.rpartition("/")
    if path.endswith("/ip_forward"):
        directory, name = f"{directory}/conf/all", "forwarding"
    if not directory.endswith("/all"):
        return [path]
    names = (name, "accept_redirects") if name == "forwarding" else (name,)
    return [path, *(found for name in names for found in sorted(glob.glob(f"{directory[:-3]}*/{name}")))]


def _read_line(path: str) -> str:
    with open(path, encoding="ascii") as file:
        return file.read()


def _write_line(path: str, value: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(value)


def _refused(operation: Operation, error: OSError) -> str:
    reason = str(error) if isinstance(error, rtnetlink.RtnetlinkError) else f"{error.strerror or error}"
    return f"the kernel refused `{'; '.join(operation.commands())}`: {reason}"


def _raise_descriptor_limit() -> None:
    """Two descriptors for a namespace: the usual soft limit of 1024 would end at some five hundred."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _stale_file(name: str) -> Callable[[], None]:
    """How to put back what lies in the place of a namespace and is none."""
    path = setns.path_of(name)
    status = os.lstat(path)
    if not stat.S_ISREG(status.st_mode):
        return _nothing
    with open(path, "rb") as file:
        content = file.read()

    def put_back() -> None:
        with open(path, "xb") as file:
            file.write(content)
        os.chmod(path, stat.S_IMODE(status.st_mode))
        os.chown(path, status.st_uid, status.st_gid)

    return put_back


def _put_back_addresses(space: _Space, then: Sequence[bytes], family: int, index: int) -> None:
    """A link's addresses of one IP version, in their order, which says who is whose secondary."""
    now = [raw for raw in space.addresses() if messages.belongs(raw, family, index)]
    if list(map(messages.address_of, then)) == list(map(messages.address_of, now)):
        return
    if family == socket.AF_INET6:
        then = then[::-1]  # the kernel lists the newest first
    stray = [raw for raw in now if not messages.address_of(raw).made_by_kernel]
    space.socket.request_all([rtnetlink.replayed(raw, rtnetlink.RTM_DELADDR, 0) for raw in stray])
    create = rtnetlink.NLM_F_CREATE | rtnetlink.NLM_F_REPLACE
    _raise_first(space.socket.request_all([rtnetlink.replayed(raw, rtnetlink.RTM_NEWADDR, create) for raw in then]))


def _put_back_routes(space: _Space, then: Sequence[bytes]) -> None:
    """The routes that are gone, but for those that the kernel makes by itself for addresses and links."""
    present = {messages.route_identity(raw) for raw in space.routes()}
    missing = [
        raw for raw in then if not messages.comes_with_address(raw) and messages.route_identity(raw) not in present
    ]
    while missing:
        refusals = space.socket.request_all([messages.revived_route(raw) for raw in missing])
        refused = [(raw, refusal) for raw, refusal in zip(missing, refusals) if refusal is not None]
        if len(refused) == len(missing):
            raise rtnetlink.RtnetlinkError(refused[0][1])
        missing = [raw for raw, _refusal in refused]  # one may lead to the gateway of another


def _raise_first(refusals: Iterable[rtnetlink.Refusal | None]) -> None:
    for refusal in refusals:
        if refusal is not None:
            raise rtnetlink.RtnetlinkError(refusal)


def _nothing() -> None:
    """There is nothing to undo."""
