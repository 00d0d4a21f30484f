# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The OpenFlow rules of a bridge: those of an owner, how they differ from the wanted ones, and their change. Pure.

ovs-ofctl(8) parses and compares them. ovs-vswitchd keeps them in memory only.
"""

from __future__ import annotations

import re
import shlex
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Phase

#: The versions of OpenFlow in which a bundle is applied as a whole or not at all.
BUNDLE_VERSIONS = ("OpenFlow13", "OpenFlow14", "OpenFlow15")
#: The upper half of the cookies, "netn"; the lower half is the owner's.
_COOKIE = 0x6E65746E << 32

#: Where a flow has the name of a port.
_PORT = re.compile(r"(\bin_port=|\boutput:|\boutput\(port=)(\"[^\"]*\"|[^\s,()\[\]]+)(?![^,\s]*\[)")
_RESERVED = frozenset({"all", "any", "controller", "flood", "in_port", "local", "none", "normal", "table", "unset"})
#: What ovs-ofctl writes between match and actions (fte_version_format() in utilities/ovs-ofctl.c).
_ATTRIBUTES = frozenset(
    {"check_overlap", "cookie", "hard_timeout", "idle_timeout", "importance", "no_byte_counts", "no_packet_counts"}
    | {"reset_counts", "send_flow_rem"}
)


def cookie_of(owner: str | None) -> int:
    """Return the cookie of an owner's flows."""
    return _COOKIE | zlib.crc32((owner or "").encode())


def port_names(flow: str) -> list[str]:
    """Return the names of ports that a flow refers to."""
    return [name for name in (match[2].strip('"') for match in _PORT.finditer(flow)) if _is_name(name)]


def _is_name(word: str) -> bool:
    return not (word.isdecimal() or word.lower() in _RESERVED or re.match(r"0x|(NXM|OXM)_|x?x?reg\d", word))


def with_numbers(flow: str, numbers: Mapping[str, int]) -> str:
    """Return a flow with the numbers of ports for their names: ovs-ofctl does not know these in a comparison."""

    def replace(match: re.Match[str]) -> str:
        return match[1] + str(numbers.get(match[2].strip('"'), match[2]))

    return _PORT.sub(replace, flow)


@dataclass(frozen=True)
class Flow:
    """A flow as ovs-ofctl writes it: its match, with table and priority, and the whole of it."""

    match: str
    text: str


@dataclass(frozen=True)
class FlowDifference:
    """How the flows of a bridge differ from the wanted ones: the owner's that are too many, those that are missing.

    `wanted` are all that are wanted. `foreign` are flows of somebody else with the match of one that is missing.
    `error` is why ovs-ofctl refuses the wanted ones, `line` the number of the flow from 0.
    """

    removed: tuple[Flow, ...] = ()
    added: tuple[Flow, ...] = ()
    foreign: tuple[Flow, ...] = ()
    wanted: tuple[Flow, ...] = ()
    error: str = ""
    line: int = 0


def parse_difference(text: str, cookie: int) -> FlowDifference:
    """Parse the output of `ovs-ofctl diff-flows`."""
    removed: list[Flow] = []
    added: list[Flow] = []
    foreign: list[Flow] = []
    for line in text.splitlines():
        head, actions, _text = line[1:].partition("actions=")
        if not actions or line[0] not in "-+":
            continue
        words = head.split()
        attributes = dict(word.partition("=")[::2] for word in words if word.partition("=")[0] in _ATTRIBUTES)
        flow = Flow(",".join(word for word in words if word.partition("=")[0] not in _ATTRIBUTES), line[1:].strip())
        if line[0] == "+":
            added.append(flow)
        else:
            (removed if int(attributes.get("cookie", "0"), 16) == cookie else foreign).append(flow)
    matches = {flow.match for flow in added}
    return FlowDifference(tuple(removed), tuple(added), tuple(flow for flow in foreign if flow.match in matches))


def parse_error(text: str) -> FlowDifference:
    """Parse what ovs-ofctl says about flows that it does not understand."""
    line = next((line for line in text.splitlines() if line.startswith("ovs-ofctl: ")), text.strip())
    found = re.match(r"ovs-ofctl: \S+:(\d+): (.*)", line)
    if found:
        return FlowDifference(error=found[2], line=int(found[1]) - 1)
    return FlowDifference(error=line[len("ovs-ofctl: ") :] if line.startswith("ovs-ofctl: ") else line)


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
        mask = f"cookie={self.cookie:#x}/-1"
        deletions = (",".join(filter(None, (f"delete_strict {mask}", flow.match))) for flow in self.removed)
        return [*deletions, *(f"add {flow.text}" for flow in self.added)]

    def undo(self) -> SetFlows:
        """Return what rolls it back."""
        return SetFlows(self.bridge, self.cookie, self.added, self.removed)

    def arguments(self, target: str) -> Sequence[str]:
        """Return the arguments of ovs-ofctl, which reads the lines from its standard input."""
        return ["-O", ",".join(BUNDLE_VERSIONS), "--bundle", "add-flows", target, "-"]

    def commands(self) -> Sequence[str]:
        return [f"printf '%s\\n' {shlex.join(self.lines)} | {shlex.join(['ovs-ofctl', *self.arguments(self.bridge)])}"]
