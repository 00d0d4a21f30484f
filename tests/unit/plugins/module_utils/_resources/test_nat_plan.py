# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The planner of the NAT modules: IP forwarding, chains that drop, owners, errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Plan
from ansible_collections.netns.fabric.plugins.module_utils._firewall.firewalld_policy import (
    ANYWHERE,
    Policy,
    Zones,
    policy_name,
    rich_rule,
)
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import (
    COMMENT,
    IPTABLES_LEGACY,
    NFTABLES,
    Criterion,
    Place,
    Rule,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.operations import SetSysctl
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import Link, NamespaceState, NextHop, Route
from ansible_collections.netns.fabric.plugins.module_utils._kernel.uapi import RTPROT_KERNEL
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_masquerade import Source
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_read import Actual
from ansible_collections.netns.fabric.tests.unit.plugins.module_utils._resources.nat_samples import (
    DROP,
    FORWARD,
    INET_FORWARD,
    NAT,
    NET,
    OWN,
    OWN6,
    SOURCE,
    actual,
    both,
    lines,
    owned,
    plan,
    ruleset,
    wanted,
)


class TestIpForwarding:
    def test_turned_on_once(self) -> None:
        planned = plan(actual(forwarding="0"), wanted(), wanted("10.0.0.0/8"), wanted("fd00::/64"))
        assert [line for line in planned.commands if "sysctl" in line] == [
            "sysctl -w net.ipv4.ip_forward=1",
            "sysctl -w net.ipv6.conf.all.forwarding=1",
        ]

    def test_only_forwarding_changes(self) -> None:
        planned = plan(actual(ruleset({OWN: [owned(handle=2)]}), forwarding="0"), wanted())
        assert planned.changes[0].operations == (SetSysctl(None, "net.ipv4.ip_forward", "1"),)
        assert planned.diff[0]["before"] == "net.ipv4.ip_forward: 0\n"

    def test_ip_forward_false(self) -> None:
        assert not any("sysctl" in line for line in plan(actual(forwarding="0"), wanted(ip_forward=False)).commands)


class TestForwarding:
    """Rules that accept forwarded packets in chains that drop them."""

    def state(self, chains: Mapping[Place, Sequence[Rule]], **more: Any) -> Actual:
        return actual(ruleset({OWN: [owned(handle=2)], **chains}, **more))

    def test_chain_with_a_policy(self) -> None:
        planned = plan(self.state({FORWARD: []}), wanted())
        out, replies = lines(planned)
        assert out == "iptables -t filter -A FORWARD -s NET '!' -d NET -o eth0 'netns.fabric: any' -j ACCEPT"
        assert replies == (
            "iptables -t filter -A FORWARD '!' -s NET -d NET -i eth0 -m conntrack --ctstate RELATED,ESTABLISHED "
            "'netns.fabric: any' -j ACCEPT"
        )
        assert planned.diff[0]["before"] == "accept_forward: []\n"

    def test_interface(self) -> None:
        planned = plan(self.state({FORWARD: []}), wanted(out_interface="vpn0"), check_mode=True)
        assert "-o vpn0 " in planned.commands[-2]
        assert "-i vpn0 " in planned.commands[-1]

    def ways_out(self, *links: Link, routes: Sequence[Route] = ()) -> Plan:
        state = self.state({FORWARD: []})
        return plan(replace(state, dropping={None: NamespaceState(None, links, routes=tuple(routes))}), wanted())

    def test_every_link_that_leads_outside(self) -> None:
        routes = (
            Route("0.0.0.0/0", next_hops=(NextHop(device=2), NextHop(device=3))),
            Route("10.0.0.0/8", device=4, protocol=RTPROT_KERNEL),
        )
        planned = self.ways_out(Link(2, "wan0"), Link(3, "wan1"), Link(4, "lan0"), routes=routes)
        assert [link for link in ("wan0", "wan1", "lan0") if f" {link} " in " ".join(planned.commands)] == [
            "wan0",
            "wan1",
        ]

    def test_nothing_leads_outside(self) -> None:
        planned = self.ways_out(Link(2, "lan0"), routes=[Route("10.0.0.0/8", device=2, protocol=RTPROT_KERNEL)])
        assert not planned.changed
        (blocked,) = planned.results["blocked_by"]
        assert blocked.endswith("left alone: no route leads outside; set `out_interface`")

    def test_a_link_that_no_rule_can_match(self) -> None:
        planned = self.ways_out(Link(2, "wan*"), routes=[Route("0.0.0.0/0", device=2)])
        assert not planned.changed
        assert "'wan*' is not accepted" in planned.warnings[0]

    def test_present(self) -> None:
        assert not plan(self.state({FORWARD: both()}), wanted()).changed

    def test_before_a_final_rule(self) -> None:
        condition = Rule(frozenset({Criterion("iifname", "eth0")}), "drop", arguments=("-i", "eth0", "-j", "DROP"))
        planned = plan(self.state({FORWARD: [condition, DROP]}, policy="accept"), wanted())
        assert "-I FORWARD 2 " in planned.commands[0]
        assert "-I FORWARD 3 " in planned.commands[1]

    def test_moved_before_a_final_rule(self) -> None:
        planned = plan(self.state({FORWARD: [DROP, *both()]}, policy="accept"), wanted())
        assert [line.split()[5] for line in planned.commands] == ["-D", "-I", "-D", "-I"]
        assert "(misplaced)" in planned.diff[0]["before"]

    def test_rules_that_others_have_added_later_precede(self) -> None:
        for verdict in ("drop", "jump"):
            later = Rule(frozenset({Criterion("oifname", "lan0")}), verdict, arguments=("-o", "lan0", "-j", "LATER"))
            planned = plan(self.state({FORWARD: [*both(), later]}), wanted())
            assert [line.split()[5:7] for line in planned.commands] == [["-D", "FORWARD"], ["-A", "FORWARD"]] * 2
            assert not plan(self.state({FORWARD: [later, *both()]}), wanted()).changed
        accepting = Rule(frozenset({Criterion("oifname", "lan0")}), "accept")
        assert not plan(self.state({FORWARD: [*both(), accepting]}), wanted()).changed

    def test_nft_chain(self) -> None:
        planned = plan(self.state({INET_FORWARD: []}), wanted())
        assert [line.replace(SOURCE, "NET") for line in planned.commands] == [
            (
                'nft \'add rule inet filter forward ip saddr NET ip daddr != NET oifname "eth0" accept '
                'comment "netns.fabric: any"\''
            ),
            (
                'nft \'add rule inet filter forward ip saddr != NET ip daddr NET iifname "eth0" '
                'ct state established,related accept comment "netns.fabric: any"\''
            ),
        ]

    def test_nft_chain_with_a_final_rule(self) -> None:
        planned = plan(self.state({INET_FORWARD: [DROP]}, policy="accept"), wanted())
        assert "insert rule inet filter forward handle 90 ip saddr" in planned.commands[0]

    def test_inet_chain_for_ipv6(self) -> None:
        planned = plan(self.state({INET_FORWARD: []}), wanted("fd00::/64"))
        assert sum("inet filter forward ip6 saddr" in line for line in planned.commands) == 2

    def test_every_chain_that_drops(self) -> None:
        legacy = Place(IPTABLES_LEGACY, "ip", "filter", "FORWARD")
        planned = plan(self.state({FORWARD: [], INET_FORWARD: [], legacy: []}), wanted())
        assert [line.split()[0] for line in planned.commands] == [
            *("iptables", "nft", "iptables-legacy"),
            *("iptables", "nft", "iptables-legacy"),
        ]

    def test_duplicates(self) -> None:
        planned = plan(self.state({FORWARD: [*both(), *both()]}), wanted())
        assert [line.split()[5] for line in planned.commands] == ["-D", "-D"]

    def test_removed_with_the_rule(self) -> None:
        foreign = Rule(frozenset(NET.specs(["eth0"])[1].criteria), "accept", arguments=("mine",))
        planned = plan(self.state({FORWARD: [foreign, *both()]}), wanted(state="absent"))
        assert [line.split()[0] for line in planned.commands] == ["nft", "iptables", "iptables", "nft"]
        assert not any("mine" in line for line in planned.commands)

    def test_removed_when_nothing_drops_forwarded_packets(self) -> None:
        planned = plan(self.state({FORWARD: both()}, policy="accept"), wanted())
        assert [line.split()[5] for line in planned.commands] == ["-D", "-D"]

    def test_never(self) -> None:
        planned = plan(self.state({FORWARD: []}), wanted(accept_forward="never"))
        assert not planned.changed
        assert planned.results["blocked_by"] == [
            "iptables-nft ip filter FORWARD (policy drop), left alone: accept_forward is never"
        ]
        later = plan(self.state({FORWARD: both()}), wanted(accept_forward="never"))
        assert [line.split()[5] for line in later.commands] == ["-D", "-D"]

    def firewalld(self, *jumps: Rule) -> Actual:
        """Return a host whose firewalld forwards nothing, with these rules in the chain that asks the policies."""
        dispatch = Place(NFTABLES, "inet", "firewalld", "filter_FORWARD_POLICIES")
        state = self.state({replace(INET_FORWARD, table="firewalld"): [], dispatch: list(jumps)})
        chains = {
            place: replace(chain, kind="filter") if place.table == "firewalld" else chain
            for place, chain in state.rulesets[None].chains.items()
        }
        chains[dispatch] = replace(chains[dispatch], hook="", policy="")
        return replace(state, rulesets={None: replace(state.rulesets[None], chains=chains)})

    def test_firewalld_is_reported_and_left_alone(self) -> None:
        planned = plan(self.firewalld(), wanted())
        assert not planned.changed
        (blocked,) = planned.results["blocked_by"]
        assert f"firewall-cmd --permanent --zone=trusted --add-source={SOURCE}" in blocked

    @pytest.mark.parametrize(
        ("criteria", "reached"),
        [
            ([Criterion("saddr", SOURCE)], True),
            ([Criterion("iifname", "int_br")], True),
            ([], True),
            ([Criterion("iifname", "eth0")], False),
            ([Criterion("saddr", SOURCE), Criterion("daddr", SOURCE)], False),
            ([Criterion("iifname", "int_br"), Criterion("oifname", "int_br")], False),
        ],
    )
    def test_policy_that_firewalld_does_not_ask_is_reported(self, criteria: list[Criterion], reached: bool) -> None:
        name = policy_name("")
        state = self.firewalld(Rule(frozenset(criteria), "jump", f"filter_FWD_policy_{name}"))
        settings = ANYWHERE | {("rich-rule", rich_rule(4, SOURCE))}
        zones = Zones("public", {"int_br": "internal"}, dispatch=True)
        policy = Policy(name, settings, settings, f"{COMMENT}:", zones=zones)
        planned = plan(replace(state, firewalld=policy, inner_links={SOURCE: ("int_br",)}), wanted())
        assert not planned.changed
        assert ("does not send its packets to the policy" in str(planned.results["blocked_by"])) is not reached

    def test_reported_once(self) -> None:
        planned = plan(
            self.state({FORWARD: []}),
            wanted(accept_forward="never"),
            wanted("10.0.0.0/8", accept_forward="never"),
        )
        assert len(planned.results["blocked_by"]) == 1

    def test_reported_with_the_namespace(self) -> None:
        state = actual(blue=ruleset({FORWARD: []}))
        (blocked,) = plan(state, wanted(namespace="blue", accept_forward="never")).results["blocked_by"]
        assert blocked.startswith("namespace blue: ")


class TestOwners:
    def test_rule_of_another_owner_is_another_rule(self) -> None:
        state = actual(ruleset({OWN: [owned(handle=2, owner="other")]}))
        assert "add rule" in plan(state, wanted(), owner="mine").commands[0]
        planned = plan(state, wanted(state="absent"), owner="mine")
        assert not planned.changed
        (warning,) = planned.warnings
        assert warning == (
            f"{SOURCE}: still masqueraded by a rule owned by other, which is not owned by mine; left alone "
            "(a call with `owner: other` removes it)"
        )

    def test_rule_without_owner(self) -> None:
        state = actual(ruleset({OWN: [owned(handle=2)]}))
        (warning,) = plan(state, wanted(state="absent"), owner="mine").warnings
        assert "by a rule without owner, which is not owned by mine; left alone (a call without `owner` " in warning

    def test_call_without_owner(self) -> None:
        state = actual(ruleset({OWN: [owned(handle=2, owner="other")]}))
        planned = plan(state, wanted(state="absent"))
        assert not planned.changed
        (warning,) = planned.warnings
        assert "which a call without `owner` does not own; left alone (a call with `owner: other` " in warning

    def test_no_warning_where_the_own_rule_is_removed(self) -> None:
        state = actual(ruleset({OWN: [owned(handle=2, owner="other"), owned(handle=3, owner="mine")]}))
        planned = plan(state, wanted(state="absent"), owner="mine")
        assert planned.commands == ["nft 'delete rule ip netns_fabric postrouting handle 3'"]
        assert planned.warnings == ()

    def test_owners_with_the_same_prefix(self) -> None:
        state = actual(ruleset({OWN: [owned(handle=2, owner="lab-a2")]}))
        assert not plan(state, owner="lab-a", prune=True).changed
        assert not plan(state, wanted(state="absent")).changed

    def test_prune(self) -> None:
        mine, other = Source("10.1.0.0/16"), Source("10.2.0.0/16", "eth0")
        state = actual(
            ruleset(
                {
                    OWN: [
                        owned(handle=2, owner="mine"),
                        owned(handle=3, owner="mine", key=mine),
                        owned(handle=4, owner="other", key=other),
                        owned(handle=5, key=mine),
                    ],
                    FORWARD: [
                        *both(owner="mine"),
                        *both(owner="mine", key=mine),
                        *both(owner="other", key=mine),
                    ],
                }
            ),
            blue=ruleset({OWN: [owned(handle=2, owner="mine")], NAT: [owned(owner="mine", key=other)]}),
        )
        planned = plan(state, wanted(), owner="mine", prune=True)
        assert [change.target for change in planned.changes] == [
            "masquerade host 10.1.0.0/16",
            "masquerade blue 192.168.100.0/24",
            "masquerade blue 10.2.0.0/16 out eth0",
        ]
        assert [line.partition(" -s ")[0] for line in planned.commands] == [
            "nft 'delete rule ip netns_fabric postrouting handle 3'",
            "iptables -w 10 -t filter -D FORWARD",
            "iptables -w 10 -t filter -D FORWARD '!'",
            "ip netns exec blue nft 'delete rule ip netns_fabric postrouting handle 2'",
            "ip netns exec blue nft 'delete table ip netns_fabric'",
            "ip netns exec blue iptables -w 10 -t nat -D POSTROUTING",
        ]

    def test_prune_removes_a_rule_that_lost_its_source(self) -> None:
        bare = Rule(frozenset(), "masquerade", comment="netns.fabric:mine", handle=7)
        planned = plan(actual(ruleset({OWN6: [bare]})), owner="mine", prune=True)
        assert planned.commands == [
            "nft 'delete rule ip6 netns_fabric postrouting handle 7'",
            "nft 'delete table ip6 netns_fabric'",
        ]

    def test_no_prune(self) -> None:
        state = actual(ruleset({OWN: [owned(handle=3, owner="mine", key=Source("10.1.0.0/16"))]}))
        assert plan(state, wanted(), owner="mine").changed
        assert all("delete" not in line for line in plan(state, wanted(), owner="mine").commands)
