# Copyright (c) 2026, netns.fabric contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of a WireGuard link, as they stand in its messages (linux/wireguard.h). Pure, but for read_key().

They are attributes of a message of generic netlink, where those of other kinds are attributes of IFLA_INFO_DATA; their
numbers are those of WGDEVICE_A_PRIVATE_KEY, ... Peers change one by one: to replace them all would end the sessions of
those that stay.
"""

from __future__ import annotations

import binascii
import os
import socket
import struct
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network
from typing import Any

from ansible_collections.netns.fabric.plugins.module_utils._core import validation
from ansible_collections.netns.fabric.plugins.module_utils._core.text import encode_name
from ansible_collections.netns.fabric.plugins.module_utils._kernel import netlink
from ansible_collections.netns.fabric.plugins.module_utils._kernel.encodings import Number
from ansible_collections.netns.fabric.plugins.module_utils._kernel.uapi import NLA_F_NESTED

IFNAME, PRIVATE_KEY, LISTEN_PORT, FWMARK, PEERS = 2, 3, 6, 7, 8
PEER_PUBLIC_KEY, PEER_PRESHARED_KEY, PEER_FLAGS, PEER_ENDPOINT, PEER_KEEPALIVE, PEER_ALLOWED_IPS = 1, 2, 3, 4, 5, 9
ALLOWED_FAMILY, ALLOWED_ADDRESS, ALLOWED_LENGTH = 1, 2, 3
REMOVE_PEER, REPLACE_ALLOWED_IPS = 0x1, 0x2
KEY_SIZE = 32
#: Bytes of an attribute, whose length has 16 bits, less what stands around it.
MESSAGE_MAX = 60000
#: struct sockaddr_in: family, port, address; struct sockaddr_in6: family, port, flow, address, scope.
_IPV4_ENDPOINT, _IPV6_ENDPOINT = struct.Struct("=H2s4s8x"), struct.Struct("=H2s4x16s4x")


class KeyFile(str):
    """A key with the path of its file; empty where there is no such file."""

    __slots__ = ("path",)
    path: str


def read_key(path: Any, normal: Callable[[str], str] = str) -> KeyFile:
    """Return the key in a file, in its normal form.

    Raises:
        ValueError: It is not a key, or the file cannot be read.
    """
    if not os.path.isabs(path):
        raise validation.ValidationError("must be the absolute path of a file on the managed host")
    try:
        with open(path, encoding="ascii") as file:
            key = KeyFile(normal(check_key(file.read(1024).strip())))
    except FileNotFoundError:
        key = KeyFile()
    except (OSError, UnicodeDecodeError) as error:
        raise validation.ValidationError(f"{path} cannot be read: {error}; correct it") from None
    key.path = path
    return key


def check_key(value: Any) -> str:
    """Check a key, without repeating it in the message; return it as the kernel's is written.

    Raises:
        ValueError: It is not one.
    """
    try:
        content = b64decode(str(value), validate=True)
    except (binascii.Error, ValueError):
        content = b""
    if len(content) != KEY_SIZE:
        raise validation.ValidationError("is not a key: give 32 bytes in base64, as `wg genkey` and `wg pubkey` print")
    if not any(content):
        raise validation.ValidationError("is all zero, which stands for no key: give another one, or leave it out")
    return b64encode(content).decode()  # the last letter has two bits that mean nothing


def clamp(key: str) -> str:
    """Return a private key with the bits that the kernel sets and clears (curve25519_clamp_secret(), RFC 7748, 5).

    `wg genkey` prints it like that, `openssl rand` does not. An empty one stays empty.
    """
    content = bytearray(b64decode(key))
    if content:
        content[0] &= 0xF8
        content[-1] = content[-1] & 0x7F | 0x40
    return b64encode(content).decode()


def _key_words(name: str, key: str) -> list[str]:
    return [name, key.path if isinstance(key, KeyFile) else f"<(echo {key})"]


@dataclass(frozen=True)
class PrivateKey:
    """The private key, given as such or by its file."""

    is_file: bool = False

    @property
    def option_type(self) -> str:
        return "path" if self.is_file else "str"

    def check(self, value: Any) -> Any:
        return read_key(value, clamp) if self.is_file else clamp(check_key(value))

    def encode(self, value: Any) -> Mapping[int, bytes]:
        return {PRIVATE_KEY: b64decode(value) if value else bytes(KEY_SIZE)}

    def decode(self, data: Mapping[int, bytes]) -> Any:
        content = data.get(PRIVATE_KEY, b"")
        return b64encode(content).decode() if any(content) and not self.is_file else None


@dataclass(frozen=True)
class ListenPort(Number):
    """The UDP port; of a link that is up the kernel reports the one that it has chosen (wg_socket_init())."""

    def matches(self, old: Any, new: Any) -> bool:
        """Return whether the port is as wanted: 0 is any."""
        return bool(new in (0, old))


@dataclass(frozen=True)
class Peer:
    """A peer; an `endpoint` of None is left as it is: the peer itself changes it as it moves."""

    public_key: str
    preshared_key: str | None = None
    endpoint: str | None = None
    persistent_keepalive: int = 0
    allowed_ips: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return the peer for a diff, without its secret."""
        return " ".join(
            [
                self.public_key,
                *(["preshared-key"] if self.preshared_key else []),
                *(["endpoint", self.endpoint] if self.endpoint else []),
                *(["keepalive", str(self.persistent_keepalive)] if self.persistent_keepalive else []),
                *(["allowed-ips", ",".join(self.allowed_ips)] if self.allowed_ips else []),
            ]
        )

    def words(self) -> list[str]:
        """Return the peer as wg(8) takes it."""
        secret = _key_words("preshared-key", self.preshared_key) if self.preshared_key else []
        return [
            "peer",
            self.public_key,
            *(secret or ["preshared-key", "/dev/null"]),
            *(["endpoint", self.endpoint] if self.endpoint else []),
            "persistent-keepalive",
            str(self.persistent_keepalive),
            "allowed-ips",
            ",".join(self.allowed_ips),
        ]


#: What the options of a peer are.
PEER_DESCRIPTIONS: Mapping[str, str] = {
    "public_key": "The public key of the peer, in base64.",
    "preshared_key": "A key that both sides share in addition; without one there is none.",
    "preshared_key_file": "The path of a file on the managed host with the shared key.",
    "endpoint": "Its address and port, such as C(192.0.2.1:51820); if omitted, it is left unchanged.",
    "persistent_keepalive": "How often it gets an empty packet, in seconds; 0 for never, which is the default.",
    "allowed_ips": "The exact list of the networks that it may send from, and that are sent to it. A network is in the "
    "list of one peer only.",
}
PEER_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "public_key": {"type": "str", "required": True},
    "preshared_key": {"type": "str", "no_log": True},
    "preshared_key_file": {"type": "path", "no_log": False},
    "endpoint": {"type": "str"},
    "persistent_keepalive": {"type": "int"},
    "allowed_ips": {"type": "list", "elements": "str"},
}


@dataclass(frozen=True)
class Peers:
    """The exact list of the peers, in the order of their keys."""

    option_type: str = "list"

    def check(self, value: Any) -> Any:
        peers = [_check_peer(each) for each in value]
        if len(self.encode(peers)[PEERS]) > MESSAGE_MAX:
            raise validation.ValidationError(f"{len(peers)} peers do not fit into one message; use several links")
        keys = [peer.public_key for peer in peers]
        for key in keys:
            if keys.count(key) > 1:
                raise validation.ValidationError(f"the peer {key} is listed twice; leave one of them out")
        _refuse_repeated_networks(peers)
        return tuple(sorted(peers, key=lambda peer: peer.public_key))

    def encode(self, value: Any) -> Mapping[int, bytes]:
        return {PEERS: b"".join(_encode_peer(place, peer) for place, peer in enumerate(value or (), 1))}

    def decode(self, data: Mapping[int, bytes]) -> Any:
        found: dict[str, Peer] = {}
        for peer in map(_decode_peer, _each(data.get(PEERS, b""))):
            # A peer that does not fit into one message is continued in the next.
            other = found.get(peer.public_key)
            allowed = (*(other.allowed_ips if other else ()), *peer.allowed_ips)
            found[peer.public_key] = replace(other or peer, allowed_ips=tuple(sorted(allowed)))
        return tuple(found[key] for key in sorted(found)) or None

    def matches(self, old: Any, new: Any) -> bool:
        """Return whether the peers are as wanted: no request is needed."""
        return not change_peers(old or (), new)[1]

    def report(self, value: Any) -> Any:
        """Return the peers as a module takes them, without their secrets."""
        return [
            {
                "public_key": peer.public_key,
                **({"endpoint": peer.endpoint} if peer.endpoint else {}),
                "persistent_keepalive": peer.persistent_keepalive,
                "allowed_ips": list(peer.allowed_ips),
            }
            for peer in value
        ]


def _refuse_repeated_networks(peers: Iterable[Peer]) -> None:
    """Refuse a network that is listed twice: the kernel has it at the last peer only (wg_allowedips_insert_v4()).

    Raises:
        ValueError: One is.
    """
    taken: dict[str, str] = {}
    for peer in peers:
        for network in peer.allowed_ips:
            other = taken.setdefault(network, peer.public_key)
            if other != peer.public_key:
                raise validation.ValidationError(
                    f"{network} is in `allowed_ips` of {other} and of {peer.public_key}, and what is sent there goes "
                    "to one peer only; remove it from one of them"
                )
            if peer.allowed_ips.count(network) > 1:
                raise validation.ValidationError(
                    f"{network} is twice in `allowed_ips` of {peer.public_key}; leave one of them out"
                )


def _check_peer(given: Mapping[str, Any]) -> Peer:
    keys = [
        check(given[option])
        for option, check in (("preshared_key", check_key), ("preshared_key_file", read_key))
        if given.get(option) is not None
    ]
    if len(keys) > 1:
        raise validation.ValidationError("a peer has `preshared_key` or `preshared_key_file`; leave one of them out")
    keepalive = validation.whole_number(given.get("persistent_keepalive") or 0, "keepalive", 0, 65535)
    networks = (str(validation.network(each)) for each in given.get("allowed_ips") or ())
    endpoint = given.get("endpoint")
    return Peer(
        check_key(given["public_key"]),
        keys[0] if keys else None,
        None if endpoint is None else format_endpoint(*split_endpoint(endpoint)),
        keepalive,
        tuple(sorted(networks)),
    )


def split_endpoint(text: str) -> tuple[str, int]:
    """Return the address and the port of an endpoint.

    Raises:
        ValueError: It is none.
    """
    address, colon, port = text.rpartition(":")
    if not colon:
        raise validation.ValidationError(f"the endpoint {text} has no port; write 192.0.2.1:51820, [2001:db8::1]:51820")
    found = validation.ip_address(address.strip("[]"))
    return str(found), validation.whole_number(port, "port", 1, 65535)


def format_endpoint(address: str, port: int) -> str:
    """Return an endpoint as wg(8) writes it."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _encode_peer(place: int, peer: Peer, flags: int = REPLACE_ALLOWED_IPS) -> bytes:
    content = netlink.attribute(PEER_PUBLIC_KEY, b64decode(peer.public_key))
    if not flags & REMOVE_PEER:
        secret = b64decode(peer.preshared_key) if peer.preshared_key else bytes(KEY_SIZE)
        content += netlink.attribute(PEER_PRESHARED_KEY, secret)
    content += netlink.attribute(PEER_FLAGS, struct.pack("=I", flags))
    if not flags & REMOVE_PEER:
        if peer.endpoint:
            content += netlink.attribute(PEER_ENDPOINT, _encode_endpoint(peer.endpoint))
        content += netlink.attribute(PEER_KEEPALIVE, struct.pack("=H", peer.persistent_keepalive))
        allowed = b"".join(_encode_allowed(number, each) for number, each in enumerate(peer.allowed_ips, 1))
        content += netlink.attribute(PEER_ALLOWED_IPS | NLA_F_NESTED, allowed)
    return netlink.attribute(place | NLA_F_NESTED, content)


def _encode_endpoint(text: str) -> bytes:
    address, port = split_endpoint(text)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    form = _IPV6_ENDPOINT if family == socket.AF_INET6 else _IPV4_ENDPOINT
    return form.pack(family, port.to_bytes(2, "big"), socket.inet_pton(family, address))


def _encode_allowed(place: int, text: str) -> bytes:
    network = ip_network(text)
    family = socket.AF_INET if network.version == 4 else socket.AF_INET6
    content = netlink.attribute(ALLOWED_FAMILY, struct.pack("=H", family))
    content += netlink.attribute(ALLOWED_ADDRESS, network.network_address.packed)
    content += netlink.attribute(ALLOWED_LENGTH, bytes([network.prefixlen]))
    return netlink.attribute(place | NLA_F_NESTED, content)


def _decode_peer(content: bytes) -> Peer:
    found = netlink.attributes_of(content, 0)
    secret = found.get(PEER_PRESHARED_KEY, b"")
    return Peer(
        b64encode(found[PEER_PUBLIC_KEY]).decode(),
        b64encode(secret).decode() if any(secret) else None,
        _decode_endpoint(found.get(PEER_ENDPOINT, b"")),
        struct.unpack("=H", found.get(PEER_KEEPALIVE, b"\0\0"))[0],
        tuple(sorted(_decode_allowed(found.get(PEER_ALLOWED_IPS, b"")))),
    )


def _decode_endpoint(content: bytes) -> str | None:
    if len(content) < 2:
        return None
    form = _IPV6_ENDPOINT if struct.unpack_from("=H", content)[0] == socket.AF_INET6 else _IPV4_ENDPOINT
    _family, port, address = form.unpack(content[: form.size])
    return format_endpoint(str(ip_address(address)), int.from_bytes(port, "big"))


def _decode_allowed(content: bytes) -> Iterator[str]:
    for each in _each(content):
        found = netlink.attributes_of(each, 0)
        yield str(ip_network((found[ALLOWED_ADDRESS], found[ALLOWED_LENGTH][0])))


def _each(content: bytes) -> Iterator[bytes]:
    """Yield the contents of a list of attributes, whose numbers mean nothing."""
    for _number, start, end in netlink.attributes_in(content, 0, len(content)):
        yield content[start:end]


def change_peers(current: Sequence[Peer], wanted: Sequence[Peer]) -> tuple[bytes, list[list[str]]]:
    """Return how the peers become those that are wanted: the attribute, and the words of wg(8) for each."""
    before = {peer.public_key: peer for peer in current}
    keys = {peer.public_key for peer in wanted}
    parts: list[tuple[Peer, int]] = [(peer, REMOVE_PEER) for peer in current if peer.public_key not in keys]
    parts += [(peer, REPLACE_ALLOWED_IPS) for peer in wanted if not is_same(before.get(peer.public_key), peer)]
    content = b"".join(_encode_peer(place, peer, flags) for place, (peer, flags) in enumerate(parts, 1))
    words = [["peer", peer.public_key, "remove"] if flags & REMOVE_PEER else peer.words() for peer, flags in parts]
    return content, words


def is_same(present: Peer | None, wanted: Peer) -> bool:
    """Whether a peer is as wanted."""
    if present is not None and wanted.endpoint is None:
        present = replace(present, endpoint=None)
    return present == wanted


def set_device(name: str, values: Mapping[str, Any], former: Mapping[str, Any]) -> bytes:
    """Return the attributes of WG_CMD_SET_DEVICE for these options; `former` has the peers so far."""
    body = netlink.attribute(IFNAME, encode_name(name) + b"\0")
    if "private_key" in values:
        body += netlink.attribute(PRIVATE_KEY, PrivateKey().encode(values["private_key"])[PRIVATE_KEY])
    if "listen_port" in values:
        body += netlink.attribute(LISTEN_PORT, struct.pack("=H", values["listen_port"] or 0))
    if "fwmark" in values:
        body += netlink.attribute(FWMARK, struct.pack("=I", values["fwmark"] or 0))
    if "peers" in values:
        content, _words = change_peers(former.get("peers") or (), values["peers"] or ())
        body += netlink.attribute(PEERS | NLA_F_NESTED, content)
    return body


def words(values: Mapping[str, Any], former: Mapping[str, Any]) -> list[str]:
    """Return the same options as wg(8) takes them."""
    peers = change_peers(former.get("peers") or (), values.get("peers") or ())[1] if "peers" in values else []
    return [
        *(_key_words("private-key", values["private_key"]) if "private_key" in values else []),
        *(["listen-port", str(values["listen_port"])] if "listen_port" in values else []),
        *(["fwmark", str(values["fwmark"])] if "fwmark" in values else []),
        *(word for peer in peers for word in peer),
    ]
