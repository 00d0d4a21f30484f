# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the scenarios' tests: objects that read the host's state, and one that runs playbooks."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.tests.helpers.kernel import Kernel
from ansible_collections.netns.fabric.tests.helpers.nat import Nat
from ansible_collections.netns.fabric.tests.helpers.openvswitch import OpenVSwitch
from ansible_collections.netns.fabric.tests.helpers.plays import Plays
from ansible_collections.netns.fabric.tests.helpers.shell import Shell


@pytest.fixture(scope="module", autouse=True)
def _order_of_the_file(host: Any) -> None:
    """Keep the tests in their order: pytest groups them by testinfra's parameter, those without it last."""


@pytest.fixture(scope="module")
def shell(host: Any) -> Shell:
    """Return a shell on the host; ``host`` is testinfra's."""
    return Shell(host)


@pytest.fixture(scope="module")
def kernel(shell: Shell) -> Kernel:
    """Return namespaces, links, addresses and routes."""
    return Kernel(shell)


@pytest.fixture(scope="module")
def openvswitch(shell: Shell) -> OpenVSwitch:
    """Return the database of Open vSwitch."""
    return OpenVSwitch(shell)


@pytest.fixture(scope="module")
def nat(shell: Shell) -> Nat:
    """Return the rules that masquerade."""
    return Nat(shell)


@pytest.fixture(scope="module")
def plays(shell: Shell) -> Plays:
    """Return what runs further playbooks."""
    return Plays(shell)
