# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The programs of databases, and their answers."""

from __future__ import annotations

import sys

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.client import Client
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.database_client import Answer
from ansible_collections.netns.fabric.tests.unit.plugins.module_utils._ovsdb.fakes import FakeOpenVSwitch


def test_a_program_that_takes_too_long_is_killed() -> None:
    client = Client()
    assert client.run([sys.executable, "-c", "import time; time.sleep(60)"], 0.2).status is None
    killed = client.run([sys.executable, "-c", "import signal; signal.alarm(1); signal.pause()"], 20)
    assert killed.status is None
    assert client.run([sys.executable, "-c", "print('ü')"], 20).output == "ü\n"
    assert client.run(["/no/such/program"], 20).status == 126


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("ovs-vsctl: no row x\n", "no row x"),
        ("2026-01-01T00:00:00Z|00002|fatal_signal|WARN|terminating\novs-vsctl: x: y\n", "x: y"),
        ("ovs-vsctl: The default log directory is x.\n", "it ended with status 1"),
        ("", "it ended with status 1"),
    ],
)
def test_the_reason_is_the_last_line_of_the_message(message: str, reason: str) -> None:
    assert Answer(1, "", message).reason == reason


@pytest.mark.parametrize(
    ("argument", "is_quiet"),
    [
        ("options:psk=x", True),
        ('options:"psk"="x"', True),
        ('options={"remote_ip"="192.0.2.1","psk"="x"}', True),
        ('other_config:api_token="x"', True),
        ("options:key=7", False),
        ("external_ids:note=psk", False),
        (f"external_ids:note={'x' * 10**6}", False),  # in a time that grows with its length alone
    ],
)
def test_a_secret_is_not_written_to_the_log(argument: str, is_quiet: bool) -> None:
    switch = FakeOpenVSwitch()
    switch.client.write([("set", "Interface", "t1", argument)], 5)
    assert ("--no-syslog" in switch.client.ran[-1]) == is_quiet
