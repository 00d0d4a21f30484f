# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One TCP exchange between two places of the host under test, each a network namespace or the host itself.

    python3 tcp_exchange.py --server NAMESPACE --client NAMESPACE --to ADDRESS --bytes COUNT

A server listens in the one place, a client in the other connects to it, so many bytes go over and as many come back.
What both have seen is printed as one line of JSON: `arrived` and `came_back` (everything, unaltered), `peer` (the
client's address as the server sees it), `error`. A place that is not named is the host. Only the standard library is
used.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import socket
import subprocess
import sys

_PIECE = 1 << 16


def payload(count: int) -> bytes:
    """Return bytes that are not alike, and the same every time."""
    return random.Random(count).randbytes(count)  # noqa: S311


def receive(connection: socket.socket) -> tuple[int, str]:
    """Read to the end; return how much came, and its digest."""
    digest, count = hashlib.sha256(), 0
    while piece := connection.recv(_PIECE):
        digest.update(piece)
        count += len(piece)
    return count, digest.hexdigest()


def send(connection: socket.socket, count: int) -> None:
    """Send so many bytes and say that there are no more."""
    connection.sendall(payload(count))
    connection.shutdown(socket.SHUT_WR)


def intact(received: tuple[int, str], count: int) -> bool:
    """Tell whether what came is what was sent."""
    return received == (count, hashlib.sha256(payload(count)).hexdigest())


def serve(address: str, count: int, timeout: float) -> None:
    """Print the port, serve one client, print what was seen."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 0), family=family) as listener:
        listener.settimeout(timeout)
        print(listener.getsockname()[1], flush=True)
        connection, peer = listener.accept()
        with connection:
            connection.settimeout(timeout)
            arrived = intact(receive(connection), count)
            send(connection, count)
    print(json.dumps({"arrived": arrived, "peer": peer[0]}), flush=True)


def ask(address: str, port: int, count: int, timeout: float) -> None:
    """Connect, send, read the answer, print what was seen."""
    with socket.create_connection((address, port), timeout) as connection:
        send(connection, count)
        print(json.dumps({"came_back": intact(receive(connection), count)}), flush=True)


def start(place: str | None, *arguments: str) -> subprocess.Popen[str]:
    """Start this program in a place."""
    where = ["ip", "netns", "exec", place] if place else []
    command = [*where, sys.executable, "-I", __file__, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def heard(name: str, side: subprocess.Popen[str], timeout: float, seen: dict[str, object]) -> bool:
    """Wait for a side's end and add what it has seen; tell whether it ended well."""
    said, complaint = side.communicate(timeout=timeout * 3)
    if side.returncode == 0:
        seen.update(json.loads(said.splitlines()[-1]))
    else:
        seen["error"] = f"{seen['error']}{name}: {(complaint.splitlines() or ['ended'])[-1]}; "
    return side.returncode == 0


def exchange(options: argparse.Namespace) -> dict[str, object]:
    """Run both sides and return what they have seen."""
    common = ("--to", options.to, "--bytes", str(options.bytes), "--timeout", str(options.timeout))
    server = start(options.server, *common, "--role", "serve")
    assert server.stdout is not None
    port = server.stdout.readline().strip()
    seen: dict[str, object] = {"arrived": False, "came_back": False, "peer": None, "error": ""}
    client = start(options.client, *common, "--role", "ask", "--port", port) if port else None
    if client and not heard("client", client, options.timeout, seen):
        server.kill()  # It would wait for its timeout.
    heard("server", server, options.timeout, seen)
    return seen


def main() -> None:
    """Take one of the two roles, or run both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", help="the namespace that the server is in")
    parser.add_argument("--client", help="the namespace that the client is in")
    parser.add_argument("--to", required=True, help="the server's address")
    parser.add_argument("--bytes", type=int, default=10_000_000, help="how much goes over, and as much back")
    parser.add_argument("--timeout", type=float, default=5, help="seconds in which something has to move")
    parser.add_argument("--role", choices=["serve", "ask"], help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.role == "serve":
        serve(options.to, options.bytes, options.timeout)
    elif options.role == "ask":
        ask(options.to, options.port, options.bytes, options.timeout)
    else:
        print(json.dumps(exchange(options)))


if __name__ == "__main__":
    main()
