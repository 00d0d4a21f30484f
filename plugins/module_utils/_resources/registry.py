# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The state modules and their resources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Resource
from ansible_collections.netns.fabric.plugins.module_utils._resources.isolation import IsolationResource
from ansible_collections.netns.fabric.plugins.module_utils._resources.link import LinkResource
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_masquerade import MasqueradeResource
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_port_forward import PortForwardResource
from ansible_collections.netns.fabric.plugins.module_utils._resources.neighbour import NeighbourResource
from ansible_collections.netns.fabric.plugins.module_utils._resources.netns import NamespaceResource
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovn_acl import GroupResource
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovn_chassis import ChassisResource
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovn_router import RouterResource
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovn_switch import SwitchResource
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

#: The resources by the name of their module.
RESOURCES: Mapping[str, Resource[Any, Any]] = {
    "isolation": IsolationResource(),
    "link": LinkResource(),
    "nat_masquerade": MasqueradeResource(),
    "nat_port_forward": PortForwardResource(),
    "neighbour": NeighbourResource(),
    "netns": NamespaceResource(),
    "ovn_acl": GroupResource(),
    "ovn_chassis": ChassisResource(),
    "ovn_router": RouterResource(),
    "ovn_switch": SwitchResource(),
    "ovs_bridge": BridgeResource(),
    "ovs_flow": FlowResource(),
    "ovs_mirror": MirrorResource(),
    "ovs_port": PortResource(),
    "ovs_qos": QosResource(),
    "policy": PolicyResource(),
    "qdisc": QdiscResource(),
    "route": RouteResource(),
    "rule": RuleResource(),
    "veth": VethResource(),
}
