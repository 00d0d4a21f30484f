# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Broadcast domains. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol, Union

#: A broadcast domain: ``("bridge", NAME, VLAN)`` or ``("link", INDEX, 0)``.
Segment = tuple[str, Union[str, int], int]


class Plugged(Protocol):
    """An interface of a namespace, with its bridge, if it is plugged into one, and the options of its port."""

    @property
    def bridge(self) -> str | None: ...

    @property
    def port(self) -> Mapping[str, Any]: ...

    @property
    def domain(self) -> Segment | None: ...


def segment_of(attachment: Plugged) -> Segment | None:
    """Return the broadcast domain of an interface's untagged frames; None if there is none, or it is unknown.

    VLAN modes as ovs-vswitchd.conf.db(5), table Port, has them: without a mode, a port with a tag is an access port and
    one without is a trunk; a trunk carries untagged frames as VLAN 0, and only if its list (where there is one) has it.
    A native-tagged port accepts untagged frames and sends tagged ones, which a plain interface does not receive.
    """
    if attachment.bridge is None:
        return attachment.domain
    tag = attachment.port.get("tag", 0)
    mode = attachment.port.get("vlan_mode") or ("access" if "tag" in attachment.port else "trunk")
    if mode == "native-tagged":
        return None
    if mode == "trunk":
        trunks = attachment.port.get("trunks", [])
        return ("bridge", attachment.bridge, 0) if not trunks or 0 in trunks else None
    return ("bridge", attachment.bridge, tag)


def find_carried_vlans(port: Mapping[str, Any], vlans: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield those of these VLANs of a bridge that a port carries, each with the one that it is behind the port.

    0 are frames without a tag. `port` has the options of the port, of VLAN modes as segment_of() describes them. A
    tunnel of VLANs (dot1q-tunnel) has tags inside, which are not known.
    """
    tag = port.get("tag", 0)
    mode = port.get("vlan_mode") or ("access" if "tag" in port else "trunk")
    if mode != "trunk":
        yield tag, tag if mode == "native-tagged" else 0
    if mode in ("access", "dot1q-tunnel"):
        return
    trunks = port.get("trunks", [])
    for vlan in vlans:
        if (not trunks or vlan in trunks) and (mode == "trunk" or vlan not in (0, tag)):
            yield vlan, vlan
