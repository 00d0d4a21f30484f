# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module veth against the kernel: the cycle check -> apply -> check -> apply, damage and repair, owners."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from ansible_collections.netns.fabric.tests.helpers import snapshot, traffic
from ansible_collections.netns.fabric.tests.helpers.convergence import (
    Run,
    assert_unchanged,
    converge,
    converge_and_paste,
    paste,
    shell,
)
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.waiting import wait_until

# One veth pair between two namespaces.
PAIR: dict[str, Any] = {
    "name": "eth0",
    "namespace": "red",
    "addresses": ["192.0.2.1/24", "2001:db8::1/64"],
    "peer": {"name": "eth0", "namespace": "blue", "addresses": ["192.0.2.2/24", "2001:db8::2/64"]},
}
# What is there before: two namespaces as the module netns leaves them.
NAMESPACES = """
    netns add red
    netns add blue
    -n red link set lo up
    -n blue link set lo up
"""


def index(host: Host, namespace: str | None, link: str) -> int:
    return int(host.links(namespace)[link]["ifindex"])


def addresses(host: Host, namespace: str | None, link: str) -> list[str]:
    """Return the addresses of a link as the kernel lists them, without the link-local ones."""
    found = host.links(namespace)[link]["addr_info"]
    return [f"{address['local']}/{address['prefixlen']}" for address in found if address["scope"] != "link"]


def is_up(host: Host, namespace: str | None, link: str) -> bool:
    return "UP" in host.links(namespace)[link]["flags"]


def assert_traffic(host: Host) -> None:
    """Fail unless the pair carries packets, and TCP, both ways."""
    assert host.pings("192.0.2.2", "red")
    assert host.pings("192.0.2.1", "blue")
    traffic.exchange("red", "blue", "192.0.2.2", size=65536)
    traffic.exchange("blue", "red", "192.0.2.1", size=65536)


@pytest.fixture(name="two_namespaces")
def fixture_two_namespaces(host: Host) -> Host:
    shell(host, NAMESPACES)
    return host


# Creating


def test_pair_between_two_namespaces(host: Host, run_module: Run) -> None:
    result = converge_and_paste(host, run_module, lambda: shell(host, NAMESPACES), "veth", **PAIR)
    assert result.commands[0] == "ip link add name eth0 netns red type veth peer name eth0 netns blue"
    assert set(host.links()) == {"lo"}  # neither end has been on the host
    assert_traffic(host)


def test_ipv6_can_be_used_at_once(two_namespaces: Host, run_module: Run) -> None:
    """With duplicate address detection nothing could be bound to it for two seconds."""
    run_module("veth", **PAIR)
    code = "import socket; socket.socket(socket.AF_INET6).bind(('2001:db8::1', 0))"
    two_namespaces.in_namespace("red", "python3", "-c", code)
    assert two_namespaces.pings("2001:db8::2", "red")


def test_many_pairs_in_one_pass(host: Host, run_module: Run) -> None:
    pairs: list[dict[str, Any]] = [
        {
            "name": f"red{number}",
            "namespace": "red",
            "addresses": [f"10.0.{number}.1/24"],
            "mac": f"02:00:00:00:01:{number:02x}",
            "mtu": 1400,
            "peer": {
                "name": f"blue{number}",
                "namespace": "blue",
                "addresses": [f"10.0.{number}.2/24"],
                "mac": f"02-00-00-00-02-{number:02X}",
                "mtu": 1400,
                "tx_checksum": False,
            },
        }
        for number in range(5)
    ]
    result = converge_and_paste(host, run_module, lambda: shell(host, NAMESPACES), "veth", pairs=pairs)
    assert len(result.diff) == 5
    link = host.links("blue")["blue3"]
    assert (link["mtu"], link["address"]) == (1400, "02:00:00:00:02:03")
    assert all(host.pings(f"10.0.{number}.2", "red") for number in range(5))


def test_both_ends_on_the_host_or_in_one_namespace(host: Host, run_module: Run) -> None:
    pairs = [
        {"name": "v0", "peer": {"name": "v1"}},
        {"name": "w0", "namespace": "red", "peer": {"name": "w1", "namespace": "red"}},
    ]
    converge_and_paste(host, run_module, lambda: shell(host, NAMESPACES), "veth", pairs=pairs)
    assert is_up(host, None, "v0")
    assert is_up(host, "red", "w1")


def test_new_ends_are_up_unless_enabled_is_false(two_namespaces: Host, run_module: Run) -> None:
    """The far end cannot be created up: it takes a message of its own."""
    converge(two_namespaces, run_module, "veth", name="v0", peer={"name": "v1", "namespace": "red", "enabled": False})
    assert is_up(two_namespaces, None, "v0")
    assert not is_up(two_namespaces, "red", "v1")


# What ovs-vswitchd does to a link of a port of its own that appears: it reads the flags, and writes all of them.
WATCHER = """
import fcntl, socket, struct, sys, time
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_PROMISC = 0x8913, 0x8914, 0x100
control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
request = struct.pack("16sh14x", sys.argv[1].encode(), 0)
print("ready", flush=True)
while True:
    try:
        name, flags = struct.unpack("16sh14x", fcntl.ioctl(control, SIOCGIFFLAGS, request))
        break
    except OSError:
        pass
time.sleep(0.02)  # the other has its turn
fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh14x", name, flags | IFF_PROMISC))
"""


def test_end_that_another_process_sets_down_in_a_race_is_set_up_again(two_namespaces: Host, run_module: Run) -> None:
    """All flags of a link are written at once, so what was read before it was set up puts it down."""
    command = [sys.executable, "-c", WATCHER, "red-tap"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watcher:
        assert watcher.stdout is not None
        assert watcher.stdout.readline() == "ready\n"
        result = run_module("veth", name="eth0", namespace="red", peer={"name": "red-tap"})
    assert not result.failed, result.message
    assert watcher.returncode == 0
    assert {"UP", "PROMISC"} <= set(two_namespaces.links()["red-tap"]["flags"])


def test_end_that_another_process_keeps_setting_down_does_not_block(two_namespaces: Host, run_module: Run) -> None:
    """That is intended, not a race, and the call ends."""
    down = "while :; do ip link set dev red-tap down 2>/dev/null; done"
    with subprocess.Popen(["bash", "-c", down]) as stubborn:
        try:
            result = run_module("veth", name="eth0", namespace="red", peer={"name": "red-tap"})
        finally:
            stubborn.kill()
    assert not result.failed, result.message
    assert "red-tap" in two_namespaces.links()


def test_check_mode_where_the_namespaces_do_not_exist_yet(host: Host, run_module: Run) -> None:
    before = snapshot.take()
    checked = run_module("veth", _check=True, **PAIR)
    assert checked.warnings == ["Check mode: assuming an earlier task creates namespace red, namespace blue"]
    snapshot.assert_unchanged(before)
    assert host.namespaces() == []
    refused = run_module("veth", **PAIR)
    assert refused.failed
    assert "the namespace red does not exist; create it first" in refused.message
    snapshot.assert_unchanged(before)
    shell(host, NAMESPACES)
    applied = run_module("veth", **PAIR)
    assert (checked.changed, checked.diff, checked.commands) == (applied.changed, applied.diff, applied.commands)


def test_a_plain_file_in_the_place_of_its_namespace(two_namespaces: Host, run_module: Run) -> None:
    two_namespaces.run("ip", "netns", "del", "red")
    two_namespaces.run("touch", "/run/netns/red")
    refused = run_module("veth", **PAIR)
    assert "the namespace red is a plain file, not a namespace" in refused.message
    assert not run_module("veth", _check=True, **PAIR).failed


@pytest.mark.parametrize("name", ["v:0", "-v", "v%d", "veth/0", "1.5", "vé", "$(id)"])
def test_names_of_links(two_namespaces: Host, run_module: Run, name: str) -> None:
    """What the kernel takes works; what it would take for something else is refused before it does."""
    result = run_module("veth", name=name, namespace="red", peer={"name": "t0"}, _check=True)
    if any(bad in name for bad in ":%/"):
        assert result.failed
        return
    converge(two_namespaces, run_module, "veth", name=name, namespace="red", peer={"name": "t0"})
    assert name in two_namespaces.links("red")


# Changing


def test_every_attribute_of_an_existing_pair_is_changed(host: Host, run_module: Run) -> None:
    def prepare() -> None:
        shell(
            host,
            NAMESPACES
            + """
            link add name eth0 netns red type veth peer name eth0 netns blue
            -n red addr add 198.51.100.1/24 dev eth0
            -n red addr add 192.0.2.1/24 dev eth0
            -n blue link set eth0 up
            """,
        )

    prepare()
    indexes = index(host, "red", "eth0"), index(host, "blue", "eth0")
    host.clear()
    wanted = {
        **PAIR,
        "mac": "02:00:00:00:00:aa",
        "mtu": 9000,
        "enabled": True,
        "tx_checksum": False,
        "peer": {**PAIR["peer"], "mac": "02:00:00:00:00:bb", "mtu": 9000, "tx_checksum": False},
    }
    result = converge_and_paste(host, run_module, prepare, "veth", **wanted)
    assert indexes == (index(host, "red", "eth0"), index(host, "blue", "eth0"))
    assert "addresses: [192.0.2.1/24, 198.51.100.1/24]\n" in result.diff[0]["before"]
    assert host.links("red")["eth0"]["mtu"] == 9000
    assert "tx-checksumming: off" in host.in_namespace("red", "ethtool", "-k", "eth0").stdout
    assert_traffic(host)


def test_what_is_not_named_is_not_touched(two_namespaces: Host, run_module: Run) -> None:
    run_module("veth", **PAIR)
    shell(
        two_namespaces,
        """
        -n red link set eth0 mtu 1400 address 02:00:00:00:00:aa alias mine
        -n red addr add 198.51.100.1/24 dev eth0
        -n blue link set eth0 down
        """,
    )
    before = snapshot.take()
    for options in ({}, {"peer": {"name": "eth0", "namespace": "blue"}}):
        result = run_module("veth", name="eth0", namespace="red", **options)
        assert (result.failed, result.changed) == (False, False)
    snapshot.assert_unchanged(before)


def test_an_end_is_put_down_and_keeps_its_addresses(host: Host, run_module: Run) -> None:
    """The kernel deletes the IPv6 ones when a link is set down."""

    def prepare() -> None:
        shell(host, NAMESPACES)
        run_module("veth", **PAIR)

    converge_and_paste(host, run_module, prepare, "veth", name="eth0", namespace="red", enabled=False)
    assert not is_up(host, "red", "eth0")
    assert addresses(host, "red", "eth0") == ["192.0.2.1/24", "2001:db8::1/64"]
    converge(host, run_module, "veth", name="eth0", namespace="red", enabled=True)
    assert_traffic(host)


@pytest.mark.parametrize("keep", [0, 1])
@pytest.mark.parametrize("listed", [["192.0.2.1/24", "2001:db8::1/64"], ["192.0.2.1/24"], ["2001:db8::1/48"], None])
def test_an_end_is_put_down_and_has_the_addresses_that_are_listed(
    host: Host, run_module: Run, keep: int, listed: list[str] | None
) -> None:
    """The IPv6 ones go with it, or stay (keep_addr_on_down): neither is what was asked for."""

    def prepare() -> None:
        shell(host, NAMESPACES)
        run_module("veth", **PAIR)
        host.in_namespace("red", "sysctl", "-w", f"net.ipv6.conf.eth0.keep_addr_on_down={keep}")

    options = {"name": "eth0", "namespace": "red", "addresses": listed, "enabled": False}
    converge_and_paste(host, run_module, prepare, "veth", **options)
    assert addresses(host, "red", "eth0") == (listed or PAIR["addresses"])


# Addresses


@pytest.mark.parametrize(
    ("present", "wanted"),
    [
        (["192.0.2.1/24"], ["192.0.2.1/25"]),
        (["192.0.2.1/24"], ["192.0.2.9/24"]),
        (["192.0.2.1/24", "192.0.2.2/24", "192.0.2.3/24"], ["192.0.2.3/24", "192.0.2.2/24"]),
        (["192.0.2.1/24", "192.0.2.2/24"], ["192.0.2.1/24"]),
        (["192.0.2.1/24", "192.0.2.2/24", "192.0.2.3/24"], ["192.0.2.4/24", "192.0.2.2/24", "198.51.100.1/24"]),
        (["192.0.2.1/24", "192.0.2.2/24"], []),
        (["2001:db8::1/64"], ["2001:db8::1/48"]),
        (["2001:db8::1/64", "2001:db8::2/64"], ["2001:db8::2/64", "2001:db8::3/64"]),
        (["fe80::1/64"], []),
        (["192.0.2.1 peer 192.0.2.2/32"], ["192.0.2.1/32"]),
        (["127.1.0.1/16"], ["127.2.0.1/16"]),
    ],
    ids=str,
)
def test_exactly_the_addresses_that_are_listed(
    host: Host, run_module: Run, present: list[str], wanted: list[str]
) -> None:
    """Among them: the deletion of a primary deletes its secondaries, the same address with another prefix length."""
    assert_exact(host, run_module, present, wanted, promote=0)


def test_exactly_the_addresses_that_are_listed_where_secondaries_are_promoted(host: Host, run_module: Run) -> None:
    """promote_secondaries, as systemd sets it: they stay when their primary is deleted."""
    present = ["192.0.2.1/24", "192.0.2.2/24", "192.0.2.3/24"]
    assert_exact(host, run_module, present, ["192.0.2.3/24", "192.0.2.4/24"], promote=1)


def assert_exact(host: Host, run_module: Run, present: list[str], wanted: list[str], promote: int) -> None:
    """Put addresses on an end and have the module replace them."""

    def prepare() -> None:
        shell(host, NAMESPACES + "link add name eth0 netns red type veth peer name t0\nlink set t0 up")
        host.in_namespace("red", "sysctl", "-w", f"net.ipv4.conf.all.promote_secondaries={promote}")
        for address in present:
            shell(host, f"-n red addr add {address} dev eth0{' nodad' if ':' in address else ''}")
        shell(host, "-n red link set eth0 up")

    converge_and_paste(host, run_module, prepare, "veth", name="eth0", namespace="red", addresses=wanted)
    assert sorted(addresses(host, "red", "eth0")) == sorted(wanted)


def test_the_kernels_own_addresses_are_not_counted(two_namespaces: Host, run_module: Run) -> None:
    run_module("veth", name="eth0", namespace="red", peer={"name": "t0"})
    before = two_namespaces.links("red")["eth0"]["addr_info"]
    assert [address["scope"] for address in before] == ["link"]
    assert_unchanged(run_module("veth", name="eth0", namespace="red", addresses=[]))
    assert two_namespaces.links("red")["eth0"]["addr_info"] == before


def test_routes_stay_while_an_address_is_replaced(two_namespaces: Host, run_module: Run) -> None:
    """The new one is added before the old one is deleted: a link without any address loses its routes."""
    run_module("veth", **PAIR)
    shell(two_namespaces, "-n red route add 203.0.113.0/24 dev eth0")
    converge(two_namespaces, run_module, "veth", name="eth0", namespace="red", addresses=["198.51.100.1/24"])
    assert "203.0.113.0/24" in two_namespaces.run("ip", "-n", "red", "route").stdout


# Repair


def build(host: Host, run_module: Run) -> None:
    """Create the pair, and beside it one of the same names that leads to the host: indexes repeat across namespaces."""
    shell(host, NAMESPACES)
    result = run_module("veth", pairs=[PAIR, {"name": "eth1", "namespace": "red", "peer": {"name": "red-tap"}}])
    assert not result.failed, result.message


DAMAGE = {
    "deleted": "-n red link del eth0",
    "end renamed": "-n red link set eth0 name eth9",
    "far end renamed": "-n blue link set eth0 name eth9",
    "end moved to the host": "-n red link set eth0 netns 1",
    "far end moved to another namespace": "netns add green\n-n blue link set eth0 netns green",
    "far end moved and renamed": "netns add green\n-n blue link set eth0 netns green name x",
    "ends in each other's place": """
        netns add green
        -n red link set eth0 netns green
        -n blue link set eth0 netns red
        -n green link set eth0 netns blue
        """,
    "recreated by hand": """
        -n red link del eth0
        link add name eth0 netns red type veth peer name eth0 netns blue
        """,
    # The kernel takes a namespace's links down in the background; this one is to be gone when the commands are pasted.
    "namespace recreated": "-n blue link del eth0\nnetns del blue\nnetns add blue\n-n blue link set lo up",
    "paired with another end": """
        -n red link del eth0
        link add name eth0 netns red type veth peer name other0
        """,
    "both ends paired with other ends": """
        -n red link del eth0
        link add name eth0 netns red type veth peer name other0
        link add name eth0 netns blue type veth peer name other1
        """,
    "crossed with the other pair": """
        -n red link set eth0 name swap
        -n red link set eth1 name eth0
        -n red link set swap name eth1
        """,
    "put down": "-n red link set eth0 down\n-n blue link set eth0 down",
    "addresses removed": "-n red addr flush dev eth0",
    "another prefix length": "-n red addr del 192.0.2.1/24 dev eth0\n-n red addr add 192.0.2.1/32 dev eth0",
    "another MTU": "-n red link set eth0 mtu 1000",
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_repaired_in_one_run(host: Host, run_module: Run, damage: str) -> None:
    """By the module, and on an equal host by the commands that it says are equivalent."""

    def prepare() -> None:
        build(host, run_module)
        shell(host, DAMAGE[damage])
        if damage == "namespace recreated":
            wait_until(lambda: "eth0" not in host.links("red"))  # the kernel takes its time

    wanted = {**PAIR, "enabled": True, "mtu": 1500, "peer": {**PAIR["peer"], "enabled": True, "mtu": 1500}}
    pairs = [wanted, {"name": "eth1", "namespace": "red", "peer": {"name": "red-tap"}}]
    assert converge_and_paste(host, run_module, prepare, "veth", pairs=pairs).changed
    assert set(host.links("red")) == {"lo", "eth0", "eth1"}
    assert "red-tap" in host.links()
    assert_traffic(host)


@pytest.mark.parametrize(
    "damage", ["end renamed", "far end renamed", "end moved to the host", "far end moved and renamed"]
)
def test_misplaced_end_is_moved_back(two_namespaces: Host, run_module: Run, damage: str) -> None:
    """Repair in place: the pair keeps its indexes, addresses and what else it has on the end that stayed."""
    run_module("veth", **PAIR)
    indexes = index(two_namespaces, "red", "eth0"), index(two_namespaces, "blue", "eth0")
    shell(two_namespaces, DAMAGE[damage])
    result = converge(two_namespaces, run_module, "veth", **PAIR)
    assert "ends: " in result.diff[0]["before"]
    assert indexes == (index(two_namespaces, "red", "eth0"), index(two_namespaces, "blue", "eth0"))
    assert_traffic(two_namespaces)


def test_a_renamed_end_keeps_what_is_not_named(two_namespaces: Host, run_module: Run) -> None:
    """To be renamed it is put down, which takes its IPv6 addresses: they come back."""
    run_module("veth", **PAIR)
    shell(two_namespaces, "-n red link set eth0 name eth9")
    converge(
        two_namespaces, run_module, "veth", name="eth0", namespace="red", peer={"name": "eth0", "namespace": "blue"}
    )
    assert addresses(two_namespaces, "red", "eth0") == ["192.0.2.1/24", "2001:db8::1/64"]
    assert_traffic(two_namespaces)


def test_two_pairs_with_crossed_far_ends(two_namespaces: Host, run_module: Run) -> None:
    def pair(namespace: str, number: int) -> dict[str, Any]:
        peer = {"name": f"{namespace}-tap", "addresses": [f"192.0.{number}.2/24"]}
        return {"name": "eth0", "namespace": namespace, "addresses": [f"192.0.{number}.1/24"], "peer": peer}

    pairs = [pair("red", 2), pair("blue", 3)]
    shell(
        two_namespaces,
        """
        link add name eth0 netns red type veth peer name blue-tap
        link add name eth0 netns blue type veth peer name red-tap
        """,
    )
    converge(two_namespaces, run_module, "veth", pairs=pairs)
    assert two_namespaces.pings("192.0.2.2", "red")
    assert two_namespaces.pings("192.0.3.2", "blue")


def test_far_ends_with_equal_indexes_are_distinguished(two_namespaces: Host, run_module: Run) -> None:
    """Every new namespace numbers its links from the same start: the index alone says nothing of whose end it is."""
    pairs = [{"name": "eth0", "namespace": name, "peer": {"name": f"{name}-tap"}} for name in ("red", "blue")]
    run_module("veth", pairs=pairs)
    assert index(two_namespaces, "red", "eth0") == index(two_namespaces, "blue", "eth0")
    assert_unchanged(run_module("veth", pairs=pairs))
    crossed = [{**pairs[0], "peer": pairs[1]["peer"]}, {**pairs[1], "peer": pairs[0]["peer"]}]
    converge(two_namespaces, run_module, "veth", pairs=crossed)


def test_a_third_namespaces_end_with_the_same_indexes(host: Host, run_module: Run) -> None:
    """Index and far index of two pairs may be equal altogether: then only the namespace's id distinguishes them."""
    shell(host, "netns add red\nnetns add blue\nnetns add green\nnetns add grey")
    shell(host, "link add name a netns red type veth peer name b netns blue")
    shell(host, "link add name a netns green type veth peer name b netns grey")
    assert index(host, "red", "a") == index(host, "green", "a")
    assert index(host, "blue", "b") == index(host, "grey", "b")
    pairs = [
        {"name": "a", "namespace": "red", "peer": {"name": "b", "namespace": "blue"}},
        {"name": "a", "namespace": "green", "peer": {"name": "b", "namespace": "grey"}},
    ]
    assert_unchanged(run_module("veth", pairs=pairs))


def test_from_one_pair_to_a_switch_and_back(host: Host, run_module: Run) -> None:
    """The reference topology's two shapes; each is one call, whichever was there before."""
    shell(host, NAMESPACES)
    direct = {**PAIR, "peer": {**PAIR["peer"]}}

    def to_host(namespace: str, number: int) -> dict[str, Any]:
        address = f"192.0.2.{number}/24"
        return {"name": "eth0", "namespace": namespace, "addresses": [address], "peer": {"name": f"{namespace}-tap"}}

    switched = [to_host("red", 1), to_host("blue", 2)]
    for _round in range(2):
        converge(host, run_module, "veth", pairs=[direct], owner="lab", prune=True)
        assert_traffic(host)
        assert set(host.links()) == {"lo"}
        converge(host, run_module, "veth", pairs=switched, owner="lab", prune=True)
        shell(host, "link add br0 up type bridge forward_delay 0")
        shell(host, "link set red-tap master br0\nlink set blue-tap master br0")
        assert_traffic(host)
        shell(host, "link del br0")


# Removing


@pytest.mark.parametrize(
    "entry",
    [
        {"name": "eth0", "namespace": "red"},
        {"name": "eth0", "namespace": "blue"},
        {"name": "eth0", "namespace": "red", "peer": {"name": "eth0", "namespace": "blue"}},
        {"name": "gone", "namespace": "red", "peer": {"name": "eth0", "namespace": "blue"}},
    ],
)
def test_pair_is_removed_by_either_end(host: Host, run_module: Run, entry: dict[str, Any]) -> None:
    def prepare() -> None:
        shell(host, NAMESPACES)
        run_module("veth", pairs=[PAIR, {"name": "other", "namespace": "red", "peer": {"name": "t0"}}])

    converge_and_paste(host, run_module, prepare, "veth", **entry, state="absent")
    assert set(host.links("red")) == {"lo", "other"}
    assert set(host.links("blue")) == {"lo"}


@pytest.mark.parametrize("namespace", [None, "red", "missing"])
def test_absent_without_a_pair(two_namespaces: Host, run_module: Run, namespace: str | None) -> None:
    before = snapshot.take()
    result = run_module("veth", name="eth7", namespace=namespace, state="absent")
    assert (result.failed, result.changed) == (False, False)
    snapshot.assert_unchanged(before)


def test_many_pairs_are_removed_in_one_pass(two_namespaces: Host, run_module: Run) -> None:
    before = snapshot.take()
    pairs = [{"name": f"v{number}", "namespace": "red", "peer": {"name": f"t{number}"}} for number in range(5)]
    run_module("veth", pairs=pairs)
    converge(two_namespaces, run_module, "veth", pairs=[{**pair, "state": "absent"} for pair in pairs])
    snapshot.assert_unchanged(before)


# Owners


def test_owner_is_in_the_alias_of_both_ends(host: Host, run_module: Run) -> None:
    converge_and_paste(host, run_module, lambda: shell(host, NAMESPACES), "veth", pairs=[PAIR], owner="lab")
    assert {host.links(name)["eth0"]["ifalias"] for name in ("red", "blue")} == {"netns.fabric:lab"}


def test_prune_removes_only_the_pairs_of_the_owner(host: Host, run_module: Run) -> None:
    def prepare() -> None:
        shell(host, NAMESPACES)
        run_module(
            "veth",
            pairs=[
                PAIR,
                {"name": "lab-1", "namespace": "red", "peer": {"name": "lab-1t"}},
                {"name": "lab-2", "peer": {"name": "lab-2t"}},
            ],
            owner="lab",
        )
        run_module("veth", pairs=[{"name": "lab-3", "peer": {"name": "lab-3t"}}], owner="lab2")
        shell(host, "link add lab type veth peer name lab-t\nlink set lab alias netns.fabricated:lab")

    result = converge_and_paste(host, run_module, prepare, "veth", pairs=[PAIR], owner="lab", prune=True)
    assert len(result.diff) == 2
    assert set(host.links()) == {"lo", "lab", "lab-t", "lab-3", "lab-3t"}
    assert set(host.links("red")) == {"lo", "eth0"}


def test_pair_of_another_owner_is_left_alone(two_namespaces: Host, run_module: Run) -> None:
    run_module("veth", **PAIR, owner="one")
    before = snapshot.take()
    result = run_module("veth", **PAIR, owner="two")
    assert result.failed
    assert "is owned by one" in result.message
    result = run_module("veth", name="eth0", namespace="red", state="absent", owner="two")
    assert (result.failed, result.changed) == (False, False)
    assert "is not owned by two" in result.warnings[0]
    snapshot.assert_unchanged(before)


def test_misplaced_end_of_another_owner_is_not_moved(two_namespaces: Host, run_module: Run) -> None:
    shell(two_namespaces, "link add name eth0 netns red type veth peer name theirs netns blue")
    shell(two_namespaces, "-n blue link set theirs alias netns.fabric:one")
    run_module("veth", **PAIR, owner="two")
    # The pair was deleted all the same: its other end is what was declared.
    assert set(two_namespaces.links("blue")) == {"lo", "eth0"}


def test_pair_with_two_owners_is_removed_by_the_last(two_namespaces: Host, run_module: Run) -> None:
    run_module("veth", **PAIR, owner="one")
    for name in ("red", "blue"):
        shell(two_namespaces, f"-n {name} link set eth0 alias netns.fabric:one,two")
    converge(two_namespaces, run_module, "veth", pairs=[], owner="one", prune=True)
    assert {two_namespaces.links(name)["eth0"]["ifalias"] for name in ("red", "blue")} == {"netns.fabric:two"}
    assert_traffic(two_namespaces)
    converge(two_namespaces, run_module, "veth", pairs=[], owner="two", prune=True)
    assert set(two_namespaces.links("red")) == {"lo"}


def test_an_alias_of_somebody_elses_stays(two_namespaces: Host, run_module: Run) -> None:
    run_module("veth", **PAIR)
    shell(two_namespaces, "-n red link set eth0 alias 'uplink of the lab'")
    converge(two_namespaces, run_module, "veth", **PAIR, owner="lab")
    assert two_namespaces.links("red")["eth0"]["ifalias"] == "uplink of the lab"


# What lies in the way


@pytest.mark.parametrize("entry", [{"name": "t0", "peer": {"name": "v1"}}, {"name": "v1", "peer": {"name": "t0"}}])
def test_link_of_that_name_that_is_not_a_veth(host: Host, run_module: Run, entry: dict[str, Any]) -> None:
    shell(host, "tuntap add t0 mode tap")
    before = snapshot.take()
    for state in ("present", "absent"):
        for check in (True, False):
            result = run_module("veth", **entry, state=state, _check=check)
            assert result.failed
            assert "is not a veth but tun" in result.message
    snapshot.assert_unchanged(before)


def test_commands_of_a_link_whose_name_begins_with_a_hyphen(two_namespaces: Host, run_module: Run) -> None:
    result = run_module("veth", name="-v", namespace="red", peer={"name": "t0"}, _check=True)
    paste(two_namespaces, result.commands)
    assert "-v" in two_namespaces.links("red")


# The same MAC address twice


def test_one_mac_address_for_both_ends(host: Host, run_module: Run) -> None:
    shell(host, "netns add red\nnetns add blue")
    mac = "02:00:00:00:00:07"
    both = {"namespace": "red", "peer": {"name": "eth0", "namespace": "blue", "mac": mac}}
    for check in (True, False):
        refused = run_module("veth", name="eth0", mac=mac, **both, _check=check)
        assert f"eth0: mac: {mac} is the MAC address of both ends" in refused.message
    assert host.links("red").keys() == {"lo"}
    converge(host, run_module, "veth", name="eth0", **both)
    for module in ("veth", "link"):
        refused = run_module(module, name="eth0", namespace="red", mac=mac)
        assert f"eth0: mac: {mac} is the MAC address of" in refused.message
    swapped = [
        {"name": "eth0", "namespace": "red", "mac": mac},
        {"name": "eth0", "namespace": "blue", "mac": "02:00:00:00:00:08"},
    ]
    converge(host, run_module, "link", links=swapped)
