# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The process that does the work of nft; what it does in namespaces, the integration tests show."""

from __future__ import annotations

import os
import socket

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import OperationFailed
from ansible_collections.netns.fabric.plugins.module_utils._firewall import nft_server
from ansible_collections.netns.fabric.plugins.module_utils._firewall.nft_server import NftServer


def test_without_the_library_it_does_not_start(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(nft_server, "LIBRARY", "nowhere.so")
    server = NftServer()
    assert not server.start()
    assert not server.is_running
    with pytest.raises(OperationFailed, match="nft has ended"):
        server.run(["list", "ruleset"], "")
    server.close()
    capfd.readouterr()
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_messages_of_any_length() -> None:
    near, far = socket.socketpair()
    with near, far:
        near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        message = {"output": "x" * 300_000, "status": 1}
        nft_server._send(near, message)
        assert nft_server._receive(far) == message
        near.close()
        with pytest.raises(ConnectionError, match="has ended"):
            nft_server._receive(far)
