# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report: every rival has its line, and what was not run says why."""

from __future__ import annotations

from ansible_collections.netns.fabric.tests.benchmarks.bars import Results
from ansible_collections.netns.fabric.tests.benchmarks.records import ACTIONS, Measured, ModuleRun, Record
from ansible_collections.netns.fabric.tests.benchmarks.report import Circumstances, Description, markdown, plot

ALL = frozenset(ACTIONS)
RIVALS = {
    "site": Description("site.yml", "the playbook", ALL),
    "ping": Description("ping", "one task", frozenset({"build"})),
    "modules": Description("modules, pyroute2 0.9", "no Ansible", ALL),
    "loop": Description("loop", "today's modules", ALL),
    "recipe": Description("recipe", "one by one", frozenset({"build", "teardown"})),
}
CIRCUMSTANCES = Circumstances("2026-01-02", "2 CPUs", {"Linux": "6.1", "Open vSwitch": "3.1.0"}, 180.0, 3)


def times(seconds: float, *modules: ModuleRun) -> dict[str, list[Measured]]:
    return {action: [Measured(seconds, seconds + 1, modules)] for action in ACTIONS}


def results() -> Results:
    sequence = ModuleRun("sequence", 0.1, 0.2, 0.0, 0.15, 38.0)
    netns = ModuleRun("netns", 0.0, 0.0, 0.05, 0.2, 37.0, within="sequence")
    probe = ModuleRun("reachability", 0.1, 0.2, 0.0, 0.3, 39.0)
    return Results(
        [
            Record("site", 2, times(8.0)),
            Record("ping", 2, {"build": [Measured(1.0)]}),
            Record("modules", 2, times(1.3, sequence, netns, probe)),
            Record("loop", 2, not_run="not installed: community.general"),
            Record("recipe", 2, {"build": [Measured(2.0), Measured(4.0)]}, "recipe at N=2: stopped after 9 s"),
        ]
    )


def section(title: str) -> list[str]:
    text = markdown(results(), RIVALS, CIRCUMSTANCES)
    assert text.count(f"## {title}\n") == 1, title
    return text.partition(f"## {title}\n")[2].partition("\n## ")[0].splitlines()


def test_the_head_says_when_and_with_what() -> None:
    head = markdown(results(), RIVALS, CIRCUMSTANCES).partition("##")[0]
    assert head.startswith("<!--\n")
    assert "2026-01-02; it took 3 minutes" in head
    assert "2 CPUs. Linux 6.1, Open vSwitch 3.1.0." in head


def test_a_bar_with_its_verdict() -> None:
    (line,) = (one for one in section("The bars") if "built, to a play" in one)
    assert "| <= 4x | 8.00x | NOT MET | 8.00 s / 1.00 s |" in line


def test_a_table_has_the_median_and_the_number_of_runs() -> None:
    lines = section("Build")
    assert "| Seconds | N=2 |" in lines
    assert "| site.yml | 8.00 (1) |" in lines
    assert "| recipe | 3.00 (2) |" in lines


def test_what_is_not_installed_or_too_slow_is_not_dropped() -> None:
    lines = section("Teardown, until the kernel has let go of every link")
    assert "| loop | note 1 |" in lines
    assert "| recipe | note 2 |" in lines
    assert "1. not installed: community.general" in lines
    assert "2. recipe at N=2: stopped after 9 s" in lines


def test_what_a_rival_does_not_offer_has_no_line() -> None:
    assert not any("recipe" in line or "ping" in line for line in section("One namespace added"))


def test_the_parts_of_the_time_add_up_to_the_whole() -> None:
    lines = [line.split("|")[2].strip() for line in section("Where the time goes, N=2") if line.startswith("|")]
    whole, *parts = map(float, lines[2:])
    assert whole == 8.0
    # Ansible, Python's start, imports, ovs-vsctl, the steps, what is around them, the verification
    assert parts == [6.7, 0.2, 0.4, 0.05, 0.2, 0.15, 0.3]


def test_the_modules_by_themselves() -> None:
    lines = section("The modules by themselves, N=2")
    assert "| modules: build, sequence | 0.450 | 0.100 | 0.200 | 0.000 | 0.150 | 38 |" in lines
    assert "| modules: build, sequence: netns | 0.250 | 0.000 | 0.000 | 0.050 | 0.200 | 37 |" in lines
    assert "| modules: build, reachability | 0.600 | 0.100 | 0.200 | 0.000 | 0.300 | 39 |" in lines


def test_the_plot_has_every_rival_that_was_measured() -> None:
    text = plot(results(), RIVALS)
    assert all(name in text for name in ("site.yml", "ping", "recipe"))
    assert "loop" not in text
