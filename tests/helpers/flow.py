# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A UDP flow that lives through a run: one socket, and so one entry of connection tracking."""

from __future__ import annotations

import os
import socket
from types import TracebackType
from typing import TYPE_CHECKING

from ansible_collections.netns.fabric.plugins.module_utils._kernel import namespaces as setns
from ansible_collections.netns.fabric.tests.helpers.traffic import OUTSIDE_PORT

if TYPE_CHECKING:
    from typing_extensions import Self  # typing has it from Python 3.11 on

_ANSWER_LIMIT = 1000  # bytes


class UdpFlow:
    """A flow from a namespace (None: the host) to a server that traffic_endpoint.py serves."""

    def __init__(self, namespace: str | None, address: str, port: int = OUTSIDE_PORT) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        path = setns.path_of(namespace) if namespace else setns.OWN_NAMESPACE
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            with setns.entered(descriptor):
                self._socket = socket.socket(family, socket.SOCK_DGRAM)
        finally:
            os.close(descriptor)
        self._socket.bind(("", 0))
        self._to = (address, port)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def ask(self, timeout: float = 2) -> str:
        """Send a datagram more; return the answer, `NAME PORT PEER`, empty where none comes."""
        self._socket.settimeout(timeout)
        try:
            self._socket.sendto(b"?", self._to)
            # Not connect(): an answer from elsewhere is to be seen as well.
            return self._socket.recvfrom(_ANSWER_LIMIT)[0].decode()
        except OSError:
            return ""

    def is_silent(self) -> bool:
        """Send a datagram more; return whether no answer comes."""
        return self.ask(timeout=0.4) == ""

    @property
    def port(self) -> int:
        """The port that the flow is sent from."""
        return int(self._socket.getsockname()[1])
