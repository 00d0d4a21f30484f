# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the ports that a topology publishes lead to, and what can be wrong with that. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.netns.fabric.plugins.module_utils._core.validation import Interface
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.model import (
    Forward,
    Mistakes,
    Topology,
    did_you_mean,
)


def targets(topology: Topology, forward: Forward) -> list[Interface]:
    """The addresses that a port leads to, with their subnets: the one that is named, or of a namespace the first of
    each IP version; of the version of ``address`` where that is given."""
    found: dict[int, Interface] = {}
    for _namespace, address in _candidates(topology, forward):
        if forward.address is None or address.version == forward.address.version:
            found.setdefault(address.version, address)
    return [found[version] for version in sorted(found)]


def _candidates(topology: Topology, forward: Forward) -> Iterator[tuple[str, Interface]]:
    """The namespaces' addresses that ``to`` stands for."""
    for end in topology.ends():
        for address in end.addresses or ():
            here = end.namespace == forward.to if isinstance(forward.to, str) else address.ip == forward.to
            if here and end.namespace is not None and end.name != "lo" and not address.is_link_local:
                yield end.namespace, address


def check_forwards(topology: Topology, mistakes: Mistakes) -> None:
    """Note every mistake in what is published."""
    for forward in topology.forwards:
        _target(topology, forward, mistakes)
    _twice(topology, mistakes)


def _target(topology: Topology, forward: Forward, mistakes: Mistakes) -> None:
    if topology.unread or any(namespace.unsure for namespace in topology.namespaces):
        return  # What is missing may be what could not be read, and that is told.
    names = [namespace.name for namespace in topology.namespaces]
    if isinstance(forward.to, str) and forward.to not in names:
        mistakes.add(
            forward.path, "to", f"{forward.to!r} is not in `topology_namespaces`; {did_you_mean(forward.to, names)}"
        )
    elif not list(_candidates(topology, forward)):
        said = (
            f"namespace {forward.to!r} has no address"
            if isinstance(forward.to, str)
            else f"{forward.to} is not an address of a namespace of this topology"
        )
        mistakes.add(forward.path, "to", f"{said}; give an address that one of its interfaces has")
    elif forward.namespace is not None and any(
        name == forward.namespace for name, _ip in _candidates(topology, forward)
    ):
        mistakes.add(
            forward.path, "to", f"{forward.to} is namespace {forward.namespace!r} itself, which is to be the router"
        )
    elif not targets(topology, forward):
        mistakes.add(
            forward.path,
            "address",
            f"{forward.address} is of another IP version than the addresses of {forward.to}; give one of the same",
        )
    if forward.address is not None and (forward.address.is_loopback or forward.address.is_unspecified):
        mistakes.add(
            forward.path,
            "address",
            f"nothing can be published at {forward.address}; give another address of the host, or leave it out for all",
        )


def _twice(topology: Topology, mistakes: Mistakes) -> None:
    """Ports that two entries publish, as far as a packet could be for both."""
    order = {forward.path: index for index, forward in enumerate(topology.forwards)}
    groups: dict[object, list[Forward]] = {}
    for forward in topology.forwards:
        for target in targets(topology, forward):
            groups.setdefault((forward.namespace, forward.protocol, target.version), []).append(forward)
    told: set[str] = set()
    for group in groups.values():
        earlier: list[Forward] = []
        for forward in sorted(group, key=lambda forward: forward.first_and_last):
            earlier = [other for other in earlier if other.first_and_last[1] >= forward.first_and_last[0]]
            for other in earlier:
                first, second = sorted((forward, other), key=lambda either: order[either.path])
                if _same_packets(forward, other) and second.path not in told:
                    told.add(second.path)
                    mistakes.add(
                        second.path,
                        "publish",
                        f"{second.protocol} port {second.ports} is also published by {first.path}; choose another, "
                        "or give each an `address` or an `in_interface` of its own",
                    )
            earlier.append(forward)


def _same_packets(one: Forward, other: Forward) -> bool:
    pairs = (
        (one.address, other.address),
        (one.options.get("in_interface"), other.options.get("in_interface")),
    )
    return all(mine is None or theirs is None or mine == theirs for mine, theirs in pairs)
