# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reference topology after two runs."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ansible_collections.netns.fabric.tests.helpers import snapshot, traffic
from ansible_collections.netns.fabric.tests.helpers.kernel import Kernel
from ansible_collections.netns.fabric.tests.helpers.nat import Masquerade, Nat
from ansible_collections.netns.fabric.tests.helpers.openvswitch import OpenVSwitch
from ansible_collections.netns.fabric.tests.helpers.own_host import OUTSIDE_ADDRESS, UPLINK_ADDRESS
from ansible_collections.netns.fabric.tests.helpers.plays import Plays
from ansible_collections.netns.fabric.tests.helpers.shell import Shell

SEEN = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"])

GATEWAY = "192.168.100.254"
ADDRESSES = {"ns01": "192.168.100.1", "ns02": "192.168.100.2"}


def test_second_run_recreates_no_link() -> None:
    assert (
        snapshot.differences(
            json.loads((SEEN / "identities.json").read_text(encoding="utf-8")), snapshot.take_identities()
        )
        == []
    )


@pytest.mark.parametrize("tag", ["verify", "nat", "namespaces"])
def test_skip_tags_runs_the_other_parts(plays: Plays, kernel: Kernel, shell: Shell, tag: str) -> None:
    shell.run("ip", "-n", "ns01", "route", "del", "default")
    assert plays.run("netns.fabric.site", "--skip-tags", tag).changed == 1
    assert kernel.routes("ns01") == {f"default via {GATEWAY} dev veth-ns01"}


def test_skip_tags_leaves_the_part_out(plays: Plays, kernel: Kernel, shell: Shell) -> None:
    shell.run("ip", "-n", "ns01", "route", "del", "default")
    # The verification would report that nothing of ns01 gets to the outside.
    assert plays.run("netns.fabric.site", "--skip-tags", "routes,verify").changed == 0
    assert kernel.routes("ns01") == set()
    assert plays.run("netns.fabric.site", "--tags", "routes").changed == 1
    assert kernel.routes("ns01") == {f"default via {GATEWAY} dev veth-ns01"}


@pytest.mark.parametrize("name", ADDRESSES)
def test_namespaces_know_each_other_by_name(shell: Shell, name: str) -> None:
    for inside in ADDRESSES:
        found = shell.run("ip", "netns", "exec", inside, "getent", "hosts", name)
        assert found.split() == [ADDRESSES[name], name]


@pytest.mark.parametrize("namespace", ADDRESSES)
def test_namespace(kernel: Kernel, namespace: str) -> None:
    end, tap = f"veth-{namespace}", f"{namespace}_tap"
    assert set(kernel.links(namespace)) == {"lo", end}
    assert kernel.addresses(end, namespace) == {f"{ADDRESSES[namespace]}/24"}
    assert kernel.routes(namespace) == {f"default via {GATEWAY} dev {end}"}
    assert kernel.peer(end, namespace)[0] == kernel.link(tap)["ifindex"]
    assert kernel.is_up(end, namespace)
    assert kernel.is_up(tap)
    assert "UP" in kernel.link("lo", namespace)["flags"]
    assert kernel.link("lo", namespace)["ifalias"] == kernel.link(tap)["ifalias"] == "netns.fabric:default"


def test_openvswitch(openvswitch: OpenVSwitch, kernel: Kernel, shell: Shell) -> None:
    assert openvswitch.bridges() == {"int_br"}
    assert openvswitch.ports("int_br") == {"ns01_tap", "ns02_tap"}
    assert all(map(openvswitch.carries, ("int_br", "ns01_tap", "ns02_tap")))
    assert kernel.addresses("int_br") == {f"{GATEWAY}/24"}
    assert "UP" in kernel.link("int_br")["flags"]
    assert openvswitch.bridge("int_br")["external_ids"]["netns.fabric/default"] == "owner"
    shown = shell.run("ovs-vsctl", "show")
    assert all(name in shown for name in ("Bridge int_br", "Port ns01_tap", "Port ns02_tap"))


def test_masquerading(nat: Nat, kernel: Kernel) -> None:
    assert nat.masquerading() == [
        Masquerade("nft ip netns_fabric", "192.168.100.0/24", "", "netns.fabric:default"),
    ]
    assert kernel.sysctl("net.ipv4.ip_forward") == "1"


@pytest.mark.parametrize(("place", "address"), [("ns01", ADDRESSES["ns02"]), ("ns02", ADDRESSES["ns01"])])
def test_namespaces_reach_each_other_and_the_gateway(place: str, address: str) -> None:
    assert traffic.pings(place, address)
    assert traffic.pings(place, GATEWAY)


@pytest.mark.parametrize(
    ("client", "server", "address", "seen_as"),
    [
        ("ns01", "ns02", ADDRESSES["ns02"], ADDRESSES["ns01"]),
        ("ns02", "ns01", ADDRESSES["ns01"], ADDRESSES["ns02"]),
        ("ns01", None, GATEWAY, ADDRESSES["ns01"]),
        ("ns02", None, GATEWAY, ADDRESSES["ns02"]),
        (None, "ns01", ADDRESSES["ns01"], GATEWAY),
        (None, "ns02", ADDRESSES["ns02"], GATEWAY),
        ("ns01", "outside", OUTSIDE_ADDRESS, UPLINK_ADDRESS),
        ("ns02", "outside", OUTSIDE_ADDRESS, UPLINK_ADDRESS),
    ],
)
def test_ten_megabytes_each_way(client: str | None, server: str | None, address: str, seen_as: str) -> None:
    assert traffic.exchange(client, server, address) == seen_as


def test_outside_has_no_route_to_the_namespaces(kernel: Kernel) -> None:
    """Without masquerading, no answer from outside could arrive."""
    assert kernel.routes("outside") == set()
    assert not traffic.connects("outside", "ns01", ADDRESSES["ns01"])


def test_playbook_by_its_collection_name(plays: Plays) -> None:
    before = snapshot.take_identities()
    played = plays.run("netns.fabric.site", "--extra-vars", json.dumps({"topology_verify_outside": [OUTSIDE_ADDRESS]}))
    assert played.changed == 0
    assert OUTSIDE_ADDRESS in played.output
    assert snapshot.differences(before, snapshot.take_identities()) == []
