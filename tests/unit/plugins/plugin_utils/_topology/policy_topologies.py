# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A topology of three namespaces, and policies for it."""

from __future__ import annotations

from typing import Any

from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils._topology.topologies import Variables

NAMES = ("a", "b", "c")


def lab(*policies: dict[str, Any], **namespaces: dict[str, Any]) -> Variables:
    """Return three namespaces on a bridge; `namespaces` adds options to one, `br0` to the bridge."""
    return {
        "bridges": [{"name": "br0", "addresses": ["10.0.0.254/24", "fd00::fe/64"], **namespaces.get("br0", {})}],
        "namespaces": [
            {
                "name": name,
                "interfaces": [
                    {"name": "eth0", "bridge": "br0", "addresses": [f"10.0.0.{number}/24", f"fd00::{number}/64"]}
                ],
                **namespaces.get(name, {}),
            }
            for number, name in enumerate(NAMES, 1)
        ],
        "policies": list(policies),
    }


def policy(action: str = "drop", **options: Any) -> dict[str, Any]:
    return {"action": action, **{name.rstrip("_"): value for name, value in options.items()}}


def to(**selector: Any) -> dict[str, Any]:
    return {"to": selector}
