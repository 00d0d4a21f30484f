# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The socket at which the keeper of a run waits for the confirmation."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core import confirmation
from ansible_collections.netns.fabric.plugins.module_utils._core.conditions import describe
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import Unavailable

#: What can be asked for.
CONFIRM, ROLL_BACK = "confirm", "roll back"

#: Seconds that a request may take to arrive once it is connected: both ends are on this host.
REQUEST_TIMEOUT = 2.0


@dataclass(frozen=True)
class Request:
    """A request, and the connection that its answer is sent by."""

    action: str
    connection: socket.socket

    def answer(self, **content: Any) -> None:
        """Send the answer. Who has asked may have been killed."""
        with closing(self.connection), suppress(OSError):
            self.connection.sendall(json.dumps(content).encode())


class ConfirmationSocket:
    """Takes requests that are about one run.

    `origin` is the SSH connection that the run came by: a confirmation by the same one proves nothing.
    """

    def __init__(self, name: str, origin: str | None) -> None:
        self._name = name
        self._origin = origin
        self._socket: socket.socket

    def open(self) -> None:
        """Be there for other calls. The lock is held, and no other keeper is alive.

        Raises:
            Unavailable: The socket cannot be created.
        """
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            with suppress(FileNotFoundError):
                os.unlink(confirmation.SOCKET)  # of a keeper that was killed
            self._socket.bind(confirmation.SOCKET)
            os.chmod(confirmation.SOCKET, 0o600)
            self._socket.listen(16)
        except OSError as error:
            self._socket.close()
            raise Unavailable(f"cannot create the socket {confirmation.SOCKET}: {describe(error)}") from error

    def close(self) -> None:
        """Be gone for other calls."""
        with suppress(FileNotFoundError):
            os.unlink(confirmation.SOCKET)
        self._socket.close()

    def wait(self, deadline: float) -> Request | None:
        """Return the request that decides; None where none has come until the deadline."""
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            self._socket.settimeout(left)
            try:
                accepted, _address = self._socket.accept()
            except socket.timeout:
                return None
            request = self._take(accepted)
            if request is not None:
                return request

    def answer_late(self, **content: Any) -> None:
        """Answer those who have asked after the decision."""
        self._socket.settimeout(0)
        with suppress(BlockingIOError):
            while True:
                accepted, _address = self._socket.accept()
                Request("", accepted).answer(**content)

    def _take(self, accepted: socket.socket) -> Request | None:
        """Return a request that decides; answer any other one."""
        accepted.settimeout(REQUEST_TIMEOUT)
        try:
            content = json.loads(confirmation.receive(accepted) or b"null")
            accepted.settimeout(None)
        except (OSError, ValueError):
            content = None
        if not isinstance(content, dict):  # somebody has seen whether a run waits
            accepted.close()
            return None
        request = Request(str(content.get("action")), accepted)
        error = self._find_error(content)
        if error:
            request.answer(error=error)
            return None
        return request

    def _find_error(self, content: Mapping[str, Any]) -> str:
        if content.get("id") not in (None, self._name):
            return f"the run that waits for its confirmation is {self._name}, not {content.get('id')}"
        if content.get("action") == CONFIRM and self._origin and content.get("origin") == self._origin:
            return (
                f"the confirmation came by the SSH connection of the run itself ({self._origin}), which shows nothing: "
                "confirm over a new one (`meta: reset_connection` before the task)"
            )
        return ""
