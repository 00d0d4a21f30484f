# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The diagram of what is: from the result of the module topology_info. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.from_variables import nat_origin
from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.model import (
    HOST,
    OUTSIDE,
    Box,
    Cable,
    Diagram,
    End,
    Interface,
    Nat,
    bridge_key,
    namespace_key,
    vlan_label,
)

Entry = Mapping[str, Any]


def is_found(value: Any) -> bool:
    """Tell whether a value is a result of topology_info."""
    return isinstance(value, Mapping) and {"host", "namespaces", "openvswitch"} <= set(value)


def found(info: Entry, owner: str | None = None) -> Diagram:
    """Return the diagram of a host.

    :param info: the result of topology_info.
    :param owner: whose marks count as ours; None counts everything.
    """
    return _Found(info, owner).diagram()


class _Found:
    def __init__(self, info: Entry, owner: str | None) -> None:
        self._owner = owner
        self._places: list[Entry] = [info["host"], *info["namespaces"]]
        self._bridges: list[Entry] = info["openvswitch"].get("bridges") or []
        self._ports = {port["name"]: port for bridge in self._bridges for port in bridge["ports"] if not port["local"]}
        # What is drawn elsewhere than in the box of the host.
        self._elsewhere = {bridge["name"] for bridge in self._bridges} | set(self._ports)

    def diagram(self) -> Diagram:
        cables = tuple(self._cables())
        nat = tuple(self._nat())
        boxes = [
            Box(namespace_key(place["name"]), self._interfaces(place), owned=self._is_ours(place))
            for place in self._places[1:]
        ]
        boxes += [
            Box(bridge_key(bridge["name"]), self._local(bridge), owned=self._is_ours(bridge))
            for bridge in self._bridges
        ]
        plugged = {end.interface for cable in cables for end in cable.ends if end.box == HOST}
        on_host = tuple(interface for interface in self._interfaces(self._places[0]) if interface.name in plugged)
        if on_host or any(rule.origin == HOST for rule in nat):
            ours = any(interface.owned for interface in on_host) or any(rule.origin == HOST for rule in nat)
            boxes.append(Box(HOST, on_host, owned=ours))
        if nat:
            boxes.append(Box(OUTSIDE))
        return Diagram(tuple(boxes), cables, nat)

    def _is_ours(self, entry: Entry) -> bool:
        return self._owner is None or self._owner in entry["owners"]

    def _interfaces(self, place: Entry) -> tuple[Interface, ...]:
        return tuple(
            self._interface(link)
            for link in place["links"]
            if link["kind"] != "loopback" and not (place["name"] is None and link["name"] in self._elsewhere)
        )

    def _interface(self, link: Entry) -> Interface:
        return Interface(
            link["name"],
            tuple(address["address"] for address in link["addresses"] if not address["made_by_kernel"]),
            enabled=link["enabled"],
            mac=link["mac"],
            mtu=link["mtu"],
            owned=self._is_ours(link),
        )

    def _local(self, bridge: Entry) -> tuple[Interface, ...]:
        return tuple(self._interface(link) for link in self._places[0]["links"] if link["name"] == bridge["name"])

    def _cables(self) -> Iterator[Cable]:
        seen = set()
        for place in self._places:
            for link in place["links"]:
                cable = self._cable(place, link)
                if cable is not None and cable.ends not in seen:
                    seen.add(cable.ends)
                    yield cable

    def _cable(self, place: Entry, link: Entry) -> Cable | None:
        """The cable that a link is the near end of; a port of a bridge is always the far one."""
        if place["name"] is not None and link["bridge_port"]:  # an internal port that was moved into the namespace
            return self._plugged(place, link, self._ports.get(link["bridge_port"]["port"]))
        peer = link["peer"]
        if not peer or not peer["name"] or (place["name"] is None and link["name"] in self._ports):
            return None
        port = self._ports.get(peer["name"]) if peer["namespace"] is None else None
        if port is not None:
            return self._plugged(place, link, port)
        near = End(namespace_key(place["name"]), link["name"])
        return Cable(near, End(namespace_key(peer["namespace"]), peer["name"]), owned=self._is_ours(link))

    def _plugged(self, place: Entry, link: Entry, port: Entry | None) -> Cable | None:
        if port is None:
            return None
        return Cable(
            End(namespace_key(place["name"]), link["name"]),
            End(bridge_key(port["bridge"]), port["name"]),
            vlan_label(port["tag"], port["trunks"]),
            owned=self._is_ours(port),
        )

    def _nat(self) -> Iterator[Nat]:
        bridges = [
            (bridge["name"], [address for interface in self._local(bridge) for address in interface.addresses or ()])
            for bridge in self._bridges
        ]
        for place in self._places:
            for rule in (place["firewall"] or {}).get("masquerade") or []:
                if self._owner is None or rule["owner"] == self._owner:
                    origin = nat_origin(place["name"], rule["source"], bridges)
                    yield Nat(origin, rule["source"], rule["out_interface"] or "")
