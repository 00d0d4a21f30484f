# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How nft and iptables are called: programs, reading, transactions."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import OperationFailed, Unavailable
from ansible_collections.netns.fabric.plugins.module_utils._core.journal import Journal
from ansible_collections.netns.fabric.plugins.module_utils._firewall import backend as firewall
from ansible_collections.netns.fabric.plugins.module_utils._firewall import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._firewall.ruleset import (
    IPTABLES_LEGACY,
    IPTABLES_NFT,
    NFTABLES,
    Place,
    Ruleset,
)
from ansible_collections.netns.fabric.plugins.module_utils._system.programs import Result
from ansible_collections.netns.fabric.tests.unit.plugins.module_utils._firewall.samples import (
    ALL_PROGRAMS,
    LEGACY,
    NAT_HOOK,
    NF_TABLES,
    SAVED,
    Programs,
    add_iptables,
    add_nft,
    chain,
    document,
    table,
)


class TestTools:
    def test_all_programs(self) -> None:
        tools = Programs(*ALL_PROGRAMS, iptables=NF_TABLES, ip6tables=LEGACY).firewall().tools
        assert tools.nft
        assert tools.usual == {4: IPTABLES_NFT, 6: IPTABLES_LEGACY}
        assert tools.iptables == {
            (IPTABLES_NFT, 4): "iptables",
            (IPTABLES_LEGACY, 4): "iptables-legacy",
            (IPTABLES_NFT, 6): "ip6tables-nft",
            (IPTABLES_LEGACY, 6): "ip6tables",
        }

    def test_old_release_names_no_variant(self) -> None:
        tools = Programs("iptables", iptables=Result(0, "iptables v1.6.2\n", "")).firewall().tools
        assert tools.usual == {4: IPTABLES_LEGACY}
        assert tools.iptables == {(IPTABLES_LEGACY, 4): "iptables"}
        assert not tools.nft

    def test_no_programs(self) -> None:
        tools = Programs().firewall().tools
        assert not tools.any

    @pytest.mark.parametrize("number", [errno.EINVAL, errno.EPROTONOSUPPORT])
    def test_kernel_without_nf_tables(self, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
        """A stand-in for such a kernel: the one that the tests run on has nf_tables."""

        def refuse(_protocol: int) -> object:
            raise OSError(number, "")

        monkeypatch.setattr(firewall, "NetlinkSocket", refuse)
        tools = Programs(*ALL_PROGRAMS, iptables=NF_TABLES, ip6tables=LEGACY).firewall().tools
        assert (tools.nft, tools.nf_tables) == (False, False)
        assert tools.usual == {4: IPTABLES_LEGACY, 6: IPTABLES_LEGACY}
        assert tools.iptables == {(IPTABLES_LEGACY, 4): "iptables-legacy", (IPTABLES_LEGACY, 6): "ip6tables"}

    def test_kernel_that_does_not_let_us_ask(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(_protocol: int) -> object:
            raise OSError(errno.EPERM, "")

        monkeypatch.setattr(firewall, "NetlinkSocket", refuse)
        assert firewall.kernel_has_nf_tables()

    def test_only_the_name_with_the_variant(self) -> None:
        assert Programs("iptables-legacy").firewall().tools.usual == {4: IPTABLES_LEGACY}


@pytest.fixture
def kernel_tables(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Give a function that sets the tables that the kernel has."""

    def set_tables(nft: dict[tuple[str, str], int], legacy: set[str] = frozenset()) -> None:  # type: ignore[assignment]  # an empty set of any type
        monkeypatch.setattr(firewall, "nftables_tables", lambda: nft)
        monkeypatch.setattr(firewall, "legacy_tables", lambda version: legacy if version == 4 else set())

    return set_tables


class TestReading:
    def test_no_program_is_run_without_tables(self, kernel_tables: Callable[..., None]) -> None:
        kernel_tables({})
        programs = Programs(*ALL_PROGRAMS, iptables=NF_TABLES, ip6tables=NF_TABLES)
        assert programs.firewall().read([None]) == {None: Ruleset()}
        assert [argv for argv, _text in programs.calls] == [["/sbin/iptables", "-V"], ["/sbin/ip6tables", "-V"]]

    def test_reading_is_kept_until_something_changes(
        self, kernel_tables: Callable[..., None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        kernel_tables({("ip", "nat"): 0})
        numbers = iter([b"1", b"1", b"2"])
        monkeypatch.setattr(firewall, "read_generation", lambda: next(numbers))
        printed = json.dumps(document(table("ip", "nat"), chain("ip", "nat", "POSTROUTING", **NAT_HOOK)))
        programs = Programs("nft", nft=Result(0, printed, ""))
        opened = programs.firewall()
        first = opened.read([None])
        assert first[None].chains
        assert opened.read([None]) == first
        for calls in (1, 2):
            opened.forget()
            assert opened.read([None]) == first
            assert len(programs.calls) == calls

    def test_only_programs_with_tables_are_run(self, kernel_tables: Callable[..., None]) -> None:
        kernel_tables({("ip", "nat"): 0, ("ip6", "raw"): 0}, {"filter"})
        programs = Programs(
            *ALL_PROGRAMS,
            iptables=NF_TABLES,
            ip6tables=NF_TABLES,
            nft=Result(0, json.dumps(document(table("ip", "nat"), chain("ip", "nat", "POSTROUTING", **NAT_HOOK))), ""),
            iptables_save=Result(0, SAVED, ""),
        )
        found = programs.firewall().read([None])[None]
        assert Place(IPTABLES_NFT, "ip", "nat", "POSTROUTING") in found.chains
        assert Place(NFTABLES, "ip", "nat", "POSTROUTING") not in found.chains
        assert [argv for argv, _text in programs.calls][2:] == [
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
    def test_unreadable_output_is_an_error(
        self, kernel_tables: Callable[..., None], answers: dict[str, Result]
    ) -> None:
        kernel_tables({("ip", "nat"): 0})
        programs = Programs("nft", "iptables", iptables=NF_TABLES, **answers)
        with pytest.raises(Unavailable, match=r"in the host"):
            programs.firewall().read([None])

    def test_missing_namespace_is_left_out(self) -> None:
        assert Programs().firewall().read(["no such namespace"]) == {}


class TestExecute:
    def test_nft_has_one_transaction(self) -> None:
        programs = Programs("nft")
        operations = [op.AddOwnChain(None, "ip"), add_nft("masquerade"), op.AddOwnChain(None, "ip6")]
        programs.firewall().execute(operations, Journal())
        ((argv, text),) = programs.calls
        assert argv == ["/sbin/nft", "--file", "-"]
        assert text.splitlines() == [line for operation in operations for line in operation.statements()]

    def test_iptables_has_one_transaction_for_each_table(self) -> None:
        programs = Programs("iptables-restore", "ip6tables-restore")
        programs.firewall().execute(
            [add_iptables(), add_iptables("filter"), add_iptables(), add_iptables(command="ip6tables")], Journal()
        )
        assert [(argv[0], text.split("\n", 1)[0], text.count("-A ")) for argv, text in programs.calls] == [
            ("/sbin/iptables-restore", "*nat", 2),
            ("/sbin/iptables-restore", "*filter", 1),
            ("/sbin/ip6tables-restore", "*nat", 1),
        ]
        assert programs.calls[0][0][1:] == ["--noflush", "-w", "10"]
        assert programs.calls[0][1].endswith("\nCOMMIT\n")

    def test_missing_namespace(self) -> None:
        with pytest.raises(OperationFailed, match="the namespace gone: No such file"):
            Programs().firewall().execute([op.AddOwnChain("gone", "ip")], Journal())
