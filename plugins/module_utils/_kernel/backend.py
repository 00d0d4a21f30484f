# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kernel's network state: read in one pass, written with a rollback. All access to it goes through this class."""

from __future__ import annotations

import sys
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from functools import partial
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import OperationFailed, Unavailable
from ansible_collections.netns.fabric.plugins.module_utils._core.journal import Backend, Backends, Journal
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Operation
from ansible_collections.netns.fabric.plugins.module_utils._kernel import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._kernel import requests, rights, sockets, templates
from ansible_collections.netns.fabric.plugins.module_utils._kernel.announcements import Announcements
from ansible_collections.netns.fabric.plugins.module_utils._kernel.batch import Batch, refusal_of
from ansible_collections.netns.fabric.plugins.module_utils._kernel.carriers import (
    CUTTING,
    Carriers,
    find_carriers,
    find_cuts,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.handlers import HANDLERS
from ansible_collections.netns.fabric.plugins.module_utils._kernel.handles import NamespaceHandles
from ansible_collections.netns.fabric.plugins.module_utils._kernel.kind_operations import CreateLink
from ansible_collections.netns.fabric.plugins.module_utils._kernel.netlink import NetlinkError, NetlinkSocket
from ansible_collections.netns.fabric.plugins.module_utils._kernel.qdisc_operations import SetQdisc
from ansible_collections.netns.fabric.plugins.module_utils._kernel.reader import Reader
from ansible_collections.netns.fabric.plugins.module_utils._kernel.removed_namespaces import RemovedNamespaces
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import Identity, KernelState, NamespaceName
from ansible_collections.netns.fabric.plugins.module_utils._kernel.trial import Need
from ansible_collections.netns.fabric.plugins.module_utils._kernel.uapi import IFF_UP
from ansible_collections.netns.fabric.plugins.module_utils._kernel.undo import Captures, restore_device
from ansible_collections.netns.fabric.plugins.module_utils._system.connections import find_connection

#: Seconds after which a link that was set up stays up, see Kernel.settle().
REASSERT_DELAY = 0.05
#: How often it is set up again: a program that keeps setting it down does so on purpose.
MAX_REASSERTS = 3


class Kernel(Backend):
    """The namespaces of this host."""

    def __init__(self) -> None:
        if templates.IMPORT_ERROR is not None:
            raise Unavailable(
                f"the Python library pyroute2 is missing for {sys.executable or 'this Python'} "
                f"({templates.IMPORT_ERROR}): install it on the managed host (`apt install python3-pyroute2`, "
                "`dnf install python3-pyroute2`, or `pip install pyroute2` in a virtual environment), or point "
                "ansible_python_interpreter at a Python that has it"
            )
        self._handles = NamespaceHandles()
        self._reader = Reader(self._handles)
        self._captures = Captures(self._handles)
        self._removed = RemovedNamespaces(self._handles)
        self._announcements = Announcements(self._handles)
        #: The host's own links that were set up, and when that was last.
        self._links_set_up: set[str] = set()
        self._set_up_at = 0.0
        #: The namespaces that were written to, each with the first operation that did.
        self._written: dict[str, Operation] = {}

    def begin_call(self, options: Mapping[str, Any]) -> None:  # noqa: ARG002  # has no options
        """Read from now on the namespaces that have their names now."""
        self._written.clear()
        if self._handles.close_replaced():
            self._reader.forget()

    # Reading

    def namespace_names(self, preferred: Iterable[NamespaceName] = ()) -> set[str]:
        """Return every name in /run/netns, those without a namespace included, and each namespace by one name only.

        A namespace with several names is returned by a preferred one; the host's own, which may have a name too, is not
        returned.
        """
        return self._handles.distinct_names(preferred)

    def further_names(self, preferred: Iterable[NamespaceName] = ()) -> set[str]:
        """Return the names that namespace_names() leaves out: those of a namespace that it returns by another one."""
        return self._handles.names() - self._handles.distinct_names(preferred)

    def read(  # noqa: PLR0913, PLR0917  # one for each kind of object
        self,
        namespaces: Iterable[NamespaceName],
        addresses: bool = False,
        routes: bool = False,
        tx_checksum: bool = False,
        neighbours: bool = False,
        rules: bool = False,
        counters: bool = False,
        others: Iterable[str] = (),
        qdiscs: bool = False,
    ) -> KernelState:
        """Return the links of these namespaces, and what else is asked for; None stands for the host's own.

        `others` are namespaces that no entry names. One that cannot be read quickly is left out, with a warning: who is
        root in it can have it changed all the time, or fill it, and must not stop the host's runs by that.

        The far ends of veths are known where both namespaces are among those asked for. `tx_checksum` reads that of
        veths, `counters` those of all links. A namespace without a name may be given by the path of its file.
        """
        return self._reader.read(
            namespaces, addresses, routes, tx_checksum, neighbours, rules, counters, others, qdiscs
        )

    def identities(self, namespaces: Iterable[NamespaceName]) -> dict[NamespaceName, Identity]:
        """Return what distinguishes each of these namespaces from all others; one that does not exist is left out."""
        return self._reader.identities(namespaces)

    def processes(self, namespaces: Iterable[str]) -> dict[str, list[tuple[int, str]]]:
        """Return the processes inside each of these namespaces: pid and command line."""
        return self._reader.processes(namespaces)

    def sysctl(self, namespace: NamespaceName, key: str) -> str | None:
        """Return a kernel parameter's value; None where the kernel does not have it, or it cannot be read.

        A namespace that does not exist has the values that a new one has.
        """
        return self._reader.sysctl(namespace, key)

    def with_sysctls(self, state: KernelState, wanted: Mapping[tuple[NamespaceName, str], str | None]) -> KernelState:
        """Return the state with these kernel parameters, and with those wanted values that the kernel would refuse.

        A wanted value of None stands for any. A link that does not exist has the parameters that a new one has.
        """
        return self._reader.with_sysctls(state, wanted)

    def with_links(self, state: KernelState, wanted: Iterable[CreateLink]) -> KernelState:
        """Return the state with those of these new links that the kernel would refuse, by their form."""
        return self._reader.with_links(state, wanted)

    def with_qdiscs(self, state: KernelState, wanted: Iterable[SetQdisc]) -> KernelState:
        """Return the state with those of these qdiscs that the kernel would refuse, by their form."""
        return self._reader.with_qdiscs(state, wanted)

    def with_routing(self, state: KernelState, wanted: Iterable[Need]) -> KernelState:
        """Return the state with those needs of new routes and rules that the kernel does not meet, with the reason."""
        return self._reader.with_routing(state, wanted)

    def link_sysctls(self, namespace: NamespaceName, pattern: str) -> dict[str, str]:
        """Return a kernel parameter of each link, `*` in its name in place of the link: also of `all` and `default`.

        A link without one has that of `default`: it does not exist yet.
        """
        return self._reader.link_sysctls(namespace, pattern)

    def listening(self, namespace: NamespaceName) -> list[sockets.Socket]:
        """Return the listening sockets in a namespace.

        Raises:
            OSError: The kernel cannot list them.
        """
        with self.entered(namespace):
            return sockets.listening()

    def socket_in(self, namespace: NamespaceName) -> NetlinkSocket:
        """Return the socket that is open in a namespace, for requests that this class does not have.

        Raises:
            Unavailable: The namespace does not exist.
        """
        return self._handles.get(namespace).socket

    def entered(self, namespace: NamespaceName) -> AbstractContextManager[None]:
        """Have the thread, and every process that it starts, inside the namespace.

        Raises:
            Unavailable: The namespace does not exist.
        """
        return self._handles.entered(namespace)

    def warnings(self) -> Iterable[str]:
        return [f"the namespace {name} is left alone: {reason}" for name, reason in self._reader.unread.items()]

    def forget(self) -> None:
        self._reader.forget()

    def simulate(self, operations: Sequence[Operation], host: Backends) -> None:  # noqa: ARG002  # needs no other backend
        self._reader.simulate(operations)

    def simulate_removed_links(self, names: Collection[str]) -> None:
        """Read from now on as if these links of the host, which another backend removes, were gone."""
        self._reader.simulate_removed_links(names)

    def end_simulation(self) -> None:
        self._reader.end_simulation()

    # Writing

    def refusals(self, operations: Sequence[Operation]) -> Iterable[tuple[Operation, str]]:
        return rights.refusals(operations)

    def cuts(self, operations: Sequence[Operation], host: Backends) -> Iterable[tuple[Operation, str]]:  # noqa: ARG002  # needs no other backend
        if not any(isinstance(each, CUTTING) and each.namespace is None for each in operations):
            return ()
        carriers = self.carriers()
        return () if carriers is None else find_cuts(operations, carriers)

    def carriers(self) -> Carriers | None:
        """Return the links that carry the SSH connection by which this call was started; None where there is none."""
        found = find_connection()
        if found is None or not sockets.is_established((found.local, found.local_port), (found.peer, found.peer_port)):
            return None  # the variable of a session that has ended, or of another network namespace
        return find_carriers(found, self.read([None], addresses=True))

    def execute(self, operations: Sequence[Operation], journal: Journal) -> None:
        batch = Batch(self._handles, self._reader, self._captures, self._removed, journal)
        for operation in operations:
            try:
                HANDLERS[type(operation)](self._handles, operation, batch)
            except OSError as error:
                batch.send()  # what stands before it in the plan comes first
                raise refusal_of(operation, error) from error
            for name in op.namespaces_of(operation):
                self._written.setdefault(name, operation)
        self._note_links_set_up(operations)
        self._announcements.note(operations)
        batch.send()
        batch.delete()

    def verify(self) -> None:
        for name, operation in self._written.items():
            if self._handles.is_replaced(name):
                cause = f"another program has removed the namespace {name} during this call; run it again"
                raise OperationFailed(operation, cause)

    def capture_links(self, names: Iterable[str], journal: Journal) -> None:
        """Record how to restore these links of the host, once another program that deletes them has undone that."""
        for name in names:
            with suppress(NetlinkError):  # it does not exist: there is nothing to restore
                captured = self._captures.capture_link(None, name, journal)
                journal.record(f"restore the settings of {name}", partial(restore_device, self._handles, captured))

    def commit(self) -> None:
        """Close the namespaces that were removed, and wait until the kernel has destroyed what was in them."""
        self._captures.clear()
        self._handles.forget_created()
        self._removed.release()

    def settle(self) -> None:
        """Make sure that the host's links stay up, and that neighbours learn of changed addresses."""
        self._reassert_links_up()
        self._announcements.note_restored(self._captures.restored)
        self._captures.restored.clear()
        self._announcements.send()

    def close(self) -> None:
        self._reader.close()
        self._handles.close()

    def _note_links_set_up(self, operations: Sequence[Operation]) -> None:
        for operation in operations:
            if isinstance(operation, op.SetUp) and operation.namespace is None:
                self._links_set_up.add(operation.link)
                self._set_up_at = time.monotonic()
            elif isinstance(operation, op.SetDown) and operation.namespace is None:
                self._links_set_up.discard(operation.link)

    def _reassert_links_up(self) -> None:
        """Set the host's links up again that another program has set down without meaning to.

        A program that watches for new links, as ovs-vswitchd does, writes all flags of one at once, as it has read them
        a moment before (SIOCSIFFLAGS, netdevice(7)): a link that was set up in between goes down again.
        """
        for _time in range(MAX_REASSERTS):
            if not self._links_set_up:
                return
            left = self._set_up_at + REASSERT_DELAY - time.monotonic()
            time.sleep(max(0.0, left))  # until the other has written, if it does: nothing reports when
            down = {
                found.link.name
                for found in self._handles.get(None).links()
                if found.link.name in self._links_set_up and not found.link.up
            }
            for name in down:
                with suppress(OSError):  # it may be deleted meanwhile
                    self._set_link_up(name)
            self._links_set_up = down

    def _set_link_up(self, name: str) -> None:
        self._handles.request(None, requests.set_link(name, flags=IFF_UP, change=IFF_UP))
        self._set_up_at = time.monotonic()
