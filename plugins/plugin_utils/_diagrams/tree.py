# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The facts of topology_info as a tree for people. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.validation import MAIN_TABLE
from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.exposure_lines import exposure_lines
from ansible_collections.netns.fabric.plugins.plugin_utils._diagrams.model import POLICY_CHAINS, format_vlans
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.switching import count_flows, describe_mirror

#: The types of routes that are shown, and what a rule selects packets by, in the order of ip-rule(8).
_ROUTE_TYPES = frozenset({"unicast", "blackhole", "unreachable", "prohibit", "throw"})
_SELECTORS = ("from", "to", "fwmark", "iif", "oif", "ipproto", "sport", "dport")

Info = Mapping[str, Any]

#: Links by namespace and name.
_Links = Mapping[tuple[Any, Any], Info]

#: With more namespaces than this, each has one line: what fits on two screens is read, what does not is searched.
DETAILED_NAMESPACES = 12

#: The kernel's fallback tunnels and the datapath's own device, which say nothing about the topology.
_HIDDEN_LINKS = frozenset(
    {"ovs-netdev", "ovs-system", "sit0", "ip6tnl0", "gre0", "gretap0", "erspan0", "tunl0", "ip_vti0"}
)


@dataclass
class _Node:
    """A line, and the lines below it."""

    text: str
    children: list[_Node] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        """Yield the line and those below it."""
        yield self.text
        for position, child in enumerate(self.children, 1):
            first, rest = ("└─ ", "   ") if position == len(self.children) else ("├─ ", "│  ")
            for number, line in enumerate(child.lines()):
                yield (rest if number else first) + line


def render_tree(info: Info) -> list[str]:
    """Return the lines of the host, its bridges with their ports, and every namespace; and what reaches each of them.

    Args:
        info: The result of the module topology_info.
    """
    spaces: Sequence[Info] = info["namespaces"]
    is_detailed = len(spaces) <= DETAILED_NAMESPACES
    roots = [_render_host(info), *(_render_namespace(space, is_detailed) for space in spaces)]
    roots.extend(_Node(f"{name} (stale: not a namespace)") for name in info["stale"])
    if not spaces and not info["stale"]:
        roots.append(_Node("no namespaces"))
    roots.extend(_Node(f"not read: {reason}") for reason in info["unreadable"])
    if info.get("exposure"):
        roots.append(_render_exposure(info["exposure"]))
    return [_to_one_line(line) for root in roots for line in root.lines()]


def _render_exposure(exposure: Iterable[Info]) -> _Node:
    found = ((entry["namespace"] or "host", exposure_lines(entry)) for entry in exposure)
    return _Node("reached from", [_Node(name, [*map(_Node, lines)]) for name, lines in found])


def _to_one_line(line: str) -> str:
    """Return a line without the line breaks and control characters of a name or a command in it."""
    return "".join(char if char.isprintable() else "?" for char in line)


# --- the host ------------------------------------------------------------------------------------------------------


def _render_host(info: Info) -> _Node:
    host, switch = info["host"], info["openvswitch"]
    plugged = {name for bridge in switch["bridges"] for port in bridge["ports"] for name in port["interfaces"]}
    node = _Node("host")
    links = _index_links(info)
    for bridge in switch["bridges"]:
        node.children.append(_render_bridge(bridge, host, links))
    if not switch["available"]:
        # The first words name the cause, the rest is the cure.
        node.children.append(_Node(switch["reason"].split(" (")[0].split(":")[0]))
    others = [link for link in host["links"] if link["name"] not in plugged]
    node.children.extend(_Node(line) for line in _format_links(others, links))
    node.children.extend(_Node(line) for line in _format_traits(host))
    return node


def _render_bridge(bridge: Info, host: Info, links: _Links) -> _Node:
    local = next((link for link in host["links"] if link["name"] == bridge["name"]), None)
    words = [bridge["name"], _format_addresses(local) if local else "", f"(Open vSwitch, {bridge['datapath_type']})"]
    if bridge["fail_mode"] == "secure":
        words.append("secure")
    if local is not None and not local["enabled"]:
        words.append("down")
    words.append("" if bridge["works"] else "BROKEN")
    node = _Node(_join([*words, _format_owners(bridge)]))
    for port in bridge["ports"]:
        if not port["local"]:
            node.children.append(_Node(_format_port(port, host, links)))
        elif port["error"]:
            node.children.append(_Node(f"BROKEN ({port['error']})"))
    node.children.extend(
        _Node(f"controller {found['target']} {'connected' if found['connected'] else 'not connected'}")
        for found in bridge["controllers"]
    )
    node.children.extend(
        _Node(_join([describe_mirror(mirror), _format_owners(mirror)])) for mirror in bridge["mirrors"]
    )
    if bridge["flows"]:
        node.children.append(_Node(count_flows(len(bridge["flows"]))))
    return node


def _format_port(port: Info, host: Info, links: _Links) -> str:
    words = [port["name"]]
    if port["interfaces"] != [port["name"]]:
        words.append(f"bond of {', '.join(port['interfaces'])}")
    elif port["type"] != "system":
        options = port["options"]
        towards = options.get("peer") or options.get("remote_ip")
        words.append(f"{port['type']} to {towards}" if towards else port["type"])
    vlans = format_vlans(port["tag"], port["trunks"])
    words.append(_join([vlans, port["vlan_mode"] or "", "protected" if port["protected"] else ""], " "))
    words.append(f"sends by {port['qos']['type']}" if port["qos"] else "")
    words.append(f"BROKEN ({port['error']})" if port["error"] else "")
    link = next((link for link in host["links"] if link["name"] == port["name"]), None)
    if link is not None:
        words.append("" if link["enabled"] else "down")
        words.append(_format_peer(link, links))
    return _join(words)


# --- namespaces ----------------------------------------------------------------------------------------------------


def _render_namespace(space: Info, is_detailed: bool) -> _Node:
    name = _join([space["name"], "" if space["named"] else "(without a name)", _format_owners(space)])
    facts = [*_format_links(space["links"], {}), *_format_traits(space), *_format_processes(space, is_detailed)]
    if is_detailed:
        return _Node(name, [_Node(fact) for fact in facts])
    return _Node(_join([name, "; ".join(facts)]))


def _format_processes(space: Info, is_detailed: bool) -> Iterator[str]:
    found = space["processes"]
    if not is_detailed and found:
        yield "1 process" if len(found) == 1 else f"{len(found)} processes"
        return
    for process in found[:5]:
        yield f"process {process['pid']} of {process['user']}: {_shorten(process['command'])}"
    if len(found) > 5:
        yield f"{len(found) - 5} more processes"


def _format_traits(space: Info) -> Iterator[str]:
    """Yield routes that the kernel did not add, forwarding, masquerading, other NAT rules, and listening sockets."""
    for route in space["routes"]:
        if route["protocol"] != "kernel" and route["type"] in _ROUTE_TYPES:
            yield _format_route(route)
    for rule in space["rules"]:
        if rule["protocol"] != "kernel":
            yield _format_rule(rule)
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
    yield from _format_policy(space["firewall"]["rules"])
    other = sum(
        rule["owner"] is None and rule["verdict"] in ("masquerade", "snat", "dnat", "redirect")
        for rule in space["firewall"]["rules"]
    )
    if other:
        yield f"{other} NAT rule{'s' if other > 1 else ''} without an owner"
    yield from dict.fromkeys(map(_format_socket, space["sockets"]))


def _format_policy(rules: Iterable[Info]) -> Iterator[str]:
    """Yield for each direction and IP version how many rules the policy of a namespace has, and what ends them."""
    chains: dict[tuple[str, str], list[Info]] = {}
    for rule in rules:
        if rule["chain"] in POLICY_CHAINS:
            chains.setdefault((rule["chain"], rule["family"]), []).append(rule)
    for (chain, family), found in sorted(chains.items()):
        last = found[-1]
        default = "deny" if last["verdict"] == "drop" and not last["criteria"] else "allow"
        version = "IPv6" if family == "ip6" else "IPv4"
        owner = f" [{last['owner']}]" if last["owner"] else ""
        count = f"{len(found)} rule{'' if len(found) == 1 else 's'}"
        yield f"policy for {POLICY_CHAINS[chain]} {version}: {count}, default {default}{owner}"


def _format_route(route: Info) -> str:
    words = [route["destination"], "" if route["version"] == 4 or route["destination"] != "default" else "(IPv6)"]
    words.append(route["type"] if route["type"] != "unicast" else "")
    ways = [_format_way(hop) for hop in route["nexthops"] or [route]]
    words.append(" or ".join(ways))
    words.append(f"table {route['table']}" if route["table"] != MAIN_TABLE else "")
    return _join(words, " ")


def _format_way(hop: Info) -> str:
    gateway = f"via {hop['gateway']}" if hop["gateway"] else ""
    return _join([gateway, f"dev {hop['device']}" if hop["device"] else ""], " ")


def _format_rule(rule: Info) -> str:
    """Return a rule in the words of ip-rule(8)."""
    words = [f"rule {rule['priority']}:", *rule["special"]]
    words += [f"{name} {rule[name]}" for name in _SELECTORS if rule[name]]
    words.append("l3mdev" if rule["l3mdev"] else f"lookup {rule['table']}" if rule["table"] else rule["action"])
    return _join(words, " ")


def _format_socket(socket: Info) -> str:
    address = f"[{socket['address']}]" if socket["version"] == 6 else socket["address"]
    programs = ", ".join(dict.fromkeys(_program_name(process["command"]) for process in socket["processes"]))
    return f"listens on {socket['protocol']} {address}:{socket['port']}" + (f" ({programs})" if programs else "")


def _program_name(command: str) -> str:
    words = command.split()
    return words[0].rpartition("/")[2] if words else "?"


# --- links ---------------------------------------------------------------------------------------------------------


def _index_links(info: Info) -> _Links:
    return {
        (space["name"], link["name"]): link for space in (info["host"], *info["namespaces"]) for link in space["links"]
    }


def _format_links(links: Iterable[Info], all_links: _Links) -> Iterator[str]:
    for link in links:
        is_loopback = link["kind"] == "loopback"
        if not is_loopback and (link["enabled"] or link["name"] not in _HIDDEN_LINKS):
            yield _format_link(link, all_links)
        elif is_loopback and not link["enabled"]:
            yield f"{link['name']} down"


def _format_link(link: Info, all_links: _Links) -> str:
    kind = "" if link["kind"] == "veth" else f"({link['kind']})"
    state = "" if link["enabled"] else "down"
    if link["enabled"] and link["state"] in ("lowerlayerdown", "down"):
        state = "no carrier"
    master = f"in {link['master']}" if link["master"] else ""
    return _join([link["name"], _format_addresses(link), kind, state, master, _format_peer(link, all_links)])


def _format_addresses(link: Info) -> str:
    return " ".join(address["address"] for address in link["addresses"] if not address["made_by_kernel"])


def _format_peer(link: Info, all_links: _Links) -> str:
    peer = link["peer"]
    if peer is None:
        return ""
    if peer["name"] is None:
        return "── a link in a namespace that was not found"
    far = all_links.get((peer["namespace"], peer["name"]))
    words = [
        "──",
        peer["name"],
        f"in {peer['namespace']}" if peer["namespace"] else "on the host",
        _format_addresses(far) if far else "",
        "" if far is None or far["enabled"] else "(down)",
    ]
    return _join(words, " ")


def _format_owners(owned: Info) -> str:
    return f"[{', '.join(owned['owners'])}]" if owned["owners"] else ""


def _join(words: Iterable[str], separator: str = "  ") -> str:
    return separator.join(word for word in words if word)


def _shorten(text: str, width: int = 70) -> str:
    return text if len(text) <= width else text[: width - 3] + "..."
