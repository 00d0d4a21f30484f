# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The variables of this collection's roles, from their argument specs, which are their documentation as well."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

import yaml

from ansible_collections.netns.fabric.plugins.plugin_utils._topology.errors import suggest

ROLES = Path(__file__).parents[3] / "roles"


@cache
def role_variables(role: str) -> Sequence[str]:
    """Return the names of a role's variables.

    Raises:
        ValueError: The collection has no such role.
    """
    roles = sorted(path.name for path in ROLES.iterdir())
    if role not in roles:
        raise ValueError(f"{role!r} is not a role of netns.fabric; {suggest(role, roles)}")
    text = (ROLES / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8")
    return tuple(yaml.safe_load(text)["argument_specs"]["main"]["options"])


def find_unknown(names: Iterable[str], role: str) -> list[str]:
    """Return an error for each variable with the prefix of a role that the role does not have.

    A variable with two underscores is one of the role's own: it is not set from outside.

    Raises:
        ValueError: The collection has no such role.
    """
    prefix = f"{role}_"
    known = [name.removeprefix(prefix) for name in role_variables(role)]
    unknown = [
        name.removeprefix(prefix)
        for name in sorted(set(map(str, names)))
        if name.startswith(prefix) and not name.startswith(f"{prefix}_")
    ]
    return [
        f"{prefix}{name}: the role netns.fabric.{role} has no such variable; {suggest(name, known, prefix)} (variables "
        f"of your own must not begin with {prefix})"
        for name in unknown
        if name not in known
    ]
