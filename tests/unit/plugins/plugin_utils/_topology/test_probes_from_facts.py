# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Probes from everywhere to everywhere."""

from __future__ import annotations

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.probes_from_facts import probe_all
from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils.facts import example, info, link, space


def test_all_probe_all() -> None:
    blue = space("blue", link("eth0", "10.0.0.2/24", "fd00::2/64"))
    found = example()
    found["namespaces"].append(blue)
    paths = {(probe.get("namespace"), probe["to"]) for probe in probe_all(found)}
    assert paths == {
        (None, "10.0.0.1"),
        (None, "10.0.0.2"),
        ("red", "10.0.0.2"),
        ("red", "10.0.0.254"),
        ("blue", "10.0.0.1"),
        ("blue", "10.0.0.254"),
    }
    assert {probe["to"] for probe in probe_all(found) if "expect" in probe} == {"10.0.0.254"}


def test_addresses_that_cannot_be_probed() -> None:
    down = space("down", link("eth0", "10.0.0.3/24", enabled=False))
    nameless = space("net:[7]", link("eth0", "10.0.0.4/24"))
    assert probe_all(info(down, nameless)) == []


def test_many_probe_neighbours_and_gateways_only() -> None:
    host = space(None, link("br0", "10.0.255.254/16", bridge_port={"bridge": "br0", "port": "br0"}))
    many = [space(f"n{number}", link("eth0", f"10.0.{number // 250}.{number % 250 + 1}/16")) for number in range(500)]
    found = probe_all(info(host, *many))
    assert len(found) == 1000
    assert {probe["to"] for probe in found if probe.get("namespace") == "n7"} == {"10.0.0.9", "10.0.255.254"}
    assert len(probe_all(info(host, *many), paths_max=10**6)) == 500 * 500 + 500
