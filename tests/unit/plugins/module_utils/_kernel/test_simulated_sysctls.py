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


OF_LINKS = "net.ipv4.conf.*.forwarding"


def test_of_links_that_exist_and_new_ones() -> None:
    read = {"all": "0", "default": "0", "eth0": "0", "eth1": "1", "eth0.10": "0"}
    sysctls = SimulatedSysctls()
    assert sysctls.of_links(None, OF_LINKS, read) == read
    sysctls.set(None, "net.ipv4.conf.eth0/10.forwarding", "1")
    sysctls.set(None, "net.ipv4.conf.new0.forwarding", "1")
    sysctls.set(None, "net.ipv4.conf.eth1.rp_filter", "0")
    sysctls.set("red", "net.ipv4.conf.eth1.forwarding", "0")
    assert sysctls.of_links(None, OF_LINKS, read) == {**read, "eth0.10": "1", "new0": "1"}
    sysctls.set(None, "net.ipv4.conf.default.forwarding", "1")
    assert sysctls.of_links(None, OF_LINKS, read)["default"] == "1"


def test_of_all_links_at_once() -> None:
    sysctls = SimulatedSysctls()
    sysctls.set(None, "net.ipv4.ip_forward", "1")
    sysctls.set(None, "net.ipv4.conf.eth0.forwarding", "0")
    found = sysctls.of_links(None, OF_LINKS, {"all": "0", "default": "0", "eth0": "1", "eth1": "0"})
    assert found == {"all": "1", "default": "1", "eth0": "0", "eth1": "1"}


def test_what_is_gone_has_its_parameters_no_longer() -> None:
    sysctls = SimulatedSysctls()
    for namespace, link in ((None, "eth0"), (None, "eth1"), ("red", "eth0"), ("red", "default")):
        sysctls.set(namespace, f"net.ipv4.conf.{link}.forwarding", "1")
    sysctls.forget_link(None, "eth0")
    assert sysctls.of_links(None, OF_LINKS, {}) == {"eth1": "1"}
    assert sysctls.of_links("red", OF_LINKS, {}) == {"eth0": "1", "default": "1"}
    sysctls.forget("red")
    assert sysctls.of_links("red", OF_LINKS, {}) == {}
