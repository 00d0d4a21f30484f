# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters mermaid and dot, and the diagram in the README."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError

from ansible_collections.netns.fabric.plugins.filter.diagrams import FilterModule, dot, mermaid

ROOT = Path(__file__).parents[4]


def reference() -> dict[str, Any]:
    """Return the role's defaults, as the role gives them to the filters."""
    defaults = yaml.safe_load((ROOT / "roles/topology/defaults/main.yml").read_text(encoding="utf-8"))
    return {key: defaults[f"topology_{key}"] for key in ("name", "bridges", "namespaces", "links", "nat")}


def test_filters_are_found_by_their_names() -> None:
    assert FilterModule().filters() == {"mermaid": mermaid, "dot": dot}


def test_readme_shows_the_output_of_mermaid() -> None:
    assert f"```mermaid\n{mermaid(reference())}```\n" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_dot_of_the_reference_topology() -> None:
    source = dot(reference())
    assert source == dot(reference())
    assert '"namespace ns01":"e_veth_2d_ns01":e -- "bridge int_br":"w_ns01_5f_tap":w;' in source
    assert '"bridge int_br":heading:e -- "outside":heading:w [label="NAT 192.168.100.0/24"' in source


@pytest.mark.parametrize("draw", [dot, mermaid])
def test_errors_in_the_variables(draw: Any) -> None:
    with pytest.raises(AnsibleFilterError, match="nam: is not an option here"):
        draw({"namespaces": [{"name": "red", "nam": 1}]})


@pytest.mark.parametrize("draw", [dot, mermaid])
def test_incomplete_facts(draw: Any) -> None:
    with pytest.raises(AnsibleFilterError, match=r"not a result of netns\.fabric\.topology_info"):
        draw({"host": {}, "namespaces": [], "openvswitch": {}})
