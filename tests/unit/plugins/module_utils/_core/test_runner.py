# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a module ends, and what it logs."""

from __future__ import annotations

import errno
import json
from typing import Any

import pytest
from ansible.module_utils import basic

from ansible_collections.netns.fabric.plugins.module_utils._core import runner
from ansible_collections.netns.fabric.plugins.module_utils._core.runner import FabricModule


class FailingModule:
    """Stands for AnsibleModule, and keeps the message of the failure."""

    def fail_json(self, **result: Any) -> None:
        raise SystemExit(result["msg"])


def test_error_of_the_system_is_not_an_internal_error() -> None:
    def action() -> dict[str, Any]:
        raise OSError(errno.EMFILE, "Too many open files", "/run/netns/red")

    module: Any = FailingModule()
    with pytest.raises(SystemExit) as ended:
        runner.run_and_exit(module, action)
    message = str(ended.value)
    assert message.startswith("/run/netns/red: Too many open files; this process may open ")
    assert message.endswith("All changes made by this call were rolled back.")
    assert "Internal error" not in message


def test_a_lack_of_memory_is_not_an_internal_error() -> None:
    def action() -> dict[str, Any]:
        raise MemoryError

    module: Any = FailingModule()
    with pytest.raises(SystemExit) as ended:
        runner.run_and_exit(module, action)
    message = str(ended.value)
    assert message.startswith("Cannot allocate memory; the host or the control group of this process is out of memory")
    assert message.endswith("All changes made by this call were rolled back.")


def test_the_record_of_a_call_in_the_hosts_log_has_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    logged: list[str] = []
    monkeypatch.setattr(basic, "has_journal", False)
    monkeypatch.setattr(basic.syslog, "syslog", lambda _level, text: logged.append(text))
    arguments = {"options": {"psk": 'it\'s "open"', "remote_ip": "192.0.2.1"}}
    monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode())
    monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)  # ansible-core 2.19 and newer
    FabricModule(argument_spec={"options": {"type": "dict"}})
    assert "192.0.2.1" in logged[0]
    assert "open" not in logged[0]
