# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is kept in the alias of a link: its owners, and what it was before it was changed. Pure.

The alias (ip-link(8)) lives exactly as long as the link, and moves with it from namespace to namespace.

    netns.fabric:lab                                                   an owner
    netns.fabric:lab created                                           an owner, and the link exists by its declaration
    netns.fabric:lab keeps addresses                                   an owner, and the addresses are somebody else's
    netns.fabric:lab,web was mtu 1500                                  two owners, and the MTU that the link had
    netns.fabric:lab was host up mtu 1500 mac 52:54:00:12:34:56        moved from the host, where it was up
    netns.fabric:lab was host up mtu 1500 name eno2                    the same, and it had another name there
    netns.fabric: was host down mtu 1500 mac 52:54:00:12:34:56 alias the uplink
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

#: How the alias of a link that has owners begins; their names follow, separated by commas.
PREFIX = "netns.fabric:"
#: Bytes: IFALIASZ of linux/if.h less the closing NUL.
ALIAS_MAX = 255

_FORM = re.compile(
    re.escape(PREFIX) + r"(?P<owners>[^ ]*)(?P<created> created)?(?P<keeps> keeps addresses)?"
    r"(?: was(?P<host> host)?(?: (?P<state>up|down))?(?: mtu (?P<mtu>[0-9]+))?"
    r"(?: mac (?P<mac>[0-9a-f:]+))?(?: name (?P<name>\S+))?(?: alias (?P<alias>.+))?)?",
    re.DOTALL,
)


@dataclass(frozen=True)
class Origin:
    """What a link was before it was changed; None: that was not changed.

    `moved`: it was on the host and was moved into a namespace. `alias` is one that other software has set. `name` is
    that on the host, where it has another one now.
    """

    moved: bool = False
    up: bool | None = None
    mtu: int | None = None
    mac: str | None = None
    alias: str = ""
    name: str | None = None

    def __str__(self) -> str:
        words = [
            *(["host"] if self.moved else []),
            *([] if self.up is None else ["up" if self.up else "down"]),
            *([] if self.mtu is None else ["mtu", str(self.mtu)]),
            *([] if self.mac is None else ["mac", self.mac]),
            *(["name", self.name] if self.name else []),
            *(["alias", self.alias] if self.alias else []),
        ]
        return " ".join(words)


@dataclass(frozen=True)
class Mark:
    """The owners and the origin of a link.

    `created`: it exists by a declaration, and is deleted with it. `keeps_addresses`: those that it has are somebody
    else's, and stay when the declaration ends.
    """

    owners: tuple[str, ...] = ()
    origin: Origin | None = None
    created: bool = False
    keeps_addresses: bool = False

    def __str__(self) -> str:
        """Return the alias; empty where there is nothing to keep."""
        if not self.owners and self.origin is None:
            return ""
        created = " created" if self.created else ""
        keeps = " keeps addresses" if self.keeps_addresses else ""
        return PREFIX + ",".join(self.owners) + created + keeps + (f" was {self.origin}" if self.origin else "")


@lru_cache
def parse_mark(alias: str) -> Mark | None:
    """Return what an alias keeps; None for an alias of other software, and an empty mark for no alias."""
    if not alias:
        return Mark()
    found = _FORM.fullmatch(alias)
    if found is None:
        return None
    owners = tuple(filter(None, found["owners"].split(",")))
    created, keeps = found["created"] is not None, found["keeps"] is not None
    if " was" not in alias:
        return Mark(owners, created=created, keeps_addresses=keeps)
    return Mark(
        owners,
        Origin(
            moved=found["host"] is not None,
            up=None if found["state"] is None else found["state"] == "up",
            mtu=None if found["mtu"] is None else int(found["mtu"]),
            mac=found["mac"],
            alias=found["alias"] or "",
            name=found["name"],
        ),
        created,
        keeps,
    )
