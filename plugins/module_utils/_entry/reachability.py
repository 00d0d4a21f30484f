# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module reachability."""

from __future__ import annotations

from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import Unfinished
from ansible_collections.netns.fabric.plugins.module_utils._core.execution import open_host
from ansible_collections.netns.fabric.plugins.module_utils._core.runner import (
    NOTHING_CHANGED,
    FabricModule,
    run_and_exit,
)
from ansible_collections.netns.fabric.plugins.module_utils._entry.listening import OPTION, keep_listening, wanted_of
from ansible_collections.netns.fabric.plugins.module_utils._firewall.backend import FIREWALL
from ansible_collections.netns.fabric.plugins.module_utils._kernel.access import KERNEL
from ansible_collections.netns.fabric.plugins.module_utils._probes.matrix import render_matrix
from ansible_collections.netns.fabric.plugins.module_utils._probes.options import (
    ENTRY_OPTIONS,
    argument_spec,
    probes_of,
)
from ansible_collections.netns.fabric.plugins.module_utils._probes.survey import survey
from ansible_collections.netns.fabric.plugins.module_utils._probes.verdict import (
    describe_failures,
    describe_refusals,
    describe_skipped,
    summarize,
)


def run() -> None:
    """Be the module's main()."""
    alone = [name for name, option in ENTRY_OPTIONS.items() if "default" not in option]
    module = FabricModule(
        argument_spec={**argument_spec(), "listen": dict(OPTION)},
        supports_check_mode=True,
        mutually_exclusive=[*(["probes", name] for name in alone), ["listen", "probes", "to"]],
        required_one_of=[["probes", "to", "listen"]],
    )

    def work() -> dict[str, Any]:
        if module.params["listen"] is not None:
            return _listen(module)
        probes = probes_of(module.params)
        with open_host((KERNEL, FIREWALL), module.check_mode) as host:
            judged, context = survey(host, probes)
        result = {
            "changed": False,
            "probes": [one.as_result() for one in judged],
            "matrix": render_matrix(judged),
            "summary": summarize(judged),
            "refused": describe_refusals(judged),
            "not_probed": describe_skipped(judged),
        }
        message = describe_failures(judged, context)
        if message:
            raise Unfinished(message, result)
        return result

    run_and_exit(module, work, NOTHING_CHANGED)


def _listen(module: FabricModule) -> dict[str, Any]:
    wanted = wanted_of(module.params["listen"])
    if module.check_mode:
        return {"changed": False, "listening": []}
    with open_host((KERNEL,), module.check_mode) as host:
        return {"changed": False, "listening": keep_listening(host.use(KERNEL), wanted)}
