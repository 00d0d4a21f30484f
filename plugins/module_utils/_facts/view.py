# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The part of the host's facts that the filters admit. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.netns.fabric.plugins.module_utils._facts.firewall_view import nat_rules, owner_of
from ansible_collections.netns.fabric.plugins.module_utils._facts.model import Filters, HostFacts
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import Chain, Rule
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import Link, NamespaceName, NamespaceState
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.flows import Flow, cookie_of
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.northbound_state import owners_of
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Bridge, Port


class FilteredFacts:
    """The host's facts as the filters admit them."""

    def __init__(self, host: HostFacts, filters: Filters) -> None:
        self.host = host
        self.filters = filters
        #: The rules that do NAT, see forwarded packets or are a policy's, whoever owns them.
        self.rules = {name: list(nat_rules(ruleset)) for name, ruleset in host.rulesets.items()}
        #: The namespaces that are reported, without the host's own.
        self.names = [name for name in host.kernel.namespaces if name is not None and self._admits(name)]

    def _admits(self, name: str) -> bool:
        if name not in self.host.inside or not self.filters.admit(self.host.label(name)):
            return False
        state = self.host.kernel.namespace(name)
        return self.owns_namespace(state) or bool(self.links(name)) or bool(self.owned_rules(name))

    def owns(self, owners: Iterable[str]) -> bool:
        """Return whether the owner is one of these; without an owner, everything counts as owned."""
        return self.filters.owner is None or self.filters.owner in owners

    def owns_namespace(self, state: NamespaceState) -> bool:
        """Return whether the owner owns a namespace."""
        return self.owns(namespace_owners(state))

    def links(self, name: NamespaceName) -> list[Link]:
        """Return the links to be reported: all in a namespace that the owner owns, else those that the owner owns."""
        state = self.host.kernel.namespace(name)
        if name is not None and self.owns_namespace(state):
            return list(state.links)
        return [link for link in state.links if self.owns(link.owners)]

    def owned_rules(self, name: NamespaceName) -> list[tuple[Chain, Rule]]:
        """Return the rules to be reported."""
        owner = self.filters.owner
        return [
            (chain, rule)
            for chain, rule in self.rules.get(name, ())
            if owner is None or owner_of(rule.comment) == owner
        ]

    def bridges(self) -> list[Bridge]:
        """Return the bridges to be reported: those that the owner owns, or owns a port of."""
        wanted = self.filters.bridges
        return [
            bridge
            for bridge in self.host.switch.bridges
            if (wanted is None or bridge.name in wanted)
            and (self.owns(bridge.owners) or any(self.owns(port.owners) for port in bridge.ports))
        ]

    def ports(self, bridge: Bridge) -> list[Port]:
        """Return the ports of a bridge to be reported."""
        return [port for port in bridge.ports if self.owns(port.owners) or self.owns(bridge.owners)]

    def flows(self, bridge: Bridge) -> list[tuple[Flow, str | None]]:
        """Return the flows of a bridge to be reported, each with its owner, as far as one with that cookie is known."""
        names = {cookie_of(owner): owner for owner in (*self.owners(), *filter(None, [self.filters.owner]))}
        found = [(flow, names.get(cookie)) for cookie, flow in self.host.flows.get(bridge.name, ())]
        return [(flow, owner) for flow, owner in found if self.filters.owner in (None, owner)]

    def owners(self) -> list[str]:
        """Return every owner of anything on the host, whatever the filters."""
        kernel, switch = self.host.kernel, self.host.switch
        found = {owner for _name, link in kernel.links() for owner in link.owners}
        found.update(owner for bridge in switch.bridges for owner in bridge.owners)
        found.update(owner for bridge in switch.bridges for port in bridge.ports for owner in port.owners)
        found.update(owner for row in self.host.northbound.rows.values() for owner in owners_of(row))
        found.update(record.owner for record, _value in self.host.host_sysctls.values())
        of_rules = (owner_of(rule.comment) for rules in self.rules.values() for _chain, rule in rules)
        found.update(owner for owner in of_rules if owner)
        return sorted(found)


def namespace_owners(state: NamespaceState) -> tuple[str, ...]:
    """Return the owners of a namespace, which its loopback names."""
    loopback = state.link("lo")
    return loopback.owners if loopback else ()
