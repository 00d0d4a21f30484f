# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Qdiscs: what is wanted of them, and how to get there. Pure, but for read().

A link has two places for one: for what leaves by it (the root) and for what arrives (ingress). An entry is about one of
them as a whole: what it leaves out has the kernel's default.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core import traffic_units as units
from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError, InvalidEntry
from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Change, Entry, Operation, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.planner import Planner
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call, Resource
from ansible_collections.netns.fabric.plugins.module_utils._kernel.access import KERNEL
from ansible_collections.netns.fabric.plugins.module_utils._kernel.qdisc_kinds import (
    is_marked,
    values_of,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.qdisc_operations import (
    ADD,
    CHANGE,
    REPLACE,
    DeleteQdisc,
    RedirectIngress,
    SetQdisc,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import (
    KernelState,
    Link,
    NamespaceName,
    Qdisc,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_names import refuse_long_name
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_settings import place
from ansible_collections.netns.fabric.plugins.module_utils._resources.qdisc_model import (
    QDISC_OPTIONS,
    WantedQdisc,
    parse_entry,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.required_namespaces import require_namespace
from ansible_collections.netns.fabric.plugins.module_utils._resources.things import ALink, ALinkUp

#: Bytes that a frame has before its packet (ETH_HLEN of linux/if_ether.h), which a token bucket counts as well.
FRAME_HEADER = 14
#: Bytes: the MTU of a link that does not exist yet.
USUAL_MTU = 1500

#: The two places of a link, by its namespace and index.
Place = tuple[NamespaceName, int, bool]


class QdiscResource(Resource[WantedQdisc, KernelState]):
    list_option = "qdiscs"
    identity = "link"
    backends = (KERNEL,)
    entry_options = QDISC_OPTIONS

    def desired(self, entry: Entry, options: Mapping[str, Any]) -> WantedQdisc:
        return parse_entry(entry, options)

    def key(self, desired: WantedQdisc) -> object:
        return desired.namespace, desired.link, desired.ingress

    def read(self, host: Host, call: Call[WantedQdisc]) -> KernelState:
        kernel = host.use(KERNEL)
        names = [wanted.namespace for wanted in call.entries]
        others = sorted(kernel.namespace_names(preferred=names)) if call.prune else ()
        state = kernel.read([None, *names] if call.prune else names, others=others, qdiscs=True)
        tried = [setting_of(wanted, wanted.link) for wanted in call.entries if _differs(state, wanted, call.owner)]
        return kernel.with_qdiscs(state, tried) if tried else state

    def plan(self, actual: KernelState, call: Call[WantedQdisc]) -> Plan:
        return _QdiscPlanner(actual, call).run()


def setting_of(wanted: WantedQdisc, link: str, verb: str = ADD) -> SetQdisc:
    """Return the operation that sets a qdisc."""
    values = {} if wanted.ingress else wanted.values
    return SetQdisc(wanted.namespace, link, wanted.kind.name, tuple(values.items()), verb)


def _find(state: KernelState, wanted: WantedQdisc) -> tuple[Link | None, Qdisc | None]:
    """Return the link of an entry, and the qdisc in its place that is not the kernel's own choice."""
    link = state.named(wanted.namespace, wanted.link)
    return link, _qdisc_in(state, wanted.namespace, link, wanted.ingress) if link else None


def _qdisc_in(state: KernelState, namespace: NamespaceName, link: Link, ingress: bool) -> Qdisc | None:
    found = state.namespace(namespace).qdiscs_of(link)
    return next((each for each in found if (each.is_ingress if ingress else each.is_root)), None)


def _differs(state: KernelState, wanted: WantedQdisc, owner: str | None) -> bool:
    _link, qdisc = _find(state, wanted)
    return wanted.present and (qdisc is None or bool(differences(state, wanted, qdisc, owner)))


def differences(state: KernelState, wanted: WantedQdisc, qdisc: Qdisc, owner: str | None) -> dict[str, tuple[Any, Any]]:
    """Return what of a qdisc is not as wanted, before and after."""
    kind = wanted.kind
    if qdisc.kind != kind.name:
        after = {f"{kind.name}.{name}": (None, value) for name, value in wanted.values.items()}
        return {"kind": (qdisc.kind, kind.name), **after}
    found = values_of(qdisc)
    if kind.ingress:
        target = state.namespace(wanted.namespace).link_at(qdisc.redirect or 0)
        given = state.named(wanted.namespace, str(wanted.values["redirect"]))
        name = given.name if given else wanted.values["redirect"]
        old = target.name if target else None
        return {} if name == old else {"ingress.redirect": (old, name)}
    names = [each.name for each in kind.attributes]
    changed = {
        f"{kind.name}.{name}": (found.get(name), wanted.values.get(name))
        for name in names
        if not kind.same(name, found, wanted.values) and (name in wanted.values or name not in kind.chosen)
    }
    if not changed and owner is not None and not is_marked(qdisc):
        handle = kind.handle(wanted.values) >> 16
        return {"handle": (f"{qdisc.handle >> 16:x}:", f"{handle:x}:")}  # from now on it is the owner's
    return changed


class _QdiscPlanner(Planner[WantedQdisc]):
    """Plans the qdiscs of one call."""

    def __init__(self, actual: KernelState, call: Call[WantedQdisc]) -> None:
        super().__init__(call)
        self._actual = actual
        self._listed: set[Place] = set()

    def check(self) -> Iterable[FabricError]:
        """No link is named twice, by its name and by an alternative name."""
        taken: dict[Place, WantedQdisc] = {}
        for wanted in self.call.entries:
            link = self._actual.named(wanted.namespace, wanted.link)
            if link is None:
                continue
            where = (wanted.namespace, link.index, wanted.ingress)
            self._listed.add(where)
            if taken.setdefault(where, wanted) is not wanted:
                other = taken[where].entry
                yield InvalidEntry(wanted.entry, "link", f"is the same link as that of {other}; leave one of them out")

    # Present

    def present(self, wanted: WantedQdisc) -> None:
        require_namespace(self, self._actual, wanted.entry, "namespace", wanted.namespace)
        link, qdisc = _find(self._actual, wanted)
        if link is None:
            self._require_link(wanted, "link", wanted.link)
        else:
            self.refuse_others(wanted.entry, "link", place(wanted.namespace, link.name), link.owners)
        if wanted.ingress:
            self._check_redirect(wanted, link, qdisc)
        changed = differences(self._actual, wanted, qdisc, self.call.owner) if qdisc else {}
        if qdisc is not None and not changed:
            return
        self._check_accepted(wanted, link)
        name = link.name if link else wanted.link
        if qdisc is None:
            after = {f"{wanted.kind.name}.{option}": value for option, value in wanted.values.items()}
            self._change(wanted.entry, wanted, name, None, {"kind": wanted.kind.name, **after}, self._set(wanted, name))
        else:
            before = {option: old for option, (old, _new) in changed.items()}
            after = {option: new for option, (_old, new) in changed.items()}
            self._change(wanted.entry, wanted, name, before, after, self._replace(wanted, name, qdisc, changed))

    def _require_link(self, wanted: WantedQdisc, option: str, name: str) -> None:
        refuse_long_name(wanted.entry, option, name)
        where = f"the namespace {wanted.namespace}" if wanted.namespace else "the host"
        missing = f"there is no link {name} in {where}; correct the name, or create it first"
        self.require(wanted.entry, option, missing, ALink(wanted.namespace, name))

    def _check_redirect(self, wanted: WantedQdisc, link: Link | None, qdisc: Qdisc | None) -> None:
        """Check what arrives where it is led to.

        Raises:
            InvalidEntry: It would be lost, or another program decides what becomes of it.
        """
        option, name = "ingress.redirect", str(wanted.values["redirect"])
        target = self._actual.named(wanted.namespace, name)
        if target is not None and link is not None and target.index == link.index:
            raise InvalidEntry(wanted.entry, option, f"{name} is the link itself; give a link of the kind ifb")
        if target is None:
            self._require_link(wanted, option, name)
        if target is None or not target.up:
            down = f"{name} is down, and what is led there would be lost; bring it up first"
            self.require(wanted.entry, option, down, ALinkUp(wanted.namespace, target.name if target else name))
        if qdisc is not None and (qdisc.kind != "ingress" or (qdisc.filters and qdisc.redirect is None)):
            where = f"{place(wanted.namespace, link.name)}" if link else wanted.link
            removal = DeleteQdisc(wanted.namespace, link.name if link else wanted.link, ingress=True).commands()[0]
            raise InvalidEntry(
                wanted.entry,
                "kind",
                f"another program has set a qdisc ({qdisc.kind}) with filters for what arrives at {where}; it is left "
                f"alone: remove it first (`{removal}`)",
            )

    def _check_accepted(self, wanted: WantedQdisc, link: Link | None) -> None:
        """Refuse what the kernel would refuse, or drop packets for.

        Raises:
            InvalidEntry: It would.
        """
        kind = wanted.kind
        reason = self._actual.refused_qdiscs.get(setting_of(wanted, wanted.link).form)
        if reason:
            raise InvalidEntry(wanted.entry, "kind" if "of the kind" in reason else kind.name, reason)
        largest = (link.mtu if link else USUAL_MTU) + FRAME_HEADER
        if kind.smallest and units.octets(wanted.values[kind.smallest]) < largest:
            raise InvalidEntry(
                wanted.entry,
                f"{kind.name}.{kind.smallest}",
                f"{wanted.values[kind.smallest]} is less than the largest packet of {wanted.link}, {largest} bytes, "
                f"and such packets would be dropped; give at least {largest}b",
            )

    def _set(self, wanted: WantedQdisc, name: str, verb: str = ADD) -> tuple[Operation, ...]:
        step = setting_of(wanted, name, verb)
        if not wanted.ingress:
            return (step,)
        target = self._actual.named(wanted.namespace, str(wanted.values["redirect"]))
        redirect = target.name if target else str(wanted.values["redirect"])
        return step, RedirectIngress(wanted.namespace, name, redirect)

    def _replace(
        self, wanted: WantedQdisc, name: str, qdisc: Qdisc, changed: Mapping[str, tuple[Any, Any]]
    ) -> tuple[Operation, ...]:
        """Return how a qdisc is replaced: in place, by another handle, or by its deletion before."""
        kind = wanted.kind
        same_handle = not wanted.ingress and qdisc.handle == kind.handle(wanted.values)
        if not wanted.ingress and not same_handle:
            return self._set(wanted, name, REPLACE)
        if (
            same_handle
            and qdisc.kind == kind.name
            and all(kind.changes_in_place(option.partition(".")[2], old, new) for option, (old, new) in changed.items())
        ):
            return self._set(wanted, name, CHANGE)
        return DeleteQdisc(wanted.namespace, name, wanted.ingress), *self._set(wanted, name)

    # Absent

    def absent(self, wanted: WantedQdisc) -> None:
        link, qdisc = _find(self._actual, wanted)
        if link is None or qdisc is None:
            return
        if self.call.owner is not None and (self.owned_by_others(link.owners) or not is_marked(qdisc)):
            where = place(wanted.namespace, link.name)
            self.warn(wanted.entry, f"the qdisc of {where} is not owned by {self.call.owner}; left alone")
            return
        self._delete(wanted.entry, wanted.namespace, link, qdisc)

    def prune(self) -> None:
        """Delete the qdiscs that this collection has set on links of the owner alone, and that are not listed."""
        for namespace, link in self._actual.links():
            if link.owners != (self.call.owner,):
                continue
            for qdisc in self._actual.namespace(namespace).qdiscs_of(link):
                if is_marked(qdisc) and (namespace, link.index, qdisc.is_ingress) not in self._listed:
                    self._delete(Entry(place(namespace, link.name)), namespace, link, qdisc)

    def _delete(self, entry: Entry, namespace: NamespaceName, link: Link, qdisc: Qdisc) -> None:
        wanted = WantedQdisc(entry, False, namespace, link.name)
        before: dict[str, Any] = {f"{qdisc.kind}.{name}": value for name, value in values_of(qdisc).items()}
        target = self._actual.namespace(namespace).link_at(qdisc.redirect) if qdisc.redirect else None
        if target is not None:
            before["ingress.redirect"] = target.name
        step = DeleteQdisc(namespace, link.name, qdisc.is_ingress)
        self._change(entry, wanted, link.name, {"kind": qdisc.kind, **before}, None, (step,), qdisc.is_ingress)

    def _change(
        self,
        entry: Entry,
        wanted: WantedQdisc,
        name: str,
        before: Mapping[str, Any] | None,
        after: Mapping[str, Any] | None,
        operations: tuple[Operation, ...],
        ingress: bool | None = None,
    ) -> None:
        where = " ingress" if (wanted.ingress if ingress is None else ingress) else ""
        target = f"qdisc {place(wanted.namespace, name)}{where}"
        self.changes.append(Change(entry, target, before, after, operations))
