# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The names of the kernel parameters of links."""

from __future__ import annotations

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core import sysctl_names


@pytest.mark.parametrize(
    ("key", "parts"),
    [
        ("net.ipv4.conf.eth0.rp_filter", ("ipv4.conf", "eth0", "rp_filter")),
        ("net.ipv4.conf.eth0/10.rp_filter", ("ipv4.conf", "eth0.10", "rp_filter")),
        ("net.ipv6.neigh.lo.gc_stale_time", ("ipv6.neigh", "lo", "gc_stale_time")),
        ("net.ipv4.conf.all.rp_filter", None),
        ("net.ipv4.conf.default.rp_filter", None),
        ("net.ipv4.ip_forward", None),
        ("net.core.conf.eth0.x", None),
    ],
)
def test_the_link_of_a_parameter(key: str, parts: tuple[str, str, str] | None) -> None:
    assert sysctl_names.split_key(key) == parts
    if parts:
        assert sysctl_names.join_key(*parts) == key
        assert sysctl_names.in_full(parts[1], f"{parts[0]}.{parts[2]}") == key


@pytest.mark.parametrize("short", ["ipv4.conf.rp_filter", "ipv4.neigh.gc_stale_time", "mpls.conf.input"])
def test_names_without_the_link(short: str) -> None:
    assert sysctl_names.check_short(short) == short


@pytest.mark.parametrize(
    "short",
    [
        "rp_filter",
        "ipv4.rp_filter",
        "net.ipv4.conf.eth0.rp_filter",
        "ipv4.conf.eth0.rp_filter",
        "ipv4.conf.",
        "core.x",
        7,
    ],
)
def test_wrong_names(short: object) -> None:
    with pytest.raises(ValueError, match=r"write TREE\.NAME without the link, such as ipv4\.conf\.rp_filter"):
        sysctl_names.check_short(short)


@pytest.mark.parametrize("key", ["net.ipv4.ip_forward", "net.ipv4.conf.eth0/10.rp_filter", "net.ipv4.conf.a//b.tag"])
def test_names_in_full(key: str) -> None:
    assert sysctl_names.check_key(key) == key


@pytest.mark.parametrize(
    ("key", "cause"),
    [
        ("kernel.hostname", "only parameters below net."),
        ("net/ipv4/ip_forward", "only parameters below net."),
        ("net.//.kernel.hostname", "not the name of a kernel parameter"),
        ("net./.ipv4", "not the name of a kernel parameter"),
        ("net.ipv4.", "not the name of a kernel parameter"),
        ("net.ipv4.x\0", "not the name of a kernel parameter"),
        ("net.ipv4.x\udcff", "not the name of a kernel parameter"),
        ("net.ipv4.x y", "not the name of a kernel parameter"),
        (f"net.{'x' * 256}", "not the name of a kernel parameter"),
        ("net.ipv4.conf.eth0.10.rp_filter", "as a slash"),
        ("net.netfilter.nf_hooks_lwtunnel", "it holds for the whole host"),
    ],
)
def test_wrong_names_in_full(key: str, cause: str) -> None:
    with pytest.raises(ValueError, match=cause):
        sysctl_names.check_key(key)


def test_values() -> None:
    assert [sysctl_names.parse_value(value) for value in (True, 7, " 1  2 ")] == ["1", "7", "1 2"]


@pytest.mark.parametrize("value", [[1], {}, "\u0661", "1\0", "\udcff"])
def test_wrong_values(value: object) -> None:
    with pytest.raises(ValueError, match=r"several numbers as one string|that no kernel parameter takes"):
        sysctl_names.parse_value(value)
