# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which chains refuse forwarded packets that no rule with a condition has decided on."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.netns.fabric.plugins.module_utils._firewall import nft_parser
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import (
    IPTABLES_NFT,
    NFTABLES,
    Chain,
    Criterion,
    Place,
    Rule,
    Ruleset,
)
from ansible_collections.netns.fabric.tests.unit.plugins.module_utils._firewall.samples import (
    FORWARD_HOOK,
    chain,
    document,
    table,
)


def forward_chain(*rules: Rule, policy: str = "accept", more: Sequence[Chain] = ()) -> Ruleset:
    base = Chain(Place(IPTABLES_NFT, "ip", "filter", "FORWARD"), "forward", policy, "filter", rules)
    return Ruleset({chain.place: chain for chain in (base, *more)})


def called(name: str, *rules: Rule) -> Chain:
    return Chain(Place(IPTABLES_NFT, "ip", "filter", name), rules=rules)


def jump(target: str, *criteria: Criterion) -> Rule:
    return Rule(frozenset(criteria), "jump", target)


ANY = frozenset[Criterion]()
SOME = frozenset({Criterion("iifname", "eth0")})


class TestObstacles:
    def only(self, ruleset: Ruleset) -> tuple[str, str] | None:
        found = ruleset.obstacles(4)
        assert len(found) <= 1
        return (found[0].cause, found[0].place.chain) if found else None

    def test_none_where_the_policy_accepts(self) -> None:
        assert self.only(forward_chain()) is None
        assert self.only(forward_chain(Rule(SOME, "drop"))) is None
        assert self.only(forward_chain(Rule(ANY, "accept"), policy="drop")) is None

    def test_policy(self) -> None:
        assert self.only(forward_chain(policy="drop")) == ("policy drop", "FORWARD")
        assert self.only(forward_chain(Rule(SOME, "accept"), policy="drop")) == ("policy drop", "FORWARD")
        assert self.only(forward_chain(Rule(ANY, "return"), policy="drop")) == ("policy drop", "FORWARD")

    def test_final_rule(self) -> None:
        assert self.only(forward_chain(Rule(SOME, "accept"), Rule(ANY, "reject"))) == ("ends with reject", "FORWARD")

    def test_final_rule_in_a_chain_that_every_packet_passes(self) -> None:
        chain = called("ufw-reject-forward", Rule(SOME, "accept"), Rule(ANY, "reject"))
        ruleset = forward_chain(jump("ufw-reject-forward"), policy="accept", more=[chain])
        assert self.only(ruleset) == ("ends with reject", "ufw-reject-forward")

    def test_chain_that_only_some_packets_pass_is_not_an_obstacle(self) -> None:
        chain = called("some", Rule(ANY, "drop"))
        assert self.only(forward_chain(jump("some", *SOME), more=[chain])) is None

    def test_chain_that_returns(self) -> None:
        chain = called("quiet", Rule(ANY, "return"), Rule(ANY, "drop"))
        assert self.only(forward_chain(jump("quiet"), more=[chain])) is None

    def test_chains_that_call_each_other(self) -> None:
        chains = [called("a", jump("b")), called("b", jump("a"))]
        assert self.only(forward_chain(jump("a"), policy="drop", more=chains)) == ("policy drop", "FORWARD")

    def test_chains_of_docker_precede(self) -> None:
        docker = called("DOCKER-USER", Rule(ANY, "return"))
        assert self.only(forward_chain(jump("DOCKER-USER"), policy="drop", more=[docker])) == ("policy drop", "FORWARD")

    def test_other_family(self) -> None:
        assert forward_chain(policy="drop").obstacles(6) == []

    def inet(self, name: str = "filter", flags: int = 0) -> Ruleset:
        printed = document(table("inet", name), chain("inet", name, "forward", **FORWARD_HOOK, policy="drop"))
        return nft_parser.parse_ruleset(printed, {("inet", name): flags})

    def test_inet_chain_is_for_both_families(self) -> None:
        for version in (4, 6):
            (found,) = self.inet().obstacles(version)
            assert (found.place, found.refusal) == (Place(NFTABLES, "inet", "filter", "forward"), "")

    def test_dormant_table(self) -> None:
        assert self.inet(flags=nft_parser.NFT_TABLE_F_DORMANT).obstacles(4) == []

    def test_refusals(self) -> None:
        assert "flag owner" in self.inet(flags=nft_parser.NFT_TABLE_F_OWNER).obstacles(4)[0].refusal
        found = self.inet("firewalld")
        assert "firewalld" in found.obstacles(4)[0].refusal
        assert found.is_firewalld(found.obstacles(4)[0])

    def test_firewalld_with_iptables(self) -> None:
        ruleset = forward_chain(Rule(ANY, "reject"), more=[called("FORWARD_IN_ZONES")])
        assert "firewalld" in ruleset.obstacles(4)[0].refusal
