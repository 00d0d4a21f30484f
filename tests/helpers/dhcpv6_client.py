# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A DHCPv6 client (RFC 8415, 18.2), run in a namespace: asks for an address, and prints it with the DNS servers.

    python3 dhcpv6_client.py INTERFACE SECONDS

Debian's udhcpc has none. It sets nothing. Only the standard library is used.
"""

from __future__ import annotations

import socket
import struct
import sys
import time

SERVERS, CLIENT_PORT, SERVER_PORT = "ff02::1:2", 546, 547
SOLICIT, ADVERTISE, REQUEST, REPLY = 1, 2, 3, 7
CLIENT_ID, SERVER_ID, IA_NA, IA_ADDRESS, ELAPSED, DNS_SERVERS = 1, 2, 3, 5, 8, 23
_IA_HEADER = 12  # IAID, T1 and T2


def option(code: int, content: bytes) -> bytes:
    return struct.pack("!HH", code, len(content)) + content


def parse(text: bytes) -> dict[int, bytes]:
    """Return the options of a message, or of another option, by their codes."""
    found = {}
    while text:
        code, length = struct.unpack("!HH", text[:4])
        found[code] = text[4 : 4 + length]
        text = text[4 + length :]
    return found


def exchange(opened: socket.socket, index: int, kind: int, options: bytes, end: float) -> dict[int, bytes]:
    """Send a message until the answer to it comes; return the options of the answer.

    Raises:
        SystemExit: None has come.
    """
    expected = ADVERTISE if kind == SOLICIT else REPLY
    message = struct.pack("!I", kind << 24 | index) + options
    while time.monotonic() < end:
        try:
            opened.sendto(message, (SERVERS, SERVER_PORT, 0, index))
            answer = opened.recv(4096)
        except OSError:
            # No answer, or no address to send from yet.
            time.sleep(0.1)  # what it waits for does not report itself
            continue
        if answer[0] == expected and answer[1:4] == message[1:4]:
            return parse(answer[4:])
    sys.exit(f"no answer of the type {expected}")


def main() -> None:
    """Ask for an address."""
    name, seconds = sys.argv[1], float(sys.argv[2])
    index, end = socket.if_nametoindex(name), time.monotonic() + seconds
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM) as opened:
        opened.bind((name, 0))
        mac = opened.getsockname()[4]
    own = option(CLIENT_ID, struct.pack("!HH", 3, 1) + mac) + option(ELAPSED, bytes(2))
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as opened:
        opened.bind(("::", CLIENT_PORT))
        opened.settimeout(1)
        asked = option(IA_NA, struct.pack("!III", 1, 0, 0))
        offered = exchange(opened, index, SOLICIT, own + asked, end)
        chosen = option(SERVER_ID, offered[SERVER_ID]) + option(IA_NA, offered[IA_NA])
        reply = exchange(opened, index, REQUEST, own + chosen, end)
    address = parse(reply[IA_NA][_IA_HEADER:])[IA_ADDRESS][:16]
    servers = reply.get(DNS_SERVERS, b"")
    found = [address, *(servers[start : start + 16] for start in range(0, len(servers), 16))]
    print(*(socket.inet_ntop(socket.AF_INET6, each) for each in found))


if __name__ == "__main__":
    main()
