# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Groups of OVN and the rules of their ports: their options, and how to converge them. Pure, but for read().

A group is one of ports, with rules, or a set of addresses. A rule is put together of checked values when what it names
is known: OVN takes an expression that names something else for none at all, and the packets pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntries, InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import Network
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.matches import (
    TRAFFIC_OPTIONS,
    address_or_network,
    all_of,
    find_set_versions,
    find_version_error,
    group_name,
    match_addresses,
    named_groups,
    names_set,
    parse_traffic,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.northbound_plan import WantedRow
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.northbound_state import (
    Northbound,
    owners_of,
    row_name,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.options import between
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.rows import Row
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.values import Value, elements
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovn_planner import (
    OvnPlanner,
    OvnResource,
    WantedEntry,
    map_keys,
    row_text,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovn_things import AGroup, ALogicalPort

PORTS, ADDRESSES, ACL, PORT = "Port_Group", "Address_Set", "ACL", "Logical_Switch_Port"
#: The tables of rows that select packets by an expression.
MATCHING = (ACL, "QoS", "Logical_Router_Policy")
TO, FROM = "to-lport", "from-lport"
ALLOW = "allow"
#: What a rule's direction makes of it: the field of the group's port, the option that names the others, their field.
DIRECTIONS: Mapping[str, tuple[str, str, str]] = {
    TO: ("outport", "from", "src"),
    FROM: ("inport", "to", "dst"),
}
#: The options for packets that no rule matches, each with its direction.
DEFAULTS: Mapping[str, str] = {"incoming": TO, "outgoing": FROM}
#: The name of the rule that is such a default.
_DEFAULT_NAMES: Mapping[str, str] = {direction: f"default {option}" for option, direction in DEFAULTS.items()}
_LONGEST_NAME = 63  # ovn-nb(5), ACL

_TEXTS: Mapping[str, Any] = {"type": "list", "elements": "str"}
_SEVERITIES = ["alert", "warning", "notice", "info", "debug"]


@dataclass(frozen=True)
class Rule:
    """A rule, whose match lacks what it names: `networks` and `groups` of the other side."""

    place: str
    name: str
    direction: str
    columns: Mapping[str, Value]
    networks: tuple[Network, ...]
    groups: tuple[str, ...]
    traffic: str
    protocol: str | None = None


@dataclass(frozen=True)
class Rules:
    """The rules of a group: None for what is left unchanged. `defaults` are actions by direction."""

    rules: tuple[Rule, ...] | None
    defaults: Mapping[str, str]


class GroupResource(OvnResource):
    """The resource of the module ovn_acl."""

    list_option = "groups"
    entry_options: Mapping[str, Mapping[str, Any]] = {
        "name": {"type": "str"},
        "ports": _TEXTS,
        "addresses": _TEXTS,
        "rules": {
            "type": "list",
            "elements": "dict",
            "options": {
                "name": {"type": "str", "required": True},
                "direction": {"type": "str", "choices": [TO, FROM], "default": TO},
                "from": _TEXTS,
                "to": _TEXTS,
                **TRAFFIC_OPTIONS,
                "action": {
                    "type": "str",
                    "choices": ["allow-related", "allow", "allow-stateless", "drop", "reject"],
                    "default": "allow-related",
                },
                "priority": {"type": "int", "default": 1000},
                "log": {"type": "bool", "default": False},
                "severity": {"type": "str", "choices": _SEVERITIES},
            },
        },
        **{option: {"type": "str", "choices": [ALLOW, "drop", "reject"]} for option in DEFAULTS},
        "external_ids": {"type": "dict"},
    }

    def desired(self, entry: Entry, options: Mapping[str, Any]) -> WantedEntry:
        checks = Checks(entry)
        name = checks.value("name", group_name, options["name"]) or ""
        is_set = options.get("addresses") is not None
        for option in ("ports", "rules", *DEFAULTS):
            if is_set and options.get(option) is not None:
                checks.error(option, "it is for a group of ports, and `addresses` make this one a set; give two groups")
        keys = map_keys(checks, options, ("external_ids",))
        if is_set:
            row = WantedRow(
                ADDRESSES, name, {"name": name, "addresses": _parse_set(checks, options["addresses"])}, keys
            )
        else:
            ports = None if options.get("ports") is None else checks.each("ports", row_text, options["ports"])
            names = {} if ports is None else {"ports": (PORT, tuple(dict.fromkeys(ports)))}
            row = WantedRow(PORTS, name, {"name": name}, keys, names)
        rules = Rules(
            None if options.get("rules") is None else tuple(_parse_rules(checks, options["rules"])),
            {direction: options[option] for option, direction in DEFAULTS.items() if options.get(option)},
        )
        if rules.defaults and rules.rules is None:
            checks.error("rules", f"it is required with `{'` and `'.join(DEFAULTS)}`; give it, empty for no other rule")
        checks.done()
        return WantedEntry(entry, options["state"] == "present", name, row, rules)

    def ensures(self, desired: WantedEntry) -> Iterator[object]:
        if desired.present:
            yield AGroup(desired.name)

    def plan(self, actual: Northbound, call: Call[WantedEntry]) -> Plan:
        return GroupPlanner(actual, call).run()


def _parse_set(checks: Checks, given: Any) -> tuple[str, ...]:
    found: list[Network] = checks.each("addresses", address_or_network, given)
    if len({each.version for each in found}) > 1:
        checks.error("addresses", "a set has the addresses of one IP version; give one set for each")
    texts = (str(each.network_address if each.prefixlen == each.max_prefixlen else each) for each in found)
    return tuple(sorted(set(texts)))


def _parse_rules(checks: Checks, given: list[Mapping[str, Any]]) -> Iterator[Rule]:
    names: set[str] = set()
    for number, options in enumerate(given):
        place = f"rules[{number}]."
        rule = _parse_rule(checks, options, place)
        if rule.name in names:
            checks.error(f"{place}name", f"{rule.name} is listed twice; leave one of them out")
        names.add(rule.name)
        yield rule


def _rule_name(value: Any) -> str:
    name = row_text(value)
    if len(name) > _LONGEST_NAME or name in _DEFAULT_NAMES.values():
        raise ValueError(f"{name!r} cannot be the name of a rule: it is reserved, or longer than {_LONGEST_NAME}")
    return name


def _parse_rule(checks: Checks, options: Mapping[str, Any], place: str) -> Rule:
    direction = options.get("direction") or TO
    _field, option, _side = DIRECTIONS[direction]
    other = next(each for _port, each, _side in DIRECTIONS.values() if each != option)
    if options.get(other) is not None:
        checks.error(
            f"{place}{other}",
            f"a rule of the direction {direction} has the group there already; name the others in "
            f"`{option}`, or give the other `direction`",
        )
    if options.get(option) is not None and not options[option]:
        checks.error(f"{place}{option}", "an empty list matches nothing; leave it out for everything")
    networks: list[Network] = []
    groups: list[str] = []
    for number, each in enumerate(options.get(option) or ()):
        is_address = "/" in str(each) or ":" in str(each) or re.fullmatch(r"[0-9.]+", str(each))
        value = checks.value(f"{place}{option}[{number}]", address_or_network if is_address else group_name, each)
        if value is not None:
            (networks if is_address else groups).append(value)
    error = find_version_error(options.get("protocol"), networks)
    if error:
        checks.error(f"{place}protocol", error)
    name = checks.value(f"{place}name", _rule_name, options["name"]) or ""
    severity = options.get("severity")
    if severity and not options.get("log"):
        checks.error(f"{place}severity", "it is that of what is logged; set `log: true`, too")
    columns: dict[str, Value] = {
        "name": name,
        "direction": direction,
        "action": options.get("action") or "allow-related",
        "priority": checks.value(f"{place}priority", between(1, 32767), options.get("priority", 1000)) or 0,
        "log": bool(options.get("log")),
        "severity": severity or (),
    }
    traffic = parse_traffic(checks, options, place)
    return Rule(
        f"{place}{option}", name, direction, columns, tuple(networks), tuple(groups), traffic, options.get("protocol")
    )


class GroupPlanner(OvnPlanner):
    """Plans the groups of one call."""

    tables: Mapping[str, str] = {PORTS: "port group", ADDRESSES: "address set"}

    def present(self, wanted: WantedEntry) -> None:
        other = ADDRESSES if wanted.row.table == PORTS else PORTS
        if self.northbound.named(other, wanted.name):
            what = f"{wanted.name} is the name of another kind of group ({self.tables[other]})"
            raise InvalidEntry(wanted.entry, "name", f"{what}; choose another")
        for number, name in enumerate(wanted.row.names.get("ports", ("", ()))[1]):
            if not self.northbound.named(PORT, name):
                self.require(
                    wanted.entry,
                    f"ports[{number}]",
                    f"the logical port {name} does not exist; create it first, e.g. with netns.fabric.ovn_switch",
                    ALogicalPort(name),
                )
        if wanted.row.table == ADDRESSES:
            self._refuse_other_version(wanted)
        rules = self._rules_of(wanted)
        row = wanted.row if rules is None else replace(wanted.row, children={"acls": rules})
        super().present(replace(wanted, row=row))

    def _rules_of(self, wanted: WantedEntry) -> tuple[WantedRow, ...] | None:
        """Return the rows of all rules that are to be there; None where they are left unchanged.

        Raises:
            InvalidEntries: With every name that no group has.
        """
        given: Rules = wanted.extra
        if given.rules is None:
            return None
        errors: list[InvalidEntry] = []
        rules = []
        for rule in given.rules:
            try:
                rules.append(self._row_of(wanted, rule))
            except InvalidEntry as error:
                errors.append(error)
        if errors:
            raise InvalidEntries(errors)
        present = next(iter(self.northbound.named(PORTS, wanted.name)), None)
        rows = self.northbound.refer(present, "acls") if present else []
        # What is not given stays closed where it is.
        actions = {direction: _default_action(rows, direction) for direction in (TO, FROM)}
        return (*rules, *_default_rules(wanted.name, {**actions, **given.defaults}))

    def _row_of(self, wanted: WantedEntry, rule: Rule) -> WantedRow:
        field, _option, side = DIRECTIONS[rule.direction]
        sets = [found for name in rule.groups for found in self._resolve(wanted, rule, name)]
        others = match_addresses(side, rule.networks, sets)
        # Without "ip" a rule would be one for ARP, too.
        match = all_of([f"{field} == @{wanted.name}", "ip", others, rule.traffic])
        return WantedRow(ACL, rule.name, {**rule.columns, "match": match})

    def _resolve(self, wanted: WantedEntry, rule: Rule, name: str) -> list[tuple[str, int]]:
        """Return the sets of addresses that a group is for an expression.

        OVN keeps two for each group of ports, with the addresses of its ports.

        Raises:
            InvalidEntry: There is no such group.
        """
        given = self._entries.get(name)
        entry = given if given and given.present else None
        row = next((row for table in self.tables for row in self.northbound.named(table, name)), None)
        if entry is None and row is None:
            missing = f"there is no group of the name {name}, and OVN would ignore the rule; give it, or another name"
            if given is not None:
                raise InvalidEntry(wanted.entry, rule.place, missing)
            self.require(wanted.entry, rule.place, missing, AGroup(name))
        if entry is not None and entry.row.table == ADDRESSES:
            return [(name, _version_of(entry.row.columns["addresses"]) or 4)]
        if entry is None and row is not None and row.table == ADDRESSES:
            return [(name, _version_of(row.columns.get("addresses", ())) or 4)]
        versions = {"icmp": (4,), "icmp6": (6,)}.get(str(rule.protocol), (4, 6))
        return [(f"{name}_ip{version}", version) for version in versions]

    def _refuse_other_version(self, wanted: WantedEntry) -> None:
        """Refuse addresses of another IP version than that of a rule which stays: OVN would ignore the rule.

        A rule that names an empty set, which has no version, is one of IPv4.

        Raises:
            InvalidEntry: A rule that stays compares addresses of the other version with the set.
        """
        version = _version_of(wanted.row.columns["addresses"])
        row = next(iter(self.northbound.named(ADDRESSES, wanted.name)), None)
        present = _version_of(row.columns.get("addresses", ())) if row else None
        if version in (None, present):
            return
        users = set()
        for parent, match in self._staying_matches.get(wanted.name, ()):
            found = find_set_versions(match, wanted.name)
            # Another field than `ip4.src` and the like was right for the present addresses.
            if found - {version} or (present and not found and names_set(match, wanted.name)):
                users.add(parent)
        if users:
            names = ", ".join(sorted(users))
            raise InvalidEntry(
                wanted.entry,
                "addresses",
                f"a rule of {names} names the set for addresses of the other IP version, and OVN would ignore the rule "
                f"with these; give the `rules` of {names} in the same call, or a set of another name",
            )

    def _delete(self, entry: Entry, row: Row) -> None:
        """Delete a group that no rule names: one that denies would be open then.

        Raises:
            InvalidEntry: A rule that stays names it.
        """
        users = self._users_of(row_name(row))
        if users:
            raise InvalidEntry(
                entry,
                "state",
                f"a rule of {', '.join(users)} names the {self.tables[row.table]} {row_name(row)}, and without it OVN "
                "would ignore the rule; remove that first",
            )
        super()._delete(entry, row)

    def _users_of(self, name: str) -> list[str]:
        """Return what has a rule that names a group: a present one that stays, or one of this call."""
        staying = (parent for parent, _match in self._staying_matches.get(name, ()))
        return sorted({*staying, *self._given_users.get(name, ())})

    # What follows is the same for every entry: without an index the removal of many groups would cost their square.

    @cached_property
    def _entries(self) -> Mapping[str, WantedEntry]:
        return {entry.name: entry for entry in self.call.entries}

    @cached_property
    def _given_users(self) -> Mapping[str, Sequence[str]]:
        """The entries with a rule that names a group, by the group."""
        found: dict[str, list[str]] = {}
        for entry in self.call.entries:
            for rule in (entry.extra.rules or ()) if entry.present else ():
                for group in rule.groups:
                    found.setdefault(group, []).append(entry.name)
        return found

    @cached_property
    def _staying_matches(self) -> Mapping[str, Sequence[tuple[str, str]]]:
        """The present expressions that name a group, by the group, each with the name of what has it.

        Those that this call deletes, or replaces by other rules, are left out.
        """
        found: dict[str, list[tuple[str, str]]] = {}
        for row in (each for table in MATCHING for each in self.northbound.table(table)):
            parent = self.northbound.parent(row.uuid)
            if parent and not self._is_replaced(parent):
                match = str(row.columns.get("match", ""))
                for group in named_groups(match):
                    found.setdefault(group, []).append((row_name(parent), match))
        return found

    def _is_replaced(self, parent: Row) -> bool:
        if parent.table != PORTS:
            return False
        owners = owners_of(parent)
        entry = self._entries.get(row_name(parent))
        if entry:
            return entry.extra.rules is not None if entry.present else self.deletes(owners)
        return self.call.prune and self.call.owner in owners and self.deletes(owners)


def _version_of(addresses: Value) -> int | None:
    """Return the IP version of the addresses of a set; None for an empty one."""
    found = [str(address) for address in elements(addresses)]
    return (6 if ":" in found[0] else 4) if found else None


def _default_action(rows: list[Row], direction: str) -> str:
    """Return what becomes of packets now that no rule matches."""
    found = (str(row.columns["action"]) for row in rows if row_name(row) == _DEFAULT_NAMES[direction])
    action = next(found, ALLOW)
    return ALLOW if action.startswith(ALLOW) else action


def _default_rules(group: str, actions: Mapping[str, str]) -> Iterator[WantedRow]:
    """Yield the rules for packets that no other rule matches.

    If one direction is closed, the other one has a rule, too, by which answers pass.
    """
    if set(actions.values()) == {ALLOW}:
        return
    for direction, action in actions.items():
        name = _DEFAULT_NAMES[direction]
        columns: dict[str, Value] = {
            "name": name,
            "direction": direction,
            "action": "allow-related" if action == ALLOW else action,
            "priority": 0,
            "match": f"{DIRECTIONS[direction][0]} == @{group} && ip",
            "log": False,
            "severity": (),
        }
        yield WantedRow(ACL, name, columns)
