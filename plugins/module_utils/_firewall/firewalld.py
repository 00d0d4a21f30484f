# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""firewalld, through firewall-cmd(1): the only code that runs it.

Not through its Python library: that is there for the system's own interpreter alone, which a module need not run under.
firewall-cmd talks to the daemon over D-Bus and ends in about 0.15 s.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import OperationFailed, Unavailable
from ansible_collections.netns.fabric.plugins.module_utils._core.journal import Backend, BackendType, Journal
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Operation
from ansible_collections.netns.fabric.plugins.module_utils._firewall.firewalld_policy import (
    PROGRAM,
    RELOAD,
    FirewalldOperation,
    Policy,
    comparable,
    description_of,
    settings_of,
)
from ansible_collections.netns.fabric.plugins.module_utils._system.programs import Result, find, run

#: firewall-cmd(1), exit codes: no such policy; the daemon does not run. 2: an option that older releases do not know.
_INVALID_POLICY, _NOT_RUNNING, _USAGE = 140, 252, 2

_BUS = Path("/run/dbus/system_bus_socket")
_POLICIES = Path("/etc/firewalld/policies")


class Firewalld(Backend):
    """The firewalld of this host."""

    def policy(self, name: str, reload_needed: Callable[[Policy], bool]) -> Policy | None:
        """A policy, and where it would take a reload what that would change; None: no firewalld with policies runs.

        Raises:
            Unavailable: firewall-cmd fails for another reason.
        """
        if find(PROGRAM) is None or not _BUS.exists():
            return None
        permanent = _ask("--verbose", "--permanent", f"--info-policy={name}")
        if permanent.status in (_NOT_RUNNING, _USAGE):
            return None
        running = _ask(f"--info-policy={name}")
        policy = Policy(
            name,
            None if permanent.status else settings_of(permanent.output),
            None if running.status else settings_of(running.output),
            "" if permanent.status else description_of(permanent.output),
        )
        if not reload_needed(policy):
            return policy
        return Policy(name, policy.permanent, policy.running, policy.description, tuple(_unsaved(name)))

    def left_behind(self, name: str) -> bool:
        """Whether the permanent configuration has the policy; for where the daemon does not run."""
        return (_POLICIES / f"{name}.xml").exists()

    def execute(self, operations: Sequence[Operation], journal: Journal) -> None:
        """One call of firewall-cmd for each."""
        if RELOAD in operations:
            # The first in the journal is the last to be undone: what was taken back is loaded again.
            journal.record("reloading firewalld", lambda: _tell(RELOAD.arguments))
        for operation in operations:
            if isinstance(operation, FirewalldOperation):
                _tell(operation.arguments, operation)
                for arguments in reversed(operation.opposite):
                    journal.record("firewalld's policy", _step(arguments))

    def commit(self) -> None:
        """Nothing is kept for the way back."""


def _step(arguments: tuple[str, ...]) -> Callable[[], None]:
    return lambda: _tell(arguments)


def _run(*arguments: str) -> Result:
    return run([find(PROGRAM) or PROGRAM, *arguments])


def _ask(*arguments: str) -> Result:
    result = _run(*arguments)
    if result.status not in (0, _INVALID_POLICY, _NOT_RUNNING, _USAGE):
        raise Unavailable(f"`{PROGRAM} {' '.join(arguments)}` failed: {result.error.strip() or result.status}")
    return result


def _tell(arguments: tuple[str, ...], operation: FirewalldOperation | None = None) -> None:
    result = _run(*arguments)
    if result.status:
        said = result.error.strip() or result.output.strip() or f"exit status {result.status}"
        raise OperationFailed(operation, f"firewalld refused `{PROGRAM} {' '.join(arguments)}`: {said}")


def _unsaved(name: str) -> list[str]:
    """Where what runs differs from what is permanent."""
    found = []
    for kind in ("zone", "policy"):
        option = {"zone": "--list-all-zones", "policy": "--list-all-policies"}[kind]
        running = comparable(_ask(option).output, leave_out=name)
        permanent = comparable(_ask("--permanent", option).output, leave_out=name)
        names = [each for each in {**running, **permanent} if running.get(each) != permanent.get(each)]
        found += [f"{kind} {each}" for each in sorted(names)]
    if _ask("--direct", "--get-all-rules").output != _ask("--permanent", "--direct", "--get-all-rules").output:
        found.append("direct rules")
    return found


FIREWALLD = BackendType("firewalld", Firewalld)
