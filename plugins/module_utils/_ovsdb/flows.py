# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The OpenFlow rules of a bridge: those of an owner, how they differ from the wanted ones, and their change. Pure.

ovs-ofctl(8) parses and compares them. ovs-vswitchd keeps them in memory only.
"""

from __future__ import annotations

import re
import shlex
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Phase

#: The versions of OpenFlow in which a bundle is applied as a whole or not at all.
BUNDLE_VERSIONS = ("OpenFlow13", "OpenFlow14", "OpenFlow15")
#: The upper half of the cookies, "netn"; the lower half is the owner's.
_COOKIE = 0x6E65746E << 32
_COOKIE_MASK = 0xFFFFFFFF << 32

#: Where a flow has the name of a port.
_PORT = re.compile(r"(\bin_port=|\boutput:|\boutput\(port=)(\"[^\"]*\"|[^\s,()\[\]]+)(?![^,\s]*\[)")
_RESERVED = frozenset({"all", "any", "controller", "flood", "in_port", "local", "none", "normal", "table", "unset"})
#: What ovs-ofctl writes between match and actions (fte_version_format() in utilities/ovs-ofctl.c).
_ATTRIBUTES = frozenset(
    {"check_overlap", "cookie", "hard_timeout", "idle_timeout", "importance", "no_byte_counts", "no_packet_counts"}
    | {"reset_counts", "send_flow_rem"}
)


#: The filter of ovs-ofctl for the flows of all owners.
ALL_OWNERS = f"cookie={_COOKIE:#x}/{_COOKIE_MASK:#x}"


def cookie_of(owner: str | None) -> int:
    """Return the cookie of an owner's flows."""
    return _COOKIE | zlib.crc32((owner or "").encode())


def port_names(flow: str) -> list[str]:
    """Return the names of ports that a flow refers to."""
    return [name for name in (match[2].strip('"') for match in _PORT.finditer(flow)) if _is_name(name)]


def _is_name(word: str) -> bool:
    return not (word.isdecimal() or word.lower() in _RESERVED or re.match(r"0x|(NXM|OXM)_|x?x?reg\d", word))


def find_flow_errors(flows: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Yield what is wrong with flows wherever they are applied, each with the number of the flow."""
    for number, flow in enumerate(flows):
        match, equals, _actions = flow.partition("actions=")
        if not equals:
            yield number, "it has no actions; end it with `actions=drop` or others"
        if "cookie=" in match:
            yield number, "the cookie shows whose flow it is, and cannot be given; remove it"


def with_numbers(flow: str, numbers: Mapping[str, int]) -> str:
    """Return a flow with the numbers of ports for their names: ovs-ofctl does not know these in a comparison."""

    def replace(match: re.Match[str]) -> str:
        return match[1] + str(numbers.get(match[2].strip('"'), match[2]))

    return _PORT.sub(replace, flow)


@dataclass(frozen=True)
class Flow:
    """A flow: its match as ovs-ofctl writes it, with table and priority, and the whole of it without the cookie."""

    match: str
    text: str


@dataclass(frozen=True)
class Rules:
    """How many flows a bridge has, and how many of them are those of an owner."""

    number: int
    own: int = 0


@dataclass(frozen=True)
class FlowDifference:
    """How the flows of a bridge differ from the wanted ones, which are known by their numbers from 0.

    `matches` are those of the wanted ones that were compared. `removed` are the owner's flows that are too many,
    `missing` the numbers of those that are missing. `foreign` are flows of somebody else with the match of one that is
    missing. `errors` are why ovs-ofctl refuses wanted ones, each with the number.
    """

    matches: Mapping[int, str] = field(default_factory=dict)
    removed: tuple[Flow, ...] = ()
    missing: tuple[int, ...] = ()
    foreign: tuple[Flow, ...] = ()
    errors: tuple[tuple[int, str], ...] = ()


def _parse_differences(text: str) -> Iterator[tuple[str, int, Flow]]:
    """Yield what `ovs-ofctl diff-flows` writes: the sign of each flow, its cookie, and the flow."""
    for line in text.splitlines():
        if line[:1] in ("-", "+") and "actions=" in line:
            yield (line[0], *_parse_flow(line[1:]))


def _parse_flow(line: str) -> tuple[int, Flow]:
    """Return the cookie of a flow, and the flow: `dump-flows` has commas after attributes, `diff-flows` has none."""
    head, _equals, actions = line.partition("actions=")
    words = head.replace(", ", " ").split()
    attributes = dict(word.partition("=")[::2] for word in words if word.partition("=")[0] in _ATTRIBUTES)
    match = ",".join(word for word in words if word.partition("=")[0] not in _ATTRIBUTES)
    others = [f"{name}={value}" if value else name for name, value in attributes.items() if name != "cookie"]
    text = " ".join(filter(None, (",".join(filter(None, (match, *others))), f"actions={actions.strip()}")))
    return int(attributes.get("cookie", "0"), 16), Flow(match, text)


def sort_flows(flows: Iterable[Flow]) -> list[Flow]:
    """Return flows in an order that is always the same: ovs-vswitchd has none."""
    return sorted(flows, key=lambda flow: (flow.match, flow.text))


def parse_dump(text: str) -> list[tuple[int, Flow]]:
    """Parse the output of `ovs-ofctl --no-stats dump-flows`: the cookie of each flow, and the flow."""
    return [_parse_flow(line.strip()) for line in text.splitlines() if "actions=" in line]


def parse_matches(text: str) -> dict[int, str]:
    """Return the match of each wanted flow, whose number was its cookie. Of several with one match it is the last."""
    return {number: flow.match for _sign, number, flow in _parse_differences(text)}


def parse_difference(text: str, cookie: int, matches: Mapping[int, str]) -> FlowDifference:
    """Return how the flows of a bridge differ from the wanted ones, which have these matches."""
    found = list(_parse_differences(text))
    added = {flow.match for sign, _cookie, flow in found if sign == "+"}
    present = [(number, flow) for sign, number, flow in found if sign == "-"]
    return FlowDifference(
        matches,
        removed=tuple(sort_flows(flow for number, flow in present if number == cookie)),
        missing=tuple(number for number, match in matches.items() if match in added),
        foreign=tuple(flow for number, flow in present if number != cookie and flow.match in added),
    )


def parse_error(text: str) -> tuple[int | None, str]:
    """Parse what ovs-ofctl says about flows that it does not understand: the number of the flow, and the cause."""
    line = next((line for line in text.splitlines() if line.startswith("ovs-ofctl: ")), text.strip())
    found = re.match(r"ovs-ofctl: \S+:(\d+): (.*)", line)
    if found:
        return int(found[1]) - 1, found[2]
    return None, line[len("ovs-ofctl: ") :] if line.startswith("ovs-ofctl: ") else line


@dataclass(frozen=True)
class SetFlows:
    """Remove flows from a bridge and add others, all or none of them."""

    bridge: str
    cookie: int
    removed: tuple[Flow, ...]
    added: tuple[Flow, ...]
    phase: Phase = Phase.SETTINGS
    backend: str = "ovsdb"

    @property
    def lines(self) -> list[str]:
        """What ovs-ofctl is given."""
        cookie = f"cookie={self.cookie:#x}"
        deletions = (",".join(filter(None, (f"delete_strict {cookie}/-1", flow.match))) for flow in self.removed)
        return [*deletions, *(f"add {cookie},{flow.text}" for flow in self.added)]

    def undo(self) -> SetFlows:
        """Return what rolls it back."""
        return SetFlows(self.bridge, self.cookie, self.added, self.removed)

    def arguments(self, target: str) -> Sequence[str]:
        """Return the arguments of ovs-ofctl, which reads the lines from its standard input."""
        return ["-O", ",".join(BUNDLE_VERSIONS), "--bundle", "add-flows", target, "-"]

    def commands(self) -> Sequence[str]:
        return [f"printf '%s\\n' {shlex.join(self.lines)} | {shlex.join(['ovs-ofctl', *self.arguments(self.bridge)])}"]
