# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of a tunnel."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntries
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.settings import parse_settings, specs
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.tunnel_settings import (
    KEY_MAX,
    ONLY_FOR,
    TUNNEL_SETTINGS,
)


def parse(**options: Any) -> dict[str, Any]:
    checks = Checks(Entry("t1"))
    found = parse_settings(checks, TUNNEL_SETTINGS, options)
    checks.done()
    return found


def test_options_are_stored_as_text() -> None:
    found = parse(remote_ip="flow", key=7, csum=True, tos="inherit", ttl="64", dst_port=4790, local_ip="")
    assert found == {
        "remote_ip": "flow",
        "key": "7",
        "csum": "true",
        "tos": "inherit",
        "ttl": "64",
        "dst_port": "4790",
        "local_ip": (),
    }


@pytest.mark.parametrize("options", [{"remote_ip": "x"}, {"key": "-1"}, {"ttl": "300"}, {"dst_port": 0}])
def test_wrong_values_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidEntries, match=next(iter(options))):
        parse(**options)


def test_the_key_for_ipsec_is_secret() -> None:
    assert specs(TUNNEL_SETTINGS)["psk"]["no_log"] is True
    assert set(ONLY_FOR) <= set(specs(TUNNEL_SETTINGS))
    assert set(KEY_MAX.values()) == {2**24 - 1}
