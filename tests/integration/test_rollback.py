# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rollback: a call in which one change is refused leaves the host as it was, with the same objects, not equal ones.

First with what the kernel really refuses, in the middle of fifty entries. Then, since most operations are hardly ever
refused, with every single operation of a plan failing in turn.
"""

from __future__ import annotations

import errno
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._core.errors import FabricError, OperationFailed
from ansible_collections.netns.fabric.plugins.module_utils._core.host import Host as ManagedHost
from ansible_collections.netns.fabric.plugins.module_utils._core.plan import Change, Entry, Operation, Phase, Plan
from ansible_collections.netns.fabric.plugins.module_utils._core.resource import Resource
from ansible_collections.netns.fabric.plugins.module_utils._kernel import handlers, namespaces
from ansible_collections.netns.fabric.plugins.module_utils._kernel import operations as op
from ansible_collections.netns.fabric.plugins.module_utils._kernel.access import KERNEL
from ansible_collections.netns.fabric.plugins.module_utils._resources.link import LinkResource
from ansible_collections.netns.fabric.plugins.module_utils._resources.neighbour import NeighbourResource
from ansible_collections.netns.fabric.plugins.module_utils._resources.netns import NamespaceResource
from ansible_collections.netns.fabric.plugins.module_utils._resources.route import RouteResource
from ansible_collections.netns.fabric.plugins.module_utils._resources.rule import RuleResource
from ansible_collections.netns.fabric.plugins.module_utils._resources.veth import VethResource
from ansible_collections.netns.fabric.tests.helpers import snapshot
from ansible_collections.netns.fabric.tests.helpers.convergence import Run, shell
from ansible_collections.netns.fabric.tests.helpers.host import NAMESPACES, RESOLVERS, Host
from ansible_collections.netns.fabric.tests.helpers.refusals import refuse_each, run_inside
from ansible_collections.netns.fabric.tests.helpers.snapshot import SYSCTLS
from ansible_collections.netns.fabric.tests.helpers.waiting import wait_until

Entries = list[dict[str, Any]]

COUNT, REFUSED = 50, 25

# Namespaces with veth pairs, addresses of both versions, secondaries, routes that depend on them, rules, neighbours,
# settings of each.
STAGE = """
    netns add red
    netns add blue
    -n red link set lo up alias netns.fabric:lab
    -n blue link set lo up
    link add name eth0 netns red type veth peer name eth0 netns blue
    link add name eth1 netns red type veth peer name red-tap
    -n red link set eth0 up mtu 1400 address 02:00:00:00:00:0a alias netns.fabric:lab
    -n blue link set eth0 up mtu 1400 address 02:00:00:00:00:0b alias netns.fabric:lab
    -n red link set eth1 up alias netns.fabric:lab
    link set red-tap up alias netns.fabric:lab
    -n red addr add 192.0.2.1/24 dev eth0
    -n red addr add 192.0.2.11/24 brd + dev eth0
    -n red addr add 192.0.2.12/24 dev eth0 label eth0:x
    -n red addr add 10.0.0.1 peer 10.0.0.2/32 dev eth0
    -n red addr add 2001:db8::1/64 dev eth0 nodad
    -n red addr add 2001:db8::11/64 dev eth0 nodad
    -n red addr add fe80::77/64 dev eth0 nodad
    -n red addr add 203.0.113.1/24 dev eth1
    -n blue addr add 192.0.2.2/24 dev eth0
    addr add 203.0.113.2/24 dev red-tap
    -n red route add 172.16.0.1/32 dev eth0
    -n red route add default via 172.16.0.1 dev eth0 proto static
    -n red route add default via 203.0.113.2 metric 50
    -n red route add 10.1.0.0/16 via 192.0.2.2 src 192.0.2.11 mtu 1300
    -n red route add 10.2.0.0/16 nexthop via 192.0.2.2 weight 2 nexthop via 203.0.113.2
    -n red route add 10.3.0.0/16 via 203.0.113.2 src 192.0.2.12
    -n red route add 10.4.0.0/16 via 192.0.2.2 table 100
    -n red route add 10.4.0.0/16 via 192.0.2.2 tos 0x10
    -n red route add blackhole 10.5.0.0/16
    -n red -6 route add default via 2001:db8::2
    -n red -6 route add 2001:db8:1::/48 via fe80::2 dev eth0 metric 7
    -n red -6 route add 2001:db8:2::/48 from 2001:db8::/64 via 2001:db8::2
    -n red -6 route add 2001:db8:3::/48 nexthop via 2001:db8::2 nexthop via 2001:db8::3
    -n red -6 route add unreachable 2001:db8:4::/48 metric 9
    route add 10.6.0.0/16 via 203.0.113.1
    -n red rule add from 192.0.2.1 lookup 100 priority 1000 protocol static
    -n red rule add from 192.0.2.11 lookup 100 priority 1000
    -n red rule add not to 10.0.0.0/8 tos 0x10 lookup 7 priority 1000
    -n red rule add iif eth1 prohibit priority 1000 protocol bird
    -n red -6 rule add from 2001:db8::/64 lookup 100 priority 1000 protocol static
    -n red neigh add 192.0.2.77 lladdr 02:00:00:00:00:77 dev eth0 nud permanent
    -n red neigh add 203.0.113.77 lladdr 02:00:00:00:00:77 dev eth1 nud permanent protocol static
    -n red neigh add 2001:db8::77 lladdr 02:00:00:00:00:77 dev eth0 nud permanent
    -n red neigh add proxy 192.0.2.78 dev eth0
    -n red neigh add proxy 2001:db8::78 dev eth0 protocol static
    neigh add 203.0.113.78 lladdr 02:00:00:00:00:78 dev red-tap nud permanent
    !ip netns exec red ethtool -K eth0 tx off
    !ip netns exec red sysctl -qw net.ipv4.conf.all.rp_filter=2
    !ip netns exec blue sysctl -qw net.ipv4.conf.all.accept_redirects=0
"""


@pytest.fixture(name="stage")
def fixture_stage(host: Host) -> Host:
    shell(host, STAGE)
    directory = RESOLVERS / "red"
    directory.mkdir()
    directory.chmod(0o750)
    (directory / "resolv.conf").write_text("# netns.fabric:lab\nnameserver 192.0.2.53\n", encoding="ascii")
    kept = RESOLVERS / ".resolv.conf.before-netns.fabric" / "red"
    kept.parent.mkdir()
    kept.write_bytes(b"# theirs \xff\n")
    kept.chmod(0o640)
    (RESOLVERS / "blue").mkdir()
    (RESOLVERS / "blue" / "resolv.conf").write_bytes(b"# theirs \xfe\n")
    (RESOLVERS / "blue" / "resolv.conf").chmod(0o600)
    (NAMESPACES / "stale").write_text("left by a crash", encoding="ascii")
    (NAMESPACES / "stale").chmod(0o444)
    return host


# What the kernel refuses


def assert_refused(host: Host, run_module: Run, module: str, entries: Entries, said: str, **options: Any) -> None:
    """Run a module on a list of which one is refused: the message names it, and nothing has changed."""
    bulk = {"netns": "namespaces", "veth": "pairs", "link": "links", "route": "routes", "rule": "rules"}[module]
    before = snapshot.take()
    result = run_module(module, **{bulk: entries}, **options)
    assert result.failed
    assert f"{bulk}[{REFUSED}]" in result.message
    assert said in result.message
    assert result.message.endswith("All changes made by this call were rolled back; the host is unchanged.")
    snapshot.assert_unchanged(before)
    # Without that entry the call succeeds: the refusal had no other reason.
    left = run_module(module, **{bulk: entries[:REFUSED] + entries[REFUSED + 1 :]}, **options)
    assert not left.failed, left.message
    assert left.changed


def test_fifty_namespaces_and_a_parameter_that_is_refused(host: Host, run_module: Run) -> None:
    """The MTU of IPv6 cannot exceed that of the link, which only the link itself shows."""
    shell(host, "netns add old\nnetns add kept\nnetns add ns25\nlink add eth0 netns ns25 type veth peer name ns25-eth0")
    (NAMESPACES / "ns3").touch()
    entries: Entries = [
        {"name": f"ns{number}", "nameservers": ["192.0.2.53"], "sysctls": {"net.ipv4.ip_forward": 1}}
        for number in range(COUNT - 2)
    ]
    entries += [{"name": "old", "state": "absent"}, {"name": "kept", "sysctls": {"net.ipv4.conf.all.rp_filter": 2}}]
    entries[REFUSED]["sysctls"] = {"net.ipv6.conf.eth0.mtu": 9000}
    said = "the kernel refused `ip netns exec ns25 sysctl -w net.ipv6.conf.eth0.mtu=9000`: Invalid argument"
    assert_refused(host, run_module, "netns", entries, said, owner="lab")


def test_fifty_namespaces_and_a_file_that_cannot_be_written(host: Host, run_module: Run) -> None:
    (RESOLVERS / "ns25").write_text("not a directory", encoding="ascii")
    entries: Entries = [{"name": f"ns{number}", "nameservers": ["192.0.2.53"]} for number in range(COUNT)]
    assert_refused(host, run_module, "netns", entries, "/etc/netns/ns25")


def test_fifty_veth_pairs_and_an_address_that_is_refused(stage: Host, run_module: Run) -> None:
    entries: Entries = [
        {
            "name": f"v{number}",
            "namespace": "red",
            "addresses": [f"10.10.{number}.1/24", f"2001:db8:{number}::1/64"],
            "tx_checksum": False,
            "peer": {"name": f"t{number}", "mtu": 1400, "addresses": [f"10.10.{number}.2/24"]},
        }
        for number in range(COUNT)
    ]
    entries[REFUSED]["peer"]["addresses"] = ["::1/128"]
    assert_refused(stage, run_module, "veth", entries, "Cannot assign requested address", owner="lab")


def test_veth_pairs_recreated_removed_pruned_and_moved(stage: Host, run_module: Run) -> None:
    """Everything that veth does, before the entry that is refused: what was deleted and moved is back in its place."""
    shell(
        stage,
        """
        -n blue link set eth0 name astray
        link add name eth2 netns red type veth peer name gone netns blue
        link add name pruned netns blue type veth peer name pruned-tap
        -n blue link set pruned alias netns.fabric:lab up
        """,
    )
    entries: Entries = [
        {"name": "eth0", "namespace": "red", "mtu": 1300, "peer": {"name": "eth0", "namespace": "blue"}},
        {"name": "eth1", "namespace": "red", "peer": {"name": "eth1", "namespace": "blue"}},
        {"name": "eth2", "namespace": "red", "peer": {"name": "red-tap"}},
        *({"name": f"v{number}", "namespace": "blue", "peer": {"name": f"t{number}"}} for number in range(3, COUNT)),
    ]
    entries[REFUSED]["peer"]["addresses"] = ["::1/128"]
    assert_refused(stage, run_module, "veth", entries, "Cannot assign requested address", owner="lab", prune=True)


def test_fifty_links_and_an_mtu_that_is_too_big(stage: Host, run_module: Run) -> None:
    lines = ["netns add green"]
    for number in range(COUNT):
        lines += [
            f"tuntap add d{number} mode tap",
            f"link set d{number} up",
            f"addr add 10.9.{number}.1/24 dev d{number}",
        ]
    shell(stage, "\n".join(lines))
    entries: Entries = [
        {
            "name": f"d{number}",
            "namespace": "green" if number % 2 else None,
            "mac": f"02:00:00:00:00:{number:02x}",
            "mtu": 1400 if number != REFUSED else 65535,
            "addresses": [f"10.9.{number}.2/25", f"2001:db8:{number}::1/64"],
            "enabled": bool(number % 3),
        }
        for number in range(COUNT)
    ]
    assert_refused(stage, run_module, "link", entries, "mtu greater than device maximum", owner="lab")


def test_fifty_links_and_an_address_that_is_refused(stage: Host, run_module: Run) -> None:
    shell(stage, "\n".join(f"link add br{number} type bridge" for number in range(COUNT)))
    entries: Entries = [
        {"name": f"br{number}", "addresses": [f"10.9.{number}.1/24", f"2001:db8:{number}::1/64"]}
        for number in range(COUNT)
    ]
    entries[REFUSED]["addresses"][1] = "::1/128"
    assert_refused(stage, run_module, "link", entries, "Cannot assign requested address")


def test_a_link_that_carries_routes_is_taken_down_moved_and_readdressed(stage: Host, run_module: Run) -> None:
    """The link with everything on it loses all that, and then a bridge refuses to be moved."""
    shell(stage, "link add br0 type bridge\ntuntap add d0 mode tap")
    before = snapshot.take()
    for options in (
        {"name": "eth0", "addresses": ["10.77.0.1/24"]},
        {"name": "eth0", "enabled": False},
        {"name": "eth0", "addresses": [], "mtu": 1280, "mac": "02:00:00:00:00:77"},
        {"name": "eth0", "addresses": ["192.0.2.12/24", "2001:db8::11/64"], "enabled": False},
    ):
        # The move comes first in a plan, the rest in the order of the list: the address is refused last.
        refused = {"name": "d0", "addresses": ["::1/128"]}
        result = run_module("link", links=[{"namespace": "red", **options}, refused])
        assert result.failed
        assert "links[1] (d0)" in result.message
        assert result.message.endswith("the host is unchanged.")
        snapshot.assert_unchanged(before, f"the host after {options}")


def test_fifty_routes_and_a_gateway_that_is_a_broadcast_address(stage: Host, run_module: Run) -> None:
    entries: Entries = [
        {"namespace": "red", "destination": f"10.{number}.0.0/16", "gateway": "203.0.113.2", "metric": number % 2}
        for number in range(COUNT)
    ]
    entries[REFUSED]["gateway"] = "203.0.113.255"
    assert_refused(stage, run_module, "route", entries, "Nexthop has invalid gateway", exact=True)


# Every operation of a plan in turn


PLANS: dict[str, tuple[Resource[Any, Any], dict[str, Any]]] = {
    "namespaces": (
        NamespaceResource(),
        {
            "namespaces": [
                {"name": "new", "sysctls": {"net.ipv4.ip_forward": 1}, "nameservers": ["192.0.2.53"]},
                {"name": "stale", "search": ["example"]},
                {"name": "blue", "sysctls": {"net.ipv4.ip_forward": 1}, "nameservers": ["192.0.2.54"]},
                {"name": "red", "state": "absent"},
                {"name": "green", "state": "absent"},
            ],
            "owner": "lab",
        },
    ),
    "veth pairs": (
        VethResource(),
        {
            "pairs": [
                {
                    "name": "eth0",
                    "namespace": "red",
                    "addresses": ["192.0.2.12/24", "192.0.2.13/24", "2001:db8::11/64"],
                    "mac": "02:00:00:00:00:77",
                    "mtu": 1300,
                    "tx_checksum": True,
                    "enabled": False,
                    "peer": {"name": "other0", "namespace": "blue", "addresses": [], "mtu": 1300},
                },
                {"name": "eth1", "namespace": "red", "peer": {"name": "eth1", "namespace": "blue", "enabled": False}},
                {"name": "new", "peer": {"name": "new", "namespace": "blue", "tx_checksum": False}},
                {"name": "home", "namespace": "red", "peer": {"name": "home", "namespace": "blue"}},
                {"name": "doomed", "state": "absent"},
            ],
            "owner": "lab",
        },
    ),
    "links": (
        LinkResource(),
        {
            "links": [
                {"name": "eth1", "namespace": "red", "addresses": [], "enabled": False, "mac": "02:00:00:00:00:78"},
                {"name": "eth0", "namespace": "red", "addresses": ["192.0.2.11/24", "10.9.9.9/24", "2001:db8::11/48"]},
                {"name": "d0", "namespace": "blue", "addresses": ["10.7.0.1/24"], "mtu": 1400},
                {"name": "d1", "state": "absent", "namespace": "green"},
            ],
            "owner": "lab",
        },
    ),
    "routes": (
        RouteResource(),
        {
            "routes": [
                {"namespace": "red", "destination": "default", "gateway": "192.0.2.2"},
                {"namespace": "red", "destination": "10.2.0.0/16", "gateway": "203.0.113.2"},
                {"namespace": "red", "destination": "2001:db8:3::/48", "gateway": "2001:db8::9"},
                {"namespace": "red", "destination": "10.9.0.0/16", "device": "eth1"},
                {"namespace": "red", "destination": "10.5.0.0/16", "type": "prohibit"},
                {
                    "namespace": "red",
                    "destination": "10.3.0.0/16",
                    "nexthops": [{"gateway": "192.0.2.2"}, {"gateway": "203.0.113.2", "weight": 9}],
                    "mtu": 1300,
                },
                {
                    "namespace": "red",
                    "destination": "2001:db8:1::/48",
                    "metric": 7,
                    "nexthops": [
                        {"gateway": "2001:db8::2", "device": "eth0"},
                        {"gateway": "2001:db9::2", "device": "eth1", "onlink": True},
                    ],
                },
                {"namespace": "red", "destination": "2001:db8:4::/48", "metric": 9, "type": "blackhole"},
                {"destination": "10.6.0.0/16", "state": "absent"},
            ],
            "exact": True,
        },
    ),
    "rules": (
        RuleResource(),
        {
            "rules": [
                {"namespace": "red", "priority": 1000, "from": "192.0.2.1/32", "table": 101},
                {"namespace": "red", "priority": 1000, "from": "2001:db8::/64", "action": "unreachable"},
                {"namespace": "red", "priority": 999, "fwmark": "1/1", "table": 100, "suppress_prefixlength": 0},
                {"namespace": "red", "priority": 1001, "iif": "eth0", "l3mdev": True, "ipproto": "tcp", "dport": "80"},
                {"priority": 1001, "to": "10.0.0.0/8", "table": 5},
            ],
            "exact": True,
        },
    ),
    "neighbours": (
        NeighbourResource(),
        {
            "neighbours": [
                {"namespace": "red", "address": "192.0.2.77", "device": "eth0", "mac": "02:00:00:00:00:07"},
                {"namespace": "red", "address": "2001:db8::9", "device": "eth0", "mac": "03:00:00:00:00:07"},
                {"namespace": "red", "address": "192.0.2.9", "device": "eth0", "proxy": True},
                {"address": "203.0.113.78", "state": "absent"},
                {"address": "203.0.113.79", "device": "red-tap", "mac": "02:00:00:00:00:79"},
            ],
            "exact": True,
        },
    ),
}


#: How many operations of each plan can be refused, at least.
COUNTS = {"namespaces": 4, "veth pairs": 20, "links": 12, "routes": 14, "rules": 7, "neighbours": 6}


def add_to_stage(host: Host) -> None:
    """Add what else the plans need: something to delete, to move into its place, to move elsewhere and to return."""
    shell(
        host,
        """
        netns add green
        -n green link set lo up alias netns.fabric:lab
        link add name home netns red type veth peer name astray netns green
        -n red link set home up
        -n red addr add 10.5.0.1/24 dev home
        -n green link set astray up
        -n green addr add 10.5.0.2/24 dev astray
        -n green addr add 2001:db8:5::2/64 dev astray nodad
        -n green route add 10.55.0.0/16 via 10.5.0.1
        link add name doomed type veth peer name doomed netns blue
        link set doomed up alias netns.fabric:lab
        addr add 10.4.0.1/24 dev doomed
        route add 10.44.0.0/16 via 10.4.0.2
        -n blue link set doomed up address 02:00:00:00:00:dd mtu 1333 alias netns.fabric:lab
        link add br0 type bridge
        link set doomed master br0
        tuntap add d0 mode tap
        link set d0 up
        addr add 10.3.0.1/24 dev d0
        route add 10.33.0.0/16 via 10.3.0.2
        -n green tuntap add d1 mode tap
        -n green link set d1 up alias netns.fabric:lab
        -n green addr add 10.2.0.1/24 dev d1
        -n green route add 10.22.0.0/16 via 10.2.0.2
        """,
    )


@pytest.mark.parametrize("by", ["the_handler", "the_kernel"])
@pytest.mark.parametrize("name", PLANS)
def test_every_operation_refused_in_turn(stage: Host, monkeypatch: pytest.MonkeyPatch, name: str, by: str) -> None:
    add_to_stage(stage)
    resource, params = PLANS[name]
    count = refuse_each(monkeypatch, by, resource, params)
    assert count >= COUNTS[name]


def test_an_unexpected_error_rolls_everything_back_too(stage: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    before = snapshot.take()

    def broken(*_arguments: Any) -> None:
        raise RuntimeError("a bug")

    # A bug cannot be had on purpose.
    monkeypatch.setitem(handlers.HANDLERS, op.SetUp, broken)
    resource, params = PLANS["namespaces"]
    with pytest.raises(RuntimeError):
        run_inside(resource, params)
    snapshot.assert_unchanged(before)


# Namespaces that are removed


def test_removed_namespaces_come_back_with_their_processes(stage: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are kept open until the whole call has succeeded."""
    process = stage.start("sleep", "4242", namespace="red")
    wait_until(lambda: stage.run("ip", "netns", "pids", "red").stdout.strip() != "")
    before = snapshot.take()
    remove = namespaces.remove

    def refuse(name: str) -> None:
        if name == "blue":
            raise OSError(errno.EBUSY, "refused for the test")
        remove(name)

    # Names are removed by umount and unlink, which nothing refuses to root.
    monkeypatch.setattr(namespaces, "remove", refuse)
    entries = [{"name": name, "state": "absent", "force": True} for name in ("red", "blue")]
    with pytest.raises(OperationFailed, match="blue"):
        run_inside(NamespaceResource(), {"namespaces": entries})
    snapshot.assert_unchanged(before)
    assert stage.run("ip", "netns", "pids", "red").stdout.split() == [str(process.pid)]


def test_a_link_that_returns_goes_back_inside_when_the_removal_is_refused(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell(
        host,
        """
        netns add red
        -n red tuntap add d0 mode tap
        -n red link set d0 up mtu 1400 alias 'netns.fabric:lab was host up mtu 1500'
        -n red addr add 10.0.0.1/24 dev d0
        -n red route add default via 10.0.0.2
        """,
    )
    before = snapshot.take()

    def refuse(name: str) -> None:
        raise OSError(errno.EBUSY, "refused for the test")

    monkeypatch.setattr(namespaces, "remove", refuse)  # nothing refuses that to root
    with pytest.raises(OperationFailed, match="the host is unchanged"):
        run_inside(NamespaceResource(), {"name": "red", "state": "absent"})
    snapshot.assert_unchanged(before)


def test_links_that_were_deleted_together_come_back(host: Host) -> None:
    shell(host, "netns add red")
    for number in range(5):
        shell(host, f"link add v{number} group 7 type veth peer name eth{number} netns red")
        shell(host, f"-n red addr add 192.0.2.{number}/24 dev eth{number}")
    shell(host, "link add bystander group 8 type bridge")
    before = snapshot.take()
    deletions = [op.DeleteLink(None, f"v{number}", phase=Phase.RELEASE) for number in range(4)]
    # From its other end, and by an operation of a later phase that is refused.
    deletions.append(op.DeleteLink("red", "eth4", phase=Phase.RELEASE))
    with pytest.raises(OperationFailed, match="File exists"):
        apply(*deletions, op.CreateVeth(op.NewEnd(None, "bystander"), op.NewEnd(None, "w")))
    snapshot.assert_unchanged(before)

    apply(*deletions)
    assert set(host.links()) == {"lo", "bystander"}
    assert set(host.links("red")) == {"lo"}


def test_a_deleted_tap_comes_back(host: Host) -> None:
    shell(
        host,
        """
        tuntap add d0 mode tap
        link set d0 up mtu 1400 address 02:00:00:00:00:0d alias netns.fabric:lab
        addr add 192.0.2.1/24 dev d0
        link add bystander type bridge
        """,
    )
    before = snapshot.take()
    deletion = op.DeleteLink(None, "d0", phase=Phase.RELEASE)
    with pytest.raises(OperationFailed, match="File exists") as failure:
        apply(deletion, op.CreateVeth(op.NewEnd(None, "bystander"), op.NewEnd(None, "w")))
    assert str(failure.value).endswith("the host is unchanged.")
    snapshot.assert_unchanged(before)
    apply(deletion)
    assert "d0" not in host.links()


def apply(*operations: Operation) -> None:
    """Apply operations as a plan of one entry, `x`."""
    managed = ManagedHost((KERNEL,))
    try:
        managed.apply(Plan((Change(Entry("x"), "x", {}, {}, operations),)))
    finally:
        managed.close()


# What cannot be undone is reported


def test_what_cannot_be_undone_is_reported(stage: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: Any) -> None:
        raise OSError(errno.EIO, "refused for the test")

    # An undo that fails cannot be had on purpose.
    monkeypatch.setattr(handlers, "_delete_created_namespace", refuse)
    monkeypatch.setitem(handlers.HANDLERS, op.SetUp, refuse)
    with pytest.raises(FabricError) as caught:
        run_inside(NamespaceResource(), {"name": "new"})
    assert "These changes could not be undone:" in str(caught.value)
    assert "ip netns del new: [Errno 5] refused for the test" in str(caught.value)
    assert "new" in stage.namespaces()


def test_the_parameters_that_forwarding_resets_come_back(stage: Host, run_module: Run) -> None:
    """ip_forward also sets accept_redirects and the forwarding of every link."""
    sysctls = (*SYSCTLS, "net/ipv4/conf/eth0/forwarding", "net/ipv4/conf/lo/accept_redirects")
    stage.in_namespace("blue", "sysctl", "-qw", "net.ipv4.conf.eth0.forwarding=1")
    before = snapshot.take()
    values = [stage.in_namespace("blue", "sysctl", "-n", key.replace("/", ".")).stdout for key in sysctls]
    entries = [
        {"name": "blue", "sysctls": {"net.ipv4.ip_forward": 1, "net.ipv6.conf.eth0.mtu": 9000}},
    ]
    result = run_module("netns", namespaces=entries)
    assert "net.ipv6.conf.eth0.mtu=9000`: Invalid argument" in result.message
    snapshot.assert_unchanged(before)
    assert values == [stage.in_namespace("blue", "sysctl", "-n", key.replace("/", ".")).stdout for key in sysctls]
