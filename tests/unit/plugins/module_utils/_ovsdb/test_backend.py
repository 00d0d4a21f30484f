# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The backend: what it reads, by a stand-in for the programs."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntry, Unavailable
from ansible_collections.netns.fabric.plugins.module_utils._core.journal import Journal
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb import backend
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb import operations as ovs
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.backend import OpenVSwitch
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.database_client import Answer
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.row_operations import DeleteRow, RemoveRow
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.tables import TABLES
from ansible_collections.netns.fabric.tests.unit.plugins.module_utils._ovsdb.fakes import (
    DONE,
    TIMED_OUT,
    FakeOpenVSwitch,
    interface,
    listing,
)


@pytest.fixture(autouse=True)
def _running(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "find_daemon", lambda _directory: (True, None))


@pytest.fixture
def _dead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "find_daemon", lambda _directory: (False, None))


# Reading


def test_everything_is_read_by_one_call() -> None:
    switch = FakeOpenVSwitch([listing(interface("br", type="internal"))], timeout=7)
    assert [bridge.name for bridge in switch.read().bridges] == ["br"]
    (arguments,) = switch.client.ran
    assert arguments[:3] == ["ovs-vsctl", "--timeout=7", "--format=json"]
    assert [arguments[index + 1] for index, word in enumerate(arguments) if word == "list"] == [
        table.name for table in TABLES
    ]


def test_what_is_removed_is_simulated() -> None:
    ports: list[dict[str, Any]] = [
        {"_uuid": ["uuid", f"p-{name}"], "name": name, "interfaces": ["uuid", f"i-{name}"], "qos": ["uuid", "q"]}
        for name in ("i1", "i2")
    ]
    queue = {"_uuid": ["uuid", "w"]}
    qos = {"_uuid": ["uuid", "q"], "queues": ["map", [[0, ["uuid", "w"]]]]}
    switch = FakeOpenVSwitch([listing(interface("i1"), interface("i2"), Port=ports, QoS=[qos], Queue=[queue])])
    kernel = SimpleNamespace(simulate_removed_links=lambda _links: None)
    host: Any = SimpleNamespace(use=lambda _backend: kernel)
    assert switch.read().referrers("q") == {"p-i1", "p-i2"}
    switch.simulate([RemoveRow("Port", "i1", "qos", "q", is_shared=True, table="QoS")], host)
    assert switch.read().referrers("q") == {"p-i2"}
    switch.simulate([ovs.DeletePort("br", "i2"), DeleteRow("Queue", "w")], host)
    found = switch.read()
    assert (found.referrers("q"), found.port("i2")) == (set(), None)
    assert not {"p-i2", "i-i2", "w"} & found.rows.keys()
    switch.end_simulation()
    assert switch.read().referrers("q") == {"p-i1", "p-i2"}


def test_another_database_is_asked() -> None:
    switch = FakeOpenVSwitch(database="unix:/x/db.sock")
    switch.read()
    assert "--db=unix:/x/db.sock" in switch.client.ran[0]


def test_a_negative_timeout_is_refused() -> None:
    with pytest.raises(InvalidEntry, match=r"timeout"):
        OpenVSwitch().begin_call({"timeout": -1})


def test_open_vswitch_not_installed_is_an_error_with_the_cure() -> None:
    switch = FakeOpenVSwitch()
    switch.client.installed = set()
    with pytest.raises(Unavailable, match=r"not installed.*apt install openvswitch-switch"):
        switch.read()


def test_open_vswitch_not_installed_has_nothing_to_remove() -> None:
    switch = FakeOpenVSwitch()
    switch.client.installed = set()
    assert (switch.read(nothing_wanted=True).bridges, switch.read(nothing_wanted=True).unavailable) == ((), "")


def test_check_mode_assumes_an_empty_open_vswitch() -> None:
    switch = FakeOpenVSwitch()
    switch.client.installed = set()
    found = switch.read(check_mode=True)
    assert (found.bridges, found.running) == ((), False)
    assert "not installed" in found.unavailable


CONNECTION_FAILED = "ovs-vsctl: unix:/run/openvswitch/db.sock: database connection failed (No such file or directory)"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Answer(1, "", CONNECTION_FAILED), r"not running .*ovsdb-server.*No such file.*systemctl start"),
        (TIMED_OUT, r"ovsdb-server.* did not answer within 10 s"),
        (
            Answer(1, "", "ovs-vsctl: Open_vSwitch does not contain a table"),
            r"could not be read: Open_vSwitch does not",
        ),
        (Answer(0, "nonsense", ""), r"could not be parsed"),
    ],
)
def test_a_failure_to_read_is_an_error_with_its_cause(answer: Answer, message: str) -> None:
    with pytest.raises(Unavailable, match=message):
        FakeOpenVSwitch([answer]).read()
    # There may be rows: whether something is absent is unknown.
    with pytest.raises(Unavailable, match=message):
        FakeOpenVSwitch([answer]).read(nothing_wanted=True)
    found = FakeOpenVSwitch([answer]).read(check_mode=True)
    assert re.search(message, found.unavailable)
    assert found.unavailable.startswith(found.cause)
    assert "systemctl" not in found.cause


@pytest.mark.usefixtures("_dead")
def test_a_dead_daemon_is_an_error_before_the_first_write() -> None:
    switch = FakeOpenVSwitch()
    with pytest.raises(Unavailable, match=r"ovs-vswitchd is not running.*systemctl start"):
        switch.read()
    assert switch.read(check_mode=True).running is False
    switch.read(nothing_wanted=True)
    with pytest.raises(Unavailable, match=r"ovs-vswitchd is not running"):
        switch.execute([ovs.DeleteBridge("br")], Journal())
    assert switch.client.written == []


# The datapath of the kernel


@pytest.mark.parametrize(
    ("families", "running", "loadable", "works"),
    [
        ({"ovs_datapath", "nlctrl"}, True, False, True),
        ({"nlctrl"}, True, True, False),  # ovs-vswitchd looks for it when it starts only
        ({"nlctrl"}, False, True, True),
        ({"nlctrl"}, False, False, False),
        ({"nlctrl"}, None, True, False),
    ],
)
def test_the_kernel_datapath_works_where_the_daemon_finds_it(
    monkeypatch: pytest.MonkeyPatch, families: set[str], running: bool | None, loadable: bool, works: bool
) -> None:
    monkeypatch.setattr(backend, "_generic_netlink_families", lambda: families)
    monkeypatch.setattr(backend, "find_daemon", lambda _directory: (running, None))
    switch = FakeOpenVSwitch()
    switch.client.installed.add("modprobe")
    switch.client.dry_runs = lambda _arguments: DONE if loadable else Answer(1, "", "")
    switch.read(check_mode=True)
    assert switch.kernel_datapath() is works
    assert not [words for words in switch.client.ran if words[0] == "modprobe" and "--dry-run" not in words]


def test_the_generic_netlink_families_are_read() -> None:
    assert "nlctrl" in backend._generic_netlink_families()
