# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Traffic between namespaces of the test host, to judge a topology by. None in place of a namespace is the host."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from ansible_collections.netns.fabric.tests.helpers import connections, traffic_endpoint
from ansible_collections.netns.fabric.tests.helpers.shell import inside

#: Of the server that extensions/molecule/shared/prepare_outside.yml starts in the outside world.
OUTSIDE_PORT = 7000
MEGABYTES_10 = 10_000_000

ENDPOINT = [sys.executable, "-I", str(Path(__file__).with_name("traffic_endpoint.py"))]


def pings(namespace: str | None, address: str) -> bool:
    """Return whether an address answers one of three ICMP echo requests within a second each."""
    command = [*inside(namespace), "ping", "-n", "-q", "-c", "1", "-W", "1", address]
    return any(_run(command).returncode == 0 for _attempt in range(3))


def ask(
    namespace: str | None, address: str, port: int = OUTSIDE_PORT, protocol: str = "tcp", timeout: float = 5
) -> str:
    """Return what a server answers, `NAME PORT PEER`; an empty text if none answers within ``timeout`` seconds.

    In this process: a Python for each question would take most of the time of a test that asks many.
    """
    with connections.inside(namespace):
        try:
            return traffic_endpoint.ask(protocol, address, port, timeout)
        except OSError:
            return ""


def is_silent(namespace: str | None, address: str, port: int = OUTSIDE_PORT, protocol: str = "tcp") -> bool:
    """Return whether no server answers within half a second."""
    return ask(namespace, address, port, protocol, timeout=0.5) == ""


def recorded(name: str) -> set[str]:
    """Return what the server of this name has recorded: `PROTOCOL PORT PEER`."""
    return set(Path(f"/run/traffic-{name}.log").read_text(encoding="ascii").splitlines())


def exchange(client: str | None, server: str | None, address: str, size: int = MEGABYTES_10) -> str:
    """Send ``size`` bytes by TCP from ``client`` to ``server`` at ``address`` and as many back.

    Returns:
        The client's address as the server sees it.

    Raises:
        AssertionError: Bytes were lost or altered, or none arrived for five seconds.
    """
    sent, received, errors = _exchange(client, server, address, size, timeout=5)
    path = f"{client or 'host'} -> {address} ({server or 'host'}), {size} bytes of TCP: {errors or (sent, received)}"
    assert not errors, path
    assert received["intact"], path
    assert sent["intact"], path
    return str(received["peer"])


def connects(client: str | None, server: str | None, address: str) -> bool:
    """Return whether a short TCP exchange succeeds within about a second."""
    sent, received, _errors = _exchange(client, server, address, size=1000, timeout=1)
    return bool(sent.get("intact") and received.get("intact"))


def _exchange(
    client: str | None, server: str | None, address: str, size: int, timeout: float
) -> tuple[dict[str, Any], dict[str, Any], str]:
    """Return the results of the client and of the server, and their errors."""
    receiver = _start(server, "receive", address, size, timeout)
    assert receiver.stdout is not None
    port = receiver.stdout.readline().strip()
    sent, client_error = ({}, "") if not port else _end(_start(client, "send", address, port, size, timeout), timeout)
    if client_error:
        receiver.kill()  # it would wait for its timeout
    received, server_error = _end(receiver, timeout)
    return sent, received, "; ".join(filter(None, [client_error, server_error]))


def _start(namespace: str | None, *arguments: object) -> subprocess.Popen[str]:
    command = [*inside(namespace), *ENDPOINT, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _end(endpoint: subprocess.Popen[str], timeout: float) -> tuple[dict[str, Any], str]:
    """Wait for an end; return its result and its error."""
    output, errors = endpoint.communicate(timeout=timeout * 3)
    if endpoint.returncode:
        return {}, errors.strip() or f"ended with {endpoint.returncode}"
    return dict(json.loads(output.splitlines()[-1])), ""


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
