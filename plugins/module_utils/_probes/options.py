# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the module's options to probes. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core import validation
from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError, InvalidEntries, InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._core.expectations import (
    DELIVERED,
    EXPECTATIONS,
    MASQUERADED,
    REACHABLE,
    contradict,
    is_forbidding,
)
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry
from ansible_collections.netns.fabric.plugins.module_utils._core.transports import PROBED
from ansible_collections.netns.fabric.plugins.module_utils._probes.model import (
    DEFAULT_TIMEOUT,
    Probe,
    place,
)

ENTRY_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "namespace": {"type": "str"},
    "to": {"type": "str"},
    "protocol": {"type": "str", "choices": ["icmp", *PROBED], "default": "icmp"},
    "port": {"type": "int"},
    "forwarded_to": {"type": "str"},
    "forwarded_port": {"type": "int"},
    "expect": {"type": "str", "choices": [*EXPECTATIONS, DELIVERED, MASQUERADED], "default": REACHABLE},
    "timeout": {"type": "float", "default": DEFAULT_TIMEOUT},
    "full_size": {"type": "bool", "default": False},
    "router": {"type": "str"},
    "out_interface": {"type": "str"},
}

_CHECKS: Mapping[str, Callable[[Any], Any]] = {
    "namespace": validation.namespace_name,
    "port": validation.port,
    "forwarded_to": validation.probe_destination,
    "forwarded_port": validation.port,
    "timeout": validation.probe_timeout,
    "to": validation.probe_destination,
    "router": validation.namespace_name,
    "out_interface": validation.interface_name,
}


def argument_spec() -> dict[str, Any]:
    """Return the options of one probe, and the same options as a bulk list."""
    elements = {name: dict(option) for name, option in ENTRY_OPTIONS.items()}
    elements["to"]["required"] = True
    return {
        **{name: dict(option) for name, option in ENTRY_OPTIONS.items()},
        "probes": {"type": "list", "elements": "dict", "options": elements},
    }


def probes_of(params: Mapping[str, Any]) -> list[Probe]:
    """Return the probes of a call.

    Raises:
        InvalidEntries: With every error in the entries.
    """
    probes: list[Probe] = []
    errors: list[FabricError] = []
    expected: dict[object, Probe] = {}
    for entry, options in _list_entries(params):
        try:
            probe = _parse_probe(entry, options)
            probes.append(probe)
            _check_contradiction(probe, expected)
        except FabricError as error:
            errors.append(error)
    if errors:
        raise InvalidEntries(errors)
    return probes


def _list_entries(params: Mapping[str, Any]) -> Iterator[tuple[Entry, Mapping[str, Any]]]:
    if params["probes"] is None:
        yield Entry(name=str(params["to"])), params
        return
    for index, options in enumerate(params["probes"]):
        name = f"{place(options['namespace'])} -> {options['to']}"
        yield Entry(name=name, option="probes", index=index), options


def _parse_probe(entry: Entry, options: Mapping[str, Any]) -> Probe:
    checks = Checks(entry)
    checked = {option: checks.value(option, check, options[option]) for option, check in _CHECKS.items()}
    if options["port"] is not None and options["protocol"] == "icmp":
        checks.error("port", "ICMP has no ports; add `protocol: tcp` or `protocol: udp`, or omit the port")
    if options["full_size"] and (options["protocol"] != "icmp" or is_forbidding(options["expect"])):
        checks.error("full_size", "only for `protocol: icmp`, and where an answer is expected; omit it")
    _check_masquerading(checks, options)
    to, port = checked.pop("forwarded_to"), checked.pop("forwarded_port")
    if to is not None and options["port"] is None:
        checks.error("forwarded_to", "needs the `port` that is published; add it")
    if port is not None and to is None:
        checks.error("forwarded_port", "needs the address that the port leads to; add `forwarded_to`")
    checks.done()
    if to is not None:
        checked["service"] = (to, port or checked["port"])
    return Probe(
        entry=entry,
        protocol=options["protocol"],
        expect=options["expect"],
        full_size=options["full_size"],
        **checked,
    )


def _check_masquerading(checks: Checks, options: Mapping[str, Any]) -> None:
    if options["expect"] != MASQUERADED:
        for option in ("router", "out_interface"):
            if options[option] is not None:
                checks.error(option, "only for `expect: masqueraded`; omit it")
    elif options["protocol"] != "icmp" or options["full_size"]:
        checks.error("expect", "only an echo request is followed to the router; omit `protocol` and `full_size`")


def _check_contradiction(probe: Probe, expected: dict[object, Probe]) -> None:
    first = expected.setdefault((probe.namespace, probe.to, probe.kind), probe)
    if contradict(first.expect, probe.expect):
        raise InvalidEntry(
            probe.entry,
            "expect",
            f"is {probe.expect}, but {first.entry} is the same probe and expects {first.expect}; remove one of them",
        )
