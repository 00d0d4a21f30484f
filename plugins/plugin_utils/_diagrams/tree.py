# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What topology_info has returned, as a tree for people, and the probes that show who reaches whom. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_interface
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.validation import MAIN_TABLE

Info = Mapping[str, Any]

#: Of more namespaces than this each has one line: what fits on two screens is looked at, what does not is searched.
DETAILED_NAMESPACES = 12
#: More legs than this make a table that nobody reads: then neighbours and gateways are probed only.
LEGS_MAX = 2500
#: Seconds.
PROBE_TIMEOUT = 1.0

#: What is on every host and says nothing: the loopback, what the kernel makes by itself, the datapath's own device.
_HIDDEN = frozenset({"ovs-netdev", "ovs-system", "sit0", "ip6tnl0", "gre0", "gretap0", "erspan0", "tunl0", "ip_vti0"})


@dataclass
class _Node:
    """A line and what hangs on it."""

    text: str
    children: list[_Node] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        yield self.text
        for position, child in enumerate(self.children, 1):
            first, rest = ("└─ ", "   ") if position == len(self.children) else ("├─ ", "│  ")
            for number, line in enumerate(child.lines()):
                yield (rest if number else first) + line


def tree(info: Info) -> list[str]:
    """The host, its bridges with what is plugged into them, and every namespace.

    :param info: what the module topology_info has returned.
    :returns: lines.
    """
    spaces: Sequence[Info] = info["namespaces"]
    roots = [_host(info), *_spaces(spaces)]
    roots.extend(_Node(f"{name} (stale, no namespace stands behind the name)") for name in info["stale"])
    if not spaces and not info["stale"]:
        roots.append(_Node("no namespaces"))
    roots.extend(_Node(f"not read - {reason}") for reason in info["unreadable"])
    return [_plain(line) for root in roots for line in root.lines()]


def _plain(line: str) -> str:
    """On one line, whatever a name or a command has in it."""
    return "".join(char if char.isprintable() else "?" for char in line)


# The host


def _host(info: Info) -> _Node:
    host, switch = info["host"], info["openvswitch"]
    plugged = {name for bridge in switch["bridges"] for port in bridge["ports"] for name in port["interfaces"]}
    node = _Node("host")
    ends = _ends(info)
    for bridge in switch["bridges"]:
        node.children.append(_bridge(bridge, host, ends))
    if not switch["available"]:
        # The first words are what it is, the rest is what could be done about it.
        node.children.append(_Node(switch["reason"].split(" (")[0].split(":")[0]))
    others = [link for link in host["links"] if link["name"] not in plugged]
    node.children.extend(_Node(line) for line in _links(others, ends))
    node.children.extend(_Node(line) for line in _traits(host))
    return node


def _bridge(bridge: Info, host: Info, ends: Mapping[tuple[Any, Any], Info]) -> _Node:
    local = next((link for link in host["links"] if link["name"] == bridge["name"]), None)
    words = [bridge["name"], _addresses(local) if local else "", f"(Open vSwitch, {bridge['datapath_type']})"]
    if bridge["fail_mode"] == "secure":
        words.append("secure")
    if local is not None and not local["enabled"]:
        words.append("down")
    words.append("" if bridge["works"] else "BROKEN")
    node = _Node(_joined([*words, _owners(bridge)]))
    for port in bridge["ports"]:
        if not port["local"]:
            node.children.append(_Node(_port(port, host, ends)))
        elif port["error"]:
            node.children.append(_Node(f"BROKEN - {port['error']}"))
    node.children.extend(
        _Node(f"controller {found['target']} {'connected' if found['connected'] else 'not connected'}")
        for found in bridge["controllers"]
    )
    return node


def _port(port: Info, host: Info, ends: Mapping[tuple[Any, Any], Info]) -> str:
    words = [port["name"]]
    if port["interfaces"] != [port["name"]]:
        words.append(f"bond of {', '.join(port['interfaces'])}")
    elif port["type"] != "system":
        options = port["options"]
        towards = options.get("peer") or options.get("remote_ip")
        words.append(f"{port['type']} to {towards}" if towards else port["type"])
    words.append(_vlans(port))
    words.append(f"BROKEN ({port['error']})" if port["error"] else "")
    link = next((link for link in host["links"] if link["name"] == port["name"]), None)
    if link is not None:
        words.append("" if link["enabled"] else "down")
        words.append(_far_end(link, ends))
    return _joined(words)


def _vlans(port: Info) -> str:
    words = [f"VLAN {port['tag']}" if port["tag"] is not None else ""]
    words.append(f"trunk {','.join(map(str, port['trunks']))}" if port["trunks"] else "")
    words.append(port["vlan_mode"] or "")
    words.append("protected" if port["protected"] else "")
    return _joined(words, " ")


# Namespaces


def _spaces(spaces: Sequence[Info]) -> list[_Node]:
    detailed = len(spaces) <= DETAILED_NAMESPACES
    return [_space(space, detailed) for space in spaces]


def _space(space: Info, detailed: bool) -> _Node:
    name = _joined([space["name"], "" if space["named"] else "(without a name)", _owners(space)])
    links = list(_links(space["links"], {}))
    facts = [*links, *_traits(space), *_processes(space, detailed)]
    if detailed:
        return _Node(name, [_Node(fact) for fact in facts])
    return _Node(_joined([name, "; ".join(facts)]))


def _processes(space: Info, detailed: bool) -> Iterator[str]:
    found = space["processes"]
    if not detailed and found:
        yield "1 process" if len(found) == 1 else f"{len(found)} processes"
        return
    for process in found[:5]:
        yield f"process {process['pid']} of {process['user']} - {_shortened(process['command'])}"
    if len(found) > 5:
        yield f"{len(found) - 5} more processes"


def _traits(space: Info) -> Iterator[str]:
    """Routes that somebody has set, whether it routes, what it masquerades, and who listens."""
    for route in space["routes"]:
        if route["protocol"] != "kernel" and route["type"] == "unicast":
            yield _route(route)
    forwards = [
        version
        for version, key in (("IPv4", "net.ipv4.ip_forward"), ("IPv6", "net.ipv6.conf.all.forwarding"))
        if space["sysctls"].get(key) == "1"
    ]
    if forwards:
        yield f"forwards {' and '.join(forwards)}"
    for rule in space["firewall"]["masquerade"]:
        where = f" out of {rule['out_interface']}" if rule["out_interface"] else ""
        owner = f" [{rule['owner']}]" if rule["owner"] else ""
        yield f"masquerades {rule['source']}{where}{owner}"
    other = sum(
        rule["owner"] is None and rule["verdict"] in ("masquerade", "snat", "dnat", "redirect")
        for rule in space["firewall"]["rules"]
    )
    if other:
        yield f"{other} NAT rule{'s' if other > 1 else ''} of somebody else"
    yield from dict.fromkeys(map(_listener, space["sockets"]))


def _route(route: Info) -> str:
    words = [route["destination"], "" if route["version"] == 4 or route["destination"] != "default" else "(IPv6)"]
    words.append(f"via {route['gateway']}" if route["gateway"] else "")
    words.append(f"dev {route['device']}" if route["device"] else "")
    words.append(f"table {route['table']}" if route["table"] != MAIN_TABLE else "")
    return _joined(words, " ")


def _listener(socket: Info) -> str:
    address = f"[{socket['address']}]" if socket["version"] == 6 else socket["address"]
    holders = ", ".join(dict.fromkeys(_program(process["command"]) for process in socket["processes"]))
    return f"listens on {socket['protocol']} {address}:{socket['port']}" + (f" ({holders})" if holders else "")


def _program(command: str) -> str:
    words = command.split()
    return words[0].rpartition("/")[2] if words else "?"


# Links


def _ends(info: Info) -> dict[tuple[Any, Any], Info]:
    """All links by namespace and name."""
    return {
        (space["name"], link["name"]): link for space in (info["host"], *info["namespaces"]) for link in space["links"]
    }


def _links(links: Iterable[Info], ends: Mapping[tuple[Any, Any], Info]) -> Iterator[str]:
    for link in links:
        hidden = link["kind"] == "loopback" or (link["name"] in _HIDDEN and not link["enabled"])
        if not hidden:
            yield _link(link, ends)
        elif link["kind"] == "loopback" and not link["enabled"]:
            yield f"{link['name']} down"


def _link(link: Info, ends: Mapping[tuple[Any, Any], Info]) -> str:
    kind = "" if link["kind"] == "veth" else f"({link['kind']})"
    state = "" if link["enabled"] else "down"
    if link["enabled"] and link["state"] in ("lowerlayerdown", "down"):
        state = "no carrier"
    master = f"in {link['master']}" if link["master"] else ""
    return _joined([link["name"], _addresses(link), kind, state, master, _far_end(link, ends)])


def _addresses(link: Info) -> str:
    return " ".join(address["address"] for address in link["addresses"] if not address["made_by_kernel"])


def _far_end(link: Info, ends: Mapping[tuple[Any, Any], Info]) -> str:
    peer = link["peer"]
    if peer is None:
        return ""
    if peer["name"] is None:
        return "── a link in a namespace that was not found"
    far = ends.get((peer["namespace"], peer["name"]))
    where = f"in {peer['namespace']}" if peer["namespace"] else "on the host"
    words = [
        "──",
        peer["name"],
        where,
        _addresses(far) if far else "",
        "" if far is None or far["enabled"] else "(down)",
    ]
    return _joined(words, " ")


def _owners(thing: Info) -> str:
    return f"[{', '.join(thing['owners'])}]" if thing["owners"] else ""


def _joined(words: Iterable[str], by: str = "  ") -> str:
    return by.join(word for word in words if word)


def _shortened(text: str, width: int = 70) -> str:
    return text if len(text) <= width else text[: width - 3] + "..."


# Who reaches whom


@dataclass(frozen=True)
class _Target:
    """An address, and where it is; None is the host."""

    namespace: str | None
    address: str
    network: str
    version: int


def probes(info: Info, legs_max: int = LEGS_MAX) -> list[dict[str, Any]]:
    """From the host and every namespace with a name to every address that one has.

    :param info: what the module topology_info has returned.
    :param legs_max: above so many each sends to the next one in its network and to the host's addresses there only, so
        that their number grows with the namespaces and not with their square.
    :returns: for the option probes of the module reachability.
    """
    targets = list(_targets(info))
    spaces: list[str | None] = [None, *(space["name"] for space in info["namespaces"] if space["named"])]
    versions = {name: {target.version for target in targets if target.namespace == name} for name in spaces}
    legs = [
        (name, target)
        for name in spaces
        for target in targets
        if target.namespace != name and target.version in versions[name]
    ]
    if len(legs) > legs_max:
        legs = list(_neighbours(targets))
    return [_probe(name, target.address) for name, target in legs]


def _probe(namespace: str | None, address: str) -> dict[str, Any]:
    probe: dict[str, Any] = {"to": address, "timeout": PROBE_TIMEOUT}
    return probe if namespace is None else {"namespace": namespace, **probe}


def _targets(info: Info) -> Iterator[_Target]:
    """The addresses that belong to the topology: of the host, those of its bridges and of its cables to namespaces."""
    for space in (info["host"], *info["namespaces"]):
        for link in space["links"]:
            outward = (
                space["name"] is None and link["bridge_port"] is None and not (link["peer"] or {}).get("namespace")
            )
            if (
                link["kind"] == "loopback"
                or not link["enabled"]
                or outward
                or not (space["named"] or space["name"] is None)
            ):
                continue
            for address in link["addresses"]:
                interface = ip_interface(address["address"])
                if not address["made_by_kernel"] and not interface.ip.is_link_local:
                    yield _Target(space["name"], str(interface.ip), str(interface.network), interface.version)


def _neighbours(targets: Sequence[_Target]) -> Iterator[tuple[str | None, _Target]]:
    networks: dict[str, list[_Target]] = {}
    for target in targets:
        networks.setdefault(target.network, []).append(target)
    for members in networks.values():
        inside = [target for target in members if target.namespace is not None]
        for position, member in enumerate(inside):
            following = inside[(position + 1) % len(inside)]
            if following.namespace != member.namespace:
                yield member.namespace, following
            for target in members:
                if target.namespace is None:
                    yield member.namespace, target
