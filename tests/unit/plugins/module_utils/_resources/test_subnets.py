# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Subnets that the host reaches by another link."""

from __future__ import annotations

from ipaddress import ip_interface

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import (
    KernelState,
    Link,
    NamespaceState,
    Route,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.uapi import RTPROT_KERNEL
from ansible_collections.netns.fabric.plugins.module_utils._resources.subnets import WantedSubnet, find_taken

MAC = "02:00:00:00:00:01"
HOST = NamespaceState(
    None,
    links=(
        Link(1, "lo", loopback=True),
        Link(2, "eth0", mac=MAC),
        Link(3, "wg0", kind="wireguard"),
        Link(4, "old0", mac=MAC, alias="netns.fabric:lab"),
    ),
    routes=(
        Route("0.0.0.0/0", "192.168.1.254", 2),
        Route("192.168.1.0/24", device=2, protocol=RTPROT_KERNEL),
        Route("172.16.0.0/16", "192.168.1.9", 2),
        Route("172.20.0.0/16", device=2),
        Route("10.0.0.0/8", device=3),
        Route("10.64.0.0/16", device=4, protocol=RTPROT_KERNEL),
        Route("10.99.0.0/16", device=1),
        Route("10.98.0.0/16", device=2, table=100),
        Route("10.97.0.0/16", device=2, kind="blackhole"),
    ),
)


def list_errors(address: str, owner: str | None = None, changing: tuple[str, ...] = ()) -> list[str]:
    wanted = [WantedSubnet(Entry("br0"), "addresses", "br0", ip_interface(address))]
    return [str(error) for error in find_taken(KernelState({None: HOST}), wanted, owner, changing)]


@pytest.mark.parametrize(
    ("address", "route"),
    [
        ("192.168.1.1/24", "192.168.1.0/24 by eth0"),
        ("192.168.1.1/28", "192.168.1.0/24 by eth0"),
        ("192.168.0.1/16", "192.168.1.0/24 by eth0"),
        ("172.16.0.1/16", "172.16.0.0/16 by eth0"),
        ("172.20.1.1/24", "172.20.0.0/16 by eth0"),
        ("10.0.0.1/8", "10.0.0.0/8 by wg0"),
        ("10.64.1.1/24", "10.64.0.0/16 by old0"),
    ],
)
def test_taken(address: str, route: str) -> None:
    (error,) = list_errors(address)
    assert f"and the host reaches {route} already" in error


@pytest.mark.parametrize(
    "address",
    [
        "192.168.2.1/24",
        "172.16.7.1/24",
        "10.1.0.1/16",
        "10.99.0.1/16",
        "10.98.0.1/16",
        "10.97.0.1/16",
        "192.168.1.7/32",
    ],
)
def test_free(address: str) -> None:
    assert list_errors(address) == []


def test_own_links() -> None:
    assert list_errors("10.64.1.1/24", owner="lab") == []
    assert list_errors("10.64.1.1/24", changing=("old0",)) == []
    assert list_errors("10.64.1.1/24", owner="other")
