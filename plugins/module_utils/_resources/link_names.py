# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names that a new or a moved link cannot have: those, and the alternative names, of other links. Pure."""

from __future__ import annotations

from ansible_collections.netns.fabric.plugins.module_utils._core import validation
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry
from ansible_collections.netns.fabric.plugins.module_utils._kernel import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import KernelState, Link, NamespaceName


def describe_taken_name(namespace: NamespaceName, name: str, link: Link) -> str:
    """Return the error of a name that another link has, as its name or as an alternative name."""
    where = namespace or "the host"
    if name == link.name:
        return f"{where} has another link {name}; rename or remove that one first"
    removal = op.RemoveAltname(namespace, link.name, name).commands()[0]
    return (
        f"{name} is an alternative name of {link.name} in {where}, and the kernel gives it to no other link; choose "
        f"another name, or remove that one (`{removal}`)"
    )


def refuse_long_name(entry: Entry, option: str, name: str) -> None:
    """Refuse the name of a missing link that none can have: only an alternative name can be longer.

    Raises:
        InvalidEntry: No task can create a link with this name.
    """
    try:
        validation.interface_name(name)
    except ValueError as error:
        raise InvalidEntry(entry, option, f"{error}; no link has it as an alternative name") from None


def refuse_other_name(state: KernelState, entry: Entry, option: str, namespace: NamespaceName, name: str) -> None:
    """Refuse the alternative name of a link where another program knows links by their names only.

    Raises:
        InvalidEntry: It is one.
    """
    link = state.named(namespace, name)
    if link is not None and link.name != name:
        raise InvalidEntry(entry, option, f"{name} is an alternative name of {link.name}; write {link.name}")


def refuse_altname(state: KernelState, entry: Entry, option: str, namespace: NamespaceName, name: str) -> None:
    """Refuse the name of a link that is created where it is an alternative name of another link.

    Raises:
        InvalidEntry: It is.
    """
    link = state.named(namespace, name)
    if link is not None and link.name != name:
        raise InvalidEntry(entry, option, describe_taken_name(namespace, name, link))
