# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an entry of `qdiscs` asks for. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core import validation
from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry
from ansible_collections.netns.fabric.plugins.module_utils._kernel.attributes import Values
from ansible_collections.netns.fabric.plugins.module_utils._kernel.qdisc_kinds import QDISC_KINDS, QdiscKind
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import NamespaceName

#: The options of the kinds, by the names of the kinds.
OWN_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    kind.name: {"type": "dict", "options": kind.spec} for kind in QDISC_KINDS.values()
}
QDISC_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "link": {"type": "str"},
    "namespace": {"type": "str"},
    "kind": {"type": "str", "choices": sorted(QDISC_KINDS)},
    **OWN_OPTIONS,
}


#: Stands for the kind of a qdisc that is to be absent, whichever it is.
ANY_KIND = QdiscKind("", "", ())


@dataclass(frozen=True)
class WantedQdisc:
    """The qdisc of one link as it is wanted, in one of its two places."""

    entry: Entry
    present: bool
    namespace: NamespaceName
    link: str
    kind: QdiscKind = ANY_KIND
    values: Values = field(default_factory=dict)

    @property
    def ingress(self) -> bool:
        """Whether it is for what arrives."""
        return self.kind.ingress


def parse_entry(entry: Entry, options: Mapping[str, Any]) -> WantedQdisc:
    """Return what an entry asks for.

    Raises:
        InvalidEntries: It asks for something that cannot be.
    """
    checks = Checks(entry)
    present = options["state"] == "present"
    link = checks.value("link", validation.existing_interface_name, options["link"])
    namespace = checks.value("namespace", validation.namespace_name, options.get("namespace"))
    kind = QDISC_KINDS[options["kind"]] if options.get("kind") is not None else None
    if kind is None and present:
        checks.error("kind", f"is required; give one of {', '.join(QDISC_KINDS)}")
    for name in OWN_OPTIONS:
        if options.get(name) is not None and (kind is None or kind.name != name):
            other = f"this one is a {kind.name}; {describe_options(kind)}" if kind else f"add `kind: {name}`"
            checks.error(name, f"is for qdiscs of the kind {name}, and {other}")
    values = _parse_values(checks, kind, options.get(kind.name) or {}, present) if kind else {}
    checks.done()
    return WantedQdisc(entry, present, namespace, link, kind or ANY_KIND, values)


def describe_options(kind: QdiscKind) -> str:
    """Return the options that a kind has."""
    return f"the options of a {kind.name} stand in `{kind.name}`: {', '.join(kind.spec)}"


def _parse_values(checks: Checks, kind: QdiscKind, given: Mapping[str, Any], present: bool) -> Values:
    values: dict[str, Any] = {}
    faulty: set[str] = set()
    for attribute in kind.attributes:
        option, asked = f"{kind.name}.{attribute.name}", given.get(attribute.name)
        value = checks.value(option, attribute.encoding.check, asked)
        if value is not None:
            values[attribute.name] = value
        elif asked is not None:
            faulty.add(attribute.name)
        elif attribute.required and present:
            checks.error(option, f"is required for a {kind.name}; {describe_options(kind)}")
            faulty.add(attribute.name)
    if faulty or not present:  # what is wrong with them together may follow from that
        return {}
    deviating = {name: value for name, value in values.items() if value != kind.attribute(name).default}
    for name, message in kind.faults(deviating):
        checks.error(f"{kind.name}.{name}", message)
    return kind.without_defaults(kind.complete(deviating))
