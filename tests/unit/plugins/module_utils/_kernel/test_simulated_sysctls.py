# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kernel parameters that a simulation has set: with all that the kernel changes along with them."""

from __future__ import annotations

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._kernel.simulated_sysctls import SimulatedSysctls


def test_what_was_set_is_found_in_its_namespace() -> None:
    sysctls = SimulatedSysctls()
    sysctls.set("red", "net.ipv4.conf.eth0.rp_filter", "0")
    assert sysctls.get("red", "net.ipv4.conf.eth0.rp_filter") == "0"
    assert sysctls.get("red", "net.ipv4.conf.eth1.rp_filter") is None
    assert sysctls.get(None, "net.ipv4.conf.eth0.rp_filter") is None
    sysctls.clear()
    assert sysctls.get("red", "net.ipv4.conf.eth0.rp_filter") is None


@pytest.mark.parametrize("key", ["net.ipv4.ip_forward", "net.ipv4.conf.all.forwarding"])
def test_forwarding_of_all_links_changes_each(key: str) -> None:
    sysctls = SimulatedSysctls()
    sysctls.set(None, "net.ipv4.conf.eth0.forwarding", "0")
    sysctls.set(None, key, "1")
    assert sysctls.get(None, "net.ipv4.ip_forward") == "1"
    assert sysctls.get(None, "net.ipv4.conf.eth0.forwarding") == "1"
    assert sysctls.get(None, "net.ipv4.conf.default.forwarding") == "1"
    sysctls.set(None, "net.ipv4.conf.eth0.forwarding", "0")
    assert sysctls.get(None, "net.ipv4.conf.eth0.forwarding") == "0"
    assert sysctls.get(None, "net.ipv4.conf.eth1.forwarding") == "1"


def test_what_the_kernel_does_not_copy() -> None:
    sysctls = SimulatedSysctls()
    sysctls.set(None, "net.ipv4.conf.all.rp_filter", "1")
    assert sysctls.get(None, "net.ipv4.conf.eth0.rp_filter") is None
    sysctls.set(None, "net.ipv6.conf.all.disable_ipv6", "1")
    assert sysctls.get(None, "net.ipv6.conf.default.disable_ipv6") == "1"
