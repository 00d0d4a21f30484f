# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which link another one is on."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.netns.fabric.plugins.module_utils._kernel.bases import Bases
from ansible_collections.netns.fabric.plugins.module_utils._kernel.kinds import KINDS
from ansible_collections.netns.fabric.plugins.module_utils._kernel.messages import LinkMessage
from ansible_collections.netns.fabric.plugins.module_utils._kernel.netlink import attribute
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import End, Link, NamespaceName
from ansible_collections.netns.fabric.plugins.module_utils._kernel.uapi import IFLA_INFO_DATA

#: The ids that the namespaces have in any other.
IDS: dict[NamespaceName, int] = {None: 0, "red": 1, "blue": 2}


def bases(asked: list[NamespaceName]) -> Bases:
    def get_ids(_inside: NamespaceName, names: Sequence[NamespaceName]) -> list[int]:
        asked.extend(names)
        return [IDS[name] for name in names]

    found = Bases(get_ids)
    found.consider({name: [LinkMessage(Link(7, "eth0"), 0, None)] for name in IDS})
    return found


def on(index: int, nsid: int | None, kind: str = "macvlan", information: bytes = b"") -> LinkMessage:
    return LinkMessage(Link(9, "mv0", kind, information=information), index, nsid)


def test_base_in_the_same_namespace_needs_no_query() -> None:
    asked: list[NamespaceName] = []
    assert bases(asked).of("red", on(7, None)) == End("red", 7)
    assert bases(asked).of("red", on(0, None, "bridge")) is None
    assert bases(asked).of("red", on(9, None, "ifb")) is None
    assert asked == []


def test_base_in_another_namespace_is_found_by_its_id_and_the_host_is_asked_first() -> None:
    asked: list[NamespaceName] = []
    found = bases(asked)
    assert found.of("red", on(7, 0)) == End(None, 7)
    assert found.of("red", on(7, 0)) == End(None, 7)
    assert asked == [None]
    assert found.of("red", on(7, 2)) == End("blue", 7)
    assert found.of("red", on(7, 5)) == End(None, 7, known=False)


def test_tunnel_names_what_it_is_bound_to_among_its_own_options() -> None:
    data = {**KINDS["vxlan"].encode({"id": 5}), 3: (7).to_bytes(4, "little")}
    content = b"".join(attribute(*each) for each in data.items())
    bound = attribute(IFLA_INFO_DATA, content)
    assert bases([]).of("red", on(9, 0, "vxlan", bound)) == End(None, 7)
    assert bases([]).of("red", on(9, 0, "vxlan")) == End(None, 0)
    assert bases([]).of("red", on(0, None, "vxlan")) is None
