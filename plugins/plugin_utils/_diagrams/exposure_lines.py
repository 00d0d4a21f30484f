# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of each namespace can be reached from where, as lines for people. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

Entry = Mapping[str, Any]

#: Names, and addresses, that a line has; what is left is counted.
NAMES_MAX, ADDRESSES_MAX = 6, 3

#: How a line begins.
_VERDICTS = {"open": "from", "depends": "perhaps from"}


def exposure_lines(entry: Entry) -> Iterator[str]:
    """Yield what reaches a namespace: connections to any port that no rule is about, and to each service."""
    paths = entry["paths"]
    yield from _lines("", paths) or ["from nowhere"]
    for service in entry["services"]:
        name = _service_name(service)
        if _essence(service["reached_from"]) == _essence(paths):
            yield f"{name} from the same"
        else:
            yield from _lines(f"{name} ", service["reached_from"]) or [f"{name} from nowhere"]
    if entry["further_services"]:
        yield f"{entry['further_services']} more services"


def _lines(start: str, groups: Iterable[Entry]) -> list[str]:
    return [start + _format(group) for group in _merge(groups)]


def _merge(groups: Iterable[Entry]) -> list[Entry]:
    """Return the answers without what is closed, and as one those that differ only in addresses for a reader."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for group in groups:
        if group["verdict"] not in _VERDICTS:
            continue
        key = (group["verdict"], tuple(group["routers"]), group["published"], tuple(group["reasons"][:1]))
        known = found.setdefault(key, {**group, "namespaces": [], "outside": [], "at": [], "host": False})
        for name in ("namespaces", "outside", "at"):
            known[name] = [*dict.fromkeys([*known[name], *group[name]])]
        known["host"] = known["host"] or group["host"]
    return [*found.values()]


def _format(group: Entry) -> str:
    words = [f"{_VERDICTS[group['verdict']]} {_sources(group)}"]
    routers = ["the host" if router is None else router for router in group["routers"]]
    if group["published"]:
        words.append(f"published at {_some(group['at'], ADDRESSES_MAX)}")
    elif routers:
        words.append(f"through {' and '.join(routers)}")
    if group["verdict"] == "depends":
        words.append(f"depends on {_some(group['reasons'], 1)}")
    return ", ".join(words)


def _sources(group: Entry) -> str:
    names = [*(["the host"] if group["host"] else []), *group["namespaces"]]
    outside = [f"outside by {link}" for link in group["outside"]]
    return _some([*names, *outside] if len(names) <= NAMES_MAX else [_some(names, NAMES_MAX), *outside], NAMES_MAX + 1)


def _some(names: Sequence[str], most: int) -> str:
    """Return names, no more than some of them."""
    shown = list(names[:most])
    left = len(names) - len(shown)
    if left:
        shown.append(f"{left} more")
    return " and ".join(filter(None, [", ".join(shown[:-1]), shown[-1]]))


def _essence(groups: Iterable[Entry]) -> list[Entry]:
    """Return what distinguishes two answers for a reader: who reaches it, and how, but not at which addresses."""
    return [{**group, "at": group["at"] if group["published"] else []} for group in _merge(groups)]


def _service_name(service: Entry) -> str:
    programs = ", ".join(dict.fromkeys(_program_name(process["command"]) for process in service["processes"]))
    device = f" on {service['device']}" if service["device"] else ""
    return f"{service['protocol']} {service['port']}{device}" + (f" ({programs})" if programs else "")


def _program_name(command: str) -> str:
    words = command.split()
    return words[0].rpartition("/")[2] if words else "?"
