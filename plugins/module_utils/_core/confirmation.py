# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run that waits for its confirmation, as other calls on the host see it: its record, and the socket of its keeper.

The keeper is the process that rolls the run back unless it is confirmed in time. It listens on the socket as long as it
lives, so a run whose keeper was killed is not taken for one that waits.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.conditions import describe
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import Unavailable
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import ValidationError, whole_number

#: Only root can write to their directory.
SOCKET = "/run/netns.fabric.confirmation.socket"
RECORD = "/run/netns.fabric.confirmation.json"

#: Bytes of a request or an answer.
MESSAGE_MAX = 1 << 20
#: Seconds that a keeper has to answer: it may wait for the lock, and undo a large run.
ANSWER_TIMEOUT = 300.0

#: Seconds that a run may wait: a new connection takes some, and what starts at boot waits along with other runs.
SECONDS_MIN, SECONDS_MAX = 5, 300

#: The states of a run: it is applied, it waits, it was rolled back.
RUNNING, WAITING, ROLLED_BACK = "running", "waiting", "rolled back"


class PendingConfirmation(Unavailable):
    """A run waits for its confirmation, and keeps others from changing the host until then."""


@dataclass(frozen=True)
class Record:
    """A run with a confirmation. `deadline` is when it is rolled back, by the clock that no one sets (CLOCK_MONOTONIC).

    `reason` is why it was rolled back, `failures` is what could not be undone.
    """

    id: str
    seconds: int
    state: str
    deadline: float | None = None
    reason: str = ""
    failures: tuple[str, ...] = ()

    def describe_rollback(self) -> str:
        """Return what has become of a run that was rolled back."""
        if not self.failures:
            return f"{self.reason}. All of its changes were rolled back, and the host is as it was before."
        left = "\n".join(self.failures)
        return f"{self.reason}. Its changes were rolled back, except for these, which could not be undone:\n{left}"


def confirmation_time(value: Any) -> int:
    """Check the seconds that a run waits for its confirmation; 0 is none.

    Raises:
        ValueError: A new connection takes longer, or others would wait for too long.
    """
    seconds = whole_number(value, "time to confirm", 0, SECONDS_MAX)
    if 0 < seconds < SECONDS_MIN:
        raise ValidationError(f"{seconds} s are too few to connect again; give 0 for none, or at least {SECONDS_MIN}")
    return seconds


def write_record(record: Record) -> None:
    """Store what the next call is to know.

    Raises:
        Unavailable: It cannot be stored.
    """
    new = f"{RECORD}.new"
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            json.dump(asdict(record), file)
        os.rename(new, RECORD)
    except OSError as error:
        with suppress(OSError):
            os.unlink(new)
        raise Unavailable(f"cannot store that a run waits for its confirmation: {describe(error)}") from error


def read_record() -> Record | None:
    """Return what the last run with a confirmation has stored; None where there is none."""
    try:
        with open(RECORD, encoding="utf-8") as file:
            found = json.load(file)
        return Record(**{**found, "failures": tuple(found["failures"])})
    except (OSError, ValueError, TypeError, LookupError):
        return None


def remove_record() -> None:
    """Remove what the last run with a confirmation has stored."""
    with suppress(FileNotFoundError):
        os.unlink(RECORD)


def connect() -> socket.socket | None:
    """Return a connection to the keeper; None where none is alive."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    connection.settimeout(ANSWER_TIMEOUT)
    try:
        connection.connect(SOCKET)
    except OSError as error:
        connection.close()
        if error.errno in (errno.ENOENT, errno.ECONNREFUSED):
            return None
        raise
    return connection


def is_alive() -> bool:
    """Return whether a keeper is alive."""
    connection = connect()
    if connection is not None:
        connection.close()
    return connection is not None


def ask(request: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Send a request to the keeper and return its answer; None where none is alive, or it ends without an answer."""
    connection = connect()
    if connection is None:
        return None
    with connection, suppress(ConnectionError):
        connection.sendall(json.dumps(request).encode())
        connection.shutdown(socket.SHUT_WR)
        answer: Mapping[str, Any] = json.loads(receive(connection) or b"{}")
        return answer or None
    return None


def receive(connection: socket.socket) -> bytes:
    """Return what the other side sends until it has no more to send."""
    content = b""
    while len(content) < MESSAGE_MAX:
        received = connection.recv(MESSAGE_MAX)
        if not received:
            break
        content += received
    return content


def require_none_pending() -> None:
    """Check that no run waits for its confirmation: its rollback could not undo the changes of another one.

    Raises:
        PendingConfirmation: One does.
    """
    if not is_alive():
        return
    record = read_record()
    when = "is still going on"
    if record is not None and record.deadline is not None:
        left = max(0.0, record.deadline - time.monotonic())
        when = f"waits for its confirmation, and is rolled back in {left:.0f} s without one"
    name = f" ({record.id})" if record else ""
    raise PendingConfirmation(
        f"an earlier run{name} {when}; until then no other run changes this host: wait, or decide at once with the "
        "module netns.fabric.confirmation, `state: confirmed` or `state: rolled_back`"
    )


def report_earlier_run(check_mode: bool) -> list[str]:
    """Return a warning about the last run that waited for its confirmation and got none; once, but for check mode.

    It is known that no run waits now.
    """
    record = read_record()
    if record is None:
        return []
    if not check_mode:
        remove_record()
    if record.state == ROLLED_BACK:
        return [f"An earlier run ({record.id}) was not confirmed: {record.describe_rollback()}"]
    return [describe_lost(record)]


def describe_lost(record: Record) -> str:
    """Return what has become of a run whose keeper was killed."""
    return (
        f"The process that waited for the confirmation of an earlier run ({record.id}) was killed: the changes of that "
        "run were neither confirmed nor rolled back, and what they are is on the host"
    )
