# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ports that stay open for the probes of other hosts: a process of its own holds them, for a time or until it is asked.

A module listens on its own host only, and only while it runs. The process has nothing open of the module's session. It
accepts connections and closes them, and answers datagrams of the size of a probe's with one that is shorter, so that
two that answer do not go on for ever.
"""

from __future__ import annotations

import errno
import os
import selectors
import signal
import socket
import struct
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible_collections.netns.fabric.plugins.module_utils._core import validation
from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError, InvalidEntries
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry
from ansible_collections.netns.fabric.plugins.module_utils._core.transports import PROBED
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import Address
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import NamespaceName
from ansible_collections.netns.fabric.plugins.module_utils._probes.listener_group import bind
from ansible_collections.netns.fabric.plugins.module_utils._probes.model import place
from ansible_collections.netns.fabric.plugins.module_utils._system.session import leave_session

if TYPE_CHECKING:
    from ansible_collections.netns.fabric.plugins.module_utils._kernel.backend import Kernel

OPTION = {
    "type": "dict",
    "options": {
        "name": {"type": "str", "required": True},
        "seconds": {"type": "int", "default": 60},
        "ports": {
            "type": "list",
            "elements": "dict",
            "required": True,
            "options": {
                "namespace": {"type": "str"},
                "address": {"type": "str", "required": True},
                "protocol": {"type": "str", "choices": list(PROBED), "default": "tcp"},
                "port": {"type": "int", "required": True},
            },
        },
    },
}

#: Seconds that the ports stay open at most: those of the longest probe, and a play around it.
SECONDS_MAX = 3600
#: Bytes of a datagram that is answered: those of a UDP probe.
QUESTION = 20
#: Seconds that an earlier process may take to end.
PATIENCE = 5.0
_KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
_CREDENTIALS = struct.Struct("iII")  # struct ucred of unix(7)


@dataclass(frozen=True)
class Port:
    """A port that is to answer."""

    namespace: NamespaceName
    address: Address
    protocol: str
    port: int

    def __str__(self) -> str:
        return f"{self.protocol} port {self.port} of {self.address} ({place(self.namespace)})"


@dataclass(frozen=True)
class Wanted:
    """The ports that a call opens, and for how long."""

    name: str
    seconds: int
    ports: Sequence[Port]


def wanted_of(params: Mapping[str, Any]) -> Wanted:
    """Return what the option `listen` asks for.

    Raises:
        InvalidEntries: With every error in it.
    """
    ports: list[Port] = []
    errors: list[FabricError] = []
    checks = Checks(Entry(name="listen"))
    name = checks.value("name", validation.owner_name, params["name"])
    seconds = checks.value("seconds", _seconds, params["seconds"])
    for index, options in enumerate(params["ports"]):
        entry = Checks(Entry(name=str(options["address"]), option="listen.ports", index=index))
        namespace = entry.value("namespace", validation.namespace_name, options["namespace"])
        address = entry.value("address", validation.probe_destination, options["address"])
        number = entry.value("port", validation.port, options["port"])
        try:
            entry.done()
            ports.append(Port(namespace, address, options["protocol"], number))
        except InvalidEntries as error:
            errors.append(error)
    try:
        checks.done()
    except InvalidEntries as error:
        errors.insert(0, error)
    if errors:
        raise InvalidEntries(errors)
    return Wanted(name, seconds, tuple(dict.fromkeys(ports)))


def _seconds(value: Any) -> int:
    return validation.whole_number(value, "a number of seconds", 1, SECONDS_MAX)


def keep_listening(kernel: Kernel, wanted: Wanted) -> list[str]:
    """End what an earlier call of this name has left; open the ports and leave a process that holds them.

    Returns:
        The open ports. One that a program listens on already is left to that.

    Raises:
        Unavailable: A namespace does not exist.
        FabricError: What an earlier call has left does not end.
        OSError: The host is out of descriptors, ports or memory.
    """
    end_earlier(wanted.name)
    opened: list[tuple[Port, socket.socket]] = []
    try:
        for port in wanted.ports:
            sock = _open(kernel, port)
            if sock is not None:
                opened.append((port, sock))
        if opened:
            control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
            with closing(control):
                control.bind(_control_address(wanted.name))
                control.listen(1)
                _leave_process(control, opened, wanted.seconds)
    finally:
        for _port, sock in opened:
            sock.close()
    return [str(port) for port, _sock in opened]


def _control_address(name: str) -> bytes:
    """Return an abstract address (unix(7)): it is one of the host's network namespace, and ends with the process."""
    return f"\0netns.fabric/listen/{name}".encode()


def end_earlier(name: str) -> None:
    """End the process of an earlier call, and wait for its end.

    Raises:
        FabricError: It does not end.
    """
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)) as asking:
        asking.settimeout(PATIENCE)
        try:
            asking.connect(_control_address(name))
        except ConnectionRefusedError:
            return  # there is none
        try:
            asking.recv(1)
        except ConnectionResetError:
            return
        except socket.timeout:
            raise FabricError(
                f"the process that listens for {name} does not end; end it, or wait until its time is over"
            ) from None


def _open(kernel: Kernel, port: Port) -> socket.socket | None:
    try:
        sock = bind(kernel, port.namespace, _KINDS[port.protocol], port.address, port.port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return None
        raise
    if port.protocol == "tcp":
        sock.listen(128)
    return sock


def _leave_process(control: socket.socket, opened: Iterable[tuple[Port, socket.socket]], seconds: int) -> None:
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    try:
        os.setsid()
        if os.fork() == 0:
            _detach({control.fileno(), *(sock.fileno() for _port, sock in opened)})
            _serve(control, opened, time.monotonic() + seconds)
    finally:
        os._exit(0)


def _detach(kept: set[int]) -> None:
    """Have nothing open of the module's session."""
    leave_session()
    for number in map(int, os.listdir("/proc/self/fd")):
        if number > 2 and number not in kept:
            with suppress(OSError):
                os.close(number)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _serve(control: socket.socket, opened: Iterable[tuple[Port, socket.socket]], deadline: float) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(control, selectors.EVENT_READ)
        for port, sock in opened:
            selector.register(sock, selectors.EVENT_READ, port)
        while (left := deadline - time.monotonic()) > 0:
            for key, _events in selector.select(left):
                with suppress(OSError):
                    if key.data is None:
                        if _is_privileged(control):
                            return
                    else:
                        _answer(key.fileobj, key.data)  # type: ignore[arg-type]  # all are sockets


def _is_privileged(control: socket.socket) -> bool:
    """Take a request to end, and return whether its sender may make it: an abstract address has no permissions."""
    asking, _address = control.accept()
    content = asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _pid, user, _group = _CREDENTIALS.unpack(content)
    if user == os.geteuid():
        # Closed by the end of the process, which is what its sender waits for.
        asking.detach()
        return True
    asking.close()
    return False


def _answer(sock: socket.socket, port: Port) -> None:
    if port.protocol == "tcp":
        accepted, _address = sock.accept()
        accepted.close()
        return
    question, sender = sock.recvfrom(QUESTION + 1)
    if len(question) == QUESTION:
        sock.sendto(question[:-1], sender)
