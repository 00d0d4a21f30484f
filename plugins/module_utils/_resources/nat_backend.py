# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The choice of what a rule is created with: nft, or one of the variants of iptables. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import Unavailable
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import (
    IPTABLES_LEGACY,
    NFTABLES,
    OWN_TABLE,
    Ruleset,
    Tools,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.operations import inside
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import NamespaceName
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_model import IPTABLES, RuleKey
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_ruleset import PlannedRuleset

_INSTALL_NFT = "`apt install nftables` or `dnf install nftables`"
_INSTALL_IPTABLES = "`apt install iptables` or `dnf install iptables-nft`"


class RuleUser(Protocol):
    """What needs rules of one IP version."""

    @property
    def entry(self) -> Entry: ...

    @property
    def namespace(self) -> NamespaceName: ...

    @property
    def key(self) -> RuleKey: ...


@dataclass(frozen=True)
class RulePart:
    """An entry, or what is left of one, for one IP version."""

    entry: Entry
    key: RuleKey
    namespace: NamespaceName = None


def choose_backend(option: str, tools: Tools, rules: PlannedRuleset, wanted: RuleUser) -> str:
    """Return the backend that the option asks for; else the one that has the owner's rules; else what the host uses.

    Raises:
        Unavailable: The host does not have it.
    """
    ip_version = wanted.key.version
    usual = tools.usual.get(ip_version)
    command = "ip6tables" if ip_version == 6 else "iptables"
    if option == NFTABLES:
        if not tools.nft:
            raise Unavailable(f"backend: {_without_nft(tools)}, or set `backend: {IPTABLES}`")
        return NFTABLES
    if option == IPTABLES:
        if usual is None:
            raise Unavailable(f"backend: {_without_iptables(tools, command)}, or set `backend: {NFTABLES}`")
        return usual
    legacy = rules.original.has_only_legacy(ip_version)
    possible = [
        *([IPTABLES_LEGACY] if legacy and (IPTABLES_LEGACY, ip_version) in tools.iptables else []),
        *([NFTABLES] if tools.nft else []),
        *([usual] if usual else []),
        *(variant for variant, version in tools.iptables if version == ip_version),
    ]
    if not possible:
        raise Unavailable(f"{wanted.entry}: {_without_any(tools, command)}")
    used = rules.backends(wanted.key.family)
    return next((backend for backend in possible if backend in used), possible[0])


_NO_NF_TABLES = "the kernel of this host has no nf_tables (`modprobe nf_tables` loads it where there is a module)"


def _without_nft(tools: Tools) -> str:
    if not tools.nf_tables:
        return f"{_NO_NF_TABLES}, which nft needs; load it"
    return f"this host has no nft; install it ({_INSTALL_NFT})"


def _without_iptables(tools: Tools, command: str) -> str:
    if not tools.nf_tables:
        return f"{_NO_NF_TABLES}, and there is no {command}-legacy, which does without; load it, or install that"
    return f"this host has no {command}; install it ({_INSTALL_IPTABLES})"


def _without_any(tools: Tools, command: str) -> str:
    if not tools.nf_tables:
        return f"it needs nf_tables or {command}-legacy: {_without_iptables(tools, command)}"
    return f"it needs nft or {command}, and this host has neither; install nft ({_INSTALL_NFT})"


def check_own_table(ruleset: Ruleset, wanted: RuleUser) -> None:
    """Check that rules in OWN_TABLE have an effect.

    Raises:
        Unavailable: Somebody has altered its chains.
    """
    family = wanted.key.family
    fault = ruleset.find_fault(family)
    if fault:
        delete = inside(wanted.namespace, "nft", f"delete table {family} {OWN_TABLE}")
        raise Unavailable(
            f"{wanted.entry}: the table {family} {OWN_TABLE} was altered: {fault}, so that a rule in it has no effect; "
            f"delete the table (`{delete}`) and run again"
        )
