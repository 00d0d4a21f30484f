# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The diagram of the actual topology: from the result of the module topology_info. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.from_variables import find_nat_origin
from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.model import (
    HOST,
    OPEN,
    OUTSIDE,
    POLICY_CHAINS,
    Box,
    Connection,
    Diagram,
    End,
    Interface,
    Nat,
    Note,
    bridge_key,
    flows_note,
    format_vlans,
    mirror_note,
    namespace_key,
    policy_note,
    published_note,
    reaching_note,
)

Entry = Mapping[str, Any]


def is_facts(value: Any) -> bool:
    """Return whether a value is a result of topology_info."""
    return isinstance(value, Mapping) and {"host", "namespaces", "openvswitch"} <= set(value)


def diagram_from_facts(info: Entry, owner: str | None = None) -> Diagram:
    """Return the diagram of a host.

    Args:
        info: The result of topology_info.
        owner: The owner whose objects count as owned; with None, all objects do.
    """
    return _Builder(info, owner).build()


class _Builder:
    def __init__(self, info: Entry, owner: str | None) -> None:
        self._owner = owner
        self._places: list[Entry] = [info["host"], *info["namespaces"]]
        self._bridges: list[Entry] = info["openvswitch"].get("bridges") or []
        self._ports = {port["name"]: port for bridge in self._bridges for port in bridge["ports"] if not port["local"]}
        # Links of the host that other boxes show.
        self._elsewhere = {bridge["name"] for bridge in self._bridges} | set(self._ports)

    def build(self) -> Diagram:
        connections = tuple(self._build_connections())
        nat = tuple(self._build_nat())
        published = self._collect_published()
        boxes = [
            Box(
                namespace_key(place["name"]),
                self._build_interfaces(place),
                owned=self._is_owned(place),
                notes=(*published.get(place["name"], ()), *self._build_policy_notes(place)),
            )
            for place in self._places[1:]
        ]
        boxes += [
            Box(
                bridge_key(bridge["name"]),
                self._build_local(bridge),
                owned=self._is_owned(bridge),
                notes=(*self._build_notes(bridge["name"]), *self._build_switching_notes(bridge)),
            )
            for bridge in self._bridges
        ]
        connected = {end.interface for connection in connections for end in connection.ends if end.box == HOST}
        on_host = tuple(
            interface for interface in self._build_interfaces(self._places[0]) if interface.name in connected
        )
        does_nat = any(rule.origin == HOST for rule in nat)
        if on_host or does_nat:
            boxes.append(Box(HOST, on_host, owned=does_nat or any(interface.owned for interface in on_host)))
        if nat:
            boxes.append(Box(OUTSIDE))
        return Diagram(tuple(boxes), connections, nat)

    def _is_owned(self, entry: Entry) -> bool:
        return self._owner is None or self._owner in entry["owners"]

    def _build_interfaces(self, place: Entry) -> tuple[Interface, ...]:
        return tuple(
            self._build_interface(link)
            for link in place["links"]
            if link["kind"] != "loopback" and not (place["name"] is None and link["name"] in self._elsewhere)
        )

    def _build_interface(self, link: Entry) -> Interface:
        return Interface(
            link["name"],
            tuple(address["address"] for address in link["addresses"] if not address["made_by_kernel"]),
            enabled=link["enabled"],
            mac=link["mac"],
            mtu=link["mtu"],
            owned=self._is_owned(link),
        )

    def _build_local(self, bridge: Entry) -> tuple[Interface, ...]:
        return tuple(self._build_interface(link) for link in self._places[0]["links"] if link["name"] == bridge["name"])

    def _build_connections(self) -> Iterator[Connection]:
        seen = set()
        for place in self._places:
            for link in place["links"]:
                connection = self._build_connection(place, link)
                if connection is not None and connection.ends not in seen:
                    seen.add(connection.ends)
                    yield connection

    def _build_connection(self, place: Entry, link: Entry) -> Connection | None:
        """Return the connection whose near end is a link; a port of a bridge is always the far end."""
        if place["name"] is not None and link["bridge_port"]:  # an internal port that was moved into the namespace
            return self._build_plugged(place, link, self._ports.get(link["bridge_port"]["port"]))
        peer = link["peer"]
        if not peer or not peer["name"] or (place["name"] is None and link["name"] in self._ports):
            return None
        port = self._ports.get(peer["name"]) if peer["namespace"] is None else None
        if port is not None:
            return self._build_plugged(place, link, port)
        near = End(namespace_key(place["name"]), link["name"])
        return Connection(near, End(namespace_key(peer["namespace"]), peer["name"]), owned=self._is_owned(link))

    def _build_plugged(self, place: Entry, link: Entry, port: Entry | None) -> Connection | None:
        if port is None:
            return None
        return Connection(
            End(namespace_key(place["name"]), link["name"]),
            End(bridge_key(port["bridge"]), port["name"]),
            format_vlans(port["tag"], port["trunks"]),
            owned=self._is_owned(port),
        )

    def _collect_published(self) -> dict[str, dict[Note, None]]:
        """Return the notes of the namespaces that ports lead to, whoever published them, unless an owner is given."""
        holders = {
            address["address"].partition("/")[0]: place["name"]
            for place in self._places[1:]
            for link in place["links"]
            for address in link["addresses"]
        }
        found: dict[str, dict[Note, None]] = {}
        for place in self._places:
            for rule in (place["firewall"] or {}).get("rules") or []:
                if rule["verdict"] == "dnat" and (self._owner is None or rule["owner"] == self._owner):
                    address, port = split_target(rule["target"])
                    for protocol, ports in map(_published, rule["criteria"]):
                        if address in holders and ports:
                            note = published_note(protocol, ports, port)
                            found.setdefault(holders[address], {})[note] = None
        return found

    def _build_policy_notes(self, place: Entry) -> Iterator[Note]:
        """Yield for each direction what the policy of a namespace does with what no rule is about."""
        rules = (place["firewall"] or {}).get("rules") or []
        for chain, word in POLICY_CHAINS.items():
            found = [rule for rule in rules if rule["chain"] == chain and self._owner in (None, rule["owner"])]
            if found:
                denies = found[-1]["verdict"] == "drop" and not found[-1]["criteria"]
                yield policy_note(word, denies)

    def _build_notes(self, bridge: str) -> Iterator[Note]:
        """Yield what the host forwards to and from a bridge: everything, or what rules let pass that isolate it."""
        host = self._places[0]
        rules = (host["firewall"] or {}).get("rules") or []
        leads = {rule["target"] for rule in rules if f"iifname {bridge}" in rule["criteria"]}
        chains = {chain for chain in leads if chain.startswith("fabric-from-")}
        forwards = (host["sysctls"].get(key) == "1" for key in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"))
        if chains:
            passing = (rule["criteria"] for rule in rules if rule["chain"] in chains and rule["verdict"] == "accept")
            found = (text.partition(" ")[2] for texts in passing for text in texts if text.startswith("daddr "))
            yield from map(reaching_note, dict.fromkeys(found))
        elif any(forwards) and any(interface.addresses for interface in self._build_local({"name": bridge})):
            yield OPEN

    def _build_switching_notes(self, bridge: Entry) -> Iterator[Note]:
        """Yield the mirrors and the number of flows that are the owner's."""
        yield from (mirror_note(mirror) for mirror in bridge["mirrors"] if self._is_owned(mirror))
        number = sum(self._owner in (None, found["owner"]) for found in bridge["flows"])
        if number:
            yield flows_note(number)

    def _build_nat(self) -> Iterator[Nat]:
        bridges = [
            (bridge["name"], [ip for interface in self._build_local(bridge) for ip in interface.addresses or ()])
            for bridge in self._bridges
        ]
        for place in self._places:
            for rule in (place["firewall"] or {}).get("masquerade") or []:
                if self._owner is None or rule["owner"] == self._owner:
                    origin = find_nat_origin(place["name"], rule["source"], bridges)
                    yield Nat(origin, rule["source"], rule["out_interface"] or "")


def _published(criterion: str) -> tuple[str, str]:
    """Return the protocol and the ports of a condition; empty texts for another condition."""
    match = re.fullmatch(r"(tcp|udp) dport (\d+(?:-\d+)?)", criterion)
    return (match[1], match[2]) if match else ("", "")


def split_target(target: str) -> tuple[str, str | None]:
    """Return the address, and the port if there is one, of ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT."""
    match = re.fullmatch(r"\[([^]]+)](?::(\d+))?|([^:]+):(\d+)|(.*)", target)
    if match is None:
        return target, None
    return match[1] or match[3] or match[5], match[2] or match[4]
