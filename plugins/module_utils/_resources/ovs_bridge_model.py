# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bridges of Open vSwitch as values: as they are wanted, and the state that they depend on. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import KernelState
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.attachment import Attachments
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.flows import Rules
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.options import MapOption
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.references import WantedRows
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Switch
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.values import Value

PROTOCOLS = ("OpenFlow10", "OpenFlow11", "OpenFlow12", "OpenFlow13", "OpenFlow14", "OpenFlow15")


@dataclass(frozen=True)
class WantedBridge:
    """One bridge as it is wanted; None leaves an option untouched."""

    entry: Entry
    present: bool
    name: str
    datapath_type: str | None = None
    fail_mode: str | None = None
    mac: str | None = None
    mtu: int | None = None
    external_ids: MapOption | None = None
    other_config: MapOption | None = None
    protocols: tuple[str, ...] | None = None
    #: The options that are columns as they are, and those that are rows, see bridge_settings.py.
    settings: Mapping[str, Value] = field(default_factory=dict)
    rows: Mapping[str, WantedRows] = field(default_factory=dict)


@dataclass(frozen=True)
class BridgeState:
    """The state that bridges depend on: Open vSwitch, and the kinds of the host's links that they may conflict with.

    `left_behind` names the links that is_left_behind() is true of, `numbers` are the datapath ports of lost links
    whose names are numbers, `rules` are the numbers of those by which bridges in secure mode forward,
    `without_datapath` names those whose datapath in the kernel was deleted, `away` those that are to return to it.
    """

    switch: Switch
    system_works: bool = False
    kinds: Mapping[str, str] = field(default_factory=dict)
    attachments: Attachments = field(default_factory=Attachments)
    left_behind: frozenset[str] = frozenset()
    numbers: Mapping[str, str] = field(default_factory=dict)
    rules: Mapping[str, Rules | None] = field(default_factory=dict)
    #: By bridge: the MAC addresses behind its ports, each with the place of the link that has it.
    macs: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    kernel: KernelState = field(default_factory=KernelState)
    without_datapath: tuple[str, ...] = ()
    away: tuple[str, ...] = ()
