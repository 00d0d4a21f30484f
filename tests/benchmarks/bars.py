# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bars that the collection has set itself, and what was measured against each. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from ansible_collections.netns.fabric.tests.benchmarks.records import Measured, Record

#: The modules that create what the floor creates, and nothing else; each is a step in the process of `sequence`.
FLOOR_MODULES = frozenset({"netns", "veth", "route"})
#: What the shell's teardown is tried in; the best order counts.
SHELLS = ("shell", "shell-bridge-first", "shell-ports-first", "shell-at-once")


class NotMeasuredError(Exception):
    """A figure is not there; the message says which."""


@dataclass(frozen=True)
class Verdict:
    """A bar and what was measured; `figure` is None where it could not be."""

    what: str
    limit: float
    unit: str
    figure: float | None
    note: str

    @property
    def met(self) -> bool | None:
        """Whether the bar is met, None where nothing was measured."""
        return None if self.figure is None else self.figure <= self.limit


class Results:
    """All records of one run of the benchmark, by rival and size."""

    def __init__(self, records: Iterable[Record]) -> None:
        self._records = {(record.rival, record.size): record for record in records}

    @property
    def sizes(self) -> list[int]:
        """The sizes that were measured, in order."""
        return sorted({size for _rival, size in self._records})

    @property
    def rivals(self) -> list[str]:
        """The rivals in the order in which they were measured."""
        return list(dict.fromkeys(rival for rival, _size in self._records))

    def record(self, rival: str, size: int) -> Record | None:
        """Return what is known of a rival at a size."""
        return self._records.get((rival, size))

    def runs(self, rival: str, size: int, action: str) -> Sequence[Measured]:
        """Return the runs of an action. Raises NotMeasuredError if there are none."""
        record = self.record(rival, size)
        runs = record.runs.get(action) if record else None
        if not runs:
            raise NotMeasuredError(f"{rival} at N={size}: {action} was not measured")
        return runs

    def seconds(self, rival: str, size: int, action: str = "build") -> float:
        """Return the median of the times of an action. Raises NotMeasuredError."""
        return median(run.seconds for run in self.runs(rival, size, action))

    def inside(self, rival: str, size: int, modules: frozenset[str] | None = None, *, ovs: bool = True) -> float:
        """Return the median of the seconds inside the modules that build; without `ovs`, those of ovs-vswitchd apart.

        With `modules` those of these alone: not what is around them in the process in which they are steps.

        Raises NotMeasuredError.
        """
        return median(
            sum(
                one.inside if ovs else one.rest
                for one in run.modules
                if one.module != "reachability" and (modules is None or one.module in modules)
            )
            for run in self.runs(rival, size, "build")
        )

    def traffic(self, rival: str, size: int) -> float:
        """Return the median of the seconds until a build carried traffic. Raises NotMeasuredError."""
        known = [run.traffic for run in self.runs(rival, size, "build") if run.traffic is not None]
        if not known:
            raise NotMeasuredError(f"{rival} at N={size}: no ping was sent")
        return median(known)

    def peak_mib(self, rival: str, size: int) -> float:
        """Return the most memory that any module process has had. Raises NotMeasuredError."""
        return max(one.peak_mib for run in self.runs(rival, size, "build") for one in run.modules)


def verdicts(results: Results) -> list[Verdict]:
    """Return every bar with its figure."""
    return [
        _ratio("site.yml, reference topology, built, to a play with one ping", 4, lambda: _to_ping(results, "build")),
        _ratio("site.yml, reference topology, re-run, to a play with one ping", 4, lambda: _to_ping(results, "rerun")),
        _ratio("site.yml at N=200 to the recipe", 0.35, lambda: _rivals(results, 200, "recipe")),
        _ratio("site.yml at N=500 to hand-tuned shell", 2, lambda: _rivals(results, 500, "shell")),
        _ratio("site.yml at N=1000 to hand-tuned shell", 1, lambda: _rivals(results, 1000, "shell")),
        _ratio(
            "inside netns, veth, route at N=500 to the C floor, pyroute2 0.7.2",
            2,
            lambda: _floor(results, "modules-0.7"),
        ),
        _ratio(
            "inside netns, veth, route at N=500 to the C floor, pyroute2 0.9.x",
            3,
            lambda: _floor(results, "modules"),
        ),
        _ratio("re-run with nothing to do, N=500 to N=2", 1.5, lambda: _rerun(results)),
        _ratio("teardown at N=500 to the best hand order", 1, lambda: _teardown(results)),
        _ratio(
            "inside the modules without ovs-vswitchd's time and the verification, N=1000 to N=500, pyroute2 0.9.x",
            2.2,
            lambda: _growth(results),
        ),
        _bar("peak memory of a module process at N=1000", 150, " MiB", lambda: _memory(results)),
        _ratio("site.yml at N=40 to the loop over today's modules", 0.12, lambda: _rivals(results, 40, "loop")),
    ]


_Figure = tuple[float, str]


def _bar(what: str, limit: float, unit: str, measure: Callable[[], _Figure]) -> Verdict:
    try:
        figure, note = measure()
    except NotMeasuredError as error:
        return Verdict(what, limit, unit, None, str(error))
    return Verdict(what, limit, unit, figure, note)


def _ratio(what: str, limit: float, measure: Callable[[], _Figure]) -> Verdict:
    return _bar(what, limit, "x", measure)


def _over(ours: float, theirs: float) -> _Figure:
    return ours / theirs, f"{ours:.2f} s / {theirs:.2f} s"


def _to_ping(results: Results, action: str) -> _Figure:
    return _over(results.seconds("site", 2, action), results.seconds("ping", 2))


def _rivals(results: Results, size: int, rival: str) -> _Figure:
    figure, note = _over(results.seconds("site", size), results.seconds(rival, size))
    try:
        with_traffic = f"{results.traffic('site', size):.2f} s / {results.traffic(rival, size):.2f} s"
    except NotMeasuredError:
        return figure, note
    return figure, f"{note}; until a ping passes {with_traffic}"


def _floor(results: Results, rival: str) -> _Figure:
    return _over(results.inside(rival, 500, FLOOR_MODULES), results.seconds("floor", 500))


def _rerun(results: Results) -> _Figure:
    return _over(results.seconds("site", 500, "rerun"), results.seconds("site", 2, "rerun"))


def _teardown(results: Results) -> _Figure:
    orders = {}
    for rival in SHELLS:
        try:
            orders[rival] = results.seconds(rival, 500, "teardown")
        except NotMeasuredError:
            continue
    if not orders:
        raise NotMeasuredError("no teardown by hand at N=500 was measured")
    best = min(orders, key=lambda rival: orders[rival])
    figure, note = _over(results.seconds("site", 500, "teardown"), orders[best])
    return figure, f"{note} ({best})"


def _growth(results: Results) -> _Figure:
    return _over(results.inside("modules", 1000, ovs=False), results.inside("modules", 500, ovs=False))


def _memory(results: Results) -> _Figure:
    peaks = {rival: results.peak_mib(rival, 1000) for rival in ("modules", "modules-0.7")}
    highest = max(peaks, key=lambda rival: peaks[rival])
    return peaks[highest], "the largest of all modules, with pyroute2 0.9.x and 0.7.2"
