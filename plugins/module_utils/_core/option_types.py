# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The types of a module's options, checked before Ansible does.

Ansible reports the first error only, never names the entry of a list, and for an entry that is not a dictionary not
even the option. What it would convert is accepted here as well, except that no list or dictionary becomes a string.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible.module_utils.common.validation import (
    check_type_bool,
    check_type_dict,
    check_type_float,
    check_type_int,
    check_type_list,
)

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry
from ansible_collections.netns.fabric.plugins.module_utils._core.validation import describe, describe_type

_CONVERTERS = {
    "bool": check_type_bool,
    "dict": check_type_dict,
    "float": check_type_float,
    "int": check_type_int,
    "list": check_type_list,
}

#: The types by what a user calls them, and how a value is written.
_TYPES = {
    "bool": ("true or false", "write it without quotes"),
    "dict": ("a dictionary", "write it as `key: value`"),
    "float": ("a number", "write for instance 0.5"),
    "int": ("a whole number", "write it in digits"),
    "list": ("a list", "write it in brackets, or with hyphens"),
    "str": ("a string", "write one value"),
}

Spec = Mapping[str, Mapping[str, Any]]


def find_type_errors(spec: Spec, given: Mapping[str, Any]) -> list[InvalidEntry]:
    """Return an error for each value that does not have its option's type, or is none of its choices."""
    return list(_check_options(spec, given, "the call", ""))


def _check_options(spec: Spec, given: Mapping[str, Any], entry: object, prefix: str) -> Iterator[InvalidEntry]:
    for name, option in spec.items():
        if given.get(name) is not None:
            yield from _check_option(option, given[name], entry, prefix + name)


def _check_names(spec: Spec, given: Mapping[str, Any], entry: object, prefix: str) -> Iterator[InvalidEntry]:
    for name in given:
        if name not in spec:
            yield InvalidEntry(entry, f"{prefix}{name}", f"there is no such option; there are: {', '.join(spec)}")


def _check_option(option: Mapping[str, Any], value: Any, entry: object, path: str) -> Iterator[InvalidEntry]:
    kind = option.get("type", "str")
    try:
        converted = _convert(kind, value, is_list_of_entries="options" in option)
    except (TypeError, ValueError):
        yield _wrong_type(kind, value, entry, path)
        return
    if kind == "list":
        yield from _check_elements(option, converted, entry, path)
    elif kind == "dict" and "options" in option:
        yield from _check_names(option["options"], converted, entry, f"{path}.")
        yield from _check_options(option["options"], converted, entry, f"{path}.")
    elif "choices" in option and converted not in option["choices"]:
        choices = ", ".join(map(str, option["choices"]))
        yield InvalidEntry(entry, path, f"must be one of {choices}, not {describe(value)}")


def _check_elements(option: Mapping[str, Any], values: list[Any], entry: object, path: str) -> Iterator[InvalidEntry]:
    element = {**option, "type": option.get("elements", "raw")}
    for index, value in enumerate(values):
        if "options" not in option:
            yield from _check_option(element, value, entry, f"{path}[{index}]")
            continue
        try:
            converted = _convert("dict", value)
        except (TypeError, ValueError):
            yield _wrong_type("dict", value, entry, f"{path}[{index}]")
        else:
            # The option that every entry requires is the one that identifies it.
            identity = next((name for name, each in option["options"].items() if each.get("required")), "")
            name = str(converted.get(identity, ""))
            yield from _check_names(option["options"], converted, Entry(name, path, index), "")
            yield from _check_options(option["options"], converted, Entry(name, path, index), "")


def _convert(kind: str, value: Any, is_list_of_entries: bool = False) -> Any:
    """Return a value as Ansible would pass it to the module.

    Raises:
        TypeError, ValueError: It has another type.
    """
    if kind == "list" and is_list_of_entries and not isinstance(value, (list, tuple)):
        raise TypeError  # Ansible would split a string at its commas, which gives no entries.
    if kind == "str":
        if isinstance(value, (list, tuple, dict)):
            raise TypeError
        return str(value)
    return _CONVERTERS[kind](value) if kind in _CONVERTERS else value


def _wrong_type(kind: str, value: Any, entry: object, path: str) -> InvalidEntry:
    expected, cure = _TYPES[kind]
    # What is in a string that should be a structure may be secret.
    found = describe_type(value) if kind in ("dict", "list") else describe(value)
    return InvalidEntry(entry, path, f"must be {expected}, not {found}; {cure}")
