# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stored topologies: what is on the host, and how to get to what is wanted. Pure, but for read_actual()."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError, InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Change, Entry, Operation, Phase
from ansible_collections.netns.fabric.plugins.module_utils._core.planner import Planner
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call
from ansible_collections.netns.fabric.plugins.module_utils._entry import boot_document as documents
from ansible_collections.netns.fabric.plugins.module_utils._entry import boot_units as units
from ansible_collections.netns.fabric.plugins.module_utils._entry.boot_differences import differences
from ansible_collections.netns.fabric.plugins.module_utils._entry.boot_document import Document
from ansible_collections.netns.fabric.plugins.module_utils._system.files import FILES
from ansible_collections.netns.fabric.plugins.module_utils._system.operations import (
    InstallFile,
    LinkFile,
    UninstallFile,
)
from ansible_collections.netns.fabric.plugins.module_utils._system.systemd import SYSTEMD, is_booted
from ansible_collections.netns.fabric.plugins.module_utils._system.systemd_operations import (
    BeforeReload,
    ReloadUnits,
    ResetUnit,
    StartUnit,
    StopUnit,
)

BACKENDS = (FILES, SYSTEMD)

#: How an archive of this collection ends: the comment of the ZIP file.
ARCHIVE_MARK = b"netns.fabric"

#: The states of a unit that runs, or is about to.
RUNNING = frozenset({"active", "activating", "reloading"})


@dataclass(frozen=True)
class Topology:
    """A stored topology as it is wanted; `document` is None where it is to be absent.

    `partial`: only the steps of the modules that the document's steps call are replaced.
    """

    entry: Entry
    name: str
    document: Document | None
    partial: bool = False

    @property
    def present(self) -> bool:
        return self.document is not None


@dataclass(frozen=True)
class Actual:
    """What was read. Files are given by their paths; None: there is none."""

    is_booted: bool
    files: Mapping[str, bytes | None]
    links: Mapping[str, str | None]
    states: Mapping[str, str]
    #: The stored topologies by name.
    stored: Mapping[str, bytes] = field(default_factory=dict)
    #: The archive as it is to be, and why it would not run on this host.
    archive: bytes = b""
    obstacle: str = ""


def read_actual(host: Host, entries: Iterable[Topology]) -> Actual:
    """Return what is on the host, of these topologies and of all that are stored."""
    files = host.use(FILES)
    stored: dict[str, bytes] = {}
    for name in files.names(documents.DIRECTORY):
        content = files.read_data(f"{documents.DIRECTORY}/{name}") if name.endswith(documents.SUFFIX) else None
        if content is not None:
            stored[name[: -len(documents.SUFFIX)]] = content
    wanted = {entry.name: entry.present for entry in entries}
    every = sorted({*wanted, *stored})
    timers = {name: files.read_data(units.timer_path(name)) for name in every}
    links = {path: files.read_link(path) for name in every for path in units.links(name, heal=True)}
    # A call that has nothing to remove need not ask systemd.
    asked = [
        unit
        for name in every
        if wanted.get(name) or name in stored or timers[name] or any(links[path] for path in units.links(name, True))
        for unit in units.all_units(name)
    ]
    shared = (units.COMMAND, *units.TEMPLATES)
    booted = is_booted()
    return Actual(
        is_booted=booted,
        files={
            **{path: files.read_data(path) for path in shared},
            **{units.timer_path(name): content for name, content in timers.items()},
        },
        links=links,
        states=host.use(SYSTEMD).states(asked) if asked and booted else {},
        stored=stored,
    )


class _Pending(NamedTuple):
    """A change to which operations can still be added, see Change."""

    entry: Entry
    target: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    operations: list[Operation]


class BootPlanner(Planner[Topology]):
    """Plans the stored topologies of one call."""

    def __init__(self, actual: Actual, call: Call[Topology]) -> None:
        super().__init__(call)
        self._actual = actual
        #: The topologies that are stored in the end.
        self._remaining = set(actual.stored)
        self._pending: list[_Pending] = []

    # Present

    def present(self, wanted: Topology) -> None:
        if not self._actual.is_booted:
            raise InvalidEntry(
                wanted.entry,
                "",
                "this host does not run systemd (/run/systemd/system does not exist), which applies the topology at "
                "boot; leave the topology unstored (`topology_boot: false` of the role)",
            )
        old = self._load(wanted)
        document = self._complete(wanted, old)
        if document is None:
            return
        self._remaining.add(wanted.name)
        before, after = differences(old, document)
        operations: list[Operation] = []
        path, content = documents.path_of(wanted.name), document.dump()
        if self._actual.stored.get(wanted.name) != content:
            operations.append(InstallFile(path, content, 0o600))
        operations += self._enable(wanted.name, document, before, after)
        operations += self._start(wanted.name, document, before, after)
        if operations:
            existed = wanted.name in self._actual.stored
            self._pending.append(
                _Pending(wanted.entry, f"boot {wanted.name}", before if existed else None, after, operations)
            )

    def _load(self, wanted: Topology) -> Document | None:
        """Return what is stored; None where that is nothing, or damaged."""
        content = self._actual.stored.get(wanted.name)
        if content is None:
            return None
        try:
            old = documents.load(wanted.name, content)
        except documents.NewerDocument as error:
            raise InvalidEntry(wanted.entry, "", str(error)) from None
        except documents.UnreadableDocument:
            return None
        self.refuse_others(wanted.entry, "name", f"the stored topology {wanted.name}", [old.owner] if old.owner else [])
        return old

    def _complete(self, wanted: Topology, old: Document | None) -> Document | None:
        if not wanted.partial or wanted.document is None:
            return wanted.document
        if old is None:
            self.warn(wanted.entry, "a part of a topology is not stored; run all of it once, without tags")
            return None
        return replace(wanted.document, steps=documents.replace_steps(old.steps, wanted.document.steps))

    def _enable(self, name: str, document: Document, before: dict[str, Any], after: dict[str, Any]) -> list[Operation]:
        """Return the operations on the timer's file, and on the links that enable the units."""
        operations: list[Operation] = []
        timer = units.timer_text(name, document.heal).encode() if document.heal else None
        path = units.timer_path(name)
        if timer is not None and self._actual.files[path] != timer:
            operations.append(InstallFile(path, timer, 0o644))
            before["timer"], after["timer"] = self._actual.files[path] is not None, f"every {document.heal} s"
        wanted = units.links(name, bool(document.heal))
        for link, target in wanted.items():
            if self._actual.links[link] != target:
                operations.append(LinkFile(link, target))
                before[link], after[link] = self._actual.links[link], target
        if timer is None:
            operations += self._remove_timer(name, before, after)
        return operations

    def _remove_timer(self, name: str, before: dict[str, Any], after: dict[str, Any]) -> list[Operation]:
        """Return the operations that remove a topology's timer."""
        operations: list[Operation] = []
        unit, path = units.timer_unit(name), units.timer_path(name)
        if self._actual.states.get(unit) in RUNNING:
            operations.append(StopUnit(unit))
        own = set(units.links(name, heal=True)) - set(units.links(name, heal=False))
        operations.extend(UninstallFile(link) for link in own if self._actual.links[link] is not None)
        if self._actual.files[path] is not None:
            operations.append(UninstallFile(path, tidy=False))
        if operations:
            before["timer"], after["timer"] = True, False
        return operations

    def _start(self, name: str, document: Document, before: dict[str, Any], after: dict[str, Any]) -> list[Operation]:
        """Return the operations that start the units, for those that do not run."""
        operations: list[Operation] = []
        wanted = [units.timer_unit(name)] if document.heal else []
        for unit in (*wanted, units.apply_unit(name)):
            state = self._actual.states[unit]
            if state not in RUNNING:
                # The unit waits for the end of this call, which has the lock; a timer has nothing to wait for.
                operations.append(StartUnit(unit, wait=unit.endswith(".timer")))
                before[unit], after[unit] = state, "active"
        return operations

    # Absent

    def absent(self, wanted: Topology) -> None:
        name = wanted.name
        content = self._actual.stored.get(name)
        if content is None:
            # A killed run may have left the rest.
            self._remove(wanted.entry, name)
            return
        try:
            owner = documents.load(name, content).owner
        except documents.UnreadableDocument:
            owner = self.call.owner
        self.release(
            wanted.entry,
            f"the stored topology {name}",
            [owner] if owner else [],
            lambda: self._remove(wanted.entry, name),
            lambda: None,
        )

    def prune(self) -> None:
        listed = {wanted.name for wanted in self.call.entries}
        for name, content in sorted(self._actual.stored.items()):
            if name in listed:
                continue
            try:
                owner = documents.load(name, content).owner
            except documents.UnreadableDocument:
                continue
            if owner == self.call.owner:
                self._remove(Entry(name), name)

    def _remove(self, entry: Entry, name: str) -> None:
        before: dict[str, Any] = {}
        operations = self._remove_timer(name, before, {})
        operations += self._stop_services(name)
        for link in units.links(name, heal=False):
            if self._actual.links[link] is not None:
                operations.append(UninstallFile(link))
        if name in self._actual.stored:
            operations.append(UninstallFile(documents.path_of(name)))
        if operations:
            self._pending.append(_Pending(entry, f"boot {name}", {"stored": True, **before}, None, operations))
        self._remaining.discard(name)

    def _stop_services(self, name: str) -> list[Operation]:
        """Return the operations that stop a topology's services: a repair would find nothing stored, and fail.

        Until the timer is stopped it may start one, also after this was planned: the call may wait for a confirmation,
        and the repair for the end of the call.
        """
        states, files = self._actual.states, self._actual.files
        timed = files[units.timer_path(name)] is not None and files[f"{units.UNITS}/{units.HEAL}"] is not None
        coming = {units.heal_unit(name)} if timed and self._actual.is_booted else set()
        services = (unit for unit in units.all_units(name) if not unit.endswith(".timer"))
        operations: list[Operation] = [
            StopUnit(unit, restart=states.get(unit) in RUNNING)
            for unit in services
            if unit in coming or states.get(unit) in RUNNING
        ]
        # What is stopped while it runs has failed for systemd, and would be listed as such without its file.
        failed = (unit for unit in units.all_units(name) if states.get(unit) in ("failed", "activating"))
        return operations + [ResetUnit(unit) for unit in dict.fromkeys([*failed, *coming])]

    # What all topologies share

    def finish(self) -> None:
        """Plan the archive and the units that all topologies share, and have systemd read what has changed."""
        stored = (wanted for wanted in self.call.entries if wanted.present and wanted.name in self._remaining)
        first = next((wanted.entry for wanted in stored), None)
        if first is not None:
            self._install(first)
        elif not self._remaining and self.call.entries:
            self._uninstall(self.call.entries[0].entry)
        self._reload()
        self.changes.extend(
            Change(each.entry, each.target, each.before, each.after, tuple(each.operations)) for each in self._pending
        )

    def _shared(self) -> dict[str, tuple[bytes, int]]:
        """Return the content and the mode of each shared file."""
        return {
            units.COMMAND: (self._actual.archive, 0o755),
            **{path: (text.encode(), 0o644) for path, text in units.TEMPLATES.items()},
        }

    def _install(self, entry: Entry) -> None:
        pending: list[_Pending] = []
        for path, (content, mode) in self._shared().items():
            actual = self._actual.files[path]
            if actual == content:
                continue
            if actual is not None and not _is_of_collection(path, actual):
                raise InvalidEntry(entry, "", f"{path} exists and is not of netns.fabric; rename or remove it")
            before = None if actual is None else _summary(path, actual)
            install = InstallFile(path, content, mode)
            pending.append(_Pending(entry, f"file {path}", before, _summary(path, content), [install]))
        if self._actual.obstacle:
            raise InvalidEntry(entry, "", self._actual.obstacle)
        if self._actual.files[units.COMMAND] != self._actual.archive:
            self._check_others(entry)
        self._pending[:0] = pending  # the code before what it is to carry out

    def _check_others(self, entry: Entry) -> None:
        """Check that the new archive can carry out what other calls have stored.

        Raises:
            InvalidEntry: It cannot.
        """
        listed = {wanted.name for wanted in self.call.entries}
        for name in sorted(self._remaining - listed):
            try:
                document = documents.load(name, self._actual.stored[name])
                documents.parse_steps([*document.steps, *document.delete_steps])
            except FabricError as error:
                raise InvalidEntry(
                    entry,
                    "",
                    f"this version of the collection cannot carry out the topology {name}, which is stored on this "
                    f"host as well: {error}",
                ) from None

    def _uninstall(self, entry: Entry) -> None:
        for path in self._shared():
            actual = self._actual.files[path]
            if actual is not None and _is_of_collection(path, actual):
                removal = UninstallFile(path, tidy=False)
                self._pending.append(_Pending(entry, f"file {path}", _summary(path, actual), None, [removal]))

    def _reload(self) -> None:
        """Have systemd read its units again, once, where files of units are written or removed."""
        files = [each for pending in self._pending for each in pending.operations if _is_of_unit(each)]
        if not files or not self._actual.is_booted:
            return
        self._pending[0].operations.insert(0, BeforeReload())
        phases = {Phase.REMOVE if isinstance(each, UninstallFile) else Phase.ACTIVATE for each in files}
        self._pending[-1].operations.extend(ReloadUnits(phase) for phase in sorted(phases))


def _is_of_unit(operation: Operation) -> bool:
    is_of_file = isinstance(operation, (InstallFile, LinkFile, UninstallFile))
    return is_of_file and str(getattr(operation, "path", "")).startswith(f"{units.UNITS}/")


def _is_of_collection(path: str, content: bytes) -> bool:
    if path == units.COMMAND:
        return content.endswith(ARCHIVE_MARK)
    return content.startswith(units.MARK.encode())


def _summary(path: str, content: bytes) -> Mapping[str, Any]:
    """Return a shared file as a diff shows it."""
    if path == units.COMMAND:
        return {"sha256": hashlib.sha256(content).hexdigest()}
    return {"content": content.decode(errors="replace")}
