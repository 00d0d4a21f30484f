# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The writes that create links of any kind, and change what is their kind's own. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Phase
from ansible_collections.netns.fabric.plugins.module_utils._kernel import wireguard
from ansible_collections.netns.fabric.plugins.module_utils._kernel.attributes import Kind
from ansible_collections.netns.fabric.plugins.module_utils._kernel.kinds import KINDS
from ansible_collections.netns.fabric.plugins.module_utils._kernel.operations import (
    KernelOperation,
    inside,
    ip,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.outer_packets import is_multicast
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import NamespaceName

#: Options with their values, in the order of the kind's row.
Pairs = tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class CreateLink(KernelOperation):
    """Create a link of a kind.

    `source` is the namespace that it is created from: that of its parent, or of its outer packets. A link on one that
    is moved is created after that.
    """

    namespace: NamespaceName
    name: str
    kind_name: str
    values: Pairs = ()
    source: NamespaceName = None
    parent: str | None = None
    mac: str | None = None
    mtu: int | None = None
    phase: Phase = Phase.CREATE

    @property
    def kind(self) -> Kind:
        return KINDS[self.kind_name]

    @property
    def form(self) -> object:
        """What the kernel's answer depends on, as far as it is known beforehand."""
        known = [
            (name, (":" in value, is_multicast(value)) if self.kind.attribute(name).is_address else value)
            for name, value in self.values
            if not self.kind.attribute(name).required
        ]
        return self.kind_name, tuple(known), self.parent is not None, self.mtu

    def commands(self) -> Sequence[str]:
        own = self.kind.words(dict(self.values))
        if self.kind.device:
            return [ip(self.namespace, "tuntap", "add", "dev", self.name, "mode", self.kind_name, *own)]
        settings = [
            *(["address", self.mac] if self.mac else []),
            *(["mtu", str(self.mtu)] if self.mtu else []),
        ]
        link = ["link", self.parent] if self.parent and self.kind.on_parent else []
        lower = ["dev", self.parent] if self.parent and not self.kind.on_parent else []
        start = ip(self.source, "link", "add", *link, "name", self.name, *settings)
        rest = ip(None, "type", self.kind_name, *own, *lower).partition(" ")[2]
        if self.namespace == self.source:
            return [f"{start} {rest}"]
        # The host's namespace has no name; the pid of the shell that the line is pasted into stands for it.
        where = ip(None, "netns", self.namespace).partition(" ")[2] if self.namespace else "netns $$"
        return [f"{start} {where} {rest}"]


@dataclass(frozen=True)
class ChangeLink(KernelOperation):
    """Change options of a link's kind in place."""

    namespace: NamespaceName
    link: str
    kind_name: str
    values: Pairs

    def commands(self) -> Sequence[str]:
        own = KINDS[self.kind_name].words(dict(self.values))
        return [ip(self.namespace, "link", "set", "dev", self.link, "type", self.kind_name, *own)]


@dataclass(frozen=True)
class ConfigureLink(KernelOperation):
    """Set options of a link whose kind has them by generic netlink; `former` are those that it has."""

    namespace: NamespaceName
    link: str
    values: Pairs
    former: Pairs = ()

    def commands(self) -> Sequence[str]:
        start = inside(self.namespace, "wg", "set", self.link)
        # A key stands in a substitution of the shell, not in a file.
        words = wireguard.words(dict(self.values), dict(self.former))
        return [" ".join([start, *(each if each.startswith("<(") else shlex.quote(each) for each in words)])]


@dataclass(frozen=True)
class SetMaster(KernelOperation):
    """Make a link a member of another one (a port of a bridge, of a bond, of a VRF), or of none."""

    namespace: NamespaceName
    link: str
    master: str

    def commands(self) -> Sequence[str]:
        words = ["master", self.master] if self.master else ["nomaster"]
        return [ip(self.namespace, "link", "set", "dev", self.link, *words)]
