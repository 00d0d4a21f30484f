# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the module topology_info runs: its options, and one reading of the host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core import validation
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._core.execution import exclusive_host
from ansible_collections.netns.fabric.plugins.module_utils._core.runner import (
    NOTHING_CHANGED,
    FabricModule,
    run_and_exit,
)
from ansible_collections.netns.fabric.plugins.module_utils._facts.collector import BACKENDS, collect
from ansible_collections.netns.fabric.plugins.module_utils._facts.model import (
    EXPOSURE,
    NORTHBOUND,
    OF_EXPOSURE,
    SUBSETS,
    Filters,
)
from ansible_collections.netns.fabric.plugins.module_utils._facts.report import report
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.northbound import NBCTL_OPTIONS
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.options import VSCTL_OPTIONS

CHOICES = ("all", "min", EXPOSURE, NORTHBOUND, *SUBSETS, *(f"!{name}" for name in SUBSETS))

ARGUMENT_SPEC: Mapping[str, Mapping[str, Any]] = {
    "gather_subset": {"type": "list", "elements": "str", "choices": list(CHOICES), "default": ["all"]},
    "namespaces": {"type": "list", "elements": "str"},
    "bridges": {"type": "list", "elements": "str"},
    "owner": {"type": "str"},
    "northbound": {
        "type": "dict",
        "options": {name: option for name, option in NBCTL_OPTIONS.items() if name != "timeout"},
    },
    **VSCTL_OPTIONS,
}


def run() -> None:
    """Be the module's main()."""
    module = FabricModule(
        argument_spec={name: dict(option) for name, option in ARGUMENT_SPEC.items()}, supports_check_mode=True
    )
    run_and_exit(module, lambda: {"changed": False, **gather(module.params)}, NOTHING_CHANGED)


def gather(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the module's result.

    Raises:
        FabricError: With a message for the user.
    """
    filters = _parse_filters(params)
    wanted = parse_subsets(params["gather_subset"])
    options = {name: params[name] for name in VSCTL_OPTIONS}
    # Check mode only reads: it shares the lock with other readers, and waits for a writer.
    with exclusive_host(BACKENDS, check_mode=True) as host:
        host.begin_call(options)
        northbound = {**(params["northbound"] or {}), "timeout": params["timeout"]}
        return report(collect(host, wanted, filters, northbound), filters)


def _parse_filters(params: Mapping[str, Any]) -> Filters:
    if params["owner"] is not None:
        try:
            validation.owner_name(params["owner"])
        except ValueError as error:
            raise InvalidEntry("the call", "owner", str(error)) from None
    namespaces, bridges = params["namespaces"], params["bridges"]
    return Filters(
        namespaces=None if namespaces is None else frozenset(namespaces),
        bridges=None if bridges is None else frozenset(bridges),
        owner=params["owner"],
    )


def parse_subsets(choices: Sequence[str]) -> frozenset[str]:
    """Return the subsets that gather_subset asks for: exclusions apply to all of them unless some are listed."""
    listed = {name for name in choices if not name.startswith("!")}
    excluded = {name[1:] for name in choices if name.startswith("!")}
    if "all" in listed or not listed:
        listed.update(SUBSETS)
    # The exposure is computed from others.
    named = {*OF_EXPOSURE, EXPOSURE} if EXPOSURE in listed else set()
    return frozenset(listed - excluded).intersection((*SUBSETS, NORTHBOUND)) | named
