# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What counts as a secret, and how it stands in what a module returns."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netns.fabric.plugins.module_utils._core.secrets import find_notations, find_secrets, is_secret


@pytest.mark.parametrize(
    "key", ["psk", "PSK", "private_key", "private-key", "preshared_key", "remote_password", "api_token"]
)
def test_secret_keys(key: str) -> None:
    assert is_secret(key)


@pytest.mark.parametrize("key", ["key", "remote_ip", "passive", "psk_file_name", "bypass", "monkey", 7])
def test_other_keys(key: object) -> None:
    assert not is_secret(key)


@pytest.mark.parametrize(
    ("data", "secrets"),
    [
        ({"options": {"psk": "a", "key": "b"}}, ["a"]),
        ([{"steps": [{"ports": [{"options": {"psk": 7}}]}]}, {"password": "x"}], ["7", "x"]),
        ({"psk": None, "password": "", "secret": {"token": "y"}}, ["y"]),
        (None, []),
    ],
)
def test_secrets_are_found_at_any_depth(data: Any, secrets: list[str]) -> None:
    assert list(find_secrets(data)) == secrets


@given(st.text(min_size=1))
def test_every_notation_of_a_secret_is_known(secret: str) -> None:
    """Python's, that of ovs-vsctl, and both within an argument of a shell."""
    argument = f"options:psk={json.dumps(secret)}"
    for written in (secret, repr({"psk": secret}), argument, shlex.quote(argument)):
        assert any(form in written for form in find_notations(secret))
