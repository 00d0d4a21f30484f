# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How ovs-vsctl is run, and what is made of its answers, by a stand-in for the program."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import (
    InvalidEntry,
    OperationFailed,
    Unavailable,
)
from ansible_collections.netns.fabric.plugins.module_utils._core.journal import Journal
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb import backend as vsctl
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb import operations as ovs
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.backend import OpenVSwitch, _Ended
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.operations import Columns
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import TABLES

CONNECTION_FAILED = "ovs-vsctl: unix:/run/openvswitch/db.sock: database connection failed (No such file or directory)"
DONE = _Ended(0, "", "")
TIMED_OUT = _Ended(None, "", "")


def interface(name: str, **columns: Any) -> dict[str, Any]:
    return {"_uuid": ["uuid", f"i-{name}"], "name": name, "type": "", "ofport": 1, **columns}


def listing(*interfaces: dict[str, Any]) -> str:
    """The tables with one bridge, `br`, that has a port for each of these interfaces."""
    ports = [
        {
            "_uuid": ["uuid", f"p-{each['name']}"],
            "name": each["name"],
            "interfaces": each["_uuid"],
            "trunks": ["set", []],
        }
        for each in interfaces
    ]
    bridge = {
        "_uuid": ["uuid", "b"],
        "name": "br",
        "datapath_type": "netdev",
        "protocols": ["set", []],
        "ports": ["set", [port["_uuid"] for port in ports]],
    }
    rows = {"Bridge": [bridge] if interfaces else [], "Port": ports, "Interface": list(interfaces)}
    return "\n".join(_document(rows.get(table, [])) for table in TABLES)


def _document(rows: Sequence[dict[str, Any]]) -> str:
    headings = sorted({column for row in rows for column in row})
    data = [[row.get(column, ["set", []]) for column in headings] for row in rows]
    return json.dumps({"headings": headings, "data": data})


class FakeOpenVSwitch(OpenVSwitch):
    """Answers in place of the programs; `lists` are what reading gives, one after the other, the last for ever."""

    def __init__(self, lists: Sequence[str | _Ended] = (), writes: Sequence[_Ended] = (), **options: Any) -> None:
        super().__init__()
        self.begin_call(options)
        self.lists = list(lists) or [listing()]
        self.writes = list(writes)
        self.ran: list[list[str]] = []
        self.installed = {"ovs-vsctl", "ovs-appctl"}
        self.dry_runs: Callable[[Sequence[str]], _Ended] = lambda _arguments: DONE

    def _program(self, name: str) -> str | None:
        return name if name in self.installed else None

    def _run(self, arguments: Sequence[str], timeout: float) -> _Ended:
        assert timeout > 0
        self.ran.append(list(arguments))
        if "--format=json" in arguments:
            answer = self.lists.pop(0) if len(self.lists) > 1 else self.lists[0]
            return answer if isinstance(answer, _Ended) else _Ended(0, answer, "")
        if "--dry-run" in arguments:
            return self.dry_runs(arguments)
        return self.writes.pop(0) if self.writes else DONE

    @property
    def written(self) -> list[str]:
        """The transactions, without the program and its timeout."""
        return [" ".join(words[2:]) for words in self.ran if "--format=json" not in words and "--dry-run" not in words]


@pytest.fixture(autouse=True)
def _running(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vsctl, "_daemon", lambda _directory: (True, None))


@pytest.fixture
def _dead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vsctl, "_daemon", lambda _directory: (False, None))


# Reading


def test_everything_is_read_by_one_call() -> None:
    switch = FakeOpenVSwitch([listing(interface("br", type="internal"))], timeout=7)
    assert [bridge.name for bridge in switch.read().bridges] == ["br"]
    (arguments,) = switch.ran
    assert arguments[:3] == ["ovs-vsctl", "--timeout=7", "--format=json"]
    assert [arguments[index + 1] for index, word in enumerate(arguments) if word == "list"] == list(TABLES)


def test_another_database_is_asked() -> None:
    switch = FakeOpenVSwitch(database="unix:/x/db.sock")
    switch.read()
    assert "--db=unix:/x/db.sock" in switch.ran[0]


def test_a_timeout_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidEntry, match=r"timeout"):
        OpenVSwitch().begin_call({"timeout": -1})


def test_not_installed_it_says_how_to_install_it() -> None:
    switch = FakeOpenVSwitch()
    switch.installed = set()
    with pytest.raises(Unavailable, match=r"not installed.*apt install openvswitch-switch"):
        switch.read()


def test_not_installed_it_has_nothing_to_remove() -> None:
    switch = FakeOpenVSwitch()
    switch.installed = set()
    assert (switch.read(nothing_wanted=True).bridges, switch.read(nothing_wanted=True).unavailable) == ((), "")


def test_check_mode_takes_what_is_not_installed_as_empty() -> None:
    switch = FakeOpenVSwitch()
    switch.installed = set()
    found = switch.read(check_mode=True)
    assert (found.bridges, found.running) == ((), False)
    assert "not installed" in found.unavailable


@pytest.mark.parametrize(
    ("ended", "message"),
    [
        (_Ended(1, "", CONNECTION_FAILED), r"not running .*ovsdb-server.*No such file.*systemctl start"),
        (TIMED_OUT, r"ovsdb-server.* has not answered within 10 s"),
        (
            _Ended(1, "", "ovs-vsctl: Open_vSwitch does not contain a table"),
            r"could not be read: Open_vSwitch does not",
        ),
        (_Ended(0, "nonsense", ""), r"not understood"),
    ],
)
def test_what_cannot_be_read_says_why(ended: _Ended, message: str) -> None:
    with pytest.raises(Unavailable, match=message):
        FakeOpenVSwitch([ended]).read()
    # Rows may be there, only not to be seen: nothing can be said of what is to be absent.
    with pytest.raises(Unavailable, match=message):
        FakeOpenVSwitch([ended]).read(nothing_wanted=True)
    assert FakeOpenVSwitch([ended]).read(check_mode=True).unavailable


@pytest.mark.usefixtures("_dead")
def test_a_dead_daemon_is_noticed_before_the_first_write() -> None:
    switch = FakeOpenVSwitch()
    with pytest.raises(Unavailable, match=r"ovs-vswitchd is not running.*systemctl start"):
        switch.read()
    assert switch.read(check_mode=True).running is False
    switch.read(nothing_wanted=True)
    with pytest.raises(Unavailable, match=r"ovs-vswitchd is not running"):
        switch.execute([ovs.DeleteBridge("br")], Journal())
    assert switch.written == []


# Writing


def test_all_is_written_in_one_transaction() -> None:
    switch = FakeOpenVSwitch([listing(), listing(interface("br"), interface("i1"))])
    switch.read()
    journal = Journal()
    switch.execute([ovs.AddBridge("br"), ovs.AddPort("br", "i1", Columns({"tag": 7}))], journal)
    assert switch.written == ["add-br br -- add-port br i1 tag=7"]
    assert journal.roll_back() == []
    assert switch.written[1:] == ["-- --if-exists del-port i1 -- --if-exists del-br br"]


def test_the_hosts_links_are_looked_at_where_it_matters_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """There may be thousands, and as many operations."""
    looks: list[str] = []

    def look(_switch: OpenVSwitch) -> frozenset[str]:
        looks.append("look")
        return frozenset({"i1", "i2"})

    monkeypatch.setattr(OpenVSwitch, "link_names", look)
    before = listing(interface("br"), interface("i1"), interface("i2"))
    switch = FakeOpenVSwitch([before])
    switch.read()
    switch.execute([ovs.SetPort(name, name, Columns({"tag": 7})) for name in ("i1", "i2")], Journal())
    assert looks == []
    switch.execute([ovs.SetBridge("br", Columns({"datapath_type": "system"}))] * 2, Journal())
    assert looks == ["look"]


def test_a_command_line_that_would_be_too_long_is_split(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sysconf", lambda _name: 2000)
    names = [f"i{number}" for number in range(50)]
    switch = FakeOpenVSwitch([listing(), listing(interface("br"), *(interface(name) for name in names))])
    switch.read()
    journal = Journal()
    switch.execute([ovs.AddPort("br", name) for name in names], journal)
    assert 1 < len(switch.written) == len(journal) < 10
    assert sum(line.count("add-port") for line in switch.written) == 50


def test_more_interfaces_have_more_time() -> None:
    names = [f"i{number}" for number in range(95)]
    switch = FakeOpenVSwitch([listing(), listing(interface("br"), *(interface(name) for name in names))], timeout=3)
    switch.read()
    switch.execute([ovs.AddPort("br", name) for name in names], Journal())
    assert switch.ran[1][1] == "--timeout=13"


@pytest.mark.parametrize("status", [0, 65])
def test_a_port_that_was_not_set_up_fails_and_is_taken_back(status: int) -> None:
    broken = interface("t1", ofport=-1, error="could not open network device t1 (No such device)")
    switch = FakeOpenVSwitch([listing(), listing(interface("br"), interface("i1"), broken)], [_Ended(status, "", "")])
    switch.read()
    journal = Journal()
    operations = [ovs.AddPort("br", "i1"), ovs.AddPort("br", "t1")]
    with pytest.raises(OperationFailed, match=r"t1: could not open network device t1 \(No such device\)") as failure:
        switch.execute(operations, journal)
    assert failure.value.operation is operations[1]
    journal.roll_back()
    assert switch.written[-1] == "-- --if-exists del-port t1 -- --if-exists del-port i1"


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"ofport": ["set", []]}, "its log has one"),
        ({"ifindex": 0}, "no such device"),
        ({"error": "something"}, "something"),
        ({"type": "patch", "error": "No usable peer 'p2' exists in 'netdev' datapath."}, None),
        ({"type": "vxlan", "ifindex": 0}, None),
        ({"ifindex": 4}, None),
    ],
)
def test_what_counts_as_not_set_up(columns: dict[str, Any], message: str | None) -> None:
    switch = FakeOpenVSwitch([listing(), listing(interface("t1", **columns))])
    switch.read()
    if message is None:
        switch.execute([ovs.AddPort("br", "t1")], Journal())
        return
    with pytest.raises(OperationFailed, match=message):
        switch.execute([ovs.AddPort("br", "t1")], Journal())


def test_what_is_still_said_of_a_closed_interface_is_waited_out() -> None:
    closed = interface("i1", ofport=-1, error="No usable peer 'netns.fabric.reopen.system' exists in 'br' bridge.")
    switch = FakeOpenVSwitch([listing(), listing(closed), listing(closed), listing(interface("i1"))])
    switch.read()
    switch.execute([ovs.OpenInterface("i1", "system")], Journal())
    assert len(switch.lists) == 1, "it was read until it was told anew"


def test_what_ovs_vsctl_says_stands_in_for_a_missing_reason() -> None:
    said = "ovs-vsctl: Error detected while setting up 't1': bad luck.  See ovs-vswitchd log for details.\n"
    switch = FakeOpenVSwitch([listing(), listing(interface("t1", ofport=-1))], [_Ended(0, "", said)])
    switch.read()
    with pytest.raises(OperationFailed, match=r"t1: bad luck$"):
        switch.execute([ovs.AddPort("br", "t1")], Journal())


def test_an_mtu_that_does_not_come_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vsctl, "REPORT_TIMEOUT", 0.0)
    operation = ovs.SetPort("t1", "t1", interface=Columns({"mtu_request": 9000}))
    switch = FakeOpenVSwitch([listing(interface("t1", mtu=1500, mtu_request=9000))])
    switch.read()
    with pytest.raises(OperationFailed, match=r"keeps its MTU of 1500 bytes"):
        switch.execute([operation], Journal())
    switch = FakeOpenVSwitch([listing(interface("t1", mtu=1500, mtu_request=9000))] * 2)
    switch.read()
    switch.execute([ovs.SetPort("t1", "t1", Columns({"tag": 1}))], Journal())  # somebody else's request


def test_a_refusal_names_the_first_operation_that_it_is_for() -> None:
    operations = [ovs.AddPort("br", f"i{number}", Columns({"tag": 1})) for number in range(50)]
    operations[33] = ovs.AddPort("br", "i33", Columns({"tag": 9999}))
    refusal = _Ended(1, "", "ovs-vsctl: constraint violation: 9999 is not in the valid range 0 to 4095 (inclusive)\n")
    switch = FakeOpenVSwitch(writes=[refusal])
    switch.dry_runs = lambda arguments: refusal if "tag=9999" in arguments else DONE
    switch.read()
    journal = Journal()
    with pytest.raises(OperationFailed, match=r"^constraint violation: 9999 is not in") as failure:
        switch.execute(operations, journal)
    assert failure.value.operation is operations[33]
    assert len(journal) == 0
    assert len(switch.ran) < 12
    # Without it ovs-vsctl waits for ovs-vswitchd to carry out what was not written.
    assert all("--no-wait" in words for words in switch.ran if "--dry-run" in words)


def test_a_refusal_of_the_database_names_none() -> None:
    switch = FakeOpenVSwitch(writes=[_Ended(1, "", "ovs-vsctl: transaction error: it will not")])
    switch.read()
    with pytest.raises(OperationFailed, match=r"transaction error: it will not") as failure:
        switch.execute([ovs.AddBridge("a"), ovs.AddBridge("b")], Journal())
    assert failure.value.operation is None


def test_what_a_timeout_has_left_is_read_back_and_taken_back_without_waiting() -> None:
    switch = FakeOpenVSwitch([listing(), listing(interface("br"))], [TIMED_OUT])
    switch.read()
    journal = Journal()
    with pytest.raises(OperationFailed, match=r"within 10 s\. It had been stored in the database nevertheless"):
        switch.execute([ovs.AddBridge("br")], journal)
    assert journal.roll_back() == []
    assert switch.written == ["add-br br", "--no-wait -- --if-exists del-br br"]


def test_a_timeout_that_has_left_nothing_takes_nothing_back() -> None:
    switch = FakeOpenVSwitch(writes=[TIMED_OUT])
    switch.read()
    journal = Journal()
    with pytest.raises(OperationFailed, match=r"Nothing of it had been stored"):
        switch.execute([ovs.AddBridge("br")], journal)
    assert len(journal) == 0


def test_a_timeout_of_both_daemons_takes_back_what_it_may_have_left() -> None:
    switch = FakeOpenVSwitch([listing(), TIMED_OUT], [TIMED_OUT])
    switch.read()
    journal = Journal()
    with pytest.raises(OperationFailed, match=r"could not be read"):
        switch.execute([ovs.AddBridge("br")], journal)
    assert len(journal) == 1


def test_a_way_back_that_is_refused_is_told() -> None:
    switch = FakeOpenVSwitch([listing(), listing(interface("br"))], [DONE, _Ended(1, "", "ovs-vsctl: no")])
    switch.read()
    journal = Journal()
    switch.execute([ovs.AddBridge("br")], journal)
    assert journal.roll_back() == ["ovs-vsctl add-br br: no"]


def test_a_refused_request_of_the_daemon_stops_the_transaction() -> None:
    switch = FakeOpenVSwitch(writes=[_Ended(2, "", "ovs-appctl: ovs-vswitchd: server returned an error")])
    switch.read()
    with pytest.raises(OperationFailed, match=r"dpctl/del-if"):
        switch.execute([ovs.CloseLocalInterface("br")], Journal())
    assert len(switch.written) == 1


# The kernel's datapath


@pytest.mark.parametrize(
    ("families", "running", "loadable", "works"),
    [
        ({"ovs_datapath", "nlctrl"}, True, False, True),
        ({"nlctrl"}, True, True, False),  # ovs-vswitchd has looked for it when it started, and not found it
        ({"nlctrl"}, False, True, True),
        ({"nlctrl"}, False, False, False),
        ({"nlctrl"}, None, True, False),
    ],
)
def test_the_kernels_datapath_works_where_the_daemon_finds_it(
    monkeypatch: pytest.MonkeyPatch, families: set[str], running: bool | None, loadable: bool, works: bool
) -> None:
    monkeypatch.setattr(vsctl, "_generic_netlink_families", lambda: families)
    monkeypatch.setattr(vsctl, "_daemon", lambda _directory: (running, None))
    switch = FakeOpenVSwitch()
    switch.installed.add("modprobe")
    switch.dry_runs = lambda _arguments: DONE if loadable else _Ended(1, "", "")
    switch.read(check_mode=True)
    assert switch.kernel_datapath() is works
    assert not [words for words in switch.ran if words[0] == "modprobe" and "--dry-run" not in words]


def test_the_kernel_names_its_generic_netlink_families() -> None:
    assert "nlctrl" in vsctl._generic_netlink_families()


# The daemon. These use what pytest itself runs on.


HOLD_A_LOCK = """
import fcntl, sys
file = open(sys.argv[1], "w")
fcntl.lockf(file, fcntl.LOCK_EX)
print("locked", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def _real_daemon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(vsctl, "_found_daemon", lambda: None)


@pytest.mark.usefixtures("_real_daemon")
def test_a_daemon_that_holds_its_pid_file_is_running(tmp_path: Path) -> None:
    pidfile = tmp_path / "ovs-vswitchd.pid"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD_A_LOCK, str(pidfile)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert vsctl._daemon(str(tmp_path)) == (True, process.pid)
    assert vsctl._daemon(str(tmp_path)) == (False, None)


@pytest.mark.usefixtures("_real_daemon")
def test_a_pid_file_that_is_not_locked_is_a_dead_daemons(tmp_path: Path) -> None:
    (tmp_path / "ovs-vswitchd.pid").write_text(f"{os.getpid()}\n", encoding="ascii")
    assert vsctl._daemon(str(tmp_path)) == (False, None)


@pytest.mark.usefixtures("_real_daemon")
def test_without_a_pid_file_the_processes_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert vsctl._daemon(str(tmp_path)) == (False, None)
    assert vsctl._daemon(str(tmp_path / "elsewhere")) == (None, None)
    monkeypatch.setattr(vsctl, "_found_daemon", lambda: 42)
    assert vsctl._daemon(str(tmp_path)) == (True, 42)


def test_a_process_that_is_seen_says_what_it_has_open() -> None:
    opened = vsctl._opened_by(os.getpid())
    assert (opened.packet_sockets, opened.taps) == (frozenset(), frozenset())


def test_a_real_program_that_takes_too_long_is_ended() -> None:
    switch = OpenVSwitch()
    assert switch._run([sys.executable, "-c", "import time; time.sleep(60)"], 0.2).status is None
    killed = switch._run([sys.executable, "-c", "import signal; signal.alarm(1); signal.pause()"], 20)
    assert killed.status is None
    assert switch._run([sys.executable, "-c", "print('ü')"], 20).output == "ü\n"
    assert switch._run(["/no/such/program"], 20).status == 126


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("ovs-vsctl: no row x\n", "no row x"),
        ("2026-01-01T00:00:00Z|00002|fatal_signal|WARN|terminating\novs-vsctl: x: y\n", "x: y"),
        ("ovs-vsctl: The default log directory is x.\n", ""),
        ("", ""),
    ],
)
def test_of_a_message_the_last_line_is_told(message: str, told: str) -> None:
    assert vsctl._last_line(message) == told
