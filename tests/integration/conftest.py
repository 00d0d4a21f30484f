# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the integration tests: a cleared host for each test, and modules run as on a managed host."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import pytest

from ansible_collections.netns.fabric.tests.helpers import module_runner, northbound, own_host
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.module_runner import ModuleResult


class RunModule(Protocol):
    """The type of the fixture run_module."""

    def __call__(
        self,
        name: str,
        /,
        *,
        _check: bool = ...,
        _diff: bool = ...,
        _env: Mapping[str, str] | None = ...,
        **params: Any,
    ) -> ModuleResult: ...


@pytest.fixture(scope="session", name="session_host")
def fixture_session_host() -> Host:
    """Return the host that we are in; end the session unless it is a host of its own."""
    try:
        return Host()
    except own_host.OwnHostError as error:
        pytest.exit(str(error), returncode=3)


@pytest.fixture(autouse=True, name="host")
def fixture_host(session_host: Host) -> Iterator[Host]:
    """Provide a host like one just started, with Open vSwitch running, and clear it after the test."""
    yield session_host
    session_host.clear()


@pytest.fixture
def outside_world(host: Host) -> Host:
    """Connect the host to an outside world: uplink0, and 198.51.100.2 in the namespace `outside`."""
    own_host.build_outside_world()
    return host


@pytest.fixture(name="northbound")
def fixture_northbound(host: Host) -> Iterator[northbound.Northbound]:  # it is served in the host
    """Serve an empty northbound database of OVN, without the rest of OVN."""
    with northbound.serve() as served:
        yield served


@pytest.fixture
def run_module() -> RunModule:
    """Return a function that runs a module: ``run_module("netns", name="red", _check=True)``."""

    def run(
        name: str,
        /,
        *,
        _check: bool = False,
        _diff: bool = True,
        _env: Mapping[str, str] | None = None,
        **params: Any,
    ) -> ModuleResult:
        return module_runner.run_module(name, params, check=_check, diff=_diff, env=_env)

    return run
