# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The matrix."""

from __future__ import annotations

from ansible_collections.netns.fabric.plugins.module_utils._probes.matrix import MAX_WIDTH, render_matrix
from ansible_collections.netns.fabric.plugins.module_utils._probes.model import Judged
from ansible_collections.netns.fabric.tests.unit.plugins.module_utils._probes.samples import REACHED, probe, unreachable


def test_matrix_has_a_table_for_each_kind() -> None:
    judged = [
        Judged(probe("ns01", "192.168.100.254"), REACHED),
        Judged(probe("ns01", "192.168.100.2"), REACHED),
        Judged(probe("ns02", "192.168.100.254"), unreachable("silence")),
        Judged(probe("ns02", "192.168.100.1", expect="unreachable"), unreachable("no route")),
        Judged(probe(None, "192.168.100.1", protocol="tcp", port=80), unreachable("refused")),
    ]
    assert render_matrix(judged) == [
        "icmp  192.168.100.1  192.168.100.2  192.168.100.254",
        "ns01              .       0.217 ms         0.217 ms",
        "ns02       no route              .        ! silence",
        "",
        "tcp/80    192.168.100.1",
        "the host      ! refused",
        "",
        "!: not as expected; .: not probed",
    ]


def test_matrix_shows_the_failure_where_a_path_was_probed_twice() -> None:
    judged = [Judged(probe("ns01", "192.0.2.1"), outcome) for outcome in (REACHED, unreachable("silence"), REACHED)]
    assert render_matrix(judged)[1] == "ns01  ! silence"


def test_a_wide_matrix_is_compact_and_names_its_columns() -> None:
    names = [f"ns{number:03}" for number in range(1, 101)]
    addresses = [f"10.0.0.{number}" for number in range(1, 101)]
    judged = [
        Judged(probe(name, address), unreachable("silence") if name == "ns007" else REACHED)
        for name, own in zip(names, addresses)
        for address in addresses
        if address != own
    ]
    lines = render_matrix(judged)
    assert len(lines) < 100 + 25
    assert max(map(len, lines)) <= MAX_WIDTH
    row = next(line for line in lines if line.startswith("ns007"))
    assert row == "ns007  " + "S" * 6 + "." + "S" * 93
    assert lines[0].endswith((" " * 9).join("1234567890"))
    assert "100=10.0.0.100" in "".join(lines)


def test_matrix_of_no_probes_and_of_skipped_ones() -> None:
    assert render_matrix([]) == []
    assert render_matrix([Judged(probe("ns01", "192.0.2.1"), None)])[1] == "ns01    skipped"


def test_a_compact_matrix_distinguishes_why_a_path_carries_nothing() -> None:
    causes = ["", "silence", "refused", "no route", "hop limit exceeded"]
    outcomes = [unreachable(cause) if cause else REACHED for cause in causes] * 30
    judged = [
        Judged(probe("ns01", f"10.0.0.{number}", expect=expect), outcome)
        for expect, first in (("unreachable", 1), ("reachable", 151))
        for number, outcome in enumerate(outcomes[:100], first)
        if number < 256
    ]
    row = next(line for line in render_matrix(judged) if line.startswith("ns01"))
    assert row.removeprefix("ns01  ") == "!srn-" * 20 + "+SRNX" * 20
