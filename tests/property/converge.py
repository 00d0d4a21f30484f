# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a topology's modules in the order in which the role does, in this process: a case costs a second, not ten."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils import _bulk
from ansible_collections.netns.fabric.plugins.module_utils._interface import InterfaceResource
from ansible_collections.netns.fabric.plugins.module_utils._namespace import NamespaceResource
from ansible_collections.netns.fabric.plugins.module_utils._nat_masquerade import MasqueradeResource
from ansible_collections.netns.fabric.plugins.module_utils._nat_port_forward import PortForwardResource
from ansible_collections.netns.fabric.plugins.module_utils._ovs_bridge import BridgeResource
from ansible_collections.netns.fabric.plugins.module_utils._ovs_port import PortResource
from ansible_collections.netns.fabric.plugins.module_utils._route import RouteResource
from ansible_collections.netns.fabric.plugins.module_utils._topology import compile_topology
from ansible_collections.netns.fabric.plugins.module_utils._veth import VethResource

Variables = Mapping[str, Any]

_RESOURCES: Mapping[str, _bulk.Resource[Any, Any]] = {
    "namespaces": NamespaceResource(),
    "bridges": BridgeResource(),
    "pairs": VethResource(),
    "interfaces": InterfaceResource(),
    "ports": PortResource(),
    "routes": RouteResource(),
    "rules": MasqueradeResource(),
    "forwards": PortForwardResource(),
}
_PRESENT = ("namespaces", "bridges", "pairs", "interfaces", "ports", "routes", "rules", "forwards")
_ABSENT = ("ports", "interfaces", "bridges", "rules", "forwards", "pairs", "namespaces")


@dataclass(frozen=True)
class Step:
    """One module's call: the list that it is given and the options of the call."""

    module: str
    entries: tuple[Mapping[str, Any], ...]
    owner: str

    def run(self, *, check: bool) -> dict[str, Any]:
        """Do what the module's main() does between its argument spec and its exit."""
        resource = _RESOURCES[self.module]
        return _bulk.converge(resource, _parameters(resource, self), check_mode=check)


def steps(variables: Variables) -> list[Step]:
    """The calls that build a topology, or take it down, in their order."""
    lists = compile_topology(variables)
    order = _ABSENT if variables.get("state") == "absent" else _PRESENT
    return [Step(module, tuple(lists[module]), variables["name"]) for module in order]


def converge(variables: Variables) -> list[str]:
    """Build a topology, or take it down; the commands of everything that changed."""
    return [command for step in steps(variables) for command in step.run(check=False)["commands"]]


def _parameters(resource: _bulk.Resource[Any, Any], step: Step) -> dict[str, Any]:
    """The module's parameters as its argument spec would have filled them in."""
    spec = _bulk.argument_spec(resource)
    options = spec[resource.list_option]["options"]
    parameters = {name: option.get("default") for name, option in spec.items()}
    given: dict[str, Any] = {resource.list_option: [_filled_in(options, entry) for entry in step.entries]}
    given.update({"exact": True} if "exact" in spec else {"owner": step.owner, "prune": True})
    return {**parameters, **given}


def _filled_in(options: Mapping[str, Any], entry: Mapping[str, Any]) -> dict[str, Any]:
    filled = {name: option.get("default") for name, option in options.items()}
    for name, value in entry.items():
        inner = options[name].get("options")
        filled[name] = _filled_in(inner, value) if inner and isinstance(value, Mapping) else value
    return filled


def main() -> None:
    """Build the topology that comes as a line of JSON on standard input.

    `ready` on standard output says that it can begin, which it does at the next line or the end of standard input.
    """
    variables = json.loads(sys.stdin.readline())
    # What is imported when it is first needed takes longer than the whole of the work: a run that is to be killed at
    # some moment of its work, or to meet another one at its work, has to have that behind it.
    for step in steps(variables):
        step.run(check=True)
    print("ready", flush=True)  # noqa: T201  # the sign that the parent waits for
    sys.stdin.readline()
    converge(variables)


if __name__ == "__main__":
    main()
