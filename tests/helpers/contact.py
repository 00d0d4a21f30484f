# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that records who it was contacted by, and a client, by TCP and UDP.

    python3 contact.py serve NAME LOG PORT...
    python3 contact.py ask PROTOCOL ADDRESS PORT TIMEOUT

The server answers on every port, IPv4 and IPv6, with `NAME PORT PEER`, the last being the client's address as it sees
it, and appends `PROTOCOL PORT PEER` to the file LOG. The client prints the answer. Only the standard library is used.
"""

from __future__ import annotations

import selectors
import socket
import sys
from contextlib import suppress
from pathlib import Path

_ENOUGH = 1000  # bytes; a question and an answer have some dozens


def _listeners(port: int) -> list[socket.socket]:
    tcp = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=50)
    # Of each family one: the answer to a datagram has to come from the address that it was sent to.
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("", port))
    udp6 = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    udp6.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    udp6.bind(("::", port))
    return [tcp, udp, udp6]


def _answer(listener: socket.socket, name: str, port: int, log: Path) -> None:
    """Answer one client, who is recorded before: whoever has an answer may look for it there."""
    if listener.type == socket.SOCK_DGRAM:
        _question, peer = listener.recvfrom(_ENOUGH)
        _record(log, f"udp {port} {peer[0]}")
        with suppress(OSError):  # there is no way back to a client whose address was not translated
            listener.sendto(f"{name} {port} {peer[0]}".encode(), peer)
        return
    connection, peer = listener.accept()
    seen = peer[0].removeprefix("::ffff:")
    _record(log, f"tcp {port} {seen}")
    with connection, suppress(OSError):
        connection.sendall(f"{name} {port} {seen}".encode())


def _record(log: Path, line: str) -> None:
    with log.open("a", encoding="ascii") as file:
        file.write(line + "\n")


def serve(name: str, log: Path, ports: list[int]) -> None:
    """Answer and record, until killed."""
    waiting = selectors.DefaultSelector()
    for port in ports:
        for listener in _listeners(port):
            waiting.register(listener, selectors.EVENT_READ, (listener, port))
    while True:
        for key, _events in waiting.select():
            listener, port = key.data
            _answer(listener, name, port, log)


def ask(protocol: str, address: str, port: int, timeout: float) -> str:
    """Return the answer; raises OSError if there is none in ``timeout`` seconds."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM) as client:
        client.settimeout(timeout)
        client.connect((address, port))
        client.send(b"?")
        return client.recv(_ENOUGH).decode()


def main(arguments: list[str]) -> None:
    """Be the one or the other."""
    what, *rest = arguments
    if what == "serve":
        serve(rest[0], Path(rest[1]), [int(port) for port in rest[2:]])
    try:
        print(ask(rest[0], rest[1], int(rest[2]), float(rest[3])))
    except OSError as error:
        sys.exit(f"{rest[1]} port {rest[2]} ({rest[0]}): {error}")


if __name__ == "__main__":
    main(sys.argv[1:])
