# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
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

#: The first line of a file that is ours; the owner's name follows, if there is one.
HEADER = "# netns.fabric:"
#: What is in a file of somebody else's is kept beside ours, and comes back when ours goes.
ORIGINAL_SUFFIX = ".before-netns.fabric"


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
    return f"/etc/netns/{namespace}/resolv.conf"


def original(namespace: str) -> str:
    return path(namespace) + ORIGINAL_SUFFIX


def wanted(checks: Checks, nameservers: Sequence[str] | None, search: Sequence[str] | None) -> Wanted:
    addresses = None
    if nameservers is not None:
        checked = [checks.value("nameservers", validation.ip_address, text) for text in nameservers]
        addresses = tuple(str(address) for address in checked if address is not None)
    for domain in search or ():
        if not domain or any(char.isspace() for char in domain):
            checks.error("search", f"{domain!r} is no domain name")
    return Wanted(addresses, None if search is None else tuple(search))


def plan(namespace: str, asked: Wanted, files: Mapping[str, str | None], owner: str | None) -> FilesPlan:
    if asked == Wanted():
        return FilesPlan()
    current = files.get(path(namespace))
    ours = current is not None and current.startswith(HEADER)
    text = _text(asked, current or "", owner)
    if text is None:
        return plan_absent(namespace, files, owner) if ours else FilesPlan()
    if text == current:
        return FilesPlan()
    keep: tuple[Operation, ...] = ()
    if current is not None and not ours:
        keep = (op.RenameFile(path(namespace), original(namespace)),)
    return FilesPlan(
        before={"resolv.conf": _shown(current)},
        after={"resolv.conf": _shown(text)},
        operations=(*keep, op.WriteFile(path(namespace), text)),
    )


def plan_absent(namespace: str, files: Mapping[str, str | None], owner: str | None) -> FilesPlan:
    """Our file goes, and what was there before it comes back."""
    current = files.get(path(namespace))
    if current is None or not current.startswith(HEADER):
        return FilesPlan()
    if owner is not None and current.splitlines()[0] != HEADER + owner:
        return FilesPlan()
    kept = files.get(original(namespace))
    step: Operation = op.RemoveFile(path(namespace))
    if kept is not None:
        step = op.RenameFile(original(namespace), path(namespace))
    return FilesPlan(before={"resolv.conf": _shown(current)}, after={"resolv.conf": _shown(kept)}, operations=(step,))


def _text(asked: Wanted, current: str, owner: str | None) -> str | None:
    """The file that is wanted: lines that are not ours to decide stay. None: there would be nothing in it."""
    lines = [line for line in current.splitlines() if line.strip() and not line.startswith(HEADER)]
    if asked.nameservers is not None:
        lines = [line for line in lines if line.split()[0] != "nameserver"]
        lines.extend(f"nameserver {address}" for address in asked.nameservers)
    if asked.search is not None:
        lines = [line for line in lines if line.split()[0] not in ("search", "domain")]
        lines.extend([f"search {' '.join(asked.search)}"] if asked.search else [])
    if not lines:
        return None
    return "\n".join([_header(current, owner), *lines]) + "\n"


def _header(current: str, owner: str | None) -> str:
    """The first line; who does not say whose the file is leaves it whosever it was."""
    if owner is None and current.startswith(HEADER):
        return current.splitlines()[0]
    return HEADER + (owner or "")


def _shown(text: str | None) -> list[str] | None:
    return None if text is None else text.splitlines()
