# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is read once between two writes, and what check mode treats as removed."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import Unavailable
from ansible_collections.netns.fabric.plugins.module_utils._kernel import messages, sysctl
from ansible_collections.netns.fabric.plugins.module_utils._kernel import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._kernel.handles import NamespaceHandles
from ansible_collections.netns.fabric.plugins.module_utils._kernel.messages import LinkMessage
from ansible_collections.netns.fabric.plugins.module_utils._kernel.netlink import DUMP_PATIENCE, EndlessDump
from ansible_collections.netns.fabric.plugins.module_utils._kernel.reader import Reader
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import End, Link, NamespaceName, NextHop, Route
from ansible_collections.netns.fabric.plugins.module_utils._kernel.uapi import RTPROT_KERNEL


def veth(index: int, name: str, peer_index: int) -> LinkMessage:
    """A veth whose far end is in the same namespace."""
    return LinkMessage(Link(index, name, kind="veth"), peer_index, None)


class FakeHandle:
    """A namespace with these links."""

    is_endless = False

    def __init__(self, *links: LinkMessage) -> None:
        self._links = links
        self.dumps = 0
        self.identity = (4, id(self))

    def links(self, counters: bool = False, patience: float | None = None) -> list[LinkMessage]:
        assert not counters
        if self.is_endless:
            raise EndlessDump(patience or DUMP_PATIENCE)
        self.dumps += 1
        return list(self._links)


class FakeHandles:
    """The namespaces of a host: the host's own, one with links, and a stale file."""

    def __init__(self) -> None:
        tap = LinkMessage(Link(4, "d0", kind="tun"), 0, None)
        self.handles: dict[NamespaceName, FakeHandle] = {
            None: FakeHandle(veth(2, "a", 3), veth(3, "b", 2), tap),
            "red": FakeHandle(LinkMessage(Link(2, "eth0"), 0, None)),
        }
        self.hidden: set[str] = set()

    def names(self) -> set[str]:
        return {"red", "stale"} - self.hidden

    def find(self, name: NamespaceName) -> Any:
        return None if name in self.hidden else self.handles.get(name)

    def get(self, name: NamespaceName) -> Any:
        return self.find(name)

    def entered(self, _name: NamespaceName) -> AbstractContextManager[None]:
        return nullcontext()

    def hide(self, name: str) -> None:
        self.hidden.add(name)

    def release(self, name: str) -> None:
        """Nothing is open."""


def reader(handles: FakeHandles) -> Reader:
    return Reader(cast(NamespaceHandles, handles))


def names(found: Reader, namespace: NamespaceName) -> list[str]:
    return [link.name for link in found.read([namespace]).namespace(namespace).links]


def test_namespaces_that_exist_and_names_that_have_none() -> None:
    state = reader(FakeHandles()).read([None, "red", "stale", "missing"])
    assert set(state.namespaces) == {None, "red"}
    assert state.stale == {"stale"}
    host = state.namespace(None)
    assert [link.peer for link in host.links] == [End(None, 3), End(None, 2), None]


def test_further_names_of_a_namespace_are_aliases() -> None:
    handles = FakeHandles()
    handles.handles.update(alias=handles.handles["red"], own=handles.handles[None])
    state = Reader(handles).read(["red", "alias", "own"])  # type: ignore[arg-type]  # stands for the open namespaces
    assert state.aliases == {"alias": "red", "own": None}


def test_links_are_dumped_once_between_two_writes() -> None:
    handles = FakeHandles()
    found = reader(handles)
    for _time in range(2):
        found.read([None, "red"])
    found.read(["red"])
    assert [handle.dumps for handle in handles.handles.values()] == [1, 1]
    found.forget()
    found.read(["red"])
    assert [handle.dumps for handle in handles.handles.values()] == [1, 2]


def test_routes_by_a_link_that_goes_down_are_gone_but_for_the_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    by_eth0 = Route("10.1.0.0/16", device=2)
    by_another = Route("10.2.0.0/16", next_hops=(NextHop(device=2), NextHop(device=3)))
    of_the_kernel = Route("192.0.2.0/24", device=2, protocol=RTPROT_KERNEL)
    found = reader(FakeHandles())
    monkeypatch.setattr(FakeHandle, "routes", lambda *_patience: [by_eth0, by_another, of_the_kernel], raising=False)
    monkeypatch.setattr(messages, "parse_route", lambda route: route)
    found.simulate([op.SetMac("red", "eth0", "02:00:00:00:00:01")])
    assert found.read(["red"], routes=True).namespace("red").routes == (by_eth0, by_another, of_the_kernel)
    found.simulate([op.SetDown("red", "eth0")])
    assert found.read(["red"], routes=True).namespace("red").routes == (by_another, of_the_kernel)


def test_a_removed_veth_is_gone_with_its_far_end() -> None:
    found = reader(FakeHandles())
    found.simulate([op.SetUp(None, "d0"), op.DeleteLink(None, "a")])
    assert names(found, None) == ["d0"]
    assert names(found, "red") == ["eth0"]


def test_a_removed_namespace_is_gone_with_its_name() -> None:
    found = reader(FakeHandles())
    found.simulate([op.RemoveNamespace("red")])
    state = found.read([None, "red"])
    assert set(state.namespaces) == {None}
    assert state.stale == frozenset()


def test_links_that_another_backend_removes() -> None:
    found = reader(FakeHandles())
    found.simulate_removed_links({"d0", "missing"})
    assert names(found, None) == ["a", "b"]


def test_a_namespace_that_is_changed_all_the_time_is_left_out_where_no_entry_names_it() -> None:
    handles = FakeHandles()
    handles.handles["red"].is_endless = True
    found = reader(handles)
    state = found.read([None], others=["red", "stale"])
    assert set(state.namespaces) == {None}
    assert state.stale == {"stale"}  # and not what could not be read
    assert set(found.unread) == {"red"}
    with pytest.raises(Unavailable, match=r"the links of the namespace red cannot be read: .* stop it, and run again"):
        found.read(["red"])


def test_a_declared_namespace_is_read_only_once() -> None:
    handles = FakeHandles()
    state = reader(handles).read([None, "red"], others=["red"])
    assert set(state.namespaces) == {None, "red"}
    assert handles.handles["red"].dumps == 1


def test_a_link_that_returns_to_the_host_is_there_down_and_without_its_namespace() -> None:
    found = reader(FakeHandles())
    found.simulate([op.MoveLink("red", "eth0", None, "eth1"), op.SetAlias(None, "eth1", "netns.fabric:lab")])
    state = found.read([None, "red"])
    assert state.namespace("red").links == ()
    assert state.link(None, "eth1") == Link(-1, "eth1", alias="netns.fabric:lab")


def test_an_mtu_and_an_alias_are_those_that_are_set() -> None:
    found = reader(FakeHandles())
    found.simulate([op.SetMtu(None, "d0", 9000), op.SetAlias(None, "d0", "netns.fabric:lab")])
    link = found.read([None]).link(None, "d0")
    assert link is not None
    assert (link.mtu, link.alias) == (9000, "netns.fabric:lab")


def test_the_end_of_a_veth_pair_is_not_simulated_elsewhere() -> None:
    found = reader(FakeHandles())
    found.simulate([op.MoveLink(None, "a", None, "c"), op.MoveLink(None, "missing", None, "d")])
    assert names(found, None) == ["a", "b", "d0"]


FORWARDING = "net.ipv4.conf.*.forwarding"


def test_parameters_of_links_that_are_removed_and_created_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sysctl, "of_links", lambda _pattern: {"default": "0", "a": "1", "b": "1", "d0": "1"})
    found = reader(FakeHandles())
    found.simulate([op.SetSysctl(None, "net.ipv4.conf.a.forwarding", "0")])
    assert found.link_sysctls(None, FORWARDING) == {"default": "0", "a": "0", "b": "1", "d0": "1"}
    found.simulate([op.SetSysctl(None, "net.ipv4.conf.b.forwarding", "1"), op.DeleteLink(None, "a")])
    # What a plan sets follows what it removes.
    assert found.link_sysctls(None, FORWARDING) == {"default": "0", "b": "1", "d0": "1"}
    found.simulate_removed_links({"b", "d0"})
    assert found.link_sysctls(None, FORWARDING) == {"default": "0"}
