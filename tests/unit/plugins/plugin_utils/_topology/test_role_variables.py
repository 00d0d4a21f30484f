# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Variables that a role does not have."""

from __future__ import annotations

import pytest
import yaml

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.role_variables import (
    ROLES,
    find_unknown,
    role_variables,
)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("topology_bridge", "did you mean 'topology_bridges'?"),
        ("topology_nat_backends", "did you mean 'topology_nat_backend'?"),
        ("topology_Namespaces", "did you mean 'topology_namespaces'?"),
        ("topology_zzz", "choose from: topology_name, topology_state, "),
    ],
)
def test_a_misspelt_variable(name: str, hint: str) -> None:
    [error] = find_unknown([name, "topology_nat"], "topology")
    assert error.startswith(f"{name}: the role netns.fabric.topology has no such variable; {hint}")


def test_what_is_known_or_not_the_roles() -> None:
    own = ["topology__lists", "topologies", "my_topology_bridge", "topology", "openvswitch_x"]
    assert find_unknown([*role_variables("topology"), *own], "topology") == []


def test_the_other_role_has_variables_of_its_own() -> None:
    [error] = find_unknown(["openvswitch_package", "topology_x"], "openvswitch")
    assert error.startswith("openvswitch_package: the role netns.fabric.openvswitch has no such variable; did you mean")
    assert "'openvswitch_packages'" in error


def test_a_role_that_does_not_exist() -> None:
    with pytest.raises(ValueError, match=r"'topologie' is not a role of .* did you mean 'topology'"):
        find_unknown([], "topologie")


@pytest.mark.parametrize("role", ["topology", "openvswitch"])
def test_the_defaults_are_the_variables(role: str) -> None:
    defaults = yaml.safe_load((ROLES / role / "defaults" / "main.yml").read_text(encoding="utf-8"))
    assert set(defaults) == set(role_variables(role))
