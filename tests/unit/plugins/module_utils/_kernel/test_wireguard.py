# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of WireGuard: checked, encoded as pyroute2 encodes them, and compared peer by peer."""

from __future__ import annotations

import socket
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from pyroute2.netlink.generic.wireguard import wgmsg

from ansible_collections.netns.fabric.plugins.module_utils._kernel import generic, wireguard
from ansible_collections.netns.fabric.plugins.module_utils._kernel.kind_operations import ConfigureLink
from ansible_collections.netns.fabric.plugins.module_utils._kernel.kinds import KINDS, data_of
from ansible_collections.netns.fabric.plugins.module_utils._kernel.netlink import attribute
from ansible_collections.netns.fabric.plugins.module_utils._kernel.uapi import GENERIC_HEADER, HEADER
from ansible_collections.netns.fabric.plugins.module_utils._kernel.wireguard import Peer


def key(letter: str) -> str:
    return b64encode(letter.encode() * 32).decode()


PEERS = (
    Peer(key("a"), key("s"), "192.0.2.1:51820", 25, ("10.0.0.0/24", "2001:db8::/64")),
    Peer(key("b"), None, "[2001:db8::1]:51821", 0, ("0.0.0.0/0",)),
)
VALUES: dict[str, Any] = {"private_key": key("p"), "listen_port": 51820, "fwmark": 7, "peers": PEERS}


def by_pyroute2(peers: tuple[Peer, ...]) -> bytes:
    message = wgmsg()
    message["cmd"], message["version"] = 1, 1
    message["header"]["type"], message["header"]["flags"] = 33, 1
    encoded = []
    for peer in peers:
        host, port = wireguard.split_endpoint(peer.endpoint or "")
        endpoint: dict[str, Any] = {"addr": host, "port": port}
        if ":" in host:
            endpoint["family"] = socket.AF_INET6
        allowed = []
        for each in peer.allowed_ips:
            address, _slash, length = each.partition("/")
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            allowed.append(
                {
                    "attrs": [
                        ["WGALLOWEDIP_A_FAMILY", family],
                        ["WGALLOWEDIP_A_IPADDR", socket.inet_pton(family, address)],
                        ["WGALLOWEDIP_A_CIDR_MASK", int(length)],
                    ]
                }
            )
        attributes = [
            ["WGPEER_A_PUBLIC_KEY", peer.public_key],
            ["WGPEER_A_PRESHARED_KEY", peer.preshared_key or b64encode(bytes(32)).decode()],
            ["WGPEER_A_FLAGS", 2],
            ["WGPEER_A_ENDPOINT", endpoint],
            ["WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL", peer.persistent_keepalive],
            ["WGPEER_A_ALLOWEDIPS", allowed],
        ]
        encoded.append({"attrs": attributes})
    message["attrs"] = [
        ["WGDEVICE_A_IFNAME", "wg0"],
        ["WGDEVICE_A_PRIVATE_KEY", key("p")],
        ["WGDEVICE_A_LISTEN_PORT", 51820],
        ["WGDEVICE_A_FWMARK", 7],
        ["WGDEVICE_A_PEERS", encoded],
    ]
    message.encode()
    return bytes(message.data)


def test_request_is_that_of_pyroute2() -> None:
    request = generic.set_request(33, "wg0", VALUES, {})
    assert bytes(request) == by_pyroute2(PEERS)


def dumped(peers: bytes, *others: bytes) -> bytes:
    body = GENERIC_HEADER.pack(0, 1) + b"".join(others) + attribute(wireguard.PEERS, peers)
    return HEADER.pack(HEADER.size + len(body), 33, 0, 0, 0) + body


def test_what_is_set_is_read_again() -> None:
    body = wireguard.set_device("wg0", VALUES, {})
    message = HEADER.pack(HEADER.size + GENERIC_HEADER.size + len(body), 33, 0, 0, 0) + GENERIC_HEADER.pack(0, 1) + body
    found = KINDS["wireguard"].decode(data_of(generic.gather([message])))
    assert found == {**VALUES, "private_key_file": None}


def test_peers_of_several_messages_and_a_peer_that_is_continued() -> None:
    first = wireguard.Peers().encode([PEERS[0]])[wireguard.PEERS]
    rest = wireguard.Peers().encode([Peer(key("a"), allowed_ips=("10.9.0.0/16",)), PEERS[1]])[wireguard.PEERS]
    data = data_of(generic.gather([dumped(first, attribute(wireguard.LISTEN_PORT, b"\1\0")), dumped(rest)]))
    found = KINDS["wireguard"].decode(data)
    assert found["listen_port"] == 1
    assert [peer.public_key for peer in found["peers"]] == [key("a"), key("b")]
    assert found["peers"][0].allowed_ips == ("10.0.0.0/24", "10.9.0.0/16", "2001:db8::/64")
    assert found["peers"][0].preshared_key == key("s")


def test_only_peers_that_differ_are_sent() -> None:
    wanted = (Peer(key("a"), key("s"), None, 25, PEERS[0].allowed_ips), Peer(key("c")))
    _content, words = wireguard.change_peers(PEERS, wanted)
    assert [each[:2] for each in words] == [["peer", key("b")], ["peer", key("c")]]
    assert words[0][2:] == ["remove"]
    assert wireguard.Peers().matches(PEERS, PEERS)
    assert not wireguard.Peers().matches(PEERS, ())
    # Another endpoint is one that the peer has chosen, unless it is declared.
    assert wireguard.is_same(PEERS[0], wanted[0])
    assert not wireguard.is_same(Peer(key("a"), endpoint="192.0.2.9:1"), Peer(key("a"), endpoint="192.0.2.1:1"))


def test_commands_set_the_same_and_name_the_file_of_a_key(tmp_path: Path) -> None:
    path = tmp_path / "the key"
    path.write_text(key("p") + "\n", encoding="ascii")
    values = (("private_key", wireguard.read_key(str(path))), ("peers", (Peer(key("c"), allowed_ips=("10.0.0.0/8",)),)))
    (line,) = ConfigureLink("red", "wg0", values, (("peers", PEERS[:1]),)).commands()
    assert line == (
        f"ip netns exec red wg set wg0 private-key '{path}' peer {key('a')} remove peer {key('c')} "
        "preshared-key /dev/null persistent-keepalive 0 allowed-ips 10.0.0.0/8"
    )
    (line,) = ConfigureLink(None, "wg0", (("private_key", key("p")),)).commands()
    assert line == f"wg set wg0 private-key <(echo {key('p')})"


@pytest.mark.parametrize(
    ("peer", "reason"),
    [
        ({"public_key": "short"}, "is not a key"),
        ({"public_key": key("a"), "endpoint": "192.0.2.1"}, "has no port"),
        ({"public_key": key("a"), "endpoint": "host.example:51820"}, "host.example"),
        ({"public_key": key("a"), "preshared_key": key("s"), "preshared_key_file": "/none"}, "leave one of them out"),
        ({"public_key": key("a"), "persistent_keepalive": 65536}, "not a valid keepalive"),
        ({"public_key": key("a"), "allowed_ips": ["10.0.0.1/8"]}, "10.0.0.1/8"),
        ({"public_key": key("a"), "allowed_ips": ["10.0.0.0/8"] * 2}, "10.0.0.0/8 is twice in `allowed_ips` of YWFh"),
        ({"public_key": key("a"), "preshared_key": key("\0")}, "is all zero, which stands for no key"),
    ],
)
def test_wrong_peers(peer: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as refused:
        wireguard.Peers().check([peer])
    assert key("s") not in str(refused.value)


def test_wrong_lists_and_keys(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="listed twice"):
        wireguard.Peers().check([{"public_key": key("a")}] * 2)
    many = [{"public_key": b64encode(number.to_bytes(32, "big")).decode()} for number in range(1, 2001)]
    with pytest.raises(ValueError, match="do not fit into one message"):
        wireguard.Peers().check(many)
    with pytest.raises(ValueError, match="absolute path"):
        wireguard.read_key("key")
    with pytest.raises(ValueError, match="cannot be read"):
        wireguard.read_key(str(tmp_path))
    missing = wireguard.read_key(str(tmp_path / "missing"))
    assert (missing, missing.path) == ("", str(tmp_path / "missing"))
    secret = tmp_path / "secret"
    secret.write_text("a secret", encoding="ascii")
    with pytest.raises(ValueError, match="is not a key") as refused:
        wireguard.read_key(str(secret))
    assert "a secret" not in str(refused.value)


def test_network_belongs_to_one_peer() -> None:
    """The kernel moves it to the last one that has it."""
    peers = [
        {"public_key": key("a"), "allowed_ips": ["10.0.0.0/24", "2001:db8::/64"]},
        {"public_key": key("b"), "allowed_ips": ["10.0.0.0/8", "2001:0db8:0::/64"]},
    ]
    with pytest.raises(ValueError, match="2001:db8::/64 is in `allowed_ips` of") as refused:
        wireguard.Peers().check(peers)
    assert f"of {key('a')} and of {key('b')}" in str(refused.value)
    assert "remove it from one of them" in str(refused.value)
    assert len(wireguard.Peers().check([peers[0], {**peers[1], "allowed_ips": ["10.0.0.0/8"]}])) == 2


def test_port_that_the_kernel_chooses_is_any() -> None:
    port = KINDS["wireguard"].attribute("listen_port")
    assert [port.matches(old, 0) for old in (0, 51820, None)] == [True] * 3
    assert [port.matches(old, 51820) for old in (0, 51820, None)] == [False, True, False]
    assert port.encoding.check(0) == 0


def test_private_key_is_as_the_kernel_keeps_it(tmp_path: Path) -> None:
    """`openssl rand -base64 32` prints one that is not clamped (RFC 7748, section 5)."""
    random, clamped = b64encode(bytes([0xFF] * 32)).decode(), b64encode(bytes([0xF8, *[0xFF] * 30, 0x7F])).decode()
    path = tmp_path / "key"
    path.write_text(random, encoding="ascii")
    for name, given in (("private_key", random), ("private_key_file", str(path)), ("private_key", clamped)):
        assert KINDS["wireguard"].attribute(name).encoding.check(given) == clamped
    reported = {wireguard.PRIVATE_KEY: bytes([0xF8, *[0xFF] * 30, 0x7F])}
    private = KINDS["wireguard"].attribute("private_key")
    assert private.matches(private.encoding.decode(reported), private.encoding.check(random))
    missing = KINDS["wireguard"].attribute("private_key_file").encoding.check(str(tmp_path / "missing"))
    assert (missing, missing.path) == ("", str(tmp_path / "missing"))
    with pytest.raises(ValueError, match="is all zero"):
        private.encoding.check(key("\0"))


def test_other_keys_are_written_as_the_kernel_reports_them() -> None:
    """The last letter has two bits that mean nothing; only a private key is clamped."""
    (peer,) = wireguard.Peers().check([{"public_key": key("a")[:-2] + "F=", "preshared_key": "/" * 42 + "8="}])
    assert (peer.public_key, peer.preshared_key) == (key("a"), "/" * 42 + "8=")


def test_secrets_are_neither_shown_nor_reported() -> None:
    kind = KINDS["wireguard"]
    assert kind.attribute("private_key").show(key("p")) == "********"
    assert key("s") not in str(kind.attribute("peers").show(PEERS))
    assert key("s") not in str(kind.report(VALUES))
    assert key("p") not in str(kind.report(VALUES))
    assert [kind.has_secrets({name: value}) for name, value in VALUES.items()] == [True, False, False, True]
