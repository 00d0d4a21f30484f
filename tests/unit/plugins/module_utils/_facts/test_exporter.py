# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which entries are exported."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import Link, Route
from ansible_collections.netns.fabric.tests.helpers.host_facts import LO, host_facts, namespace, reported


def test_entries_that_the_module_considers_the_same_are_declared_once() -> None:
    routes = (Route("fe80::/64", device=2, metric=1024), Route("fe80::/64", device=3, metric=1024))
    red = namespace("red", LO, Link(2, "a", kind="tun"), Link(3, "b", kind="tun"), routes=routes)
    result = reported(host_facts(red))
    assert len(result["declarations"]["routes"]) == 1
    assert [line for line in result["undeclared"] if line.endswith("the module considers it the same as another entry")]


def test_a_namespace_with_two_names_is_declared_once() -> None:
    facts = host_facts(namespace("ant", LO), namespace("zebra", LO))
    identities = {**facts.identities, "zebra": facts.identities["ant"]}
    result = reported(replace(facts, identities=identities))
    assert result["declarations"]["namespaces"] == [{"name": "ant"}]
    assert result["undeclared"] == ["namespaces: zebra: it has no name, or is declared by another name"]
