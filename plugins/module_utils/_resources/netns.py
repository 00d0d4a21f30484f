# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Named network namespaces: what is wanted of them, and how to get there. Pure, but for read()."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from ipaddress import ip_interface
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core import sysctl_names, validation
from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError, InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Change, Entry, Operation, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.planner import Planner
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import OWNER_OPTIONS, Call, Resource
from ansible_collections.netns.fabric.plugins.module_utils._kernel import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._kernel import sysctl
from ansible_collections.netns.fabric.plugins.module_utils._kernel.access import KERNEL
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import (
    KernelState,
    Link,
    NamespaceState,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources import netns_files, netns_hosts, netns_resolver
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_origin import HostNames, plan_return, returns
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_settings import (
    alias_with,
    alias_without,
    place,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_sysctls import Queries
from ansible_collections.netns.fabric.plugins.module_utils._resources.netns_host_sysctls import (
    HOST_ENTRY,
    RECORDS,
    Record,
    parse_host_sysctls,
    parse_records,
    plan_host_sysctls,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.netns_sysctls import find_changes, parse_sysctls
from ansible_collections.netns.fabric.plugins.module_utils._resources.required_namespaces import describe_alias
from ansible_collections.netns.fabric.plugins.module_utils._resources.things import ALink, ANamespace, ensure_link
from ansible_collections.netns.fabric.plugins.module_utils._system.files import FILES
from ansible_collections.netns.fabric.plugins.module_utils._system.operations import RemoveFile, WriteFile

#: Links that the kernel creates in every namespace once their modules are loaded
#: (ip-sysctl, fb_tunnels_only_for_init_net). They cannot be deleted and have no owner.
FALLBACK_LINKS = frozenset(
    {
        "erspan0",
        "gre0",
        "gretap0",
        "ip6_vti0",
        "ip6gre0",
        "ip6tnl0",
        "ip_vti0",
        "sit0",
        "tunl0",
    }
)

#: The addresses that the kernel gives the loopback when it is set up.
LOOPBACK = (ip_interface("127.0.0.1/8"), ip_interface("::1/128"))


@dataclass(frozen=True)
class Namespace:
    """One namespace as it is wanted; None: untouched."""

    entry: Entry
    present: bool
    name: str
    resolver: netns_resolver.Wanted
    sysctls: Mapping[str, str]
    force: bool


@dataclass(frozen=True)
class Actual:
    """What was read: the namespaces, the files and processes of those that are listed, and what was set on the host."""

    kernel: KernelState
    files: Mapping[str, str | None] = field(default_factory=dict)
    processes: Mapping[str, Sequence[tuple[int, str]]] = field(default_factory=dict)
    #: Names of the host's own namespace, and of those that have another name.
    further_names: frozenset[str] = frozenset()
    #: Whether a killed run has left a part of a file.
    has_leftover: bool = False
    records: Mapping[str, Record] = field(default_factory=dict)


class NamespaceResource(Resource[Namespace, Actual]):
    list_option = "namespaces"
    identity = "name"
    backends = (KERNEL, FILES)
    entry_options: Mapping[str, Mapping[str, Any]] = {
        "name": {"type": "str"},
        "nameservers": {"type": "list", "elements": "str"},
        "search": {"type": "list", "elements": "str"},
        "sysctls": {"type": "dict"},
        "force": {"type": "bool", "default": False},
    }
    call_options: Mapping[str, Mapping[str, Any]] = {
        "hosts": {"type": "dict"},
        "host_sysctls": {"type": "dict"},
        **OWNER_OPTIONS,
    }

    def parse_options(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        checks = Checks(Entry("the call"))
        hosts = netns_hosts.parse(checks, options.get("hosts"))
        host_sysctls = parse_host_sysctls(checks, options.get("host_sysctls"))
        checks.done()
        return {**options, "hosts": hosts, "host_sysctls": host_sysctls}

    def desired(self, entry: Entry, options: Mapping[str, Any]) -> Namespace:
        checks = Checks(entry)
        name = checks.value("name", validation.namespace_name, options["name"])
        resolver = netns_resolver.parse(checks, options.get("nameservers"), options.get("search"))
        sysctls = parse_sysctls(checks, "sysctls", options.get("sysctls") or {})
        checks.done()
        return Namespace(entry, options["state"] == "present", name, resolver, sysctls, bool(options["force"]))

    def key(self, desired: Namespace) -> object:
        return desired.name

    def ensures(self, desired: Namespace) -> Iterable[object]:
        if not desired.present:
            return []
        return [
            ANamespace(desired.name),
            *ensure_link(desired.name, "lo", enabled=True, addresses=LOOPBACK),
            *(ALink(desired.name, name) for name in FALLBACK_LINKS),
        ]

    def read(self, host: Host, call: Call[Namespace]) -> Actual:
        names = {namespace.name for namespace in call.entries}
        backend = host.use(KERNEL)
        declared = {namespace.name for namespace in call.entries if namespace.present}
        distinct = backend.namespace_names(preferred=declared)
        parameters: Queries = {
            (namespace.name, key): value
            for namespace in call.entries
            if namespace.present
            for key, value in namespace.sysctls.items()
        }
        of_host: Mapping[str, str | None] | None = call.options.get("host_sysctls")
        records = parse_records(host.use(FILES).read(RECORDS)) if of_host is not None else {}
        parameters.update({(None, key): value for key, value in {**dict.fromkeys(records), **(of_host or {})}.items()})
        further = backend.further_names(preferred=declared) - names
        # The host as well: links return to it from a namespace that is removed. Further names come last: they are the
        # aliases of the others.
        others = [*(sorted(distinct) if call.prune else ()), *sorted(further)]
        kernel = backend.read([None, *sorted(names)], addresses=True, others=others)
        leaving = [name for name in kernel.namespaces if name and name not in declared | further]
        if call.prune:
            leaving = [name for name in leaving if name in names or call.owner in _owners(kernel.namespace(name))]
        of_interest = sorted(names.union(leaving))
        return Actual(
            kernel=backend.with_sysctls(kernel, parameters) if parameters else kernel,
            files={
                path: host.use(FILES).read(path)
                for path in (
                    *netns_files.OF_THE_HOST,
                    *(path for name in of_interest for path in netns_files.paths(name)),
                )
            },
            records=records,
            has_leftover=host.use(FILES).read(netns_resolver.LEFTOVER) is not None,
            processes=backend.processes(leaving),
            further_names=frozenset(name for name in kernel.namespaces if name and name not in distinct),
        )

    def plan(self, actual: Actual, call: Call[Namespace]) -> Plan:
        return _NamespacePlanner(actual, call).run()


class _NamespacePlanner(Planner[Namespace]):
    """Plans the namespaces of one call."""

    def __init__(self, actual: Actual, call: Call[Namespace]) -> None:
        super().__init__(call)
        self._actual = actual
        self._host_names = HostNames(actual.kernel.namespace(None))
        self._of_host = plan_host_sysctls(actual.kernel, actual.records, call)
        #: The files that are written, by their text.
        self._written: dict[str, str] = {}

    # Present

    def present(self, wanted: Namespace) -> None:
        kernel = self._actual.kernel
        if wanted.name in kernel.aliases:
            raise InvalidEntry(wanted.entry, "name", describe_alias(wanted.name, kernel.aliases[wanted.name]))
        self._check_sysctls(wanted)
        state = self._actual.kernel.namespaces.get(wanted.name)
        change = self._create(wanted) if state is None else self._update(wanted, state)
        if change.operations:
            self.changes.append(change)

    def _check_sysctls(self, wanted: Namespace) -> None:
        checks = Checks(wanted.entry)
        deferred = self._deferred(wanted)
        for key, value in wanted.sysctls.items():
            reason = self._actual.kernel.refused_sysctls.get((key, value))
            if key in deferred:
                continue
            if reason:
                checks.error(f"sysctls.{key}", f"the kernel refuses the value {value!r} in a namespace: {reason}")
            elif self._current(wanted, key) is None:
                checks.error(
                    f"sysctls.{key}",
                    f"the kernel of this host has no such parameter in {wanted.name} that can be read; check the name "
                    "(`sysctl -a`)",
                )
        checks.done()

    def _current(self, wanted: Namespace, key: str) -> str | None:
        return self._actual.kernel.sysctl(wanted.name, key)

    def _deferred(self, wanted: Namespace) -> list[str]:
        """Return the parameters of links that do not exist: they are set once the links do."""
        found = {key: sysctl_names.split_key(key) for key in wanted.sysctls}
        state = self._actual.kernel.namespace(wanted.name)
        return [key for key, parts in found.items() if parts and parts[1] != "lo" and state.link(parts[1]) is None]

    def _set_now(self, wanted: Namespace) -> dict[str, str]:
        """Return the parameters to set, without those that have to wait for their link."""
        deferred = self._deferred(wanted)
        if deferred:
            self.warn(
                wanted.entry,
                f"there is no link for {', '.join(deferred)} yet; the next run sets it. To have it set with the link, "
                "use `sysctls` of netns.fabric.veth or netns.fabric.link",
            )
        return {key: value for key, value in wanted.sysctls.items() if key not in deferred}

    def _update(self, wanted: Namespace, state: NamespaceState) -> Change:
        before: dict[str, Any] = {}
        after: dict[str, Any] = {}
        operations: list[Operation] = []
        owner = self.call.owner
        loopback = _loopback(state)
        if _is_bare(state) or (owner is not None and owner in loopback.owners):
            alias = alias_with(loopback, owner)
            if alias != loopback.alias:
                before["alias"], after["alias"] = loopback.alias, alias
                operations.append(op.SetAlias(wanted.name, "lo", alias))
            if not loopback.up:
                before["loopback"], after["loopback"] = "down", "up"
                operations.append(op.SetUp(wanted.name, "lo"))
        for key, value, current in find_changes(self._set_now(wanted), partial(self._current, wanted)):
            if not sysctl.same_value(current, value):
                before[f"sysctls.{key}"], after[f"sysctls.{key}"] = current, value
            operations.append(op.SetSysctl(wanted.name, key, value))
        files = self._plan_files(wanted)
        before.update(files.before)
        after.update(files.after)
        return Change(wanted.entry, _target(wanted.name), before, after, (*operations, *files.operations))

    def _plan_files(self, wanted: Namespace) -> netns_files.FilesPlan:
        asked = netns_files.Wanted(wanted.resolver, self.call.options.get("hosts"))
        files = netns_files.plan(wanted.name, asked, self._actual.files, self.call.owner)
        return replace(files, operations=tuple(map(self._share_text, files.operations)))

    def _share_text(self, step: Operation) -> Operation:
        """Return a write whose commands copy the same text, of which the names of a thousand namespaces are a lot."""
        if not isinstance(step, WriteFile):
            return step
        first = self._written.setdefault(step.text, step.path)
        return step if first == step.path else replace(step, same_as=first)

    def _create(self, wanted: Namespace) -> Change:
        name, owner = wanted.name, self.call.owner
        sysctls = self._set_now(wanted)
        after: dict[str, Any] = {"loopback": "up", **{f"sysctls.{key}": value for key, value in sysctls.items()}}
        before, removal = self._stale_file(wanted.entry, name)
        operations: list[Operation] = [*removal, op.CreateNamespace(name)]
        alias = alias_with(Link(index=1, name="lo"), owner)
        if alias:
            after["alias"] = alias
            operations.append(op.SetAlias(name, "lo", alias))
        operations.append(op.SetUp(name, "lo"))
        operations.extend(op.SetSysctl(name, key, value) for key, value in sysctls.items())
        files = self._plan_files(wanted)
        after.update(files.after)
        return Change(wanted.entry, _target(name), before or None, after, (*operations, *files.operations))

    def _stale_file(self, entry: Entry, name: str) -> tuple[dict[str, str], list[Operation]]:
        """Return a file in the place of the namespace, for the diff, and its removal.

        Raises:
            InvalidEntry: It is a directory, which somebody may have a use for.
        """
        if name not in self._actual.kernel.stale:
            return {}, []
        path = f"{validation.NAMESPACE_DIRECTORY}/{name}"
        if name in self._actual.kernel.directories:
            raise InvalidEntry(
                entry, "name", f"{path} is a directory; remove it (`rmdir {path}`), or choose another name"
            )
        return {"stale file": path}, [op.RemoveStaleFile(name)]

    # Absent

    def absent(self, wanted: Namespace) -> None:
        name, owner = wanted.name, self.call.owner
        files = netns_files.plan_absent(name, self._actual.files, owner)
        state = self._actual.kernel.namespaces.get(name)
        if state is None:
            before, removal = self._stale_file(wanted.entry, name)
            operations = (*removal, *files.operations)
            if operations:
                self.changes.append(Change(wanted.entry, _target(name), {**before, **files.before}, None, operations))
            return
        if name in self._actual.further_names:
            self.warn(wanted.entry, f"{name} is another name of a namespace that stays; left alone")
            return
        loopback = _loopback(state)
        # An empty namespace without an owner may be what a killed run has left.
        adoptable = _is_bare(state) and not loopback.alias
        owners = (owner,) if owner is not None and adoptable else loopback.owners
        if owner is not None and owner not in owners and files.operations:
            # The namespace stays: somebody else has created it. The owner's files in it go.
            self.changes.append(
                Change(wanted.entry, _target(name), files.before, files.after or None, files.operations)
            )
        self.release(
            wanted.entry,
            "the namespace",
            owners,
            delete=lambda: self._delete(wanted, state, files),
            disown=lambda: self._disown(wanted, loopback, files),
        )

    def prune(self) -> None:
        """Release the owner's namespaces that the call does not list."""
        listed = {namespace.name for namespace in self.call.entries}
        for name, state in self._actual.kernel.namespaces.items():
            if name in self._actual.further_names or name in listed:
                continue
            if name and self.call.owner in _loopback(state).owners:
                unlisted = Namespace(Entry(name), False, name, netns_resolver.Wanted(), {}, False)
                self.attempt(self.absent, unlisted)

    def check(self) -> Iterable[FabricError]:
        return self._of_host.errors

    def finish(self) -> None:
        """Set the parameters of the host, and remove what a killed run has left.

        A call that writes the same file replaces that anyway.
        """
        if self._of_host.operations:
            before, after = self._of_host.before, self._of_host.after
            self.changes.append(Change(HOST_ENTRY, "sysctls of the host", before, after, self._of_host.operations))
        if self._actual.has_leftover:
            path = netns_resolver.LEFTOVER
            before = {"content": "left by a killed run"}
            removal = RemoveFile(path, tidy=False)
            self.changes.append(Change(Entry(path), f"file {path}", before, None, (removal,)))

    def _disown(self, wanted: Namespace, loopback: Link, files: netns_files.FilesPlan) -> None:
        alias = alias_without(loopback, self.call.owner)
        operations = (op.SetAlias(wanted.name, "lo", alias), *files.operations)
        before, after = {"alias": loopback.alias, **files.before}, {"alias": alias, **files.after}
        self.changes.append(Change(wanted.entry, _target(wanted.name), before, after, operations))

    def _delete(self, wanted: Namespace, state: NamespaceState, files: netns_files.FilesPlan) -> None:
        processes = self._actual.processes.get(wanted.name, ())
        if processes and not wanted.force:
            raise InvalidEntry(
                wanted.entry,
                "force",
                "the namespace is in use by these processes; stop them, or set `force: true` to delete it and its "
                "links anyway\n" + "\n".join(f"  pid {pid}: {command}" for pid, command in processes),
            )
        for link in state.links:
            if returns(link):
                self._return(wanted, link)
        others = [link for link in _own_links(state) if not returns(link)]
        # Without a process to keep it alive the kernel destroys the links with the namespace, hundreds at once.
        deleted = tuple(link.name for link in _one_of_each_pair(state) if not returns(link)) if processes else ()
        # The task that removes the owner's own links reports them: before this one, or not yet in check mode.
        unreported = sorted(link.name for link in others if self.call.owner not in link.owners)
        operations: list[Operation] = [op.RemoveNamespace(wanted.name, links=deleted), *files.operations]
        before = {"links": unreported, **files.before}
        if wanted.name in self._actual.kernel.aliases.values() and _owners(state):
            # It stays under the other name, which nobody owns.
            operations.insert(0, op.SetAlias(wanted.name, "lo", ""))
        self.changes.append(Change(wanted.entry, _target(wanted.name), before, None, tuple(operations)))

    def _return(self, wanted: Namespace, link: Link) -> None:
        plan = plan_return(wanted.name, link, self._host_names)
        for warning in plan.warnings:
            self.warn(wanted.entry, warning)
        target = f"link {place(wanted.name, link.name)}"
        self.changes.append(Change(wanted.entry, target, plan.before, plan.after, tuple(plan.operations)))


def _own_links(state: NamespaceState) -> list[Link]:
    """Return the links that somebody has put into a namespace."""
    return [link for link in state.links if not link.loopback and link.name not in FALLBACK_LINKS]


def _one_of_each_pair(state: NamespaceState) -> list[Link]:
    """Return these links, of a veth pair with both ends in the namespace only one end."""
    return [
        link
        for link in _own_links(state)
        if not (link.peer and link.peer.namespace == state.name and link.peer.known and link.peer.index < link.index)
    ]


def _target(name: str) -> str:
    return f"namespace {name}"


def _loopback(state: NamespaceState) -> Link:
    return state.link("lo") or Link(index=1, name="lo", loopback=True)


def _owners(state: NamespaceState) -> tuple[str, ...]:
    return _loopback(state).owners


def _is_bare(state: NamespaceState) -> bool:
    """Whether a namespace is empty: it may be what a killed run has left, and is adopted."""
    return not _own_links(state) and not any(not address.made_by_kernel for address in state.addresses)
