# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cycle check -> apply -> check -> apply of a module, with snapshots of the host in between."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable
from typing import Any

from ansible_collections.netns.fabric.tests.helpers import snapshot
from ansible_collections.netns.fabric.tests.helpers.host import NAMESPACES, Host
from ansible_collections.netns.fabric.tests.helpers.module_runner import ModuleResult

Run = Callable[..., ModuleResult]


def assert_unchanged(result: ModuleResult) -> None:
    """Raise AssertionError unless the module ran to its end and found nothing to do."""
    assert not result.failed, result.message
    assert (result.changed, result.diff, result.commands) == (False, [], [])


def converge(host: Host, run_module: Run, module: str, /, **params: Any) -> ModuleResult:
    """Run check -> apply -> check -> apply on the host, and return the result of the first real run.

    Check mode has to leave the host as it was and to return what the real run returns. After that, check mode and
    another real run have to find nothing to do.
    """
    before = snapshot.take()
    checked = run_module(module, _check=True, **params)
    assert not checked.failed, checked.message
    snapshot.assert_unchanged(before, "the host after check mode")
    applied = run_module(module, **params)
    assert not applied.failed, applied.message
    assert (checked.changed, checked.diff, checked.commands) == (applied.changed, applied.diff, applied.commands)
    assert applied.changed == bool(applied.commands)
    assert_unchanged(run_module(module, _check=True, **params))
    done = snapshot.take()
    assert_unchanged(run_module(module, **params))
    snapshot.assert_unchanged(done, "the host after the second run")
    return applied


def converge_and_paste(
    host: Host, run_module: Run, prepare: Callable[[], None], module: str, /, **params: Any
) -> ModuleResult:
    """Run the cycle of converge(); then paste the commands into a shell on an equal host, and compare.

    ``prepare`` changes a cleared host into the one that the module starts with.
    """
    prepare()
    applied = converge(host, run_module, module, **params)
    wanted = snapshot.take()
    host.clear()
    prepare()
    paste(host, applied.commands)
    snapshot.assert_equal_host(wanted, "the host after the pasted commands")
    return applied


def paste(host: Host, commands: Iterable[str]) -> None:
    """Run command lines in a shell, as a user would who pastes them there; each must succeed."""
    # bash replaces itself by the last command, and `$$` would not be the shell any more: hence one after it.
    script = "\n".join(["set -eu", *commands, ":"])
    host.run("bash", "-c", script)


def shell(host: Host, script: str) -> None:
    """Run ip(8) lines, one per line; other commands begin with an exclamation mark. Each must succeed."""
    for line in filter(None, map(str.strip, script.splitlines())):
        words = shlex.split(line.removeprefix("!"))
        host.run(*(words if line.startswith("!") else ["ip", *words]))


def inode(namespace: str) -> int:
    """Return what identifies a namespace: one that gets the same name later has another inode."""
    return os.stat(NAMESPACES / namespace).st_ino
