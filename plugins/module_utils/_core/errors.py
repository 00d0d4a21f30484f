# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can go wrong, as types: one place turns them into a module's failure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class FabricError(Exception):
    """Anything that a user is to read as a message, never as a traceback; `result` are further return values."""

    result: Mapping[str, Any] = {}


class InvalidEntry(FabricError):
    """An error in what the user wrote: names which entry and option, the cause and the cure.

    `position` is that of the entry in its list; errors are reported in that order.
    """

    def __init__(self, entry: object, option: str, message: str) -> None:
        super().__init__(f"{entry}: {option}: {message}" if option else f"{entry}: {message}")
        self.position: int = getattr(entry, "index", 0)


class InvalidEntries(FabricError):
    """Several errors, reported at once."""

    def __init__(self, errors: Sequence[FabricError]) -> None:
        super().__init__("\n".join(str(error) for error in errors))
        self.errors = tuple(errors)


class Unavailable(FabricError):
    """The host lacks something that the call needs; the message says what, and how to get it."""


class OperationFailed(FabricError):
    """The host refused one operation.

    `operation` is the one refused, or None where it cannot be distinguished from the others of one transaction.
    `number` is the kernel's errno, where there is one. `rolled_back` says that the host is as it was before the call.
    """

    def __init__(
        self, operation: object | None, message: str, number: int | None = None, rolled_back: bool = False
    ) -> None:
        super().__init__(message)
        self.operation = operation
        self.number = number
        self.rolled_back = rolled_back


class Unfinished(FabricError):
    """The call has failed when some of its work was done, which stays: `result` says what."""

    def __init__(self, message: str, result: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.result = result
