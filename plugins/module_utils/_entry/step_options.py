# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of steps, validated as Ansible validates those of the module that a step calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.netns.fabric.plugins.module_utils._core.argspec import (
    argument_spec,
    mutually_exclusive,
    required_one_of,
)
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError, InvalidEntries
from ansible_collections.netns.fabric.plugins.module_utils._core.option_types import find_type_errors
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Resource


def validate_step(resource: Resource[Any, Any], given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the parameters as Ansible would pass them to the module itself.

    Raises:
        FabricError: With the errors in them.
    """
    spec = argument_spec(resource)
    validator = ArgumentSpecValidator(
        spec,
        mutually_exclusive=mutually_exclusive(resource),
        required_one_of=required_one_of(resource),
    )
    return validate(spec, given, validator)


def validate(
    spec: Mapping[str, Any], given: Mapping[str, Any], validator: ArgumentSpecValidator | None = None
) -> Mapping[str, Any]:
    """Return parameters with their defaults, converted to their types.

    Raises:
        FabricError: With the errors in them.
    """
    errors = find_type_errors(spec, given)
    if errors:
        raise InvalidEntries(errors)
    validated = (validator or ArgumentSpecValidator(spec)).validate(dict(given))
    if validated.error_messages:
        raise FabricError("; ".join(validated.error_messages))
    parameters: Mapping[str, Any] = validated.validated_parameters
    return parameters
