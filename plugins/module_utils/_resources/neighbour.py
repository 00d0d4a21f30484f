# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Static neighbours: what is wanted of them, and how to get there. Pure, but for read()."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core import routing, validation
from ansible_collections.netns.fabric.plugins.module_utils._core.checks import Checks
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Change, Entry, Operation, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.planner import Planner
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call, Resource
from ansible_collections.netns.fabric.plugins.module_utils._core.sysctl_names import in_full
from ansible_collections.netns.fabric.plugins.module_utils._kernel import routing_operations as op
from ansible_collections.netns.fabric.plugins.module_utils._kernel.access import KERNEL
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import (
    KernelState,
    Link,
    NamespaceName,
    Neighbour,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_names import refuse_long_name
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_sysctls import (
    DISABLE_IPV6,
    Queries,
    describe_missing_ipv6,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.required_namespaces import require_namespace
from ansible_collections.netns.fabric.plugins.module_utils._resources.things import ALink

#: The length of a MAC address as text. Links without one (tun, ip tunnels) have none, or one of another length.
_MAC_LENGTH = 17


@dataclass(frozen=True)
class WantedNeighbour:
    """One neighbour as it is wanted; of one that is to be absent, None: any."""

    entry: Entry
    present: bool
    namespace: NamespaceName
    address: str
    device: str | None
    mac: str | None
    proxy: bool


class NeighbourResource(Resource[WantedNeighbour, KernelState]):
    list_option = "neighbours"
    identity = "address"
    backends = (KERNEL,)
    entry_options: Mapping[str, Mapping[str, Any]] = {
        "namespace": {"type": "str"},
        "address": {"type": "str"},
        "device": {"type": "str"},
        "mac": {"type": "str"},
        "proxy": {"type": "bool", "default": False},
    }
    call_options: Mapping[str, Mapping[str, Any]] = {"exact": {"type": "bool", "default": False}}

    def desired(self, entry: Entry, options: Mapping[str, Any]) -> WantedNeighbour:
        checks = Checks(entry)
        wanted = WantedNeighbour(
            entry=entry,
            present=options["state"] == "present",
            namespace=checks.value("namespace", validation.namespace_name, options.get("namespace")),
            address=str(checks.value("address", routing.neighbour_address, options["address"])),
            device=checks.value("device", validation.existing_interface_name, options.get("device")),
            mac=checks.value("mac", validation.hardware_address, options.get("mac")),
            proxy=options["proxy"],
        )
        if wanted.present and options.get("device") is None:
            checks.error("device", "is required; give the link that the neighbour is at")
        if wanted.proxy and options.get("mac") is not None:
            checks.error("mac", "a proxy answers with the address of its own link; leave it out")
        elif wanted.present and not wanted.proxy and options.get("mac") is None:
            checks.error("mac", "is required; give the neighbour's MAC address, or `proxy: true` to answer for it")
        checks.done()
        return wanted

    def key(self, desired: WantedNeighbour) -> object:
        return desired.namespace, desired.address, desired.device, desired.proxy

    def read(self, host: Host, call: Call[WantedNeighbour]) -> KernelState:
        kernel = host.use(KERNEL)
        state = kernel.read([wanted.namespace for wanted in call.entries], neighbours=True)
        queries: Queries = {
            (wanted.namespace, in_full(name, DISABLE_IPV6)): None
            for wanted in call.entries
            if wanted.present and ":" in wanted.address
            for name in ("default", str(wanted.device))
        }
        return kernel.with_sysctls(state, queries) if queries else state

    def plan(self, actual: KernelState, call: Call[WantedNeighbour]) -> Plan:
        return _NeighbourPlanner(actual, call).run()


class _NeighbourPlanner(Planner[WantedNeighbour]):
    """Plans the neighbours of one call."""

    def __init__(self, actual: KernelState, call: Call[WantedNeighbour]) -> None:
        super().__init__(call)
        self._actual = actual
        #: Neighbours that are declared, or removed by what is planned so far.
        self._settled: set[tuple[NamespaceName, Neighbour]] = set()

    def present(self, wanted: WantedNeighbour) -> None:
        require_namespace(self, self._actual, wanted.entry, "namespace", wanted.namespace)
        device = str(wanted.device)
        link = self._actual.named(wanted.namespace, device)
        self._check_link(wanted, device, link)
        found = [each for each in self._at(wanted, link) if each.address == wanted.address]
        for each in found:
            if each.static and each.mac == wanted.mac:
                self._settled.add((wanted.namespace, each))
                return
            if wanted.proxy or each.state == "permanent":
                self._refuse_foreign(wanted, each)
            self._settled.add((wanted.namespace, each))
        spec = op.NeighbourSpec(wanted.address, link.name if link else device, wanted.mac, wanted.proxy)
        rivals = [self._spec(wanted.namespace, each).description() for each in found if each.static]
        before = {"neighbours": rivals} if rivals else None
        after = {"neighbours": [spec.description()]}
        # The kernel replaces a neighbour in its place; of what it has found out on its own nothing is reported.
        steps: tuple[Operation, ...] = (op.SetNeighbour(wanted.namespace, spec),)
        self.changes.append(Change(wanted.entry, _target(wanted.namespace, wanted.address), before, after, steps))

    def _at(self, wanted: WantedNeighbour, link: Link | None) -> list[Neighbour]:
        """Return what the kernel has of the same kind on a link."""
        neighbours = self._actual.namespace(wanted.namespace).neighbours if link else ()
        return [each for each in neighbours if link and each.device == link.index and each.proxy == wanted.proxy]

    def _check_link(self, wanted: WantedNeighbour, device: str, link: Link | None) -> None:
        """Check that a link can have the neighbour.

        Raises:
            InvalidEntry: It cannot.
        """
        if link is None:
            refuse_long_name(wanted.entry, "device", device)
            where = f"the namespace {wanted.namespace}" if wanted.namespace else "the host"
            names = ", ".join(sorted(each.name for each in self._actual.namespace(wanted.namespace).links))
            message = f"there is no link {device} in {where}, which has {names}; correct the name, or create it first"
            self.require(wanted.entry, "device", message, ALink(wanted.namespace, device))
        elif not wanted.proxy and (link.loopback or len(link.mac) != _MAC_LENGTH):
            kind = link.kind or "loopback"
            cause = f"{link.name} is a {kind} link, whose neighbours have no MAC addresses"
            raise InvalidEntry(wanted.entry, "device", f"{cause}; name an Ethernet link")
        if ":" in wanted.address:
            name = link.name if link else device
            missing = describe_missing_ipv6(
                self._actual, (wanted.namespace, name), link, None, {}, "correct the address"
            )
            if missing:
                raise InvalidEntry(wanted.entry, "device", missing)

    def _refuse_foreign(self, wanted: WantedNeighbour, found: Neighbour) -> None:
        """Refuse to replace what a routing daemon has added.

        Raises:
            InvalidEntry: It has.
        """
        if not found.static:
            description = self._spec(wanted.namespace, found).description()
            raise InvalidEntry(
                wanted.entry,
                "address",
                f"`{description}` exists and is not static (protocol {found.protocol}), so it stays; remove the entry",
            )

    def absent(self, wanted: WantedNeighbour) -> None:
        link = self._actual.named(wanted.namespace, wanted.device) if wanted.device else None
        for found in self._static(wanted.namespace):
            same = (found.address, found.proxy) == (wanted.address, wanted.proxy)
            there = not wanted.device or (link is not None and link.index == found.device)
            if same and there and wanted.mac in (None, found.mac):
                self.changes.extend(self._plan_remove(wanted.entry, wanted.namespace, found))

    def finish(self) -> None:
        """With `exact`, remove the other static neighbours of each namespace."""
        if not self.call.options.get("exact"):
            return
        for name in dict.fromkeys(wanted.namespace for wanted in self.call.entries):
            for found in self._static(name) if name is not None else ():
                self.changes.extend(self._plan_remove(Entry(f"{name}: {found.address}"), name, found))

    def _static(self, namespace: NamespaceName) -> list[Neighbour]:
        """Return the static neighbours in an order of their own: the kernel's is that of a hash."""
        found = (each for each in self._actual.namespace(namespace).neighbours if each.static)
        return sorted(found, key=lambda each: (each.version, ip_address(each.address).packed, each.device, each.proxy))

    def _plan_remove(self, entry: Entry, namespace: NamespaceName, found: Neighbour) -> Iterator[Change]:
        if (namespace, found) in self._settled:
            return
        self._settled.add((namespace, found))
        spec = self._spec(namespace, found)
        step = op.RemoveNeighbour(namespace, spec)
        yield Change(entry, _target(namespace, found.address), {"neighbours": [spec.description()]}, None, (step,))

    def _spec(self, namespace: NamespaceName, found: Neighbour) -> op.NeighbourSpec:
        link = self._actual.namespace(namespace).link_at(found.device)
        return op.NeighbourSpec(found.address, link.name if link else "", found.mac, found.proxy, found.protocol)


def _target(namespace: NamespaceName, address: str) -> str:
    return f"neighbour {namespace or 'host'} {address}"
