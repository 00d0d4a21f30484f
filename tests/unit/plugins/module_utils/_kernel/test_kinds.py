# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rows of the kinds: what they encode is what pyroute2 encodes, byte for byte, and they read it again."""

from __future__ import annotations

import struct
import timeit
from pathlib import Path
from typing import Any

import pytest
import yaml
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

from ansible_collections.netns.fabric.plugins.module_utils._kernel import kind_requests, netlink, requests, templates
from ansible_collections.netns.fabric.plugins.module_utils._kernel.kind_operations import CreateLink
from ansible_collections.netns.fabric.plugins.module_utils._kernel.kinds import KINDS, data_of, find_kind
from ansible_collections.netns.fabric.plugins.module_utils._kernel.operations import CreateVeth, NewEnd
from ansible_collections.netns.fabric.plugins.module_utils._kernel.uapi import (
    HEADER,
    IFLA_INFO_DATA,
    IFLA_INFO_KIND,
    IFLA_LINKINFO,
    LINK_HEADER,
)

Encoded = list[tuple[str, Any]]

#: By kind: the options, and what pyroute2 is given for the same.
SAMPLES: dict[str, tuple[dict[str, Any], Encoded]] = {
    path.stem: (encoded.get("options", {}), list(encoded.get("pyroute2", {}).items()))
    for path in sorted((Path(__file__).parents[4] / "integration" / "kinds").glob("*.yml"))
    for encoded in [yaml.safe_load(path.read_text(encoding="utf-8")).get("encoded")]
    if encoded is not None
}


def creation(kind: str, **others: Any) -> CreateLink:
    return CreateLink("red", "k0", kind, tuple(SAMPLES[kind][0].items()), mac="02:00:00:00:00:01", mtu=1400, **others)


def by_pyroute2(kind: str, data: Encoded, parent: bool) -> bytes:
    message = ifinfmsg()
    information: Encoded = [("IFLA_INFO_KIND", kind), *([("IFLA_INFO_DATA", {"attrs": data})] if data else [])]
    message["header"]["type"] = 16
    message["header"]["flags"] = 0x601
    message["attrs"] = [
        ("IFLA_IFNAME", "k0"),
        ("IFLA_ADDRESS", "02:00:00:00:00:01"),
        ("IFLA_MTU", 1400),
        *([("IFLA_LINK", 7)] if parent else []),
        ("IFLA_NET_NS_FD", 9),
        ("IFLA_LINKINFO", {"attrs": information}),
    ]
    message.encode()
    return bytes(message.data)


@pytest.mark.parametrize("kind", sorted(SAMPLES))
def test_encoding_is_that_of_pyroute2(kind: str) -> None:
    on_parent = KINDS[kind].on_parent
    request = kind_requests.new_link(creation(kind, parent="base0" if on_parent else None), 7 if on_parent else 0, 9)
    assert bytes(request) == by_pyroute2(kind, SAMPLES[kind][1], on_parent)


def information_in(request: bytearray) -> bytes:
    found = netlink.attributes_of(bytes(request), HEADER.size + LINK_HEADER.size)
    return found[IFLA_LINKINFO]


@pytest.mark.parametrize("kind", sorted(SAMPLES))
def test_what_is_encoded_is_read_again(kind: str) -> None:
    information = information_in(kind_requests.new_link(creation(kind)))
    assert find_kind(KINDS[kind].kernel_name, information) is KINDS[kind]
    found = KINDS[kind].decode(data_of(information))
    given = SAMPLES[kind][0]
    assert {name: found[name] for name in given} == given


def test_every_kind_is_encoded_here_or_created_by_another_way() -> None:
    others = {name for name, kind in KINDS.items() if kind.device or kind.generic}
    assert others == {"tap", "tun", "wireguard"}
    assert set(SAMPLES) | others == set(KINDS)


def test_tap_and_tun_are_distinguished() -> None:
    for name in ("tap", "tun"):
        data = b"".join(netlink.attribute(*each) for each in KINDS[name].encode({}).items())
        information = netlink.attribute(IFLA_INFO_KIND, b"tun\0") + netlink.attribute(IFLA_INFO_DATA, data)
        assert find_kind("tun", information) is KINDS[name]
    assert find_kind("veth", b"") is None


def test_addresses_of_arp_targets() -> None:
    targets = KINDS["bond"].attribute("arp_ip_target").encoding
    assert targets.check(["192.0.2.1", "192.0.2.2"]) == ("192.0.2.1", "192.0.2.2")
    data = targets.encode(("192.0.2.1", "192.0.2.2"))
    assert data == {8: bytes.fromhex("08000000c0000201 08000100c0000202")}
    assert targets.decode(data) == ("192.0.2.1", "192.0.2.2")
    assert targets.decode({}) is None
    with pytest.raises(ValueError, match="these are IPv4 addresses"):
        targets.check(["2001:db8::1"])


def test_words_are_those_of_ip_link() -> None:
    assert KINDS["vlan"].words({"id": 5, "gvrp": True, "mvrp": False}) == ["id", "5", "gvrp", "on", "mvrp", "off"]
    assert KINDS["vxlan"].words({"remote": "239.0.0.1", "learning": False}) == ["group", "239.0.0.1", "nolearning"]
    assert KINDS["ipvlan"].words({"mode": "l2", "flags": "vepa"}) == ["mode", "l2", "vepa"]
    for kind in ("vxlan", "geneve", "gre", "gretap"):  # ip-link(8) reads `tos 16` as 0x16
        assert [KINDS[kind].words({"tos": tos}) for tos in (16, 1, 0)] == [
            ["tos", each] for each in ("0x10", "0x1", "0x0")
        ]
    assert KINDS["tap"].words({"user": 0, "pi": False, "vnet_hdr": True}) == ["user", "0", "vnet_hdr"]
    assert KINDS["bond"].words({"arp_ip_target": ("192.0.2.1", "192.0.2.2")}) == [
        "arp_ip_target",
        "192.0.2.1,192.0.2.2",
    ]


def test_what_bounds_an_mtu_and_a_hardware_address() -> None:
    assert {name for name, kind in KINDS.items() if kind.headroom} == {"ipvlan", "macvlan", "macvtap", "vlan", "vxlan"}
    assert {name for name, kind in KINDS.items() if kind.mtu_by_members} == {"bridge"}
    assert {name for name, kind in KINDS.items() if not kind.sets_mac} == {"gre", "ipvlan", "tun", "wireguard"}
    assert {name for name, kind in KINDS.items() if not kind.changes_mac} == {"ifb"}


def test_encoding_of_a_kind_costs_no_more_than_that_of_a_veth_by_pyroute2() -> None:
    pair = CreateVeth(NewEnd(None, "a"), NewEnd(None, "b"))
    vlan = creation("vlan", parent="base0")

    def veth() -> None:
        templates._TEMPLATES.clear()
        requests.new_veth(pair, None, 9)

    assert min(timeit.repeat(lambda: kind_requests.new_link(vlan, 7, 9), number=50)) < min(
        timeit.repeat(veth, number=50)
    )


def test_vlan_is_restored_with_the_flags_that_exist() -> None:
    """The kernel reports a mask of all bits, and refuses it."""
    reported = {1: b"\x0a\0", 2: struct.pack("=II", 0x5, 0xFFFFFFFF)}
    assert KINDS["vlan"].restorable(reported) == {1: b"\x0a\0", 2: struct.pack("=II", 0x5, 0x1F)}


def test_geneve_reports_the_checksum_of_ipv6_as_the_reverse_of_another_attribute() -> None:
    kind = KINDS["geneve"]
    assert [kind.decode(data)["udpcsum"] for data in ({8: b"\1"}, {9: b"\0"}, {9: b"\1"}, {})] == [
        True,
        True,
        False,
        None,
    ]
    assert kind.restorable({9: b"\0"})[8] == b"\1"
    assert 12 not in kind.restorable({3: b"\x10", 12: b"\0"})


def test_bridge_is_restored_without_what_a_kernel_may_lack() -> None:
    """The kernel reports a mask of all options, those of VLANs too, and takes no mask with one that it lacks."""
    reported = {1: b"\xdc\5\0\0", 7: b"\0", 46: struct.pack("=II", 0, 0x1F)}
    assert KINDS["bridge"].restorable(reported) == {1: b"\xdc\5\0\0"}
    reported = {7: b"\1", 46: struct.pack("=II", 0x2, 0x1F)}
    assert KINDS["bridge"].restorable(reported) == {7: b"\1", 46: struct.pack("=II", 0x2, 0x2)}


def test_ip_version_of_a_tunnel_does_not_change_in_place() -> None:
    kind = KINDS["vxlan"]
    old, new = {"remote": "192.0.2.1", "local": None}, {"remote": None, "local": "2001:db8::1"}
    assert [kind.changes_in_place("remote", old, each) for each in ("192.0.2.2", "2001:db8::1", "::")] == [
        True,
        False,
        False,
    ]
    assert [kind.changes_in_place("remote", new, each) for each in ("192.0.2.2", "2001:db8::2", "::")] == [
        False,
        True,
        True,
    ]
    assert kind.changes_in_place("ttl", new, 5)
    assert not kind.changes_in_place("id", new, 5)
    assert KINDS["gre"].changes_in_place("remote", {"remote": None}, "192.0.2.1")


def test_bond_keeps_what_its_new_mode_takes() -> None:
    kind = KINDS["bond"]
    former = {"mode": "802.3ad", "lacp_rate": "fast", "miimon": 100, "min_links": 1}
    assert kind.keep(former, {"mode": "active-backup"}) == {"mode": "active-backup", "miimon": 100, "min_links": 1}
    assert kind.keep(former, {"miimon": 200}) == {**former, "miimon": 200}
    assert "miimon" not in kind.keep(former, {"mode": "balance-xor", "arp_interval": 50})
    # What is given is refused elsewhere.
    assert kind.keep({}, {"lacp_rate": "fast"}) == {"lacp_rate": "fast"}
