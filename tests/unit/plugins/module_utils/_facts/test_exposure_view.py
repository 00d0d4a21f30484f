# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The exposure as topology_info returns it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import yaml

from ansible_collections.netns.fabric.plugins.module_utils._facts import exposure_view as module
from ansible_collections.netns.fabric.plugins.module_utils._facts.exposure import SERVICES_MAX
from ansible_collections.netns.fabric.plugins.module_utils._facts.exposure_view import exposure_view
from ansible_collections.netns.fabric.plugins.module_utils._facts.model import Filters
from ansible_collections.netns.fabric.plugins.module_utils._facts.view import FilteredFacts
from ansible_collections.netns.fabric.plugins.modules import topology_info
from ansible_collections.netns.fabric.tests.helpers.host_facts import ALL
from ansible_collections.netns.fabric.tests.unit.plugins.module_utils._facts.exposure_samples import (
    build_facts,
    two_tenants,
)


def view(case: dict[str, Any], **filters: Any) -> list[dict[str, Any]]:
    found, reasons = exposure_view(FilteredFacts(build_facts(case), Filters(**filters)))
    assert reasons == []
    return found


def test_what_takes_too_long_is_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "QUESTIONS_MAX", 10)
    found, (reason,) = exposure_view(FilteredFacts(build_facts(two_tenants()), Filters()))
    assert found == []
    assert "10 namespaces and services, each from 4 positions, are too many for one call" in reason


def test_answers_that_are_equal_are_one_entry() -> None:
    host, a1, a2, b1 = view(two_tenants())
    assert [each["namespace"] for each in (host, a1, a2, b1)] == [None, "a1", "a2", "b1"]
    near, far = a1["paths"][:2]
    assert (near["namespaces"], near["host"], near["routers"]) == (["a2"], True, [])
    assert (far["namespaces"], far["outside"], far["routers"]) == (["b1"], ["lan0"], [None])
    assert [(each["protocol"], each["port"]) for each in a1["services"]] == [("tcp", 80), ("udp", 53)]


def test_only_what_is_to_be_reported() -> None:
    found = view(two_tenants(), namespaces=frozenset(["b1"]))
    assert [each["namespace"] for each in found] == [None, "b1"]
    assert {name for group in found[1]["paths"] for name in group["namespaces"]} == {"a1", "a2"}
    facts = replace(build_facts(two_tenants()), wanted=ALL)
    assert exposure_view(FilteredFacts(facts, Filters())) == ([], [])


def test_services_are_limited() -> None:
    case = two_tenants()
    case["namespaces"]["a1"]["listen"] = [f"tcp/{port}" for port in range(1000, 1000 + SERVICES_MAX + 7)]
    found = view(case)[1]
    assert (len(found["services"]), found["further_services"]) == (SERVICES_MAX, 7)


def test_documented_keys() -> None:
    contains = yaml.safe_load(topology_info.RETURN)["exposure"]["contains"]
    found = view(two_tenants())[1]
    assert set(found) == set(contains)
    assert set(found["paths"][0]) == set(contains["paths"]["sample"][0])
    services = contains["services"]["contains"]
    assert set(found["services"][0]) == set(services)
    assert set(found["services"][0]["reached_from"][0]) == set(services["reached_from"]["sample"][0])
