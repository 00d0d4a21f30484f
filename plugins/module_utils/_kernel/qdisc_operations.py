# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The writes that set and delete qdiscs, each with the tc(8) line that does the same. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.netns.fabric.plugins.module_utils._kernel.kind_operations import Pairs
from ansible_collections.netns.fabric.plugins.module_utils._kernel.operations import KernelOperation
from ansible_collections.netns.fabric.plugins.module_utils._kernel.qdisc_kinds import MARK, QDISC_KINDS, QdiscKind
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import NamespaceName

#: How a qdisc is set: it is new, has the place of one with another handle, or has other options from now on.
ADD, REPLACE, CHANGE = "add", "replace", "change"


def tc(namespace: NamespaceName, *arguments: str) -> str:
    """Return a tc(8) line for a namespace."""
    return shlex.join(["tc", *(["-n", namespace] if namespace else []), *arguments])


@dataclass(frozen=True)
class SetQdisc(KernelOperation):
    """Set the qdisc of a link: for what leaves by it, or (ingress) for what arrives."""

    namespace: NamespaceName
    link: str
    kind_name: str
    values: Pairs = ()
    verb: str = ADD

    @property
    def kind(self) -> QdiscKind:
        return QDISC_KINDS[self.kind_name]

    @property
    def handle(self) -> int:
        return self.kind.handle(dict(self.values))

    @property
    def form(self) -> object:
        """What the kernel's answer depends on."""
        return self.kind_name, () if self.kind.ingress else self.values

    def commands(self) -> Sequence[str]:
        if self.kind.ingress:
            return [tc(self.namespace, "qdisc", self.verb, "dev", self.link, "ingress")]
        where = ["root", "handle", f"{self.handle >> 16:x}:"]
        words = self.kind.words(dict(self.values))
        return [tc(self.namespace, "qdisc", self.verb, "dev", self.link, *where, self.kind_name, *words)]


@dataclass(frozen=True)
class RedirectIngress(KernelOperation):
    """Lead what arrives at a link to another link, by a filter of its ingress qdisc."""

    namespace: NamespaceName
    link: str
    target: str

    def commands(self) -> Sequence[str]:
        where = ["dev", self.link, "parent", "ffff:", "protocol", "all", "pref", str(MARK)]
        action = ["action", "mirred", "egress", "redirect", "dev", self.target]
        return [tc(self.namespace, "filter", "add", *where, "u32", "match", "u32", "0", "0", *action)]


@dataclass(frozen=True)
class DeleteQdisc(KernelOperation):
    """Delete the qdisc of a link: what leaves has the kernel's default again, what arrives is received at once."""

    namespace: NamespaceName
    link: str
    ingress: bool = False

    def commands(self) -> Sequence[str]:
        return [tc(self.namespace, "qdisc", "del", "dev", self.link, "ingress" if self.ingress else "root")]
