# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The requests of several operations, collected and sent many at a time to each namespace's socket."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial

from ansible_collections.netns.fabric.plugins.module_utils._core.conditions import with_cure
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import OperationFailed
from ansible_collections.netns.fabric.plugins.module_utils._core.journal import Journal
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Operation
from ansible_collections.netns.fabric.plugins.module_utils._kernel import requests
from ansible_collections.netns.fabric.plugins.module_utils._kernel.handles import NamespaceHandles
from ansible_collections.netns.fabric.plugins.module_utils._kernel.inherited_macs import inherits_mac
from ansible_collections.netns.fabric.plugins.module_utils._kernel.kinds import MASTER_KINDS
from ansible_collections.netns.fabric.plugins.module_utils._kernel.netlink import NetlinkError, Refusal
from ansible_collections.netns.fabric.plugins.module_utils._kernel.reader import Reader
from ansible_collections.netns.fabric.plugins.module_utils._kernel.removed_namespaces import RemovedNamespaces
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import KernelState, Link, NamespaceName
from ansible_collections.netns.fabric.plugins.module_utils._kernel.undo import (
    CapturedLink,
    Captures,
    Contents,
    Deletion,
)
from ansible_collections.netns.fabric.plugins.module_utils._system.capabilities import has_capability

Undo = Callable[[], None]
Entry = tuple[Operation, bytearray, Undo]
Deleted = tuple[Operation, CapturedLink, Deletion]
#: The links that are on another link, by that: by its namespace and its index.
OnOthers = Mapping[tuple[NamespaceName, int], list[tuple[NamespaceName, Link]]]


class Batch:
    """Requests that wait to be sent, and what the operations behind them need to be undone."""

    def __init__(
        self,
        handles: NamespaceHandles,
        reader: Reader,
        captures: Captures,
        removed: RemovedNamespaces,
        journal: Journal,
    ) -> None:
        self._handles = handles
        self._reader = reader
        self._captures = captures
        self.removed = removed
        self.journal = journal
        self._waiting: dict[NamespaceName, list[Entry]] = {}
        self._deletions: dict[NamespaceName, list[Deleted]] = {}

    def add(self, operation: Operation, namespace: NamespaceName, request: bytearray, undo: Undo) -> None:
        self._waiting.setdefault(namespace, []).append((operation, request, undo))

    def add_deletion(self, operation: Operation, namespace: NamespaceName, name: str) -> None:
        """Delete a link, and with it the other end of a veth pair, once the batch is complete."""
        self.send()
        found = self._state.link(namespace, name)
        far = self._state.far_end(found) if found else None
        places = [(namespace, name), *([(far[0], far[1].name)] if far else [])]
        ends = self._capture_present(places)
        if not ends:  # another program has deleted it: what was wanted
            return
        dependants = [place for end in ends for place in _find_dependants(self._on, (end.namespace, end.link.index))]
        members = self._members([*[(end.namespace, end.link) for end in ends], *dependants])
        deletion = Deletion(
            ends,
            self._capture_present((place, link.name) for place, link in dependants),
            self._capture_present((place, link.name) for place, link in members),
            self._depth(namespace, found),
        )
        # Either end will do, and the ends in one namespace can be deleted together: in most plans the host's.
        end = next((end for end in ends if end.namespace is None), ends[0])
        self._deletions.setdefault(end.namespace, []).append((operation, end, deletion))

    def _capture_present(self, places: Iterable[tuple[NamespaceName, str]]) -> list[CapturedLink]:
        """Capture those of these links that exist; without a MAC address where that is another link's."""
        found: list[CapturedLink] = []
        for namespace, name in places:
            link = self._state.link(namespace, name)
            try:
                captured = self._captures.capture_link(namespace, name, self.journal, link)
            except OSError as error:
                if error.errno != errno.ENODEV:
                    raise
                continue
            if link is not None and inherits_mac(self._state, namespace, link):
                captured = replace(captured, link=replace(captured.link, mac=""))
            found.append(captured)
        return found

    def dependants_of(self, namespace: NamespaceName, name: str) -> list[tuple[NamespaceName, Link]]:
        """Return the links that are on a link, and what is on these, as they are once what was added before is done.

        Only those in its own namespace, where this process may not enter another one (setns(2)).
        """
        self.send()
        may_enter = has_capability("CAP_SYS_ADMIN")
        state = self._state if may_enter else self._reader.read([namespace])
        link = state.link(namespace, name)
        on = self._on if may_enter else _find_what_is_on_others(state)
        return _find_dependants(on, (namespace, link.index)) if link else []

    @cached_property
    def _on(self) -> OnOthers:
        """The links that are on others, of all namespaces."""
        return _find_what_is_on_others(self._state)

    def _members(self, masters: Sequence[tuple[NamespaceName, Link]]) -> list[tuple[NamespaceName, Link]]:
        """Return the links that lose their master with these."""
        return [
            (namespace, each)
            for namespace, link in masters
            if link.kind in MASTER_KINDS
            for each in self._state.namespace(namespace).links
            if each.master == link.index
        ]

    def _depth(self, namespace: NamespaceName, link: Link | None) -> int:
        if link is None:
            return 0
        base = self._state.base_of(link)
        master = self._state.namespace(namespace).link_at(link.master) if link.master else None
        return 1 + max(self._depth(*base) if base else 0, self._depth(namespace, master))

    def capture_link(self, namespace: NamespaceName, name: str) -> CapturedLink:
        """Capture a link and the contents of its namespace, once what was added before is done."""
        self.send()
        return self._captures.capture_link(namespace, name, self.journal)

    def capture_contents(self, namespace: NamespaceName) -> Contents:
        """Capture the addresses, routes and static neighbours of a namespace, once what was added before is done."""
        self.send()
        return self._captures.capture_contents(namespace, self.journal)

    def capture_rules(self, namespace: NamespaceName) -> Sequence[bytes]:
        """Capture the rules of a namespace, once what was added before is done."""
        self.send()
        return self._captures.capture_rules(namespace, self.journal)

    def far_ends_of(self, namespace: str) -> list[tuple[NamespaceName, int]]:
        """Return the other ends of all veths in a namespace, each by its namespace and index."""
        links = self._state.namespace(namespace).links
        return [(link.peer.namespace, link.peer.index) for link in links if link.peer and link.peer.known]

    @cached_property
    def _state(self) -> KernelState:
        """Every namespace that has a name: the far end of a veth may be in any."""
        return self._reader.read([None], others=sorted(self._handles.names()))

    def delete_connected(self, operation: Operation, namespace: str) -> None:
        """Delete the links of a namespace that are connected with another one, which can see them.

        A namespace that is removed lives until the call has succeeded; these would stay with it.
        """
        for link in self._state.namespace(namespace).links:
            ends = [end for end in (link.peer, link.base) if end is not None and end.known]
            if any(end.namespace != namespace for end in ends):
                self.add_deletion(operation, namespace, link.name)
        self.delete()

    def send_others(self, namespace: NamespaceName) -> None:
        """Send all requests if some of them wait for another namespace than this one, which a new one depends on."""
        if any(each != namespace for each in self._waiting):
            self.send()

    def send(self) -> None:
        """Send all requests; record those that were executed in the journal.

        Raises:
            OperationFailed: The kernel refused one; the first one is reported.
        """
        waiting, self._waiting = self._waiting, {}
        refused = [
            (operation, refusal)
            for namespace, entries in waiting.items()
            for (operation, _request, _undo), refusal in zip(entries, self._send(namespace, entries))
            if refusal is not None
        ]
        if refused:
            operation, refusal = refused[0]
            raise refusal_of(operation, NetlinkError(refusal))

    def _send(self, namespace: NamespaceName, entries: Sequence[Entry]) -> Sequence[Refusal | None]:
        """Send requests to a namespace; record those that were executed in the journal."""
        requests_ = [request for _operation, request, _undo in entries]
        refusals = self._handles.get(namespace).socket.request_all(requests_)
        for (operation, _request, undo), refusal in zip(entries, refusals):
            if refusal is None:
                self.journal.record("; ".join(operation.commands()), undo)
        return refusals

    def delete(self) -> None:
        """Delete the links that were added for deletion, those of one namespace as a group.

        A link that does not exist any more is not restored in a rollback either: the other end of a veth goes a moment
        after the namespace that another program has deleted.

        The kernel waits after each deletion until nobody can use the link any more, 17 ms; for a group it waits once
        (rtnl_group_dellink() in net/core/rtnetlink.c). It deletes all of a group, or none.

        Raises:
            OperationFailed: The kernel refused it.
        """
        waiting, self._deletions = self._deletions, {}
        groups = {namespace: self._unused_group(namespace) for namespace in waiting}
        present = {
            namespace: self._move_into_group(namespace, group, waiting[namespace])
            for namespace, group in groups.items()
        }
        done: list[Deleted] = []
        try:
            for namespace, deletions in present.items():
                refusal = self._handles.send(namespace, requests.delete_group(groups[namespace])) if deletions else None
                if refusal is not None and refusal.number == errno.ENODEV:  # none of the group exists any more
                    done += _deleted_with(deletions, done)
                elif refusal is not None:
                    raise refusal_of(deletions[0][0], NetlinkError(refusal))
                else:
                    done += deletions
        finally:
            self._record_deletions(done)

    def _record_deletions(self, done: Sequence[Deleted]) -> None:
        """Record deletions such that what others are on is restored first."""
        ends = [end for _operation, _end, deletion in done for end in deletion.ends]
        for operation, _end, deletion in sorted(done, key=lambda each: -each[2].depth):
            self.journal.record("; ".join(operation.commands()), partial(deletion.restore, self._handles, ends))

    def _move_into_group(self, namespace: NamespaceName, group: int, deletions: Sequence[Deleted]) -> list[Deleted]:
        """Move links into a group; return those that exist."""
        self.send()
        entries: list[Entry] = []
        for operation, end, _deletion in deletions:
            before = requests.set_link_at(end.link.index, ("IFLA_GROUP", end.group))
            request = requests.set_link_at(end.link.index, ("IFLA_GROUP", group))
            entries.append((operation, request, self._request_later(namespace, before)))
        refusals = self._send(namespace, entries)
        for (operation, _request, _undo), refusal in zip(entries, refusals):
            if refusal is not None and refusal.number != errno.ENODEV:
                raise refusal_of(operation, NetlinkError(refusal))
        return [deletion for deletion, refusal in zip(deletions, refusals) if refusal is None]

    def _request_later(self, namespace: NamespaceName, request: bytearray) -> Undo:
        return lambda: self._handles.request(namespace, request, errno.ENODEV)

    def _unused_group(self, namespace: NamespaceName) -> int:
        """Return a group (ip-link(8), `group`) that no link of the namespace is in."""
        return max((found.group for found in self._handles.get(namespace).links()), default=0) + 1


def _deleted_with(deletions: Sequence[Deleted], done: Sequence[Deleted]) -> list[Deleted]:
    """Return those of the deletions that the kernel has carried out along with others."""
    dependants = {(each.namespace, each.link.index) for _operation, _end, other in done for each in other.dependants}
    return [each for each in deletions if (each[1].namespace, each[1].link.index) in dependants]


def refusal_of(operation: Operation, error: OSError) -> OperationFailed:
    """Return the failure of an operation that the kernel refused."""
    reason = str(error) if isinstance(error, NetlinkError) else f"{error.strerror or error}"
    if error.errno == errno.ENODEV:
        reason += (
            "; another program has removed or renamed the link since this call has read or created it, as udev renames "
            "new ones; run it again"
        )
    refusal = f"the kernel refused `{'; '.join(operation.commands())}`: {reason}"
    return OperationFailed(operation, with_cure(refusal, error), error.errno)


def _find_what_is_on_others(state: KernelState) -> OnOthers:
    found: dict[tuple[NamespaceName, int], list[tuple[NamespaceName, Link]]] = {}
    for place, link in state.links():
        if link.base is not None and link.base.known and link.base.index:
            found.setdefault((link.base.namespace, link.base.index), []).append((place, link))
    return found


def _find_dependants(on: OnOthers, base: tuple[NamespaceName, int]) -> list[tuple[NamespaceName, Link]]:
    """Return the links that the kernel deletes with a link: those that are on it, and what is on these."""
    found: list[tuple[NamespaceName, Link]] = []
    for place, link in on.get(base, ()):
        found += [(place, link), *_find_dependants(on, (place, link.index))]
    return found
