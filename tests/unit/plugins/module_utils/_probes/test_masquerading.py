# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""When there is nothing to probe; the probes themselves are tried on a real kernel."""

from __future__ import annotations

import errno
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import Unavailable
from ansible_collections.netns.fabric.plugins.module_utils._kernel.conntrack import RouteLookup
from ansible_collections.netns.fabric.plugins.module_utils._kernel.netlink import NetlinkError, Refusal
from ansible_collections.netns.fabric.plugins.module_utils._probes import masquerading
from ansible_collections.netns.fabric.plugins.module_utils._probes.masquerading import judge_masquerading
from ansible_collections.netns.fabric.tests.unit.plugins.module_utils._probes.samples import probe


class Kernel:
    """A kernel that has two namespaces."""

    def entered(self, name: str | None) -> AbstractContextManager[None]:
        if name not in (None, "ns01", "router"):
            raise Unavailable(f"the namespace {name} does not exist")
        return nullcontext()


def judge(monkeypatch: pytest.MonkeyPatch, interface: str, **options: Any) -> Any:
    monkeypatch.setattr(RouteLookup, "interface_to", lambda *_arguments: interface)
    asked = {"namespace": "ns01", "to": "192.0.2.1", "expect": "masqueraded", **options}
    (judged,) = judge_masquerading(Kernel(), [probe(**asked)])  # type: ignore[arg-type]  # all that is used of it
    return judged


def test_no_route(monkeypatch: pytest.MonkeyPatch) -> None:
    judged = judge(monkeypatch, "")
    assert (judged.outcome, judged.ok) == (None, None)
    assert judged.skipped == "the host has no route to 192.0.2.1, such as a default route"


def test_another_interface(monkeypatch: pytest.MonkeyPatch) -> None:
    judged = judge(monkeypatch, "eth0", router="router", out_interface="wan1")
    assert judged.skipped == "router sends to 192.0.2.1 by eth0, not by wan1"


def test_a_kernel_that_does_not_list_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> None:
        raise NetlinkError(Refusal(errno.EOPNOTSUPP, ""))

    monkeypatch.setattr(masquerading, "find_echo", refuse)
    judged = judge(monkeypatch, "eth0")
    assert (judged.outcome, judged.ok) == (None, None)
    assert "modprobe nf_conntrack_netlink" in judged.skipped


@pytest.mark.parametrize("option", ["namespace", "router"])
def test_no_namespace(monkeypatch: pytest.MonkeyPatch, option: str) -> None:
    judged = judge(monkeypatch, "eth0", **{option: "nope"})
    assert (judged.outcome.cause, judged.ok) == ("no such namespace", False)


def test_no_probes() -> None:
    assert judge_masquerading(Kernel(), []) == []  # type: ignore[arg-type]  # it is not used
