# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The answers of ovs-appctl(8). Pure."""

from __future__ import annotations

import re

#: A port in the output of `dpctl/show`; one of the type "system" is listed without its type.
_DATAPATH_PORT = re.compile(r"^\s+port (\d+): (\S+?)(?: \((\w+).*)?$")
#: The table of the rules that ovs-vswitchd adds to every bridge (TBL_INTERNAL in ofproto/ofproto-dpif.c).
_INTERNAL_TABLE = "table_id=254"
#: The priorities of in-band control, above those that OpenFlow has (IBR_FROM_LOCAL_DHCP in ofproto/in-band.c).
_HIGHEST_PRIORITY = 65535


def parse_internal_ports(text: str) -> frozenset[str]:
    """Return the internal ports that `dpctl/show` lists for the kernel's datapath."""
    found: set[str] = set()
    in_kernel = False
    for line in text.split("\n"):
        if not line.startswith(" "):
            in_kernel = line.startswith("system@")
        match = _DATAPATH_PORT.match(line)
        if match and in_kernel and match[3] == "internal":
            found.add(match[2])
    return frozenset(found)


def find_port_number(text: str, name: str) -> str:
    """Return the number of a port that `dpctl/show` lists for one datapath; empty where it lists none."""
    matches = map(_DATAPATH_PORT.match, text.split("\n"))
    return next((match[1] for match in matches if match and match[2] == name), "")


def count_rules(text: str) -> int:
    """Return how many rules `bridge/dump-flows` lists that users or controllers have added."""
    return sum(_is_users_rule(line) for line in text.split("\n"))


def _is_users_rule(line: str) -> bool:
    if "actions=" not in line or line.startswith(_INTERNAL_TABLE):
        return False
    # Without a priority it has that of OpenFlow's default.
    priority = re.search(r"\bpriority=(\d+)", line)
    return priority is None or int(priority[1]) <= _HIGHEST_PRIORITY
