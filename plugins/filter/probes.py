# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filter probes; the probes are derived in plugin_utils, independent of Ansible."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.netns.fabric.plugins.plugin_utils._filters.errors import filter_errors
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.probes_from_facts import PATHS_MAX, probe_all


def probes(info: Any, *, at_most: int = PATHS_MAX) -> list[dict[str, Any]]:
    """Return the probes that show which namespaces reach each other.

    Raises:
        AnsibleFilterError: If the input is not a result of topology_info.
    """
    with filter_errors("probes"):
        return probe_all(info, at_most)


class FilterModule:
    """The filters of this file, for Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"probes": probes}
