# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lines of nft and iptables for each operation."""

from __future__ import annotations

from ansible_collections.netns.fabric.plugins.module_utils._firewall import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import Criterion
from ansible_collections.netns.fabric.tests.unit.plugins.module_utils._firewall.samples import NET6, OUT


def test_nft() -> None:
    text = op.format_nft(OUT.specs()[0].criteria, "masquerade", "netns.fabric:lab-a", "ip")
    (line,) = op.AddNftRule("blue", "ip", "netns_fabric", "postrouting", text).commands()
    assert line == (
        "ip netns exec blue nft 'add rule ip netns_fabric postrouting ip saddr 192.168.100.0/24 ip daddr != "
        '192.168.100.0/24 oifname "eth0" ip daddr != 224.0.0.0/4 masquerade comment "netns.fabric:lab-a"\''
    )
    assert op.AddOwnChain(None, "ip", new_table=False).commands() == [
        "nft 'add chain ip netns_fabric postrouting { type nat hook postrouting priority srcnat; policy accept; }'"
    ]
    assert op.AddNftRule(None, "inet", "filter", "forward", "accept", before=7).commands() == [
        "nft 'insert rule inet filter forward handle 7 accept'"
    ]


def test_a_rule_of_nft_that_is_planned_is_found_by_its_comment() -> None:
    (line,) = op.DeletePlannedRule("blue", "ip", "netns_fabric", "output", "netns.fabric:lab-a", 2).commands()
    assert line == (
        "ip netns exec blue nft delete rule ip netns_fabric output handle "
        '"$(ip netns exec blue nft -a list chain ip netns_fabric output '
        "| grep -F 'comment \"netns.fabric:lab-a\" # handle ' | sed -n '2s/.* //p')\""
    )


def test_nft_ipv6() -> None:
    assert op.format_nft(NET6.specs()[0].criteria, "masquerade", "netns.fabric:", "ip6") == (
        'ip6 saddr fd00:100::/64 ip6 daddr != fd00:100::/64 oifname "eth0" ip6 daddr != ff00::/8 masquerade '
        'comment "netns.fabric:"'
    )


def test_iptables() -> None:
    words = op.format_iptables(OUT.specs()[0].criteria, "masquerade", "netns.fabric:lab-a")
    added = op.AddIptablesRule("blue", "iptables", "nat", "POSTROUTING", words, 1)
    (line,) = added.commands()
    assert line == (
        "ip netns exec blue iptables -w 10 -t nat -A POSTROUTING -s 192.168.100.0/24 '!' -d 192.168.100.0/24 "
        "-o eth0 -m addrtype '!' --dst-type MULTICAST -m comment --comment netns.fabric:lab-a -j MASQUERADE"
    )
    assert added.opposite()[:2] == ["-D", "POSTROUTING"]


def test_iptables_replies() -> None:
    words = op.format_iptables(NET6.specs()[2].criteria, "accept", "netns.fabric:")
    inserted = op.AddIptablesRule(None, "ip6tables", "filter", "FORWARD", words, 3, last=False)
    assert inserted.words()[:3] == ["-I", "FORWARD", "3"]
    assert " ".join(words) == (
        "! -s fd00:100::/64 -d fd00:100::/64 -i eth0 -m conntrack --ctstate RELATED,ESTABLISHED "
        "-m comment --comment netns.fabric: -j ACCEPT"
    )


def test_multicast_in_iptables() -> None:
    """Only what is not multicast is written by the type of address: iptables takes one `-d` per rule."""
    for network in ("224.0.0.0/4", "ff00::/8"):
        for field, option in (("daddr", "-d"), ("saddr", "-s")):
            words = op.format_iptables([Criterion(field, network)], "drop", "x")
            assert words[:2] == (option, network)
    words = op.format_iptables([Criterion("daddr", "224.0.0.0/4", negated=True)], "drop", "x")
    assert words[:5] == ("-m", "addrtype", "!", "--dst-type", "MULTICAST")


def test_quoting_for_iptables_restore() -> None:
    assert op.format_restore_line(["-A", "X", "!", "-s", "fd00::/64", "--comment", 'say "a\\b" it\'s']) == (
        '-A X ! -s fd00::/64 --comment "say \\"a\\\\b\\" it\'s"'
    )
