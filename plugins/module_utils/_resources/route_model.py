# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an entry of the module route asks for, checked. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core import validation
from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import NamespaceName
from ansible_collections.netns.fabric.plugins.module_utils._resources.routing_values import (
    route_protocol,
    routing_table,
    weight,
)

#: The metric of an IPv6 route that was given none (linux/ipv6_route.h, IP6_RT_PRIO_USER); IPv4 takes 0.
IPV6_METRIC = 1024
#: The least MTU of each IP version (RFC 791, RFC 8200), and the highest that the kernel keeps (ip_metrics_convert()).
MTU_MIN, MTU_MAX = {4: 68, 6: 1280}, 65520

TYPES = ("unicast", "blackhole", "unreachable", "prohibit", "throw")

NEXT_HOP_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "gateway": {"type": "str"},
    "device": {"type": "str"},
    "weight": {"type": "int", "default": 1},
    "onlink": {"type": "bool", "default": False},
}

ROUTE_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "namespace": {"type": "str"},
    "destination": {"type": "str"},
    "type": {"type": "str", "choices": list(TYPES)},
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
    def direct_devices(self) -> Iterator[str | None]:
        """The links that the destination is on, without a gateway."""
        return (hop.device for hop in self.hops if hop.gateway is None)


def parse_route(entry: Entry, options: Mapping[str, Any]) -> WantedRoute:
    """Return what an entry asks for.

    Raises:
        InvalidEntries: It asks for something that cannot be.
    """
    checks = Checks(entry)
    gateway = checks.value("gateway", validation.ip_address, options.get("gateway"))
    source = checks.value("source", validation.ip_address, options.get("source"))
    next_hops = tuple(_parse_next_hops(checks, options.get("nexthops") or ()))
    vrf = checks.value("vrf", validation.existing_interface_name, options.get("vrf"))
    gateways = (gateway, source, *(ip_address(hop.gateway) for hop in next_hops if hop.gateway))
    table = checks.value("table", routing_table, options.get("table"))
    route = WantedRoute(
        entry=entry,
        present=options["state"] == "present",
        namespace=checks.value("namespace", validation.namespace_name, options.get("namespace")),
        destination=_destination(checks, options["destination"], next(filter(None, gateways), None)),
        kind=options.get("type"),
        gateway=str(gateway) if gateway else None,
        device=checks.value("device", validation.existing_interface_name, options.get("device")),
        onlink=options.get("onlink"),
        next_hops=next_hops,
        metric=options.get("metric"),
        table=None if vrf is not None else validation.MAIN_TABLE if table is None else table,
        vrf=vrf,
        source=str(source) if source else None,
        mtu=options.get("mtu"),
        protocol=checks.value("protocol", route_protocol, options.get("protocol")),
    )
    _check(checks, route, options)
    checks.done()
    return route


def _parse_next_hops(checks: Checks, given: Sequence[Mapping[str, Any]]) -> Iterator[WantedNextHop]:
    for number, hop in enumerate(given):
        path = f"nexthops[{number}]."
        gateway = checks.value(f"{path}gateway", validation.ip_address, hop.get("gateway"))
        device = checks.value(f"{path}device", validation.existing_interface_name, hop.get("device"))
        share = checks.value(f"{path}weight", weight, hop.get("weight")) or 1
        yield WantedNextHop(str(gateway) if gateway else None, device, share, bool(hop.get("onlink")), path)


def _destination(checks: Checks, given: str, other_end: Any) -> str:
    if given == "default":
        return "::/0" if other_end is not None and other_end.version == 6 else "0.0.0.0/0"
    return str(checks.value("destination", validation.network, given) or "0.0.0.0/0")


def _check(checks: Checks, route: WantedRoute, options: Mapping[str, Any]) -> None:
    _check_version(checks, route, "source", route.source)
    if route.is_unicast:
        _check_next_hops(checks, route, options)
        if route.mtu is not None and not MTU_MIN[route.version] <= route.mtu <= MTU_MAX:
            least = MTU_MIN[route.version]
            checks.error("mtu", f"the MTU of an IPv{route.version} route is a number from {least} to {MTU_MAX}")
    else:
        for option in ("gateway", "device", "onlink", "nexthops", "source", "mtu"):
            if options.get(option):
                checks.error(option, f"a {route.kind} route sends packets nowhere; leave it out, or the `type`")
    if route.metric is not None and not 0 <= route.metric < 1 << 32:
        checks.error("metric", "a metric is a number from 0 to 4294967295")
    if route.vrf is not None and options.get("table") is not None:
        checks.error("table", f"the table is that of the VRF {route.vrf}; leave one of them out")


def _check_version(checks: Checks, route: WantedRoute, option: str, value: str | None) -> None:
    if value is not None and ip_address(value).version != route.version:
        checks.error(
            option,
            f"{value} is of another IP version than the destination {route.destination}; give both of one version",
        )


def _check_next_hops(checks: Checks, route: WantedRoute, options: Mapping[str, Any]) -> None:
    if options.get("nexthops") is not None:
        _check_several(checks, route, options)
    elif route.present and not route.gateway and not route.device:
        checks.error("gateway", "a route needs a gateway, a device or both, or several `nexthops`")
    for hop in route.hops:
        _check_version(checks, route, f"{hop.path}gateway", hop.gateway)
        is_link_local = hop.gateway is not None and ip_address(hop.gateway).is_link_local and route.version == 6
        if is_link_local and not hop.device:
            message = f"the gateway {hop.gateway} is link-local; give the device that it is reached through"
            checks.error(f"{hop.path}device", message)
        if hop.onlink and route.present and not (hop.gateway and hop.device):
            checks.error(
                f"{hop.path}onlink",
                "it says by which link a gateway is reached that is in none of its subnets; give the `gateway` and "
                "the `device`",
            )


def _check_several(checks: Checks, route: WantedRoute, options: Mapping[str, Any]) -> None:
    for option in ("gateway", "device", "onlink"):
        if options.get(option) is not None:
            checks.error(option, "the next hops are in `nexthops`; set it in each of them")
    if len(options["nexthops"]) < 2:  # several
        checks.error("nexthops", "are for a route with several next hops; write a single one as `gateway` and `device`")
    seen: dict[tuple[str | None, str | None], str] = {}
    for hop in route.next_hops:
        if not hop.gateway and (route.version == 6 or not hop.device):
            cause = "in IPv6 each next hop of several has one" if route.version == 6 else "and so is the device"
            checks.error(f"{hop.path}gateway", f"is missing, {cause}; give the address of the next router")
        first = seen.setdefault((hop.gateway, hop.device), hop.path)
        if first != hop.path:
            checks.error(
                f"{hop.path}gateway", f"is the same next hop as {first.rstrip('.')}; leave one out, and raise `weight`"
            )
