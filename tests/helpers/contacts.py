# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who contacted whom: servers that record it, started by extensions/molecule/shared/record_contacts.yml."""

from __future__ import annotations

import sys
from pathlib import Path

from ansible_collections.netns.fabric.tests.helpers.shell import Shell, inside

#: The outside world's addresses and the host's own on the way there.
OUTSIDE, OUTSIDE6 = "198.51.100.2", "2001:db8:51::2"
UPLINK, UPLINK6 = "198.51.100.1", "2001:db8:51::1"
#: Where the outside world answers.
PORT = 7000

_CONTACT = Path(__file__).parents[1] / "helpers" / "contact.py"


class Contacts:
    """Asks servers, and reads what they have recorded."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    def ask(self, place: str | None, address: str, port: int = PORT, protocol: str = "tcp", timeout: float = 5) -> str:
        """Return what a server answers, `NAME PORT PEER`; empty if nothing does within ``timeout`` seconds."""
        command = [sys.executable, "-I", str(_CONTACT), "ask", protocol, address, str(port), str(timeout)]
        return str(self._shell.attempt(*inside(place), *command).stdout).strip()

    def silent(self, place: str | None, address: str, port: int = PORT, protocol: str = "tcp") -> bool:
        """Tell whether no answer comes."""
        return self.ask(place, address, port, protocol, timeout=0.5) == ""

    def recorded(self, name: str) -> set[str]:
        """Return what the server of this name has put down: `PROTOCOL PORT PEER`."""
        return set(self._shell.run("cat", f"/run/contacts-{name}.log").split("\n")) - {""}
