# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The argument spec of a state module, single form and bulk list, and what its parameters ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core import validation
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError, InvalidEntries, InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import OWNER_OPTIONS, STATE, Call, Resource


def argument_spec(resource: Resource[Any, Any]) -> dict[str, Any]:
    """Return the module's argument spec: an entry's options, the same options as a bulk list, and the call's own."""
    entry = {**resource.entry_options, "state": STATE}
    elements = {**entry, resource.identity: {**resource.entry_options[resource.identity], "required": True}}
    return {
        **{name: dict(option) for name, option in entry.items()},
        resource.list_option: {"type": "list", "elements": "dict", "options": elements},
        **{name: dict(option) for name, option in resource.call_options.items()},
    }


def mutually_exclusive(resource: Resource[Any, Any]) -> list[list[str]]:
    """Return the options that cannot be given together: the bulk list's, and those of a single entry."""
    bulk = resource.list_option
    return [[bulk, name] for name, option in resource.entry_options.items() if option.get("default") is None]


def required_one_of(resource: Resource[Any, Any]) -> list[list[str]]:
    """Return the options of which one must be given."""
    return [[resource.list_option, resource.identity]]


def without_unset(spec: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Return validated parameters without those that have no value; a value within a map is the user's, null too."""
    return {
        name: _per_entry(without_unset, spec[name], value)
        for name, value in params.items()
        if value is not None and name in spec
    }


def with_defaults(spec: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters as they are once validated: the opposite of without_unset().

    Raises:
        FabricError: There is no such option, or one that is required is missing.
    """
    unknown = sorted(set(given) - set(spec))
    missing = sorted(name for name, option in spec.items() if option.get("required") and name not in given)
    for names, what in ((unknown, "unknown"), (missing, "missing")):
        if names:
            raise FabricError(f"{what} options: {', '.join(names)}")
    return {
        name: _per_entry(with_defaults, option, given[name]) if name in given else option.get("default")
        for name, option in spec.items()
    }


def _per_entry(convert: Callable[..., Any], option: Mapping[str, Any], value: Any) -> Any:
    """Return an option's value with the options within it converted, those of a list's entries or of a map."""
    if "options" not in option or value is None:
        return value
    if isinstance(value, (list, tuple)):
        return [convert(option["options"], each) for each in value]
    return convert(option["options"], value)


def parse_call(resource: Resource[Any, Any], params: Mapping[str, Any], check_mode: bool) -> Call[Any]:
    """Return what a module's parameters ask for.

    Raises:
        FabricError: With every error in them.
    """
    options = {name: params[name] for name in resource.call_options if name not in OWNER_OPTIONS}
    _check_call(resource, params)
    entries, errors = _parse_entries(resource, params)
    try:
        options = dict(resource.parse_options(options))
    except InvalidEntries as error:
        errors = [*error.errors, *errors]
    if errors:
        raise InvalidEntries(errors)
    return Call(
        entries=tuple(entries),
        owner=params.get("owner"),
        prune=bool(params.get("prune")),
        check_mode=check_mode,
        options=options,
    )


def _check_call(resource: Resource[Any, Any], params: Mapping[str, Any]) -> None:
    bulk = resource.list_option
    if params.get("owner") is not None:
        try:
            validation.owner_name(params["owner"])
        except ValueError as error:
            raise InvalidEntry("the call", "owner", str(error)) from None
    if params.get("prune") and (params.get("owner") is None or params[bulk] is None):
        raise InvalidEntry(
            "the call",
            "prune",
            f"it removes objects owned by `owner` that are not listed in `{bulk}`; it requires both options",
        )
    if params[bulk] is None:
        return
    for name, option in {**resource.entry_options, "state": STATE}.items():
        # Where a default stands for the option it cannot be distinguished from the same value given.
        if params[name] != option.get("default"):
            raise InvalidEntry("the call", name, f"it cannot be combined with `{bulk}`; set it in each entry")


def _parse_entries(resource: Resource[Any, Any], params: Mapping[str, Any]) -> tuple[list[Any], list[FabricError]]:
    """Return all entries as what they ask for, and every error in them."""
    wanted: list[Any] = []
    errors: list[FabricError] = []
    seen: dict[object, Entry] = {}
    for entry, options in _entries_in(resource, params):
        try:
            desired = resource.desired(entry, options)
        except InvalidEntries as error:
            errors.extend(error.errors)
            continue
        except FabricError as error:
            errors.append(error)
            continue
        first = seen.setdefault(resource.key(desired), entry)
        if first is not entry:
            errors.append(InvalidEntry(entry, resource.identity, f"is the same as {first}; leave one of them out"))
        wanted.append(desired)
    return wanted, errors


def _entries_in(resource: Resource[Any, Any], params: Mapping[str, Any]) -> Sequence[tuple[Entry, Mapping[str, Any]]]:
    bulk = params[resource.list_option]
    if bulk is None:
        return [(Entry(name=str(params[resource.identity])), params)]
    return [
        (Entry(name=str(options[resource.identity]), option=resource.list_option, index=index), options)
        for index, options in enumerate(bulk)
    ]
