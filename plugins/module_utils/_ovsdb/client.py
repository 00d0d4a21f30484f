# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The programs of Open vSwitch, ovs-vsctl, ovs-appctl and ovs-ofctl, and their answers. Nothing else runs them."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import OperationFailed, Unavailable
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.rows import parse_tables
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Switch, build_switch
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.syntax import Command, join_commands
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.tables import TABLES
from ansible_collections.netns.fabric.plugins.module_utils._system import programs

#: Seconds that Open vSwitch has to answer where the call names no timeout.
DEFAULT_TIMEOUT = 10
#: Seconds after which a program is killed that has outlived the timeout it was given.
GRACE = 5.0
#: ovs-vsctl of 3.2 and later: the transaction is committed, but ovs-vswitchd could not set everything up.
EXIT_POSTDB_ERROR = 65

DEFAULT_RUNDIR = "/var/run/openvswitch"

START = (
    "start Open vSwitch (`systemctl start openvswitch-switch` on Debian and Ubuntu, `systemctl start openvswitch` on "
    "Red Hat's systems, `/usr/share/openvswitch/scripts/ovs-ctl start` without systemd), or use the role "
    "netns.fabric.openvswitch"
)
INSTALL = (
    "install it (`apt install openvswitch-switch`, `dnf install openvswitch`), or use the role netns.fabric.openvswitch"
)


class SwitchUnavailable(Unavailable):
    """Open vSwitch cannot be read: `cause` is the message without the cure."""

    def __init__(self, cause: str, cure: str = "") -> None:
        super().__init__(f"{cause}: {cure}" if cure else cause)
        self.cause = cause


@dataclass(frozen=True)
class Answer:
    """How a program ended; `status` is None where it ran out of time."""

    status: int | None
    output: str
    message: str

    @property
    def committed(self) -> bool:
        """Whether a transaction of ovs-vsctl is in the database."""
        return self.status in (0, EXIT_POSTDB_ERROR)

    @property
    def conflicting(self) -> bool:
        """Whether ovs-vsctl has refused to create what there is already (check_conflicts() in its source)."""
        return (
            re.search(r"^ovs-vsctl: cannot create .* because .* already exists", self.message, re.MULTILINE) is not None
        )

    @property
    def reason(self) -> str:
        """The last line of the message, without the program's name and without what ovs-vsctl says about its log.

        Of a program without a message, how it ended.
        """
        lines = [
            line for line in self.message.splitlines() if line and "log directory" not in line and "|WARN|" not in line
        ]
        if not lines:
            return _describe_end(self.status)
        text = lines[-1]
        return text.split(": ", 1)[-1] if text.startswith(("ovs-vsctl: ", "ovs-appctl: ")) else text


def _describe_end(status: int | None) -> str:
    if status is None:
        return "no answer in time"
    return f"it was killed by signal {-status}" if status < 0 else f"it ended with status {status}" if status else ""


class Client:
    """Open vSwitch as one call of a module reaches it: through which server, and with which timeout in seconds."""

    def __init__(self, timeout: int = DEFAULT_TIMEOUT, database: str | None = None) -> None:
        self.timeout = timeout
        self._database = database
        #: Set once ovs-vswitchd has failed to answer: from then on nothing waits for it.
        self.unresponsive = False

    def read(self) -> Switch:
        """Read all tables at once.

        Raises:
            SwitchUnavailable: They cannot be read.
        """
        commands: list[Command] = [("list", table.name) for table in TABLES]
        answer = self._vsctl(["--format=json", *join_commands(commands)], self.timeout)
        if answer.status != 0:
            raise self._unavailable(answer)
        try:
            return build_switch(parse_tables(answer.output))
        except (ValueError, KeyError) as error:
            raise SwitchUnavailable(f"the output of ovs-vsctl could not be parsed ({error!r})") from error

    def _unavailable(self, answer: Answer) -> SwitchUnavailable:
        if answer.status is None:
            return SwitchUnavailable(
                f"the database server of Open vSwitch (ovsdb-server) did not answer within {self.timeout} s",
                f"if it is busy, raise `timeout`; otherwise {START}",
            )
        if "database connection failed" in answer.message:
            return SwitchUnavailable(f"Open vSwitch is not running (ovsdb-server: {answer.reason})", START)
        return SwitchUnavailable(f"Open vSwitch could not be read: {answer.reason}")

    def write(self, commands: Iterable[Command], timeout: float) -> Answer:
        """Commit commands in one transaction, and wait for ovs-vswitchd to apply it unless it is unresponsive."""
        waiting = ["--no-wait"] if self.unresponsive else []
        return self._vsctl([*waiting, *join_commands(commands)], timeout)

    def is_refused(self, commands: Iterable[Command]) -> bool:
        """Return whether ovs-vsctl refuses commands; nothing is written."""
        # Without --no-wait it would wait for ovs-vswitchd to apply what was not written.
        return self._vsctl(["--dry-run", "--no-wait", *join_commands(commands)], self.timeout).status != 0

    def _vsctl(self, arguments: Sequence[str], timeout: float) -> Answer:
        program = self.find("ovs-vsctl")
        if program is None:
            raise SwitchUnavailable("Open vSwitch is not installed (there is no ovs-vsctl in PATH)", INSTALL)
        seconds = max(1, int(timeout + 0.999))
        database = [f"--db={self._database}"] if self._database else []
        return self.run([program, f"--timeout={seconds}", *database, *arguments], seconds + GRACE)

    def appctl(self, arguments: Sequence[str], switch: Switch) -> Answer:
        """Ask the ovs-vswitchd of a switch."""
        program = self.find("ovs-appctl")
        if program is None:
            return Answer(127, "", "it is not installed")
        socket = os.path.join(self.run_directory(switch), f"ovs-vswitchd.{switch.daemon}.ctl")
        target = ["-t", socket] if os.path.exists(socket) else []
        return self.run([program, f"--timeout={self.timeout}", *target, *arguments], self.timeout + GRACE)

    def ofctl(self, arguments: Sequence[str], text: str) -> Answer:
        """Speak OpenFlow, with `text` on the standard input of ovs-ofctl."""
        program = self.find("ovs-ofctl")
        if program is None:
            return Answer(127, "", "ovs-ofctl is not installed")
        return self.run([program, f"--timeout={self.timeout}", *arguments], self.timeout + GRACE, text)

    def flow_target(self, bridge: str, switch: Switch) -> str:
        """Return what ovs-ofctl knows a bridge by, wherever its socket is."""
        socket = os.path.join(self.run_directory(switch), f"{bridge}.mgmt")
        return f"unix:{socket}" if os.path.exists(socket) else bridge

    def run_directory(self, switch: Switch) -> str:
        """Return the directory with the daemons' pid files and sockets."""
        if self._database and self._database.startswith("unix:"):
            return os.path.dirname(self._database[len("unix:") :])
        return switch.external_ids.get("rundir") or os.environ.get("OVS_RUNDIR") or DEFAULT_RUNDIR

    def find(self, program: str) -> str | None:
        """Return the path of a program, None where it is not installed."""
        return programs.find(program)

    def run(self, arguments: Sequence[str], timeout: float, text: str = "") -> Answer:
        """Run a program with `text` on its standard input, and kill it after so many seconds."""
        try:
            ended = programs.run(arguments, text, timeout=timeout)
        except programs.TimedOut:
            return Answer(None, "", "")
        except OperationFailed as error:
            return Answer(126, "", str(error))
        # --timeout ends it by SIGALRM.
        status = None if ended.status in (-signal.SIGALRM, 128 + signal.SIGALRM) else ended.status
        return Answer(status, ended.output, ended.error)
