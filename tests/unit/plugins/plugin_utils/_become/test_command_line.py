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


def script(*, namespace: str = "ns01", command: str = COMMAND, user: str = "root", sudo: Sudo | None = None) -> str:
    """Return the script that /bin/sh runs."""
    words = shlex.split(command_line(namespace, command, success=SUCCESS, user=user, sudo=sudo))
    assert words[:2] == ["/bin/sh", "-c"]
    assert len(words) == 3
    return words[2]


def test_root_enters_the_namespace() -> None:
    words = ["ip", "netns", "exec", "ns01", "/bin/sh", "-c", "echo BECOME-SUCCESS-abc ; python3"]
    assert shlex.join(words) in script()


def test_another_user_inside() -> None:
    words = ["ip", "netns", "exec", "ns01", "runuser", "-s", "/bin/sh", "-c", COMMAND, "--", "o'neil"]
    assert shlex.join(words) in script(user="o'neil")


@pytest.mark.parametrize(
    ("sudo", "words"),
    [
        (Sudo(), "sudo -u root --"),
        (Sudo(executable="/opt/my sudo", flags=("-H", "-S", "-n")), "'/opt/my sudo' -H -S -n -u root --"),
        (Sudo(flags=("-H", "-S", "-n"), prompt="pass: "), "sudo -H -S -p 'pass: ' -u root --"),
        (Sudo(flags=("-HSn",), prompt="p"), "sudo -HS -p p -u root --"),
        (Sudo(flags=("--non-interactive", "--set-home"), prompt="p"), "sudo --set-home -p p -u root --"),
    ],
)
def test_sudo(sudo: Sudo, words: str) -> None:
    assert f'test "$(id -u)" = 0 || set -- {words} "$@"; exec "$@"' in script(sudo=sudo)


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
    line = script(namespace=text, user=text)
    assert f"set -- ip netns exec {shlex.quote(text)} runuser" in line
    assert f"-- {shlex.quote(text)}; test" in line
    assert shlex.quote("/run/netns/" + text) in line
