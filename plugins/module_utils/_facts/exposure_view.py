# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The exposure of namespaces as the module returns it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from ansible_collections.netns.fabric.plugins.module_utils._facts.exposure import (
    CLOSED,
    DEPENDS,
    OPEN,
    SERVICES_MAX,
    Answer,
    Exposure,
    Service,
    Source,
)
from ansible_collections.netns.fabric.plugins.module_utils._facts.model import EXPOSURE, HostFacts
from ansible_collections.netns.fabric.plugins.module_utils._facts.view import FilteredFacts
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import NamespaceName

if TYPE_CHECKING:
    from ansible_collections.netns.fabric.plugins.module_utils._kernel.sockets import Socket

#: Answers that one call computes; each takes some tenths of a millisecond.
QUESTIONS_MAX = 100_000

_VERDICTS = (OPEN, DEPENDS, CLOSED)
#: What says whether a namespace can be reached at all: a connection to a port that no rule is about.
_ANYTHING = Service("tcp")


def exposure_view(facts: FilteredFacts) -> tuple[list[dict[str, Any]], list[str]]:
    """Return what of the host and of each namespace can be reached from where; and why that was not computed."""
    if EXPOSURE not in facts.host.wanted:
        return [], []
    exposure = Exposure(facts.host)
    names: list[NamespaceName] = [None, *facts.names]
    targets = sum(1 + min(SERVICES_MAX, len(exposure.services(name))) for name in names)
    if targets * len(exposure.sources) > QUESTIONS_MAX:
        reason = (
            f"exposure: {targets} namespaces and services, each from {len(exposure.sources)} positions, are too many "
            "for one call; name some of the namespaces by `namespaces`"
        )
        return [], [reason]
    return [_namespace(facts, exposure, name) for name in names], []


def _namespace(facts: FilteredFacts, exposure: Exposure, name: NamespaceName) -> dict[str, Any]:
    services = exposure.services(name)
    return {
        "namespace": facts.host.label(name),
        "paths": _sources(facts.host, name, exposure.answers(name, _ANYTHING)),
        "services": [
            _service(facts.host, exposure, name, service, sockets)
            for service, sockets in islice(services.items(), SERVICES_MAX)
        ],
        "further_services": max(0, len(services) - SERVICES_MAX),
    }


def _service(
    host: HostFacts, exposure: Exposure, name: NamespaceName, service: Service, sockets: Sequence[Socket]
) -> dict[str, Any]:
    state = host.kernel.namespace(name)
    device = state.link_at(service.device) if service.device else None
    processes = [process for socket in sockets for process in host.holders.get(socket.inode, ())]
    return {
        "protocol": service.protocol,
        "port": service.port,
        "addresses": list(dict.fromkeys(socket.address for socket in sockets)),
        "device": device.name if device else None,
        "processes": [
            {"pid": process.pid, "command": process.command, "user": process.user}
            for process in dict.fromkeys(processes)
        ],
        "reached_from": _sources(host, name, exposure.answers(name, service)),
    }


def _sources(host: HostFacts, name: NamespaceName, answers: Iterable[tuple[Source, Answer]]) -> list[dict[str, Any]]:
    """Return the answers, those that are equal as one, the best ones first."""
    groups: dict[Answer, list[Source]] = {}
    for source, answer in answers:
        groups.setdefault(answer, []).append(source)
    ordered = sorted(groups.items(), key=lambda each: _VERDICTS.index(each[0].verdict))
    return [_group(host, name, answer, sources) for answer, sources in ordered]


def _group(host: HostFacts, name: NamespaceName, answer: Answer, sources: Sequence[Source]) -> dict[str, Any]:
    names = [each for source in sources for each in source.names if each != name]
    return {
        "verdict": answer.verdict,
        "namespaces": sorted(_labels(host, names)),
        "host": None in names,
        "outside": sorted(source.outside for source in sources if source.outside),
        "at": list(answer.at),
        "routers": [host.label(router) for router in answer.routers],
        "published": answer.published,
        "reasons": list(answer.reasons),
    }


def _labels(host: HostFacts, names: Iterable[NamespaceName]) -> Iterator[str]:
    for name in names:
        label = host.label(name)
        if label is not None:
            yield label
