# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The qdiscs of a link with their classes and filters: captured before they are lost, and restored as they were."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from ansible_collections.netns.fabric.plugins.module_utils._kernel import distributions
from ansible_collections.netns.fabric.plugins.module_utils._kernel import qdisc_requests as requests
from ansible_collections.netns.fabric.plugins.module_utils._kernel.handles import NamespaceHandle
from ansible_collections.netns.fabric.plugins.module_utils._kernel.netlink import NetlinkError, attribute
from ansible_collections.netns.fabric.plugins.module_utils._kernel.qdisc_kinds import DISTRIBUTIONS, MARK
from ansible_collections.netns.fabric.plugins.module_utils._kernel.uapi import (
    RTM_NEWQDISC,
    RTM_NEWTCLASS,
    RTM_NEWTFILTER,
    TCA_NETEM_DELAY_DIST,
)

#: The kinds whose classes are set, and do not come with the qdisc.
CLASSFUL = frozenset({"drr", "hfsc", "htb", "qfq"})


@dataclass
class LinkQueues:
    """The qdiscs of one link that are not the kernel's own choice, the outermost first, with what they have."""

    qdiscs: list[bytes] = field(default_factory=list)
    classes: Sequence[bytes] = ()
    filters: list[bytes] = field(default_factory=list)

    @property
    def redirects(self) -> set[int]:
        """The links that arriving packets are led to: a filter stays when such a link is deleted, and leads nowhere."""
        return {target for target in map(requests.redirect_in, self.filters) if target}

    @property
    def identity(self) -> list[object]:
        """What they consist of, without what the kernel counts."""
        redirects: list[object] = [requests.redirect_in(raw) for raw in self.filters]
        return [*map(requests.identity, self.qdiscs), len(self.classes), *redirects]


def capture(handle: NamespaceHandle) -> dict[int, LinkQueues]:
    """Return the qdiscs of a namespace by the indexes of their links."""
    found: dict[int, LinkQueues] = {}
    for raw in handle.dump_qdiscs():
        qdisc = requests.parse_qdisc(raw)
        if not qdisc.handle:
            continue
        queues = found.setdefault(qdisc.index, LinkQueues())
        if qdisc.is_root or qdisc.is_ingress:
            queues.qdiscs.insert(0, raw)
        else:
            queues.qdiscs.append(raw)
        if qdisc.kind in CLASSFUL and not queues.classes:
            # A kind without classes to set has one of its own for its inner queue.
            classes = handle.dump(requests.list_classes(qdisc.index))
            queues.classes = _parents_first([each for each in classes if requests.kind_of(each) in CLASSFUL])
        for parent in requests.filter_parents(qdisc):
            queues.filters += filter(requests.is_filter, handle.dump(requests.list_filters(qdisc.index, parent)))
    return found


def _parents_first(classes: Sequence[bytes]) -> list[bytes]:
    """Return classes in the order in which they are added: htb puts one whose parent is missing at the root."""
    parents = {requests.handle_of(each): requests.parent_of(each) for each in classes}

    def depth(handle: int) -> int:
        return 1 + depth(parents[handle]) if handle in parents else 0

    return sorted(classes, key=lambda each: depth(requests.handle_of(each)))


def restore(handle: NamespaceHandle, index: int, before: LinkQueues) -> None:
    """Give a link the qdiscs that it had.

    Raises:
        NetlinkError: The kernel refused it.
    """
    now = capture(handle).get(index, LinkQueues())
    if now.identity == before.identity:
        return
    for raw in now.qdiscs:
        qdisc = requests.parse_qdisc(raw)
        if qdisc.is_root or qdisc.is_ingress:
            _send(handle, requests.delete_qdisc(index, qdisc.is_ingress), errno.ENOENT)
    outer = [raw for raw in before.qdiscs if _is_outer(raw)]
    missing = [
        *_requests(outer, RTM_NEWQDISC),
        *_requests(before.classes, RTM_NEWTCLASS),
        *_requests([raw for raw in before.qdiscs if not _is_outer(raw)], RTM_NEWQDISC),
        *_requests(before.filters, RTM_NEWTFILTER),
    ]
    while missing:
        refusals = handle.socket.request_all(missing)
        refused = [(request, refusal) for request, refusal in zip(missing, refusals) if refusal is not None]
        if len(refused) == len(missing):
            raise NetlinkError(refused[0][1])
        missing = [request for request, _refusal in refused]  # one may be the parent of another


def _is_outer(raw: bytes) -> bool:
    qdisc = requests.parse_qdisc(raw)
    return qdisc.is_root or qdisc.is_ingress


def _requests(dumped: Sequence[bytes], kind: int) -> Iterator[bytearray]:
    for raw in dumped:
        yield requests.restore(raw, kind, _distribution(raw) if kind == RTM_NEWQDISC else b"")


def _distribution(raw: bytes) -> bytes:
    """Return what the kernel does not report of a netem: the table of its delays, which the handle says."""
    qdisc = requests.parse_qdisc(raw)
    names = {MARK + number: name for name, number in DISTRIBUTIONS.items()}
    name = names.get(qdisc.handle >> 16) if qdisc.kind == "netem" else None
    if name is not None:
        with suppress(OSError, ValueError):  # the file was removed since: the delays are spread evenly
            return attribute(TCA_NETEM_DELAY_DIST, distributions.read(name))
    return b""


def _send(handle: NamespaceHandle, request: bytearray, *ignored: int) -> None:
    refusal = handle.socket.request_all([request])[0]
    if refusal is not None and refusal.number not in ignored:
        raise NetlinkError(refusal)
