# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ports of Open vSwitch: what is wanted of them, and how to get there. Pure, but for what read() asks of the host."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core import validation
from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntries, InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Change, Entry, Operation, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import OWNER_OPTIONS, Call, Resource
from ansible_collections.netns.fabric.plugins.module_utils._kernel import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._kernel.access import KERNEL
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import KernelState, Link, NamespaceName
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb import operations as ovs
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.backend import OVSDB
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.rows import (
    REOPENED,
    VSCTL_OPTIONS,
    Difference,
    Texts,
    assumptions,
    lost_taps,
    lost_vports,
    name_for_ovs,
    shared,
    stays,
    taken_by,
    texts,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import (
    OWN_KIND,
    Attachments,
    Bridge,
    Interface,
    Port,
    Switch,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_settings import place

#: Interface types without a device of their own: no MTU of theirs is to be set.
WITHOUT_DEVICE = frozenset(
    ["patch", "vxlan", "geneve", "gre", "ip6gre", "erspan", "ip6erspan", "gtpu", "bareudp", "lisp", "stt", "srv6"]
)


#: Interface types that are a link of the host, by whose rules they are named.
WITH_LINK = ("system", "internal")


@dataclass(frozen=True)
class Peer:
    """Where the far end of a port's veth is to be."""

    namespace: NamespaceName
    name: str


@dataclass(frozen=True)
class WantedPort:
    """One port as it is wanted; None leaves an option as it is."""

    entry: Entry
    present: bool
    name: str
    bridge: str | None = None
    type: str | None = None
    tag: int | None = None
    trunks: tuple[int, ...] | None = None
    vlan_mode: str | None = None
    mac: str | None = None
    mtu: int | None = None
    protected: bool | None = None
    options: Texts | None = None
    external_ids: Texts | None = None
    other_config: Texts | None = None
    tx_checksum: str = "auto"
    peer: Peer | None = None


@dataclass(frozen=True)
class PortState:
    """What bears on ports: Open vSwitch, what it has open, and the links of the host and at the far ends of cables.

    `reopened` names bridges whose interfaces an earlier call, in check mode, would have had opened anew.
    """

    switch: Switch
    kernel: KernelState = field(default_factory=KernelState)
    attachments: Attachments = field(default_factory=Attachments)
    system_works: bool = False
    reopened: frozenset[str] = frozenset()


class PortResource(Resource[WantedPort, PortState]):
    list_option = "ports"
    identity = "name"
    backends = (OVSDB, KERNEL)
    entry_options: Mapping[str, Mapping[str, Any]] = {
        "name": {"type": "str"},
        "bridge": {"type": "str"},
        "type": {"type": "str"},
        "tag": {"type": "int"},
        "trunks": {"type": "list", "elements": "int"},
        "vlan_mode": {"type": "str", "choices": list(validation.VLAN_MODES)},
        "mac": {"type": "str"},
        "mtu": {"type": "int"},
        "options": {"type": "dict"},
        "external_ids": {"type": "dict"},
        "other_config": {"type": "dict"},
        "protected": {"type": "bool"},
        "tx_checksum": {"type": "str", "choices": ["auto", "keep"], "default": "auto"},
        "peer": {
            "type": "dict",
            "options": {"name": {"type": "str", "required": True}, "namespace": {"type": "str"}},
        },
    }
    call_options: Mapping[str, Mapping[str, Any]] = {**OWNER_OPTIONS, **VSCTL_OPTIONS}

    def desired(self, entry: Entry, options: Mapping[str, Any]) -> WantedPort:
        checks = Checks(entry)
        kind = options.get("type")
        kind = "system" if kind == "" else kind
        trunks = options.get("trunks")
        vlans = None if trunks is None else [checks.value("trunks", validation.vlan, vlan) for vlan in trunks]
        wanted = WantedPort(
            entry=entry,
            present=options["state"] == "present",
            name=checks.value("name", name_for_ovs if kind in WITH_LINK else _port_name, options["name"]),
            bridge=checks.value("bridge", name_for_ovs, options.get("bridge")),
            type=kind,
            tag=checks.value("tag", validation.vlan, options.get("tag")),
            trunks=None if vlans is None else tuple(sorted({vlan for vlan in vlans if vlan is not None})),
            vlan_mode=options.get("vlan_mode"),
            mac=checks.value("mac", validation.mac_address, options.get("mac")),
            mtu=checks.value("mtu", validation.mtu, options.get("mtu")),
            protected=options.get("protected"),
            options=texts(checks, "options", options.get("options")),
            external_ids=texts(checks, "external_ids", options.get("external_ids")),
            other_config=texts(checks, "other_config", options.get("other_config")),
            tx_checksum=options.get("tx_checksum") or "auto",
            peer=_peer(checks, options.get("peer")),
        )
        _check_vlans(checks, wanted)
        checks.done()
        return wanted

    def key(self, desired: WantedPort) -> object:
        return desired.name

    def read(self, host: Host, call: Call[WantedPort]) -> PortState:
        present = [port for port in call.entries if port.present]
        switch = host.use(OVSDB).read(call.check_mode, nothing_wanted=not present)
        if not present:
            return PortState(switch)
        reopened = frozenset(host.simulated.get(REOPENED, ()))
        state = PortState(
            switch, _links(host, present, []), system_works=host.use(OVSDB).kernel_datapath(), reopened=reopened
        )
        if any(_far_end_unknown(state, port) for port in present):
            everywhere = sorted(host.use(KERNEL).namespace_names())
            state = replace(state, kernel=_links(host, present, everywhere))
        vports = any(_vport_out_of_sight(state, port) for port in present)
        return replace(state, attachments=host.use(OVSDB).attachments(vports))

    def plan(self, actual: PortState, call: Call[WantedPort]) -> Plan:
        planner = _Planner(actual, call)
        for port in call.entries:
            planner.add(port)
        planner.done()
        if call.prune:
            planner.prune()
        return Plan(tuple(planner.changes), warnings=tuple(planner.all_warnings))


# What an entry says


def _port_name(value: Any) -> str:
    """Check the name of a port that is no link: longer than a link's it may be.

    Raises:
        ValueError: ovs-vsctl or ovs-vswitchd would take it for something else.
    """
    name = str(value)
    if not name or not name.isprintable() or " " in name or "/" in name or name.startswith("-"):
        raise ValueError(f"{name!r} cannot be the name of a port; use letters, digits, '.', '_' and '-', not first")
    return name


def _check_link_name(wanted: WantedPort) -> None:
    """Raises:
    InvalidEntry: No link can have the name.
    """
    try:
        name_for_ovs(wanted.name)
    except ValueError as error:
        raise InvalidEntry(wanted.entry, "name", str(error)) from None


def _peer(checks: Checks, options: Mapping[str, Any] | None) -> Peer | None:
    if not options:
        return None
    namespace = checks.value("peer.namespace", validation.namespace_name, options.get("namespace"))
    return Peer(namespace, checks.value("peer.name", validation.interface_name, options["name"]))


def _check_vlans(checks: Checks, wanted: WantedPort) -> None:
    """What ovs-vswitchd would pass over in silence (ovs-vswitchd.conf.db(5), "VLAN Configuration")."""
    mode = wanted.vlan_mode
    if wanted.tag is not None and mode == "trunk":
        checks.error("tag", "a trunk has none: leave it out, or take `vlan_mode: native-untagged` or `native-tagged`")
    if wanted.trunks and mode in ("access", "dot1q-tunnel"):
        checks.error("trunks", f"a port with `vlan_mode: {mode}` carries one VLAN only: leave them out")
    if wanted.trunks and wanted.tag is not None and mode is None:
        checks.error(
            "trunks",
            "with `tag` alone the port is an access port, and they would have no effect: say with `vlan_mode` what is "
            "meant, `native-untagged` for instance",
        )


# What is read of the kernel


def _links(host: Host, present: Iterable[WantedPort], more: Iterable[str]) -> KernelState:
    hints = (port.peer.namespace for port in present if port.peer and port.tx_checksum == "auto")
    return host.use(KERNEL).read([None, *hints, *more], tx_checksum=True)


def _far_end_unknown(state: PortState, wanted: WantedPort) -> bool:
    """Whether the checksums of a port are to be seen to and its cable leads to where nothing was read."""
    found = state.switch.port(wanted.name)
    bridge = state.switch.bridge(wanted.bridge or (found[0].name if found else ""))
    kind = wanted.type or (found[1].interface.type if found else "system")
    if wanted.tx_checksum != "auto" or kind != "system" or not _userspace(bridge, state.system_works):
        return False
    link = state.kernel.link(None, wanted.name)
    return bool(link and link.peer and not link.peer.known)


def _vport_out_of_sight(state: PortState, wanted: WantedPort) -> bool:
    """Whether it is an internal port on the kernel's datapath whose link is not on the host."""
    found = state.switch.port(wanted.name)
    if found is None or state.kernel.link(None, wanted.name):
        return False
    return found[0].datapath_type == "system" and found[1].interface.type == "internal"


def _userspace(bridge: Bridge | None, system_works: bool) -> bool:
    """Whether a bridge is one of the userspace datapath, or going to be one."""
    return not system_works if bridge is None or bridge.datapath_type == "system" else True


@dataclass(frozen=True)
class _Cable:
    """A port's link on the host and the far end of its cable, where it has one: where it is, and what is known of it.

    `link` is None for one that is not there or is going to be made anew.
    """

    link: Link | None = None
    far: Peer | None = None
    far_link: Link | None = None


class _Planner:
    """Plans the ports of one call."""

    def __init__(self, actual: PortState, call: Call[WantedPort]) -> None:
        self._actual = actual
        self._switch = actual.switch
        self._call = call
        self._lost = lost_taps(actual.switch, actual.attachments) | lost_vports(actual.switch, actual.attachments)
        self._assumed: dict[str, None] = {}
        self._mistakes: list[InvalidEntry] = []
        self._warnings: list[str] = []
        self.changes: list[Change] = []

    @property
    def all_warnings(self) -> list[str]:
        assumed = []
        if self._assumed:
            assumed.append(f"Not there yet, and taken as made by an earlier task: {', '.join(self._assumed)}")
        return [*assumptions(self._switch, self._call.check_mode), *assumed, *self._warnings]

    def add(self, wanted: WantedPort) -> None:
        try:
            if wanted.present:
                self._add_present(wanted)
            else:
                self._add_absent(wanted)
        except InvalidEntry as mistake:
            self._mistakes.append(mistake)

    def done(self) -> None:
        """Raises:
        InvalidEntries: With all that was found.
        """
        if self._mistakes:
            raise InvalidEntries(self._mistakes)

    # Present

    def _add_present(self, wanted: WantedPort) -> None:
        mistake = taken_by(wanted.entry, wanted.name, self._switch)
        if mistake:
            raise mistake
        found = self._switch.port(wanted.name)
        if found is not None:
            self._check_port(wanted, *found)
        bridge = self._bridge(wanted, found[0] if found else None)
        current = _kind_of(found[1].interface) if found else None
        kind = wanted.type or current or "system"
        self._check_type(wanted, kind)
        if found is None and kind in WITH_LINK:
            _check_link_name(wanted)
        cable = self._cable(wanted) if kind == "system" else _Cable()
        self._check_device(wanted, bridge, kind, current)
        if found is None:
            self._create(wanted, bridge, kind, cable)
        else:
            self._change(_Existing(wanted, *found, bridge, kind, cable))

    def _check_port(self, wanted: WantedPort, bridge: Bridge, port: Port) -> None:
        if len(port.interfaces) > 1:
            members = ", ".join(interface.name for interface in port.interfaces)
            raise InvalidEntry(
                wanted.entry, "name", f"{port.name} is a bond of {members}; ports of one interface are managed here"
            )
        if port.name == bridge.name and wanted.bridge not in (None, bridge.name):
            raise InvalidEntry(
                wanted.entry,
                "bridge",
                f"{port.name} is a bridge and cannot be a port of {wanted.bridge}: join the two with a pair of patch "
                "ports (`type: patch`)",
            )
        if port.name == bridge.name and wanted.type not in (None, "internal"):
            raise InvalidEntry(wanted.entry, "type", f"{port.name} is a bridge's own port, which is always internal")

    def _bridge(self, wanted: WantedPort, current: Bridge | None) -> Bridge:
        """The bridge that the port is to be on.

        Raises:
            InvalidEntry: There is no such bridge, or none is named, or it does not work.
        """
        name = wanted.bridge or (current.name if current else None)
        if name is None:
            raise InvalidEntry(
                wanted.entry, "bridge", f"there is no port {wanted.name} yet: say which bridge it is to be on"
            )
        bridge = self._switch.bridge(name)
        if bridge is None:
            return self._missing_bridge(wanted, name)
        if not bridge.works and not self._call.check_mode:
            raise InvalidEntry(
                wanted.entry,
                "bridge",
                f"ovs-vswitchd has not set up the bridge {name} (datapath type {bridge.datapath_type}): repair it "
                "first, with `datapath_type: auto` of netns.fabric.ovs_bridge, or see the log of ovs-vswitchd",
            )
        return bridge

    def _missing_bridge(self, wanted: WantedPort, name: str) -> Bridge:
        found = self._switch.port(name)
        if found is not None and found[1].fake_bridge:
            raise InvalidEntry(
                wanted.entry,
                "bridge",
                f"{name} is a VLAN bridge (ovs-vsctl calls it fake): name {found[0].name} and give "
                f"`tag: {found[1].tag or 0}`",
            )
        if not self._call.check_mode:
            there = ", ".join(sorted(bridge.name for bridge in self._switch.bridges)) or "none"
            raise InvalidEntry(
                wanted.entry,
                "bridge",
                f"there is no bridge {name} (there are: {there}): make it first, e.g. with netns.fabric.ovs_bridge",
            )
        self._assumed[f"bridge {name}"] = None
        return Bridge(name, datapath_type="system" if self._actual.system_works else "netdev")

    def _check_type(self, wanted: WantedPort, kind: str) -> None:
        """Raises:
        InvalidEntry: The type is unknown, or an option has no effect on it.
        """
        known = self._switch.interface_types
        if known and kind not in known:
            raise InvalidEntry(
                wanted.entry, "type", f"ovs-vswitchd knows no type {kind}; it knows {', '.join(sorted(known))}"
            )
        if wanted.mac and kind != "internal":
            raise InvalidEntry(
                wanted.entry,
                "mac",
                f"Open vSwitch sets the address of internal ports only, and this one is {kind}: give it to the link, "
                "e.g. with `mac` of netns.fabric.veth or netns.fabric.link",
            )
        if wanted.mtu and kind in WITHOUT_DEVICE:
            raise InvalidEntry(wanted.entry, "mtu", f"a port of type {kind} has none of its own: leave it out")

    def _check_device(self, wanted: WantedPort, bridge: Bridge, kind: str, current: str | None) -> None:
        """Raises:
        InvalidEntry: The link that the port needs is missing, or there is one that is in its way.
        """
        link = self._actual.kernel.link(None, wanted.name)
        if kind == "system" and link is None:
            if not self._call.check_mode:
                raise InvalidEntry(wanted.entry, "name", self._no_link(wanted.name))
            self._assumed[f"link {place(None, wanted.name)}"] = None
        elif kind == "system" and current == "internal" and link and link.kind in OWN_KIND.values():
            raise InvalidEntry(
                wanted.entry,
                "type",
                f"{wanted.name} is an internal port, and its link goes with its type: remove the port "
                "(`state: absent`), make the link, and add the port again",
            )
        elif kind == "internal" and link and self._foreign(link, bridge, current):
            raise InvalidEntry(
                wanted.entry,
                "name",
                f"there is a {link.kind or 'physical'} link {link.name} on the host, and an internal port makes a link "
                f"of its own name: choose another name, or remove that link (`ip link del dev {link.name}`)",
            )

    def _foreign(self, link: Link, bridge: Bridge, current: str | None) -> bool:
        """Whether a link in an internal port's place is not that port's, nor one that it would take over."""
        if link.kind == OWN_KIND.get(bridge.datapath_type):
            return False
        return current != "internal" or link.name in self._lost

    def _no_link(self, name: str) -> str:
        elsewhere = [namespace for namespace, link in self._actual.kernel.links() if namespace and link.name == name]
        hint = f" (there is one in the namespace {elsewhere[0]})" if elsewhere else ""
        return f"there is no link {name} on the host{hint}: make it first, e.g. with netns.fabric.veth"

    def _cable(self, wanted: WantedPort) -> _Cable:
        """The port's link and its far end; in check mode as the task that sees to the pair will have left them.

        A pair is repaired by bringing the stray one of its ends home, and made anew where both ends are not each
        other's; what becomes of the port depends on which.
        """
        kernel = self._actual.kernel
        link = kernel.link(None, wanted.name)
        far = kernel.far_end(link) if link else None
        here = _Cable(link, Peer(far[0], far[1].name) if far else None, far[1] if far else None)
        peer = wanted.peer
        if not self._call.check_mode or peer is None or here.far == peer or (link and link.kind != "veth"):
            return here
        opposite = kernel.link(peer.namespace, peer.name)
        if link and not opposite:
            return replace(here, far=peer)
        stray = kernel.far_end(opposite) if opposite and not link else None
        if stray is not None and stray[0] is None:
            return _Cable(stray[1], peer, opposite)
        return _Cable(None, peer)

    def _create(self, wanted: WantedPort, bridge: Bridge, kind: str, cable: _Cable) -> None:
        if kind == "patch" and not (wanted.options or {}).get("peer"):
            raise InvalidEntry(
                wanted.entry, "options", "a patch port needs `peer`, the name of the patch port at its other end"
            )
        difference = _Differences()
        difference.add(wanted, Port(wanted.name), Interface(wanted.name), kind)
        if self._call.owner:
            difference.port.mark((), self._call.owner)
        operations: list[Operation] = [
            ovs.AddPort(bridge.name, wanted.name, difference.port.columns, difference.interface.columns)
        ]
        after = {"bridge": bridge.name, "type": kind, **difference.after}
        operations.extend(self._checksum(wanted, bridge, kind, cable, ({}, after)))
        self.changes.append(Change(wanted.entry, _target(wanted.name), None, after, tuple(operations)))

    def _change(self, port: _Existing) -> None:
        wanted = port.wanted
        difference = _Differences()
        difference.add(wanted, port.port, _resumed(port.interface), port.kind)
        if self._call.owner and (port.port.owners or self._device_is_ours(port)):
            difference.port.mark(port.port.owners, self._call.owner)
        operations: list[Operation] = []
        if port.bridge.name != port.target.name:
            difference.before["bridge"], difference.after["bridge"] = port.bridge.name, port.target.name
            operations.append(ovs.MovePort(port.name, port.interface.name, port.bridge.name, port.target.name))
        if self._is_lost(port):
            difference.before["attached"], difference.after["attached"] = False, True
            operations.extend(_reopened(port))
        if difference.port.columns or difference.interface.columns:
            operations.append(
                ovs.SetPort(port.name, port.interface.name, difference.port.columns, difference.interface.columns)
            )
        both = (difference.before, difference.after)
        operations.extend(self._checksum(wanted, port.target, port.kind, port.cable, both))
        if operations:
            self.changes.append(Change(wanted.entry, _target(port.name), *both, tuple(operations)))
        elif port.interface.error and port.kind != "patch" and self._switch.running and self._has_device(port):
            self._warnings.append(f"{wanted.entry}: ovs-vswitchd says of {port.name}: {port.interface.error}")

    def _device_is_ours(self, port: _Existing) -> bool:
        """A port that bears nobody's mark was made by hand; if that was for a cable of ours, it goes with the cable."""
        link = port.cable.link
        return link is not None and self._call.owner in link.owners

    def _has_device(self, port: _Existing) -> bool:
        return port.kind != "system" or self._actual.kernel.link(None, port.name) is not None

    def _is_lost(self, port: _Existing) -> bool:
        """Whether ovs-vswitchd has to open the device anew: it has lost it, and shows nothing of that."""
        if port.interface.reopening:
            return True
        moves = port.bridge.name != port.target.name or port.kind != port.interface.type
        opened_anyway = moves or not port.bridge.works or port.bridge.name in self._actual.reopened
        if opened_anyway or self._switch.running is False:
            return False
        if port.kind == "system":
            return self._device_lost(port)
        return port.kind == "internal" and (port.interface.name in self._lost or not port.interface.works)

    def _device_lost(self, port: _Existing) -> bool:
        """Of a port that reads and writes a link of the host.

        A link that was made again under its name has another index and is not the one that is open; where that cannot
        be seen, a link that nobody listens to counts as lost. The kernel's datapath enslaves its links, and takes one
        that was made again by itself.
        """
        link = port.cable.link
        userspace = _userspace(port.bridge, self._actual.system_works)
        if link is None:
            return userspace and port.interface.works
        if not port.interface.works and link.name == port.name:
            return True
        if not userspace:
            return link.master == 0
        sockets = self._actual.attachments.packet_sockets
        return link.index not in sockets if sockets is not None else link.promiscuity == 0

    def _checksum(
        self,
        wanted: WantedPort,
        bridge: Bridge,
        kind: str,
        cable: _Cable,
        diff: tuple[dict[str, Any], dict[str, Any]],
    ) -> list[Operation]:
        """Have the far end of a veth compute its checksums: the userspace datapath hands on what it gets.

        A packet whose checksum was left to a device that never computes it is dropped by who receives it, if it is TCP
        or UDP; ping computes its own.
        """
        if wanted.tx_checksum != "auto" or kind != "system" or not _userspace(bridge, self._actual.system_works):
            return []
        far = cable.far
        if far is None:
            self._warn_of_far_end(wanted, cable)
            return []
        if cable.link is not None and not (cable.far_link and cable.far_link.tx_checksum):
            return []
        diff[0]["peer.tx_checksum"], diff[1]["peer.tx_checksum"] = True, False
        return [op.SetTxChecksum(far.namespace, far.name, enabled=False)]

    def _warn_of_far_end(self, wanted: WantedPort, cable: _Cable) -> None:
        if cable.link is None and self._call.check_mode:
            self._warnings.append(
                f"{wanted.entry}: give `peer`, so that check mode can say what becomes of the checksums of the far end "
                "of a pair that does not exist yet"
            )
        elif cable.link is not None and cable.link.kind == "veth":
            self._warnings.append(
                f"{wanted.entry}: the far end of {wanted.name} is in a namespace without a name and is not looked at: "
                "unless its transmit checksum offload is off (`ethtool -K LINK tx off` there), TCP does not get through"
            )

    # Absent

    def _add_absent(self, wanted: WantedPort) -> None:
        found = self._switch.port(wanted.name)
        if found is None:
            return
        bridge, port = found
        if port.name == bridge.name or port.fake_bridge:
            raise InvalidEntry(
                wanted.entry,
                "state",
                f"{port.name} is a bridge's own port, which goes with the bridge: remove the bridge, e.g. with "
                "netns.fabric.ovs_bridge",
            )
        if stays(port.owners, self._call.owner):
            self._warnings.append(
                f"{wanted.entry}: the port {port.name} does not bear the mark of {self._call.owner}: left alone"
            )
            return
        self._remove(wanted.entry, bridge, port)

    def _remove(self, entry: Entry, bridge: Bridge, port: Port) -> None:
        others = shared(port.owners, self._call.owner)
        if others and self._call.owner:
            self._warnings.append(f"{entry}: the port {port.name} is used by {', '.join(others)} as well: it stays")
            difference = Difference()
            difference.unmark(port.owners, self._call.owner)
            operation: Operation = ovs.SetPort(port.name, port.interface.name, difference.columns)
            change = Change(entry, _target(port.name), difference.before, difference.after, (operation,))
        else:
            before = {"bridge": bridge.name, "type": port.interface.type}
            change = Change(entry, _target(port.name), before, None, (ovs.DeletePort(bridge.name, port.name),))
        self.changes.append(change)

    def prune(self) -> None:
        """What bears the owner's mark and is not listed goes; a bridge's own port goes with the bridge only."""
        listed = {port.name for port in self._call.entries}
        for bridge in self._switch.bridges:
            for port in bridge.ports:
                own = port.name == bridge.name or port.fake_bridge
                if self._call.owner in port.owners and port.name not in listed and not own:
                    self._remove(Entry(port.name), bridge, port)


@dataclass(frozen=True)
class _Existing:
    """A port that exists: where it is, where and of which type it is to be, and what it is cabled to."""

    wanted: WantedPort
    bridge: Bridge
    port: Port
    target: Bridge
    kind: str
    cable: _Cable

    @property
    def name(self) -> str:
        return self.port.name

    @property
    def interface(self) -> Interface:
        return self.port.interface


@dataclass
class _Differences:
    """How the two rows of a port differ from what is wanted of it; the diff is one."""

    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.port = Difference(self.before, self.after)
        self.interface = Difference(self.before, self.after)

    def add(self, wanted: WantedPort, port: Port, interface: Interface, kind: str) -> None:
        self.port.value("tag", port.tag, wanted.tag)
        if wanted.vlan_mode == "trunk":
            self.port.clear("tag", port.tag)
        self.port.value("trunks", port.trunks, wanted.trunks)
        self.port.value("vlan_mode", port.vlan_mode, wanted.vlan_mode)
        self.port.value("protected", port.protected, wanted.protected)
        self.port.map("external_ids", port.external_ids, wanted.external_ids)
        self.port.map("other_config", port.other_config, wanted.other_config)
        self.interface.value("type", interface.type, kind, stored="" if kind == "system" else kind)
        self.interface.value("mac", interface.mac, wanted.mac)
        self.interface.value("mtu", interface.mtu_request, wanted.mtu, column="mtu_request")
        self.interface.map("options", interface.options, wanted.options)


def _kind_of(interface: Interface) -> str:
    return interface.reopening or interface.type


def _resumed(interface: Interface) -> Interface:
    """An interface as it is without what an interrupted run has left in it, which is taken away by opening it."""
    if not interface.reopening:
        return interface
    options = {key: value for key, value in interface.options.items() if key != "peer"}
    return replace(interface, type=interface.reopening, options=options)


def _reopened(port: _Existing) -> list[Operation]:
    """Two transactions: the one closes it, the other opens it."""
    name = port.interface.name
    if port.interface.reopening:
        return [ovs.OpenInterface(name, port.kind)]
    peer = port.interface.options.get("peer")
    return [ovs.CloseInterface(port.name, name, port.kind), ovs.OpenInterface(name, port.kind, peer)]


def _target(name: str) -> str:
    return f"port {name}"
