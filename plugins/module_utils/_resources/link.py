# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Links that something else has made: what is wanted of them, and how to get there. Pure, but for read()."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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
    Interface as InterfaceAddress,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import (
    KernelState,
    Link,
    NamespaceName,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_settings import (
    LINK_OPTIONS,
    Found,
    Settings,
    alias_without,
    counted,
    listed,
    moved,
    place,
    plan_addresses,
    plan_settings,
    settings,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.required_namespaces import (
    ASSUMED,
    MissingNamespaces,
)


@dataclass(frozen=True)
class WantedLink:
    """One link as it is wanted."""

    entry: Entry
    present: bool
    namespace: NamespaceName
    name: str
    settings: Settings


class LinkResource(Resource[WantedLink, KernelState]):
    list_option = "links"
    identity = "name"
    backends = (KERNEL,)
    entry_options: Mapping[str, Mapping[str, Any]] = LINK_OPTIONS

    def desired(self, entry: Entry, options: Mapping[str, Any]) -> WantedLink:
        checks = Checks(entry)
        name = checks.value("name", validation.interface_name, options["name"])
        namespace = checks.value("namespace", validation.namespace_name, options.get("namespace"))
        wanted = settings(checks, options)
        checks.done()
        return WantedLink(entry, options["state"] == "present", namespace, name, wanted)

    def key(self, desired: WantedLink) -> object:
        return desired.namespace, desired.name

    def read(self, host: Host, call: Call[WantedLink]) -> KernelState:
        everywhere = [None, *sorted(host.use(KERNEL).namespace_names())]
        names = [None, *(wanted.namespace for wanted in call.entries)]
        state = host.use(KERNEL).read(everywhere if call.prune else names, addresses=True)
        lost = any(
            wanted.present and _find(state, wanted, call.owner) is None
            for wanted in call.entries
            if wanted.namespace is None or wanted.namespace in state
        )
        return host.use(KERNEL).read(everywhere, addresses=True) if lost and not call.prune else state

    def plan(self, actual: KernelState, call: Call[WantedLink]) -> Plan:
        missing = MissingNamespaces(actual, call.check_mode)
        for wanted in call.entries:
            if wanted.present:
                missing.needs(wanted.entry, "namespace", wanted.namespace)
        missing.done()
        changes: list[Change] = []
        warnings = list(missing.warnings)
        _check_places(actual, call)
        for wanted in call.entries:
            if wanted.present:
                changes.extend(_present(actual, wanted, call, warnings))
            else:
                changes.extend(_absent(actual, wanted, call.owner, warnings))
        if call.prune:
            changes.extend(_prune(actual, call))
        return Plan(tuple(changes), warnings=tuple(warnings))


def _check_places(actual: KernelState, call: Call[WantedLink]) -> None:
    """One link cannot be in two places."""
    taken: dict[tuple[NamespaceName, str], WantedLink] = {}
    for wanted in call.entries:
        where = _find(actual, wanted, call.owner) if wanted.present else None
        if where is None:
            continue
        other = taken.setdefault((where[0], where[1].name), wanted)
        if other is not wanted:
            raise InvalidEntry(
                wanted.entry,
                "namespace",
                f"{other.entry} wants the same link, {place(where[0], where[1].name)}: leave one of them out",
            )


def _mark(link: Link, owner: str | None) -> str | None:
    """The owner whose mark the link is to bear.

    None on a loopback, where it is the mark of the whole namespace, and on the end of a veth, where it is that of the
    pair: whoever sets an address there does not own the namespace or the pair.
    """
    return None if link.loopback or link.kind == "veth" else owner


def _find(state: KernelState, wanted: WantedLink, owner: str | None) -> tuple[NamespaceName, Link] | None:
    """The link where it is to be; else on the host, from where it is to move; else where its owner's mark is on it."""
    for namespace in (wanted.namespace, None):
        link = state.link(namespace, wanted.name)
        if link is not None and (namespace == wanted.namespace or _may_move(link)):
            return namespace, link
    for namespace, link in state.links():
        if link.name == wanted.name and owner is not None and owner in link.owners and _may_move(link):
            return namespace, link
    return None


def _may_move(link: Link) -> bool:
    """An end of a veth is that pair's to place, the loopback stays where it is."""
    return link.kind != "veth" and not link.loopback


def _present(actual: KernelState, wanted: WantedLink, call: Call[WantedLink], warnings: list[str]) -> list[Change]:
    _check_no_veth(actual, wanted)
    where = _find(actual, wanted, call.owner)
    steps: tuple[Operation, ...] = ()
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    if where is None:
        found = _assumed(wanted, call, warnings)
    else:
        found = Found(where[1], actual.namespace(where[0]).addresses_of(where[1]))
        if where[0] != wanted.namespace:
            before["namespace"], after["namespace"] = where[0] or "host", wanted.namespace or "host"
            found, steps = moved(found, where[0], wanted.namespace, wanted.name)
    plan = plan_settings(wanted.namespace, found, wanted.settings, _mark(found.link, call.owner))
    before.update(plan.before)
    after.update(plan.after)
    operations = (*steps, *plan.operations)
    return [Change(wanted.entry, _target(wanted), before, after, operations)] if operations else []


def _check_no_veth(actual: KernelState, wanted: WantedLink) -> None:
    """An end of a veth that is still on the host is not ours to move."""
    link = actual.link(None, wanted.name)
    if wanted.namespace and link and link.kind == "veth" and not actual.link(wanted.namespace, wanted.name):
        raise InvalidEntry(
            wanted.entry,
            "namespace",
            f"{wanted.name} is an end of a veth pair on the host: netns.fabric.veth puts it into {wanted.namespace}",
        )


def _assumed(wanted: WantedLink, call: Call[WantedLink], warnings: list[str]) -> Found:
    """A link that is not there is a mistake; in check mode, one that an earlier task would have made."""
    if not call.check_mode:
        elsewhere = f" in the namespace {wanted.namespace}, nor" if wanted.namespace else ""
        raise InvalidEntry(
            wanted.entry,
            "name",
            f"there is no link {wanted.name}{elsewhere} on the host: check the name (`ip link`), or make it first",
        )
    warnings.append(f"{ASSUMED}: link {place(wanted.namespace, wanted.name)}")
    return Found(Link(index=0, name=wanted.name))


def _absent(actual: KernelState, wanted: WantedLink, owner: str | None, warnings: list[str]) -> list[Change]:
    link = actual.link(wanted.namespace, wanted.name)
    if link is None:
        return []
    owner = _mark(link, owner)
    others = [name for name in link.owners if name != owner]
    if owner is not None and others:
        warnings.append(f"{wanted.entry}: {', '.join(others)} uses it as well: it keeps its addresses")
        return _unmarked(wanted, link, owner)
    return _given_back(actual, wanted, link, owner, wanted.settings.addresses or ())


def _unmarked(wanted: WantedLink, link: Link, owner: str) -> list[Change]:
    alias = alias_without(link, owner)
    if alias == link.alias:
        return []
    step = op.SetAlias(wanted.namespace, link.name, alias)
    return [Change(wanted.entry, _target(wanted), {"alias": link.alias}, {"alias": alias}, (step,))]


def _given_back(
    actual: KernelState,
    wanted: WantedLink,
    link: Link,
    owner: str | None,
    addresses: tuple[InterfaceAddress, ...],
) -> list[Change]:
    """Without what was declared of it: the addresses, the mark, and its place in a namespace."""
    namespace = wanted.namespace
    present = actual.namespace(namespace).addresses_of(link)
    keep = tuple(address.interface for address in present if address.interface not in addresses)
    steps = plan_addresses(namespace, link.name, present, keep)
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    operations: list[Operation] = []
    if namespace is not None and _may_move(link):
        before["namespace"], after["namespace"] = namespace, "host"
        operations.append(op.MoveLink(namespace, link.name, None, link.name))
        namespace = None
    elif steps:
        before["addresses"] = listed(counted(present, ()))
        after["addresses"] = listed(address for address in counted(present, ()) if address.interface in keep)
        operations.extend(steps)
    alias = alias_without(link, owner)
    if alias != link.alias:
        before["alias"], after["alias"] = link.alias, alias
        operations.append(op.SetAlias(namespace, link.name, alias))
    return [Change(wanted.entry, _target(wanted), before, after, tuple(operations))] if operations else []


def _prune(actual: KernelState, call: Call[WantedLink]) -> list[Change]:
    """Links that bear the owner's mark and are not listed are given back; their addresses were the list's."""
    listed_here = {(wanted.namespace, wanted.name) for wanted in call.entries}
    names = {wanted.name for wanted in call.entries if wanted.present}
    changes: list[Change] = []
    for namespace, link in actual.links():
        marked = call.owner in link.owners and link.kind != "veth" and not link.loopback
        if not marked or (namespace, link.name) in listed_here or link.name in names:
            continue
        stray = WantedLink(Entry(place(namespace, link.name)), False, namespace, link.name, Settings())
        if len(link.owners) > 1:
            changes.extend(_unmarked(stray, link, call.owner or ""))
            continue
        present = counted(actual.namespace(namespace).addresses_of(link), ())
        addresses = tuple(address.interface for address in present)
        changes.extend(_given_back(actual, stray, link, call.owner, addresses))
    return changes


def _target(wanted: WantedLink) -> str:
    return f"link {place(wanted.namespace, wanted.name)}"
