# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""firewalld, through firewall-cmd(1): the only code that runs it.

Its Python library is not used: it is installed for the system's interpreter only, and a module may run under another.
firewall-cmd calls the daemon over D-Bus and takes about 0.15 s.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import OperationFailed, Unavailable
from ansible_collections.netns.fabric.plugins.module_utils._core.journal import Backend, BackendType, Journal
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Operation
from ansible_collections.netns.fabric.plugins.module_utils._firewall.firewalld_policy import (
    PROGRAM,
    RELOAD,
    FirewalldOperation,
    Policy,
    Setting,
    Zones,
    parse_description,
    parse_listing,
    parse_members,
    parse_settings,
)
from ansible_collections.netns.fabric.plugins.module_utils._system.programs import Result, find, run

#: firewall-cmd(1), exit codes: no such policy; the daemon is not running; an option that older releases do not know.
_INVALID_POLICY, _NOT_RUNNING, _USAGE = 140, 252, 2

_BUS = Path("/run/dbus/system_bus_socket")
_POLICIES = Path("/etc/firewalld/policies")
#: Whether somebody has firewalld's name on the bus (D-Bus specification, NameHasOwner), by busctl(1) of systemd.
_HAS_OWNER = ("call", "org.freedesktop.DBus", "/", "org.freedesktop.DBus", "NameHasOwner", "s")
_BUS_NAME = "org.fedoraproject.FirewallD1"


class Firewalld(Backend):
    """The firewalld of this host."""

    def policy(
        self,
        name: str,
        reload_needed: Callable[[Policy], bool],
        networks: Collection[str] = (),
        dispatch: bool = False,
    ) -> Policy | None:
        """Return a policy; None where no firewalld that has policies is running.

        Where `reload_needed`, it names what a reload would change besides the policy. With `dispatch`, where only what
        is in a zone reaches a policy, it has the zones of these networks.

        Raises:
            Unavailable: firewall-cmd failed for another reason.
        """
        if find(PROGRAM) is None or not _BUS.exists() or _is_off_the_bus():
            return None
        permanent = _query("--verbose", "--permanent", f"--info-policy={name}")
        if permanent.status in (_NOT_RUNNING, _USAGE):
            return None
        running = _query(f"--info-policy={name}")
        policy = Policy(
            name,
            None if permanent.status else parse_settings(permanent.output),
            None if running.status else parse_settings(running.output),
            "" if permanent.status else parse_description(permanent.output),
        )
        if dispatch or policy.sources():
            policy = replace(policy, zones=_zones(policy.sources().union(networks)))
        if not reload_needed(policy):
            return policy
        return replace(policy, unsaved=tuple(_unsaved(name)))

    def has_policy_file(self, name: str) -> bool:
        """Whether the permanent configuration has the policy, also where the daemon is not running."""
        return (_POLICIES / f"{name}.xml").exists()

    def execute(self, operations: Sequence[Operation], journal: Journal) -> None:
        """Execute each operation by one call of firewall-cmd."""
        if RELOAD in operations:
            # The first in the journal is the last to be undone: firewalld loads the restored configuration.
            journal.record("the reload of firewalld", partial(_undo, RELOAD.arguments))
        for operation in operations:
            if isinstance(operation, FirewalldOperation):
                try:
                    _execute(operation.arguments, operation)
                except OperationFailed:
                    journal.record("the policy of firewalld", partial(_undo_if_done, operation))
                    raise
                for arguments in reversed(operation.opposite):
                    journal.record("the policy of firewalld", partial(_undo, arguments))

    def commit(self) -> None:
        """Do nothing: nothing is kept for the rollback."""


def _is_off_the_bus() -> bool:
    """Whether the bus says that firewalld is not running, which takes a tenth of the time that firewall-cmd takes."""
    program = find("busctl")
    return program is not None and run([program, "--system", *_HAS_OWNER, _BUS_NAME]).output.strip() == "b false"


def _run(*arguments: str) -> Result:
    return run([find(PROGRAM) or PROGRAM, *arguments])


def _query(*arguments: str) -> Result:
    result = _run(*arguments)
    if result.status not in (0, _INVALID_POLICY, _NOT_RUNNING, _USAGE):
        raise Unavailable(f"`{PROGRAM} {' '.join(arguments)}` failed: {result.error.strip() or result.status}")
    return result


def _execute(arguments: tuple[str, ...], operation: FirewalldOperation | None = None) -> None:
    result = _run(*arguments)
    if result.status:
        reason = result.error.strip() or result.output.strip() or f"exit status {result.status}"
        raise OperationFailed(operation, f"firewalld refused `{PROGRAM} {' '.join(arguments)}`: {reason}")


def _undo(arguments: tuple[str, ...]) -> None:
    """Execute a call that undoes another one; firewall-cmd may fail when firewalld has done it."""
    try:
        _execute(arguments)
    except OperationFailed:
        if not _has_happened(arguments):
            raise


def _undo_if_done(operation: FirewalldOperation) -> None:
    """Undo a call that firewalld has carried out although firewall-cmd failed."""
    if operation.opposite and _has_happened(operation.arguments):
        for arguments in operation.opposite:
            _undo(arguments)


def _has_happened(arguments: tuple[str, ...]) -> bool:
    """Return whether firewalld shows what a call does.

    Raises:
        Unavailable: firewalld cannot be read.
    """
    if arguments == RELOAD.arguments:
        return set(_query("--get-policies").output.split()) == set(
            _query("--permanent", "--get-policies").output.split()
        )
    options = [(name, value) for name, _equals, value in (argument.partition("=") for argument in arguments)]
    where = [name for name, _value in options if name == "--permanent"]
    zone = dict(options).get("--zone")
    if zone:
        verb, source = options[-1]
        return (source in _query(*where, f"--zone={zone}", "--list-sources").output.split()) == verb.startswith("--add")
    policy = next(value for name, value in options if name in ("--policy", "--new-policy", "--delete-policy"))
    found = _query("--verbose", *where, f"--info-policy={policy}")
    settings = parse_settings(found.output)
    return all(_shows(name, value, found, settings) for name, value in options if value and name != "--policy")


def _shows(option: str, value: str, found: Result, settings: frozenset[Setting]) -> bool:
    """Return whether a policy, as `--info-policy` has printed it, is as an option makes it."""
    if option in ("--new-policy", "--delete-policy"):
        return (found.status == 0) == (option == "--new-policy")
    if option == "--set-description":
        return parse_description(found.output) == value
    verb, _dash, kind = option[2:].partition("-")
    return ((kind, value) in settings) == (verb == "add")


def _zones(networks: Iterable[str]) -> Zones:
    permanent = {
        network: zone
        for network in networks
        if (zone := _query("--permanent", f"--get-zone-of-source={network}").output.strip())
    }
    default = _query("--get-default-zone").output.strip()
    return Zones(default, parse_members(_query("--get-active-zones").output), permanent, dispatch=True)


def _unsaved(name: str) -> list[str]:
    """Return where the running configuration differs from the permanent one."""
    found = []
    for kind in ("zone", "policy"):
        option = {"zone": "--list-all-zones", "policy": "--list-all-policies"}[kind]
        running = parse_listing(_query(option).output, leave_out=name)
        permanent = parse_listing(_query("--permanent", option).output, leave_out=name)
        names = [each for each in {**running, **permanent} if running.get(each) != permanent.get(each)]
        found += [f"{kind} {each}" for each in sorted(names)]
    if _query("--direct", "--get-all-rules").output != _query("--permanent", "--direct", "--get-all-rules").output:
        found.append("direct rules")
    return found


FIREWALLD = BackendType("firewalld", Firewalld)
