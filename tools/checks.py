# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the checks by nox and add up: one line per kind with its count and its time, which checks failed, the reasons why
some were skipped, and a closing line for the whole.

Usage: python tools/checks.py [KIND...], where KIND is a session of noxfile.py; without one, all. Exit status 1 when any
check failed, or when a kind has no result.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / ".nox" / "results"
NOX = ROOT / ".venv" / "bin" / "nox"
COUNTED = ("passed", "failed", "skipped")

# Every session that changes a network does so in a host of its own, so that they do not affect each other; and each
# waits for the kernel a part of its time.
AT_ONCE = 2
# The longest first: the other ones run beside it, and none is left alone at the end.
SLOW = ("integration(pyroute2-0.9)", "molecule", "generated", "integration", "bench_smoke")
# In addition to those: it has a lower priority than all others (noxfile.py), and uses the time that they wait.
ASIDE = ("vm",)
PRINTING = threading.Lock()
# How many lines the summary has of a session that ended without a count.
LAST_LINES = 30


def chosen_sessions(kinds: list[str]) -> list[str]:
    """Return the names of the sessions that nox would run for ``kinds``, all by default.

    Raises:
        SystemExit: nox has no such session.
    """
    chosen = ["--session", *kinds] if kinds else []
    command = [str(NOX), "--noxfile", str(ROOT / "noxfile.py"), "--list", "--json", *chosen]
    listed = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False)
    if listed.returncode:
        raise SystemExit(listed.returncode)
    return [entry["session"] for entry in json.loads(listed.stdout)]


def run(session: str) -> bool:
    """Run one session, print its output as a whole at its end, and return whether it succeeded."""
    command = [str(NOX), "--noxfile", str(ROOT / "noxfile.py"), "--session", session]
    ended = subprocess.run(
        command,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    with PRINTING:
        print(ended.stdout, flush=True)
    if not result_file(session).exists():
        last = ended.stdout.splitlines()[-LAST_LINES:]
        without = {"passed": 0, "failed": 1, "skipped": 0, "failures": ["ended without a result:", *last]}
        result_file(session).parent.mkdir(parents=True, exist_ok=True)
        result_file(session).write_text(json.dumps(without), encoding="utf-8")
    return ended.returncode == 0


def run_all(sessions: list[str]) -> tuple[bool, dict[str, float]]:
    """Run sessions, several at once; return whether all succeeded, and how many seconds each took."""
    seconds = {}

    def measure(session: str) -> bool:
        start = time.monotonic()
        succeeded = run(session)
        seconds[session] = time.monotonic() - start
        return succeeded

    # As lists: all() would stop at the first failure, and map() cancels what has not begun then.
    with ThreadPoolExecutor(AT_ONCE) as pool, ThreadPoolExecutor(len(ASIDE)) as aside:
        beside = aside.map(measure, [session for session in sessions if session in ASIDE])
        ended = list(pool.map(measure, slowest_first([session for session in sessions if session not in ASIDE])))
        return all([*ended, *beside]), seconds


def slowest_first(sessions: list[str]) -> list[str]:
    """Return the sessions in the order in which they start: the longest first, so that none of them runs alone."""
    return sorted(sessions, key=_rank)


def _rank(session: str) -> int:
    return next((rank for rank, slow in enumerate(SLOW) if session.startswith(slow)), len(SLOW))


def result_file(session: str) -> Path:
    """Return where a session leaves its count."""
    return RESULTS / f"{session}.json"


def line(count: dict[str, Any]) -> str:
    """Return the count in the form of pytest's last line."""
    text = f"{count['passed']} passed, {count['failed']} failed"
    return text + (f", {count['skipped']} skipped" if count["skipped"] else "")


def details(counted: dict[str, Any]) -> list[str]:
    """Return what failed and why checks were skipped, a line for each."""
    failures = [f"    FAILED {failure}" for failure in counted.get("failures", [])]
    return failures + [f"    skipped {times}: {reason}" for reason, times in counted.get("reasons", {}).items()]


def main(kinds: list[str]) -> int:
    """Run the sessions, add up and print the results."""
    sessions = chosen_sessions(kinds)
    for session in sessions:
        result_file(session).unlink(missing_ok=True)
    succeeded, seconds = run_all(sessions)

    total = dict.fromkeys(COUNTED, 0)
    width = max(map(len, sessions))
    print(flush=True)
    for session in sessions:
        count = json.loads(result_file(session).read_text(encoding="utf-8"))
        if not any(count[kind] for kind in COUNTED):
            count |= {"failed": 1, "failures": ["nothing was checked"]}
        print("\n".join([f"{session:<{width}}  {line(count)} in {seconds[session]:.0f} s", *details(count)]))
        for kind in COUNTED:
            total[kind] += count[kind]
    print(line(total))
    return 0 if succeeded and not total["failed"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
