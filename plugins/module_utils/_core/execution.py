# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A call of a state module: read, plan and, unless in check mode, apply. Knows no Ansible."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core import confirmation
from ansible_collections.netns.fabric.plugins.module_utils._core.argspec import parse_call
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import (
    FabricError,
    OperationFailed,
    Unavailable,
)
from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._core.journal import BackendType
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call, Resource


def converge(resource: Resource[Any, Any], params: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    """Carry out a whole call and return the module's result.

    Raises:
        FabricError: With a message for the user; nothing of the call is left on the host.
    """
    call = parse_call(resource, params, check_mode)
    with exclusive_host(resource.backends, check_mode) as host:
        confirmation.require_none_pending()
        earlier = confirmation.report_earlier_run(check_mode)
        plan = plan_and_apply(resource, call, host)
        warnings = [*earlier, *plan.warnings, *host.warnings()]
    return {
        "changed": plan.changed,
        "diff": plan.diff,
        "commands": plan.commands,
        "warnings": warnings,
        **plan.results,
    }


def require_root() -> None:
    """Raise Unavailable where the module does not run as root."""
    if os.geteuid() != 0:
        raise Unavailable("this needs root on the managed host: set `become: true` on the task or the play")


@contextmanager
def open_host(backends: Iterable[BackendType[Any]], check_mode: bool) -> Iterator[Host]:
    """Open the managed host, and close it at the end.

    Raises:
        Unavailable: Not as root.
    """
    require_root()
    with closing(Host(backends, check_mode)) as host:
        yield host


@contextmanager
def exclusive_host(backends: Iterable[BackendType[Any]], check_mode: bool) -> Iterator[Host]:
    """Open the managed host and keep other calls out until it is closed.

    Raises:
        Unavailable: Not as root, or another call has not ended in time.
    """
    with open_host(backends, check_mode) as host, exclusive_access(host):
        yield host


@contextmanager
def exclusive_access(host: Host) -> Iterator[None]:
    """Keep other calls out until what was done to the host has settled.

    Raises:
        Unavailable: Another call has not ended in time.
    """
    with host.locked():
        yield
        host.settle()


def make_plan(resource: Resource[Any, Any], call: Call[Any], host: Host) -> Plan:
    """Read and plan.

    Raises:
        FabricError: What is asked for cannot be on this host.
    """
    host.begin_call(call.options)
    plan = resource.plan(resource.read(host, call), call)
    host.require_writable(plan)
    return plan


def plan_and_apply(resource: Resource[Any, Any], call: Call[Any], host: Host) -> Plan:
    """Read, plan and, unless in check mode, apply.

    Raises:
        FabricError: Nothing of the call is left on the host.
    """
    plan = make_plan(resource, call, host)
    if call.check_mode:
        return plan
    try:
        host.apply(plan)
    except OperationFailed as failure:
        interference = _find_interference(resource, call, host, plan) if failure.rolled_back else None
        if interference is None:
            raise
        raise OperationFailed(failure.operation, f"{failure}\n{interference}", failure.number, True) from failure
    return plan


def _find_interference(resource: Resource[Any, Any], call: Call[Any], host: Host, plan: Plan) -> str | None:
    """Return what another program has changed during a call that was rolled back; None where nothing is found.

    The host is then as it was read, and the call would be planned as it was.
    """
    cause = "Another program has changed the host during this call"
    try:
        host.begin_call(call.options)
        now = resource.plan(resource.read(host, call), call)
    except FabricError as error:
        return f"{cause}: {error}"
    except OSError:  # the reason of the failure is reported, and no further one
        return None
    # Not the commands: a re-created row has another UUID in them, and a re-created rule another handle.
    return None if now.diff == plan.diff else f"{cause}, which now needs other changes; run it again."
