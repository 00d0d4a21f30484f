# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was found on the host as the modules' bulk lists: given back to them, with the same owner, they change nothing.

Pure. Every entry is judged by its module's own reading of options before it is given out; what cannot be declared is
told instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ansible_collections.netns.fabric.plugins.module_utils._core import validation
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import STATE, Resource
from ansible_collections.netns.fabric.plugins.module_utils._facts.view import (
    SYSCTLS,
    Visit,
    destination_of,
    name_at,
    owner_of,
    unmarked,
)
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import NAT_HOOKS, Rule
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import Link, NamespaceName, NamespaceState
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.rows import OWN_DEVICES
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Bridge, Port
from ansible_collections.netns.fabric.plugins.module_utils._resources import nat_masquerade as masquerade
from ansible_collections.netns.fabric.plugins.module_utils._resources import nat_port_forward as port_forward
from ansible_collections.netns.fabric.plugins.module_utils._resources import netns_resolver
from ansible_collections.netns.fabric.plugins.module_utils._resources.link import LinkResource
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_settings import place
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_model import (
    FORWARDING,
    RuleKey,
    RuleScheme,
    RuleSpec,
    hook_of,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.netns import FALLBACK_LINKS, NamespaceResource
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_bridge import PROTOCOLS, BridgeResource
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_port import WITHOUT_DEVICE, PortResource
from ansible_collections.netns.fabric.plugins.module_utils._resources.route import (
    IPV6_METRIC,
    MAIN_TABLE,
    RouteResource,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.veth import VethResource

if TYPE_CHECKING:
    from ansible_collections.netns.fabric.plugins.module_utils._facts.view import View

Declaration = dict[str, Any]


def declared(view: View) -> tuple[dict[str, list[Declaration]], list[str]]:
    """The bulk lists, and what was found and is in none of them, each with the reason.

    Each is named as the filter compile_topology names it: like the module's option, but for the second `rules`.
    """
    author = _Author(view)
    lists: Sequence[tuple[Resource[Any, Any], Callable[[], Iterator[Declaration]]]] = (
        (NamespaceResource(), author.namespaces),
        (VethResource(), author.pairs),
        (LinkResource(), author.links),
        (RouteResource(), author.routes),
        (BridgeResource(), author.bridges),
        (PortResource(), author.ports),
        (masquerade.MasqueradeResource(), author.rules),
        (port_forward.PortForwardResource(), author.forwards),
    )
    found = {write.__name__: author.accepted(resource, write()) for resource, write in lists}
    return found, author.undeclared


class _Author:
    """Writes the lists."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._findings = view.findings
        self._owner = view.filters.owner
        self.undeclared: list[str] = []
        kernel = view.findings.kernel
        #: Each namespace once, also where it has two names, and by a name.
        self._named: dict[int, NamespaceName] = {view.findings.identities[None].inode: None}
        for name in sorted(kernel.namespaces, key=str):
            if name is not None and not name.startswith("/") and name in view.findings.identities:
                self._named.setdefault(view.findings.identities[name].inode, name)
        seen = [name for name in view.names if name in self._named.values()]
        #: The namespaces that are reported, the host's own among them unless certain ones were asked for.
        self._places: list[NamespaceName] = [] if view.filters.namespaces is not None else [None]
        self._places.extend(seen)

    def accepted(self, resource: Resource[Any, Any], entries: Iterator[Declaration]) -> list[Declaration]:
        """The entries that the module takes."""
        options = {**resource.entry_options, "state": STATE}
        keys: set[object] = set()
        found: list[Declaration] = []
        for entry in entries:
            name = str(entry[resource.identity])
            try:
                desired = resource.desired(Entry(name), _filled(options, entry))
            except FabricError as error:
                self.undeclared.append(f"{resource.list_option}: {error}")
                continue
            if resource.key(desired) in keys:
                self.undeclared.append(f"{resource.list_option}: {name}: there is another that counts as the same")
                continue
            keys.add(resource.key(desired))
            found.append(entry)
        return found

    def _leave_out(self, what: str, why: str) -> None:
        self.undeclared.append(f"{what}: {why}")

    def _state(self, name: NamespaceName) -> NamespaceState:
        return self._findings.kernel.namespace(name)

    def _has(self, subset: str) -> bool:
        return subset in self._findings.wanted

    # Namespaces

    def namespaces(self) -> Iterator[Declaration]:
        for other in self._view.names:
            if other not in self._named.values():
                label = self._findings.label(other)
                self._leave_out(f"namespaces: {label}", "it has no name, or is known by another one already")
        for name in self._places:
            state = self._state(name)
            if name is None or not self._view.owns_namespace(state):
                continue
            loopback = state.link("lo")
            if loopback is not None and not loopback.up and (self._owner is not None or _is_bare(state)):
                self._leave_out(f"namespaces: {name}", "its loopback is down, and netns.fabric.netns would set it up")
                continue
            yield {"name": name, **self._resolver(name), **self._sysctls(name)}

    def _resolver(self, name: str) -> Declaration:
        """What is in the resolver's file, where writing it again would leave it as it is."""
        text = self._findings.resolvers.get(name)
        if text is None or not text.startswith(netns_resolver.HEADER):
            return {}
        lines = [line.split() for line in text.splitlines()]
        servers = tuple(words[1] for words in lines if words[:1] == ["nameserver"] and len(words) > 1)
        domains = tuple(domain for words in lines if words[:1] == ["search"] for domain in words[1:])
        again = netns_resolver.Wanted(servers or None, domains or None)
        if netns_resolver.plan(name, again, {netns_resolver.path(name): text}, self._owner).operations:
            return {}
        found = {"nameservers": list(servers), "search": list(domains)}
        return {option: value for option, value in found.items() if value}

    def _sysctls(self, name: str) -> Declaration:
        visit = self._findings.visits.get(name) or Visit()
        differing = {key: value for key, value in visit.sysctls.items() if value != SYSCTLS[key]}
        return {"sysctls": differing} if differing else {}

    # Links

    def pairs(self) -> Iterator[Declaration]:
        done: set[frozenset[tuple[str, int]]] = set()
        for name in self._places:
            for link in self._view.links(name):
                if link.kind != "veth":
                    continue
                far = self._findings.kernel.far_end(link)
                if far is None or (far[0] or "").startswith("/"):
                    self._leave_out(f"pairs: {place(name, link.name)}", "its far end is in no namespace with a name")
                    continue
                far_place = self._named[self._findings.identities[far[0]].inode]
                ends = [(name, link), (far_place, far[1])]
                identity = frozenset((str(where), end.index) for where, end in ends)
                if identity not in done:
                    done.add(identity)
                    # The end in a namespace first, as a person would write it.
                    ends.sort(key=lambda end: (end[0] is None, str(end[0]), end[1].name))
                    yield {**self._end(*ends[0]), "peer": self._end(*ends[1])}

    def _end(self, name: NamespaceName, link: Link) -> Declaration:
        checksum = {} if link.tx_checksum is None else {"tx_checksum": link.tx_checksum}
        return {**self._link(name, link), **_if_valid("mac", validation.mac_address, link.mac), **checksum}

    def links(self) -> Iterator[Declaration]:
        for name in self._places:
            for link in self._view.links(name):
                if link.kind != "veth" and link.name not in FALLBACK_LINKS | OWN_DEVICES:
                    entry = self._link(name, link)
                    if not link.loopback or not link.up or entry.get("addresses"):
                        yield entry

    def _link(self, name: NamespaceName, link: Link) -> Declaration:
        entry: Declaration = {"name": link.name}
        if name is not None:
            entry["namespace"] = name
        # Open vSwitch sets that of its own links: see `bridges` and `ports`.
        of_switch = name is None and self._is_internal(link.name)
        mtu = {} if link.loopback or of_switch else _if_valid("mtu", validation.mtu, link.mtu)
        return {**entry, **self._addresses(name, link), **mtu, "enabled": link.up}

    def _is_internal(self, link: str) -> bool:
        found = self._findings.switch.port_with(link)
        return found is not None and (found[1].interface.type == "internal" or found[0].name == link)

    def _addresses(self, name: NamespaceName, link: Link) -> Declaration:
        if not self._has("addresses"):
            return {}
        found = [address for address in self._state(name).addresses_of(link) if not address.made_by_kernel]
        if any(address.peer is not None for address in found):
            self._leave_out(f"the addresses of {place(name, link.name)}", "one of them has a far address (peer)")
            return {}
        return {"addresses": [str(address.interface) for address in found]}

    # Routes

    def routes(self) -> Iterator[Declaration]:
        for name in self._places:
            state = self._state(name)
            if self._owner is not None and (name is None or not self._view.owns_namespace(state)):
                continue
            for route in state.routes:
                if not route.static:
                    continue
                if route.special or route.tos or route.origin:
                    what = f"routes: {route.destination} in {name or 'the host'}"
                    self._leave_out(what, "it has more to it than netns.fabric.route knows (a type, several next hops)")
                    continue
                implied = IPV6_METRIC if route.version == 6 else 0
                plain = route.version == 6 and not route.gateway and not route.source
                entry = {
                    "namespace": name,
                    "destination": route.destination if plain else destination_of(route),
                    "gateway": route.gateway,
                    "device": name_at(state, route.device),
                    "metric": None if route.metric == implied else route.metric,
                    "table": None if route.table == MAIN_TABLE else route.table,
                    "source": route.source,
                }
                yield {option: value for option, value in entry.items() if value is not None}

    # Open vSwitch

    def bridges(self) -> Iterator[Declaration]:
        for bridge in self._view.bridges():
            if not self._view.owns(bridge.owners):
                continue
            what = f"bridges: {bridge.name}"
            if bridge.name in self._findings.lost:
                self._leave_out(what, "its own device is gone")
                continue
            if bridge.row.columns.get("controller", ()) != ():
                self._leave_out(f"{what}: its controllers", "netns.fabric.ovs_bridge leaves them alone")
            working = bridge.works and (bridge.datapath_type != "system" or self._findings.system_works)
            entry = {
                "name": bridge.name,
                "datapath_type": bridge.datapath_type if working else None,
                "fail_mode": bridge.fail_mode,
                "protocols": list(bridge.protocols) if set(bridge.protocols) <= set(PROTOCOLS) else None,
                "external_ids": unmarked(bridge.external_ids),
                "other_config": dict(bridge.other_config),
                "mtu": bridge.local.mtu_request if bridge.local else None,
            }
            yield {option: value for option, value in entry.items() if value}

    def ports(self) -> Iterator[Declaration]:
        for bridge in self._view.bridges():
            for port in self._view.ports(bridge):
                if not self._view.owns(port.owners):
                    continue
                why = self._obstacle(bridge, port)
                if why:
                    self._leave_out(f"ports: {port.name}", why)
                    continue
                entry = _port(bridge, port)
                if port.name != bridge.name or len(entry) > 3:
                    yield entry

    def _obstacle(self, bridge: Bridge, port: Port) -> str:
        """Why a port cannot be declared as it is; empty for nothing."""
        if len(port.interfaces) != 1:
            return "it is a bond"
        if port.fake_bridge:
            return "it is a VLAN bridge (ovs-vsctl calls it fake)"
        if not bridge.works:
            return f"its bridge {bridge.name} does not work"
        return self._findings.fault(bridge, port.interface)

    # Address translation

    def rules(self) -> Iterator[Declaration]:
        """For nat_masquerade."""
        for name in self._places:
            others = sum(owner_of(rule.comment) is None for _chain, rule in self._view.rules.get(name, ()))
            if others and self._owner is None:
                self._leave_out(f"rules: {others} in {name or 'the host'}", "they bear no mark of this collection")
            for subject, found in self._recognised(name, masquerade.SCHEME).items():
                if isinstance(subject, masquerade.Source):
                    yield from self._masquerading(name, subject, found)

    def forwards(self) -> Iterator[Declaration]:
        """For nat_port_forward."""
        for name in self._places:
            for subject, found in self._recognised(name, port_forward.SCHEME).items():
                if isinstance(subject, port_forward.Listener):
                    yield from self._publishing(name, subject, found)

    def _recognised(self, name: NamespaceName, scheme: RuleScheme) -> dict[RuleKey, list[tuple[str, str, Rule]]]:
        """The rules of a kind that are to be declared, by what they are about: what each is for, on which hook."""
        ours: dict[RuleKey, list[tuple[str, str, Rule]]] = {}
        for chain, rule in self._view.rules.get(name, ()):
            found = scheme.recognise(chain.place, rule)
            if found is not None and found.owner == (self._owner or ""):
                ours.setdefault(found.key, []).append((found.role, hook_of(chain.place), rule))
        return ours

    def _masquerading(
        self, name: NamespaceName, subject: masquerade.Source, rules: Sequence[tuple[str, str, Rule]]
    ) -> Iterator[Declaration]:
        if not _complete(masquerade.SCHEME.specs(subject)[:1], rules):
            self._leave_out(f"rules: {subject} in {name or 'the host'}", "somebody has altered it")
            return
        accepted = any(role == masquerade.ACCEPT_OUT for role, _hook, _rule in rules)
        yield _given(namespace=name, **subject.options(), **self._forwarding(name, subject.version, accepted))

    def _publishing(
        self, name: NamespaceName, listener: port_forward.Listener, rules: Sequence[tuple[str, str, Rule]]
    ) -> Iterator[Declaration]:
        targets = {rule.target for role, _hook, rule in rules if role == port_forward.DNAT}
        hairpins = [rule.values("saddr") for role, _hook, rule in rules if role == port_forward.HAIRPIN]
        accepted = any(role == port_forward.ACCEPT_IN for role, _hook, _rule in rules)
        address, port = _target(targets.pop()) if len(targets) == 1 else (None, None)
        entry = _given(
            namespace=name,
            **listener.options(),
            to_address=address,
            to_port=port,
            hairpin=next((network for networks in hairpins for network in networks), None),
            **self._forwarding(name, listener.version, accepted),
        )
        resource = port_forward.PortForwardResource()
        try:
            wanted = resource.desired(Entry(listener.ports), _filled({**resource.entry_options, "state": STATE}, entry))
        except FabricError:
            wanted = None
        meant = [part for part in wanted.specs() if part.hook in NAT_HOOKS] if wanted else []
        if not wanted or wanted.key != listener or not _complete(meant, rules):
            self._leave_out(f"forwards: {listener} in {name or 'the host'}", "somebody has altered it")
            return
        yield entry

    def _forwarding(self, name: NamespaceName, version: int, accepted: bool) -> Declaration:
        visit = self._findings.visits.get(name) or Visit()
        blocked = bool(self._findings.rulesets[name].obstacles(version))
        return {
            "ip_forward": visit.sysctls.get(FORWARDING[version], "1") == "1",
            "accept_forward": "never" if blocked and not accepted else "auto",
        }


def _given(**options: Any) -> Declaration:
    return {option: value for option, value in options.items() if value is not None}


def _complete(parts: Sequence[RuleSpec], rules: Sequence[tuple[str, str, Rule]]) -> bool:
    """Whether each part of a translation is there, and nothing else is."""
    translating = [(hook, rule) for _role, hook, rule in rules if hook in NAT_HOOKS]
    lacking = [part for part in parts if not any(_is(part, *found) for found in translating)]
    altered = [found for found in translating if not any(_is(part, *found) for part in parts)]
    return bool(parts) and not lacking and not altered


def _is(part: RuleSpec, hook: str, rule: Rule) -> bool:
    return part.hook == hook and part.same_as(rule)


def _target(target: str) -> tuple[str | None, int | None]:
    """Where a rule leads to: ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT; without an address for anything else."""
    match = re.fullmatch(r"\[(?P<bracketed>[^]]+)]:(?P<of>\d+)|(?P<v4>[^:]+):(?P<port>\d+)|(?P<plain>.+)", target)
    if match is None:
        return None, None
    port = match["of"] or match["port"]
    return match["bracketed"] or match["v4"] or match["plain"], int(port) if port else None


def _port(bridge: Bridge, port: Port) -> Declaration:
    interface = port.interface
    is_local = port.name == bridge.name
    options = {
        "type": interface.type if interface.type != "system" and not is_local else None,
        "tag": port.tag,
        "trunks": list(port.trunks) or None,
        "vlan_mode": port.vlan_mode,
        "protected": port.protected or None,
        "mac": interface.mac if interface.type == "internal" else None,
        "mtu": interface.mtu_request if interface.type not in WITHOUT_DEVICE and not is_local else None,
        "options": dict(interface.options) or None,
        "external_ids": unmarked(port.external_ids) or None,
        "other_config": dict(port.other_config) or None,
    }
    given = {option: value for option, value in options.items() if value is not None}
    # The checksums of the far end are the pair's to say: see `pairs`.
    return {"name": port.name, "bridge": bridge.name, "tx_checksum": "keep", **given}


def _if_valid(option: str, check: Callable[[Any], Any], value: Any) -> Declaration:
    """A setting that the kernel has and an option may not: no hardware address, an MTU above Ethernet's."""
    try:
        return {option: check(value)}
    except ValueError:
        return {}


def _is_bare(state: NamespaceState) -> bool:
    """Nobody has put anything into it, so that netns.fabric.netns would take it over."""
    links = [link for link in state.links if not link.loopback and link.name not in FALLBACK_LINKS]
    return not links and all(address.made_by_kernel for address in state.addresses)


def _filled(options: Mapping[str, Mapping[str, Any]], entry: Mapping[str, Any]) -> dict[str, Any]:
    """An entry with all options, as Ansible gives it to a module."""
    filled = {name: entry.get(name, option.get("default")) for name, option in options.items()}
    for name, option in options.items():
        if isinstance(filled[name], dict) and "options" in option:
            filled[name] = _filled(option["options"], filled[name])
    return filled
