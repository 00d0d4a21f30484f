# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether an outcome is as expected, and how it is returned."""

from __future__ import annotations

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._probes.model import Judged, Outcome
from ansible_collections.netns.fabric.tests.unit.plugins.module_utils._probes.samples import REACHED, probe, unreachable


@pytest.mark.parametrize(
    ("expect", "outcome", "ok"),
    [
        ("reachable", REACHED, True),
        ("reachable", unreachable("silence"), False),
        ("unreachable", REACHED, False),
        ("unreachable", unreachable("silence"), True),
        ("unreachable", unreachable("no route"), True),
        ("unreachable", unreachable("prohibited"), True),
        ("silent", unreachable("silence"), True),
        ("silent", unreachable("filtered"), True),
        ("silent", unreachable("no neighbour"), False),
        ("silent", unreachable("refused"), False),
        ("silent", REACHED, False),
        ("rejected", unreachable("refused"), True),
        ("rejected", unreachable("prohibited"), True),
        ("rejected", unreachable("port unreachable"), True),
        ("rejected", unreachable("silence"), False),
        ("rejected", unreachable("no route"), False),
        ("no_route", unreachable("no route"), True),
        ("no_route", unreachable("no neighbour"), True),
        ("no_route", unreachable("network unreachable"), True),
        ("no_route", unreachable("silence"), False),
        ("silent", unreachable("no such namespace"), False),
        ("unreachable", unreachable("no such namespace"), False),
        ("unreachable", unreachable("no owner"), False),
        ("reachable", None, None),
    ],
)
def test_ok(expect: str, outcome: Outcome | None, ok: bool | None) -> None:
    assert Judged(probe("ns01", "192.0.2.1", expect=expect), outcome).ok is ok


def test_result_of_a_probe() -> None:
    judged = Judged(
        probe(None, "192.0.2.1", protocol="tcp"), Outcome(reachable=True, round_trip=0.0002174, answered_by="ns01")
    )
    assert judged.as_result() == {
        "namespace": None,
        "to": "192.0.2.1",
        "protocol": "tcp",
        "port": None,
        "expect": "reachable",
        "result": "reachable",
        "ok": True,
        "round_trip_ms": 0.217,
        "cause": None,
        "detail": None,
        "answered_by": "ns01",
        "refused_by": None,
        "skipped_because": None,
    }
    skipped = Judged(probe(None, "192.0.2.1"), None).as_result()
    assert (skipped["result"], skipped["ok"], skipped["cause"]) == ("skipped", None, None)


@pytest.mark.parametrize(
    ("cause", "result"),
    [
        ("silence", "silent"),
        ("refused", "rejected"),
        ("no route", "no_route"),
        ("hop limit exceeded", "unreachable"),
        ("no such namespace", "unreachable"),
    ],
)
def test_result_without_an_answer(cause: str, result: str) -> None:
    assert Judged(probe(None, "192.0.2.1"), unreachable(cause)).result == result
