# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The checks of a wanted port that do not depend on the kernel. Pure."""

from __future__ import annotations

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.options import link_name
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Bridge, Port
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_port_model import WITHOUT_DEVICE, WantedPort


def check_port(wanted: WantedPort, bridge: Bridge, port: Port) -> None:
    """Check that an existing port is one that the entry can change.

    Raises:
        InvalidEntry: It is a bond, or a bridge's own port that is to be moved or to have another type.
    """
    if len(port.interfaces) > 1:
        members = ", ".join(interface.name for interface in port.interfaces)
        raise InvalidEntry(
            wanted.entry,
            "name",
            f"{port.name} is a bond of {members}, and this module manages ports of one interface; choose another name, "
            f"or remove the bond (`ovs-vsctl del-port {port.name}`)",
        )
    if port.name == bridge.name and wanted.bridge not in (None, bridge.name):
        raise InvalidEntry(
            wanted.entry,
            "bridge",
            f"{port.name} is a bridge and cannot be a port of {wanted.bridge}; connect the two with a pair of patch "
            "ports (`type: patch`)",
        )
    if port.name == bridge.name and wanted.type not in (None, "internal"):
        raise InvalidEntry(
            wanted.entry, "type", f"{port.name} is a bridge's own port, which is always internal; remove the option"
        )


def check_link_name(wanted: WantedPort) -> None:
    """Check the name of a port that is a link.

    Raises:
        InvalidEntry: A link cannot have it.
    """
    try:
        link_name(wanted.name)
    except ValueError as error:
        raise InvalidEntry(wanted.entry, "name", str(error)) from None


def check_type(wanted: WantedPort, kind: str, known: frozenset[str]) -> None:
    """Check the type, which must be one of the `known` if there are any, and that the options have an effect on it.

    Raises:
        InvalidEntry: They have none, or the type is unknown.
    """
    if known and kind not in known:
        raise InvalidEntry(
            wanted.entry,
            "type",
            f"ovs-vswitchd does not support the type {kind}; use one of {', '.join(sorted(known))}",
        )
    if wanted.mac and kind != "internal":
        raise InvalidEntry(
            wanted.entry,
            "mac",
            f"Open vSwitch sets the MAC address of internal ports only, and this port is {kind}; set it on the "
            "link, e.g. with `mac` of netns.fabric.veth or netns.fabric.link",
        )
    if wanted.mtu and kind in WITHOUT_DEVICE:
        raise InvalidEntry(wanted.entry, "mtu", f"a port of type {kind} has no MTU of its own; remove the option")


def check_vlans(wanted: WantedPort, port: Port) -> None:
    """Check that the VLANs of an entry have an effect on an existing port, which keeps what the entry omits.

    Raises:
        InvalidEntry: They have none (ovs-vswitchd.conf.db(5), "VLAN Configuration").
    """
    if wanted.vlan_mode is not None:
        return
    if wanted.tag is not None and port.vlan_mode == "trunk":
        raise InvalidEntry(
            wanted.entry,
            "tag",
            f"it has no effect, because the port {port.name} has `vlan_mode: trunk`; give `vlan_mode` as well: "
            "`access` for this VLAN alone, `native-untagged` or `native-tagged` for others, too",
        )
    is_access = port.vlan_mode in ("access", "dot1q-tunnel") or (port.vlan_mode is None and port.tag is not None)
    if wanted.trunks and is_access:
        mode = f"`vlan_mode: {port.vlan_mode}`" if port.vlan_mode else f"`tag: {port.tag}` and no `vlan_mode`"
        raise InvalidEntry(
            wanted.entry,
            "trunks",
            f"it has no effect, because the port {port.name} has {mode}; give `vlan_mode` as well: `trunk`, "
            "`native-untagged` or `native-tagged`",
        )
