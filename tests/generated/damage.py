# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kinds of damage to a topology, by name, done with the tools that a user would use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.netns.fabric.tests.generated.deletions import peers_in, wait_until_deleted
from ansible_collections.netns.fabric.tests.helpers import openvswitch, own_host
from ansible_collections.netns.fabric.tests.helpers.host import Host


@dataclass(frozen=True)
class Place:
    """One bridged interface of a topology, which damage is done to, and its surroundings."""

    namespace: str
    interface: Mapping[str, Any]
    other_bridge: str | None
    declares_routes: bool
    nat: bool

    @property
    def end(self) -> str:
        """Return the end in the namespace."""
        return str(self.interface["name"])

    @property
    def peer(self) -> str:
        """Return the end on the host, which is the port."""
        return str(self.interface["peer"])

    @property
    def bridge(self) -> str:
        """Return the bridge that it is a port of."""
        return str(self.interface["bridge"])

    @property
    def address(self) -> str:
        """Return its IPv4 address with the prefix length."""
        return str(self.interface["addresses"][0])

    @property
    def gateway(self) -> str:
        """Return the bridge's own address."""
        return self.address.rsplit(".", 1)[0] + ".254"


def places(variables: Mapping[str, Any]) -> list[Place]:
    """Return every place in a topology that damage can be done to."""
    bridges = [bridge["name"] for bridge in variables["bridges"]]
    return [
        Place(
            namespace=namespace["name"],
            interface=interface,
            other_bridge=next((name for name in bridges if name != interface["bridge"]), None),
            declares_routes="routes" in namespace,
            nat=bool(variables["nat"]),
        )
        for namespace in variables["namespaces"]
        for interface in namespace["interfaces"]
    ]


def _ip(host: Host, *arguments: str, namespace: str | None = None) -> None:
    """Run ip(8), which may fail: earlier damage may have deleted the object."""
    host.run("ip", *(["-n", namespace] if namespace else []), *arguments, check=False)


def _is_owned(host: Host, namespace: str) -> bool:
    shown = host.run("ip", "-n", namespace, "link", "show", "dev", "lo", check=False)
    return "netns.fabric:" in shown.stdout


def _delete_veth(host: Host, at: Place) -> None:
    _ip(host, "link", "del", at.peer)


def _recreate_veth(host: Host, at: Place) -> None:
    """Leave the port's row in place, though no packet passes any more: no listing shows the damage."""
    if not _is_owned(host, at.namespace):
        return  # a namespace that somebody re-created, with a link in it, is theirs, and not healed
    _delete_veth(host, at)
    _ip(host, "link", "add", at.end, "netns", at.namespace, "type", "veth", "peer", "name", at.peer)
    _ip(host, "link", "set", "dev", at.end, "up", namespace=at.namespace)
    _ip(host, "link", "set", "dev", at.peer, "up")


def _delete_namespace(host: Host, at: Place) -> None:
    delete_namespace(host, at.namespace)


def delete_namespace(host: Host, name: str) -> None:
    """Delete the namespace, and wait until the kernel has deleted what is inside, which it does in the background."""
    inside = peers_in(host, name)
    host.run("ip", "netns", "del", name, check=False)
    wait_until_deleted(host, inside)


def _recreate_namespace(host: Host, at: Place) -> None:
    _delete_namespace(host, at)
    host.run("ip", "netns", "add", at.namespace, check=False)


def _file_for_namespace(host: Host, at: Place) -> None:
    _delete_namespace(host, at)
    (Path("/run/netns") / at.namespace).touch()


def _end_down(host: Host, at: Place) -> None:
    _ip(host, "link", "set", "dev", at.end, "down", namespace=at.namespace)


def _peer_down(host: Host, at: Place) -> None:
    _ip(host, "link", "set", "dev", at.peer, "down")


def _rename_end(host: Host, at: Place) -> None:
    _end_down(host, at)
    _ip(host, "link", "set", "dev", at.end, "name", "renamed0", namespace=at.namespace)


def _rename_peer(host: Host, at: Place) -> None:
    _peer_down(host, at)
    _ip(host, "link", "set", "dev", at.peer, "name", "renamed1")


def _move_end_to_host(host: Host, at: Place) -> None:
    _ip(host, "link", "set", "dev", at.end, "netns", "1", namespace=at.namespace)


def _remove_address(host: Host, at: Place) -> None:
    _ip(host, "addr", "del", at.address, "dev", at.end, namespace=at.namespace)


def _other_prefix(host: Host, at: Place) -> None:
    _ip(host, "addr", "add", at.address.replace("/24", "/16"), "dev", at.end, namespace=at.namespace)


def _further_address(host: Host, at: Place) -> None:
    _ip(host, "addr", "add", "10.79.0.1/32", "dev", at.end, namespace=at.namespace)


def _swap_primary(host: Host, at: Place) -> None:
    """Make the declared address a secondary of a foreign one, with which the kernel would delete it."""
    _remove_address(host, at)
    _ip(host, "addr", "add", at.address.rsplit(".", 1)[0] + ".99/24", "dev", at.end, namespace=at.namespace)
    _ip(host, "addr", "add", at.address, "dev", at.end, namespace=at.namespace)


def _other_mtu(host: Host, at: Place) -> None:
    if "mtu" in at.interface:
        _ip(host, "link", "set", "dev", at.end, "mtu", "1300", namespace=at.namespace)


def _other_mac(host: Host, at: Place) -> None:
    if "mac" in at.interface:
        _ip(host, "link", "set", "dev", at.end, "address", "02:00:00:00:99:99", namespace=at.namespace)


def _checksum_on(host: Host, at: Place) -> None:
    host.run("ip", "netns", "exec", at.namespace, "ethtool", "-K", at.end, "tx", "on", check=False)


def _delete_port(host: Host, at: Place) -> None:
    host.ovs_vsctl("--if-exists", "del-port", at.peer)


def _port_on_other_bridge(host: Host, at: Place) -> None:
    if at.other_bridge is not None and at.peer in host.links():
        _delete_port(host, at)
        host.run("ovs-vsctl", "--timeout=10", "add-port", at.other_bridge, at.peer, check=False)


def _other_tag(host: Host, at: Place) -> None:
    host.run("ovs-vsctl", "--timeout=10", "set", "Port", at.peer, "tag=99", check=False)


def _trunk(host: Host, at: Place) -> None:
    columns = ("vlan_mode=trunk", "trunks=[99]")
    host.run("ovs-vsctl", "--timeout=10", "set", "Port", at.peer, *columns, check=False)


def _protect(host: Host, at: Place) -> None:
    host.run("ovs-vsctl", "--timeout=10", "set", "Port", at.peer, "protected=true", check=False)


def _secure(host: Host, at: Place) -> None:
    """Have the bridge forward by OpenFlow rules alone, of which there are none."""
    host.run("ovs-vsctl", "--timeout=10", "set", "Bridge", at.bridge, "fail_mode=secure", check=False)


def _delete_bridge(host: Host, at: Place) -> None:
    host.ovs_vsctl("--if-exists", "del-br", at.bridge)


def _other_datapath(host: Host, at: Place) -> None:
    """Set the kernel's datapath, for which the kernel may have no module."""
    host.run("ovs-vsctl", "--timeout=10", "set", "Bridge", at.bridge, "datapath_type=system", check=False)


def _bridge_down(host: Host, at: Place) -> None:
    _ip(host, "link", "set", "dev", at.bridge, "down")


def _remove_gateway(host: Host, at: Place) -> None:
    _ip(host, "addr", "del", f"{at.gateway}/24", "dev", at.bridge)


def _remove_route(host: Host, at: Place) -> None:
    _ip(host, "route", "del", "default", namespace=at.namespace)


def _second_default(host: Host, at: Place) -> None:
    if at.declares_routes:  # what else a namespace has without `routes` stays, see test_foreign_routes.py
        _ip(host, "route", "add", "default", "via", at.gateway, "metric", "5", namespace=at.namespace)


def _flush_nat(host: Host, at: Place) -> None:  # every kind of damage has the same parameters
    """Delete the rules of this topology, not those of others."""
    host.run("nft", "delete", "table", "ip", "netns_fabric", check=False)


def _forwarding_off(host: Host, at: Place) -> None:
    if at.nat:
        host.run("sysctl", "-q", "-w", "net.ipv4.ip_forward=0")


def _restart_vswitchd(host: Host, at: Place) -> None:  # as above
    host.run("/usr/share/openvswitch/scripts/ovs-ctl", "restart", "--system-id=random")


def _leave_device(host: Host, at: Place) -> None:
    """Kill ovs-vswitchd, which leaves the device of the bridge, and delete the bridge meanwhile."""
    openvswitch.kill("ovs-vswitchd")
    host.ovs_vsctl("--no-wait", "--", "--if-exists", "del-br", at.bridge)
    own_host.start_ovs()


DAMAGES: Mapping[str, Callable[[Host, Place], None]] = {
    "veth deleted": _delete_veth,
    "veth recreated by hand": _recreate_veth,
    "namespace deleted": _delete_namespace,
    "namespace recreated empty": _recreate_namespace,
    "namespace replaced by a plain file": _file_for_namespace,
    "end set down": _end_down,
    "port set down": _peer_down,
    "end renamed": _rename_end,
    "port's device renamed": _rename_peer,
    "end moved to the host": _move_end_to_host,
    "address removed": _remove_address,
    "same address with another prefix length": _other_prefix,
    "further address": _further_address,
    "address made a secondary": _swap_primary,
    "MTU changed": _other_mtu,
    "MAC changed": _other_mac,
    "checksum offload back on": _checksum_on,
    "port deleted": _delete_port,
    "port on another bridge": _port_on_other_bridge,
    "tag changed": _other_tag,
    "port made a trunk": _trunk,
    "port protected": _protect,
    "bridge without rules to forward by": _secure,
    "bridge deleted": _delete_bridge,
    "bridge on another datapath": _other_datapath,
    "bridge set down": _bridge_down,
    "gateway address removed": _remove_gateway,
    "route removed": _remove_route,
    "second default route": _second_default,
    "rules flushed": _flush_nat,
    "forwarding off": _forwarding_off,
    "vswitchd restarted": _restart_vswitchd,
    "vswitchd killed, and the bridge deleted": _leave_device,
}


def add_foreign(host: Host) -> None:
    """Create objects of another owner, with names that look like ours."""
    for command in (
        "ip netns add ns1-test",
        "ip netns add red",
        "ip -n red link add eth1 type veth peer name eth1x",
        "ip link add tap1-x type veth peer name tap1-y",
        "ip link add eth9 type veth peer name eth9x",
        "ip addr add 203.0.113.1/24 dev eth9",
        "ovs-vsctl --timeout=10 add-br br9 -- set Bridge br9 datapath_type=netdev external_ids:somebody=else",
        "ovs-vsctl --timeout=10 add-port br9 tap1-x",
        "nft add table ip somebody",
        "nft add chain ip somebody post { type nat hook postrouting priority srcnat ; }",
        "nft add rule ip somebody post ip saddr 10.99.0.0/24 masquerade",
    ):
        host.run(*command.split(" "))
