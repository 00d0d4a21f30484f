# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Three hosts with a mesh: traffic, healing, limited runs, a host that leaves, deletion. They build on each other."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netns.fabric.tests.helpers.hosts import NestedHost, exchange
from ansible_collections.netns.fabric.tests.helpers.plays import Played, Plays

MESH = Path(__file__).parents[1] / "inventory"
NAMES = ("one", "two", "three")
ADDRESSES = {f"{host}{number}": f"10.1.0.{tens}{number}" for tens, host in enumerate(NAMES, 1) for number in (1, 2)}
#: Those on the bridge whose tunnels are of the type geneve.
WIDE = {f"{host}w": f"10.2.0.{tens}0" for tens, host in enumerate(NAMES, 1)}
#: Bytes of the underlay's packets less those of a VXLAN and of a Geneve tunnel; over IPv6 both take some more.
MTU, WIDE_MTU, IPV6 = 1450, 1442, 20

Hosts = dict[str, NestedHost]


@pytest.fixture(scope="module")
def hosts() -> Hosts:
    """Return the hosts that prepare.yml has started."""
    return {name: NestedHost.find(name) for name in NAMES}


def host_of(namespace: str) -> str:
    return namespace[:-1]


def attempt(plays: Plays, playbook: str, *options: str, only: str = "mesh", **variables: Any) -> Played:
    given = [f"--extra-vars={json.dumps(variables)}"] if variables else []
    where = (f"--inventory={MESH}", f"--extra-vars=fabric_hosts={only}")
    return plays.attempt(f"netns.fabric.{playbook}", *where, *given, *options)


def run(plays: Plays, playbook: str, *options: str, only: str = "mesh", **variables: Any) -> Played:
    played = attempt(plays, playbook, *options, only=only, **variables)
    assert played.status == 0, played.output
    return played


def changes(played: Played) -> dict[str, int]:
    return {name: played.count("changed", name) for name in NAMES if f"\n{name} " in played.output}


def mtu(hosts: Hosts, namespace: str) -> int:
    (link,) = hosts[host_of(namespace)].json("ip", "-n", namespace, "-json", "link", "show", "eth0")
    return int(link["mtu"])


def send_data(hosts: Hosts, client: str, server: str) -> None:
    near, far = hosts[host_of(client)], hosts[host_of(server)]
    exchange((near, client), (far, server), {**ADDRESSES, **WIDE}[server], 2_000_000)


def tunnels(host: NestedHost) -> list[str]:
    found = host.ovs_vsctl("--bare", "--columns=name", "find", "Interface", "type=vxlan").split()
    return sorted(found)


def test_every_namespace_reaches_every_other_one_with_packets_of_full_size(hosts: Hosts) -> None:
    for namespace in ADDRESSES:
        for address in ADDRESSES.values():
            assert hosts[host_of(namespace)].pings(address, namespace, MTU), (namespace, address)
    for namespace in WIDE:
        for address in WIDE.values():
            assert hosts[host_of(namespace)].pings(address, namespace, WIDE_MTU), (namespace, address)


def test_a_packet_is_as_large_as_the_tunnels_carry(hosts: Hosts) -> None:
    for namespace in (*ADDRESSES, *WIDE):
        assert mtu(hosts, namespace) == (WIDE_MTU if namespace in WIDE else MTU)


PAIRS = (("one1", "two1"), ("two2", "three1"), ("three2", "one2"), ("onew", "threew"))


@pytest.mark.parametrize(("client", "server"), PAIRS)
def test_data_arrive_whole(hosts: Hosts, client: str, server: str) -> None:
    send_data(hosts, client, server)


def test_names_of_other_hosts_are_known(hosts: Hosts) -> None:
    for name, address in ADDRESSES.items():
        assert hosts["two"].in_namespace("two1", "getent", "hosts", name).stdout.split() == [address, name]


def test_the_gateway_is_on_its_host_alone_and_serves_all(hosts: Hosts) -> None:
    addresses = {
        name: [each["local"] for each in hosts[name].json("ip", "-4", "-json", "addr", "show", "lab")[0]["addr_info"]]
        if hosts[name].json("ip", "-4", "-json", "addr", "show", "lab")
        else []
        for name in NAMES
    }
    assert addresses == {"one": ["10.1.0.254"], "two": [], "three": []}
    # The surrounding host has no route back: only what is masqueraded is answered.
    assert all(hosts[host_of(namespace)].pings("10.0.0.254", namespace) for namespace in ADDRESSES)
    forwarding = {name: hosts[name].run("sysctl", "-n", "net.ipv4.ip_forward").stdout.strip() for name in NAMES}
    assert forwarding == {"one": "1", "two": "0", "three": "0"}


def test_a_broadcast_arrives_once(hosts: Hosts) -> None:
    """A loop would multiply it without an end: each tunnel is a protected port."""

    def received(namespace: str) -> int:
        (link,) = hosts[host_of(namespace)].json("ip", "-s", "-n", namespace, "-json", "link", "show", "eth0")
        return int(link["stats64"]["rx"]["packets"])

    others = [name for name in ADDRESSES if name != "one1"]
    before = {name: received(name) for name in others}
    hosts["one"].in_namespace(
        "one1", "ping", "-b", "-q", "-c", "50", "-i", "0.02", "-W", "1", "10.1.0.255", check=False
    )
    arrived = {name: received(name) - before[name] for name in others}
    # Some packets of IPv6's discovery may be among them.
    assert all(50 <= count < 100 for count in arrived.values()), arrived


def test_no_port_is_left_open(hosts: Hosts) -> None:
    for namespace in ADDRESSES:
        assert not hosts[host_of(namespace)].in_namespace(namespace, "ss", "-Hlntu").stdout


def test_a_lost_tunnel_is_healed_as_check_mode_predicts(hosts: Hosts, plays: Plays) -> None:
    hosts["one"].ovs_vsctl("del-port", "lab-three")
    hosts["three"].ovs_vsctl(
        "clear", "Port", "lab-two", "other_config", "--", "set", "Port", "lab-two", "protected=false"
    )
    assert not hosts["one"].pings(ADDRESSES["three1"], "one1")
    predicted = run(plays, "site", "--check", "--diff")
    assert tunnels(hosts["one"]) == ["lab-two"]
    healed = run(plays, "site", "--diff")
    assert changes(predicted) == changes(healed) == {"one": 1, "two": 0, "three": 1}
    assert sorted(predicted.diff) == sorted(healed.diff)
    assert tunnels(hosts["one"]) == ["lab-three", "lab-two"]
    assert hosts["three"].ovs_vsctl("get", "Port", "lab-two", "protected") == "true"
    assert hosts["one"].pings(ADDRESSES["three1"], "one1", MTU)


def test_a_broken_path_between_two_hosts_fails_the_run(hosts: Hosts, plays: Plays) -> None:
    hosts["two"].in_namespace("two1", "nft", "add table ip test")
    hosts["two"].in_namespace("two1", "nft", "add chain ip test in { type filter hook input priority 0; }")
    hosts["two"].in_namespace("two1", "nft", "add rule ip test in tcp dport 7 drop")
    failed = attempt(plays, "site", "--tags=verify")
    assert failed.status
    assert "-> 10.1.0.21 tcp/7: silence (expected reachable)" in failed.words
    hosts["two"].in_namespace("two1", "nft", "delete table ip test")


def test_a_policy_holds_across_hosts_and_is_probed(hosts: Hosts, plays: Plays) -> None:
    policy = {"from": {"namespaces": ["one1"]}, "to": {"namespaces": ["two1"]}, "protocol": "tcp", "action": "drop"}
    run(plays, "site", topology_policies=[policy])
    hosts["two"].in_namespace("two1", "nft", "flush ruleset")
    failed = attempt(plays, "site", "--tags=verify", topology_policies=[policy])
    assert failed.status
    assert re.search(r"one1 -> 10\.1\.0\.21 tcp/7: reachable in \S+ ms \(expected silent\)", failed.words), (
        failed.output
    )


def test_a_limited_run_keeps_the_tunnels_to_the_others(hosts: Hosts, plays: Plays) -> None:
    assert changes(run(plays, "site", "--limit=one")) == {"one": 0}
    assert tunnels(hosts["one"]) == ["lab-three", "lab-two"]
    refused = attempt(plays, "site", "--limit=one", topology_hosts=[])
    assert refused.status
    assert "topology_hosts: is not set, the topology is spread over hosts, and the run is limited" in refused.words


def test_a_host_leaves(hosts: Hosts, plays: Plays) -> None:
    run(plays, "teardown", only="three")
    assert hosts["three"].ovs_vsctl("list-br") == "br-phy"
    assert not hosts["three"].json("ip", "-json", "netns", "list")
    left = run(plays, "site", only="one,two", lab_hosts=["one", "two"])
    assert changes(left) == {"one": 1, "two": 1}
    assert [tunnels(hosts[name]) for name in ("one", "two")] == [["lab-two"], ["lab-one"]]
    assert hosts["one"].pings(ADDRESSES["two2"], "one1", MTU)


def test_the_tunnels_move_to_ipv6(hosts: Hosts, plays: Plays) -> None:
    """Of both types: the hosts that are left reach each other by addresses of IPv6 only."""
    over_ipv6: dict[str, Any] = {"lab_hosts": ["one", "two"], "topology_tunnel_address": "{{ underlay6 }}"}
    for number, name in ((1, "one"), (2, "two")):
        # Where the userspace datapath needs it.
        hosts[name].run("ip", "addr", "add", f"fd00:10::{number}/64", "dev", "br-phy", "nodad")
    assert changes(run(plays, "site", only="one,two", **over_ipv6)) == {"one": 1, "two": 1}
    remotes = hosts["one"].ovs_vsctl("--bare", "--columns=options", "find", "Interface", "options:remote_ip!=10.0.0.2")
    assert remotes.count("remote_ip=fd00:10::2") == 2
    for namespace, address, size in (("one1", ADDRESSES["two1"], MTU), ("onew", WIDE["twow"], WIDE_MTU)):
        assert mtu(hosts, namespace) == size - IPV6
        assert hosts["one"].pings(address, namespace, size - IPV6)
        assert not hosts["one"].pings(address, namespace, size)
    for client, server in (("one1", "two1"), ("onew", "twow")):
        send_data(hosts, client, server)


def test_nothing_is_left(hosts: Hosts, plays: Plays) -> None:
    run(plays, "teardown", only="one,two", lab_hosts=["one", "two"])
    for host in hosts.values():
        assert host.ovs_vsctl("list-br") == "br-phy"
        assert not host.json("ip", "-json", "netns", "list")
        names = {link["ifname"] for link in host.json("ip", "-json", "link")}
        assert names == {"lo", "eth0", "br-phy", "ovs-netdev"}
        assert not host.run("nft", "list", "ruleset").stdout
    assert changes(run(plays, "teardown")) == {"one": 0, "two": 0, "three": 0}
