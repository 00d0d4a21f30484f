# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every export of declarations needs: which namespaces, which entries a module accepts, what is skipped. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import STATE, Resource
from ansible_collections.netns.fabric.plugins.module_utils._core.secrets import is_secret
from ansible_collections.netns.fabric.plugins.module_utils._facts.view import FilteredFacts
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import NamespaceName, NamespaceState

Declaration = dict[str, Any]


class Exporter:
    """One export. It checks each entry as the entry's module does, and collects what cannot be declared."""

    def __init__(self, facts: FilteredFacts) -> None:
        self.facts = facts
        self.host = facts.host
        self.owner = facts.filters.owner
        #: What was found and cannot be declared, each with the reason.
        self.undeclared: list[str] = []
        #: The name of each namespace that has one, by inode: a namespace with two names is declared once.
        self._names: dict[int, NamespaceName] = {self.host.identities[None].inode: None}
        for name in sorted(self.host.kernel.namespaces, key=str):
            if name is not None and not name.startswith("/") and name in self.host.identities:
                self._names.setdefault(self.host.identities[name].inode, name)
        self._declared = frozenset(self._names.values())
        #: The namespaces that are declared, the host's own among them unless the filters ask for certain ones.
        self.namespaces: list[NamespaceName] = [] if facts.filters.namespaces is not None else [None]
        self.namespaces.extend(name for name in facts.names if self.is_named(name))

    def is_named(self, namespace: str) -> bool:
        """Return whether a namespace is declared under this name: False for a path and for a second name."""
        return namespace in self._declared

    def name_of(self, namespace: NamespaceName) -> NamespaceName:
        """Return the name under which a namespace is declared.

        Raises:
            KeyError: The namespace has no name.
        """
        return self._names[self.host.identities[namespace].inode]

    def state(self, namespace: NamespaceName) -> NamespaceState:
        """Return what was read of a namespace from the kernel."""
        return self.host.kernel.namespace(namespace)

    def skip(self, what: str, reason: str) -> None:
        """Note something that cannot be declared."""
        self.undeclared.append(f"{what}: {reason}")

    def accept(self, key: str, resource: Resource[Any, Any], entries: Iterator[Declaration]) -> list[Declaration]:
        """Return the entries that the module accepts, each object once; skip the others."""
        seen: set[object] = set()
        accepted: list[Declaration] = []
        for entry in entries:
            name = str(entry[resource.identity])
            try:
                identity = resource.key(desired_of(resource, name, entry))
            except FabricError as error:
                self.skip(key, str(error))
                continue
            if identity in seen:
                self.skip(f"{key}: {name}", "the module considers it the same as another entry")
                continue
            seen.add(identity)
            accepted.append(self._without_secrets(f"{key}: {name}", entry))
        return accepted

    def _without_secrets(self, what: str, entry: Declaration) -> Declaration:
        """Leave out what Ansible would replace by a text that a module then would set."""
        found: Declaration = {}
        for option, value in entry.items():
            if isinstance(value, dict):
                for secret in filter(is_secret, value):
                    self.skip(f"{what}: {option}.{secret}", "it is a secret")
                value = {name: item for name, item in value.items() if not is_secret(name)}  # noqa: PLW2901  # its copy
            found[option] = value
        return found


def desired_of(resource: Resource[Any, Any], name: str, entry: Mapping[str, Any]) -> Any:
    """Return what an entry asks for, read as its module reads it.

    Raises:
        FabricError: The module does not accept the entry.
    """
    return resource.desired(Entry(name), _with_defaults({**resource.entry_options, "state": STATE}, entry))


def _with_defaults(options: Mapping[str, Mapping[str, Any]], entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry with all options, as Ansible passes it to a module."""
    filled = {name: entry.get(name, option.get("default")) for name, option in options.items()}
    for name, option in options.items():
        if isinstance(filled[name], dict) and "options" in option:
            filled[name] = _with_defaults(option["options"], filled[name])
        elif isinstance(filled[name], list) and "options" in option:
            filled[name] = [_with_defaults(option["options"], each) for each in filled[name]]
    return filled


def drop_unset(**options: Any) -> Declaration:
    """Return the options without those that have no value."""
    return {option: value for option, value in options.items() if value is not None}
