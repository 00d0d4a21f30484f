# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the command netns-fabric reports of a topology: lines of text, or JSON. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.secrets import HIDDEN, find_notations, find_secrets
from ansible_collections.netns.fabric.plugins.module_utils._core.text import printable
from ansible_collections.netns.fabric.plugins.module_utils._entry.boot_document import Document

# The exit status, as monitoring plugins have it (OK, WARNING, CRITICAL, UNKNOWN).
OK, DIFFERS, FAILED, UNKNOWN = range(4)
_STATES = {OK: "ok", DIFFERS: "differs", FAILED: "failed", UNKNOWN: "unknown"}

#: Priorities of the journal (sd-daemon(3)), which a unit may write before a line.
_NOTICE, _WARNING, _ERROR = "<5>", "<4>", "<3>"


@dataclass(frozen=True)
class Report:
    """What was found of a topology, or done; `may_pass`: another attempt may succeed.

    `is_pending`: it can be made once a run has its confirmation, or is rolled back.
    """

    name: str
    status: int
    message: str
    result: Mapping[str, Any] = field(default_factory=dict)
    document: Document | None = None
    may_pass: bool = False
    is_pending: bool = False


def render(action: str, reports: Sequence[Report], as_json: bool, for_journal: bool) -> Iterator[str]:
    """Yield the lines of a report, without the secrets that the topologies have."""
    if as_json:
        yield json.dumps([_as_data(action, report) for report in reports], indent=1)
        return
    if not reports:
        yield "no topology is stored on this host"
    for report in reports:
        for priority, line in _lines(action, report):
            yield f"{priority if for_journal else ''}{printable(_hide(report, line))}"


def _as_data(action: str, report: Report) -> dict[str, Any]:
    result = report.result
    return {
        "name": report.name,
        "state": _STATES[report.status],
        "action": action,
        "message": printable(_hide(report, report.message)),
        "changed": bool(result.get("changed", False)),
        "diff": [
            {key: printable(_hide(report, text)) for key, text in each.items()} for each in result.get("diff", ())
        ],
        "commands": [printable(_hide(report, line)) for line in result.get("commands", ())],
        "warnings": [printable(_hide(report, line)) for line in result.get("warnings", ())],
        "heal": report.document.heal if report.document else None,
    }


def _hide(report: Report, text: str) -> str:
    document = report.document
    if document is None:
        return text
    found = {
        notation
        for secret in find_secrets([list(document.steps), list(document.delete_steps)])
        for notation in find_notations(secret)
    }
    for notation in sorted(found, key=len, reverse=True):
        text = text.replace(notation, HIDDEN)
    return text


def _lines(action: str, report: Report) -> Iterator[tuple[str, str]]:
    """Yield the lines about a topology, each with its priority."""
    result = report.result
    diff = result.get("diff", ())
    name = report.name or "netns-fabric"
    for warning in result.get("warnings", ()):
        yield _WARNING, f"{name}: warning: {warning}"
    done = {"status": "differs", "check": "would change", "apply": "repaired", "delete": "deleted"}[action]
    for each in diff:
        yield _NOTICE, f"{name}: {done}: {describe_difference(each)}"
    if action == "check":
        for line in result.get("commands", ()):
            yield _NOTICE, f"{name}: command: {line}"
    if report.message:
        for line in report.message.splitlines():
            yield _ERROR, f"{name}: error: {line}"
    elif action in ("status", "check") or (diff and action == "delete"):
        yield _NOTICE, f"{name}: {_summary(action, report, len(diff))}"
    elif action == "apply" and not diff:
        yield "<6>", f"{name}: as stored"


def _summary(action: str, report: Report, count: int) -> str:
    if action == "delete":
        return "deleted"
    if report.status == OK:
        return "as stored"
    objects = "1 object differs" if count == 1 else f"{count} objects differ"
    return f"{objects}; `netns-fabric apply {report.name}` repairs that"


def describe_difference(difference: Mapping[str, str]) -> str:
    """Return the change of an object in one line: `link red/eth0: up: false -> true`."""
    target = difference["after_header"]
    before, after = _attributes(difference["before"]), _attributes(difference["after"])
    if not before:
        return f"{target}: missing"
    if not after:
        return f"{target}: not declared"
    changes = [f"{key}: {before.get(key, '-')} -> {after.get(key, '-')}" for key in dict.fromkeys([*before, *after])]
    return f"{target}: {', '.join(changes)}"


def _attributes(text: str) -> dict[str, str]:
    """Return the attributes that a side of a diff has, one a line."""
    pairs = (line.partition(": ") for line in text.splitlines())
    return {key: value for key, _colon, value in pairs}
