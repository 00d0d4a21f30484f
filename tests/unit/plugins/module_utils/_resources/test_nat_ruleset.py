# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules of one namespace: added, moved, removed, in nft and in iptables."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.netns.fabric.plugins.module_utils._firewall import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import Criterion, NftTable, Rule, Ruleset
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_masquerade import Source
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_read import SIMULATED_RULESETS
from ansible_collections.netns.fabric.tests.unit.plugins.module_utils._resources.nat_samples import (
    NAT,
    ONLY_IPTABLES,
    OWN,
    RETURN,
    actual,
    lines,
    owned,
    plan,
    ruleset,
    wanted,
)


class TestNftables:
    def test_new_rule(self) -> None:
        planned = plan(actual(forwarding="0"), wanted(), owner="lab-a")
        assert planned.commands == [
            "sysctl -w net.ipv4.ip_forward=1",
            "nft 'add table ip netns_fabric'",
            "nft 'add chain ip netns_fabric postrouting { type nat hook postrouting priority srcnat; policy accept; }'",
            (
                "nft 'add rule ip netns_fabric postrouting ip saddr 192.168.100.0/24 ip daddr != 192.168.100.0/24 "
                'ip daddr != 224.0.0.0/4 masquerade comment "netns.fabric:lab-a"\''
            ),
        ]
        assert planned.diff == [
            {
                "before_header": "masquerade host 192.168.100.0/24",
                "after_header": "masquerade host 192.168.100.0/24",
                "before": "",
                "after": (
                    "masquerade: [nftables ip netns_fabric postrouting]\nnet.ipv4.ip_forward: 1\n"
                    "source: 192.168.100.0/24\n"
                ),
            }
        ]
        assert planned.results == {"blocked_by": []}

    def test_present(self) -> None:
        assert not plan(actual(ruleset({OWN: [owned(handle=2)]})), wanted()).changed

    def test_table_is_created_once_for_each_family(self) -> None:
        planned = plan(
            actual(), wanted(), wanted("10.0.0.0/8"), wanted("fd00::/64"), wanted(namespace="new"), check_mode=True
        )
        assert sum("add table" in line for line in planned.commands) == 3

    def test_table_without_its_chain(self) -> None:
        state = Ruleset(tables={("ip", "netns_fabric"): NftTable("ip", "netns_fabric")})
        assert "add table" not in plan(actual(state), wanted()).commands[0]
        assert "add chain" in plan(actual(state), wanted()).commands[0]

    def test_duplicates(self) -> None:
        planned = plan(actual(ruleset({OWN: [owned(handle=2), owned(handle=3)]})), wanted())
        assert planned.commands == ["nft 'delete rule ip netns_fabric postrouting handle 2'"]
        assert planned.changes[0].operations[0] == op.DeleteNftRule(
            None, "ip", "netns_fabric", "postrouting", 2, "netns.fabric:", "[]", before=3
        )

    def test_altered_rule(self) -> None:
        state = ruleset({OWN: [owned(handle=2, addition=Criterion("other", "tcp"))]})
        planned = plan(actual(state), wanted())
        assert [line.split("'")[1].split(" ip ")[0] for line in planned.commands] == ["delete rule", "add rule"]
        assert "(altered)" in planned.diff[0]["before"]

    def test_rule_behind_a_final_rule(self) -> None:
        accept = Rule(frozenset(), "accept", handle=1)
        planned = plan(actual(ruleset({OWN: [accept, owned(handle=2)]})), wanted())
        assert "insert rule ip netns_fabric postrouting handle 1 ip saddr" in planned.commands[1]
        assert "(misplaced)" in planned.diff[0]["before"]

    def test_dormant_table(self) -> None:
        state = ruleset({OWN: [owned(handle=2)]})
        state = replace(state, tables={("ip", "netns_fabric"): NftTable("ip", "netns_fabric", dormant=True)})
        planned = plan(actual(state), wanted(), wanted("10.0.0.0/8"))
        assert [line.partition(" ip ")[0] for line in planned.commands] == ["nft 'add table", "nft 'add rule"]
        assert planned.diff[0]["before"] == "dormant: true\n"
        assert planned.diff[1]["before"] == ""

    def test_table_is_deleted_with_its_last_rule(self) -> None:
        state = actual(ruleset({OWN: [owned(handle=2), owned(handle=3, key=Source("10.0.0.0/8"))]}))
        one = plan(state, wanted(state="absent"))
        assert one.commands == ["nft 'delete rule ip netns_fabric postrouting handle 2'"]
        both = plan(state, wanted(state="absent"), wanted("10.0.0.0/8", state="absent"))
        assert both.commands[-1] == "nft 'delete table ip netns_fabric'"
        assert both.diff[0]["after"] == ""

    def test_table_stays_for_a_new_rule_of_the_same_call(self) -> None:
        state = actual(ruleset({OWN: [owned(handle=2)]}))
        planned = plan(state, wanted(state="absent"), wanted("10.0.0.0/8"))
        assert not any("table ip netns_fabric'" in line for line in planned.commands)

    def test_table_stays_for_objects_of_others(self) -> None:
        set_beside = ruleset({OWN: [owned(handle=2)]}, further=1)
        other_chain = ruleset({OWN: [owned(handle=2)], replace(OWN, chain="prerouting"): [Rule(frozenset(), "x")]})
        for state in (set_beside, other_chain):
            assert plan(actual(state), wanted(state="absent")).commands == [
                "nft 'delete rule ip netns_fabric postrouting handle 2'",
                "nft 'delete chain ip netns_fabric postrouting'",
            ]

    def test_table_that_somebody_has_emptied(self) -> None:
        planned = plan(actual(ruleset({OWN: []})), wanted(state="absent"))
        assert planned.commands == ["nft 'delete table ip netns_fabric'"]
        assert planned.diff[0]["before"] == "empty table: netns_fabric\n"
        assert planned.diff[0]["after"] == ""

    def test_a_rule_that_an_earlier_step_of_a_simulation_adds(self) -> None:
        state = actual(ruleset({OWN: [owned(owner="lab-a", handle=2)]}))
        first = plan(state, wanted(), wanted("10.0.0.0/8"))
        planned = plan(actual(first.simulated[SIMULATED_RULESETS][None]), wanted("10.0.0.0/8", state="absent"))
        assert planned.changes[0].operations[0] == op.DeletePlannedRule(
            None, "ip", "netns_fabric", "postrouting", "netns.fabric:", 2
        )

    def test_absent_rule_that_does_not_exist(self) -> None:
        assert not plan(actual(), wanted(state="absent")).changed


class TestIptables:
    def test_new_rule(self) -> None:
        planned = plan(actual(tools=ONLY_IPTABLES), wanted(out_interface="eth0"), owner="lab-a")
        (line,) = lines(planned)
        assert line == (
            "iptables -t nat -A POSTROUTING -s NET '!' -d NET -o eth0 -m addrtype '!' --dst-type MULTICAST "
            "netns.fabric:lab-a -j MASQUERADE"
        )

    def test_ipv6(self) -> None:
        planned = plan(actual(), wanted("fd00:100::/64"), backend="iptables")
        assert planned.commands[0].startswith("ip6tables -w 10 -t nat -A POSTROUTING -s fd00:100::/64 '!' -d")

    def test_present(self) -> None:
        assert not plan(actual(ruleset({NAT: [owned()]})), wanted(), backend="iptables").changed

    def test_duplicates_around_a_final_rule(self) -> None:
        planned = plan(actual(ruleset({NAT: [owned(), owned(), RETURN, owned()]})), wanted(), backend="iptables")
        # A rule behind the RETURN has no effect; one has to stay before it.
        assert [line.split()[5] for line in planned.commands] == ["-D", "-D", "-D", "-I"]
        assert "-I POSTROUTING 1 " in planned.commands[-1]

    def test_duplicates(self) -> None:
        planned = plan(actual(ruleset({NAT: [owned(), owned()]})), wanted(), backend="iptables")
        assert [line.split()[5] for line in planned.commands] == ["-D"]
        assert planned.diff[0]["before"].count("POSTROUTING") == 2
        assert planned.diff[0]["after"].count("POSTROUTING") == 1

    def test_absent(self) -> None:
        planned = plan(actual(ruleset({NAT: [RETURN, owned()]})), wanted(state="absent"))
        assert len(planned.commands) == 1
        operation = planned.changes[0].operations[0]
        assert isinstance(operation, op.DeleteIptablesRule)
        assert operation.number == 2
