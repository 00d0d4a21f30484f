# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many attempts at once to reach servers of traffic_endpoint.py, each from a network namespace, in one process."""

from __future__ import annotations

import ctypes
import os
import selectors
import socket
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

_CLONE_NEWNET = 0x40000000  # unshare(2)
#: Seconds after which what has not been answered counts as not answered, and to wait for what has to be.
SILENCE, PATIENCE = 0.8, 15.0
_RESEND = 0.3
_ANSWER_LIMIT = 1000

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Attempt:
    """A connection or a datagram from a namespace, given by its name; `link` is for link-local addresses."""

    source: str
    protocol: str
    address: str
    port: int
    link: str = ""


@contextmanager
def inside_namespace(descriptor: int) -> Iterator[None]:
    """Have the thread inside a namespace, given as an open file."""
    own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        _enter(descriptor)
        try:
            yield
        finally:
            _enter(own)
    finally:
        os.close(own)


@contextmanager
def inside(namespace: str | None) -> Iterator[None]:
    """Have the thread inside a namespace, given by its name; None is the host's own."""
    if namespace is None:
        yield
        return
    with open(f"/run/netns/{namespace}", "rb") as file, inside_namespace(file.fileno()):
        yield


def _enter(descriptor: int) -> None:
    if _libc.setns(descriptor, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def answers(
    attempts: Iterable[Attempt], spaces: Mapping[str, int], expected: Collection[Attempt]
) -> dict[Attempt, str]:
    """Return the answers, by attempt; `spaces` are the namespaces by name, as open files.

    It ends once all that is expected is answered, and what is not expected has had some time.
    """
    waiting = dict.fromkeys(attempts)
    begin = time.monotonic()
    found: dict[Attempt, str] = {}
    while waiting:
        left = {attempt for attempt in waiting if attempt not in found}
        found.update(_try(left, spaces))
        passed = time.monotonic() - begin
        if (passed > SILENCE and all(each in found for each in expected)) or passed > PATIENCE:
            break
    return found


def _try(attempts: Collection[Attempt], spaces: Mapping[str, int]) -> dict[Attempt, str]:
    """Return what is answered of one round of attempts."""
    selector = selectors.DefaultSelector()
    clients = []
    for attempt in attempts:
        with inside_namespace(spaces[attempt.source]), suppress(OSError):
            client = _begin(attempt)
            clients.append(client)
            selector.register(client, selectors.EVENT_READ, attempt)
    found: dict[Attempt, str] = {}
    end = time.monotonic() + _RESEND
    while selector.get_map() and time.monotonic() < end:
        for key, _events in selector.select(max(0.0, end - time.monotonic())):
            with suppress(OSError):
                text = os.read(key.fd, _ANSWER_LIMIT).decode()
                if text:
                    found[key.data] = text
            selector.unregister(key.fd)
    for client in clients:
        client.close()
    selector.close()
    return found


def _begin(attempt: Attempt) -> socket.socket:
    """Return a socket on which the answer will arrive."""
    family = socket.AF_INET6 if ":" in attempt.address else socket.AF_INET
    with ExitStack() as stack:
        is_udp = attempt.protocol == "udp"
        client = stack.enter_context(socket.socket(family, socket.SOCK_DGRAM if is_udp else socket.SOCK_STREAM))
        client.setblocking(False)
        where: tuple[object, ...] = (attempt.address, attempt.port)
        if attempt.link:
            where = (*where, 0, socket.if_nametoindex(attempt.link))
        if is_udp:
            # Not connected: a server at all addresses may answer from another one (ip(7), IP_PKTINFO).
            client.sendto(b"?", where)
        else:
            with suppress(BlockingIOError):
                client.connect(where)
        stack.pop_all()
    return client
