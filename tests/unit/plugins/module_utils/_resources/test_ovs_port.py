# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of ports."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError
from ansible_collections.netns.fabric.tests.unit.plugins.module_utils._resources.ovs_ports import wanted


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": ""}, "name: "),
        ({"name": "x" * 16, "type": "internal"}, "name: .*16 characters long"),
        ({"name": "a/b", "type": "patch"}, "name: 'a/b' cannot be the name of a port"),
        ({"name": "-a"}, "name: '-a' cannot be the name of a port"),
        ({"bridge": "x" * 16}, "bridge: .*16 characters long"),
        ({"tag": 4095}, "tag: .*4095"),
        ({"trunks": [1, -1]}, "trunks: .*-1"),
        ({"mtu": 60}, "mtu: .*60"),
        ({"mac": "02:00:00:00:00"}, "mac: "),
        ({"tag": 5, "vlan_mode": "trunk"}, "tag: it is not allowed with `vlan_mode: trunk`"),
        ({"trunks": [5], "vlan_mode": "access"}, "trunks: .*carries one VLAN only"),
        ({"trunks": [5], "tag": 6}, "trunks: .*access port.*`native-untagged`"),
        ({"external_ids": {"netns.fabric/lab": "x"}}, "external_ids: .*`owner`"),
        ({"peer": {"name": "x" * 16}}, "peer.name: .*16 characters long"),
        ({"peer": {"name": "x", "namespace": "a/b"}}, "peer.namespace: "),
    ],
)
def test_an_invalid_option_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(FabricError, match=message):
        wanted(**options)


def test_every_error_of_an_entry_is_reported_at_once() -> None:
    with pytest.raises(FabricError, match=r"(?s)tag: .*mtu: "):
        wanted(tag=4095, mtu=60)
