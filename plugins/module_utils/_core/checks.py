# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The checks of one entry, which report all of its errors at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntries, InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry


class Checks:
    """Collects the errors of one entry."""

    def __init__(self, entry: Entry) -> None:
        self._entry = entry
        self._errors: list[InvalidEntry] = []
        self._wrong: set[str] = set()

    def value(self, option: str, check: Callable[[Any], Any], value: Any) -> Any:
        """Return the checked value, or None where the check refuses it; None stays None."""
        if value is None:
            return None
        try:
            return check(value)
        except ValueError as error:
            self.error(option, str(error))
            return None

    def each(self, option: str, check: Callable[[Any], Any], values: Iterable[Any] | None) -> list[Any]:
        """Return the checked values of a list, without those that the check refuses."""
        found = [self.value(f"{option}[{number}]", check, value) for number, value in enumerate(values or ())]
        return [value for value in found if value is not None]

    def error(self, option: str, message: str) -> None:
        """Note an error of one option."""
        self._wrong.add(option)
        self._errors.append(InvalidEntry(self._entry, option, message))

    def has(self, option: str) -> bool:
        """Return whether an option has an error already."""
        return option in self._wrong

    def done(self) -> None:
        """Raise the errors, if there are any.

        Raises:
            InvalidEntries: With all of them.
        """
        if self._errors:
            raise InvalidEntries(self._errors)
