# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files of a namespace in /etc/netns/NAME, which `ip netns exec` mounts over those in /etc (ip-netns(8)). Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Operation
from ansible_collections.netns.fabric.plugins.module_utils._resources import (
    netns_hosts,
    netns_nsswitch,
    netns_resolver,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.netns_file_plan import FilePlan


@dataclass(frozen=True)
class Wanted:
    """What the files are to have; None: untouched."""

    resolver: netns_resolver.Wanted = field(default_factory=netns_resolver.Wanted)
    #: The lines of the file of hosts.
    hosts: tuple[str, ...] | None = None


@dataclass(frozen=True)
class FilesPlan:
    """What happens to the files of one namespace: what they have, by name, and the operations."""

    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)
    operations: tuple[Operation, ...] = ()


#: The files of the host that those of a namespace depend on.
OF_THE_HOST = (netns_hosts.HOST_FILE, netns_nsswitch.HOST_FILE)


def paths(namespace: str) -> list[str]:
    """Return the paths to read for a namespace."""
    return [
        netns_resolver.path(namespace),
        netns_resolver.original(namespace),
        netns_hosts.path(namespace),
        netns_nsswitch.path(namespace),
    ]


def plan(namespace: str, wanted: Wanted, files: Mapping[str, str | None], owner: str | None) -> FilesPlan:
    """Plan the files of a namespace that is to be present."""
    resolver = netns_resolver.plan(namespace, wanted.resolver, files, owner)
    hosts = netns_hosts.plan(namespace, wanted.hosts, files, owner)
    is_asked = resolver.is_managed or hosts.is_managed
    nsswitch = (netns_nsswitch.plan if is_asked else netns_nsswitch.plan_absent)(namespace, files, owner)
    return _join(resolver, hosts, nsswitch)


def plan_absent(namespace: str, files: Mapping[str, str | None], owner: str | None) -> FilesPlan:
    """Plan the removal of what this collection has written."""
    each: Sequence[Callable[[str, Mapping[str, str | None], str | None], FilePlan]] = (
        netns_resolver.plan_absent,
        netns_hosts.plan_absent,
        netns_nsswitch.plan_absent,
    )
    return _join(*(function(namespace, files, owner) for function in each))


def _join(*plans: FilePlan) -> FilesPlan:
    return FilesPlan(
        before={name: value for each in plans for name, value in each.before.items()},
        after={name: value for each in plans for name, value in each.after.items()},
        operations=tuple(chain.from_iterable(each.operations for each in plans)),
    )
