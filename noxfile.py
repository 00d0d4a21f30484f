# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks, one session per kind; `make test` runs them all and adds up, `.venv/bin/nox -s KIND` runs one.

Every session uses the tools that `make setup-checks` installs in .venv: none but `vm` needs a network. Arguments after
`--` are passed to the session's tool: `nox -s unit -- -k veth`, `nox -s molecule -- topology`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import nox
from nox.command import CommandFailed

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
RESULTS = ROOT / ".nox" / "results"
PYTHON = str(VENV / "bin" / "python")
# The commands of the oldest ansible-core, and a Python with the oldest pyroute2.
OLDEST = ROOT / ".venv-oldest" / "bin"
OWN_HOST = [PYTHON, str(ROOT / "tests" / "helpers" / "own_host.py")]

# The Python that modules run with, as on a managed host: each has another pyroute2. Modules that do not use netlink are
# tested with one of them.
TARGETS = {
    "pyroute2-0.9": (PYTHON, ["tests/integration"]),
    "pyroute2-0.7": (
        str(OLDEST / "python"),
        [
            f"tests/integration/test_{name}.py"
            for name in ("netns", "veth", "link", "route", "rollback", "topology_info")
        ],
    ),
}

# Further supported versions, in sessions of their own, not part of `make test`. A combination whose Python the machine
# does not have is reported as skipped.
MATRIX = ROOT / ".nox" / "matrix"
CONTROLLERS = [
    *(("2.16", "3.10"), ("2.16", "3.12"), ("2.17", "3.12"), ("2.18", "3.13"), ("2.19", "3.11")),
    *(("2.20", "3.12"), ("2.20", "3.13"), ("2.21", "3.12"), ("2.21", "3.13")),
]
NEWEST_CONTROLLERS = [("2.19", "3.11"), ("2.21", "3.12"), ("2.21", "3.13")]
INSTALLED = ["tests/package/artefact/test_installed.py", "tests/package/artefact/test_larger_play.py"]
TARGET_PYTHONS = ["3.9", "3.10", "3.11", "3.12", "3.13"]
TARGET_PYROUTE2 = {"0.7.2": "pyroute2==0.7.2", "0.9": "pyroute2>=0.9,<0.10"}

# The exit status of tests/vm/images.py on a machine that cannot build images.
IMAGES_UNAVAILABLE = 77
# How many seconds of `make test` the machines may use what the other sessions leave, with an image that is built.
MACHINES_LIMIT = 600
# How many characters of a failed test's message the summary has.
MESSAGE_LENGTH = 400

ENVIRONMENT = {
    # Ansible's default. `make` has another one, for its playbooks.
    "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
    "PATH": f"{VENV / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin:/sbin",
    "ANSIBLE_COLLECTIONS_PATH": str(VENV / "collections"),
    # Nothing in the user's home is read or written.
    "HOME": str(ROOT / ".nox" / "home"),
    "ANSIBLE_HOME": str(ROOT / ".nox" / "home" / ".ansible"),
    "XDG_CACHE_HOME": str(ROOT / ".nox" / "home" / ".cache"),
    # A clone may belong to another user than the one who tests it: git would refuse to list its files.
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "safe.directory",
    "GIT_CONFIG_VALUE_0": "*",
    "PYTHONDONTWRITEBYTECODE": "1",
}

nox.needs_version = ">=2024.4.15"
nox.options.default_venv_backend = "none"
nox.options.sessions = [
    *(
        "lint",
        "types",
        "sanity",
        "docs",
        "unit",
        "integration",
        "generated",
        "molecule",
        "examples",
        "artefact",
        "oldest",
        "bench_smoke",
        "vm",
    ),
]


@dataclass
class Count:
    """How many checks of one kind passed and failed, which failed, and for which reasons others were skipped."""

    passed: int = 0
    failed: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    @property
    def skipped(self) -> int:
        """How many were skipped."""
        return self.reasons.total()

    def __add__(self, other: Count) -> Count:
        """Return the sum of both."""
        return Count(
            self.passed + other.passed,
            self.failed + other.failed,
            self.reasons + other.reasons,
            self.failures + other.failures,
        )

    def write(self, name: str) -> None:
        """Write the count of a session, for `make test` to add up."""
        RESULTS.mkdir(parents=True, exist_ok=True)
        content = {
            "passed": self.passed,
            "failed": self.failed,
            "skipped": self.skipped,
            "reasons": self.reasons,
            "failures": self.failures,
        }
        (RESULTS / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")


def succeeds(session: nox.Session, command: Sequence[str], **environment: str) -> bool:
    """Run a command, one of .venv's or a full path, in our environment; return whether it ended with 0."""
    Path(ENVIRONMENT["HOME"]).mkdir(parents=True, exist_ok=True)
    program = str(VENV / "bin" / command[0])  # a full path stays as it is
    try:
        session.run(program, *command[1:], external=True, env={**ENVIRONMENT, **environment})
    except CommandFailed:
        return False
    return True


def all_succeed(session: nox.Session, commands: Sequence[Sequence[str]], **environment: str) -> bool:
    """Run all commands, the later ones also where an earlier one fails; return whether all ended with 0."""
    ended = [succeeds(session, command, **environment) for command in commands]
    return all(ended)


def close(session: nox.Session, count: Count) -> None:
    """Write the count for `make test` to add up, and fail the session if anything failed or nothing was checked."""
    count.write(session.name)
    if count.failed:
        session.error(f"{count.failed} of {count.passed + count.failed} failed")
    if not count.passed:
        session.error("nothing was checked")


def close_skipped(session: nox.Session, reason: str, count: Count | None = None) -> NoReturn:
    """Write the count of what was skipped, by default one check, and skip the session for this reason."""
    (count or Count(reasons=Counter([reason]))).write(session.name)
    session.skip(reason)


def run_checks(session: nox.Session, commands: Sequence[Sequence[str]]) -> None:
    """Run all commands, each counting as one check; the later ones also where an earlier one fails."""
    count = Count()
    for command in commands:
        count += Count(passed=1) if succeeds(session, command) else Count(failed=1, failures=[" ".join(command)])
    close(session, count)


def count_junit(reports: Sequence[Path]) -> Count:
    """Add up the test cases of JUnit XML reports."""
    count = Count()
    for report in reports:
        for case in ET.parse(report).iter("testcase"):  # noqa: S314  # written by our own tools
            failures = [*case.iter("failure"), *case.iter("error")]
            if failures:
                count += Count(failed=1, failures=[described(case, failures[0])])
            elif (skipped := case.find("skipped")) is not None:
                count += Count(reasons=Counter([skipped.get("message") or "no reason is given"]))
            else:
                count += Count(passed=1)
    return count


def described(case: ET.Element, failure: ET.Element) -> str:
    """Return the name of a failed test case, and the beginning of its message."""
    message = " ".join((failure.get("message") or failure.text or "").split())
    return f"{case.get('classname')}::{case.get('name')}: {message[:MESSAGE_LENGTH]}"


def count_reports(directory: Path, *, succeeded: bool) -> Count:
    """Count the tests reported in ``directory``; a run that failed without a failed test counts as a failure itself."""
    count = count_junit(sorted(directory.glob("*.xml")))
    if not succeeded and not count.failed:
        count += Count(failed=1, failures=["a run ended with an error, and no test had failed"])
    return count


def empty_directory(session: nox.Session) -> Path:
    """Return an empty directory for the session's reports."""
    directory = RESULTS / session.name
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    return directory


@nox.session
def lint(session: nox.Session) -> None:
    """Style: ruff, yamllint, ansible-lint with its strictest profile."""
    run_checks(
        session,
        [
            ["ruff", "check", "."],
            ["ruff", "format", "--check", "."],
            ["yamllint", "--strict", "."],
            ["ansible-lint", "--offline", "--strict", "--profile", "production"],
            [PYTHON, "tools/docs.py", "--check"],
            [PYTHON, "tools/vocabulary.py"],
        ],
    )


@nox.session
def types(session: nox.Session) -> None:
    """Types: mypy --strict on plugins, tests, tools and the scripts of the roles."""
    collection = "ansible_collections.netns.fabric"
    scripts = [path for pattern in ("tools/*.py", "roles/*/files/*.py") for path in sorted(ROOT.glob(pattern))]
    run_checks(
        session,
        [
            ["mypy", *(word for part in ("plugins", "tests", "extensions") for word in ("-p", f"{collection}.{part}"))],
            ["mypy", "noxfile.py", *map(str, scripts)],
        ],
    )


@nox.session
def sanity(session: nox.Session) -> None:
    """Ansible's own tests for collections: ansible-test sanity."""
    reports = empty_directory(session)
    command = [PYTHON, "tools/sanity.py", "--junit-to", str(reports), *session.posargs]
    succeeded = succeeds(session, command)
    close(session, count_reports(reports, succeeded=succeeded))


@nox.session
def docs(session: nox.Session) -> None:
    """Documentation (reference, and the site with the guides in .nox/docsite), changelog and licences."""
    run_checks(
        session,
        [
            ["antsibull-docs", "lint-collection-docs", "--plugin-docs", "."],
            [PYTHON, "tools/docsite.py"],
            ["antsibull-changelog", "lint"],
            ["reuse", "lint"],
        ],
    )


@nox.session
def unit(session: nox.Session) -> None:
    """Tests without a host: no root, no kernel, no Open vSwitch."""
    reports = empty_directory(session)
    command = ["pytest", f"--junit-xml={reports / 'unit.xml'}", *(session.posargs or ["tests/unit"])]
    succeeded = succeeds(session, command)
    close(session, count_reports(reports, succeeded=succeeded))


@nox.session
@nox.parametrize("target", [nox.param(target, id=name) for name, target in TARGETS.items()])
def integration(session: nox.Session, target: tuple[str, list[str]]) -> None:
    """The modules on a real kernel and Open vSwitch, in a host of its own, with each supported pyroute2."""
    reports = empty_directory(session)
    python, tests = target
    pytest = [PYTHON, "-m", "pytest", f"--junit-xml={reports / 'integration.xml'}", *(session.posargs or tests)]
    succeeded = succeeds(session, [*OWN_HOST, "--", *pytest], NETNS_FABRIC_TARGET_PYTHON=python)
    close(session, count_reports(reports, succeeded=succeeded))


@nox.session
def generated(session: nox.Session) -> None:
    """Generated topologies with damage on a real kernel and Open vSwitch; `-- --cases 2000` generates new ones."""
    reports = empty_directory(session)
    pytest = [PYTHON, "-m", "pytest", "tests/generated", f"--junit-xml={reports / 'generated.xml'}", *session.posargs]
    succeeded = succeeds(session, [*OWN_HOST, "--", *pytest])
    close(session, count_reports(reports, succeeded=succeeded))


@nox.session
def bench_smoke(session: nox.Session) -> None:
    """The benchmark at its smallest size, to check that it works: every available rival, once, with two namespaces."""
    command = [PYTHON, "-m", "ansible_collections.netns.fabric.tests.benchmarks.run", "--sizes=2", "--runs=1"]
    report = str(empty_directory(session))
    succeeded = succeeds(session, [*command, f"--output={report}"], PYTHONPATH=str(VENV / "collections"))
    close(session, Count(passed=1) if succeeded else Count(failed=1))


@nox.session
def molecule(session: nox.Session) -> None:
    """The Molecule scenarios, each in a host of its own with an outside world; `-- NAME...` chooses some."""
    reports = empty_directory(session)
    count = Count()
    found = sorted(path.parent.name for path in ROOT.glob("extensions/molecule/*/molecule.yml"))
    for scenario in session.posargs or found:
        succeeded = succeeds(
            session,
            [*OWN_HOST, "--outside", "--", "molecule", "test", "--scenario-name", scenario],
            NETNS_FABRIC_TARGET_PYTHON=os.environ.get("NETNS_FABRIC_TARGET_PYTHON", PYTHON),
            PYTEST_ADDOPTS=f"--junit-xml={reports / scenario}.xml",
            # A directory of its own for each run: Molecule would skip the preparation recorded by an earlier one.
            MOLECULE_EPHEMERAL_DIRECTORY=str(reports / scenario),
        )
        count += Count(passed=1) if succeeded else Count(failed=1)
    close(session, count + count_junit(sorted(reports.glob("*.xml"))))


@nox.session
def examples(session: nox.Session) -> None:
    """Every example of the documentation, unchanged, in two hosts of their own side by side."""
    reports = empty_directory(session)

    def run_part(number: int, arguments: Sequence[str]) -> bool:
        pytest = [PYTHON, "-m", "pytest", f"--junit-xml={reports / f'examples-{number}.xml'}", *arguments]
        return succeeds(session, [*OWN_HOST, "--", *pytest])

    # Chosen tests run in one host, so that their output can be read while they run.
    parts = (
        [session.posargs] if session.posargs else [["tests/package/examples", f"--part={part}/2"] for part in (1, 2)]
    )
    with ThreadPoolExecutor(len(parts)) as pool:
        succeeded = all(list(pool.map(run_part, range(len(parts)), parts)))
    close(session, count_reports(reports, succeeded=succeeded))


@nox.session
def artefact(session: nox.Session) -> None:
    """The built artefact: its contents, the result of galaxy-importer, and its playbooks run from it alone."""
    reports = empty_directory(session)
    pytest = [
        PYTHON,
        "-m",
        "pytest",
        f"--junit-xml={reports / 'artefact.xml'}",
        *(session.posargs or ["tests/package/artefact"]),
    ]
    succeeded = succeeds(session, [*OWN_HOST, "--outside", "--", *pytest])
    close(session, count_reports(reports, succeeded=succeeded))


@nox.session
def oldest(session: nox.Session) -> None:
    """The oldest supported ansible-core on the controller: the inventory plugin, and the artefact's playbooks."""
    reports = empty_directory(session)
    tests = session.posargs or ["tests/unit/plugins/inventory", INSTALLED[0]]
    pytest = [PYTHON, "-m", "pytest", *tests, f"--junit-xml={reports / 'oldest.xml'}"]
    variables = {"NETNS_FABRIC_CONTROLLER": str(OLDEST), "NETNS_FABRIC_TARGET_PYTHON": str(OLDEST / "python")}
    succeeded = succeeds(session, [*OWN_HOST, "--outside", "--", *pytest], **variables)
    close(session, count_reports(reports, succeeded=succeeded))


@nox.session
def vm(session: nox.Session) -> None:
    """Debian machines under qemu, over ssh; `-- --all` runs every scenario on every Debian, `-- --all -k NAME` some.

    The images are kept in the user's cache, or in NETNS_FABRIC_VM_CACHE. Building them needs Debian's mirror.
    """
    # Before the environment hides the user's home.
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    chosen = os.environ.get("NETNS_FABRIC_VM_CACHE") or str(Path(cache) / "netns.fabric" / "vm")
    environment = {"NETNS_FABRIC_VM_CACHE": chosen, "PYTHONPATH": str(VENV / "collections")}
    every = "--all" in session.posargs
    start = time.monotonic()
    limit = [] if every else [f"--seconds={MACHINES_LIMIT}"]
    images = [PYTHON, "-m", "ansible_collections.netns.fabric.tests.vm.images", *limit, *([] if every else ["trixie"])]
    reports = empty_directory(session)
    # Other sessions that run at the same time (tools/checks.py) may depend on their time; this one waits.
    later = ["/usr/bin/nice", "-n", "10"]
    built = subprocess.run(
        [*later, *images],
        env={**os.environ, **ENVIRONMENT, **environment},
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    session.log(built.stderr)
    # That an image takes longer, or that the mirror fails today, is no fault of the collection.
    if built.returncode == IMAGES_UNAVAILABLE or (built.returncode and not every):
        close_skipped(session, f"no image: {' '.join(built.stderr.split())}")
    left = [] if every else [f"--seconds={MACHINES_LIMIT - (time.monotonic() - start):.0f}"]
    tests = ["tests/vm", f"--logs={reports / 'logs'}", f"--junit-xml={reports / 'vm.xml'}", *left, *session.posargs]
    succeeded = not built.returncode and succeeds(session, [*later, PYTHON, "-m", "pytest", *tests], **environment)
    count = count_reports(reports, succeeded=succeeded)
    if count.passed or count.failed:
        close(session, count)
    else:
        close_skipped(session, "no scenario was run, for the reasons in the report", count)


def interpreter(version: str) -> str | None:
    """Return the path of a Python of this version (`3.12`), None if the machine has none.

    The running one is always found; a shim of pyenv's counts only if its Python is installed.
    """
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return sys.executable
    found = [shutil.which(f"python{version}"), *sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))]
    script = "import sys, ensurepip; print('%d.%d' % sys.version_info[:2])"
    for candidate in filter(None, found):
        result = subprocess.run([str(candidate), "-c", script], capture_output=True, text=True, check=False)
        if result.stdout.strip() == version:
            return str(candidate)
    return None


def create_environment(session: nox.Session, name: str, version: str, *pip_arguments: str) -> Path:
    """Create a virtual environment with a Python of this version; return its directory, or skip if there is none."""
    python = interpreter(version)
    if python is None:
        close_skipped(session, f"there is no Python {version} here")
    directory = MATRIX / name
    session.run(python, "-m", "venv", "--clear", str(directory), external=True)
    # With the user's settings of pip: only these sessions and `vm` need a network.
    pip = [str(directory / "bin" / "python"), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    session.run(*pip, *pip_arguments, external=True)
    return directory


@nox.session(tags=["matrix"])
@nox.parametrize("core, version", [nox.param(*pair, id=f"core-{pair[0]}-python-{pair[1]}") for pair in CONTROLLERS])
def controller(session: nox.Session, core: str, version: str) -> None:
    """Every supported ansible-core: unit tests, examples, the artefact's playbooks, and ansible-test sanity."""
    reports = empty_directory(session)
    needed = [f"ansible-core~={core}.0", TARGET_PYROUTE2["0.9"], "pytest", "hypothesis"]
    commands = create_environment(session, f"core-{core}-python-{version}", version, *needed) / "bin"
    python = str(commands / "python")
    runs = [
        [python, "-m", "pytest", "tests/unit", f"--junit-xml={reports / 'unit.xml'}"],
        [*OWN_HOST, "--outside", "--", PYTHON, "-m", "pytest", *INSTALLED, "tests/package/examples",
         f"--junit-xml={reports / 'plays.xml'}"],
    ]  # fmt: skip
    if (core, version) in NEWEST_CONTROLLERS:
        succeeds(session, [python, "tools/sanity.py", "--prepare"])
        runs.append([python, "tools/sanity.py", "--junit-to", str(reports)])
    variables = {"NETNS_FABRIC_CONTROLLER": str(commands), "NETNS_FABRIC_TARGET_PYTHON": python}
    succeeded = all_succeed(session, runs, **variables)
    close(session, count_reports(reports, succeeded=succeeded))


@nox.session(tags=["matrix"])
@nox.parametrize("pyroute2", [nox.param(name, id=f"pyroute2-{name}") for name in TARGET_PYROUTE2])
@nox.parametrize("version", [nox.param(version, id=f"python-{version}") for version in TARGET_PYTHONS])
def target(session: nox.Session, version: str, pyroute2: str) -> None:
    """Every supported Python and pyroute2 of a managed host: the modules on a real kernel and Open vSwitch."""
    reports = empty_directory(session)
    # As on a managed host, where ansible-core comes with the module and without its dependencies.
    needed = ["--no-deps", "--ignore-requires-python", "ansible-core~=2.19.0", TARGET_PYROUTE2[pyroute2]]
    directory = create_environment(session, f"python-{version}-pyroute2-{pyroute2}", version, *needed)
    tests = session.posargs or TARGETS[f"pyroute2-{pyroute2[:3]}"][1]
    runs = [
        [*OWN_HOST, "--", PYTHON, "-m", "pytest", *tests, f"--junit-xml={reports / 'integration.xml'}"],
        [*OWN_HOST, "--outside", "--", PYTHON, "-m", "pytest", *INSTALLED, f"--junit-xml={reports / 'plays.xml'}"],
    ]
    variables = {"NETNS_FABRIC_TARGET_PYTHON": str(directory / "bin" / "python")}
    succeeded = all_succeed(session, runs, **variables)
    close(session, count_reports(reports, succeeded=succeeded))


if sys.version_info < (3, 11):
    raise SystemExit("the tools need Python 3.11 or newer: run nox from .venv (make setup-checks)")
