# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The option `listen` of reachability."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntries
from ansible_collections.netns.fabric.plugins.module_utils._entry.listening import Port, Wanted, wanted_of

PORT: dict[str, Any] = {"namespace": "red", "address": "192.0.2.1", "protocol": "tcp", "port": 7}


def test_ports_are_opened_once() -> None:
    ports = [PORT, {**PORT, "protocol": "udp"}, PORT, {**PORT, "namespace": None}]
    address = ip_address("192.0.2.1")
    assert wanted_of({"name": "lab", "seconds": 60, "ports": ports}) == Wanted(
        "lab", 60, (Port("red", address, "tcp", 7), Port("red", address, "udp", 7), Port(None, address, "tcp", 7))
    )


def test_every_error_is_reported() -> None:
    ports = [{**PORT, "address": "x", "port": 0}, PORT, {**PORT, "namespace": "a/b"}]
    with pytest.raises(InvalidEntries) as raised:
        wanted_of({"name": "a b", "seconds": 0, "ports": ports})
    text = str(raised.value)
    for where in ("name: ", "seconds: ", "ports[0] (x): address: ", "ports[0] (x): port: ", "ports[2] (192.0.2.1): "):
        assert where in text
