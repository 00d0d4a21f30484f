# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host after all cycles: each object as its last cycle declares it (../cycles), and traffic through them."""

from __future__ import annotations

from ansible_collections.netns.fabric.tests.helpers import traffic
from ansible_collections.netns.fabric.tests.helpers.kernel import Kernel
from ansible_collections.netns.fabric.tests.helpers.nat import Masquerade, Nat
from ansible_collections.netns.fabric.tests.helpers.openvswitch import OpenVSwitch
from ansible_collections.netns.fabric.tests.helpers.shell import Shell

OWNER = "netns.fabric:lab"
ROW_OWNER = "netns.fabric/lab"


def test_namespaces(kernel: Kernel, shell: Shell) -> None:
    assert kernel.namespaces() == {"red", "blue", "shop", "outside"}
    assert kernel.sysctl("net.ipv4.ip_default_ttl", "blue") == "66"
    assert kernel.sysctl("net.ipv4.ip_default_ttl", "red") == "64"
    resolver = shell.run("ip", "netns", "exec", "blue", "cat", "/etc/resolv.conf").splitlines()
    assert [line for line in resolver if not line.startswith("#")] == ["search example.org", "nameserver 192.0.2.54"]
    assert shell.run("ls", "/etc/netns").split() == ["blue"]
    assert kernel.link("lo", "blue")["ifalias"] == OWNER
    assert "UP" in kernel.link("lo", "blue")["flags"]


def test_veth_pairs(kernel: Kernel) -> None:
    assert kernel.peer("eth0", "red")[0] == kernel.link("eth0", "blue")["ifindex"]
    assert kernel.addresses("eth0", "red") == {"192.0.2.1/24", "2001:db8::1/64"}
    assert kernel.addresses("eth0", "blue") == {"192.0.2.2/24", "2001:db8::2/64"}
    for namespace in ("red", "blue"):
        assert kernel.is_up("eth0", namespace)
        assert kernel.link("eth0", namespace)["mtu"] == 9000
        assert kernel.link("eth0", namespace)["ifalias"] == OWNER
    assert kernel.peer("eth1", "red")[0] == kernel.link("red_tap")["ifindex"]
    assert kernel.link("eth1", "red")["address"] == "02:00:00:00:77:11"
    assert not kernel.tx_checksum("eth1", "red")
    assert set(kernel.links()) - {"ovs-netdev"} == {
        *("lo", "uplink0", "nic0", "red_tap", "blue_tap", "lab_br", "shop_br", "shop_tap"),
    }


def test_links(kernel: Kernel) -> None:
    nic = kernel.link("nic0")
    assert nic["addr_info"] == []
    # As it was before it was moved: up, with its own MTU and MAC address.
    assert "UP" in nic["flags"]
    assert nic["mtu"] == 1500
    assert nic["address"] != "02:00:00:00:77:02"
    assert nic.get("ifalias", "") == ""
    assert set(kernel.links("red")) == {"lo", "eth0", "eth1"}
    assert kernel.addresses("lo", "red") == set()
    assert kernel.addresses("lo", "blue") == {"192.0.2.132/32", "2001:db8::132/128"}


def test_routes(kernel: Kernel) -> None:
    assert kernel.routes("red") == {"default via 192.0.2.2 dev eth0", "203.0.113.0/24 dev eth0 table 77"}
    assert kernel.routes("red", version=6) == {"2001:db8:1::/48 via 2001:db8::2 dev eth0"}
    assert kernel.routes("blue") == set()
    assert kernel.routes() == {"default via 198.51.100.2 dev uplink0"}


def test_rules_and_neighbours(shell: Shell) -> None:
    rules = [line.split() for line in shell.run("ip", "-n", "red", "rule", "show").splitlines()]
    assert rules[1] == ["1000:", "from", "all", "to", "203.0.113.0/24", "unreachable", "proto", "static"]
    assert len(rules) == 4
    found = shell.run("ip", "-n", "red", "neigh", "show", "nud", "permanent").split()
    assert found[:5] == ["192.0.2.77", "dev", "eth0", "lladdr", "02:00:00:00:77:73"]
    for namespace in ("red", "blue"):
        assert "static" not in shell.run("ip", "-n", namespace, "neigh", "show", "proxy")


def test_bridges(openvswitch: OpenVSwitch) -> None:
    assert openvswitch.bridges() == {"lab_br", "shop_br"}
    bridge = openvswitch.bridge("lab_br")
    assert bridge["external_ids"] == {"room": "13", ROW_OWNER: "owner"}
    assert bridge["other_config"] == {"hwaddr": "02:00:00:00:77:fe", "mac-aging-time": "60"}
    assert bridge["fail_mode"] == []
    assert openvswitch.interface("lab_br")["mac_in_use"] == "02:00:00:00:77:fe"


def test_ports(openvswitch: OpenVSwitch) -> None:
    assert openvswitch.ports("lab_br") == {"red_tap", "blue_tap"}
    assert all(map(openvswitch.carries, ("red_tap", "blue_tap")))
    assert openvswitch.port("red_tap")["tag"] == 7
    blue = openvswitch.port("blue_tap")
    assert (blue["tag"], blue["trunks"]) == (7, [])
    assert blue["external_ids"] == {"room": "13", ROW_OWNER: "owner"}


def test_masquerading(nat: Nat, kernel: Kernel) -> None:
    own_table = "nft ip netns_fabric"
    assert nat.masquerading() == [
        Masquerade(own_table, "10.77.0.0/24", "", "netns.fabric:plain"),
        Masquerade(own_table, "192.168.77.0/24", "", OWNER),
    ]
    assert nat.masquerading("blue") == [Masquerade(own_table, "192.168.79.0/24", "", OWNER)]
    assert kernel.sysctl("net.ipv4.ip_forward") == "1"
    assert kernel.sysctl("net.ipv4.ip_forward", "blue") == "1"
    assert kernel.sysctl("net.ipv4.ip_forward", "red") == "0"
    # The policy of the chain is as before, DROP; rules let the traffic of the topology pass.
    forward = [rule for rule in nat.iptables_rules() if "FORWARD" in rule]
    assert ":FORWARD DROP" in forward
    accepted = {rule.split(" -s ")[1].split()[0] for rule in forward if " -s " in rule}
    assert accepted == {"192.168.77.0/24", "10.77.0.0/24", "192.168.77.1/32"}  # of the last one a port is published


def test_published_ports(shell: Shell) -> None:
    def rules(*where: str) -> list[str]:
        listed = shell.run(*where, "nft", "list", "table", "ip", "netns_fabric").splitlines()
        return [line.strip() for line in listed if "dnat to" in line]

    comment = 'comment "netns.fabric/port-forward:lab tcp4/8080'
    assert rules() == [f'tcp dport 8080 ip daddr 198.51.100.1 dnat to 192.168.77.1 {comment}@198.51.100.1"'] * 2
    local = "tcp dport 8080 fib daddr type local"
    assert rules("ip", "netns", "exec", "blue") == [
        f'{local} dnat to 192.168.79.1:81 {comment}"',
        f'{local} ip daddr != 127.0.0.0/8 dnat to 192.168.79.1:81 {comment}"',
    ]
    assert "tcp6/" not in shell.run("nft", "list", "ruleset")  # the table is deleted with its last rule


def test_traffic_between_namespaces() -> None:
    assert traffic.pings("red", "192.0.2.2")
    assert traffic.pings("red", "192.168.77.2")
    assert traffic.exchange("red", "blue", "192.0.2.2") == "192.0.2.1"
    assert traffic.exchange("blue", "red", "2001:db8::1") == "2001:db8::2"
    assert traffic.exchange("red", "blue", "192.168.77.2") == "192.168.77.1"


def test_traffic_to_outside_with_module_defaults() -> None:
    assert traffic.exchange("shop", "outside", "198.51.100.2") == "198.51.100.1"
