# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What iptables-save prints, parsed, and merged with what nft prints."""

from __future__ import annotations

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._firewall import iptables_parser, nft_parser
from ansible_collections.netns.fabric.plugins.module_utils._firewall import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import (
    IPTABLES_LEGACY,
    IPTABLES_NFT,
    NFTABLES,
    Chain,
    Criterion,
    Place,
    Rule,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources import nat_masquerade as masquerade
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_masquerade import Source
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_model import RecognisedRule
from ansible_collections.netns.fabric.tests.unit.plugins.module_utils._firewall.samples import (
    FORWARD_HOOK,
    MASQUERADE,
    NET,
    NET6,
    OUT,
    SAVED,
    chain,
    document,
    payload,
    rule,
    table,
)


class TestParse:
    def chains(self) -> dict[tuple[str, str], Chain]:
        found = iptables_parser.parse_chains(SAVED, IPTABLES_NFT, 4)
        return {(chain.place.table, chain.place.chain): chain for chain in found}

    def test_chains_have_hooks_and_policies(self) -> None:
        chains = self.chains()
        assert chains["mangle", "FORWARD"].kind == "filter"
        assert ("mangle", "PREROUTING") not in chains
        forward = chains["filter", "FORWARD"]
        assert (forward.hook, forward.kind, forward.policy) == ("forward", "filter", "drop")
        docker = chains["filter", "DOCKER-USER"]
        assert (docker.hook, docker.policy) == ("", "")
        assert docker.rules[0].is_final

    def test_rule_is_the_same_as_from_nft(self) -> None:
        proper, altered = self.chains()["nat", "POSTROUTING"].rules
        assert proper.criteria == nft_parser.parse_rule(MASQUERADE).criteria
        assert (proper.comment, proper.verdict) == ("netns.fabric:lab-a", "masquerade")
        assert masquerade.recognise_source(altered) == (masquerade.MASQUERADE, Source("192.168.100.7/32"))
        assert altered.criteria != frozenset(Source("192.168.100.7/32").specs()[0].criteria)

    def test_quoted_comments(self) -> None:
        jump, reject = self.chains()["filter", "FORWARD"].rules
        assert (jump.verdict, jump.target, jump.criteria) == ("jump", "DOCKER-USER", frozenset())
        assert reject.comment == 'a "quoted" -j word'
        # What follows the target belongs to it and is not a condition.
        assert reject.criteria == {Criterion("iifname", "eth0")}

    @pytest.mark.parametrize("name", ["-x", "-o", "--comment", "!", "-j"])
    def test_links_whose_name_looks_like_an_option(self, name: str) -> None:
        found = iptables_parser.parse_rule(["-i", name, "!", "-o", name, "-j", "DROP"], 4)
        assert found.criteria == {Criterion("iifname", name), Criterion("oifname", name, negated=True)}
        assert found.verdict == "drop"

    def test_comment_that_looks_like_an_option(self) -> None:
        found = iptables_parser.parse_rule(["-m", "comment", "--comment", "-s", "-j", "DROP"], 4)
        assert (found.comment, found.criteria, found.verdict) == ("-s", frozenset(), "drop")

    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            ("-p tcp -m multiport --dports 443,80,8000:8100", Criterion("tcp dport set", "80 443 8000-8100")),
            ("-p udp -m multiport ! --sports 53", Criterion("udp sport set", "53", negated=True)),
        ],
    )
    def test_several_ports(self, words: str, expected: Criterion) -> None:
        assert iptables_parser.parse_rule([*words.split(), "-j", "ACCEPT"], 4).criteria == {expected}

    def test_order_of_states_and_options_does_not_matter(self) -> None:
        line = "-m conntrack --ctstate RELATED,ESTABLISHED -d 192.168.100.0/24 -i eth0 ! -s 192.168.100.0/24 -j ACCEPT"
        assert iptables_parser.parse_rule(line.split(), 4).criteria == frozenset(OUT.specs()[2].criteria)

    @pytest.mark.parametrize("key", [NET, OUT, NET6])
    def test_written_rules_are_read_back(self, key: Source) -> None:
        for spec in key.specs(["wan0", "wan1"]):
            comment = masquerade.SCHEME.mark("x", key) + spec.note
            found = iptables_parser.parse_rule(op.format_iptables(spec.criteria, spec.verdict, comment), key.version)
            assert spec.same_as(found)
            known = masquerade.SCHEME.recognise(Place(IPTABLES_NFT, "ip", "filter", "FORWARD"), found)
            assert known == RecognisedRule("x", spec.role, key)


class TestMerge:
    nft = nft_parser.parse_ruleset(
        document(
            table("ip", "filter"),
            chain("ip", "filter", "FORWARD", **FORWARD_HOOK, policy="drop"),
            chain("ip", "filter", "forward", **FORWARD_HOOK, policy="drop"),
            rule("ip", "filter", "FORWARD", payload("saddr", "10.0.0.0/8"), {"accept": None}),
        )
    )

    def test_iptables_replaces_what_nft_prints_of_the_same_chain(self) -> None:
        place = Place(IPTABLES_NFT, "ip", "filter", "FORWARD")
        found = iptables_parser.merge_rulesets(self.nft, [Chain(place, "forward", "drop", "filter")])
        assert set(found.chains) == {place, Place(NFTABLES, "ip", "filter", "forward")}

    def test_condition_that_iptables_does_not_understand_is_kept(self) -> None:
        # iptables 1.8.9 prints `-j ACCEPT` for `ip saddr { 1.2.3.4, 1.2.3.5 } accept`.
        place = Place(IPTABLES_NFT, "ip", "filter", "FORWARD")
        misread = Chain(place, "forward", "drop", "filter", (Rule(frozenset(), "accept", arguments=("-j", "ACCEPT")),))
        found = iptables_parser.merge_rulesets(self.nft, [misread])
        assert not found.chains[place].rules[0].is_final
        assert [obstacle.cause for obstacle in found.obstacles(4)] == ["policy drop", "policy drop"]

    def test_legacy_chains_are_added(self) -> None:
        place = Place(IPTABLES_LEGACY, "ip", "filter", "FORWARD")
        assert len(iptables_parser.merge_rulesets(self.nft, [Chain(place, "forward", "accept", "filter")]).chains) == 3
