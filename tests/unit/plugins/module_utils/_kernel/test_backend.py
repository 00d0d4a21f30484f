# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the kernel's backend needs, and the links that it keeps up."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import Unavailable
from ansible_collections.netns.fabric.plugins.module_utils._kernel import backend, templates
from ansible_collections.netns.fabric.plugins.module_utils._kernel import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._kernel.backend import Kernel
from ansible_collections.netns.fabric.plugins.module_utils._kernel.messages import LinkMessage
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import Link

WITHOUT_PYROUTE2 = """
import sys
sys.path[:] = {path!r}
sys.modules["pyroute2"] = None
from ansible_collections.netns.fabric.plugins.module_utils._firewall import backend
from ansible_collections.netns.fabric.plugins.module_utils._kernel import netlink, sockets, uapi
from ansible_collections.netns.fabric.plugins.module_utils._kernel.access import KERNEL
request = netlink.message(uapi.GENL_ID_CTRL, uapi.GENERIC_HEADER.pack(uapi.CTRL_CMD_GETFAMILY, 1))
print(len(netlink.NetlinkSocket(uapi.NETLINK_GENERIC).dump(request)) > 0)
try:
    KERNEL.open()
except Exception as error:
    print(type(error).__name__, error)
"""


def test_without_pyroute2_netlink_works_and_the_backend_reports_it() -> None:
    code = WITHOUT_PYROUTE2.format(path=sys.path)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    dumped, message = done.stdout.splitlines()
    assert dumped == "True"
    assert message.startswith("Unavailable the Python library pyroute2 is missing for ")
    assert "apt install python3-pyroute2" in message


def test_the_reason_why_pyroute2_cannot_be_imported_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(templates, "IMPORT_ERROR", ImportError("no dataclasses"))
    with pytest.raises(Unavailable, match=r"\(no dataclasses\): install it"):
        Kernel()


class Links:
    """The links of the host, which another program keeps setting down for a number of times."""

    def __init__(self, *names: str, times: int) -> None:
        self._up = dict.fromkeys(names, True)
        self._times = times
        self.requests = 0

    def get(self, namespace: None) -> Links:
        assert namespace is None
        return self

    def links(self) -> Iterable[LinkMessage]:
        if self._times:
            self._times -= 1
            self._up["tap"] = False
        return [LinkMessage(Link(index, name, up=up), 0, None) for index, (name, up) in enumerate(self._up.items())]

    def request(self, namespace: None, request: bytearray) -> None:
        assert namespace is None
        assert b"tap\0" in request
        self.requests += 1
        self._up["tap"] = True


@pytest.mark.parametrize(
    ("operations", "times", "requests"),
    [
        ([op.SetUp(None, "tap"), op.SetUp(None, "other")], 0, 0),
        ([op.SetUp(None, "tap"), op.SetUp(None, "other")], 1, 1),
        ([op.SetUp(None, "tap")], 9, backend.MAX_REASSERTS),
        ([op.SetUp(None, "other"), op.SetUp("red", "tap")], 9, 0),
        ([op.SetUp(None, "tap"), op.SetDown(None, "tap")], 9, 0),
    ],
)
def test_links_of_the_host_are_set_up_again(
    monkeypatch: pytest.MonkeyPatch, operations: list[Any], times: int, requests: int
) -> None:
    monkeypatch.setattr(backend, "REASSERT_DELAY", 0.001)
    kernel = Kernel()
    links = Links("tap", "other", times=times)
    monkeypatch.setattr(kernel, "_handles", links)
    kernel._note_links_set_up(operations)
    kernel.settle()
    assert links.requests == requests
