# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Probes and outcomes for the tests of this folder."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry
from ansible_collections.netns.fabric.plugins.module_utils._probes.model import Outcome, Probe

REACHED = Outcome(reachable=True, round_trip=0.000217)


def probe(namespace: str | None, to: str, **options: Any) -> Probe:
    return Probe(Entry(f"{namespace} -> {to}"), namespace, ip_address(to), **options)


def unreachable(cause: str, detail: str = "") -> Outcome:
    return Outcome(reachable=False, cause=cause, detail=detail)
