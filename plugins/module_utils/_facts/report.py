# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The result of the module topology_info. Pure."""

from __future__ import annotations

from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._facts.declarations import export_declarations
from ansible_collections.netns.fabric.plugins.module_utils._facts.exposure_view import exposure_view
from ansible_collections.netns.fabric.plugins.module_utils._facts.model import Filters, HostFacts
from ansible_collections.netns.fabric.plugins.module_utils._facts.namespace_view import namespace_view
from ansible_collections.netns.fabric.plugins.module_utils._facts.northbound_view import northbound_view
from ansible_collections.netns.fabric.plugins.module_utils._facts.switch_view import switch_view
from ansible_collections.netns.fabric.plugins.module_utils._facts.view import FilteredFacts


def report(host: HostFacts, filters: Filters) -> dict[str, Any]:
    """Return what was collected, as far as the filters admit it, and the same as declarations."""
    facts = FilteredFacts(host, filters)
    namespaces = [namespace_view(facts, name) for name in facts.names]
    declarations, undeclared = export_declarations(facts)
    exposure, too_many = exposure_view(facts)
    return {
        "host": namespace_view(facts, None),
        "namespaces": sorted(namespaces, key=lambda namespace: (not namespace["named"], namespace["name"])),
        "openvswitch": switch_view(facts),
        "northbound": northbound_view(facts),
        "stale": sorted(host.kernel.stale),
        "owners": facts.owners(),
        "unreadable": [*host.unreadable, *too_many],
        "exposure": exposure,
        "declarations": declarations,
        "undeclared": undeclared,
    }
