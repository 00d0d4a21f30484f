# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A program that listens by UDP and answers nothing."""

from __future__ import annotations

import time

from ansible_collections.netns.fabric.tests.helpers.host import Host

#: A program that listens on a port of both families, and answers nothing.
SILENT_PROGRAM = """
import socket, time
opened = []
for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
    sock = socket.socket(family, socket.SOCK_DGRAM)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    sock.bind((address, 53))
    opened.append(sock)
time.sleep(600)
"""


def wait_for_port(host: Host, namespace: str, port: int) -> None:
    for _attempt in range(200):
        if host.in_namespace(namespace, "ss", "-Hlun", f"sport = :{port}").stdout.count("\n") >= 2:
            return
        time.sleep(0.05)  # nothing reports when it listens
    raise AssertionError(f"nothing listens on {port} in {namespace}")
