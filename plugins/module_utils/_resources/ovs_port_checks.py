# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The checks of a wanted port. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import Link
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.options import link_name
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.port_settings import BOND_SETTINGS, PORT_SETTINGS
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Bridge, Port
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.tunnel_settings import KEY_MAX, ONLY_FOR
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_port_model import (
    TUNNELS,
    WITHOUT_DEVICE,
    PatchPeer,
    WantedPort,
)

#: One interface alone is a port, and ovs-vsctl creates no bond of it.
FEWEST_MEMBERS = 2
#: The tunnels that ovs-vswitchd refuses without `remote_ip` (set_tunnel_config() in lib/netdev-vport.c).
_WITH_REMOTE = frozenset({"vxlan", "geneve", "gre", "ip6gre", "erspan", "ip6erspan", "lisp", "stt"})
_NEEDS_LACP = "`balance-tcp` requires LACP, which is off; set `lacp: active`, or use `bond_mode: balance-slb`"


def check_options(checks: Checks, wanted: WantedPort) -> None:
    """Check an entry for options that contradict each other, or that ovs-vswitchd ignores."""
    _check_vlans(checks, wanted)
    for option in ("external_ids", "interface_external_ids"):
        if (getattr(wanted, option) or {}).get("iface-id") is not None:
            checks.error(
                option,
                "use the option `iface_id` for `iface-id`, which is read in the table Interface and nowhere else",
            )
    if "lacp_time" in wanted.port_settings and "lacp-time" in (wanted.other_config or {}):
        checks.error("lacp_time", "it is the same as `lacp-time` of `other_config`; give only one of them")
    if wanted.members is not None:
        _check_bond(checks, wanted, wanted.members)
    if wanted.patch is not None:
        _check_patch(checks, wanted, wanted.patch)
    twice = sorted(wanted.tunnel_settings.keys() & (wanted.options or {}).keys())
    for option in twice:
        checks.error(f"tunnel.{option}", f"it is the same as `{option}` of `options`; give only one of them")
    if wanted.type is not None and wanted.type not in TUNNELS and wanted.tunnel_settings:
        checks.error("tunnel", f"a port of type {wanted.type} is not a tunnel; remove the option, or change `type`")
    elif wanted.type is not None:
        for option, message in _find_unfit_tunnel_options(wanted, wanted.type):
            checks.error(option, message)


def _check_vlans(checks: Checks, wanted: WantedPort) -> None:
    """Check for VLANs that ovs-vswitchd ignores (ovs-vswitchd.conf.db(5), "VLAN Configuration")."""
    mode = wanted.vlan_mode
    if wanted.tag is not None and mode == "trunk":
        checks.error(
            "tag",
            "it is not allowed with `vlan_mode: trunk`; remove it, or use `vlan_mode: native-untagged` or "
            "`native-tagged`",
        )
    if wanted.trunks and mode in ("access", "dot1q-tunnel"):
        checks.error("trunks", f"a port with `vlan_mode: {mode}` carries one VLAN only; remove `trunks`")
    if wanted.trunks and wanted.tag is not None and mode is None:
        checks.error(
            "trunks",
            "it has no effect with `tag` alone, which makes the port an access port; set `vlan_mode`, for instance "
            "`native-untagged`",
        )
    if wanted.port_settings.get("cvlans") and mode not in (None, "dot1q-tunnel"):
        checks.error("cvlans", f"it has no effect with `vlan_mode: {mode}`; use `vlan_mode: dot1q-tunnel`")


def _check_bond(checks: Checks, wanted: WantedPort, members: Collection[str]) -> None:
    if len(members) < FEWEST_MEMBERS:
        checks.error("members", "a bond has at least two members; add another one, or declare a port without `members`")
    if wanted.name in members:
        checks.error("name", f"the bond {wanted.name} cannot have the name of a member; choose another name")
    if wanted.port_settings.get("bond_mode") == "balance-tcp" and wanted.port_settings.get("lacp") == "off":
        checks.error("bond_mode", _NEEDS_LACP)
    for option in _of_one_interface(wanted):
        checks.error(option, "a bond has several interfaces, and none of them has this; remove the option")


def _check_patch(checks: Checks, wanted: WantedPort, patch: PatchPeer) -> None:
    if wanted.type not in (None, "patch"):
        checks.error("type", "with `peer.bridge` the port is a patch port; remove the option")
    if "peer" in (wanted.options or {}):
        checks.error("options", "`peer` is the same as `peer.name`; give only one of them")
    if patch.name == wanted.name:
        checks.error("peer.name", "the two halves of a pair need different names; choose another one")
    if patch.bridge == wanted.bridge:
        checks.error("peer.bridge", "a pair of patch ports connects two bridges; give another bridge")


def _find_unfit_tunnel_options(wanted: WantedPort, kind: str) -> Iterator[tuple[str, str]]:
    """Yield the options of a tunnel that its type does not have, each with the message."""
    for option, kinds in ONLY_FOR.items():
        if option in wanted.tunnel_settings and kind not in kinds:
            yield f"tunnel.{option}", f"a port of type {kind} does not have it; remove the option"
    key, highest = str(wanted.tunnel_settings.get("key", "")), KEY_MAX.get(kind)
    if highest is not None and key.isdecimal() and int(key) > highest:
        yield "tunnel.key", f"{key} is too large for {kind}; give a whole number from 0 to {highest}"


def check_tunnel(wanted: WantedPort, kind: str, is_new: bool) -> None:
    """Check the options of a tunnel against the type that a port has, or is going to have.

    Raises:
        InvalidEntry: It does not have one of them, or is a new tunnel without its other end.
    """
    if wanted.tunnel_settings and kind not in TUNNELS:
        raise InvalidEntry(
            wanted.entry,
            "tunnel",
            f"the port {wanted.name} of type {kind} is not a tunnel; remove the option",
        )
    for option, message in _find_unfit_tunnel_options(wanted, kind):
        raise InvalidEntry(wanted.entry, option, message)
    remote = wanted.tunnel_settings.get("remote_ip") or (wanted.options or {}).get("remote_ip")
    if is_new and kind in _WITH_REMOTE and not remote:
        raise InvalidEntry(
            wanted.entry,
            "tunnel.remote_ip",
            f"a tunnel of type {kind} requires it: the address of the other end, or `flow` if flows set it",
        )


def _of_one_interface(wanted: WantedPort) -> list[str]:
    """Return the options of an entry that a bond cannot have."""
    given = {
        "type": wanted.type not in (None, "system") and wanted.patch is None,
        **{name: getattr(wanted, name) is not None for name in ("iface_id", "mac", "options")},
        "tunnel": bool(wanted.tunnel_settings),
        "peer": wanted.peer is not None or wanted.patch is not None,
    }
    return [name for name, is_given in given.items() if is_given]


def check_port(wanted: WantedPort, bridge: Bridge, port: Port) -> None:
    """Check that an existing port is one that the entry can change.

    Raises:
        InvalidEntry: It is a bond and the entry is about a port of one interface, or the other way round; or it is a
            bridge's own port that is to be moved or to have another type.
    """
    _check_kind_of_port(wanted, port)
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


def _check_kind_of_port(wanted: WantedPort, port: Port) -> None:
    unfit = _of_one_interface(wanted) if port.is_bond else []
    if unfit:
        raise InvalidEntry(
            wanted.entry,
            unfit[0],
            f"{port.name} is a bond of {', '.join(port.members)}, and only a port of one interface has this; "
            "remove the option, or remove the bond first (`state: absent`)",
        )
    if wanted.members is not None and not port.is_bond:
        raise InvalidEntry(
            wanted.entry,
            "members",
            f"{port.name} is a port of one interface; remove it first (`state: absent`), or choose another name",
        )
    check_bond_settings(wanted, port.is_bond)
    if port.is_bond:
        check_balance(wanted, port)


def check_bond_settings(wanted: WantedPort, is_bond: bool) -> None:
    """Check that a port of one interface is not to have what only a bond has.

    Raises:
        InvalidEntry: It is.
    """
    ignored = [setting.option for setting in BOND_SETTINGS if wanted.port_settings.get(setting.option)]
    if ignored and not is_bond:
        raise InvalidEntry(
            wanted.entry,
            ignored[0],
            f"it has no effect on {wanted.name}, which is a port of one interface; remove the option, or give "
            "`members`",
        )


def check_balance(wanted: WantedPort, port: Port) -> None:
    """Check that a bond is not to balance by connection without LACP, of what it has and what changes.

    It would forward nothing (choose_output_member() in ofproto/bond.c).

    Raises:
        InvalidEntry: It is.
    """
    options = ("bond_mode", "lacp")
    present = {setting.option: setting.read(port.row) for setting in PORT_SETTINGS if setting.option in options}
    found = {option: wanted.port_settings.get(option, value) for option, value in present.items()}
    changed = [option for option in options if found[option] != present[option]]
    if changed and found["bond_mode"] == "balance-tcp" and found["lacp"] in ((), "off"):
        raise InvalidEntry(wanted.entry, changed[0], _NEEDS_LACP)


def check_link_name(wanted: WantedPort) -> None:
    """Check the name of a port that is a link.

    Raises:
        InvalidEntry: A link cannot have it.
    """
    try:
        link_name(wanted.name)
    except ValueError as error:
        raise InvalidEntry(wanted.entry, "name", str(error)) from None


def check_master(wanted: WantedPort, link: Link, master: Link | None, option: str) -> None:
    """Check that the link of a port is not a member of a link of the kernel.

    The kernel's datapath cannot have it then (EBUSY, netdev_master_upper_dev_link()); the userspace datapath would
    read its packets beside the master, which gets them as well.

    Raises:
        InvalidEntry: It is.
    """
    if master is None or master.kind == "openvswitch":
        return
    raise InvalidEntry(
        wanted.entry,
        option,
        f"the link {link.name} is a member of {master.name}, a link of the kind {master.kind}, and cannot be a port of "
        f'Open vSwitch as well; remove it there first (`ip link set dev {link.name} nomaster`, or `master: ""` of '
        "netns.fabric.link)",
    )


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
    if wanted.port_settings.get("cvlans") and port.vlan_mode != "dot1q-tunnel":
        raise InvalidEntry(
            wanted.entry, "cvlans", "it has an effect on a tunnel of VLANs only; give `vlan_mode: dot1q-tunnel` as well"
        )
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
