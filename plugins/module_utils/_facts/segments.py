# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which links are on one network segment: bridges of Open vSwitch and of the kernel, VLANs, veth pairs, bonds. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

from ansible_collections.netns.fabric.plugins.module_utils._core.text import printable
from ansible_collections.netns.fabric.plugins.module_utils._facts.model import HostFacts
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import Link, NamespaceName
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Bridge, Port
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.values import elements

#: Types of interfaces of Open vSwitch behind which are other hosts.
_TUNNELS = frozenset({"vxlan", "geneve", "gre", "ip6gre", "erspan", "ip6erspan", "stt", "lisp", "gtpu", "bareudp"})
#: Kinds of links behind which is what no other link of this machine shows: hardware, tunnels, what a program reads.
_OUTWARD = frozenset({"", "tun", "vxlan", "gre", "gretap", "ip6gre", "geneve", "wireguard", "sit", "ipip", "ip6tnl"})
#: Kinds of links with nothing behind them.
_ENDS = frozenset({"dummy", "ifb", "nlmon"})
#: Kinds of links that are followed.
_FOLLOWED = frozenset({"veth", "bridge", "bond", "team", "openvswitch"}) | _OUTWARD | _ENDS

#: A link by its namespace and its index there.
LinkKey = tuple[NamespaceName, int]


@dataclass(frozen=True)
class Crossing:
    """A bridge of the kernel that a frame passes from one port to another one."""

    namespace: NamespaceName
    bridge: str


@dataclass(frozen=True)
class Way:
    """How a frame gets from one link to another one: what may stop it, and the kernel's bridges that it passes."""

    doubts: frozenset[str] = frozenset()
    crossings: frozenset[Crossing] = frozenset()

    def doubting(self, doubt: str) -> Way:
        return replace(self, doubts=self.doubts | {doubt}) if doubt else self


@dataclass(frozen=True)
class Segment:
    """What frames reach from a link: other links that take packets, and links or ports that lead off this machine."""

    members: dict[LinkKey, Way] = field(default_factory=dict)
    outside: dict[LinkKey, Way] = field(default_factory=dict)
    #: Whether a frame gets to a link of a kind that is not followed; its name.
    lost: str = ""


@dataclass(frozen=True)
class _Frame:
    """A frame at a link, coming from outside it or sent by it; `vlan` is its tag, 0 for none."""

    key: LinkKey
    arrives: bool
    vlan: int = 0
    way: Way = Way()


class Segments:
    """The segments of a host, each followed when it is first asked for."""

    def __init__(self, facts: HostFacts) -> None:
        self._facts = facts
        self._kernel = facts.kernel
        self._found: dict[object, Segment] = {}
        self._slaves: dict[LinkKey, list[Link]] = {}
        for name, link in facts.kernel.links():
            if link.master:
                self._slaves.setdefault((name, link.master), []).append(link)
        self._internal = dict(self._find_internal())

    def _find_internal(self) -> Iterator[tuple[str, LinkKey]]:
        """Yield the links of internal ports of Open vSwitch, which may have been moved into a namespace."""
        for name, link in self._kernel.links():
            found = self._facts.port_of(name, link)
            if found is not None and _interface_type(found[1], link.name) == "internal":
                yield link.name, (name, link.index)

    def link(self, key: LinkKey) -> Link | None:
        return self._kernel.namespace(key[0]).link_at(key[1])

    def of(self, key: LinkKey) -> Segment:
        """Return what the frames reach that a link sends."""
        return self._follow(key, [_Frame(key, arrives=False)])

    def entered_by(self, key: LinkKey) -> Segment:
        """Return what frames reach that come in by a link from outside this machine, with whatever VLAN."""
        link = self.link(key)
        is_port = link is not None and self._port_at(key, link) is not None
        vlans = self._vlans if is_port else (0,)
        return self._follow((key, "entered"), [_Frame(key, arrives=True, vlan=vlan) for vlan in vlans])

    def entered_by_port(self, name: str) -> Segment:
        """Return what frames reach that come in by a port of Open vSwitch that is a tunnel."""
        nowhere: LinkKey = (None, 0)
        starts = [_Frame(nowhere, arrives=True, vlan=vlan) for vlan in self._vlans]
        return self._follow((name,), [onward for start in starts for onward in self._enter_switch(start, name)])

    @cached_property
    def _vlans(self) -> tuple[int, ...]:
        tags = {port.tag for bridge in self._facts.switch.bridges for port in bridge.ports if port.tag}
        return (0, *sorted(tags))

    def tunnel_ports(self) -> list[str]:
        """Return the ports of Open vSwitch that lead to other machines."""
        return sorted(name for name, each in self._facts.switch.interfaces.items() if each.type in _TUNNELS)

    def outward_links(self) -> list[LinkKey]:
        """Return the links that are up and lead off this machine."""
        return [(name, link.index) for name, link in self._kernel.links() if link.up and self._is_outward(name, link)]

    def _is_outward(self, name: NamespaceName, link: Link) -> bool:
        if link.loopback or (name, link.index) in self._internal.values():
            return False
        if link.kind == "veth":
            return self._kernel.far_end(link) is None
        return link.kind in _OUTWARD

    def is_followed(self, link: Link) -> bool:
        return link.kind in _FOLLOWED

    def _follow(self, identity: object, starts: list[_Frame]) -> Segment:
        if identity not in self._found:
            self._found[identity] = self._search(starts)
        return self._found[identity]

    def _search(self, starts: list[_Frame]) -> Segment:
        found = Segment()
        lost = ""
        origins = {frame.key for frame in starts if not frame.arrives}
        seen = set()
        waiting = deque(starts)
        while waiting:
            frame = waiting.popleft()
            link = self.link(frame.key)
            where = (frame.key, frame.arrives, frame.vlan)
            if where in seen or link is None or not link.up:
                continue
            seen.add(where)
            if self._stays(frame, link) and frame.vlan == 0 and frame.key not in origins:
                found.members.setdefault(frame.key, frame.way)
            if not frame.arrives and self._is_outward(frame.key[0], link):
                found.outside.setdefault(frame.key, frame.way)
            if not self.is_followed(link):
                lost = lost or printable(link.name)
            waiting.extend(self._onward(frame, link))
        return replace(found, lost=lost)

    def _stays(self, frame: _Frame, link: Link) -> bool:
        """Return whether the link itself takes the packet in a frame that arrives."""
        if not frame.arrives:
            return False
        port = self._port_at(frame.key, link)
        if port is not None:
            # With the userspace datapath the kernel has the packets of a port as well.
            return self._bridge_of(link).datapath_type == "netdev"
        master = self._kernel.namespace(frame.key[0]).link_at(link.master)
        return master is None or master.kind not in ("bridge", "bond", "team", "openvswitch")

    def _port_at(self, key: LinkKey, link: Link) -> Port | None:
        """Return the port of Open vSwitch whose frames come in from outside by a link; none for an internal port."""
        if key[0] is not None or link.name in self._internal:
            return None
        found = self._facts.switch.port_with(link.name)
        return found[1] if found else None

    def _bridge_of(self, link: Link) -> Bridge:
        found = self._facts.switch.port_with(link.name)
        return found[0] if found else Bridge("")

    def _onward(self, frame: _Frame, link: Link) -> Iterator[_Frame]:
        """Yield where a frame goes from a link."""
        name = frame.key[0]
        if frame.arrives:
            yield from self._arrive(frame, link)
            return
        if self._internal.get(link.name) == frame.key:
            yield from self._enter_switch(frame, link.name)
        elif link.kind == "veth":
            far = self._kernel.far_end(link)
            if far is not None:
                yield replace(frame, key=(far[0], far[1].index), arrives=True)
        elif link.kind == "bridge":
            way = frame.way.doubting(_vlan_doubt(name, link))
            for port in self._slaves.get(frame.key, ()):
                yield replace(frame, key=(name, port.index), way=way)
        elif link.kind in ("bond", "team"):
            for slave in self._slaves.get(frame.key, ()):
                yield replace(frame, key=(name, slave.index))

    def _arrive(self, frame: _Frame, link: Link) -> Iterator[_Frame]:
        """Yield where a frame goes that has come in from outside by a link which does not keep it for itself."""
        name = frame.key[0]
        master = self._kernel.namespace(name).link_at(link.master)
        if self._port_at(frame.key, link) is not None:
            yield from self._enter_switch(frame, link.name)
        elif master is not None and master.kind in ("bond", "team"):
            yield replace(frame, key=(name, master.index))
        elif master is not None and master.kind == "bridge":
            bridge = (name, master.index)
            way = frame.way.doubting(_vlan_doubt(name, master))
            yield replace(frame, key=bridge, way=way)
            crossed = replace(way, crossings=way.crossings | {Crossing(name, master.name)})
            for port in self._slaves.get(bridge, ()) if master.up else ():
                if port.index != link.index and not (port.isolated and link.isolated):
                    yield replace(frame, key=(name, port.index), arrives=False, way=crossed)

    # Open vSwitch

    def _enter_switch(self, frame: _Frame, interface: str, depth: int = 0) -> Iterator[_Frame]:
        """Yield where a frame goes that comes into a bridge of Open vSwitch by an interface."""
        found = self._facts.switch.port_with(interface)
        if found is None or depth > len(self._facts.switch.bridges):
            return
        bridge, port = found
        vlan = _vlan_inside(port, frame.vlan)
        if vlan is None or not self._works(bridge, interface):
            return
        way = frame.way.doubting(_flow_doubt(bridge)).doubting(_mode_doubt(port))
        for other in bridge.ports:
            tag = _vlan_outside(other, vlan)
            if other.name == port.name or tag is None or (port.protected and other.protected):
                continue
            onward = replace(frame, vlan=tag, way=way.doubting(_mode_doubt(other)))
            for each in other.interfaces:
                if self._works(bridge, each.name):
                    yield from self._leave_switch(onward, other, each.name, depth)

    def _leave_switch(self, frame: _Frame, port: Port, interface: str, depth: int) -> Iterator[_Frame]:
        each = {found.name: found for found in port.interfaces}[interface]
        if each.type == "patch":
            peer = each.options.get("peer", "")
            yield from self._enter_switch(frame, peer, depth + 1)
        elif interface in self._internal:
            yield replace(frame, key=self._internal[interface], arrives=True)
        elif each.type not in _TUNNELS:
            link = self._kernel.link(None, interface)
            if link is not None:
                yield replace(frame, key=(None, link.index), arrives=False)

    def _works(self, bridge: Bridge, interface: str) -> bool:
        each = self._facts.switch.interfaces.get(interface)
        return each is not None and not self._facts.fault(bridge, each)


def _interface_type(port: Port, name: str) -> str:
    return next((interface.type for interface in port.interfaces if interface.name == name), "")


def _vlan_doubt(name: NamespaceName, bridge: Link) -> str:
    if not bridge.filters_vlans:
        return ""
    return f"the VLANs of the bridge {printable(bridge.name)} of {place(name)}, which are not read"


def _flow_doubt(bridge: Bridge) -> str:
    if bridge.fail_mode == "secure" or elements(bridge.row.columns.get("controller", ())):
        return f"the OpenFlow rules of the bridge {printable(bridge.name)}, which are not read"
    return ""


def _mode_doubt(port: Port) -> str:
    return f"the VLAN mode {port.vlan_mode} of the port {printable(port.name)}" if _is_tunnel_mode(port) else ""


def _is_tunnel_mode(port: Port) -> bool:
    return port.vlan_mode == "dot1q-tunnel"


def _is_access(port: Port) -> bool:
    return port.vlan_mode == "access" or (port.vlan_mode is None and port.tag is not None) or _is_tunnel_mode(port)


def _vlan_inside(port: Port, vlan: int) -> int | None:
    """Return the VLAN of a frame that comes in by a port; None where it is dropped (ovs-vswitchd.conf.db(5))."""
    if _is_access(port):
        return port.tag or 0 if vlan == 0 or _is_tunnel_mode(port) else None
    if vlan == 0 and port.vlan_mode in ("native-tagged", "native-untagged"):
        return port.tag or 0
    return vlan if _carries(port, vlan) else None


def _vlan_outside(port: Port, vlan: int) -> int | None:
    """Return the tag of a frame of a VLAN that leaves by a port; None where it does not."""
    if _is_access(port):
        return 0 if vlan == (port.tag or 0) else None
    if port.vlan_mode == "native-untagged" and vlan == port.tag:
        return 0
    return vlan if _carries(port, vlan) else None


def _carries(port: Port, vlan: int) -> bool:
    is_native = port.vlan_mode in ("native-tagged", "native-untagged") and vlan == port.tag
    return is_native or not port.trunks or vlan in port.trunks


def place(name: NamespaceName) -> str:
    """Return a namespace in words."""
    return "the host" if name is None else f"the namespace {printable(name)}"
