# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The namespaces of a call, each held open by a descriptor and a netlink socket that is opened in it once."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from ansible_collections.netns.fabric.plugins.module_utils._core.conditions import ExplainedError
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import Unavailable
from ansible_collections.netns.fabric.plugins.module_utils._kernel import (
    messages,
    qdisc_requests,
    requests,
    routing_messages,
    routing_requests,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel import namespaces as setns
from ansible_collections.netns.fabric.plugins.module_utils._kernel.netlink import (
    RECEIVE_BUFFER,
    NetlinkError,
    NetlinkSocket,
    Refusal,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import Link, NamespaceName, Neighbour, Qdisc
from ansible_collections.netns.fabric.plugins.module_utils._kernel.uapi import NETLINK_ROUTE
from ansible_collections.netns.fabric.plugins.module_utils._system.capabilities import (
    describe_lack,
    has_capability,
)


class NamespaceHandle:
    """One namespace, held open: a descriptor of it and a socket in it."""

    def __init__(self, name: NamespaceName) -> None:
        path = setns.path_of(name) if name is not None else setns.OWN_NAMESPACE
        # Without O_NONBLOCK the open would wait where somebody has put a named pipe there.
        self.descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        #: The links that this call has created.
        self.created: set[str] = set()
        try:
            self.socket = self._open_socket(name)
        except OSError:
            os.close(self.descriptor)
            raise

    def _open_socket(self, name: NamespaceName) -> NetlinkSocket:
        if name is None:  # entering one's own namespace would need CAP_SYS_ADMIN as well
            return NetlinkSocket(NETLINK_ROUTE, receive_buffer=RECEIVE_BUFFER)
        try:
            with setns.entered(self.descriptor):
                return NetlinkSocket(NETLINK_ROUTE, receive_buffer=RECEIVE_BUFFER)
        except PermissionError:
            if has_capability("CAP_SYS_ADMIN"):
                raise
            cause = f"the network namespace cannot be entered: {describe_lack('CAP_SYS_ADMIN')}"
            raise ExplainedError(errno.EPERM, cause, setns.path_of(name)) from None

    @property
    def identity(self) -> tuple[int, int]:
        """The device and the inode, which no other namespace has."""
        status = os.fstat(self.descriptor)
        return status.st_dev, status.st_ino

    def close(self) -> None:
        self.socket.close()
        os.close(self.descriptor)

    def dump(self, request: bytearray, patience: float | None = None) -> list[bytes]:
        """Return a dump; with `patience` it takes only so many seconds, however much there is."""
        if patience is None:
            return self.socket.dump(request)
        return self.socket.dump(request, patience, timeout=patience)

    def links(self, counters: bool = False, patience: float | None = None) -> list[messages.LinkMessage]:
        return [messages.parse_link(found, counters) for found in self.dump(requests.list_links(), patience)]

    def addresses(self, patience: float | None = None) -> list[bytes]:
        """Return the addresses as the kernel dumps them."""
        return self.dump(requests.list_addresses(), patience)

    def routes(self, patience: float | None = None) -> list[bytes]:
        """Return the routes as the kernel dumps them."""
        return [raw for raw in self.dump(routing_requests.list_routes(), patience) if messages.is_route(raw)]

    def rules(self, patience: float | None = None) -> list[bytes]:
        """Return the rules as the kernel dumps them; none where it has no policy routing."""
        try:
            found = self.dump(routing_requests.list_rules(), patience)
        except NetlinkError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EAFNOSUPPORT):
                raise
            return []
        return [raw for raw in found if routing_messages.is_rule(raw)]

    def neighbours(self, patience: float | None = None) -> list[Neighbour]:
        """Return the neighbours, and the addresses that are answered for."""
        found = map(routing_messages.parse_neighbour, self._dump_neighbours(patience))
        return [neighbour for neighbour in found if neighbour is not None]

    def static_neighbours(self) -> list[bytes]:
        """Return the neighbours that an administrator has added, as the kernel dumps them."""
        dumped = ((raw, routing_messages.parse_neighbour(raw)) for raw in self._dump_neighbours(None))
        return [raw for raw, neighbour in dumped if neighbour is not None and neighbour.static]

    def _dump_neighbours(self, patience: float | None) -> list[bytes]:
        queries = (routing_requests.list_neighbours(), routing_requests.list_neighbours(proxies=True))
        return [raw for query in queries for raw in self.dump(query, patience)]

    def dump_qdiscs(self, patience: float | None = None) -> list[bytes]:
        """Return the qdiscs of all links as the kernel dumps them."""
        try:
            return self.dump(qdisc_requests.list_qdiscs(), patience)
        except NetlinkError as error:
            if error.errno != errno.EOPNOTSUPP:  # a kernel without traffic control (CONFIG_NET_SCHED)
                raise
            return []

    def qdiscs(self, patience: float | None = None) -> Iterator[Qdisc]:
        """Yield the qdiscs of all links; of one for what arrives, where it leads that to."""
        for qdisc in map(qdisc_requests.parse_qdisc, self.dump_qdiscs(patience)):
            if not qdisc.is_ingress:
                yield qdisc
                continue
            found = [
                raw
                for parent in qdisc_requests.filter_parents(qdisc)
                for raw in self.dump(qdisc_requests.list_filters(qdisc.index, parent), patience)
                if qdisc_requests.is_filter(raw)
            ]
            target = qdisc_requests.redirect_in(found[0]) if len(found) == 1 else None
            yield replace(qdisc, redirect=target, filters=len(found))

    def link(self, name: str) -> messages.LinkMessage:
        return messages.parse_link(self.socket.get(requests.get_link(name)))

    def link_at(self, index: int) -> Link:
        return messages.parse_link(self.socket.get(requests.get_link_at(index))).link

    def index(self, name: str) -> int:
        return self.link(name).link.index


#: open(2) and setns(2): the file is not a network namespace's, but a loop of links, a socket, or any other file.
NOT_A_NAMESPACE = (errno.EINVAL, errno.ELOOP, errno.ENXIO)


class NamespaceHandles:
    """The namespaces that a call has opened so far, by name."""

    def __init__(self) -> None:
        _raise_descriptor_limit()
        self._open: dict[NamespaceName, NamespaceHandle] = {}
        self._hidden: set[str] = set()

    def names(self) -> set[str]:
        """Return every name in /run/netns, those without a namespace included, and those that are hidden left out."""
        return setns.names() - self._hidden

    def distinct_names(self, preferred: Iterable[NamespaceName]) -> set[str]:
        """Return one name for each namespace, without the host's own; a preferred one where there are several."""
        names = self.names()
        return names - setns.aliases(names, {name for name in preferred if name is not None})

    def find(self, name: NamespaceName) -> NamespaceHandle | None:
        """Return the namespace, held open; None where it does not exist, or a plain file has its name.

        Raises:
            OSError: It could not be opened for a reason that does not show whether it exists, such as EMFILE.
        """
        handle = self._open.get(name)
        if handle is not None or name in self._hidden:
            return handle
        try:
            handle = self._open[name] = NamespaceHandle(name)
        except (FileNotFoundError, ProcessLookupError):  # the latter where a process ends meanwhile
            return None
        except OSError as error:
            if error.errno not in NOT_A_NAMESPACE:
                raise
            return None
        return handle

    def get(self, name: NamespaceName) -> NamespaceHandle:
        """Return the namespace, held open.

        Raises:
            Unavailable: It does not exist.
        """
        handle = self.find(name)
        if handle is None:
            raise Unavailable(f"network namespace {name} does not exist")
        return handle

    def descriptor(self, name: NamespaceName) -> int | None:
        """Return the namespace's descriptor; None for the host's, which needs none in a request."""
        return None if name is None else self.get(name).descriptor

    @contextmanager
    def entered(self, name: NamespaceName) -> Iterator[None]:
        """Have the thread, and every process that it starts, inside the namespace.

        Raises:
            Unavailable: It does not exist.
        """
        if name is None:
            yield
            return
        with setns.entered(self.get(name).descriptor):
            yield

    def send(self, name: NamespaceName, request: bytearray) -> Refusal | None:
        """Send one request to a namespace; return why it was refused, if it was."""
        return self.get(name).socket.request_all([request])[0]

    def request(self, name: NamespaceName, request: bytearray, *ignored: int) -> None:
        """Send one request to a namespace; `ignored` are the errnos that mean that nothing is left to do.

        Raises:
            NetlinkError: The kernel refused it.
        """
        refusal = self.send(name, request)
        if refusal is not None and refusal.number not in ignored:
            raise NetlinkError(refusal)

    def hide(self, name: str) -> None:
        """Treat a namespace as removed, in a simulation."""
        self._hidden.add(name)
        handle = self.release(name)
        if handle is not None:
            handle.close()

    def show_hidden(self) -> None:
        """End the simulation: the namespaces are there."""
        self._hidden.clear()

    def release(self, name: str) -> NamespaceHandle | None:
        """Hand over a handle, which stays open, to the caller."""
        return self._open.pop(name, None)

    def adopt(self, name: str, handle: NamespaceHandle) -> None:
        """Take over an open handle."""
        self._open[name] = handle

    def is_replaced(self, name: NamespaceName) -> bool:
        """Return whether another program has given the name of an open namespace to another one, or to none."""
        handle = self._open.get(name)
        return name is not None and handle is not None and setns.identity(setns.path_of(name)) != handle.identity

    def close_replaced(self) -> bool:
        """Close the namespaces whose names mean something else now; return whether there were any."""
        replaced = [name for name in self._open if self.is_replaced(name)]
        for name in replaced:
            self._open.pop(name).close()
        return bool(replaced)

    def forget_created(self) -> None:
        """Treat every link from now on as one that existed before the call."""
        for handle in self._open.values():
            handle.created.clear()

    def close(self) -> None:
        for handle in self._open.values():
            handle.close()
        self._open.clear()


def _raise_descriptor_limit() -> None:
    """Allow this process as many descriptors as the hard limit does.

    A namespace takes two: the usual soft limit of 1024 is reached with some five hundred.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with suppress(OSError, ValueError):  # fs.nr_open was lowered below the hard limit
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
