# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Isolation: options, and the rules of an entry."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntries
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import (
    IPTABLES_NFT,
    NFTABLES,
    Place,
    Rule,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.isolation import (
    CLOSE,
    MARK,
    SCHEME,
    IsolatedLink,
    IsolationResource,
    WantedIsolation,
    chain_name,
)

RESOURCE = IsolationResource()


def wanted(**options: Any) -> WantedIsolation:
    defaults = {name: option.get("default") for name, option in RESOURCE.entry_options.items()}
    return RESOURCE.desired(Entry("br"), {**defaults, "state": "present", "link": "br", **options})


def roles(entry: WantedIsolation, version: int = 4, backend: str = NFTABLES) -> dict[str, list[str]]:
    """Return the rules by their chains."""
    found: dict[str, list[str]] = {}
    for spec, place in entry.placed(version, backend):
        found.setdefault(place.chain, []).append(spec.role)
    return found


def test_without_networks_only_the_link_itself_is_reached() -> None:
    assert roles(wanted()) == {
        "fabric-from-br": ["oifname br accept"],
        "fabric-to-br": ["ct state established,related return", "ct status dnat return"],
        "forward": ["iifname br jump fabric-from-br", "oifname br jump fabric-to-br"],
    }


def test_each_ip_version_has_its_own_networks() -> None:
    entry = wanted(
        networks=["10.0.0.0/24", "fd00::/64"],
        outbound=[{"source": "10.0.0.0/25"}, {"source": "fd00::/64", "out_interface": "lan0"}],
        reaches=[{"destination": "10.1.0.0/24"}, {"destination": "fd01::/64", "out_interface": "far0"}],
    )
    assert roles(entry)["fabric-from-br"] == [
        "oifname br accept",
        "ct state established,related saddr 10.0.0.0/24 return",
        "ct status dnat saddr 10.0.0.0/24 return",
        "daddr 10.1.0.0/24 saddr 10.0.0.0/24 accept",
        "saddr 10.0.0.0/25 return",
    ]
    assert roles(entry, 6)["fabric-from-br"][1:] == [
        "ct state established,related saddr fd00::/64 return",
        "ct status dnat saddr fd00::/64 return",
        "daddr fd01::/64 oifname far0 saddr fd00::/64 accept",
        "oifname lan0 saddr fd00::/64 return",
    ]


@pytest.mark.parametrize("backend", [NFTABLES, IPTABLES_NFT])
@pytest.mark.parametrize(("version", "everything", "net"), [(4, "0.0.0.0/0", "10.0.0.0/24"), (6, "::/0", "fd00::/64")])
def test_a_network_of_every_address_needs_no_condition(version: int, everything: str, net: str, backend: str) -> None:
    reaches = [{"destination": everything}]
    assert roles(wanted(networks=[net], reaches=reaches), version, backend)["fabric-from-br"] == [
        "oifname br accept",
        f"ct state established,related saddr {net} return",
        f"ct status dnat saddr {net} return",
        f"saddr {net} accept",
    ]
    # A rule without any condition would end the chain, before what is added for another owner.
    entry = wanted(networks=[everything], reaches=reaches, outbound=[{"source": everything}, {"source": net}])
    assert roles(entry, version, backend)["fabric-from-br"] == [
        "oifname br accept",
        "ct state established,related iifname br return",
        "ct status dnat iifname br return",
        "iifname br accept",
        "iifname br return",
        f"saddr {net} return",
    ]


def test_rules_are_recognised_by_their_comment_and_by_what_they_do() -> None:
    for backend, version in ((NFTABLES, 4), (IPTABLES_NFT, 6)):
        for spec, place in wanted(networks=["10.0.0.0/24", "fd00::/64"]).placed(version, backend):
            rule = Rule(frozenset(spec.criteria), spec.verdict, spec.target, SCHEME.mark("lab", IsolatedLink("br", 4)))
            found = SCHEME.recognise(place, rule)
            assert found is not None
            assert (found.owner, found.role, found.key) == ("lab", spec.role, IsolatedLink("br", version))


@pytest.mark.parametrize("comment", [None, "netns.fabric:lab", MARK, "netns.fabric/port-forward:lab tcp4/80"])
def test_other_rules_are_not_recognised(comment: str | None) -> None:
    place = Place(NFTABLES, "ip", "netns_fabric", "fabric-from-br")
    assert SCHEME.recognise(place, Rule(frozenset(), CLOSE.verdict, comment=comment)) is None


@pytest.mark.parametrize(
    ("link", "name"),
    [
        ("0123456789abcde", "fabric-from-0123456789abcde"),
        ("veth.1-a_b", "fabric-from-veth.1-a_b"),
        ("a b", "fabric-from-c8687a08aa5d6ed2"),
        ("a@b", "fabric-from-b4f5e50b3a1ef3e2"),
    ],
)
def test_chain_names(link: str, name: str) -> None:
    found = chain_name("fabric-from-", link)
    assert len(found) <= 28
    assert found == name or (link != name and len(found) == 28 and set(found[12:]) <= set("0123456789abcdef"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"link": "a*"}, "link: "),
        ({"networks": ["10.0.0.1/24"]}, "networks[0]: "),
        ({"networks": ["224.0.0.0/4"]}, "never a source"),
        ({"outbound": [{"source": "10.0.0.0/24"}]}, "outbound[0].source: 10.0.0.0/24 is not within"),
        ({"networks": ["fd00::/64"], "outbound": [{"source": "10.0.0.0/24"}]}, "is not within"),
        ({"outbound": [{"source": "x", "out_interface": None}]}, "outbound[0]: "),
        ({"reaches": [{"destination": "x", "out_interface": None}]}, "reaches[0]: "),
        ({"reaches": [{"destination": "10.1.0.0/24", "out_interface": "a*"}]}, "reaches[0]: "),
    ],
)
def test_errors(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidEntries) as caught:
        wanted(**options)
    assert message in str(caught.value)
