# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of each entry of the role's variables, and the check that each value has to pass. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Union

from ansible_collections.netns.fabric.plugins.module_utils._core import (
    nat_values,
    policies,
    routing,
    sysctl_names,
    traffic_units,
    validation,
)
from ansible_collections.netns.fabric.plugins.module_utils._core.expectations import EXPECTATIONS
from ansible_collections.netns.fabric.plugins.module_utils._core.transports import PROBED, TRANSPORTS
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import (
    Address,
    Network,
    ValidationError,
    describe,
)
from ansible_collections.netns.fabric.plugins.module_utils._core.vlans import vlan_range
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.model import Target

#: The highest metric and table: RTA_PRIORITY and RTA_TABLE of linux/rtnetlink.h are 32 bits wide.
METRIC_MAX = TABLE_MAX = 2**32 - 1

#: The suffixes of the files that a topology can be drawn into.
DIAGRAM_SUFFIXES = (".mmd", ".md", ".dot", ".svg")


@dataclass(frozen=True)
class Each:
    """A list whose elements have to pass ``check``."""

    check: Callable[[Any], Any]


Check = Union[Callable[[Any], Any], Each]


def check_boolean(value: Any) -> bool:
    """Return a boolean, given as one or as one of YAML's words for it."""
    words = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in words:
        return words[value.lower()]
    raise ValidationError(f"must be true or false, not {describe(value)}")


def one_of(*choices: str) -> Callable[[Any], str]:
    """Return a check that accepts only these words."""

    def check(value: Any) -> str:
        if isinstance(value, str) and value in choices:
            return value
        raise ValidationError(f"{value!r} is not one of {', '.join(choices)}; use one of these")

    return check


def check_target(value: Any) -> Target:
    """Return an address outside, with its port if it has one; without its place in the variables."""
    if not isinstance(value, str):
        raise ValidationError(f"must be ADDRESS or ADDRESS:PORT, not {describe(value)}")
    text = value.strip()
    head, colon, tail = text.rpartition(":")
    if colon and tail.isdigit() and (head.startswith("[") or text.count(":") == 1):
        return Target("", validation.ip_address(head.strip("[]")), validation.port(tail))
    return Target("", validation.ip_address(text.strip("[]")))


def check_diagram(value: Any) -> str:
    """Return the path of a diagram; the suffix selects its format."""
    if not isinstance(value, str):
        raise ValidationError(f"must be the path of a file, not {describe(value)}")
    if value and not value.endswith(DIAGRAM_SUFFIXES):
        suffixes = ", ".join(DIAGRAM_SUFFIXES)
        raise ValidationError(f"{value!r} has none of the suffixes {suffixes}, which select the format; add one")
    return value


def check_text(value: Any) -> str:
    if isinstance(value, str) and value:
        return value
    raise ValidationError(f"must be a non-empty string, not {describe(value)}")


def check_physical_network(value: Any) -> str:
    """Return the name of a physical network, which stands in a list NETWORK:BRIDGE,NETWORK:BRIDGE of the host."""
    name = check_text(value)
    if not name.isprintable() or set(name) & set(":, "):
        raise ValidationError(f"{value!r} cannot be the name of a physical network; use no colon, comma or space")
    return name


def check_map(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValidationError(f"must be a dictionary (key: value), not {describe(value)}")
    for key, item in value.items():
        if isinstance(item, (dict, list)):
            raise ValidationError(
                f"the value of {key!r} must be a string, a number, a boolean or null, not {describe(item)}"
            )
    return value


def _check_options(value: Any) -> dict[str, Any]:
    """Check options that the module checks one by one."""
    if not isinstance(value, dict):
        raise ValidationError(f"must be a dictionary (option: value), not {describe(value)}")
    return value


def _check_sysctls(value: Any, check_key: Callable[[str], str]) -> dict[str, Any]:
    for key, item in check_map(value).items():
        try:
            check_key(str(key))
            sysctl_names.parse_value(item)
        except ValueError as error:
            raise ValidationError(f"{key}: {error}") from None
    return dict(value)


def _check_link_sysctls(value: Any) -> dict[str, Any]:
    return _check_sysctls(value, sysctl_names.check_short)


def _check_namespace_sysctls(value: Any) -> dict[str, Any]:
    return _check_sysctls(value, sysctl_names.check_key)


def check_master(value: Any) -> str:
    """Return the name of a link that another one is a member of; empty for none."""
    return "" if value == "" else validation.interface_name(value)


def _check_external_ids(value: Any) -> dict[str, Any]:
    found = check_map(value)
    if found.get("iface-id") is not None:
        raise ValidationError("nobody reads `iface-id` in the table Port; use the option `iface_id`")
    return found


def whole_number(lowest: int, highest: int) -> Callable[[Any], int]:
    def check(value: Any) -> int:
        number = int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value
        if isinstance(number, bool) or not isinstance(number, int) or not lowest <= number <= highest:
            raise ValidationError(f"must be a whole number from {lowest} to {highest}, not {describe(value)}")
        return number

    return check


def _whole_number_of(*choices: int) -> Callable[[Any], int]:
    def check(value: Any) -> int:
        if isinstance(value, bool) or str(value) not in map(str, choices):
            raise ValidationError(f"must be {' or '.join(map(str, choices))}, not {describe(value)}")
        return int(value)

    return check


def _check_destination(value: Any) -> Network | None:
    if value == "default":
        return None
    return validation.network(value)


def _check_address_or_namespace(value: Any) -> Address | str:
    try:
        return validation.ip_address(value)
    except ValidationError:
        return validation.namespace_name(value)


# --- the options of each entry -------------------------------------------------------------------------------------

#: The keys of the filter's input: the role's variables without ``topology_``.
VARIABLES = (
    "name",
    "state",
    "prune",
    "verify",
    "verify_outside",
    "verify_probes",
    "diagram",
    "bridges",
    "namespaces",
    "host",
    "links",
    "nat",
    "nat_backend",
    "policies",
    "names",
    "boot",
    "heal",
    "confirm",
    "hosts",
    "this_host",
    "ovn_bridge",
    "ovn_underlay_mtu",
    "ovn_chassis",
)
_END: dict[str, Check] = {
    "name": validation.interface_name,
    "addresses": Each(validation.interface_address),
    "mac": validation.mac_address,
    "mtu": validation.mtu,
    "enabled": check_boolean,
    "tx_checksum": check_boolean,
    "sysctls": _check_link_sysctls,
    "master": check_master,
}
#: Options of the module ovs_port.
PORT: dict[str, Check] = {
    "tag": validation.vlan,
    "trunks": Each(vlan_range),
    "vlan_mode": one_of(*validation.VLAN_MODES),
    "iface_id": check_text,
    "external_ids": _check_external_ids,
    "other_config": check_map,
    "protected": check_boolean,
}
INTERFACE: dict[str, Check] = {
    **_END,
    **PORT,
    "bridge": validation.interface_name,
    "peer": validation.interface_name,
    "nic": validation.existing_interface_name,
    "dhcp": check_boolean,
}
#: An interface without `bridge`, which exists already and may be given by an alternative name.
EXISTING_INTERFACE: dict[str, Check] = {**INTERFACE, "name": validation.existing_interface_name}
#: The options of a shape: those of the kind netem of the module qdisc, and the direction.
SHAPE: dict[str, Check] = {
    "delay": traffic_units.time_text,
    "jitter": traffic_units.jitter_text,
    "correlation": traffic_units.share_text,
    "distribution": one_of(*traffic_units.DISTRIBUTIONS),
    "loss": traffic_units.share_text,
    "duplicate": traffic_units.share_text,
    "reorder": traffic_units.share_text,
    "corrupt": traffic_units.share_text,
    "rate": traffic_units.rate_text,
    "limit": whole_number(1, traffic_units.LARGEST),
    "direction": one_of("both", "out", "in"),
}
LINK_END: dict[str, Check] = {**_END, "namespace": validation.namespace_name, "isolate": check_boolean}
#: Options of the module ovs_bridge, without the name.
SWITCH: dict[str, Check] = {
    "datapath_type": one_of("auto", "system", "netdev"),
    "fail_mode": one_of("standalone", "secure"),
    "mac": validation.mac_address,
    "mtu": validation.mtu,
    "external_ids": check_map,
    "other_config": check_map,
    "protocols": Each(check_text),
    "stp": check_boolean,
    "rstp": check_boolean,
    "mcast_snooping": check_boolean,
    "controllers": Each(check_map),
    "netflow": _check_options,
    "sflow": _check_options,
    "ipfix": _check_options,
}
#: What a bridge does with packets besides forwarding them; the entries of lists without a check are read on their own.
SWITCHING: dict[str, Check | None] = {"flows": Each(check_text), "mirrors": None}
#: What becomes of connections that no policy is about, by direction.
DEFAULTS: dict[str, Check] = {"incoming": one_of(*policies.DEFAULTS), "outgoing": one_of(*policies.DEFAULTS)}
BRIDGE: dict[str, Check] = {
    "name": validation.interface_name,
    "engine": one_of("ovs", "ovn"),
    **SWITCH,
    "addresses": Each(validation.interface_address),
    "enabled": check_boolean,
    "isolate": check_boolean,
    **DEFAULTS,
    "sysctls": _check_link_sysctls,
}
#: What a logical switch serves.
DHCP: dict[str, Check] = {
    "dns_servers": Each(validation.ip_address),
    "lease_time": whole_number(1, 2**32 - 1),  # RFC 2132, 9.2
    "address_mode": one_of("dhcpv6_stateful", "slaac"),
}
#: The tunnels of a bridge.
MESH: dict[str, Check] = {
    "type": one_of("vxlan", "geneve"),
    "key": whole_number(1, 2**24 - 1),
    "gateway": check_text,
    "underlay_mtu": validation.mtu,
}
NEXT_HOP: dict[str, Check] = {
    "gateway": validation.ip_address,
    "device": validation.existing_interface_name,
    "weight": routing.weight,
    "onlink": check_boolean,
}
ROUTE: dict[str, Check] = {
    "destination": _check_destination,
    "type": one_of(*routing.ROUTE_TYPES),
    "gateway": validation.ip_address,
    "device": validation.existing_interface_name,
    "source": validation.ip_address,
    "metric": whole_number(0, METRIC_MAX),
    "table": whole_number(1, TABLE_MAX),
    "vrf": validation.existing_interface_name,
    "onlink": check_boolean,
    "mtu": routing.path_mtu,
    "protocol": routing.route_protocol,
}
RULE: dict[str, Check] = {
    "priority": routing.priority,
    "version": _whole_number_of(4, 6),
    "from": validation.network,
    "to": validation.network,
    "iif": validation.interface_name,
    "oif": validation.interface_name,
    "fwmark": routing.mark,
    "ipproto": routing.ip_protocol,
    "sport": routing.port_or_range,
    "dport": routing.port_or_range,
    "action": one_of(*routing.ACTIONS),
    "table": whole_number(1, TABLE_MAX),
    "l3mdev": check_boolean,
    "suppress_prefixlength": whole_number(0, 128),
}
NEIGHBOUR: dict[str, Check] = {
    "address": routing.neighbour_address,
    "device": validation.existing_interface_name,
    "mac": validation.hardware_address,
    "proxy": check_boolean,
}
#: Options of the module netns, without the name.
NETNS: dict[str, Check] = {
    "nameservers": Each(validation.ip_address),
    "search": Each(check_text),
    "sysctls": _check_namespace_sysctls,
    "force": check_boolean,
}
#: Options of the host itself, besides its links, routes, rules and neighbours.
HOST: dict[str, Check] = {"sysctls": _check_namespace_sysctls}
#: Where a namespace is, and what it belongs to.
PLACE: dict[str, Check] = {"host": check_text, "labels": Each(check_text)}
SELECTOR: dict[str, Check] = {
    "namespaces": Each(validation.namespace_name),
    "groups": Each(check_text),
    "bridges": Each(validation.interface_name),
    "networks": Each(validation.network),
    "outside": check_boolean,
    "host": check_boolean,
}
POLICY: dict[str, Check] = {
    "name": check_text,
    "protocol": one_of(*policies.PROTOCOLS),
    "ports": Each(validation.ports),
    "icmp_types": Each(one_of(*policies.ICMP_TYPES)),
    "action": one_of(*policies.ACTIONS),
    "priority": whole_number(0, policies.PRIORITY_MAX),
    "log": check_boolean,
}
#: Options that both NAT modules have.
ROUTER: dict[str, Check] = {
    "namespace": validation.namespace_name,
    "ip_forward": check_boolean,
    "accept_forward": one_of("auto", "never"),
}
PROBE: dict[str, Check] = {
    "namespace": validation.namespace_name,
    "to": validation.probe_destination,
    "protocol": one_of("icmp", *PROBED),
    "port": validation.port,
    "expect": one_of(*EXPECTATIONS),
    "timeout": validation.probe_timeout,
    "full_size": check_boolean,
}
NAT: dict[str, Check] = {
    "source": nat_values.source_network,
    "out_interface": validation.rule_safe_interface,
    "excluded_destinations": Each(nat_values.excluded_network),
    "to_source": nat_values.source_pool,
    "clamp_mss": check_boolean,
    "gateways": Each(check_text),
    "physical_network": check_physical_network,
    "address": validation.interface_address,
    "next_hop": validation.ip_address,
    **ROUTER,
}
FORWARD: dict[str, Check] = {
    "publish": validation.ports,
    "protocol": one_of(*TRANSPORTS),
    "to": _check_address_or_namespace,
    "to_port": validation.port,
    "from": Each(nat_values.client_network),
    "address": validation.ip_address,
    "in_interface": validation.rule_safe_interface,
    "take_over": check_boolean,
    "loopback": check_boolean,
    **ROUTER,
}
