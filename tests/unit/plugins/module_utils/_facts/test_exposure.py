# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The cases in exposure_cases/*.yml: a host, and what of its namespaces can be reached from where."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.netns.fabric.plugins.module_utils._facts.exposure import Answer, Exposure, Service
from ansible_collections.netns.fabric.tests.unit.plugins.module_utils._facts.exposure_samples import (
    HOST,
    build_facts,
    two_tenants,
)

CASES = Path(__file__).with_name("exposure_cases")
KEYS = {"description", "host", "expected", "reasons", "at"}


def answers(exposure: Exposure, target: str) -> Mapping[str, Answer]:
    """Return the answers for a namespace, or for a service in it (`NAME PROTOCOL/PORT`), by their sources."""
    key, _blank, wanted = target.partition(" ")
    name = None if key == HOST else key
    service = Service("tcp")
    if wanted:
        service = next(each for each in exposure.services(name) if f"{each.protocol}/{each.port}" == wanted)
    found = {}
    for source, answer in exposure.answers(name, service):
        names = [each or HOST for each in source.names if each != name] or [source.outside]
        found.update(dict.fromkeys(names, answer))
    return found


@pytest.mark.parametrize("path", sorted(CASES.glob("*.yml")), ids=lambda path: path.stem)
def test_case(path: Path) -> None:
    case: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert set(case) <= KEYS
    exposure = Exposure(build_facts(case["host"]))
    for target, expected in case["expected"].items():
        found = answers(exposure, target)
        assert {name: answer.verdict for name, answer in found.items()} == expected, (target, found)
    for target, reasons in case.get("reasons", {}).items():
        named = {reason for answer in answers(exposure, target).values() for reason in answer.reasons}
        assert named >= set(reasons), target
    for target, places in case.get("at", {}).items():
        found = answers(exposure, target)
        assert {name: list(found[name].at) for name in places} == places, target


def test_namespaces_in_the_same_position_are_one_source() -> None:
    """Otherwise a host with a thousand namespaces would take a million questions."""
    case = two_tenants()
    for number in range(3, 60):
        case["namespaces"][f"a{number}"] = {**case["namespaces"]["a1"], "addresses": [f"10.1.0.{number}/24"]}
    exposure = Exposure(build_facts(case))
    assert len(exposure.sources) == 4  # two tenants, the host, the NIC
    assert answers(exposure, "a1 tcp/80")["a59"].verdict == "open"


def test_rules_distinguish_namespaces_in_the_same_position() -> None:
    rules = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -s 10.1.0.2/32 -j DROP\nCOMMIT\n"
    exposure = Exposure(build_facts(two_tenants(iptables=rules)))
    found = answers(exposure, HOST)
    assert (found["a1"].verdict, found["a2"].verdict) == ("open", "closed")


def test_loopback_services_are_left_out() -> None:
    case = two_tenants(listen=["tcp/22", "tcp/25/127.0.0.1", "udp/53/127.0.0.53"])
    assert [service.port for service in Exposure(build_facts(case)).services(None)] == [22]
