# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names that a link cannot have."""

from __future__ import annotations

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import KernelState, Link, NamespaceState
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_names import (
    describe_taken_name,
    refuse_altname,
    refuse_long_name,
    refuse_other_name,
)

NIC = Link(7, "eth7", altnames=("enp1s0", "int_br"))
STATE = KernelState({"red": NamespaceState("red", (NIC,))})


def test_the_alternative_name_of_another_link() -> None:
    with pytest.raises(InvalidEntry, match="x: name: int_br is an alternative name of eth7 in red") as caught:
        refuse_altname(STATE, Entry("x"), "name", "red", "int_br")
    assert "(`ip -n red link property del dev eth7 altname int_br`)" in str(caught.value)
    with pytest.raises(InvalidEntry, match="x: name: int_br is an alternative name of eth7; write eth7"):
        refuse_other_name(STATE, Entry("x"), "name", "red", "int_br")


@pytest.mark.parametrize(("namespace", "name"), [("red", "eth7"), ("red", "eth8"), (None, "int_br")])
def test_a_name_that_is_not_refused(namespace: str | None, name: str) -> None:
    refuse_altname(STATE, Entry("x"), "name", namespace, name)
    refuse_other_name(STATE, Entry("x"), "name", namespace, name)


def test_the_name_of_another_link() -> None:
    assert describe_taken_name(None, "eth7", NIC) == "the host has another link eth7; rename or remove that one first"


def test_a_name_that_no_link_can_have() -> None:
    refuse_long_name(Entry("x"), "name", "x" * 15)
    with pytest.raises(InvalidEntry, match=r"x: name: .* is 16 characters long.*no link has it as an alternative name"):
        refuse_long_name(Entry("x"), "name", "x" * 16)
