# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The choice between nft and the variants of iptables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import Unavailable
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Plan
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import (
    IPTABLES_LEGACY,
    Place,
    Rule,
    Ruleset,
    Tools,
)
from ansible_collections.netns.fabric.tests.unit.plugins.module_utils._resources.nat_samples import (
    ALL_TOOLS,
    DOCKER,
    DROP,
    INET_FORWARD,
    LEGACY_NAT,
    NAT,
    ONLY_IPTABLES,
    ONLY_NFT,
    OWN,
    SOURCE,
    actual,
    lines,
    owned,
    plan,
    ruleset,
    wanted,
)


class TestBackends:
    def backends(self, planned: Plan) -> list[str]:
        return [line.split()[0] for line in planned.commands]

    def test_auto_is_nftables_if_it_is_installed(self) -> None:
        assert "nft" in self.backends(plan(actual(), wanted()))
        assert self.backends(plan(actual(tools=ONLY_IPTABLES), wanted())) == ["iptables"]

    def test_auto_on_a_kernel_without_nf_tables(self) -> None:
        tools = Tools(iptables={(IPTABLES_LEGACY, 4): "iptables-legacy"}, usual={4: IPTABLES_LEGACY}, nf_tables=False)
        assert self.backends(plan(actual(tools=tools), wanted())) == ["iptables-legacy"]
        assert self.backends(plan(actual(tools=tools), wanted(), backend="iptables")) == ["iptables-legacy"]
        with pytest.raises(Unavailable, match=r"the kernel of this host has no nf_tables .* set `backend: iptables`"):
            plan(actual(tools=tools), wanted(), backend="nftables")
        for option in ("auto", "iptables"):
            with pytest.raises(Unavailable, match=r"no nf_tables .* there is no iptables-legacy"):
                plan(actual(tools=Tools(nf_tables=False)), wanted(), backend=option)

    @pytest.mark.parametrize("place", [NAT, LEGACY_NAT])
    def test_auto_keeps_the_backend_of_owned_rules(self, place: Place) -> None:
        state = actual(ruleset({place: [owned()]}))
        assert not plan(state, wanted()).changed
        command = ALL_TOOLS.iptables[place.backend, 4]
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
    def test_auto_is_legacy_where_only_legacy_is_used(self, chains: dict[Place, Sequence[Rule]], place: Place) -> None:
        planned = plan(actual(ruleset(chains)), wanted(accept_forward="never"))
        assert f"masquerade: [{place}]" in planned.diff[0]["after"]

    def test_auto_ignores_rules_of_other_owners(self) -> None:
        state = actual(ruleset({NAT: [owned(owner="other")]}))
        assert "nft" in self.backends(plan(state, wanted()))

    def test_from_iptables_to_nftables(self) -> None:
        state = actual(ruleset({NAT: [owned()], LEGACY_NAT: [owned()]}))
        planned = plan(state, wanted(), backend="nftables")
        # The new rule comes first, so that there is always one.
        assert self.backends(planned) == ["nft", "nft", "nft", "iptables", "iptables-legacy"]
        assert planned.diff[0]["before"] == (
            "masquerade: [iptables-nft ip nat POSTROUTING, iptables-legacy ip nat POSTROUTING]\n"
        )

    def test_from_nftables_to_iptables(self) -> None:
        planned = plan(actual(ruleset({OWN: [owned(handle=2)]})), wanted(), backend="iptables")
        assert self.backends(planned) == ["iptables", "nft", "nft"]
        assert planned.commands[-1] == "nft 'delete table ip netns_fabric'"

    def test_from_one_variant_to_the_other(self) -> None:
        legacy = replace(ALL_TOOLS, usual={4: IPTABLES_LEGACY})
        planned = plan(actual(ruleset({NAT: [owned()]}), tools=legacy), wanted(), backend="iptables")
        assert self.backends(planned) == ["iptables-legacy", "iptables"]

    def test_rule_in_two_backends(self) -> None:
        planned = plan(actual(ruleset({OWN: [owned(handle=2)], NAT: [owned()]})), wanted())
        (line,) = lines(planned)
        assert line.startswith("iptables -t nat -D POSTROUTING -s NET '!' -d NET ")

    def test_absent_in_every_backend(self) -> None:
        state = actual(ruleset({OWN: [owned(handle=2)], NAT: [owned()], LEGACY_NAT: [owned()]}))
        assert self.backends(plan(state, wanted(state="absent"))) == ["nft", "iptables", "iptables-legacy", "nft"]

    @pytest.mark.parametrize(
        ("tools", "backend", "source", "message"),
        [
            (
                Tools(),
                "auto",
                SOURCE,
                "needs nft or iptables, and this host has neither; install nft .`apt install nftables`",
            ),
            (Tools(), "auto", "fd00::/64", "needs nft or ip6tables"),
            (ONLY_IPTABLES, "nftables", SOURCE, "this host has no nft"),
            (ONLY_NFT, "iptables", SOURCE, "this host has no iptables"),
            (ONLY_NFT, "iptables", "fd00::/64", "this host has no ip6tables"),
        ],
    )
    def test_missing_programs(self, tools: Tools, backend: str, source: str, message: str) -> None:
        with pytest.raises(Unavailable, match=message):
            plan(actual(tools=tools), wanted(source), backend=backend)

    def test_absent_needs_no_program(self) -> None:
        assert not plan(actual(tools=Tools()), wanted(state="absent")).changed

    def test_own_chain_that_is_not_for_nat(self) -> None:
        broken = {OWN: replace(ruleset({OWN: []}).chains[OWN], hook="")}
        with pytest.raises(Unavailable, match="`nft 'delete table ip netns_fabric'`"):
            plan(actual(Ruleset(broken)), wanted())
