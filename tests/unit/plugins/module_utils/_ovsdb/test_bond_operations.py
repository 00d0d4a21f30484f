# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The operations on the members of a bond."""

from __future__ import annotations

from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.bond_operations import AddMembers, RemoveMembers
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.rows import Row
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Bridge, Interface, Port, Switch
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.syntax import Columns


def switch(*members: str) -> Switch:
    interfaces = tuple(Interface(name, row=Row("Interface", name)) for name in members)
    return Switch((Bridge("br", ports=(Port("bond0", interfaces),)),))


def test_members_are_added_with_their_columns() -> None:
    add = AddMembers("bond0", ("c", "d"), Columns({"mtu_request": 1400}))
    assert add.transaction() == [
        ("add-bond-iface", "bond0", "c"),
        ("add-bond-iface", "bond0", "d"),
        ("set", "Interface", "c", "mtu_request=1400"),
        ("set", "Interface", "d", "mtu_request=1400"),
    ]
    assert not add.is_applied(switch("a", "b", "c"))
    assert add.is_applied(switch("a", "b", "c", "d"))
    assert add.undo(switch("a", "b"))[0] == ("--if-exists", "del-bond-iface", "bond0", "c")
    assert (add.expected_interfaces(switch()), add.size(switch())) == (("c", "d"), 2)


def test_removed_members_are_re_created_by_a_rollback() -> None:
    remove = RemoveMembers("bond0", ("a",))
    before = switch("a", "b", "c")
    assert remove.commands() == ["ovs-vsctl -- --if-exists del-bond-iface bond0 a"]
    assert not remove.is_applied(before)
    assert remove.is_applied(switch("b", "c"))
    assert remove.is_applied(Switch())
    assert [row.uuid for row in remove.deleted_rows(before)] == ["a"]
    assert (remove.undo(before), remove.size(before)) == ((), 1)
