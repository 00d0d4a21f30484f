# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A call of a state module: argument spec, desired, read, plan, apply."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.netns.fabric.plugins.module_utils._core import execution
from ansible_collections.netns.fabric.plugins.module_utils._core.argspec import argument_spec
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import (
    FabricError,
    InvalidEntries,
    InvalidEntry,
    OperationFailed,
    Unavailable,
)
from ansible_collections.netns.fabric.plugins.module_utils._core.execution import converge
from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Change, Entry, Phase, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call, Resource
from ansible_collections.netns.fabric.plugins.module_utils._resources.link import LinkResource
from ansible_collections.netns.fabric.plugins.module_utils._resources.netns import NamespaceResource
from ansible_collections.netns.fabric.plugins.module_utils._resources.route import RouteResource
from ansible_collections.netns.fabric.plugins.module_utils._resources.veth import VethResource


@dataclass(frozen=True)
class Wanted:
    entry: Entry
    name: str
    size: int


class Things(Resource[Wanted, int]):
    """A resource that writes down what is asked of it."""

    list_option = "things"
    identity = "name"
    backends = ()
    entry_options: Mapping[str, Mapping[str, Any]] = {
        "name": {"type": "str"},
        "size": {"type": "int"},
        "colour": {"type": "str", "default": "red"},
    }

    def __init__(self) -> None:
        self.calls: list[Call[Wanted]] = []
        self.read_from: list[tuple[Any, Call[Wanted]]] = []

    def desired(self, entry: Entry, options: Mapping[str, Any]) -> Wanted:
        if options["size"] == -2:
            raise InvalidEntries([InvalidEntry(entry, "size", "too small"), InvalidEntry(entry, "size", "and odd")])
        if options["size"] == -1:
            raise InvalidEntry(entry, "size", "too small")
        return Wanted(entry, options["name"], options["size"] or 0)

    def key(self, desired: Wanted) -> object:
        return desired.name

    def read(self, host: Any, call: Call[Wanted]) -> int:
        self.read_from.append((host, call))
        return 1

    def plan(self, actual: int, call: Call[Wanted]) -> Plan:
        self.calls.append(call)
        changes = [
            Change(one.entry, one.name, {}, {"size": one.size}, ()) for one in call.entries if one.size != actual
        ]
        return Plan(tuple(changes), ("a warning",), {"more": 7})


class NoHost:
    """Stands for the managed host, and counts."""

    applied: list[Plan]

    def __init__(self, _backends: Any, check_mode: bool) -> None:
        self.check_mode = check_mode
        NoHost.applied = []

    def begin_call(self, options: Mapping[str, Any]) -> None:
        """No option counts here."""

    def warnings(self) -> list[str]:
        return []

    @contextmanager
    def locked(self) -> Any:
        yield

    def require_writable(self, plan: Plan) -> None:
        """Everything is writable here."""

    def apply(self, plan: Plan) -> None:
        NoHost.applied.append(plan)

    def settle(self) -> None:
        pass

    def simulate(self, plan: Plan) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.fixture(autouse=True)
def fixture_as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "Host", NoHost)
    monkeypatch.setattr(os, "geteuid", lambda: 0)


def params(resource: Resource[Any, Any], **given: Any) -> dict[str, Any]:
    result = ArgumentSpecValidator(argument_spec(resource)).validate(given)
    assert not result.error_messages
    return dict(result.validated_parameters)


@pytest.mark.parametrize("resource", [NamespaceResource(), VethResource(), LinkResource(), RouteResource()])
def test_the_bulk_list_takes_the_options_of_the_single_form(resource: Resource[Any, Any]) -> None:
    spec = argument_spec(resource)
    elements = spec[resource.list_option]["options"]
    assert set(elements) == {*resource.entry_options, "state"}
    assert elements[resource.identity]["required"]
    assert not spec[resource.identity].get("required")
    assert set(spec) == {*elements, resource.list_option, *resource.call_options}


def test_the_single_form() -> None:
    things = Things()
    result = converge(things, params(things, name="a", size=3), check_mode=False)
    assert result == {
        "changed": True,
        "diff": [{"before_header": "a", "after_header": "a", "before": "", "after": "size: 3\n"}],
        "commands": [],
        "warnings": ["a warning"],
        "more": 7,
    }
    assert things.calls[0].entries == (Wanted(Entry("a"), "a", 3),)
    assert things.read_from[0][1] is things.calls[0]
    assert len(NoHost.applied) == 1


def test_check_mode_returns_the_same_and_applies_nothing() -> None:
    things = Things()
    given = params(things, name="a", size=3, owner="lab")
    assert converge(things, given, check_mode=True) == converge(Things(), given, check_mode=False)
    assert converge(things, given, check_mode=True)
    assert NoHost.applied == []
    assert things.calls[0].check_mode


def test_the_bulk_list() -> None:
    things = Things()
    converge(things, params(things, things=[{"name": "a"}, {"name": "b", "size": 2}], owner="lab", prune=True), True)
    call = things.calls[0]
    assert [str(one.entry) for one in call.entries] == ["things[0] (a)", "things[1] (b)"]
    assert (call.owner, call.prune) == ("lab", True)


def test_an_empty_list_is_a_list() -> None:
    things = Things()
    converge(things, params(things, things=[], owner="lab", prune=True), check_mode=False)
    assert things.calls[0].entries == ()


def test_all_errors_are_reported_at_once() -> None:
    entries = [{"name": "a", "size": -1}, {"name": "b"}, {"name": "c", "size": -2}, {"name": "b"}]
    with pytest.raises(InvalidEntries) as caught:
        converge(Things(), params(Things(), things=entries), check_mode=False)
    assert str(caught.value).splitlines() == [
        "things[0] (a): size: too small",
        "things[2] (c): size: too small",
        "things[2] (c): size: and odd",
        "things[3] (b): name: is the same as things[1] (b); leave one of them out",
    ]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"things": [], "prune": True}, "it requires both options"),
        ({"name": "a", "owner": "lab", "prune": True}, "it requires both options"),
        ({"things": [], "owner": "a b"}, "owner: 'a b' cannot be an owner name"),
        ({"things": [], "owner": ""}, "owner: '' cannot be an owner name"),
        ({"things": [], "state": "absent"}, "state: it cannot be combined with `things`"),
        ({"things": [], "colour": "blue"}, "colour: it cannot be combined with `things`"),
    ],
)
def test_a_call_that_makes_no_sense(given: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidEntry) as caught:
        converge(Things(), params(Things(), **given), check_mode=True)
    assert said in str(caught.value)


@pytest.mark.parametrize("check_mode", [True, False])
def test_without_root_nothing_is_opened(monkeypatch: pytest.MonkeyPatch, check_mode: bool) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 65534)
    monkeypatch.setattr(execution, "Host", None)
    with pytest.raises(Unavailable, match="become: true"):
        converge(Things(), params(Things(), name="a"), check_mode)


def test_every_error_for_a_user_is_a_fabric_error() -> None:
    assert all(issubclass(kind, FabricError) for kind in (InvalidEntry, InvalidEntries, Unavailable))
    assert str(InvalidEntry("a", "", "wrong")) == "a: wrong"


class Refusing:
    """Stands for a host that refuses the plan."""

    def __init__(self, rolled_back: bool) -> None:
        self.rolled_back = rolled_back

    def begin_call(self, options: Mapping[str, Any]) -> None:
        """Take the options."""

    def require_writable(self, plan: Plan) -> None:
        """Find everything writable."""

    def apply(self, _plan: Plan) -> None:
        raise OperationFailed(None, "refused", 17, self.rolled_back)


@pytest.mark.parametrize(
    ("later", "rolled_back", "said"),
    [
        ("", True, "refused"),
        ("more", True, "refused\nAnother program has changed the host during this call, which now needs other changes"),
        (
            Unavailable("there is no more"),
            True,
            "refused\nAnother program has changed the host during this call: there",
        ),
        (OSError(5, "unreadable"), True, "refused"),
        (Unavailable("there is no more"), False, "refused"),
    ],
)
def test_a_refused_call_is_planned_again(later: str | Exception, rolled_back: bool, said: str) -> None:
    """That shows what another program has changed; after an incomplete rollback it would show what is left."""

    class Changing(Things):
        def plan(self, actual: int, call: Call[Wanted]) -> Plan:
            if self.calls and isinstance(later, Exception):
                raise later
            planned = super().plan(actual, call)
            step = Step("more" if later and len(self.calls) > 1 else "first")
            return Plan((Change(Entry("x"), "x", {}, {"step": step.name}, (step,)), *planned.changes))

    with pytest.raises(OperationFailed) as caught:
        execution.plan_and_apply(Changing(), Call(()), cast(Host, Refusing(rolled_back)))
    assert str(caught.value).startswith(said)
    assert str(caught.value) == said or said != "refused"
    assert caught.value.number == 17


@dataclass(frozen=True)
class Step:
    name: str
    phase: Phase = Phase.SETTINGS
    backend: str = "kernel"

    def commands(self) -> list[str]:
        return [self.name]
