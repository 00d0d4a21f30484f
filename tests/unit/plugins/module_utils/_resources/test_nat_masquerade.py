# Copyright (c) 2026, netns.fabric contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Masquerading: options, and the plan for every state that a host may be found in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import InvalidEntries, Unavailable
from ansible_collections.netns.fabric.plugins.module_utils._core.journal import BackendType
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Entry, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Call
from ansible_collections.netns.fabric.plugins.module_utils._firewall import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import (
    IPTABLES_LEGACY,
    IPTABLES_NFT,
    NFTABLES,
    Chain,
    Criterion,
    NftTable,
    Place,
    Rule,
    Ruleset,
    Tools,
)
from ansible_collections.netns.fabric.plugins.module_utils._kernel.operations import SetSysctl
from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import KernelState, Link, NamespaceState
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_masquerade import (
    ACCEPT_OUT,
    ACCEPT_REPLIES,
    MASQUERADE,
    MasqueradeResource,
    Source,
    Wanted,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.nat_plan import Actual

RESOURCE = MasqueradeResource()
SOURCE = "192.168.100.0/24"
NET = Source(SOURCE)
NET6 = Source("fd00:100::/64")

OWN = Place(NFTABLES, "ip", "netns_fabric", "postrouting")
OWN6 = Place(NFTABLES, "ip6", "netns_fabric", "postrouting")
NAT = Place(IPTABLES_NFT, "ip", "nat", "POSTROUTING")
LEGACY_NAT = Place(IPTABLES_LEGACY, "ip", "nat", "POSTROUTING")
FORWARD = Place(IPTABLES_NFT, "ip", "filter", "FORWARD")
DOCKER = Place(IPTABLES_NFT, "ip", "filter", "DOCKER-USER")
INET_FORWARD = Place(NFTABLES, "inet", "filter", "forward")

EVERYTHING = Tools(
    nft=True,
    iptables={
        (IPTABLES_NFT, 4): "iptables",
        (IPTABLES_LEGACY, 4): "iptables-legacy",
        (IPTABLES_NFT, 6): "ip6tables",
        (IPTABLES_LEGACY, 6): "ip6tables-legacy",
    },
    usual={4: IPTABLES_NFT, 6: IPTABLES_NFT},
)
ONLY_IPTABLES = replace(EVERYTHING, nft=False)
ONLY_NFT = Tools(nft=True)

DROP = Rule(frozenset(), "drop", handle=90, arguments=("-j", "DROP"))
RETURN = Rule(frozenset(), "return", arguments=("-j", "RETURN"))


def entry(**options: Any) -> dict[str, Any]:
    defaults = {name: option.get("default") for name, option in RESOURCE.entry_options.items()}
    return {**defaults, "state": "present", **options}


def wanted(source: str = SOURCE, **options: Any) -> Wanted:
    return RESOURCE.desired(Entry(source), entry(source=source, **options))


def ours(
    role: str = MASQUERADE,
    subject: Source = NET,
    owner: str = "",
    handle: int | None = None,
    alien: Criterion | None = None,
) -> Rule:
    """A rule of ours, in nft if it has a handle, in iptables otherwise; `alien` alters it."""
    (proper,) = (part.criteria for part in subject.parts() if part.role == role)
    verdict = "masquerade" if role == MASQUERADE else "accept"
    comment = f"netns.fabric:{owner}"
    arguments = () if handle else op.iptables_arguments(proper, verdict, comment)
    if alien:
        arguments = ("altered", *arguments)
    return Rule(
        frozenset((*proper, *([alien] if alien else ()))),
        verdict,
        comment=comment,
        handle=handle,
        expressions="[]",
        arguments=arguments,
    )


def ruleset(chains: Mapping[Place, Sequence[Rule]], further: int = 0, policy: str = "drop") -> Ruleset:
    """Chains with these rules; those that forward have the policy, those that others jump to have none."""
    made = {}
    for place, rules in chains.items():
        hook = {"forward": "forward", "postrouting": "postrouting"}.get(place.chain.lower(), "")
        kind = "filter" if place.table == "filter" else "nat"
        made[place] = Chain(place, hook, policy if hook == "forward" else "", kind, tuple(rules))
    tables = {(place.family, place.table) for place in chains if place.backend == NFTABLES}
    return Ruleset(made, {key: NftTable(*key, further=further) for key in tables})


def actual(
    host: Ruleset | None = None,
    tools: Tools = EVERYTHING,
    forwarding: str | None = "1",
    **namespaces: Ruleset,
) -> Actual:
    kernel = KernelState(
        {
            None: NamespaceState(None, links=(Link(1, "lo"), Link(2, "eth0"))),
            **{name: NamespaceState(name, links=(Link(1, "lo"),)) for name in namespaces},
        }
    )
    names = [None, *namespaces, "new"]
    return Actual(
        kernel=kernel,
        tools=tools,
        rulesets={name: namespaces[name] if name else host or Ruleset() for name in [None, *namespaces]},
        forwarding={(name, version): forwarding for name in names for version in (4, 6)},
    )


def plan(state: Actual, *entries: Wanted, **call: Any) -> Plan:
    options = {"backend": call.pop("backend", "auto")}
    return RESOURCE.plan(state, Call(entries=entries, options=options, **call))


def lines(made: Plan) -> list[str]:
    """The commands without what is the same in all of them."""
    return [
        line.replace(SOURCE, "NET").replace("-w 10 ", "").replace("-m comment --comment ", "") for line in made.commands
    ]


class TestOptions:
    def mistake(self, **options: Any) -> str:
        with pytest.raises(InvalidEntries) as caught:
            RESOURCE.desired(Entry("rules[0]"), entry(**options))
        return str(caught.value)

    def test_defaults(self) -> None:
        found = wanted()
        assert (found.present, found.ip_forward, found.accept_forward) == (True, True, "auto")
        assert (found.namespace, found.subject) == (None, NET)

    def test_ipv6_by_its_family(self) -> None:
        assert wanted("FD00:100:0::/64").subject == NET6
        assert wanted("fd00::/64").version == 6

    def test_the_network_that_was_meant_is_named(self) -> None:
        assert "write 192.168.100.0/24" in self.mistake(source="192.168.100.7/24")

    @pytest.mark.parametrize("source", ["192.168.100.0", "192.168.300.0/24", "0.0.0.0/0", "::/0", "224.0.0.0/4", ""])
    def test_what_is_no_network_behind_a_router(self, source: str) -> None:
        assert "rules[0]: source: " in self.mistake(source=source)

    @pytest.mark.parametrize("name", ["eth+", "eth*", 'e"', "0123456789abcdef", "a/b"])
    def test_interfaces_that_no_rule_can_name(self, name: str) -> None:
        assert "rules[0]: out_interface: " in self.mistake(source=SOURCE, out_interface=name)

    def test_all_mistakes_of_an_entry_at_once(self) -> None:
        assert self.mistake(source="x", out_interface="", namespace="a/b").count("\n") == 2

    def test_what_makes_two_entries_the_same(self) -> None:
        assert RESOURCE.key(wanted()) == RESOURCE.key(wanted(ip_forward=False))
        assert RESOURCE.key(wanted()) != RESOURCE.key(wanted(out_interface="eth0"))
        assert RESOURCE.key(wanted()) != RESOURCE.key(wanted(namespace="blue"))


class TestChecks:
    def mistakes(self, state: Actual, *entries: Wanted) -> str:
        with pytest.raises(InvalidEntries) as caught:
            plan(state, *entries)
        return str(caught.value)

    def test_an_interface_that_does_not_exist(self) -> None:
        said = self.mistakes(actual(), wanted(out_interface="eth7"))
        assert said == f"{SOURCE}: out_interface: there is no link eth7 in the host, which has eth0, lo"

    def test_in_check_mode_it_is_taken_as_made(self) -> None:
        made = plan(actual(), wanted(out_interface="eth7"), check_mode=True)
        assert made.changed
        assert made.warnings == ("Not there yet, and taken as made by an earlier task: link eth7 in the host",)

    def test_a_namespace_that_does_not_exist(self) -> None:
        assert "the namespace new does not exist" in self.mistakes(actual(), wanted(namespace="new"))

    def test_in_check_mode_it_is_taken_as_new_and_empty(self) -> None:
        made = plan(actual(forwarding="0"), wanted(namespace="new"), check_mode=True)
        assert len(made.commands) == 4
        assert all(line.startswith("ip netns exec new ") for line in made.commands)
        assert "namespace new" in made.warnings[0]

    def test_what_is_absent_needs_neither(self) -> None:
        gone = [
            wanted(namespace="new", state="absent"),
            wanted("10.0.0.0/8", out_interface="eth7", state="absent"),
        ]
        assert not plan(actual(), *gone).changed

    @pytest.mark.parametrize(
        ("first", "second", "contradict"),
        [
            ({}, {"source": "192.168.0.0/16"}, True),
            ({}, {"out_interface": "eth0"}, True),
            ({"out_interface": "eth0"}, {"source": "192.168.100.64/26", "out_interface": "eth0"}, True),
            ({"out_interface": "eth0"}, {"out_interface": "lo"}, False),
            ({}, {"source": "192.168.101.0/24"}, False),
            ({}, {"namespace": "blue"}, False),
            ({}, {"source": "192.168.0.0/16", "state": "absent"}, False),
        ],
    )
    def test_networks_that_overlap(self, first: dict[str, Any], second: dict[str, Any], contradict: bool) -> None:
        entries = [wanted(**first), wanted("172.16.0.0/12"), wanted(**second)]
        if contradict:
            assert "overlaps" in self.mistakes(actual(), *entries)
        else:
            plan(actual(blue=Ruleset()), *entries)

    def test_a_default_route_that_would_be_lost(self) -> None:
        state = replace(actual(forwarding="0", blue=Ruleset()), advertised={None: ["eth0"], "blue": ["e.7"]})
        here, there = wanted("fd00::/64"), wanted("fd00:1::/64", namespace="blue")
        assert "(`sysctl -w net.ipv6.conf.eth0.accept_ra=2`" in self.mistakes(state, here)
        assert "ip netns exec blue sysctl -w net.ipv6.conf.e/7.accept_ra=2" in self.mistakes(state, there)
        assert plan(state, wanted("10.0.0.0/8"), wanted("fd00::/64", ip_forward=False)).changed
        assert plan(state, wanted("fd00::/64", state="absent")).warnings == ()

    def test_ipv6_on_a_host_without_it(self) -> None:
        assert "boot parameter ipv6.disable" in self.mistakes(actual(forwarding=None), wanted("fd00::/64"))

    @pytest.mark.parametrize(
        ("tools", "backend", "source", "said"),
        [
            (Tools(), "auto", SOURCE, "needs nft or iptables, and this host has neither: `apt install nftables`"),
            (Tools(), "auto", "fd00::/64", "needs nft or ip6tables"),
            (ONLY_IPTABLES, "nftables", SOURCE, "this host has no nft"),
            (ONLY_NFT, "iptables", SOURCE, "this host has no iptables"),
            (ONLY_NFT, "iptables", "fd00::/64", "this host has no ip6tables"),
        ],
    )
    def test_programs_that_the_host_does_not_have(self, tools: Tools, backend: str, source: str, said: str) -> None:
        with pytest.raises(Unavailable, match=said):
            plan(actual(tools=tools), wanted(source), backend=backend)

    def test_nothing_is_needed_to_find_nothing(self) -> None:
        assert not plan(actual(tools=Tools()), wanted(state="absent")).changed


class TestNftables:
    def test_a_new_rule(self) -> None:
        made = plan(actual(forwarding="0"), wanted(), owner="lab-a")
        assert made.commands == [
            "sysctl -w net.ipv4.ip_forward=1",
            "nft 'add table ip netns_fabric'",
            "nft 'add chain ip netns_fabric postrouting { type nat hook postrouting priority srcnat; policy accept; }'",
            (
                "nft 'add rule ip netns_fabric postrouting ip saddr 192.168.100.0/24 ip daddr != 192.168.100.0/24 "
                'ip daddr != 224.0.0.0/4 masquerade comment "netns.fabric:lab-a"\''
            ),
        ]
        assert made.diff == [
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
        assert made.results == {"blocked_by": []}

    def test_one_that_is_there(self) -> None:
        assert not plan(actual(ruleset({OWN: [ours(handle=2)]})), wanted()).changed

    def test_the_table_is_made_once_for_each_family(self) -> None:
        made = plan(
            actual(), wanted(), wanted("10.0.0.0/8"), wanted("fd00::/64"), wanted(namespace="new"), check_mode=True
        )
        assert sum("add table" in line for line in made.commands) == 3

    def test_a_table_that_has_lost_its_chain(self) -> None:
        state = Ruleset(tables={("ip", "netns_fabric"): NftTable("ip", "netns_fabric")})
        assert "add table" not in plan(actual(state), wanted()).commands[0]
        assert "add chain" in plan(actual(state), wanted()).commands[0]

    def test_forwarding_is_turned_on_once(self) -> None:
        made = plan(actual(forwarding="0"), wanted(), wanted("10.0.0.0/8"), wanted("fd00::/64"))
        assert [line for line in made.commands if "sysctl" in line] == [
            "sysctl -w net.ipv4.ip_forward=1",
            "sysctl -w net.ipv6.conf.all.forwarding=1",
        ]

    def test_forwarding_alone(self) -> None:
        made = plan(actual(ruleset({OWN: [ours(handle=2)]}), forwarding="0"), wanted())
        assert made.changes[0].operations == (SetSysctl(None, "net.ipv4.ip_forward", "1"),)
        assert made.diff[0]["before"] == "net.ipv4.ip_forward: 0\n"

    def test_forwarding_that_is_none_of_ours(self) -> None:
        assert not any("sysctl" in line for line in plan(actual(forwarding="0"), wanted(ip_forward=False)).commands)

    def test_one_that_is_there_twice(self) -> None:
        made = plan(actual(ruleset({OWN: [ours(handle=2), ours(handle=3)]})), wanted())
        assert made.commands == ["nft 'delete rule ip netns_fabric postrouting handle 2'"]
        assert made.changes[0].operations[0] == op.DeleteNftRule(
            None, "ip", "netns_fabric", "postrouting", 2, "netns.fabric:", "[]", before=3
        )

    def test_one_that_was_altered(self) -> None:
        state = ruleset({OWN: [ours(handle=2, alien=Criterion("other", "tcp"))]})
        made = plan(actual(state), wanted())
        assert [line.split("'")[1].split(" ip ")[0] for line in made.commands] == ["delete rule", "add rule"]
        assert "(altered)" in made.diff[0]["before"]

    def test_one_that_no_packet_gets_to(self) -> None:
        accept = Rule(frozenset(), "accept", handle=1)
        made = plan(actual(ruleset({OWN: [accept, ours(handle=2)]})), wanted())
        assert "insert rule ip netns_fabric postrouting handle 1 ip saddr" in made.commands[1]
        assert "(without effect)" in made.diff[0]["before"]

    def test_a_table_that_was_switched_off(self) -> None:
        state = ruleset({OWN: [ours(handle=2)]})
        state = replace(state, tables={("ip", "netns_fabric"): NftTable("ip", "netns_fabric", dormant=True)})
        made = plan(actual(state), wanted(), wanted("10.0.0.0/8"))
        assert [line.partition(" ip ")[0] for line in made.commands] == ["nft 'add table", "nft 'add rule"]
        assert made.diff[0]["before"] == "dormant: true\n"
        assert made.diff[1]["before"] == ""

    def test_a_chain_that_is_not_for_nat(self) -> None:
        broken = {OWN: replace(ruleset({OWN: []}).chains[OWN], hook="")}
        with pytest.raises(Unavailable, match="`nft 'delete table ip netns_fabric'`"):
            plan(actual(Ruleset(broken)), wanted())

    def test_the_table_goes_with_its_last_rule(self) -> None:
        state = actual(ruleset({OWN: [ours(handle=2), ours(handle=3, subject=Source("10.0.0.0/8"))]}))
        one = plan(state, wanted(state="absent"))
        assert one.commands == ["nft 'delete rule ip netns_fabric postrouting handle 2'"]
        both = plan(state, wanted(state="absent"), wanted("10.0.0.0/8", state="absent"))
        assert both.commands[-1] == "nft 'delete table ip netns_fabric'"
        assert both.diff[0]["after"] == ""

    def test_it_stays_for_what_comes_in_the_same_call(self) -> None:
        state = actual(ruleset({OWN: [ours(handle=2)]}))
        made = plan(state, wanted(state="absent"), wanted("10.0.0.0/8"))
        assert not any("table ip netns_fabric'" in line for line in made.commands)

    def test_it_stays_for_others(self) -> None:
        set_beside = ruleset({OWN: [ours(handle=2)]}, further=1)
        other_chain = ruleset({OWN: [ours(handle=2)], replace(OWN, chain="prerouting"): [Rule(frozenset(), "x")]})
        for state in (set_beside, other_chain):
            assert plan(actual(state), wanted(state="absent")).commands == [
                "nft 'delete rule ip netns_fabric postrouting handle 2'",
                "nft 'delete chain ip netns_fabric postrouting'",
            ]

    def test_one_that_somebody_has_emptied_goes_too(self) -> None:
        made = plan(actual(ruleset({OWN: []})), wanted(state="absent"))
        assert made.commands == ["nft 'delete table ip netns_fabric'"]
        assert made.diff[0]["before"] == "empty table: netns_fabric\n"
        assert made.diff[0]["after"] == ""

    def test_what_is_absent_and_was_not_there(self) -> None:
        assert not plan(actual(), wanted(state="absent")).changed


class TestIptables:
    def test_a_new_rule(self) -> None:
        made = plan(actual(tools=ONLY_IPTABLES), wanted(out_interface="eth0"), owner="lab-a")
        (line,) = lines(made)
        assert line == (
            "iptables -t nat -A POSTROUTING -s NET '!' -d NET -o eth0 -m addrtype '!' --dst-type MULTICAST "
            "netns.fabric:lab-a -j MASQUERADE"
        )

    def test_ipv6(self) -> None:
        made = plan(actual(), wanted("fd00:100::/64"), backend="iptables")
        assert made.commands[0].startswith("ip6tables -w 10 -t nat -A POSTROUTING -s fd00:100::/64 '!' -d")

    def test_one_that_is_there(self) -> None:
        assert not plan(actual(ruleset({NAT: [ours()]})), wanted(), backend="iptables").changed

    def test_one_that_is_there_three_times(self) -> None:
        made = plan(actual(ruleset({NAT: [ours(), ours(), RETURN, ours()]})), wanted(), backend="iptables")
        # All before the effective end are as good; what counts is that one of those stays.
        assert [line.split()[5] for line in made.commands] == ["-D", "-D", "-D", "-I"]
        assert "-I POSTROUTING 1 " in made.commands[-1]

    def test_one_that_is_there_twice(self) -> None:
        made = plan(actual(ruleset({NAT: [ours(), ours()]})), wanted(), backend="iptables")
        assert [line.split()[5] for line in made.commands] == ["-D"]
        assert made.diff[0]["before"].count("POSTROUTING") == 2
        assert made.diff[0]["after"].count("POSTROUTING") == 1

    def test_absent(self) -> None:
        made = plan(actual(ruleset({NAT: [RETURN, ours()]})), wanted(state="absent"))
        assert len(made.commands) == 1
        operation = made.changes[0].operations[0]
        assert isinstance(operation, op.DeleteIptablesRule)
        assert operation.number == 2


class TestBackends:
    def backends(self, made: Plan) -> list[str]:
        return [line.split()[0] for line in made.commands]

    def test_auto_is_nftables_if_it_is_there(self) -> None:
        assert "nft" in self.backends(plan(actual(), wanted()))
        assert self.backends(plan(actual(tools=ONLY_IPTABLES), wanted())) == ["iptables"]

    @pytest.mark.parametrize("place", [NAT, LEGACY_NAT])
    def test_auto_keeps_to_what_ours_are_in(self, place: Place) -> None:
        state = actual(ruleset({place: [ours()]}))
        assert not plan(state, wanted()).changed
        command = EVERYTHING.iptables[place.backend, 4]
        assert self.backends(plan(state, wanted(), wanted("10.0.0.0/8"))) == [command]

    @pytest.mark.parametrize(
        ("chains", "place"),
        [
            ({LEGACY_NAT: [DROP]}, LEGACY_NAT),
            ({LEGACY_NAT: [DROP], INET_FORWARD: []}, OWN),
            ({LEGACY_NAT: [DROP], DOCKER: [DROP]}, OWN),
            ({LEGACY_NAT: []}, OWN),
            ({LEGACY_NAT: [DROP], OWN: []}, LEGACY_NAT),
        ],
    )
    def test_auto_is_the_legacy_variant_where_that_is_all_there_is(
        self, chains: dict[Place, Sequence[Rule]], place: Place
    ) -> None:
        made = plan(actual(ruleset(chains)), wanted(accept_forward="never"))
        assert f"masquerade: [{place}]" in made.diff[0]["after"]

    def test_others_rules_do_not_sway_it(self) -> None:
        state = actual(ruleset({NAT: [ours(owner="other")]}))
        assert "nft" in self.backends(plan(state, wanted()))

    def test_from_iptables_to_nftables(self) -> None:
        state = actual(ruleset({NAT: [ours()], LEGACY_NAT: [ours()]}))
        made = plan(state, wanted(), backend="nftables")
        # Never without a rule: the new one comes first.
        assert self.backends(made) == ["nft", "nft", "nft", "iptables", "iptables-legacy"]
        assert made.diff[0]["before"] == (
            "masquerade: [iptables-nft ip nat POSTROUTING, iptables-legacy ip nat POSTROUTING]\n"
        )

    def test_from_nftables_to_iptables(self) -> None:
        made = plan(actual(ruleset({OWN: [ours(handle=2)]})), wanted(), backend="iptables")
        assert self.backends(made) == ["iptables", "nft", "nft"]
        assert made.commands[-1] == "nft 'delete table ip netns_fabric'"

    def test_from_one_variant_to_the_other(self) -> None:
        legacy = replace(EVERYTHING, usual={4: IPTABLES_LEGACY})
        made = plan(actual(ruleset({NAT: [ours()]}), tools=legacy), wanted(), backend="iptables")
        assert self.backends(made) == ["iptables-legacy", "iptables"]

    def test_twice_in_two_places(self) -> None:
        made = plan(actual(ruleset({OWN: [ours(handle=2)], NAT: [ours()]})), wanted())
        (line,) = lines(made)
        assert line.startswith("iptables -t nat -D POSTROUTING -s NET '!' -d NET ")

    def test_absent_in_every_place(self) -> None:
        state = actual(ruleset({OWN: [ours(handle=2)], NAT: [ours()], LEGACY_NAT: [ours()]}))
        assert self.backends(plan(state, wanted(state="absent"))) == ["nft", "iptables", "iptables-legacy", "nft"]


def both(**options: Any) -> list[Rule]:
    return [ours(ACCEPT_OUT, **options), ours(ACCEPT_REPLIES, **options)]


class TestForwarding:
    """A rule of ours in the chains that drop what is forwarded."""

    def state(self, chains: Mapping[Place, Sequence[Rule]], **more: Any) -> Actual:
        return actual(ruleset({OWN: [ours(handle=2)], **chains}, **more))

    def test_into_the_chain_with_the_policy(self) -> None:
        made = plan(self.state({FORWARD: []}), wanted())
        out, replies = lines(made)
        assert out == "iptables -t filter -A FORWARD -s NET '!' -d NET netns.fabric: -j ACCEPT"
        assert replies == (
            "iptables -t filter -A FORWARD '!' -s NET -d NET -m conntrack --ctstate RELATED,ESTABLISHED "
            "netns.fabric: -j ACCEPT"
        )
        assert made.diff[0]["before"] == "accept_forward: []\n"

    def test_with_an_interface(self) -> None:
        made = plan(self.state({FORWARD: []}), wanted(out_interface="eth0"))
        assert "-o eth0 " in made.commands[-2]
        assert "-i eth0 " in made.commands[-1]

    def test_there_already(self) -> None:
        assert not plan(self.state({FORWARD: both()}), wanted()).changed

    def test_before_a_last_rule_for_all_the_rest(self) -> None:
        condition = Rule(frozenset({Criterion("iifname", "eth0")}), "drop", arguments=("-i", "eth0", "-j", "DROP"))
        made = plan(self.state({FORWARD: [condition, DROP]}, policy="accept"), wanted())
        assert "-I FORWARD 2 " in made.commands[0]
        assert "-I FORWARD 3 " in made.commands[1]

    def test_those_behind_such_a_rule_are_moved(self) -> None:
        made = plan(self.state({FORWARD: [DROP, *both()]}, policy="accept"), wanted())
        assert [line.split()[5] for line in made.commands] == ["-D", "-I", "-D", "-I"]
        assert "(without effect)" in made.diff[0]["before"]

    def test_into_dockers_chain(self) -> None:
        jump = Rule(frozenset(), "jump", "DOCKER-USER", arguments=("-j", "DOCKER-USER"))
        chains: dict[Place, list[Rule]] = {FORWARD: [jump], DOCKER: [RETURN]}
        made = plan(self.state(chains), wanted())
        assert "-I DOCKER-USER 1 " in made.commands[0]
        assert "-I DOCKER-USER 2 " in made.commands[1]
        # Docker has come after us.
        chains[FORWARD] = [jump, *both()]
        assert [line.split()[5:7] for line in plan(self.state(chains), wanted()).commands] == [
            ["-I", "DOCKER-USER"],
            ["-I", "DOCKER-USER"],
            ["-D", "FORWARD"],
            ["-D", "FORWARD"],
        ]

    def test_into_somebody_elses_nft_chain(self) -> None:
        made = plan(self.state({INET_FORWARD: []}), wanted())
        assert [line.replace(SOURCE, "NET") for line in made.commands] == [
            "nft 'add rule inet filter forward ip saddr NET ip daddr != NET accept comment \"netns.fabric:\"'",
            (
                "nft 'add rule inet filter forward ip saddr != NET ip daddr NET ct state established,related "
                'accept comment "netns.fabric:"\''
            ),
        ]

    def test_there_before_its_last_rule(self) -> None:
        made = plan(self.state({INET_FORWARD: [DROP]}, policy="accept"), wanted())
        assert "insert rule inet filter forward handle 90 ip saddr" in made.commands[0]

    def test_an_inet_chain_for_ipv6(self) -> None:
        made = plan(self.state({INET_FORWARD: []}), wanted("fd00::/64"))
        assert sum("inet filter forward ip6 saddr" in line for line in made.commands) == 2

    def test_every_chain_that_drops(self) -> None:
        legacy = Place(IPTABLES_LEGACY, "ip", "filter", "FORWARD")
        made = plan(self.state({FORWARD: [], INET_FORWARD: [], legacy: []}), wanted())
        assert [line.split()[0] for line in made.commands] == [
            *("iptables", "nft", "iptables-legacy"),
            *("iptables", "nft", "iptables-legacy"),
        ]

    def test_twice(self) -> None:
        made = plan(self.state({FORWARD: [*both(), *both()]}), wanted())
        assert [line.split()[5] for line in made.commands] == ["-D", "-D"]

    def test_removed_with_the_rule(self) -> None:
        foreign = Rule(frozenset(NET.parts()[1].criteria), "accept", arguments=("mine",))
        made = plan(self.state({FORWARD: [foreign, *both()]}), wanted(state="absent"))
        assert [line.split()[0] for line in made.commands] == ["nft", "iptables", "iptables", "nft"]
        assert not any("mine" in line for line in made.commands)

    def test_removed_when_nothing_drops_any_more(self) -> None:
        made = plan(self.state({FORWARD: both()}, policy="accept"), wanted())
        assert [line.split()[5] for line in made.commands] == ["-D", "-D"]

    def test_never(self) -> None:
        made = plan(self.state({FORWARD: []}), wanted(accept_forward="never"))
        assert not made.changed
        assert made.results["blocked_by"] == [
            "iptables-nft ip filter FORWARD (policy drop), left alone: accept_forward is never"
        ]
        changed_mind = plan(self.state({FORWARD: both()}), wanted(accept_forward="never"))
        assert [line.split()[5] for line in changed_mind.commands] == ["-D", "-D"]

    def test_firewalld_is_told_of_and_left_alone(self) -> None:
        state = self.state({replace(INET_FORWARD, table="firewalld"): []})
        state = replace(
            state,
            rulesets={
                None: replace(
                    state.rulesets[None],
                    chains={
                        place: replace(chain, kind="filter") if place.table == "firewalld" else chain
                        for place, chain in state.rulesets[None].chains.items()
                    },
                )
            },
        )
        made = plan(state, wanted())
        assert not made.changed
        (told,) = made.results["blocked_by"]
        assert f"firewall-cmd --permanent --zone=trusted --add-source={SOURCE}" in told

    def test_told_once(self) -> None:
        made = plan(
            self.state({FORWARD: []}),
            wanted(accept_forward="never"),
            wanted("10.0.0.0/8", accept_forward="never"),
        )
        assert len(made.results["blocked_by"]) == 1

    def test_told_with_the_namespace(self) -> None:
        state = actual(blue=ruleset({FORWARD: []}))
        (told,) = plan(state, wanted(namespace="blue", accept_forward="never")).results["blocked_by"]
        assert told.startswith("namespace blue: ")


class TestOwners:
    def test_another_owners_rule_is_another_rule(self) -> None:
        state = actual(ruleset({OWN: [ours(handle=2, owner="other")]}))
        assert "add rule" in plan(state, wanted(), owner="mine").commands[0]
        made = plan(state, wanted(state="absent"), owner="mine")
        assert not made.changed
        (warning,) = made.warnings
        assert warning == (
            f"{SOURCE}: still masqueraded by the rule of owner other, which stays: "
            "a call with `owner: other` removes it"
        )

    def test_one_without_owner(self) -> None:
        state = actual(ruleset({OWN: [ours(handle=2)]}))
        (warning,) = plan(state, wanted(state="absent"), owner="mine").warnings
        assert "a call with no `owner` removes it" in warning

    def test_no_warning_where_ours_is_removed(self) -> None:
        state = actual(ruleset({OWN: [ours(handle=2, owner="other"), ours(handle=3, owner="mine")]}))
        made = plan(state, wanted(state="absent"), owner="mine")
        assert made.commands == ["nft 'delete rule ip netns_fabric postrouting handle 3'"]
        assert made.warnings == ()

    def test_owners_with_the_same_beginning(self) -> None:
        state = actual(ruleset({OWN: [ours(handle=2, owner="lab-a2")]}))
        assert not plan(state, owner="lab-a", prune=True).changed
        assert not plan(state, wanted(state="absent")).changed

    def test_prune(self) -> None:
        mine, other = Source("10.1.0.0/16"), Source("10.2.0.0/16", "eth0")
        state = actual(
            ruleset(
                {
                    OWN: [
                        ours(handle=2, owner="mine"),
                        ours(handle=3, owner="mine", subject=mine),
                        ours(handle=4, owner="other", subject=other),
                        ours(handle=5, subject=mine),
                    ],
                    FORWARD: [
                        *both(owner="mine"),
                        *both(owner="mine", subject=mine),
                        *both(owner="other", subject=mine),
                    ],
                }
            ),
            blue=ruleset({OWN: [ours(handle=2, owner="mine")], NAT: [ours(owner="mine", subject=other)]}),
        )
        made = plan(state, wanted(), owner="mine", prune=True)
        assert [change.target for change in made.changes] == [
            "masquerade host 10.1.0.0/16",
            "masquerade blue 192.168.100.0/24",
            "masquerade blue 10.2.0.0/16 out eth0",
        ]
        assert [line.partition(" -s ")[0] for line in made.commands] == [
            "nft 'delete rule ip netns_fabric postrouting handle 3'",
            "iptables -w 10 -t filter -D FORWARD",
            "iptables -w 10 -t filter -D FORWARD '!'",
            "ip netns exec blue nft 'delete rule ip netns_fabric postrouting handle 2'",
            "ip netns exec blue nft 'delete table ip netns_fabric'",
            "ip netns exec blue iptables -w 10 -t nat -D POSTROUTING",
        ]

    def test_prune_takes_what_was_altered_beyond_recognition(self) -> None:
        bare = Rule(frozenset(), "masquerade", comment="netns.fabric:mine", handle=7)
        made = plan(actual(ruleset({OWN6: [bare]})), owner="mine", prune=True)
        assert made.commands == [
            "nft 'delete rule ip6 netns_fabric postrouting handle 7'",
            "nft 'delete table ip6 netns_fabric'",
        ]

    def test_nothing_without_prune(self) -> None:
        state = actual(ruleset({OWN: [ours(handle=3, owner="mine", subject=Source("10.1.0.0/16"))]}))
        assert plan(state, wanted(), owner="mine").changed
        assert all("delete" not in line for line in plan(state, wanted(), owner="mine").commands)


class TestRead:
    """What is asked of the host, and of which namespaces."""

    class Kernel:
        def __init__(self) -> None:
            self.asked: list[Any] = []

        def namespace_names(self) -> set[str]:
            return {"blue", "red"}

        def read(self, namespaces: Any) -> KernelState:
            self.asked = list(namespaces)
            return KernelState({name: NamespaceState(name) for name in self.asked})

        def sysctl(self, namespace: str | None, key: str) -> str | None:
            return f"{namespace}:{key}"

    class Firewall:
        tools = EVERYTHING

        def read(self, namespaces: Any) -> dict[str | None, Ruleset]:
            return {name: Ruleset() for name in namespaces if name != "new"}

    class Firewalld:
        def policy(self, _name: str, _reload_needed: Any) -> None:
            return None

        def left_behind(self, _name: str) -> bool:
            return False

    class Host:
        def __init__(self) -> None:
            self.simulated: dict[str, Any] = {}
            self.kernel = TestRead.Kernel()
            self.opened = {
                "firewalld": TestRead.Firewalld(),
                "kernel": self.kernel,
                "firewall": TestRead.Firewall(),
            }

        def use(self, backend: BackendType[Any]) -> Any:
            return self.opened[backend.name]

    def read(self, *entries: Wanted, **call: Any) -> tuple[Actual, list[Any]]:
        host = self.Host()
        return RESOURCE.read(host, Call(entries=entries, **call)), host.kernel.asked  # type: ignore[arg-type]

    def test_no_more_than_needed(self) -> None:
        found, asked = self.read(wanted())
        assert asked == []
        assert set(found.rulesets) == {None}
        assert found.forwarding == {(None, 4): "None:net.ipv4.ip_forward"}

    def test_links_where_an_interface_is_named(self) -> None:
        assert self.read(wanted(out_interface="eth0"), wanted("10.0.0.0/8", namespace="blue"))[1] == [None, "blue"]

    def test_every_namespace_where_there_is_something_to_prune(self) -> None:
        found, _asked = self.read(wanted(namespace="red"), owner="mine", prune=True)
        assert set(found.rulesets) == {None, "blue", "red"}

    def test_a_namespace_that_is_yet_to_be_made(self) -> None:
        found, _asked = self.read(wanted(namespace="new"), wanted("fd00::/64", namespace="new"), check_mode=True)
        assert found.forwarding == {("new", 4): "None:net.ipv4.ip_forward", ("new", 6): "0"}

    def test_forwarding_that_nobody_asked_for(self) -> None:
        found, _asked = self.read(wanted(ip_forward=False), wanted("10.0.0.0/8", state="absent"))
        assert found.forwarding == {}
