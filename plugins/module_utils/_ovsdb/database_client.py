# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A program that reads and writes a database of OVSDB, ovs-vsctl or ovn-nbctl, and its answers."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import OperationFailed, Unavailable
from ansible_collections.netns.fabric.plugins.module_utils._core.secrets import is_secret
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.database import State
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.rows import Row, parse_tables
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.syntax import Command, join_commands
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.tables import Table
from ansible_collections.netns.fabric.plugins.module_utils._system import programs

#: Seconds that the server has to answer where the call names no timeout.
DEFAULT_TIMEOUT = 10
#: Seconds after which a program is killed that has outlived the timeout it was given.
GRACE = 5.0
#: ovs-vsctl of 3.2 and later: the transaction is committed, but ovs-vswitchd could not set everything up.
EXIT_POSTDB_ERROR = 65

#: A key before its value, in a word such as `options:psk=x` and in a map.
_KEY = re.compile(r'(?<![\w-])([\w-]+)"?=')

#: How the messages of the programs begin.
_PROGRAMS = ("ovs-vsctl: ", "ovs-appctl: ", "ovn-nbctl: ")


class DatabaseUnavailable(Unavailable):
    """The database cannot be read: `cause` is the message without the cure."""

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
        """Whether a transaction is in the database."""
        return self.status in (0, EXIT_POSTDB_ERROR)

    @property
    def conflicting(self) -> bool:
        """Whether ovs-vsctl has refused to create what there is already (check_conflicts() in its source)."""
        pattern = r"^ovs-vsctl: cannot create .* because .* already exists"
        return re.search(pattern, self.message, re.MULTILINE) is not None

    @property
    def reason(self) -> str:
        """The last line of the message, without the program's name and without what it says about its log.

        Of a program without a message, how it ended.
        """
        lines = [
            line for line in self.message.splitlines() if line and "log directory" not in line and "|WARN|" not in line
        ]
        if not lines:
            return _describe_end(self.status)
        text = lines[-1]
        return text.split(": ", 1)[-1] if text.startswith(_PROGRAMS) else text


def _has_secret(argument: str) -> bool:
    """Return whether an argument sets a key, among others, whose name says that its value is a secret."""
    return any(map(is_secret, _KEY.findall(argument)))


def _describe_end(status: int | None) -> str:
    if status is None:
        return "no answer in time"
    return f"it was killed by signal {-status}" if status < 0 else f"it ended with status {status}" if status else ""


class DatabaseClient(Generic[State]):
    """A database as one call of a module reaches it: through which server, and with which timeout in seconds."""

    program: str
    #: What is read, in this order.
    tables: Sequence[Table]
    #: What the program is part of, and how it is installed.
    product: str
    install: str

    def __init__(self, timeout: int = DEFAULT_TIMEOUT, database: str | None = None) -> None:
        self.timeout = timeout
        self.database = database
        #: Set once the server or the daemon behind it has failed to answer: from then on nothing waits for the daemon.
        self.unresponsive = False

    def build(self, tables: Iterable[Iterable[Row]]) -> State:
        """Return the state that the rows of all tables make up.

        Raises:
            ValueError: A row has no name.
        """
        raise NotImplementedError

    def unavailable(self, answer: Answer) -> DatabaseUnavailable:
        """Return why the database could not be read."""
        raise NotImplementedError

    def describe_timeout(self, seconds: float) -> tuple[str, str]:
        """Return the cause of a change that was not applied in time, and the cure."""
        raise NotImplementedError

    def options(self) -> Sequence[str]:
        """Return the options by which the program reaches the server."""
        return [f"--db={self.database}"] if self.database else []

    def read(self) -> State:
        """Read all tables at once.

        Raises:
            DatabaseUnavailable: They cannot be read.
        """
        commands: list[Command] = [("list", table.name) for table in self.tables]
        answer = self._control(["--format=json", *join_commands(commands)], self.timeout)
        if answer.status != 0:
            raise self.unavailable(answer)
        try:
            return self.build(parse_tables(answer.output, self.tables))
        except (ValueError, KeyError) as error:
            raise DatabaseUnavailable(f"the output of {self.program} could not be parsed ({error!r})") from error

    def write(self, commands: Iterable[Command], timeout: float) -> Answer:
        """Commit commands in one transaction, and wait for it to be applied unless the daemon is unresponsive."""
        waiting = ["--no-wait"] if self.unresponsive else []
        return self._control([*waiting, *join_commands(commands)], timeout)

    def is_refused(self, commands: Iterable[Command]) -> bool:
        """Return whether the program refuses commands; nothing is written."""
        # Without --no-wait ovs-vsctl would wait for ovs-vswitchd to apply what was not written.
        return self._control(["--dry-run", "--no-wait", *join_commands(commands)], self.timeout).status != 0

    def _control(self, arguments: Sequence[str], timeout: float) -> Answer:
        program = self.find(self.program)
        if program is None:
            raise DatabaseUnavailable(
                f"{self.product} is not installed (there is no {self.program} in PATH)", self.install
            )
        seconds = max(1, int(timeout + 0.999))
        # It has no other way to take a secret than an argument, and would write its arguments to the host's log.
        quiet = ["--no-syslog"] if any(map(_has_secret, arguments)) else []
        return self.run([program, f"--timeout={seconds}", *quiet, *self.options(), *arguments], seconds + GRACE)

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
