# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Any kernel parameters of links, declared at the interface or at its namespace, and any damage to them.

They are set with the first run, check mode predicts them, a run after any damage sets them again, and a second run
finds nothing to do.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netns.fabric.tests.generated.cases import generated
from ansible_collections.netns.fabric.tests.generated.converge import Variables, converge_as_predicted
from ansible_collections.netns.fabric.tests.generated.damage import delete_namespace
from ansible_collections.netns.fabric.tests.helpers.host import Host

CASES = 30

#: The values that each parameter can have, by its name without the link.
PARAMETERS = {
    "ipv4.conf.rp_filter": ("0", "1", "2"),
    "ipv4.conf.arp_ignore": ("0", "1", "8"),
    "ipv4.conf.proxy_arp": ("0", "1"),
    "ipv4.neigh.gc_stale_time": ("60", "120"),
    "ipv6.conf.accept_ra": ("0", "1", "2"),
    "ipv6.conf.disable_ipv6": ("0",),
    "ipv6.neigh.retrans_time_ms": ("1000", "500"),
}
#: ip(8) and sysctl(8) read dots in a name differently.
LINKS = ("eth0", "eth0.10", "all0")

SYSCTLS = st.dictionaries(st.sampled_from(sorted(PARAMETERS)), st.integers(0, 2), max_size=4).map(
    lambda chosen: {key: PARAMETERS[key][number % len(PARAMETERS[key])] for key, number in chosen.items()}
)
#: Where a parameter of the interface is declared, and what is done to the host between two runs.
AT_NAMESPACE = st.booleans()
DAMAGES = st.lists(
    st.sampled_from(["other values", "link deleted", "namespace deleted", "all links changed", "new defaults"]),
    max_size=3,
)


def test_link_sysctls(host: Host, request: pytest.FixtureRequest) -> None:
    @generated(request, CASES)
    @given(st.sampled_from(LINKS), SYSCTLS, SYSCTLS, AT_NAMESPACE, DAMAGES)
    def case(link: str, inside: dict[str, str], bridge: dict[str, str], at_namespace: bool, damages: list[str]) -> None:
        host.clear()
        variables = _build_topology(link, inside, bridge, at_namespace)
        converge_as_predicted(variables)
        _assert_values(host, link, inside, bridge)
        for damage in damages:
            _do_damage(host, damage, link, inside)
        converge_as_predicted(variables)
        _assert_values(host, link, inside, bridge)

    case()


def _full(link: str, short: str) -> str:
    tree, _dot, name = short.rpartition(".")
    return f"net.{tree}.{link.replace('.', '/')}.{name}"


def _build_topology(link: str, inside: dict[str, str], bridge: dict[str, str], at_namespace: bool) -> Variables:
    interface: dict[str, Any] = {
        "name": link,
        "bridge": "br",
        "peer": "tap",
        "addresses": ["10.77.0.1/24", "fd77::1/64"],
        **({} if at_namespace else {"sysctls": inside}),
    }
    of_links = {_full(link, short): value for short, value in inside.items()} if at_namespace else {}
    return {
        "name": "lab",
        "state": "present",
        "verify": False,
        "bridges": [{"name": "br", "addresses": ["10.77.0.254/24"], "sysctls": bridge}],
        "namespaces": [{"name": "ns", "sysctls": {"net.ipv4.ip_forward": 1, **of_links}, "interfaces": [interface]}],
        "links": [],
        "nat": [],
    }


def _assert_values(host: Host, link: str, inside: dict[str, str], bridge: dict[str, str]) -> None:
    for short, value in inside.items():
        assert host.in_namespace("ns", "sysctl", "-n", _full(link, short)).stdout.strip() == value, short
    for short, value in bridge.items():
        assert host.run("sysctl", "-n", _full("br", short)).stdout.strip() == value, short


def _do_damage(host: Host, damage: str, link: str, inside: dict[str, str]) -> None:
    def set_inside(key: str, value: str) -> None:
        host.run("ip", "netns", "exec", "ns", "sysctl", "-q", "-w", f"{key}={value}", check=False)

    if damage == "link deleted":
        host.run("ip", "link", "del", "tap", check=False)
    elif damage == "namespace deleted":
        delete_namespace(host, "ns")
    elif damage == "other values":
        for short in inside:
            set_inside(_full(link, short), PARAMETERS[short][-1])
    elif damage == "all links changed":
        set_inside("net.ipv6.conf.all.disable_ipv6", "1")
        set_inside("net.ipv6.conf.all.disable_ipv6", "0")
        set_inside("net.ipv4.ip_forward", "0")
    else:
        set_inside("net.ipv4.conf.default.rp_filter", "1")
        set_inside("net.ipv6.conf.default.accept_ra", "2")
