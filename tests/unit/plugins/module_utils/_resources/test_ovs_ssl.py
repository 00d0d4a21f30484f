# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The keys by which Open vSwitch speaks TLS."""

from __future__ import annotations

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.rows import Row
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.state import Switch
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.values import Uuid
from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_ssl import (
    check_ssl,
    plan_ssl,
    require_ssl,
)

KEYS = {"key": "/k", "certificate": "/c", "ca_certificate": "/a"}
ROW = Row("SSL", "s", {"private_key": "/k", "certificate": "/c", "ca_cert": "/a"})
WITH = Switch(root=Row("Open_vSwitch", "o", {"ssl": Uuid("s")}), rows={"s": ROW})
SECURE = ("controllers", ["ssl:a:1"])


def test_a_secure_controller_needs_keys() -> None:
    with pytest.raises(InvalidEntry, match="controllers: ssl:a:1 needs a key and certificates"):
        require_ssl(Switch(), Entry("br"), *SECURE, None)
    with pytest.raises(InvalidEntry):
        require_ssl(WITH, Entry("br"), *SECURE, {"key": None})
    require_ssl(WITH, Entry("br"), *SECURE, None)
    require_ssl(Switch(), Entry("br"), *SECURE, KEYS)
    require_ssl(Switch(), Entry("br"), "controllers", ["tcp:a:1"], None)
    require_ssl(Switch(unavailable="it is not running"), Entry("br"), *SECURE, None)


def test_keys_are_complete_and_absolute() -> None:
    assert check_ssl(None) == check_ssl({}) == check_ssl(KEYS) == []
    errors = [str(error) for error in check_ssl({"key": "k"})]
    assert [error.split(":")[1] for error in errors] == [
        " ssl.key",
        " ssl.key",
        " ssl.certificate",
        " ssl.ca_certificate",
    ]


def test_keys_are_set_changed_and_removed() -> None:
    (change,) = plan_ssl(Switch(), KEYS)
    assert change.operations[0].commands() == [
        (
            "ovs-vsctl -- --id=@x53534c2f2e2f create SSL 'private_key=\"/k\"' 'certificate=\"/c\"' 'ca_cert=\"/a\"' "
            "-- set Open_vSwitch . ssl=@x53534c2f2e2f"
        )
    ]
    assert change.after == {"ssl": KEYS}
    assert not list(plan_ssl(WITH, KEYS))
    assert not list(plan_ssl(WITH, None))
    (change,) = plan_ssl(WITH, {})
    assert change.operations[0].commands() == ["ovs-vsctl -- --if-exists remove Open_vSwitch . ssl s"]
