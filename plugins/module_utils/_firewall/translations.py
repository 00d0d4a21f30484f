# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a rule for NAT makes of a packet's addresses. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import Rule
from ansible_collections.netns.fabric.plugins.module_utils._firewall.walk import UNCLEAR, Ending

#: The kinds of translation: of the destination, to an address or to the host itself; of the source, to the address of
#: the link or to another one.
DNAT, REDIRECT, MASQUERADE, SNAT = "dnat", "redirect", "masquerade", "snat"
NOT_UNDERSTOOD = "not understood"


@dataclass(frozen=True)
class Translation:
    """A translation; what is None remains as it is, or follows from the link."""

    kind: str
    address: IPv4Address | IPv6Address | None = None
    port: int | None = None


_UNKNOWN = Translation(NOT_UNDERSTOOD)


def translation_of(ending: Ending) -> Translation | None:
    """Return what a rule does with a packet that ends at it; None: nothing."""
    rule, verdict = ending.rule, ending.verdict
    if rule is None or verdict in ("accept", "return"):
        return None
    if verdict == MASQUERADE:
        return Translation(MASQUERADE)
    if verdict == DNAT:
        return parse_target(DNAT, rule.target)
    if verdict in (SNAT, REDIRECT):
        return _parse_arguments(rule, verdict) if rule.arguments else _parse_statement(rule, verdict)
    return _UNKNOWN if verdict in (UNCLEAR, "netmap", "tproxy") else None


def parse_target(kind: str, text: str) -> Translation:
    """Return a translation to ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT; what has ranges or maps is not understood."""
    match = re.fullmatch(r"\[(?P<bracketed>[^]]+)](:(?P<of>\d+))?|(?P<v4>[\d.]+):(?P<port>\d+)|(?P<plain>.+)", text)
    if match is None:
        return _UNKNOWN
    with suppress(ValueError):
        address = ip_address(match["bracketed"] or match["v4"] or match["plain"])
        port = match["of"] or match["port"]
        return Translation(kind, address, int(port) if port else None)
    return _UNKNOWN


def _parse_arguments(rule: Rule, kind: str) -> Translation:
    """Return the translation of a rule of iptables."""
    if kind == SNAT:
        text = _value_after(rule.arguments, "--to-source")
        return parse_target(kind, text) if text else _UNKNOWN
    text = _value_after(rule.arguments, "--to-ports") or ""
    if text and not text.isdigit():
        return _UNKNOWN
    return Translation(kind, port=int(text) if text else None)


def _value_after(arguments: Sequence[str], option: str) -> str | None:
    if option not in arguments[:-1]:
        return None
    return arguments[arguments.index(option) + 1]


def _parse_statement(rule: Rule, kind: str) -> Translation:
    """Return the translation of a rule of nft."""
    statements: Sequence[Mapping[str, Any]] = json.loads(rule.expressions or "[]")
    content = next((each[kind] for each in statements if isinstance(each, dict) and kind in each), None) or {}
    address, port = content.get("addr"), content.get("port")
    if not isinstance(port, (int, type(None))) or not isinstance(address, (str, type(None))):
        return _UNKNOWN
    with suppress(ValueError):
        return Translation(kind, ip_address(address) if address else None, port)
    return _UNKNOWN
