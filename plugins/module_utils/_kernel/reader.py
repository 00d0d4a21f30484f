# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads the namespaces of this host, each kind of object at most once between two writes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import Unavailable
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Operation
from ansible_collections.netns.fabric.plugins.module_utils._kernel import (
    ethtool,
    generic,
    messages,
    requests,
    routing_messages,
    sysctl,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel import namespaces as setns
from ansible_collections.netns.fabric.plugins.module_utils._kernel import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._kernel.bases import Bases
from ansible_collections.netns.fabric.plugins.module_utils._kernel.handles import NamespaceHandles
from ansible_collections.netns.fabric.plugins.module_utils._kernel.kind_operations import CreateLink, SetMaster
from ansible_collections.netns.fabric.plugins.module_utils._kernel.netlink import EndlessDump
from ansible_collections.netns.fabric.plugins.module_utils._kernel.patience import Patience
from ansible_collections.netns.fabric.plugins.module_utils._kernel.peers import Peers
from ansible_collections.netns.fabric.plugins.module_utils._kernel.qdisc_operations import SetQdisc
from ansible_collections.netns.fabric.plugins.module_utils._kernel.simulated_sysctls import SimulatedSysctls
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import (
    Identity,
    KernelState,
    Link,
    NamespaceName,
    NamespaceState,
    Neighbour,
    Route,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.trial import Need, Trial
from ansible_collections.netns.fabric.plugins.module_utils._kernel.uapi import RTPROT_KERNEL
from ansible_collections.netns.fabric.plugins.module_utils._system.processes import command_line

Value = TypeVar("Value")

#: The index of a link that check mode treats as created.
NO_INDEX = -1


class Reader:
    """What the kernel has, as values; without what a simulation has removed."""

    def __init__(self, handles: NamespaceHandles) -> None:
        self._handles = handles
        #: The links that a simulation treats as removed, by namespace and index.
        self._removed_links: dict[NamespaceName, set[int]] = {}
        #: The links whose neighbours a simulation treats as removed, by namespace and index.
        self._flushed_links: dict[NamespaceName, set[int]] = {}
        #: The links whose routes it treats as removed, likewise.
        self._unrouted_links: dict[NamespaceName, set[int]] = {}
        #: The links that check mode treats as moved to a namespace.
        self._arrived_links: dict[NamespaceName, list[Link]] = {}
        #: The attributes and the names of masters that check mode treats as set, by namespace and name.
        self._set_attributes: dict[tuple[NamespaceName, str], dict[str, Any]] = {}
        self._set_masters: dict[tuple[NamespaceName, str], str] = {}
        #: What was read since the last write, by namespace and kind.
        self._cache: dict[tuple[NamespaceName, str], Any] = {}
        #: The namespaces that could not be read and that no entry names, with the reason.
        self.unread: dict[str, str] = {}
        self._patience = Patience()
        self._peers_by_namespaces: dict[tuple[NamespaceName, ...], Peers] = {}
        self._simulated_sysctls = SimulatedSysctls()
        self._trial = Trial()
        self._bases = Bases(self._ids_inside)

    def close(self) -> None:
        self._trial.close()

    def forget(self) -> None:
        """Drop what was read: somebody has written."""
        self._cache.clear()
        self._peers_by_namespaces.clear()
        self._bases.forget()

    def _cached(self, name: NamespaceName, kind: str, read: Callable[[], Value]) -> Value:
        if (name, kind) not in self._cache:
            self._cache[name, kind] = read()
        value: Value = self._cache[name, kind]
        return value

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
        """Return the links of these namespaces, and what else is asked for; see Kernel.read()."""
        declared = dict.fromkeys(namespaces)
        names = list(dict.fromkeys([*declared, *others]))
        kinds = {
            "links": not counters,
            "links with counters": counters,
            "addresses": addresses,
            "routes": routes,
            "neighbours": neighbours,
            "qdiscs": qdiscs,
            "rules": rules,
        }
        wanted = [kind for kind, is_wanted in kinds.items() if is_wanted]
        found = [name for name in names if self._handles.find(name) is not None]
        found = [name for name in found if name in declared or self._fetch_other(str(name), wanted)]
        for name in declared:
            if name in found:
                self._fetch(name, wanted)
        dumped = {name: self._links(name, counters) for name in found}
        peers = self._peers(dumped)
        self._bases.consider(dumped)
        stale = [name for name in self._handles.names().intersection(names) if name not in {*dumped, *self.unread}]
        state = KernelState(
            namespaces={
                name: NamespaceState(
                    name,
                    links=tuple(self._link(name, link, peers, tx_checksum) for link in links),
                    addresses=self._cache[name, "addresses"] if addresses else (),
                    routes=self._routes(name) if routes else (),
                    neighbours=self._neighbours(name) if neighbours else (),
                    rules=self._cache[name, "rules"] if rules else (),
                    qdiscs=self._cache[name, "qdiscs"] if qdiscs else (),
                )
                for name, links in dumped.items()
            },
            stale=frozenset(stale),
            directories=frozenset(name for name in stale if os.path.isdir(setns.path_of(name))),
            aliases=self._aliases(found),
        )
        return self._as_simulated(state)

    def _as_simulated(self, state: KernelState) -> KernelState:
        if self._removed_links:
            state = state.without(self._removed_links)
        if self._arrived_links:
            state = state.including(self._arrived_links)
        if not self._set_attributes and not self._set_masters:
            return state
        changes = {where: {**attributes} for where, attributes in self._set_attributes.items()}
        for where, name in self._set_masters.items():
            master = state.link(where[0], name)
            changes.setdefault(where, {})["master"] = master.index if master else NO_INDEX if name else 0
        return state.with_links(changes)

    def _aliases(self, names: Sequence[NamespaceName]) -> dict[str, NamespaceName]:
        first: dict[tuple[int, int], NamespaceName] = {self._handles.get(None).identity: None}
        found: dict[str, NamespaceName] = {}
        for name in names:
            other = first.setdefault(self._handles.get(name).identity, name)
            if name is not None and other != name:
                found[name] = other
        return found

    def _fetch(self, name: NamespaceName, kinds: Sequence[str], patience: float | None = None) -> None:
        """Read these kinds of objects into the cache.

        Raises:
            Unavailable: They are changed all the time, or are too many.
        """
        handle = self._handles.get(name)
        read: Mapping[str, Callable[[], Any]] = {
            "links": lambda: handle.links(patience=patience),
            "links with counters": lambda: handle.links(counters=True, patience=patience),
            "addresses": lambda: tuple(map(messages.parse_address, handle.addresses(patience))),
            "routes": lambda: tuple(map(messages.parse_route, handle.routes(patience))),
            "rules": lambda: tuple(map(routing_messages.parse_rule, handle.rules(patience))),
            "neighbours": lambda: tuple(handle.neighbours(patience)),
            "qdiscs": lambda: tuple(handle.qdiscs(patience)),
        }
        for kind in kinds:
            try:
                self._cached(name, kind, read[kind])
            except EndlessDump as error:
                where, monitor = (f"the namespace {name}", f"ip -n {name}") if name else ("the host", "ip")
                raise Unavailable(
                    f"the {kind} of {where} cannot be read: {error.strerror}; see what changes them (`{monitor} "
                    "monitor`), stop it, and run again"
                ) from error

    def _fetch_other(self, name: str, kinds: Sequence[str]) -> bool:
        """Read a namespace that no entry names, as far as that is quick; return whether it was."""
        if name in self.unread:
            return False
        start = time.monotonic()
        try:
            self._fetch(name, kinds, self._patience.seconds)
        except Unavailable as error:
            self._patience.spend(start)
            self.unread[name] = str(error)
            handle = self._handles.release(name)  # its socket has the rest of the dump
            if handle is not None:
                handle.close()
            return False
        return True

    def _neighbours(self, name: NamespaceName) -> tuple[Neighbour, ...]:
        found: tuple[Neighbour, ...] = self._cache[name, "neighbours"]
        flushed = self._flushed_links.get(name, set())
        return tuple(neighbour for neighbour in found if neighbour.device not in flushed)

    def _routes(self, name: NamespaceName) -> tuple[Route, ...]:
        found: tuple[Route, ...] = self._cache[name, "routes"]
        without = self._unrouted_links.get(name)
        if not without:
            return found
        # Those of the kernel return with the addresses, when the link is up again.
        return tuple(
            route
            for route in found
            if route.protocol == RTPROT_KERNEL or not route.devices or not without.issuperset(route.devices)
        )

    def _links(self, name: NamespaceName, counters: bool) -> list[messages.LinkMessage]:
        found: list[messages.LinkMessage] = self._cache[name, "links with counters" if counters else "links"]
        return found

    def _peers(self, dumped: Mapping[NamespaceName, list[messages.LinkMessage]]) -> Peers:
        # With more namespaces more far ends are known.
        key = tuple(dumped)
        if key not in self._peers_by_namespaces:
            self._peers_by_namespaces[key] = Peers(dumped, self._ids_inside)
        return self._peers_by_namespaces[key]

    def _ids_inside(self, inside: NamespaceName, names: Sequence[NamespaceName]) -> list[int]:
        queries = [requests.get_nsid(self._handles.get(name).descriptor) for name in names]
        return list(map(messages.parse_nsid, self._handles.get(inside).socket.get_all(queries)))

    def _link(self, name: NamespaceName, found: messages.LinkMessage, peers: Peers, tx_checksum: bool) -> Link:
        link = found.link
        if link.kind != "veth":
            base = self._bases.of(name, found) if link.kind else None
            if link.kind == generic.FAMILY:
                link = replace(link, information=self._cached(name, f"{link.name} itself", self._options(name, link)))
            return link if base is None else replace(link, base=base)
        checksum = None
        if tx_checksum:
            socket = self._handles.get(name).socket
            checksum = self._cached(
                name, f"tx_checksum {link.name}", lambda: ethtool.tx_checksum(socket.fileno(), link.name)
            )
        return replace(link, peer=peers.of(name, found), tx_checksum=checksum)

    def _options(self, name: NamespaceName, link: Link) -> Callable[[], bytes]:
        """Return how the options are read that the kernel does not dump with a link."""

        def read() -> bytes:
            try:
                with self._handles.entered(name):
                    return generic.read_information(link.name)
            except OSError:  # the link is gone by now
                return link.information

        return read

    def with_sysctls(self, state: KernelState, wanted: Mapping[tuple[NamespaceName, str], str | None]) -> KernelState:
        """Return the state with these kernel parameters; see Kernel.with_sysctls()."""
        by_namespace: dict[NamespaceName, list[str]] = {}
        for namespace, key in wanted:
            by_namespace.setdefault(namespace, []).append(key)
        found = {
            (namespace, key): value
            for namespace, keys in by_namespace.items()
            for key, value in self._sysctls(namespace, keys).items()
        }
        differing = {
            (key, value)
            for (namespace, key), value in wanted.items()
            if value is not None and not sysctl.same_value(found[namespace, key], value)
        }
        refused = {pair: reason for pair in sorted(differing) if (reason := self._trial.refusal(*pair))}
        return replace(
            state,
            sysctls={**state.sysctls, **found},
            refused_sysctls={**state.refused_sysctls, **refused},
        )

    def with_routing(self, state: KernelState, wanted: Iterable[Need]) -> KernelState:
        """Return the state with those needs of routes and rules that the kernel does not meet."""
        tried = {need: self._trial.refusal_of_routing(need) for need in dict.fromkeys(wanted)}
        refused: dict[object, str] = {need: reason for need, reason in tried.items() if reason}
        return replace(state, refused_routing={**state.refused_routing, **refused})

    def with_links(self, state: KernelState, wanted: Iterable[CreateLink]) -> KernelState:
        """Return the state with those new links that the kernel would refuse; see Kernel.with_links()."""
        tried = {each.form: self._trial.refusal_of_link(each) for each in wanted}
        refused = {form: reason for form, reason in tried.items() if reason}
        return replace(state, refused_links={**state.refused_links, **refused})

    def with_qdiscs(self, state: KernelState, wanted: Iterable[SetQdisc]) -> KernelState:
        """Return the state with those qdiscs that the kernel would refuse; see Kernel.with_qdiscs()."""
        tried = {each.form: self._trial.refusal_of_qdisc(each) for each in wanted}
        refused = {form: reason for form, reason in tried.items() if reason}
        return replace(state, refused_qdiscs={**state.refused_qdiscs, **refused})

    def sysctl(self, namespace: NamespaceName, key: str) -> str | None:
        """Return a kernel parameter; None where there is none, or it cannot be read."""
        return self._sysctls(namespace, [key])[key]

    def _sysctls(self, namespace: NamespaceName, keys: Sequence[str]) -> dict[str, str | None]:
        if self._handles.find(namespace) is None:
            found = {key: self._trial.read(key) for key in keys}
        else:
            with self._handles.entered(namespace):
                found = {key: sysctl.read(self._simulated_sysctls.former_key(namespace, key)) for key in keys}
        simulated = {key: self._simulated_sysctls.get(namespace, key) for key in keys}
        return {key: value if simulated[key] is None else simulated[key] for key, value in found.items()}

    def link_sysctls(self, namespace: NamespaceName, pattern: str) -> dict[str, str]:
        """Return a kernel parameter of each link; see Kernel.link_sysctls()."""
        if self._handles.find(namespace) is None:
            value = self._trial.read(pattern)
            found = {} if value is None else {"default": value}
        else:
            with self._handles.entered(namespace):
                found = sysctl.of_links(pattern)
        removed = self._removed_links.get(namespace, set())
        for each in self._links(namespace, counters=False) if removed else ():
            if each.link.index in removed:
                found.pop(each.link.name, None)
        return self._simulated_sysctls.of_links(namespace, pattern, found)

    def identities(self, namespaces: Iterable[NamespaceName]) -> dict[NamespaceName, Identity]:
        """Return what distinguishes each of these namespaces from all others; one that does not exist is left out."""
        host = self._handles.get(None)
        found: dict[NamespaceName, Identity] = {}
        for name in namespaces:
            handle = self._handles.find(name)
            if handle is not None:
                nsid = messages.parse_nsid(host.socket.get(requests.get_nsid(handle.descriptor)))
                found[name] = Identity(os.fstat(handle.descriptor).st_ino, nsid if nsid >= 0 else None)
        return found

    def processes(self, namespaces: Iterable[str]) -> dict[str, list[tuple[int, str]]]:
        """Return the processes inside each of these namespaces: pid and command line."""
        identities = {}
        for name in namespaces:
            handle = self._handles.find(name)
            if handle is not None:
                status = os.fstat(handle.descriptor)
                identities[status.st_dev, status.st_ino] = name
        found: dict[str, list[tuple[int, str]]] = {name: [] for name in identities.values()}
        for entry in os.listdir("/proc") if identities else ():
            # A process may end while it is read.
            with suppress(FileNotFoundError, ProcessLookupError, PermissionError):
                if not entry.isdigit():
                    continue
                status = os.stat(f"/proc/{entry}/ns/net")
                inside = identities.get((status.st_dev, status.st_ino))
                if inside is not None:
                    found[inside].append((int(entry), command_line(int(entry))))
        return found

    def simulate(self, operations: Sequence[Operation]) -> None:
        """Read from now on as if some of these operations had been executed.

        These are removals, kernel parameters, aliases, MTUs, masters, the neighbours of links that go down or get
        another MAC address, the routes of those that go down, and moves: a link that moves away is removed from where
        it was, and is there where it returns to the host. The end of a veth pair is not, whose planning needs it.
        """
        for each in operations:
            if isinstance(each, op.SetAlias):
                self._set_attributes.setdefault((each.namespace, each.link), {})["alias"] = each.alias
            if isinstance(each, op.SetMtu):
                self._set_attributes.setdefault((each.namespace, each.link), {})["mtu"] = each.mtu
            if isinstance(each, SetMaster):
                self._set_masters[each.namespace, each.link] = each.master
            if isinstance(each, (op.SetDown, op.SetMac)):
                self._simulate_flush(each.namespace, each.link, is_down=isinstance(each, op.SetDown))
        removals = [each for each in operations if isinstance(each, (op.DeleteLink, op.MoveLink, op.RemoveNamespace))]
        self._simulate_removals(removals)
        # After the removals: what is re-created, or has moved, gets its parameters then.
        for each in operations:
            if isinstance(each, op.RenameLink):
                self._simulated_sysctls.rename_link(each.namespace, each.name, each.new_name)
            if isinstance(each, op.SetSysctl):
                self._simulated_sysctls.set(each.namespace, each.key, each.value)

    def _simulate_flush(self, namespace: NamespaceName, name: str, is_down: bool) -> None:
        """Treat the neighbours on a link as removed (neigh_ifdown() and neigh_changeaddr() in net/core/neighbour.c).

        And the routes of one that goes down (fib_sync_down_dev() in net/ipv4/fib_semantics.c, rt6_sync_down_dev()).
        """
        link = self.read([namespace]).link(namespace, name)
        if link is not None:
            self._flushed_links.setdefault(namespace, set()).add(link.index)
            if is_down:
                self._unrouted_links.setdefault(namespace, set()).add(link.index)

    def _simulate_removals(self, removals: Sequence[Any]) -> None:
        state = self.read([None], others=self._handles.names()) if removals else KernelState()
        for removal in removals:
            if isinstance(removal, op.MoveLink) and removal.to is None:
                self._simulate_return(removal, state.link(removal.namespace, removal.name))
            if isinstance(removal, op.RemoveNamespace):
                self._handles.hide(removal.name)
                self._simulated_sysctls.forget(removal.name)
                place: NamespaceName = removal.name
                links = list(state.namespace(place).links)
            else:
                place = removal.namespace
                self._simulated_sysctls.forget_link(place, removal.name)
                links = [link for link in state.namespace(place).links if link.name == removal.name]
                if isinstance(removal, op.MoveLink):
                    links = [link for link in links if link.kind != "veth"]
            for link in links:
                self._simulate_removal(place, link)
                far = state.far_end(link)
                if far is not None:
                    self._simulate_removal(*far)
                for place_on, on in () if isinstance(removal, op.MoveLink) else state.links_on(place, link):
                    self._simulate_removal(place_on, on)

    def simulate_removed_links(self, names: Collection[str]) -> None:
        """Read from now on as if these links of the host had been removed."""
        for name in names:
            self._simulated_sysctls.forget_link(None, name)
        state = self.read([None], others=self._handles.names()) if names else KernelState()
        for link in state.namespace(None).links if names else ():
            if link.name in names:
                self._simulate_removal(None, link)
                for place_on, on in state.links_on(None, link):
                    self._simulate_removal(place_on, on)

    def _simulate_return(self, move: op.MoveLink, link: Link | None) -> None:
        if link is None or link.kind == "veth":
            return  # tasks that need the end of a veth pair assume it where the pair is declared
        arrived = self._arrived_links.setdefault(None, [])
        # An index that no link has.
        arrived.append(replace(link, name=move.new_name, index=-1 - len(arrived), up=False, altnames=()))

    def end_simulation(self) -> None:
        """Read what the kernel has from now on."""
        self._removed_links.clear()
        self._arrived_links.clear()
        self._flushed_links.clear()
        self._unrouted_links.clear()
        self._set_attributes.clear()
        self._set_masters.clear()
        self._simulated_sysctls.clear()
        self._handles.show_hidden()

    def _simulate_removal(self, name: NamespaceName, link: Link) -> None:
        self._removed_links.setdefault(name, set()).add(link.index)
        self._simulated_sysctls.forget_link(name, link.name)
