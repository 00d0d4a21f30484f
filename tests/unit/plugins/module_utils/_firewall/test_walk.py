# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where packets end in the chains of a hook."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._firewall import nft_parser
from ansible_collections.netns.fabric.plugins.module_utils._firewall.conditions import Packet
from ansible_collections.netns.fabric.plugins.module_utils._firewall.iptables_parser import parse_chains
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import INPUT, IPTABLES_NFT, Ruleset
from ansible_collections.netns.fabric.plugins.module_utils._firewall.walk import UNCLEAR, walk_hook
from ansible_collections.netns.fabric.tests.unit.plugins.module_utils._firewall.samples import (
    chain,
    document,
    rule,
    table,
)

PACKET = Packet(ip_address("10.0.0.1"), ip_address("10.0.1.1"), "tcp", 80, in_interface="eth0")


def verdicts(ruleset: Ruleset, kind: str = "filter") -> list[str]:
    return [ending.verdict for _base, endings in walk_hook(ruleset, INPUT, kind, PACKET) for ending in endings]


def of_iptables(*lines: str, policy: str = "DROP") -> Ruleset:
    text = "\n".join(["*filter", f":INPUT {policy} [0:0]", ":one - [0:0]", ":two - [0:0]", *lines, "COMMIT"])
    return Ruleset({found.place: found for found in parse_chains(text, IPTABLES_NFT, 4)})


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], ["drop"]),
        (["-A INPUT -j ACCEPT"], ["accept"]),
        (["-A INPUT -m limit --limit 3/min -j ACCEPT"], ["accept", "drop"]),
        (["-A INPUT -j one", "-A one -j ACCEPT"], ["accept"]),
        (["-A INPUT -j one", "-A one -j RETURN", "-A one -j ACCEPT"], ["drop"]),
        # Whether the chain is left before its last rule is not known.
        (["-A INPUT -j one", "-A one -m limit --limit 3/min -j RETURN", "-A one -j ACCEPT"], ["accept", "drop"]),
        (["-A INPUT -g one", "-A INPUT -j ACCEPT", "-A one -p udp -j ACCEPT"], ["drop"]),
        (["-A INPUT -m limit --limit 3/min -g one", "-A INPUT -j ACCEPT"], ["accept", "drop"]),
        (["-A INPUT -j LOG", "-A INPUT -j ACCEPT"], ["accept"]),
        (["-A INPUT -j NFQUEUE --queue-num 1", "-A INPUT -j ACCEPT"], [UNCLEAR, "accept"]),
        (["-A INPUT -j one", "-A one -j two", "-A two -j one", "-A INPUT -j REJECT"], ["reject"]),
    ],
)
def test_iptables(lines: list[str], expected: list[str]) -> None:
    assert verdicts(of_iptables(*lines)) == expected


def test_chains_that_call_each_other_many_times_are_followed_once() -> None:
    """A tenant can write what takes a program that follows every call an exponential time."""
    names = [f"c{number}" for number in range(200)]
    text = ["*filter", ":INPUT ACCEPT [0:0]", *(f":{name} - [0:0]" for name in names), "-A INPUT -j c0"]
    for name, called in zip(names, names[1:]):
        text += [f"-A {name} -m limit --limit 3/min -j {called}"] * 5
    text += [f"-A {names[-1]} -j DROP", "COMMIT"]
    ruleset = Ruleset({found.place: found for found in parse_chains("\n".join(text), IPTABLES_NFT, 4)})
    assert verdicts(ruleset) == ["drop", "accept"]


def of_nft(*expressions: list[dict[str, Any]], policy: str = "drop", **options: Any) -> Ruleset:
    base = {"hook": INPUT, "type": "filter", "policy": policy, **options}
    return nft_parser.parse_ruleset(
        document(
            table("inet", "own"),
            chain("inet", "own", "in", **base),
            chain("inet", "own", "called"),
            *(rule("inet", "own", "in", *expression) for expression in expressions),
            rule("inet", "own", "called", {"accept": None}),
        )
    )


STATE = {"ct": {"key": "state"}}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"set": [["established", {"accept": None}], ["new", {"jump": {"target": "called"}}]]}, ["accept"]),
        ({"set": [["established", {"accept": None}], ["invalid", {"drop": None}]]}, ["drop"]),
        ("@known", [UNCLEAR, "drop"]),
    ],
)
def test_verdict_maps(data: Any, expected: list[str]) -> None:
    assert verdicts(of_nft([{"vmap": {"key": STATE, "data": data}}])) == expected


def test_statements_of_nft() -> None:
    assert verdicts(of_nft([{"counter": {}}, {"log": None}, {"accept": None}])) == ["accept"]
    assert verdicts(of_nft([{"queue": {"num": 1}}])) == [UNCLEAR, "drop"]


def test_types_of_chains() -> None:
    assert verdicts(of_nft(type="route")) == ["drop"]
    assert verdicts(of_nft(type="nat")) == []
    assert verdicts(of_nft([{"masquerade": None}], type="nat", policy="accept"), "nat") == ["masquerade"]
