# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words of the become plugin's command line. The Molecule scenario `inside` runs them."""

from __future__ import annotations

import json
import shlex
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netns.fabric.plugins.plugin_utils._become.command_line import Sudo, command_line

SUCCESS = "BECOME-SUCCESS-abc"
COMMAND = "/bin/sh -c 'echo BECOME-SUCCESS-abc ; python3'"


def words(
    *, namespace: str = "ns01", command: str = COMMAND, user: str = "root", sudo: Sudo | None = None
) -> list[str]:
    """Return the script that /bin/sh runs, and its arguments."""
    found = shlex.split(command_line(namespace, COMMAND, success=SUCCESS, user=user, sudo=sudo))
    assert found[:2] == ["/bin/sh", "-c"]
    assert found[3] == "sh"
    return [found[2], *found[4:]]


def test_root_enters_the_namespace() -> None:
    script, *arguments = words()
    assert 'set -- "$ip" netns exec ns01 "$@"' in script
    assert "runuser" not in script
    assert arguments == ["/bin/sh", "-c", "echo BECOME-SUCCESS-abc ; python3"]


def test_another_user_inside() -> None:
    script, *arguments = words(user="o'neil")
    assert 'set -- "$runuser" "$@"; set -- "$ip" netns exec ns01 "$@"' in script
    assert arguments == ["-s", "/bin/sh", "-c", COMMAND, "--", "o'neil"]


@pytest.mark.parametrize(
    ("sudo", "expected"),
    [
        (Sudo(), "sudo -u root --"),
        (Sudo(executable="/opt/my sudo", flags=("-H", "-S", "-n")), "'/opt/my sudo' -H -S -n -u root --"),
        (Sudo(flags=("-H", "-S", "-n"), prompt="pass: "), "sudo -H -S -p 'pass: ' -u root --"),
        (Sudo(flags=("-HSn",), prompt="p"), "sudo -HS -p p -u root --"),
        (Sudo(flags=("--non-interactive", "--set-home"), prompt="p"), "sudo --set-home -p p -u root --"),
    ],
)
def test_sudo(sudo: Sudo, expected: str) -> None:
    assert f'test "$(id -u)" = 0 || set -- {expected} "$@"; ' in words(sudo=sudo)[0]


def test_programs_that_run_as_root_are_not_searched_in_path() -> None:
    script = words(user="nobody")[0]
    system, command = script.index("PATH=/usr/local/sbin:"), script.index('PATH="$given')
    for search in ("stat -f", "command -v ip", "command -v runuser"):
        assert system < script.index(search) < command


def test_missing_namespace() -> None:
    """Run for real, with a name that no namespace has: nothing of it needs root."""
    name = "no-such 'name' $HOME"
    ran = subprocess.run(
        ["/bin/sh", "-c", command_line(name, COMMAND, success=SUCCESS)],
        input="the module" * 100_000,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    success, result = ran.stdout.splitlines()
    assert (ran.returncode, success) == (1, SUCCESS)
    assert json.loads(result)["failed"] is True
    assert json.loads(result)["msg"].startswith(f"ansible_netns: there is no network namespace {name!r} on this host")


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1))
def test_any_name_and_user_stay_one_word(text: str) -> None:
    script, *arguments = words(namespace=text, user=text)
    assert f'set -- "$ip" netns exec {shlex.quote(text)} "$@"' in script
    assert shlex.quote("/run/netns/" + text) in script
    assert arguments[-1] == text
