# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run ansible-test sanity on a copy of the clone, without a network and without touching the user's home.

ansible-test requires a directory named ansible_collections/netns/fabric, follows symbolic links, and lists the files by
git. It therefore gets a real copy, which is a git repository.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
#: The virtual environment of this Python: the clone's .venv, or one of the matrix with another ansible-core.
VENV = Path(sys.prefix)
COPY = ROOT / ".nox" / "sanity" / VENV.name / "ansible_collections" / "netns" / "fabric"
#: ansible-test keeps its virtual environments under the home directory.
HOME = VENV / "ansible-test"

#: The bootstrap scripts that ansible-core would download for its virtual environments; ensurepip replaces them.
GET_PIPS = [HOME / ".ansible" / "test" / "cache" / f"get_pip_{version}.py" for version in ("24_2", "25_2")]
GET_PIP_TEXT = "import ensurepip\n\nensurepip.bootstrap()\n"


def git(*arguments: str, cwd: Path = ROOT) -> bytes:
    """Return the output of git. With safe.directory, because a clone may belong to another user than root."""
    command = ["git", "-c", "safe.directory=*", *arguments]
    return subprocess.run(command, cwd=cwd, check=True, capture_output=True, timeout=120).stdout


def copy_collection() -> None:
    """Replace COPY by the files that git tracks or would add."""
    shutil.rmtree(COPY, ignore_errors=True)
    COPY.mkdir(parents=True)
    for name in git("ls-files", "-z", "--cached", "--others", "--exclude-standard").decode().split("\0"):
        source = ROOT / name
        if name and (source.is_file() or source.is_symlink()):  # a deleted file may still be in the index
            target = COPY / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
    git("init", "--quiet", cwd=COPY)
    git("add", "--all", cwd=COPY)


def environment() -> dict[str, str]:
    """Return the environment for ansible-test: its own home directory, and the user's pip settings."""
    result = dict(os.environ, HOME=str(HOME))
    result["PATH"] = f"{VENV / 'bin'}{os.pathsep}{result['PATH']}"
    for user_settings in (Path.home() / ".config/pip/pip.conf", Path.home() / ".pip/pip.conf"):
        if user_settings.is_file():
            result.setdefault("PIP_CONFIG_FILE", str(user_settings))
    result.setdefault("PIP_CACHE_DIR", str(Path.home() / ".cache" / "pip"))
    return result


def ansible_test(*arguments: str) -> list[str]:
    """Return the argv of ansible-test sanity for this Python."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return [str(VENV / "bin" / "ansible-test"), "sanity", "--local", "--python", python, *arguments]


def prepare() -> int:
    """Create the virtual environments that the tests need; print the output only if it fails."""
    prepared = subprocess.run(
        ansible_test("--prime-venvs"),
        cwd=COPY,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        check=False,
    )
    if prepared.returncode:
        print(prepared.stdout)
    return prepared.returncode


def main(argv: list[str]) -> int:
    """Run ansible-test sanity, or with --prepare only fetch what it needs; return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--prepare", action="store_true", help="only fetch what the tests need")
    parser.add_argument("--junit-to", type=Path, metavar="DIRECTORY", help="write JUnit XML reports there")
    options, passed_on = parser.parse_known_args(argv)

    copy_collection()
    for script in GET_PIPS:
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_text(GET_PIP_TEXT, encoding="utf-8")
    if options.prepare:
        return prepare()
    command = ansible_test("--junit", *passed_on)
    status = subprocess.run(command, cwd=COPY, env=environment(), timeout=900, check=False).returncode
    if options.junit_to:
        for report in (COPY / "tests" / "output" / "junit").glob("*.xml"):
            shutil.copy2(report, options.junit_to)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
