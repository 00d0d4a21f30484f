# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reference topology with IPv6 and IPv4: its state, its traffic, and what remains after the teardown."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ansible_collections.netns.fabric.tests.helpers import snapshot, traffic
from ansible_collections.netns.fabric.tests.helpers.kernel import Kernel
from ansible_collections.netns.fabric.tests.helpers.nat import Masquerade, Nat
from ansible_collections.netns.fabric.tests.helpers.own_host import (
    OUTSIDE_ADDRESS,
    OUTSIDE_ADDRESS6,
    UPLINK_ADDRESS,
    UPLINK_ADDRESS6,
)
from ansible_collections.netns.fabric.tests.helpers.plays import PLAYBOOKS, Played, Plays
from ansible_collections.netns.fabric.tests.helpers.shell import Shell
from ansible_collections.netns.fabric.tests.helpers.snapshot import Snapshot

SEEN = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"])
BOTH = f"--extra-vars=@{PLAYBOOKS / 'vars' / 'dual_stack.yml'}"

GATEWAY, GATEWAY6 = "192.168.100.254", "fd00:100::fe"
ADDRESSES = {"ns01": ("192.168.100.1", "fd00:100::1"), "ns02": ("192.168.100.2", "fd00:100::2")}


def seen(name: str) -> Snapshot:
    """Return a snapshot that prepare.yml has written."""
    found: Snapshot = json.loads((SEEN / name).read_text(encoding="utf-8"))
    return found


def test_check_mode_changes_nothing_and_predicts_the_run() -> None:
    assert snapshot.differences(seen("empty.json"), seen("checked.json")) == []
    predicted, real = Played.load(SEEN / "check.json"), Played.load(SEEN / "real.json")
    assert predicted.status == real.status == 0, predicted.output + real.output
    assert predicted.changed == real.changed > 0
    assert predicted.diff == real.diff


def test_addresses_are_not_tentative_after_the_run() -> None:
    """Duplicate address detection would take two seconds (RFC 4862)."""
    lines = (SEEN / "tentative.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if "fd00:100::" in line] == []


@pytest.mark.parametrize("namespace", ADDRESSES)
def test_addresses_and_routes(kernel: Kernel, namespace: str) -> None:
    end = f"veth-{namespace}"
    address, address6 = ADDRESSES[namespace]
    assert kernel.addresses(end, namespace) == {f"{address}/24", f"{address6}/64"}
    assert kernel.routes(namespace) == {f"default via {GATEWAY} dev {end}"}
    assert kernel.routes(namespace, version=6) == {f"default via {GATEWAY6} dev {end}"}
    assert kernel.addresses("int_br") == {f"{GATEWAY}/24", f"{GATEWAY6}/64"}


def test_addresses_are_nodad(kernel: Kernel) -> None:
    """Also on the bridge's local port, which Open vSwitch creates."""
    for place, name in ((None, "int_br"), ("ns01", "veth-ns01"), ("ns02", "veth-ns02")):
        for address in kernel.link(name, place)["addr_info"]:
            if address["local"].startswith("fd00:100:"):
                assert address.get("nodad"), (place, address)
                assert not address.get("tentative"), (place, address)


def test_masquerading(nat: Nat, kernel: Kernel) -> None:
    assert nat.masquerading() == [
        Masquerade("nft ip netns_fabric", "192.168.100.0/24", "", "netns.fabric:default"),
        Masquerade("nft ip6 netns_fabric", "fd00:100::/64", "", "netns.fabric:default"),
    ]
    assert kernel.sysctl("net.ipv4.ip_forward") == kernel.sysctl("net.ipv6.conf.all.forwarding") == "1"


@pytest.mark.parametrize("place", ADDRESSES)
@pytest.mark.parametrize("family", [0, 1])
def test_pings(place: str, family: int) -> None:
    other = next(addresses for name, addresses in ADDRESSES.items() if name != place)
    for to in (other, (GATEWAY, GATEWAY6), (OUTSIDE_ADDRESS, OUTSIDE_ADDRESS6)):
        assert traffic.pings(place, to[family])
    assert traffic.pings(None, ADDRESSES[place][family])


@pytest.mark.parametrize("family", [0, 1])
@pytest.mark.parametrize(
    ("client", "server", "to", "seen_as"),
    [
        ("ns01", "ns02", ADDRESSES["ns02"], ADDRESSES["ns01"]),
        ("ns02", "ns01", ADDRESSES["ns01"], ADDRESSES["ns02"]),
        ("ns01", None, (GATEWAY, GATEWAY6), ADDRESSES["ns01"]),
        (None, "ns02", ADDRESSES["ns02"], (GATEWAY, GATEWAY6)),
        # The outside world sees the uplink's address.
        ("ns01", "outside", (OUTSIDE_ADDRESS, OUTSIDE_ADDRESS6), (UPLINK_ADDRESS, UPLINK_ADDRESS6)),
        ("ns02", "outside", (OUTSIDE_ADDRESS, OUTSIDE_ADDRESS6), (UPLINK_ADDRESS, UPLINK_ADDRESS6)),
    ],
)
def test_ten_megabytes_each_way(
    client: str | None,
    server: str | None,
    to: tuple[str, str],
    seen_as: tuple[str, str],
    family: int,
) -> None:
    assert traffic.exchange(client, server, to[family]) == seen_as[family]


def test_outside_has_no_route_to_the_namespaces(kernel: Kernel) -> None:
    assert kernel.routes("outside") == kernel.routes("outside", version=6) == set()
    for address in ADDRESSES["ns01"]:
        assert not traffic.connects("outside", "ns01", address)


def test_verification_probes_both_families(plays: Plays, shell: Shell) -> None:
    """Drop IPv6 alone, in a namespace, where no module repairs it."""
    nft = ["ip", "netns", "exec", "ns02", "nft"]
    shell.run(*nft, "add table ip6 broken; add chain ip6 broken input { type filter hook input priority 0; }")
    shell.run(*nft, "add rule ip6 broken input ip6 saddr fd00:100::1 meta l4proto tcp drop")
    try:
        played = plays.attempt(PLAYBOOKS / "site.yml", BOTH)
    finally:
        shell.run(*nft, "delete table ip6 broken")
    assert played.status == 2, played.output
    assert "ns01 -> fd00:100::2 tcp: silence (expected reachable)" in played.words
    assert "ns01 -> 192.168.100.2 tcp: " not in played.words


def test_removed_address_is_restored_and_not_tentative(plays: Plays, shell: Shell) -> None:
    shell.run("ip", "address", "del", f"{GATEWAY6}/64", "dev", "int_br")
    shell.run("ip", "-n", "ns01", "address", "del", "fd00:100::1/64", "dev", "veth-ns01")
    played = plays.run(PLAYBOOKS / "site.yml", BOTH, "--extra-vars", '{"topology_verify": false}')
    assert shell.run("ip", "-6", "-oneline", "address", "show", "tentative", "to", "fd00:100::/64") == ""
    assert traffic.exchange("ns01", "outside", OUTSIDE_ADDRESS6) == UPLINK_ADDRESS6
    assert played.changed > 0


def test_second_run_changes_nothing(plays: Plays) -> None:
    before = snapshot.take_identities()
    assert plays.run(PLAYBOOKS / "site.yml", BOTH).changed == 0
    assert snapshot.differences(before, snapshot.take_identities()) == []


def test_teardown_leaves_nothing(plays: Plays) -> None:
    """The last test: it deletes the topology."""
    assert plays.run(PLAYBOOKS / "teardown.yml", BOTH).changed > 0
    before, after = map(snapshot.without_forwarding, (seen("empty.json"), snapshot.take()))
    assert snapshot.differences(before, after) == []
