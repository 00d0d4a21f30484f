# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What entries ensure, and what others need of it."""

from __future__ import annotations

from ipaddress import ip_interface, ip_network
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.argspec import argument_spec, parse_call
from ansible_collections.netns.fabric.plugins.module_utils._resources.registry import RESOURCES
from ansible_collections.netns.fabric.plugins.module_utils._resources.things import (
    ABridge,
    AGateway,
    ALink,
    ALinkUp,
    AnAddress,
    ANamespace,
    APort,
    ASubnet,
    ensure_link,
)


def ensured(module: str, **options: Any) -> set[object]:
    resource = RESOURCES[module]
    defaults = {name: option.get("default") for name, option in argument_spec(resource).items()}
    call = parse_call(resource, {**defaults, **options}, check_mode=False)
    return {thing for wanted in call.entries for thing in resource.ensures(wanted)}


def test_their_names_in_messages() -> None:
    things = [ANamespace("red"), ABridge("br"), ALink("red", "x"), ALink(None, "x"), ALinkUp(None, "x")]
    assert [str(each) for each in things] == [
        "namespace red",
        "bridge br",
        "link red/x",
        "link host/x",
        "link host/x (up)",
    ]
    assert str(AGateway(None, "192.0.2.1")) == "an address in host in the subnet of the gateway 192.0.2.1"


def test_a_link_that_is_set_down_carries_no_subnet() -> None:
    addresses = (ip_interface("192.0.2.1/24"),)
    assert set(ensure_link(None, "x", enabled=False, addresses=addresses)) == {
        ALink(None, "x"),
        AnAddress(None, "192.0.2.1"),
    }
    assert set(ensure_link(None, "x", enabled=None, addresses=addresses)) == {
        ALink(None, "x"),
        ALinkUp(None, "x"),
        AnAddress(None, "192.0.2.1"),
        ASubnet(None, "x", ip_network("192.0.2.0/24")),
    }


@pytest.mark.parametrize(
    ("module", "options", "things"),
    [
        ("netns", {"name": "red"}, {ANamespace("red"), ALinkUp("red", "lo"), ALink("red", "sit0")}),
        ("veth", {"name": "a", "namespace": "red", "peer": {"name": "b"}}, {ALink("red", "a"), ALink(None, "b")}),
        ("link", {"name": "a", "namespace": "red", "enabled": True}, {ALinkUp("red", "a")}),
        ("ovs_bridge", {"name": "br"}, {ABridge("br"), APort("br"), ALink(None, "br")}),
        ("ovs_port", {"name": "p", "bridge": "br", "type": "internal"}, {ALink(None, "p")}),
        (
            "route",
            {"destination": "192.0.2.0/24", "device": "a"},
            {ASubnet(None, "a", ip_network("192.0.2.0/24"))},
        ),
    ],
)
def test_what_modules_ensure(module: str, options: dict[str, Any], things: set[object]) -> None:
    assert things <= ensured(module, **options)


@pytest.mark.parametrize(
    ("module", "options"),
    [
        ("netns", {"name": "red", "state": "absent"}),
        ("veth", {"name": "a", "peer": {"name": "b"}, "state": "absent"}),
        ("ovs_bridge", {"name": "br", "state": "absent"}),
        ("ovs_port", {"name": "p", "state": "absent"}),
        ("ovn_chassis", {"bridge": "br-int"}),
        ("ovs_flow", {"bridge": "br", "flows": ["actions=drop"]}),
        ("ovs_mirror", {"name": "m", "bridge": "br"}),
        ("ovs_qos", {"port": "p"}),
        ("route", {"destination": "192.0.2.0/24", "gateway": "192.0.2.1"}),
        ("route", {"destination": "192.0.2.0/24", "device": "a", "state": "absent"}),
        ("nat_masquerade", {"source": "192.0.2.0/24"}),
    ],
)
def test_what_modules_do_not_ensure(module: str, options: dict[str, Any]) -> None:
    assert ensured(module, **options) == set()


def test_a_link_that_is_given_back_is_on_the_host() -> None:
    assert ALink(None, "nic0") in ensured("link", name="nic0", namespace="red", state="absent")
