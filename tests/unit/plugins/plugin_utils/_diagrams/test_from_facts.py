# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The diagram of the actual topology."""

from __future__ import annotations

import pytest

from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.build import build_diagram
from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.from_facts import is_facts, split_target
from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.model import (
    OPEN,
    Connection,
    End,
    bridge_key,
    namespace_key,
    policy_note,
    published_note,
    reaching_note,
)
from ansible_collections.netns.fabric.tests.unit.plugins.plugin_utils._diagrams.samples import (
    FORWARDING,
    FOUND_RED,
    ISOLATING,
    PUBLISHING,
    RED,
    RED_PORT,
    RED_TAP,
    boxes,
    build_facts,
    owned_link,
    owned_port,
    owned_space,
    variables,
)


def test_actual_topology_is_drawn_as_declared() -> None:
    masquerade = [{"source": "10.0.0.0/24", "out_interface": None, "owner": "lab", "backend": "nftables"}]
    seen = build_facts(FOUND_RED, ports=(RED_PORT,), links=[RED_TAP], firewall={"masquerade": masquerade})
    wanted = variables(RED, nat=[{"source": "10.0.0.0/24"}])
    diagram = build_diagram(seen)
    assert [box.key for box in diagram.boxes] == [box.key for box in build_diagram(wanted).boxes]
    assert diagram.connections == build_diagram(wanted).connections
    assert diagram.nat == build_diagram(wanted).nat
    compared = build_diagram(seen, wanted)
    assert compared.drifts == ()
    assert compared.connections == diagram.connections


def test_internal_port_in_a_namespace() -> None:
    inside = owned_link("int0", kind="openvswitch", bridge_port={"bridge": "int_br", "port": "int0", "tag": None})
    diagram = build_diagram(build_facts(owned_space("red", inside), ports=(owned_port("int0"),)))
    assert diagram.connections == (Connection(End(namespace_key("red"), "int0"), End(bridge_key("int_br"), "int0")),)


@pytest.mark.parametrize(("value", "expected"), [(build_facts(), True), (variables(RED), False), ([], False)])
def test_is_facts(value: object, expected: bool) -> None:
    assert is_facts(value) is expected


def test_facts_without_the_firewall_have_no_nat() -> None:
    assert build_diagram(build_facts(firewall={})).nat == build_diagram(build_facts(firewall=None)).nat == ()


def test_what_is_open() -> None:
    """Ports are shown whoever has published them, and a bridge that the host forwards from and to."""
    found = boxes(build_diagram(build_facts(FOUND_RED, sysctls=FORWARDING, firewall={"rules": PUBLISHING})))
    assert found["red"].notes == (published_note("tcp", "8080", 80), published_note("tcp", "9", None))
    assert found["int_br"].notes == (OPEN,)
    found = boxes(build_diagram(build_facts(FOUND_RED, sysctls=FORWARDING, firewall={"rules": ISOLATING})))
    assert found["int_br"].notes == (reaching_note("10.1.0.0/24"),)
    assert boxes(build_diagram(build_facts(FOUND_RED)))["int_br"].notes == ()


def test_policies() -> None:
    def rule(chain: str, verdict: str, *criteria: str) -> dict[str, object]:
        return {
            "chain": f"fabric-policy-{chain}",
            "verdict": verdict,
            "criteria": list(criteria),
            "owner": "lab",
            "target": "",
        }

    rules = [rule("in", "accept", "ct state established"), rule("in", "drop"), rule("out", "drop", "tcp dport 25")]
    seen = build_facts({**FOUND_RED, "firewall": {"rules": rules, "masquerade": []}})
    assert boxes(build_diagram(seen))["red"].notes == (
        policy_note("incoming", denies=True),
        policy_note("outgoing", denies=False),
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.0.0.1", ("10.0.0.1", None)),
        ("10.0.0.1:80", ("10.0.0.1", "80")),
        ("[fd00::1]:80", ("fd00::1", "80")),
        ("fd00::1", ("fd00::1", None)),
    ],
)
def test_targets(text: str, expected: tuple[str, str | None]) -> None:
    assert split_target(text) == expected
