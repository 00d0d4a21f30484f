# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The expressions by which OVN selects packets (ovn-sb(5), Logical_Flow, "Expression Language"), from options. Pure.

ovn-controller ignores a flow whose expression is wrong, which shows in its log only: a rule that denies is open then.
So an expression is never the user's; it is put together here, of checked values.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.routing import port_or_range
from ansible_collections.netns.fabric.plugins.module_utils._core.transports import TRANSPORTS
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import Network, ip_address, network
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.options import between

#: The name of each protocol in an expression.
PROTOCOLS: Mapping[str, str] = {**{name: name for name in TRANSPORTS}, "icmp": "icmp4", "icmp6": "icmp6"}

#: The options of a rule that select packets by their protocol.
TRAFFIC_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "protocol": {"type": "str", "choices": list(PROTOCOLS)},
    "ports": {"type": "list", "elements": "str"},
    "icmp_type": {"type": "int"},
    "icmp_code": {"type": "int"},
}

#: What the name of a group may be, so that an expression can have it (lexer in lib/lex.c of OVN).
_GROUP = re.compile(r"[A-Za-z_.][A-Za-z0-9_.]*")

#: A comparison of an address with several, or with a set: the IP version and what is compared.
_COMPARISON = re.compile(r"ip([46])\.(?:src|dst)\s*[!=]=\s*(\{[^}]*\}|\$[A-Za-z0-9_.]+)")

#: What names a group or a set of addresses in an expression (ovn-sb(5), Logical_Flow).
_NAMED = re.compile(r"[$@]([A-Za-z0-9_.]+)")


def group_name(value: Any) -> str:
    """Check the name of a port group or of an address set.

    Raises:
        ValueError: An expression could not have it.
    """
    name = str(value)
    if not _GROUP.fullmatch(name):
        raise ValueError(
            f"{name!r} cannot be the name of a group: a rule could not name it; use letters, digits, '_' and '.', and "
            "begin with no digit"
        )
    return name


def address_or_network(value: Any) -> Network:
    """Check an IP address or a network; an address is a network of one.

    Raises:
        ValueError: It is neither.
    """
    text = str(value)
    return network(text if "/" in text else f"{text}/{ip_address(text).max_prefixlen}")


def all_of(terms: Iterable[str]) -> str:
    """Return the expression that all terms hold, less the empty ones."""
    return " && ".join(filter(None, terms))


def any_of(terms: Sequence[str]) -> str:
    """Return the expression that one of the terms holds; empty for none."""
    return terms[0] if len(terms) == 1 else f"({' || '.join(terms)})" if terms else ""


def is_port(field: str, port: str) -> str:
    """Return the expression that a packet comes in or goes out by a port, `inport` or `outport`."""
    return f"{field} == {json.dumps(port)}"


def match_addresses(field: str, networks: Iterable[Network], sets: Iterable[tuple[str, int]] = ()) -> str:
    """Return the expression that an address, `src` or `dst`, is in one of these networks or sets; empty for none.

    A set has the addresses of one IP version.
    """
    values: dict[int, list[str]] = {}
    for each in networks:
        is_single = each.prefixlen == each.max_prefixlen
        values.setdefault(each.version, []).append(str(each.network_address if is_single else each))
    for name, version in sets:
        values.setdefault(version, []).append(f"${name}")
    return any_of([f"ip{version}.{field} == {{{', '.join(items)}}}" for version, items in sorted(values.items())])


def named_groups(match: str) -> set[str]:
    """Return the groups that an expression names; the sets of addresses of one of ports end in _ip4 and _ip6."""
    names = _NAMED.findall(match)
    return {*names, *(name[:-4] for name in names if name.endswith(("_ip4", "_ip6")))}


def names_set(match: str, name: str) -> bool:
    """Return whether an expression names a set of addresses."""
    return re.search(rf"\${re.escape(name)}(?![A-Za-z0-9_.])", match) is not None


def find_set_versions(match: str, name: str) -> set[int]:
    """Return the IP versions of the addresses that an expression compares with a set of addresses."""
    return {int(version) for version, values in _COMPARISON.findall(match) if names_set(values, name)}


def parse_traffic(checks: Checks, options: Mapping[str, Any], place: str) -> str:
    """Return the expression for the protocol of packets; an error is noted."""
    protocol = options.get("protocol")
    ports = checks.each(f"{place}ports", port_or_range, options.get("ports"))
    if options.get("ports") is not None and protocol not in TRANSPORTS:
        checks.error(f"{place}ports", f"only {', '.join(TRANSPORTS)} have ports; give one of them as `protocol`")
        return ""
    if options.get("ports") == []:
        checks.error(f"{place}ports", "an empty list matches nothing; leave it out for all ports")
    numbers = {
        option: checks.value(f"{place}{option}", between(0, 255), options.get(option))
        for option in ("icmp_type", "icmp_code")
    }
    for option in numbers:
        if options.get(option) is not None and protocol not in ("icmp", "icmp6"):
            checks.error(f"{place}{option}", "it is for ICMP; give `protocol: icmp` or `protocol: icmp6`")
            return ""
    if protocol is None:
        return ""
    name = PROTOCOLS[protocol]
    icmp = (f"{name}.{option[5:]} == {number}" for option, number in numbers.items() if number is not None)
    return all_of([name, *icmp, any_of([*_match_ports(name, ports)])])


def _match_ports(protocol: str, ranges: Sequence[tuple[int, int]]) -> Iterator[str]:
    single = sorted({first for first, last in ranges if first == last})
    if single:
        yield f"{protocol}.dst == {{{', '.join(map(str, single))}}}"
    for first, last in sorted(set(ranges)):
        if first != last:
            yield f"{first} <= {protocol}.dst <= {last}"


def find_version_error(protocol: Any, networks: Iterable[Network]) -> str:
    """Return why no packet could be of a protocol and have an address in these networks; empty if one can."""
    versions = {each.version for each in networks}
    needed = {"icmp": 4, "icmp6": 6}.get(str(protocol))
    if needed and versions - {needed}:
        return f"{protocol} is a protocol of IPv{needed}, and a network is of the other version; give two rules"
    return ""
