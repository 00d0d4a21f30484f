# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Topologies with any links of the kinds that the kernel has, damaged, changed into others, and deleted.

The first run creates them as check mode predicts, a run after any damage restores them, one with other variables leads
there, and a deletion leaves nothing. The options are those of the samples of tests/integration/kinds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ansible_collections.netns.fabric.plugins.module_utils._kernel.kinds import KINDS
from ansible_collections.netns.fabric.tests.generated.cases import generated
from ansible_collections.netns.fabric.tests.generated.converge import Variables, converge_as_predicted
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.kinds import SAMPLES, is_missing
from ansible_collections.netns.fabric.tests.helpers.snapshot import assert_equal, take

CASES = 30

#: Kinds that can be ports of a bridge of the kernel.
PORTS = ("ifb", "tap", "vxlan")
DAMAGES = ("deleted", "down", "renamed", "other MTU", "without addresses", "out of its master")

Interface = dict[str, Any]
#: The kind of a link, the samples that its options are of, the number of its parent, and whether it is to be a port.
Chosen = tuple[str, str, int, bool]
#: A bridge with a port that becomes a link without ports, as the port does.
BRIDGE = [("bridge", "in_place", 1, False), ("ifb", "in_place", 0, True)]
NO_BRIDGE = [("macvtap", "recreate", 1, False), ("macvtap", "recreate", 0, True)]


def test_kinds(host: Host, request: pytest.FixtureRequest) -> None:
    kinds = [kind for kind in sorted(SAMPLES) if not is_missing(kind)]
    links = st.lists(
        st.tuples(
            st.sampled_from(kinds),
            st.sampled_from(["create", "in_place", "recreate"]),
            st.integers(0, 1),
            st.booleans(),
        ),
        max_size=4,
    )
    damages = st.lists(st.tuples(st.sampled_from(DAMAGES), st.integers(0, 3)), max_size=3)

    @generated(request, CASES)
    @example(BRIDGE, [], NO_BRIDGE)
    @given(links, damages, links)
    def case(first: list[Chosen], damages: list[tuple[str, int]], second: list[Chosen]) -> None:
        host.clear()
        empty = take()
        for chosen, harm in ((first, damages), (second, [])):
            variables = _build_topology(chosen)
            converge_as_predicted(variables)
            _assert_links(host, variables)
            for damage, number in harm:
                _do_damage(host, damage, f"k{number}")
            converge_as_predicted(variables)
            _assert_links(host, variables)
        converge_as_predicted({**_build_topology(second), "state": "absent"})
        assert_equal(take(), empty, "a deletion leaves nothing")

    case()


def _build_topology(chosen: Sequence[Chosen]) -> Variables:
    ends = [{"name": f"eth{number}", "bridge": "br", "addresses": [f"10.77.{number}.1/24"]} for number in (0, 1)]
    interfaces: list[Interface] = [*ends]
    bridge = ""
    for number, one in enumerate(chosen):
        interface = _build_interface(number, one, bridge)
        bridge = str(interface["name"]) if interface["kind"] == "bridge" else bridge
        interfaces.append(interface)
    return {
        "name": "lab",
        "state": "present",
        "verify": False,
        "bridges": [{"name": "br"}],
        "namespaces": [{"name": "red", "interfaces": interfaces}],
        "links": [],
        "nat": [],
    }


def _build_interface(number: int, chosen: Chosen, bridge: str) -> Interface:
    kind, variant, parent, is_port = chosen
    options = {**SAMPLES[kind]["create"].get(kind, {}), **SAMPLES[kind].get(variant, {}).get(kind, {})}
    if "id" in options:
        options["id"] = 100 + number
    if options.get("mode") == "passthru":  # it would be the only one on its parent
        options["mode"] = "vepa"
    interface: Interface = {"name": f"k{number}", "kind": kind, **({kind: options} if options else {})}
    if KINDS[kind].on_parent:
        interface["parent"] = {"name": f"eth{parent}", "namespace": "red"}
    if is_port and bridge and kind in PORTS:
        return {**interface, "master": bridge, "addresses": []}
    return {**interface, "addresses": [f"10.88.{number}.1/24"]}


def _assert_links(host: Host, variables: Variables) -> None:
    declared = variables["namespaces"][0]["interfaces"]
    there = host.links("red")
    assert there.keys() == {"lo", *(interface["name"] for interface in declared)}
    for interface in declared:
        link = there[interface["name"]]
        assert link["linkinfo"]["info_kind"] == _name_in_kernel(interface), interface
        assert "UP" in link["flags"], interface
        assert link.get("master") == interface.get("master"), interface
        found = {f"{each['local']}/{each['prefixlen']}" for each in link["addr_info"] if each["family"] == "inet"}
        assert found == set(interface.get("addresses", ())), interface


def _name_in_kernel(interface: Interface) -> str:
    return KINDS[interface["kind"]].kernel_name if "kind" in interface else "veth"


def _do_damage(host: Host, damage: str, link: str) -> None:
    commands = {
        "deleted": f"link del {link}",
        "down": f"link set {link} down",
        "renamed": f"link set {link} down name {link}x",
        "other MTU": f"link set {link} mtu 1300",
        "without addresses": f"addr flush dev {link}",
        "out of its master": f"link set {link} nomaster",
    }
    # The link may not be there, by earlier damage or in this topology.
    host.run("ip", "-n", "red", *commands[damage].split(), check=False)
