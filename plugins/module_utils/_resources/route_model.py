# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an entry of the module route asks for, checked. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core import routing, validation
from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import NamespaceName

#: The metric of an IPv6 route that was given none (linux/ipv6_route.h, IP6_RT_PRIO_USER); IPv4 takes 0.
IPV6_METRIC = 1024
NEXT_HOP_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "gateway": {"type": "str"},
    "device": {"type": "str"},
    "weight": {"type": "int", "default": 1},
    "onlink": {"type": "bool", "default": False},
}

ROUTE_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "namespace": {"type": "str"},
    "destination": {"type": "str"},
    "type": {"type": "str", "choices": list(routing.ROUTE_TYPES)},
    "gateway": {"type": "str"},
    "device": {"type": "str"},
    "onlink": {"type": "bool"},
    "nexthops": {"type": "list", "elements": "dict", "options": NEXT_HOP_OPTIONS},
    "metric": {"type": "int"},
    "table": {"type": "int"},
    "vrf": {"type": "str"},
    "source": {"type": "str"},
    "mtu": {"type": "int"},
    "protocol": {"type": "str"},
}


@dataclass(frozen=True)
class WantedNextHop:
    """One next hop as it is wanted; a device of None: any."""

    gateway: str | None
    device: str | None
    weight: int = 1
    onlink: bool | None = None
    #: Where its options stand in the entry.
    path: str = ""


@dataclass(frozen=True)
class WantedRoute:
    """One route as it is wanted; None: any."""

    entry: Entry
    present: bool
    namespace: NamespaceName
    destination: str
    kind: str | None = None
    gateway: str | None = None
    device: str | None = None
    onlink: bool | None = None
    next_hops: tuple[WantedNextHop, ...] = ()
    metric: int | None = None
    #: None: that of the VRF.
    table: int | None = validation.MAIN_TABLE
    vrf: str | None = None
    source: str | None = None
    mtu: int | None = None
    protocol: int | None = None

    @property
    def version(self) -> int:
        return 6 if ":" in self.destination else 4

    @property
    def kernel_metric(self) -> int:
        return self.metric or (IPV6_METRIC if self.version == 6 else 0)

    @property
    def is_unicast(self) -> bool:
        return self.kind in (None, "unicast")

    @property
    def hops(self) -> Sequence[WantedNextHop]:
        """All next hops, however many there are; none for a route that refuses packets."""
        if self.next_hops or not self.is_unicast:
            return self.next_hops
        return (WantedNextHop(self.gateway, self.device, onlink=self.onlink),)

    @property
    def is_direct(self) -> bool:
        """Whether the destination is on the link itself, so that gateways there are reached by the route.

        By one with several next hops they are not (fib_check_nh() in net/ipv4/fib_semantics.c looks for RT_SCOPE_LINK).
        """
        return self.is_unicast and not self.next_hops and self.gateway is None


def parse_route(entry: Entry, options: Mapping[str, Any]) -> WantedRoute:
    """Return what an entry asks for.

    Raises:
        InvalidEntries: It asks for something that cannot be.
    """
    checks = Checks(entry)
    values = {
        **options,
        "gateway": checks.value("gateway", validation.ip_address, options.get("gateway")),
        "source": checks.value("source", validation.ip_address, options.get("source")),
        "device": checks.value("device", validation.existing_interface_name, options.get("device")),
        "vrf": checks.value("vrf", validation.existing_interface_name, options.get("vrf")),
        "table": checks.value("table", routing.routing_table, options.get("table")),
        "mtu": checks.value("mtu", routing.path_mtu, options.get("mtu")),
        "protocol": checks.value("protocol", routing.route_protocol, options.get("protocol")),
    }
    if options.get("nexthops") is not None:
        values["nexthops"] = [_check_next_hop(checks, *each) for each in enumerate(options["nexthops"])]
    route = WantedRoute(
        entry=entry,
        present=options["state"] == "present",
        namespace=checks.value("namespace", validation.namespace_name, options.get("namespace")),
        destination=_destination(checks, options["destination"], values),
        kind=options.get("type"),
        gateway=_text(values["gateway"]),
        device=values["device"],
        onlink=options.get("onlink"),
        next_hops=tuple(_next_hop(*each) for each in enumerate(values.get("nexthops") or ())),
        metric=options.get("metric"),
        table=_table(values),
        vrf=values["vrf"],
        source=_text(values["source"]),
        mtu=values["mtu"],
        protocol=values["protocol"],
    )
    if route.metric is not None and not 0 <= route.metric <= routing.U32_MAX:
        checks.error("metric", "a metric is a number from 0 to 4294967295")
    # An entry that is to be absent gives what the routes have that it is about.
    for option, message in routing.find_route_errors(route.version, values) if route.present else ():
        if not checks.has(option):
            checks.error(option, message)
    checks.done()
    return route


def _check_next_hop(checks: Checks, number: int, hop: Mapping[str, Any]) -> dict[str, Any]:
    path = f"nexthops[{number}]."
    return {
        "gateway": checks.value(f"{path}gateway", validation.ip_address, hop.get("gateway")),
        "device": checks.value(f"{path}device", validation.existing_interface_name, hop.get("device")),
        "weight": checks.value(f"{path}weight", routing.weight, hop.get("weight")),
        "onlink": hop.get("onlink"),
    }


def _next_hop(number: int, hop: Mapping[str, Any]) -> WantedNextHop:
    path = f"nexthops[{number}]."
    return WantedNextHop(_text(hop["gateway"]), hop["device"], hop["weight"] or 1, bool(hop["onlink"]), path)


def _text(address: Any) -> str | None:
    return None if address is None else str(address)


def _table(values: Mapping[str, Any]) -> int | None:
    if values["vrf"] is not None:
        return None
    return validation.MAIN_TABLE if values["table"] is None else int(values["table"])


def _destination(checks: Checks, given: str, values: Mapping[str, Any]) -> str:
    if given != "default":
        return str(checks.value("destination", validation.network, given) or "0.0.0.0/0")
    ends = (values["gateway"], values["source"], *(hop["gateway"] for hop in values.get("nexthops") or ()))
    known = next((end for end in ends if end is not None), None)
    return "::/0" if known is not None and known.version == 6 else "0.0.0.0/0"
