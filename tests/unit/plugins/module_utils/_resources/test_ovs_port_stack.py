# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The host's own network stack at a port's end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.sysctl_names import in_full
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import KernelState, Link, NamespaceName
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_port_stack import PARAMETERS, queries
from ansible_collections.netns.fabric.tests.unit.plugins.module_utils._resources.ovs_ports import (
    FAR,
    bridge,
    links,
    plan,
    port,
    state,
    veth,
    wanted,
)

NEAR = veth("t1", 10, "red", 2, master=7)
SET = [f"sysctl -w {in_full('t1', short)}={value}" for short, value in PARAMETERS.items()]


def with_values(kernel: KernelState, link: str, value: str | None) -> KernelState:
    return replace(kernel, sysctls={(None, in_full(link, short)): value for short in PARAMETERS})


def commands(kernel: KernelState, datapath_type: str = "netdev", existing: bool = True) -> list[str]:
    ports = (port(),) if existing else ()
    actual = state(bridge(*ports, datapath_type=datapath_type), kernel=kernel, system_works=datapath_type == "system")
    done = plan(actual, wanted(bridge="br"), check_mode=True).commands
    return [line for line in done if line.startswith("sysctl")]


@pytest.mark.parametrize("existing", [True, False])
def test_it_is_set_on_the_userspace_datapath(existing: bool) -> None:
    kernel = with_values(links([NEAR], [FAR]), "t1", "0")
    assert commands(kernel, existing=existing) == SET
    assert commands(kernel, "system", existing) == []


def test_what_is_set_already() -> None:
    kernel = links([NEAR], [FAR])
    as_wanted: dict[tuple[NamespaceName, str], str | None] = {
        (None, in_full("t1", short)): value for short, value in PARAMETERS.items()
    }
    assert commands(replace(kernel, sysctls=as_wanted)) == []


def test_a_kernel_without_a_parameter() -> None:
    assert commands(with_values(links([NEAR], [FAR]), "t1", None)) == []


def test_a_link_that_does_not_exist_yet_has_the_defaults() -> None:
    assert commands(with_values(links([], None), "default", "0"), existing=False) == SET


def test_a_network_card_is_left_alone() -> None:
    assert commands(with_values(links([Link(10, "t1", master=7)]), "t1", "0")) == []


def test_queries() -> None:
    found = queries([wanted(), wanted(name="i1", type="internal")])
    assert {key.split(".")[3] for _namespace, key in found} == {"default", "t1"}


def test_a_change_is_announced_to_neighbours() -> None:
    kernel = with_values(links([NEAR], [FAR]), "t1", "0")
    (change,) = plan(state(bridge(port()), kernel=kernel), wanted()).changes
    assert [type(step).__name__ for step in change.operations][-2:] == ["Announce", "Announce"]
    assert change.before == dict.fromkeys(PARAMETERS, "0")
    assert change.after == dict(PARAMETERS)
