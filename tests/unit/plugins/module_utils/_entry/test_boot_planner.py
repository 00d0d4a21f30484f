# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of stored topologies: files, units and what systemd is asked, in their order."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntries
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call
from ansible_collections.netns.fabric.plugins.module_utils._entry import boot_units as units
from ansible_collections.netns.fabric.plugins.module_utils._entry.boot_document import Document, path_of
from ansible_collections.netns.fabric.plugins.module_utils._entry.boot_planner import (
    ARCHIVE_MARK,
    Actual,
    BootPlanner,
    Topology,
)
from ansible_collections.netns.fabric.plugins.module_utils._system.systemd_operations import StopUnit

ARCHIVE = b"new " + ARCHIVE_MARK
LAB = Document("lab", "lab", 0, ({"module": "netns", "options": {"namespaces": [{"name": "red"}]}},), ())


def actual(*stored: Document, archive: bytes | None = ARCHIVE, **changes: Any) -> Actual:
    """Return a host on which these topologies are stored as they should be, and their units run."""
    every = {document.name: document for document in (LAB, *stored)}
    present = {document.name for document in stored}
    links: dict[str, str | None] = {}
    files: dict[str, bytes | None] = {units.COMMAND: archive if stored else None}
    files.update({path: text.encode() if stored else None for path, text in units.TEMPLATES.items()})
    states: dict[str, str] = {}
    for name, document in every.items():
        is_stored, heals = name in present, name in present and bool(document.heal)
        wanted = units.links(name, heals) if is_stored else {}
        links.update({path: wanted.get(path) for path in units.links(name, heal=True)})
        files[units.timer_path(name)] = units.timer_text(name, document.heal).encode() if heals else None
        states.update(dict.fromkeys(units.all_units(name), "inactive"))
        states[units.apply_unit(name)] = "active" if is_stored else "inactive"
        states[units.timer_unit(name)] = "active" if heals else "inactive"
    found = Actual(True, files, links, states, {each.name: each.dump() for each in stored}, ARCHIVE)
    return replace(found, **changes)


def plan(found: Actual, *documents: Document | str, owner: str | None = "lab", **options: Any) -> Plan:
    """Plan a call with topologies that are to be stored, and names of those that are not."""
    entries = tuple(
        Topology(Entry(each), each, None) if isinstance(each, str) else Topology(Entry(each.name), each.name, each)
        for each in documents
    )
    if options.pop("partial", False):
        entries = tuple(replace(entry, partial=True) for entry in entries)
    return BootPlanner(found, Call(entries, owner=owner, **options)).run()


def kinds(planned: Plan) -> list[str]:
    """Return the operations in their order, each with what it is about."""
    return [
        f"{type(operation).__name__} {getattr(operation, 'path', getattr(operation, 'unit', ''))}".strip()
        for _entry, operation in planned.operations
    ]


def test_the_first_topology_brings_everything_in_an_order_that_a_kill_leaves_whole() -> None:
    assert kinds(plan(actual(), replace(LAB, heal=60))) == [
        "BeforeReload",
        f"InstallFile {units.COMMAND}",
        *(f"InstallFile {path}" for path in units.TEMPLATES),
        f"InstallFile {path_of('lab')}",
        f"InstallFile {units.timer_path('lab')}",
        *(f"LinkFile {path}" for path in units.links("lab", heal=True)),
        "ReloadUnits",
        "StartUnit netns-fabric-heal@lab.timer",
        "StartUnit netns-fabric@lab.service",
    ]


def test_nothing_to_do() -> None:
    assert not plan(actual(LAB), LAB).changed
    assert not plan(actual(replace(LAB, heal=60)), replace(LAB, heal=60)).changed


def test_only_the_steps_change() -> None:
    changed = replace(LAB, steps=({"module": "netns", "options": {"namespaces": []}},))
    planned = plan(actual(LAB), changed)
    assert kinds(planned) == [f"InstallFile {path_of('lab')}"]
    [difference] = planned.diff
    assert (difference["before"], difference["after"]) == (
        "steps.netns.namespaces: [{name: red}]\n",
        "steps.netns.namespaces: []\n",
    )


def test_the_interval_of_repairs_changes_and_ends() -> None:
    healing = replace(LAB, heal=60)
    assert kinds(plan(actual(healing), replace(LAB, heal=30))) == [
        "BeforeReload",
        f"InstallFile {path_of('lab')}",
        f"InstallFile {units.timer_path('lab')}",
        "ReloadUnits",
    ]
    link = "/etc/systemd/system/timers.target.wants/netns-fabric-heal@lab.timer"
    assert kinds(plan(actual(healing), LAB)) == [
        "BeforeReload",
        "StopUnit netns-fabric-heal@lab.timer",
        f"InstallFile {path_of('lab')}",
        f"UninstallFile {link}",
        f"UninstallFile {units.timer_path('lab')}",
        "ReloadUnits",
    ]


@pytest.mark.parametrize("state", ["inactive", "failed"])
def test_a_unit_that_does_not_run_is_started(state: str) -> None:
    found = actual(LAB)
    planned = plan(replace(found, states={**found.states, units.apply_unit("lab"): state}), LAB)
    assert planned.commands == ["systemctl start --no-block netns-fabric@lab.service"]
    assert planned.diff[0]["before"] == f"netns-fabric@lab.service: {state}\n"


def test_an_upgrade_replaces_the_archive_and_keeps_the_topologies() -> None:
    planned = plan(actual(LAB, replace(LAB, name="other"), archive=b"old " + ARCHIVE_MARK), LAB)
    assert kinds(planned) == [f"InstallFile {units.COMMAND}"]


def test_an_archive_that_cannot_carry_out_another_topology_is_refused() -> None:
    newer = json.dumps({**json.loads(replace(LAB, name="other").dump()), "format": 99}).encode()
    found = actual(LAB, replace(LAB, name="other"), archive=b"old " + ARCHIVE_MARK)
    found = replace(found, stored={**found.stored, "other": newer})
    with pytest.raises(InvalidEntries, match="cannot carry out the topology other, which is stored on"):
        plan(found, LAB)


def test_a_newer_topology_is_not_replaced() -> None:
    newer = json.dumps({**json.loads(LAB.dump()), "format": 99}).encode()
    with pytest.raises(InvalidEntries, match="which a newer version of"):
        plan(replace(actual(LAB), stored={"lab": newer}), LAB)


def test_a_damaged_topology_is_replaced() -> None:
    assert kinds(plan(replace(actual(LAB), stored={"lab": b"{"}), LAB)) == [f"InstallFile {path_of('lab')}"]


def test_the_last_topology_takes_everything_along() -> None:
    healing = replace(LAB, heal=60)
    assert kinds(plan(actual(healing), "lab")) == [
        "BeforeReload",
        "StopUnit netns-fabric-heal@lab.timer",
        "StopUnit netns-fabric@lab.service",
        "StopUnit netns-fabric-heal@lab.service",
        "ResetUnit netns-fabric-heal@lab.service",
        "UninstallFile /etc/systemd/system/timers.target.wants/netns-fabric-heal@lab.timer",
        f"UninstallFile {units.timer_path('lab')}",
        "UninstallFile /etc/systemd/system/multi-user.target.wants/netns-fabric@lab.service",
        f"UninstallFile {path_of('lab')}",
        f"UninstallFile {units.COMMAND}",
        *(f"UninstallFile {path}" for path in units.TEMPLATES),
        "ReloadUnits",
    ]


def test_another_topology_keeps_what_both_use() -> None:
    planned = plan(actual(LAB, replace(LAB, name="other")), "lab")
    assert not {units.COMMAND, *units.TEMPLATES} & {kind.rpartition(" ")[2] for kind in kinds(planned)}
    assert f"UninstallFile {path_of('lab')}" in kinds(planned)


def test_a_unit_that_has_failed_is_forgotten() -> None:
    found = actual(LAB)
    failed: Mapping[str, str] = {**found.states, "netns-fabric-heal@lab.service": "failed"}
    assert "ResetUnit netns-fabric-heal@lab.service" in kinds(plan(replace(found, states=failed), "lab"))


def test_a_repair_that_waits_for_this_call_is_stopped() -> None:
    found = actual(LAB)
    waiting: Mapping[str, str] = {**found.states, "netns-fabric-heal@lab.service": "activating"}
    planned = kinds(plan(replace(found, states=waiting), "lab"))
    stop = planned.index("StopUnit netns-fabric-heal@lab.service")
    assert planned[stop + 1] == "ResetUnit netns-fabric-heal@lab.service"


def test_a_repair_that_the_timer_starts_later_is_stopped() -> None:
    """The call may wait for its confirmation before it ends. A rollback does not start what did not run."""
    planned = plan(actual(replace(LAB, heal=60)), "lab")
    restarts = {each.unit: each.restart for _entry, each in planned.operations if isinstance(each, StopUnit)}
    assert restarts == {
        "netns-fabric-heal@lab.timer": True,
        "netns-fabric@lab.service": True,
        "netns-fabric-heal@lab.service": False,
    }
    # Without the file of its unit there is none, and systemd would refuse.
    found = actual(replace(LAB, heal=60))
    files = {**found.files, f"{units.UNITS}/{units.HEAL}": None}
    assert "StopUnit netns-fabric-heal@lab.service" not in kinds(plan(replace(found, files=files), "lab"))


def test_absent_where_nothing_is() -> None:
    assert not plan(replace(actual(), states={}), "lab").changed
    assert not plan(replace(actual(), states={}, is_booted=False), "lab").changed


def test_the_owner() -> None:
    planned = plan(actual(LAB), "lab", owner="other")
    assert (planned.changed, planned.notes) == (
        False,
        ("lab: the stored topology lab is not owned by other; left alone",),
    )
    with pytest.raises(InvalidEntries, match="is owned by lab, not by other"):
        plan(actual(LAB), replace(LAB, owner="other"), owner="other")
    assert kinds(plan(actual(LAB), prune=True))
    assert not plan(actual(LAB), owner="other", prune=True).changed


def test_a_part_of_a_topology() -> None:
    veth = {"module": "veth", "options": {"pairs": []}}
    planned = plan(actual(LAB), replace(LAB, steps=(veth,)), partial=True)
    [content] = [operation.content for _entry, operation in planned.operations]  # type: ignore[attr-defined]  # a file
    assert [step["module"] for step in json.loads(content)["steps"]] == ["netns", "veth"]
    planned = plan(actual(), LAB, partial=True)
    assert (planned.changed, len(planned.notes)) == (False, 1)


@pytest.mark.parametrize("path", [units.COMMAND, *units.TEMPLATES])
def test_a_file_of_others_is_neither_replaced_nor_removed(path: str) -> None:
    found = actual(LAB)
    found = replace(found, files={**found.files, path: b"theirs"})
    with pytest.raises(InvalidEntries, match=f"{path} exists and is not of netns.fabric"):
        plan(found, LAB)
    assert f"UninstallFile {path}" not in kinds(plan(found, "lab"))


def test_a_host_without_systemd_and_one_where_the_archive_would_not_run() -> None:
    with pytest.raises(InvalidEntries, match="does not run systemd"):
        plan(replace(actual(), is_booted=False), LAB)
    with pytest.raises(InvalidEntries, match="no pyroute2"):
        plan(replace(actual(), obstacle="no pyroute2"), LAB)
