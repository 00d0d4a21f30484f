# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The values of routes and rules, and which of them go together: for the modules and the role's variables. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import ip_address
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core import transports, validation
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import Address, ValidationError

#: The types of routes; all but the first refuse packets (ip-route(8)).
ROUTE_TYPES = ("unicast", "blackhole", "unreachable", "prohibit", "throw")
#: What a rule does with packets (ip-rule(8)).
ACTIONS = ("lookup", "blackhole", "unreachable", "prohibit")

#: The names that ip-route(8) has for the origin of a route (linux/rtnetlink.h, /etc/iproute2/rt_protos).
PROTOCOLS: Mapping[int, str] = {
    0: "unspec",
    1: "redirect",
    2: "kernel",
    3: "boot",
    4: "static",
    9: "ra",
    11: "zebra",
    12: "bird",
    16: "dhcp",
    18: "keepalived",
    186: "bgp",
    187: "isis",
    188: "ospf",
    189: "rip",
    192: "eigrp",
}
#: The protocols below the first are the kernel's own, and those that it learns from router advertisements.
_FIRST_PROTOCOL, _LAST_PROTOCOL, _ADVERTISED = 3, 255, 9

#: The names that ip-rule(8) has for protocols of the Internet (/etc/protocols), of those that have ports or are ICMP.
IP_PROTOCOLS: Mapping[int, str] = {1: "icmp", 6: "tcp", 17: "udp", 33: "dccp", 58: "ipv6-icmp", 132: "sctp"}

#: RTA_TABLE, RTA_PRIORITY and RTAX_MTU of linux/rtnetlink.h, FRA_PRIORITY and FRA_FWMARK of linux/fib_rules.h.
U32_MAX = (1 << 32) - 1
#: rtnh_hops of linux/rtnetlink.h has 8 bits, and 0 is the weight 1.
WEIGHT_MAX = 256
#: The least MTU of each IP version (RFC 791, RFC 8200), and the highest that the kernel keeps (ip_metrics_convert()).
MTU_MIN: Mapping[int, int] = {4: 68, 6: 1280}
MTU_MAX = 65520

Error = tuple[str, str]

# Values


def routing_table(value: Any) -> int:
    """Check the number of a routing table.

    Raises:
        ValidationError: It is none.
    """
    if isinstance(value, int) and not 0 < value <= U32_MAX:
        raise ValidationError("a routing table is a number from 1 to 4294967295; 254 is the main one")
    return validation.whole_number(value, "routing table", 1, U32_MAX)


def weight(value: Any) -> int:
    """Check the weight of a next hop.

    Raises:
        ValidationError: It is none.
    """
    return validation.whole_number(value, "weight", 1, WEIGHT_MAX)


def path_mtu(value: Any) -> int:
    """Check the MTU of a route, of any IP version.

    Raises:
        ValidationError: It is none.
    """
    return validation.whole_number(value, "MTU of a route", MTU_MIN[4], MTU_MAX)


def priority(value: Any) -> int:
    """Check the priority of a rule.

    Raises:
        ValidationError: It is none.
    """
    return validation.whole_number(value, "priority", 0, U32_MAX)


def route_protocol(value: Any) -> int:
    """Return the number of a protocol that a route may be given, by its name or its number.

    Raises:
        ValidationError: It is none, or that of routes which the kernel itself adds.
    """
    text = str(value).strip()
    numbers = {name: number for number, name in PROTOCOLS.items()}
    number = int(text) if text.isdigit() and text.isascii() else numbers.get(text, -1)
    own = number in (*range(_FIRST_PROTOCOL), _ADVERTISED)
    if own or not _FIRST_PROTOCOL <= number <= _LAST_PROTOCOL:
        names = ", ".join(name for each, name in PROTOCOLS.items() if each >= _FIRST_PROTOCOL and each != _ADVERTISED)
        cause = "is that of routes which the kernel itself adds" if own else "is not a protocol of routes"
        raise ValidationError(f"{text!r} {cause}; give a number from 3 to 255, or one of {names}")
    return number


def mark(value: Any) -> tuple[int, int]:
    """Return a mark and its mask: `0x10`, or `0x10/0xf0`.

    Raises:
        ValidationError: It is none, or has bits that do not count.
    """
    first, slash, last = str(value).strip().partition("/")
    try:
        found, mask = int(first, 0), int(last, 0) if slash else U32_MAX
    except ValueError:
        raise ValidationError(f"{value!r} is not a mark; write 0x10, or 0x10/0xf0 with a mask") from None
    if not 0 <= found <= U32_MAX or not 0 < mask <= U32_MAX:
        raise ValidationError(f"{value!r} is not a mark; mark and mask have 32 bits, and the mask is not 0")
    if found & ~mask:
        raise ValidationError(
            f"{value!r} has bits outside of its mask, which the kernel ignores; write {found & mask:#x}/{mask:#x}"
        )
    return found, mask


def ip_protocol(value: Any) -> int:
    """Return the number of a protocol of the Internet, by its name or its number.

    Raises:
        ValidationError: It is none.
    """
    text = str(value).strip().lower()
    numbers = {name: number for number, name in IP_PROTOCOLS.items()}
    if text in numbers:
        return numbers[text]
    if text.isascii() and text.isdigit() and 0 < int(text) < 1 << 8:
        return int(text)
    raise ValidationError(f"{value!r} is not a protocol; give one of {', '.join(numbers)}, or a number from 1 to 255")


def port_or_range(value: Any) -> tuple[int, int]:
    """Return the first and the last of several ports in a row; of one, twice the same.

    Raises:
        ValidationError: It is none.
    """
    return transports.port_range(validation.ports(value))


def neighbour_address(value: Any) -> Address:
    """Check an address that one neighbour can have.

    Raises:
        ValidationError: It is none.
    """
    address = validation.ip_address(value)
    if address.is_multicast or address.is_unspecified or address.is_loopback:
        raise ValidationError(f"{address} is not the address of a neighbour; give a unicast address")
    return address


# Routes


def find_route_errors(version: int, options: Mapping[str, Any]) -> Iterator[Error]:
    """Yield which options of a route do not go together, each with the cure. Each single value is valid."""
    kind = options.get("type") or "unicast"
    if kind != "unicast":
        for option in ("gateway", "device", "onlink", "nexthops", "source", "mtu"):
            if options.get(option):
                yield option, f"a {kind} route sends packets nowhere; leave it out, or the `type`"
    else:
        yield from _find_next_hop_errors(version, options)
        mtu = options.get("mtu")
        if mtu is not None and mtu < MTU_MIN[version]:
            yield "mtu", f"the MTU of an IPv{version} route is a number from {MTU_MIN[version]} to {MTU_MAX}"
    yield from _find_version_error(version, "source", options.get("source"))
    if options.get("vrf") is not None and options.get("table") is not None:
        yield "table", f"the table is that of the VRF {options['vrf']}; leave one of them out"


def _find_version_error(version: int, option: str, address: Any) -> Iterator[Error]:
    if address is not None and ip_address(str(address)).version != version:
        other = 10 - version
        yield option, f"{address} is of another IP version (IPv{other}) than the route (IPv{version}); give both of one"


def _find_next_hop_errors(version: int, options: Mapping[str, Any]) -> Iterator[Error]:
    hops: Sequence[tuple[str, Mapping[str, Any]]] = [("", options)]
    if options.get("nexthops") is not None:
        hops = [(f"nexthops[{number}].", hop) for number, hop in enumerate(options["nexthops"])]
        yield from _find_errors_of_several(version, options, hops)
    elif options.get("gateway") is None and options.get("device") is None:
        yield "gateway", "is missing, and so is `device`; a route needs one of them or both, or several `nexthops`"
    for path, hop in hops:
        gateway, device = hop.get("gateway"), hop.get("device")
        yield from _find_version_error(version, f"{path}gateway", gateway)
        if version == 6 and gateway is not None and ip_address(str(gateway)).is_link_local and device is None:
            yield f"{path}device", f"is missing; the gateway {gateway} is link-local, and unique per link only"
        if hop.get("onlink") and (gateway is None or device is None):
            yield (
                f"{path}onlink",
                "it names the link of a gateway that is in none of its subnets; give the `gateway` and the `device`",
            )


def _find_errors_of_several(
    version: int, options: Mapping[str, Any], hops: Iterable[tuple[str, Mapping[str, Any]]]
) -> Iterator[Error]:
    for option in ("gateway", "device", "onlink"):
        if options.get(option) is not None:
            yield option, "the next hops are in `nexthops`; set it in each of them"
    if len(options["nexthops"]) < 2:
        yield "nexthops", "they are for a route with several next hops; write a single one as `gateway` and `device`"
    seen: dict[tuple[str, str], str] = {}
    for path, hop in hops:
        if hop.get("gateway") is None and (version == 6 or hop.get("device") is None):
            cause = "in IPv6 each of several next hops has one" if version == 6 else "and so is the device"
            yield f"{path}gateway", f"is missing, {cause}; give the address of the next router"
        first = seen.setdefault((str(hop.get("gateway")), str(hop.get("device"))), path)
        if first != path:
            same = first.rstrip(".")
            yield f"{path}gateway", f"is the same next hop as {same}; leave one of them out, and raise its `weight`"


# Rules


def rule_version(options: Mapping[str, Any]) -> int:
    """Return the IP version of a rule: the one that is given, or that of its networks, or IPv4."""
    networks = [options[name] for name in ("from", "to") if options.get(name) is not None]
    return int(options.get("version") or (networks[0].version if networks else 4))


def find_rule_errors(version: int, options: Mapping[str, Any]) -> Iterator[Error]:
    """Yield which options of a rule do not go together, each with the cure. Each single value is valid."""
    for option in ("from", "to"):
        network = options.get(option)
        if network is not None and network.version != version:
            yield option, f"{network} is not an IPv{version} network, as the rest of the rule is; give two rules"
    action = options.get("action") or "lookup"
    if action == "lookup":
        yield from _find_lookup_errors(version, options)
        return
    for option in ("table", "l3mdev", "suppress_prefixlength"):
        if options.get(option) not in (None, False):
            yield option, f"it is for the action lookup, and this rule has {action}; leave one of them out"


def _find_lookup_errors(version: int, options: Mapping[str, Any]) -> Iterator[Error]:
    if options.get("l3mdev") and options.get("table") is not None:
        yield "table", "with `l3mdev` the table is that of the packet's VRF; leave one of them out"
    elif not options.get("l3mdev") and options.get("table") is None:
        yield "table", "is missing; give the number of the table, `l3mdev: true`, or another `action`"
    longest, limit = (32 if version == 4 else 128), options.get("suppress_prefixlength")
    if limit is not None and not 0 <= limit <= longest:
        yield "suppress_prefixlength", f"{limit} is not the length of an IPv{version} prefix; give 0 to {longest}"
