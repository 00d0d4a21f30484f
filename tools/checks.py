# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the checks by nox and add up: one line per kind with its count, and a closing line for the whole.

Usage: python tools/checks.py [KIND...], where KIND is a session of noxfile.py; without one, all. Exit status 1 when any
check failed, or when a kind came to no result.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / ".nox" / "results"
NOX = ROOT / ".venv" / "bin" / "nox"
COUNTED = ("passed", "failed", "skipped")


def nox(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run nox in the clone; its output is ours, but for what --list prints."""
    command = [str(NOX), "--noxfile", str(ROOT / "noxfile.py"), *arguments]
    output = subprocess.PIPE if "--list" in arguments else None
    return subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, text=True, check=False)


def chosen_sessions(kinds: list[str]) -> list[str]:
    """Return the names of the sessions that nox would run for ``kinds``, all by default.

    Raises SystemExit if nox knows no such session.
    """
    chosen = ["--session", *kinds] if kinds else []
    listed = nox("--list", "--json", *chosen)
    if listed.returncode:
        raise SystemExit(listed.returncode)
    return [entry["session"] for entry in json.loads(listed.stdout)]


def result_of(session: str) -> dict[str, int] | None:
    """Return what the session counted, None if it ended without."""
    try:
        counted: dict[str, int] = json.loads((RESULTS / f"{session}.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return counted


def line(count: dict[str, int]) -> str:
    """Return the count as pytest would close with it."""
    text = f"{count['passed']} passed, {count['failed']} failed"
    return text + (f", {count['skipped']} skipped" if count["skipped"] else "")


def main(kinds: list[str]) -> int:
    """Run, add up, print."""
    sessions = chosen_sessions(kinds)
    for session in sessions:
        (RESULTS / f"{session}.json").unlink(missing_ok=True)
    nox_failed = nox("--session", *sessions).returncode != 0

    total = dict.fromkeys(COUNTED, 0)
    width = max(map(len, sessions))
    print(flush=True)
    for session in sessions:
        count = result_of(session)
        note = ""
        if count is None:
            count = {"passed": 0, "failed": 1, "skipped": 0}
            note = "  (it ended without a result)"
        elif not any(count.values()):
            count["failed"] = 1
            note = "  (nothing was checked)"
        print(f"{session:<{width}}  {line(count)}{note}")
        for kind in COUNTED:
            total[kind] += count[kind]
    print(line(total))
    return 1 if nox_failed or total["failed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
