# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The cases in cases/MODULE/*.yml: a state, a module's options, and what the module returns. TESTING.md has the format.

Each case runs through the module's argument spec, its resource's desired() and plan(), and reads and writes no host.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_interface
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.netns.fabric.plugins.module_utils._core import argspec
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError, InvalidEntries
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Plan
from ansible_collections.netns.fabric.plugins.module_utils._kernel.kinds import KINDS
from ansible_collections.netns.fabric.plugins.module_utils._kernel.netlink import attribute
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import (
    Address,
    End,
    KernelState,
    Link,
    NamespaceName,
    NamespaceState,
    Route,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.uapi import IFLA_INFO_DATA
from ansible_collections.netns.fabric.plugins.module_utils._resources import netns
from ansible_collections.netns.fabric.plugins.module_utils._resources.registry import RESOURCES

CASES = Path(__file__).with_name("cases")
GUIDE = Path(__file__).parents[5] / "TESTING.md"
KEYS = {"description", "state", "call", "check_mode", "commands", "diff", "warnings", "errors"}
#: The key of the host's own network namespace.
HOST = "host"


@dataclass(frozen=True)
class State:
    """The state of a case: network namespaces, and what else the resources read."""

    namespaces: Mapping[str, Mapping[str, Any] | None]
    stale: Sequence[str] = ()
    sysctls: Mapping[str, Mapping[str, Any]] | None = None
    refused: Mapping[str, Mapping[str, str]] | None = None
    files: Mapping[str, str] | None = None
    processes: Mapping[str, Mapping[int, str]] | None = None

    def kernel(self) -> KernelState:
        """Return the state as the kernel's backend reads it."""
        spaces: dict[str, Mapping[str, Any]] = {key: space or {} for key, space in self.namespaces.items()}
        return KernelState(
            {_name(key): self._namespace(key, spaces) for key in spaces},
            frozenset(self.stale),
            sysctls={
                **{(_name(key), "net.ipv6.conf.default.disable_ipv6"): "0" for key in spaces},
                **{
                    (_name(key), name): value
                    for key, found in (self.sysctls or {}).items()
                    for name, value in found.items()
                },
            },
            refused_sysctls={
                (name, value): reason for name, found in (self.refused or {}).items() for value, reason in found.items()
            },
        )

    def _namespace(self, key: str, spaces: Mapping[str, Mapping[str, Any]]) -> NamespaceState:
        space = spaces[key]
        assert set(space) <= {"links", "routes"}, f"{key}: unknown keys in {set(space)}"
        indexes = _indexes(space)
        links, addresses = [], []
        for name, given in (space.get("links") or {}).items():
            attributes = dict(given or {})
            peer = attributes.pop("peer", None)
            addresses += [Address(indexes[name], ip_interface(text)) for text in attributes.pop("addresses", [])]
            end = self._end(peer, spaces) if peer else None
            attributes.update(self._kind(attributes, spaces, indexes))
            links.append(Link(indexes[name], name, loopback=name == "lo", peer=end, **attributes))
        routes = [
            Route(**{**route, **({"device": indexes[route["device"]]} if "device" in route else {})})
            for route in space.get("routes") or []
        ]
        return NamespaceState(_name(key), tuple(links), tuple(addresses), tuple(routes))

    def _kind(
        self, attributes: dict[str, Any], spaces: Mapping[str, Mapping[str, Any]], indexes: Mapping[str, int]
    ) -> dict[str, Any]:
        """Return what the kernel reports of a link with `options`, with what it is `on`, and with a `master`."""
        found: dict[str, Any] = {}
        if "on" in attributes:
            found["base"] = self._end(attributes.pop("on"), spaces)
        if "master" in attributes:
            found["master"] = indexes[attributes.pop("master")]
        if "options" in attributes:
            data = KINDS[attributes["kind"]].encode(attributes.pop("options"))
            content = b"".join(attribute(number, value) for number, value in data.items())
            found["information"] = attribute(IFLA_INFO_DATA, content)
        return found

    @staticmethod
    def _end(peer: str, spaces: Mapping[str, Mapping[str, Any]]) -> End:
        key, _slash, name = peer.partition("/")
        return End(_name(key), 0 if name == "0" else _indexes(spaces[key])[name])


def _name(key: str) -> NamespaceName:
    return None if key == HOST else key


def _indexes(space: Mapping[str, Any]) -> dict[str, int]:
    """Return the indexes of a namespace's links: 1, 2, ... in their order."""
    return {name: number for number, name in enumerate((space or {}).get("links") or {}, 1)}


def actual(module: str, state: State) -> Any:
    """Return the state in the form in which the module's resource reads it."""
    if module != "netns":
        return state.kernel()
    processes = {name: tuple(found.items()) for name, found in (state.processes or {}).items()}
    return netns.Actual(state.kernel(), dict(state.files or {}), processes)


def plan(module: str, case: Mapping[str, Any]) -> Plan:
    """Plan a case.

    Raises:
        FabricError: The options are wrong, or what they ask for cannot be on this host.
    """
    resource = RESOURCES[module]
    validator = ArgumentSpecValidator(
        argspec.argument_spec(resource),
        mutually_exclusive=argspec.mutually_exclusive(resource),
        required_one_of=argspec.required_one_of(resource),
    )
    validated = validator.validate(case["call"])
    assert not validated.error_messages, validated.error_messages
    call = argspec.parse_call(resource, validated.validated_parameters, bool(case.get("check_mode", False)))
    return resource.plan(actual(module, State(**case.get("state", {"namespaces": {}}))), call)


@pytest.mark.parametrize("path", sorted(CASES.glob("*/*.yml")), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_case(path: Path) -> None:
    check(path.parent.name, yaml.safe_load(path.read_text(encoding="utf-8")))


def test_case_in_the_guide() -> None:
    """The example in TESTING.md is a case as well."""
    _before, _fence, rest = GUIDE.read_text(encoding="utf-8").partition("```yaml\n")
    check("link", yaml.safe_load(rest.partition("```")[0]))


def check(module: str, case: Mapping[str, Any]) -> None:
    """Run a case."""
    assert {"description", "call"} <= set(case) <= KEYS
    try:
        planned, messages = plan(module, case), []
    except InvalidEntries as error:
        planned, messages = Plan(), list(map(str, error.errors))
    except FabricError as error:
        planned, messages = Plan(), [str(error)]
    expected = case.get("errors", [])
    assert len(messages) == len(expected), messages
    assert all(part in message for message, part in zip(messages, expected)), messages
    expected = case.get("warnings", [])
    assert bool(planned.warnings) == bool(expected), planned.warnings
    assert all(part in "\n".join(planned.warnings) for part in expected), planned.warnings
    assert planned.commands == case.get("commands", [])
    assert [
        (change["before_header"], _lines(change["before"]), _lines(change["after"])) for change in planned.diff
    ] == [
        (change["object"], _lines(change.get("before", "")), _lines(change.get("after", "")))
        for change in case.get("diff", [])
    ]


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.splitlines()]  # yamllint refuses the space after an empty value


@pytest.mark.parametrize("module", ["link", "netns", "route", "veth"])
def test_module_has_cases(module: str) -> None:
    assert len(list((CASES / module).glob("*.yml"))) >= 6
