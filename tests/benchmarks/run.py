# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmark: our playbooks beside their rivals, at several sizes, with a report and a plot.

    make bench [ARGS="--sizes 2,40 --runs 3 --rivals recipe,shell"]

Every run has a host of its own. Ours are always measured; --rivals chooses among the others. Exit status 1 if a
rival that is installed has failed.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from ansible_collections.netns.fabric.tests.benchmarks.bars import Results, verdicts
from ansible_collections.netns.fabric.tests.benchmarks.records import ACTIONS, Record, measured_from
from ansible_collections.netns.fabric.tests.benchmarks.report import MET, Circumstances, Description, markdown, plot
from ansible_collections.netns.fabric.tests.benchmarks.rivals.modules import OlderModules
from ansible_collections.netns.fabric.tests.benchmarks.rivals.recipe import needs_userspace_datapath
from ansible_collections.netns.fabric.tests.benchmarks.rivals.registry import RIVALS
from ansible_collections.netns.fabric.tests.benchmarks.rivals.rival import COLLECTION, Place
from ansible_collections.netns.fabric.tests.helpers import own_host

ONE_RUN = "ansible_collections.netns.fabric.tests.benchmarks.one_run"
SIZES = (2, 40, 200, 500, 1000)
#: Measured whatever --rivals says.
OURS = ("site", "ping", "modules", "modules-0.7")
#: What a run may take beyond its actions: its host, its files, the checks.
OVERHEAD = 120.0


def say(text: str) -> None:
    """Print a line without buffering: a run takes minutes."""
    print(text, flush=True)


class Benchmark:
    """Measures the chosen rivals, one size after the other.

    `limit` is in seconds, for one action; `budget` in seconds too, for all runs of a rival at a size, of which the
    first run is always done.
    """

    def __init__(self, rivals: Sequence[str], runs: int, limit: float, budget: float, third_party: Path) -> None:
        self._rivals, self._runs, self._limit, self._budget = rivals, runs, limit, budget
        self._third_party = third_party
        self._spent: dict[tuple[str, int], float] = {}
        self.records: list[Record] = []
        self.failed = False

    def measure(self, size: int, repeat_until: float, end: float) -> None:
        """Measure all at this size: one run of each, then the next of each, so that all share the machine's moods.

        After ``repeat_until``, a reading of the monotonic clock, nothing is repeated; after ``end`` nothing is begun.
        """
        records = [Record(name, size, not_run=self.reason_against(name, size)) for name in self._rivals]
        for record in records:
            if record.not_run:
                say(f"N={size:<5} {record.rival:<20} not run: {record.not_run}")
        for _number in range(self._runs):
            for record in records:
                if self.wants_more(record, repeat_until, end):
                    self._run(record)
        self.records += records

    def reason_against(self, name: str, size: int) -> str:
        """Return why a rival is not measured at this size, or nothing."""
        rival = RIVALS[name](Place(Path(), 0, self._third_party))
        if size > rival.largest:
            return f"{rival.title} is measured up to N={rival.largest}"
        return rival.unavailable() or self._too_long(name, size)

    def _too_long(self, name: str, size: int) -> str:
        """Return what speaks against a size by the times of the two before: what grows does so linearly at best."""
        known = [one for one in self.records if one.rival == name]
        if known and not known[-1].runs:
            return known[-1].not_run
        if len(known) < 2:
            return ""
        (smaller, less), (larger, more) = ((one.size, _longest(one)) for one in known[-2:])
        expected = more + (more - less) / (larger - smaller) * (size - larger)
        if expected <= self._limit:
            return ""
        return (
            f"{RIVALS[name].title} would take over {expected:.0f} s for one action at N={size}, by its {more:.0f} s "
            f"at N={larger}; the limit is {self._limit:.0f} s"
        )

    def wants_more(self, record: Record, repeat_until: float, end: float) -> bool:
        """Return whether there is time for another run; without time for a first, the record says so."""
        if record.not_run:
            return False
        now = time.monotonic()
        done = max((len(runs) for runs in record.runs.values()), default=0)
        if not done:
            record.not_run = "the time for the whole benchmark was over" if now > end else ""
            return not record.not_run
        spent = self._spent.get((record.rival, record.size), 0.0)
        return not RIVALS[record.rival].once and now < repeat_until and spent + spent / done <= self._budget

    def _run(self, record: Record) -> None:
        began = time.monotonic()
        command = own_host.command_line(
            [sys.executable, "-m", ONE_RUN, record.rival, str(record.size), str(self._limit), str(self._third_party)],
            ovs=RIVALS[record.rival].ovs,
        )
        try:
            ended = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                text=True,
                timeout=len(ACTIONS) * self._limit + OVERHEAD,
                check=False,
            )
        except subprocess.TimeoutExpired:
            self._fail(record, "it did not end")
            return
        self._note(record, ended)
        key = (record.rival, record.size)
        self._spent[key] = self._spent.get(key, 0.0) + time.monotonic() - began

    def _note(self, record: Record, ended: subprocess.CompletedProcess[str]) -> None:
        parts = []
        for line in map(json.loads, ended.stdout.splitlines()):
            if "stopped" in line:
                self._stop(record, line)
                continue
            record.runs.setdefault(line["action"], []).append(measured_from(line))
            parts.append(f"{line['action']} {line['seconds']:.2f} s")
        if ended.returncode and not record.not_run:
            self._fail(record, f"it ended with {ended.returncode}")
        say(f"N={record.size:<5} {record.rival:<20} {', '.join(parts)}")

    def _stop(self, record: Record, line: dict[str, object]) -> None:
        if line["failed"]:
            self._fail(record, str(line["stopped"]))
        else:
            record.not_run = f"{RIVALS[record.rival].title} at N={record.size}: {line['stopped']}"
            say(record.not_run)

    def _fail(self, record: Record, why: str) -> None:
        self.failed = True
        record.not_run = f"{RIVALS[record.rival].title} failed at N={record.size}"
        say(f"{record.not_run}: {why}")


def _longest(record: Record) -> float:
    """Return the time of the action that takes longest, 0 where there is none."""
    return max((median(one.seconds for one in runs) for runs in record.runs.values()), default=0.0)


def versions() -> dict[str, str]:
    """Return the versions of what plays a part."""
    asked = {
        "Linux": ["uname", "-r"],
        "Open vSwitch": ["ovs-vswitchd", "--version"],
        "iproute2": ["ip", "-V"],
        "ansible-core": [sys.executable, "-c", "import ansible.release; print(ansible.release.__version__)"],
        "pyroute2": [sys.executable, "-c", _VERSION_OF_PYROUTE2],
        "and": [str(OlderModules.python), "-c", _VERSION_OF_PYROUTE2],
    }
    found = {name: _version_in(command) for name, command in asked.items()}
    datapath = "the userspace datapath" if needs_userspace_datapath() else "the kernel's datapath"
    return {**found, "Python": platform.python_version(), "Open vSwitch": f"{found['Open vSwitch']} with {datapath}"}


_VERSION_OF_PYROUTE2 = "from importlib.metadata import version; print(version('pyroute2'))"


def _version_in(command: list[str]) -> str:
    output = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=30, check=False).stdout.split("\n")[0]
    numbered = re.search(r"\d+\.\d+\S*\b", output)
    return numbered.group() if numbered else "unknown"


def machine() -> str:
    """Return what there is of processors and memory."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine()
    )
    gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} CPUs ({model}), {gib:.0f} GiB of memory"


def write_report(benchmark: Benchmark, directory: Path, seconds: float, runs: int) -> Results:
    """Write benchmarks.md and benchmarks.svg."""
    results = Results(benchmark.records)
    rivals = {name: Description(one.title, one.description, one.offers) for name, one in RIVALS.items()}
    now = dt.datetime.now(dt.timezone.utc)
    circumstances = Circumstances(f"{now:%Y-%m-%d}", machine(), versions(), seconds, runs)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "benchmarks.md").write_text(markdown(results, rivals, circumstances), encoding="utf-8")
    (directory / "benchmarks.svg").write_text(plot(results, rivals), encoding="utf-8")
    return results


def numbers(text: str) -> list[int]:
    """Return the numbers of a list like 2,40. Raises ValueError."""
    return sorted({int(one) for one in text.split(",")})


def names(text: str) -> list[str]:
    """Return the names of rivals in a list like recipe,shell, ours put before them. Raises ValueError."""
    wanted = {one for one in text.split(",") if one}
    unknown = wanted - set(RIVALS)
    if unknown:
        raise ValueError(f"{', '.join(sorted(unknown))}: not one of {', '.join(RIVALS)}")
    return [name for name in RIVALS if name in wanted or name in OURS]


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__.splitlines()[0] if __doc__ else None)
    add = parser.add_argument
    add("--sizes", type=numbers, default=list(SIZES), help="numbers of namespaces (default: %(default)s)")
    add("--runs", type=int, default=3, help="runs of each rival at each size, at most (default: %(default)s)")
    add("--rivals", type=names, default=list(RIVALS), help=f"which, beside {', '.join(OURS)}: {', '.join(RIVALS)}")
    add("--limit", type=float, default=120, help="seconds that one action may take (default: %(default)s)")
    add("--budget", type=float, default=60, help="seconds for repeating a rival at a size (default: %(default)s)")
    add("--minutes", type=float, default=25, help="after which no rival is begun any more (default: %(default)s)")
    add("--output", type=Path, default=COLLECTION / "docs", help="directory of the report (default: docs)")
    add(
        "--third-party",
        type=Path,
        default=COLLECTION / ".venv" / "rivals",
        help="a directory with ansible_collections/community/general and openvswitch/openvswitch",
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and report."""
    options = arguments(argv)
    began = time.monotonic()
    benchmark = Benchmark(options.rivals, options.runs, options.limit, options.budget, options.third_party)
    results = Results([])
    for number, size in enumerate(options.sizes, 1):
        # Small sizes do not use up the time of the large ones by their repetitions.
        share = options.minutes * 60 * number / len(options.sizes)
        benchmark.measure(size, repeat_until=began + share, end=began + options.minutes * 60)
        # After each size, so that the results so far are kept when the run is interrupted.
        results = write_report(benchmark, options.output, time.monotonic() - began, options.runs)
    for one in verdicts(results):
        figure = "-" if one.figure is None else f"{one.figure:.2f}{one.unit}"
        say(f"{MET[one.met]:<12}  {figure:>10} (<= {one.limit:g}{one.unit})  {one.what}: {one.note}")
    return 1 if benchmark.failed else 0


if __name__ == "__main__":
    sys.exit(main())
