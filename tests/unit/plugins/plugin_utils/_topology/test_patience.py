# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long the derived probes wait where interfaces on their paths are shaped."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.compiler import compile_topology


def probes(shape: dict[str, Any] | None) -> dict[tuple[str | None, str], dict[str, Any]]:
    """Return the pings of three namespaces, of which n0 has a shape, and of one that nobody else reaches."""
    interfaces: list[dict[str, Any]] = [
        {"name": "eth0", "bridge": "br0", "addresses": [f"10.0.0.{number}/24"]} for number in (1, 2, 3)
    ]
    interfaces[0].update({"shape": shape} if shape else {})
    spaces = [{"name": f"n{number}", "interfaces": [each], "routes": []} for number, each in enumerate(interfaces)]
    apart = {"name": "eth0", "bridge": "br0", "tag": 5, "addresses": ["10.5.0.1/24"]}
    variables: dict[str, Any] = {
        "bridges": [{"name": "br0"}],
        "namespaces": [*spaces, {"name": "n5", "interfaces": [apart], "routes": []}],
    }
    found = compile_topology(variables)["probes"]
    return {(each.get("namespace"), each["to"]): each for each in found if each["protocol"] == "icmp"}


def test_without_shapes_nothing_changes() -> None:
    found = probes(None)
    assert {each["timeout"] for each in found.values()} == {10.0, 1.0}


def test_only_paths_that_pass_a_shape_take_longer() -> None:
    found = probes({"delay": "500ms"})
    assert found["n1", "10.0.0.3"]["timeout"] == 10.0
    assert found["n0", "10.0.0.2"]["timeout"] == found["n2", "10.0.0.1"]["timeout"] == 14.0


@pytest.mark.parametrize(
    ("shape", "seconds"),
    [
        ({"loss": "1%"}, 11.4),
        ({"loss": "10%"}, 120.0),
        ({"loss": "100%"}, 120.0),
        ({"rate": "8mbit"}, 14.2),
        ({"rate": "64kbit"}, 300.0),
    ],
)
def test_losses_and_rates(shape: dict[str, Any], seconds: float) -> None:
    assert probes(shape)["n0", "10.0.0.2"]["timeout"] == pytest.approx(seconds, abs=0.1)


def test_what_must_not_answer_would_be_late_as_well() -> None:
    found = [each for each in probes({"delay": "500ms"}).values() if each.get("expect") == "unreachable"]
    assert found
    assert {each["timeout"] for each in found if "10.0.0.1" in (each["to"],)} == {5.0}
