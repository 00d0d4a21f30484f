# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The errors of a topology, and hints for unknown names."""

from __future__ import annotations

import pytest

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.errors import Errors, TopologyError, suggest


def test_errors_are_kept_in_order() -> None:
    errors = Errors()
    errors.add("topology_nat[0]", "source", "is missing")
    errors.add("topology_bridges", "", "must be a list")
    assert list(errors) == ["topology_nat[0]: source: is missing", "topology_bridges: must be a list"]
    assert len(errors) == 2


@pytest.mark.parametrize(("errors", "count"), [(["x"], "an error"), (["x", "y"], "2 errors")])
def test_text_of_a_topology_error(errors: list[str], count: str) -> None:
    error = TopologyError("lab", errors)
    lines = [f"  {number}. {text}" for number, text in enumerate(errors, 1)]
    assert str(error).splitlines() == [f"topology 'lab' has {count}; the host was not changed:", *lines]
    assert error.errors == tuple(errors)


@pytest.mark.parametrize(
    ("known", "hint"),
    [
        (["name", "state"], "did you mean 'name'?"),
        (["x", "y"], "choose from: x, y"),
        ([], "none is declared"),
        (
            [f"x{number}" for number in range(22)],
            "choose from: " + ", ".join(f"x{n}" for n in range(20)) + " and 2 more",
        ),
    ],
)
def test_hints(known: list[str], hint: str) -> None:
    assert suggest("nam", known) == hint
