# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machines for the tests: one runs at a time, and each test finds it as a snapshot has kept it.

By default the tests run on the newest Debian, those that are marked `long` are skipped, and so is what the session has
no time or no machine for; `--all` runs everything.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netns.fabric.tests.vm import images
from ansible_collections.netns.fabric.tests.vm.budget import Budget
from ansible_collections.netns.fabric.tests.vm.lab import Lab
from ansible_collections.netns.fabric.tests.vm.machine import Machine, MachineError

#: For scenarios that only `--all` runs.
long = pytest.mark.long
#: How many boots' time it takes to boot a bare machine and install everything there.
INSTALLATION = 6
#: How many the topology takes, built twice, and a scenario on it: measured on an emulated machine.
SCENARIO = 7
_ONLY_WITH_ALL = pytest.mark.skip(reason="takes long; `nox -s vm -- --all` runs it")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of these tests."""
    parser.addoption("--all", action="store_true", help="every scenario, on every Debian, however long it takes")
    parser.addoption("--seconds", type=float, help="how long it may take; what has no time is skipped")
    parser.addoption(
        "--logs", type=Path, default=Path(".nox/results/vm/logs"), help="where failed tests leave the machine's logs"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Declare the mark of tests that only `--all` runs."""
    config.addinivalue_line("markers", "long: only with --all")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test on the newest Debian; on the others with `--all`."""
    if "suite" in metafunc.fixturenames:
        others = [] if metafunc.config.getoption("--all") else [_ONLY_WITH_ALL]
        default, *further = images.SUITES
        suites = [default, *(pytest.param(suite, marks=others) for suite in further)]
        metafunc.parametrize("suite", suites, scope="session")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip the long tests without `--all`, and run first what costs least: the machine that is built once."""
    items.sort(key=_rank)
    for item in items:
        if item.get_closest_marker("long") and not config.getoption("--all"):
            item.add_marker(_ONLY_WITH_ALL)


def _rank(item: pytest.Item) -> tuple[int, bool, bool]:
    suite = item.callspec.params.get("suite") if hasattr(item, "callspec") else images.SUITES[0]
    fixtures = getattr(item, "fixturenames", ())
    return images.SUITES.index(suite), "bare_machine" in fixtures, "built_once" not in fixtures


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Keep the machine's logs of a failed test, and name the files in its report."""
    report = yield
    if report.failed:
        directory = (item.config.getoption("--logs") / re.sub(r"[^\w.-]+", "-", item.name)).resolve()
        labs = {lab.name: lab for value in getattr(item, "funcargs", {}).values() for lab in _labs_in(value)}
        files = [file for name, lab in labs.items() for file in lab.machine.collect(directory / name)]
        if files:
            report.sections.append(("logs of the machine", "\n".join(map(str, files))))
    return report


def _labs_in(value: object) -> list[Lab]:
    """Return the machines of a fixture: one, or several by name."""
    values = value.values() if isinstance(value, dict) else [value]
    return [each for each in values if isinstance(each, Lab)]


@pytest.fixture(scope="session", name="budget")
def fixture_budget(pytestconfig: pytest.Config) -> Budget:
    """Provide the time that is left."""
    return Budget(pytestconfig.getoption("--seconds"))


@pytest.fixture(scope="session", name="running")
def fixture_running() -> list[Machine]:
    """Provide the machine that runs, if one does."""
    return []


@pytest.fixture(scope="session", name="image")
def fixture_image(suite: str) -> images.Image:
    """Provide the image of a Debian."""
    try:
        return images.provide(suite)
    except images.Unavailable as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module", name="bare_machine")
def fixture_bare_machine(image: images.Image, budget: Budget, running: list[Machine]) -> Iterator[Lab]:
    """Boot a machine without Open vSwitch."""
    budget.require(INSTALLATION)
    yield from _boot(image, "bare", budget, running)


@pytest.fixture(scope="session", name="full_machine")
def fixture_full_machine(image: images.Image, budget: Budget, running: list[Machine]) -> Iterator[Lab]:
    """Boot a machine with Open vSwitch, and with other programs that manage the network, which are not started."""
    yield from _boot(image, "full", budget, running)


def _boot(image: images.Image, kind: str, budget: Budget, running: list[Machine]) -> Iterator[Lab]:
    """Boot a machine in the place of the one that runs: no later test uses that (see _rank)."""
    while running:
        running.pop().close()
    machine = Machine(image, kind, budget)
    running.append(machine)
    try:
        start = time.monotonic()
        _start(machine)
        budget.boot = time.monotonic() - start
        budget.require(SCENARIO)
        lab = Lab(machine)
        lab.once("booted", None, lab.prepare_outside)
        yield lab
    finally:
        if machine in running:
            running.remove(machine)
            machine.close()


def _start(machine: Machine) -> None:
    """Switch a machine on; where the time is limited, one that does not come up here is no fault of the collection."""
    try:
        machine.start()
    except MachineError as error:
        if machine.budget.seconds is None:
            raise
        pytest.skip(f"no machine comes up here: {error}")


@pytest.fixture(name="lab")
def fixture_lab(full_machine: Lab) -> Lab:
    """Provide a machine as it was booted."""
    full_machine.machine.restore("booted")
    return full_machine


@pytest.fixture(name="built_lab")
def fixture_built_lab(built_once: Lab) -> Lab:
    """Provide a machine with the reference topology."""
    built_once.machine.restore("built")
    return built_once


@pytest.fixture(scope="session", name="built_once")
def fixture_built_once(full_machine: Lab) -> Lab:
    """Build the reference topology once, for the snapshot `built`."""
    full_machine.once("built", "booted", full_machine.build)
    return full_machine
