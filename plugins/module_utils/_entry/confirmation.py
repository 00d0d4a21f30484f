# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the module confirmation runs: a run that waits is confirmed, or rolled back at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core import confirmation
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError
from ansible_collections.netns.fabric.plugins.module_utils._core.execution import require_root
from ansible_collections.netns.fabric.plugins.module_utils._core.runner import (
    NOTHING_CHANGED,
    FabricModule,
    run_and_exit,
)
from ansible_collections.netns.fabric.plugins.module_utils._entry.confirmation_socket import CONFIRM, ROLL_BACK
from ansible_collections.netns.fabric.plugins.module_utils._system.connections import find_connection

CONFIRMED, ROLLED_BACK = "confirmed", "rolled_back"

ARGUMENT_SPEC: Mapping[str, Mapping[str, Any]] = {
    "id": {"type": "str"},
    "state": {"type": "str", "choices": [CONFIRMED, ROLLED_BACK], "default": CONFIRMED},
}


def run() -> None:
    """Be the module's main()."""
    module = FabricModule(
        argument_spec={name: dict(option) for name, option in ARGUMENT_SPEC.items()}, supports_check_mode=True
    )
    run_and_exit(
        module,
        lambda: {"changed": decide(module.params["state"], module.params["id"], module.check_mode)},
        NOTHING_CHANGED,
    )


def decide(state: str, name: str | None, check_mode: bool) -> bool:
    """Confirm or roll back the run that waits; return whether there was one.

    Raises:
        FabricError: None waits, it is another one, or it could not be rolled back completely.
    """
    require_root()
    answer = _peek(name) if check_mode else _ask(state, name)
    if answer is None:
        if state == CONFIRMED:
            raise FabricError(_explain_absence(name, check_mode))
        return False
    if "error" in answer:
        raise FabricError(str(answer["error"]))
    if answer.get("state") == confirmation.ROLLED_BACK and (state == CONFIRMED or not answer["complete"]):
        raise FabricError(str(answer["message"]))
    return True


def _ask(state: str, name: str | None) -> Mapping[str, Any] | None:
    found = find_connection()
    action = CONFIRM if state == CONFIRMED else ROLL_BACK
    return confirmation.ask({"action": action, "id": name, "origin": str(found) if found else None})


def _peek(name: str | None) -> Mapping[str, Any] | None:
    """Return what a check would be answered."""
    if not confirmation.is_alive():
        return None
    record = confirmation.read_record()
    if record is not None and name not in (None, record.id):
        return {"error": f"the run that waits for its confirmation is {record.id}, not {name}"}
    return {}


def _explain_absence(name: str | None, check_mode: bool) -> str:
    """Return why no run waits. What is known of it is reported once, but for check mode."""
    record = confirmation.read_record()
    if record is None or name not in (None, record.id):
        return "no run waits for a confirmation on this host"
    if not check_mode:
        confirmation.remove_record()
    if record.state == confirmation.ROLLED_BACK:
        return f"{record.id}: {record.describe_rollback()}"
    return confirmation.describe_lost(record)
