# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""One port in several namespaces."""

from __future__ import annotations

import errno
from ipaddress import ip_address

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.validation import Address
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import NamespaceName
from ansible_collections.netns.fabric.plugins.module_utils._probes.listener_group import PORT_ATTEMPTS, ListenerGroup

ADDRESS = ip_address("192.0.2.1")


class Host:
    """Gives free ports from 40000 on; `taken` has those in use by namespace."""

    def __init__(self, **taken: set[int]) -> None:
        self.taken = taken
        self.tried: list[tuple[NamespaceName, int]] = []
        self.open: list[Listener] = []
        self._next = 40000

    def listen(self, namespace: NamespaceName, _address: Address, port: int) -> Listener:
        if port == 0:
            port, self._next = self._next, self._next + 1
        self.tried.append((namespace, port))
        if port in self.taken.get(str(namespace), ()):
            raise OSError(errno.EADDRINUSE, "in use")
        listener = Listener(self, port)
        self.open.append(listener)
        return listener


class Listener:
    def __init__(self, host: Host, port: int) -> None:
        self.port = port
        self._host = host

    def close(self) -> None:
        self._host.open.remove(self)


def test_a_free_port_is_free_in_all_namespaces() -> None:
    host = Host(b={40000, 40001})
    group = ListenerGroup(host.listen, ADDRESS, 0, ["a", "b"])
    assert group.port == 40002
    assert [listener.port for listener in host.open] == [40002, 40002]
    group.close()
    assert host.open == []


def test_no_port_is_free_in_all() -> None:
    host = Host(b=set(range(40000, 41000)))
    with pytest.raises(OSError, match=r"no port for 192\.0\.2\.1 is free in all of a, b"):
        ListenerGroup(host.listen, ADDRESS, 0, ["a", "b"])
    assert len(host.tried) == 2 * PORT_ATTEMPTS
    assert host.open == []


def test_a_given_port_is_tried_once() -> None:
    host = Host(a={80})
    with pytest.raises(OSError, match=r"free in all of a"):
        ListenerGroup(host.listen, ADDRESS, 80, ["a"])
    assert host.tried == [("a", 80)]
