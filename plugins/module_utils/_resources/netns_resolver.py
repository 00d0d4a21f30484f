# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The resolver's file of a namespace, /etc/netns/NAME/resolv.conf (ip-netns(8), resolv.conf(5)). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core import validation
from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Operation
from ansible_collections.netns.fabric.plugins.module_utils._system import operations as op

#: The first line of a file that this collection has written; the owner's name follows, if there is one.
HEADER = "# netns.fabric:"
#: Files of somebody else are kept here, and restored when this collection's file is deleted. Not in the namespace's own
#: directory: `ip netns exec` mounts each file that is there, and complains of one that /etc does not have.
ORIGINALS = "/etc/netns/.resolv.conf.before-netns.fabric"


@dataclass(frozen=True)
class Wanted:
    """None: untouched."""

    nameservers: tuple[str, ...] | None = None
    search: tuple[str, ...] | None = None


@dataclass(frozen=True)
class FilesPlan:
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)
    operations: tuple[Operation, ...] = ()


def path(namespace: str) -> str:
    """Return the path of a namespace's file."""
    return f"/etc/netns/{namespace}/resolv.conf"


def original(namespace: str) -> str:
    """Return the path that a file of somebody else is kept under."""
    return f"{ORIGINALS}/{namespace}"


#: What a killed run has left of a file that it was writing.
LEFTOVER = op.temporary_path(path("NAME"))


def parse(checks: Checks, nameservers: Sequence[str] | None, search: Sequence[str] | None) -> Wanted:
    """Return what an entry asks for."""
    addresses = None
    if nameservers is not None:
        checked = [checks.value("nameservers", validation.ip_address, text) for text in nameservers]
        addresses = tuple(str(address) for address in checked if address is not None)
    for domain in search or ():
        if not domain or any(char.isspace() for char in domain):
            checks.error("search", f"{domain!r} is not a domain name; correct it")
    return Wanted(addresses, None if search is None else tuple(search))


def plan(namespace: str, wanted: Wanted, files: Mapping[str, str | None], owner: str | None) -> FilesPlan:
    """Plan the file of a namespace that is to be present."""
    if wanted == Wanted():
        return FilesPlan()
    current = files.get(path(namespace))
    is_managed = current is not None and current.startswith(HEADER)
    text = _render(wanted, current or "", owner)
    if text is None:
        return plan_absent(namespace, files, owner) if is_managed else FilesPlan()
    if text == current:
        return FilesPlan()
    keep: tuple[Operation, ...] = ()
    if current is not None and not is_managed:
        keep = (op.RenameFile(path(namespace), original(namespace)),)
    return FilesPlan(
        before={"resolv.conf": _lines_of(current)},
        after={"resolv.conf": _lines_of(text)},
        operations=(*keep, op.WriteFile(path(namespace), text)),
    )


def plan_absent(namespace: str, files: Mapping[str, str | None], owner: str | None) -> FilesPlan:
    """Plan the removal of the file that this collection has written; the file that was there before is restored."""
    current = files.get(path(namespace))
    if current is None or not current.startswith(HEADER):
        return FilesPlan()
    if owner is not None and current.splitlines()[0] != HEADER + owner:
        return FilesPlan()
    kept = files.get(original(namespace))
    step: Operation = op.RemoveFile(path(namespace))
    if kept is not None:
        step = op.RenameFile(original(namespace), path(namespace), tidy=True)
    return FilesPlan(
        before={"resolv.conf": _lines_of(current)}, after={"resolv.conf": _lines_of(kept)}, operations=(step,)
    )


def _render(wanted: Wanted, current: str, owner: str | None) -> str | None:
    """Return the file's new text, which keeps the lines of other options; None where nothing would be in it."""
    lines = [line for line in current.splitlines() if line.strip() and not line.startswith(HEADER)]
    if wanted.nameservers is not None:
        lines = [line for line in lines if line.split()[0] != "nameserver"]
        lines.extend(f"nameserver {address}" for address in wanted.nameservers)
    if wanted.search is not None:
        lines = [line for line in lines if line.split()[0] not in ("search", "domain")]
        lines.extend([f"search {' '.join(wanted.search)}"] if wanted.search else [])
    if not lines:
        return None
    return "\n".join([_header(current, owner), *lines]) + "\n"


def _header(current: str, owner: str | None) -> str:
    """Return the first line; without an owner in the call the file keeps its owner."""
    if owner is None and current.startswith(HEADER):
        return current.splitlines()[0]
    return HEADER + (owner or "")


def _lines_of(text: str | None) -> list[str] | None:
    return None if text is None else text.splitlines()
