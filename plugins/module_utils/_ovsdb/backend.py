# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Open vSwitch: read in one pass, written in one transaction with a way back. The only code that runs ovs-vsctl."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import socket
import struct
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from typing import Any, cast

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import (
    FabricError,
    InvalidEntry,
    OperationFailed,
    Unavailable,
)
from ansible_collections.netns.fabric.plugins.module_utils._core.journal import Backend, Backends, BackendType, Journal
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Operation
from ansible_collections.netns.fabric.plugins.module_utils._kernel import uapi
from ansible_collections.netns.fabric.plugins.module_utils._kernel.access import KERNEL
from ansible_collections.netns.fabric.plugins.module_utils._kernel.netlink import (
    NetlinkError,
    NetlinkSocket,
    attributes_of,
    message,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.operations import (
    Command,
    DeleteBridge,
    DeletePort,
    OvsOperation,
    joined,
)
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import (
    REOPEN,
    TABLES,
    Attachments,
    Interface,
    Switch,
    internal_ports_of,
    switch_of,
    tables_of,
)
from ansible_collections.netns.fabric.plugins.module_utils._system.programs import TimedOut, find, run

#: Seconds added to the timeout for each interface that ovs-vswitchd is to open or close: closing one takes the kernel
#: 13 ms on the userspace datapath.
TIME_PER_INTERFACE = 0.1
#: Seconds after which a program is killed that has outlived the timeout it was given.
GRACE = 5.0
#: Seconds to wait for ovs-vswitchd to report an MTU that it has accepted.
REPORT_TIMEOUT = 2.0
#: ovs-vsctl of 3.2 and later: the transaction is committed, but ovs-vswitchd could not set everything up.
EXIT_POSTDB_ERROR = 65

DEFAULT_RUNDIR = "/var/run/openvswitch"

START = (
    "start Open vSwitch (`systemctl start openvswitch-switch` on Debian and Ubuntu, `systemctl start openvswitch` on "
    "Red Hat's systems, `/usr/share/openvswitch/scripts/ovs-ctl start` without systemd), or use the role "
    "netns.fabric.openvswitch"
)
NOT_INSTALLED = (
    "Open vSwitch is not installed (there is no ovs-vsctl in PATH): install it (`apt install openvswitch-switch`, "
    "`dnf install openvswitch`), or use the role netns.fabric.openvswitch"
)

OVS_DATAPATH_FAMILY = "ovs_datapath"


@dataclass(frozen=True)
class _Ended:
    """How a program ended; `status` is None where its time was up."""

    status: int | None
    output: str
    message: str


class OpenVSwitch(Backend):
    """The Open vSwitch of this host."""

    def __init__(self) -> None:
        self.begin_call({})
        #: What was removed in check mode.
        self._removed_bridges: set[str] = set()
        self._removed_ports: set[str] = set()

    def begin_call(self, options: Mapping[str, Any]) -> None:
        """Take the options of the next call.

        `timeout` is the number of seconds that Open vSwitch has to answer a question or to carry out a change, 10 where
        it is left out; `database` the server as ovsdb(7) names it, a socket of this host where it is left out.

        Raises:
            InvalidEntry: The timeout is not a positive number.
        """
        timeout = options.get("timeout")
        if timeout is not None and timeout < 1:
            raise InvalidEntry("the call", "timeout", f"it must be a positive number of seconds, not {timeout}")
        self._timeout: int = timeout or 10
        self._database: str | None = options.get("database")
        self._before = Switch()
        #: Whether ovs-vswitchd has failed to answer: from then on nothing waits for it.
        self._silent = False

    # Reading

    def read(self, check_mode: bool = False, nothing_wanted: bool = False) -> Switch:
        """All of it, in one pass.

        In check mode an Open vSwitch that is not there or not running is taken as one without bridges, which an earlier
        task would have started. Where `nothing_wanted`, one that is not installed has nothing that could be removed.

        Raises:
            Unavailable: It is not installed, or not running, or does not answer within the timeout.
        """
        installed = self._program("ovs-vsctl") is not None
        try:
            switch = self._switch()
        except Unavailable as error:
            if not check_mode and (installed or not nothing_wanted):
                raise
            nothing_there = nothing_wanted and not installed
            self._before = Switch() if nothing_there else Switch(unavailable=str(error), running=False)
            return self._before
        running, daemon = _daemon(self._run_directory(switch))
        switch = switch.without(self._removed_bridges, self._removed_ports)
        self._before = replace(switch, running=running, daemon=daemon)
        if not check_mode and not nothing_wanted:
            self._require_daemon()
        return self._before

    def simulate(self, operations: Sequence[Operation], host: Backends) -> None:
        """In check mode: read from now on as if what these operations remove were gone, links of the host included."""
        host.use(KERNEL).simulate_removed_links(self._links_of(operations))
        self._removed_bridges.update(each.name for each in operations if isinstance(each, DeleteBridge))
        self._removed_ports.update(each.name for each in operations if isinstance(each, DeletePort))

    def _links_of(self, operations: Sequence[Operation]) -> set[str]:
        """Return the links of the host that go with what these operations remove, as far as it has been read."""
        bridges = {each.name for each in operations if isinstance(each, DeleteBridge)}
        ports = {each.name for each in operations if isinstance(each, DeletePort)}
        return {
            interface.name
            for bridge in self._before.bridges
            for port in bridge.ports
            if bridge.name in bridges or port.name in ports
            for interface in port.interfaces
            if interface.type == "internal"
        }

    def _switch(self) -> Switch:
        commands: list[Command] = [("list", table) for table in TABLES]
        ended = self._vsctl(["--format=json", *joined(commands)], self._timeout)
        if ended.status != 0:
            raise Unavailable(self._unanswered(ended))
        try:
            return switch_of(tables_of(ended.output))
        except (ValueError, KeyError) as error:
            raise Unavailable(f"what ovs-vsctl has printed is not understood ({error!r})") from error

    def _unanswered(self, ended: _Ended) -> str:
        """Why a question has no answer."""
        if ended.status is None:
            return (
                f"the database server of Open vSwitch (ovsdb-server) has not answered within {self._timeout} s: "
                f"if it is busy give it more time with `timeout`, else {START}"
            )
        if "database connection failed" in ended.message:
            return f"Open vSwitch is not running (ovsdb-server: {_last_line(ended.message)}): {START}"
        return f"Open vSwitch could not be read: {_last_line(ended.message)}"

    def _run_directory(self, switch: Switch) -> str:
        if self._database and self._database.startswith("unix:"):
            return os.path.dirname(self._database[len("unix:") :])
        return switch.row.strings("external_ids").get("rundir") or os.environ.get("OVS_RUNDIR") or DEFAULT_RUNDIR

    def attachments(self, vports: bool = False) -> Attachments:
        """What ovs-vswitchd has open, in one look for all ports; `vports` asks for the kernel's internal ports too.

        Nothing is known of an ovs-vswitchd that is not running or cannot be seen from here.
        """
        pid = self._before.daemon
        attachments = Attachments()
        if pid is None:
            return attachments
        # It may end while it is looked at; then nothing is known of it either.
        with suppress(OSError):
            attachments = _opened_by(pid)
        if vports:
            ended = self._appctl(("dpctl/show",))
            if ended.status == 0:
                attachments = replace(attachments, vports=internal_ports_of(ended.output))
        return attachments

    def link_names(self) -> frozenset[str]:
        """The names of the host's links."""
        return frozenset(name for _index, name in socket.if_nameindex())

    def kernel_datapath(self) -> bool:
        """Whether bridges of the kernel's datapath work here.

        That is what ovs-vswitchd finds when it starts, and only then (dpif_netlink_init() in lib/dpif-netlink.c): its
        question for the generic netlink family has the kernel load the module (ctrl_getfamily() in
        net/netlink/genetlink.c). Loading it later does not help an ovs-vswitchd that has not found it, hence nothing is
        loaded here. Before it has started, the family may be missing and still be there in time.
        """
        if OVS_DATAPATH_FAMILY in _generic_netlink_families():
            return True
        modprobe = self._program("modprobe")
        if self._before.running is not False or modprobe is None:
            return False
        return self._run([modprobe, "--dry-run", "--quiet", "openvswitch"], self._timeout).status == 0

    # Writing

    def execute(self, operations: Sequence[Operation], journal: Journal) -> None:
        self._require_daemon()
        for batch in self._batches(cast(Sequence[OvsOperation], operations)):
            self._transact(batch, journal)

    def commit(self) -> None:
        """Nothing is kept for the way back that would have to be let go of."""

    def _require_daemon(self) -> None:
        if self._before.running is False:
            raise Unavailable(
                "ovs-vswitchd is not running (its database server is, so a change would be stored but never carried "
                f"out): {START}"
            )

    def _batches(self, operations: Sequence[OvsOperation]) -> Iterator[list[OvsOperation]]:
        """One transaction for all, unless the kernel would not take so long a command line (execve(2))."""
        limit = os.sysconf("SC_ARG_MAX") // 4
        batch: list[OvsOperation] = []
        size = 0
        for operation in operations:
            length = sum(len(word) + 9 for word in joined(operation.transaction()))  # and its pointer, and its NUL
            if batch and size + length > limit:
                yield batch
                batch, size = [], 0
            batch.append(operation)
            size += length
        if batch:
            yield batch

    def _transact(self, batch: Sequence[OvsOperation], journal: Journal) -> None:
        for operation in batch:
            for request in operation.requests():
                self._request(operation, request)
        commands = [command for operation in batch for command in operation.transaction()]
        ended = self._write(commands, self._patience(batch))
        description = "; ".join(line for operation in batch for line in operation.commands())
        undo = self._undo(batch)
        if ended.status in (0, EXIT_POSTDB_ERROR):
            journal.record(description, undo)
            self._verify(batch, ended)
        elif ended.status is None:
            self._timed_out(batch, journal, description, undo)
        else:
            raise OperationFailed(self._culprit(batch), _last_line(ended.message))

    def _write(self, commands: Sequence[Command], timeout: float) -> _Ended:
        waiting = ["--no-wait"] if self._silent else []
        return self._vsctl([*waiting, *joined(commands)], timeout)

    def _patience(self, batch: Sequence[OvsOperation]) -> float:
        return self._timeout + TIME_PER_INTERFACE * sum(operation.size(self._before) for operation in batch)

    def _request(self, operation: OvsOperation, request: Command) -> None:
        ended = self._appctl(request)
        if ended.status != 0:
            raise OperationFailed(operation, f"ovs-appctl {request[0]}: {_last_line(ended.message) or 'no answer'}")

    def _undo(self, batch: Sequence[OvsOperation]) -> Callable[[], None]:
        backwards = list(reversed(batch))
        transactions = [
            [command for operation in backwards for command in operation.undo(self._before)],
            [command for operation in backwards for command in operation.undo_after(self._before)],
        ]

        def undo() -> None:
            for commands in filter(None, transactions):
                ended = self._write(commands, self._patience(batch))
                if ended.status not in (0, EXIT_POSTDB_ERROR):
                    raise FabricError(_last_line(ended.message) or f"no answer within {self._timeout} s")

        return undo

    def _culprit(self, batch: Sequence[OvsOperation]) -> OvsOperation | None:
        """The first operation that the whole is refused for, found by trying less and less of it without writing.

        None where ovs-vsctl takes them all: then it is the database that refuses what they come to.
        """

        def refused(count: int) -> bool:
            commands = [command for operation in batch[:count] for command in operation.transaction()]
            # What is not written is not carried out, and would be waited for.
            return self._vsctl(["--dry-run", "--no-wait", *joined(commands)], self._timeout).status != 0

        low, high = 0, len(batch)
        if not refused(high):
            return None
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if refused(middle) else (middle, high)
        return batch[high - 1]

    def _timed_out(
        self, batch: Sequence[OvsOperation], journal: Journal, description: str, undo: Callable[[], None]
    ) -> None:
        """A transaction is committed before ovs-vswitchd is waited for: see whether it was, and have it taken back."""
        self._silent = True
        cause = f"ovs-vswitchd has not carried out the change within {self._patience(batch):.0f} s"
        cure = f"see whether it answers (`ovs-appctl version`); if it is only busy raise `timeout`, else {START}"
        try:
            now = self._switch()
        except Unavailable as error:
            journal.record(description, undo)
            raise OperationFailed(None, f"{cause}, and what was stored of it could not be read: {error}") from None
        if _configured(now) == _configured(self._before):
            raise OperationFailed(None, f"{cause}. Nothing of it had been stored in the database; {cure}")
        journal.record(description, undo)
        raise OperationFailed(
            None,
            f"{cause}. It had been stored in the database nevertheless, as was read back, and was taken out of it "
            f"without waiting for ovs-vswitchd; {cure}",
        )

    # What became of it

    def _verify(self, batch: Sequence[OvsOperation], ended: _Ended) -> None:
        """What ovs-vswitchd could not set up shows in the tables only, and in some releases by the exit status.

        Raises:
            OperationFailed: An interface does not work that was to be set up and did not fail before as well.
        """
        if self._silent:
            return
        now = self._reported({name for operation in batch for name in operation.results(self._before)})
        for operation in batch:
            for name in operation.results(self._before):
                self._require_working(operation, name, now, ended)
        carried = [(operation, name) for operation in batch for name in operation.carried_along(self._before)]
        links = self.link_names() if carried else frozenset()
        for operation, name in carried:
            # A device that went since it was looked at, as those of a namespace do some time after it was deleted, is
            # no fault of this change.
            if name in links or name not in now or now[name].type != "system":
                self._require_working(operation, name, now, ended)
        self._await_mtus(batch, now)

    def _reported(self, names: set[str]) -> dict[str, Interface]:
        """What is said of the interfaces, once nothing is said any more of how one of these was while it was closed.

        A busy ovs-vswitchd may have opened it again and not told so yet, see CloseInterface.
        """
        deadline = time.monotonic() + REPORT_TIMEOUT
        now = self._interfaces()
        while any(REOPEN in now[name].error for name in names if name in now) and time.monotonic() < deadline:
            time.sleep(0.05)  # ovs-vswitchd reports it a little later
            now = self._interfaces()
        return now

    def _interfaces(self) -> dict[str, Interface]:
        switch = self._switch()
        return {each.name: each for bridge in switch.bridges for port in bridge.ports for each in port.interfaces}

    def _require_working(self, operation: OvsOperation, name: str, now: dict[str, Interface], ended: _Ended) -> None:
        found = now.get(name)
        if found is None:
            reason = "it is gone again: somebody else has removed it"
        else:
            reason = _told(name, found.fault, ended) if found.fault else ""
        if reason:
            raise OperationFailed(operation, f"ovs-vswitchd could not set up {name}: {reason}")

    def _await_mtus(self, batch: Sequence[OvsOperation], now: dict[str, Interface]) -> None:
        """An MTU that the kernel refuses is only logged by ovs-vswitchd; it shows as one that does not come."""
        deadline = time.monotonic() + REPORT_TIMEOUT
        while True:
            wrong = [
                (operation, now[name])
                for operation in batch
                for name in (operation.results(self._before) if operation.mtu else ())
                if name in now and now[name].mtu_request and now[name].mtu not in (None, now[name].mtu_request)
            ]
            if not wrong:
                return
            if time.monotonic() > deadline:
                operation, interface = wrong[0]
                raise OperationFailed(
                    operation,
                    f"{interface.name} keeps its MTU of {interface.mtu} bytes: the device does not take "
                    f"{interface.mtu_request}",
                )
            time.sleep(0.05)  # ovs-vswitchd reports it a little later
            now = self._interfaces()

    # Programs

    def _vsctl(self, arguments: Sequence[str], timeout: float) -> _Ended:
        program = self._program("ovs-vsctl")
        if program is None:
            raise Unavailable(NOT_INSTALLED)
        seconds = max(1, int(timeout + 0.999))
        database = [f"--db={self._database}"] if self._database else []
        return self._run([program, f"--timeout={seconds}", *database, *arguments], seconds + GRACE)

    def _appctl(self, arguments: Sequence[str]) -> _Ended:
        program = self._program("ovs-appctl")
        if program is None:
            return _Ended(127, "", "it is not installed")
        target = os.path.join(self._run_directory(self._before), f"ovs-vswitchd.{self._before.daemon}.ctl")
        chosen = ["-t", target] if os.path.exists(target) else []
        return self._run([program, f"--timeout={self._timeout}", *chosen, *arguments], self._timeout + GRACE)

    def _program(self, name: str) -> str | None:
        return find(name)

    def _run(self, arguments: Sequence[str], timeout: float) -> _Ended:
        try:
            ended = run(arguments, timeout=timeout)
        except TimedOut:
            return _Ended(None, "", "")
        except OperationFailed as error:
            return _Ended(126, "", str(error))
        # --timeout has it killed by SIGALRM.
        status = None if ended.status in (-signal.SIGALRM, 128 + signal.SIGALRM) else ended.status
        return _Ended(status, ended.output, ended.error)


def _last_line(message: str) -> str:
    """What a program complains of, without its name and without what ovs-vsctl says of its log."""
    lines = [line for line in message.splitlines() if line and "log directory" not in line and "|WARN|" not in line]
    text = lines[-1] if lines else ""
    return text.split(": ", 1)[-1] if text.startswith(("ovs-vsctl: ", "ovs-appctl: ")) else text


def _told(name: str, reason: str, ended: _Ended) -> str:
    """The reason that the database gives; else the one that ovs-vsctl has printed."""
    match = re.search(rf"setting up '{re.escape(name)}': (.*?)\.?  See ", ended.message)
    return match[1] if match and "no reason is given" in reason else reason


def _configured(switch: Switch) -> object:
    """All that is configured, for comparison."""
    return {
        "bridges": {
            bridge.name: (bridge.row.configuration, sorted(port.name for port in bridge.ports))
            for bridge in switch.bridges
        },
        "ports": {
            port.name: (port.row.configuration, [_settings(each) for each in port.interfaces])
            for bridge in switch.bridges
            for port in bridge.ports
        },
    }


def _settings(interface: Interface) -> object:
    return {column: value for column, value in interface.row.configuration.items() if column != "ofport"}


def _daemon(directory: str) -> tuple[bool | None, int | None]:
    """Whether ovs-vswitchd is running, and its process id where that is known.

    It keeps a lock on its pid file for as long as it lives (read_pidfile__() in lib/daemon-unix.c). Without a pid file
    it may still be running, here or where it cannot be seen from.
    """
    try:
        with open(os.path.join(directory, "ovs-vswitchd.pid"), "rb") as file:
            # struct flock of fcntl(2): type, whence, start, length, pid.
            lock = fcntl.fcntl(file, fcntl.F_GETLK, struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
    except OSError:
        pid = _found_daemon()
        return (True, pid) if pid else (False if os.path.isdir(directory) else None, None)
    kind, _whence, _start, _length, pid = struct.unpack("hhqqi", lock)
    return kind != fcntl.F_UNLCK, pid if kind != fcntl.F_UNLCK and pid > 0 else None


def _found_daemon() -> int | None:
    """The process id of an ovs-vswitchd in our network namespace."""
    ours = os.stat("/proc/self/ns/net")
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        # A process may end while it is looked at.
        with suppress(OSError), open(f"/proc/{entry}/comm", encoding="ascii", errors="replace") as file:
            if file.read().strip() == "ovs-vswitchd" and os.path.samestat(os.stat(f"/proc/{entry}/ns/net"), ours):
                return int(entry)
    return None


def _opened_by(pid: int) -> Attachments:
    """The packet sockets and the tap devices of a process (proc(5)).

    /proc/PID/net/packet has a line for each packet socket of its network namespace with the link's index, -1 once the
    link is gone, and the socket's inode; the fdinfo of a descriptor of /dev/net/tun has the name of the device that is
    attached to it, none once that is gone (tun_chr_show_fdinfo() in drivers/net/tun.c).
    """
    sockets: set[int] = set()
    taps: set[str] = set()
    for descriptor in os.listdir(f"/proc/{pid}/fd"):
        # A descriptor may be closed while it is looked at.
        with suppress(FileNotFoundError):
            target = os.readlink(f"/proc/{pid}/fd/{descriptor}")
            if target.startswith("socket:["):
                sockets.add(int(target[8:-1]))
            elif target == "/dev/net/tun":
                taps.update(_tap_of(pid, descriptor))
    with open(f"/proc/{pid}/net/packet", encoding="ascii") as file:
        lines = [line.split() for line in file.readlines()[1:]]
    links = {int(fields[4]) for fields in lines if int(fields[8]) in sockets}
    return Attachments(packet_sockets=frozenset(links - {0, -1}), taps=frozenset(taps))


def _tap_of(pid: int, descriptor: str) -> list[str]:
    with open(f"/proc/{pid}/fdinfo/{descriptor}", encoding="utf-8", errors="replace") as file:
        names = [line.partition(":")[2].strip() for line in file if line.startswith("iff:")]
    return [name for name in names if name]


def _generic_netlink_families() -> set[str]:
    """Return the names of all generic netlink families that the kernel has now.

    All are dumped at once: a query for one that is missing has the kernel load a module, which check mode must not do.
    """
    request = message(uapi.GENL_ID_CTRL, uapi.GENERIC_HEADER.pack(uapi.CTRL_CMD_GETFAMILY, 1))
    with closing(NetlinkSocket(uapi.NETLINK_GENERIC, timeout=GRACE)) as control:
        try:
            return set(map(_family_name, control.dump(request)))
        except NetlinkError:
            return set()


def _family_name(dumped: bytes) -> str:
    attributes = attributes_of(dumped, uapi.HEADER.size + uapi.GENERIC_HEADER.size)
    return attributes.get(uapi.CTRL_ATTR_FAMILY_NAME, b"").rstrip(b"\0").decode(errors="replace")


OVSDB = BackendType("ovsdb", OpenVSwitch)
