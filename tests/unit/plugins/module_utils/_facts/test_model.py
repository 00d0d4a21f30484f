# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names of namespaces and links that JSON cannot hold, the subset that was not collected."""

from __future__ import annotations

from ansible_collections.netns.fabric.plugins.module_utils._core.text import printable_data
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import Link
from ansible_collections.netns.fabric.tests.helpers.host_facts import LO, host_facts, namespace, reported


def test_bytes_that_are_not_utf_8_are_printable() -> None:
    raw = b"\xff\xc3\xa4".decode(errors="surrogateescape")
    result = reported(host_facts(namespace(raw, LO, Link(2, raw, kind="tun", alias=raw))))
    result = printable_data(result)  # as every module does at its end
    assert result["namespaces"][0]["name"] == result["namespaces"][0]["links"][1]["name"] == "\\xffä"
    assert result["declarations"]["links"] == []


def test_open_vswitch_that_was_not_collected_has_a_reason() -> None:
    switch = reported(host_facts(namespace(None, LO)))["openvswitch"]
    assert (switch["available"], switch["reason"]) == (False, "gather_subset excludes openvswitch")
