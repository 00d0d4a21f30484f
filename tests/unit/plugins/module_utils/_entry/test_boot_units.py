# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The units of a stored topology."""

from __future__ import annotations

from ansible_collections.netns.fabric.plugins.module_utils._entry import boot_units as units


def test_names_of_units() -> None:
    assert units.all_units("lab") == (
        "netns-fabric@lab.service",
        "netns-fabric-heal@lab.timer",
        "netns-fabric-heal@lab.service",
    )
    assert units.timer_path("lab") == "/etc/systemd/system/netns-fabric-heal@lab.timer"


def test_links_are_those_of_systemctl_enable() -> None:
    assert units.links("lab", heal=False) == {
        "/etc/systemd/system/multi-user.target.wants/netns-fabric@lab.service": (
            "/etc/systemd/system/netns-fabric@.service"
        )
    }
    assert set(units.links("lab", heal=True)) - set(units.links("lab", heal=False)) == {
        "/etc/systemd/system/timers.target.wants/netns-fabric-heal@lab.timer"
    }


def test_every_unit_has_the_mark_and_none_stops_anything() -> None:
    texts = [*units.TEMPLATES.values(), units.timer_text("lab", 60)]
    assert all(text.startswith(f"{units.MARK}\n") for text in texts)
    assert not any("ExecStop=" in text for text in texts)
    assert "OnUnitInactiveSec=60\n" in texts[-1]
