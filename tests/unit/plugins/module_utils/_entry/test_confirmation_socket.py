# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The socket at which a run waits: what decides, and what does not."""

from __future__ import annotations

import socket
import stat
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core import confirmation
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import Unavailable
from ansible_collections.netns.fabric.plugins.module_utils._entry.confirmation_socket import (
    CONFIRM,
    ROLL_BACK,
    ConfirmationSocket,
)

ORIGIN = "192.0.2.7 port 51820 to 192.0.2.1 port 22"
WAIT = 30.0


@pytest.fixture(autouse=True, name="path")
def fixture_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(confirmation, "SOCKET", str(tmp_path / "socket"))
    return tmp_path / "socket"


@pytest.fixture(name="confirmation_socket")
def fixture_socket(path: Path) -> Iterator[ConfirmationSocket]:
    confirmation_socket = ConfirmationSocket("mine", ORIGIN)
    confirmation_socket.open()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    yield confirmation_socket
    confirmation_socket.close()
    assert not path.exists()


class Asker(threading.Thread):
    """Sends requests, one after the other, and keeps the answers."""

    def __init__(self, *requests: Mapping[str, Any]) -> None:
        super().__init__()
        self.answers: list[Mapping[str, Any] | None] = []
        self._requests = requests
        self.start()

    def run(self) -> None:
        for request in self._requests:
            self.answers.append(confirmation.ask(request))


@pytest.mark.parametrize("name", ["mine", None])
@pytest.mark.parametrize("action", [CONFIRM, ROLL_BACK])
def test_a_request_decides(confirmation_socket: ConfirmationSocket, action: str, name: str | None) -> None:
    asker = Asker({"action": action, "id": name, "origin": ORIGIN.replace("51820", "51821")})
    request = confirmation_socket.wait(time.monotonic() + WAIT)
    assert request is not None
    assert request.action == action
    request.answer(state="done")
    asker.join()
    assert asker.answers == [{"state": "done"}]


def test_what_does_not_decide(confirmation_socket: ConfirmationSocket, path: Path) -> None:
    """Another run's name, a confirmation by the run's own connection, a connection that sends nothing or nonsense."""
    for content in (b"", b"nonsense", b"[1]"):
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(str(path))
            peer.sendall(content)
    asker = Asker(
        {"action": CONFIRM, "id": "other"},
        {"action": CONFIRM, "id": "mine", "origin": ORIGIN},
        {"action": ROLL_BACK, "id": "mine", "origin": ORIGIN},
    )
    request = confirmation_socket.wait(time.monotonic() + WAIT)
    assert request is not None
    assert request.action == ROLL_BACK
    request.answer(state="done")
    asker.join()
    assert [str((answer or {}).get("error"))[:50] for answer in asker.answers[:2]] == [
        "the run that waits for its confirmation is mine, n",
        "the confirmation came by the SSH connection of the",
    ]


def test_the_deadline(confirmation_socket: ConfirmationSocket) -> None:
    assert confirmation_socket.wait(time.monotonic()) is None
    assert confirmation_socket.wait(time.monotonic() + 0.05) is None


def test_who_asks_too_late_is_answered(confirmation_socket: ConfirmationSocket, path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(path))
        confirmation_socket.answer_late(state="rolled back")
        assert confirmation.receive(peer) == b'{"state": "rolled back"}'


def test_the_socket_of_a_killed_keeper_is_replaced(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(path))
    confirmation_socket = ConfirmationSocket("mine", None)
    confirmation_socket.open()
    confirmation_socket.close()


def test_a_socket_that_cannot_be_created(path: Path) -> None:
    path.mkdir()
    with pytest.raises(Unavailable, match="cannot create the socket"):
        ConfirmationSocket("mine", None).open()
