# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Qdiscs as declarations. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.netns.fabric.plugins.module_utils._facts.exporter import Declaration, Exporter, drop_unset
from ansible_collections.netns.fabric.plugins.module_utils._facts.namespace_view import name_at
from ansible_collections.netns.fabric.plugins.module_utils._kernel.qdisc_kinds import (
    QDISC_KINDS,
    is_marked,
    values_of,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import Link, NamespaceName, Qdisc
from ansible_collections.netns.fabric.plugins.module_utils._ovsdb.attachment import OWN_DEVICES
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_settings import place


def qdiscs(exporter: Exporter) -> Iterator[Declaration]:
    """Return the entries for qdisc."""
    for name in exporter.namespaces:
        for link in exporter.facts.links(name):
            if link.name in OWN_DEVICES or (name is None and exporter.host.port_of(name, link)):
                continue  # the qdiscs of its ports are Open vSwitch's
            for qdisc in exporter.state(name).qdiscs_of(link):
                if (qdisc.is_root or qdisc.is_ingress) and (exporter.owner is None or is_marked(qdisc)):
                    yield from _declare(exporter, name, link, qdisc)


def _declare(exporter: Exporter, name: NamespaceName, link: Link, qdisc: Qdisc) -> Iterator[Declaration]:
    what = f"qdiscs: {place(name, link.name)}"
    if qdisc.kind not in QDISC_KINDS:
        exporter.skip(what, f"netns.fabric.qdisc has no options for the kind {qdisc.kind}")
        return
    if qdisc.is_ingress and not qdisc.redirect:
        exporter.skip(what, "what arrives is led to no link, or netns.fabric.qdisc has no options for its filters")
        return
    state = exporter.state(name)
    redirect = {"redirect": name_at(state, qdisc.redirect)} if qdisc.redirect else {}
    values = {**values_of(qdisc), **redirect} or None
    yield drop_unset(link=link.name, namespace=name, kind=qdisc.kind, **{qdisc.kind: values})
