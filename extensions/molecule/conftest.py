# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the scenarios' tests look at the host with."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.tests.helpers.contacts import Contacts
from ansible_collections.netns.fabric.tests.helpers.kernel import Kernel
from ansible_collections.netns.fabric.tests.helpers.nat import Nat
from ansible_collections.netns.fabric.tests.helpers.openvswitch import OpenVSwitch
from ansible_collections.netns.fabric.tests.helpers.plays import Plays
from ansible_collections.netns.fabric.tests.helpers.shell import Shell
from ansible_collections.netns.fabric.tests.helpers.snapshot import Snapshot, Vitals
from ansible_collections.netns.fabric.tests.helpers.traffic import Traffic


@pytest.fixture(scope="module")
def shell(host: Any) -> Shell:
    """Return what runs commands on the host; ``host`` is testinfra's."""
    return Shell(host)


@pytest.fixture(scope="module")
def kernel(shell: Shell) -> Kernel:
    """Return what the kernel knows."""
    return Kernel(shell)


@pytest.fixture(scope="module")
def openvswitch(shell: Shell) -> OpenVSwitch:
    """Return what Open vSwitch's database says."""
    return OpenVSwitch(shell)


@pytest.fixture(scope="module")
def nat(shell: Shell) -> Nat:
    """Return what masquerades."""
    return Nat(shell)


@pytest.fixture(scope="module")
def traffic(shell: Shell) -> Traffic:
    """Return what sends traffic."""
    return Traffic(shell)


@pytest.fixture(scope="module")
def plays(shell: Shell) -> Plays:
    """Return what runs further playbooks."""
    return Plays(shell)


@pytest.fixture(scope="module")
def snapshot(shell: Shell) -> Snapshot:
    """Return what tells the host before from the host after."""
    return Snapshot(shell)


@pytest.fixture(scope="module")
def vitals(shell: Shell) -> Vitals:
    """Return what tells whether a link has flapped."""
    return Vitals(shell)


@pytest.fixture(scope="module")
def contacts(shell: Shell) -> Contacts:
    """Return what asks servers that record who contacted them."""
    return Contacts(shell)
