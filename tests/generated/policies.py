# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Six namespaces and twelve generated policies, with the probes of all pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import permutations, product
from typing import Any

from hypothesis import strategies as st

from ansible_collections.netns.fabric.plugins.module_utils._core.execution import open_host
from ansible_collections.netns.fabric.plugins.module_utils._firewall.backend import FIREWALL
from ansible_collections.netns.fabric.plugins.module_utils._kernel.access import KERNEL
from ansible_collections.netns.fabric.plugins.module_utils._probes.options import ENTRY_OPTIONS, probes_of
from ansible_collections.netns.fabric.plugins.module_utils._probes.survey import survey
from ansible_collections.netns.fabric.tests.generated.converge import Variables

NAMES = tuple(f"ns{number}" for number in range(1, 7))
POLICIES = 12
GROUPS = ("odd", "low")
SERVICES = (("icmp", None), *product(("tcp", "udp"), (80, 81)))
#: What becomes of a connection that no policy is about: a namespace, and a direction.
DEFAULTS = st.dictionaries(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(["incoming", "outgoing"])), st.sampled_from(["allow", "deny"])
)


def addresses(name: str) -> tuple[str, str]:
    number = NAMES.index(name) + 1
    return f"10.7.0.{number}", f"fd00:7::{number}"


def labels(name: str) -> list[str]:
    number = NAMES.index(name) + 1
    return [*(["odd"] if number % 2 else []), *(["low"] if number < 4 else [])]


#: By name: a network, and the addresses in it.
NETWORKS = {
    "10.7.0.0/30": {"10.7.0.1", "10.7.0.2", "10.7.0.3"},
    "fd00:7::4/126": {f"fd00:7::{number}" for number in (4, 5, 6)},
    "10.7.0.0/24": {addresses(name)[0] for name in NAMES},
}

SELECTORS = st.one_of(
    st.none(),
    st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True).map(lambda names: {"namespaces": names}),
    st.sampled_from(GROUPS).map(lambda name: {"groups": [name]}),
    st.sampled_from(sorted(NETWORKS)).map(lambda network: {"networks": [network]}),
    st.just({"bridges": ["lab_br"]}),
)
TRAFFIC: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {},
        {"protocol": "tcp"},
        {"protocol": "udp", "ports": ["80"]},
        {"protocol": "tcp", "ports": ["81-90", "7"]},
        {"protocol": "icmp", "icmp_types": ["echo-request"]},
        {"protocol": "icmp", "icmp_types": ["timestamp-request"]},
    ]
)


@st.composite
def policies(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Return policies with priorities of their own, in any order."""
    found = []
    for priority in range(POLICIES):
        sides = {side: draw(SELECTORS) for side in ("from", "to")}
        sides = {side: selector for side, selector in sides.items() if selector is not None}
        found.append(
            {
                "action": draw(st.sampled_from(["allow", "reject", "drop"])),
                "priority": priority,
                **(sides or {"to": {"groups": ["odd"]}}),
                **draw(TRAFFIC),
            }
        )
    return draw(st.permutations(found))


def topology(listed: list[dict[str, Any]], defaults: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    return {
        "name": "lab",
        "bridges": [{"name": "lab_br"}],
        "namespaces": [
            {
                "name": name,
                "labels": labels(name),
                "interfaces": [
                    {
                        "name": "eth0",
                        "bridge": "lab_br",
                        "addresses": [f"{addresses(name)[0]}/24", f"{addresses(name)[1]}/64"],
                    }
                ],
                **{way: value for (where, way), value in defaults.items() if where == name},
            }
            for name in NAMES
        ],
        "policies": listed,
    }


# What is declared, read in another way than the collection does


def passes(variables: Variables, one: str, other: str, version: int, protocol: str, port: int | None) -> bool:
    """Return whether a connection from one namespace to another is allowed."""
    near, far = addresses(one)[version], addresses(other)[version]
    for policy in sorted(variables["policies"], key=lambda entry: int(entry["priority"])):
        if (
            _selects(policy.get("from"), one, near)
            and _selects(policy.get("to"), other, far)
            and policy.get("protocol", protocol) == protocol
            and _names_port(policy.get("ports"), port)
            and "timestamp-request" not in policy.get("icmp_types", ())
        ):
            return bool(policy["action"] == "allow")
    declared = {entry["name"]: entry for entry in variables["namespaces"]}
    return "deny" not in (declared[one].get("outgoing"), declared[other].get("incoming"))


def _selects(selector: Mapping[str, Any] | None, name: str, address: str) -> bool:
    if selector is None or "bridges" in selector or name in selector.get("namespaces", ()):
        return True
    if set(labels(name)) & set(selector.get("groups", ())):
        return True
    return any(address in NETWORKS[network] for network in selector.get("networks", ()))


def _names_port(ports: list[str] | None, port: int | None) -> bool:
    return ports is None or (port == 80 and "80" in ports) or (port == 81 and "81-90" in ports)


def probes(variables: Variables) -> list[dict[str, Any]]:
    """Return the probes of all pairs, as the module reachability takes them."""
    entries = []
    for one, other in permutations(NAMES, 2):
        for version, (protocol, port) in product((0, 1), SERVICES):
            is_allowed = passes(variables, one, other, version, protocol, port)
            entries.append(
                {
                    **{name: option.get("default") for name, option in ENTRY_OPTIONS.items()},
                    "namespace": one,
                    "to": addresses(other)[version],
                    "protocol": protocol,
                    "port": port,
                    "expect": "reachable" if is_allowed else "unreachable",
                    "timeout": 10.0 if is_allowed else 0.5,
                }
            )
    assert len(entries) == 30 * 2 * 5
    return entries


def probe(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """Send probes; return what is not as expected."""
    with open_host((KERNEL, FIREWALL), check_mode=False) as host:
        judged, _context = survey(host, probes_of({"probes": entries}))
    assert len(judged) == len(entries)
    return [str(one) for one in judged if not one.ok]


def listening(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a probe for which the module listens itself."""
    return entry if entry["port"] is None else {**entry, "forwarded_to": entry["to"]}
