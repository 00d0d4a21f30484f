# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Named network namespaces: what is wanted of them, and how to get there. Pure, but for read()."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core import validation
from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Change, Entry, Operation, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call, Resource
from ansible_collections.netns.fabric.plugins.module_utils._kernel import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._kernel.access import KERNEL
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import (
    KernelState,
    Link,
    NamespaceState,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources import netns_resolver
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_settings import alias_with, alias_without
from ansible_collections.netns.fabric.plugins.module_utils._system.files import FILES

#: Links that the kernel makes by itself in every namespace once their modules are loaded
#: (ip-sysctl, fb_tunnels_only_for_init_net). They cannot be deleted and are nobody's.
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
    """What was read: the namespaces, and of those named their files, parameters and processes."""

    kernel: KernelState
    files: Mapping[str, str | None] = field(default_factory=dict)
    sysctls: Mapping[tuple[str, str], str | None] = field(default_factory=dict)
    processes: Mapping[str, Sequence[tuple[int, str]]] = field(default_factory=dict)


class NamespaceResource(Resource[Namespace, Actual]):
    list_option = "namespaces"
    identity = "name"
    backends = (KERNEL, FILES)
    preflight = True
    entry_options: Mapping[str, Mapping[str, Any]] = {
        "name": {"type": "str"},
        "nameservers": {"type": "list", "elements": "str"},
        "search": {"type": "list", "elements": "str"},
        "sysctls": {"type": "dict"},
        "force": {"type": "bool", "default": False},
    }

    def desired(self, entry: Entry, options: Mapping[str, Any]) -> Namespace:
        checks = Checks(entry)
        name = checks.value("name", validation.namespace_name, options["name"])
        resolver = netns_resolver.wanted(checks, options.get("nameservers"), options.get("search"))
        sysctls = _sysctls(checks, options.get("sysctls") or {})
        checks.done()
        return Namespace(entry, options["state"] == "present", name, resolver, sysctls, bool(options["force"]))

    def key(self, desired: Namespace) -> object:
        return desired.name

    def read(self, host: Host, call: Call[Namespace]) -> Actual:
        names = {namespace.name for namespace in call.entries}
        backend = host.use(KERNEL)
        kernel = backend.read(sorted(backend.namespace_names() if call.prune else names), addresses=True)
        declared = {namespace.name for namespace in call.entries if namespace.present}
        leaving = [name for name in kernel.namespaces if name and name not in declared]
        if call.prune:
            leaving = [name for name in leaving if name in names or call.owner in _owners(kernel.namespace(name))]
        of_interest = sorted(names.union(leaving))
        return Actual(
            kernel=kernel,
            files={
                path: host.use(FILES).read(path)
                for name in of_interest
                for path in (netns_resolver.path(name), netns_resolver.original(name))
            },
            # A namespace that is not there yet will have no parameter that the host has not.
            sysctls={
                (namespace.name, key): backend.sysctl(namespace.name if namespace.name in kernel else None, key)
                for namespace in call.entries
                if namespace.present
                for key in namespace.sysctls
            },
            processes=backend.processes(leaving),
        )

    def plan(self, actual: Actual, call: Call[Namespace]) -> Plan:
        changes: list[Change] = []
        warnings: list[str] = []
        for namespace in call.entries:
            if namespace.present:
                changes.extend(_present(actual, namespace, call.owner))
            else:
                changes.extend(_absent(actual, namespace, call.owner, warnings))
        if call.prune:
            listed = {namespace.name for namespace in call.entries}
            for name, state in actual.kernel.namespaces.items():
                if name and name not in listed and call.owner in _owners(state):
                    pruned = Namespace(Entry(name), False, name, netns_resolver.Wanted(), {}, False)
                    changes.extend(_absent(actual, pruned, call.owner, warnings))
        return Plan(tuple(changes), warnings=tuple(warnings))


def _sysctls(checks: Checks, given: Mapping[str, Any]) -> dict[str, str]:
    """The kernel parameters that are to be set, in the order in which they are; null leaves one alone."""
    wanted: dict[str, str] = {}
    for key, value in sorted(given.items(), key=lambda item: _rank(item[0])):
        if value is None:
            continue
        if isinstance(value, (dict, list)):
            checks.error(f"sysctls.{key}", "a value is a number or a text; several numbers go into one text: '1 2 3'")
        if not key.startswith("net."):
            checks.error(
                f"sysctls.{key}", "only parameters below net. belong to a namespace; the others are the whole host's"
            )
        elif ".." in key or "//" in key or key.endswith((".", "/")) or any(char.isspace() for char in key):
            checks.error(f"sysctls.{key}", "this is no name of a kernel parameter, such as net.ipv4.ip_forward")
        wanted[key] = str(int(value)) if isinstance(value, bool) else " ".join(str(value).split())
    return wanted


def _rank(key: str) -> int:
    """Those first that set others along with themselves (ip-sysctl: ip_forward, then conf/all)."""
    return 0 if key.endswith("ip_forward") else 1 if re.search(r"[./]all[./]", key) else 2


def _version(key: str) -> str:
    """The part of the network stack that a parameter belongs to: `net.ipv4`, `net.ipv6`, `net.core`, ..."""
    return ".".join(key.split(".")[:2])


def _check_parameters(actual: Actual, wanted: Namespace) -> None:
    for key in wanted.sysctls:
        if actual.sysctls.get((wanted.name, key)) is None:
            raise InvalidEntry(
                wanted.entry,
                f"sysctls.{key}",
                f"the kernel of this host has no such parameter in {wanted.name} that can be read: "
                "check the name (`sysctl -a`)",
            )


def _same_value(current: str | None, wanted: str) -> bool:
    """Whether the kernel would print what is wanted as what it has: it takes 0x10 and 007, and prints 16 and 7."""
    return current is not None and list(map(_number, current.split())) == list(map(_number, wanted.split()))


def _number(text: str) -> object:
    with suppress(ValueError):
        return int(text, 8 if re.fullmatch(r"-?0[0-7]+", text) else 0)
    return text


def _present(actual: Actual, wanted: Namespace, owner: str | None) -> list[Change]:
    _check_parameters(actual, wanted)
    state = actual.kernel.namespaces.get(wanted.name)
    if state is None:
        return [_create(actual, wanted, owner)]
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    operations: list[Operation] = []
    loopback = _loopback(state)
    if _is_bare(state) or (owner is not None and owner in loopback.owners):
        alias = alias_with(loopback, owner)
        if alias != loopback.alias:
            before["alias"], after["alias"] = loopback.alias, alias
            operations.append(op.SetAlias(wanted.name, "lo", alias))
        if not loopback.up:
            before["loopback"], after["loopback"] = "down", "up"
            operations.append(op.SetUp(wanted.name, "lo"))
    leading: list[str] = []
    for key, value in wanted.sysctls.items():
        current = actual.sysctls.get((wanted.name, key))
        if not _same_value(current, value):
            before[f"sysctls.{key}"], after[f"sysctls.{key}"] = current, value
            leading.append(key)
        elif not any(_rank(other) < _rank(key) and _version(other) == _version(key) for other in leading):
            continue
        # What is right already is set again after one that may set it along with itself.
        operations.append(op.SetSysctl(wanted.name, key, value))
    files = netns_resolver.plan(wanted.name, wanted.resolver, actual.files, owner)
    before.update(files.before)
    after.update(files.after)
    operations.extend(files.operations)
    return [Change(wanted.entry, _target(wanted.name), before, after, tuple(operations))] if operations else []


def _create(actual: Actual, wanted: Namespace, owner: str | None) -> Change:
    name = wanted.name
    after: dict[str, Any] = {"loopback": "up", **{f"sysctls.{key}": value for key, value in wanted.sysctls.items()}}
    operations: list[Operation] = [op.RemoveStaleFile(name)] if name in actual.kernel.stale else []
    operations.append(op.CreateNamespace(name))
    alias = alias_with(Link(index=1, name="lo"), owner)
    if alias:
        after["alias"] = alias
        operations.append(op.SetAlias(name, "lo", alias))
    operations.append(op.SetUp(name, "lo"))
    operations.extend(op.SetSysctl(name, key, value) for key, value in wanted.sysctls.items())
    files = netns_resolver.plan(name, wanted.resolver, actual.files, owner)
    before = {"stale file": f"{validation.NAMESPACE_DIRECTORY}/{name}"} if name in actual.kernel.stale else None
    return Change(wanted.entry, _target(name), before, {**after, **files.after}, (*operations, *files.operations))


def _absent(actual: Actual, wanted: Namespace, owner: str | None, warnings: list[str]) -> list[Change]:
    name = wanted.name
    files = netns_resolver.plan_absent(name, actual.files, owner)
    state = actual.kernel.namespaces.get(name)
    if state is None:
        operations: list[Operation] = [op.RemoveStaleFile(name)] if name in actual.kernel.stale else []
        operations.extend(files.operations)
        before = {"stale file": f"{validation.NAMESPACE_DIRECTORY}/{name}"} if name in actual.kernel.stale else {}
        target = _target(name)
        return [Change(wanted.entry, target, {**before, **files.before}, None, tuple(operations))] if operations else []
    loopback = _loopback(state)
    if owner is not None and owner not in loopback.owners and not (_is_bare(state) and not loopback.alias):
        warnings.append(f"{wanted.entry}: the namespace does not bear the mark of {owner}: left alone")
        return []
    remaining = alias_without(loopback, owner)
    if owner is not None and remaining:
        warnings.append(f"{wanted.entry}: the namespace has other owners ({remaining}): it stays, for them")
        change = op.SetAlias(name, "lo", remaining)
        return [Change(wanted.entry, _target(name), {"alias": loopback.alias}, {"alias": remaining}, (change,))]
    return [_remove(actual, wanted, state, files, owner)]


def _remove(
    actual: Actual, wanted: Namespace, state: NamespaceState, files: netns_resolver.FilesPlan, owner: str | None
) -> Change:
    processes = actual.processes.get(wanted.name, ())
    if processes and not wanted.force:
        raise InvalidEntry(
            wanted.entry,
            "force",
            "there are processes in the namespace, which would go on without a name to find it by: end them, or set "
            "`force: true`, which takes the links away from them.\n"
            + "\n".join(f"  pid {pid}: {command}" for pid, command in processes),
        )
    others = [link for link in state.links if not link.loopback and link.name not in FALLBACK_LINKS]
    physical = tuple(link.name for link in others if not link.kind)
    # Without a process to keep it alive the kernel destroys the links with the namespace, hundreds at once.
    links = tuple(link.name for link in _one_of_each_pair(state) if link.kind) if processes else ()
    # The owner's own links are told of by the task that removes them: before this one, or not yet in check mode.
    before = {"links": sorted(link.name for link in others if owner not in link.owners), **files.before}
    removal = op.RemoveNamespace(wanted.name, links=links, physical=physical)
    return Change(wanted.entry, _target(wanted.name), before, None, (removal, *files.operations))


def _one_of_each_pair(state: NamespaceState) -> list[Link]:
    """The links that are somebody's, without those that go when their far end in the same namespace goes."""
    others = [link for link in state.links if not link.loopback and link.name not in FALLBACK_LINKS]
    return [
        link
        for link in others
        if not (link.peer and link.peer.namespace == state.name and link.peer.known and link.peer.index < link.index)
    ]


def _target(name: str) -> str:
    return f"namespace {name}"


def _loopback(state: NamespaceState) -> Link:
    return state.link("lo") or Link(index=1, name="lo", loopback=True)


def _owners(state: NamespaceState) -> tuple[str, ...]:
    return _loopback(state).owners


def _is_bare(state: NamespaceState) -> bool:
    """Nobody has put anything into it: such a one may as well be what a killed run has left, and is taken over."""
    links = [link for link in state.links if not link.loopback and link.name not in FALLBACK_LINKS]
    return not links and not any(not address.made_by_kernel for address in state.addresses)
