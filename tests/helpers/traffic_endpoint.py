# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One end of test traffic, run in a namespace by traffic.py. Only the standard library is used.

    python3 traffic_endpoint.py serve NAME LOG PORT...
    python3 traffic_endpoint.py ask PROTOCOL ADDRESS PORT TIMEOUT
    python3 traffic_endpoint.py receive ADDRESS BYTES TIMEOUT
    python3 traffic_endpoint.py send ADDRESS PORT BYTES TIMEOUT

`serve` answers on every port, by TCP and UDP, IPv4 and IPv6, with `NAME PORT PEER`, and appends `PROTOCOL PORT PEER` to
the file LOG; PEER is the client's address as the server sees it. `ask` prints the answer of such a server.

`receive` prints the port that it listens on, receives BYTES bytes by TCP and sends as many back. `send` is its client.
Each prints a line of JSON: whether all bytes arrived unaltered (`intact`), and for `receive` the client's address
(`peer`).
"""

from __future__ import annotations

import hashlib
import json
import random
import selectors
import socket
import sys
from contextlib import suppress
from pathlib import Path

_ANSWER_LIMIT = 1000  # bytes; a question and an answer have some dozens
_CHUNK = 1 << 16
_IP_PKTINFO = 8  # linux/in.h
_PKTINFO_SIZE = 20  # of the larger one, that of IPv6


# A server that answers and records, and its client


def serve(name: str, log: Path, ports: list[int]) -> None:
    """Answer and record until killed."""
    selector = selectors.DefaultSelector()
    for port in ports:
        for listener in _listeners(port):
            selector.register(listener, selectors.EVENT_READ, (listener, port))
    while True:
        for key, _events in selector.select():
            listener, port = key.data
            _answer(listener, name, port, log)


def _listeners(port: int) -> list[socket.socket]:
    tcp = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=50)
    # One for each family: the answer to a datagram has to come from the address that it was sent to.
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
    udp.bind(("", port))
    udp6 = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    udp6.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    udp6.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    udp6.bind(("::", port))
    return [tcp, udp, udp6]


def _answer(listener: socket.socket, name: str, port: int, log: Path) -> None:
    """Answer one client, and record it first: a client that has an answer finds the record."""
    if listener.type == socket.SOCK_DGRAM:
        _question, ancillary, _flags, peer = listener.recvmsg(_ANSWER_LIMIT, socket.CMSG_SPACE(_PKTINFO_SIZE))
        _record(log, f"udp {port} {peer[0]}")
        with suppress(OSError):  # there is no route to a client whose address was not translated
            listener.sendmsg([f"{name} {port} {peer[0]}".encode()], _from_same_address(ancillary), 0, peer)
        return
    connection, peer = listener.accept()
    address = peer[0].removeprefix("::ffff:")
    _record(log, f"tcp {port} {address}")
    with connection, suppress(OSError):
        connection.sendall(f"{name} {port} {address}".encode())


def _from_same_address(ancillary: list[tuple[int, int, bytes]]) -> list[tuple[int, int, bytes]]:
    """Return what has an answer come from the address that a datagram was sent to, by the link that routes say."""
    if not ancillary:
        return []
    level, kind, content = ancillary[0]
    if level == socket.IPPROTO_IP:  # struct in_pktinfo of ip(7): the link, the local address, the destination
        return [(level, kind, bytes(4) + content[8:12] + bytes(4))]
    is_link_local = content[:2] == b"\xfe\x80"  # struct in6_pktinfo of ipv6(7): the destination, the link
    return [(level, kind, content if is_link_local else content[:16] + bytes(4))]


def _record(log: Path, line: str) -> None:
    with log.open("a", encoding="ascii") as file:
        file.write(line + "\n")


def ask(protocol: str, address: str, port: int, timeout: float) -> str:
    """Return the answer; raise OSError if there is none within ``timeout`` seconds."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM) as client:
        client.settimeout(timeout)
        client.connect((address, port))
        client.send(b"?")
        return client.recv(_ANSWER_LIMIT).decode()


# Bytes over and back


def receive(address: str, count: int, timeout: float) -> dict[str, object]:
    """Print the port, and serve one client."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 0), family=family) as listener:
        listener.settimeout(timeout)
        print(listener.getsockname()[1], flush=True)
        connection, peer = listener.accept()
        with connection:
            connection.settimeout(timeout)
            intact = _receive_bytes(connection, count)
            _send_bytes(connection, count)
    return {"intact": intact, "peer": peer[0]}


def send(address: str, port: int, count: int, timeout: float) -> dict[str, object]:
    """Connect, send, and read what comes back."""
    with socket.create_connection((address, port), timeout) as connection:
        _send_bytes(connection, count)
        return {"intact": _receive_bytes(connection, count)}


def _payload(count: int) -> bytes:
    """Return ``count`` bytes that differ from each other, the same ones each time."""
    return random.Random(count).randbytes(count)  # noqa: S311  # nothing here is secret


def _send_bytes(connection: socket.socket, count: int) -> None:
    connection.sendall(_payload(count))
    connection.shutdown(socket.SHUT_WR)


def _receive_bytes(connection: socket.socket, count: int) -> bool:
    """Read to the end; return whether it was what _send_bytes() sends."""
    digest = hashlib.sha256()
    while chunk := connection.recv(_CHUNK):
        digest.update(chunk)
    return digest.digest() == hashlib.sha256(_payload(count)).digest()


def main(role: str, *arguments: str) -> None:
    """Run as one of the four ends."""
    if role == "serve":
        serve(arguments[0], Path(arguments[1]), [int(port) for port in arguments[2:]])
    elif role == "ask":
        print(ask(arguments[0], arguments[1], int(arguments[2]), float(arguments[3])))
    elif role == "receive":
        print(json.dumps(receive(arguments[0], int(arguments[1]), float(arguments[2]))), flush=True)
    else:
        seen = send(arguments[0], int(arguments[1]), int(arguments[2]), float(arguments[3]))
        print(json.dumps(seen), flush=True)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except OSError as error:
        sys.exit(f"{' '.join(sys.argv[1:])}: {error}")
