# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rival is, and what they share: a place for their files, a time limit, and a way to run commands."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.netns.fabric.tests.benchmarks.check import check_gone, check_lab, wait_for_traffic
from ansible_collections.netns.fabric.tests.benchmarks.lab import Lab
from ansible_collections.netns.fabric.tests.benchmarks.records import ACTIONS, ModuleRun

#: The clone, by the path that leads to it as a collection.
COLLECTION = Path(__file__).parents[3]
COLLECTIONS = COLLECTION.parents[2]


class FailedError(Exception):
    """A command of a rival failed, or a rival did not do what it was to do."""


class TooSlowError(Exception):
    """An action has taken longer than the limit."""


@dataclass
class Place:
    """Where a rival works.

    `directory` is empty and its own, `limit` the seconds that one action may take, `third_party` a directory with the
    collections that a loop over today's modules needs.
    """

    directory: Path
    limit: float
    third_party: Path
    deadline: float = field(default=0.0)

    def begin(self) -> None:
        """Let the limit count from now on."""
        self.deadline = time.monotonic() + self.limit

    @property
    def left(self) -> float:
        """Seconds left of the limit. Raises TooSlowError if there are none."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TooSlowError
        return left

    def run(self, command: Sequence[str], *, given: str = "", env: Mapping[str, str] | None = None) -> None:
        """Run a command; raise FailedError with its output if it fails, TooSlowError at the limit."""
        log = self.directory / "log"
        with log.open("w", encoding="utf-8") as output:
            try:
                ended = subprocess.run(
                    command,
                    input=given,
                    stdout=output,
                    stderr=output,
                    text=True,
                    cwd=self.directory,
                    env={**os.environ, **(env or {})},
                    timeout=self.left,
                    check=False,
                )
            except subprocess.TimeoutExpired as error:
                raise TooSlowError from error
        if ended.returncode:
            text = log.read_text(encoding="utf-8", errors="replace")
            # A module says at the beginning why it fails, a play and a shell at the end; both may be megabytes.
            text = text if len(text) < 4000 else f"{text[:2000]}\n...\n{text[-2000:]}"
            raise FailedError(f"{' '.join(command)[:200]} ended with {ended.returncode}:\n{text}")


class Rival:
    """One way to build, re-run, extend and take down a lab.

    A rival does what it `offers`, each by the method of that name; `prepare` is not measured. The methods return the
    runs of the collection's modules where it is they that are measured.
    """

    #: What the reports call it.
    title = ""
    #: How it works, for the notes below the tables.
    description = ""
    offers: frozenset[str] = frozenset(ACTIONS)
    #: Whether it wants Open vSwitch running.
    ovs = True
    #: Whether it handles TCP, see the role's notes on the userspace datapath.
    tcp = True
    #: Whether one run at each size is enough.
    once = False
    #: The largest lab that it is measured with.
    largest = sys.maxsize

    def __init__(self, place: Place) -> None:
        self.place = place

    def unavailable(self) -> str:
        """Return why it cannot be measured on this machine, or nothing."""
        return ""

    def prepare(self, lab: Lab) -> None:
        """Write the files for this lab and the one that is larger by one."""

    def build(self, lab: Lab) -> tuple[ModuleRun, ...]:
        """Build the lab on an empty host."""
        raise NotImplementedError

    def rerun(self, lab: Lab) -> tuple[ModuleRun, ...]:
        """Do again what was done, with nothing to do."""
        raise NotImplementedError

    def add(self, lab: Lab) -> tuple[ModuleRun, ...]:
        """Extend the lab by its last namespace."""
        raise NotImplementedError

    def teardown(self, lab: Lab) -> tuple[ModuleRun, ...]:
        """Take the lab away."""
        raise NotImplementedError

    def wait_for_traffic(self, lab: Lab) -> bool:
        """Wait until the lab carries traffic; return whether it was looked for. Raises WrongStateError."""
        wait_for_traffic(lab)
        return True

    def check(self, lab: Lab) -> None:
        """Check that the lab stands. Raises WrongStateError."""
        check_lab(lab, tcp=self.tcp)

    def check_gone(self) -> None:
        """Check that nothing is left. Raises WrongStateError."""
        check_gone()
