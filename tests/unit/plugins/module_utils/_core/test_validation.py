# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks of single values."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.netns.fabric.plugins.module_utils._core import validation


@pytest.mark.parametrize("name", ["a", "veth-ns01", "a" * 15, "eth0.100", "ä" * 7, "-x", "@", "..."])
def test_interface_name_taken(name: str) -> None:
    assert validation.interface_name(name) == name


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("", "must not be empty"),
        ("a" * 16, "is 16 characters long, and Linux takes at most 15"),
        ("ä" * 8, "is 16 bytes long"),
        ("a/b", "has a '/' in it"),
        ("a:b", "has a ':' in it"),
        ("eth%d", "has a '%' in it"),
        ("a b", "space"),
        ("a\tb", "space"),
        ("a\x01b", "unprintable"),
        ("à", "Linux refuses"),  # 0xa0, its second byte in UTF-8, is a space to the kernel.
        ("all", "sysctl"),
        ("default", "sysctl"),
        (".", "means a directory"),
        ("..", "means a directory"),
        (None, "not nothing (null)"),
        (12, "not a number (12)"),
        (True, "not a boolean (true)"),
        (["a"], "not a list"),
        ({"a": 1}, "not a dictionary"),
    ],
)
def test_interface_name_refused(name: object, says: str) -> None:
    with pytest.raises(validation.ValidationError) as refused:
        validation.interface_name(name)
    assert says in str(refused.value)


@pytest.mark.parametrize("name", ["ns01", "a:b", "x" * 255, "50%", "-", "ä" * 127])
def test_namespace_name_taken(name: str) -> None:
    assert validation.namespace_name(name) == name


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("", "must not be empty"),
        ("x" * 256, "is 256 bytes long"),
        ("ä" * 128, "is 256 bytes long"),
        ("a/b", "'/'"),
        ("..", "directory"),
        ("a b", "space"),
        ("a\u00a0b", "space"),
        ("a\0b", "unprintable"),
        (1, "not a number"),
    ],
)
def test_namespace_name_refused(name: object, says: str) -> None:
    with pytest.raises(validation.ValidationError) as refused:
        validation.namespace_name(name)
    assert says in str(refused.value)


def test_owner_name() -> None:
    assert validation.owner_name("lab-a.1_x") == "lab-a.1_x"
    for bad in ("", "a b", "a,b", "a:b", "x" * 65, "ä", "a\n"):
        with pytest.raises(ValueError, match="cannot be an owner name"):
            validation.owner_name(bad)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("192.168.100.1/24", "192.168.100.1/24"),
        (" 10.0.0.1/8 ", "10.0.0.1/8"),
        ("10.0.0.1/32", "10.0.0.1/32"),
        ("FD00:0::1/64", "fd00::1/64"),
        ("fe80::1/64", "fe80::1/64"),
    ],
)
def test_interface_address_taken(text: str, normal: str) -> None:
    assert str(validation.interface_address(text)) == normal


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "192.168.100.1",
            "has no prefix length; an interface's address needs one, write for instance 192.168.100.1/24",
        ),
        ("fd00::1", "write for instance fd00::1/64 (a single host: fd00::1/128)"),
        ("192.168.100.300/24", "'192.168.100.300/24' is not an IPv4 address: 300 is more than 255"),
        ("192.168.010.1/24", "for 010 write 10"),
        ("10.0.0.1/33", "has a prefix length of 33, and an IPv4 address has 32 bits"),
        ("fd00::1/129", "an IPv6 address has 128 bits"),
        ("10.0.0.1/255.255.255.0", "has a netmask where a prefix length belongs; write 10.0.0.1/24"),
        ("10.0.0.1/", "give a number from 0 to 32"),
        ("10.0.0.1/-1", "give a number from 0 to 32"),
        ("10.0.0.1/٢٤", "give a number from 0 to 32"),  # Arabic digits: int() would take them.
        ("fe80::1%eth0/64", "names an interface after '%'"),
        ("0.0.0.0/0", "unspecified"),
        ("::/64", "unspecified"),
        ("224.0.0.1/4", "multicast"),
        ("ff02::1/64", "multicast"),
        ("ns01", "is not an IP address"),
        ("", "is not an IP address"),
        ("1.2.3/8", "is not an IP address"),
        (None, "not nothing (null)"),
        (10.1, "not a number (10.1)"),
    ],
)
def test_interface_address_refused(text: object, says: str) -> None:
    with pytest.raises(validation.ValidationError) as refused:
        validation.interface_address(text)
    assert says in str(refused.value)


def test_network() -> None:
    assert validation.network("192.168.100.0/24") == ipaddress.ip_network("192.168.100.0/24")
    assert validation.network("0.0.0.0/0").prefixlen == 0
    assert validation.network("fd00::/64").version == 6
    with pytest.raises(
        ValueError, match=r"not a network; write 192\.168\.100\.0/24 \(a single host: 192\.168\.100\.1/32\)"
    ):
        validation.network("192.168.100.1/24")
    with pytest.raises(ValueError, match="has no prefix length; a network needs one"):
        validation.network("192.168.100.0")


def test_ip_address() -> None:
    assert str(validation.ip_address("192.168.100.254")) == "192.168.100.254"
    assert str(validation.ip_address("FE80::1")) == "fe80::1"
    with pytest.raises(ValueError, match=r"has a prefix length, .*; write 192\.168\.100\.254"):
        validation.ip_address("192.168.100.254/24")
    with pytest.raises(ValueError, match="is not an IP address"):
        validation.ip_address("gateway")


@pytest.mark.parametrize("text", ["02:00:00:00:AB:01", "02-00-00-00-ab-01", "0200.0000.ab01", " 02:00:00:00:ab:01 "])
def test_mac_address_taken(text: str) -> None:
    assert validation.mac_address(text) == "02:00:00:00:ab:01"


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (9334400493, "put it in quotes"),  # What YAML 1.1 makes of 12:34:56:11:22:33.
        ("9334400493", "put it in quotes"),
        ("02:00:00:00:00", "is not a MAC address"),
        ("02:00-00:00:00:01", "is not a MAC address"),
        ("0g:00:00:00:00:01", "is not a MAC address"),
        ("00:00:00:00:00:00", "stands for no MAC address"),
        ("01:00:5e:00:00:01", "for instance 02:00:5e:00:00:01"),
        ("ff:ff:ff:ff:ff:ff", "for instance fe:ff:ff:ff:ff:ff"),
        (None, "not nothing (null)"),
    ],
)
def test_mac_address_refused(value: object, says: str) -> None:
    with pytest.raises(validation.ValidationError) as refused:
        validation.mac_address(value)
    assert says in str(refused.value)


@pytest.mark.parametrize("value", [68, 1500, 65535, "1500"])
def test_mtu_taken(value: object) -> None:
    assert validation.mtu(value) == int(str(value))


@pytest.mark.parametrize("value", [67, 65536, -1, True, None, "", "1500 bytes", 1500.0, "1_500", "9" * 5000])
def test_mtu_refused(value: object) -> None:
    with pytest.raises(ValueError, match="from 68 to 65535"):
        validation.mtu(value)


def test_vlan() -> None:
    assert [validation.vlan(value) for value in (0, 1, 4094, "10")] == [0, 1, 4094, 10]
    for bad in (-1, 4095, None, False, "ten"):
        with pytest.raises(ValueError, match="from 0 to 4094"):
            validation.vlan(bad)


CHECKS = (
    validation.interface_name,
    validation.namespace_name,
    validation.owner_name,
    validation.interface_address,
    validation.network,
    validation.ip_address,
    validation.mac_address,
    validation.mtu,
    validation.vlan,
)
ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.text(alphabet="0123456789./:%abcdef-"),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
)


@given(value=ANYTHING)
def test_anything_is_taken_or_refused_with_a_text(value: object) -> None:
    texts = []
    for check in CHECKS:
        try:
            check(value)
        except ValueError as error:  # Any other exception fails the test, and that is the point.
            texts.append(str(error))
    assert all(texts)


@given(address=st.ip_addresses(), data=st.data())
def test_what_is_taken_is_its_own_normal_form(address: object, data: st.DataObject) -> None:
    length = data.draw(st.integers(0, 32 if ":" not in str(address) else 128))
    try:
        taken = validation.interface_address(f"{address}/{length}")
    except ValueError:
        return
    assert validation.interface_address(str(taken)) == taken
    assert validation.network(str(taken.network)) == taken.network
    assert validation.ip_address(str(taken.ip)) == taken.ip
