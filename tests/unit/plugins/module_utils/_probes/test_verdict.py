# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The summary, the failure's message and the likely causes."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core import expectations
from ansible_collections.netns.fabric.plugins.module_utils._probes import model
from ansible_collections.netns.fabric.plugins.module_utils._probes.model import Judged, Outcome
from ansible_collections.netns.fabric.plugins.module_utils._probes.verdict import (
    Context,
    describe_failures,
    describe_skipped,
    hint_for,
    summarize,
)
from ansible_collections.netns.fabric.tests.unit.plugins.module_utils._probes.samples import REACHED, probe, unreachable


def test_no_failure_where_all_probes_are_as_expected_or_skipped() -> None:
    judged = [
        Judged(probe("ns01", "192.0.2.2"), REACHED),
        Judged(probe("ns01", "192.0.2.3", expect="unreachable"), unreachable("silence")),
        Judged(probe("ns01", "192.0.2.4"), None),
    ]
    assert describe_failures(judged, Context()) == ""
    assert summarize(judged) == {
        "probes": 3,
        "as_expected": 2,
        "not_as_expected": 0,
        "reachable": 1,
        "unreachable": 1,
        "silent": 1,
        "rejected": 0,
        "no_route": 0,
        "masqueraded": 0,
        "skipped": 1,
    }


def test_masqueraded_and_not_probed() -> None:
    masqueraded = probe("ns01", "192.0.2.1", expect="masqueraded")
    judged = [
        Judged(masqueraded, Outcome(reachable=True, detail="it leaves as 198.51.100.1")),
        Judged(masqueraded, None, skipped="the host has no route to 192.0.2.1"),
    ]
    assert [(one.result, one.ok) for one in judged] == [("masqueraded", True), ("skipped", None)]
    assert summarize(judged)["masqueraded"] == summarize(judged)["skipped"] == 1
    assert describe_skipped(judged) == [
        "ns01 -> 192.0.2.1 masquerading was not probed: the host has no route to 192.0.2.1"
    ]
    assert describe_failures(judged, Context()) == ""


def test_failure_names_every_failed_probe_and_each_likely_cause_once() -> None:
    judged = [
        Judged(probe("ns01", "192.168.100.254", protocol="tcp"), unreachable("silence")),
        Judged(probe("ns02", "192.168.100.254", protocol="tcp"), unreachable("silence")),
        Judged(probe("ns02", "192.168.100.1"), REACHED),
        Judged(probe("ns02", "192.168.100.9", expect="unreachable"), REACHED),
        Judged(probe("ns03", "192.168.100.9", protocol="tcp", port=80), unreachable("refused")),
    ]
    gateway = ip_address("192.168.100.254")
    message = describe_failures(judged, Context(pings={("ns01", gateway): True, ("ns02", gateway): True}))
    lines = message.splitlines()
    assert lines[:5] == [
        "4 of 5 probes are not as expected:",
        "ns01 -> 192.168.100.254 tcp: silence (expected reachable)",
        "ns02 -> 192.168.100.254 tcp: silence (expected reachable)",
        "ns02 -> 192.168.100.9 icmp: reachable in 0.217 ms (expected unreachable)",
        "ns03 -> 192.168.100.9 tcp/80: refused (expected reachable)",
    ]
    assert lines[5].startswith(
        "Likely cause (ns01 -> 192.168.100.254 tcp and 1 more): ping works on this path but TCP does not: "
        "usually transmit checksum offload"
    )
    assert lines[6].startswith("Likely cause (ns02 -> 192.168.100.9 icmp): these endpoints should be isolated")
    assert lines[7].startswith("Likely cause (ns03 -> 192.168.100.9 tcp/80): nothing listens")
    assert len(lines) == 8


def test_hints() -> None:
    to = ip_address("192.0.2.1")

    def hint(outcome: Outcome, context: Context | None = None, **options: Any) -> str:
        return hint_for(Judged(probe("ns01", "192.0.2.1", **options), outcome), context or Context())

    assert hint(REACHED, expect="unreachable").startswith(
        "these endpoints should be isolated but are connected: a port in another VLAN"
    )
    assert "firewall" in hint(unreachable("silence"))
    assert "checksum" not in hint(unreachable("silence"), protocol="tcp")
    assert "checksum" not in hint(unreachable("silence"), Context(pings={("ns01", to): False}), protocol="tcp")
    assert "checksum" in hint(unreachable("silence"), Context(pings={("ns01", to): True}), protocol="tcp")
    assert "gateway 192.0.2.254" in hint(unreachable("silence"), Context(gateways={("ns01", to): "192.0.2.254"}))
    assert "MTU" in hint(unreachable("stalled"), Context(pings={("ns01", to): True}), protocol="tcp")
    assert "VLAN" in hint(unreachable("no neighbour"))
    assert "port" in hint(unreachable("no owner"), protocol="tcp")
    assert hint(unreachable("error", "Too many open files")) == ""


@pytest.mark.parametrize(
    ("expect", "cause", "text"),
    [
        ("rejected", "silence", "icmp_ratelimit"),
        ("silent", "port unreachable", "so that they have arrived"),
        ("silent", "no neighbour", "there is no route to it on the path"),
    ],
)
def test_a_forbidden_probe_that_is_not_answered_otherwise_than_expected(expect: str, cause: str, text: str) -> None:
    judged = Judged(probe("ns01", "192.0.2.1", expect=expect), unreachable(cause))
    message = describe_failures([judged], Context())
    assert f"ns01 -> 192.0.2.1 icmp: {cause} (expected {expect})" in message
    assert text in message


#: All causes but the one whose detail is a system call's error.
CAUSES = [
    value for name, value in vars(model).items() if name.isupper() and isinstance(value, str) and value != model.ERROR
]
for other in (model.HOST, *expectations.EXPECTATIONS, expectations.DELIVERED, expectations.MASQUERADED):
    CAUSES.remove(other)


@pytest.mark.parametrize("cause", CAUSES)
def test_every_cause_has_a_hint(cause: str) -> None:
    assert hint_for(Judged(probe("ns01", "192.0.2.1"), unreachable(cause)), Context())
