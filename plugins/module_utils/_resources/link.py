# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Links that exist already: what is wanted of them, and how to get there. Pure, but for read()."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core import validation
from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError, InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Change, Entry, Operation, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.planner import Planner
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call, Resource
from ansible_collections.netns.fabric.plugins.module_utils._kernel import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._kernel.access import KERNEL
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import (
    Interface,
    KernelState,
    Link,
    NamespaceName,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_settings import (
    LINK_OPTIONS,
    Found,
    Settings,
    alias_without,
    assume_with_sysctls,
    check_sysctls,
    find_with_sysctls,
    format_addresses,
    managed_addresses,
    parse_settings,
    place,
    plan_addresses,
    plan_move,
    plan_settings,
    sysctl_queries,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_sysctls import Queries
from ansible_collections.netns.fabric.plugins.module_utils._resources.planned_addresses import LINK_ADDRESSES
from ansible_collections.netns.fabric.plugins.module_utils._resources.required_namespaces import require_namespace
from ansible_collections.netns.fabric.plugins.module_utils._resources.subnets import (
    WantedSubnet,
    find_taken,
    read_routes,
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
        wanted = parse_settings(checks, options)
        checks.done()
        return WantedLink(entry, options["state"] == "present", namespace, name, wanted)

    def key(self, desired: WantedLink) -> object:
        return desired.namespace, desired.name

    def read(self, host: Host, call: Call[WantedLink]) -> KernelState:
        kernel = host.use(KERNEL)
        names = [None, *(wanted.namespace for wanted in call.entries)]
        others = sorted(kernel.namespace_names(preferred=names))
        state = kernel.read(names, addresses=True, others=others if call.prune else ())
        lost = any(
            wanted.present and _find(state, wanted, call.owner) is None
            for wanted in call.entries
            if wanted.namespace is None or wanted.namespace in state
        )
        unknown = any(
            wanted.settings.mac and link and link.peer and not link.peer.known
            for wanted in call.entries
            for link in [state.link(wanted.namespace, wanted.name)]
        )
        if (lost or unknown) and not call.prune:
            state = kernel.read(names, addresses=True, others=others)
        queries: Queries = {}
        for wanted in (wanted for wanted in call.entries if wanted.present):
            queries.update(sysctl_queries(state, wanted.namespace, wanted.name, wanted.settings))
        state = kernel.with_sysctls(state, queries) if queries else state
        return read_routes(host, state) if any(_wanted_subnets(call.entries)) else state

    def plan(self, actual: KernelState, call: Call[WantedLink]) -> Plan:
        return _LinkPlanner(actual, call).run()


def _wanted_subnets(entries: Iterable[WantedLink]) -> Iterator[WantedSubnet]:
    for wanted in entries:
        if wanted.present and wanted.namespace is None:
            for address in wanted.settings.addresses or ():
                yield WantedSubnet(wanted.entry, "addresses", wanted.name, address)


def _find(state: KernelState, wanted: WantedLink, owner: str | None) -> tuple[NamespaceName, Link] | None:
    """Return the link where it is to be; else on the host, from where it moves; else where its owner owns it."""
    for namespace in (wanted.namespace, None):
        link = state.link(namespace, wanted.name)
        if link is not None and (namespace == wanted.namespace or _may_move(link)):
            return namespace, link
    for namespace, link in state.links():
        if link.name == wanted.name and owner is not None and owner in link.owners and _may_move(link):
            return namespace, link
    return None


def _may_move(link: Link) -> bool:
    """Whether this resource moves a link: the end of a veth pair is netns.fabric.veth's to move, a loopback stays."""
    return link.kind != "veth" and not link.loopback


def _owner_of(link: Link, owner: str | None) -> str | None:
    """Return the owner that the link is to have.

    None on a loopback, whose alias holds the owners of the whole namespace, and on the end of a veth pair, whose alias
    holds those of the pair: who sets an address there does not own the namespace or the pair.
    """
    return None if link.loopback or link.kind == "veth" else owner


class _LinkPlanner(Planner[WantedLink]):
    """Plans the links of one call."""

    def __init__(self, actual: KernelState, call: Call[WantedLink]) -> None:
        super().__init__(call)
        self._actual = actual

    def check(self) -> Iterator[FabricError]:
        """No link is wanted in two places, and no subnet is the host's elsewhere."""
        taken: dict[tuple[NamespaceName, str], WantedLink] = {}
        for wanted in self.call.entries:
            where = _find(self._actual, wanted, self.call.owner) if wanted.present else None
            if where is None:
                continue
            other = taken.setdefault((where[0], where[1].name), wanted)
            if other is not wanted:
                yield InvalidEntry(
                    wanted.entry,
                    "namespace",
                    f"{other.entry} wants the same link, {place(where[0], where[1].name)}; leave one of them out",
                )
        changing = {wanted.name for wanted in self.call.entries}
        yield from find_taken(self._actual, _wanted_subnets(self.call.entries), self.call.owner, changing)

    def simulated(self) -> Mapping[str, Any]:
        return {
            LINK_ADDRESSES: {
                (wanted.namespace, wanted.name): wanted.settings.addresses
                for wanted in self.call.entries
                if wanted.present and wanted.settings.addresses is not None
            }
        }

    # Present

    def present(self, wanted: WantedLink) -> None:
        require_namespace(self, self._actual, wanted.entry, "namespace", wanted.namespace)
        self._check_not_veth(wanted)
        where = _find(self._actual, wanted, self.call.owner)
        steps: tuple[Operation, ...] = ()
        before: dict[str, Any] = {}
        after: dict[str, Any] = {}
        if where is None:
            found = self._assume(wanted)
        elif where[0] == wanted.namespace:
            found = find_with_sysctls(self._actual, where[0], where[1], wanted.settings)
        else:
            found = Found(where[1], self._actual.namespace(where[0]).addresses_of(where[1]))
            before["namespace"], after["namespace"] = where[0] or "host", wanted.namespace or "host"
            found, steps = plan_move(found, where[0], wanted.namespace, wanted.name)
        self._check_settings(wanted, where)
        plan = plan_settings(wanted.namespace, found, wanted.settings, _owner_of(found.link, self.call.owner))
        self._change(wanted, {**before, **plan.before}, {**after, **plan.after}, (*steps, *plan.operations))

    def _check_settings(self, wanted: WantedLink, where: tuple[NamespaceName, Link] | None) -> None:
        """Check what the kernel would refuse.

        Raises:
            InvalidEntries: It would refuse something.
        """
        checks = Checks(wanted.entry)
        link = where[1] if where and where[0] == wanted.namespace else None
        check_sysctls(checks, self._actual, (wanted.namespace, wanted.name), link, wanted.settings)
        far = self._actual.far_end(link) if link else None
        if far is not None and wanted.settings.mac is not None and wanted.settings.mac == self._mac_of(*far):
            other = place(far[0], far[1].name)
            checks.error(
                "mac", f"{wanted.settings.mac} is the MAC address of {other}, its veth peer; use a different one"
            )
        checks.done()

    def _mac_of(self, namespace: NamespaceName, link: Link) -> str:
        """Return the MAC address that a link has at the end of the call."""
        entries = (each for each in self.call.entries if (each.namespace, each.name) == (namespace, link.name))
        return next((each.settings.mac for each in entries if each.settings.mac), link.mac)

    def _check_not_veth(self, wanted: WantedLink) -> None:
        """Refuse to move the end of a veth pair from the host."""
        link = self._actual.link(None, wanted.name)
        if wanted.namespace and link and link.kind == "veth" and not self._actual.link(wanted.namespace, wanted.name):
            raise InvalidEntry(
                wanted.entry,
                "namespace",
                f"{wanted.name} is an end of a veth pair on the host; move it into {wanted.namespace} with "
                "netns.fabric.veth",
            )

    def _assume(self, wanted: WantedLink) -> Found:
        """Require a link that does not exist."""
        elsewhere = f" in the namespace {wanted.namespace}, nor" if wanted.namespace else ""
        self.require(
            wanted.entry,
            "name",
            f"there is no link {wanted.name}{elsewhere} on the host; check the name (`ip link`), or create it first",
            f"link {place(wanted.namespace, wanted.name)}",
        )
        return assume_with_sysctls(self._actual, wanted.namespace, wanted.name, wanted.settings)

    # Absent

    def absent(self, wanted: WantedLink) -> None:
        link = self._actual.link(wanted.namespace, wanted.name)
        if link is not None:
            self._give_back(wanted, link, wanted.settings.addresses or ())

    def prune(self) -> None:
        """Give back the owner's links that the call does not list; their addresses were the list's."""
        listed = {(wanted.namespace, wanted.name) for wanted in self.call.entries}
        names = {wanted.name for wanted in self.call.entries if wanted.present}
        for namespace, link in self._actual.links():
            owned = self.call.owner in link.owners and link.kind != "veth" and not link.loopback
            if not owned or (namespace, link.name) in listed or link.name in names:
                continue
            unlisted = WantedLink(Entry(place(namespace, link.name)), False, namespace, link.name, Settings())
            present = managed_addresses(self._actual.namespace(namespace).addresses_of(link), ())
            self._give_back(unlisted, link, [address.interface for address in present])

    def _give_back(self, wanted: WantedLink, link: Link, addresses: Sequence[Interface]) -> None:
        owner = _owner_of(link, self.call.owner)
        if owner is None:
            self._reset(wanted, link, None, addresses)
            return
        self.release(
            wanted.entry,
            place(wanted.namespace, link.name),
            link.owners or (owner,),  # what was declared of a link without an owner is removed all the same
            delete=lambda: self._reset(wanted, link, owner, addresses),
            disown=lambda: self._disown(wanted, link, owner),
        )

    def _disown(self, wanted: WantedLink, link: Link, owner: str) -> None:
        alias = alias_without(link, owner)
        step = op.SetAlias(wanted.namespace, link.name, alias)
        if alias != link.alias:
            self._change(wanted, {"alias": link.alias}, {"alias": alias}, (step,))

    def _reset(self, wanted: WantedLink, link: Link, owner: str | None, addresses: Sequence[Interface]) -> None:
        """Remove what was declared of a link: the addresses, the owner, and its place in a namespace."""
        namespace = wanted.namespace
        present = self._actual.namespace(namespace).addresses_of(link)
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
            managed = managed_addresses(present, ())
            before["addresses"] = format_addresses(managed)
            after["addresses"] = format_addresses(address for address in managed if address.interface in keep)
            operations.extend(steps)
        alias = alias_without(link, owner)
        if alias != link.alias:
            before["alias"], after["alias"] = link.alias, alias
            operations.append(op.SetAlias(namespace, link.name, alias))
        self._change(wanted, before, after, tuple(operations))

    def _change(
        self,
        wanted: WantedLink,
        before: Mapping[str, Any],
        after: Mapping[str, Any],
        operations: tuple[Operation, ...],
    ) -> None:
        if operations:
            target = f"link {place(wanted.namespace, wanted.name)}"
            self.changes.append(Change(wanted.entry, target, before, after, operations))
