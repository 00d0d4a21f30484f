# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The collected facts as the modules' bulk lists. Pure.

A module that is given its list, with the same owner, changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Resource
from ansible_collections.netns.fabric.plugins.module_utils._facts import isolation_declarations as isolation
from ansible_collections.netns.fabric.plugins.module_utils._facts import kernel_declarations as kernel
from ansible_collections.netns.fabric.plugins.module_utils._facts import nat_declarations as nat
from ansible_collections.netns.fabric.plugins.module_utils._facts import policy_declarations as policy
from ansible_collections.netns.fabric.plugins.module_utils._facts import switch_declarations as switch
from ansible_collections.netns.fabric.plugins.module_utils._facts.exporter import Declaration, Exporter
from ansible_collections.netns.fabric.plugins.module_utils._facts.qdisc_declarations import qdiscs
from ansible_collections.netns.fabric.plugins.module_utils._facts.view import FilteredFacts
from ansible_collections.netns.fabric.plugins.module_utils._resources.isolation import IsolationResource
from ansible_collections.netns.fabric.plugins.module_utils._resources.link import LinkResource
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_masquerade import MasqueradeResource
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_port_forward import PortForwardResource
from ansible_collections.netns.fabric.plugins.module_utils._resources.neighbour import NeighbourResource
from ansible_collections.netns.fabric.plugins.module_utils._resources.netns import NamespaceResource
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovn_chassis import ChassisResource
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_bridge import BridgeResource
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_flow import FlowResource
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_mirror import MirrorResource
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_port import PortResource
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_qos import QosResource
from ansible_collections.netns.fabric.plugins.module_utils._resources.policy import PolicyResource
from ansible_collections.netns.fabric.plugins.module_utils._resources.qdisc import QdiscResource
from ansible_collections.netns.fabric.plugins.module_utils._resources.route import RouteResource
from ansible_collections.netns.fabric.plugins.module_utils._resources.rule import RuleResource
from ansible_collections.netns.fabric.plugins.module_utils._resources.veth import VethResource

#: The lists by their keys in the result, which are those of the filter compile_topology: the name of the module's bulk
#: list, but for the second and third `rules`, the second `links` and the second `bridges`. The filter has no `chassis`.
_LISTS: Mapping[str, tuple[Resource[Any, Any], Callable[[Exporter], Iterator[Declaration]]]] = {
    "namespaces": (NamespaceResource(), kernel.namespaces),
    "pairs": (VethResource(), kernel.pairs),
    "links": (LinkResource(), kernel.links),
    "qdiscs": (QdiscResource(), qdiscs),
    "routes": (RouteResource(), kernel.routes),
    "routing_rules": (RuleResource(), kernel.rules),
    "neighbours": (NeighbourResource(), kernel.neighbours),
    "bridges": (BridgeResource(), switch.bridges),
    "ports": (PortResource(), switch.ports),
    "flows": (FlowResource(), switch.flows),
    "mirrors": (MirrorResource(), switch.mirrors),
    "qos": (QosResource(), switch.qos),
    "chassis": (ChassisResource(), switch.chassis),
    "isolation": (IsolationResource(), isolation.isolated_links),
    "rules": (MasqueradeResource(), nat.masquerade_rules),
    "forwards": (PortForwardResource(), nat.port_forwards),
    "policies": (PolicyResource(), policy.policies),
}


def export_declarations(facts: FilteredFacts) -> tuple[dict[str, list[Declaration] | Declaration], list[str]]:
    """Return the bulk lists, the parameters of the host, and what none of them contains, each with the reason."""
    exporter = Exporter(facts)
    found: dict[str, list[Declaration] | Declaration] = {
        key: exporter.accept(key, resource, export(exporter)) for key, (resource, export) in _LISTS.items()
    }
    found["host_sysctls"] = kernel.host_sysctls(exporter)
    return found, exporter.undeclared
