# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The resolver's file of a namespace, /etc/netns/NAME/resolv.conf (ip-netns(8), resolv.conf(5)). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.netns.fabric.plugins.module_utils._core import validation
from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Operation
from ansible_collections.netns.fabric.plugins.module_utils._resources.netns_file_plan import (
    HEADER,
    FilePlan,
    belongs_to_another,
    header,
    is_managed,
    lines_of,
)
from ansible_collections.netns.fabric.plugins.module_utils._system import operations as op

#: Files of somebody else are kept here, and restored when this collection's file is deleted. Not in the namespace's own
#: directory: `ip netns exec` mounts each file that is there, and complains of one that /etc does not have.
ORIGINALS = "/etc/netns/.resolv.conf.before-netns.fabric"


@dataclass(frozen=True)
class Wanted:
    """None: untouched."""

    nameservers: tuple[str, ...] | None = None
    search: tuple[str, ...] | None = None


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


def plan(namespace: str, wanted: Wanted, files: Mapping[str, str | None], owner: str | None) -> FilePlan:
    """Plan the file of a namespace that is to be present."""
    current = files.get(path(namespace))
    if wanted == Wanted():
        return FilePlan(is_managed=is_managed(current))
    text = _render(wanted, current or "", owner)
    if text is None:
        return plan_absent(namespace, files, owner) if is_managed(current) else FilePlan()
    if text == current:
        return FilePlan(is_managed=True)
    keep: tuple[Operation, ...] = ()
    if current is not None and not is_managed(current):
        keep = (op.RenameFile(path(namespace), original(namespace)),)
    return FilePlan(
        before={"resolv.conf": lines_of(current)},
        after={"resolv.conf": lines_of(text)},
        operations=(*keep, op.WriteFile(path(namespace), text)),
        is_managed=True,
    )


def plan_absent(namespace: str, files: Mapping[str, str | None], owner: str | None) -> FilePlan:
    """Plan the removal of the file that this collection has written; the file that was there before is restored."""
    current = files.get(path(namespace))
    if current is None or not is_managed(current) or belongs_to_another(current, owner):
        return FilePlan()
    kept = files.get(original(namespace))
    step: Operation = op.RemoveFile(path(namespace))
    if kept is not None:
        step = op.RenameFile(original(namespace), path(namespace), tidy=True)
    return FilePlan(
        before={"resolv.conf": lines_of(current)}, after={"resolv.conf": lines_of(kept)}, operations=(step,)
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
    return "\n".join([header(current, owner), *lines]) + "\n"
