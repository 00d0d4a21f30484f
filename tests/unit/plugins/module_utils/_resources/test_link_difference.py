# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of a link that is created is not as wanted, and what of it stays."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry
from ansible_collections.netns.fabric.plugins.module_utils._kernel.kinds import KINDS
from ansible_collections.netns.fabric.plugins.module_utils._kernel.netlink import attribute
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import (
    End,
    KernelState,
    Link,
    NamespaceState,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.uapi import IFLA_INFO_DATA
from ansible_collections.netns.fabric.plugins.module_utils._resources.link import LinkResource
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_difference import (
    Difference,
    bound_to,
    describe_kind,
    differs,
    find_difference,
    values_with_kept,
    with_parent,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_model import WantedKind, WantedLink

Options = dict[str, Any]

ETH0 = Link(2, "eth0")


def link(kind: str, *, mac: str = "", **options: Any) -> Link:
    content = b"".join(attribute(*each) for each in KINDS[kind].encode(options).items())
    information = attribute(IFLA_INFO_DATA, content)
    return Link(7, "k0", KINDS[kind].kernel_name, mac, base=End(None, 2), information=information)


def entry(kind: str, *, mac: str | None = None, **options: Any) -> tuple[WantedLink, WantedKind]:
    own = {kind: options} if options else {}
    given = {"name": "k0", "kind": kind, "state": "present", "mac": mac, **own}
    found = LinkResource().desired(Entry("k0"), given)
    assert found.own is not None
    return found, found.own


def difference(former: Link, wanted: tuple[WantedLink, WantedKind]) -> Difference:
    return find_difference(state(former), *wanted, former)


def state(former: Link) -> KernelState:
    return KernelState({None: NamespaceState(None, (ETH0, former))})


@pytest.mark.parametrize("kind", ["geneve", "vxlan"])
@pytest.mark.parametrize(
    ("old", "new", "recreates"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::2", False),
        ("192.0.2.1", "2001:db8::1", True),
        ("2001:db8::1", "192.0.2.1", True),
        (None, "2001:db8::1", True),
        (None, "192.0.2.1", False),
    ],
)
def test_outer_packets_of_the_other_version_need_another_tunnel(
    kind: str, old: str | None, new: str, recreates: bool
) -> None:
    found = difference(link(kind, id=5, **({"remote": old} if old else {})), entry(kind, id=5, remote=new))
    assert found.recreates == recreates
    assert found.changed == {"remote": new}


def test_a_second_address_of_the_version_that_a_vxlan_has() -> None:
    former = link("vxlan", id=5, local="2001:db8::1")
    assert not difference(former, entry("vxlan", id=5, remote="2001:db8::2")).recreates
    found = difference(former, entry("vxlan", id=5, remote="192.0.2.1"))
    assert found.recreates
    assert found.before == {"vxlan.remote": None, "vxlan.local": "2001:db8::1"}
    assert found.after == {"vxlan.remote": "192.0.2.1", "vxlan.local": None}


def test_what_stays_of_a_tunnel() -> None:
    former = link("vxlan", id=5, remote="192.0.2.1", local="192.0.2.2", ttl=9)
    _wanted, own = entry("vxlan", id=5, remote="2001:db8::1")
    assert values_with_kept(own, former) == {"id": 5, "remote": "2001:db8::1", "ttl": 9}
    _wanted, own = entry("vxlan", id=6, local="192.0.2.3")
    assert values_with_kept(own, former) == {"id": 6, "remote": "192.0.2.1", "local": "192.0.2.3", "ttl": 9}
    assert bound_to(state(former), own, former) == (None, ETH0)
    assert with_parent(own, bound_to(state(former), own, former)).parent == (None, "eth0")
    assert bound_to(state(former), own, None) is None
    assert with_parent(own, None).parent is None


@pytest.mark.parametrize(("kind", "recreates"), [("ifb", True), ("bridge", False)])
def test_a_hardware_address_that_is_set_at_the_creation_only(kind: str, recreates: bool) -> None:
    former = link(kind, mac="02:00:00:00:00:01")
    wanted = entry(kind, mac="02:00:00:00:00:77")
    assert difference(former, wanted).recreates == recreates
    assert differs(state(former), wanted[0]) == recreates
    assert not difference(former, entry(kind, mac="02:00:00:00:00:01")).after


def test_a_link_of_another_kind() -> None:
    found = difference(link("bridge"), entry("vxlan", id=5))
    assert (found.before, found.after) == (
        {"kind": "bridge", "vxlan.id": None},
        {"kind": "vxlan", "vxlan.id": 5},
    )
    assert found.recreates
    assert describe_kind(ETH0) == "a physical device"
