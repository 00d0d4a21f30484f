# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What NAT entries need of the host and is missing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntries
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call, Resource
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import Ruleset, Tools
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_masquerade import WantedMasquerade
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_port_forward import PortForwardResource
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_read import Actual
from ansible_collections.netns.fabric.tests.unit.plugins.module_utils._resources.nat_samples import (
    RESOURCE,
    SOURCE,
    actual,
    plan,
    wanted,
)


def errors(state: Actual, *entries: WantedMasquerade) -> str:
    with pytest.raises(InvalidEntries) as caught:
        plan(state, *entries)
    return str(caught.value)


def test_link_that_does_not_exist() -> None:
    assert errors(actual(), wanted(out_interface="eth7")) == (
        f"{SOURCE}: out_interface: there is no link eth7 on the host, which has eth0, lo; correct the name, or create "
        "the link first"
    )


def test_check_mode_assumes_the_link() -> None:
    planned = plan(actual(), wanted(out_interface="eth7"), check_mode=True)
    assert planned.changed
    assert planned.warnings == ("Check mode: assuming an earlier task creates link host/eth7",)


def test_namespace_that_does_not_exist() -> None:
    assert errors(actual(), wanted(namespace="new", out_interface="eth7")) == (
        f"{SOURCE}: namespace: the namespace new does not exist; create it first, with netns.fabric.netns"
    )


def test_plain_file_in_place_of_a_namespace() -> None:
    state = actual()
    state = replace(state, kernel=replace(state.kernel, stale=frozenset({"new"})))
    assert "the namespace new is a plain file, not a namespace; create" in errors(state, wanted(namespace="new"))


def test_check_mode_assumes_an_empty_namespace() -> None:
    planned = plan(actual(forwarding="0"), wanted(namespace="new", out_interface="eth7"), check_mode=True)
    assert len(planned.commands) == 4
    assert all(line.startswith("ip netns exec new ") for line in planned.commands)
    assert planned.warnings == ("Check mode: assuming an earlier task creates namespace new, link new/eth7",)


def test_absent_entries_need_neither_namespace_nor_link() -> None:
    entries = [
        wanted(namespace="new", state="absent"),
        wanted("10.0.0.0/8", out_interface="eth7", state="absent"),
    ]
    assert not plan(actual(), *entries).changed


def test_default_route_that_would_be_lost() -> None:
    state = replace(actual(forwarding="0", blue=Ruleset()), advertised={None: ["eth0"], "blue": ["e.7"]})
    on_host, in_namespace = wanted("fd00::/64"), wanted("fd00:1::/64", namespace="blue")
    assert "(`sysctl -w net.ipv6.conf.eth0.accept_ra=2`" in errors(state, on_host)
    assert "ip netns exec blue sysctl -w net.ipv6.conf.e/7.accept_ra=2" in errors(state, in_namespace)
    assert plan(state, wanted("10.0.0.0/8"), wanted("fd00::/64", ip_forward=False)).changed
    assert plan(state, wanted("fd00::/64", state="absent")).warnings == ()


def test_ipv6_on_a_host_without_it() -> None:
    assert "boot parameter ipv6.disable=0" in errors(actual(forwarding=None), wanted("fd00::/64"))


class TestAllErrorsAtOnce:
    """Whatever their kind, and also where the host lacks the programs, which ends planning."""

    @pytest.mark.parametrize(
        ("resource", "first", "second", "third"),
        [
            (
                RESOURCE,
                {"source": "10.1.0.0/16", "namespace": "new"},
                {"source": "10.2.0.0/16", "out_interface": "eth7"},
                {"source": "10.2.3.0/24"},
            ),
            (
                PortForwardResource(),
                {"port": "81", "to_address": "192.0.2.1", "namespace": "new"},
                {"port": "82", "to_address": "192.0.2.1", "in_interface": "eth7"},
                {"port": "82", "to_address": "192.0.2.2"},
            ),
        ],
    )
    @pytest.mark.parametrize("tools", [Tools(nft=True), Tools()])
    def test_of_each_module(
        self,
        resource: Resource[Any, Any],
        first: dict[str, Any],
        second: dict[str, Any],
        third: dict[str, Any],
        tools: Tools,
    ) -> None:
        defaults = {name: option.get("default") for name, option in resource.entry_options.items()}
        entries = tuple(
            resource.desired(Entry(f"entry {number}"), {**defaults, "state": "present", **options})
            for number, options in enumerate((first, second, third))
        )
        with pytest.raises(InvalidEntries) as caught:
            resource.plan(actual(tools=tools), Call(entries=entries))
        assert sorted(str(error).split(":", maxsplit=1)[0] for error in caught.value.errors) == [
            "entry 0",
            "entry 1",
            "entry 2",
        ]
        assert resource.plan(actual(tools=Tools(nft=True)), Call(entries=entries[2:])).changed

    def test_of_different_kinds(self) -> None:
        state = replace(actual(forwarding=None), advertised={None: ["eth0"]})
        entries = [
            wanted(namespace="new"),
            wanted("10.0.0.0/8"),
            wanted("10.1.0.0/16"),
            wanted("fd00::/64"),
            wanted("172.16.0.0/12", out_interface="eth7"),
        ]
        found = [line.partition(": ")[0] for line in errors(state, *entries).splitlines()]
        assert set(found) == {str(wanted.entry) for wanted in entries}
        assert found.count("fd00::/64") == 2  # without IPv6, and the default route
