# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an entry of the module rule asks for, checked. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core import validation
from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import ValidationError
from ansible_collections.netns.fabric.plugins.module_utils._kernel.routing_operations import IP_PROTOCOLS
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import NamespaceName, Rule
from ansible_collections.netns.fabric.plugins.module_utils._resources.routing_values import U32_MAX, routing_table

ACTIONS = ("lookup", "blackhole", "unreachable", "prohibit")

RULE_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "namespace": {"type": "str"},
    "priority": {"type": "int"},
    "version": {"type": "int", "choices": [4, 6]},
    "from": {"type": "str"},
    "to": {"type": "str"},
    "iif": {"type": "str"},
    "oif": {"type": "str"},
    "fwmark": {"type": "str"},
    "ipproto": {"type": "str"},
    "sport": {"type": "str"},
    "dport": {"type": "str"},
    "action": {"type": "str", "choices": list(ACTIONS)},
    "table": {"type": "int"},
    "l3mdev": {"type": "bool", "default": False},
    "suppress_prefixlength": {"type": "int"},
}


@dataclass(frozen=True)
class WantedRule:
    """One rule as it is wanted. Of one that is to be absent, what is not given may be anything."""

    entry: Entry
    present: bool
    namespace: NamespaceName
    rule: Rule
    #: The attributes of the rule that the entry gives.
    given: frozenset[str]

    @property
    def place(self) -> tuple[object, ...]:
        """What the kernel distinguishes rules by, whatever they do."""
        return self.rule.version, self.rule.priority, self.rule.selector

    def fits(self, found: Rule) -> bool:
        """Whether a rule has all that the entry gives; one that is wanted has nothing else."""
        if self.present:
            return (found.version, found.priority, found.selector, found.result) == (*self.place, self.rule.result)
        return all(getattr(found, name) == getattr(self.rule, name) for name in self.given)


def parse_rule(entry: Entry, options: Mapping[str, Any]) -> WantedRule:
    """Return what an entry asks for.

    Raises:
        InvalidEntries: It asks for something that cannot be.
    """
    checks = Checks(entry)
    present = options["state"] == "present"
    source, destination = (checks.value(name, validation.network, options.get(name)) for name in ("from", "to"))
    version = _version(checks, options, source, destination)
    table = checks.value("table", routing_table, options.get("table"))
    action = options.get("action") or "lookup"
    values: dict[str, Any] = {
        "action": action,
        "table": table,
        "l3mdev": options["l3mdev"],
        "suppress_prefixlength": options.get("suppress_prefixlength"),
        "source": _text(source),
        "destination": _text(destination),
        "iif": checks.value("iif", validation.interface_name, options.get("iif")),
        "oif": checks.value("oif", validation.interface_name, options.get("oif")),
        "mark": checks.value("fwmark", parse_mark, options.get("fwmark")),
        "ip_protocol": checks.value("ipproto", parse_ip_protocol, options.get("ipproto")),
        "source_ports": checks.value("sport", _ports, options.get("sport")),
        "destination_ports": checks.value("dport", _ports, options.get("dport")),
    }
    priority = checks.value("priority", _priority, options["priority"]) or 0
    namespace = checks.value("namespace", validation.namespace_name, options.get("namespace"))
    if present:
        _check(checks, version, action, options)
    checks.done()
    is_given = any(each is not None for each in (options.get("version"), source, destination))
    given = {"priority", *(["version"] if is_given else []), *_given(options, values)}
    return WantedRule(entry, present, namespace, Rule(version, priority, **values), frozenset(given))


def _given(options: Mapping[str, Any], values: Mapping[str, Any]) -> list[str]:
    names = [field.name for field in fields(Rule) if field.name in values and values[field.name] not in (None, False)]
    return [name for name in names if name != "action" or options.get("action") is not None]


def _priority(value: Any) -> int:
    return validation.whole_number(value, "priority", 0, U32_MAX)


def _version(checks: Checks, options: Mapping[str, Any], source: Any, destination: Any) -> int:
    """Return the IP version: the one that is given, or that of the networks, or IPv4."""
    version: int | None = options.get("version")
    for option, network in (("from", source), ("to", destination)):
        if network is not None and version is not None and network.version != version:
            message = f"{network} is not an IPv{version} network, as the rest of the rule is; give two rules"
            checks.error(option, message)
        elif network is not None:
            version = network.version
    return version or 4


def _text(network: Any) -> str | None:
    """Return a network as text; None for one that every packet is in."""
    return str(network) if network is not None and network.prefixlen else None


def _check(checks: Checks, version: int, action: str, options: Mapping[str, Any]) -> None:
    has_table, l3mdev = options.get("table") is not None, options["l3mdev"]
    if action != "lookup":
        for option in ("table", "l3mdev", "suppress_prefixlength"):
            if options.get(option) not in (None, False):
                checks.error(option, f"is for the action lookup, and this rule has {action}; leave one of them out")
        return
    if has_table == l3mdev:
        cause = "a VRF's device names the table; leave one of them out" if l3mdev else "is required for a lookup"
        checks.error("table", f"{cause}; give the number of the table, or `l3mdev: true`")
    longest = 32 if version == 4 else 128
    limit = options.get("suppress_prefixlength")
    if limit is not None and not 0 <= limit <= longest:
        checks.error(
            "suppress_prefixlength", f"{limit} is not the length of an IPv{version} prefix; give 0 to {longest}"
        )


def parse_mark(value: Any) -> tuple[int, int]:
    """Return a mark and its mask: `0x10`, or `0x10/0xf0`.

    Raises:
        ValidationError: It is none, or no packet can have it.
    """
    first, slash, last = str(value).strip().partition("/")
    try:
        mark, mask = int(first, 0), int(last, 0) if slash else U32_MAX
    except ValueError:
        raise ValidationError(f"{value!r} is not a mark; write 0x10, or 0x10/0xf0 with a mask") from None
    if not 0 <= mark <= U32_MAX or not 0 < mask <= U32_MAX:
        raise ValidationError(f"{value!r} is not a mark; mark and mask have 32 bits, and the mask is not 0")
    if mark & ~mask:
        raise ValidationError(
            f"{value!r} has bits outside of its mask, which the kernel ignores; write {mark & mask:#x}/{mask:#x}"
        )
    return mark, mask


def parse_ip_protocol(value: Any) -> int:
    """Return the number of a protocol of the Internet, by its name or its number.

    Raises:
        ValidationError: It is none.
    """
    text = str(value).strip().lower()
    numbers = {name: number for number, name in IP_PROTOCOLS.items()}
    if text in numbers:
        return numbers[text]
    if text.isascii() and text.isdigit() and 0 < int(text) < 1 << 8:
        return int(text)
    raise ValidationError(f"{value!r} is not a protocol; give one of {', '.join(numbers)}, or a number from 1 to 255")


def _ports(value: Any) -> tuple[int, int]:
    first, hyphen, last = validation.ports(value).partition("-")
    return int(first), int(last) if hyphen else int(first)
