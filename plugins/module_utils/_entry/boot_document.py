# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A topology as it is stored on its host: one JSON file, from which its steps are carried out without Ansible."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.argspec import (
    argument_spec,
    parse_call,
    with_defaults,
)
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError, InvalidEntries
from ansible_collections.netns.fabric.plugins.module_utils._entry.steps import Step, attribute
from ansible_collections.netns.fabric.plugins.module_utils._resources.registry import RESOURCES

#: The format of the file. It gets a new number when an older version of this collection could no longer read it.
FORMAT = 1
DIRECTORY = "/etc/netns-fabric"
SUFFIX = ".json"

StoredStep = Mapping[str, Any]


class UnreadableDocument(FabricError):
    """A file that is not a stored topology which this version can read."""


class NewerDocument(UnreadableDocument):
    """A topology that a newer version has stored."""


@dataclass(frozen=True)
class Document:
    """A stored topology. A step is a dictionary with `module` and `options`, which are validated and have no nulls."""

    name: str
    owner: str | None
    #: Seconds between two repairs; 0: none.
    heal: int
    steps: tuple[StoredStep, ...]
    delete_steps: tuple[StoredStep, ...]

    def dump(self) -> bytes:
        """Return the content of the file: the same for the same topology, on every host."""
        data = {
            "format": FORMAT,
            "name": self.name,
            "owner": self.owner,
            "heal": self.heal,
            "steps": list(self.steps),
            "delete_steps": list(self.delete_steps),
        }
        # Keys are not sorted: the names of a namespace are written in the order in which they are given (hosts(5)).
        return (json.dumps(data, indent=1) + "\n").encode()


def path_of(name: str) -> str:
    """Return where a topology is stored. Its name is an owner's, which systemd takes unescaped (systemd.unit(5))."""
    return f"{DIRECTORY}/{name}{SUFFIX}"


def load(name: str, content: bytes) -> Document:
    """Return a stored topology.

    Raises:
        UnreadableDocument: It is damaged, or of a newer format.
    """
    try:
        data = json.loads(content)
        if data["format"] > FORMAT:
            raise NewerDocument(
                f"{path_of(name)} has format {data['format']}, which a newer version of netns.fabric has written; this "
                f"one reads formats up to {FORMAT}: upgrade the collection on the controller"
            )
        document = Document(
            data["name"], data["owner"], data["heal"], tuple(data["steps"]), tuple(data["delete_steps"])
        )
    except (ValueError, TypeError, LookupError) as error:
        raise UnreadableDocument(
            f"{path_of(name)} is damaged ({type(error).__name__}: {error}); store the topology again, by a run of its "
            "playbook, or remove the file"
        ) from error
    if document.name != name:
        raise UnreadableDocument(
            f"{path_of(name)} is the topology {document.name!r}; rename the file, or store the topology again"
        )
    return document


def parse_steps(stored: Sequence[StoredStep], check_mode: bool = False) -> list[Step]:
    """Return the calls that stored steps are.

    Raises:
        InvalidEntries: With every error in all of them.
    """
    steps: list[Step] = []
    errors: list[FabricError] = []
    for each in stored:
        module = str(each.get("module"))
        resource = RESOURCES.get(module)
        if resource is None:
            errors.append(FabricError(f"netns.fabric.{module} is not a module that a stored step can call"))
            continue
        try:
            params = with_defaults(argument_spec(resource), each["options"])
            steps.append(Step(module, resource, parse_call(resource, params, check_mode)))
        except FabricError as error:
            errors.extend(attribute(module, error))
    if errors:
        raise InvalidEntries(errors)
    return steps


def replace_steps(stored: Sequence[StoredStep], new: Sequence[StoredStep]) -> tuple[StoredStep, ...]:
    """Return the stored steps with those of the modules that new ones call replaced by them; further ones come last."""
    modules = {step["module"] for step in new}
    result: list[StoredStep] = []
    for step in stored:
        if step["module"] not in modules:
            result.append(step)
            continue
        result.extend(each for each in new if each["module"] == step["module"] and each not in result)
    return (*result, *(step for step in new if step not in result))
