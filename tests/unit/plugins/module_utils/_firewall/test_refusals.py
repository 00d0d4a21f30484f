# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which chain refuses a packet to the host, for the rules that ufw, firewalld, iptables and nft write."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._firewall import nft_parser
from ansible_collections.netns.fabric.plugins.module_utils._firewall.conditions import ESTABLISHED, Packet
from ansible_collections.netns.fabric.plugins.module_utils._firewall.iptables_parser import merge_rulesets, parse_chains
from ansible_collections.netns.fabric.plugins.module_utils._firewall.refusals import (
    Refusal,
    find_refusal,
    how_to_open,
)
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import (
    FORWARD,
    INPUT,
    IPTABLES_LEGACY,
    IPTABLES_NFT,
    Ruleset,
    Tools,
)
from ansible_collections.netns.fabric.tests.unit.plugins.module_utils._firewall.samples import (
    chain,
    document,
    rule,
    table,
)

TOOLS = Tools(nft=True, iptables={(IPTABLES_NFT, 4): "iptables", (IPTABLES_LEGACY, 4): "iptables-legacy"})

#: As `iptables-save` prints ufw's rules, without those for logging and for UDP services.
UFW = """*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:ufw-after-input - [0:0]
:ufw-before-input - [0:0]
:ufw-not-local - [0:0]
:ufw-skip-to-policy-input - [0:0]
:ufw-user-input - [0:0]
-A INPUT -j ufw-before-input
-A INPUT -j ufw-after-input
-A ufw-before-input -i lo -j ACCEPT
-A ufw-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A ufw-before-input -m conntrack --ctstate INVALID -j DROP
-A ufw-before-input -p icmp -m icmp --icmp-type 8 -j ACCEPT
-A ufw-before-input -j ufw-not-local
-A ufw-before-input -j ufw-user-input
-A ufw-not-local -m addrtype --dst-type LOCAL -j RETURN
-A ufw-not-local -m limit --limit 3/min --limit-burst 10 -j LOG
-A ufw-not-local -j DROP
-A ufw-after-input -p udp -m udp --dport 137 -j ufw-skip-to-policy-input
-A ufw-skip-to-policy-input -j DROP
COMMIT
"""


def saved(text: str, *rules: str, backend: str = IPTABLES_NFT) -> Ruleset:
    """Return the ruleset of a text of iptables-save with further rules."""
    text = text.replace("COMMIT\n", "".join(f"{line}\n" for line in (*rules, "COMMIT")))
    return merge_rulesets(Ruleset(), parse_chains(text, backend, 4))


def packet(protocol: str = "tcp", **more: Any) -> Packet:
    source, destination = ip_address("192.168.100.1"), ip_address("192.168.100.254")
    return Packet(**{"source": source, "destination": destination, "protocol": protocol, **more})


def input_rules(*expressions: list[dict[str, Any]], policy: str = "accept", name: str = "filter") -> Ruleset:
    """Return the ruleset of a table of nft with one chain on the input hook."""
    return nft_parser.parse_ruleset(
        document(
            table("inet", name),
            chain("inet", name, "input", type="filter", hook="input", prio=0, policy=policy),
            *(rule("inet", name, "input", *expression) for expression in expressions),
        )
    )


def text_of(refusal: Refusal | None) -> str:
    return str(refusal) if refusal else ""


def opening(ruleset: Ruleset, link: str = "int_br") -> str:
    refusal = find_refusal(ruleset, INPUT, packet(in_interface=link))
    assert refusal is not None
    return how_to_open(ruleset, refusal, TOOLS, None, link)


def test_ufw() -> None:
    ruleset = saved(UFW)
    refusal = find_refusal(ruleset, INPUT, packet())
    assert text_of(refusal) == "iptables-nft ip filter INPUT (policy drop)"
    assert refusal is not None
    assert refusal.is_certain
    # ufw lets pings in.
    assert find_refusal(ruleset, INPUT, packet("icmp")) is None
    assert find_refusal(ruleset, INPUT, packet(state=ESTABLISHED)) is None
    assert opening(ruleset) == "`ufw allow in on int_br` lets in what comes by int_br"
    assert text_of(find_refusal(ruleset, FORWARD, packet())) == "iptables-nft ip filter FORWARD (policy drop)"


def test_ufw_that_lets_the_bridge_in() -> None:
    ruleset = saved(UFW, "-A ufw-user-input -i int_br -j ACCEPT")
    assert find_refusal(ruleset, INPUT, packet(in_interface="int_br")) is None
    assert find_refusal(ruleset, INPUT, packet(in_interface="other")) is not None
    unknown = find_refusal(ruleset, INPUT, packet())
    assert unknown is not None
    assert not unknown.is_certain


@pytest.mark.parametrize(
    ("arguments", "refused"),
    [
        ("-j DROP", True),
        ("-i int_br -p tcp -j REJECT --reject-with icmp-port-unreachable", True),
        ("-i eth+ -j DROP", False),
        ("-i int+ -j DROP", True),
        ("-s 10.0.0.0/8 -j DROP", False),
        ("! -s 10.0.0.0/8 -j DROP", True),
        ("-p udp -j DROP", False),
        ("! -p udp -j DROP", True),
        ("-p tcp -m tcp --dport 22 -j DROP", False),
        ("-p tcp -m tcp --dport 1:65535 -j DROP", True),
        ("-m conntrack --ctstate NEW -j DROP", True),
        ("-m conntrack --ctstate INVALID -j DROP", False),
    ],
)
def test_rules_of_iptables(arguments: str, refused: bool) -> None:
    ruleset = saved("*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n", f"-A INPUT {arguments}", backend=IPTABLES_LEGACY)
    assert (find_refusal(ruleset, INPUT, packet(in_interface="int_br")) is not None) is refused
    if refused:
        assert opening(ruleset).startswith("`iptables-legacy -I INPUT -i int_br -j ACCEPT`")


def test_port_of_a_service() -> None:
    ruleset = saved("*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n", "-A INPUT -p tcp -m tcp --dport 22 -j DROP")
    assert find_refusal(ruleset, INPUT, packet(port=22)) is not None
    assert find_refusal(ruleset, INPUT, packet(port=80)) is None


ESTABLISHED_ACCEPTED: list[dict[str, Any]] = [
    {"match": {"op": "==", "left": {"ct": {"key": "state"}}, "right": {"set": ["established", "related"]}}},
    {"accept": None},
]
ICMP_ACCEPTED: list[dict[str, Any]] = [
    {"match": {"op": "==", "left": {"meta": {"key": "l4proto"}}, "right": {"set": ["icmp", "ipv6-icmp"]}}},
    {"accept": None},
]
DNAT_ACCEPTED: list[dict[str, Any]] = [
    {"match": {"op": "in", "left": {"ct": {"key": "status"}}, "right": "dnat"}},
    {"accept": None},
]
REJECTED: list[dict[str, Any]] = [{"reject": {"type": "icmpx", "expr": "admin-prohibited"}}]


def test_firewalld() -> None:
    ruleset = input_rules(ESTABLISHED_ACCEPTED, DNAT_ACCEPTED, ICMP_ACCEPTED, REJECTED, name="firewalld")
    refusal = find_refusal(ruleset, INPUT, packet())
    assert text_of(refusal) == "nftables inet firewalld input (a rule with reject)"
    assert refusal is not None
    assert refusal.is_certain
    assert find_refusal(ruleset, INPUT, packet(state=ESTABLISHED)) is None
    assert "`firewall-cmd --permanent --zone=trusted --add-interface=int_br`" in opening(ruleset)


def test_nft() -> None:
    ruleset = input_rules(policy="drop")
    assert text_of(find_refusal(ruleset, INPUT, packet("icmp", state=ESTABLISHED))) != ""
    assert "nft 'insert rule inet filter input iifname \"int_br\" accept'" in opening(ruleset)
    assert find_refusal(ruleset, FORWARD, packet()) is None


def test_chains_that_call_each_other() -> None:
    text = "*filter\n:INPUT DROP [0:0]\n:a - [0:0]\n:b - [0:0]\nCOMMIT\n"
    ruleset = saved(text, "-A INPUT -g a", "-A a -j b", "-A a -j missing", "-A b -j RETURN", "-A b -j ACCEPT")
    assert text_of(find_refusal(ruleset, INPUT, packet())) == "iptables-nft ip filter INPUT (policy drop)"
