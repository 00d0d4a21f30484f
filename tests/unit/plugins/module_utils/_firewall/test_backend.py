# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What nft and iptables print, read; what they are told; what is made of their refusals."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import OperationFailed, Unavailable
from ansible_collections.netns.fabric.plugins.module_utils._core.journal import Journal
from ansible_collections.netns.fabric.plugins.module_utils._firewall import backend as firewall
from ansible_collections.netns.fabric.plugins.module_utils._firewall import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._firewall import ruleset as state
from ansible_collections.netns.fabric.plugins.module_utils._firewall.backend import Firewall
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import (
    IPTABLES_LEGACY,
    IPTABLES_NFT,
    NFTABLES,
    Chain,
    Criterion,
    Place,
    Rule,
    Ruleset,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources import nat_masquerade as masquerade
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_masquerade import Source
from ansible_collections.netns.fabric.plugins.module_utils._system import programs as program
from ansible_collections.netns.fabric.plugins.module_utils._system.programs import Result

NET = Source("192.168.100.0/24")
OUT = Source("192.168.100.0/24", "eth0")
NET6 = Source("fd00:100::/64", "eth0")
EVERYTHING = ("nft", "iptables", "iptables-nft", "iptables-legacy", "ip6tables", "ip6tables-nft", "ip6tables-legacy")


def payload(field: str, network: str, operator: str = "==", protocol: str = "ip") -> dict[str, Any]:
    address, _slash, length = network.partition("/")
    right: Any = {"prefix": {"addr": address, "len": int(length)}} if length else address
    return {"match": {"op": operator, "left": {"payload": {"protocol": protocol, "field": field}}, "right": right}}


# As nft 1.0.6 prints it
MASQUERADE = {
    "family": "ip",
    "table": "netns_fabric",
    "chain": "postrouting",
    "handle": 2,
    "comment": "netns.fabric:lab-a",
    "expr": [
        payload("saddr", "192.168.100.0/24"),
        payload("daddr", "192.168.100.0/24", "!="),
        {"match": {"op": "==", "left": {"meta": {"key": "oifname"}}, "right": "eth0"}},
        payload("daddr", "224.0.0.0/4", "!="),
        {"masquerade": None},
    ],
}


def table(family: str, name: str, **more: Any) -> dict[str, Any]:
    return {"table": {"family": family, "name": name, "handle": 1, **more}}


def chain(family: str, table_name: str, name: str, **more: Any) -> dict[str, Any]:
    return {"chain": {"family": family, "table": table_name, "name": name, "handle": 1, **more}}


def rule(family: str, table_name: str, chain_name: str, *expr: dict[str, Any]) -> dict[str, Any]:
    return {"rule": {"family": family, "table": table_name, "chain": chain_name, "handle": 9, "expr": list(expr)}}


def document(*objects: dict[str, Any]) -> dict[str, Any]:
    return {"nftables": [{"metainfo": {"version": "1.0.6", "json_schema_version": 1}}, *objects]}


FORWARD_HOOK = {"type": "filter", "hook": "forward", "prio": 0}
NAT_HOOK = {"type": "nat", "hook": "postrouting", "prio": 100, "policy": "accept"}


class TestWhatNftPrints:
    def test_our_rule_is_known_again(self) -> None:
        found = state.nft_rule(MASQUERADE)
        assert found.criteria == frozenset(OUT.parts()[0].criteria)
        assert (found.verdict, found.handle, found.comment) == ("masquerade", 2, "netns.fabric:lab-a")
        assert masquerade.source_of(found) == (masquerade.MASQUERADE, OUT)

    def test_a_network_of_one_address_has_no_prefix_length_there(self) -> None:
        found = state.nft_rule({"expr": [payload("saddr", "192.168.100.7"), {"masquerade": None}]})
        assert masquerade.source_of(found) == (masquerade.MASQUERADE, Source("192.168.100.7/32"))

    @pytest.mark.parametrize(
        "alien",
        [
            {"masquerade": {"flags": "random"}},
            {"match": {"op": "==", "left": {"meta": {"key": "l4proto"}}, "right": "tcp"}},
            {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 80}},
            {"limit": {"rate": 1, "per": "second"}},
            {"something": {}, "of a later": "release"},
            "something of a later release",
            {"match": {"op": ">", "left": {"payload": {"protocol": "ip", "field": "ttl"}}, "right": 3}},
        ],
    )
    def test_an_altered_rule_is_still_ours_and_not_the_same(self, alien: Any) -> None:
        found = state.nft_rule({**MASQUERADE, "expr": [alien, *MASQUERADE["expr"]]})  # type: ignore[misc]
        assert masquerade.source_of(found) == (masquerade.MASQUERADE, OUT)
        assert found.criteria != frozenset(OUT.parts()[0].criteria)

    def test_counters_and_logging_are_no_conditions(self) -> None:
        expr = [{"counter": {"packets": 1, "bytes": 2}}, {"log": {"prefix": "x"}}, {"drop": None}]
        assert state.nft_rule({"expr": expr}).final
        assert not state.nft_rule({"expr": [{"limit": {"rate": 1, "per": "second"}}, *expr]}).final

    @pytest.mark.parametrize("states", [["established", "related"], {"set": ["related", "established"]}])
    def test_both_ways_of_writing_connection_states(self, states: Any) -> None:
        expr = [
            payload("saddr", "192.168.100.0/24", "!="),
            payload("daddr", "192.168.100.0/24"),
            {"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": states}},
            {"accept": None},
        ]
        found = state.nft_rule({"expr": expr})
        assert found.criteria == frozenset(NET.parts()[2].criteria)
        assert masquerade.source_of(found) == (masquerade.ACCEPT_REPLIES, NET)

    def test_somebody_elses_accept_is_none_of_ours(self) -> None:
        assert (
            masquerade.source_of(state.nft_rule({"expr": [payload("saddr", "10.0.0.0/8"), {"accept": None}]})) is None
        )

    def test_rules_of_tables_that_do_not_matter_are_left_unread(self) -> None:
        found = state.nft_ruleset(
            document(
                table("ip", "huge"),
                chain("ip", "huge", "input", type="filter", hook="input", prio=0, policy="drop"),
                rule("ip", "huge", "input", {"something new": {}, "and": "strange"}),
            )
        )
        assert found.chains[Place(NFTABLES, "ip", "huge", "input")].rules == ()

    @pytest.mark.parametrize(("flags", "locked", "dormant"), [(0, 0, 0), (1, 0, 1), (2, 1, 0), (3, 1, 1), (4, 0, 0)])
    def test_flags_of_a_table_are_taken_from_the_kernel(self, flags: int, locked: int, dormant: int) -> None:
        # What nft 1.0.6 really prints for any flag.
        printed = document(table("inet", "filter", flags="Lester Gooch #5"))
        found = state.nft_ruleset(printed, {("inet", "filter"): flags}).tables["inet", "filter"]
        assert (found.locked, found.dormant) == (bool(locked), bool(dormant))

    def test_what_is_in_a_table_besides_chains(self) -> None:
        a_set = {"set": {"family": "ip", "table": "netns_fabric", "name": "s", "type": "ipv4_addr", "handle": 3}}
        found = state.nft_ruleset(document(table("ip", "netns_fabric"), a_set))
        assert found.tables["ip", "netns_fabric"].further == 1


SAVED = """\
# Warning: iptables-legacy tables present, use iptables-legacy-save to see them
# Generated by iptables-save v1.8.9 (nf_tables) on Sun Nov 22 19:58:41 2026
*mangle
:FORWARD DROP [0:0]
-A FORWARD -j DROP
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:DOCKER-USER - [0:0]
-A FORWARD -j DOCKER-USER
-A FORWARD -i eth0 -m comment --comment "a \\"quoted\\" -j word" -j REJECT --reject-with icmp-port-unreachable
-A DOCKER-USER -j RETURN
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A POSTROUTING -s 192.168.100.0/24 ! -d 192.168.100.0/24 -o eth0 -m addrtype ! --dst-type MULTICAST -m comment \
--comment "netns.fabric:lab-a" -j MASQUERADE
-A POSTROUTING -s 192.168.100.7/32 -m comment --comment "netns.fabric:" -j MASQUERADE --random
COMMIT
"""


class TestWhatIptablesPrints:
    def chains(self) -> dict[tuple[str, str], Chain]:
        found = state.iptables_chains(SAVED, IPTABLES_NFT, 4)
        return {(chain.place.table, chain.place.chain): chain for chain in found}

    def test_chains_with_their_hooks_and_policies(self) -> None:
        chains = self.chains()
        assert ("mangle", "FORWARD") not in chains
        forward = chains["filter", "FORWARD"]
        assert (forward.hook, forward.kind, forward.policy) == ("forward", "filter", "drop")
        docker = chains["filter", "DOCKER-USER"]
        assert (docker.hook, docker.policy) == ("", "")
        assert docker.rules[0].final

    def test_our_rule_is_the_same_as_in_nft(self) -> None:
        ours, altered = self.chains()["nat", "POSTROUTING"].rules
        assert ours.criteria == state.nft_rule(MASQUERADE).criteria
        assert (ours.comment, ours.verdict) == ("netns.fabric:lab-a", "masquerade")
        assert masquerade.source_of(altered) == (masquerade.MASQUERADE, Source("192.168.100.7/32"))
        assert altered.criteria != frozenset(Source("192.168.100.7/32").parts()[0].criteria)

    def test_comments_are_read_as_they_were_written(self) -> None:
        jump, reject = self.chains()["filter", "FORWARD"].rules
        assert (jump.verdict, jump.target, jump.criteria) == ("jump", "DOCKER-USER", frozenset())
        assert reject.comment == 'a "quoted" -j word'
        # What follows the target belongs to it and is no condition.
        assert reject.criteria == {Criterion("iifname", "eth0")}

    def test_a_comment_that_looks_like_an_option(self) -> None:
        found = state.iptables_rule(["-m", "comment", "--comment", "-s", "-j", "DROP"], 4)
        assert (found.comment, found.criteria, found.verdict) == ("-s", frozenset(), "drop")

    def test_the_order_of_states_and_options_does_not_matter(self) -> None:
        line = "-m conntrack --ctstate RELATED,ESTABLISHED -d 192.168.100.0/24 ! -s 192.168.100.0/24 -j ACCEPT"
        assert state.iptables_rule(line.split(), 4).criteria == frozenset(NET.parts()[2].criteria)

    @pytest.mark.parametrize("subject", [NET, OUT, NET6])
    @pytest.mark.parametrize("role", [masquerade.MASQUERADE, masquerade.ACCEPT_OUT, masquerade.ACCEPT_REPLIES])
    def test_what_we_write_is_what_we_read(self, subject: Source, role: str) -> None:
        (wanted,) = (part.criteria for part in subject.parts() if part.role == role)
        verdict = "masquerade" if role == masquerade.MASQUERADE else "accept"
        words = op.iptables_arguments(wanted, verdict, "netns.fabric:x")
        found = state.iptables_rule(words, subject.version)
        assert (found.criteria, found.verdict, found.comment) == (frozenset(wanted), verdict, "netns.fabric:x")
        assert masquerade.source_of(found) == (role, subject)


class TestBothTogether:
    nft = state.nft_ruleset(
        document(
            table("ip", "filter"),
            chain("ip", "filter", "FORWARD", **FORWARD_HOOK, policy="drop"),
            chain("ip", "filter", "forward", **FORWARD_HOOK, policy="drop"),
            rule("ip", "filter", "FORWARD", payload("saddr", "10.0.0.0/8"), {"accept": None}),
        )
    )

    def test_what_iptables_prints_goes_before_what_nft_prints_of_it(self) -> None:
        place = Place(IPTABLES_NFT, "ip", "filter", "FORWARD")
        found = state.together(self.nft, [Chain(place, "forward", "drop", "filter")])
        assert set(found.chains) == {place, Place(NFTABLES, "ip", "filter", "forward")}

    def test_a_condition_that_iptables_does_not_understand_is_not_lost(self) -> None:
        # iptables 1.8.9 prints `-j ACCEPT` for `ip saddr { 1.2.3.4, 1.2.3.5 } accept`.
        place = Place(IPTABLES_NFT, "ip", "filter", "FORWARD")
        misread = Chain(place, "forward", "drop", "filter", (Rule(frozenset(), "accept", arguments=("-j", "ACCEPT")),))
        found = state.together(self.nft, [misread])
        assert not found.chains[place].rules[0].final
        assert [obstacle.cause for obstacle in found.obstacles(4)] == ["policy drop", "policy drop"]

    def test_the_extensions_of_iptables_in_nfts_words(self) -> None:
        xt = [{"xt": {"type": "match", "name": "comment"}}, {"xt": None}, {"xt": {"type": "target", "name": "REJECT"}}]
        assert state.nft_rule({"expr": xt}).criteria == frozenset()
        assert state.nft_rule({"expr": [{"xt": {"type": "match", "name": "addrtype"}}]}).criteria

    def test_legacy_is_beside_the_others(self) -> None:
        place = Place(IPTABLES_LEGACY, "ip", "filter", "FORWARD")
        assert len(state.together(self.nft, [Chain(place, "forward", "accept", "filter")]).chains) == 3


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
    """What stops a packet that no rule with a condition has decided on."""

    def only(self, ruleset: Ruleset) -> tuple[str, str] | None:
        found = ruleset.obstacles(4)
        assert len(found) <= 1
        return (found[0].cause, found[0].place.chain) if found else None

    def test_none_where_the_policy_lets_through(self) -> None:
        assert self.only(forward_chain()) is None
        assert self.only(forward_chain(Rule(SOME, "drop"))) is None
        assert self.only(forward_chain(Rule(ANY, "accept"), policy="drop")) is None

    def test_the_policy(self) -> None:
        assert self.only(forward_chain(policy="drop")) == ("policy drop", "FORWARD")
        assert self.only(forward_chain(Rule(SOME, "accept"), policy="drop")) == ("policy drop", "FORWARD")
        assert self.only(forward_chain(Rule(ANY, "return"), policy="drop")) == ("policy drop", "FORWARD")

    def test_a_rule_for_all_the_rest(self) -> None:
        assert self.only(forward_chain(Rule(SOME, "accept"), Rule(ANY, "reject"))) == ("ends with reject", "FORWARD")

    def test_such_a_rule_in_a_chain_that_all_go_through(self) -> None:
        chain = called("ufw-reject-forward", Rule(SOME, "accept"), Rule(ANY, "reject"))
        ruleset = forward_chain(jump("ufw-reject-forward"), policy="accept", more=[chain])
        assert self.only(ruleset) == ("ends with reject", "ufw-reject-forward")

    def test_a_chain_that_some_go_through_is_not_in_the_way(self) -> None:
        chain = called("some", Rule(ANY, "drop"))
        assert self.only(forward_chain(jump("some", *SOME), more=[chain])) is None

    def test_a_chain_that_returns(self) -> None:
        chain = called("quiet", Rule(ANY, "return"), Rule(ANY, "drop"))
        assert self.only(forward_chain(jump("quiet"), more=[chain])) is None

    def test_chains_that_call_each_other_are_no_trap(self) -> None:
        chains = [called("a", jump("b")), called("b", jump("a"))]
        assert self.only(forward_chain(jump("a"), policy="drop", more=chains)) == ("policy drop", "FORWARD")

    def test_dockers_chain_is_the_place_where_it_is_called(self) -> None:
        docker = called("DOCKER-USER", Rule(ANY, "return"))
        assert self.only(forward_chain(jump("DOCKER-USER"), policy="drop", more=[docker])) == (
            "policy drop",
            "DOCKER-USER",
        )
        assert self.only(forward_chain(policy="drop", more=[docker])) == ("policy drop", "FORWARD")
        too_late = forward_chain(Rule(ANY, "drop"), jump("DOCKER-USER"), more=[docker])
        assert self.only(too_late) == ("ends with drop", "FORWARD")

    def test_only_the_family_asked_for(self) -> None:
        assert forward_chain(policy="drop").obstacles(6) == []

    def inet(self, name: str = "filter", flags: int = 0) -> Ruleset:
        printed = document(table("inet", name), chain("inet", name, "forward", **FORWARD_HOOK, policy="drop"))
        return state.nft_ruleset(printed, {("inet", name): flags})

    def test_a_chain_for_both_families(self) -> None:
        for version in (4, 6):
            (found,) = self.inet().obstacles(version)
            assert (found.place, found.refusal) == (Place(NFTABLES, "inet", "filter", "forward"), "")

    def test_a_table_that_is_switched_off(self) -> None:
        assert self.inet(flags=state.NFT_TABLE_F_DORMANT).obstacles(4) == []

    def test_tables_that_we_keep_out_of(self) -> None:
        assert "flag owner" in self.inet(flags=state.NFT_TABLE_F_OWNER).obstacles(4)[0].refusal
        found = self.inet("firewalld")
        assert "firewalld" in found.obstacles(4)[0].refusal
        assert found.is_firewalld(found.obstacles(4)[0])

    def test_firewalld_with_iptables(self) -> None:
        ruleset = forward_chain(Rule(ANY, "reject"), more=[called("FORWARD_IN_ZONES")])
        assert "firewalld" in ruleset.obstacles(4)[0].refusal


class TestCommands:
    def test_nft(self) -> None:
        text = op.nft_text(OUT.parts()[0].criteria, "masquerade", "netns.fabric:lab-a", "ip")
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

    def test_nft_ipv6(self) -> None:
        assert op.nft_text(NET6.parts()[0].criteria, "masquerade", "netns.fabric:", "ip6") == (
            'ip6 saddr fd00:100::/64 ip6 daddr != fd00:100::/64 oifname "eth0" ip6 daddr != ff00::/8 masquerade '
            'comment "netns.fabric:"'
        )

    def test_iptables(self) -> None:
        words = op.iptables_arguments(OUT.parts()[0].criteria, "masquerade", "netns.fabric:lab-a")
        added = op.AddIptablesRule("blue", "iptables", "nat", "POSTROUTING", words, 1)
        (line,) = added.commands()
        assert line == (
            "ip netns exec blue iptables -w 10 -t nat -A POSTROUTING -s 192.168.100.0/24 '!' -d 192.168.100.0/24 "
            "-o eth0 -m addrtype '!' --dst-type MULTICAST -m comment --comment netns.fabric:lab-a -j MASQUERADE"
        )
        assert added.opposite()[:2] == ["-D", "POSTROUTING"]

    def test_iptables_replies(self) -> None:
        words = op.iptables_arguments(NET6.parts()[2].criteria, "accept", "netns.fabric:")
        inserted = op.AddIptablesRule(None, "ip6tables", "filter", "FORWARD", words, 3, last=False)
        assert inserted.words()[:3] == ["-I", "FORWARD", "3"]
        assert " ".join(words) == (
            "! -s fd00:100::/64 -d fd00:100::/64 -i eth0 -m conntrack --ctstate RELATED,ESTABLISHED "
            "-m comment --comment netns.fabric: -j ACCEPT"
        )

    def test_quoting_for_iptables_restore(self) -> None:
        assert op.restore_line(["-A", "X", "!", "-s", "fd00::/64", "--comment", 'say "a\\b" it\'s']) == (
            '-A X ! -s fd00::/64 --comment "say \\"a\\\\b\\" it\'s"'
        )


class Programs:
    """Stands in for nft and iptables: answers as told and remembers what it was asked."""

    def __init__(self, *there: str, **answers: Result | Callable[[str], Result]) -> None:
        self.there = there
        self.answers = answers
        self.asked: list[tuple[list[str], str]] = []

    def find(self, program: str) -> str | None:
        return f"/sbin/{program}" if program in self.there else None

    def run(self, argv: Sequence[str], text: str) -> Result:
        self.asked.append((list(argv), text))
        answer = self.answers.get(argv[0].rpartition("/")[2].replace("-", "_"), Result(0, "", ""))
        return answer if isinstance(answer, Result) else answer(text)

    def firewall(self) -> Firewall:
        return Firewall(self.run, self.find)


NF_TABLES = Result(0, "iptables v1.8.9 (nf_tables)\n", "")
LEGACY = Result(0, "iptables v1.8.9 (legacy)\n", "")


class TestTools:
    def test_everything(self) -> None:
        tools = Programs(*EVERYTHING, iptables=NF_TABLES, ip6tables=LEGACY).firewall().tools
        assert tools.nft
        assert tools.usual == {4: IPTABLES_NFT, 6: IPTABLES_LEGACY}
        assert tools.iptables == {
            (IPTABLES_NFT, 4): "iptables",
            (IPTABLES_LEGACY, 4): "iptables-legacy",
            (IPTABLES_NFT, 6): "ip6tables-nft",
            (IPTABLES_LEGACY, 6): "ip6tables",
        }

    def test_an_old_release_names_no_variant(self) -> None:
        tools = Programs("iptables", iptables=Result(0, "iptables v1.6.2\n", "")).firewall().tools
        assert tools.usual == {4: IPTABLES_LEGACY}
        assert tools.iptables == {(IPTABLES_LEGACY, 4): "iptables"}
        assert not tools.nft

    def test_nothing(self) -> None:
        tools = Programs().firewall().tools
        assert not tools.any

    def test_only_the_long_name(self) -> None:
        assert Programs("iptables-legacy").firewall().tools.usual == {4: IPTABLES_LEGACY}


@pytest.fixture
def kernel_tables(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets what the kernel says that it has."""

    def say(nft: dict[tuple[str, str], int], legacy: set[str] = frozenset()) -> None:  # type: ignore[assignment]
        monkeypatch.setattr(firewall, "nftables_tables", lambda: nft)
        monkeypatch.setattr(firewall, "legacy_tables", lambda version: legacy if version == 4 else set())

    return say


class TestReading:
    def test_no_program_is_run_where_there_is_nothing(self, kernel_tables: Callable[..., None]) -> None:
        kernel_tables({})
        programs = Programs(*EVERYTHING, iptables=NF_TABLES, ip6tables=NF_TABLES)
        assert programs.firewall().read([None]) == {None: Ruleset()}
        assert [argv for argv, _text in programs.asked] == [["/sbin/iptables", "-V"], ["/sbin/ip6tables", "-V"]]

    def test_what_was_read_is_kept_until_it_is_forgotten(self, kernel_tables: Callable[..., None]) -> None:
        kernel_tables({("ip", "nat"): 0})
        said = json.dumps(document(table("ip", "nat"), chain("ip", "nat", "POSTROUTING", **NAT_HOOK)))
        programs = Programs("nft", nft=Result(0, said, ""))
        ours = programs.firewall()
        first = ours.read([None])
        assert first[None].chains
        assert ours.read([None]) == first
        assert len(programs.asked) == 1
        ours.forget()
        assert ours.read([None]) == first
        assert len(programs.asked) == 2

    def test_only_the_programs_that_have_something_to_say(self, kernel_tables: Callable[..., None]) -> None:
        kernel_tables({("ip", "nat"): 0, ("ip6", "mangle"): 0}, {"filter"})
        programs = Programs(
            *EVERYTHING,
            iptables=NF_TABLES,
            ip6tables=NF_TABLES,
            nft=Result(0, json.dumps(document(table("ip", "nat"), chain("ip", "nat", "POSTROUTING", **NAT_HOOK))), ""),
            iptables_save=Result(0, SAVED, ""),
        )
        found = programs.firewall().read([None])[None]
        assert Place(IPTABLES_NFT, "ip", "nat", "POSTROUTING") in found.chains
        assert Place(NFTABLES, "ip", "nat", "POSTROUTING") not in found.chains
        assert [argv for argv, _text in programs.asked][2:] == [
            ["/sbin/nft", "-j", "-t", "list", "ruleset"],
            ["iptables-save"],
            ["iptables-legacy-save"],
        ]

    @pytest.mark.parametrize(
        "answers",
        [
            {"nft": Result(1, "", "Error: JSON support not compiled-in\n")},
            {"nft": Result(0, "table ip nat {\n}\n", "")},
            {"nft": Result(0, json.dumps(document()), ""), "iptables_save": Result(4, "", "another app ... lock\n")},
        ],
    )
    def test_what_cannot_be_read_is_not_taken_for_nothing(
        self, kernel_tables: Callable[..., None], answers: dict[str, Result]
    ) -> None:
        kernel_tables({("ip", "nat"): 0})
        programs = Programs("nft", "iptables", iptables=NF_TABLES, **answers)
        with pytest.raises(Unavailable, match=r"in the host"):
            programs.firewall().read([None])

    def test_a_namespace_that_is_not_there_is_left_out(self) -> None:
        assert Programs().firewall().read(["no such namespace"]) == {}

    def test_the_kernels_list_of_tables(self) -> None:
        name = b"netns_fabric\0"
        attributes = struct.pack("=HH", 8, 2) + struct.pack(">I", 3) + struct.pack("=HH", 4 + len(name), 1) + name

        def dumped(family: int) -> bytes:
            body = struct.pack("=BBH", family, 0, 0) + attributes + b"\0" * (-len(attributes) % 4)
            return struct.pack("=IHHII", 16 + len(body), 0xA00, 2, 1, 0) + body

        assert firewall._parse_table(dumped(2)) == (("ip", "netns_fabric"), 3)
        # A family that no table has (NFPROTO_DECNET).
        assert firewall._parse_table(dumped(12)) is None


def added(table_name: str = "nat", command: str = "iptables") -> op.AddIptablesRule:
    words = op.iptables_arguments(NET.parts()[0].criteria, "masquerade", "netns.fabric:")
    return op.AddIptablesRule(None, command, table_name, "POSTROUTING", words, 1)


def add_nft(rule_text: str, before: int | None = None) -> op.AddNftRule:
    return op.AddNftRule(None, "ip", "netns_fabric", "postrouting", rule_text, before)


def delete_nft(handle: int, before: int | None = None) -> op.DeleteNftRule:
    expressions = json.dumps([{"masquerade": None}])
    return op.DeleteNftRule(None, "ip", "netns_fabric", "postrouting", handle, "netns.fabric:", expressions, before)


class TestWriting:
    def test_all_of_nft_is_one_transaction(self) -> None:
        programs = Programs("nft")
        operations = [op.AddOwnChain(None, "ip"), add_nft("masquerade"), op.AddOwnChain(None, "ip6")]
        programs.firewall().execute(operations, Journal())
        ((argv, text),) = programs.asked
        assert argv == ["/sbin/nft", "--echo", "--handle", "--file", "-"]
        assert text.splitlines() == [line for operation in operations for line in operation.statements()]

    def test_iptables_has_one_for_each_table(self) -> None:
        programs = Programs("iptables-restore", "ip6tables-restore")
        programs.firewall().execute([added(), added("filter"), added(), added(command="ip6tables")], Journal())
        assert [(argv[0], text.split("\n", 1)[0], text.count("-A ")) for argv, text in programs.asked] == [
            ("/sbin/iptables-restore", "*nat", 2),
            ("/sbin/iptables-restore", "*filter", 1),
            ("/sbin/ip6tables-restore", "*nat", 1),
        ]
        assert programs.asked[0][0][1:] == ["--noflush", "-w", "10"]
        assert programs.asked[0][1].endswith("\nCOMMIT\n")

    def test_nft_says_which_one_it_refused(self) -> None:
        error = "/dev/stdin:3:13-14: Error: Could not process rule: No such file or directory\nadd rule ip\n   ^^\n"
        operations = [op.AddOwnChain(None, "ip"), add_nft("masquerade"), add_nft("accept")]
        journal = Journal()
        with pytest.raises(OperationFailed, match=r"Error: Could not process rule") as caught:
            Programs("nft", nft=Result(1, "", error)).firewall().execute(operations, journal)
        assert caught.value.operation is operations[1]
        assert "^^" not in str(caught.value)
        assert len(journal) == 0

    def test_a_kernel_without_nat(self) -> None:
        error = "/dev/stdin:2:1-5: Error: Could not process rule: Operation not supported\n"
        with pytest.raises(OperationFailed, match="nft_chain_nat"):
            Programs("nft", nft=Result(1, "", error)).firewall().execute([op.AddOwnChain(None, "ip")], Journal())

    def test_iptables_says_which_one_it_refused(self) -> None:
        operations = [added(), added(), added()]
        error = Result(1, "", "iptables-restore: line 3 failed: Bad rule.\n")
        with pytest.raises(OperationFailed, match="Bad rule") as caught:
            Programs(iptables_restore=error).firewall().execute(operations, Journal())
        assert caught.value.operation is operations[1]

    def test_a_lock_that_is_held_is_not_an_absent_rule(self) -> None:
        error = Result(4, "", "Another app is currently holding the xtables lock. Stopped waiting after 10s.\n")
        with pytest.raises(OperationFailed, match=r"kept the lock of iptables for 10 s"):
            Programs(iptables_restore=error).firewall().execute([added()], Journal())

    def test_a_namespace_that_has_gone(self) -> None:
        with pytest.raises(OperationFailed, match="the namespace gone: No such file"):
            Programs().firewall().execute([op.AddOwnChain("gone", "ip")], Journal())


class TestTheWayBack:
    def undo(
        self, programs: Programs, operations: Sequence[op.NftOperation] | Sequence[op.IptablesOperation]
    ) -> list[str]:
        journal = Journal()
        programs.firewall().execute(operations, journal)
        programs.asked.clear()
        assert journal.roll_back() == []
        return [text or argv[-1] for argv, text in programs.asked]

    def test_of_iptables(self) -> None:
        words = ("-s", "192.168.100.0/24", "-j", "MASQUERADE")
        delete = op.DeleteIptablesRule(None, "iptables", "nat", "POSTROUTING", words, 4)
        (text,) = self.undo(Programs(), [delete, added()])
        assert text.splitlines() == [
            "*nat",
            op.restore_line(added().opposite()),
            "-I POSTROUTING 4 -s 192.168.100.0/24 -j MASQUERADE",
            "COMMIT",
        ]

    def test_of_what_nft_added(self) -> None:
        echo = (
            "add table ip netns_fabric\n"
            "add chain ip netns_fabric postrouting { type nat hook postrouting priority srcnat; } # handle 1\n"
            'add rule ip netns_fabric postrouting masquerade comment "netns.fabric:" # handle 5\n'
            'insert rule ip netns_fabric postrouting masquerade comment "netns.fabric:" # handle 6\n'
            "# new generation 3 by process 23157 (nft)\n"
        )
        operations = [
            op.WakeOwnTable(None, "ip6"),
            *(op.AddOwnChain(None, "ip"), add_nft("masquerade"), add_nft("masquerade", 5)),
        ]
        assert self.undo(Programs(nft=Result(0, echo, "")), operations) == [
            "delete rule ip netns_fabric postrouting handle 6",
            "delete rule ip netns_fabric postrouting handle 5",
            "delete table ip netns_fabric",
            "add table ip6 netns_fabric { flags dormant; }",
        ]

    def test_of_what_nft_deleted_in_the_same_order(self) -> None:
        def answer(text: str) -> Result:
            if not text.startswith("{"):
                return Result(0, "", "")
            ((verb, content),) = json.loads(text)["nftables"][0].items()
            content["rule"]["handle"] = 40
            return Result(0, json.dumps({"nftables": [{verb: content}]}), "")

        operations = [delete_nft(2, before=3), delete_nft(3), op.DeleteOwnTable(None, "ip")]
        table_back, last_back, first_back = self.undo(Programs(nft=answer), operations)
        assert table_back.splitlines() == list(op.AddOwnChain(None, "ip").statements())
        assert json.loads(last_back)["nftables"][0]["add"]["rule"]["expr"] == [{"masquerade": None}]
        # Before the one that came after it, which has another handle now.
        assert json.loads(first_back)["nftables"][0]["insert"]["rule"]["handle"] == 40

    def test_an_nft_that_does_not_echo(self) -> None:
        journal = Journal()
        Programs().firewall().execute([add_nft("masquerade")], journal)
        (failure,) = journal.roll_back()
        assert "did not say which rules" in failure


class TestRunning:
    def test_standard_input_and_output(self) -> None:
        assert program.run(["cat"], "text") == Result(0, "text", "")

    def test_text_is_utf_8_whatever_the_locale(self) -> None:
        code = f"from {program.__name__} import run; print(ascii(run(['cat'], '\\xfc').output))"
        plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
        environment = {**os.environ, **plain, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=20, check=False
        )
        assert done.stdout.strip() == r"'\xfc'", done.stderr

    def test_a_program_that_is_not_there(self) -> None:
        with pytest.raises(OperationFailed, match="no-such-program: No such file"):
            program.run(["no-such-program"])

    def test_one_that_hangs(self) -> None:
        with pytest.raises(program.TimedOut, match=r"sleep did not end within 0\.05 s .* is not known"):
            program.run(["sleep", "10"], timeout=0.05)

    def test_programs_are_found_where_su_does_not_look(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
        nft = tmp_path / "nft"
        nft.write_text("", encoding="ascii")
        nft.chmod(0o755)
        monkeypatch.setenv("PATH", "/nowhere")
        monkeypatch.setattr(program, "SYSTEM_DIRECTORIES", (str(tmp_path),))
        assert program.find("nft") == str(nft)
        assert program.find("iptables") is None
