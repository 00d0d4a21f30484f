# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The SSH connection that a process was started by."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._system import connections
from ansible_collections.netns.fabric.tests.helpers import module_runner

FIND = f"from {connections.__name__} import find_connection; print(find_connection())"
VARIABLE = "SSH_CONNECTION"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("192.0.2.7 51820 192.0.2.1 22", "192.0.2.7 port 51820 to 192.0.2.1 port 22"),
        ("::ffff:192.0.2.7 51820 ::ffff:192.0.2.1 22", "192.0.2.7 port 51820 to 192.0.2.1 port 22"),
        ("fe80::2%eth0 51820 fe80::1%eth0 22", "fe80::2 port 51820 to fe80::1 port 22"),
        ("UNKNOWN 65535 UNKNOWN 65535", "None"),
        ("", "None"),
    ],
)
def test_what_the_variable_names(text: str, found: str) -> None:
    assert str(connections.parse_connection(text)) == found


def test_the_variable_of_a_process_before_counts_where_it_was_removed_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(VARIABLE, "192.0.2.7 51820 192.0.2.1 22")
    script = f'env -u {VARIABLE} "{sys.executable}" -c "{FIND}"; true'
    environment = {**os.environ, "PYTHONPATH": str(module_runner.COLLECTIONS_PATH)}
    ran = subprocess.run(
        ["sh", "-c", script], capture_output=True, text=True, timeout=60, check=True, cwd="/", env=environment
    )
    assert ran.stdout == "192.0.2.7 port 51820 to 192.0.2.1 port 22\n", ran.stderr


def test_a_process_that_left_its_session_has_the_connection_that_it_is_given() -> None:
    found = connections.parse_connection("192.0.2.7 51820 192.0.2.1 22")
    connections.inherit_connection(found)
    try:
        assert connections.find_connection() is found
    finally:
        connections.inherit_connection(None)
    assert connections.find_connection() is not found
