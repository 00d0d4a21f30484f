# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command netns-fabric on a host: what is stored there is compared, applied and deleted, without Ansible.

Exit status: the least favourable of all topologies, as programs that monitor a host read it.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, NoReturn

from ansible_collections.netns.fabric.plugins.module_utils._core import conditions, validation
from ansible_collections.netns.fabric.plugins.module_utils._core.confirmation import (
    PendingConfirmation,
    require_none_pending,
)
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError, Unavailable, Unfinished
from ansible_collections.netns.fabric.plugins.module_utils._core.execution import exclusive_access, open_host
from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call
from ansible_collections.netns.fabric.plugins.module_utils._entry import boot_document as documents
from ansible_collections.netns.fabric.plugins.module_utils._entry import boot_planner
from ansible_collections.netns.fabric.plugins.module_utils._entry.boot_document import Document
from ansible_collections.netns.fabric.plugins.module_utils._entry.command_report import (
    DIFFERS,
    FAILED,
    OK,
    UNKNOWN,
    Report,
    render,
)
from ansible_collections.netns.fabric.plugins.module_utils._entry.steps import (
    merge_results,
    run_steps,
    simulate_steps,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.registry import RESOURCES
from ansible_collections.netns.fabric.plugins.module_utils._system.files import FILES

#: Seconds between two attempts of `apply --wait`.
RETRY = 2.0

_EPILOG = """\
Exit status: 0 the host is as stored; 1 it differs (status, check); 2 the topology cannot be applied or deleted;
3 unknown: no such topology, its file cannot be read, wrong usage, not root, or another run keeps the host locked.
"""

BACKENDS = tuple(
    dict.fromkeys(
        [*(backend for resource in RESOURCES.values() for backend in resource.backends), *boot_planner.BACKENDS]
    )
)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(UNKNOWN, f"{self.prog}: {message}\n")


def parse_arguments(argv: Sequence[str]) -> argparse.Namespace:
    """Return the arguments; end the process where they are wrong."""
    parser = _Parser(
        prog="netns-fabric",
        description="Compare, apply or delete a network topology that Ansible has stored on this host.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    helps = {
        "status": "say which objects differ from what is stored; of all topologies where none is named",
        "check": "show what `apply` would change, before and after, and the equivalent commands; changes nothing",
        "apply": "create and repair what differs",
        "delete": "delete the topology, and what applies it at boot",
    }
    for name, text in helps.items():
        action = actions.add_parser(name, help=text, description=text, epilog=_EPILOG)
        action.add_argument("names", metavar="NAME", nargs="*" if name == "status" else "+", help="a stored topology")
        action.add_argument("--json", action="store_true", help="one JSON document on standard output")
    actions.choices["apply"].add_argument(
        "--wait", type=float, default=0, metavar="SECONDS", help="try again for so long while the host is not ready"
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str]) -> int:
    """Carry out a command line and return the exit status."""
    arguments = parse_arguments(argv)
    try:
        names = arguments.names or stored_names()
    except FabricError as error:
        names, reports = [], [Report("", UNKNOWN, str(error))]
    else:
        reports = [_attempt(name, arguments) for name in names]
    for line in render(arguments.action, reports, arguments.json, _is_journal()):
        sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
    return max((report.status for report in reports), default=OK)


def _is_journal() -> bool:
    """Return whether standard output is the journal (systemd.exec(5), JOURNAL_STREAM)."""
    status = os.fstat(1)
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def stored_names() -> list[str]:
    """Return the names of the stored topologies.

    Raises:
        Unavailable: Not as root.
    """
    with open_host((FILES,), check_mode=True) as host:
        found = host.use(FILES).names(documents.DIRECTORY)
    return [name[: -len(documents.SUFFIX)] for name in found if name.endswith(documents.SUFFIX)]


def _attempt(name: str, arguments: argparse.Namespace) -> Report:
    """Carry out the action for a topology, again and again for as long as is asked for.

    A run that waits for its confirmation is waited for: that has an end, and what is stored is written with it.
    """
    action = _ACTIONS[arguments.action]
    deadline = time.monotonic() + getattr(arguments, "wait", 0)
    while True:
        report = _carry_out(action, name)
        is_late = time.monotonic() >= deadline and not report.is_pending
        if report.status in (OK, DIFFERS) or not report.may_pass or is_late:
            return report
        time.sleep(RETRY)  # no event announces that Open vSwitch answers, or that a NIC appears


def _carry_out(action: Callable[[str], Report], name: str) -> Report:
    report = _report(action, name)
    # A message may have a secret of the topology in it, which has to be known to be hidden.
    return report if report.document else replace(report, document=_peek(name))


def _peek(name: str) -> Document | None:
    with suppress(FabricError, ValueError, OSError):
        content = FILES.open().read_data(documents.path_of(validation.owner_name(name)))
        return documents.load(name, content) if content is not None else None
    return None


def _report(action: Callable[[str], Report], name: str) -> Report:
    """Carry out an action and return its report, or that of its error."""
    try:
        return action(name)
    except (documents.UnreadableDocument, _Absent) as error:
        return Report(name, UNKNOWN, str(error))
    except Unavailable as error:
        is_pending = isinstance(error, PendingConfirmation)
        return Report(name, UNKNOWN, str(error), may_pass=True, is_pending=is_pending)
    except Unfinished as error:
        return Report(name, FAILED, str(error), error.result, may_pass=True)
    except (FabricError, OSError, MemoryError) as error:
        return Report(name, FAILED, conditions.explain(error), may_pass=True)
    except Exception as error:  # noqa: BLE001  # an internal error is reported as such, with where it is
        traceback.print_exc()
        return Report(name, FAILED, f"Internal error in netns.fabric (please report it): {error!r}")


class _Absent(FabricError):
    """There is no such topology on this host."""


def _load(name: str, host: Host) -> Document:
    """Return a stored topology. With the lock: until a run has it, the last one may still replace the file."""
    try:
        content = host.use(FILES).read_data(documents.path_of(validation.owner_name(name)))
    except ValueError as error:
        raise _Absent(str(error)) from None
    if content is None:
        raise _Absent(f"no topology {name!r} is stored on this host; `netns-fabric status` lists those that are")
    return documents.load(name, content)


def check(name: str) -> Report:
    """Compare the host with a stored topology: plan all of it as a run would, and write nothing."""
    with open_host(BACKENDS, check_mode=True) as host, exclusive_access(host):
        document = _load(name, host)
        steps = documents.parse_steps(document.steps)
        result = merge_results(simulate_steps(steps, host), host)
    return Report(name, DIFFERS if result["changed"] else OK, "", result, document)


def apply(name: str) -> Report:
    """Create and repair what differs from a stored topology."""
    with open_host(BACKENDS, check_mode=False) as host, exclusive_access(host):
        document = _load(name, host)
        steps = documents.parse_steps(document.steps)
        require_none_pending()
        result = merge_results(run_steps(steps, simulate_steps(steps, host), host), host)
    return Report(name, OK, "", result, document)


def delete(name: str) -> Report:
    """Delete a stored topology from the host, and then what has stored it."""
    with open_host(BACKENDS, check_mode=False) as host, exclusive_access(host):
        document = _load(name, host)
        if not document.delete_steps:
            raise FabricError("how to delete this topology is not stored (`delete_steps` of the module boot)")
        steps = documents.parse_steps(document.delete_steps)
        require_none_pending()
        plans = run_steps(steps, simulate_steps(steps, host), host)
        entry = boot_planner.Topology(Entry(name), name, None)
        call: Call[Any] = Call((entry,), owner=document.owner)
        plan = boot_planner.BootPlanner(boot_planner.read_actual(host, call.entries), call).run()
        host.require_writable(plan)
        host.apply(plan)
        result = merge_results([*plans, plan], host)
    return Report(name, OK, "", result, document)


_ACTIONS: dict[str, Callable[[str], Report]] = {"status": check, "check": check, "apply": apply, "delete": delete}
