# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a link was before it was changed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._kernel.state import Link, NamespaceState
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_origin import (
    HostNames,
    Restoration,
    alias_of_changed,
    alias_of_moved,
    alias_of_renamed,
    as_found,
    known_as,
    plan_return,
    rename_back,
    restore,
    returns,
)
from ansible_collections.netns.fabric.plugins.module_utils._resources.link_settings import Settings

MAC, OTHER_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02"
NIC = Link(7, "eth1", mac=MAC, up=True)
MOVED = replace(NIC, mac=OTHER_MAC, mtu=1400, alias=f"netns.fabric:lab was host up mtu 1500 mac {MAC}")


def lines(plan: Restoration) -> list[str]:
    return [line for step in sorted(plan.operations, key=lambda step: step.phase) for line in step.commands()]


# Recording


@pytest.mark.parametrize(
    ("alias", "owner", "recorded"),
    [
        ("", "lab", f"netns.fabric:lab was host up mtu 1500 mac {MAC}"),
        ("", None, f"netns.fabric: was host up mtu 1500 mac {MAC}"),
        ("netns.fabric:web", "lab", f"netns.fabric:web,lab was host up mtu 1500 mac {MAC}"),
        ("netns.fabric:lab was mtu 9000", "lab", f"netns.fabric:lab was host up mtu 9000 mac {MAC}"),
        (f"netns.fabric:lab was host down mtu 9000 mac {OTHER_MAC}", "lab", None),
        ("uplink", "lab", f"netns.fabric:lab was host up mtu 1500 mac {MAC} alias uplink"),
        ("x" * 250, "lab", None),  # there is no room for more
    ],
)
def test_a_link_that_is_moved(alias: str, owner: str | None, recorded: str | None) -> None:
    assert alias_of_moved(replace(NIC, alias=alias), owner) == (alias if recorded is None else recorded)


RENAMED = "netns.fabric:lab was host up mtu 1500 name eth1"


@pytest.mark.parametrize(
    ("alias", "link", "name", "recorded"),
    [
        (RENAMED.replace(" name eth1", ""), "eth1", "lan0", RENAMED),
        (RENAMED, "lan0", "wan0", RENAMED),  # the first name is kept
        (RENAMED, "lan0", "lan0", RENAMED),  # the kernel has returned it with the name inside
        (RENAMED, "lan0", "eth1", RENAMED.replace(" name eth1", "")),
        ("netns.fabric:lab", "eth1", "eth1", "netns.fabric:lab"),
        ("netns.fabric:lab", "eth1", "lan0", "netns.fabric:lab was name eth1"),  # somebody else has moved it
        ("uplink", "eth1", "lan0", "uplink"),
        (f"netns.fabric:{'x' * 240}", "eth1", "lan0", f"netns.fabric:{'x' * 240}"),  # there is no room for more
    ],
)
def test_a_link_that_gets_another_name(alias: str, link: str, name: str, recorded: str) -> None:
    renamed = replace(NIC, name=link, alias=alias)
    assert alias_of_renamed(alias, renamed, name) == recorded
    assert known_as(replace(renamed, name=name, alias=recorded), "eth1") == (name == "eth1" or "name eth1" in recorded)


def test_the_name_on_the_host_returns() -> None:
    moved = replace(NIC, name="lan0", alias=RENAMED)
    names = HostNames(NamespaceState(None, links=(Link(1, "lo"), moved)))
    plan = plan_return("red", moved, names)
    assert "name eth1" in " ".join(lines(plan))
    assert plan.after["name"] == "eth1"
    assert plan_return("red", replace(NIC, name="lan1"), names, "eth2").after["name"] == "eth2"
    plan = Restoration()
    assert rename_back(plan, replace(moved, name="lan0"), HostNames(NamespaceState(None))).name == "eth1"
    assert lines(plan) == ["ip link set dev lan0 down", "ip link set dev lan0 name eth1", "ip link set dev eth1 up"]
    assert rename_back(Restoration(), NIC, names) is NIC


@pytest.mark.parametrize(
    ("alias", "wanted", "owner", "recorded"),
    [
        ("", Settings(), "lab", "netns.fabric:lab"),
        ("", Settings(mtu=1500, mac=MAC), "lab", "netns.fabric:lab"),
        ("", Settings(enabled=True), "lab", "netns.fabric:lab"),
        ("", Settings(enabled=False, mtu=1400), "lab", "netns.fabric:lab was up mtu 1500"),
        ("netns.fabric:lab", Settings(enabled=False), "lab", "netns.fabric:lab"),  # what it was first is not known
        ("", Settings(mtu=1400), "lab", "netns.fabric:lab was mtu 1500"),
        ("", Settings(mac=OTHER_MAC), "lab", f"netns.fabric:lab was mac {MAC}"),
        ("netns.fabric:lab was mtu 9000", Settings(mtu=1400, mac=OTHER_MAC), "lab", f"was mtu 9000 mac {MAC}"),
        ("", Settings(mtu=1400), None, ""),
        ("uplink", Settings(mtu=1400), "lab", "uplink"),
    ],
)
def test_a_link_that_stays(alias: str, wanted: Settings, owner: str | None, recorded: str) -> None:
    found = alias_of_changed(replace(NIC, alias=alias), wanted, owner)
    assert found in (recorded, f"netns.fabric:lab {recorded}")


@pytest.mark.parametrize(
    ("alias", "addresses", "has_addresses", "recorded"),
    [
        ("", None, True, "netns.fabric:lab keeps addresses"),
        ("", None, False, "netns.fabric:lab"),
        ("", (), True, "netns.fabric:lab"),
        # What was declared once is the owner's, also where the declaration no longer says it.
        ("netns.fabric:lab", None, True, "netns.fabric:lab"),
        ("netns.fabric:lab keeps addresses", None, True, "netns.fabric:lab keeps addresses"),
        ("netns.fabric:lab keeps addresses", (), True, "netns.fabric:lab"),
    ],
)
def test_whose_the_addresses_are(alias: str, addresses: tuple[()] | None, has_addresses: bool, recorded: str) -> None:
    link = replace(NIC, alias=alias)
    assert alias_of_changed(link, Settings(addresses=addresses), "lab", has_addresses) == recorded


@pytest.mark.parametrize(
    ("alias", "wanted", "settings", "kept"),
    [
        (MOVED.alias, Settings(), Settings(mtu=1500, mac=MAC, enabled=True), "netns.fabric:lab"),
        (
            MOVED.alias,
            Settings(mtu=1300, enabled=False),
            Settings(mtu=1300, mac=MAC, enabled=False),
            "netns.fabric:lab was mtu 1500",
        ),
        (MOVED.alias + " alias uplink", Settings(), Settings(mtu=1500, mac=MAC, enabled=True), "uplink"),
        ("netns.fabric:lab", Settings(), Settings(), "netns.fabric:lab"),
    ],
)
def test_a_link_that_is_declared_on_the_host_again(alias: str, wanted: Settings, settings: Settings, kept: str) -> None:
    assert as_found(replace(MOVED, alias=alias), wanted, "lab") == (settings, kept)


# Restoring


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        (NIC, True),  # a physical device has no kind
        (replace(NIC, kind="macvlan"), False),
        (replace(MOVED, kind="macvlan"), True),
        (replace(MOVED, kind="bridge", immutable=True), False),
        (replace(NIC, immutable=True), False),
        (replace(MOVED, kind="veth"), False),
        (replace(NIC, loopback=True), False),
        (replace(NIC, kind="wireguard", alias="netns.fabric:lab was mtu 1420"), False),
    ],
)
def test_which_links_return(link: Link, expected: bool) -> None:
    assert returns(link) is expected


def test_a_return() -> None:
    plan = plan_return("red", MOVED, HostNames(NamespaceState(None)))
    assert lines(plan) == [
        "ip -n red link set dev eth1 netns $$",
        "ip link set dev eth1 mtu 1500",
        f"ip link set dev eth1 address {MAC}",
        "ip link set dev eth1 alias ''",
        "ip link set dev eth1 up",
    ]
    assert plan.before == {"namespace": "red", "mtu": 1400, "mac": OTHER_MAC, "alias": MOVED.alias}
    assert plan.after == {"namespace": "host", "mtu": 1500, "mac": MAC, "alias": ""}
    assert plan.warnings == []


def test_a_return_to_a_host_that_has_the_names() -> None:
    host = NamespaceState(None, (Link(2, "eth1"), Link(3, "eth1-1", altnames=("enp1s0",))))
    plan = plan_return("red", replace(MOVED, altnames=("enp1s0", "enp2s0")), HostNames(host))
    assert lines(plan)[:2] == [
        "ip -n red link property del dev eth1 altname enp1s0",
        "ip -n red link set dev eth1 name eth1-2 netns $$",
    ]
    assert lines(plan)[-1] == "ip link set dev eth1-2 up"
    assert plan.after["name"] == "eth1-2"
    assert len(plan.warnings) == 2


def test_a_return_of_a_device_of_which_nothing_is_recorded() -> None:
    plan = plan_return("red", replace(NIC, alias="uplink"), HostNames(NamespaceState(None)))
    assert lines(plan) == ["ip -n red link set dev eth1 netns $$"]
    assert plan.after == {"namespace": "host", "enabled": False}
    cause = "what red/eth1 was on the host is not recorded"
    assert plan.warnings == [f"{cause}; it returns there with its present MTU 1500 and MAC address {MAC}, and down"]


def test_free_names() -> None:
    names = HostNames(NamespaceState(None, (Link(2, "eth1"), Link(3, "n" * 15), Link(4, "ä" * 7))))
    assert [names.claim("eth1"), names.claim("eth1"), names.claim("eth2")] == ["eth1-1", "eth1-2", "eth2"]
    assert names.claim("n" * 15) == "n" * 13 + "-1"
    assert names.claim("ä" * 7) == "ä" * 6 + "-1"


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        (NIC, []),
        (replace(NIC, alias="uplink"), []),
        (replace(NIC, alias="netns.fabric:lab"), ["ip -n red link set dev eth1 alias ''"]),
        (
            replace(NIC, mtu=9000, alias="netns.fabric:lab was mtu 1500"),
            ["ip -n red link set dev eth1 mtu 1500", "ip -n red link set dev eth1 alias ''"],
        ),
        (replace(NIC, up=False, alias="netns.fabric: was host up alias x"), ["... alias x", "... up"]),
        (replace(NIC, alias="netns.fabric: was host down"), ["... alias ''", "... down"]),
        (replace(NIC, up=False, alias="netns.fabric:lab was down"), ["... alias ''"]),
    ],
)
def test_a_link_that_is_restored_in_its_place(link: Link, expected: list[str]) -> None:
    plan = Restoration()
    restore(plan, "red", link)
    assert lines(plan) == [line.replace("...", "ip -n red link set dev eth1") for line in expected]
