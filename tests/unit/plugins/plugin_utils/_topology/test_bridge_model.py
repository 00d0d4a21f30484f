# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The entries of a bridge as dataclasses."""

from __future__ import annotations

import pytest

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.bridge_model import BridgePort


@pytest.mark.parametrize(
    ("port", "uplinks"),
    [
        (BridgePort("", "eth1", "br0", "system", {}), ("eth1",)),
        (BridgePort("", "bond0", "br0", "system", {}, members=("eth1", "eth2")), ("eth1", "eth2")),
        (BridgePort("", "mgmt", "br0", "internal", {}), ()),
    ],
)
def test_the_uplinks_of_a_port(port: BridgePort, uplinks: tuple[str, ...]) -> None:
    assert port.uplinks == uplinks
