# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Six namespaces and twelve generated policies: who gets an answer from whom is what the policies say.

All pairs are probed, by ICMP, TCP and UDP, on two ports, over IPv4 and IPv6. Each case changes the policies of the one
before it, so that connections of the last one are cut or go on.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from ansible_collections.netns.fabric.tests.generated.cases import generated
from ansible_collections.netns.fabric.tests.generated.converge import converge, run, steps
from ansible_collections.netns.fabric.tests.generated.policies import (
    DEFAULTS,
    listening,
    policies,
    probe,
    probes,
    topology,
)
from ansible_collections.netns.fabric.tests.helpers.host import Host

CASES = 5


def test_the_matrix_is_as_declared(host: Host, request: pytest.FixtureRequest) -> None:
    @generated(request, CASES)
    @given(policies(), DEFAULTS)
    def case(listed: list[dict[str, Any]], defaults: dict[tuple[str, str], str]) -> None:
        variables = topology(listed, defaults)
        predicted = run(steps(variables), check=True)
        done = run(steps(variables), check=False)
        assert (predicted["commands"], predicted["diff"]) == (done["commands"], done["diff"])
        assert probe([listening(entry) for entry in probes(variables)]) == []
        assert converge(variables) == [], "a second run changes nothing"

    case()
    converge({**topology([], {}), "state": "absent"})
    assert host.namespaces() == []
