# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is asked of systemd, and when."""

from __future__ import annotations

from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Phase
from ansible_collections.netns.fabric.plugins.module_utils._system import systemd_operations as op
from ansible_collections.netns.fabric.plugins.module_utils._system.operations import InstallFile, UninstallFile


def test_commands() -> None:
    assert op.BeforeReload().commands() == []
    assert op.ReloadUnits().commands() == ["systemctl daemon-reload"]
    assert op.StartUnit("a@b.timer").commands() == ["systemctl start a@b.timer"]
    assert op.StartUnit("a@b.service", wait=False).commands() == ["systemctl start --no-block a@b.service"]
    assert op.StopUnit("a").commands() == ["systemctl stop a"]
    assert op.ResetUnit("a").commands() == ["systemctl reset-failed a || :"]


def test_units_are_stopped_before_their_files_change_and_started_after_the_reload() -> None:
    install = InstallFile("/x", b"", 0o644).phase
    assert op.BeforeReload.phase <= op.StopUnit.phase < install < op.ReloadUnits().phase < op.StartUnit.phase
    assert op.StartUnit.phase < UninstallFile("/x").phase == Phase.REMOVE
