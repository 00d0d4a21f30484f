# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report in Markdown: tables, bars and the parts of the time. Pure: values in, text out."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from ansible_collections.netns.fabric.tests.benchmarks.bars import NotMeasuredError, Results, Verdict, verdicts
from ansible_collections.netns.fabric.tests.benchmarks.plot import Series, svg
from ansible_collections.netns.fabric.tests.benchmarks.records import ACTIONS, ModuleRun

ACTION_TITLES = {
    "build": "Build",
    "rerun": "Re-run with nothing to do",
    "add": "One namespace added",
    "teardown": "Teardown, until the kernel has let go of every link",
}
#: Runs of our own code without Ansible: they are no rivals and have a table of their own.
MODULE_RIVALS = ("modules", "modules-0.7")
#: The sizes for which the report has the parts of the time.
PROFILED = (2, 500)

#: The words for the state of a bar.
MET = {True: "met", False: "NOT MET", None: "not measured"}


@dataclass(frozen=True)
class Circumstances:
    """When, where and with what it was measured."""

    date: str
    machine: str
    versions: Mapping[str, str]
    duration: float
    runs: int


@dataclass(frozen=True)
class Description:
    """What the report calls a rival, and how it works."""

    title: str
    text: str
    offers: frozenset[str]


def markdown(results: Results, rivals: Mapping[str, Description], circumstances: Circumstances) -> str:
    """Return the report."""
    parts = [
        _head(circumstances),
        _bars(verdicts(results)),
        *(_times(results, rivals, action) for action in ACTIONS),
        _traffic(results, rivals),
        "![Build, seconds by number of namespaces](benchmarks.svg)\n",
        *(_profile(results, size) for size in PROFILED if size in results.sizes),
        *(_modules(results, size) for size in PROFILED if size in results.sizes),
        _explanations(rivals, circumstances),
    ]
    return "\n".join(part for part in parts if part)


def plot(results: Results, rivals: Mapping[str, Description]) -> str:
    """Return the plot of the builds as SVG."""
    shown = [name for name in results.rivals if not name.startswith("shell-")]
    return svg("Build", [Series(rivals[name].title, _points(results, name)) for name in shown])


def _points(results: Results, rival: str) -> tuple[tuple[float, float], ...]:
    points = []
    for size in results.sizes:
        try:
            points.append((float(size), results.seconds(rival, size)))
        except NotMeasuredError:
            continue
    return tuple(points)


def _head(circumstances: Circumstances) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in circumstances.versions.items())
    return f"""<!--
Copyright (c) 2026, netns.fabric contributors
SPDX-License-Identifier: GPL-3.0-or-later
-->

# Benchmarks

Written by `make bench` on {circumstances.date}; it took {circumstances.duration / 60:.0f} minutes. Do not edit.

{_wrap(f"Machine: {circumstances.machine}. {versions}.")}
"""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---", *("---:" for _column in head[1:])], *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines) + "\n"


def _bars(found: Sequence[Verdict]) -> str:
    rows = [
        [
            one.what,
            f"<= {one.limit:g}{one.unit}",
            "-" if one.figure is None else f"{one.figure:.2f}{one.unit}",
            MET[one.met],
            one.note,
        ]
        for one in found
    ]
    return "## The bars\n\n" + _table(["What", "Bar", "Measured", "", "From"], rows)


def _times(results: Results, rivals: Mapping[str, Description], action: str) -> str:
    notes: list[str] = []
    rows = []
    for name in results.rivals:
        if action not in rivals[name].offers:
            continue
        cells = [_cell(results, name, size, action, notes) for size in results.sizes]
        rows.append([rivals[name].title, *cells])
    head = ["Seconds", *(f"N={size}" for size in results.sizes)]
    remarks = "".join(f"\n{number}. {note}" for number, note in enumerate(notes, 1))
    return f"## {ACTION_TITLES[action]}\n\n" + _table(head, rows) + (remarks + "\n" if notes else "")


def _cell(results: Results, rival: str, size: int, action: str, notes: list[str]) -> str:
    """Return the median and the number of runs; without, a pointer to the reason, which is added to the notes."""
    try:
        return f"{results.seconds(rival, size, action):.2f} ({len(results.runs(rival, size, action))})"
    except NotMeasuredError:
        record = results.record(rival, size)
        reason = record.not_run if record and record.not_run else "not measured"
        if reason not in notes:
            notes.append(reason)
        return f"note {notes.index(reason) + 1}"


def _traffic(results: Results, rivals: Mapping[str, Description]) -> str:
    rows = []
    for name in results.rivals:
        cells = [_traffic_cell(results, name, size) for size in results.sizes]
        if any(cells):
            rows.append([rivals[name].title, *cells])
    head = ["Seconds", *(f"N={size}" for size in results.sizes)]
    title = "## Build, until a ping passes between the first and the last namespace"
    return f"{title}\n\n" + _table(head, rows) if rows else ""


def _traffic_cell(results: Results, rival: str, size: int) -> str:
    try:
        return f"{results.traffic(rival, size):.2f}"
    except NotMeasuredError:
        return ""


def _profile(results: Results, size: int) -> str:
    """How the time of site.yml is spent: the whole is measured, its parts by the modules run without it."""
    try:
        columns = {ACTION_TITLES[action]: _parts(results, size, action) for action in ("build", "rerun", "teardown")}
    except NotMeasuredError:
        return ""
    names = list(columns["Build"])
    rows = [[name, *(f"{parts[name]:.2f}" for parts in columns.values())] for name in names]
    return f"## Where the time goes, N={size}\n\n" + _table(["Seconds", *columns], rows)


def _parts(results: Results, size: int, action: str) -> dict[str, float]:
    whole = results.seconds("site", size, action)
    runs = results.runs("modules", size, action)
    every = [module for run in runs for module in run.modules]
    probing = [module for module in every if module.module == "reachability"]
    others = [module for module in every if module.module != "reachability"]

    def share(seconds: Sequence[float]) -> float:
        return sum(seconds) / len(runs)

    parts = {
        "Start and end of Python": share([one.start for one in every]),
        "Imports of the modules": share([one.imports for one in every]),
        "Waiting for ovs-vsctl, that is for ovs-vswitchd": share([one.ovs for one in others]),
        "The steps: arguments, reading, planning, applying": share([one.rest for one in others if one.within]),
        "Around the steps: the task's arguments, the lock, the answer": share(
            [one.rest for one in others if not one.within]
        ),
        "Verification": share([one.inside for one in probing]),
    }
    ansible = whole - sum(parts.values())
    return {"`ansible-playbook`, all": whole, "Ansible itself: what the modules do not account for": ansible, **parts}


def _modules(results: Results, size: int) -> str:
    rows = []
    for rival in MODULE_RIVALS:
        for action in ACTIONS:
            try:
                runs = results.runs(rival, size, action)
            except NotMeasuredError:
                continue
            for position, first in enumerate(runs[0].modules):
                same = [run.modules[position] for run in runs]
                name = f"{first.within}: {first.module}" if first.within else first.module
                rows.append([f"{rival}: {action}, {name}", *_module_cells(same)])
    head = ["Seconds, medians", "All", "Python's start, end", "Imports", "ovs-vsctl", "Rest", "Peak MiB"]
    return f"## The modules by themselves, N={size}\n\n" + _table(head, rows) if rows else ""


def _module_cells(runs: Sequence[ModuleRun]) -> list[str]:
    times = [
        [one.seconds for one in runs],
        [one.start for one in runs],
        [one.imports for one in runs],
        [one.ovs for one in runs],
        [one.rest for one in runs],
    ]
    return [*(f"{median(seconds):.3f}" for seconds in times), f"{max(one.peak_mib for one in runs):.0f}"]


def _wrap(text: str, indent: str = "") -> str:
    """Return prose in lines of at most 120 characters, the further ones with an indent."""
    return textwrap.fill(text, 120, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _explanations(rivals: Mapping[str, Description], circumstances: Circumstances) -> str:
    described = "\n".join(_wrap(f"- {one.title}: {one.text}.", "  ") for one in rivals.values())
    return f"""## How it is measured

The topology is the reference topology with N namespaces on one bridge: per namespace a veth, an address and a default
route, and NAT for them all. Every run has a host of its own (`tests/helpers/own_host.py`), with nothing in it but a
running Open vSwitch. Times are wall time, until the command ends; a cell is the median, with the number of runs in
brackets (at most {circumstances.runs}; fewer where they take long). After each action it is checked that what was to
be built stands: namespaces, links up, addresses, routes, ports that Open vSwitch has opened, NAT, a ping between the
first and the last namespace and one to the gateway, and TCP where the rival handles it. A teardown ends when the
kernel shows no link and no namespace any more.

{described}

The modules by themselves run as the role's task runs them: one process for `sequence`, which has a line for each of its
steps too, and one for its probes (`reachability`). A step's line has the time of the step alone: its arguments, what it
reads and no step before it has read, planning, applying. What belongs to no step is in the line of `sequence`, as are
all imports, whenever they come about, and Python's start and end. So no time is in two lines, and in each run those of
a process add up to its life. The peak of memory is the process's, until the step has ended.

"Inside" the modules is without Python's start and end and the imports. To run them without Ansible is to ship no
archive to the host: to unpack it and to compile what is in it counts as Ansible's.
"""
