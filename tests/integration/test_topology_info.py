# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module topology_info against ip, ss, ovs-vsctl and nft on the same host; its declarations in the modules."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.netns.fabric.plugins.module_utils._resources.ovs_port_stack import PARAMETERS
from ansible_collections.netns.fabric.plugins.plugin_utils._topology.compiler import compile_topology
from ansible_collections.netns.fabric.tests.helpers import snapshot
from ansible_collections.netns.fabric.tests.helpers.convergence import Run, shell
from ansible_collections.netns.fabric.tests.helpers.host import Host
from ansible_collections.netns.fabric.tests.helpers.module_runner import COLLECTIONS_PATH
from ansible_collections.netns.fabric.tests.helpers.openvswitch import configuration, rows
from ansible_collections.netns.fabric.tests.helpers.programs import hidden_programs
from ansible_collections.netns.fabric.tests.helpers.waiting import wait_until

Info = dict[str, Any]
KERNEL_DATAPATH = Path("/sys/module/openvswitch").exists()
DATAPATH = "system" if KERNEL_DATAPATH else "netdev"

# The key of each module's list among the declarations.
MODULES = {
    "netns": "namespaces",
    "veth": "pairs",
    "link": "links",
    "route": "routes",
    "rule": "routing_rules",
    "neighbour": "neighbours",
    "ovs_bridge": "bridges",
    "ovs_port": "ports",
    "isolation": "isolation",
    "nat_masquerade": "rules",
    "nat_port_forward": "forwards",
    "policy": "policies",
}
# The module's option, where it has another name than the list.
OPTIONS = {"isolation": "links", "nat_port_forward": "rules", "rule": "rules"}
# These cannot have an owner.
WITHOUT_OWNER = ("route", "rule", "neighbour")
# The order in which a topology is created.
ORDER = (
    "netns",
    "ovs_bridge",
    "veth",
    "link",
    "ovs_port",
    "route",
    "rule",
    "neighbour",
    "isolation",
    "nat_masquerade",
    "nat_port_forward",
    "policy",
)

# A web server that needs nothing but Python's own library; it says so once it listens, and stays.
SERVER = "import socket, time; s = socket.create_server(('', 8080)); time.sleep(1000)"


def gather(run_module: Run, **options: Any) -> Info:
    """Run the module, which must not fail or change anything."""
    result = run_module("topology_info", **options)
    assert not result.failed, result.message
    assert not result.changed
    return result.returned


def by_name(things: list[Info]) -> dict[str, Info]:
    return {thing["name"]: thing for thing in things}


def namespace(info: Info, name: str | None) -> Info:
    return info["host"] if name is None else by_name(info["namespaces"])[name]


def link(info: Info, name: str | None, link_name: str) -> Info:
    return by_name(namespace(info, name)["links"])[link_name]


def port(info: Info, name: str) -> Info:
    return by_name([port for bridge in info["openvswitch"]["bridges"] for port in bridge["ports"]])[name]


def assert_round_trip(run_module: Run, owner: str | None = None) -> Info:
    """Fail unless no module changes anything when it is given its declarations, with and without pruning."""
    info = gather(run_module, owner=owner)
    for module, option in MODULES.items():
        declared = info["declarations"][option]
        ownership: Info = {} if owner is None or module in WITHOUT_OWNER else {"owner": owner, "prune": True}
        for check in (True, False):
            result = run_module(module, **{OPTIONS.get(module, option): declared}, **ownership, _check=check)
            assert not result.failed, result.message
            assert not result.changed, (module, declared, result.diff)
    return info


def build(run_module: Run, topology: Mapping[str, Any]) -> None:
    """Create a topology as the role does."""
    lists = compile_topology(topology)
    for module in ORDER:
        ownership = {} if module in WITHOUT_OWNER else {"owner": topology["name"]}
        result = run_module(module, **{OPTIONS.get(module, MODULES[module]): lists[MODULES[module]]}, **ownership)
        assert not result.failed, result.message


def attachment(name: str, bridge: str, *addresses: str, **more: Any) -> Info:
    return {"name": f"veth-{name}", "bridge": bridge, "peer": f"{name}_tap", "addresses": list(addresses), **more}


BASE: Info = {
    "name": "default",
    "state": "present",
    "verify": False,
    "verify_outside": [],
    "bridges": [],
    "namespaces": [],
    "links": [],
    "nat": [],
}
REFERENCE: Info = {
    **BASE,
    "bridges": [{"name": "int_br", "addresses": ["192.168.100.254/24"]}],
    "namespaces": [
        {
            "name": name,
            "interfaces": [attachment(name, "int_br", f"192.168.100.{number}/24")],
            "routes": [{"destination": "default", "gateway": "192.168.100.254"}],
        }
        for number, name in enumerate(("ns01", "ns02"), 1)
    ],
    "nat": [{"source": "192.168.100.0/24"}],
}
# Access ports and a trunk, both IP versions, a veth pair without a switch, resolvers and sysctls.
MIXED: Info = {
    **BASE,
    "name": "mixed",
    "bridges": [
        {
            "name": "br0",
            "addresses": ["10.1.0.254/24", "fd00:1::fe/64"],
            "other_config": {"mac-aging-time": "60"},
            "mtu": 1450,
        }
    ],
    "namespaces": [
        {
            "name": "red",
            "nameservers": ["192.0.2.53"],
            "search": ["example.org"],
            "interfaces": [attachment("red", "br0", "10.1.0.1/24", "fd00:1::1/64", mtu=1400)],
            "routes": [
                {"destination": "default", "gateway": "10.1.0.254"},
                {"destination": "default", "gateway": "fd00:1::fe"},
                {"destination": "198.51.100.0/24", "gateway": "10.1.0.254", "metric": 7, "table": 100},
            ],
        },
        {"name": "blue", "interfaces": [attachment("blue", "br0", "10.7.0.1/24", tag=7)]},
        {
            "name": "green",
            "sysctls": {"net.ipv4.ip_forward": 1},
            "interfaces": [attachment("green", "br0", "10.7.0.2/24", trunks=[7, 8])],
        },
    ],
    "links": [
        {
            "name": "direct0",
            "namespace": "red",
            "addresses": ["10.9.0.1/30"],
            "peer": {"name": "direct0", "namespace": "blue", "addresses": ["10.9.0.2/30"]},
        }
    ],
    "nat": [
        {"source": "10.1.0.0/24"},
        {"source": "fd00:1::/64"},
        {"publish": 8080, "to": "red", "to_port": 80},
        {"publish": "30000-30010", "protocol": "udp", "to": "10.1.0.1", "address": "198.51.100.1"},
    ],
}


def build_by_hand(host: Host) -> None:
    shell(
        host,
        """
        netns add hand
        netns add other
        -n other link set lo up
        -n other addr add 203.0.113.9/32 dev lo
        link add a0 netns hand type veth peer name b0 netns other
        -n hand addr add 10.5.0.1/24 dev a0
        -n hand addr add 10.5.0.7/16 dev a0
        -n hand addr add 2001:db8::1/64 dev a0
        -n hand link set a0 mtu 9000 up
        -n other link set b0 alias mine
        link add tap0 type veth peer name c0 netns hand
        link set tap0 up
        -n hand link set c0 up
        -n hand addr add 10.6.0.1/24 dev c0
        -n hand route add 172.16.0.0/12 via 10.6.0.9 metric 5
        -n hand route add blackhole 198.51.100.0/24
        -n hand -6 route add default via 2001:db8::fe dev a0
        -n hand route add 198.18.0.0/15 dev c0 table 7 src 10.6.0.1
        tuntap add nic0 mode tap
        addr add 10.8.0.1/24 dev nic0
        """,
    )
    leave_alone(host, "tap0")
    host.ovs_vsctl("add-br", "hand0", "--", "set", "Bridge", "hand0", f"datapath_type={DATAPATH}", "fail_mode=secure")
    host.ovs_vsctl("set", "Bridge", "hand0", 'external_ids:"a:b"="x,y=z"', "protocols=OpenFlow13,OpenFlow15")
    host.ovs_vsctl("add-port", "hand0", "tap0", "tag=9", "vlan_mode=native-untagged", "trunks=1,2", "--")
    host.ovs_vsctl(
        "add-port", "hand0", "inner0", "--", "set", "Interface", "inner0", "type=internal", "mtu_request=1300"
    )
    host.ovs_vsctl("add-br", "hand1", "--", "set", "Bridge", "hand1", f"datapath_type={DATAPATH}")
    for near, far in (("0", "1"), ("1", "0")):
        kind = ["--", "set", "Interface", f"patch{near}", "type=patch", f"options:peer=patch{far}"]
        host.ovs_vsctl("add-port", f"hand{near}", f"patch{near}", *kind)


def leave_alone(host: Host, link: str) -> None:
    """Keep the host's stack off the end of a pair, which ovs_port does on this datapath otherwise."""
    for short, value in PARAMETERS.items():
        shell(host, f"!sysctl -qw net.{short.replace('conf.', f'conf.{link}.')}={value}")


# Facts as declarations


def test_the_reference_topology_can_be_declared_as_found(host: Host, run_module: Run) -> None:
    build(run_module, REFERENCE)
    before = snapshot.take()
    info = assert_round_trip(run_module, owner="default")
    snapshot.assert_unchanged(before)
    assert [entry["name"] for entry in info["declarations"]["namespaces"]] == ["ns01", "ns02"]
    assert len(info["declarations"]["pairs"]) == 2
    assert info["declarations"]["rules"] == [
        {"source": "192.168.100.0/24", "ip_forward": True, "accept_forward": "auto"}
    ]
    assert [entry["destination"] for entry in info["declarations"]["routes"]] == ["default", "default"]
    assert info["owners"] == ["default"]
    assert info["undeclared"] == []
    assert_round_trip(run_module)


def test_vlans_both_ip_versions_and_a_direct_link_can_be_declared(run_module: Run) -> None:
    build(run_module, MIXED)
    info = assert_round_trip(run_module, owner="mixed")
    declared = info["declarations"]
    assert {entry["name"]: entry.get("tag") for entry in declared["ports"]} == {
        "blue_tap": 7,
        "green_tap": None,
        "red_tap": None,
    }
    assert by_name(declared["ports"])["green_tap"]["trunks"] == [7, 8]
    assert by_name(declared["bridges"])["br0"]["mtu"] == 1450
    assert "mtu" not in by_name(declared["links"])["br0"], "Open vSwitch sets it"
    assert by_name(declared["namespaces"])["red"] == {
        "name": "red",
        "nameservers": ["192.0.2.53"],
        "search": ["example.org"],
    }
    assert by_name(declared["namespaces"])["green"]["sysctls"] == {"net.ipv4.ip_forward": "1"}
    direct = by_name(declared["pairs"])["direct0"]
    assert (direct["namespace"], direct["peer"]["namespace"]) == ("blue", "red")
    assert {entry["source"] for entry in declared["rules"]} == {"10.1.0.0/24", "fd00:1::/64"}
    assert {(entry["destination"], entry.get("table")) for entry in declared["routes"]} == {
        ("default", None),
        ("198.51.100.0/24", 100),
    }
    assert_round_trip(run_module)


def test_declarations_build_the_same_topology_again(host: Host, run_module: Run) -> None:
    """The declarations are complete: after everything is removed and created from them, traffic passes as before."""
    build(run_module, REFERENCE)
    declared = gather(run_module, owner="default")["declarations"]
    for module, option in reversed(MODULES.items()):
        if module not in WITHOUT_OWNER:
            run_module(module, **{OPTIONS.get(module, option): []}, owner="default", prune=True)
    assert host.namespaces() == []
    for module in ORDER:
        ownership = {} if module in WITHOUT_OWNER else {"owner": "default"}
        result = run_module(module, **{OPTIONS.get(module, MODULES[module]): declared[MODULES[module]]}, **ownership)
        assert not result.failed, result.message
    assert host.pings("192.168.100.2", "ns01")
    assert host.pings("192.168.100.254", "ns02")
    assert gather(run_module, owner="default")["declarations"] == declared


def test_a_topology_built_by_hand_can_be_declared(host: Host, run_module: Run) -> None:
    build_by_hand(host)
    before = snapshot.take()
    info = assert_round_trip(run_module)
    snapshot.assert_unchanged(before)
    declared = info["declarations"]
    assert {entry["name"] for entry in declared["namespaces"]} == {"hand", "other"}
    assert {entry["name"] for entry in declared["ports"]} == {"inner0", "patch0", "patch1", "tap0"}
    assert by_name(declared["ports"])["tap0"]["vlan_mode"] == "native-untagged"
    assert by_name(declared["bridges"])["hand0"]["external_ids"] == {"a:b": "x,y=z"}
    assert len(declared["routes"]) == 4
    assert [entry["type"] for entry in declared["routes"] if entry["destination"] == "198.51.100.0/24"] == ["blackhole"]


def test_masquerading_with_a_chain_that_drops_can_be_declared(host: Host, run_module: Run) -> None:
    host.run("iptables", "-P", "FORWARD", "DROP")
    for command in ("link add wan0 type veth peer wan1", "link set wan0 up", "addr add 198.51.100.1/24 dev wan0"):
        host.run("ip", *command.split())
    host.run("ip", "route", "add", "default", "via", "198.51.100.2")
    for accept in ("auto", "never"):
        run_module("nat_masquerade", source="192.0.2.0/24", accept_forward=accept)
        info = assert_round_trip(run_module)
        assert info["declarations"]["rules"][0]["accept_forward"] == accept
        assert info["host"]["firewall"]["masquerade"][0]["owner"] == ""


@pytest.mark.parametrize("backend", ["nftables", "iptables"])
def test_published_ports_can_be_declared(host: Host, run_module: Run, backend: str) -> None:
    host.run("iptables", "-P", "FORWARD", "DROP")
    shell(host, "tuntap add nic0 mode tap")
    rules: list[Info] = [
        {"port": "8080", "to_address": "10.1.0.1", "to_port": 80, "hairpin": ["10.1.0.0/24", "10.3.0.0/24"]},
        {"port": "8080", "to_address": "fd00:1::1", "to_port": 80, "hairpin": ["fd00:1::/64"]},
        {"port": "8081", "to_address": "fd00:1::1"},
        {"port": "53", "protocol": "udp", "to_address": "10.1.0.2", "address": "198.51.100.1"},
        {"port": "30000-30010", "to_address": "10.1.0.2", "in_interface": "nic0", "accept_forward": "never"},
    ]
    published = run_module("nat_port_forward", rules=rules, owner="lab", backend=backend)
    assert not published.failed, published.message
    info = assert_round_trip(run_module, owner="lab")
    defaults = {"protocol": "tcp", "ip_forward": True, "accept_forward": "auto"}
    declared = info["declarations"]["forwards"]
    expected = [{**defaults, **rule} for rule in rules]
    assert sorted(sorted(entry.items()) for entry in declared) == sorted(sorted(entry.items()) for entry in expected)
    assert info["undeclared"] == []
    # On a host without any of them, the declarations create the same rules again.
    before = host.run("nft", "-s", "list", "ruleset").stdout
    run_module("nat_port_forward", rules=[], owner="lab", prune=True)
    assert gather(run_module, owner="lab")["declarations"]["forwards"] == []
    run_module("nat_port_forward", rules=declared, owner="lab", backend=backend)
    assert sorted(host.run("nft", "-s", "list", "ruleset").stdout.split("\n")) == sorted(before.split("\n"))


def test_an_altered_published_port_is_reported(host: Host, run_module: Run) -> None:
    run_module("nat_port_forward", port="8080", to_address="10.1.0.1", backend="iptables")
    comment = ["-m", "comment", "--comment", "netns.fabric/port-forward: tcp4/8080"]
    rule = ["-p", "tcp", "--dport", "8080", "-m", "addrtype", "--dst-type", "LOCAL", *comment]
    host.run(
        "iptables", "-t", "nat", "-R", "PREROUTING", "1", *rule, "-j", "DNAT", "--to-destination", "10.1.0.1:80-90"
    )
    info = assert_round_trip(run_module, owner=None)
    assert info["declarations"]["forwards"] == []
    assert [line for line in info["undeclared"] if line.startswith("forwards: tcp4/8080") and "altered" in line]


# Against the system's own tools


@pytest.fixture(name="busy")
def fixture_busy(host: Host, run_module: Run, outside_world: Host) -> Host:
    """Build the mixed topology, beside something built by hand, and use it."""
    assert outside_world is host
    build(run_module, MIXED)
    host.run("nft", "add table ip by_hand")
    host.run("nft", "add chain ip by_hand pre { type nat hook prerouting priority dstnat; }")
    host.run("nft", "add rule ip by_hand pre tcp dport 80 dnat to 10.1.0.1:8080")
    host.run("nft", "add table bridge frames")
    host.start("/usr/bin/python3", "-c", SERVER, namespace="red")
    wait_until(lambda: ":8080" in host.in_namespace("red", "ss", "-Hlnt").stdout)
    assert host.pings("10.1.0.254", "red")
    assert host.pings("10.9.0.2", "red")
    # The state follows the carrier up to a second later (Documentation/networking/operstates.rst).
    wait_until(lambda: not any(map(is_late, every_link(host))))
    return host


def every_link(host: Host) -> list[Info]:
    return [link for place in (None, *host.namespaces()) for link in host.links(place).values()]


def is_late(link: Info) -> bool:
    return link["operstate"] == "DOWN" and "LOWER_UP" in link["flags"]


PLACES = (None, "red", "blue", "green", "outside")


def test_links_are_those_of_ip(busy: Host, run_module: Run) -> None:
    info = gather(run_module)
    assert {space["name"] for space in info["namespaces"]} == set(busy.namespaces())
    for place in PLACES:
        where = ["-n", place] if place else []
        listed = {
            found["ifname"]: found
            for found in busy.json("ip", *where, "-details", "-statistics", "-json", "addr", "show")
            if found
        }
        links = by_name(namespace(info, place)["links"])
        assert set(links) == set(listed)
        for name, expected in listed.items():
            found = links[name]
            assert found["index"] == expected["ifindex"]
            assert found["state"] == expected["operstate"].lower()
            assert found["enabled"] == ("UP" in expected["flags"])
            assert found["mac"] == expected["address"]
            assert found["mtu"] == expected["mtu"]
            assert found["alias"] == expected.get("ifalias", "")
            kinds = ("loopback", "physical")
            assert found["kind"] == expected.get("linkinfo", {}).get(
                "info_kind", found["kind"] in kinds and found["kind"]
            )
            assert {address["address"] for address in found["addresses"]} == {
                f"{address['local']}/{address['prefixlen']}" for address in expected["addr_info"]
            }


def test_peers_are_the_kernels(busy: Host, run_module: Run) -> None:
    """A peer's index and namespace, as ip reports them, are those of the link that is named."""
    info = gather(run_module)
    for place in PLACES:
        for name, expected in busy.links(place).items():
            found = link(info, place, name)
            if found["kind"] != "veth":
                assert found["peer"] is None
                continue
            assert found["peer"]["index"] == expected["link_index"]
            far = link(info, found["peer"]["namespace"], found["peer"]["name"])
            assert far["index"] == expected["link_index"]
            assert far["peer"] == {"namespace": place, "name": name, "index": expected["ifindex"]}
    assert link(info, "red", "veth-red")["peer"]["name"] == "red_tap"
    assert link(info, None, "blue_tap")["bridge_port"] == {"bridge": "br0", "port": "blue_tap", "tag": 7}
    assert link(info, "red", "direct0")["peer"]["namespace"] == "blue"


def test_counters_are_the_kernels(busy: Host, run_module: Run) -> None:
    """Nothing is sent over the direct link between the two readings."""
    shell(busy, "-n red neigh flush all")  # so that the kernel probes no neighbour

    def counters() -> tuple[Info, Info]:
        kernel = busy.json("ip", "-n", "red", "-statistics", "-json", "link", "show", "direct0")[0]["stats64"]
        ours = link(gather(run_module, gather_subset=["counters"]), "red", "direct0")["counters"]
        return {
            f"{way}_{what}": kernel[way][what]
            for way in ("rx", "tx")
            for what in ("bytes", "packets", "errors", "dropped")
        }, ours

    wait_until(lambda: (pair := counters())[0] == pair[1])
    assert counters()[1]["rx_packets"] > 0


def routes_of_ip(host: Host, place: str | None) -> set[tuple[Any, ...]]:
    where = ["-n", place] if place else []
    kinds = {"1": "unicast", "2": "local", "3": "broadcast", "4": "anycast", "5": "multicast"}
    return {
        (
            version,
            route["dst"],
            route.get("gateway"),
            route.get("dev"),
            route.get("metric", 0),
            kinds.get(str(route.get("type", "1")), route.get("type")),
        )
        for version in (4, 6)
        for route in host.json("ip", *where, f"-{version}", "-N", "-details", "-json", "route", "show", "table", "all")
        if str(route.get("table")) != "255"
    }


def routes_of_ours(info: Info, place: str | None) -> set[tuple[Any, ...]]:
    lengths = {4: "/32", 6: "/128"}
    return {
        (
            route["version"],
            route["destination"].removesuffix(lengths[route["version"]]),
            route["gateway"],
            route["device"],
            route["metric"],
            route["type"],
        )
        for route in namespace(info, place)["routes"]
    }


def test_routes_are_those_of_ip(busy: Host, run_module: Run) -> None:
    """The kernel adds those of link-local addresses a little after a link has come up."""

    def same() -> bool:
        info = gather(run_module)
        return all(routes_of_ours(info, place) == routes_of_ip(busy, place) for place in PLACES)

    wait_until(same)
    assert len(routes_of_ip(busy, "red")) > 5


def test_neighbours_are_those_of_ip(busy: Host, run_module: Run) -> None:
    def same() -> bool:
        expected = {
            (found["dst"], found.get("lladdr"), found["dev"], found["state"][0].lower())
            for found in busy.json("ip", "-n", "red", "-json", "neigh", "show")
        }
        listed = namespace(gather(run_module), "red")["neighbours"]
        found = {(each["address"], each["mac"], each["device"], each["state"]) for each in listed}
        return bool(expected) and found == expected

    wait_until(same)


def test_sockets_are_those_of_ss(busy: Host, run_module: Run) -> None:
    busy.start(
        "/usr/bin/python3",
        "-c",
        "import socket, time; s = socket.socket(socket.AF_INET6, 2); s.bind(('::1', 53)); time.sleep(9)",
        namespace="red",
    )
    wait_until(lambda: ":53" in busy.in_namespace("red", "ss", "-Hlnu").stdout)
    lines = busy.in_namespace("red", "ss", "-Hlntup").stdout.splitlines()
    expected = {(line.split()[0], line.split()[4], f"pid={line.split('pid=')[1].split(',')[0]}") for line in lines}
    found = {
        (
            socket["protocol"],
            f"[{socket['address']}]:{socket['port']}"
            if socket["version"] == 6
            else f"{socket['address']}:{socket['port']}",
            f"pid={process['pid']}",
        )
        for socket in namespace(gather(run_module), "red")["sockets"]
        for process in socket["processes"]
    }
    assert found == expected
    assert len(found) == 2


def test_namespaces_are_those_of_lsns_and_ip(busy: Host, run_module: Run) -> None:
    info = gather(run_module)
    for place in PLACES[1:]:
        space = namespace(info, place)
        assert space["inode"] == os.stat(f"/run/netns/{place}").st_ino
        assert space["path"] == f"/run/netns/{place}"
    ids = {found.get("name"): found["nsid"] for found in busy.json("ip", "-json", "netns", "list-id")}
    assert {space["name"]: space["nsid"] for space in info["namespaces"] if space["nsid"] is not None} == ids
    pids = busy.run("ip", "netns", "pids", "red").stdout.split()
    assert [str(process["pid"]) for process in namespace(info, "red")["processes"]] == pids
    assert namespace(info, "green")["sysctls"]["net.ipv4.ip_forward"] == "1"
    for key, value in namespace(info, "red")["sysctls"].items():
        path = f"/proc/sys/{key.replace('.', '/')}"
        assert busy.in_namespace("red", "cat", path).stdout.strip() == value


def test_bridges_and_ports_are_those_of_ovs_vsctl(busy: Host, run_module: Run) -> None:
    busy.ovs_vsctl("set-controller", "br0", "tcp:127.0.0.1:6653")
    info = gather(run_module)
    assert [bridge["name"] for bridge in info["openvswitch"]["bridges"]] == busy.ovs_vsctl("list-br").split()
    (bridge,) = info["openvswitch"]["bridges"]
    (controller,) = bridge["controllers"]
    assert {key: controller[key] for key in ("target", "connected", "role")} == {
        "target": "tcp:127.0.0.1:6653",
        "connected": False,
        "role": None,
    }
    assert bridge["datapath_type"] == DATAPATH
    assert bridge["other_config"] == {"mac-aging-time": "60"}
    assert {found["name"] for found in bridge["ports"] if not found["local"]} == set(
        busy.ovs_vsctl("list-ports", "br0").split()
    )
    for found in bridge["ports"]:
        assert found["error"] == ""
        assert found["ofport"] == int(busy.ovs_vsctl("get", "Interface", found["name"], "ofport"))
        assert found["mac"] == busy.ovs_vsctl("get", "Interface", found["name"], "mac_in_use").strip('"')
    assert port(info, "blue_tap")["tag"] == 7
    assert port(info, "green_tap")["trunks"] == [7, 8]
    assert rows("Port").keys() == {found["name"] for found in bridge["ports"]}
    (declared,) = info["declarations"]["bridges"]
    assert declared["controllers"] == [{"target": "tcp:127.0.0.1:6653"}]


def test_tables_and_rules_are_those_of_nft(busy: Host, run_module: Run) -> None:
    info = gather(run_module)
    listed = busy.json("nft", "-j", "list", "ruleset")["nftables"]
    firewall = info["host"]["firewall"]
    # x_tables keeps a table that an earlier test has used.
    tables = [table for table in firewall["tables"] if table["backend"] != "iptables-legacy"]
    assert {(table["family"], table["name"]) for table in tables} == {
        (entry["table"]["family"], entry["table"]["name"]) for entry in listed if "table" in entry
    }
    chains = {
        (entry["chain"]["family"], entry["chain"]["table"], entry["chain"]["name"])
        for entry in listed
        if "chain" in entry
    }
    found = [chain for chain in firewall["chains"] if chain["backend"] != "iptables-legacy"]
    assert {(chain["family"], chain["table"], chain["name"]) for chain in found} == chains
    assert len(firewall["rules"]) == sum("rule" in entry for entry in listed)
    (translation,) = (rule for rule in firewall["rules"] if rule["owner"] is None)
    assert (translation["verdict"], translation["chain"]) == ("dnat", "pre")
    assert {rule["source"]: rule["owner"] for rule in firewall["masquerade"]} == {
        "10.1.0.0/24": "mixed",
        "fd00:1::/64": "mixed",
    }
    assert [line for line in info["undeclared"] if "1 in the host" in line]


def test_rules_of_both_variants_of_iptables_are_reported(host: Host, run_module: Run) -> None:
    shell(host, "netns add red")
    host.run("iptables-legacy", "-t", "nat", "-A", "POSTROUTING", "-s", "10.0.0.0/8", "-j", "MASQUERADE")
    host.in_namespace("red", "iptables-nft", "-A", "FORWARD", "-i", "eth0", "-j", "DROP")
    translation = "-p tcp --dport 80 -j DNAT --to-destination 10.0.0.1:80"
    host.in_namespace("red", "iptables-nft", "-t", "nat", "-A", "PREROUTING", *translation.split())
    info = gather(run_module)
    (old,) = info["host"]["firewall"]["rules"]
    assert (old["backend"], old["verdict"], old["criteria"]) == ("iptables-legacy", "masquerade", ["saddr 10.0.0.0/8"])
    new = namespace(info, "red")["firewall"]
    assert {(rule["backend"], rule["table"], rule["verdict"]) for rule in new["rules"]} == {
        ("iptables-nft", "filter", "drop"),
        ("iptables-nft", "nat", "dnat"),
    }
    assert {table["backend"] for table in new["tables"]} == {"iptables-nft"}


def test_gathering_changes_nothing(busy: Host, run_module: Run) -> None:
    before = (snapshot.take(), configuration(), busy.run("nft", "list", "ruleset").stdout)
    for check in (True, False):
        gather(run_module, _check=check)
    assert (snapshot.take(), configuration(), busy.run("nft", "list", "ruleset").stdout) == before


# Filters and subsets


@pytest.mark.usefixtures("busy")
def test_a_subset_excludes_the_rest(run_module: Run) -> None:
    info = gather(run_module, gather_subset=["min"])
    red = namespace(info, "red")
    assert link(info, "red", "veth-red")["peer"]["name"] == "red_tap"
    for key in ("routes", "neighbours", "sockets", "processes", "sysctls"):
        assert not red[key]
    assert link(info, "red", "veth-red")["addresses"] == []
    assert link(info, "red", "veth-red")["counters"] == {}
    assert (info["openvswitch"]["available"], info["openvswitch"]["bridges"]) == (False, [])
    assert "addresses" not in info["declarations"]["pairs"][0]
    assert namespace(gather(run_module, gather_subset=["sockets"]), "red")["sockets"]
    rest = gather(run_module, gather_subset=["!sockets", "!openvswitch"])
    assert not namespace(rest, "red")["sockets"]
    assert namespace(rest, "red")["routes"]


def test_an_unknown_subset_is_refused(run_module: Run) -> None:
    result = run_module("topology_info", gather_subset=["socket"])
    assert result.failed
    assert "sockets" in result.message


def test_filters_by_namespace_and_bridge(busy: Host, run_module: Run) -> None:
    busy.ovs_vsctl("add-br", "second", "--", "set", "Bridge", "second", f"datapath_type={DATAPATH}")
    info = gather(run_module, namespaces=["red", "nowhere"], bridges=["second"])
    assert [space["name"] for space in info["namespaces"]] == ["red"]
    assert link(info, "red", "direct0")["peer"]["namespace"] == "blue"
    assert [bridge["name"] for bridge in info["openvswitch"]["bridges"]] == ["second"]
    assert {entry["namespace"] for entry in info["declarations"]["links"] + info["declarations"]["routes"]} <= {"red"}
    assert {entry["name"] for entry in info["declarations"]["pairs"]} == {"direct0", "veth-red"}


def test_filter_by_owner(busy: Host, run_module: Run) -> None:
    run_module("netns", name="other", owner="other")
    run_module("veth", name="h0", namespace="other", peer={"name": "h1"}, owner="other")
    run_module("nat_masquerade", source="10.77.0.0/24", owner="other")
    busy.ovs_vsctl("add-port", "br0", "h1")
    info = gather(run_module, owner="other")
    assert [space["name"] for space in info["namespaces"]] == ["other"]
    assert [found["name"] for found in info["host"]["links"]] == ["h1"]
    assert [rule["source"] for rule in info["host"]["firewall"]["masquerade"]] == ["10.77.0.0/24"]
    assert info["openvswitch"]["bridges"] == []
    assert info["owners"] == ["mixed", "other"]
    assert_round_trip(run_module, owner="other")
    assert run_module("topology_info", owner="not a name").failed


# Unusual hosts


def test_a_process_of_another_user_is_reported(host: Host, run_module: Run) -> None:
    shell(host, "netns add red")
    process = host.start("setpriv", "--reuid=nobody", "--clear-groups", "sleep", "1000", namespace="red")
    wait_until(lambda: Path(f"/proc/{process.pid}/cmdline").read_bytes().startswith(b"sleep"))
    (found,) = namespace(gather(run_module), "red")["processes"]
    assert found == {"pid": process.pid, "command": "sleep 1000", "user": "nobody"}


def test_a_stale_file_is_reported(host: Host, run_module: Run) -> None:
    shell(host, "netns add red")
    Path("/run/netns/left").touch()
    os.mkfifo("/run/netns/pipe")
    info = gather(run_module)
    assert info["stale"] == ["left", "pipe"]
    assert [space["name"] for space in info["namespaces"]] == ["red"]
    Path("/run/netns/pipe").unlink()


def test_a_namespace_without_a_name_is_reported_with_its_peers(host: Host, run_module: Run) -> None:
    process = host.start("unshare", "-n", "sleep", "1000")
    own = os.stat("/proc/self/ns/net").st_ino
    path = f"/proc/{process.pid}/ns/net"
    wait_until(lambda: os.stat(path).st_ino != own)
    host.run("ip", "link", "add", "near", "type", "veth", "peer", "name", "far", "netns", str(process.pid))
    name = f"net:[{os.stat(path).st_ino}]"
    info = gather(run_module)
    space = namespace(info, name)
    assert (space["named"], space["path"]) == (False, path)
    assert [found["pid"] for found in space["processes"]] == [process.pid]
    assert link(info, None, "near")["peer"]["namespace"] == name
    assert link(info, name, "far")["peer"]["name"] == "near"
    assert not info["declarations"]["pairs"]
    assert [line for line in info["undeclared"] if "near" in line]
    assert [found["name"] for found in gather(run_module, namespaces=[name])["namespaces"]] == [name]
    assert_round_trip(run_module)


def test_a_namespace_that_is_mounted_elsewhere_is_reported(host: Host, run_module: Run, tmp_path: Path) -> None:
    mount = tmp_path / "a b"
    mount.touch()
    host.run("unshare", f"--net={mount}", "true")
    try:
        (space,) = gather(run_module)["namespaces"]
        assert (space["path"], space["named"], space["processes"]) == (str(mount), False, [])
    finally:
        host.run("umount", str(mount))


def test_one_namespace_under_two_names(host: Host, run_module: Run) -> None:
    shell(host, "netns add red\nlink add near type veth peer name far netns red")
    process = host.start("sleep", "1000", namespace="red")
    wait_until(lambda: Path(f"/proc/{process.pid}/cmdline").read_bytes().startswith(b"sleep"))
    host.run("ip", "netns", "attach", "same", str(process.pid))
    host.run("ip", "netns", "attach", "host", "1")
    info = assert_round_trip(run_module)
    assert len({space["inode"] for space in info["namespaces"]} | {info["host"]["inode"]}) == 2
    assert len(info["declarations"]["pairs"]) == 1


@pytest.mark.parametrize("name", ["a b", "ä", "-x", "net:[1]", "{{ x }}", "\udcff", "a\nb"])
def test_unusual_names_are_reported(host: Host, run_module: Run, name: str) -> None:
    raw = os.fsencode(name)
    mount = os.path.join(b"/run/netns", raw)
    os.close(os.open(mount, os.O_CREAT))
    subprocess.run([b"unshare", b"--net=" + mount, b"true"], check=True)
    shell(host, "netns add red")
    host.run("ip", "link", "add", "'\"$(x)", "type", "veth", "peer", "name", "{{y}}", "netns", "red")
    info = assert_round_trip(run_module)
    assert raw.decode(errors="backslashreplace") in {space["name"] for space in info["namespaces"]}
    assert link(info, "red", "{{y}}")["peer"]["name"] == "'\"$(x)"


def test_ports_that_do_not_work_are_reported(host: Host, run_module: Run) -> None:
    host.ovs_vsctl("add-br", "br0", "--", "set", "Bridge", "br0", f"datapath_type={DATAPATH}")
    host.run("ovs-vsctl", "--timeout=10", "add-port", "br0", "missing", check=False)
    shell(host, "link add gone type veth peer name far\nlink add good type veth peer name well\nlink set good up")
    host.ovs_vsctl("add-port", "br0", "gone")
    host.ovs_vsctl("add-port", "br0", "good")
    leave_alone(host, "good")
    shell(host, "link del gone")
    wait_until(lambda: host.ovs_vsctl("get", "Interface", "gone", "ifindex") == "0")
    info = assert_round_trip(run_module)
    assert "No such device" in port(info, "missing")["error"]
    assert port(info, "gone")["error"]
    assert port(info, "good")["error"] == ""
    assert [entry["name"] for entry in info["declarations"]["ports"]] == ["good"]
    assert len([line for line in info["undeclared"] if line.startswith("ports:")]) == 2


@pytest.mark.skipif(KERNEL_DATAPATH, reason="the kernel's datapath attaches such a link again on its own")
def test_a_link_that_was_re_created_under_its_port_is_reported(host: Host, run_module: Run) -> None:
    """Open vSwitch does not show it, and no packet passes."""
    host.ovs_vsctl("add-br", "br0", "--", "set", "Bridge", "br0", f"datapath_type={DATAPATH}")
    shell(host, "link add tap0 type veth peer name far")
    host.ovs_vsctl("add-port", "br0", "tap0")
    assert port(gather(run_module), "tap0")["error"] == ""
    shell(host, "link del tap0\nlink add tap0 type veth peer name far")
    wait_until(lambda: "re-created" in port(gather(run_module), "tap0")["error"])


@pytest.mark.skipif(KERNEL_DATAPATH, reason="the kernel's datapath reports it on its own")
def test_an_internal_port_that_was_deleted_with_its_namespace_is_reported(host: Host, run_module: Run) -> None:
    """Open vSwitch does not show it either."""
    host.ovs_vsctl("add-br", "br0", "--", "set", "Bridge", "br0", f"datapath_type={DATAPATH}")
    host.ovs_vsctl("add-port", "br0", "in0", "--", "set", "Interface", "in0", "type=internal")
    shell(host, "netns add red\nlink set in0 netns red")
    info = gather(run_module)
    assert port(info, "in0")["error"] == ""
    assert link(info, "red", "in0")["bridge_port"] == {"bridge": "br0", "port": "in0", "tag": None}
    shell(host, "netns del red")
    wait_until(lambda: "device is missing" in port(gather(run_module), "in0")["error"])


def test_a_bond_is_reported(host: Host, run_module: Run) -> None:
    host.ovs_vsctl("add-br", "br0", "--", "set", "Bridge", "br0", f"datapath_type={DATAPATH}")
    shell(host, "tuntap add m0 mode tap\ntuntap add m1 mode tap")
    host.ovs_vsctl("add-bond", "br0", "bond0", "m0", "m1")
    info = assert_round_trip(run_module)
    assert port(info, "bond0")["interfaces"] == ["m0", "m1"]
    (declared,) = info["declarations"]["ports"]
    assert declared["members"] == ["m0", "m1"]


def test_namespaces_that_appear_and_disappear_meanwhile(host: Host, run_module: Run) -> None:
    """Gathering never fails, and reports those that stay."""
    shell(host, "netns add stays")
    names = "1 2 3 4 5 6 7 8"
    churn = (
        f"while true; do for i in {names}; do ip netns add t$i; done; for i in {names}; do ip netns del t$i; done; done"
    )
    process = host.start("sh", "-c", churn)
    for _attempt in range(25):
        assert "stays" in {space["name"] for space in gather(run_module)["namespaces"]}
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=10)


def test_without_open_vswitch_nft_and_iptables(host: Host, run_module: Run) -> None:
    shell(host, "netns add red")
    host.run("nft", "add table ip by_hand")
    with hidden_programs("ovs-vsctl", "nft", "iptables-nft", "iptables-legacy"):
        result = run_module("topology_info")
    assert not result.failed, result.message
    assert not result.returned["openvswitch"]["available"]
    assert "not installed" in result.returned["openvswitch"]["reason"]
    # Beside empty tables of iptables-legacy that earlier tests may have left.
    assert {"backend": "nftables", "family": "ip", "name": "by_hand"} in result.returned["host"]["firewall"]["tables"]
    assert result.returned["host"]["firewall"]["rules"] == []
    assert "nft" in result.returned["unreadable"][0]


def test_with_open_vswitch_stopped(host: Host, run_module: Run) -> None:
    host.run("/usr/share/openvswitch/scripts/ovs-ctl", "stop")
    info = gather(run_module)
    assert not info["openvswitch"]["available"]
    assert "not running" in info["openvswitch"]["reason"]


def test_without_root_it_fails_with_a_message() -> None:
    script = """
import sys
sys.path.insert(0, sys.argv[1])
from ansible_collections.netns.fabric.plugins.module_utils._entry.topology_info import gather
gather({"owner": None, "namespaces": None, "bridges": None, "gather_subset": ["all"], "database": None, "timeout": 5})
"""
    as_nobody = ["setpriv", "--reuid=nobody", "--clear-groups"]
    ran = subprocess.run(
        [*as_nobody, sys.executable, "-c", script, str(COLLECTIONS_PATH)],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )
    assert "become: true" in ran.stderr
