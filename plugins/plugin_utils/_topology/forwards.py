# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The targets of the ports that a topology publishes, and the checks of these entries. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ansible_collections.netns.fabric.plugins.module_utils._core.validation import Interface
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.errors import Errors, suggest
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.model import Forward, Topology


def resolve_targets(topology: Topology, forward: Forward) -> list[Interface]:
    """Return the addresses that a port is forwarded to, with their subnets, at most one for each IP version.

    A namespace stands for its first address of each version. Where ``address`` is given, its version counts only.
    """
    found: dict[int, Interface] = {}
    for _namespace, address in _candidates(topology, forward):
        if forward.address is None or address.version == forward.address.version:
            found.setdefault(address.version, address)
    return [found[version] for version in sorted(found)]


def _candidates(topology: Topology, forward: Forward) -> Sequence[tuple[str, Interface]]:
    """Return the addresses of namespaces that ``to`` stands for, each with its namespace."""
    return topology.forward_targets.get(forward.to, ())


def check_forwards(topology: Topology, errors: Errors) -> None:
    """Note every error in the published ports."""
    # An incomplete entry may be the target, and is reported.
    if not topology.incomplete and not any(namespace.incomplete for namespace in topology.namespaces):
        names = dict.fromkeys(namespace.name for namespace in topology.namespaces)
        for forward in topology.forwards:
            _check_target(topology, forward, names, errors)
    for forward in topology.forwards:
        _check_address(forward, errors)
    _check_duplicates(topology, errors)


def _check_target(topology: Topology, forward: Forward, names: Collection[str], errors: Errors) -> None:
    if isinstance(forward.to, str) and forward.to not in names:
        errors.add(forward.path, "to", f"{forward.to!r} is not in `topology_namespaces`; {suggest(forward.to, names)}")
    elif not _candidates(topology, forward):
        cause = (
            f"namespace {forward.to!r} has no address"
            if isinstance(forward.to, str)
            else f"{forward.to} is not an address of a namespace of this topology"
        )
        errors.add(forward.path, "to", f"{cause}; use an address of one of a namespace's interfaces")
    elif any(name == forward.namespace for name, _address in _candidates(topology, forward)):
        errors.add(
            forward.path,
            "to",
            f"{forward.to} is in namespace {forward.namespace!r}, which is the router of this entry; use another "
            "target, or another `namespace`",
        )
    elif not resolve_targets(topology, forward):
        errors.add(
            forward.path,
            "address",
            f"{forward.address} is of another IP version than the addresses of {forward.to}; use one of the same",
        )


def _check_address(forward: Forward, errors: Errors) -> None:
    if forward.address is not None and (forward.address.is_loopback or forward.address.is_unspecified):
        errors.add(
            forward.path,
            "address",
            f"no port can be published at {forward.address}; use another address of the host, or omit it for all",
        )


def _check_duplicates(topology: Topology, errors: Errors) -> None:
    """Check that no two entries publish the same port to the same packets."""
    order = {forward.path: index for index, forward in enumerate(topology.forwards)}
    groups: dict[object, list[Forward]] = {}
    for forward in topology.forwards:
        for target in resolve_targets(topology, forward):
            groups.setdefault((forward.namespace, forward.protocol, target.version), []).append(forward)
    reported: set[str] = set()
    for group in groups.values():
        earlier: list[Forward] = []
        for forward in sorted(group, key=lambda forward: forward.port_range):
            earlier = [other for other in earlier if other.port_range[1] >= forward.port_range[0]]
            for other in earlier:
                first, second = sorted((forward, other), key=lambda either: order[either.path])
                if _match_same_packets(forward, other) and second.path not in reported:
                    reported.add(second.path)
                    errors.add(
                        second.path,
                        "publish",
                        f"{second.protocol} port {second.ports} is also published by {first.path}; use another port, "
                        "or set a different `address` or `in_interface` in each",
                    )
            earlier.append(forward)


def _match_same_packets(one: Forward, other: Forward) -> bool:
    pairs = (
        (one.address, other.address),
        (one.options.get("in_interface"), other.options.get("in_interface")),
    )
    return all(mine is None or theirs is None or mine == theirs for mine, theirs in pairs)
