# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The names that programs in a namespace resolve without a name server, /etc/netns/NAME/hosts (hosts(5)). Pure.

The file is mounted over the host's /etc/hosts. What this collection has to say is in a block between two marks, one for
each owner. The block has the lines of the host's file too, unless the rest of the file has `localhost`, which shows
that it stands alone.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core import validation
from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.host_names import LOCALHOST, is_host_name
from ansible_collections.netns.fabric.plugins.module_utils._resources.netns_file_plan import FilePlan
from ansible_collections.netns.fabric.plugins.module_utils._system import operations as op

HOST_FILE = "/etc/hosts"
#: The lines around a block; the owner's name follows.
BEGIN, END = "# BEGIN netns.fabric:", "# END netns.fabric:"
#: The lines that the diff shows of each block.
_SHOWN = 20


def path(namespace: str) -> str:
    """Return the path of a namespace's file."""
    return f"/etc/netns/{namespace}/hosts"


def parse(checks: Checks, given: Mapping[str, Any] | None) -> tuple[str, ...] | None:
    """Return the lines for names with their addresses; None where nothing is given."""
    if given is None:
        return None
    lines = []
    for name, addresses in given.items():
        option = f"hosts.{name}"
        if not is_host_name(str(name)):
            checks.error(
                option, "it is not a host name (letters, digits, `-`, `_` and dots), or is localhost; correct it"
            )
        values = addresses if isinstance(addresses, (list, tuple)) else [addresses]
        lines += [f"{address} {name}" for address in checks.each(option, validation.ip_address, values)]
    return tuple(lines)


def plan(namespace: str, wanted: Sequence[str] | None, files: Mapping[str, str | None], owner: str | None) -> FilePlan:
    """Plan the file of a namespace that is to be present."""
    current = files.get(path(namespace))
    if wanted is None:
        return FilePlan(is_managed=BEGIN in (current or ""))
    if not wanted:
        return plan_absent(namespace, files, owner)
    blocks = _Blocks(current or "")
    block = [*wanted]
    if not any(LOCALHOST in line.split() for line in blocks.lines(without=owner or "")):
        block = [*(files.get(HOST_FILE) or "").splitlines(), *wanted]
    return _change(namespace, current, blocks.with_block(owner or "", block), owner or "")


def plan_absent(namespace: str, files: Mapping[str, str | None], owner: str | None) -> FilePlan:
    """Plan the removal of the owner's block, or of all of them without an owner; nothing else is in the file then."""
    current = files.get(path(namespace))
    blocks = _Blocks(current or "")
    leaving = set(blocks.blocks).intersection(blocks.blocks if owner is None else [owner])
    if not leaving:
        return FilePlan(is_managed=bool(blocks.blocks))
    return _change(namespace, current, blocks.without(leaving), min(leaving))


def _change(namespace: str, current: str | None, lines: Sequence[str], owner: str) -> FilePlan:
    text = "".join(f"{line}\n" for line in lines)
    is_there = bool(text.strip())
    if text == current:
        return FilePlan(is_managed=BEGIN in text)
    where = path(namespace)
    return FilePlan(
        before={"hosts": _extract(current, owner)},
        after={"hosts": _extract(text, owner) if is_there else None},
        operations=(op.WriteFile(where, text) if is_there else op.RemoveFile(where),),
        is_managed=BEGIN in text,
    )


def _extract(text: str | None, owner: str) -> list[str] | None:
    """Return what the diff shows: of many namespaces each has the names of all the others."""
    if text is None:
        return None
    lines = _Blocks(text).blocks.get(owner, ())
    return [*lines[:_SHOWN], *([f"... and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else [])]


class _Blocks:
    """The lines of a file: the blocks by owner, and what is around them."""

    def __init__(self, text: str) -> None:
        self.blocks: dict[str, list[str]] = {}
        self._rest: list[str] = []
        inside: str | None = None
        for line in text.splitlines():
            if line.startswith(BEGIN):
                self._release(inside)
                inside = line[len(BEGIN) :]
                self.blocks[inside] = []
            elif inside is not None and line == END + inside:
                inside = None
            elif inside is not None:
                self.blocks[inside].append(line)
            else:
                self._rest.append(line)
        self._release(inside)

    def _release(self, owner: str | None) -> None:
        """Count the lines of a block that has no end to the rest: nobody knows whose they are."""
        if owner is not None:
            self._rest += [BEGIN + owner, *self.blocks.pop(owner)]

    def lines(self, without: str) -> list[str]:
        """Return all lines but those of one owner's block."""
        return [*self._rest, *(line for owner, block in self.blocks.items() if owner != without for line in block)]

    def with_block(self, owner: str, block: Sequence[str]) -> list[str]:
        """Return the lines of the file with this block of the owner."""
        return self._render({**self.blocks, owner: block})

    def without(self, owners: Container[str]) -> list[str]:
        """Return the lines of the file without the blocks of these owners."""
        return self._render({owner: block for owner, block in self.blocks.items() if owner not in owners})

    def _render(self, blocks: Mapping[str, Sequence[str]]) -> list[str]:
        marked = [[BEGIN + owner, *block, END + owner] for owner, block in blocks.items()]
        return [*self._rest, *(line for block in marked for line in block)]
