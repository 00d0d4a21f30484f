# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Traffic: what a topology is for."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ansible_collections.netns.fabric.tests.helpers.shell import Shell, inside

MEGABYTES_10 = 10_000_000

_EXCHANGE = Path(__file__).with_name("tcp_exchange.py")


class Traffic:
    """Traffic between places, each a namespace by its name, or None for the host."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    def pings(self, place: str | None, address: str) -> bool:
        """Tell whether an address answers an ICMP echo request; three are sent, a fifth of a second apart."""
        command = ["ping", "-n", "-q", "-c", "3", "-i", "0.2", "-W", "1", address]
        return bool(self._shell.attempt(*inside(place), *command).rc == 0)

    def exchange(self, client: str | None, server: str | None, address: str, size: int = MEGABYTES_10) -> str:
        """Send ``size`` bytes by TCP from ``client`` to ``server`` at ``address`` and as many back.

        Returns the client's address as the server has seen it. Raises AssertionError if anything is lost or altered, or
        nothing moves for five seconds.
        """
        seen = self._exchange(client, server, address, size, timeout=5)
        leg = f"{client or 'host'} -> {address} ({server or 'host'}), {size} bytes of TCP: {seen}"
        assert not seen["error"], leg
        assert seen["arrived"], leg
        assert seen["came_back"], leg
        return str(seen["peer"])

    def connects(self, client: str | None, server: str | None, address: str) -> bool:
        """Tell whether a short TCP exchange succeeds within about a second."""
        seen = self._exchange(client, server, address, size=1000, timeout=1)
        return bool(seen["arrived"] and seen["came_back"])

    def _exchange(
        self, client: str | None, server: str | None, address: str, size: int, timeout: float
    ) -> dict[str, Any]:
        command = [sys.executable, "-I", str(_EXCHANGE), "--to", address, "--bytes", str(size)]
        for option, place in (("--client", client), ("--server", server)):
            command += [option, place] if place else []
        seen: dict[str, Any] = self._shell.json(*command, "--timeout", str(timeout))
        return seen
