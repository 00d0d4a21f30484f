# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A program that listens by UDP and answers nothing."""

from __future__ import annotations

from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.waiting import wait_until

#: A program that listens on a port of both families, and answers nothing.
SILENT_PROGRAM = """
import signal, socket
opened = []
for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
    sock = socket.socket(family, socket.SOCK_DGRAM)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    sock.bind((address, 53))
    opened.append(sock)
signal.pause()
"""


def wait_for_port(host: Host, namespace: str, port: int) -> None:
    def listens() -> bool:
        return host.in_namespace(namespace, "ss", "-Hlun", f"sport = :{port}").stdout.count("\n") >= 2

    wait_until(listens, 10, f"nothing listens on {port} in {namespace}")
